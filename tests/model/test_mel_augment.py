"""Disturbed energies stay energies of the same length and timing, and differ as recordings differ."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis.data.phones import SILENCE
from visavis.motion.features import FINE_BANDS, FLOOR_DB, HEARD_VALUES, MEL_RATE, heard_features, utterance_energies
from visavis.motion.phones import PHONE_INDEX
from visavis.training.corpus import Utterance, phone_at
from visavis.training.encoder_run import Speech
from visavis.training.mel_augment import Energies, disturb, mask, nobody, play, warp_bands

seeds = st.integers(0, 10_000)


def spoken(seconds: float = 3.0) -> Energies:
    """Bursts of a buzz, 0.3 s long and 0.1 s apart."""
    time = np.arange(round(16000 * seconds)) / 16000
    buzz = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 30))
    return Energies(*utterance_energies((4000 * buzz * ((time % 0.4) < 0.3)).astype(np.int16)))


SPOKEN = spoken()


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_a_disturbed_piece_is_sound_again(seed: int) -> None:
    told = disturb(SPOKEN, lambda: SPOKEN, np.random.default_rng(seed))
    assert told.bands.shape == SPOKEN.bands.shape and told.loudness.shape == SPOKEN.loudness.shape
    assert told.bands.dtype == told.loudness.dtype == np.float32
    assert np.isfinite(told.bands).all() and np.isfinite(told.loudness).all()
    assert told.bands.min() >= FLOOR_DB - 0.01 and told.loudness.max() < 12
    features = heard_features(told.bands, told.loudness)
    assert features.shape == (len(SPOKEN), HEARD_VALUES) and np.isfinite(features).all()


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_the_disturbed_speech_can_still_be_heard_when_it_was(seed: int) -> None:
    """Loudness goes up and down with the speech, so phones and sound still belong together."""
    told = disturb(SPOKEN, lambda: play(SPOKEN, 17, 0.9, len(SPOKEN)), np.random.default_rng(seed))
    assert np.corrcoef(told.loudness, SPOKEN.loudness)[0, 1] > 0.25


@settings(max_examples=30, deadline=None)
@given(st.integers(-200, 400), st.floats(0.7, 1.4), st.integers(4, 300))
def test_playing_reads_what_lies_there(start: int, factor: float, length: int) -> None:
    ramp = np.arange(240, dtype=np.float32) / 10
    told = play(Energies(np.tile(ramp[:, None], (1, FINE_BANDS)), ramp), start, factor, length)
    positions = start + factor * np.arange(length)
    inside = (positions >= 0) & (positions <= 239)
    np.testing.assert_allclose(told.loudness[inside], positions[inside] / 10, atol=1e-3)
    assert (told.bands[~inside] == FLOOR_DB).all() and len(told) == length


def test_playing_as_it_is_changes_nothing() -> None:
    told = play(SPOKEN, 0, 1.0, len(SPOKEN))
    np.testing.assert_array_equal(told.bands, SPOKEN.bands)


def test_a_shorter_vocal_tract_moves_resonances_up() -> None:
    bands = np.zeros((1, FINE_BANDS), np.float32)
    bands[0, 20] = 10
    warped = [warp_bands(bands, factor) for factor in (0.85, 1, 1.18)]
    centre = [float((each @ np.arange(FINE_BANDS)).item() / each.sum()) for each in warped]
    assert centre[0] < centre[1] - 0.5 < centre[2] - 1


def test_nobody_is_quiet() -> None:
    told = nobody(600, np.random.default_rng(1))
    assert told.loudness.max() < -20 and told.bands.shape == (600, FINE_BANDS)


def test_a_mask_hides_a_part_and_keeps_loudness() -> None:
    features = heard_features(*utterance_energies((np.random.default_rng(0).standard_normal(32000) * 3000).astype(np.int16)))
    masked = [mask(features, np.random.default_rng(seed)) for seed in range(10)]
    assert all(np.array_equal(x[:, :2], features[:, :2]) for x in masked)
    shares = [float((x != features).mean()) for x in masked]
    assert max(shares) > 0.02 and max(shares) < 0.6


@pytest.mark.parametrize("seed", range(5))
def test_labels_follow_the_tempo(seed: int) -> None:
    """A loud phone between silences is labelled where it is loud, whatever the tempo of the crop."""
    samples = np.zeros(16000 * 4, np.int16)
    samples[16000 * 1 : 16000 * 3] = (np.random.default_rng(0).standard_normal(32000) * 3000).astype(np.int16)
    phones = np.array([PHONE_INDEX[name] for name in (SILENCE, "S", SILENCE)])
    times = np.array([0.0, 1.0, 3.0]), np.array([1.0, 3.0, 4.0])
    empty = np.zeros((0, 52), np.float32), np.zeros((0, 9), np.float32)
    speech = Speech([Utterance("one", "nobody", "train", samples, phones, *times, *empty)])
    generator = np.random.default_rng(seed)
    agreed = []
    for _ in range(20):
        crop = speech.crop(4.0, generator)
        features, labels = crop.heard, crop.labels
        assert crop.clean.shape == features.shape
        hissing = labels == PHONE_INDEX["S"]
        assert len(features) == 2 * len(labels) == 4 * MEL_RATE
        if 40 < hissing.sum() < len(labels) - 40:
            loudness = features[:, 0].reshape(-1, 2).mean(axis=1)
            agreed.append(loudness[hissing].mean() > loudness[~hissing].mean())
    assert np.mean(agreed) > 0.9
    assert phone_at(speech.utterances[0], np.array([2.0]))[0] == PHONE_INDEX["S"]
