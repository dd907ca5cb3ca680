"""Pictures over real DDS become H.264 as Foxglove wants it, are recorded, replayed and decoded again."""

import sys
from collections.abc import Iterable

import av
import cv2
import numpy as np
from foxglove_msgs.msg import CompressedVideo
from ros_graph import Graph
from sensor_msgs.msg import Image

from visavis.nodes.avatar import DEFAULT_PORTRAIT
from visavis.ros.bags import read_bag
from visavis.ros.convert import msg_to_stamp
from visavis.ros.pictures import image_to_msg
from visavis.screen.h264 import VideoDecoder
from visavis.store import shipped

SPS, PPS, IDR, SLICE = 7, 8, 5, 1
NEVER_IN_A_FRAME = {2, 3, 4}  # data partitions, which baseline has not


def nal_types(data: bytes) -> list[int]:
    """Of the NAL units of an Annex B stream (H.264, annex B.1)."""
    assert data.startswith((b"\0\0\1", b"\0\0\0\1"))
    return [data[at + 3] & 31 for at in range(len(data) - 3) if data[at : at + 3] == b"\0\0\1"]


def decode(messages: Iterable[CompressedVideo]) -> list[np.ndarray]:
    """One picture a message, or it fails: nothing waits for a later one. The screen's decoder sees the same."""
    decoder, pictures, screen = av.CodecContext.create("h264", "r"), [], VideoDecoder()
    decoder.flags |= av.codec.context.Flags.low_delay
    assert screen.decode(b"\0\0\0\1nonsense") is None
    for msg in messages:
        (frame,) = decoder.decode(av.Packet(bytes(msg.data)))
        assert frame.pict_type != av.video.frame.PictureType.B
        pictures.append(frame.to_ndarray(format="rgb24"))
        assert np.array_equal(screen.decode(bytes(msg.data)), pictures[-1])
    return pictures


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


def test_video_is_encoded_while_somebody_looks_and_lives_in_a_bag(ros: Graph) -> None:
    ros.start("video_encoder", keyframe_seconds=0.5)
    ros.wait(lambda: ros.state("video_encoder") == "active", "the encoder")
    pictures = ros.node.create_publisher(Image, "image_raw", 5)
    portrait = cv2.resize(
        cv2.cvtColor(cv2.imread(str(shipped(DEFAULT_PORTRAIT))), cv2.COLOR_BGR2RGB), (560, 840), interpolation=cv2.INTER_AREA
    )
    sent: dict[int, np.ndarray] = {}

    def show(count: int) -> None:
        for _ in range(count):
            index = len(sent)
            x, y = 24 + round(20 * np.sin(index / 7)), 36 + round(20 * np.cos(index / 9))
            stamp_ns = 1_700_000_000_000_000_000 + index * 33_333_333
            sent[stamp_ns] = portrait[y : y + 768, x : x + 512]
            pictures.publish(image_to_msg(sent[stamp_ns], "rgb8", stamp_ns, "camera"))
            ros.spin(1 / 30)

    assert pictures.get_subscription_count() == 0, "nobody looks"
    bag = ros.folder / "bag"
    recorder = ros.run([sys.executable, "-m", "visavis.cli.main", "record", str(bag), "--topics", "image_raw/foxglove"])
    ros.wait(pictures.get_subscription_count, "the encoder to want pictures")
    while not ros.value("video_encoder", "frames") >= 30:
        show(10)
    video = ros.listen(CompressedVideo, "image_raw/foxglove")
    ros.wait(lambda: ros.value("video_encoder", "viewers") == 2, "a second viewer")
    while len(video) < 3:
        show(3)
    assert {SPS, PPS, IDR} <= set(nal_types(bytes(video[0].data))), "who comes later begins with a key frame"
    ros.wait_for_rest(video, 0.5, "the end of the video")
    encoded = ros.present("video_encoder", "frames")
    keys = ros.value("video_encoder", "keyframes")
    assert recorder.stop() == 0, recorder.said

    recorded = [msg for _, msg, _ in read_bag(bag)]
    assert len(recorded) == encoded
    kinds = [nal_types(bytes(msg.data)) for msg in recorded]
    assert sum(IDR in kind for kind in kinds) == keys >= 3
    for msg, kind in zip(recorded, kinds, strict=True):
        assert (msg.format, msg.frame_id) == ("h264", "camera")
        assert kind.count(SLICE) + kind.count(IDR) == 1 and not NEVER_IN_A_FRAME & set(kind)
        assert (IDR in kind) == (SPS in kind) == (PPS in kind)
    quality = [psnr(picture, sent[msg_to_stamp(msg.timestamp)]) for msg, picture in zip(recorded, decode(recorded), strict=True)]
    assert min(quality) > 30 and np.median(quality) > 35, f"{min(quality):.1f} dB at worst, {np.median(quality):.1f} dB in the middle"

    video.clear()
    ros.run([sys.executable, "-m", "visavis.cli.main", "replay", str(bag), "--topics", "image_raw/foxglove"])
    ros.wait(lambda: len(video) >= len(recorded), "the replay")
    assert [bytes(msg.data) for msg in video] == [bytes(msg.data) for msg in recorded]
    moved = {msg_to_stamp(new.timestamp) - msg_to_stamp(old.timestamp) for new, old in zip(video, recorded, strict=True)}
    assert min(moved) > 0, "by the time between recording and replay"
    ros.assert_no_errors()
