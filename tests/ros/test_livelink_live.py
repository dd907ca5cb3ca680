"""A capture of Live Link Face, played by the graph."""

import sys

import numpy as np
from ros_graph import Graph
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
