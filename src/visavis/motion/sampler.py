"""Few-step sampling of a diffusion model that predicts the clean signal. One function; noise is an argument."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Denoise = Callable[[Array, float], Array]
"""denoise(noisy, time) -> the clean signal it expects; time 1 is pure noise, 0 is clean."""


def signal_share(time: float) -> tuple[float, float]:
    """Factors of signal and noise at diffusion time ``time``, 0..1: the cosine schedule (Nichol and Dhariwal 2021) without its offset."""
    return math.cos(0.5 * math.pi * time), math.sin(0.5 * math.pi * time)


def even_schedule(steps: int) -> tuple[float, ...]:
    """``steps`` diffusion times, from 1 down, equally far apart; the step to 0 is the last one's."""
    if steps < 1:
        raise ValueError(f"a sampler needs at least one step, got {steps}")
    return tuple(1 - index / steps for index in range(steps))


def sample_ddim(denoise: Denoise, noise: Array, schedule: Sequence[float]) -> Array:
    """Deterministic DDIM (Song et al. 2021, equation 12 with sigma 0) in clean-signal form.

    noise: float32, the shape of the result. schedule: falling diffusion times, the first is the noise's.
    """
    x = noise
    for time, next_time in zip(schedule, (*schedule[1:], 0.0), strict=True):
        clean = denoise(x, time)
        signal, spread = signal_share(time)
        next_signal, next_spread = signal_share(next_time)
        x = (next_signal * clean + next_spread * (x - signal * clean) / spread).astype(np.float32)
    return x
