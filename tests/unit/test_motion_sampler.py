"""The sampler, on problems whose answer is known."""

import numpy as np
import pytest

from visavis.motion.sampler import even_schedule, sample_ddim, signal_share


def test_a_perfect_denoiser_is_reached_in_one_step() -> None:
    clean = np.arange(6, dtype=np.float32).reshape(2, 3)
    noise = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)
    for steps in (1, 4, 20):
        np.testing.assert_allclose(sample_ddim(lambda x, time: clean, noise, even_schedule(steps)), clean, atol=1e-5)


def test_a_gaussian_is_sampled_with_its_mean_and_spread() -> None:
    """For data N(mean, spread^2) the best denoiser is known in closed form; many small steps must carry N(0, 1) over to it."""
    mean, spread = 2.0, 0.5

    def denoise(x: np.ndarray, time: float) -> np.ndarray:
        signal, noise = signal_share(time)
        gain = signal * spread**2 / (signal**2 * spread**2 + noise**2)
        return (mean + gain * (x - signal * mean)).astype(np.float32)

    noise = np.random.default_rng(0).standard_normal(20000).astype(np.float32)
    result = sample_ddim(denoise, noise, even_schedule(100))
    assert result.mean() == pytest.approx(mean, abs=0.02) and result.std() == pytest.approx(spread, abs=0.02)


def test_a_step_asks_once_at_each_time_of_the_schedule() -> None:
    asked = []

    def denoise(x: np.ndarray, time: float) -> np.ndarray:
        asked.append(time)
        return x

    sample_ddim(denoise, np.ones(1, np.float32), even_schedule(4))
    assert asked == [1.0, 0.75, 0.5, 0.25]


def test_signal_and_noise_keep_the_variance() -> None:
    for time in np.linspace(0, 1, 11):
        assert np.hypot(*signal_share(float(time))) == pytest.approx(1)
    assert signal_share(0.0) == (1.0, 0.0)


def test_a_sampler_needs_steps() -> None:
    with pytest.raises(ValueError, match="at least one"):
        even_schedule(0)
