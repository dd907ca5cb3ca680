"""``audio_out`` as an endless row of 20 ms blocks, silence where nobody speaks. Pure: time is passed in.

A block is given out a little before it must be heard. What comes too late for its block is counted and lost; a new utterance voids what
was queued after its stamp; the word of an interruption (a chunk without samples that ends its utterance) voids the rest of that utterance.
"""

from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from visavis.timing import NANOSECONDS, SAMPLE_RATE, exact_div, ns_to_sample, sample_to_ns
from visavis.types import AudioChunk

BLOCK_SAMPLES = exact_div(SAMPLE_RATE, 50)
BLOCK_NS = sample_to_ns(BLOCK_SAMPLES)
MAX_AHEAD_NS = 65 * NANOSECONDS
MAX_BEHIND_NS = NANOSECONDS // 2
"""After a stall of more than this the blocks go on at the present."""
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
class SoundBlocks:
    """epoch_ns: the graph's time of sample 0 of the row. lead_ns: how long before it must be heard a block is given out.

    counters: late_samples (came after their block had gone), skipped_blocks (a stall), far_chunks (refused: too far ahead).
    """

    epoch_ns: int
    lead_ns: int = BLOCK_NS
    counters: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._next = 0
        self._pieces: deque[Piece] = deque()
        for name in ("late_samples", "skipped_blocks", "far_chunks"):
            self.counters[name] += 0

    def hear(self, chunk: AudioChunk, now_ns: int) -> None:
        """A chunk of ``audio_out``: its stamp says when its first sample must be heard."""
        if not len(chunk.samples):
            if chunk.end_of_utterance:
                self._silence(chunk)
            return
        if abs(chunk.stamp_ns - now_ns) > MAX_AHEAD_NS:
            self.counters["far_chunks"] += 1
            return
        start = self._place(chunk)
        if self._pieces and self._pieces[-1].utterance_id != chunk.utterance_id:
            self._cut(start)
        late = min(max(self._next - start, 0), len(chunk.samples))
        self.counters["late_samples"] += late
        if late < len(chunk.samples):
            self._pieces.append(Piece(start + late, chunk.samples[late:], chunk.utterance_id, chunk.first_sample + late))

    def take(self, now_ns: int) -> list[tuple[int, NDArray[np.int16]]]:
        """The blocks that are due: when each must be heard (ns on the graph's clock), int16 (320,) at 16 kHz."""
        behind_ns = now_ns - self._time_ns(self._next)
        if abs(behind_ns) > MAX_BEHIND_NS + self.lead_ns:
            blocks = behind_ns // BLOCK_NS
            self.counters["skipped_blocks"] += max(blocks, 0)
            if blocks < 0:  # the clock was set back
                self._pieces.clear()
            self._next += blocks * BLOCK_SAMPLES
        taken = []
        while self._time_ns(self._next) - self.lead_ns <= now_ns:
            taken.append((self._time_ns(self._next), self._block()))
        return taken

    def wake_ns(self) -> int:
        """When ``take`` has a block."""
        return self._time_ns(self._next) - self.lead_ns

    def _time_ns(self, sample: int) -> int:
        return self.epoch_ns + sample_to_ns(sample)

    def _place(self, chunk: AudioChunk) -> int:
        """Where on the row the chunk begins: after its forerunner, or where its stamp says."""
        start = ns_to_sample(chunk.stamp_ns - self.epoch_ns + sample_to_ns(1) // 2)
        last = self._pieces[-1] if self._pieces else None
        if last is not None and last.utterance_id == chunk.utterance_id and abs(last.end - start) <= JOIN_SAMPLES:
            return last.end
        return start

    def _block(self) -> NDArray[np.int16]:
        block, begin, end = np.zeros(BLOCK_SAMPLES, np.int16), self._next, self._next + BLOCK_SAMPLES
        for piece in self._pieces:
            first, last = max(piece.start, begin), min(piece.end, end)
            if first < last:
                block[first - begin : last - begin] = piece.samples[first - piece.start : last - piece.start]
        while self._pieces and self._pieces[0].end <= end:
            self._pieces.popleft()
        self._next = end
        return block

    def _silence(self, chunk: AudioChunk) -> None:
        """Nothing of this utterance is heard any more from the chunk's ``first_sample`` on, nor before the next block."""
        for piece in self._pieces:
            if piece.utterance_id == chunk.utterance_id:
                self._cut(max(piece.start + chunk.first_sample - piece.first_sample, self._next))
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
