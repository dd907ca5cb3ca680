"""Makes the arm's mesh finer around the elbow, whose outline is seen when it is bent."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.arm_asset import BONES, INFLUENCES, ArmAsset

Array = NDArray[np.float64]

NEAR_ELBOW = (0.72, 1.40)
"""Where on the arm (``ArmAsset.along``) its triangles are split."""


def refined(asset: ArmAsset) -> ArmAsset:
    """``asset`` with triangles near the elbow split in four, those beside them in two or three, so that no edge has a vertex in it. New
    points lie on a smooth surface through the old ones (Zorin, Schröder and Sweldens 1996, modified butterfly, its regular stencil)."""
    triangles = asset.triangles
    near = (asset.along > NEAR_ELBOW[0]) & (asset.along < NEAR_ELBOW[1])
    whole = near[triangles].all(1)
    opposite: dict[tuple[int, int], list[int]] = {}
    for a, b, c in triangles.tolist():
        for i, j, k in ((a, b, c), (b, c, a), (c, a, b)):
            opposite.setdefault((min(i, j), max(i, j)), []).append(k)
    edges = sorted({(min(i, j), max(i, j)) for a, b, c in triangles[whole].tolist() for i, j in ((a, b), (b, c), (c, a))})
    number = {edge: len(asset.points) + place for place, edge in enumerate(edges)}

    stencil = np.zeros((len(edges), len(asset.points)))
    for row, (a, b) in enumerate(edges):
        stencil[row, [a, b]] = 0.5
        sides = opposite[a, b]
        wings = [wing for k in sides for edge, past in (((a, k), b), ((b, k), a)) for wing in _beyond(opposite, edge, past)]
        if len(sides) == 2 and len(wings) == 4:
            np.add.at(stencil[row], sides, 0.125)
            np.add.at(stencil[row], wings, -0.0625)
    ends = np.array(edges)

    dense = np.zeros((len(asset.points), len(BONES)))
    for column in range(INFLUENCES):
        np.add.at(dense, (np.arange(len(dense)), asset.bones[:, column]), asset.weights[:, column])
    fresh = np.maximum(stencil @ dense, 0)
    largest = np.argsort(-fresh, 1, kind="stable")[:, :INFLUENCES]
    weights = np.take_along_axis(fresh, largest, 1)
    around = np.exp(1j * asset.around[ends]).sum(1)
    return replace(
        asset,
        points=np.concatenate([asset.points, stencil @ asset.points]).astype(np.float32),
        triangles=_split(triangles, number),
        bones=np.concatenate([asset.bones, largest.astype(np.uint8)]),
        weights=np.concatenate([asset.weights, weights / weights.sum(1, keepdims=True)]).astype(np.float32),
        along=np.concatenate([asset.along, asset.along[ends].mean(1)]).astype(np.float32),
        around=np.concatenate([asset.around, np.angle(around)]).astype(np.float32),
        tint=np.concatenate([asset.tint, asset.tint[ends].mean(1)]).astype(np.float32),
    )


def _beyond(opposite: dict[tuple[int, int], list[int]], edge: tuple[int, int], past: int) -> list[int]:
    """The vertex opposite of ``past`` at an edge; none at the mesh's border."""
    return [vertex for vertex in opposite[min(edge), max(edge)] if vertex != past]


def _split(triangles: NDArray[np.int32], number: dict[tuple[int, int], int]) -> NDArray[np.int32]:
    """Triangles (T, 3) with the vertices that ``number`` has for their edges, wound as before."""
    out: list[tuple[int, ...]] = []
    for corners in triangles.tolist():
        middles = [number.get((min(i, j), max(i, j))) for i, j in zip(corners, corners[1:] + corners[:1], strict=True)]
        ring = [vertex for pair in zip(corners, middles, strict=True) for vertex in pair if vertex is not None]
        if len(ring) == 6:
            a, ab, b, bc, c, ca = ring
            out += [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
            continue
        # A fan from a new vertex has no triangle without area.
        first = next((place for place, vertex in enumerate(ring) if vertex not in corners), 0)
        ring = ring[first:] + ring[:first]
        out += [(ring[0], ring[i], ring[i + 1]) for i in range(1, len(ring) - 1)]
    return np.array(out, np.int32)
