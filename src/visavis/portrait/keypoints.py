"""The 68 face points, and the shoulders, as places on the sheet."""

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.topology import Sheet
from visavis.types_portrait import PICTURE_HEIGHT, PICTURE_WIDTH

# Numbers of the 478-point face mesh; "right" is the person's own right.
_KEYPOINTS: dict[str, tuple[int, ...]] = {
    "jaw": (127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356),
    "right_brow": (70, 63, 105, 66, 107),
    "left_brow": (336, 296, 334, 293, 300),
    "nose": (168, 197, 5, 4, 75, 97, 2, 326, 305),
    "right_eye": (33, 160, 158, 133, 153, 144),
    "left_eye": (362, 385, 387, 263, 373, 380),
    "outer_lip": (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    "inner_lip": (78, 82, 13, 312, 308, 317, 14, 87),
}


def keypoints(
    landmarks: NDArray[np.float64],
    pixels: NDArray[np.float64],
    sheet: Sheet,
    alpha: NDArray[np.float32],
    shoulder_line: float,
    face_height: float,
) -> tuple[tuple[str, ...], NDArray[np.int32], NDArray[np.float32]]:
    names = [f"{group}_{i}" for group, numbers in _KEYPOINTS.items() for i in range(len(numbers))]
    wanted = landmarks[[n for numbers in _KEYPOINTS.values() for n in numbers]]
    row = int(np.clip(shoulder_line + 0.30 * face_height, 0, PICTURE_HEIGHT - 1))
    present = np.flatnonzero(alpha[row] > 0.5)
    edges = (present[0], present[-1]) if len(present) else (0, PICTURE_WIDTH - 1)
    inset = 0.12 * face_height
    names += ["right_shoulder", "left_shoulder"]
    wanted = np.concatenate([wanted, [[edges[0] + inset, row], [edges[1] - inset, row]]])
    vertices = np.repeat(nearest_vertices(pixels, wanted)[:, None], 3, axis=1).astype(np.int32)
    weights = np.repeat(np.array([[1, 0, 0]], np.float32), len(vertices), axis=0)
    corners = pixels[sheet.triangles]
    for k, point in enumerate(wanted):
        a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
        area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
        p = ((point[0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (point[1] - a[:, 1])) / area
        q = ((b[:, 0] - a[:, 0]) * (point[1] - a[:, 1]) - (point[0] - a[:, 0]) * (b[:, 1] - a[:, 1])) / area
        found = np.flatnonzero((p >= 0) & (q >= 0) & (p + q <= 1))
        if len(found):
            t = found[0]
            vertices[k], weights[k] = sheet.triangles[t], (1 - p[t] - q[t], p[t], q[t])
    # The inner lips are edges: the points sit on the columns themselves.
    for i, (side, column) in enumerate((("u", 0), ("u", 8), ("u", 16), ("u", 24), ("u", 32), ("l", 24), ("l", 16), ("l", 8))):
        k = names.index(f"inner_lip_{i}")
        vertices[k] = (sheet.lips_upper if side == "u" else sheet.lips_lower)[column]
        weights[k] = (1, 0, 0)
    return tuple(names), vertices, weights


def nearest_vertices(pixels: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.asarray(((pixels[None] - points[:, None]) ** 2).sum(-1).argmin(1))
