"""A hand in sixteen numbers: what fingers really do, and MANO's fifteen joint rotations made of it. Linear both ways.

For index, middle, pinky and ring: flexion of the knuckle, of the middle joint (the last joint follows by two thirds), spread towards the
thumb. For the thumb: opposition, closing towards the fingers, flexion of its middle and of its last joint. Radians; 0 is a flat hand.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

HAND_VALUES = 16
FOLLOWS = 0.67

_FLEX, _SPREAD = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
_THUMB_FLEX = np.array([0.31, -0.75, 0.08]) / np.linalg.norm([0.31, -0.75, 0.08])


def _basis() -> Array:
    """(HAND_VALUES, 45) of a right hand."""
    basis = np.zeros((HAND_VALUES, 15, 3))
    for finger in range(4):
        knuckle = 3 * finger
        basis[3 * finger, knuckle] = _FLEX
        basis[3 * finger + 1, knuckle + 1] = _FLEX
        basis[3 * finger + 1, knuckle + 2] = FOLLOWS * _FLEX
        basis[3 * finger + 2, knuckle] = _SPREAD
    basis[12, 12] = [1.0, 0, 0]
    basis[13, 12] = [0, -1.0, 0]
    basis[14, 13] = _THUMB_FLEX
    basis[15, 14] = _THUMB_FLEX
    return basis.reshape(HAND_VALUES, 45)


_RIGHT = _basis()
_LEFT = (_RIGHT.reshape(HAND_VALUES, 15, 3) * np.array([1.0, -1.0, -1.0])).reshape(HAND_VALUES, 45)
_MAPS = {side: (matrix, np.linalg.pinv(matrix)) for side, matrix in (("left", _LEFT), ("right", _RIGHT))}


def to_mano(values: ArrayLike, side: str) -> Array:
    """Hand values (..., HAND_VALUES) to MANO's axis-angles (..., 45)."""
    return np.asarray(values, np.float64) @ _MAPS[side][0]


def from_mano(pose: ArrayLike, side: str) -> Array:
    """The nearest hand values (..., HAND_VALUES) of MANO poses (..., 45)."""
    return np.asarray(pose, np.float64) @ _MAPS[side][1]
