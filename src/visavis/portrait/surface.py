"""The fitted head as a surface seen from the photo's camera: depth and shape displacements at any point of the picture."""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import cKDTree

from visavis.compiled import njit


@njit("void(float64[:,::1], int32[:,::1], float32[:,::1])", cache=True, nogil=True)
def depth_buffer(points, triangles, depth):  # type: ignore[no-untyped-def]
    """Lower ``depth`` (h, w) to the nearest surface at each pixel. points: (V, 3) pixel x, pixel y, depth. triangles: (T, 3)."""
    height, width = depth.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        xa, ya, xb, yb, xc, yc = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if area == 0.0:
            continue
        for y in range(max(0, int(np.ceil(min(ya, yb, yc)))), min(height - 1, int(np.floor(max(ya, yb, yc)))) + 1):
            for x in range(max(0, int(np.ceil(min(xa, xb, xc)))), min(width - 1, int(np.floor(max(xa, xb, xc)))) + 1):
                p = ((x - xa) * (yc - ya) - (xc - xa) * (y - ya)) / area
                q = ((xb - xa) * (y - ya) - (x - xa) * (yb - ya)) / area
                if p >= -1e-6 and q >= -1e-6 and p + q <= 1.000001:
                    z = points[a, 2] + p * (points[b, 2] - points[a, 2]) + q * (points[c, 2] - points[a, 2])
                    if z < depth[y, x]:
                        depth[y, x] = z


def visible_vertices(
    points: NDArray[np.float64], triangles: NDArray[np.int32], shape: tuple[int, int], slack: float = 0.004
) -> NDArray[np.bool_]:
    """Which of the projected vertices (V, 3) are seen: bool (V,). slack: metres behind the nearest surface that still count as on it."""
    scale = 2
    scaled = points.copy()
    scaled[:, :2] = (points[:, :2] + 0.5) * scale - 0.5
    depth = np.full((shape[0] * scale, shape[1] * scale), 1e9, np.float32)
    depth_buffer(np.ascontiguousarray(scaled), np.ascontiguousarray(triangles, np.int32), depth)
    x, y = np.round(scaled[:, 0]).astype(int), np.round(scaled[:, 1]).astype(int)
    inside = (x >= 0) & (y >= 0) & (x < depth.shape[1]) & (y < depth.shape[0])
    seen = np.zeros(len(points), bool)
    seen[inside] = points[inside, 2] <= depth[y[inside], x[inside]] + slack
    used = np.zeros(len(points), bool)
    used[triangles] = True
    return seen & used


class Field:
    """Values known at scattered points of the picture, linear in between, the nearest one outside."""

    def __init__(self, points: NDArray[np.float64], values: NDArray[np.float32]) -> None:
        """points: (n, 2) pixels; values: (n, c)."""
        _, first = np.unique(np.round(points * 8).astype(np.int64), axis=0, return_index=True)
        self._points, self._values = points[first], values[first]
        self._linear = LinearNDInterpolator(self._points, self._values)
        self._tree = cKDTree(self._points)

    def __call__(self, query: NDArray[np.float64]) -> NDArray[np.float64]:
        result = np.asarray(self._linear(query))
        missing = np.isnan(result[:, 0])
        if missing.any():
            _, nearest = self._tree.query(query[missing])
            result[missing] = self._values[nearest]
        return result
