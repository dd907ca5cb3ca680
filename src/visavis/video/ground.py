"""What a view of a portrait is drawn on and from: the background at its size, the colours around the person, textures of a fitting
fineness."""

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.types_portrait import PICTURE_WIDTH, PortraitRig
from visavis.video.view import View

FINE_FROM = 1.1
"""Pictures so many times as large as 512x768 are drawn from the photo's own detail."""

TEXELS_MOST = 3.0
"""More texels of the person's texture than this for a pixel would be skipped over and flicker: the texture is halved first."""


def plate_at(rig: PortraitRig, view: View) -> NDArray[np.uint8]:
    """The background as ``view`` shows it: uint8 (height, width, 3) RGB."""
    fine = view.scale >= FINE_FROM and rig.plate_detail.size > 0
    return _cut(rig.plate_detail if fine else rig.plate, view)


def around_at(rig: PortraitRig, view: View) -> NDArray[np.uint8]:
    """The colours of the person's rim continued over everything around, as ``view`` shows it: uint8 (height, width, 3) RGB.

    What is laid under transparent pixels, so that whoever scales, filters or compresses the picture mixes no background into the rim.
    """
    margin = (rig.textures["person"].shape[1] - 2 * PICTURE_WIDTH - 2) // 2
    height, width = rig.plate.shape[:2]
    texture = rig.textures["person"][margin : margin + 2 * height : 2, margin : margin + 2 * width : 2].astype(np.float32)
    weight = texture[..., 3] / 255
    colour, total = texture[..., :3] * weight[..., None], weight
    filled, found = np.zeros_like(colour), np.zeros_like(weight)
    for sigma in (1.5, 6.0, 24.0, 96.0):
        mean = cv2.GaussianBlur(colour, (0, 0), sigma) / np.maximum(cv2.GaussianBlur(total, (0, 0), sigma), 1e-6)[..., None]
        share = np.clip(cv2.GaussianBlur(total, (0, 0), sigma) / 0.1, 0, 1) * (1 - found)
        filled += mean * share[..., None]
        found += share
    mean_colour = colour.sum((0, 1)) / max(float(total.sum()), 1e-6)
    filled += mean_colour * (1 - found)[..., None]
    return _cut(filled.round().clip(0, 255).astype(np.uint8), view)


def person_texture(rig: PortraitRig, view: View) -> tuple[NDArray[np.uint8], float]:
    """The person's texture for a view, and how many of its texels one of the rig's is: 1, or a half, a quarter... for small views."""
    if view.scale >= FINE_FROM and "person_detail" in rig.textures:
        return rig.textures["person_detail"], 1.0
    texture, share = rig.textures["person"], 1.0
    while 2.0 * share / view.scale > TEXELS_MOST:
        texture, share = halved(texture), share / 2
    return texture, share


def halved(texture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Every second texel of an RGBA texture, each the mean of its surroundings; the last ones once more, for sampling beyond them."""
    values = texture.astype(np.float32)
    alpha = values[..., 3:] / 255
    premultiplied = np.concatenate([values[..., :3] * alpha, alpha], -1)
    tent = np.array([1, 2, 1], np.float32) / 4
    mean = cv2.sepFilter2D(premultiplied, -1, tent, tent)[::2, ::2]
    mean = np.pad(mean, ((0, 2), (0, 2), (0, 0)), mode="edge")
    colour = np.where(
        mean[..., 3:] > 1e-3,
        mean[..., :3] / np.maximum(mean[..., 3:], 1e-3),
        np.pad(values[::2, ::2, :3], ((0, 2), (0, 2), (0, 0)), mode="edge"),
    )
    return np.concatenate([colour, mean[..., 3:] * 255], -1).round().clip(0, 255).astype(np.uint8)


def _cut(image: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    """The part of the picture that ``view`` shows, at its size; ``image`` is the whole picture, or that at a multiple of its size."""
    times = image.shape[1] // PICTURE_WIDTH
    left, top, right, bottom = (times * edge for edge in view.box)
    part = np.ascontiguousarray(image[top:bottom, left:right])
    if part.shape[:2] == (view.height, view.width):
        return part
    way = cv2.INTER_AREA if part.shape[1] > view.width else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, (view.width, view.height), interpolation=way), np.uint8)
