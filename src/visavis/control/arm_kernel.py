"""The loop of posing that runs over the vertices of an arm, compiled."""

import numpy as np

from visavis.compiled import njit
from visavis.types import VERTEX_DEPTH_M, VERTEX_SUBPIXEL


@njit(
    "void(float32[:,::1], uint8[:,::1], float32[:,::1], float32[:,:,::1], float64, float64, float64, int16[:,::1])",
    cache=True,
    nogil=True,
    boundscheck=False,
)
def skin(points, bones, weights, matrices, focal, x0, y0, out):  # type: ignore[no-untyped-def]
    """points (N, 3) through the weighted mean of the matrices (B, 3, 4) of their bones (N, K) to the picture: out int16 (N, 3), x and y in
    1/32 pixel, depth in 1/10 mm."""
    for i in range(points.shape[0]):
        px, py, pz = points[i, 0], points[i, 1], points[i, 2]
        x, y, z = 0.0, 0.0, 0.0
        for k in range(bones.shape[1]):
            w = weights[i, k]
            if w > 0.0:
                m = matrices[bones[i, k]]
                x += w * (m[0, 0] * px + m[0, 1] * py + m[0, 2] * pz + m[0, 3])
                y += w * (m[1, 0] * px + m[1, 1] * py + m[1, 2] * pz + m[1, 3])
                z += w * (m[2, 0] * px + m[2, 1] * py + m[2, 2] * pz + m[2, 3])
        z = min(max(z, 0.25), 3.2767)
        scale = VERTEX_SUBPIXEL * focal / z
        out[i, 0] = np.int16(min(max(np.rint(x * scale + VERTEX_SUBPIXEL * x0), -32768.0), 32767.0))
        out[i, 1] = np.int16(min(max(np.rint(y * scale + VERTEX_SUBPIXEL * y0), -32768.0), 32767.0))
        out[i, 2] = np.int16(np.rint(z * (1.0 / VERTEX_DEPTH_M)))


@njit("float64[:,:,::1](float64[:,::1])", cache=True, nogil=True, boundscheck=False)
def rotations(vectors):  # type: ignore[no-untyped-def]
    """Axis-angle (n, 3) in radians to matrices (n, 3, 3), by Rodrigues' formula: ``motion.skeleton.rotation_from_vector`` for few."""
    out = np.empty((vectors.shape[0], 3, 3))
    for i in range(vectors.shape[0]):
        x, y, z = vectors[i, 0], vectors[i, 1], vectors[i, 2]
        angle = np.sqrt(x * x + y * y + z * z)
        if angle > 1e-9:
            x, y, z = x / angle, y / angle, z / angle
        sine, rest = np.sin(angle), 1.0 - np.cos(angle)
        out[i, 0, 0], out[i, 1, 1], out[i, 2, 2] = 1 - rest * (y * y + z * z), 1 - rest * (x * x + z * z), 1 - rest * (x * x + y * y)
        out[i, 0, 1], out[i, 1, 0] = rest * x * y - sine * z, rest * x * y + sine * z
        out[i, 0, 2], out[i, 2, 0] = rest * x * z + sine * y, rest * x * z - sine * y
        out[i, 1, 2], out[i, 2, 1] = rest * y * z - sine * x, rest * y * z + sine * x
    return out


@njit("void(float64[:,:,::1], float64[:,::1], float64[:,::1], float64[:,:,::1], int64)", cache=True, nogil=True, boundscheck=False)
def place_fingers(turn, place, heads, fingers, hand):  # type: ignore[no-untyped-def]
    """Fill in turn (B, 3, 3) and place (B, 3) of the fifteen finger bones after bone ``hand``, whose own are there. heads: (B, 3) at rest.
    fingers: (15, 3, 3), what each joint turns."""
    for joint in range(15):
        bone = hand + 1 + joint
        above = hand if joint % 3 == 0 else bone - 1
        for i in range(3):
            place[bone, i] = place[above, i]
            for k in range(3):
                place[bone, i] += turn[above, i, k] * (heads[bone, k] - heads[above, k])
                total = 0.0
                for j in range(3):
                    total += turn[above, i, j] * fingers[joint, j, k]
                turn[bone, i, k] = total
