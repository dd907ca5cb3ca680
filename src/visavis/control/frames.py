"""Where head and eyes are, read off a posed rig: the frames of reference that an avatar has in a robot's world.

Axes are those of ROS (REP-103): x out of the screen, y to the avatar's left, z up, metres, with 63 mm between the eyes. The root lies
between the eyes at rest; its name is a prefix of the others'.

========================  ============  ======================================================================================
frame                     parent        meaning
========================  ============  ======================================================================================
root                                    between the eyes at rest, the frame of ``look_at``
root_camera               root          the camera of camera_info, optical axes (x right, y down, z into the picture); does not move
root_head                 root          between the eyes, turns with the head
root_left_eye, right_eye  root_head     centre of the eyeball, x along the gaze
========================  ============  ======================================================================================

"At rest" is the photo: a head that is turned in it counts as straight.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visavis.types import VERTEX_DEPTH_M, VERTEX_SUBPIXEL, ControlFrame
from visavis.types_portrait import EYE_DISTANCE_M, PortraitRig

Array = NDArray[np.float64]

_AXES = np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0]], np.float64)
"""Camera axes (x right, y down, z away) to those of REP-103."""

_RIGID_POINTS = 60


@dataclass(frozen=True)
class FramePose:
    """A frame in its parent ("" is the root): name and parent without the root's name. position: (3,) metres; rotation: (3, 3)."""

    name: str
    parent: str
    position: Array
    rotation: Array


class HeadFrames:
    """The frames of one portrait."""

    def __init__(self, rig: PortraitRig) -> None:
        self._focal, self._principal = rig.focal, np.asarray(rig.principal, np.float64)
        eyes = rig.right_eye, rig.left_eye
        centres = np.array([eye.centre for eye in eyes], np.float64)
        self._origin = centres.mean(0)
        self._scale = EYE_DISTANCE_M / float(np.linalg.norm(centres[1] - centres[0]))
        # Skin and hair that neither expressions nor the neck move.
        head = np.intersect1d(np.flatnonzero(rig.head_weight > 0.999), rig.triangles["person"])
        rigid = np.setdiff1d(head, rig.shape_vertices)
        self._head = rigid[:: max(1, len(rigid) // _RIGID_POINTS)]
        self._eyes = {"right_eye": rig.right_eye.eyeball, "left_eye": rig.left_eye.eyeball}
        self._centres = dict(zip(self._eyes, centres, strict=True))
        self._rest = rig.vertices.astype(np.float64)

    @property
    def camera(self) -> FramePose:
        """The frame that does not move."""
        return FramePose("camera", "", self._metres(-self._origin), _AXES.copy())

    def moving(self, frame: ControlFrame) -> list[FramePose]:
        """Head and eyes in a control frame of this portrait."""
        turn, shift = rigid_motion(self._rest[self._head], self._seen(frame, self._head))
        found = [FramePose("head", "", self._metres(turn @ self._origin + shift - self._origin), _to_ros(turn))]
        for name, eyeball in self._eyes.items():
            eye, _ = rigid_motion(self._rest[eyeball], self._seen(frame, eyeball))
            found.append(FramePose(name, "head", self._metres(self._centres[name] - self._origin), _to_ros(turn.T @ eye)))
        return found

    def _seen(self, frame: ControlFrame, rows: NDArray[np.integer]) -> Array:
        """Vertices in camera space, metres of the rig."""
        points = frame.vertices[rows].astype(np.float64)
        depth = points[:, 2:] * VERTEX_DEPTH_M
        return np.hstack([(points[:, :2] / VERTEX_SUBPIXEL - self._principal) * depth / self._focal, depth])

    def _metres(self, way: Array) -> Array:
        return np.asarray(_AXES @ way * self._scale)


def rigid_motion(before: ArrayLike, after: ArrayLike) -> tuple[Array, Array]:
    """Rotation (3, 3) and shift (3,) that bring points (n, 3) closest to others: ``after = rotation @ before + shift`` (Kabsch 1976)."""
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    middle, there = before.mean(0), after.mean(0)
    u, _, vt = np.linalg.svd((before - middle).T @ (after - there))
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(vt.T @ u.T))])
    rotation = vt.T @ flip @ u.T
    return rotation, there - rotation @ middle


def _to_ros(turn: Array) -> Array:
    return np.asarray(_AXES @ turn @ _AXES.T)
