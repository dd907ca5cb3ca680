"""Pictures enlarged by Real-ESRGAN (Wang et al. 2021), for films that are made offline. The only file that knows ncnn; needs the extra
`quality` and the asset ``realesrgan``.

A picture is enlarged in tiles, which is what fits into memory. Each tile sees some of its surroundings and fades into its neighbours, so
that no seam is seen; one whose pixels have not changed since the last picture is not computed again.
"""

import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.types import check_picture

FACTORS = (2, 3, 4)
NETWORKS = ("photo", "quick")
"""``photo``: realesrgan-x4plus, made for photos. ``quick``: realesr-animevideov3, made for drawn films, which paints skin smooth."""

TILE = 144
"""Pixels of a tile's side at most, before it is enlarged."""
FADE, AROUND = 4, 12
"""Pixels by which tiles fade into each other on either side of their border, and what they see beyond that."""


class EnlargeError(RuntimeError):
    """Pictures cannot be enlarged on this machine; the text says what to do."""


class Enlarger:
    """Enlarges the pictures of one film. Opacity is enlarged by cubic interpolation, which keeps its edges where they are."""

    def __init__(self, folder: Path, factor: int, network: str = "photo", gpu: bool = False) -> None:
        """folder: the asset ``realesrgan``. gpu: compute on the first Vulkan device; EnlargeError where there is none."""
        if factor not in FACTORS or network not in NETWORKS:
            raise ValueError(f"factor must be one of {FACTORS} and network one of {NETWORKS}, got {factor} and {network!r}")
        self.factor = factor
        self._own_factor = 4 if network == "photo" else factor
        self._network = _load(folder, "realesrgan-x4plus" if network == "photo" else f"realesr-animevideov3-x{factor}", gpu)
        self._known: dict[tuple[int, int, int, int], tuple[NDArray[np.uint8], NDArray[np.float32]]] = {}

    def tiles(self, width: int, height: int) -> int:
        """How many tiles a picture has."""
        return (len(_borders(width)) - 1) * (len(_borders(height)) - 1)

    def enlarge(self, image: NDArray[np.uint8], on_tile: Callable[[], None] = lambda: None) -> NDArray[np.uint8]:
        """image: uint8 (height, width, 3) RGB or (height, width, 4) RGBA with straight opacity. ``on_tile`` is called after each tile."""
        image = check_picture(image)
        height, width = image.shape[:2]
        factor, margin = self.factor, FADE + AROUND
        colours = cv2.copyMakeBorder(image[..., :3], margin, margin, margin, margin, cv2.BORDER_REPLICATE)
        total = np.zeros((height * factor, width * factor, 3), np.float32)
        rows, columns = _borders(height), _borders(width)
        for top, bottom in pairwise(rows):
            for left, right in pairwise(columns):
                piece = colours[top : bottom + 2 * margin, left : right + 2 * margin]
                enlarged = self._tile((top, bottom, left, right), piece)
                # What is left of the tile reaches FADE beyond its borders, except at the picture's own.
                y0, y1 = max(top - FADE, 0), min(bottom + FADE, height)
                x0, x1 = max(left - FADE, 0), min(right + FADE, width)
                origin_y, origin_x = top - margin, left - margin
                part = enlarged[(y0 - origin_y) * factor : (y1 - origin_y) * factor, (x0 - origin_x) * factor : (x1 - origin_x) * factor]
                down = _ramp(y0, y1, top, bottom, height, factor)
                across = _ramp(x0, x1, left, right, width, factor)
                total[y0 * factor : y1 * factor, x0 * factor : x1 * factor] += part * down[:, None, None] * across[:, None]
                on_tile()
        result = (total * 255).round().clip(0, 255).astype(np.uint8)
        if image.shape[2] == 3:
            return result
        opacity = cv2.resize(image[..., 3], (width * factor, height * factor), interpolation=cv2.INTER_CUBIC)
        return np.dstack([result, opacity])

    def _tile(self, place: tuple[int, int, int, int], piece: NDArray[np.uint8]) -> NDArray[np.float32]:
        """A tile with its surroundings, enlarged: float32 (height, width, 3), 0..1."""
        known = self._known.get(place)
        if known is not None and np.array_equal(known[0], piece):
            return known[1]
        enlarged = self._network(np.ascontiguousarray(piece.transpose(2, 0, 1), np.float32) / np.float32(255)).transpose(1, 2, 0)
        if self._own_factor != self.factor:
            size = piece.shape[1] * self.factor, piece.shape[0] * self.factor
            enlarged = cv2.resize(enlarged, size, interpolation=cv2.INTER_AREA)
        result = np.ascontiguousarray(enlarged, np.float32)
        self._known[place] = piece.copy(), result
        return result


def _borders(side: int) -> Sequence[int]:
    """Where tiles of about equal size begin and end."""
    count = -(-side // TILE)
    return [round(border) for border in np.linspace(0, side, count + 1)]


def _ramp(begin: int, end: int, low: int, high: int, side: int, factor: int) -> NDArray[np.float32]:
    """Weights of the pixels from ``begin`` to ``end``, enlarged: 1 inside the tile from ``low`` to ``high``, falling to 0 over its
    borders; those of two neighbours add up to 1."""
    places = begin + (np.arange((end - begin) * factor) + 0.5) / factor
    weights = np.ones(len(places))
    if low > 0:
        weights = np.minimum(weights, (places - low + FADE) / (2 * FADE))
    if high < side:
        weights = np.minimum(weights, (high + FADE - places) / (2 * FADE))
    return weights.astype(np.float32)


def _load(folder: Path, name: str, gpu: bool) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """The network of that name as a function: float32 (3, height, width), 0..1, to the same enlarged."""
    try:
        import ncnn
    except ImportError as error:
        raise EnlargeError(f"enlarging needs the extra quality: pip install 'visavis[quality]' ({error})") from None
    if gpu and ncnn.get_gpu_count() < 1:
        raise EnlargeError("there is no Vulkan device: install the Vulkan driver of the graphics card, or leave the card out of it")
    network: Any = ncnn.Net()
    network.opt.use_vulkan_compute = gpu
    network.opt.num_threads = len(os.sched_getaffinity(0))
    if gpu:
        network.set_vulkan_device(0)
    for load, ending in ((network.load_param, "param"), (network.load_model, "bin")):
        path = folder / f"{name}.{ending}"
        if not path.is_file() or load(str(path)) != 0:
            raise EnlargeError(f"{path} cannot be read: run `visavis assets fetch realesrgan`")

    def run(colours: NDArray[np.float32]) -> NDArray[np.float32]:
        extractor = network.create_extractor()
        extractor.input("data", ncnn.Mat(colours).clone())
        status, output = extractor.extract("output")
        if status != 0:
            raise EnlargeError(f"Real-ESRGAN gave up on a picture (ncnn says {status}): is there too little memory?")
        return np.array(output)

    return run
