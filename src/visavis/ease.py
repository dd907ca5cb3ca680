"""Soft transitions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def smoothstep(x: NDArray[np.floating]) -> NDArray[Any]:
    """0 up to 0, 1 from 1 on, and level at both: 3 x² - 2 x³."""
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x))


def ramp(value: float, begin: float = 0.0, end: float = 1.0) -> float:
    """The same for one number: 0 up to ``begin``, 1 from ``end`` on."""
    share = min(max((value - begin) / (end - begin), 0.0), 1.0)
    return share * share * (3 - 2 * share)
