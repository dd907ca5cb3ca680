"""The sound of a device whose clock is off, as so many samples a second of the host's clock as it should have. Pure: time is passed in.

No crystal is exact: 100 parts in a million are 2.9 s in eight hours. So the device's samples are read a little faster or slower than they
came, as the times of its blocks ask for, and sample n of what is given was heard n / 16000 s after the first one, however long it goes on.
"""

import statistics
from collections import deque

import numpy as np
from numpy.typing import NDArray

from visavis.audio.convert import to_int16
from visavis.audio.interpolate import HALF, interpolate, span
from visavis.follow import Follower
from visavis.timing import NANOSECONDS, SAMPLE_RATE

LATEST_BLOCKS = 25
"""Half a second: blocks are late now and then, so that only several of them together tell the device's time."""


class HostRate:
    """``start_ns``: the host's time of the first sample. ``drift``: how much slower than it says the device is."""

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self._follower = Follower()
        self._errors: deque[float] = deque(maxlen=LATEST_BLOCKS)
        self._step = 1.0
        # Silence before the first sample lets the first one be interpolated.
        self._held = np.zeros(HALF, np.int16)
        self._begin = -HALF
        self._place = 0.0
        self._given = 0

    @property
    def drift(self) -> float:
        return self._follower.drift

    @property
    def off_ns(self) -> int:
        """By how much the times of the blocks and what was given are apart, as all of the latest blocks agree; 0 for too few of them."""
        if len(self._errors) < LATEST_BLOCKS:
            return 0
        return round((max(min(self._errors), 0.0) + min(max(self._errors), 0.0)) * NANOSECONDS)

    def push(self, samples: NDArray[np.int16], at_ns: int) -> NDArray[np.int16]:
        """Takes what the device gave, int16 (n,), of which the first was heard at ``at_ns``; what can be given, int16 (m,)."""
        first = self._begin + len(self._held)
        expected = (self._given + (first - self._place) / self._step) / SAMPLE_RATE
        self._errors.append((at_ns - self._start_ns) / NANOSECONDS - expected)
        self._step = 1 - self._follower.speed(statistics.median(self._errors), len(samples) / SAMPLE_RATE)
        return self._read(samples)

    def finish(self) -> NDArray[np.int16]:
        """What is still held."""
        return self._read(np.zeros(HALF, np.int16))

    def _read(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        self._held = np.concatenate([self._held, samples])
        last = self._begin + len(self._held) - 1 - HALF
        count = int((last - self._place) / self._step) + 1 if self._place <= last else 0
        if not count:
            return np.zeros(0, np.int16)
        begin, needed = span(self._place, self._step, count)
        given = interpolate(self._held[begin - self._begin :][:needed], begin, self._place, self._step, count)
        self._place += count * self._step
        self._given += count
        keep = int(self._place) - HALF
        self._held, self._begin = self._held[keep - self._begin :], keep
        return to_int16(given)
