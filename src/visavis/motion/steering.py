"""What a user asks of the motion while it runs: a style, an emotion, where to look, how much of everything. Pure.

The trained model says how the face moves with the voice; steering goes on top of it, frame by frame, and glides (a critically damped
spring for each value), so that a change shows within a chunk and nothing jumps. With nothing asked for, frames pass untouched, bit for
bit.

Directions are those of REP 103 at the face: x out of the screen towards the viewer, y to the avatar's own left, z up, metres, from
between the eyes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from visavis.ease import ramp
from visavis.face_offset import LOWER, expected_offset
from visavis.motion.layout import (
    ARKIT_INDEX,
    ARKIT_NAMES,
    FACE,
    FACE_OFFSET,
    HEAD_POSITION,
    HEAD_ROTATION,
    head_euler_from_rotation,
    head_rotation_from_euler,
    rotation_from_6d,
    rotation_to_6d,
)
from visavis.motion.styles import STYLES, Manner, Style
from visavis.timing import FRAME_RATE

Array = NDArray[np.float32]


def _both(**weights: float) -> Mapping[str, float]:
    """Weights by ARKit name; a name without a side stands for both sides."""
    sided = {}
    for name, weight in weights.items():
        for found in (name,) if name in ARKIT_INDEX else (f"{name}Left", f"{name}Right"):
            sided[found] = weight
    return MappingProxyType(sided)


EMOTIONS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "neutral": _both(),
        "happy": _both(mouthSmile=0.7, cheekSquint=0.6, eyeSquint=0.3, browInnerUp=0.08, mouthDimple=0.15),
        "sad": _both(browInnerUp=0.95, browDown=0.15, mouthFrown=0.8, mouthShrugLower=0.3, eyeSquint=0.15, eyeLookDown=0.12),
        "angry": _both(browDown=1.0, noseSneer=0.55, eyeSquint=0.45, mouthFrown=0.35, mouthPress=0.35, eyeWide=0.15),
        "surprised": _both(browInnerUp=0.9, browOuterUp=0.9, eyeWide=0.8),
        "afraid": _both(browInnerUp=1.0, browOuterUp=0.3, browDown=0.2, eyeWide=0.8, mouthStretch=0.5, mouthFrown=0.2),
        "disgusted": _both(noseSneer=0.95, browDown=0.6, mouthUpperUp=0.04, mouthFrown=0.45, eyeSquint=0.4, cheekSquint=0.35),
        "thoughtful": _both(browDown=0.45, browInnerUp=0.3, eyeSquint=0.28, mouthPress=0.25),
    }
)
"""Emotion -> what it adds to the ARKit weights at intensity 1, after the prototypes of EMFACS (Ekman, Friesen). The jaw is speech's."""

SCALES = ("mouth", "expression", "head", "gaze")
"""Those that act on frames, in the order in which they are steered."""
SCALE_NAMES = (*SCALES, "blink", "gesture")
"""All of them: fields of ``Steering``, and with ``_scale`` behind them parameters of motion_diffusion."""
MAX_SCALE = 2.0

_EXPRESSION_PREFIXES = ("brow", "cheekSquint", "eyeSquint", "eyeWide", "noseSneer", "mouthSmile", "mouthFrown", "mouthDimple")
_IS_EXPRESSION = np.array([name.startswith(_EXPRESSION_PREFIXES) for name in ARKIT_NAMES])
_IS_LOWER = np.array([name.startswith(("jaw", "mouth", "cheek")) for name in ARKIT_NAMES])
_IS_MOUTH = np.array([name.startswith(("jaw", "mouth", "tongue", "cheekPuff")) for name in ARKIT_NAMES]) & ~_IS_EXPRESSION

GAZE_DEGREES = 25.0
"""Turn of the eyes at weight 1 of an eyeLook shape: about the middle of what faces, and rigs, do."""
EYES_REACH = 18.0
"""Degrees that the eyes turn comfortably; beyond, the head does more."""
HEAD_SHARE, HEAD_REACH = 0.35, 12.0
"""The head's share of a look, and the degrees it turns at most for one."""
WANDER_WHILE_LOOKING = 0.3
"""Of the model's own glances, what is left while the avatar looks at a point."""

SPEAKS = (0.02, 0.22)
"""Sum of jawOpen, mouthPucker and mouthFunnel from which on the implicit refinement leaves the lower face to speech, and at which it does
so wholly."""
_SPEAKING = [ARKIT_INDEX[name] for name in ("jawOpen", "mouthPucker", "mouthFunnel")]

