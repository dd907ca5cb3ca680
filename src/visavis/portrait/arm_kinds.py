"""What becomes of a photo's arms: those that hang are lifted out and posed, others stay as they are; hands come in from below where the
picture ends above the elbows."""

import numpy as np
from numpy.typing import NDArray

from visavis.types_portrait import ARM_FROM_BELOW, ARM_LEFT_ALONE, ARM_REPLACED, PICTURE_HEIGHT, PICTURE_WIDTH

Array = NDArray[np.float64]

SEEN = 0.5
"""Odds from which on a joint is taken to be seen."""
UNLIKELY = 0.1
"""Odds up to which nobody need think of a joint."""
EDGE = 0.94
"""A joint further down the picture than this share of it may be cut off: then it is a guess."""
STEEP = 0.5
"""How far aside a limb that hangs may go, as a share of how far down."""
UPPER, LOWER = (0.18, 0.36), (0.17, 0.33)
"""Metres that upper arm and forearm go down where they hang: those that come to the camera, or lie on something, look shorter or longer."""


def elbow_is_shown(limb: Array) -> bool:
    """Whether an elbow is in the picture. limb: (3, 3), shoulder, elbow and wrist as in ``FittedPortrait.limbs``."""
    x, y, seen = limb[1]
    lowest = PICTURE_HEIGHT * (1 if seen > SEEN else EDGE)
    return bool(y < lowest and -0.1 * PICTURE_WIDTH < x < 1.1 * PICTURE_WIDTH)


def arms_are_shown(limbs: Array) -> bool:
    """Whether the picture may show a forearm or a hand: else what has the colour of skin beside the face is hair or something else. limbs:
    as in ``FittedPortrait``."""
    wrists = limbs[:, 2]
    inside = (wrists[:, :2] >= 0).all(1) & (wrists[:, :2] < (PICTURE_WIDTH, PICTURE_HEIGHT)).all(1) & (wrists[:, 2] > UNLIKELY)
    return bool(inside.any() or any(elbow_is_shown(limb) for limb in limbs))


def hangs(limb: Array, pixels: float) -> bool:
    """Whether the photo shows an arm that hangs down beside the body. pixels: to a metre."""
    upper, lower = np.diff(limb[:, :2], axis=0) / pixels
    shown = [joint for joint in limb[1:] if joint[1] < EDGE * PICTURE_HEIGHT]
    return bool(
        elbow_is_shown(limb)
        and all(joint[2] > SEEN for joint in shown)
        and UPPER[0] < upper[1] < UPPER[1]
        and LOWER[0] < lower[1] < LOWER[1]
        and abs(upper[0]) < STEEP * upper[1]
        and abs(lower[0]) < STEEP * lower[1]
    )


def arm_kinds(limbs: Array, found: list[bool], busy: bool) -> NDArray[np.int32]:
    """``ArmRig.kinds``: ``ARM_REPLACED`` where the hanging arm was ``found``; ``ARM_FROM_BELOW`` where the picture ends above both elbows,
    else that would be a third arm. busy: the photo shows hands that do something. limbs: as in ``FittedPortrait``."""
    left_alone = busy or any(elbow_is_shown(limb) for limb in limbs)
    return np.array([ARM_REPLACED if each else ARM_LEFT_ALONE if left_alone else ARM_FROM_BELOW for each in found], np.int32)


def told_arms(kinds: NDArray[np.integer]) -> str:
    """What becomes of the arms of a portrait, for the person who chose its photo. kinds: as in ``ArmRig``."""
    still = [side for side, kind in zip(("right", "left"), kinds, strict=True) if kind == ARM_LEFT_ALONE]
    if len(still) == 2:
        return "both arms stay as the photo shows them, without gestures: those that hang beside the body, or are not seen, would gesture"
    if still:
        return f"the {still[0]} arm stays as the photo shows it, without gestures"
    ways = {
        ARM_REPLACED: "arms are lifted out of the photo and gesture",
        ARM_FROM_BELOW: "the photo ends above the elbows: hands come in from below",
    }
    return "; ".join(ways[kind] for kind in dict.fromkeys(kinds.tolist()))
