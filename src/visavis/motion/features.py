"""Causal audio features of the stream: log-mel bands relative to a running speech level and to a running mean spectrum, and loudness.

One video frame (1/30 s) holds ``MELS_PER_FRAME`` = 4 mel frames, so features and pictures share one integer clock and never drift. Mel
frame k (counted from the start of the utterance) looks at the ``WINDOW`` samples that end just before sample ``(k + 1) * 400 // 3``:
nothing of the future, the look-ahead of the stage is spent later, in the encoder. A stream is cut in video frames before anything is
computed, so every array has the same shape whatever pieces the samples arrive in, and the result is the same bit for bit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.timing import FRAME_RATE, SAMPLE_RATE, exact_div, frame_to_sample

MELS_PER_FRAME = 4
MEL_RATE = MELS_PER_FRAME * FRAME_RATE
WINDOW = 400
"""Samples a mel frame looks at: 25 ms."""

FFT_SIZE = 512
BANDS = 48
LOWEST_HZ, HIGHEST_HZ = 60.0, 7600.0
FEATURES = BANDS + 2
"""Values a mel frame: ``BANDS`` log-mel energies, loudness relative to the running level, absolute loudness."""

RELATIVE_LOUDNESS, ABSOLUTE_LOUDNESS = BANDS, BANDS + 1

FLOOR_DB = -80.0
INITIAL_LEVEL_DB = -26.0
LOWEST_LEVEL_DB = -50.0
LEVEL_ATTACK = 0.12
"""Share of the difference by which the level follows a louder mel frame: a time constant of about 65 ms."""

LEVEL_DECAY_DB = 1.5 / MEL_RATE
"""The level sinks by 1.5 dB a second, so a pause of some seconds does not turn noise into speech."""

SPECTRUM_SHARE = 1 / (2.0 * MEL_RATE)
"""Share of the difference by which the mean spectrum follows a mel frame of speech: a time constant of 2 s of speech."""

SPECTRUM_DEPTH = 0.5
"""A mel frame counts as speech for the mean spectrum down to this much relative loudness under the level (10 dB)."""

_MEL_HOP_THIRDS = exact_div(3 * SAMPLE_RATE, MEL_RATE)


@dataclass(frozen=True)
class FeatureState:
    """What the next video frame needs of the past. history: float32 (WINDOW,), the samples just before it, -1..1. level_db: running
    speech level. spectrum: running mean of the bands of speech, float32 (BANDS,).
    """

    frame: int
    history: NDArray[np.float32]
    level_db: float
    spectrum: NDArray[np.float32]


def initial_feature_state() -> FeatureState:
    return FeatureState(frame=0, history=np.zeros(WINDOW, np.float32), level_db=INITIAL_LEVEL_DB, spectrum=MEAN_SPECTRUM)


def mel_end(mel_frame: int) -> int:
    """Sample just after the last one that mel frame ``mel_frame`` looks at."""
    return (mel_frame + 1) * _MEL_HOP_THIRDS // 3


def frame_features(samples: NDArray[np.int16], state: FeatureState) -> tuple[NDArray[np.float32], FeatureState]:
    """Features of one video frame: float32 (MELS_PER_FRAME, FEATURES).

    samples: int16, exactly those that frame ``state.frame`` covers (533 or 534); ValueError for any other number.
    """
    start = frame_to_sample(state.frame)
    length = frame_to_sample(state.frame + 1) - start
    if samples.shape != (length,):
        raise ValueError(f"frame {state.frame} covers {length} samples, got an array of shape {samples.shape}")
    heard = np.concatenate([state.history, samples.astype(np.float32) / np.float32(32768)])
    ends = [mel_end(state.frame * MELS_PER_FRAME + k) - start + WINDOW for k in range(MELS_PER_FRAME)]
    windows = np.stack([heard[end - WINDOW : end] for end in ends])
    bands, loudness = _energies(windows)
    features, level = _relative_to_level(bands, loudness, state.level_db)
    features, spectrum = _relative_to_spectrum(features, loudness, state.spectrum)
    return features, FeatureState(state.frame + 1, heard[len(heard) - WINDOW :], level, spectrum)


def utterance_features(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Features of a whole utterance in one go, for training: float32 (mel frames, FEATURES); samples after the last whole video frame are
    left out.
    """
    return relative_features(*utterance_energies(samples))


