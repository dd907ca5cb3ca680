"""The topics of an avatar and their types, and how types are found by name."""

import contextlib
import importlib
from typing import Any

from geometry_msgs.msg import PointStamped
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import String
from visavis_msgs.msg import AudioChunk, ControlFrame, Expression, MotionChunk

TOPICS: dict[str, type] = {
    "audio": AudioChunk,
    "motion": MotionChunk,
    "control": ControlFrame,
    "keypoints": PointCloud2,
    "image_raw": Image,
    "image_raw/compressed": CompressedImage,
    "camera_info": CameraInfo,
    "audio_out": AudioChunk,
    "expression": Expression,
    "listen": AudioChunk,
    "look_at": PointStamped,
    "style": String,
}
"""Relative name -> message class."""

with contextlib.suppress(ImportError):  # an apt ROS without ros-jazzy-foxglove-msgs
    from foxglove_msgs.msg import CompressedVideo

    TOPICS["image_raw/foxglove"] = CompressedVideo


def type_name(message_class: Any) -> str:
    """ "sensor_msgs/msg/Image" of the class."""
    package, kind, _ = message_class.__module__.split(".")
    return f"{package}/{kind}/{message_class.__name__}"


def message_class(name: str) -> type:
    """The class of "sensor_msgs/msg/Image". ValueError, with what to do, if its package is not installed."""
    package, kind, short = name.split("/")
    try:
        return getattr(importlib.import_module(f"{package}.{kind}"), short)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"the message type {name} is not installed: install the package {package}, or leave its topics out") from error
