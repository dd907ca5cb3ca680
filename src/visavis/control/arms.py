"""Arms and hands in a pose: from the layout's rotations to vertices in the picture.

A side is posed as a left arm; the right one is its mirror image. Joints turn as ``motion.skeleton`` has it: upper arm, lower arm, wrist,
then MANO's three joints a finger in the hand's frame. Four bones of the forearm share the twist between elbow and wrist.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.control.arm_kernel import place_fingers, rotations, skin
from visavis.ease import ramp
from visavis.motion import skeleton
from visavis.motion.layout import BODY, BODY_JOINTS, LEFT_HAND, RIGHT_HAND, rotation_from_6d
from visavis.motion.skeleton import FINGERS_AT_REST, HAND_LEFT, THUMB_AT_REST
from visavis.types import VERTEX_SUBPIXEL
from visavis.types_portrait import (
    ARM_FROM_BELOW,
    ARM_LEFT_ALONE,
    ARM_REPLACED,
    HAND_BONE,
    PICTURE_HEIGHT,
    PICTURE_WIDTH,
    TWIST_BONES,
    ArmRig,
)

Array = NDArray[np.float64]

SIDES = ("right", "left")
ARM_JOINTS = ("clavicle", "upper_arm", "lower_arm", "wrist")
_MIRROR = np.diag([-1.0, 1.0, 1.0])
_TWISTS = np.concatenate([[-1.0], np.arange(TWIST_BONES) / (TWIST_BONES - 1)])[:, None] * FINGERS_AT_REST
_PICTURE_END = PICTURE_WIDTH * VERTEX_SUBPIXEL, PICTURE_HEIGHT * VERTEX_SUBPIXEL
_HANDS = {"right": RIGHT_HAND, "left": LEFT_HAND}

NO_ARMS = np.zeros((0, 3), np.int16)

SHOWN_FROM, SHOWN_WHOLE = 0.10, 0.22
"""Radians that elbow or shoulder have turned from rest: up to the first the photo's own arm is seen, beyond the second the posed one."""

LEAVES_FROM, LEAVES_WHOLE = 0.17, 0.42
"""Up to the first the posed arm lies where the photo's own does, so that one takes the place of the other unseen; from the second on it is
where the motion has it."""


HAND_ROOM, MOST_INWARDS = 0.075, 0.9
"""Metres that a wrist keeps from the side of the picture, for the hand; radians that a forearm turns inwards at most for it."""

RAISED_FROM, BELOW = 0.15, 0.30
COMES_IN, COME_IN = 0.12, -0.04
"""Metres: an arm that comes in from below stays ``BELOW`` below until its wrist is raised by the first, and as near under the picture's
lower edge as the third; from the fourth on, in the picture, it is where it belongs. So finger tips are seldom seen alone."""

ELBOW_TIP, LEAST_SHARE = 0.018, 0.35
"""Metres that the tip of an elbow stands out when it is bent as far as it goes; how little of what moves it is taken to be left."""

SLEEVE_IN, SLEEVE_OUT = 0.06, 0.16
"""Radians that an upper arm moves in its sleeve in the picture's plane, towards the body and away from it."""


@dataclass(frozen=True)
class Carrier:
    """What carries the arms: sway float (3, 3) about hip (3,), shift metres to the right, breathed 0..1."""

    sway: NDArray[np.floating]
    hip: NDArray[np.floating]
    shift: float
    breathed: float


