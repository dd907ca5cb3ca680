"""Soft transitions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def smoothstep(x: NDArray[np.floating]) -> NDArray[Any]:
    """0 up to 0, 1 from 1 on, and level at both: 3 x² - 2 x³."""
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x))
