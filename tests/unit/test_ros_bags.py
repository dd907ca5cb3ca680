"""Bags without a graph: written, killed, repaired, read."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image
from visavis_msgs.msg import AudioChunk as AudioChunkMsg
from visavis_msgs.msg import MotionChunk as MotionChunkMsg

from visavis.motion.layout import neutral_motion
from visavis.nodes.player import move_stamp, usual_spacing_ns
from visavis.ros.bags import BagError, BagWriter, bag_counts, offered_qos, open_bag, read_bag, repair_bag, select, typestore_with
from visavis.ros.convert import audio_chunk_to_msg, motion_chunk_to_msg, stamp_to_msg
from visavis.ros.topics import message_class
from visavis.types import AudioChunk, MotionChunk

NOW = 1_700_000_000_000_000_000
STORAGES = pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
RELIABLE = QoSProfile(depth=7, reliability=ReliabilityPolicy.RELIABLE)


def audio(index: int) -> AudioChunkMsg:
    return audio_chunk_to_msg(AudioChunk(1, index * 640, np.full(640, index, np.int16), NOW + index * 40_000_000))


def write(writer: BagWriter, count: int, first: int = 0) -> None:
    for index in range(first, first + count):
        at = NOW + index * 40_000_000
        writer.write("/audio", "visavis_msgs/msg/AudioChunk", [RELIABLE], at, serialize_message(audio(index)))
        if index % 5 == 0:
            motion = motion_chunk_to_msg(MotionChunk(1, index, neutral_motion(2), at))
            writer.write("/motion", "visavis_msgs/msg/MotionChunk", [RELIABLE], at + 1, serialize_message(motion))


@STORAGES
def test_what_is_written_is_read(tmp_path: Path, storage: str) -> None:
    writer = BagWriter(tmp_path / "bag", storage)
    write(writer, 50)
    writer.close()
    assert not writer.error and writer.dropped == 0
    assert bag_counts(tmp_path / "bag") == {"/audio": 50, "/motion": 10}
    read = list(read_bag(tmp_path / "bag"))
    assert [topic for topic, _, _ in read].count("/motion") == 10
    assert [msg.samples[0] for topic, msg, _ in read if topic == "/audio"] == list(range(50))
    assert [at for _, _, at in read] == sorted(at for _, _, at in read)
    for names in (["motion"], ["/motion"]):
        assert {topic for topic, _, _ in read_bag(tmp_path / "bag", names)} == {"/motion"}
    with open_bag(tmp_path / "bag") as reader:
        (connection,) = select(reader, ["audio"])
        assert "int16[] samples" in connection.msgdef.data and connection.digest.startswith("RIHS01_")
        assert offered_qos(connection, 3).depth == 7


@STORAGES
def test_a_recording_that_was_killed_is_repaired(tmp_path: Path, storage: str) -> None:
    writer = BagWriter(tmp_path / "bag", storage)
    write(writer, 30)
    time.sleep(1.6)
    write(writer, 1, first=30)  # the flush that is due happens with it
    time.sleep(1.6)
    write(writer, 5, first=31)
    shutil.copytree(tmp_path / "bag", tmp_path / "killed")  # what the disk holds if the process ends here
    writer.close()
    killed = tmp_path / "killed"
    with pytest.raises(BagError, match="was not closed: run `visavis record --repair"):
        bag_counts(killed)
    assert repair_bag(killed)["/audio"] >= 31
    assert (tmp_path / "killed.damaged").is_dir()
    assert [msg.samples[0] for _, msg, _ in read_bag(killed, ["audio"])][:31] == list(range(31))
    assert next(msg for _, msg, _ in read_bag(killed, ["motion"])).frames == 2
    with pytest.raises(BagError, match="nothing to repair"):
        repair_bag(killed)


def test_an_mcap_that_was_cut_off_in_the_midst_of_a_chunk_keeps_what_is_whole(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag")
    for index in range(40):
        picture = Image(height=1, width=100_000, encoding="mono8", step=100_000)
        picture.data.frombytes(bytes([index]) * 100_000)
        writer.write("/image_raw", "sensor_msgs/msg/Image", [], NOW + index, serialize_message(picture))
    writer.close()
    bag = tmp_path / "bag"
    (bag / "metadata.yaml").unlink()
    data = (bag / "bag.mcap").read_bytes()
    (bag / "bag.mcap").write_bytes(data[: len(data) * 2 // 3])
    saved = repair_bag(bag)["/image_raw"]
    assert 20 <= saved < 40
    assert [msg.data[0] for _, msg, _ in read_bag(bag)] == list(range(saved))


def test_a_full_disk_ends_the_recording_and_the_bag_is_readable(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag", min_free_bytes=2**62)
    write(writer, 10)
    deadline = time.monotonic() + 20
    while not writer.error and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "of disk are free" in writer.error and "recording has ended" in writer.error
    write(writer, 10, first=10)
    writer.close()
    assert bag_counts(tmp_path / "bag")["/audio"] == 10


def test_a_bag_is_never_overwritten_and_needs_a_place(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="exists already"):
        BagWriter(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BagError, match="cannot be made"):
        BagWriter(tmp_path / "file" / "bag")
    with pytest.raises(BagError, match="storage must be one of"):
        BagWriter(tmp_path / "bag", "tape")


def test_what_is_no_bag_is_named(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="there is no bag"):
        bag_counts(tmp_path / "nothing")
    with pytest.raises(BagError, match="is not a bag"):
        bag_counts(tmp_path)
    with pytest.raises(BagError, match="is not a bag"):
        repair_bag(tmp_path)
    (tmp_path / "metadata.yaml").write_text("nonsense: [")
    with pytest.raises(BagError, match="cannot be read"):
        bag_counts(tmp_path)


def test_a_topic_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag")
    write(writer, 1)
    writer.close()
    with pytest.raises(BagError, match="has no /pictures: it has /audio, /motion"):
        list(read_bag(tmp_path / "bag", ["pictures"]))


def test_types_that_are_not_installed_are_named() -> None:
    with pytest.raises(BagError, match="install the package moon_msgs"):
        typestore_with("moon_msgs/msg/Phase")
    with pytest.raises(ValueError, match="install the package moon_msgs"):
        message_class("moon_msgs/msg/Phase")


def test_only_the_stamp_of_a_message_is_moved() -> None:
    msg = audio(3)
    moved = deserialize_message(move_stamp(bytes(serialize_message(msg)), 1_500_000_000), AudioChunkMsg)
    msg.header.stamp = stamp_to_msg(NOW + 3 * 40_000_000 + 1_500_000_000)
    assert moved == msg


def test_no_stamp_stays_no_stamp() -> None:
    data = bytes(serialize_message(MotionChunkMsg()))
    assert move_stamp(data, 10**9) == data


def test_the_last_message_of_a_pass_lasts_as_long_as_those_before_it() -> None:
    sound = [index * 40 + (5_000 if index > 9 else 0) + index % 2 for index in range(20)]
    assert (
        abs(usual_spacing_ns({"/a/audio": sound, "/a/image_raw/compressed": list(range(0, 999, 33)), "/diagnostics": [0, 1000, 2000]}) - 40)
        <= 1
    )
    assert usual_spacing_ns({"/diagnostics": [0, 1000, 2000], "/audio": [7]}) == 1000
    assert usual_spacing_ns({"/audio": [7]}) == usual_spacing_ns({}) == 0


def test_latched_topics_stay_latched(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag")
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL, reliability=ReliabilityPolicy.BEST_EFFORT)
    writer.write("/audio", "visavis_msgs/msg/AudioChunk", [latched], NOW, serialize_message(audio(0)))
    writer.close()
    with open_bag(tmp_path / "bag") as reader:
        profile = offered_qos(reader.connections[0], 10)
    assert (profile.durability, profile.reliability) == (DurabilityPolicy.TRANSIENT_LOCAL, ReliabilityPolicy.BEST_EFFORT)
