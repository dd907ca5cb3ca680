"""Keeps arms and hands from jumping where motion that was already on its way is replaced by other motion. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.motion.layout import BODY, LEFT_HAND, RIGHT_HAND
from visavis.timing import FRAME_RATE

Array = NDArray[np.float32]

LIMBS = np.r_[BODY, LEFT_HAND, RIGHT_HAND]
"""Indices of body and hands in a frame."""

GLIDE_SECONDS = 0.6


@dataclass(frozen=True)
class LimbGlide:
    """How far (len(LIMBS),) body and hands were from where the new motion wants them, and for how many frames that has been fading."""

    away: Array
    step: int = 0


def glide_from(shown: Array, wanted: Array) -> LimbGlide:
    """Begin where ``shown`` (MOTION_DIM,) is, with ``wanted`` (MOTION_DIM,) as the frame that follows it."""
    return LimbGlide(shown[LIMBS] - wanted[LIMBS])


def glide_on(motion: Array, glide: LimbGlide | None) -> tuple[Array, LimbGlide | None]:
    """Frames (n, MOTION_DIM) on their way from there; untouched once it is over. The way is of minimum jerk (Flash and Hogan 1985)."""
    if glide is None or not len(motion):
        return motion, glide
    share = np.minimum((glide.step + 1 + np.arange(len(motion), dtype=np.float32)) / np.float32(GLIDE_SECONDS * FRAME_RATE), 1)
    left = 1 - share**3 * (10 - 15 * share + 6 * share**2)
    gliding = motion.copy()
    # 6D rotations may be added: whoever reads them makes them orthonormal
    gliding[:, LIMBS] += left[:, None] * glide.away
    return gliding, None if share[-1] >= 1 else LimbGlide(glide.away, glide.step + len(motion))
