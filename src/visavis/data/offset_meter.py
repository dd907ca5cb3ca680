"""Measures the implicit refinement of a face: what is left between a posed rig and where a tracker sees the landmarks of its person."""

import numpy as np
from numpy.typing import NDArray

from visavis.control.pose import ControlStage, head_of
from visavis.face_offset import OFFSET_LIMIT, OFFSET_VALUES, SKIN_LANDMARKS
from visavis.motion.layout import (
    FACE_OFFSET,
    HEAD_POSITION,
    HEAD_ROTATION,
    head_rotation_from_euler,
    rotation_from_6d,
    rotation_to_6d,
)
from visavis.portrait import contours
from visavis.types import VERTEX_DEPTH_M, VERTEX_SUBPIXEL, MotionChunk
from visavis.types_portrait import PortraitRig

Array = NDArray[np.float64]

NOISE = 0.03
"""How far landmarks are off for what no value says, in distances between the eyes, counted as if each were off by itself."""

ALIGNING = 4
"""Rounds: limits of the rig bend softly, so that each one does a part."""

COUNTED = np.setdiff1d(
    np.arange(SKIN_LANDMARKS), [*contours.RIGHT_EYE_UPPER, *contours.RIGHT_EYE_LOWER, *contours.LEFT_EYE_UPPER, *contours.LEFT_EYE_LOWER]
)
"""Landmarks that count: not the edges of the lids, which move in a way of their own."""

POSE_LANDMARKS = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 10, 109, 338, 54, 284, 127, 356, 234, 454, 93, 323)
"""Landmarks that tell the pose of the head, whatever the face does: eyes, nose, forehead, temples; not the jaw."""


class OffsetMeter:
    """Of one rig. landmarks: (478, 2), pixels, where a tracker sees them in the rig's own photo."""

    def __init__(self, stage: ControlStage, rig: PortraitRig, landmarks: Array) -> None:
        self._stage, self._rig, self._photo = stage, rig, landmarks[:SKIN_LANDMARKS]
        self._vertices, self._shares = _on_sheet(rig, self._photo)
        row = np.full(len(rig.vertices), -1)
        row[rig.shape_vertices] = np.arange(len(rig.shape_vertices))
        rows = row[self._vertices]
        moves = np.where((rows >= 0)[..., None], rig.offsets[:, rows], 0)
        self._moves = np.einsum("klvc,lv->klc", moves, self._shares)

    def seen(self, motion: NDArray[np.float32]) -> Array:
        """Where the rig shows the landmarks in a frame of motion (MOTION_DIM,): (SKIN_LANDMARKS, 3), pixels and metres."""
        frames, _ = self._stage.step(MotionChunk(1, 0, motion[None]), self._stage.initial_state())
        points = frames[0].vertices[self._vertices].astype(np.float64) / (VERTEX_SUBPIXEL, VERTEX_SUBPIXEL, 1 / VERTEX_DEPTH_M)
        return np.asarray((points * self._shares[..., None]).sum(1))

    def aligned(self, motion: NDArray[np.float32], landmarks: Array) -> NDArray[np.float32]:
        """The motion (MOTION_DIM,) with its head moved, and turned in the plane of the picture, to where landmarks (478, 2) were seen: what
        limits and pivot of the rig, or a camera that nobody knows, left over."""
        motion, rig = motion.copy(), self._rig
        for _ in range(ALIGNING):
            shown = self.seen(motion)
            still = list(POSE_LANDMARKS)
            away = (landmarks[still] - shown[still, :2]) / rig.eye_distance
            whole = _similarities(shown[still, :2] / rig.eye_distance).reshape(-1, 4)
            (right, down, growth, turn), *_ = np.linalg.lstsq(whole, away.ravel(), rcond=None)
            depth = float(shown[still, 2].mean())
            unit = rig.eye_distance * depth / rig.focal
            motion[HEAD_ROTATION] = rotation_to_6d(
                head_rotation_from_euler(0, 0, np.degrees(turn)) @ rotation_from_6d(motion[HEAD_ROTATION])
            )
            motion[HEAD_POSITION] += np.array([right * unit, down * unit, -growth * depth], np.float32)
        return motion

    def left_over(self, motion: NDArray[np.float32], landmarks: Array) -> Array:
        """What is left to landmarks (478, 2) that were seen, of an upright face that looks ahead: (SKIN_LANDMARKS, 2), distances between
        the eyes. What a small turn, shift or growth of the whole face would explain is taken out."""
        rig = self._rig
        shown = self.seen(motion)
        near = rig.vertices[self._vertices, 2].mean() / shown[:, 2].mean()
        turn = head_of(motion, self._stage.config)[:2, :2].astype(np.float64) * near
        away = (landmarks[:SKIN_LANDMARKS] - shown[:, :2]) @ np.linalg.inv(turn).T / rig.eye_distance
        whole = _similarities(self._photo / rig.eye_distance)
        still = list(POSE_LANDMARKS)
        share, *_ = np.linalg.lstsq(whole[still].reshape(-1, 4), away[still].ravel(), rcond=None)
        return np.asarray(away - whole @ share)

    def measure(self, motion: NDArray[np.float32], landmarks: Array) -> NDArray[np.float32]:
        """The likeliest values (OFFSET_VALUES,) for landmarks (478, 2) that were seen, beside what else motion says. Zero is likelier than
        more, by as much as among those whom the values were learnt from."""
        plain = motion.copy()
        plain[FACE_OFFSET] = 0
        shown, turn = self.seen(plain), head_of(plain, self._stage.config).astype(np.float64)
        moved = self._moves @ turn.T  # (values, landmarks, 3), metres
        ways = moved[..., :2] * (self._rig.focal / shown[:, 2:]) / self._rig.eye_distance
        rest = (landmarks[:SKIN_LANDMARKS] - shown[:, :2]) / self._rig.eye_distance
        whole = np.moveaxis(_similarities(self._photo / self._rig.eye_distance), 2, 0)
        matrix = np.concatenate([ways, whole])[:, COUNTED].reshape(OFFSET_VALUES + 4, -1)
        free = np.diag([NOISE**2] * OFFSET_VALUES + [0.0] * 4)
        values = np.linalg.solve(matrix @ matrix.T + free, matrix @ rest[COUNTED].ravel())[:OFFSET_VALUES]
        return np.clip(values, -OFFSET_LIMIT, OFFSET_LIMIT).astype(np.float32)


