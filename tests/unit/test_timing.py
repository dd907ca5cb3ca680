"""Integer time: the two ways of every conversion agree, at any length of stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis import timing

DAYS = 30 * 24 * 3600
frames = st.integers(0, DAYS * timing.FRAME_RATE)
samples = st.integers(0, DAYS * timing.SAMPLE_RATE)


@given(frames)
def test_first_sample_of_a_frame_belongs_to_it(frame: int) -> None:
    first = timing.frame_to_sample(frame)
    assert timing.sample_to_frame(first) == frame
    if frame:
        assert timing.sample_to_frame(first - 1) == frame - 1


@given(samples)
def test_sample_lies_within_its_frame(sample: int) -> None:
    frame = timing.sample_to_frame(sample)
    assert timing.frame_to_sample(frame) <= sample < timing.frame_to_sample(frame + 1)


@given(frames)
def test_frame_of_its_own_stamp(frame: int) -> None:
    stamp = timing.frame_to_ns(frame)
    assert timing.ns_to_frame(stamp) == frame
    if frame:
        assert timing.ns_to_frame(stamp - 1) == frame - 1


@given(samples, st.sampled_from([8_000, 16_000, 22_050, 44_100, 48_000]))
def test_sample_of_its_own_stamp(sample: int, rate: int) -> None:
    assert timing.ns_to_sample(timing.sample_to_ns(sample, rate), rate) == sample


@given(samples)
def test_sound_and_picture_never_drift(sample: int) -> None:
    """The stamp of a sample and the stamp of its frame are less than one frame and one sample apart after any time."""
    offset = timing.sample_to_ns(sample) - timing.frame_to_ns(timing.sample_to_frame(sample))
    assert -timing.NANOSECONDS // timing.SAMPLE_RATE <= offset <= timing.NANOSECONDS // timing.FRAME_RATE + 1


@given(samples)
def test_frame_counts(count: int) -> None:
    started, complete = timing.frames_in(count), timing.complete_frames_in(count)
    assert timing.frame_to_sample(started) >= count
    assert started == 0 or timing.frame_to_sample(started - 1) < count
    assert timing.frame_to_sample(complete) <= count < timing.frame_to_sample(complete + 1)


@pytest.mark.parametrize(
    ("count", "started", "complete"), [(0, 0, 0), (1, 1, 0), (533, 1, 1), (534, 2, 1), (1600, 3, 3), (1601, 4, 3), (16_000, 30, 30)]
)
def test_frames_of_known_lengths(count: int, started: int, complete: int) -> None:
    assert timing.frames_in(count) == started
    assert timing.complete_frames_in(count) == complete


def test_exact_div_refuses_a_remainder() -> None:
    assert timing.exact_div(48_000, 30) == 1600
    with pytest.raises(ValueError, match="16000 is not a multiple of 30"):
        timing.exact_div(16_000, 30)
