"""Curves of the face that edges of the rig follow: inner lips, eye openings, face outline. From MediaPipe's landmark numbers to smooth
curves in the photo."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

# Landmark numbers of the face mesh; upper and lower curves are listed in matching order, corners included.
INNER_LIP_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LIP_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
OUTER_LIP_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LIP_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
RIGHT_EYE_UPPER = (33, 246, 161, 160, 159, 158, 157, 173, 133)
RIGHT_EYE_LOWER = (33, 7, 163, 144, 145, 153, 154, 155, 133)
LEFT_EYE_UPPER = (263, 466, 388, 387, 386, 385, 384, 398, 362)
LEFT_EYE_LOWER = (263, 249, 390, 373, 374, 380, 381, 382, 362)
RIGHT_BROW_LOWER = (46, 53, 52, 65, 55)
LEFT_BROW_LOWER = (276, 283, 282, 295, 285)
RIGHT_IRIS = (468, 469, 470, 471, 472)
LEFT_IRIS = (473, 474, 475, 476, 477)
FACE_OUTLINE = (
    10,
    338,
    297,
    332,
    284,
    251,
    389,
    356,
    454,
    323,
    361,
    288,
    397,
    365,
    379,
    378,
    400,
    377,
    152,
    148,
    176,
    149,
    150,
    136,
    172,
    58,
    132,
    93,
    234,
    127,
    162,
    21,
    54,
    103,
    67,
    109,
)

MOUTH_COLUMNS = 33
EYE_COLUMNS = 21


def smooth_curve(points: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """``count`` points on a smooth curve through ``points`` (n, 2), evenly spaced in the points' own numbering so that paired curves stay
    paired."""
    at = np.arange(len(points), dtype=np.float64)
    return np.asarray(make_interp_spline(at, points, k=3)(np.linspace(0, len(points) - 1, count)))


def eye_opening(
    landmarks: NDArray[np.float64], upper: tuple[int, ...], lower: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Upper and lower edge (EYE_COLUMNS, 2) from the outer corner to the inner one."""
    a, b = smooth_curve(landmarks[list(upper)], EYE_COLUMNS), smooth_curve(landmarks[list(lower)], EYE_COLUMNS)
    crossed = b[:, 1] < a[:, 1] + 0.05
    crossed[[0, -1]] = False
    middle = (a + b) / 2
    a[crossed], b[crossed] = middle[crossed] - [0, 0.05], middle[crossed] + [0, 0.05]
    return a, b


def mouth_opening(image: NDArray[np.uint8], landmarks: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inner edges of the lips (MOUTH_COLUMNS, 2), right corner to left. Where the lips touch, both follow the dark line between them."""
    upper = smooth_curve(landmarks[list(INNER_LIP_UPPER)], MOUTH_COLUMNS)
    lower = smooth_curve(landmarks[list(INNER_LIP_LOWER)], MOUTH_COLUMNS)
    width = float(np.linalg.norm(upper[-1] - upper[0]))
    gap = np.maximum(lower[:, 1] - upper[:, 1], 0)
    if gap.max() < 0.045 * width:
        line = _dark_line(image, (upper + lower) / 2, reach=0.05 * width)
        return line, line.copy()
    crossed = lower[:, 1] < upper[:, 1]
    middle = (upper + lower) / 2
    upper[crossed], lower[crossed] = middle[crossed], middle[crossed]
    return upper, lower


def _dark_line(image: NDArray[np.uint8], line: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    """The darkest smooth path within ``reach`` pixels above and below ``line`` (n, 2); dynamic programming over quarter-pixel offsets."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 0.6).astype(np.float32)
    offsets = np.arange(-reach, reach + 0.01, 0.25)
    x = np.repeat(line[:, :1], len(offsets), 1).astype(np.float32)
    y = (line[:, 1:] + offsets).astype(np.float32)
    dark = cv2.remap(grey, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float64)
    dark = dark - dark.min(1, keepdims=True) + 2.0 * np.abs(offsets)  # the tracker's own line wins where nothing is dark
    step = 12.0 * np.abs(offsets[:, None] - offsets[None, :])
    cost, back = dark[0], []
    for row in dark[1:]:
        total = cost[:, None] + step
        back.append(total.argmin(0))
        cost = total.min(0) + row
    path = [int(cost.argmin())]
    for previous in reversed(back):
        path.append(int(previous[path[-1]]))
    found = offsets[path[::-1]]
    kernel = np.array([1, 2, 3, 2, 1]) / 9.0
    found = np.convolve(np.pad(found, 2, mode="edge"), kernel, mode="valid")
    taper = np.minimum(1, np.minimum(np.arange(len(line)), np.arange(len(line))[::-1]) / 3.0)
    return np.stack([line[:, 0], line[:, 1] + found * taper], 1)


def inside(points: NDArray[np.float64], polygon: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Even-odd test: bool (n,)."""
    x, y = points[:, 0][:, None], points[:, 1][:, None]
    ax, ay = polygon[:, 0], polygon[:, 1]
    bx, by = np.roll(ax, -1), np.roll(ay, -1)
    crosses = ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / np.where(by == ay, 1e-12, by - ay) + ax)
    return np.asarray(crosses.sum(1) % 2 == 1)


def distance_to(points: NDArray[np.float64], polygon: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Signed distance (n,) to a closed polygon (negative inside) and the nearest point on it (n, 2)."""
    a = polygon[None]
    b = np.roll(polygon, -1, 0)[None]
    along = np.clip(((points[:, None] - a) * (b - a)).sum(-1) / np.maximum(((b - a) ** 2).sum(-1), 1e-12), 0, 1)
    nearest = a + along[..., None] * (b - a)
    distance = np.linalg.norm(points[:, None] - nearest, axis=-1)
    best = distance.argmin(1)
    rows = np.arange(len(points))
    signed = np.where(inside(points, polygon), -1.0, 1.0) * distance[rows, best]
    return signed, nearest[rows, best]


def height_on(curve: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """y of a left-to-right or right-to-left curve (n, 2) at x; held level beyond its ends."""
    order = np.argsort(curve[:, 0])
    return np.interp(x, curve[order, 0], curve[order, 1])


def column_on(curve: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fractional column index on a curve whose x is monotonic, at x; held at its ends."""
    columns = np.arange(len(curve), dtype=np.float64)
    if curve[0, 0] > curve[-1, 0]:
        return np.interp(x, curve[::-1, 0], columns[::-1])
    return np.interp(x, curve[:, 0], columns)
