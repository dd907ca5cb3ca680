"""``audio_out`` as an endless row of 20 ms blocks, silence where nobody speaks. Pure: time is passed in.

A block is given out a little before it must be heard. What comes too late for its block is counted and lost.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from visavis.audio.row import SoundRow
from visavis.timing import NANOSECONDS, SAMPLE_RATE, exact_div, sample_to_ns
from visavis.types import AudioChunk

BLOCK_SAMPLES = exact_div(SAMPLE_RATE, 50)
BLOCK_NS = sample_to_ns(BLOCK_SAMPLES)
MAX_AHEAD_NS = 65 * NANOSECONDS
MAX_BEHIND_NS = NANOSECONDS // 2
"""After a stall of more than this the blocks go on at the present."""


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
        self._row = SoundRow(self.epoch_ns)
        for name in ("late_samples", "skipped_blocks", "far_chunks"):
            self.counters[name] += 0

    def hear(self, chunk: AudioChunk, now_ns: int) -> None:
        """A chunk of ``audio_out``: its stamp says when its first sample must be heard."""
        if len(chunk.samples) and abs(chunk.stamp_ns - now_ns) > MAX_AHEAD_NS:
            self.counters["far_chunks"] += 1
            return
        self.counters["late_samples"] += self._row.hear(chunk, self._next)

    def take(self, now_ns: int) -> list[tuple[int, NDArray[np.int16]]]:
        """The blocks that are due: when each must be heard (ns on the graph's clock), int16 (320,) at 16 kHz."""
        behind_ns = now_ns - self._time_ns(self._next)
        if abs(behind_ns) > MAX_BEHIND_NS + self.lead_ns:
            blocks = behind_ns // BLOCK_NS
            self.counters["skipped_blocks"] += max(blocks, 0)
            if blocks < 0:  # the clock was set back
                self._row.clear()
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

    def _block(self) -> NDArray[np.int16]:
        block = self._row.read(self._next, BLOCK_SAMPLES)
        self._next += BLOCK_SAMPLES
        self._row.forget(self._next)
        return block
