"""Mouth curves of known phones: trajectories of least acceleration through what the phones ask for, with lip closure as a constraint.

Each phone asks for an opening between the lips, a height of the jaw, rounding, spreading and bared teeth, and says how firmly. Each of
these is then the curve that follows the wishes while it accelerates least (a weighted smoothing spline), so that coarticulation comes by
itself: what a phone does not insist on is taken from its neighbours, before and after. P, B and M insist on shut lips and silence on rest
far more than a vowel insists on its opening; the jaw, which is
heavier, follows more slowly than the lips. F and V bring the lower lip to the upper teeth; rounding begins early.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from visavis.data.phones import BILABIALS, LABIODENTALS, SILENCE, Phone
from visavis.data.prosody import GRID_HZ, Prosody
from visavis.motion.layout import ARKIT_INDEX
from visavis.timing import FRAME_RATE

FINE_HZ = 4 * FRAME_RATE
"""Points a second at which curves are made; pictures are sampled from them."""

OPEN_FULL = 0.485
"""jawOpen at which the lips are as far apart as the widest vowel at full loudness asks for."""

JAW_SHARE = 0.3
"""How much of the way that the jaw stays open while the lips are nearer than it shows as an open jaw with closed lips; the rest shuts the
jaw with the lips."""

QUIETER = 0.20
"""Share of the opening that is lost where the voice is silent; a loud voice opens wider."""

LIPS_S, JAW_S, SHAPE_S, REST_S = 0.047, 0.060, 0.048, 0.060
"""Time scale of the lips' opening, of the jaw, of rounding, spreading and the like, and of coming to rest: the larger, the slower."""

SHUT, SHUT_WEIGHT = -0.04, 40.0
"""Shut lips are pressed together a little, which the opening shows as a value below 0."""
SHUT_SHARE = 0.3
"""How much of a P, B or M, in its middle, wants shut lips; closing and opening take the rest."""

LEAD_S = 0.013
"""What a frame shows is wanted this long after its middle: a sound comes after the movement that makes it, and who follows a film sees a
mouth a little late."""

LONG_SILENCE_S, LEAVE_S, RETURN_S, CALM_S = 0.3, 0.12, 0.10, 0.1
"""A silence longer than this is a rest. A mouth takes ``LEAVE_S`` to shut after the last sound and opens ``RETURN_S`` before the first one;
``CALM_S`` from both ends nothing of speech is left in it."""

SILENCE_WEIGHT, REST_WEIGHT = 1.5, 8.0
"""How firmly a silence asks for shut lips, and how firmly the inside of a long one does."""

CLOSING_WEIGHT = 0.3
"""How firmly P, B and M ask for their opening before and after the lips are shut."""

TONGUE_WEIGHT = 2.0
"""How firmly every phone says where the tongue is."""

BITE, BITE_WEIGHT, UNBITTEN_WEIGHT = 1.05, 6.0, 0.6
"""F and V: how far the lower lip is wanted under the teeth, how firmly, and how firmly all other phones want it free."""

SHAPES = ("round", "spread", "teeth", "funnel", "tongue")
"""What phones ask of the mouth beside its opening (``Target``)."""

EARLY_ROUND_S, EARLY_SHAPES, EARLY_FROM = 0.06, ("round", "funnel"), 0.25
"""Rounding of more than this is wanted this long before its phone begins."""


@dataclass(frozen=True)
class Target:
    """What one phone asks of the mouth, each 0..1. The weights say how firmly; ``glide``: the phone that the second half of a diphthong
    moves to."""

    jaw: float
    round: float = 0.0
    spread: float = 0.0
    teeth: float = 0.0
    funnel: float = 0.0
    tongue: float = 0.0
    jaw_weight: float = 1.0
    lip_weight: float = 0.35
    glide: str = ""


