"""What weights know of manners (``motion.style_clip.StyleScale``): measured on the corpus and on what the weights do, kept in their
manifest.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.export.motion import write_json
from visavis.motion.layout import ARKIT_INDEX, FACE, HEAD_ROTATION
from visavis.motion.stage import MotionConfig
from visavis.motion.style_clip import StyleScale, measure_style
from visavis.motion.styles import STYLE_VALUES, Manner
from visavis.runtime.motion import STYLE_FACT, load_motion_stage
from visavis.runtime.weights import MANIFEST
from visavis.timing import SAMPLE_RATE
from visavis.training.corpus import read_corpus
from visavis.training.face_data import idle_share

TOLD = 1.5
"""Spreads by which a number is raised and lowered to see how far its measure follows."""
HEARD = (10.0, 25.0)
"""Seconds that held-out utterances may last to be spoken for it."""
MOUTH_FROWN = [ARKIT_INDEX["mouthFrownLeft"], ARKIT_INDEX["mouthFrownRight"]]

Array = NDArray[np.float64]


def measure_scale(
    corpus: Path, weights: Path, silence_share: float, items: int, advance: Callable[[int], None] = lambda _more: None
) -> StyleScale:
    """Mean and spread over the training utterances (with as much idle as the face model saw, ``silence_share``), and what the weights do
    on ``items`` held-out ones. ``advance`` is told each of the 1 + 2 * 6 passes over them."""
    utterances = read_corpus(corpus, "train", with_motion=True)
    table = np.array([measure_style(u.face, u.head) for u in utterances + idle_share(utterances, silence_share)])
    held_out = [u for u in read_corpus(corpus, "val", with_motion=True) if HEARD[0] < len(u.samples) / SAMPLE_RATE < HEARD[1]][:items]
    if not held_out:
        raise FileNotFoundError(f"{corpus} has no held-out utterance of {HEARD[0]:g} to {HEARD[1]:g} s: make more with `visavis data`")
    # Each with a seed of its own: how far a head wanders in a few seconds is chance.
    stages = [load_motion_stage(weights, MotionConfig(seed), body=False) for seed in range(len(held_out))]

    def speak(style: Array) -> tuple[Array, float]:
        manner = Manner(tuple(float(value) for value in style))
        motions = [
            stage.step(u.samples, stage.with_manner(stage.initial_state(), manner), final=True)[0]
            for u, stage in zip(held_out, stages, strict=True)
        ]
        advance(1)
        measures = np.mean([measure_style(motion[:, FACE], motion[:, HEAD_ROTATION]) for motion in motions], axis=0)
        return measures, float(np.mean([motion[:, MOUTH_FROWN].mean() for motion in motions]))

    spread = np.maximum(table.std(axis=0), 1e-6)
    neutral, frown = speak(np.zeros(len(STYLE_VALUES)))
    up, down = (np.array([speak(sign * TOLD * row)[0][k] for k, row in enumerate(np.eye(len(STYLE_VALUES)))]) for sign in (1, -1))
    response = (up - down) / (2 * TOLD * spread)
    mean, scale, made, follows = (tuple(round(float(v), 5) for v in values) for values in (table.mean(axis=0), spread, neutral, response))
    return StyleScale(mean, scale, made, follows, round(frown, 5))


def add_style(folder: Path, scale: StyleScale, facts: dict[str, object]) -> Path:
    """Puts the scale into the manifest of the weights in ``folder``, with ``facts``; nothing else changes."""
    path = folder / MANIFEST
    content = json.loads(path.read_text(encoding="utf-8"))
    content[STYLE_FACT] = {**asdict(scale), **facts}
    return write_json(path, content)
