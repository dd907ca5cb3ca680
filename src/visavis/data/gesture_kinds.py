"""The kinds of speech gestures and rests: where the hands go, how they are turned and shaped, and how they strike. Written by hand.

Places are from the shoulder of the side that moves, in metres: outwards, down, forwards. Angles in degrees.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.motion.hands import HAND_VALUES

Array = NDArray[np.float64]

PLACE = slice(0, 3)
SWIVEL, TWIST, FLEX, DEVIATE = 3, 4, 5, 6
SHAPE = slice(7, 7 + HAND_VALUES)
ARM_VALUES = 7 + HAND_VALUES
"""One arm and hand as the generator moves it: wrist (metres in a left arm's axes), four angles and the hand's values (radians)."""


def _hand(*fingers: tuple[float, float, float], thumb: tuple[float, float, float, float]) -> Array:
    """Degrees for index, middle, pinky, ring (knuckle, middle joint, spread) and thumb."""
    return np.radians([value for finger in fingers for value in finger] + list(thumb))


_CURLED, _TUCKED = (72.0, 92.0, 0.0), (45.0, 30.0, 35.0, 45.0)
SHAPES: dict[str, Array] = {
    "relaxed": _hand((22, 30, 3), (27, 34, 0), (34, 38, -6), (31, 37, -3), thumb=(22, 12, 12, 16)),
    "loose": _hand((14, 20, 6), (18, 24, 1), (26, 28, -9), (22, 26, -4), thumb=(16, 4, 8, 12)),
    "open": _hand((4, 7, 9), (6, 9, 2), (10, 12, -13), (8, 11, -6), thumb=(8, -8, 2, 6)),
    "one": _hand((4, 6, 2), _CURLED, _CURLED, _CURLED, thumb=_TUCKED),
    "two": _hand((4, 6, 11), (5, 7, -5), _CURLED, _CURLED, thumb=_TUCKED),
    "three": _hand((4, 6, 12), (5, 7, 0), _CURLED, (8, 10, -10), thumb=_TUCKED),
    "grip": _hand((46, 44, 0), (30, 34, 0), (22, 26, -8), (26, 30, -4), thumb=(38, 18, 14, 18)),
}


@dataclass(frozen=True)
class Aim:
    """How one arm gestures. place: of the stroke's middle. stroke: way from its beginning to its apex. twist: palm up is positive. turn:
    how much more of it at the apex than at the beginning. flick: the wrist's flexion goes from minus to plus this many degrees. lift:
    swivel of the elbow outwards."""

    place: tuple[float, float, float]
    stroke: tuple[float, float, float]
    shape: str
    twist: float
    flick: float = 8.0
    bend: float = 0.0
    lift: float = 0.0
    deviate: float = 0.0
    turn: float = 0.0

    def at(self, share: float, amplitude: float, code: Array) -> Array:
        """(ARM_VALUES,) of a stroke's beginning (-0.5), its apex (0.5) or between. code: (CODE,), how this one differs from others."""
        size = amplitude * np.exp(0.22 * code[3])
        out, down, forward = (
            np.array(self.place)
            + np.array([0.022, 0.024, 0.018]) * code[:3]
            + share * size * np.array(self.stroke)
            + (amplitude - 1) * np.array([0.02, -0.05, 0.03])
        )
        twist, bend = self.twist + share * self.turn, self.bend + 2 * share * self.flick * size
        angles = np.radians([self.lift, twist + 6 * code[0], bend, self.deviate + 3 * code[1]])
        return np.concatenate([[out, down, -forward], angles, SHAPES[self.shape]])


CODE = 4

REST = Aim((0.068, 0.484, 0.055), (0, 0, 0), "relaxed", 0.0, 0.0)
WAIST = Aim((-0.022, 0.325, 0.190), (0, 0, 0), "relaxed", -22.0, 0.0, bend=12.0, lift=8.0)

_BEAT = Aim((-0.045, 0.190, 0.205), (0.022, 0.080, 0.025), "loose", 4.0, 11.0, lift=12.0)
_BEATS = Aim((0.010, 0.190, 0.205), (0.022, 0.080, 0.025), "loose", 4.0, 11.0, lift=12.0)
_PALM = Aim((0.045, 0.140, 0.205), (0.105, 0.020, 0.010), "open", 30.0, -3.0, bend=4.0, lift=-8.0, turn=48.0)
_POINT = Aim((0.020, 0.115, 0.270), (0.000, 0.035, 0.060), "one", -46.0, 7.0, lift=4.0)
_GRIP = Aim((-0.035, 0.155, 0.215), (0.012, 0.075, 0.020), "grip", 4.0, 9.0, lift=10.0)


def _count(shape: str) -> Aim:
    return Aim((0.045, 0.075, 0.205), (0.005, 0.040, 0.030), shape, -42.0, 6.0, bend=-10.0, lift=4.0, deviate=6.0)


@dataclass(frozen=True)
class Kind:
    """name, what each arm does (None: rests), how often it is chosen when a gesture begins, and which kinds may follow without choice."""

    name: str
    right: Aim | None
    left: Aim | None
    weight: float = 0.0
    then: str = ""

    @property
    def gestures(self) -> bool:
        return self.right not in (None, WAIST, REST) or self.left not in (None, WAIST, REST)


KINDS: tuple[Kind, ...] = (
    Kind("rest", REST, REST),
    Kind("waist", WAIST, WAIST),
    Kind("beat_right", _BEAT, None, 0.17),
    Kind("beat_left", None, _BEAT, 0.09),
    Kind("beat_both", _BEATS, _BEATS, 0.15),
    Kind("palm_right", _PALM, None, 0.11),
    Kind("palm_left", None, _PALM, 0.06),
    Kind("palm_both", _PALM, _PALM, 0.16),
    Kind("point_right", _POINT, None, 0.06),
    Kind("grip_right", _GRIP, None, 0.09),
    Kind("grip_left", None, _GRIP, 0.05),
    Kind("count_one", _count("one"), None, 0.06, "count_two"),
    Kind("count_two", _count("two"), None, 0.0, "count_three"),
    Kind("count_three", _count("three"), None, 0.0, ""),
)
KIND_INDEX: dict[str, int] = {kind.name: index for index, kind in enumerate(KINDS)}
