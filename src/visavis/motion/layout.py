"""The named layout of one motion frame: the only place that knows which number means what.

A frame is a float32 vector of ``MOTION_DIM`` values:

=============  =====  ==========================================================================================
slice          size   meaning
=============  =====  ==========================================================================================
FACE             52   ARKit blendshape weights, 0..1, Apple's names and order (``ARKIT_NAMES``); gaze is eyeLook*
HEAD_ROTATION     6   head relative to the torso, 6D rotation (Zhou et al. 2019): first two columns of the matrix
HEAD_POSITION     3   head translation relative to rest, metres
BODY             60   ten joints (``BODY_JOINTS``) as 6D rotations relative to rest
LEFT_HAND        45   MANO's 15 joints, axis-angle, radians, MANO's joint order
RIGHT_HAND       45   the same for the right hand
FACE_OFFSET      32   how the face moves beyond that (``visavis.face_offset``): 16 learned values of its upper, 16 of its lower half
=============  =====  ==========================================================================================

Axes, as the viewer of the picture sees them: x to the right, y down, z away from the camera. Rotations act on column vectors.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

LAYOUT_NAME = "visavis/1"

ARKIT_NAMES: tuple[str, ...] = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft", "eyeWideLeft",
    "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight", "eyeSquintRight", "eyeWideRight",
    "jawForward", "jawLeft", "jawRight", "jawOpen",
    "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight", "mouthSmileLeft", "mouthSmileRight",
    "mouthFrownLeft", "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
ARKIT_INDEX: dict[str, int] = {name: index for index, name in enumerate(ARKIT_NAMES)}

BODY_JOINTS: tuple[str, ...] = (
    "spine", "neck", "left_clavicle", "right_clavicle", "left_upper_arm", "right_upper_arm",
    "left_lower_arm", "right_lower_arm", "left_wrist", "right_wrist",
)  # fmt: skip

FACE = slice(0, 52)
HEAD_ROTATION = slice(52, 58)
HEAD_POSITION = slice(58, 61)
BODY = slice(61, 121)
LEFT_HAND = slice(121, 166)
RIGHT_HAND = slice(166, 211)
FACE_OFFSET = slice(211, 243)
MOTION_DIM = 243

IDENTITY_6D = np.array([1, 0, 0, 0, 1, 0], np.float32)


def neutral_motion(frames: int) -> NDArray[np.float32]:
    """``frames`` frames at rest: float32 (frames, MOTION_DIM), face zero, rotations identity."""
    motion = np.zeros((frames, MOTION_DIM), np.float32)
    motion[:, HEAD_ROTATION] = IDENTITY_6D
    motion[:, BODY] = np.tile(IDENTITY_6D, len(BODY_JOINTS))
    return motion


def check_motion(values: ArrayLike) -> NDArray[np.float32]:
    """The canonical float32 (frames, MOTION_DIM) array, or ValueError with what is wrong."""
    motion = np.asarray(values, np.float32)
    if motion.ndim != 2 or motion.shape[1] != MOTION_DIM:
        raise ValueError(f"motion must have shape (frames, {MOTION_DIM}), got {motion.shape}")
    if not np.isfinite(motion).all():
        raise ValueError(f"motion has {np.count_nonzero(~np.isfinite(motion))} values that are not finite")
    return motion


def rotation_to_6d(matrix: ArrayLike) -> NDArray[np.float32]:
    """Rotation matrices (..., 3, 3) to their 6D form (..., 6): first column, then second (Zhou et al. 2019, section 4.1)."""
    matrix = np.asarray(matrix, np.float32)
    return np.concatenate([matrix[..., :, 0], matrix[..., :, 1]], axis=-1)


def rotation_from_6d(values: ArrayLike) -> NDArray[np.float32]:
    """6D rotations (..., 6) to matrices (..., 3, 3) by Gram-Schmidt; degenerate input gives the identity."""
    values = np.asarray(values, np.float32)
    first, second = values[..., :3], values[..., 3:]
    x = first / np.maximum(np.linalg.norm(first, axis=-1, keepdims=True), 1e-8)
    y = second - (x * second).sum(-1, keepdims=True) * x
    y_length = np.linalg.norm(y, axis=-1, keepdims=True)
    y = y / np.maximum(y_length, 1e-8)
    matrix = np.stack([x, y, np.cross(x, y)], axis=-1)
    degenerate = (np.linalg.norm(first, axis=-1) < 1e-6) | (y_length[..., 0] < 1e-6)
    return np.where(degenerate[..., None, None], np.eye(3, dtype=np.float32), matrix).astype(np.float32)


def head_rotation_from_euler(yaw: ArrayLike, pitch: ArrayLike, roll: ArrayLike) -> NDArray[np.float32]:
    """Head matrices (..., 3, 3) from degrees: ``R = Ry(yaw) @ Rx(pitch) @ Rz(roll)`` in the axes of this module.

    Positive yaw turns the nose to the viewer's left (-x), positive pitch lowers the nose (+y, a nod), positive roll tips the head clockwise
    as seen.
    """
    yaw_r, pitch_r, roll_r = (np.radians(np.asarray(angle, np.float32)) for angle in (yaw, pitch, roll))
    return (_about(1, yaw_r) @ _about(0, pitch_r) @ _about(2, roll_r)).astype(np.float32)


def head_euler_from_rotation(matrix: ArrayLike) -> NDArray[np.float32]:
    """Inverse of ``head_rotation_from_euler``: (..., 3) degrees as yaw, pitch, roll."""
    matrix = np.asarray(matrix, np.float32)
    yaw = np.arctan2(matrix[..., 0, 2], matrix[..., 2, 2])
    pitch = np.arcsin(np.clip(-matrix[..., 1, 2], -1, 1))
    roll = np.arctan2(matrix[..., 1, 0], matrix[..., 1, 1])
    return np.degrees(np.stack([yaw, pitch, roll], axis=-1)).astype(np.float32)


def _about(axis: int, angle: NDArray[np.float32]) -> NDArray[np.float32]:
    """Right-handed rotation about one coordinate axis: (...,) radians to (..., 3, 3)."""
    one, zero, cosine, sine = np.ones_like(angle), np.zeros_like(angle), np.cos(angle), np.sin(angle)
    rows = {
        0: [[one, zero, zero], [zero, cosine, -sine], [zero, sine, cosine]],
        1: [[cosine, zero, sine], [zero, one, zero], [-sine, zero, cosine]],
        2: [[cosine, -sine, zero], [sine, cosine, zero], [zero, zero, one]],
    }[axis]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
