"""What the encoder hears is scored step by step, and worse in noise."""

import numpy as np
import pytest

from visavis.audio.load import load
from visavis.cli.defaults import default_speech
from visavis.evaluation.hearing import add_noise, hear, score, truth_of
from visavis.evaluation.recordings import Recording
from visavis.motion.phones import PHONE_INDEX
from visavis.plotting.phone_track import phone_file, read_phones
from visavis.runtime.motion import load_encoder


@pytest.fixture(scope="module")
def speech() -> Recording:
    return Recording("default", load(default_speech()), read_phones(phone_file(default_speech())))


def test_shares_are_of_what_was_said() -> None:
    truth = np.array([PHONE_INDEX[name] for name in ("P", "AA", "AA", "T", "SIL", "M")])
    guess = np.array([PHONE_INDEX[name] for name in ("B", "AA", "EH", "K", "SIL", "AA")])
    found = score(guess, truth)
    assert (found.steps, found.phones, found.shapes) == (5, pytest.approx(1 / 5), pytest.approx(4 / 5))
    assert (found.lips_recall, found.lips_precision, found.silent) == (pytest.approx(1 / 2), 1, 1)
    with pytest.raises(ValueError, match="nobody"):
        score(guess[4:5], truth[4:5])


def test_noise_is_as_loud_as_it_was_asked_for(speech: Recording) -> None:
    noise = add_noise(speech, 10, 0).astype(float) - speech.samples
    spoken = truth_of(speech, len(speech.samples) // 266) != PHONE_INDEX["SIL"]
    power = np.mean(speech.samples[: len(spoken) * 266].reshape(len(spoken), 266)[spoken].astype(float) ** 2)
    assert 10 * np.log10(power / np.mean(noise**2)) == pytest.approx(10, abs=0.3)


def test_the_shipped_encoder_hears_most_and_less_in_noise(speech: Recording) -> None:
    encoder = load_encoder()
    quiet, noisy = hear(speech, encoder), hear(speech, encoder, 0)
    assert quiet.phones > 0.6 and quiet.shapes > 0.7 and quiet.lips_recall > 0.8 and quiet.silent > 0.8
    assert noisy.phones < quiet.phones - 0.05
