"""How near one picture is to another, and what is wrong with it by itself: PSNR, SSIM, landmarks, halo."""

import cv2
import numpy as np
from numpy.typing import NDArray

RIGID = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 129, 358, 10, 152, 234, 454, 172, 397, 93, 323)
"""Landmarks of MediaPipe's mesh that expressions hardly move: corners of the eyes, nose, contour."""

EYE_CORNERS = (33, 263)
HALO_REACH = 9
"""Pixels around a point of the rim within which person and background count as its neighbours."""


def psnr(picture: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Peak signal to noise ratio in dB of two uint8 pictures of one shape; 99 where they are the same."""
    if picture.shape != truth.shape:
        raise ValueError(f"pictures must have one shape, got {picture.shape} and {truth.shape}")
    error = float(np.mean((picture.astype(np.float32) - truth.astype(np.float32)) ** 2))
    return 99.0 if error < 1e-8 else min(10 * np.log10(255**2 / error), 99.0)


def ssim(picture: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Structural similarity of the luminance, -1..1: Gaussian window of 11 pixels, sigma 1.5 (Wang et al. 2004)."""
    x, y = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64) for image in (picture, truth))

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return cv2.GaussianBlur(values, (11, 11), 1.5)[5:-5, 5:-5]

    mean_x, mean_y = mean(x), mean(y)
    var_x, var_y, both = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2, mean(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float((((2 * mean_x * mean_y + c1) * (2 * both + c2)) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))).mean())


GRADIENT_FLOOR = 170.0


def gradient_similarity(picture: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Mean similarity of the gradients' magnitudes, 0..1: edges and folds where they belong, whatever the light (Xue et al. 2014, GMSD,
    with its constants: luminance at half size, Prewitt filters)."""
    half, third = np.ones((2, 2), np.float32) / 4, np.array([1, 0, -1], np.float32) / 3

    def magnitude(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        grey = cv2.filter2D(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), -1, half)[::2, ::2]
        ones = np.ones(3, np.float32)
        across, down = cv2.sepFilter2D(grey, -1, third, ones), cv2.sepFilter2D(grey, -1, ones, third)
        return np.asarray(np.sqrt(across**2 + down**2), np.float32)

    a, b = magnitude(picture), magnitude(truth)
    return float(((2 * a * b + GRADIENT_FLOOR) / (a**2 + b**2 + GRADIENT_FLOOR)).mean())


def landmark_distance(seen: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    """Root mean square distance of landmarks (478, 2), as a share of the distance between the outer corners of the eyes."""
    return float(np.sqrt(((seen - wanted) ** 2).sum(1).mean()) / np.linalg.norm(wanted[EYE_CORNERS[0]] - wanted[EYE_CORNERS[1]]))


def shape_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """How differently two faces are built, as far as landmarks (478, 2) tell: distance of the ``RIGID`` ones after the best shift, turn and
    scale (Procrustes), as a share of the eyes' distance. Not an identity embedding: it knows nothing of skin, eyes or hair."""
    a, b = one[list(RIGID)], other[list(RIGID)]
    a, b = a - a.mean(0), b - b.mean(0)
    left, stretch, right = np.linalg.svd(a.T @ b)
    turn = left @ right
    if np.linalg.det(turn) < 0:
        left[:, -1] *= -1
        stretch[-1] *= -1
        turn = left @ right
    moved = a @ turn * (stretch.sum() / (a**2).sum())
    eyes = np.linalg.norm(other[EYE_CORNERS[0]] - other[EYE_CORNERS[1]])
    return float(np.sqrt(((moved - b) ** 2).sum(1).mean()) / eyes)


def halo(picture: NDArray[np.uint8], opacity: NDArray[np.uint8]) -> tuple[float, float]:
    """Mean and 99th percentile, in grey levels, of how far the person's rim is brighter or darker than both the person and the background
    beside it. picture: RGB; opacity: uint8 (height, width). 0, 0 without a rim."""
    rim = (opacity > 8) & (opacity < 247)
    if not rim.any():
        return 0.0, 0.0
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    window = np.ones((2 * HALO_REACH + 1,) * 2, np.uint8)
    high, low = np.full(grey.shape, -1.0, np.float32), np.full(grey.shape, 1e3, np.float32)
    for side in (opacity >= 247, opacity <= 8):
        high = np.maximum(high, cv2.dilate(np.where(side, grey, -1.0).astype(np.float32), window))
        low = np.minimum(low, cv2.erode(np.where(side, grey, 1e3).astype(np.float32), window))
    beyond = np.maximum(np.maximum(grey - high, low - grey), 0)[rim & (high >= low)]
    return (float(beyond.mean()), float(np.percentile(beyond, 99))) if len(beyond) else (0.0, 0.0)
