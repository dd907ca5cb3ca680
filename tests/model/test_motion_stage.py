"""The motion stage with small untrained networks: streaming equals offline bit for bit, determinism, time, bad input, constant memory."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from visavis.motion.layout import FACE, HEAD_ROTATION, MOTION_DIM, check_motion, rotation_from_6d, rotation_to_6d
from visavis.motion.stage import MotionConfig, MotionStage
from visavis.motion.styles import Manner
from visavis.runtime.motion import load_motion_stage
from visavis.timing import SAMPLE_RATE, frame_to_sample, frames_in


@pytest.fixture(scope="module")
def stage(small_weights: Path) -> MotionStage:
    return load_motion_stage(small_weights)


def noise(samples: int, seed: int = 0) -> NDArray[np.int16]:
    return (np.random.default_rng(seed).standard_normal(samples) * 4000).astype(np.int16)


def whole(stage: MotionStage, samples: NDArray[np.int16]) -> NDArray[np.float32]:
    return stage.step(samples, stage.initial_state(), final=True)[0]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 4000), min_size=1, max_size=12))
def test_any_cutting_gives_the_same_bits(stage: MotionStage, cuts: list[int]) -> None:
    samples = noise(sum(cuts))
    state, pieces, position = stage.initial_state(), [], 0
    for index, cut in enumerate(cuts):
        motion, state = stage.step(samples[position : position + cut], state, final=index == len(cuts) - 1)
        pieces.append(motion)
        position += cut
    joined = np.concatenate(pieces)
    assert joined.shape == (frames_in(len(samples)), MOTION_DIM)
    assert np.array_equal(joined, whole(stage, samples))


def test_motion_is_valid(stage: MotionStage) -> None:
    motion = check_motion(whole(stage, noise(3 * SAMPLE_RATE)))
    assert motion[:, FACE].min() >= 0 and motion[:, FACE].max() <= 1
    rotation = motion[:, HEAD_ROTATION]
    np.testing.assert_allclose(rotation_to_6d(rotation_from_6d(rotation)), rotation, atol=1e-5)


def test_frames_come_within_the_declared_latency(stage: MotionStage) -> None:
    samples, state, given = noise(2 * SAMPLE_RATE), stage.initial_state(), 0
    for sample in range(0, len(samples), 80):
        motion, state = stage.step(samples[sample : sample + 80], state)
        given += len(motion)
        heard = sample + 80
        due = sum(1 for frame in range(60) if frame_to_sample(frame + 1) + stage.latency_samples <= heard)
        assert given >= due
    assert stage.latency_samples + frame_to_sample(1) <= 0.3 * SAMPLE_RATE


def test_frames_never_depend_on_sound_after_the_latency(stage: MotionStage) -> None:
    first, second = noise(SAMPLE_RATE), noise(SAMPLE_RATE)
    second[frame_to_sample(20) :] = noise(SAMPLE_RATE, seed=5)[frame_to_sample(20) :]
    reach = stage.latency_samples // frame_to_sample(1)
    same = (whole(stage, first) == whole(stage, second)).all(axis=1)
    assert same[: 20 - reach - 1].all() and not same.all()


def test_seed_and_nothing_else_makes_the_chance(small_weights: Path, stage: MotionStage) -> None:
    samples = noise(SAMPLE_RATE)
    assert np.array_equal(whole(load_motion_stage(small_weights), samples), whole(stage, samples))
    other = load_motion_stage(small_weights, MotionConfig(seed=1))
    assert not np.array_equal(whole(other, samples), whole(stage, samples))


def test_step_leaves_its_state_argument_alone(stage: MotionStage) -> None:
    _, state = stage.step(noise(9000), stage.initial_state())
    before = pickle.dumps(state)
    first, _ = stage.step(noise(5000, seed=2), state)
    assert pickle.dumps(state) == before
    assert np.array_equal(first, stage.step(noise(5000, seed=2), state)[0])


def test_a_long_stream_keeps_a_constant_state(stage: MotionStage) -> None:
    state, sizes = stage.initial_state(), []
    for _ in range(40):
        _, state = stage.step(noise(SAMPLE_RATE), state)
        sizes.append(len(pickle.dumps(state)))
    # the unfinished video frame is at most 533 samples of 2 bytes
    assert max(sizes[3:]) - min(sizes[3:]) < 1200
    assert state.samples_seen == 40 * SAMPLE_RATE and isinstance(state.samples_seen, int)


def test_a_month_into_the_stream_time_is_still_exact(stage: MotionStage) -> None:
    from dataclasses import replace

    month = 30 * 24 * 3600
    _, fresh = stage.step(np.zeros(0, np.int16), stage.initial_state())
    frames = month * 30
    late = replace(
        fresh,
        samples_seen=month * SAMPLE_RATE,
        frames_heard=frames,
        described=frames - 2,
        frames_given=frames - 6,
        features=replace(fresh.features, frame=frames),
    )
    motion, state = stage.step(noise(SAMPLE_RATE), late, final=True)
    assert state.frames_given == frames + 30 == frames_in(state.samples_seen)
    assert len(motion) == 36


@pytest.mark.parametrize("samples", [np.zeros(4, np.float32), np.zeros((4, 2), np.int16)])
def test_what_is_not_mono_int16_is_refused(stage: MotionStage, samples: NDArray[np.int16]) -> None:
    with pytest.raises(ValueError, match="int16"):
        stage.step(samples, stage.initial_state())


def test_an_ended_utterance_takes_no_more(stage: MotionStage) -> None:
    motion, state = stage.step(np.zeros(0, np.int16), stage.initial_state(), final=True)
    assert motion.shape == (0, MOTION_DIM)
    with pytest.raises(ValueError, match="initial_state"):
        stage.step(noise(10), state)


def test_style_and_guidance_change_the_motion(small_weights: Path, stage: MotionStage) -> None:
    samples = noise(SAMPLE_RATE)
    assert not np.array_equal(whole(load_motion_stage(small_weights, MotionConfig(sound_guidance=2.0)), samples), whole(stage, samples))
    lively = stage.with_manner(stage.initial_state(), Manner((2.0, 0, 0, 0, 0, 0)))
    assert not np.array_equal(stage.step(samples, lively, final=True)[0], whole(stage, samples))


def test_guidance_on_style_leads_away_from_no_style_and_only_where_one_is_told(small_weights: Path, stage: MotionStage) -> None:
    samples, manner = noise(SAMPLE_RATE), Manner((2.0, 0, 0, 0, 0, 0))
    led = load_motion_stage(small_weights, MotionConfig(style_guidance=1.2))
    assert np.array_equal(whole(led, samples), whole(stage, samples))
    # of the first chunk, before the past differs
    plain = whole(stage, samples)[:3]
    told = stage.step(samples, stage.with_manner(stage.initial_state(), manner), final=True)[0][:3]
    further = led.step(samples, led.with_manner(led.initial_state(), manner), final=True)[0][:3]
    moved, lead = (told - plain).ravel(), (further - told).ravel()
    assert np.abs(moved).max() > 1e-5
    assert moved @ lead > 0.5 * np.linalg.norm(moved) * np.linalg.norm(lead) > 0


@pytest.mark.parametrize("setting", [{"sound_guidance": -1.0}, {"style_guidance": 6.0}, {"style_guidance": float("nan")}])
def test_guidance_out_of_range_is_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="guidance must be 0 to 5"):
        MotionConfig(**setting)  # type: ignore[arg-type]


def test_another_manner_shows_from_the_next_chunk_on(small_weights: Path, stage: MotionStage) -> None:
    samples = noise(2 * SAMPLE_RATE)
    before, state = stage.step(samples[:SAMPLE_RATE], stage.initial_state())
    plain, _ = stage.step(samples[SAMPLE_RATE:], state)
    other, _ = stage.step(samples[SAMPLE_RATE:], stage.with_manner(state, Manner((2.0, 0, 0, 0, 0, 0))))
    assert len(before) and not np.array_equal(plain, other)
    same, _ = stage.step(samples[SAMPLE_RATE:], stage.with_manner(state, Manner()))
    assert np.array_equal(plain, same)
