"""How this photo's lips move: rounded shapes, an opening of the right size, the face at rest, and the seam at which lips meet."""

import numpy as np
from numpy.typing import NDArray

from visavis.motion.layout import ARKIT_INDEX
from visavis.portrait import contours
from visavis.portrait.topology import Sheet
from visavis.types_portrait import Camera, LipSeam

JAW_OPENING = 0.42
"""Gap between the inner lips, in distances between the pupils, at jawOpen 0.6: what real wide vowels reach."""

WIDEST_AT_REST = 0.80
"""Mouth widths at rest above so many eye distances are those of a smile, and say nothing about teeth or about how far lips round."""

UPPER_SHARE = 0.4
"""How much of a closing the upper lip does; the lower one, with the jaw under it, does the rest."""

NARROWING = {"mouthPucker": 0.42, "mouthFunnel": 0.17}
"""How much narrower the mouth gets at 1 of each, in mouth widths: the OO of speech, which has .5 of the one and .2 of the other, is 70 %
of the width at rest, a whistle less than 60 %."""

BESIDE, ABOVE, BELOW = 0.42, 0.26, 0.34
"""How far skin follows the corners that are drawn in, in mouth widths to each side, above and below."""

BUNCHED = {"mouthPucker": 0.045, "mouthFunnel": 0.020}
"""How much fuller each lip gets at 1 of each, in mouth widths."""

FULLEST = 0.15
"""Distance from the line between the lips at which that is most: the outer edge of the red."""

ROLLED = 0.075
"""How much thinner the lower lip gets at mouthRollLower 1, in mouth widths: what rolls in is not seen any more."""

FUNNEL_LIFT = 0.05
"""How far mouthFunnel at 1 may lift the upper lip, in mouth widths."""

STAYS = 1.5
"""How much of what the fitted mesh lowers the middle of the upper lip with the jaw is taken back: more than all of it, since lips that part
widely bare the upper teeth a little."""

_SIX_TENTHS = 0.6


