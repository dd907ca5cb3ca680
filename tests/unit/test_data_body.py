"""The teacher of body and hands: no collision, strokes on accents, joints within their limits, rest in silence, whatever is said."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from visavis.cli.main import main
from visavis.data.arms import REACH, pose_arm, within_reach
from visavis.data.body import STYLE_RANGE, TaughtBody, body_path, teach_body
from visavis.data.corpus import Item, item_paths, motion_path, save_item, write_npz
from visavis.data.gesture_kinds import KINDS, REST, WAIST
from visavis.data.phones import SILENCE, Phone
from visavis.data.prosody import analyse
from visavis.motion.hands import HAND_VALUES, from_mano, to_mano
from visavis.motion.layout import BODY, BODY_JOINTS, neutral_motion, rotation_from_6d, rotation_to_6d
from visavis.motion.skeleton import (
    ELBOW_AT_REST,
    LOWER_ARM,
    UPPER_ARM,
    WRIST_AT_REST,
    clearance,
    elbow_of,
    hand_joints,
    joints_of,
    rotation_from_vector,
    vector_from_rotation,
)
from visavis.timing import FRAME_RATE, SAMPLE_RATE, frames_in


def spoken(seed: int, phrases: int = 3) -> tuple[NDArray[np.int16], tuple[Phone, ...]]:
    """Phrases of syllables, every third one long and loud, with pauses between, and two seconds of silence at the end."""
    rng = np.random.default_rng(seed)
    phones, pieces, time = [], [], 0.0

    def say(name: str, seconds: float, loud: float) -> None:
        nonlocal time
        count = round(seconds * SAMPLE_RATE)
        wave = np.sin(2 * np.pi * 140 * np.arange(count) / SAMPLE_RATE) + 0.4 * np.sin(2 * np.pi * 420 * np.arange(count) / SAMPLE_RATE)
        pieces.append(loud * wave if name != SILENCE else np.zeros(count))
        phones.append(Phone(name, time, time + count / SAMPLE_RATE))
        time += count / SAMPLE_RATE

    say(SILENCE, rng.uniform(0.3, 1.0), 0)
    for _ in range(phrases):
        for syllable in range(int(rng.integers(8, 22))):
            say("T", 0.07, 0.1)
            say("AA", 0.2 if syllable % 3 == 2 else 0.1, 0.8 if syllable % 3 == 2 else 0.4)
        say(SILENCE, rng.uniform(0.25, 1.5), 0)
    say(SILENCE, 2.5, 0)
    return (9000 * np.concatenate(pieces)).astype(np.int16), tuple(phones)


@cache
def taught(seed: int, amplitude: float | None = None) -> tuple[TaughtBody, NDArray[np.int16], tuple[Phone, ...]]:
    samples, phones = spoken(seed)
    head = np.tile(np.array([1, 0, 0, 0, 1, 0, 0, 0, 0], np.float32), (frames_in(len(samples)), 1))
    return teach_body(samples, phones, head, seed, amplitude), samples, phones


def motion_of(body: TaughtBody) -> NDArray[np.float32]:
    return body.put_into(neutral_motion(len(body.body)))


@settings(max_examples=5)
@given(st.integers(0, 10_000), st.floats(*STYLE_RANGE))
def test_arms_and_hands_never_touch_the_body_and_joints_stay_human(seed: int, amplitude: float) -> None:
    body, samples, _ = taught(seed, amplitude)
    motion = motion_of(body)
    assert len(motion) == frames_in(len(samples)) and np.isfinite(motion).all()
    assert clearance(joints_of(motion)).min() > 0
    turns = rotation_from_6d(motion[:, BODY].reshape(len(motion), -1, 6))
    degrees = np.degrees(np.linalg.norm(vector_from_rotation(turns), axis=-1))
    most = dict(zip(BODY_JOINTS, degrees.max(axis=0), strict=True))
    assert most["spine"] < 8 and most["neck"] < 5 and max(most["left_clavicle"], most["right_clavicle"]) < 8
    assert max(most["left_upper_arm"], most["right_upper_arm"]) < 100
    assert max(most["left_lower_arm"], most["right_lower_arm"]) < 150
    assert max(most["left_wrist"], most["right_wrist"]) < 45
    for pose, side in ((body.left, "left"), (body.right, "right")):
        values = np.degrees(from_mano(pose, side))
        np.testing.assert_allclose(to_mano(np.radians(values), side), pose, atol=1e-5)
        assert values[:, :12:3].min() > -12 and values[:, :12:3].max() < 95
        assert values[:, 1:12:3].min() > -12 and values[:, 1:12:3].max() < 110


@settings(max_examples=5)
@given(st.integers(0, 10_000))
def test_strokes_have_their_apex_on_accents_and_are_prepared(seed: int) -> None:
    body, samples, phones = taught(seed, 1.0)
    accents = np.array([accent.time for accent in analyse(samples, phones).accents])
    for begin, apex in body.strokes:
        assert 0 < begin < apex
        assert np.abs(accents - apex).min() < 0.15
        at = int(begin * FRAME_RATE)
        assert KINDS[body.kind[at]].gestures
        # the hand came up before: the kind was chosen at least a third of a second earlier
        assert (body.kind[max(at - 9, 0) : at + 1] == body.kind[at]).all()


def test_somebody_gestures_and_rests() -> None:
    bodies = [taught(seed, 1.0)[0] for seed in range(5)]
    resting = np.mean(np.concatenate([body.kind for body in bodies]) < 2)
    assert 0.2 < resting < 0.75
    assert sum(len(body.strokes) for body in bodies) > 12
    assert len(set(np.concatenate([body.kind for body in bodies]).tolist())) > 6


def test_a_viewer_sees_forearms_not_only_fists_that_point_at_him() -> None:
    shown = []
    for seed in range(6):
        body = taught(seed)[0]
        joints = joints_of(motion_of(body))
        for side, row in (("right", 0), ("left", 1)):
            busy = np.array([((kind.right, kind.left)[row] or REST) not in (REST, WAIST) for kind in KINDS])[body.kind]
            forearm = (joints[f"{side}_wrist"] - joints[f"{side}_elbow"])[busy]
            shown.append(np.linalg.norm(forearm[:, :2], axis=1) / LOWER_ARM)
    assert np.median(np.concatenate(shown)) > 0.5
    assert np.percentile(np.concatenate(shown), 10) > 0.3


def test_a_lifted_elbow_goes_outwards() -> None:
    wrist = np.array([[-0.03, 0.2, -0.2]] * 2)
    low, lifted = elbow_of(wrist, np.radians([0.0, 25.0]))
    assert lifted[0] > low[0] + 0.05 and lifted[1] < low[1]


def test_hands_move_towards_the_apex_and_slow_down_there() -> None:
    speeds = []
    for seed in range(5):
        body = taught(seed, 1.0)[0]
        joints = joints_of(motion_of(body))
        speed = sum(np.linalg.norm(np.diff(joints[f"{side}_wrist"], axis=0), axis=1) for side in ("left", "right")) * FRAME_RATE
        for begin, apex in body.strokes:
            speeds.append((speed[round((begin + apex) / 2 * FRAME_RATE)], speed[min(round(apex * FRAME_RATE), len(speed) - 1)]))
    middle, end = np.median(np.array(speeds), axis=0)
    assert middle > 0.25 and end < 0.5 * middle


def test_silence_is_spent_at_rest() -> None:
    for seed in range(6):
        body, _, phones = taught(seed)
        end = max(phone.end for phone in phones if phone.name != SILENCE)
        assert (body.kind[int((end + 0.6) * FRAME_RATE) :] < 2).all()
        joints = joints_of(motion_of(body))
        calm = slice(int((end + 2.3) * FRAME_RATE), None)
        for side in ("left", "right"):
            assert np.abs(np.diff(joints[f"{side}_wrist"][calm], axis=0)).max() * FRAME_RATE < 0.4


def test_amplitude_makes_gestures_larger() -> None:
    def travel(amplitude: float) -> float:
        paths = [joints_of(motion_of(taught(seed, amplitude)[0]))["right_wrist"] for seed in range(6)]
        return float(np.mean([np.linalg.norm(np.diff(path, axis=0), axis=1).sum() / len(path) for path in paths]))

    assert travel(STYLE_RANGE[1]) > 1.3 * travel(STYLE_RANGE[0])


def test_the_same_seed_gives_the_same_body() -> None:
    first, second, other = taught(3)[0], taught.__wrapped__(3)[0], teach_body(*spoken(3), np.zeros((2000, 9), np.float32) + 1e-3, 4)
    np.testing.assert_array_equal(first.body, second.body)
    assert first.body.shape != other.body.shape or not np.array_equal(first.body, other.body)


@given(st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=3), st.floats(-0.3, 0.3), st.floats(-1, 1))
def test_inverse_kinematics_reaches_its_target(wrist: list[float], swivel: float, twist: float) -> None:
    wanted = np.array([wrist]) + np.array([0, 0, -0.2])
    target = within_reach(wanted)
    assert np.linalg.norm(target) <= REACH + 1e-9
    upper, lower, _ = pose_arm(wanted, np.array([swivel]), np.array([twist]), np.zeros(1), np.zeros(1))
    elbow = upper[0] @ ELBOW_AT_REST
    reached = elbow + upper[0] @ lower[0] @ (WRIST_AT_REST - ELBOW_AT_REST)
    np.testing.assert_allclose(reached, target[0], atol=1e-6)
    assert abs(np.linalg.norm(elbow) - UPPER_ARM) < 1e-6 and abs(np.linalg.norm(reached - elbow) - LOWER_ARM) < 1e-6


def test_the_right_side_mirrors_the_left() -> None:
    motion = neutral_motion(1)
    bend = rotation_from_vector([-0.8, 0.1, 0.2])
    mirror = np.diag([-1.0, 1, 1])
    for side, turn in (("left", bend), ("right", mirror @ bend @ mirror)):
        joint = BODY_JOINTS.index(f"{side}_upper_arm")
        motion[:, BODY][:, 6 * joint : 6 * joint + 6] = rotation_to_6d(turn)
    joints = joints_of(motion)
    for name in ("shoulder", "elbow", "wrist", "hand"):
        np.testing.assert_allclose(joints[f"right_{name}"], joints[f"left_{name}"] * [-1, 1, 1], atol=1e-6)


def test_fingers_close_towards_the_palm() -> None:
    values = np.zeros((2, HAND_VALUES))
    values[1, :12:3] = values[1, 1:12:3] = 1.2
    for side in ("left", "right"):
        flat, fist = hand_joints(to_mano(values, side).reshape(-1, 15, 3), side)
        # MANO's palm faces -y
        assert (fist[:4, 3, 1] < flat[:4, 3, 1] - 0.02).all()
        assert (np.abs(fist[:4, 3, 0]) < np.abs(flat[:4, 3, 0]) - 0.03).all()


def test_rotation_vectors_there_and_back() -> None:
    vectors = np.random.default_rng(0).normal(0, 0.8, (50, 3))
    np.testing.assert_allclose(vector_from_rotation(rotation_from_vector(vectors)), vectors, atol=1e-9)
    assert np.abs(vector_from_rotation(np.eye(3))).max() == 0


def test_the_command_adds_bodies_once_and_leaves_items_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples, phones = spoken(1)
    path = save_item(tmp_path, Item("00000", samples, phones, "nobody", "", "train"))
    assert main(["data", "body", str(tmp_path)]) == 1
    assert "visavis data teacher" in capsys.readouterr().err
    head = np.tile(np.array([1, 0, 0, 0, 1, 0, 0, 0, 0], np.float32), (frames_in(len(samples)), 1))
    write_npz(motion_path(path), face=np.zeros((len(head), 52), np.float32), head=head)
    assert main(["data", "body", str(tmp_path)]) == 0 and "1 of 1" in capsys.readouterr().out
    with np.load(body_path(path)) as data:
        assert data["body"].shape == (len(head), 60) and data["left"].shape == data["right"].shape == (len(head), 45)
        assert data["strokes"].shape[1] == 2
    assert main(["data", "body", str(tmp_path)]) == 0 and "0 of 1" in capsys.readouterr().out
    assert item_paths(tmp_path) == [path]
