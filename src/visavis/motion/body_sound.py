"""What the body hears: loudness, pitch, rough spectrum, and for how long somebody has spoken or paused. Causal, one call a video frame.

Nothing here comes out of a trained network, so that the body model does not depend on which encoder the face listens with.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.motion.features import ABSOLUTE_LOUDNESS, BANDS, RELATIVE_LOUDNESS
from visavis.timing import FRAME_RATE, SAMPLE_RATE

Array = NDArray[np.float32]

PITCH_WINDOW = 768
"""Samples (48 ms) that the pitch is found in."""
LOWEST_LAG, HIGHEST_LAG = SAMPLE_RATE // 400, SAMPLE_RATE // 70
VOICED = 0.55
"""Normalised autocorrelation above which a sound has a pitch."""

GROUPS = 6
_GROUP = BANDS // GROUPS
BODY_SOUND = GROUPS + 11
"""Values a frame: relative loudness (mean, most), absolute loudness, ``GROUPS`` band energies, rise of the energy, voiced, pitch (in half
octaves from the speaker's mean, 0 without voice), pitch last heard, loudness over the last 0.3 and 1.5 s, time spoken, time paused (both
bent into 0..1)."""

_FAST, _SLOW = (float(1 - np.exp(-1 / (seconds * FRAME_RATE))) for seconds in (0.3, 1.5))
_PITCH_SHARE = float(1 - np.exp(-1 / (2.0 * FRAME_RATE)))
_LOUD, _AUDIBLE = -0.6, -0.4
"""Relative and absolute loudness of a sound that may be speech, in the units of ``features``."""
GAP_SECONDS = 0.18
"""Shorter gaps do not end a phrase."""


@dataclass(frozen=True)
class BodySoundState:
    """wave: float32 (PITCH_WINDOW,), the last samples. bands: (GROUPS,) of the last mel frame. pitch_mean: running mean, octaves over
    100 Hz, NaN before any voice. held: the last pitch. spoken, paused: frames."""

    wave: Array
    bands: Array
    pitch_mean: float
    held: float
    fast: float
    slow: float
    spoken: int
    paused: int


def initial_body_sound() -> BodySoundState:
    return BodySoundState(np.zeros(PITCH_WINDOW, np.float32), np.zeros(GROUPS, np.float32), float("nan"), 0.0, 0.0, 0.0, 0, 10 * FRAME_RATE)


def body_sound(samples: NDArray[np.int16], features: Array, state: BodySoundState) -> tuple[Array, BodySoundState]:
    """Values (BODY_SOUND,) of one video frame: its int16 samples and its mel features (MELS_PER_FRAME, FEATURES)."""
    wave = np.concatenate([state.wave, samples.astype(np.float32) / np.float32(32768)])[-PITCH_WINDOW:]
    relative, absolute = features[:, RELATIVE_LOUDNESS], features[:, ABSOLUTE_LOUDNESS]
    bands = features[:, :BANDS].reshape(len(features), GROUPS, _GROUP).mean(axis=2)
    rise = np.maximum(np.diff(bands, axis=0, prepend=state.bands[None]), 0).sum() / GROUPS
    loudest, audible = float(relative.max()), float(absolute.max()) > _AUDIBLE
    octaves = _octaves(wave) if audible else None
    voiced = octaves is not None and loudest > _LOUD
    mean, held = state.pitch_mean, state.held
    if voiced:
        assert octaves is not None
        mean = octaves if np.isnan(mean) else mean + _PITCH_SHARE * (octaves - mean)
        held = float(np.clip(2 * (octaves - mean), -2, 2))
    # only voices count: a fan is loud for hours
    gap = round(GAP_SECONDS * FRAME_RATE)
    paused = 0 if voiced else min(state.paused + 1, 10 * FRAME_RATE)
    spoken = min(state.spoken + 1, 60 * FRAME_RATE) if paused <= gap else 0
    level = max(0.0, 1 + loudest) if audible else 0.0
    fast, slow = state.fast + _FAST * (level - state.fast), state.slow + _SLOW * (level - state.slow)
    values = [
        float(relative.mean()),
        loudest,
        float(absolute.mean()),
        *bands.mean(axis=0),
        rise,
        float(voiced),
        held if voiced else 0.0,
        held,
    ]
    values += [fast, slow, float(np.tanh(spoken / (2.0 * FRAME_RATE))), float(np.tanh(paused / (1.0 * FRAME_RATE)))]
    next_state = BodySoundState(wave, bands[-1], mean, held, fast, slow, spoken, paused)
    return np.clip(np.array(values, np.float32), -3, 3), next_state


def _octaves(wave: Array) -> float | None:
    """Pitch in octaves over 100 Hz, None without one."""
    spectrum = np.fft.rfft(wave * _HANN, 2 * PITCH_WINDOW)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)
    normal = correlation[LOWEST_LAG:HIGHEST_LAG] / max(float(correlation[0]), 1e-9) / _OWN
    best = int(normal.argmax())
    return float(np.log2(SAMPLE_RATE / (best + LOWEST_LAG) / 100)) if normal[best] > VOICED else None


_HANN = np.hanning(PITCH_WINDOW)
_OWN = np.fft.irfft(np.abs(np.fft.rfft(_HANN, 2 * PITCH_WINDOW)) ** 2)[:HIGHEST_LAG]
_OWN = _OWN[LOWEST_LAG:] / _OWN[0]
