"""A node that is too slow with the network of the skin draws without it, tells so, and takes it back; unless it is told not to."""

from pathlib import Path

import numpy as np
from ros_graph import Graph
from sensor_msgs.msg import Image


def shares(pictures: list[Image]) -> np.ndarray:
    """How much of the network each picture of the double shows, 0..255."""
    return np.array([msg.data[3] for msg in pictures], int)


def test_the_network_of_the_skin_goes_when_there_is_no_time_for_it_and_comes_back(ros: Graph, tmp_path: Path) -> None:
    heavy = tmp_path / "heavy_skin"
    ros.env |= {"SCREEN_FAULTS": str(tmp_path)}
    heavy.touch()
    before = ros.listen(Image, "image_raw")
    video = ros.start_avatar(relief=False)["video_generation"]
    ros.wait(lambda: ros.value("video_generation", "late_drops") > 2, "pictures to come too late")
    assert set(shares(before)) == {255} and ros.present("video_generation", "reliefs", "unrefined") == 0, "it was told to keep it"
    assert video.stop() == 0
    video = ros.replace(video, "video_generation")
    pictures = ros.listen(Image, "image_raw")
    ros.wait(lambda: (shares(pictures[-30:]) == 0).sum() == 30, "pictures without the network")
    assert ros.present("video_generation", "reliefs") >= 1
    assert "without the network of the skin" in video.said
    heavy.unlink()
    ros.wait(lambda: ros.value("video_generation", "skin") == 1 and shares(pictures[-1:]) == 255, "the network to be back")
    assert len(set(shares(pictures))) > 2, "it fades"
    assert ros.present("video_generation", "unrefined") > 0
    ros.assert_no_errors()
