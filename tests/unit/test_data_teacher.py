"""Properties that taught motion must have: closed lips on P, B and M, rest in silence, nothing that jumps, a head and eyes that live."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from visavis.data.mouth import MouthStyle, Wishes, least_acceleration, mouth_curves
from visavis.data.phones import PHONES, SILENCE, Phone
from visavis.data.prosody import analyse
from visavis.data.teacher import Style, random_style, teach
from visavis.evaluation.curves import lip_gap
from visavis.motion.layout import ARKIT_INDEX, MOTION_DIM, head_euler_from_rotation, rotation_from_6d
from visavis.timing import FRAME_RATE, SAMPLE_RATE, frames_in

SPOKEN = [name for name in PHONES if name != SILENCE]
phone_strings = st.lists(st.tuples(st.sampled_from(SPOKEN), st.floats(0.045, 0.20)), min_size=1, max_size=40)


def utterance(sounds: list[tuple[str, float]], before: float = 0.6, after: float = 1.2) -> tuple[NDArray[np.int16], tuple[Phone, ...]]:
    """A voice-like buzz while there are sounds, silence around them."""
    phones, here = [Phone(SILENCE, 0.0, before)], before
    for name, length in sounds:
        phones.append(Phone(name, here, here + length))
        here += length
    phones.append(Phone(SILENCE, here, here + after))
    times = np.arange(round((here + after) * SAMPLE_RATE)) / SAMPLE_RATE
    voice = sum(np.sin(2 * np.pi * 120 * harmonic * times) / harmonic for harmonic in range(1, 12))
    return np.where((times > before) & (times < here), 5000 * voice, 0).astype(np.int16), tuple(phones)


def curve(face: NDArray[np.floating], name: str) -> NDArray[np.floating]:
    return face[:, ARKIT_INDEX[name]]


@settings(max_examples=60, deadline=None)
@given(phone_strings)
def test_lips_shut_on_every_p_b_and_m(sounds: list[tuple[str, float]]) -> None:
    samples, phones = utterance(sounds)
    face = mouth_curves(phones, analyse(samples, phones), frames_in(len(samples)), MouthStyle())
    gap = lip_gap(face)
    for phone in phones:
        if phone.name in "PBM":
            first, last = int(phone.start * FRAME_RATE), int(np.ceil(phone.end * FRAME_RATE))
            assert gap[first : last + 1].min() < 0.015


@settings(max_examples=60, deadline=None)
@given(phone_strings, st.integers(0, 1000))
def test_weights_are_weights_the_mouth_rests_in_silence_and_nothing_jumps(sounds: list[tuple[str, float]], seed: int) -> None:
    samples, phones = utterance(sounds)
    taught = teach(samples, phones, seed)
    face = taught.face
    assert face.shape == (frames_in(len(samples)), 52) and face.dtype == np.float32
    assert face.min() >= 0 and face.max() <= 1 and np.isfinite(taught.head).all()
    gap = lip_gap(face)
    end = phones[-1].start
    assert gap[int((end + 0.30) * FRAME_RATE) :].max() < 0.015
    assert gap[: int((phones[0].end - 0.25) * FRAME_RATE)].max() < 0.015
    assert np.abs(np.diff(gap)).max() < 0.20
    assert np.abs(np.diff(curve(face, "mouthPucker"))).max() < 0.30
    angles = head_euler_from_rotation(rotation_from_6d(taught.head[:, :6]))
    assert np.abs(angles).max() <= 12.0
    assert np.abs(np.diff(angles, axis=0)).max() < 3.0


def test_open_vowels_open_and_round_ones_round() -> None:
    samples, phones = utterance([("AA", 0.2), ("M", 0.1), ("UW", 0.2), ("M", 0.1), ("IY", 0.2)])
    face = mouth_curves(phones, analyse(samples, phones), frames_in(len(samples)), MouthStyle())

    def at(phone: Phone) -> int:
        return int((phone.start + phone.end) / 2 * FRAME_RATE)

    wide, shut, round_, _, spread = phones[1:6]
    assert lip_gap(face)[at(wide)] > 4 * lip_gap(face)[at(shut)] + 0.1
    assert curve(face, "mouthPucker")[at(round_)] > 0.35 > 3 * curve(face, "mouthPucker")[at(spread)]
    assert curve(face, "mouthStretchLeft")[at(spread)] > 0.08 > 3 * curve(face, "mouthStretchLeft")[at(round_)]


def test_rounding_begins_before_its_vowel() -> None:
    samples, phones = utterance([("S", 0.15), ("T", 0.1), ("UW", 0.2)])
    face = mouth_curves(phones, analyse(samples, phones), frames_in(len(samples)), MouthStyle())
    pucker = curve(face, "mouthPucker")
    start = phones[3].start
    assert pucker[int((start - 0.05) * FRAME_RATE)] > 0.25 * pucker.max()


def test_f_and_v_bring_the_lower_lip_to_the_teeth() -> None:
    samples, phones = utterance([("AA", 0.15), ("F", 0.1), ("AA", 0.15)])
    face = mouth_curves(phones, analyse(samples, phones), frames_in(len(samples)), MouthStyle())
    middle = int((phones[2].start + phones[2].end) / 2 * FRAME_RATE)
    assert curve(face, "mouthRollLower")[middle] > 0.35
    assert curve(face, "mouthRollLower")[middle - 8] < 0.1


def test_a_smoothing_spline_keeps_what_is_firm_and_passes_a_line_unchanged() -> None:
    line = np.linspace(0, 1, 200)
    assert least_acceleration(Wishes(line, np.ones(200)), 0.05) == pytest.approx(line, abs=1e-6)
    wanted, weight = np.ones(200), np.ones(200)
    wanted[100], weight[100] = 0, 1e4
    assert least_acceleration(Wishes(wanted, weight), 0.03)[100] < 0.01


def test_the_seed_decides_everything_and_the_mouth_does_not_depend_on_it() -> None:
    samples, phones = utterance([("HH", 0.1), ("EH", 0.12), ("L", 0.08), ("OW", 0.25)])
    one, again, other = (teach(samples, phones, seed, Style()) for seed in (1, 1, 2))
    assert np.array_equal(one.face, again.face) and np.array_equal(one.head, again.head)
    assert not np.array_equal(one.head, other.head)
    jaw = ARKIT_INDEX["jawOpen"]
    assert np.array_equal(one.face[:, jaw], other.face[:, jaw])
    assert one.as_motion().shape == (len(one.face), MOTION_DIM)


def test_silence_is_calm_but_alive() -> None:
    samples = np.zeros(60 * SAMPLE_RATE, np.int16)
    taught = teach(samples, (Phone(SILENCE, 0.0, 60.0),), 5, Style())
    assert lip_gap(taught.face).max() < 0.01
    lids = curve(taught.face, "eyeBlinkLeft")
    blinks = np.count_nonzero((lids[1:] > 0.5) & (lids[:-1] <= 0.5))
    assert 8 <= blinks <= 30
    angles = head_euler_from_rotation(rotation_from_6d(taught.head[:, :6]))
    assert 0.2 < angles[:, 0].std() < 3
    assert np.abs(np.diff(angles, axis=0)).max() * FRAME_RATE < 12
    assert curve(taught.face, "eyeLookInLeft").max() > 0.1 and curve(taught.face, "eyeLookOutLeft").max() > 0.1


def test_eyes_turn_against_the_head_to_stay_on_the_viewer() -> None:
    rng = np.random.default_rng(0)
    sounds = [(str(name), float(length)) for name, length in zip(rng.choice(SPOKEN, 200), rng.uniform(0.05, 0.15, 200), strict=True)]
    samples, phones = utterance(sounds)
    taught = teach(samples, phones, 3, Style())
    yaw = head_euler_from_rotation(rotation_from_6d(taught.head[:, :6]))[:, 0]
    eyes = 28 * (curve(taught.face, "eyeLookInLeft") - curve(taught.face, "eyeLookOutLeft"))
    on_viewer = np.abs(eyes + yaw) < 2
    assert on_viewer.mean() > 0.5


def test_styles_stay_moderate() -> None:
    for seed in range(50):
        style = random_style(np.random.default_rng(seed))
        assert 0.85 <= style.mouth.amplitude <= 1.15 and abs(style.mouth.tilt) <= 1
        assert 10 <= style.blinks_per_minute <= 25
