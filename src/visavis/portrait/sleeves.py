"""Long sleeves: a tube around the posed arm, in the cloth that the photo shows where its own arm is."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.portrait.arm_asset import BONES, ArmAsset
from visavis.types_portrait import PICTURE_HEIGHT, FittedPortrait

Array = NDArray[np.float64]

BEGIN, CUFF = 0.85, 1.90
"""Where on the arm (``ArmAsset.along``) the tube begins and ends."""
BARE_FROM = 1.72
"""From where on skin is drawn under a long sleeve."""
FADE = (0.95, 1.20)
"""Where the sleeve grows out of the photo's own."""
LOOSE = 1.30
"""Radius of a sleeve in radii of the arm."""
BESIDE, LEAST_SEEN, BARE = 0.035, 60, 0.45
"""Metres around the bone in which clothes are looked for; pixels of them that must be seen; share of skin from which on an arm is bare."""
RINGS, SEGMENTS = 16, 22
GRAIN = 128


@dataclass(frozen=True)
class Tube:
    """points: (n, 3) as in ``ArmAsset``, with triangles, bones and weights. opacity, shade: (n,). grain_at: (n, 2) as in ``ArmRig``."""

    points: Array
    triangles: NDArray[np.int32]
    bones: NDArray[np.uint8]
    weights: NDArray[np.float32]
    opacity: Array
    shade: Array
    grain_at: Array


def make_tube(asset: ArmAsset) -> Tube:
    """A sleeve for the asset's arm, with folds, and with a hem that turns inwards at the cuff."""
    elbow, wrist = asset.heads[1].astype(np.float64), asset.heads[BONES.index("hand")].astype(np.float64)
    stations = np.r_[np.linspace(BEGIN, CUFF, RINGS), CUFF + 0.004, CUFF - 0.01, CUFF - 0.14]
    around = np.linspace(0, 2 * np.pi, SEGMENTS, endpoint=False)
    profile = [_radius(asset, station) for station in np.linspace(0.35, 1.85, 16)]
    radius = np.asarray(np.interp(stations, np.linspace(0.35, 1.85, 16), profile))
    radius = np.maximum(np.convolve(np.pad(radius, 2, mode="edge"), np.ones(5) / 5, "valid"), 0.034) * LOOSE
    radius[RINGS:] = radius[RINGS - 1] * np.array([0.97, 0.90, 0.84])
    points, shade, grain = [], [], []
    for ring, station in enumerate(stations):
        lower = min(max((station - 0.93) / 0.14, 0.0), 1.0)
        upper_axis, lower_axis = elbow / np.linalg.norm(elbow), (wrist - elbow) / np.linalg.norm(wrist - elbow)
        axis: Array = upper_axis * (1 - lower) + lower_axis * lower
        axis = axis / np.linalg.norm(axis)
        centre = elbow * station if station <= 1 else elbow + (wrist - elbow) * (station - 1)
        first = np.cross(axis, [1.0, 0, 0])
        first /= np.linalg.norm(first)
        second = np.cross(axis, first)
        # folds run around the arm, deepest at the elbow
        fold = 0.045 * np.exp(-(((station - 1.0) / 0.35) ** 2)) + 0.012
        waves = fold * np.sin(17 * station + 2.1 * np.sin(around + 3 * station) + 0.7 * np.cos(2 * around))
        if ring >= RINGS - 1:
            waves = waves * 0.2
        size = radius[ring] * (1 + waves)
        points.append(centre + size[:, None] * (np.cos(around)[:, None] * first + np.sin(around)[:, None] * second))
        shade.append(np.full(SEGMENTS, 1.0 if ring < RINGS + 1 else (0.55, 0.25)[ring - RINGS - 1]) * (1 + 2.2 * np.minimum(waves, 0)))
        # back and forth, so that it has no seam
        grain.append(np.stack([np.abs(np.linspace(-1, 1, SEGMENTS, endpoint=False)) * 90, np.full(SEGMENTS, station * 230)], 1))
    placed = np.concatenate(points)
    rings = len(stations)
    row, segment = (part.ravel() for part in np.meshgrid(np.arange(rings - 1), np.arange(SEGMENTS), indexing="ij"))
    a, b = row * SEGMENTS + segment, row * SEGMENTS + (segment + 1) % SEGMENTS
    c, d = a + SEGMENTS, b + SEGMENTS
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
    bones, weights = np.zeros((len(placed), asset.bones.shape[1]), np.uint8), np.zeros((len(placed), asset.bones.shape[1]), np.float32)
    along = np.repeat(stations, SEGMENTS)
    fore = np.clip((along - 0.90) / 0.20, 0, 1)
    twist = np.clip((along - 1) * 3, 0, 3)
    low = np.minimum(twist.astype(int), 2)
    bones[:, 1], bones[:, 2] = 1 + low, 2 + low
    weights[:, 0], weights[:, 1], weights[:, 2] = 1 - fore, fore * (1 - (twist - low)), fore * (twist - low)
    opacity = np.clip((along - FADE[0]) / (FADE[1] - FADE[0]), 0, 1)
    return Tube(
        points=placed,
        triangles=_outward(triangles, placed).astype(np.int32),
        bones=bones,
        weights=weights,
        opacity=opacity * opacity * (3 - 2 * opacity),
        shade=np.concatenate(shade),
        grain_at=np.round(np.concatenate(grain) * 16),
    )


