"""Makes the band energies of clean synthetic speech look like those of recordings of real people: tempo and vocal tract, room, channel,
codec, noise, babble and level.

It works on mel energies instead of samples. What a room, a microphone or a noise does to a spectrum of 80 bands is simple there, and costs
a hundredth of the filters that do it to samples, so every training crop is disturbed anew. Energies are in dB as
``features.utterance_energies`` gives them; inside, ``power`` is linear, float (mel frames, FINE_BANDS). Every function draws from the
generator it is given.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from visavis.motion.features import FINE_BANDS, FLOOR_DB, HEARD_VALUES, MEL_RATE, slaney_hz, slaney_mel
from visavis.timing import SAMPLE_RATE

Power = NDArray[np.floating]

_MEL = np.linspace(0, float(slaney_mel(np.array(SAMPLE_RATE / 2))), FINE_BANDS + 2)[1:-1]
_HZ = slaney_hz(_MEL)
_FLOOR = 10 ** (FLOOR_DB / 10)
_EMPTY = 1e-12


@dataclass(frozen=True)
class Energies:
    """bands: float32 (mel frames, FINE_BANDS), loudness: float32 (mel frames,), both in dB of full scale."""

    bands: NDArray[np.float32]
    loudness: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.loudness)


def play(energies: Energies, start: int, factor: float, length: int) -> Energies:
    """``length`` mel frames from ``start`` on, ``factor`` times as fast at the same pitch; digital silence before the first and after the
    last frame.
    """
    positions = start + factor * np.arange(length)
    below = np.clip(np.floor(positions).astype(int), 0, max(len(energies) - 2, 0))
    share = (positions - below).astype(np.float32)
    outside = (positions < 0) | (positions > len(energies) - 1)

    def interpolate(values: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.float32]:
        return values[below] * (1 - share) + values[np.minimum(below + 1, len(values) - 1)] * share

    bands, loudness = interpolate(energies.bands, share[:, None]), interpolate(energies.loudness, share)
    bands[outside], loudness[outside] = FLOOR_DB, FLOOR_DB
    return Energies(bands, loudness)


def warp_bands(bands: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Bands (mel frames, FINE_BANDS) of a vocal tract ``factor`` times as short, at the same pitch and tempo (Jaitly and Hinton
    2013, VTLP)."""
    source = np.interp(slaney_mel(_HZ / factor), _MEL, np.arange(FINE_BANDS))
    below = np.minimum(source.astype(int), FINE_BANDS - 2)
    share = (source - below).astype(np.float32)
    return bands[:, below] * (1 - share) + bands[:, below + 1] * share


def revoice(energies: Energies, generator: np.random.Generator) -> Energies:
    """The same words from a person with another vocal tract, mostly."""
    if generator.random() < 0.15:
        return energies
    return Energies(warp_bands(energies.bands, generator.uniform(0.82, 1.2)), energies.loudness)


def disturb(energies: Energies, talker: Callable[[], Energies], generator: np.random.Generator) -> Energies:
    """One random chain of room, channel, codec, noise, babble and level. The length and the timing stay as they are.

    talker: draws speech of somebody else, as long as ``energies``, for the babble.
    """
    power: Power = 10 ** (energies.bands.astype(np.float64) / 10)
    # a band filter of the mel kind passes more or less of a sound's energy than 1; its share of the loudness is kept
    heard = 10 ** (energies.loudness.astype(np.float64) / 10) / (power.sum(axis=1) + _EMPTY)
    usual = float(np.median(heard))
    if generator.random() < 0.45:
        power = reverberate(power, generator)
    power = colour(power, generator)
    if generator.random() < 0.3:
        power = code(power, generator)
    if generator.random() < 0.3:
        power = power * 10 ** (generator.normal(0, generator.uniform(0.5, 2.5), power.shape) / 10)
    speech = speech_power(power)
    if generator.random() < 0.85:
        below_db = generator.uniform(5, 20) if generator.random() < 0.4 else generator.uniform(20, 45)
        power = power + noise(len(power), generator) * speech * 10 ** (-below_db / 10)
    if generator.random() < 0.2:
        others = [10 ** (warp_bands(talker().bands, generator.uniform(0.85, 1.15)) / 10) for _ in range(generator.integers(2, 6))]
        babble = np.sum(others, axis=0, dtype=np.float64)
        power = power + babble * speech * 10 ** (-generator.uniform(7, 25) / 10) / max(babble.sum(axis=1).mean(), _EMPTY)
    level = 10 ** (generator.uniform(-45, -12) / 10) / (speech * usual)
    return _to_energies(power * level, np.clip(heard, usual / 4, usual * 4))


def nobody(length: int, generator: np.random.Generator) -> Energies:
    """``length`` mel frames in which nobody speaks: noise at -90 to -40 dB."""
    power = noise(length, generator) * 10 ** (generator.uniform(-90, -40) / 10)
    return _to_energies(power, np.ones(length))