_SLOW, _EYES, _HEAD = 8.0, 28.0, 6.0
"""Spring rates (1/s): nine tenths of a change take 3.9 of their inverse. Eyes leap, the head follows."""

_FACE_SIZE = len(ARKIT_NAMES)
_SCALE_AT = slice(_FACE_SIZE, _FACE_SIZE + len(SCALES))
_LOOK_AT = slice(_SCALE_AT.stop, _SCALE_AT.stop + 5)
"""Share of the look in eyes and head together, then yaw and pitch of the eyes, yaw and pitch of the head (degrees)."""
_SIZE = _LOOK_AT.stop
_RATES = np.array([_SLOW] * (_FACE_SIZE + len(SCALES) + 1) + [_EYES] * 2 + [_HEAD] * 2)


@dataclass(frozen=True)
class Steering:
    """What is asked for. style: one of ``STYLES``; reference: a style measured on a clip, which then counts instead. emotion: one of
    ``EMOTIONS``; intensity: 0..1. look_at: point (metres, see the module), None looks freely.

    mouth, expression, head, gaze: factors 0..2 on what model and style do; blink: on how often the eyes blink; gesture: on how often and
    how largely the hands gesture, 0 lets them rest. Raises ValueError, saying what is allowed.
    """

    style: str = "neutral"
    emotion: str = "neutral"
    intensity: float = 1.0
    look_at: tuple[float, float, float] | None = None
    mouth: float = 1.0
    expression: float = 1.0
    head: float = 1.0
    gaze: float = 1.0
    blink: float = 1.0
    gesture: float = 1.0
    reference: Style | None = None

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise ValueError(f'style must be one of {", ".join(STYLES)}, got "{self.style}"')
        if self.emotion not in EMOTIONS:
            raise ValueError(f'emotion must be one of {", ".join(EMOTIONS)}, got "{self.emotion}"')
        if not 0 <= self.intensity <= 1:
            raise ValueError(f"intensity must be within 0 and 1, got {self.intensity}")
        for name in SCALE_NAMES:
            if not 0 <= getattr(self, name) <= MAX_SCALE:
                raise ValueError(f"{name} must be within 0 and {MAX_SCALE:g}, got {getattr(self, name)}")
        if self.look_at is not None:
            if len(self.look_at) != 3 or not np.isfinite(self.look_at).all():
                raise ValueError(f"look_at must be three finite numbers, got {self.look_at}")
            if not any(self.look_at):
                raise ValueError("look_at must not be the point between the eyes themselves")

    @property
    def whole_style(self) -> Style:
        """The reference's style, or that of the name."""
        return self.reference or STYLES[self.style]

    @property
    def manner(self) -> Manner:
        """What the models are told."""
        manner = self.whole_style.manner
        return replace(manner, blinks=manner.blinks * self.blink, gestures=manner.gestures * self.gesture)


@dataclass(frozen=True)
class SteeringState:
    """Where everything is on its way to what was asked. value, speed: float64 (n,)."""

    value: NDArray[np.float64] = field(compare=False)
    speed: NDArray[np.float64] = field(compare=False)


def at_rest() -> SteeringState:
    """Nothing was ever asked for."""
    return arrived(Steering())


def arrived(wanted: Steering) -> SteeringState:
    """Everything is already as ``wanted``, for a film that begins that way."""
    value = _target(wanted, np.zeros(_SIZE))
    return SteeringState(value, np.zeros(_SIZE))


def steer(motion: Array, wanted: Steering, state: SteeringState) -> tuple[Array, SteeringState]:
    """Frames (frames, MOTION_DIM) with what is wanted on top of them, and where it stands after them."""
    nothing = replace(wanted, blink=1.0, gesture=1.0, intensity=1.0) == _NOTHING
    steered = motion.copy()
    for frame in steered:
        if nothing and _is_at_rest(state):
            break
        state = SteeringState(*_glide(state.value, state.speed, _target(wanted, state.value)))
        _apply(frame, state.value)
    return steered, state


def look_angles(point: tuple[float, float, float]) -> tuple[float, float]:
    """Degrees to the avatar's left and up at which a point lies; what lies behind the face counts as beside it."""
    x, y, z = point
    forward = max(x, 1e-3)
    return float(np.degrees(np.arctan2(y, forward))), float(np.degrees(np.arctan2(z, np.hypot(forward, y))))


