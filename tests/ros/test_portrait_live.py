"""Another portrait while the graph runs: real control and video nodes, real photos, real DDS."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PhotoFile
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_graph import Graph
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String

from visavis.cli.defaults import default_portrait
from visavis.film.mark import SOURCE_TYPE, read_xmp_mark
from visavis.portrait.cache import load_portrait, portraits_dir
from visavis.ros.convert import msg_to_stamp
from visavis.ros.pictures import msg_to_jpeg_image
from visavis.store import asset_path


def start(ros: Graph, name: str, **parameters: object) -> Any:
    flags = [flag for key, value in parameters.items() for flag in ("-p", f"{key}:={value}")]
    return ros.run([sys.executable, "-m", f"visavis.nodes.{name}", "--ros-args", "-p", "autostart:=true", *flags])


def set_portrait(ros: Graph, photo: Path) -> Any:
    request = SetParameters.Request(parameters=[Parameter(name="portrait", value=ParameterValue(type=4, string_value=str(photo)))])
    return ros.call(SetParameters, "/control_render/set_parameters", request).results[0]


@pytest.mark.slow
def test_another_portrait_takes_over_between_two_pictures(ros: Graph, tmp_path: Path) -> None:
    first = load_portrait(default_portrait())
    cache = tmp_path / "cache"
    cache.mkdir()
    for path in portraits_dir().glob("*.npz"):  # only the other photo is to be fitted here
        (cache / path.name).symlink_to(path)
    other = tmp_path / "other.jpg"
    with PhotoFile.open(asset_path("openpeople") / "P002" / "assets" / "amateur_selfie.jpg") as photo:
        photo.resize((500, 745)).save(other, quality=90, comment=str(tmp_path))
    other_hash = hashlib.sha256(other.read_bytes()).hexdigest()
    broken = tmp_path / "broken.jpg"
    broken.write_text("no photo")

    said: list[String] = []
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    pictures, raw, cameras = (
        ros.listen(kind, topic, depth=2000)
        for kind, topic in ((CompressedImage, "image_raw/compressed"), (Image, "image_raw"), (CameraInfo, "camera_info"))
    )
    ros.start("motion_diffusion")
    control = start(ros, "control_render", portrait_cache=cache)
    start(ros, "video_generation", portrait_cache=cache, framing="head", image_width=128, pixel_format="rgba8", visible_mark="true")
    ros.wait(lambda: len(pictures) > 5 and len(raw) > 5, "pictures of the first portrait")
    ros.node.create_subscription(String, "provenance", said.append, latched)
    ros.wait(lambda: said, "its provenance, for a latecomer")
    facts = json.loads(said[-1].data)
    assert facts["portrait"] == first.content_hash and facts["synthetic_media"] and facts["digitalSourceType"] == SOURCE_TYPE
    image = raw[-1]
    assert (image.encoding, image.width, image.height, image.step) == ("rgba8", 128, 128, 512)
    opacity = np.frombuffer(image.data, np.uint8).reshape(128, 128, 4)[..., 3]
    assert (opacity[:10, :10] == 0).all() and (opacity[60:70, 60:70] == 255).all()
    left, _, side = first.head_frame
    expected = (first.focal * 128 / side, (first.principal[0] + 0.5 - left) * 128 / side - 0.5)
    assert (cameras[-1].k[0], cameras[-1].k[2]) == pytest.approx(expected)

    result = set_portrait(ros, tmp_path / "absent.jpg")
    assert not result.successful and "absent.jpg" in result.reason
    assert set_portrait(ros, broken).successful
    ros.wait(lambda: "the portrait stays as it is" in control.said, "word about a photo that is none")
    assert "broken.jpg" in next(line for line in control.lines if "stays as it is" in line)
    ask = GetParameters.Request(names=["portrait"])
    ros.wait(lambda: ros.call(GetParameters, "/control_render/get_parameters", ask).values[0].string_value == "", "the old parameter")

    assert set_portrait(ros, other).successful
    ros.wait(lambda: json.loads(said[-1].data)["portrait"] == other_hash, "the other portrait")
    shown = len(pictures)
    ros.wait(lambda: len(pictures) > shown + 10, "pictures of the other portrait")
    # Every picture is of one person or the other, and there is one change.
    marks = [read_xmp_mark(bytes(msg.data)) for msg in pictures]
    change = next(index for index, mark in enumerate(marks) if other_hash[:16] in mark)
    assert all(first.content_hash[:16] in mark for mark in marks[:change]) and all(other_hash[:16] in mark for mark in marks[change:])
    wall = [msg_to_jpeg_image(msg)[:12, :12].reshape(-1, 3).mean(0) for msg in pictures]
    assert np.abs(np.array(wall[:change]) - wall[0]).max() < 4 and np.abs(np.array(wall[change:]) - wall[change]).max() < 4
    assert np.abs(wall[0] - wall[change]).max() > 8, "the two walls differ, or this would show nothing"
    assert min(each.min() for each in wall) > 20, "none is black"
    stamps = np.diff([msg_to_stamp(msg.header.stamp) for msg in pictures]) / 1e6
    assert (stamps > 0).all()
    lost = round(stamps.sum() / (1000 / 30)) - len(stamps)
    assert lost <= ros.present("video_generation", "drops", "repeated"), "a change of portrait loses no picture"
    assert ros.value("video_generation", "before_portrait") == ros.value("video_generation", "refused") == 0, "control waits for video"
    ros.assert_no_errors()