TARGETS: dict[str, Target] = {
    "AA": Target(0.90, teeth=0.30, lip_weight=0.5),
    "AE": Target(0.79, spread=0.35, teeth=0.45, lip_weight=0.6),
    "AH": Target(0.59, teeth=0.20),
    "AO": Target(0.73, round=0.35, funnel=0.45, lip_weight=0.8),
    "AW": Target(0.93, round=0.30, funnel=0.25, teeth=0.2, lip_weight=0.6, glide="UW"),
    "AY": Target(0.94, spread=0.25, teeth=0.35, lip_weight=0.5, glide="IY"),
    "EH": Target(0.60, spread=0.30, teeth=0.40, lip_weight=0.5),
    "ER": Target(0.41, round=0.30, funnel=0.30, lip_weight=0.6),
    "EY": Target(0.55, spread=0.50, teeth=0.40, lip_weight=0.6, glide="IY"),
    "IH": Target(0.35, spread=0.35, teeth=0.30, lip_weight=0.5),
    "IY": Target(0.27, spread=0.80, teeth=0.60, lip_weight=0.9),
    "OW": Target(0.59, round=0.80, funnel=0.35, lip_weight=1.0, glide="UW"),
    "OY": Target(0.59, round=0.60, funnel=0.35, lip_weight=0.8, glide="IY"),
    "UH": Target(0.37, round=0.50, funnel=0.25, lip_weight=0.7),
    "UW": Target(0.31, round=1.00, funnel=0.25, lip_weight=1.2),
    "W": Target(0.18, round=1.00, funnel=0.10, jaw_weight=1.2, lip_weight=1.4),
    "B": Target(0.16, jaw_weight=0.7, lip_weight=0.1),
    "P": Target(0.16, jaw_weight=0.7, lip_weight=0.1),
    "M": Target(0.16, jaw_weight=0.7, lip_weight=0.1),
    "F": Target(0.27, teeth=0.20, jaw_weight=0.9, lip_weight=0.4),
    "V": Target(0.27, teeth=0.20, jaw_weight=0.9, lip_weight=0.4),
    "TH": Target(0.23, teeth=0.30, tongue=1.0),
    "DH": Target(0.22, teeth=0.25, tongue=0.7, lip_weight=0.2),
    "S": Target(0.10, spread=0.50, teeth=0.60, jaw_weight=1.3, lip_weight=0.5),
    "Z": Target(0.10, spread=0.45, teeth=0.60, jaw_weight=1.3, lip_weight=0.5),
    "SH": Target(0.11, round=0.40, funnel=0.50, teeth=0.40, jaw_weight=1.3, lip_weight=1.1),
    "ZH": Target(0.14, round=0.40, funnel=0.50, teeth=0.40, jaw_weight=1.3, lip_weight=1.0),
    "CH": Target(0.12, round=0.40, funnel=0.50, teeth=0.40, jaw_weight=1.2, lip_weight=1.1),
    "JH": Target(0.12, round=0.40, funnel=0.50, teeth=0.40, jaw_weight=1.2, lip_weight=1.0),
    "T": Target(0.19, teeth=0.25, lip_weight=0.15),
    "D": Target(0.20, teeth=0.25, lip_weight=0.15),
    "N": Target(0.17, teeth=0.22, lip_weight=0.15),
    "L": Target(0.18, teeth=0.22, tongue=0.35, lip_weight=0.15),
    "K": Target(0.23, jaw_weight=0.7, lip_weight=0.1),
    "G": Target(0.24, jaw_weight=0.7, lip_weight=0.1),
    "NG": Target(0.29, jaw_weight=0.7, lip_weight=0.1),
    "HH": Target(0.30, jaw_weight=0.3, lip_weight=0.05),
    "R": Target(0.26, round=0.50, funnel=0.35, lip_weight=0.8),
    "Y": Target(0.25, spread=0.45, teeth=0.25, lip_weight=0.5),
    SILENCE: Target(0.0, jaw_weight=1.0, lip_weight=0.6),
}


@dataclass(frozen=True)
class MouthStyle:
    """How a speaker moves the mouth; 1 is average. ``tilt``: -1..1, how much one corner leads."""

    amplitude: float = 1.0
    rounding: float = 1.0
    spreading: float = 1.0
    tilt: float = 0.0


@dataclass(frozen=True)
class Wishes:
    """What the phones ask for on a fine time grid, each (points,): the value wanted, and how firmly."""

    wanted: NDArray[np.float64]
    weight: NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """All that is asked of the mouth: openings of lips and jaw, shapes, lips bitten, lips at rest, and lips_s: time
    scale of the lips."""

    lips: Wishes
    jaw: Wishes
    shapes: dict[str, Wishes]
    bitten: Wishes
    rest: Wishes
    lips_s: float = LIPS_S


def mouth_curves(phones: tuple[Phone, ...], prosody: Prosody, frames: int, style: MouthStyle) -> NDArray[np.float64]:
    """(frames, 52) with the mouth's shapes filled, 0..1. Frame n is taken ``LEAD_S`` after the middle of the time it is
    shown."""
    times = fine_times(frames)
    spoken = tuple(phone for phone in phones if phone.end > phone.start)
    openness = loud_openness(times, prosody)
    course = Course(
        lips=scaled(_opening(times, spoken, lips=True), openness),
        jaw=scaled(_opening(times, spoken, lips=False), openness),
        shapes={name: _shape(times, spoken, name) for name in SHAPES},
        bitten=_bite(times, spoken),
        rest=_rest(times, spoken),
    )
    return follow(course, times, frames, style)


