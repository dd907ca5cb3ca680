"""The mesh of the person in the photo's plane: fine at eyes and mouth, coarse on the torso, edges exactly on the inner lips and the lids.

One connected sheet, so there is no seam between face, hair, neck and clothes; it is slit between the lips and has holes for the eyes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, cKDTree

from visavis.portrait import contours

MARGIN = 24
"""Pixels that the sheet goes on beyond the picture, so that swaying shoulders never show its end."""


@dataclass(frozen=True)
class Sheet:
    """points: float64 (V, 2), pixels of the photo. triangles: int32 (T, 3), clockwise on the screen (y down). lips_upper, lips_lower,
    right_upper, ...: vertices
    of the contours, in their order. below: bool (V,), vertices that belong to the lower side of the mouth near the slit."""

    points: NDArray[np.float64]
    triangles: NDArray[np.int32]
    lips_upper: NDArray[np.int32]
    lips_lower: NDArray[np.int32]
    right_upper: NDArray[np.int32]
    right_lower: NDArray[np.int32]
    left_upper: NDArray[np.int32]
    left_lower: NDArray[np.int32]
    below: NDArray[np.bool_]


def build_sheet(
    lips: tuple[NDArray[np.float64], NDArray[np.float64]],
    right_eye: tuple[NDArray[np.float64], NDArray[np.float64]],
    left_eye: tuple[NDArray[np.float64], NDArray[np.float64]],
    outline: NDArray[np.float64],
    present: NDArray[np.bool_],
    chest_line: float,
) -> Sheet:
    """lips, right_eye, left_eye: upper and lower edges of the openings. outline: the face. present: bool (h, w), pixels that the sheet must
    cover.
    chest_line: y below which only smooth motion happens and the mesh may be coarse."""
    height, width = present.shape
    middle = (lips[0] + lips[1]) / 2
    mouth_width = float(np.linalg.norm(middle[-1] - middle[0]))
    unit = mouth_width / 45.0

    def close_mouth(points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The photo's plane with the lips brought together, in which the mesh is built; the identity if they already are."""
        x = points[:, 0]
        up, low, mid = (contours.height_on(curve, x) for curve in (lips[0], lips[1], middle))
        distance = np.where(points[:, 1] < mid, up - points[:, 1], points[:, 1] - low)
        move = np.where(points[:, 1] < mid, mid - up, mid - low)
        reach = max(12.0 * unit, 1.5 * float(np.abs(lips[1] - lips[0]).max()))
        return np.stack([x, points[:, 1] + move * np.exp(-((np.maximum(distance, 0) / reach) ** 2))], 1)

    fixed: list[NDArray[np.float64]] = [middle]  # in the closed plane
    for upper, lower in (right_eye, left_eye):
        fixed += [upper, lower[1:-1]]
    sources: list[NDArray[np.float64]] = [middle, *fixed[1:]]
    # Rings beside the contours keep triangles there small and regular.
    rings, ring_sources = [], []
    for offset in (1.2, 2.6, 4.2, 6.2, 8.6, 11.4):
        for curve, sign in ((lips[0], -1.0), (lips[1], 1.0)):
            beyond = np.array([2.0 * unit, 0.0])
            extended = np.concatenate([curve[:1] - beyond, curve, curve[-1:] + beyond])
            ring_sources.append(extended[:: 1 if offset < 3 else 2] + np.array([0.0, sign * offset * unit]))
    for offset in (1.0, 2.2, 3.8, 5.8, 8.2):
        for upper, lower in (right_eye, left_eye):
            span = np.linalg.norm(upper[-1] - upper[0]) / 22.0
            away = np.array([0.0, offset * span])
            ring_sources.append(upper[:: 1 if offset < 2 else 2] - away)
            ring_sources.append(lower[:: 1 if offset < 2 else 2] + away)
    for ring in ring_sources:
        rings.append(close_mouth(ring))
    closed, source = np.concatenate(fixed), np.concatenate(sources)
    count_fixed = len(closed)
    closed, source = _add(closed, source, np.concatenate(rings), np.concatenate(ring_sources), 0.75)
    grown = MARGIN
    fine = 3.5 * float(np.clip(unit, 1.0, 1.8))
    for spacing in (fine, 8.0, 16.0):
        x, y = np.meshgrid(np.arange(-grown, width + grown + 0.1, spacing), np.arange(-grown, height + grown + 0.1, spacing))
        grid = np.round(np.stack([x.ravel(), y.ravel()], 1))
        if spacing == fine:
            signed, _ = contours.distance_to(grid, outline)
            grid = grid[signed < 6.0]
        elif spacing < 10:
            grid = grid[grid[:, 1] < chest_line]
        closed, source = _add(closed, source, close_mouth(grid), grid, spacing * 0.62)
    triangulation = Delaunay(closed)
    triangles = triangulation.simplices.astype(np.int32)
    centre = closed[triangles].mean(1)
    hole = np.zeros(len(triangles), bool)
    for upper, lower in (right_eye, left_eye):
        hole |= contours.inside(centre, np.concatenate([upper, lower[::-1]]))
    triangles = triangles[~hole]
    triangles = triangles[_covers(source[triangles], present)]
    # Slit the sheet along the mouth: triangles on the lower side get vertices of their own on the line.
    columns = len(middle)
    lips_upper = np.arange(columns, dtype=np.int32)
    lips_lower = np.concatenate([[0], len(closed) + np.arange(columns - 2), [columns - 1]]).astype(np.int32)
    centre = closed[triangles].mean(1)
    on_line = (triangles < columns).any(1)
    lower_side = on_line & (centre[:, 1] > contours.height_on(middle, centre[:, 0]))
    remap = np.arange(len(closed) + columns, dtype=np.int32)
    remap[:columns] = lips_lower
    triangles[lower_side] = remap[triangles[lower_side]]
    source = np.concatenate([source, lips[1][1:-1]])
    source[:columns] = lips[0]
    below = source[:, 1] > contours.height_on(middle, source[:, 0])
    below[lips_upper], below[lips_lower[1:-1]] = False, True
    one, two = source[triangles[:, 1]] - source[triangles[:, 0]], source[triangles[:, 2]] - source[triangles[:, 0]]
    edge = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
    triangles[edge < 0] = triangles[edge < 0][:, [0, 2, 1]]
    triangles = triangles[np.abs(edge) > 1e-6]
    # Delaunay numbers: lips, right upper, right lower without corners, left upper, left lower without corners.
    n = len(right_eye[0])
    first = columns
    right_upper = first + np.arange(n, dtype=np.int32)
    right_lower = np.concatenate([right_upper[:1], first + n + np.arange(n - 2), right_upper[-1:]]).astype(np.int32)
    first += 2 * n - 2
    left_upper = first + np.arange(n, dtype=np.int32)
    left_lower = np.concatenate([left_upper[:1], first + n + np.arange(n - 2), left_upper[-1:]]).astype(np.int32)
    if first + 2 * n - 2 != count_fixed:
        raise AssertionError("contour vertices are numbered wrongly")
    return Sheet(source, triangles.astype(np.int32), lips_upper, lips_lower, right_upper, right_lower, left_upper, left_lower, below)


