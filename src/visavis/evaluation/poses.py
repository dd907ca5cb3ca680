"""What a portrait must be able to do, as single motions: the faces of speech and feeling, the turned head, raised and pointing hands."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from visavis.data.arms import mirrored, pose_arm
from visavis.data.gesture_kinds import CODE, KINDS, PLACE, REST, SHAPE, Aim
from visavis.motion.hands import to_mano
from visavis.motion.layout import (
    ARKIT_INDEX,
    BODY,
    BODY_JOINTS,
    FACE,
    HEAD_ROTATION,
    LEFT_HAND,
    RIGHT_HAND,
    head_rotation_from_euler,
    neutral_motion,
    rotation_to_6d,
)

_RAISED = Aim((0.130, -0.040, 0.220), (0, 0, 0), "open", -60.0, bend=-10.0, lift=-6.0)
_AT_CAMERA = Aim((0.000, 0.060, 0.400), (0, 0, 0), "one", -60.0, lift=-12.0)
_BEFORE_FACE = Aim((-0.110, -0.130, 0.260), (0, 0, 0), "open", -50.0, bend=-5.0, lift=22.0)

Pose = tuple[Mapping[str, float], float, tuple[Aim | None, Aim | None]]
"""ARKIT weights (a name without a side is both), yaw in degrees (positive to the person's right), what the right and the left arm do."""

NO_ARMS = (None, None)
POSES: dict[str, Pose] = {
    "rest": ({}, 0, NO_ARMS),
    "blink": ({"eyeBlink": 1.0}, 0, NO_ARMS),
    "broad smile": ({"mouthSmile": 0.96, "mouthUpperUp": 0.8, "cheekSquint": 0.5, "eyeSquint": 0.4}, 0, NO_ARMS),
    "aa": ({"jawOpen": 0.6, "mouthLowerDown": 0.15}, 0, NO_ARMS),
    "oo": ({"jawOpen": 0.15, "mouthPucker": 0.8, "mouthFunnel": 0.3}, 0, NO_ARMS),
    "f": ({"jawOpen": 0.12, "mouthRollLower": 0.5, "mouthUpperUp": 0.32}, 0, NO_ARMS),
    "tongue": ({"jawOpen": 0.35, "tongueOut": 1.0}, 0, NO_ARMS),
    "yaw -20": ({}, -20, NO_ARMS),
    "yaw 20": ({}, 20, NO_ARMS),
    "hands raised": ({}, 0, (_RAISED, _RAISED)),
    "pointing": ({}, 0, (_AT_CAMERA, None)),
    "hand before the face": ({}, 0, (_BEFORE_FACE, None)),
}


def motion_of(pose: Pose) -> NDArray[np.float32]:
    """One frame of motion, (MOTION_DIM,)."""
    weights, yaw, arms = pose
    motion = neutral_motion(1)[0]
    for name, weight in weights.items():
        for each in (name,) if name in ARKIT_INDEX else (f"{name}Left", f"{name}Right"):
            motion[FACE][ARKIT_INDEX[each]] = weight
    motion[HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(yaw, 0, 0))
    for side, aim in zip(("right", "left"), arms, strict=True):
        if aim is not None:
            put_arm(motion, side, aim.at(0.0, 1.0, np.zeros(CODE)))
    return motion


def put_arm(motion: NDArray[np.float32], side: str, values: NDArray[np.float64]) -> None:
    """Change one arm and hand in ``motion`` (MOTION_DIM,). values: (ARM_VALUES,), as ``gesture_kinds.Aim.at`` gives them."""
    swivel, twist, flex, deviate = (values[[number]] for number in range(3, 7))
    turns = pose_arm(values[None, PLACE], swivel, twist, flex, deviate)
    for name, turn in zip(("upper_arm", "lower_arm", "wrist"), turns, strict=True):
        begin = BODY.start + 6 * BODY_JOINTS.index(f"{side}_{name}")
        motion[begin : begin + 6] = rotation_to_6d((mirrored(turn) if side == "right" else turn)[0])
    motion[RIGHT_HAND if side == "right" else LEFT_HAND] = to_mano(values[SHAPE], side)


def put_random_arms(motion: NDArray[np.float32], random: np.random.Generator) -> None:
    """Some gesture of the corpus, anywhere between rest and its apex, a little different each time."""
    kind = KINDS[random.integers(len(KINDS))]
    share = random.uniform(0, 1)
    for side, aim in (("right", kind.right), ("left", kind.left)):
        code = random.normal(size=CODE)
        rest = REST.at(0.5, 1.0, np.zeros(CODE))
        put_arm(motion, side, rest + share * ((aim or REST).at(random.uniform(-0.5, 0.5), 1.0, code) - rest))
