"""What a large photo shows beyond 512x768: the finer texture and plate that larger pictures are drawn from; and where the head is."""

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.portrait.plate import Plate
from visavis.portrait.topology import MARGIN
from visavis.types_portrait import PICTURE_HEIGHT, PICTURE_WIDTH, FittedPortrait

AIR, NECK, SIDES = 0.30, 0.62, 0.42
"""How far the frame of the head reaches over the hair, under the chin and beside the hair, in heights of the face: it turns and nods in
it."""


def finer_texture(texture: NDArray[np.uint8], fitted: FittedPortrait) -> NDArray[np.uint8]:
    """The texture of the person, two texels a pixel and MARGIN pixels of border, with what the photo shows between the pixels.

    Only the difference to the picture is added, as far as the pixel is the person's: the rim of the matte keeps its own colour.
    """
    coarse = double(double(fitted.image.astype(np.float32), 0), 1)
    missing = fitted.texel_detail.astype(np.float32) - coarse
    finer = texture.astype(np.float32)
    inside = slice(2 * MARGIN, 2 * MARGIN + 2 * PICTURE_HEIGHT), slice(2 * MARGIN, 2 * MARGIN + 2 * PICTURE_WIDTH)
    finer[inside][..., :3] += missing * (finer[inside][..., 3:] / 255)
    return finer.round().clip(0, 255).astype(np.uint8)


def finer_plate(plate: Plate, fitted: FittedPortrait) -> NDArray[np.uint8]:
    """The plate at twice the size: the photo itself where the plate is the photo, with the photo's detail where it was copied from, only
    enlarged where it is made up. (0, 0, 3) for a photo without detail."""
    if not fitted.detail.size:
        return fitted.detail
    size = (2 * PICTURE_WIDTH, 2 * PICTURE_HEIGHT)
    same = (np.abs(plate.image.astype(np.int16) - fitted.image).max(-1) == 0).astype(np.uint8)
    share = cv2.GaussianBlur(cv2.erode(same, np.ones((5, 5), np.uint8)).astype(np.float32), (0, 0), 1.5)
    share = cv2.resize(share, size, interpolation=cv2.INTER_LINEAR)[..., None]
    enlarged, coarse = (cv2.resize(each.astype(np.float32), size, interpolation=cv2.INTER_CUBIC) for each in (plate.image, fitted.image))
    missing = fitted.detail - coarse
    shift = 2 * np.repeat(np.repeat(plate.shift, 2, 0), 2, 1)
    y, x = np.nonzero(shift.any(-1))
    copied = missing[y + shift[y, x, 0], x + shift[y, x, 1]]
    missing = share * missing
    missing[y, x] = copied
    return (enlarged + missing).round().clip(0, 255).astype(np.uint8)


def head_frame(alpha: NDArray[np.float32], landmarks: NDArray[np.float64]) -> tuple[int, int, int]:
    """Left, top and side in pixels of a square around hair, face and neck; where the photo ends nearer it is smaller or moved inwards."""
    (left, top), (right, chin) = landmarks[:468].min(0), landmarks[:468].max(0)
    face = chin - top
    middle = (left + right) / 2
    above = alpha[: max(int(chin - 0.3 * face), 1), max(int(left), 0) : max(int(right), 1)] > 0.5
    rows = np.flatnonzero(above.mean(1) > 0.1)
    crown = min(float(rows[0]) if len(rows) else top, top)
    head = np.flatnonzero((alpha[max(int(crown), 0) : max(int(chin), 1)] > 0.5).mean(0) > 0.25)
    half = max(middle - head[0], head[-1] - middle) if len(head) else (right - left) / 2
    upper, lower = crown - AIR * face, chin + NECK * face
    side = round(min(max(lower - upper, 2 * min(half, 1.1 * face) + SIDES * face), PICTURE_WIDTH, PICTURE_HEIGHT))
    x = min(max(round(middle - side / 2), 0), PICTURE_WIDTH - side)
    y = min(max(round(upper + (lower - upper - side) / 2), 0), PICTURE_HEIGHT - side)
    return x, y, side


def double(values: NDArray[np.floating], axis: int) -> NDArray[np.floating]:
    """Insert a cubic midpoint after each sample along ``axis``; the samples themselves stay."""
    v = np.moveaxis(values, axis, 0)
    p = np.pad(v, ((1, 2), *((0, 0),) * (v.ndim - 1)), mode="edge")
    between = (-p[:-3] + 9 * p[1:-2] + 9 * p[2:-1] - p[3:]) / 16
    out = np.empty((2 * len(v), *v.shape[1:]), values.dtype)
    out[::2], out[1::2] = v, between
    return np.moveaxis(out, 0, axis)
