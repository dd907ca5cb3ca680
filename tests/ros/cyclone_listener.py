"""Run in an environment with cyclonedds and without ROS: receives 20 pictures of a topic and checks each of them.

python cyclone_listener.py DOMAIN TOPIC Image|CompressedImage
"""

import sys
import time
from dataclasses import dataclass

from cyclonedds.core import Policy, Qos
from cyclonedds.domain import DomainParticipant
from cyclonedds.idl import IdlStruct
from cyclonedds.idl.types import int32, sequence, uint8, uint32
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration

domain, topic, kind = int(sys.argv[1]), sys.argv[2], sys.argv[3]


@dataclass
class Time(IdlStruct, typename="builtin_interfaces::msg::dds_::Time_"):
    sec: int32
    nanosec: uint32


@dataclass
class Header(IdlStruct, typename="std_msgs::msg::dds_::Header_"):
    stamp: Time
    frame_id: str


@dataclass
class Image(IdlStruct, typename="sensor_msgs::msg::dds_::Image_"):
    header: Header
    height: uint32
    width: uint32
    encoding: str
    is_bigendian: uint8
    step: uint32
    data: sequence[uint8]


@dataclass
class CompressedImage(IdlStruct, typename="sensor_msgs::msg::dds_::CompressedImage_"):
    header: Header
    format: str
    data: sequence[uint8]


def check(picture: "Image | CompressedImage") -> None:
    data = bytes(picture.data)
    if isinstance(picture, Image):
        assert (picture.width, picture.height, picture.step, picture.encoding) == (512, 768, 1536, "rgb8"), picture.encoding
        assert len(data) == 512 * 768 * 3
    else:
        assert picture.format == "rgb8; jpeg compressed bgr8", picture.format
        assert data.startswith(b"\xff\xd8\xff") and data.endswith(b"\xff\xd9")
    assert abs(picture.header.stamp.sec - time.time()) < 30


participant = DomainParticipant(domain)
message = {"Image": Image, "CompressedImage": CompressedImage}[kind]
quality = Qos(Policy.Reliability.Reliable(duration(seconds=1)), Policy.History.KeepLast(5))
reader = DataReader(participant, Topic(participant, f"rt/{topic}", message), qos=quality)
end, stamps = time.monotonic() + 45, []
while len(stamps) < 20 and time.monotonic() < end:
    for picture in reader.take(10):
        if isinstance(picture, message):
            check(picture)
            stamps.append((picture.header.stamp.sec, picture.header.stamp.nanosec))
    time.sleep(0.01)
assert stamps == sorted(set(stamps)), "each picture once, in order"
print(f"{len(stamps)} pictures on rt/{topic}")
sys.exit(0 if len(stamps) >= 20 else 1)
