"""The two loops of posing that run over all vertices, compiled: one thread, the same result on every run, no matrix library that would
start threads."""

import numpy as np

from visavis.compiled import njit
from visavis.types import VERTEX_DEPTH_M, VERTEX_SUBPIXEL


@njit("void(float32[:,::1], int32[::1], float32[:,:,::1], float32[::1])", cache=True, nogil=True, boundscheck=False)
def add_shapes(points, vertices, shapes, weights):  # type: ignore[no-untyped-def]
    """points[vertices] += sum over k of weights[k] * shapes[k]; points (V, 3), vertices (F,), shapes (K, F, 3), weights (K,). Weights of
    nought cost nothing."""
    for k in range(shapes.shape[0]):
        weight = weights[k]
        if weight > 1e-6 or weight < -1e-6:
            for i in range(vertices.shape[0]):
                v = vertices[i]
                points[v, 0] += weight * shapes[k, i, 0]
                points[v, 1] += weight * shapes[k, i, 1]
                points[v, 2] += weight * shapes[k, i, 2]


@njit(
    "void(float32[:,::1], float32[::1], float32[:,::1], float64, float32[:,::1], float32[::1], float32[::1], "
    "float32[:,::1], float32[::1], float64, float64, float64, float64, int16[:,::1])",
    cache=True,
    nogil=True,
    boundscheck=False,
)
def place(  # type: ignore[no-untyped-def]
    points, head_weight, breath, breathed, head, head_shift, head_pivot, sway, hip_pivot, shift, focal, x0, y0, out
):
    """Camera-space points (V, 3) through head turn, breath and sway to the picture: out int16 (V, 3), x and y in 1/32 pixel, depth
    in 1/10 mm.

    head, sway: (3, 3) rotations about head_pivot and hip_pivot; head_shift (3,) and shift (to the right) in metres; breathed 0..1 of
    ``breath`` (V, 3).
    """
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        w = head_weight[i]
        if w > 0.0:
            a, b, c = x - head_pivot[0], y - head_pivot[1], z - head_pivot[2]
            x += w * (head[0, 0] * a + head[0, 1] * b + head[0, 2] * c - a + head_shift[0])
            y += w * (head[1, 0] * a + head[1, 1] * b + head[1, 2] * c - b + head_shift[1])
            z += w * (head[2, 0] * a + head[2, 1] * b + head[2, 2] * c - c + head_shift[2])
        x += breathed * breath[i, 0]
        y += breathed * breath[i, 1]
        z += breathed * breath[i, 2]
        a, b, c = x - hip_pivot[0], y - hip_pivot[1], z - hip_pivot[2]
        x = hip_pivot[0] + sway[0, 0] * a + sway[0, 1] * b + sway[0, 2] * c + shift
        y = hip_pivot[1] + sway[1, 0] * a + sway[1, 1] * b + sway[1, 2] * c
        z = hip_pivot[2] + sway[2, 0] * a + sway[2, 1] * b + sway[2, 2] * c
        z = min(max(z, 0.05), 3.2767)
        scale = VERTEX_SUBPIXEL * focal / z
        out[i, 0] = np.int16(min(max(np.rint(x * scale + VERTEX_SUBPIXEL * x0), -32768.0), 32767.0))
        out[i, 1] = np.int16(min(max(np.rint(y * scale + VERTEX_SUBPIXEL * y0), -32768.0), 32767.0))
        out[i, 2] = np.int16(np.rint(z * (1.0 / VERTEX_DEPTH_M)))
