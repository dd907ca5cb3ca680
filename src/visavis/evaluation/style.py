"""How much of a person's manner is taken over from a clip: speakers of the teacher, whose manner is known, say held-out sentences; the
model is given the sound of one clip and the manner of another.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from visavis.data.mouth import MouthStyle
from visavis.data.teacher import Style as Speaker
from visavis.data.teacher import teach
from visavis.evaluation.recordings import Recording
from visavis.motion.layout import FACE, HEAD_ROTATION
from visavis.motion.stage import MotionStage
from visavis.motion.steering import Steering
from visavis.motion.style_clip import StyleScale, measure_style
from visavis.motion.styles import Style
from visavis.pipeline import motion_chunks
from visavis.timing import SAMPLE_RATE

Array = NDArray[np.float32]

SPEAKERS = {
    "still": Speaker(MouthStyle(0.88, 0.95, 0.9, -0.5), head=0.55, brows=0.45, blinks_per_minute=11.0),
    "lively": Speaker(MouthStyle(1.12, 1.05, 1.1, 0.5), head=1.5, brows=1.6, blinks_per_minute=24.0),
}
"""Two that lie at and a little beyond the ends of what the corpus has."""

WINDOW = 7
STABLE = 0.01**2, 0.03**2
"""Constants of SSIM for values of 0 to 1 (Wang et al. 2004)."""

DRIVERS = ("model, no style", "model, style of another clip", "model, style of this clip", "the speaker once more")


@dataclass(frozen=True)
class StyleScore:
    """error: mean absolute difference of the 52 weights to the speaker's. likeness: SSIM of them. manner: mean distance of the six measures
    of ``measure_style``, in spreads of the corpus."""

    error: float
    likeness: float
    manner: float


def coefficient_likeness(one: Array, other: Array) -> float:
    """SSIM (Wang et al. 2004) of two clips of weights (frames, 52) taken as pictures: windows of 7x7, values 0..1."""
    first, second = one.astype(np.float64), other.astype(np.float64)
    mean = [uniform_filter(values, WINDOW) for values in (first, second)]
    spread = [uniform_filter(values**2, WINDOW) - middle**2 for values, middle in zip((first, second), mean, strict=True)]
    both = uniform_filter(first * second, WINDOW) - mean[0] * mean[1]
    above = (2 * mean[0] * mean[1] + STABLE[0]) * (2 * both + STABLE[1])
    below = (mean[0] ** 2 + mean[1] ** 2 + STABLE[0]) * (spread[0] + spread[1] + STABLE[1])
    return float((above / below).mean())


def speak(samples: NDArray[np.int16], stage: MotionStage, style: Style | None) -> Array:
    """What the model does in a style, steered as in the graph: (frames, MOTION_DIM)."""
    blocks = (samples[at : at + SAMPLE_RATE] for at in range(0, len(samples), SAMPLE_RATE))
    return np.concatenate([chunk.values for chunk in motion_chunks(blocks, stage, steering=Steering(reference=style))])


def score(found: Array, wanted: Array, scale: StyleScale) -> StyleScore:
    """Clips (frames, MOTION_DIM) against each other."""
    measures = [scale.score(measure_style(motion[:, FACE], motion[:, HEAD_ROTATION])) for motion in (found, wanted)]
    face, truth = found[:, FACE], wanted[:, FACE]
    return StyleScore(
        float(np.abs(face - truth).mean()), coefficient_likeness(face, truth), float(np.abs(measures[0] - measures[1]).mean())
    )


def transfer(recordings: list[Recording], stage: MotionStage, scale: StyleScale) -> dict[str, dict[str, StyleScore]]:
    """Speaker -> one of ``DRIVERS`` -> mean score over the recordings, each with the manner of the recording after it as "another clip"."""
    if len(recordings) < 2:
        raise ValueError("at least two recordings are needed: one gives the sound, another the manner")
    plain = [speak(recording.samples, stage, None) for recording in recordings]
    scores: dict[str, dict[str, StyleScore]] = {}
    for name, speaker in SPEAKERS.items():
        taught = [teach(r.samples, r.phones, number, speaker).as_motion() for number, r in enumerate(recordings)]
        again = [teach(r.samples, r.phones, 100 + number, speaker).as_motion() for number, r in enumerate(recordings)]
        found: dict[str, list[StyleScore]] = {driver: [] for driver in DRIVERS}
        for index, (recording, wanted) in enumerate(zip(recordings, taught, strict=True)):
            other = scale.style_of(taught[(index + 1) % len(taught)])
            clips = (
                plain[index],
                speak(recording.samples, stage, other),
                speak(recording.samples, stage, scale.style_of(wanted)),
                again[index],
            )
            for driver, clip in zip(DRIVERS, clips, strict=True):
                found[driver].append(score(clip, wanted, scale))
        scores[name] = {driver: _mean(values) for driver, values in found.items()}
    return scores


def _mean(scores: list[StyleScore]) -> StyleScore:
    return StyleScore(*(float(np.mean([getattr(one, name) for one in scores])) for name in ("error", "likeness", "manner")))
