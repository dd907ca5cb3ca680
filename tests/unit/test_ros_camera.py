from pathlib import Path

import pytest
import yaml

from visavis.ros.camera import camera_info
from visavis.video.view import View

FILE = {
    "image_width": 512,
    "image_height": 768,
    "camera_name": "avatar",
    "camera_matrix": {"data": [900, 0, 256, 0, 900, 384, 0, 0, 1]},
    "distortion_model": "plumb_bob",
    "distortion_coefficients": {"data": [0.1, 0, 0, 0, 0]},
    "rectification_matrix": {"data": [1, 0, 0, 0, 1, 0, 0, 0, 1]},
    "projection_matrix": {"data": [900, 0, 256, 0, 0, 900, 384, 0, 0, 0, 1, 0]},
}


def read(path: Path, changes: dict) -> None:
    path.write_text(yaml.safe_dump(FILE | changes))
    camera_info(str(path), "avatar", 512, 768, 1.0, (0.0, 0.0))


def test_the_fitted_camera_scales_with_the_picture() -> None:
    focal, principal = View(scale=2.0).camera(900.0, (255.5, 383.5))
    msg = camera_info("", "avatar", 1024, 1536, focal, principal).at(1_500_000_000, "visavis")
    assert (msg.width, msg.height, msg.header.stamp.sec, msg.header.frame_id) == (1024, 1536, 1, "visavis")
    assert msg.k.tolist() == [1800, 0, 511.5, 0, 1800, 767.5, 0, 0, 1]
    assert msg.p.tolist() == [1800, 0, 511.5, 0, 0, 1800, 767.5, 0, 0, 0, 1, 0]
    assert list(msg.d) == [0] * 5


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_calibration_file_is_taken_as_it_is(tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "my camera.yaml"
    path.write_text(yaml.safe_dump(FILE))
    url = scheme + (str(path).replace(" ", "%20") if scheme else str(path))
    msg = camera_info(url, "avatar", 512, 768, 1.0, (0.0, 0.0)).at(0, "")
    assert msg.k.tolist() == FILE["camera_matrix"]["data"] and msg.d[0] == 0.1


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"image_width": 640}, "is for 640x768, the pictures are 512x768"),
        ({"camera_name": "robot"}, "camera_name"),
        ({"camera_matrix": {"data": [1, 2]}}, "must have 9, 9 and 12 numbers"),
        ({"camera_matrix": None}, "make one with camera_calibration"),
        ({"distortion_coefficients": {"data": ["x"]}}, "make one with camera_calibration"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path: Path, changes: dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        read(tmp_path / "camera.yaml", changes)


@pytest.mark.parametrize("url", ["/nonexistent.yaml", "package://robot/camera.yaml"])
def test_addresses_that_cannot_be_read_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="camera_info_url"):
        camera_info(url, "avatar", 512, 768, 1.0, (0.0, 0.0))