def relative_features(
    bands: NDArray[np.float32],
    loudness: NDArray[np.float32],
    level_db: float = INITIAL_LEVEL_DB,
    spectrum: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Features (mel frames, FEATURES) of energies in dB as ``utterance_energies`` gives them. level_db, spectrum: running level and running
    mean (BANDS,) that the stream has reached before; by default it begins.
    """
    features, _ = _relative_to_level(bands, loudness, level_db)
    return _relative_to_spectrum(features, loudness, MEAN_SPECTRUM if spectrum is None else spectrum)[0]


def is_speech(features: NDArray[np.float32], loudness: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which mel frames count for the mean spectrum: those near the level and above the quietest level there is."""
    return (features[:, RELATIVE_LOUDNESS] > -SPECTRUM_DEPTH) & (loudness > LOWEST_LEVEL_DB)


def utterance_energies(samples: NDArray[np.int16]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Band energies (mel frames, BANDS) and loudness (mel frames,) of a whole utterance in dB, before anything is taken off."""
    frames = 3 * len(samples) // frame_to_sample(3)
    if frames == 0:
        return np.zeros((0, BANDS), np.float32), np.zeros(0, np.float32)
    heard = np.concatenate([np.zeros(WINDOW, np.float32), samples.astype(np.float32) / np.float32(32768)])
    ends = (np.arange(1, frames * MELS_PER_FRAME + 1) * _MEL_HOP_THIRDS) // 3
    windows = np.lib.stride_tricks.sliding_window_view(heard, WINDOW)[ends]
    return _energies(windows)


def hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mel scale of O'Shaughnessy 1987."""
    return np.asarray(2595 * np.log10(1 + hz / 700))


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(700 * (10 ** (mel / 2595) - 1))


def _energies(windows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Band energies (n, BANDS) and loudness (n,) of windows (n, WINDOW), in dB relative to a full-scale sine, never under ``FLOOR_DB``."""
    floor = np.float32(10 ** (FLOOR_DB / 10))
    parts = windows @ _FOURIER
    power = parts[:, : len(_BINS)] ** 2 + parts[:, len(_BINS) :] ** 2
    bands = 10 * np.log10(power @ _MEL_WEIGHTS + floor)
    loudness = 10 * np.log10(2 * np.mean(windows**2, axis=1, dtype=np.float32) + floor)
    return bands.astype(np.float32), loudness.astype(np.float32)


def _relative_to_level(bands: NDArray[np.float32], loudness: NDArray[np.float32], level_db: float) -> tuple[NDArray[np.float32], float]:
    """Scales to about -2..1 after taking off the running level, which jumps up with speech and sinks slowly. Returns features and the
    last level.
    """
    levels = np.empty(len(loudness), np.float32)
    for index, value in enumerate(loudness.tolist()):
        level_db += LEVEL_ATTACK * (value - level_db) if value > level_db else -LEVEL_DECAY_DB
        level_db = max(level_db, LOWEST_LEVEL_DB)
        levels[index] = level_db
    relative = (loudness - levels) / 20
    absolute = (loudness + 40) / 20
    return np.column_stack([(bands - levels[:, None]) / 20 + 1, relative, absolute]).astype(np.float32), level_db


def _relative_to_spectrum(
    features: NDArray[np.float32], loudness: NDArray[np.float32], spectrum: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Moves the bands so that their running mean over speech is ``MEAN_SPECTRUM``: microphone, room and timbre drop out. Returns features
    and the last mean.
    """
    speech = is_speech(features, loudness)
    moved = features.copy()
    for index in range(len(features)):
        if speech[index]:
            spectrum = spectrum + np.float32(SPECTRUM_SHARE) * (features[index, :BANDS] - spectrum)
        moved[index, :BANDS] += MEAN_SPECTRUM - spectrum
    return moved, spectrum


def _mel_weights() -> NDArray[np.float32]:
    """Triangular filters with their tops at 1, float32 (len(_BINS), BANDS), equally spaced on the mel scale."""
    lowest, highest = hz_to_mel(np.array([LOWEST_HZ, HIGHEST_HZ])).tolist()
    edges = mel_to_hz(np.linspace(lowest, highest, BANDS + 2))
    bins = _BINS[:, None] * SAMPLE_RATE / FFT_SIZE
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.clip(np.minimum(rise, fall), 0, None)
    # the lowest triangles are narrower than a bin: each band keeps at least the bin nearest to its top
    nearest = np.abs(bins - edges[1:-1]).argmin(axis=0)
    weights[nearest, np.arange(BANDS)] = np.maximum(weights[nearest, np.arange(BANDS)], 0.5)
    return weights.astype(np.float32)


def _fourier() -> NDArray[np.float32]:
    """Windowed Fourier transform as one matrix, float32 (WINDOW, 2 * len(_BINS)): a full-scale sine gives power 1 in its bin. Quicker
    here than an FFT.
    """
    time = np.arange(WINDOW)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (time + 0.5) / WINDOW)
    phase = 2 * np.pi * np.outer(time, _BINS) / FFT_SIZE
    return (np.concatenate([np.cos(phase), np.sin(phase)], axis=1) * (hann * 2 / hann.sum())[:, None]).astype(np.float32)


_BINS = np.arange(1, int(HIGHEST_HZ * FFT_SIZE / SAMPLE_RATE) + 1)
_FOURIER = _fourier()
_MEL_WEIGHTS = _mel_weights()

MEAN_SPECTRUM: NDArray[np.float32] = np.array(
    [
        -0.106, 0.214, 0.351, 0.281, 0.140, 0.107, 0.076, 0.060, 0.006, -0.112, -0.258, -0.374,
        -0.437, -0.468, -0.506, -0.545, -0.579, -0.626, -0.678, -0.722, -0.760, -0.785, -0.799, -0.809,
        -0.858, -0.895, -0.890, -0.853, -0.835, -0.825, -0.843, -0.903, -0.931, -0.985, -1.039, -1.100,
        -1.148, -1.159, -1.182, -1.185, -1.163, -1.267, -1.319, -1.404, -1.450, -1.410, -1.368, -1.341,
    ],
    np.float32,
)  # fmt: skip
"""Mean of the bands over the speech of the training corpus: what a stream starts from and is moved to."""
