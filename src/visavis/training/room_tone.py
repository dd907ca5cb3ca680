"""A recording of nobody: what a microphone hears while no one speaks."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from visavis.timing import SAMPLE_RATE


def room_tone(length: int, generator: np.random.Generator) -> NDArray[np.int16]:
    """``length`` samples at 16 kHz: digital silence, or a noise floor at -90 to -40 dB of full scale, at times with hum or rumble."""
    if generator.random() < 0.25:
        return np.zeros(length, np.int16)
    noise = _coloured(length, generator)
    samples = noise / noise.std() * 10 ** (generator.uniform(-90, -40) / 20)
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
