"""What of a motion is drawn, as named curves with units."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.control.retarget import GAZE_DEGREES
from visavis.evaluation.curves import lip_gap
from visavis.motion.layout import ARKIT_INDEX, FACE, HEAD_ROTATION, check_motion, head_euler_from_rotation, rotation_from_6d


@dataclass(frozen=True)
class Curves:
    """One value a frame, float (frames,). gap: eye distances (``evaluation.curves.lip_gap``). gaze, head: degrees, to the person's left,
    up, and for roll towards the person's right shoulder. All others: ARKit weights, the mean of both sides."""

    jaw: NDArray[np.floating]
    gap: NDArray[np.floating]
    pucker: NDArray[np.floating]
    smile: NDArray[np.floating]
    brows_up: NDArray[np.floating]
    brows_down: NDArray[np.floating]
    blink: NDArray[np.floating]
    gaze_left: NDArray[np.floating]
    gaze_up: NDArray[np.floating]
    head_left: NDArray[np.floating]
    head_up: NDArray[np.floating]
    head_roll: NDArray[np.floating]


def curves_of(motion: NDArray[np.float32]) -> Curves:
    """The curves of motion (frames, MOTION_DIM)."""
    motion = check_motion(motion)
    face = motion[:, FACE]

    def mean(*names: str) -> NDArray[np.floating]:
        return np.asarray(face[:, [ARKIT_INDEX[name] for name in names]].mean(axis=1))

    gaze_left, gaze_up = mean_gaze(face)
    yaw, pitch, roll = head_euler_from_rotation(rotation_from_6d(motion[:, HEAD_ROTATION])).T
    return Curves(
        jaw=mean("jawOpen"),
        gap=lip_gap(face),
        pucker=mean("mouthPucker"),
        smile=mean("mouthSmileLeft", "mouthSmileRight"),
        brows_up=mean("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
        brows_down=mean("browDownLeft", "browDownRight"),
        blink=mean("eyeBlinkLeft", "eyeBlinkRight"),
        gaze_left=gaze_left,
        gaze_up=gaze_up,
        head_left=-yaw,
        head_up=-pitch,
        head_roll=-roll,
    )


def mean_gaze(face: NDArray[np.float32]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Degrees to the person's left and up, (frames,) each, the mean of both eyes, of face weights (frames, 52)."""
    horizontal, up, down = GAZE_DEGREES

    def weight(name: str) -> NDArray[np.floating]:
        return np.asarray(face[:, ARKIT_INDEX[name]])

    left = weight("eyeLookOutLeft") - weight("eyeLookInLeft") + weight("eyeLookInRight") - weight("eyeLookOutRight")
    rise = up * (weight("eyeLookUpLeft") + weight("eyeLookUpRight")) - down * (weight("eyeLookDownLeft") + weight("eyeLookDownRight"))
    return horizontal * left / 2, rise / 2
