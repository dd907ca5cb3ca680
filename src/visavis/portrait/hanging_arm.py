"""Finds the bare arms of a photo that hang down beside the body."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.types_portrait import FittedPortrait

Array = NDArray[np.float64]

LEAST_LENGTH = 0.15
"""Metres of bare arm below the sleeve that must be seen."""
WIDTHS = (0.035, 0.125)
"""Metres that an arm is wide."""
HAND_SIDE = 0.04
"""Metres: skin beside face and neck that is larger than a square of this side is a hand or an arm."""
STRIP = 8
"""Pixels of the body beside an arm that are lifted off with it."""
OUTLINE = 9
"""Pixels by which an arm goes on beyond what has the colour of skin, at most."""
ALIKE = 3.6
"""Standard deviations of the face's colour within which skin is taken for skin."""


@dataclass(frozen=True)
class HangingArm:
    """mask: float32 (768, 512), what share of a pixel is this arm. rows: y (n,) from the sleeve down; middle, width: pixels (n,) of the
    arm's middle and width in each of them. inner: x (n,) of the edge that is next to the body. cuff: where a long sleeve ends
    (``ArmAsset.along``), None for a bare arm."""

    mask: NDArray[np.float32]
    rows: Array
    middle: Array
    width: Array
    inner: Array
    cuff: float | None = None


def skin_of(fitted: FittedPortrait) -> NDArray[np.bool_]:
    """Where the photo shows skin, by the colour of its face: bool (768, 512)."""
    image = cv2.cvtColor(cv2.GaussianBlur(fitted.image, (0, 0), 1.2), cv2.COLOR_RGB2YCrCb).astype(np.float64)
    hull = cv2.convexHull(np.round(fitted.landmarks[:468]).astype(np.int32))
    face = cv2.fillConvexPoly(np.zeros(image.shape[:2], np.uint8), hull, 1)
    face = cv2.erode(face, np.ones((9, 9), np.uint8)) > 0
    values = image[face]
    middle = np.median(values, 0)
    near = np.abs(values - middle).sum(1) < 1.5 * np.median(np.abs(values - middle).sum(1)) + 1
    chroma = values[near][:, 1:]
    spread = np.maximum(chroma.std(0), 2.6)
    # Bright clothes reflect skin: what is much brighter than the face, or much less colourful, is not skin.
    away = np.sqrt((((image[..., 1:] - chroma.mean(0)) / spread) ** 2).sum(-1) / 2)
    strength = (image[..., 1] - 128) / max(float(middle[1] - 128), 4.0)
    return np.asarray(
        (away < ALIKE) & (strength > 0.45) & (image[..., 0] > 0.30 * middle[0]) & (image[..., 0] < 1.45 * middle[0]) & (fitted.alpha > 0.5)
    )


def find_hanging_arm(fitted: FittedPortrait, skin: NDArray[np.bool_], place: Array, pixels: float, sign: float) -> HangingArm | None:
    """The bare arm below the shoulder at ``place`` (x, y), on the picture's right side for sign 1; None where there is none that hangs."""
    own = skin.copy()
    own[: int(max(place[1] + 0.03 * pixels, 0))] = False
    columns = np.arange(own.shape[1])
    own[:, sign * (columns - place[0]) < -0.075 * pixels] = False
    own = cv2.morphologyEx(own.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(own)
    if count < 2:
        return None
    label = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_HEIGHT]))
    core = labels == label
    rows = np.flatnonzero(core.any(1))
    if len(rows) < LEAST_LENGTH * pixels or rows[0] > place[1] + 0.30 * pixels:
        return None
    left = np.array([np.flatnonzero(core[y])[0] for y in rows])
    right = np.array([np.flatnonzero(core[y])[-1] for y in rows])
    width = right - left + 1.0
    if not WIDTHS[0] * pixels < np.median(width) < WIDTHS[1] * pixels or np.percentile(width, 90) > 1.5 * WIDTHS[1] * pixels:
        return None
    middle = (left + right) / 2.0
    if abs(np.polyfit(rows, middle, 1)[0]) > 0.35 or len(rows) < 2.0 * np.median(width):
        return None
    # the hem is slanted: arm begins where most of its width does
    person = fitted.alpha > 0.02
    other = cv2.erode((person & ~(cv2.dilate(core.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)).astype(np.uint8), np.ones((5, 5)))
    to_arm = cv2.distanceTransform((~core).astype(np.uint8), cv2.DIST_L2, 5)
    to_other = cv2.distanceTransform((other == 0).astype(np.uint8), cv2.DIST_L2, 5)
    mine = person & (to_arm < OUTLINE) & (to_arm < to_other)
    mine = cv2.morphologyEx(mine.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    # the core ends where the arm turns away and gets dark: its outline is further out
    solid = (mine > 0) & (fitted.alpha > 0.5)
    for i, y in enumerate(rows):
        run = np.flatnonzero(solid[y, : int(left[i]) + 1][::-1] == 0)
        left[i] -= min(int(run[0]) - 1 if len(run) else int(left[i]), OUTLINE)
        run = np.flatnonzero(solid[y, int(right[i]) :] == 0)
        right[i] += min(int(run[0]) - 1 if len(run) else OUTLINE, OUTLINE)
    middle, width = (left + right) / 2.0, right - left + 1.0
    # a strip of the body next to the arm has its shadow and its colour
    mine = cv2.dilate(mine, np.ones((1, 2 * STRIP + 1), np.uint8)) * person.astype(np.uint8)
    mask = cv2.GaussianBlur(mine.astype(np.float32), (0, 0), 0.8)
    # towards the background the matte itself is the edge
    mask = np.where(cv2.dilate(mine, np.ones((7, 7), np.uint8)) * (to_other > 4) * (to_arm < OUTLINE) > 0, 1, mask).astype(np.float32)
    kernel = np.ones(9) / 9

    def calm(values: Array) -> Array:
        return np.convolve(np.pad(values, 4, mode="edge"), kernel, "valid")

    inner = np.array([np.flatnonzero(mine[y])[0 if sign > 0 else -1] if mine[y].any() else np.nan for y in rows], np.float64)
    inner = np.where(np.isnan(inner), left if sign > 0 else right, inner)
    return HangingArm(mask, rows.astype(np.float64), calm(middle), calm(width), calm(inner))


def hands_elsewhere(fitted: FittedPortrait, skin: NDArray[np.bool_], pixels: float, hanging: list[HangingArm]) -> bool:
    """Whether the photo shows hands or bare arms that do not hang: further ones beside them would be too many."""
    x, y = fitted.landmarks[:468].T
    other = cv2.morphologyEx(skin.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)) > 0
    other[: int(max(y.mean(), 0))] = False
    half = 0.62 * float(np.ptp(x))
    columns = np.arange(other.shape[1])
    other[:, np.abs(columns - x.mean()) < half] = False
    for found in hanging:
        other &= cv2.dilate(found.mask, np.ones((15, 15), np.uint8)) < 0.01
    count, _, stats, _ = cv2.connectedComponentsWithStats(other.astype(np.uint8))
    return bool(count > 1 and stats[1:, cv2.CC_STAT_AREA].max() > (HAND_SIDE * pixels) ** 2)
