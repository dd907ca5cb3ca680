"""Samples between the samples: sound read at any speed, from any point between two samples on. Pure.

A windowed sinc, tabulated at 1024 points between two samples; images of what lies below 6.5 kHz are 60 dB down or more.
"""

import numpy as np
from numpy.typing import NDArray

HALF = 12
"""Samples on each side of a point that its value is made of."""
PHASES = 1024
CUTOFF = 0.92
"""Of half the sample rate."""
KAISER_BETA = 7.0


def _table() -> NDArray[np.float32]:
    offsets = np.arange(-HALF + 1, HALF + 1)[None, :] - np.arange(PHASES + 1)[:, None] / PHASES
    window = np.i0(KAISER_BETA * np.sqrt(np.clip(1 - (offsets / HALF) ** 2, 0, None))) / np.i0(KAISER_BETA)
    kernel = CUTOFF * np.sinc(CUTOFF * offsets) * window
    return (kernel / kernel.sum(axis=1, keepdims=True)).astype(np.float32)


KERNEL = _table()
"""float32 (PHASES + 1, 2 HALF): weights of the samples around a point, by its place between two samples."""


def span(first: float, step: float, count: int) -> tuple[int, int]:
    """Of the samples that ``interpolate`` needs for these points: the first, and how many."""
    begin = int(np.floor(first)) - HALF + 1
    end = int(np.floor(first + step * (count - 1))) + HALF + 1
    return begin, end - begin


def interpolate(samples: NDArray[np.int16], begin: int, first: float, step: float, count: int) -> NDArray[np.float32]:
    """The values at ``first``, ``first + step``, ...: float32 (count,), -1 to 1. ``samples[0]`` is sample ``begin``; see ``span``."""
    points = first - begin + step * np.arange(count)
    whole = np.floor(points).astype(np.int64)
    phase = np.rint((points - whole) * PHASES).astype(np.int64)
    around = samples.astype(np.float32)[whole[:, None] + np.arange(-HALF + 1, HALF + 1)[None, :]]
    return np.einsum("ij,ij->i", around, KERNEL[phase]) / np.float32(32768)
