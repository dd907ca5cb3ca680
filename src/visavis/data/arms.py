"""Inverse kinematics of an arm: where the wrist is and how the hand is turned, to the rotations of upper arm, lower arm and wrist.

All in the coordinates of a left arm; a right arm is its mirror image.
"""

import numpy as np
from numpy.typing import NDArray

from visavis.motion.skeleton import (
    BACK_AT_REST,
    FINGERS_AT_REST,
    LOWER_ARM,
    LOWER_AT_REST,
    THUMB_AT_REST,
    UPPER_ARM,
    UPPER_AT_REST,
    arm_frames,
    elbow_of,
    rotation_from_vector,
)

Array = NDArray[np.float64]

REACH = 0.985 * (UPPER_ARM + LOWER_ARM)
"""Metres from the shoulder to the wrist at most: the elbow never locks."""
NEAREST = 0.17
MIRROR = np.diag([-1.0, 1.0, 1.0])


def within_reach(wrist: Array) -> Array:
    """Wrists (..., 3) from the shoulder, bent softly into what an arm reaches."""
    distance = np.linalg.norm(wrist, axis=-1, keepdims=True)
    free = 0.975 * REACH
    far = free + (REACH - free) * np.tanh((distance - free) / (REACH - free))
    return wrist / np.maximum(distance, 1e-9) * np.maximum(np.where(distance > free, far, distance), NEAREST)


def pose_arm(wrist: Array, swivel: Array, twist: Array, flex: Array, deviate: Array) -> tuple[Array, Array, Array]:
    """Local rotations (n, 3, 3) of upper arm, lower arm and wrist of a left arm.

    wrist: (n, 3) from the shoulder, in metres, in the axes of the torso. swivel: elbow outwards; twist: of the forearm, positive turns the
    palm up; flex: of the wrist towards the palm; deviate: of the wrist towards the thumb; radians (n,).
    """
    wrist = within_reach(wrist)
    elbow = elbow_of(wrist, swivel)
    upper_frame, lower_frame = arm_frames(elbow, wrist)
    upper = upper_frame @ UPPER_AT_REST.T
    lower = lower_frame @ LOWER_AT_REST.T @ rotation_from_vector(-twist[:, None] * FINGERS_AT_REST)
    bend = flex[:, None] * np.cross(FINGERS_AT_REST, -BACK_AT_REST) + deviate[:, None] * np.cross(FINGERS_AT_REST, THUMB_AT_REST)
    return upper, np.swapaxes(upper, -1, -2) @ lower, rotation_from_vector(bend)


def mirrored(rotation: Array) -> Array:
    """Rotations (..., 3, 3) of the left side as those of the right, and back."""
    return MIRROR @ rotation @ MIRROR
