"""The camera that the portrait was taken with, as sensor_msgs/CameraInfo: fitted to the photo, or read from a calibration file."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

import yaml
from sensor_msgs.msg import CameraInfo

from visavis.ros.convert import header


@dataclass(frozen=True)
class Calibration:
    """A pinhole camera. matrix: 9 numbers row by row; distortion: 5 numbers of the plumb_bob model; projection: 12 numbers."""

    width: int
    height: int
    matrix: tuple[float, ...]
    distortion: tuple[float, ...]
    rectification: tuple[float, ...]
    projection: tuple[float, ...]
    model: str = "plumb_bob"

    def at(self, stamp_ns: int, frame_id: str) -> CameraInfo:
        return CameraInfo(
            header=header(stamp_ns, frame_id),
            width=self.width,
            height=self.height,
            distortion_model=self.model,
            d=[float(value) for value in self.distortion],
            k=[float(value) for value in self.matrix],
            r=[float(value) for value in self.rectification],
            p=[float(value) for value in self.projection],
        )


def camera_info(url: str, camera_name: str, width: int, height: int, focal: float, principal: tuple[float, float]) -> Calibration:
    """The calibration of the file at ``url`` (path or file://, the format of camera_calibration), or without one of a pinhole.

    focal, principal: of the pinhole, in pixels of these pictures. Raises ValueError for a bad file.
    """
    if url:
        return _read(url, camera_name, width, height)
    f, x, y = focal, *principal
    return Calibration(
        width, height, (f, 0, x, 0, f, y, 0, 0, 1), (0,) * 5, (1, 0, 0, 0, 1, 0, 0, 0, 1), (f, 0, x, 0, 0, f, y, 0, 0, 0, 1, 0)
    )


def _read(url: str, camera_name: str, width: int, height: int) -> Calibration:
    parts = urlparse(url)
    if parts.scheme not in ("", "file"):
        raise ValueError(f"camera_info_url {url}: only a path or a file:// address can be read")
    path = Path(unquote(parts.path) if parts.scheme else url)
    try:
        values = yaml.safe_load(path.read_text())
        matrices = ("camera_matrix", "distortion_coefficients", "rectification_matrix", "projection_matrix")
        matrix, distortion, rectification, projection = (tuple(float(number) for number in values[key]["data"]) for key in matrices)
        size = (int(values["image_width"]), int(values["image_height"]))
        model = str(values.get("distortion_model", "plumb_bob"))
        calibration = Calibration(*size, matrix, distortion, rectification, projection, model)
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"camera_info_url {url} cannot be read as a calibration file ({error!r}): make one with camera_calibration"
        ) from error
    sizes = (len(calibration.matrix), len(calibration.rectification), len(calibration.projection))
    if sizes != (9, 9, 12):
        raise ValueError(f"camera_info_url {url}: camera, rectification and projection matrices must have 9, 9 and 12 numbers, got {sizes}")
    if (calibration.width, calibration.height) != (width, height):
        raise ValueError(f"camera_info_url {url} is for {calibration.width}x{calibration.height}, the pictures are {width}x{height}")
    if values.get("camera_name") not in (None, camera_name):
        raise ValueError(
            f'camera_info_url {url} is for the camera "{values["camera_name"]}", this one is called "{camera_name}" (camera_name)'
        )
    return calibration
