"""The manner of a person, measured on a clip of their motion, and what to ask of the models so that they move like that.

The face model is told six numbers and follows some of them well and others hardly. So weights carry, beside the mean and the spread of each
measure over their corpus, what they do when told nothing and how far each measure follows its number (``StyleScale``); what the model will
not do by itself is made up for by factors and by an expression that stays.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visavis.motion.layout import ARKIT_INDEX, FACE, HEAD_ROTATION, check_motion
from visavis.motion.styles import MAX_STYLE, STYLE_VALUES, Manner, Style
from visavis.timing import FRAME_RATE

SHORTEST_S = 3.0
"""Less says nothing about a manner."""

_FACTORS = {"mouth opening": (0.8, 1.25), "brows": (0.3, 2.2), "head": (0.2, 2.2), "blinks": (0.3, 3.0), "gaze": (0.2, 2.0)}
"""How far factors may go. That of the mouth stays near 1: lips must go on to say what is heard."""
_LARGEST_OPENING = 1.0
"""Spreads: a clip in which nobody speaks must not make the avatar mumble."""
_LARGEST_REST = 0.5
_SMILE, _FROWN = "mouthSmile", "mouthFrown"
_CHEEKS_OF_SMILE = 0.8
"""Weight of cheekSquint that belongs to a smile of weight 1, as in ``steering.EMOTIONS``."""


def measure_style(face: ArrayLike, head: ArrayLike) -> NDArray[np.float64]:
    """How much a clip does of each of ``STYLE_VALUES``, (6,): face (frames, 52), head (frames, >= 6: 6D rotation first).

    Standard deviations of jaw, brows, head turn and gaze; means of smile and of lids, these above where they rest, for trackers take open
    lids for slightly shut ones.
    """
    face, head = np.asarray(face, np.float64), np.asarray(head, np.float64)
    lids = _columns(face, "eyeBlink")
    return np.array(
        [
            _columns(face, "jawOpen").std(),
            _columns(face, _SMILE).mean(),
            _columns(face, "brow").std(axis=0).mean(),
            head[:, 2].std(),
            np.maximum(lids - np.percentile(lids, 10, axis=0), 0).mean(),
            _columns(face, "eyeLook").std(axis=0).mean(),
        ]
    )


@dataclass(frozen=True)
class StyleScale:
    """What weights know of manners, one number for each of ``STYLE_VALUES``: mean and spread (standard deviation) over the utterances they
    learnt from; neutral: what the model does when told nothing; response: by how many spreads a measure rises when its number rises by one.
    frown: the mean of neutral's mouthFrown.
    """

    mean: tuple[float, ...]
    spread: tuple[float, ...]
    neutral: tuple[float, ...]
    response: tuple[float, ...]
    frown: float = 0.0

    def __post_init__(self) -> None:
        for name in ("mean", "spread", "neutral", "response"):
            if len(getattr(self, name)) != len(STYLE_VALUES):
                raise ValueError(f"{name} of a style scale needs {len(STYLE_VALUES)} numbers, got {len(getattr(self, name))}")
        if min(self.spread) <= 0 or min(self.neutral) < 0:
            raise ValueError("spreads must be positive, what the model does must not be negative")

    def score(self, measures: ArrayLike) -> NDArray[np.float64]:
        """Measures (..., 6) in spreads from the corpus' mean, held in -``MAX_STYLE``..``MAX_STYLE``, as the model was told in training."""
        return np.clip((np.asarray(measures) - self.mean) / self.spread, -MAX_STYLE, MAX_STYLE)

    def style_of(self, motion: ArrayLike) -> Style:
        """The manner of a clip, frames (n, MOTION_DIM). ValueError where it is shorter than ``SHORTEST_S``."""
        motion = check_motion(motion)
        if len(motion) < SHORTEST_S * FRAME_RATE:
            raise ValueError(
                f"a clip of {len(motion) / FRAME_RATE:.1f} s says too little about a manner: at least {SHORTEST_S:g} s are needed, "
                "better of 15 s in which the person speaks"
            )
        face = motion[:, FACE].astype(np.float64)
        measures = measure_style(face, motion[:, HEAD_ROTATION])
        told = self.score(measures)
        told[0] = np.clip(told[0], -_LARGEST_OPENING, _LARGEST_OPENING)
        expected = np.maximum(np.asarray(self.neutral) + np.asarray(self.response) * told * self.spread, 0.2 * np.asarray(self.neutral))
        factor = {
            name: float(np.clip(value / max(made, 1e-6), *_FACTORS[name]))
            for name, value, made in zip(STYLE_VALUES, measures, expected, strict=True)
            if name in _FACTORS
        }
        smile = _rest(measures[1] - factor["brows"] * expected[1])
        frown = _rest(_columns(face, _FROWN).mean() - factor["brows"] * self.frown)
        stays = {_SMILE: smile, _FROWN: frown, "cheekSquint": _CHEEKS_OF_SMILE * max(smile, 0.0)}
        return Style(
            Manner(tuple(round(float(value), 4) for value in told), blinks=factor["blinks"]),
            mouth=factor["mouth opening"],
            expression=factor["brows"],
            head=factor["head"],
            gaze=factor["gaze"],
            stays=tuple((f"{name}{side}", weight) for name, weight in stays.items() for side in ("Left", "Right") if weight),
        )


def _columns(face: NDArray[np.float64], prefix: str) -> NDArray[np.float64]:
    return face[:, [index for name, index in ARKIT_INDEX.items() if name.startswith(prefix)]]


def _rest(weight: float) -> float:
    return float(np.clip(weight, -_LARGEST_REST, _LARGEST_REST))
