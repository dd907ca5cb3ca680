"""Quick lip score straight from face curves, for use while training: no picture is made."""

import numpy as np
from numpy.typing import NDArray

from visavis.data.phones import Phone
from visavis.evaluation.lip_score import LipScore, score_gap
from visavis.motion.layout import ARKIT_INDEX

GAP_WEIGHTS: dict[str, float] = {
    "jawOpen": 0.70,
    "mouthClose": -0.52,
    "mouthFunnel": 0.028,
    "mouthPucker": -0.037,
    "mouthStretchLeft": -0.053,
    "mouthStretchRight": -0.053,
    "mouthRollLower": -0.073,
    "mouthRollUpper": -0.081,
    "mouthPressLeft": -0.026,
    "mouthPressRight": -0.026,
    "mouthLowerDownLeft": 0.072,
    "mouthLowerDownRight": 0.072,
    "mouthUpperUpLeft": 0.010,
    "mouthUpperUpRight": 0.010,
    "mouthShrugLower": -0.068,
    "mouthShrugUpper": 0.082,
}
"""Eye distances of lip gap a unit of each shape: a linear fit to what a tracker sees of the default portrait, to which two teachers give
the motion of the LibriVox sentences (correlation 0.98). Shapes that shut lips cannot be told from a gap of nothing: theirs are those of
the rig's mesh."""

TRACKED_AT_ONCE = 0.6
"""Share of a frame that a tracker that follows a film shows in that frame; the rest comes with the next one."""

STICKING = 0.011
"""Lips that are nearer than this stick together."""


def lip_gap(face: NDArray[np.floating]) -> NDArray[np.float64]:
    """(frames,) approximate gap between the lips in eye distances from (frames, 52) face weights."""
    gap = np.full(len(face), -STICKING)
    for name, weight in GAP_WEIGHTS.items():
        gap += weight * np.asarray(face[:, ARKIT_INDEX[name]], np.float64)
    return np.maximum(gap, 0.0)


def score_curves(face: NDArray[np.floating], phones: tuple[Phone, ...]) -> LipScore:
    """Lip score of (frames, 52) face weights at 30 fps against the phones that were said. A proxy: what counts is the rendered picture
    (``evaluation.lips``)."""
    gap = lip_gap(face)
    return score_gap(TRACKED_AT_ONCE * gap + (1 - TRACKED_AT_ONCE) * np.concatenate([gap[:1], gap[:-1]]), phones)