def _similarities(points: Array) -> Array:
    """How points (n, 2) go as a whole: (n, 2, 4), for shifts along x and y, growth and turn about their middle."""
    x, y = (points - points.mean(0)).T
    one, none = np.ones_like(x), np.zeros_like(x)
    return np.stack([np.stack([one, none, x, -y], -1), np.stack([none, one, y, x], -1)], 1)


def _on_sheet(rig: PortraitRig, landmarks: Array) -> tuple[NDArray[np.int64], Array]:
    """Three vertices (n, 3) of the person's sheet and their shares (n, 3) for each of the landmarks (n, 2) in the photo."""
    pixels = rig.vertices[:, :2].astype(np.float64) / rig.vertices[:, 2:] * rig.focal + rig.principal
    triangles = rig.triangles["person"].astype(np.int64)
    a, b, c = (pixels[triangles[:, corner]] for corner in range(3))
    area = _cross(b - a, c - a)
    with np.errstate(divide="ignore", invalid="ignore"):
        vertices, shares = np.empty((len(landmarks), 3), np.int64), np.empty((len(landmarks), 3))
        for index, point in enumerate(landmarks):
            parts = np.stack([_cross(b - point, c - point), _cross(c - point, a - point), _cross(a - point, b - point)], 1) / area[:, None]
            inside = np.nan_to_num(parts.min(1), nan=-np.inf)
            best = int(inside.argmax())
            if inside[best] > -1e-6:
                vertices[index], shares[index] = triangles[best], parts[best]
            else:
                near = triangles.ravel()[np.linalg.norm(pixels[triangles.ravel()] - point, axis=1).argmin()]
                vertices[index], shares[index] = near, (1, 0, 0)
    # Beside a shut seam a landmark lies on either lip by chance: those of an edge belong to that edge.
    for edge, numbers in ((rig.lips.upper, contours.INNER_LIP_UPPER), (rig.lips.lower, contours.INNER_LIP_LOWER)):
        for number in numbers:
            vertices[number] = edge[np.abs(pixels[edge, 0] - landmarks[number, 0]).argmin()]
            shares[number] = (1, 0, 0)
    return vertices, shares


def _cross(one: Array, other: Array) -> Array:
    return one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]
