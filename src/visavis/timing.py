"""Integer time of the stream. The only place where samples, frames and nanoseconds are converted.

Sample n and frame n count from the start of their utterance. Frame n shows the face at sample ``floor(n * 16000 / 30)``;
it covers the samples up to (not including) that of frame n + 1. No function here reads a clock.
"""

SAMPLE_RATE = 16_000
"""Samples a second of every audio stream inside visavis (mono)."""

FRAME_RATE = 30
"""Pictures a second."""

NANOSECONDS = 1_000_000_000


def exact_div(numerator: int, denominator: int) -> int:
    """Integer quotient; raises ValueError where a remainder would be lost."""
    quotient, remainder = divmod(numerator, denominator)
    if remainder:
        raise ValueError(f"{numerator} is not a multiple of {denominator}")
    return quotient


SAMPLES_PER_3_FRAMES = exact_div(3 * SAMPLE_RATE, FRAME_RATE)


def frame_to_sample(frame: int) -> int:
    """First sample that frame ``frame`` covers."""
    return frame * SAMPLES_PER_3_FRAMES // 3


def sample_to_frame(sample: int) -> int:
    """Frame that covers sample ``sample``: the last frame whose first sample is not after it."""
    return (3 * sample + 2) // SAMPLES_PER_3_FRAMES


def frames_in(samples: int) -> int:
    """How many frames ``samples`` samples begin: every started frame counts."""
    return 0 if samples <= 0 else sample_to_frame(samples - 1) + 1


def complete_frames_in(samples: int) -> int:
    """How many frames have all of their samples within the first ``samples`` samples."""
    return 0 if samples <= 0 else sample_to_frame(samples)


def sample_to_ns(sample: int, sample_rate: int = SAMPLE_RATE) -> int:
    """Nanoseconds from the start of the utterance to sample ``sample``."""
    return sample * NANOSECONDS // sample_rate


def frame_to_ns(frame: int) -> int:
    """Nanoseconds from the start of the utterance to frame ``frame``. Exact to a nanosecond, whatever the length."""
    return frame * NANOSECONDS // FRAME_RATE


def ns_to_frame(ns: int) -> int:
    """Last frame that starts at or before ``ns`` nanoseconds into the utterance."""
    return (ns * FRAME_RATE + FRAME_RATE - 1) // NANOSECONDS


def ns_to_sample(ns: int, sample_rate: int = SAMPLE_RATE) -> int:
    """Last sample that starts at or before ``ns`` nanoseconds into the utterance."""
    return (ns * sample_rate + sample_rate - 1) // NANOSECONDS
