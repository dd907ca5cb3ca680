"""Causal audio features of the stream: loudness, rough bands for the body, and fine bands for the speech encoder, all relative to a running
speech level.

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
FINE_BANDS = 80
"""Bands of the speech encoder: those of Whisper (Slaney's mel scale, filters of equal area, 0 to 8 kHz), whose weights it began with."""

RELATIVE_LOUDNESS, ABSOLUTE_LOUDNESS = BANDS, BANDS + 1
FEATURES = BANDS + 2 + FINE_BANDS
"""Values a mel frame: ``BANDS`` rough log-mel energies, loudness relative to the running level, absolute loudness, fine bands."""

HEARD = slice(BANDS, FEATURES)
"""Those of them that the speech encoder is given: both loudnesses and the fine bands."""
HEARD_VALUES = 2 + FINE_BANDS

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
    rough, fine, loudness = _energies(windows)
    levels = _levels(loudness, state.level_db)
    relative, spectrum = _rough_features(rough, loudness, levels, state.spectrum)
    features = np.column_stack([relative, _heard_features(fine, loudness, levels)])
    return features, FeatureState(state.frame + 1, heard[len(heard) - WINDOW :], float(levels[-1]), spectrum)


def heard_features(fine: NDArray[np.float32], loudness: NDArray[np.float32], level_db: float = INITIAL_LEVEL_DB) -> NDArray[np.float32]:
    """What the speech encoder is given, (mel frames, HEARD_VALUES), of energies in dB as ``utterance_energies`` gives them. level_db:
    running level that the stream has reached before; by default it begins.
    """
    return _heard_features(fine, loudness, _levels(loudness, level_db))


def is_speech(loudness: NDArray[np.float32], levels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which mel frames count for the mean spectrum: those near the level and above the quietest level there is."""
    return ((loudness - levels) / 20 > -SPECTRUM_DEPTH) & (loudness > LOWEST_LEVEL_DB)


def utterance_energies(samples: NDArray[np.int16]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fine band energies (mel frames, FINE_BANDS) and loudness (mel frames,) of a whole utterance in dB, before anything is taken off, for
    training. Samples after the last whole video frame are left out.
    """
    frames = 3 * len(samples) // frame_to_sample(3)
    if frames == 0:
        return np.zeros((0, FINE_BANDS), np.float32), np.zeros(0, np.float32)
    heard = np.concatenate([np.zeros(WINDOW, np.float32), samples.astype(np.float32) / np.float32(32768)])
    ends = (np.arange(1, frames * MELS_PER_FRAME + 1) * _MEL_HOP_THIRDS) // 3
    _, fine, loudness = _energies(np.lib.stride_tricks.sliding_window_view(heard, WINDOW)[ends])
    return fine, loudness


def hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mel scale of O'Shaughnessy 1987."""
    return np.asarray(2595 * np.log10(1 + hz / 700))


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(700 * (10 ** (mel / 2595) - 1))


def _energies(windows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Rough (n, BANDS) and fine band energies (n, FINE_BANDS) and loudness (n,) of windows (n, WINDOW), in dB relative to a full-scale sine
    (fine bands: one near 1 kHz), never under ``FLOOR_DB``."""
    floor = np.float32(10 ** (FLOOR_DB / 10))
    rough = 10 * np.log10(_power(windows, _FOURIER) @ _MEL_WEIGHTS + floor)
    fine = 10 * np.log10(_power(windows, _FINE_FOURIER) @ _FINE_WEIGHTS + floor)
    loudness = 10 * np.log10(2 * np.mean(windows**2, axis=1, dtype=np.float32) + floor)
    return rough.astype(np.float32), fine.astype(np.float32), loudness.astype(np.float32)


def _power(windows: NDArray[np.float32], fourier: NDArray[np.float32]) -> NDArray[np.float32]:
    parts = windows @ fourier
    bins = fourier.shape[1] // 2
    return np.asarray(parts[:, :bins] ** 2 + parts[:, bins:] ** 2)


def _levels(loudness: NDArray[np.float32], level_db: float) -> NDArray[np.float32]:
    """The running level after each mel frame: it jumps up with speech and sinks slowly."""
    levels = np.empty(len(loudness), np.float32)
    for index, value in enumerate(loudness.tolist()):
        level_db += LEVEL_ATTACK * (value - level_db) if value > level_db else -LEVEL_DECAY_DB
        level_db = max(level_db, LOWEST_LEVEL_DB)
        levels[index] = level_db
    return levels


def _heard_features(fine: NDArray[np.float32], loudness: NDArray[np.float32], levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Loudness relative to the level and absolute, about -2..1, and fine bands as Whisper scales them when the loudest speech has -20 dB:
    about -0.5..1.5."""
    relative, absolute = (loudness - levels) / 20, (loudness + 40) / 20
    return np.column_stack([relative, absolute, (fine - levels[:, None]) / 40 + FINE_OFFSET]).astype(np.float32)


def _rough_features(
    bands: NDArray[np.float32], loudness: NDArray[np.float32], levels: NDArray[np.float32], spectrum: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Bands scaled to about -2..1 and moved so that their running mean over speech is ``MEAN_SPECTRUM``: microphone, room and timbre drop
    out. Returns them and the last mean.
    """
    scaled = ((bands - levels[:, None]) / 20 + 1).astype(np.float32)
    speech = is_speech(loudness, levels)
    moved = scaled.copy()
    for index in range(len(scaled)):
        if speech[index]:
            spectrum = spectrum + np.float32(SPECTRUM_SHARE) * (scaled[index] - spectrum)
        moved[index] += MEAN_SPECTRUM - spectrum
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


def slaney_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's mel scale (Auditory Toolbox, 1998): even up to 1 kHz, logarithmic above. Mel 0 is 0 Hz, 15 is 1 kHz."""
    return np.asarray(np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27)))


def slaney_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1) / 1000) / np.log(6.4)))


