"""What the voice does beside its phones: loudness, pitch, accents and phrases. Drives jaw, head, brows and blinks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.data.phones import SILENCE, VOWELS, Phone
from visavis.timing import SAMPLE_RATE

GRID_HZ = 100
"""Analysis points a second of loudness and pitch."""

PHRASE_PAUSE_S = 0.18
"""A silence at least this long parts two phrases."""


@dataclass(frozen=True)
class Accent:
    """A stressed syllable: when its vowel peaks (seconds) and how strong it is (0..1)."""

    time: float
    strength: float


@dataclass(frozen=True)
class Phrase:
    """Speech between two pauses, seconds. ``rise``: pitch change over its last 0.25 s in semitones (a question rises)."""

    start: float
    end: float
    rise: float


@dataclass(frozen=True)
class Prosody:
    """loudness: (points,) 0..1.1 on ``GRID_HZ``, 1 at the 90th percentile of the speech. pitch: (points,) semitones around the speaker's
    median, NaN if unvoiced."""

    loudness: NDArray[np.float64]
    pitch: NDArray[np.float64]
    accents: tuple[Accent, ...]
    phrases: tuple[Phrase, ...]


def analyse(samples: NDArray[np.int16], phones: tuple[Phone, ...]) -> Prosody:
    """Prosody of an utterance: int16 samples at 16 kHz with their phones."""
    wave = samples.astype(np.float64) / 32768
    points = max(len(wave) * GRID_HZ // SAMPLE_RATE + 1, 2)
    loudness, pitch = _loudness(wave, points), _pitch(wave, points)
    spans = _phrases(phones)
    phrases = tuple(Phrase(start, end, _rise(pitch, end)) for start, end in spans)
    return Prosody(loudness, pitch, _accents(phones, loudness, pitch), phrases)


def gaussian(values: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Smooth along the first axis with a Gaussian of ``sigma`` points; the ends are held."""
    radius = max(int(np.ceil(3.5 * sigma)), 1)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(values, [(radius, radius)] + [(0, 0)] * (values.ndim - 1), mode="edge")
    if values.ndim == 1:
        return np.convolve(padded, kernel, "valid")
    return np.stack([np.convolve(column, kernel, "valid") for column in padded.T], axis=1)


def _windows(wave: NDArray[np.float64], points: int, size: int) -> NDArray[np.float64]:
    """(points, size) windows centred on the grid."""
    hop = SAMPLE_RATE // GRID_HZ
    padded = np.pad(wave, (size // 2, size + hop))
    view = np.lib.stride_tricks.sliding_window_view(padded, size)
    return view[np.minimum(np.arange(points) * hop, len(view) - 1)]


def _loudness(wave: NDArray[np.float64], points: int) -> NDArray[np.float64]:
    level = np.sqrt((_windows(wave, points, 800) ** 2).mean(1))
    speech = level[level > max(level.max() * 0.03, 1e-4)]
    reference = np.percentile(speech, 90) if len(speech) else 1.0
    return np.clip(gaussian(np.sqrt(level / reference), 0.05 * GRID_HZ), 0, 1.1)


def _pitch(wave: NDArray[np.float64], points: int) -> NDArray[np.float64]:
    """Autocorrelation pitch, 70-400 Hz, windows of 48 ms."""
    size = 768
    spectrum = np.fft.rfft((_windows(wave, points, size)) * np.hanning(size), 2 * size)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:, :size]
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(size), 2 * size)) ** 2)[:size]
    low, high = SAMPLE_RATE // 400, SAMPLE_RATE // 70
    normal = correlation[:, low:high] / np.maximum(correlation[:, :1], 1e-6) / (window[low:high] / window[0])
    best = normal.argmax(1)
    voiced = (normal[np.arange(points), best] > 0.6) & (correlation[:, 0] > 0.02 * np.percentile(correlation[:, 0], 95))
    hertz = SAMPLE_RATE / (best + low)
    if not voiced.any():
        return np.full(points, np.nan)
    return np.where(voiced, np.clip(12 * np.log2(hertz / np.median(hertz[voiced])), -10, 10), np.nan)


def _phrases(phones: tuple[Phone, ...]) -> list[tuple[float, float]]:
    spans: list[tuple[float, float]] = []
    begin: float | None = None
    end = 0.0
    for phone in phones:
        if phone.name == SILENCE and phone.end - phone.start >= PHRASE_PAUSE_S:
            if begin is not None:
                spans.append((begin, end))
            begin = None
        elif phone.name != SILENCE:
            begin = phone.start if begin is None else begin
            end = phone.end
    if begin is not None:
        spans.append((begin, end))
    return spans


def _rise(pitch: NDArray[np.float64], end: float) -> float:
    piece = pitch[max(int((end - 0.25) * GRID_HZ), 0) : int(end * GRID_HZ)]
    piece = piece[np.isfinite(piece)]
    return float(np.clip(np.mean(piece[-4:]) - np.mean(piece[:4]), -12, 12)) if len(piece) >= 8 else 0.0


def _accents(phones: tuple[Phone, ...], loudness: NDArray[np.float64], pitch: NDArray[np.float64]) -> tuple[Accent, ...]:
    """Vowels that stand out by length, loudness and pitch, at least 0.3 s apart."""
    vowels = [phone for phone in phones if phone.name in VOWELS and phone.end > phone.start]
    if not vowels:
        return ()
    features = []
    for phone in vowels:
        a, b = int(phone.start * GRID_HZ), max(int(np.ceil(phone.end * GRID_HZ)), int(phone.start * GRID_HZ) + 1)
        voiced = pitch[a:b][np.isfinite(pitch[a:b])]
        features.append([np.log(phone.end - phone.start), float(loudness[a:b].max(initial=0)), float(voiced.max()) if len(voiced) else 0.0])
    values = np.array(features)
    scores = ((values - values.mean(0)) / np.maximum(values.std(0), 1e-3)) @ np.array([0.35, 0.35, 0.3])
    accents: list[Accent] = []
    for index in np.argsort(-scores, kind="stable"):
        time = (vowels[index].start * 0.6) + (vowels[index].end * 0.4)
        if scores[index] > 0.1 and all(abs(time - accent.time) > 0.3 for accent in accents):
            accents.append(Accent(time, float(np.clip(0.35 + 0.4 * scores[index], 0, 1))))
    return tuple(sorted(accents, key=lambda accent: accent.time))
