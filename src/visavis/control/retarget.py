"""From motion (ARKit weights, relative to a relaxed face) to what one portrait's rig needs: shape weights, lid closure, gaze."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.ease import ramp
from visavis.motion.layout import ARKIT_INDEX

GAZE_DEGREES = (28.0, 20.0, 24.0)
"""Turn of the eyeball at weight 1 of eyeLookIn/Out, eyeLookUp and eyeLookDown."""

LID_FOLLOWS_GAZE = 0.42
"""Lid closure at full eyeLookDown: the upper lid rests on the eyeball and sinks with it."""

LID_RISES_WITH_GAZE = 0.5
"""Weight of eyeWide at full eyeLookUp."""

BITE = (0.10, 0.36)
"""mouthRollLower at which the lower lip sets out for the upper teeth and at which it is there, if the upper lip is drawn up as well. In P,
B and M, which roll both lips in, it is not."""

ROUNDS_SOON = 0.4
"""mouthPucker p narrows the mouth like (1 + this) p - this p^2: lips are soon round. The OO of speech, which has .4 to .5, is narrow
already, and a whistle hardly narrower."""

PARTED = 0.07
"""jawOpen, less what mouthClose takes back, at which lips are surely meant to be apart."""

SMILE_PARTS = (0.45, 0.90)
"""mouthSmile from which on a smile may bare the teeth, and at which it may bare them all. Lips that smile shut reach 0.9 on real faces, as
MediaPipe scores them: what parts them is a raised upper lip (a broad smile: mouthUpperUp 0.3 to 0.95), the jaw, or a smile beyond that."""
LIP_BARES, JAW_BARES, BARES_ALONE = (0.10, 0.50), (0.04, 0.30), (0.92, 1.0)
JAW_SHARE, ALONE_SHARE = 0.8, 0.85
"""How much of a broad smile an opened jaw and mouthSmile alone make of a smile."""
SMILING_JAW = 0.09
"""jawOpen that a broad smile has in itself: the chin goes down a little."""

PRESSED, ROLLED, CLOSED = (0.20, 0.45), (0.10, 0.30), (0.02, 0.08)
"""mouthPress, mouthRollUpper with mouthRollLower, and mouthClose where it takes back the jaw, that let a smile part the lips less and less,
and not at all: P, B and M."""

_JAW, _CLOSE = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]
_ROLL, _ROLL_UPPER = ARKIT_INDEX["mouthRollLower"], ARKIT_INDEX["mouthRollUpper"]
_RAISE = [ARKIT_INDEX["mouthUpperUpLeft"], ARKIT_INDEX["mouthUpperUpRight"]]
_PRESS = [ARKIT_INDEX["mouthPressLeft"], ARKIT_INDEX["mouthPressRight"]]
_PUCKER = ARKIT_INDEX["mouthPucker"]
_ROUND = [ARKIT_INDEX["mouthPucker"], ARKIT_INDEX["mouthFunnel"]]
_SMILE, _UPPER_UP, _STRETCH = (
    [ARKIT_INDEX[f"{name}{side}"] for side in ("Right", "Left")] for name in ("mouthSmile", "mouthUpperUp", "mouthStretch")
)
_TONGUE = ARKIT_INDEX["tongueOut"]
TONGUE_RISES, TONGUE_HANGS = (0.015, 0.10), (0.20, 0.80)
"""tongueOut from which on the tip rises to the upper teeth, and at which it is between the teeth, as in TH (0.12; L has 0.04); and the same
for the tongue that comes over the lip, for which no sound asks."""

_LOOK = {side: tuple(ARKIT_INDEX[f"eyeLook{direction}{side}"] for direction in ("In", "Out", "Up", "Down")) for side in ("Right", "Left")}
_BLINK = {side: ARKIT_INDEX[f"eyeBlink{side}"] for side in ("Right", "Left")}
_WIDE = {side: ARKIT_INDEX[f"eyeWide{side}"] for side in ("Right", "Left")}
_LIDS_AND_GAZE = np.array([index for name, index in ARKIT_INDEX.items() if name.startswith(("eyeBlink", "eyeLook"))])


@dataclass(frozen=True)
class FacePose:
    """weights: float32 (52,), shape weights to add to the photo's face. closure: right and left lid, 0 as in the photo, 1 shut. gaze: right
    and left (yaw, pitch), degrees, with the signs of ``layout.head_rotation_from_euler``. bite: 0..1, how far the lower lip is at the upper
    teeth, as in F and V. broad: right and left, 0..1, how far a smile bares the teeth. tongue: 0..1, how far its tip is
    between the teeth, and how far it hangs over the lower lip."""

    weights: NDArray[np.float32]
    closure: tuple[float, float]
    gaze: tuple[tuple[float, float], tuple[float, float]]
    bite: float = 0.0
    broad: tuple[float, float] = (0.0, 0.0)
    tongue: tuple[float, float] = (0.0, 0.0)


def retarget_face(face: NDArray[np.float32], photo: NDArray[np.float32], rest: NDArray[np.float32]) -> FacePose:
    """face: (52,) motion, zero is a relaxed face with closed lips. photo, rest: what the photo shows and what this face relaxes to
    (``PortraitRig``).

    Motion uses up what a shape has left above its rest weight, so that a face that rests with raised brows does not raise them twice.
    """
    motion = np.clip(face, 0.0, 1.0)
    motion[_PUCKER] *= 1.0 + ROUNDS_SOON * (1.0 - motion[_PUCKER])
    weights = rest + motion * (1.0 - rest) - photo
    weights[_LIDS_AND_GAZE] = 0.0
    # The tongue is soon where it is seen: little of it is out in any sound.
    weights[_TONGUE] = rest[_TONGUE] - photo[_TONGUE] + (1.0 - np.exp(-6.0 * motion[_TONGUE])) * (1.0 - rest[_TONGUE])
    closure, gaze = [], []
    horizontal, up_degrees, down_degrees = GAZE_DEGREES
    for side in ("Right", "Left"):
        inward, outward, up, down = (float(motion[i]) for i in _LOOK[side])
        to_right = outward - inward if side == "Right" else inward - outward  # towards the person's right: the viewer's left, positive yaw
        gaze.append((horizontal * to_right, down_degrees * down - up_degrees * up))
        sunk = LID_FOLLOWS_GAZE * max(down - up, 0.0)
        weights[_WIDE[side]] += LID_RISES_WITH_GAZE * max(up - down, 0.0)
        closure.append(sunk + (1.0 - sunk) * float(motion[_BLINK[side]]))
    broad = broad_smile(motion)
    weights[_JAW] -= min(SMILING_JAW, float(motion[_JAW])) * sum(broad) / 2 * (1.0 - rest[_JAW])
    tongue = ramp(float(motion[_TONGUE]), *TONGUE_RISES), ramp(float(motion[_TONGUE]), *TONGUE_HANGS)
    return FacePose(weights.astype(np.float32), (closure[0], closure[1]), (gaze[0], gaze[1]), bite_of(motion), broad, tongue)


def bite_of(face: NDArray[np.float32]) -> float:
    """How far the lower lip is at the upper teeth, 0..1: it rolls in under a raised upper lip, neither pressed. face: (52,), 0..1."""
    rolled = min(float(face[_ROLL]), 1.7 * float(face[_RAISE].mean())) - float(face[_ROLL_UPPER]) - float(face[_PRESS].mean())
    # Lips that shut before or after an F shut wholly.
    parted = min(max((float(face[_JAW]) - 0.8 * float(face[_CLOSE])) / PARTED, 0.0), 1.0)
    share = min(max((rolled - BITE[0]) / (BITE[1] - BITE[0]), 0.0), 1.0)
    return parted * share * share * (3 - 2 * share)


def broad_smile(face: NDArray[np.float32]) -> tuple[float, float]:
    """How far the right and the left side smile broadly, 0..1: lips parted over the upper teeth, cheeks lifted. face: (52,), 0..1."""
    pressed = ramp(float(face[_PRESS].mean()), *PRESSED)
    rolled = ramp(min(float(face[_ROLL]), float(face[_ROLL_UPPER])), *ROLLED)
    jaw = float(face[_JAW])
    close = float(face[_CLOSE])
    shut = ramp(close, *CLOSED) * (1 - ramp(jaw - close, 0.0, PARTED))
    lets = (1 - pressed) * (1 - rolled) * (1 - shut) * (1 - min(float(face[_ROUND].sum()), 1.0)) * (1 - bite_of(face))
    if lets <= 0.0:
        return 0.0, 0.0
    opened = JAW_SHARE * ramp(jaw - 0.8 * close, *JAW_BARES)
    sides = []
    for smile, raised, stretched in zip(face[_SMILE], face[_UPPER_UP], face[_STRETCH], strict=True):
        bared = max(ramp(float(raised) + 0.5 * float(stretched), *LIP_BARES), opened, ALONE_SHARE * ramp(float(smile), *BARES_ALONE))
        sides.append(lets * bared * ramp(float(smile), *SMILE_PARTS))
    return sides[0], sides[1]
