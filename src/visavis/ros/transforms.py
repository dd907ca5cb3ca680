"""Frames of reference: an avatar's as TF messages, and everybody's as a tree in which points are brought from one frame to another.

tf2_ros is not among the wheels; of it no more is needed than the newest transform of each frame, which this file keeps.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from numpy.typing import ArrayLike, NDArray

from visavis.control.frames import FramePose
from visavis.ros.convert import header
from visavis.timing import NANOSECONDS

try:
    from tf2_msgs.msg import TFMessage as TFMessage
except ImportError:  # messages that were built before visavis had frames
    TFMessage = None

Array = NDArray[np.float64]

TF_TOPIC, STATIC_TOPIC = "/tf", "/tf_static"
TF_DEPTH = 100
MOST_FRAMES = 2000
STALE_NS = 10 * NANOSECONDS
"""A frame that moves and has not been heard of for so long is not where it was."""
NO_MESSAGES = "tf2_msgs is missing: run `make setup`, or apt install ros-jazzy-tf2-msgs"


class TransformError(ValueError):
    """A point that cannot be brought to another frame; the text says why."""


@dataclass(frozen=True)
class _Link:
    parent: str
    position: Array
    rotation: Array
    arrival_ns: int | None


def poses_to_msg(poses: Iterable[FramePose], root: str, stamp_ns: int) -> Any:
    """An avatar's frames as a TFMessage."""
    return TFMessage(
        transforms=[
            TransformStamped(
                header=header(stamp_ns, f"{root}_{pose.parent}" if pose.parent else root),
                child_frame_id=f"{root}_{pose.name}",
                transform=Transform(
                    translation=Vector3(**dict(zip("xyz", pose.position.tolist(), strict=True))),
                    rotation=Quaternion(**dict(zip("xyzw", quaternion(pose.rotation).tolist(), strict=True))),
                ),
            )
            for pose in poses
        ]
    )


class TransformTree:
    """The newest transform of every frame. Not thread-safe."""

    def __init__(self) -> None:
        self._links: dict[str, _Link] = {}
        self.refused = 0

    def __len__(self) -> int:
        return len(self._links)

    def hear(self, msg: Any, static: bool, now_ns: int) -> None:
        """Take what a TFMessage says; what makes no sense is counted in ``refused``."""
        for one in msg.transforms:
            child, parent = one.child_frame_id.lstrip("/"), one.header.frame_id.lstrip("/")
            t, q = one.transform.translation, one.transform.rotation
            values = (t.x, t.y, t.z, q.x, q.y, q.z, q.w)
            length = math.hypot(q.x, q.y, q.z, q.w) if all(map(math.isfinite, values)) else 0.0
            full = len(self._links) >= MOST_FRAMES and child not in self._links
            if not child or not parent or child == parent or not 0.5 < length < 2.0 or full:
                self.refused += 1
                continue
            position = np.array([t.x, t.y, t.z])
            self._links[child] = _Link(parent, position, rotation([q.x, q.y, q.z, q.w]), None if static else now_ns)

    def bring(self, point: ArrayLike, source: str, target: str, now_ns: int) -> Array:
        """A point (3,) of the frame ``source`` in the frame ``target``. Raises TransformError for frames that are not known, not connected
        or not heard of any more."""
        source, target = source.lstrip("/"), target.lstrip("/")
        up, down = self._to_root(source), self._to_root(target)
        if up[-1] != down[-1]:
            unknown = [frame for frame in (source, target) if frame not in self._links and not self._is_parent(frame)]
            if unknown:
                raise TransformError(f'nobody has said on {TF_TOPIC} or {STATIC_TOPIC} where the frame "{unknown[0]}" is')
            raise TransformError(
                f'the frames "{source}" and "{target}" are not connected: publish a transform from "{up[-1]}" to "{down[-1]}"'
            )
        shared = next(frame for frame in up if frame in down)
        place = np.asarray(point, np.float64)
        for frame in up[: up.index(shared)]:
            link = self._fresh(frame, now_ns)
            place = link.rotation @ place + link.position
        for frame in reversed(down[: down.index(shared)]):
            link = self._fresh(frame, now_ns)
            place = link.rotation.T @ (place - link.position)
        return place

    def _to_root(self, frame: str) -> list[str]:
        way = [frame]
        while way[-1] in self._links:
            parent = self._links[way[-1]].parent
            if parent in way:
                raise TransformError(f'the frames go in a circle: "{parent}" is among its own parents')
            way.append(parent)
        return way

    def _is_parent(self, frame: str) -> bool:
        return any(link.parent == frame for link in self._links.values())

    def _fresh(self, frame: str, now_ns: int) -> _Link:
        link = self._links[frame]
        if link.arrival_ns is not None and now_ns - link.arrival_ns > STALE_NS:
            age_s = (now_ns - link.arrival_ns) / NANOSECONDS
            raise TransformError(f'where the frame "{frame}" is was last said {age_s:.0f} s ago')
        return link


def rotation(xyzw: ArrayLike) -> Array:
    """A quaternion (x, y, z, w) of any length but zero as a matrix."""
    x, y, z, w = np.asarray(xyzw, np.float64) / np.linalg.norm(xyzw)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def quaternion(matrix: ArrayLike) -> Array:
    """A rotation matrix as (x, y, z, w), w not negative: the eigenvector of Bar-Itzhack's symmetric matrix (2000)."""
    m = np.asarray(matrix, np.float64)
    k = np.array(
        [
            [m[0, 0] - m[1, 1] - m[2, 2], m[1, 0] + m[0, 1], m[2, 0] + m[0, 2], m[2, 1] - m[1, 2]],
            [m[1, 0] + m[0, 1], m[1, 1] - m[0, 0] - m[2, 2], m[2, 1] + m[1, 2], m[0, 2] - m[2, 0]],
            [m[2, 0] + m[0, 2], m[2, 1] + m[1, 2], m[2, 2] - m[0, 0] - m[1, 1], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], m[0, 0] + m[1, 1] + m[2, 2]],
        ]
    )
    _, vectors = np.linalg.eigh(k)
    found = vectors[:, -1]
    return np.asarray(found if found[3] >= 0 else -found)
