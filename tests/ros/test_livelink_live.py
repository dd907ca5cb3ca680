"""A capture of Live Link Face, played by the graph."""

import datetime
import io
import socket
import struct
import sys
from itertools import pairwise
from typing import Any

import numpy as np
from ros_graph import Graph, voice
from sensor_msgs.msg import Image
from visavis_msgs.msg import MotionChunk

from visavis.motion.layout import ARKIT_INDEX, neutral_motion
from visavis.motion.livelink import write_livelink
from visavis.ros.convert import msg_to_motion_chunk


def test_a_capture_is_replayed_on_a_portrait(ros: Graph) -> None:
    moved = neutral_motion(45)
    moved[:, ARKIT_INDEX["jawOpen"]] = np.linspace(0, 0.5, 45)
    write_livelink(ros.folder / "take.csv", moved)
    command = [sys.executable, "-m", "visavis.cli.main"]
    made = ros.run([*command, "livelink", "import", str(ros.folder / "take.csv"), str(ros.folder / "bag")])
    assert made.wait() == 0, made.said
    for name in ("control_render", "video_generation"):
        ros.start(name, portrait="another.jpg")
    ros.wait(lambda: ros.state("video_generation") == "active" and ros.state("control_render") == "active", "the portrait")
    pictures, heard = ros.listen(Image, "image_raw"), ros.listen(MotionChunk, "motion")
    player = ros.run([*command, "replay", str(ros.folder / "bag")])
    ros.wait(lambda: any(msg.end_of_utterance for msg in heard), "the end of the capture")
    assert player.wait() == 0, player.said
    values = np.concatenate([msg_to_motion_chunk(msg).values for msg in heard])
    np.testing.assert_allclose(values, moved, atol=1e-6)

    def shown() -> list[int]:
        return [int(msg.data[0]) for msg in pictures if msg.data[2] == 0]

    ros.wait(lambda: len(set(shown())) + ros.value("video_generation", "drops") >= 45, "all pictures to be shown, or counted")
    # After the capture the last picture stays on the screen: nothing follows it.
    assert shown() and shown() == sorted(shown())


def decode(packet: bytes) -> tuple[str, float, tuple[float, ...]]:
    """Name, seconds since midnight and the 61 values of a packet of Live Link Face."""
    stream = io.BytesIO(packet)

    def take(code: str) -> tuple[Any, ...]:
        return struct.unpack(f"!{code}", stream.read(struct.calcsize(f"!{code}")))

    (version,) = take("B")
    device, subject = (stream.read(take("i")[0]).decode() for _ in range(2))
    frame, part, numerator, denominator, count = take("ifiiB")
    assert (version, count, len(device)) == (6, 61, 36) and 0 <= part < 1
    values = take("61f")
    assert stream.read() == b""
    return subject, (frame + part) * denominator / numerator, values


def test_packets_leave_in_step_with_the_picture(ros: Graph) -> None:
    motion = ros.listen(MotionChunk, "motion", depth=1000)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        ear.setblocking(False)
        ros.start("motion_diffusion")
        ros.start("livelink", port=ear.getsockname()[1], subject="Ada")
        heard: list[tuple[float, float, tuple[float, ...]]] = []

        def listen() -> None:
            while True:
                try:
                    packet = ear.recv(2048)
                except BlockingIOError:
                    return
                now = datetime.datetime.now()
                subject, day_s, values = decode(packet)
                assert subject == "Ada"
                heard.append((day_s, (now.hour * 60 + now.minute) * 60 + now.second + now.microsecond / 1e6, values))

        def spoke() -> bool:
            listen()
            return sum(values[0] > 0.01 for _, _, values in heard) > 60

        ros.wait(lambda: listen() or heard, "an idle face")
        ros.speak(voice(4.0))
        ros.wait(spoke, "a face that speaks")
        assert all(sent > shown - 0.002 or sent < shown - 80_000 for shown, sent, _ in heard), "none before its picture"
        times = [shown for shown, _, _ in heard]
        assert all(later > earlier or later < earlier - 80_000 for earlier, later in pairwise(times))

        # Each frame of the speech that was sent is that of the topic, at its media time plus the delay; between two is their middle.
        (speech,) = {msg.utterance_id for msg in motion} - {0}
        expected = {}
        for msg in motion:
            rows = np.frombuffer(msg.values, np.float32).reshape(msg.frames, -1)
            stamp = msg.header.stamp.sec + msg.header.stamp.nanosec / 1e9 + 0.43
            for index, row in enumerate(rows):
                if msg.utterance_id == speech:
                    shown = datetime.datetime.fromtimestamp(stamp + index / 30)
                    day_s = (shown.hour * 60 + shown.minute) * 60 + shown.second + shown.microsecond / 1e6
                    expected[msg.first_frame + index] = day_s, np.clip(row[:52], 0, 1)
        whole = between = other = 0
        for day_s, _, values in heard:
            for index in range(8, len(expected) - 1):
                if abs(day_s - expected[index][0]) < 0.002:
                    same = np.allclose(values[:52], expected[index][1], atol=1e-6)
                    whole, other = whole + same, other + (not same)
                elif abs(day_s - expected[index][0] - 1 / 60) < 0.002 and index + 1 in expected:
                    middle = (expected[index][1] + expected[index + 1][1]) / 2
                    between += np.allclose(values[:52], middle, atol=1e-6)
        assert whole > 20 and between > 20
        assert other <= ros.present("livelink", "repeated"), "only a face that stands in for one that came late differs"
    ros.assert_no_errors()
