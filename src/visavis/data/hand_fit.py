"""A hand as a tracker sees it (21 points) to the layout's terms: how it is turned, and MANO's joint rotations by way of the sixteen angles
of ``motion.hands``; and the arm that leads to it, of which the film shows nothing but its end.
"""

import numpy as np
from numpy.typing import NDArray

from visavis.data.arms import MIRROR, mirrored, within_reach
from visavis.motion.hands import HAND_VALUES, to_mano
from visavis.motion.skeleton import (
    FINGERS_AT_REST,
    LOWER_AT_REST,
    UPPER_AT_REST,
    arm_frames,
    elbow_of,
    hand_frame,
    hand_joints,
    rotation_from_vector,
    vector_from_rotation,
)

Array = NDArray[np.float64]

POINTS = np.array([[5, 6, 7, 8], [9, 10, 11, 12], [17, 18, 19, 20], [13, 14, 15, 16], [1, 2, 3, 4]])
"""MediaPipe's points of each of ``skeleton.FINGERS``: three joints and the tip."""

RELAXED = np.array([0.25, 0.35, 0.0] * 4 + [0.2, 0.1, 0.15, 0.15])
LOWEST = np.array([-0.35, -0.1, -0.35] * 4 + [-0.4, -0.5, -0.3, -0.3])
HIGHEST = np.array([1.6, 1.8, 0.35] * 4 + [1.2, 1.0, 1.0, 1.2])
"""Radians that the sixteen angles of a hand reach."""
LOOSE = 0.12
"""Weight by which a hand is relaxed where the picture does not tell."""
STEPS = 8

WRIST_BENDS = np.radians(75)
FOREARM_TURNS = np.radians(110)


def palm_rotation(points: Array, side: str) -> Array:
    """Rotations (n, 3, 3) from the frame of a hand (``motion.skeleton``) to the axes of points (n, 21, 3): wrist and four knuckles laid on
    those of the skeleton (Kabsch)."""
    model = np.concatenate([np.zeros((1, 3)), hand_joints(np.zeros((1, 15, 3)), side)[0, :4, 0]])
    seen = points[:, [0, *POINTS[:4, 0]]]
    model, seen = model - model.mean(0), seen - seen.mean(1, keepdims=True)
    left, _, right = np.linalg.svd(np.einsum("nki,kj->nij", seen, model))
    sign = np.ones((len(points), 3))
    sign[:, 2] = np.linalg.det(left @ right)
    return np.asarray((left * sign[:, None]) @ right)


def fit_hand(points: Array, side: str) -> Array:
    """Hand values (n, HAND_VALUES) whose bones point as those of points (n, 21, 3) do, in the least-squares sense (Gauss-Newton); what the
    bones do not tell is relaxed."""
    turn = palm_rotation(points, side)
    chains = np.einsum("nji,nfkj->nfki", turn, points[:, POINTS])
    wanted = _directions(chains)
    values = np.tile(RELAXED, (len(points), 1))
    for _ in range(STEPS):
        told = _bones(values, side)
        slopes = np.stack([(_bones(values + step, side) - told) / 1e-4 for step in 1e-4 * np.eye(HAND_VALUES)], axis=-1)
        normal = np.einsum("nri,nrj->nij", slopes, slopes) + LOOSE**2 * np.eye(HAND_VALUES)
        pull = np.einsum("nri,nr->ni", slopes, wanted - told) - LOOSE**2 * (values - RELAXED)
        values = np.clip(values + np.linalg.solve(normal, pull[..., None])[..., 0], LOWEST, HIGHEST)
    return values


def _bones(values: Array, side: str) -> Array:
    return _directions(hand_joints(to_mano(values, side).reshape(len(values), 15, 3), side))


def _directions(chains: Array) -> Array:
    """Unit vectors of the bones of chains (n, 5, 4, 3), flat: (n, 45)."""
    bones = np.diff(chains, axis=2)
    return (bones / np.maximum(np.linalg.norm(bones, axis=-1, keepdims=True), 1e-6)).reshape(len(chains), -1)


def fit_arm(wrist: Array, palm: Array, side: str) -> dict[str, Array]:
    """Local rotations (n, 3, 3) of upper_arm, lower_arm and wrist that bring a hand turned by ``palm`` (n, 3, 3) to ``wrist`` (n, 3),
    metres from the shoulder of that side.

    The elbow hangs where it likes to (no camera looks at it); the hand's roll is the forearm's, the rest of its turn the wrist's, both
    within what people can.
    """
    hand = palm @ hand_frame(side).T
    if side == "right":
        wrist, hand = wrist @ MIRROR, mirrored(hand)
    wrist = within_reach(wrist)
    upper_frame, lower_frame = arm_frames(elbow_of(wrist, np.zeros(len(wrist))), wrist)
    upper, lower = upper_frame @ UPPER_AT_REST.T, lower_frame @ LOWER_AT_REST.T
    turned = np.swapaxes(lower, -1, -2) @ hand
    roll = np.clip(roll_about(turned, FINGERS_AT_REST), -FOREARM_TURNS, FOREARM_TURNS)
    forearm = rotation_from_vector(roll[:, None] * FINGERS_AT_REST)
    bend = vector_from_rotation(np.swapaxes(forearm, -1, -2) @ turned)
    size = np.linalg.norm(bend, axis=-1, keepdims=True)
    bend *= np.minimum(1.0, WRIST_BENDS / np.maximum(size, 1e-9))
    local = {
        "upper_arm": upper,
        "lower_arm": np.swapaxes(upper, -1, -2) @ lower @ forearm,
        "wrist": rotation_from_vector(bend),
    }
    return {name: mirrored(turn) if side == "right" else turn for name, turn in local.items()}


def roll_about(rotation: Array, axis: Array) -> Array:
    """Radians (n,) by which rotations (n, 3, 3) turn about a unit axis (the twist of a swing-twist decomposition)."""
    skew = np.stack(
        [rotation[:, 2, 1] - rotation[:, 1, 2], rotation[:, 0, 2] - rotation[:, 2, 0], rotation[:, 1, 0] - rotation[:, 0, 1]], axis=-1
    )
    # of a quaternion: 4 w (x, y, z) and 4 w^2
    return np.asarray(2 * np.arctan2(skew @ axis, 1 + np.trace(rotation, axis1=-2, axis2=-1)))
