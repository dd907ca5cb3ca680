"""Pictures to ROS image messages and back. The only file that chooses between ``cv_bridge`` (apt ROS; converts any encoding) and numpy.

The wheels have no cv_bridge. The numpy path reads and writes the encodings of ``ENCODINGS`` with the very bytes that cv_bridge gives, and
refuses the others by name.
"""

import array
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sensor_msgs.msg import CompressedImage, Image

from visavis.film.mark import mark_jpeg
from visavis.ros.convert import bulk, header
from visavis.types import check_image, check_picture

try:
    from cv_bridge import CvBridge, CvBridgeError
except ImportError:
    CvBridge = None

ENCODINGS: dict[str, tuple[int, int | None, int | None]] = {
    "rgb8": (3, None, None),
    "bgr8": (3, cv2.COLOR_RGB2BGR, cv2.COLOR_BGR2RGB),
    "rgba8": (4, cv2.COLOR_RGB2RGBA, cv2.COLOR_RGBA2RGB),
    "bgra8": (4, cv2.COLOR_RGB2BGRA, cv2.COLOR_BGRA2RGB),
    "mono8": (1, cv2.COLOR_RGB2GRAY, cv2.COLOR_GRAY2RGB),
}
"""Encoding -> bytes a pixel, how OpenCV makes it of RGB, how it makes RGB of it (None: as it is)."""

MATTE_ENCODINGS = ("rgba8", "bgra8")
"""Those with opacity."""


def image_to_msg(image: ArrayLike, encoding: str, stamp_ns: int, frame_id: str) -> Image:
    """RGB uint8 (height, width, 3), or straight RGBA (height, width, 4), as an Image in one of ``ENCODINGS``. RGB is opaque;
    opacity goes only into encodings that have it."""
    pixels = check_picture(image)
    if encoding not in ENCODINGS:
        raise ValueError(f'pictures are published as {", ".join(ENCODINGS)}, not as "{encoding}"')
    channels, from_rgb, _ = ENCODINGS[encoding]
    if pixels.shape[2] == 4:
        if encoding not in MATTE_ENCODINGS:
            raise ValueError(f'a picture with opacity is published as {" or ".join(MATTE_ENCODINGS)}, not as "{encoding}"')
        pixels = pixels if encoding == "rgba8" else cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA)
    elif from_rgb is not None:
        pixels = cv2.cvtColor(pixels, from_rgb)
    height, width = pixels.shape[:2]
    return Image(
        header=header(stamp_ns, frame_id), height=height, width=width, encoding=encoding, step=width * channels, data=bulk(pixels, "B")
    )


def msg_to_image(msg: Image) -> NDArray[np.uint8]:
    """An Image of any sender as RGB uint8 (height, width, 3). Raises ValueError for an encoding that cannot be read and for wrong sizes."""
    return check_image(_read(msg))


def image_with_numpy(msg: Image) -> NDArray[np.uint8]:
    """``msg_to_image`` without cv_bridge: the encodings of ``ENCODINGS``, with or without padding at the ends of rows."""
    if msg.encoding not in ENCODINGS:
        raise ValueError(
            f'a picture encoded as "{msg.encoding}": without cv_bridge only {", ".join(ENCODINGS)} can be read; '
            "publish one of these, or run under an apt ROS"
        )
    channels, _, to_rgb = ENCODINGS[msg.encoding]
    pixels = _rows(msg, msg.width * channels).reshape(msg.height, msg.width, channels)
    return pixels.copy() if to_rgb is None else cv2.cvtColor(np.ascontiguousarray(pixels), to_rgb)


def _rows(msg: Image, used: int) -> NDArray[np.uint8]:
    """The first `used` bytes of each row, (height, used): the rest is padding. ValueError for sizes that contradict each other."""
    if msg.step < used or len(msg.data) != msg.step * msg.height or not len(msg.data):
        raise ValueError(
            f"a picture of {msg.width}x{msg.height} {msg.encoding} with rows of {msg.step} bytes (at least {used}) "
            f"must have {msg.step * msg.height} bytes, got {len(msg.data)}"
        )
    return np.frombuffer(msg.data, np.uint8).reshape(msg.height, msg.step)[:, :used]


def jpeg_to_msg(image: ArrayLike, quality: int, encoding: str, stamp_ns: int, frame_id: str, mark: bytes = b"") -> CompressedImage:
    """RGB uint8 (height, width, 3) as a JPEG, labelled as image_transport's compressed plugin labels a picture of this encoding.

    mark: a segment of ``film.mark.jpeg_segment`` that the file carries.
    """
    bgr = cv2.cvtColor(check_image(image), cv2.COLOR_RGB2BGR)
    done, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of shape {bgr.shape} could not be compressed")
    data = array.array("B")
    data.frombytes(mark_jpeg(jpeg.tobytes(), mark) if mark else jpeg.data)
    return CompressedImage(header=header(stamp_ns, frame_id), format=f"{encoding}; jpeg compressed bgr8", data=data)


def msg_to_jpeg_image(msg: CompressedImage) -> NDArray[np.uint8]:
    """A compressed picture (JPEG or PNG) as RGB uint8 (height, width, 3). Raises ValueError for bytes that are no picture."""
    bgr = cv2.imdecode(np.frombuffer(msg.data, np.uint8), cv2.IMREAD_COLOR) if len(msg.data) else None
    if bgr is None:
        raise ValueError(f'a compressed picture ("{msg.format}", {len(msg.data)} bytes) that cannot be read')
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def image_with_cv_bridge(msg: Image) -> NDArray[np.uint8]:
    """``msg_to_image`` through cv_bridge: every encoding it knows. It takes rows for unpadded, so padding is taken off before."""
    bridge = CvBridge()
    try:
        dtype, channels = bridge.encoding_to_dtype_with_channels(msg.encoding)
        used = msg.width * channels * np.dtype(dtype).itemsize
        rows = _rows(msg, used)
        if msg.step != used:
            data = bulk(np.ascontiguousarray(rows), "B")
            msg = Image(height=msg.height, width=msg.width, encoding=msg.encoding, is_bigendian=msg.is_bigendian, step=used, data=data)
        return bridge.imgmsg_to_cv2(msg, desired_encoding="rgb8")
    except CvBridgeError as error:
        raise ValueError(f'a picture encoded as "{msg.encoding}" that cv_bridge cannot read: {error}') from error


_read: Callable[[Image], NDArray[np.uint8]] = image_with_cv_bridge if CvBridge is not None else image_with_numpy