def round_lips(
    shapes: NDArray[np.float64],
    sheet: Sheet,
    pixels: NDArray[np.float64],
    lips: tuple[NDArray[np.float64], NDArray[np.float64]],
    metres: float,
    eye_distance: float,
) -> NDArray[np.float64]:
    """Pucker and funnel as people do them: the corners of the mouth are drawn in and the skin beside them follows, the lips get fuller and
    come forward without baring the teeth. metres: of a pixel at the lips. eye_distance: pixels.

    The fitted mesh draws the corners in too little and the red beside the middle too much, which makes a beak of the upper lip; its lips
    come forward as they should.
    """
    shapes = shapes.copy()
    right, left = pixels[sheet.lips_upper[0]], pixels[sheet.lips_upper[-1]]
    width = float(np.linalg.norm(left - right))
    axis = (left - right) / width
    down = np.array([-axis[1], axis[0]])
    across = (pixels - (right + left) / 2) @ axis / (width / 2)
    edge = np.where(sheet.below, contours.height_on(lips[1], pixels[:, 0]), contours.height_on(lips[0], pixels[:, 0]))
    away = np.where(sheet.below, pixels[:, 1] - edge, edge - pixels[:, 1]) / width  # from the inner edge outwards
    away = np.maximum(away, 0.0)
    beyond = np.maximum(np.abs(across) - 1, 0.0) / (2 * BESIDE)
    near = np.exp(-(beyond**2) - (away / np.where(sheet.below, BELOW, ABOVE)) ** 2)
    drawn_in = np.clip(across, -1, 1) * near
    outer = away / FULLEST
    fuller = np.where(sheet.below, 1.0, -1.0) * np.clip(1 - across**2, 0, 1) ** 0.5 * outer * np.exp(0.5 - 0.5 * outer**2)
    unsmiled = min(width, WIDEST_AT_REST * eye_distance)
    for name, narrowing in NARROWING.items():
        shape = shapes[ARKIT_INDEX[name], : len(pixels)]
        along = shape[:, :2] @ axis
        middle = float(along[sheet.lips_upper[[0, -1]]].mean())
        # Near the lips one even draw takes the place of the mesh's own.
        change = near * (middle - along) - narrowing / 2 * unsmiled * metres * drawn_in
        shape[:, :2] += change[:, None] * axis + (BUNCHED[name] * width * metres * fuller)[:, None] * down
    shapes[ARKIT_INDEX["mouthRollLower"], : len(pixels), :2] -= (ROLLED * width * metres * np.maximum(fuller, 0))[:, None] * down
    funnel = ARKIT_INDEX["mouthFunnel"]
    inner = slice(contours.MOUTH_COLUMNS // 4, -contours.MOUTH_COLUMNS // 4)
    lift = -float(shapes[funnel, sheet.lips_upper[inner], 1].min())
    shapes[funnel, :, 1] *= min(1.0, FUNNEL_LIFT * width * metres / max(lift, 1e-5))
    return shapes


def round_opening(
    shapes: NDArray[np.float64], sheet: Sheet, pixels: NDArray[np.float64], lips: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Let jawOpen lower the rim of the lower lip along a round arc, where the fitted mesh has too few vertices and would open to a point,
    and leave the upper lip where it is, which the mesh lowers as well."""
    jaw = ARKIT_INDEX["jawOpen"]
    columns = len(sheet.lips_lower)
    across = np.linspace(-1, 1, columns)
    drop = shapes[jaw, sheet.lips_lower]
    ends = drop[0] + (drop[-1] - drop[0]) * (across[:, None] + 1) / 2
    deepest = np.sort(drop[columns // 4 : -columns // 4] - ends[columns // 4 : -columns // 4], axis=0)
    depth = np.array([0.0, float(deepest[-len(deepest) // 2 :, 1].mean()), float(np.median(deepest[:, 2]))])
    change = ends + (1 - np.abs(across[:, None]) ** 2.4) ** 0.65 * depth - drop
    x = pixels[:, 0]
    width = float(np.linalg.norm(lips[0][-1] - lips[0][0]))
    away = np.maximum(pixels[:, 1] - contours.height_on(lips[1], x), 0)
    strength = np.where(sheet.below & (x > lips[0][0, 0]) & (x < lips[0][-1, 0]), np.exp(-((away / (0.35 * width)) ** 2)), 0.0)
    strength[sheet.lips_lower[1:-1]] = 1.0
    column = contours.column_on((lips[0] + lips[1]) / 2, x)
    column[sheet.lips_lower] = np.arange(columns)
    index = np.arange(columns)
    moved = np.stack([np.interp(column, index, change[:, c]) for c in range(3)], -1) * strength[:, None]
    shapes = shapes.copy()
    shapes[jaw, : len(pixels)] += moved
    middle = sheet.lips_upper[columns // 4 : -columns // 4]
    over = np.maximum(contours.height_on(lips[0], x) - pixels[:, 1], 0) / (0.30 * width)
    aside = np.abs(2 * column / (columns - 1) - 1)
    aside[sheet.lips_upper] = np.abs(across)
    kept = np.where(sheet.below, 0.0, np.exp(-(over**2)) * (1 - aside**2) ** 2)
    shapes[jaw, : len(pixels), 1] -= STAYS * max(float(shapes[jaw, middle, 1].min()), 0.0) * kept
    return shapes


def calibrate_jaw(
    shapes: NDArray[np.float64], vertices: NDArray[np.float64], sheet: Sheet, eye_distance: float, camera: Camera
) -> NDArray[np.float64]:
    """Scale jawOpen so that 0.6 of it opens this mouth by JAW_OPENING, whatever the proportions of the face."""
    jaw = ARKIT_INDEX["jawOpen"]
    middle = slice(contours.MOUTH_COLUMNS // 2 - 2, contours.MOUTH_COLUMNS // 2 + 3)
    upper, lower = sheet.lips_upper[middle], sheet.lips_lower[middle]
    opened = float((shapes[jaw, lower, 1] - shapes[jaw, upper, 1]).mean()) * _SIX_TENTHS
    wanted = JAW_OPENING * eye_distance / camera.focal * float(vertices[upper, 2].mean())
    gain = np.clip(wanted / max(opened, 1e-4), 0.4, 2.5)
    shapes = shapes.copy()
    shapes[jaw] *= gain
    return shapes


def rest_expression(
    expression: NDArray[np.float32], lips: tuple[NDArray[np.float64], NDArray[np.float64]], eye_distance: float
) -> NDArray[np.float32]:
    """What the face returns to. A photo with closed lips is at rest already; from a smile or an open mouth only a trace is kept."""
    gap = float((lips[1][:, 1] - lips[0][:, 1]).max()) / eye_distance
    keep = float(np.clip(1 - gap / 0.06, 0, 1))
    rest = expression.copy()
    for name, index in ARKIT_INDEX.items():
        if name.startswith("jaw") or name in (
            "mouthUpperUpLeft",
            "mouthUpperUpRight",
            "mouthLowerDownLeft",
            "mouthLowerDownRight",
            "mouthClose",
            "mouthFunnel",
        ):
            rest[index] *= keep
        elif name.startswith(("mouthSmile", "cheekSquint", "mouthDimple", "mouthStretch")):
            rest[index] *= 0.45 + 0.55 * keep
        elif name.startswith("mouth"):
            rest[index] *= 0.2 + 0.8 * keep
    return rest


def lip_seam(
    sheet: Sheet,
    pixels: NDArray[np.float64],
    lips: tuple[NDArray[np.float64], NDArray[np.float64]],
    vertices: NDArray[np.float64],
    shapes: NDArray[np.float64],
    rest_change: NDArray[np.floating],
) -> LipSeam:
    middle = (lips[0] + lips[1]) / 2
    width = float(np.linalg.norm(middle[-1] - middle[0]))
    x = pixels[:, 0]
    upper_edge, lower_edge = contours.height_on(lips[0], x), contours.height_on(lips[1], x)
    away = np.where(sheet.below, pixels[:, 1] - lower_edge, upper_edge - pixels[:, 1])
    reach = 0.22 * width
    near = (x > middle[0, 0]) & (x < middle[-1, 0]) & (away < 2.4 * reach)
    strength = np.exp(-((np.maximum(away, 0) / reach) ** 2)) * near
    share = np.where(sheet.below, 1 - UPPER_SHARE, -UPPER_SHARE) * strength
    share[sheet.lips_upper], share[sheet.lips_lower] = -UPPER_SHARE, 1 - UPPER_SHARE
    share[sheet.lips_upper[[0, -1]]] = 0
    chosen = np.flatnonzero(np.abs(share) > 0.004).astype(np.int32)
    column = contours.column_on(middle, x)
    column[sheet.lips_upper] = column[sheet.lips_lower] = np.arange(len(middle))
    rest_shape = np.tensordot(rest_change, shapes[:, :, 1], 1) + vertices[:, 1]
    gap = rest_shape[sheet.lips_lower] - rest_shape[sheet.lips_upper]
    return LipSeam(
        sheet.lips_upper,
        sheet.lips_lower,
        chosen,
        column[chosen].astype(np.float32),
        share[chosen].astype(np.float32),
        gap.astype(np.float32),
    )