class ArmPoser:
    """Poses the arms of one portrait."""

    def __init__(self, arms: ArmRig, focal: float, principal: tuple[float, ...]) -> None:
        self._arms, self._focal, self._principal = arms, focal, principal
        self._heads = np.ascontiguousarray(arms.heads, np.float64)
        self._points = [np.ascontiguousarray(points) for points in arms.points]
        self._tip = np.ascontiguousarray(arms.elbow[:, None] * -THUMB_AT_REST, np.float32)
        self._hand = slice(arms.hand, arms.hand + len(arms.correctives) // 3)

    def pose(self, motion: NDArray[np.float32], torso: Carrier) -> tuple[NDArray[np.int16], tuple[float, float]]:
        """Vertices int16 (2 N, 3) as in ``ControlFrame.arms``, right side first, or (0, 3) where none is to be seen; and how much of the
        posed arm is shown on either side, 0 (the photo's own arm, or none) to 1."""
        body = rotation_from_6d(motion[BODY].reshape(len(BODY_JOINTS), 6)).astype(np.float64)
        turns = dict(zip(BODY_JOINTS, body, strict=True))
        shown = tuple(self._shown(turns, side) if self._arms.kinds[row] != ARM_LEFT_ALONE else 0.0 for row, side in enumerate(SIDES))
        if max(shown) <= 0.0:
            return NO_ARMS, (0.0, 0.0)
        arms = self._arms
        count = arms.points.shape[1]
        out = np.zeros((2 * count, 3), np.int16)
        for row, side in enumerate(SIDES):
            if shown[row] <= 0.0:
                continue
            vectors = self._hand_pose(side, motion)
            share = self._left(turns, side) if arms.kinds[row] == ARM_REPLACED else 1.0
            if share < 1.0:
                vectors = vectors * share
                for name in (f"{side}_{joint}" for joint in ARM_JOINTS):
                    turns[name] = skeleton.rotation_from_vector(share * skeleton.vector_from_rotation(turns[name]))
            pose = rotations(vectors)
            matrices = self._matrices(row, side, turns, pose, torso)
            skin(
                self._corrected(row, pose, _bend(turns, side)), arms.bones, arms.weights, matrices, self._focal, *self._principal,
                out[row * count : (row + 1) * count],
            )  # fmt: skip
            part = out[row * count : (row + 1) * count]
            if not ((part[:, :2] > 0) & (part[:, :2] < _PICTURE_END)).all(1).any():
                shown = (0.0, shown[1]) if row == 0 else (shown[0], 0.0)
        if max(shown) <= 0.0:
            return NO_ARMS, (0.0, 0.0)
        return out, (shown[0], shown[1])

    def _shown(self, turns: dict[str, Array], side: str) -> float:
        return ramp(_away(turns, side), SHOWN_FROM, SHOWN_WHOLE)

    def _left(self, turns: dict[str, Array], side: str) -> float:
        """How far a posed arm has gone from where the photo's own hangs to where the motion has it, 0..1."""
        return ramp(_away(turns, side), LEAVES_FROM, LEAVES_WHOLE)

    def _into_picture(self, row: int, elbow: Array, forearm: Array) -> Array:
        """Turn (3, 3) of a left forearm about the vertical, inwards, for a hand that would leave the picture at its side."""
        shoulder = self._arms.shoulders[row]
        wrist = elbow + forearm
        depth = float(shoulder[2] + wrist[2])
        out = (-1.0 if row == 0 else 1.0) * float(shoulder[0]) + float(wrist[0])
        most = (PICTURE_WIDTH / 2) * depth / self._focal - HAND_ROOM
        reach = float(np.hypot(forearm[0], forearm[2]))
        if forearm[2] > -0.02:
            return np.eye(3)
        angle = MOST_INWARDS * float(np.tanh(_soft_excess(out - most, 0.015) / max(reach, 0.10) / MOST_INWARDS))
        angle *= min(-float(forearm[2]) / 0.10, 1.0)
        cosine, sine = np.cos(angle), np.sin(angle)
        return np.array([[cosine, 0, sine], [0, 1.0, 0], [-sine, 0, cosine]])

    def _lower_edge(self, row: int, wrist: Array) -> float:
        """Metres from a shoulder down to where the picture ends, as far away as ``wrist`` (3,), which is from that shoulder."""
        shoulder = self._arms.shoulders[row]
        depth = float(shoulder[2] + wrist[2])
        return (PICTURE_HEIGHT - 1 - self._principal[1]) / self._focal * depth - float(shoulder[1])

    def _hand_pose(self, side: str, motion: NDArray[np.float32]) -> Array:
        """Axis-angles (15, 3) as of a left hand."""
        pose = np.asarray(motion[_HANDS[side]], np.float64).reshape(15, 3)
        return np.ascontiguousarray(pose * ((1.0, -1.0, -1.0) if side == "right" else (1.0, 1.0, 1.0)))

    def _corrected(self, row: int, pose: Array, bend: float) -> NDArray[np.float32]:
        """Points (N, 3) at rest: the tip of an elbow that is bent by ``bend`` (radians) further out, and a MANO hand as its correctives
        have it for the turns (15, 3, 3) of its joints."""
        # Skin that half follows either bone is drawn in by the mean of the two: what moves it out again is undone by that as well.
        out = ELBOW_TIP * (1 - np.cos(bend)) / 2 / max(float(np.cos(bend / 2)), LEAST_SHARE)
        points = self._points[row] + np.float32(out) * self._tip
        correctives = self._arms.correctives
        if len(correctives):
            points[self._hand] += (correctives @ (pose - np.eye(3)).ravel().astype(np.float32)).reshape(-1, 3)
        return points

    def _matrices(self, row: int, side: str, turns: dict[str, Array], pose: Array, torso: Carrier) -> NDArray[np.float32]:
        arms = self._arms
        heads = self._heads
        flip = _MIRROR if side == "right" else np.eye(3)

        def own(name: str) -> Array:
            return flip @ turns[f"{side}_{name}"] @ flip

        upper = _about_z(float(arms.lean[row, 0])) @ own("clavicle") @ own("upper_arm")
        if arms.kinds[row] == ARM_REPLACED:
            upper = _about_z(_kept_in_sleeve(upper, heads[1], float(arms.lean[row, 0]))) @ upper
        lean = _about_z(float(arms.lean[row, 1] - arms.lean[row, 0]))
        lower = own("lower_arm")
        twist = _twist_of(lower, FINGERS_AT_REST)
        turned = rotations(twist * _TWISTS)
        swing = lower @ turned[0]
        count = len(heads)
        turn, place = np.empty((count, 3, 3)), np.empty((count, 3))
        turn[0], place[0] = upper, 0.0
        elbow = upper @ heads[1]
        frame = upper @ lean @ swing
        hand = HAND_BONE
        frame = self._into_picture(row, elbow, frame @ (heads[hand] - heads[1])) @ frame
        for bone in range(TWIST_BONES):
            turn[1 + bone] = frame @ turned[1 + bone]
            place[1 + bone] = elbow
        turn[hand] = turn[hand - 1] @ own("wrist")
        place[hand] = elbow + turn[hand - 1] @ (heads[hand] - heads[1])
        fingers = np.ascontiguousarray(HAND_LEFT @ pose @ HAND_LEFT.T)
        place_fingers(turn, place, heads, fingers, hand)
        if arms.kinds[row] == ARM_FROM_BELOW:
            lowest = min(self._lower_edge(row, place[hand]) + COMES_IN, float(heads[hand, 1]) - RAISED_FROM)
            place[:, 1] += BELOW * ramp(float(place[hand, 1]), lowest - (COMES_IN - COME_IN), lowest)
        shoulder = arms.shoulders[row] + torso.breathed * arms.breath[row]
        turn = torso.sway @ flip @ turn
        at = place @ flip.T + shoulder - torso.hip
        at = at @ torso.sway.T + torso.hip + np.array([torso.shift, 0, 0])
        offset = at - np.einsum("bij,bj->bi", turn, heads)
        return np.ascontiguousarray(np.concatenate([turn, offset[..., None]], -1), np.float32)


def _away(turns: dict[str, Array], side: str) -> float:
    """Radians between a forearm and where it hangs at rest."""
    return _off_rest(turns[f"{side}_upper_arm"] @ turns[f"{side}_lower_arm"], side)


def _bend(turns: dict[str, Array], side: str) -> float:
    """Radians by which an elbow is bent."""
    return _off_rest(turns[f"{side}_lower_arm"], side)


def _off_rest(turn: Array, side: str) -> float:
    """Radians by which a turn (3, 3) takes straight fingers away from where they hang."""
    fingers = FINGERS_AT_REST * (1.0 if side == "left" else -1.0, 1.0, 1.0)
    return float(np.arccos(np.clip(turn @ fingers @ fingers, -1, 1)))


def _soft_excess(value: float, soft: float) -> float:
    """How far ``value`` is above nought, bending over ``soft``."""
    return soft * float(np.logaddexp(0.0, value / soft))


def _kept_in_sleeve(upper: Array, elbow: Array, lean: float) -> float:
    """By how much (radians, clockwise as seen) a left arm must turn so that its upper part stays in the photo's sleeve. Arms that go far
    out of it are let go."""
    bone = upper @ elbow
    rest = np.arctan2(elbow[1], elbow[0]) + lean
    away = float(np.angle(np.exp(1j * (np.arctan2(bone[1], bone[0]) - rest))))
    limit = SLEEVE_IN if away > 0 else SLEEVE_OUT
    held = limit * float(np.tanh(away / limit))
    free = min(max((abs(away) - 0.6) / 0.5, 0.0), 1.0)
    return (held - away) * (1 - free * free * (3 - 2 * free))


def _about_z(angle: float) -> Array:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])


def _twist_of(rotation: Array, axis: Array) -> float:
    """Radians of the part of a rotation that is about ``axis`` (swing-twist decomposition)."""
    w = 0.5 * np.sqrt(max(1 + float(np.trace(rotation)), 1e-12))
    vector = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]]) / (4 * w)
    return float(2 * np.arctan2(vector @ axis, w))
