"""The implicit refinement of a face (``motion.layout.FACE_OFFSET``): how real faces move beyond what the 52 named shapes of the rig say.

Sixteen learned ways of moving the upper face and sixteen of moving the lower one, most common first; a frame of motion says how much of
each. They are the principal components of what was left between posed rigs and people in the same expression. Of that, a part goes with
the named weights by itself: what is to be expected of them (``expected_offset``).
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

OFFSET_PATH = Path(__file__).resolve().parent / "assets" / "rig" / "offset.npz"

OFFSET_VALUES = 32
UPPER, LOWER = slice(0, 16), slice(16, OFFSET_VALUES)
"""Values that move brows, eyes and nose, and those that move mouth, chin and cheeks."""
SKIN_LANDMARKS = 468
"""Those of the skin; MediaPipe's irises come after them."""

OFFSET_LIMIT = 4.0
"""Of each value, in standard deviations."""

_STEP = 1e-5
"""Distances between the eyes."""


@dataclass(frozen=True)
class FaceOffset:
    """moves: float32 (OFFSET_VALUES, SKIN_LANDMARKS, 2), how each value moves the landmarks of an upright face, to the viewer's right and
    down, in distances between the eyes a standard deviation. expected: float32 (52, OFFSET_VALUES), values to expect a unit of each ARKit
    weight."""

    moves: NDArray[np.float32]
    expected: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.moves.shape != (OFFSET_VALUES, SKIN_LANDMARKS, 2) or self.expected.shape != (52, OFFSET_VALUES):
            raise ValueError(f"moves of the shape {self.moves.shape} and expected of {self.expected.shape} are no face offset")


def save_face_offset(offset: FaceOffset, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, moves=np.round(offset.moves / _STEP).astype(np.int16), expected=offset.expected.astype(np.float16))


@lru_cache(maxsize=1)
def load_face_offset(path: Path = OFFSET_PATH) -> FaceOffset:
    """ValueError where it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return FaceOffset(stored["moves"].astype(np.float32) * np.float32(_STEP), stored["expected"].astype(np.float32))
    except Exception as error:
        raise ValueError(f"the face offset {path} cannot be read ({error}); reinstall visavis or run `visavis rig offset`") from error


def expected_offset(face: ArrayLike) -> NDArray[np.float32]:
    """Values (..., OFFSET_VALUES) that people show with ARKit weights (..., 52) on average."""
    return np.asarray(np.asarray(face, np.float32) @ load_face_offset().expected, np.float32)
