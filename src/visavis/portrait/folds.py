"""Folds and furrows that come with expressions, as soft shade and light over the photo's skin: beside nose and mouth in a smile, at the
corners of the eyes when they narrow, on a forehead with raised brows, between brows that are drawn together, across rounded lips.

A rig moves skin and does not fold it. Where the folds of a face lie is much the same in everybody (after the MediaPipe landmarks that they
pass); how deep they are follows from how coarse this person's skin is. Hair, brows and beards are left out.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from visavis.ease import smoothstep
from visavis.portrait import contours

FOLDS = ("smile_right", "smile_left", "eye_right", "eye_left", "forehead", "frown", "purse")
"""Names of the folds, in the order of the numbers that say how much of each is seen."""

_PUPILS = (468, 473)
_NOSE_TO_CHIN = {"right": (129, 203, 206, 216, 212), "left": (358, 423, 426, 436, 432)}
_OUTER_CORNER = {"right": (33, 133), "left": (263, 362)}
_BENEATH = {"right": (111, 117, 118, 119, 120), "left": (340, 346, 347, 348, 349)}
_CORNERS = ((78, 61), (308, 291))
_BROW_TOPS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
_HAIRLINE, _BETWEEN_BROWS, _ROOT_OF_NOSE = 10, 9, 168
_CHEEKS, _FOREHEAD = (50, 280, 101, 330, 36, 266), (151, 108, 337, 69, 299)

DARKEST, LIGHTEST = 0.42, 1.22
"""What skin is multiplied by in the deepest shade and the brightest light of a fold; opacity says how much of it is there."""
NARROWEST = 1.15
"""Pixels, sigma of a line: in a small face a thinner one would be hard."""
SMOOTH_SKIN, COARSE_SKIN = 0.010, 0.045
"""Local contrast of skin (standard deviation over mean, in structures of 1/100 to 1/20 of the eyes' distance) that is very smooth and very
coarse; folds have ``FAINT`` to ``DEEP`` times their usual depth."""
FAINT, DEEP = 0.7, 1.25

CREASES = (0.50, -0.37, -0.25, -0.14, -0.03, 0.09, 0.19, 0.31, 0.43)
"""Where rounded lips crease, from their middle (0) to their corners (0.5): evenly enough to be lips, not so evenly as to be a pleat."""
UNLINED = 0.80
"""How much of the dark line that goes on beyond the corners of the mouth is covered with the skin around it while lips are rounded."""


@dataclass(frozen=True)
class Stroke:
    """One furrow. points: (n, 2) pixels along it. width: sigma of its line, pixels. depth: 0..1. bulge: how much lighter the skin beside it
    gets on the left of its way, 0..1, and shaded how much on its right; reach: sigma of both, pixels. fade: shares of its length over
    which it begins and ends."""

    points: NDArray[np.float64]
    width: float
    depth: float
    bulge: float = 0.0
    shade: float = 0.0
    reach: float = 1.0
    fade: tuple[float, float] = (0.3, 0.3)


@dataclass(frozen=True)
class Fold:
    """texture: uint8 (h, w, 4) RGBA, straight. origin: texel (x, y) of the person's texture at which it begins."""

    texture: NDArray[np.uint8]
    origin: NDArray[np.int64]


def folds_of(image: NDArray[np.uint8], landmarks: NDArray[np.float64], margin: int, scale: int) -> dict[str, Fold]:
    """All folds of a face. margin, scale: the person's texture begins so many pixels outside of the photo and has so many texels a
    pixel."""
    eyes = float(np.linalg.norm(landmarks[_PUPILS[0]] - landmarks[_PUPILS[1]]))
    axis = (landmarks[_PUPILS[1]] - landmarks[_PUPILS[0]]) / eyes
    skin, depth = _skin_of(image, landmarks, eyes)
    folds = {name: _draw(strokes, image, skin, depth, margin, scale) for name, strokes in _strokes(landmarks, eyes, axis).items()}
    creases = _draw(_creases(landmarks), image, np.ones_like(skin), 1.0, margin, scale, beside=0.25 * eyes)
    return {**folds, "purse": _without_corners(creases, image, skin, landmarks, margin, scale)}


def _strokes(landmarks: NDArray[np.float64], eyes: float, axis: NDArray[np.float64]) -> dict[str, list[Stroke]]:
    down = np.array([-axis[1], axis[0]])
    strokes: dict[str, list[Stroke]] = {}
    for side, out in (("right", -axis), ("left", axis)):
        line = contours.smooth_curve(landmarks[list(_NOSE_TO_CHIN[side])], 40)
        # From the nose down, the cheek is on the left of the way on the left side.
        cheek = 1.0 if side == "left" else -1.0
        strokes[f"smile_{side}"] = [
            Stroke(line, 0.020 * eyes, 0.44, cheek * 0.30, cheek * 0.24, 0.060 * eyes, (0.15, 0.35)),
        ]
        corner, inner = (landmarks[number] for number in _OUTER_CORNER[side])
        width = float(np.linalg.norm(corner - inner))
        lines = []
        for angle, length, depth in ((-0.42, 0.42, 0.20), (-0.02, 0.50, 0.23), (0.40, 0.46, 0.20)):
            t = np.linspace(0.18, 0.18 + length, 16)[:, None] * width
            bend = 0.35 * angle * (t / width) ** 2 * width
            lines.append(
                Stroke(corner + out * t * np.cos(angle) + down * (t * np.sin(angle) + bend), 0.013 * eyes, depth, fade=(0.45, 0.6))
            )
        beneath = contours.smooth_curve(landmarks[list(_BENEATH[side])], 30) - down * 0.02 * eyes
        lines.append(Stroke(beneath, 0.016 * eyes, 0.16, fade=(0.35, 0.45)))
        strokes[f"eye_{side}"] = lines
    tops = contours.smooth_curve(landmarks[list(_BROW_TOPS)], 60)
    middle = landmarks[_BETWEEN_BROWS]
    height = float((middle - landmarks[_HAIRLINE]) @ down)
    along = (tops - middle) @ axis
    order = np.argsort(along)
    across = np.linspace(-0.78, 0.78, 60) * eyes
    rise = np.interp(across, along[order], ((middle - tops) @ down)[order])
    rise = np.asarray(cv2.GaussianBlur(rise[None], (0, 0), 9, borderType=cv2.BORDER_REPLICATE))[0]
    strokes["forehead"] = []
    for share, depth, reach in ((0.34, 0.24, 0.9), (0.52, 0.30, 1.0), (0.70, 0.24, 0.8)):
        level = rise * (1 - share) + height * share
        wave = 0.008 * eyes * np.sin(across / eyes * 7 + 9 * share)
        line = middle + across[:, None] * axis * reach - (level + wave)[:, None] * down
        strokes["forehead"].append(Stroke(line, 0.013 * eyes, depth, -0.05, -0.04, 0.030 * eyes, (0.4, 0.4)))
    strokes["frown"] = []
    root = landmarks[_ROOT_OF_NOSE]
    length = float((root - middle) @ down)
    for sign, depth in ((-1.0, 0.25), (1.0, 0.28)):
        t = np.linspace(-0.9, 1.0, 24)[:, None]
        line = middle + down * t * length * 0.9 + sign * axis * (0.088 + 0.012 * t**2) * eyes
        strokes["frown"].append(Stroke(line, 0.020 * eyes, depth, sign * 0.06, sign * 0.04, 0.030 * eyes, (0.45, 0.45)))
    return strokes


def _creases(landmarks: NDArray[np.float64]) -> list[Stroke]:
    """What rounding does to lips: short creases from the inner edge outwards, light where the lower lip stands out, shade beneath it."""
    edges = [
        contours.smooth_curve(landmarks[list(numbers)], 101)
        for numbers in (contours.INNER_LIP_UPPER, contours.OUTER_LIP_UPPER, contours.INNER_LIP_LOWER, contours.OUTER_LIP_LOWER)
    ]
    width = float(np.linalg.norm(edges[1][-1] - edges[1][0]))
    strokes = []
    for number, (inner, outer) in enumerate((edges[:2], edges[2:])):
        for place, at in enumerate(CREASES):
            column = round(50 + 72 * at * (1.0 if number else -1.0))
            aside = round(50 + 78 * at * (1.0 if number else -1.0))
            ends = inner[column], inner[column] + (outer[aside] - inner[column]) * (0.80 if place % 2 else 0.62)
            line = ends[0] + np.linspace(0.10, 1, 12)[:, None] * (ends[1] - ends[0])
            strokes.append(Stroke(line, 0.013 * width, (0.30, 0.22, 0.26)[place % 3] * (1 - at**2), fade=(0.35, 0.6)))
    full = (edges[2] * 0.55 + edges[3] * 0.45)[30:71]
    strokes.append(Stroke(full, 0.035 * width, -0.20, fade=(0.45, 0.45)))
    beneath = edges[3][26:75] + 0.055 * (edges[3][50] - edges[1][50]) / np.linalg.norm(edges[3][50] - edges[1][50]) * width
    strokes.append(Stroke(beneath, 0.040 * width, 0.20, fade=(0.4, 0.4)))
    return strokes


def _without_corners(
    fold: Fold, image: NDArray[np.uint8], skin: NDArray[np.float32], landmarks: NDArray[np.float64], margin: int, scale: int
) -> Fold:
    """The same, with the lines that go on beyond the corners of the mouth covered: of lips drawn together they would be whiskers."""
    height, width = fold.texture.shape[:2]
    left, top = fold.origin / scale - margin
    x, y = np.meshgrid(np.arange(width) / scale + left, np.arange(height) / scale + top)
    texture = fold.texture.astype(np.float32)
    mouth = float(np.linalg.norm(landmarks[_CORNERS[1][1]] - landmarks[_CORNERS[0][1]]))
    for inner, outer in _CORNERS:
        out = (landmarks[outer] - landmarks[inner]) / np.linalg.norm(landmarks[outer] - landmarks[inner])
        along = ((x - landmarks[inner, 0]) * out[0] + (y - landmarks[inner, 1]) * out[1]) / mouth
        across = ((y - landmarks[inner, 1]) * out[0] - (x - landmarks[inner, 0]) * out[1]) / mouth
        share = smoothstep((along + 0.02) / 0.06) * smoothstep((0.26 - along) / 0.10) * smoothstep((0.085 - np.abs(across)) / 0.05)
        at = x.astype(np.float32), y.astype(np.float32)
        seen, bare = (cv2.remap(each, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32) for each in (image, skin))
        known = (1 - share).astype(np.float32) ** 2 + 1e-4
        reach = 0.035 * mouth * scale
        around = cv2.GaussianBlur(seen * known[..., None], (0, 0), reach) / cv2.GaussianBlur(known, (0, 0), reach)[..., None]
        # A beard hides that line by itself.
        beside = (share > 0.02) & (share < 0.5)
        cover = (UNLINED * share * smoothstep((bare[beside].mean() - 0.25) / 0.30))[..., None]
        texture = np.where(cover * 255 > texture[..., 3:], np.dstack([around, cover * 255]), texture)
    return Fold(texture.round().clip(0, 255).astype(np.uint8), fold.origin)


def _skin_of(image: NDArray[np.uint8], landmarks: NDArray[np.float64], eyes: float) -> tuple[NDArray[np.float32], float]:
    """What is skin, float32 (h, w) 0..1, and how deep folds are in it."""
    blurred = cv2.GaussianBlur(image, (0, 0), max(0.012 * eyes, 0.6)).astype(np.float32)
    places = np.clip(np.round(landmarks[[*_CHEEKS, *_FOREHEAD]]).astype(int), 0, np.array(image.shape[1::-1]) - 1)
    tone = np.median(blurred[places[:, 1], places[:, 0]], 0)
    level = blurred.sum(-1) / tone.sum()
    chroma = np.abs(blurred / np.maximum(blurred.sum(-1, keepdims=True), 1) - tone / tone.sum()).sum(-1)
    skin = smoothstep((level - 0.42) / 0.22) * smoothstep((0.16 - chroma) / 0.07)
    skin = np.asarray(cv2.GaussianBlur(cv2.erode(skin, np.ones((3, 3), np.uint8)), (0, 0), 0.015 * eyes), np.float32)
    grey = image.astype(np.float32).mean(-1)
    band = cv2.GaussianBlur(grey, (0, 0), max(0.01 * eyes, 0.5)) - cv2.GaussianBlur(grey, (0, 0), 0.05 * eyes)
    reach = max(round(0.12 * eyes), 3)
    contrast = []
    for x, y in places:
        patch = np.s_[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
        contrast.append(float(band[patch].std() / max(float(grey[patch].mean()), 1.0)))
    coarse = float(np.clip((np.median(contrast) - SMOOTH_SKIN) / (COARSE_SKIN - SMOOTH_SKIN), 0, 1))
    return skin, FAINT + (DEEP - FAINT) * coarse


def _draw(
    strokes: list[Stroke],
    image: NDArray[np.uint8],
    skin: NDArray[np.float32],
    depth: float,
    margin: int,
    scale: int,
    beside: float = 0.0,
) -> Fold:
    """beside: pixels that the texture reaches beyond the strokes, if they do not reach further themselves."""
    every = np.concatenate([stroke.points for stroke in strokes])
    most = max(beside, *(3.2 * max(stroke.width, stroke.reach if stroke.bulge or stroke.shade else 0.0) for stroke in strokes))
    low = np.clip(np.floor(every.min(0) - most).astype(int), 0, np.array(image.shape[1::-1]) - 3)
    high = np.clip(np.ceil(every.max(0) + most).astype(int), low + 2, np.array(image.shape[1::-1]) - 1)
    x, y = np.meshgrid(
        np.arange((high[0] - low[0]) * scale + 1) / scale + low[0], np.arange((high[1] - low[1]) * scale + 1) / scale + low[1]
    )
    texels = np.stack([x.ravel(), y.ravel()], 1)
    signed = np.zeros(len(texels))
    for stroke in strokes:
        points = stroke.points
        distance, nearest = cKDTree(points).query(texels)
        along = np.gradient(points, axis=0)
        side = along[nearest, 0] * (texels - points[nearest])[:, 1] - along[nearest, 1] * (texels - points[nearest])[:, 0]
        across = -np.sign(side) * distance  # positive on the left of the way, as it is seen on the screen
        t = nearest / (len(points) - 1)
        taper = smoothstep(t / stroke.fade[0]) * smoothstep((1 - t) / stroke.fade[1])
        width = max(stroke.width, NARROWEST)
        line = stroke.depth * (stroke.width / width) ** 0.5 * np.exp(-0.5 * (across / width) ** 2)
        cheek = np.exp(-0.5 * ((np.abs(across) - stroke.reach) / (0.6 * stroke.reach)) ** 2)
        left = across * np.sign(stroke.bulge or 1.0) > 0
        signed += taper * (np.where(left, abs(stroke.bulge), -abs(stroke.shade)) * cheek - line)
    at = texels.reshape(*x.shape, 2).astype(np.float32)
    signed = (signed.reshape(x.shape) * depth).clip(-1, 1) * cv2.remap(skin, at[..., 0], at[..., 1], cv2.INTER_LINEAR)
    edge = np.minimum.reduce([x - low[0], high[0] - x, y - low[1], high[1] - y])
    signed *= smoothstep(edge / 3.0)
    tone = cv2.remap(cv2.GaussianBlur(image, (0, 0), 2.0), at[..., 0], at[..., 1], cv2.INTER_LINEAR).astype(np.float32)
    shade = tone * np.array([DARKEST, 0.85 * DARKEST, 0.80 * DARKEST], np.float32)  # what is left of the light has come through skin
    colour = np.where((signed < 0)[..., None], shade, np.minimum(tone * LIGHTEST, 255))
    texture = np.dstack([colour, np.abs(signed) * 255]).round().clip(0, 255).astype(np.uint8)
    return Fold(texture, (low + margin) * scale)