def _fine_weights() -> NDArray[np.float32]:
    """Whisper's filters, float32 (len(_FINE_BINS), FINE_BANDS), times what makes the tops of those below 1 kHz 1."""
    edges = slaney_hz(np.linspace(0, float(slaney_mel(np.array(SAMPLE_RATE / 2))), FINE_BANDS + 2))
    hz = _FINE_BINS[:, None] * SAMPLE_RATE / WINDOW
    rise = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    return (np.clip(np.minimum(rise, fall), 0, None) * (edges[2] - edges[0]) / (edges[2:] - edges[:-2])).astype(np.float32)


def _fourier(bins: NDArray[np.integer], size: int) -> NDArray[np.float32]:
    """Windowed Fourier transform as one matrix, float32 (WINDOW, 2 * len(bins)): a full-scale sine gives power 1 in its bin. Quicker
    here than an FFT.
    """
    time = np.arange(WINDOW)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (time + 0.5) / WINDOW)
    phase = 2 * np.pi * np.outer(time, bins) / size
    return (np.concatenate([np.cos(phase), np.sin(phase)], axis=1) * (hann * 2 / hann.sum())[:, None]).astype(np.float32)


_BINS = np.arange(1, int(HIGHEST_HZ * FFT_SIZE / SAMPLE_RATE) + 1)
_FOURIER = _fourier(_BINS, FFT_SIZE)
_MEL_WEIGHTS = _mel_weights()
_FINE_BINS = np.arange(0, WINDOW // 2 + 1)
_FINE_FOURIER = _fourier(_FINE_BINS, WINDOW)
_FINE_WEIGHTS = _fine_weights()

FINE_OFFSET = 1.106
"""Of the scaled fine bands: Whisper's log10 of power over samples (40 dB more than ours in these filters, less 15.8 for their height), 4
added, a quarter of it, for a level of -20 dB."""

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
