import array

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image

from visavis.ros.pictures import (
    ENCODINGS,
    MATTE_ENCODINGS,
    image_to_msg,
    image_with_numpy,
    jpeg_to_msg,
    msg_to_image,
    msg_to_jpeg_image,
    msg_to_picture,
)

COLOURS = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)


def test_the_bytes_of_each_encoding_are_what_its_name_says() -> None:
    pixel = np.array([[[10, 20, 30]]], np.uint8)
    data = {encoding: image_to_msg(pixel, encoding, 0, "").data.tolist() for encoding in ENCODINGS}
    grey = data.pop("mono8")
    assert data == {"rgb8": [10, 20, 30], "bgr8": [30, 20, 10], "rgba8": [10, 20, 30, 255], "bgra8": [30, 20, 10, 255]}
    assert grey == [round(0.299 * 10 + 0.587 * 20 + 0.114 * 30)]


@pytest.mark.parametrize("encoding", [encoding for encoding in ENCODINGS if encoding != "mono8"])
def test_colour_survives_the_round_trip(encoding: str) -> None:
    msg = image_to_msg(COLOURS, encoding, 1_500_000_000, "screen")
    assert (msg.height, msg.width, msg.step, msg.encoding) == (12, 20, len(msg.data) // 12, encoding)
    assert (msg.header.stamp.sec, msg.header.stamp.nanosec, msg.header.frame_id) == (1, 500_000_000, "screen")
    assert isinstance(msg.data, array.array)
    assert np.array_equal(msg_to_image(msg), COLOURS)


def test_grey_stays_grey() -> None:
    back = msg_to_image(image_to_msg(COLOURS, "mono8", 0, ""))
    assert np.array_equal(back, np.repeat(cv2.cvtColor(COLOURS, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2))


def test_padding_at_the_ends_of_rows_is_left_out() -> None:
    msg = image_to_msg(COLOURS, "rgb8", 0, "")
    rows = np.frombuffer(msg.data, np.uint8).reshape(12, 60)
    msg.step, msg.data = 64, array.array("B", np.pad(rows, ((0, 0), (0, 4))).tobytes())
    assert np.array_equal(image_with_numpy(msg), COLOURS)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"encoding": "yuv422"}, 'encoded as "yuv422".*publish one of these'),
        ({"height": 13}, "must have 780 bytes, got 720"),
        ({"step": 50}, "rows of 50 bytes"),
        ({"data": array.array("B"), "height": 0}, "got 0"),
    ],
)
def test_pictures_that_cannot_be_read_are_refused(changes: dict, match: str) -> None:
    msg = image_to_msg(COLOURS, "rgb8", 0, "")
    for name, value in changes.items():
        setattr(msg, name, value)
    with pytest.raises(ValueError, match=match):
        image_with_numpy(msg)


def test_encodings_that_are_not_published_are_named() -> None:
    with pytest.raises(ValueError, match='not as "mono16"'):
        image_to_msg(COLOURS, "mono16", 0, "")


def test_jpeg_keeps_the_colours_and_their_order() -> None:
    smooth = cv2.resize(COLOURS[:3, :4], (64, 48), interpolation=cv2.INTER_CUBIC)
    msg = jpeg_to_msg(smooth, 95, "rgb8", 0, "")
    assert msg.format == "rgb8; jpeg compressed bgr8"
    assert np.abs(msg_to_jpeg_image(msg).astype(int) - smooth).mean() < 4
    assert len(jpeg_to_msg(smooth, 20, "rgb8", 0, "").data) < len(msg.data)


@pytest.mark.parametrize("data", [b"", b"no picture"])
def test_bytes_that_are_no_picture_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        msg_to_jpeg_image(CompressedImage(format="jpeg", data=array.array("B", data)))


def test_messages_are_of_the_ros_types() -> None:
    assert isinstance(image_to_msg(COLOURS, "rgb8", 0, ""), Image)


@pytest.mark.parametrize("encoding", MATTE_ENCODINGS)
def test_opacity_survives_the_round_trip(encoding: str) -> None:
    picture = np.dstack([COLOURS, COLOURS[..., 0] // 2])
    assert np.array_equal(msg_to_picture(image_to_msg(picture, encoding, 0, "")), picture)
    assert msg_to_picture(image_to_msg(COLOURS, "bgr8", 0, "")).shape[2] == 3
