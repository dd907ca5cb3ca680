"""A mouth that follows what is heard, by its chances: like that of known phones where the ear is sure, shut where lips are likely to
be, and as lively where the ear is in doubt."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from visavis.data.heard_mouth import heard_mouth_curves, lips_heard_closed
from visavis.data.mouth import MouthStyle, mouth_curves
from visavis.data.phones import BILABIALS, PHONES, SILENCE, Phone
from visavis.data.prosody import Prosody, analyse
from visavis.evaluation.curves import lip_gap
from visavis.motion.layout import ARKIT_INDEX
from visavis.motion.phones import PHONE_INDEX
from visavis.timing import FRAME_RATE, SAMPLE_RATE

STEPS = 60
SPOKEN = [name for name in PHONES if name != SILENCE]
phone_strings = st.lists(st.tuples(st.sampled_from(SPOKEN), st.floats(0.07, 0.20)), min_size=1, max_size=30)


def speech(sounds: list[tuple[str, float]]) -> tuple[tuple[Phone, ...], Prosody, int]:
    """Phones between silences, loud throughout, and their frames."""
    phones, here = [Phone(SILENCE, 0.0, 0.6)], 0.6
    for name, length in sounds:
        phones.append(Phone(name, here, here + length))
        here += length
    phones.append(Phone(SILENCE, here, here + 1.0))
    samples = (8000 * np.sin(np.arange(round((here + 1.0) * SAMPLE_RATE)) * 0.3)).astype(np.int16)
    return tuple(phones), analyse(samples, tuple(phones)), int((here + 1.0) * FRAME_RATE)


def chances(phones: tuple[Phone, ...], frames: int, sure: float = 1.0, else_: tuple[str, ...] = tuple(SPOKEN)) -> NDArray[np.float64]:
    """Of the phones, with what is left over for ``else_``."""
    times = (np.arange(frames * STEPS // FRAME_RATE) + 0.5) / STEPS
    told = np.zeros((len(times), len(PHONES)))
    told[:, [PHONE_INDEX[name] for name in else_]] = (1 - sure) / len(else_)
    for phone in phones:
        told[(times >= phone.start) & (times < phone.end), PHONE_INDEX[phone.name]] += sure
    told[told.sum(axis=1) < 1e-6, PHONE_INDEX[SILENCE]] = 1
    return told


def heard_gap(sounds: list[tuple[str, float]], sure: float = 1.0) -> tuple[NDArray[np.float64], tuple[Phone, ...]]:
    phones, prosody, frames = speech(sounds)
    return lip_gap(heard_mouth_curves(chances(phones, frames, sure), STEPS, prosody, frames, MouthStyle())), phones


def at(gap: NDArray[np.float64], phone: Phone) -> NDArray[np.float64]:
    return gap[int(phone.start * FRAME_RATE) : int(np.ceil(phone.end * FRAME_RATE)) + 1]


SENTENCE = [
    (name, 0.09)
    for name in "DH AH M AA N K EY M B AE K F R AH M P AA R IH S W IH TH AW T AO L HH IH Z M AH N IY".split()  # noqa: SIM905
]


def test_one_who_is_sure_moves_as_one_who_knows() -> None:
    gap, phones = heard_gap(SENTENCE)
    _, prosody, frames = speech(SENTENCE)
    known = lip_gap(mouth_curves(phones, prosody, frames, MouthStyle()))
    assert np.corrcoef(gap, known)[0, 1] > 0.9


@settings(max_examples=40, deadline=None)
@given(phone_strings)
def test_lips_shut_where_p_b_and_m_are_heard_and_in_silence(sounds: list[tuple[str, float]]) -> None:
    gap, phones = heard_gap(sounds)
    for phone in phones:
        if phone.name in BILABIALS:
            assert at(gap, phone).min() < 0.02
    assert gap[: int(0.3 * FRAME_RATE)].max() < 0.015
    assert gap[int((phones[-1].start + 0.3) * FRAME_RATE) :].max() < 0.015


def test_lips_shut_for_what_is_likelier_than_not_and_stay_open_for_what_is_not() -> None:
    sounds = [("AA", 0.2), ("M", 0.1), ("AA", 0.2)]
    likely, phones = heard_gap(sounds, sure=0.7)
    doubtful, _ = heard_gap(sounds, sure=0.3)
    assert at(likely, phones[2]).min() < 0.02 < 0.04 < at(doubtful, phones[2]).min()


def test_doubt_does_not_flatten_the_openings() -> None:
    sounds = [(name, 0.14) for name in ("AA", "S", "AE", "T", "IY", "AO", "N", "AY")]
    unsure, phones = heard_gap(sounds, sure=0.7)
    _, prosody, frames = speech(sounds)
    known = lip_gap(mouth_curves(phones, prosody, frames, MouthStyle()))
    spoken = slice(int(0.7 * FRAME_RATE), -int(1.1 * FRAME_RATE))
    assert unsure[spoken].std() > 0.75 * known[spoken].std()
    assert unsure[spoken].min() > 0.01


def test_lips_round_before_the_sound_that_is_heard() -> None:
    phones, prosody, frames = speech([("AA", 0.4), ("UW", 0.3)])
    face = heard_mouth_curves(chances(phones, frames), STEPS, prosody, frames, MouthStyle())
    mirrored, prosody, frames = speech([("UW", 0.3), ("AA", 0.4)])
    back = heard_mouth_curves(chances(mirrored, frames), STEPS, prosody, frames, MouthStyle())
    pucker = ARKIT_INDEX["mouthPucker"]
    assert face[int((phones[2].start - 0.03) * FRAME_RATE), pucker] > 1.5 * back[int((mirrored[2].start + 0.06) * FRAME_RATE), pucker]


def test_rounding_and_teeth_come_with_their_chance() -> None:
    phones, prosody, frames = speech([("UW", 0.3), ("F", 0.2), ("IY", 0.3)])
    sure = heard_mouth_curves(chances(phones, frames), STEPS, prosody, frames, MouthStyle())
    half = heard_mouth_curves(chances(phones, frames, 0.5, ("AA", "AH")), STEPS, prosody, frames, MouthStyle())
    for name, phone in (("mouthPucker", phones[1]), ("mouthRollLower", phones[2]), ("mouthStretchLeft", phones[3])):
        strong, weak = at(sure[:, ARKIT_INDEX[name]], phone).max(), at(half[:, ARKIT_INDEX[name]], phone).max()
        assert 0.05 < weak < strong


def test_curves_are_weights_of_as_many_frames_as_asked_for_even_where_nothing_was_heard() -> None:
    _, prosody, frames = speech([("AA", 0.3)])
    silent = np.zeros((frames * 2, len(PHONES)))
    silent[:, PHONE_INDEX[SILENCE]] = 1
    for told in (silent, silent[:1], np.full_like(silent, 1 / len(PHONES))):
        face = heard_mouth_curves(told, STEPS, prosody, frames, MouthStyle())
        assert face.shape == (frames, 52) and np.isfinite(face).all() and face.min() >= 0 and face.max() <= 1
    assert lip_gap(heard_mouth_curves(silent, STEPS, prosody, frames, MouthStyle())).max() == pytest.approx(0.0, abs=1e-6)


def test_closed_where_p_b_and_m_together_are_likeliest() -> None:
    told = np.zeros((3, 2, len(PHONES)))
    told[0, :, PHONE_INDEX["M"]], told[0, :, PHONE_INDEX["B"]], told[0, :, PHONE_INDEX["AA"]] = 0.3, 0.3, 0.4
    told[1, :, PHONE_INDEX["P"]], told[1, :, PHONE_INDEX["T"]] = 0.4, 0.6
    told[2, 1, PHONE_INDEX["P"]] = 1
    assert lips_heard_closed(told).tolist() == [[True, True], [False, False], [False, True]]