def _radius(asset: ArmAsset, station: float) -> float:
    elbow, wrist = asset.heads[1], asset.heads[BONES.index("hand")]
    ring = np.abs(asset.along - station) < 0.05
    base, axis = (np.zeros(3), elbow) if station <= 1 else (elbow, wrist - elbow)
    axis = axis / np.linalg.norm(axis)
    away = asset.points[ring] - base
    return float(np.median(np.linalg.norm(away - (away @ axis)[:, None] * axis, axis=1)))


def _outward(triangles: Array, points: Array) -> Array:
    """Wound clockwise as seen from outside in a picture (y down), as the asset is."""
    a, b, c = (points[triangles[:SEGMENTS, corner]] for corner in range(3))
    middle = points[: 2 * SEGMENTS].mean(0)
    inside = (np.cross(b - a, c - a) * ((a + b + c) / 3 - middle)).sum()
    return triangles if inside < 0 else triangles[:, ::-1]


SHADED = 1.5
"""The most by which cloth is made brighter than where it was looked at."""


def cloth_at(fitted: FittedPortrait, skin: NDArray[np.bool_], limb: Array, pixels: float) -> Array | None:
    """Colour (3,) of the clothes on the photo's upper arm, where its elbow would be or as near to that as the picture shows; None where the
    arm is bare there. limb: (3, 3), shoulder, elbow and wrist as in ``FittedPortrait.limbs``."""
    person = fitted.alpha > 0.9
    shoulder, elbow = limb[:2, :2]
    seen = []
    for share in np.linspace(0, 1, 11):
        around = np.zeros(person.shape, np.uint8)
        cv2.circle(around, np.round(shoulder + share * (elbow - shoulder)).astype(int).tolist(), max(round(BESIDE * pixels), 2), 1, -1)
        area = (around > 0) & person
        if area.sum() > LEAST_SEEN:
            seen.append(area)
    if not seen:
        seen.append(person & (np.arange(PICTURE_HEIGHT)[:, None] > min(float(shoulder[1]), PICTURE_HEIGHT - 60)))
    area = seen[-1]
    if not area.any() or skin[area].mean() > BARE:
        return None
    # What the sun makes too bright to be taken for skin is still more like it than like the cloth on the shoulder.
    here, above, face = (_hue(fitted.image[place]) for place in (area, seen[0] & ~skin, skin))
    if len(seen) > 1 and np.linalg.norm(here - face) < np.linalg.norm(here - above):
        return None
    colours = [np.median(fitted.image[place & ~skin].astype(np.float64), 0) for place in (area, *seen) if (place & ~skin).any()]
    # Beside the body, or at the photo's edge, the arm may lie in shade: it is as bright as most of it.
    usual = float(np.median([colour.mean() for colour in colours[1:]])) / max(float(colours[0].mean()), 1.0)
    return np.asarray(colours[0] * min(max(usual, 1.0), SHADED))


def _hue(colours: NDArray[np.uint8]) -> Array:
    """Logarithms of red to green and of green to blue, (2,), of colours (n, 3)."""
    middle = np.log(np.maximum(np.median(colours.astype(np.float64), 0), 1)) if len(colours) else np.zeros(3)
    return np.asarray(-np.diff(middle))


def cloth_of(fitted: FittedPortrait, pixels: float) -> NDArray[np.float32]:
    """(GRAIN, GRAIN) about 1: the weave and small folds of the clothes on the chest, mirrored into a tile without a seam."""
    half = GRAIN // 2
    height = fitted.alpha.shape[0]
    inside = cv2.erode((fitted.alpha > 0.98).astype(np.uint8), np.ones((half + 1, half + 1), np.uint8)) > 0
    inside[: int(min(fitted.landmarks[152, 1] + 0.16 * pixels, height - half))] = False
    grey = cv2.GaussianBlur(fitted.image, (0, 0), 0.5).astype(np.float32).mean(-1)
    ratio = grey / np.maximum(cv2.GaussianBlur(grey, (0, 0), 9), 8)
    rough = cv2.boxFilter((ratio - 1) ** 2, -1, (half, half))
    if not inside.any():
        return np.ones((GRAIN, GRAIN), np.float32)
    # The calmest part shows the weave and small folds, but no badge, button or zip.
    limit = np.quantile(rough[inside], 0.03)
    candidates = np.argwhere(inside & (rough <= limit))
    y, x = candidates[len(candidates) // 2]
    patch = ratio[y - half // 2 : y + half // 2, x - half // 2 : x + half // 2]
    if patch.shape != (half, half):
        return np.ones((GRAIN, GRAIN), np.float32)
    patch = np.clip(patch / patch.mean(), 0.85, 1.15)
    return np.block([[patch, patch[:, ::-1]], [patch[::-1], patch[::-1, ::-1]]]).astype(np.float32)