def reverberate(power: Power, generator: np.random.Generator) -> Power:
    """Adds the late sound of a room: reverberation 0.1 to 0.9 s, its energy from 2 dB above to 15 dB below the direct sound's."""
    decay = 10 ** (-6 / (generator.uniform(0.1, 0.9) * MEL_RATE))
    late = lfilter([0, 1 - decay], [1, -decay], power, axis=0)
    return power + 10 ** (-generator.uniform(-2, 15) / 10) * late * generator.gamma(3, 1 / 3, power.shape)


def colour(power: Power, generator: np.random.Generator) -> Power:
    """Microphone and channel: a smooth random frequency response with a tilt, often a low-pass, sometimes a high-pass."""
    gain = np.zeros(FINE_BANDS)
    if generator.random() < 0.9:
        gain += smooth_curve(int(generator.integers(3, 10)), generator.uniform(2, 12), generator)
        gain += generator.uniform(-10, 10) * np.linspace(-1, 1, FINE_BANDS)
    if generator.random() < 0.4:
        corner = generator.uniform(3000, 7600)
        gain -= np.clip((_HZ - corner) / (corner * 0.25), 0, 1) * generator.uniform(10, 60)
    if generator.random() < 0.25:
        corner = generator.uniform(80, 350)
        gain -= np.clip((corner - _HZ) / (corner * 0.7), 0, 1) * generator.uniform(5, 40)
    return power * 10 ** (gain / 10)


def code(power: Power, generator: np.random.Generator) -> Power:
    """A lossy codec: drops what lies 25 to 50 dB under the loudest band of the moment, more of it in high bands."""
    depth = generator.uniform(25, 50) - np.linspace(0, 1, FINE_BANDS) * generator.uniform(0, 15)
    least = power.max(axis=1, keepdims=True) * 10 ** (-depth / 10)
    return np.where(power < least, power * 10 ** -generator.uniform(0.5, 4), power)


def noise(length: int, generator: np.random.Generator) -> Power:
    """Noise of a random colour and mean power 1, sometimes swelling. Narrow bands waver more, as few bins fall into them."""
    slope = generator.uniform(-0.2, 0.9) * np.linspace(0, 40, FINE_BANDS)
    response = 10 ** ((smooth_curve(int(generator.integers(3, 9)), 10, generator) - slope) / 10)
    freedom = np.interp(_HZ, [60, 800, 7600], [1.2, 1.5, 8.0])
    power = response * generator.gamma(freedom, 1 / freedom, (length, FINE_BANDS))
    if generator.random() < 0.4:
        knots = max(2, length // 40)
        swell = np.interp(np.arange(length), np.linspace(0, length, knots), generator.uniform(-10, 6, knots))
        power = power * 10 ** (swell[:, None] / 10)
    return power / power.sum(axis=1).mean()


def smooth_curve(knots: int, reach: float, generator: np.random.Generator) -> NDArray[np.floating]:
    """(FINE_BANDS,) random values in -reach..reach at ``knots`` places, joined smoothly."""
    values = np.interp(np.arange(FINE_BANDS), np.linspace(0, FINE_BANDS - 1, knots), generator.uniform(-reach, reach, knots))
    window = np.hanning(15)
    return np.convolve(np.pad(values, 7, "edge"), window / window.sum(), "valid")


def speech_power(power: Power) -> float:
    """Mean power of the frames within 20 dB of the loudest one; of a quiet recording where there is no sound at all."""
    total = power.sum(axis=1)
    loudest = total.max(initial=0)
    return float(total[total > 0.01 * loudest].mean()) if loudest > 1e-7 else 1e-4


def mask(features: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
    """SpecAugment (Park et al. 2019): blanks up to two groups of bands and two short stretches of (mel frames, HEARD_VALUES)."""
    features = features.copy()
    first = HEARD_VALUES - FINE_BANDS
    mean = features.mean(axis=0)
    for _ in range(generator.integers(0, 3)):
        low, size = first + int(generator.integers(0, FINE_BANDS - 6)), int(generator.integers(0, 16))
        features[:, low : low + size] = mean[low : low + size]
    for _ in range(generator.integers(0, 3)):
        start, size = int(generator.integers(0, len(features))), int(generator.integers(1, 12))
        features[start : start + size, first:] = mean[first:]
    return features


def _to_energies(power: Power, heard: NDArray[np.floating]) -> Energies:
    """heard: (mel frames,), loudness of one unit of power in all bands together."""
    bands, loudness = 10 * np.log10(power + _FLOOR), 10 * np.log10(power.sum(axis=1) * heard + _FLOOR)
    return Energies(bands.astype(np.float32), loudness.astype(np.float32))
