"""Where a picture goes on the screen, and what is shown when none comes."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ROTATIONS = (0, 90, 180, 270)
"""Degrees clockwise."""
FITS = ("fit", "fill")
DIMMED = 0.35


def place(picture: tuple[int, int], output: tuple[int, int], rotation: int, fit: str) -> tuple[int, int, int, int]:
    """x, y, width and height, before it is turned by ``rotation`` about its middle, of a picture on an output; both (width, height).

    fit: all of the picture is seen, with borders; fill: no border, and what sticks out is not seen.
    """
    if rotation not in ROTATIONS or fit not in FITS:
        raise ValueError(f"rotation must be one of {ROTATIONS} and fit one of {FITS}, got {rotation} and {fit!r}")
    width, height = picture if rotation % 180 == 0 else picture[::-1]
    scales = output[0] / width, output[1] / height
    scale = min(scales) if fit == "fit" else max(scales)
    spare = 0 if fit == "fit" else 2  # a turned picture may lose a pixel at its edge
    size = round(picture[0] * scale) + spare, round(picture[1] * scale) + spare
    return round((output[0] - size[0]) / 2), round((output[1] - size[1]) / 2), *size


def idle_picture(last: NDArray[np.uint8] | None, width: int = 512, height: int = 768) -> NDArray[np.uint8]:
    """The last picture, darkened; before there was one, a dim point on black: the screen is alive, the stream is not."""
    if last is not None:
        return (last.astype(np.float32) * DIMMED).astype(np.uint8)
    made = np.zeros((height, width, 3), np.uint8)
    cv2.circle(made, (width // 2, height // 2), width // 24, (60, 70, 80), -1, cv2.LINE_AA)
    return made


def read_picture(path: Path) -> NDArray[np.uint8]:
    """An image file as RGB uint8 (height, width, 3); ValueError where there is none."""
    bgr = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR) if path.is_file() and path.stat().st_size else None
    if bgr is None:
        raise ValueError(f"{path} is no picture that can be read: give a PNG or JPEG file")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
