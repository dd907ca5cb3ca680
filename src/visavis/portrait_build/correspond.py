"""Where the 478 face landmarks lie on the rig: random heads are drawn, MediaPipe looks at them, its points are followed back to the mesh.

Medians over many heads; the two halves of the face are averaged. The jaw's contour slides over the cheek when a head turns, so those
landmarks are taken from nearly frontal heads only; the inner lips from open mouths only.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.landmarks import FACE_OVAL, INNER_LIPS, FaceFinder
from visavis.portrait.rig_asset import RigAsset
from visavis.portrait_build.draw_heads import SIDE, DrawnHead, draw_random_head
from visavis.types_portrait import LANDMARKS, PARTS

HEADS = 160
FRONTAL = 8.0
REACH = 9
"""Pixels around a landmark that are searched for the right part (lid rims lie between skin and eyeball)."""
FIRST_IRIS = 468


def correspond(
    asset: RigAsset, lips: NDArray[np.float32], finder: FaceFinder, seed: int, progress: Callable[[int, int], None]
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """Triangle corners (478, 3), their weights (478, 3) and the spread in metres (478,) of every landmark."""
    rng = np.random.default_rng(seed)
    points: list[list[NDArray[np.float64]]] = [[] for _ in range(LANDMARKS)]
    for number in range(HEADS):
        mouth_open = number % 2 == 1
        head = draw_random_head(asset, lips, rng, mouth_open)
        for face in finder.look(head.image)[:1]:
            _collect(asset, head, face.landmarks, mouth_open, points)
        progress(number + 1, HEADS)
    fewest = min(len(found) for found in points)
    if fewest < 8:
        raise RuntimeError(f"a landmark was found on {fewest} of {HEADS} drawn heads only: the drawing or the landmark model is wrong")
    middle = np.array([np.median(found, axis=0) for found in points])
    spread = np.array([np.sqrt(((np.array(found) - centre) ** 2).sum(1).mean() / 3) for found, centre in zip(points, middle, strict=True)])
    middle, spread = _mirror_average(middle, spread)
    corners, weights = np.zeros((LANDMARKS, 3), np.int32), np.zeros((LANDMARKS, 3), np.float32)
    skin = asset.mesh.triangles_of("skin")
    skin = skin[(asset.mesh.head_weight[skin] > 0.05).all(1)]
    eyes = asset.mesh.triangles_of("eye_left", "eye_right")
    for landmark in range(LANDMARKS):
        triangles = eyes if landmark >= FIRST_IRIS else skin
        corners[landmark], weights[landmark] = closest_on_mesh(middle[landmark], asset.mean.astype(np.float64), triangles)
    return corners, weights, spread.astype(np.float32)


def _collect(
    asset: RigAsset, head: DrawnHead, landmarks: NDArray[np.float64], mouth_open: bool, points: list[list[NDArray[np.float64]]]
) -> None:
    """Adds, for every landmark that can be trusted on this head, its place on the mean person to ``points``."""
    mesh = asset.mesh
    part = np.where(head.triangle >= 0, mesh.part[np.maximum(head.triangle, 0)], 255)
    skin = part == PARTS.index("skin")
    eye = (part == PARTS.index("eye_left")) | (part == PARTS.index("eye_right"))
    for landmark, (x, y) in enumerate(landmarks):
        if (landmark in INNER_LIPS and not mouth_open) or (landmark in FACE_OVAL and abs(head.yaw) > FRONTAL):
            continue
        column, row = round(x), round(y)
        if not (REACH <= column < SIDE - REACH and REACH <= row < SIDE - REACH):
            continue
        wanted = eye if landmark >= FIRST_IRIS else skin
        window = wanted[row - REACH : row + REACH + 1, column - REACH : column + REACH + 1]
        if not window.any():
            continue
        rows, columns = np.nonzero(window)
        nearest = np.argmin((rows + row - REACH - y) ** 2 + (columns + column - REACH - x) ** 2)
        pixel = rows[nearest] + row - REACH, columns[nearest] + column - REACH
        second, third = head.corners[pixel]
        corner_points = asset.mean[mesh.triangles[head.triangle[pixel]]].astype(np.float64)
        points[landmark].append(np.array([1 - second - third, second, third]) @ corner_points)


def _mirror_average(middle: NDArray[np.float64], spread: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Averages each landmark with the mirror image of its partner on the other half of the face."""
    mirrored = middle * (-1, 1, 1)
    distance = np.linalg.norm(mirrored[:, None] - middle[None], axis=2)
    # Skin and iris points may lie closer to each other than to their partners.
    distance[:FIRST_IRIS, FIRST_IRIS:] = distance[FIRST_IRIS:, :FIRST_IRIS] = np.inf
    partner = distance.argmin(1)
    paired = partner[partner] == np.arange(len(middle))
    result = np.where(paired[:, None], (middle + mirrored[partner]) / 2, middle)
    return result, np.where(paired, (spread + spread[partner]) / 2, spread)


def closest_on_mesh(
    point: NDArray[np.float64], vertices: NDArray[np.float64], triangles: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The triangle nearest to ``point`` and the weights of its corners at the nearest place."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    best, best_distance, best_weights = 0, np.inf, np.zeros(3)
    edge1, edge2, offset = b - a, c - a, point - a
    d11, d12, d22 = (edge1**2).sum(1), (edge1 * edge2).sum(1), (edge2**2).sum(1)
    p1, p2 = (offset * edge1).sum(1), (offset * edge2).sum(1)
    determinant = np.maximum(d11 * d22 - d12**2, 1e-18)
    second, third = (d22 * p1 - d12 * p2) / determinant, (d11 * p2 - d12 * p1) / determinant
    inside = np.stack([1 - second - third, second, third], 1)
    candidates = [np.where((inside >= 0).all(1, keepdims=True), inside, np.nan)]
    for first, last in ((0, 1), (1, 2), (2, 0)):
        start, end = (vertices[triangles[:, corner]] for corner in (first, last))
        along = np.clip(((point - start) * (end - start)).sum(1) / np.maximum(((end - start) ** 2).sum(1), 1e-18), 0, 1)
        weights = np.zeros((len(triangles), 3))
        weights[:, first], weights[:, last] = 1 - along, along
        candidates.append(weights)
    for weights in candidates:
        place = weights[:, :1] * a + weights[:, 1:2] * b + weights[:, 2:] * c
        distance = np.where(np.isnan(place[:, 0]), np.inf, ((place - point) ** 2).sum(1))
        nearest = int(np.argmin(distance))
        if distance[nearest] < best_distance:
            best, best_distance, best_weights = nearest, float(distance[nearest]), weights[nearest]
    return triangles[best], best_weights
