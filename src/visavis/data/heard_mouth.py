"""Mouth curves of phones that are known only as chances: what a listener who is not sure does with the mouth.

The mouth of ``data.mouth`` knows what is said. A model that is taught it from readings that are right in two of three steps, as those of
real voices are, can only learn its mean over all that may have been said: openings near their mean, and lips that shut as far as ever,
which then are most of what moves. Here each step's wishes are weighted by the chances of its phones; openings are as different as those
of known phones are, lips shut where P, B and M are likelier than anything else, as firmly as fits the rest.
"""

import numpy as np
from numpy.typing import NDArray

from visavis.data.mouth import (
    BITE,
    BITE_WEIGHT,
    CALM_S,
    CLOSING_WEIGHT,
    EARLY_FROM,
    EARLY_ROUND_S,
    EARLY_SHAPES,
    FINE_HZ,
    LEAVE_S,
    LONG_SILENCE_S,
    REST_WEIGHT,
    RETURN_S,
    SHAPES,
    SHUT_SHARE,
    SILENCE_WEIGHT,
    TARGETS,
    TONGUE_WEIGHT,
    UNBITTEN_WEIGHT,
    Course,
    MouthStyle,
    Wishes,
    fine_times,
    follow,
    loud_openness,
    scaled,
)
from visavis.data.phones import BILABIALS, LABIODENTALS, SILENCE
from visavis.data.prosody import Prosody
from visavis.motion.phones import PHONES

CONTRAST, CONTRAST_AT = 1.25, 0.55
"""Openings are this many times as far from ``CONTRAST_AT`` as the mean of what may be said."""

LEAST = 0.12
"""Nobody speaks with lips nearer than this on purpose, but for P, B and M."""

HELD_AT, HELD_WEIGHT = -0.06, 25.0
"""Where shut lips are wanted, and how firmly: half of what known phones insist on, as what is heard may be a little early or late."""

HEARD_LIPS_S = 0.042
"""Time scale of the lips: what is heard is smoother than what is said, as one sound turns slowly into the next."""

HELD_LEAST = 2.0
"""Half of the points for which lips are shut at least."""

SHUTTING = 0.5
"""Chance of P, B and M from which lips shut."""

Chances = NDArray[np.floating]

_EARLY = round(EARLY_ROUND_S * FINE_HZ)
_TARGETS = [TARGETS[name] for name in PHONES]
_SILENT = PHONES.index(SILENCE)


def _glided(name: str) -> float:
    """Opening of a phone, of a glide its mean: the second half is half way to where it goes."""
    target = TARGETS[name]
    return target.jaw if not target.glide else 0.775 * target.jaw + 0.225 * TARGETS[target.glide].jaw


_OPENINGS = np.array([_glided(name) for name in PHONES])
_JAW_WEIGHTS = np.array([SILENCE_WEIGHT if name == SILENCE else TARGETS[name].jaw_weight for name in PHONES])
_LIP_WEIGHTS = np.array([target.lip_weight for target in _TARGETS])


def heard_mouth_curves(chances: Chances, steps_a_second: int, prosody: Prosody, frames: int, style: MouthStyle) -> NDArray[np.float64]:
    """(frames, 52) with the mouth's shapes filled, 0..1, for chances (steps, phones) of ``motion.phones.PHONES``."""
    times = fine_times(frames)
    index = np.minimum((times * steps_a_second).astype(int), len(chances) - 1)
    fine = chances[index] / chances[index].sum(axis=1, keepdims=True)
    silent = fine[:, _SILENT]
    pauses = [(start, end) for start, end in _stretches(silent > 0.5) if end - start > LONG_SILENCE_S * FINE_HZ]
    bites = _chance(fine, LABIODENTALS)
    jaw = scaled(_opening(fine, pauses), loud_openness(times, prosody))
    course = Course(
        lips=_shut(jaw, _stretches(_chance(fine, BILABIALS) > SHUTTING)),
        jaw=jaw,
        shapes={name: _shape(fine, name) for name in SHAPES},
        bitten=Wishes(BITE * bites, UNBITTEN_WEIGHT + (BITE_WEIGHT - UNBITTEN_WEIGHT) * bites),
        rest=_rest(len(times), pauses),
        lips_s=HEARD_LIPS_S,
    )
    return follow(course, times, frames, style)


def lips_heard_closed(chances: Chances) -> NDArray[np.bool_]:
    """Whether P, B and M are likelier than all else: (...,) of chances (..., phones)."""
    return np.asarray(_chance(chances, BILABIALS) > SHUTTING * chances.sum(axis=-1))


def _chance(fine: Chances, names: frozenset[str]) -> NDArray[np.float64]:
    return np.asarray(fine[..., [PHONES.index(name) for name in sorted(names)]].sum(axis=-1))


def _stretches(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First point and end of each run of True."""
    edges = np.diff(np.concatenate([[0], flags.astype(int), [0]]))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))


def _opening(fine: Chances, pauses: list[tuple[int, int]]) -> Wishes:
    weight = fine @ _JAW_WEIGHTS
    mean = fine @ (_JAW_WEIGHTS * _OPENINGS) / weight
    spoken = 1 - fine[:, _SILENT]
    wanted = np.maximum(mean + spoken * (CONTRAST - 1) * (mean - CONTRAST_AT), LEAST * spoken)
    for start, end in pauses:
        weight[start + round(LEAVE_S * FINE_HZ) : end - round(RETURN_S * FINE_HZ)] = REST_WEIGHT
    return Wishes(wanted, weight)


def _shut(jaw: Wishes, closures: list[tuple[int, int]]) -> Wishes:
    wanted, weight = jaw.wanted.copy(), jaw.weight.copy()
    for start, end in closures:
        weight[start:end] = CLOSING_WEIGHT
    for start, end in closures:
        middle, around = (start + end) / 2, max(SHUT_SHARE / 2 * (end - start), HELD_LEAST)
        held = slice(max(int(middle - around), 0), int(np.ceil(middle + around)) + 1)
        wanted[held], weight[held] = HELD_AT, HELD_WEIGHT
    return Wishes(wanted, weight)


def _shape(fine: Chances, name: str) -> Wishes:
    values = np.array([getattr(target, name) for target in _TARGETS])
    weights = np.full(len(PHONES), TONGUE_WEIGHT) if name == "tongue" else _LIP_WEIGHTS
    if name in EARLY_SHAPES:
        soon = np.concatenate([fine[_EARLY:], np.repeat(fine[-1:], _EARLY, axis=0)]) * (values > EARLY_FROM)
        fine = soon + fine * (1 - soon.sum(axis=1, keepdims=True))
    return Wishes(fine @ (weights * values) / (fine @ weights), fine @ weights)


def _rest(points: int, pauses: list[tuple[int, int]]) -> Wishes:
    wanted, calm = np.zeros(points), round(CALM_S * FINE_HZ)
    for start, end in pauses:
        wanted[start + calm : end - calm] = 1
    return Wishes(wanted, np.ones(points))
