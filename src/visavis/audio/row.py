"""``audio_out`` laid out in time: every sample at the moment at which it must be heard, silence where nobody speaks. Pure.

A new utterance voids what was queued after its stamp; the word of an interruption (a chunk without samples that ends its utterance) voids
the rest of that utterance. Positions are samples since the epoch.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.timing import ns_to_sample, sample_to_ns
from visavis.types import AudioChunk

JOIN_SAMPLES = 2
"""Chunks of one utterance whose stamps leave so many samples between them follow each other: that is how stamps are rounded."""
FADE_SAMPLES = 160
"""A voice that is cut off fades over 10 ms, so that it ends without a click."""


@dataclass(eq=False)
class Piece:
    """Samples on the row: ``start`` counts from the epoch. ``first_sample`` counts from the start of the utterance."""

    start: int
    samples: NDArray[np.int16]
    utterance_id: int
    first_sample: int

    @property
    def end(self) -> int:
        return self.start + len(self.samples)


@dataclass
class SoundRow:
    """epoch_ns: the time, on the clock of the chunks' stamps, of sample 0 of the row."""

    epoch_ns: int

    def __post_init__(self) -> None:
        self._pieces: deque[Piece] = deque()

    def hear(self, chunk: AudioChunk, given: int) -> int:
        """A chunk whose stamp says when its first sample must be heard; how many of its samples came too late.

        ``given``: what lies before this sample has left the row already.
        """
        if not len(chunk.samples):
            if chunk.end_of_utterance:
                self._silence(chunk, given)
            return 0
        start = self._place(chunk)
        if self._pieces and self._pieces[-1].utterance_id != chunk.utterance_id:
            self._cut(start)
        late = min(max(given - start, 0), len(chunk.samples))
        if late < len(chunk.samples):
            self._pieces.append(Piece(start + late, chunk.samples[late:], chunk.utterance_id, chunk.first_sample + late))
        return late

    def read(self, begin: int, count: int) -> NDArray[np.int16]:
        """int16 (count,): the samples from ``begin`` on."""
        block, end = np.zeros(count, np.int16), begin + count
        for piece in self._pieces:
            first, last = max(piece.start, begin), min(piece.end, end)
            if first < last:
                block[first - begin : last - begin] = piece.samples[first - piece.start : last - piece.start]
        return block

    def silent(self, begin: int, count: int) -> bool:
        """Nobody speaks in these samples."""
        return not any(piece.start < begin + count and piece.end > begin for piece in self._pieces)

    def forget(self, before: int) -> None:
        """What lies before this sample is not read again."""
        while self._pieces and self._pieces[0].end <= before:
            self._pieces.popleft()

    def clear(self) -> None:
        self._pieces.clear()

    @property
    def samples(self) -> int:
        """How many are held."""
        return sum(len(piece.samples) for piece in self._pieces)

    def _place(self, chunk: AudioChunk) -> int:
        """Where on the row the chunk begins: after its forerunner, or where its stamp says."""
        start = ns_to_sample(chunk.stamp_ns - self.epoch_ns + sample_to_ns(1) // 2)
        last = self._pieces[-1] if self._pieces else None
        if last is not None and last.utterance_id == chunk.utterance_id and abs(last.end - start) <= JOIN_SAMPLES:
            return last.end
        return start

    def _silence(self, chunk: AudioChunk, given: int) -> None:
        """Nothing of this utterance is heard any more from the chunk's ``first_sample`` on, nor before ``given``."""
        for piece in self._pieces:
            if piece.utterance_id == chunk.utterance_id:
                self._cut(max(piece.start + chunk.first_sample - piece.first_sample, given))
                return

    def _cut(self, at: int) -> None:
        """Void the row from ``at`` on, with a fade if that is in the middle of a voice."""
        kept: deque[Piece] = deque()
        for piece in self._pieces:
            if piece.end <= at:
                kept.append(piece)
            elif piece.start < at + FADE_SAMPLES:
                samples = piece.samples[: at + FADE_SAMPLES - piece.start].copy()
                fade = np.clip(1 - (np.arange(len(samples)) + piece.start - at) / FADE_SAMPLES, 0, 1)
                kept.append(Piece(piece.start, (samples * fade).astype(np.int16), piece.utterance_id, piece.first_sample))
        self._pieces = kept