def _target(wanted: Steering, now: NDArray[np.float64]) -> NDArray[np.float64]:
    target = np.zeros(_SIZE)
    style = wanted.whole_style
    for name, weight in style.stays:
        target[ARKIT_INDEX[name]] += weight
    for emotion, intensity in ((wanted.emotion, wanted.intensity), style.tint):
        for name, weight in EMOTIONS[emotion].items():
            target[ARKIT_INDEX[name]] += weight * intensity
    target[_SCALE_AT] = [getattr(style, name) * getattr(wanted, name) for name in SCALES]
    if wanted.look_at is None:
        target[_LOOK_AT] = [0.0, *now[_LOOK_AT][1:]]  # lets go of the point where it is, not by way of straight ahead
        return target
    left, up = look_angles(wanted.look_at)
    turned = [float(np.clip(HEAD_SHARE * angle, -HEAD_REACH, HEAD_REACH)) for angle in (left, up)]
    eyes = [angle - head for angle, head in zip((left, up), turned, strict=True)]
    over = [max(abs(angle) - EYES_REACH, 0.0) * np.sign(angle) for angle in eyes]
    head = [float(np.clip(angle + more, -HEAD_REACH, HEAD_REACH)) for angle, more in zip(turned, over, strict=True)]
    target[_LOOK_AT] = [1.0, left - head[0], up - head[1], *head]
    return target


def _glide(
    value: NDArray[np.float64], speed: NDArray[np.float64], target: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One frame of a critically damped spring, solved exactly."""
    away = value - target
    pull = (speed + _RATES * away) / FRAME_RATE
    fade = np.exp(-_RATES / FRAME_RATE)
    return target + (away + pull) * fade, (speed - _RATES * pull) * fade


def _apply(frame: Array, value: NDArray[np.float64]) -> None:
    mouth, expression, head, gaze = value[_SCALE_AT]
    share, eyes_left, eyes_up, head_left, head_up = value[_LOOK_AT]
    face = frame[FACE].astype(np.float64)
    left, up = _gaze(face)
    face[_IS_MOUTH] *= mouth
    face[_IS_EXPRESSION] *= expression
    face += value[:_FACE_SIZE]
    own = gaze * (1 - share * (1 - WANDER_WHILE_LOOKING))
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        down = value[ARKIT_INDEX[f"eyeLookDown{side}"]]
        _set_gaze(face, side, sign * (own * left + share * eyes_left / GAZE_DEGREES), own * up + share * eyes_up / GAZE_DEGREES - down)
    frame[FACE] = np.clip(face, 0, 1)
    frame[FACE_OFFSET] = np.float32(expression) * frame[FACE_OFFSET] + _refinement(value[:_FACE_SIZE], float(frame[FACE][_SPEAKING].sum()))
    yaw, pitch, roll = head_euler_from_rotation(rotation_from_6d(frame[HEAD_ROTATION])).astype(np.float64)
    turned = head_rotation_from_euler(head * yaw - share * head_left, head * pitch - share * head_up, head * roll)
    frame[HEAD_ROTATION] = rotation_to_6d(turned)
    frame[HEAD_POSITION] *= np.float32(head)


def _refinement(added: NDArray[np.float64], spoken: float) -> Array:
    """The implicit refinement that people show with the weights (52,) that were added. The mouth has it as far as it does not speak, and
    of what the lower face does alone: brows that rise drop no jaw in midst of a word."""
    values = expected_offset(added)
    values[LOWER] = expected_offset(added * _IS_LOWER)[LOWER] * np.float32(1 - ramp(spoken, *SPEAKS))
    return values


def _gaze(face: NDArray[np.float64]) -> tuple[float, float]:
    """Where the model looks, mean of the eyes: to the avatar's left and up, in weights of eyeLook shapes."""
    at = {name: face[index] for name, index in ARKIT_INDEX.items() if name.startswith("eyeLook")}
    left = (at["eyeLookOutLeft"] - at["eyeLookInLeft"] + at["eyeLookInRight"] - at["eyeLookOutRight"]) / 2
    up = (at["eyeLookUpLeft"] - at["eyeLookDownLeft"] + at["eyeLookUpRight"] - at["eyeLookDownRight"]) / 2
    return float(left), float(up)


def _set_gaze(face: NDArray[np.float64], side: str, outwards: float, up: float) -> None:
    for name, weight in (("Out", outwards), ("In", -outwards), ("Up", up), ("Down", -up)):
        face[ARKIT_INDEX[f"eyeLook{name}{side}"]] = max(weight, 0.0)


def _is_at_rest(state: SteeringState) -> bool:
    there = np.abs(state.value - _REST) < 1e-4
    there[_LOOK_AT.start + 1 : _LOOK_AT.stop] = True  # the direction does not matter once its share is nothing
    return bool(there.all() and (np.abs(state.speed) < 1e-3).all())


_NOTHING = Steering()
_REST = at_rest().value
