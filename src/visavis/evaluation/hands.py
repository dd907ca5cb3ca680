"""How sure a hand detector is of the hands that are drawn: raised hands and the apexes of gestures."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.control.pose import ControlStage
from visavis.data.gesture_kinds import CODE, KINDS, REST
from visavis.evaluation.poses import POSES, motion_of, put_arm
from visavis.evaluation.reenact import CONFIG
from visavis.motion.layout import neutral_motion
from visavis.portrait.arm_asset import BONES
from visavis.portrait.landmarks import HandFinder
from visavis.types import MotionChunk
from visavis.types_portrait import PICTURE_HEIGHT, PICTURE_WIDTH, PortraitRig
from visavis.video.renderer import VideoStage

IN_PICTURE = 0.8
"""Share of a hand that must be inside the picture's frame for it to count."""


@dataclass(frozen=True)
class HandScore:
    """hands: how many were drawn. confidence: mean over them of the detector's confidence, 0 for one that it did not find; worst: the
    least. found: share of them at 0.5 or more."""

    hands: int
    confidence: float
    worst: float
    found: float


def gesture_motions() -> dict[str, NDArray[np.float32]]:
    """Name -> motion (MOTION_DIM,) of everything that raises a hand."""
    motions = {name: motion_of(pose) for name, pose in POSES.items() if pose[2] != (None, None)}
    for kind in KINDS:
        if kind.gestures:
            motion = neutral_motion(1)[0]
            for side, aim in (("right", kind.right), ("left", kind.left)):
                put_arm(motion, side, (aim or REST).at(0.5, 1.0, np.zeros(CODE)))
            motions[kind.name] = motion
    return motions


def score_hands(
    rig: PortraitRig, finder: HandFinder, on_picture: Callable[[str, NDArray[np.uint8], list[float]], None] = lambda *_: None
) -> HandScore:
    """Draws all gestures of a portrait. ``on_picture`` is given each one's name, its picture and the confidences. NaN where the portrait
    shows no hand in any of them."""
    control, video = ControlStage(rig, CONFIG), VideoStage(rig)
    confidences: list[float] = []
    for name, motion in gesture_motions().items():
        frame = control.step(MotionChunk(1, 0, motion[None]), control.initial_state())[0][0]
        hands = _hands_in(rig, frame.arms)
        if not hands:
            continue
        picture = video.draw(frame.vertices, frame.shading, frame.arms)
        seen = (finder.confidences(picture) + [0.0] * hands)[:hands]
        confidences += seen
        on_picture(name, picture, seen)
    if not confidences:
        return HandScore(0, float("nan"), float("nan"), float("nan"))
    values = np.array(confidences)
    return HandScore(len(values), float(values.mean()), float(values.min()), float((values >= 0.5).mean()))


def _hands_in(rig: PortraitRig, arms: NDArray[np.int16]) -> int:
    """How many hands are in the picture. arms: as in ``ControlFrame``."""
    if not len(arms):
        return 0
    bones = np.take_along_axis(rig.arms.bones, rig.arms.weights.argmax(1, keepdims=True), 1)[:, 0]
    hand = bones >= BONES.index("hand")
    count = 0
    for side in (arms[: len(hand)], arms[len(hand) :]):
        x, y = side[hand, 0] / 32, side[hand, 1] / 32
        count += bool(((x > 0) & (x < PICTURE_WIDTH) & (y > 0) & (y < PICTURE_HEIGHT)).mean() >= IN_PICTURE)
    return count