def _add(
    closed: NDArray[np.float64], source: NDArray[np.float64], more: NDArray[np.float64], more_source: NDArray[np.float64], spacing: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Add points that are not too near to those already there (nor, greedily, to each other)."""
    distance, _ = cKDTree(closed).query(more)
    more, more_source = more[distance > spacing], more_source[distance > spacing]
    if len(more):
        crowded = np.zeros(len(more), bool)
        for a, b in sorted(cKDTree(more).query_pairs(spacing * 0.8)):
            if not crowded[a]:
                crowded[b] = True
        more, more_source = more[~crowded], more_source[~crowded]
    return np.concatenate([closed, more]), np.concatenate([source, more_source])


def _covers(corners: NDArray[np.float64], present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which triangles (T, 3, 2) may touch a pixel of ``present``: their bounding box holds one (beyond the picture: at its nearest
    pixel)."""
    height, width = present.shape
    total = np.pad(np.cumsum(np.cumsum(present, 0), 1), ((1, 0), (1, 0)))
    low, high = np.floor(corners.min(1)).astype(int) - 1, np.ceil(corners.max(1)).astype(int) + 2
    x0, x1 = np.clip(low[:, 0], 0, width - 1), np.clip(high[:, 0], 1, width)
    y0, y1 = np.clip(low[:, 1], 0, height - 1), np.clip(high[:, 1], 1, height)
    return np.asarray(total[y1, x1] - total[y0, x1] - total[y1, x0] + total[y0, x0] > 0)