def fine_times(frames: int) -> NDArray[np.float64]:
    """Seconds of the fine grid under ``frames`` frames and a little beyond."""
    return np.arange(int(np.ceil(frames / FRAME_RATE * FINE_HZ)) + FINE_HZ // 2) / FINE_HZ


def loud_openness(times: NDArray[np.float64], prosody: Prosody) -> NDArray[np.float64]:
    """Factor on wide openings, 1 where the voice is loud."""
    return 1 - QUIETER * (1 - np.interp(times, np.arange(len(prosody.loudness)) / GRID_HZ, prosody.loudness))


def follow(course: Course, times: NDArray[np.float64], frames: int, style: MouthStyle) -> NDArray[np.float64]:
    """(frames, 52): what a mouth of limited quickness makes of a course on ``times``."""
    frame_times = (np.arange(frames) + 0.5) / FRAME_RATE + LEAD_S

    def eased(wishes: Wishes, scale_s: float) -> NDArray[np.float64]:
        return np.asarray(np.interp(frame_times, times, least_acceleration(wishes, scale_s)))

    shapes = {name: np.clip(eased(wishes, SHAPE_S), 0, 1) for name, wishes in course.shapes.items()}
    bitten, rest = np.clip(eased(course.bitten, LIPS_S), 0, 1), np.clip(eased(course.rest, REST_S), 0, 1)
    return _to_shapes(
        style.amplitude * eased(course.lips, course.lips_s), style.amplitude * eased(course.jaw, JAW_S), shapes, bitten, rest, style
    )


def least_acceleration(wishes: Wishes, scale_s: float) -> NDArray[np.float64]:
    """The curve c that minimises sum weight (c - wanted)^2 + (scale_s * rate)^4 sum c''^2 (a smoothing spline; Whittaker 1923), one banded
    solve."""
    points = len(wishes.wanted)
    stiffness = (scale_s * FINE_HZ) ** 4
    bands = np.zeros((3, points))
    bands[0] = wishes.weight
    difference = (1.0, -2.0, 1.0)
    for offset in range(3):
        for row in range(3 - offset):
            bands[offset, row : points - 2 + row] += stiffness * difference[row] * difference[row + offset]
    return np.asarray(solveh_banded(bands, wishes.weight * wishes.wanted, lower=True))


def _span(times: NDArray[np.float64], start: float, end: float) -> slice:
    """Grid points from ``start`` to ``end``, one at least."""
    first = int(np.searchsorted(times, start))
    return slice(first, max(int(np.searchsorted(times, end)), first + 1))


def scaled(wishes: Wishes, factor: NDArray[np.float64]) -> Wishes:
    """Wide openings follow the loudness; narrow ones, which consonants need to sound at all, do not."""
    wide = np.clip((wishes.wanted - 0.2) / 0.2, 0, 1)
    return Wishes(wishes.wanted * (1 - wide * (1 - factor)), wishes.weight)


def _opening(times: NDArray[np.float64], phones: tuple[Phone, ...], lips: bool) -> Wishes:
    """Opening of the lips (shut in P, B and M), or of the jaw (which only rises for them)."""
    wanted, weight = np.zeros(len(times)), np.full(len(times), 4.0)
    for phone in phones:
        target = TARGETS[phone.name]
        span = _span(times, phone.start, phone.end)
        wanted[span], weight[span] = target.jaw, target.jaw_weight
        if target.glide:
            half = _span(times, 0.45 * phone.start + 0.55 * phone.end, phone.end)
            wanted[half] = 0.5 * (target.jaw + TARGETS[target.glide].jaw)
        if phone.name == SILENCE:
            weight[span] = SILENCE_WEIGHT
            if phone.end - phone.start > LONG_SILENCE_S:
                weight[_span(times, phone.start + LEAVE_S, phone.end - RETURN_S)] = REST_WEIGHT
    if lips:
        for phone in phones:
            if phone.name in BILABIALS:
                middle, around = (phone.start + phone.end) / 2, max(SHUT_SHARE / 2 * (phone.end - phone.start), 0.5 / FINE_HZ)
                weight[_span(times, phone.start, phone.end)] = CLOSING_WEIGHT
                held = slice(max(int(np.floor((middle - around) * FINE_HZ)), 0), int(np.ceil((middle + around) * FINE_HZ)) + 1)
                wanted[held], weight[held] = SHUT, SHUT_WEIGHT
    return Wishes(wanted, weight)


def _shape(times: NDArray[np.float64], phones: tuple[Phone, ...], name: str) -> Wishes:
    wanted, weight = np.zeros(len(times)), np.full(len(times), 0.8)
    for phone in phones:
        target = TARGETS[phone.name]
        value = getattr(target, name)
        early = EARLY_ROUND_S if name in EARLY_SHAPES and value > EARLY_FROM else 0.0
        span = _span(times, phone.start - early, phone.end)
        wanted[span] = value
        weight[span] = TONGUE_WEIGHT if name == "tongue" else target.lip_weight
        if target.glide:
            half = _span(times, 0.5 * (phone.start + phone.end), phone.end)
            wanted[half], weight[half] = getattr(TARGETS[target.glide], name), TARGETS[target.glide].lip_weight
    return Wishes(wanted, weight)


def _bite(times: NDArray[np.float64], phones: tuple[Phone, ...]) -> Wishes:
    """Lower lip at the upper teeth."""
    wanted, weight = np.zeros(len(times)), np.full(len(times), UNBITTEN_WEIGHT)
    for phone in phones:
        if phone.name in LABIODENTALS:
            span = _span(times, phone.start, phone.end)
            wanted[span], weight[span] = BITE, BITE_WEIGHT
    return Wishes(wanted, weight)


def _rest(times: NDArray[np.float64], phones: tuple[Phone, ...]) -> Wishes:
    """1 where the mouth rests: inside long silences."""
    wanted = np.zeros(len(times))
    for phone in phones:
        if phone.name == SILENCE and phone.end - phone.start > LONG_SILENCE_S:
            wanted[_span(times, phone.start + CALM_S, phone.end - CALM_S)] = 1
    return Wishes(wanted, np.ones(len(times)))


def _to_shapes(
    lips: NDArray[np.float64],
    jaw: NDArray[np.float64],
    shapes: dict[str, NDArray[np.float64]],
    bitten: NDArray[np.float64],
    rest: NDArray[np.float64],
    style: MouthStyle,
) -> NDArray[np.float64]:
    """ARKit weights (frames, 52) from the opening of lips and jaw and from the other shapes."""
    opening = np.maximum(lips, 0) * (1 - 0.3 * bitten)
    pressed = np.clip(-lips / 0.06, 0, 1) * (1 - rest)
    # Lips that meet cannot stick out as far as open ones.
    meeting = np.clip(1 - opening / 0.10, 0, 1)
    # Where the jaw hangs lower than the lips allow, the lips cover it.
    covered = JAW_SHARE * np.maximum(jaw - np.maximum(lips, 0), 0) * (1 - rest)
    # Teeth and rolled lips show only as far as the lips are apart.
    bared = np.clip(opening / 0.16, 0, 1)
    rounding = np.clip(shapes["round"] * style.rounding, 0, 1) * (1 - rest) * (1 - 0.4 * meeting)
    spread = np.clip(shapes["spread"] * style.spreading, 0, 1) * (1 - rest)
    teeth, funnel, tongue = shapes["teeth"] * bared, shapes["funnel"] * style.rounding * (1 - rest), shapes["tongue"] * bared
    curves = np.zeros((len(lips), len(ARKIT_INDEX)))

    def put(name: str, values: NDArray[np.float64], mirrored: bool = False) -> None:
        if mirrored:
            curves[:, ARKIT_INDEX[name + "Left"]] = values * (1 + 0.12 * style.tilt)
            curves[:, ARKIT_INDEX[name + "Right"]] = values * (1 - 0.12 * style.tilt)
        else:
            curves[:, ARKIT_INDEX[name]] = values

    put("jawOpen", OPEN_FULL * (opening + covered))
    put("mouthClose", OPEN_FULL * covered * 1.25)
    put("mouthPucker", 0.60 * rounding * (1 - 0.3 * bitten))
    put("mouthFunnel", (0.45 * funnel + 0.15 * rounding) * (0.35 + 0.65 * bared) * (1 - 0.7 * bitten))
    put("mouthStretch", 0.20 * spread, mirrored=True)
    put("mouthSmile", 0.12 * spread, mirrored=True)
    put("mouthDimple", 0.10 * spread, mirrored=True)
    put("mouthLowerDown", 0.30 * teeth, mirrored=True)
    put("mouthUpperUp", 0.15 * teeth + 0.2 * bitten, mirrored=True)
    put("mouthRollLower", 0.60 * bitten + 0.12 * pressed)
    put("mouthRollUpper", 0.08 * pressed)
    put("mouthPress", 0.30 * pressed + 0.04 * rest, mirrored=True)
    put("tongueOut", 0.12 * tongue)
    return np.clip(curves, 0, 1)
