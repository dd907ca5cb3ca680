"""Audio features: streaming equals one pass, the level does not matter, nothing looks ahead."""

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.motion.features import (
    BANDS,
    FEATURES,
    HEARD,
    HEARD_VALUES,
    MELS_PER_FRAME,
    RELATIVE_LOUDNESS,
    frame_features,
    heard_features,
    initial_feature_state,
    utterance_energies,
)
from visavis.timing import SAMPLE_RATE, complete_frames_in, frame_to_sample


def speech_like(seconds: float, level: float = 0.2, seed: int = 0) -> NDArray[np.int16]:
    """Bursts of coloured noise with pauses."""
    generator = np.random.default_rng(seed)
    count = round(seconds * SAMPLE_RATE)
    envelope = np.repeat(generator.choice([0.0, 0.3, 1.0], count // 1600 + 1), 1600)[:count]
    return np.round(32767 * level * envelope * np.tanh(generator.standard_normal(count))).astype(np.int16)


def stream(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    state, rows = initial_feature_state(), []
    for frame in range(complete_frames_in(len(samples))):
        features, state = frame_features(samples[frame_to_sample(frame) : frame_to_sample(frame + 1)], state)
        rows.append(features)
    return np.concatenate(rows)


def test_streaming_equals_one_pass() -> None:
    samples = speech_like(3.1)
    whole = heard_features(*utterance_energies(samples))
    assert whole.shape == (complete_frames_in(len(samples)) * MELS_PER_FRAME, HEARD_VALUES)
    np.testing.assert_allclose(stream(samples)[:, HEARD], whole, atol=1e-5)


def test_a_frame_does_not_depend_on_what_follows() -> None:
    samples = speech_like(2.0)
    changed = samples.copy()
    changed[frame_to_sample(30) :] = speech_like(2.0, seed=1)[frame_to_sample(30) :]
    assert np.array_equal(stream(samples)[: 30 * MELS_PER_FRAME], stream(changed)[: 30 * MELS_PER_FRAME])
    assert not np.array_equal(stream(samples), stream(changed))


def test_a_quieter_speaker_looks_the_same_once_the_level_has_settled() -> None:
    loud, quiet = (stream(speech_like(16.0, level)) for level in (0.3, 0.03))
    heard = loud[14 * 120 :, RELATIVE_LOUDNESS] > -0.5
    assert heard.sum() > 50
    difference = np.abs(loud - quiet)[14 * 120 :][heard][:, [*range(BANDS + 1), *range(BANDS + 2, FEATURES)]]
    assert difference.mean() < 0.05


def test_a_duller_microphone_looks_the_same_once_the_spectrum_has_settled() -> None:
    bright = speech_like(16.0)
    dull = np.convolve(bright.astype(np.float32), [0.6, 0.4])[: len(bright)].astype(np.int16)
    features = [stream(samples)[14 * 120 :] for samples in (bright, dull)]
    heard = features[0][:, RELATIVE_LOUDNESS] > -0.3
    difference = (features[0] - features[1])[heard][:, :BANDS].mean(axis=0)
    assert np.abs(difference).max() < 0.15


@pytest.mark.parametrize(
    "samples", [np.zeros(16000, np.int16), np.full(16000, -32768, np.int16), np.tile(np.array([32767, -32768], np.int16), 8000)]
)
def test_extremes_stay_finite_and_in_range(samples: NDArray[np.int16]) -> None:
    features = stream(samples)
    assert np.isfinite(features).all() and np.abs(features).max() < 6


def test_a_wrong_number_of_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="533 samples"):
        frame_features(np.zeros(500, np.int16), initial_feature_state())
