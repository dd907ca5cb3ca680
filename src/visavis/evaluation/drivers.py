"""What can drive the mouth: a plain loudness mapping, the teacher that is told the phones, and the streaming model that hears the sound
only."""

import numpy as np
from numpy.typing import NDArray

from visavis.data.prosody import GRID_HZ, analyse
from visavis.data.teacher import Style, teach
from visavis.evaluation.recordings import Recording
from visavis.motion.layout import ARKIT_INDEX, FACE, neutral_motion
from visavis.motion.stage import MotionStage
from visavis.timing import FRAME_RATE, frames_in

BASELINE_JAW = 0.30
"""jawOpen of the baseline at full loudness: about the widest vowels of the teacher."""

CHUNK_SAMPLES = 640
"""The model is fed as the graph feeds it: 40 ms at a time."""


def loudness_motion(recording: Recording) -> NDArray[np.float32]:
    """Baseline (frames, MOTION_DIM): jawOpen in proportion to the loudness of the moment, everything else at rest."""
    frames = frames_in(len(recording.samples))
    loudness = analyse(recording.samples, recording.phones).loudness
    motion = neutral_motion(frames)
    times = (np.arange(frames) + 0.5) / FRAME_RATE
    level = np.interp(times, np.arange(len(loudness)) / GRID_HZ, loudness)
    motion[:, FACE][:, ARKIT_INDEX["jawOpen"]] = BASELINE_JAW * np.clip((level - 0.1) / 0.9, 0, 1)
    return motion


def oracle_motion(recording: Recording, seed: int = 0) -> NDArray[np.float32]:
    """(frames, MOTION_DIM) of the teacher, which is given the alignment; average style."""
    return teach(recording.samples, recording.phones, seed, Style()).as_motion()


def model_motion(recording: Recording, stage: MotionStage) -> NDArray[np.float32]:
    """(frames, MOTION_DIM) of the streaming model, fed in small chunks as in the graph."""
    state, pieces = stage.initial_state(), []
    count = len(recording.samples)
    for start in range(0, count, CHUNK_SAMPLES):
        piece, state = stage.step(recording.samples[start : start + CHUNK_SAMPLES], state, final=start + CHUNK_SAMPLES >= count)
        pieces.append(piece)
    return np.concatenate(pieces)
