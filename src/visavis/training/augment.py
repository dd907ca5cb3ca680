"""Makes clean synthetic speech sound like recordings of real people: speed and formants, room, channel, noise, level, clipping.

Every function takes and gives float32 samples at 16 kHz, -1..1, and draws from the generator it is given.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, lfilter, sosfilt

from visavis.timing import SAMPLE_RATE

Samples = NDArray[np.float32]


def disturb(samples: Samples, generator: np.random.Generator) -> Samples:
    """One random chain of room, channel, noise, level and clipping. The length and the timing stay as they are."""
    if generator.random() < 0.45:
        samples = reverberate(samples, generator)
    samples = equalise(samples, generator)
    if generator.random() < 0.3:
        samples = limit_band(samples, generator)
    samples = add_noise(samples, generator)
    return change_level(samples, generator)


def resample_speaker(samples: Samples, factor: float) -> Samples:
    """Played ``factor`` times as fast: pitch, formants and tempo go up together, as in a smaller speaker. Times divide by ``factor``."""
    positions = np.arange(int(len(samples) / factor)) * factor
    return np.interp(positions, np.arange(len(samples)), samples).astype(np.float32)


def reverberate(samples: Samples, generator: np.random.Generator) -> Samples:
    """Exponentially decaying noise as the room (reverberation 0.1-0.6 s), direct sound 0-15 dB above it and on time."""
    decay = generator.uniform(0.1, 0.6)
    time = np.arange(int(decay * SAMPLE_RATE)) / SAMPLE_RATE
    room = generator.standard_normal(len(time)) * 10 ** (-3 * time / decay)
    room[: int(generator.uniform(0.001, 0.01) * SAMPLE_RATE)] = 0
    room *= 10 ** (-generator.uniform(0, 15) / 20) / np.sqrt(np.sum(room**2))
    room[0] = 1
    return fftconvolve(samples, room)[: len(samples)].astype(np.float32)


def equalise(samples: Samples, generator: np.random.Generator) -> Samples:
    """A random tilt of the spectrum and a random resonance or notch, as microphones differ."""
    samples = lfilter([1, generator.uniform(-0.7, 0.4)], [1], samples)
    for _ in range(generator.integers(0, 3)):
        samples = _peak(samples, generator.uniform(100, 6500), generator.uniform(-10, 8), generator.uniform(0.5, 2))
    return samples.astype(np.float32)


def limit_band(samples: Samples, generator: np.random.Generator) -> Samples:
    """Telephone band, or a low-pass anywhere down to 3.2 kHz, or a high-pass up to 250 Hz."""
    kind = generator.integers(3)
    if kind == 0:
        section = butter(4, [generator.uniform(200, 400), generator.uniform(3200, 3700)], "band", fs=SAMPLE_RATE, output="sos")
    elif kind == 1:
        section = butter(4, generator.uniform(3200, 7000), "low", fs=SAMPLE_RATE, output="sos")
    else:
        section = butter(2, generator.uniform(60, 250), "high", fs=SAMPLE_RATE, output="sos")
    return sosfilt(section, samples).astype(np.float32)


def add_noise(samples: Samples, generator: np.random.Generator) -> Samples:
    """Noise of a random colour, 5-50 dB under the speech, sometimes with mains hum or swelling; one time in six next to none."""
    if generator.random() < 1 / 6:
        return (samples + 1e-5 * generator.standard_normal(len(samples))).astype(np.float32)
    noise = _coloured(len(samples), generator)
    speech = max(float(np.sqrt(np.mean(samples**2))), 1e-3)
    below = generator.uniform(5, 18) if generator.random() < 0.3 else generator.uniform(18, 45)
    return (samples + noise * speech * 10 ** (-below / 20) / max(float(noise.std()), 1e-9)).astype(np.float32)


def change_level(samples: Samples, generator: np.random.Generator) -> Samples:
    """A peak between -30 and 0 dB of full scale, one time in twelve clipped hard."""
    peak = max(float(np.abs(samples).max(initial=0)), 1e-4)
    if generator.random() < 1 / 12:
        return np.clip(samples / peak * generator.uniform(1.5, 5), -1, 1).astype(np.float32)
    return (samples / peak * 10 ** (-generator.uniform(0.2, 30) / 20)).astype(np.float32)


def room_tone(length: int, generator: np.random.Generator) -> Samples:
    """A recording of nobody: digital silence or a noise floor at -90 to -40 dB of full scale, at times with hum or distant rumble."""
    if generator.random() < 0.25:
        return np.zeros(length, np.float32)
    noise = _coloured(length, generator)
    return (noise / noise.std() * 10 ** (generator.uniform(-90, -40) / 20)).astype(np.float32)


def to_float(samples: NDArray[np.int16]) -> Samples:
    return samples.astype(np.float32) / np.float32(32768)


def to_int16(samples: Samples) -> NDArray[np.int16]:
    return np.clip(np.round(samples * 32767), -32768, 32767).astype(np.int16)


def _coloured(length: int, generator: np.random.Generator) -> NDArray[np.floating]:
    """Noise with a random slope of its spectrum, often with mains hum or rumble far above it, sometimes swelling."""
    noise = lfilter([1, generator.uniform(-0.9, 0.9)], [1, -generator.uniform(0, 0.98)], generator.standard_normal(length))
    if generator.random() < 0.4:
        time = np.arange(length) / SAMPLE_RATE
        mains = generator.choice([50.0, 60.0])
        loud = 10 ** (generator.uniform(-10, 20) / 20)
        hum = sum(generator.uniform(0, 1) / k * np.sin(2 * np.pi * mains * k * time + generator.uniform(0, 6.28)) for k in range(1, 5))
        noise = noise / noise.std() + loud * hum
    if generator.random() < 0.4:
        rumble = lfilter([1], [1, -generator.uniform(0.95, 0.995)], generator.standard_normal(length))
        noise = noise / noise.std() + 10 ** (generator.uniform(-5, 20) / 20) * rumble / rumble.std()
    if generator.random() < 0.3:
        knots = generator.uniform(0.2, 1.5, max(2, length // 4000))
        noise = noise * np.interp(np.arange(length), np.linspace(0, length, len(knots)), knots)
    return noise


def _peak(samples: NDArray[np.floating], hz: float, gain_db: float, quality: float) -> NDArray[np.floating]:
    """Peaking filter (R. Bristow-Johnson, Audio EQ Cookbook)."""
    amplitude = 10 ** (gain_db / 40)
    omega = 2 * np.pi * hz / SAMPLE_RATE
    alpha = np.sin(omega) / (2 * quality)
    above = np.array([1 + alpha * amplitude, -2 * np.cos(omega), 1 - alpha * amplitude])
    below = np.array([1 + alpha / amplitude, -2 * np.cos(omega), 1 - alpha / amplitude])
    return lfilter(above / below[0], below / below[0], samples)
