"""Chunks of one utterance, as they come over a network, to one contiguous run of samples."""

import numpy as np
from numpy.typing import NDArray

from visavis.timing import SAMPLE_RATE, SAMPLES_PER_3_FRAMES
from visavis.types import AudioChunk, check_samples

MAX_GAP_SAMPLES = 5 * SAMPLE_RATE
"""A gap longer than this is no loss on the way but another place in the utterance."""


class GapTooLongError(ValueError):
    """So much is missing that the utterance should be begun anew at this chunk."""


class Assembler:
    """Puts the chunks of one utterance in line: after ``push`` of whatever came, sample i of all that was given is
    sample ``start + i`` of the utterance.

    A gap is filled with silence, a repeat or overlap is dropped, both are counted: ``gaps`` and ``gap_samples``, ``repeats`` and
    ``repeated_samples``. A chunk that arrives after its gap was filled is dropped as a repeat: what was given cannot be taken back.

    ``first_sample`` is the first sample that is wanted; what a chunk brings before it is cut off and not counted. None lets the first chunk
    decide: its first sample, rounded down to a multiple of three frames, so that a listener who joins late is in step with the frames
    (the up to 0.1 s before the chunk are silence, not a gap).
    """

    def __init__(self, first_sample: int | None = None, max_gap_samples: int = MAX_GAP_SAMPLES) -> None:
        if first_sample is not None and first_sample < 0:
            raise ValueError(f"first_sample must not be negative, got {first_sample}")
        self.max_gap_samples = max_gap_samples
        self.start = first_sample
        self.next_sample = first_sample or 0
        self.utterance_id: int | None = None
        self.ended = False
        self.gaps = 0
        self.gap_samples = 0
        self.repeats = 0
        self.repeated_samples = 0

    def push(self, chunk: AudioChunk) -> NDArray[np.int16]:
        """The samples that follow on what was given before: int16 (n,), empty where the chunk brings nothing new.

        ValueError for a chunk of another utterance than the first one's, another sample rate, a negative index or a wrong array;
        GapTooLongError where more than ``max_gap_samples`` are missing before it. The assembler is unchanged then.
        """
        samples = check_samples(chunk.samples)
        if chunk.sample_rate != SAMPLE_RATE:
            raise ValueError(f"audio must be at {SAMPLE_RATE} Hz, got {chunk.sample_rate} Hz: resample it where it is published")
        if self.utterance_id not in (None, chunk.utterance_id):
            raise ValueError(f"got a chunk of utterance {chunk.utterance_id} in the midst of utterance {self.utterance_id}")
        if chunk.first_sample < 0:
            raise ValueError(f"first_sample must not be negative, got {chunk.first_sample}")
        lead = 0
        if self.start is None:
            lead = chunk.first_sample % SAMPLES_PER_3_FRAMES
            self.start = self.next_sample = chunk.first_sample - lead
        missing = chunk.first_sample - self.next_sample
        if missing > self.max_gap_samples:
            raise GapTooLongError(f"{missing / SAMPLE_RATE:.1f} s of audio are missing before sample {chunk.first_sample} of its utterance")
        self.utterance_id = chunk.utterance_id
        self.ended |= chunk.end_of_utterance
        if missing > lead:
            self.gaps += 1
            self.gap_samples += missing
        # What lies before ``start`` was never wanted, so cutting it off is no repeat.
        unwanted = min(max(0, self.start - chunk.first_sample), len(samples))
        known = min(max(0, -missing), len(samples))
        if known > unwanted:
            self.repeats += 1
            self.repeated_samples += known - unwanted
        new = np.concatenate([np.zeros(missing, np.int16), samples]) if missing > 0 else samples[known:]
        self.next_sample += len(new)
        return new
