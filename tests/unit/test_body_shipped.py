"""The body weights that are shipped: hands gesture while somebody speaks, rest otherwise, return when cut off, and never jump."""

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.audio.load import load
from visavis.cli.defaults import default_speech
from visavis.evaluation.gestures import at_rest, diversity
from visavis.motion.body_model import RESTS
from visavis.motion.hands import from_mano
from visavis.motion.layout import BODY, LEFT_HAND, MOTION_DIM, RIGHT_HAND, check_motion, rotation_from_6d
from visavis.motion.skeleton import clearance, joints_of, vector_from_rotation
from visavis.motion.stage import MotionConfig, MotionStage
from visavis.motion.styles import Manner
from visavis.runtime.motion import load_motion_stage
from visavis.timing import FRAME_RATE, SAMPLE_RATE

SEEDS = (0, 1, 2)


@cache
def stage_of(seed: int) -> MotionStage:
    return load_motion_stage(config=MotionConfig(seed=seed))


@cache
def speech() -> NDArray[np.int16]:
    return load(default_speech())


@cache
def spoken(seed: int) -> NDArray[np.float32]:
    """The default speech and three seconds of silence."""
    samples = np.concatenate([speech(), np.zeros(3 * SAMPLE_RATE, np.int16)])
    return check_motion(stage_of(seed).step(samples, stage_of(seed).initial_state(), final=True)[0])


def moving(motion: NDArray[np.float32]) -> float:
    joints = joints_of(motion)
    return float(sum(np.linalg.norm(np.diff(joints[f"{side}_wrist"], axis=0), axis=1).sum() for side in ("left", "right")))


def test_hands_gesture_while_somebody_speaks_and_rest_afterwards() -> None:
    for seed in SEEDS:
        motion = spoken(seed)
        joints = joints_of(motion)
        resting = at_rest(joints)
        assert not resting[: -3 * FRAME_RATE].all(), "no gesture in twelve seconds of speech"
        assert resting[-FRAME_RATE:].all(), "hands are not back two seconds after the last word"


def test_hands_stay_off_the_body_and_joints_human() -> None:
    apart = np.concatenate([clearance(joints_of(spoken(seed))) for seed in SEEDS])
    # one frame in ten, by up to 3 cm: mostly hand against hand in front of the body
    assert np.mean(apart < 0) < 0.2 and apart.min() > -0.06
    for seed in SEEDS:
        motion = spoken(seed)
        turns = rotation_from_6d(motion[:, BODY].reshape(len(motion), -1, 6))
        degrees = np.degrees(np.linalg.norm(vector_from_rotation(turns), axis=-1)).max(axis=0)
        assert degrees[:2].max() < 8 and degrees[4:6].max() < 110 and degrees[6:8].max() < 160 and degrees[8:].max() < 60
        for part, side in ((LEFT_HAND, "left"), (RIGHT_HAND, "right")):
            values = np.degrees(from_mano(motion[:, part], side))
            assert values[:, :12:3].min() > -25 and values[:, :12:3].max() < 110


def test_wrists_move_without_jerks_and_chunks_join() -> None:
    for seed in SEEDS:
        joints = joints_of(spoken(seed))
        for side in ("left", "right"):
            path = joints[f"{side}_wrist"]
            steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
            jolts = np.linalg.norm(np.diff(path, 2, axis=0), axis=1)
            assert steps.max() < 0.08 and jolts.max() < 0.05
            # second differences that reach over a join of two chunks of three frames, and those that do not
            over, inside = np.concatenate([jolts[1::3], jolts[2::3]]), jolts[0::3]
            assert np.percentile(over, 95) < 1.8 * max(np.percentile(inside, 95), 0.002)


def test_silence_is_rest_but_alive() -> None:
    stage = stage_of(0)
    motion, _ = stage.step(np.zeros(30 * SAMPLE_RATE, np.int16), stage.initial_state())
    joints = joints_of(motion)
    assert at_rest(joints).mean() > 0.97
    assert np.ptp(joints["left_wrist"], axis=0).max() > 1e-4
    assert moving(motion) < 0.15 * 30


@pytest.mark.parametrize("seed", SEEDS)
def test_hands_return_when_speech_is_cut_off(seed: int) -> None:
    """Idle takes up the body where the speech was at its liveliest moment: back at rest soon, without a jump."""
    stage = stage_of(seed)
    joints = joints_of(spoken(seed))
    raised = ~at_rest(joints)
    moment = int(np.flatnonzero(raised)[len(np.flatnonzero(raised)) // 2]) if raised.any() else 100
    before, state = stage.step(speech()[: (moment + 1) * SAMPLE_RATE // FRAME_RATE], stage.initial_state())
    _, idle = stage.step(np.zeros(SAMPLE_RATE, np.int16), stage.initial_state())
    after, _ = stage.step(np.zeros(4 * SAMPLE_RATE, np.int16), stage.take_up(idle, state))
    path = joints_of(np.concatenate([before[-2:], after]))
    for side in ("left", "right"):
        assert np.linalg.norm(np.diff(path[f"{side}_wrist"], axis=0), axis=1).max() < 0.08
    resting = at_rest(path)
    assert resting[: int(1.8 * FRAME_RATE)].any()
    # hands that wait before the belly may go on to the sides
    assert resting[int(1.8 * FRAME_RATE) :].mean() > 0.8


def test_two_seeds_differ_in_hands_and_head_not_in_the_lips() -> None:
    apart = diversity(spoken(0), spoken(1))
    assert apart.hands > 0.03 and apart.head > 1.0 and apart.mouth < 0.02


def test_the_gesture_scale_reaches_from_none_to_much() -> None:
    def travel(gestures: float) -> float:
        total = 0.0
        for seed in SEEDS:
            stage = stage_of(seed)
            motion, state = stage.step(speech(), stage.with_manner(stage.initial_state(), Manner(gestures=gestures)))
            assert motion.shape[1] == MOTION_DIM
            assert gestures or (state.body is not None and state.body.kind < RESTS and at_rest(joints_of(motion)).all())
            total += moving(motion)
        return total

    none, usual, much = (travel(gestures) for gestures in (0.0, 1.0, 2.0))
    assert none < 0.4 * usual and much > 1.15 * usual
