"""Real recordings: their phones cover them, and joining keeps the times."""

import numpy as np
import pytest

from visavis.data.phones import SILENCE, Phone
from visavis.evaluation.drivers import loudness_motion, oracle_motion
from visavis.evaluation.recordings import Recording, fill_silence, join, librivox
from visavis.motion.layout import ARKIT_INDEX, FACE, MOTION_DIM
from visavis.store import AssetError, asset_path
from visavis.timing import SAMPLE_RATE, frames_in


def test_gaps_between_phones_are_silence() -> None:
    phones = fill_silence([Phone("AA", 0.2, 0.4), Phone(SILENCE, 0.4, 0.5), Phone("B", 0.6, 0.7)], 1.0)
    assert phones == (
        Phone(SILENCE, 0, 0.2),
        Phone("AA", 0.2, 0.4),
        Phone(SILENCE, 0.4, 0.6),
        Phone("B", 0.6, 0.7),
        Phone(SILENCE, 0.7, 1.0),
    )


def test_joining_shifts_phones_with_their_sound() -> None:
    rng = np.random.default_rng(0)
    parts = [
        Recording(str(k), rng.integers(-9000, 9000, SAMPLE_RATE, np.int16), (Phone("AA", 0.0, 0.5), Phone("M", 0.5, 1.0))) for k in range(3)
    ]
    whole = join(parts, pause_s=0.25)
    assert len(whole.samples) == 3 * 20_000
    assert [phone.start for phone in whole.phones if phone.name == "M"] == [0.5, 1.75, 3.0]
    assert whole.phones[-1].end == pytest.approx(3.75)
    for phone in whole.phones:
        sound = np.abs(whole.samples[int(phone.start * SAMPLE_RATE) : int(phone.end * SAMPLE_RATE)].astype(int))
        assert (sound.max() == 0) == (phone.name == SILENCE)


def test_drivers_give_one_frame_for_each_thirtieth_of_a_second() -> None:
    rng = np.random.default_rng(0)
    recording = Recording("noise", rng.integers(-9000, 9000, SAMPLE_RATE + 77, np.int16), (Phone("AA", 0.0, 1.0),))
    for motion in (loudness_motion(recording), oracle_motion(recording)):
        assert motion.shape == (frames_in(SAMPLE_RATE + 77), MOTION_DIM) and motion.dtype == np.float32
    assert loudness_motion(recording)[:, FACE][:, ARKIT_INDEX["jawOpen"]].max() > 0.2


def test_the_aligner_finds_the_phones_of_a_real_reader() -> None:
    pytest.importorskip("pocketsphinx", reason="the data extra is not installed")
    try:
        asset_path("librivox")
    except AssetError as error:
        pytest.skip(str(error))
    recordings = librivox()
    assert len(recordings) == 5
    for recording in recordings:
        assert recording.phones[-1].end == pytest.approx(len(recording.samples) / SAMPLE_RATE)
        loudness = [
            np.sqrt(np.mean(recording.samples[int(phone.start * SAMPLE_RATE) : int(phone.end * SAMPLE_RATE)].astype(float) ** 2))
            for phone in recording.phones
        ]
        speech = [level for level, phone in zip(loudness, recording.phones, strict=True) if phone.name in ("AA", "AE", "AO", "IY", "EY")]
        silence = [level for level, phone in zip(loudness, recording.phones, strict=True) if phone.name == SILENCE]
        assert np.median(speech) > 4 * np.median(silence)
