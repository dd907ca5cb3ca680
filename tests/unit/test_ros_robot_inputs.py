"""What other programs call speech and emotion becomes what visavis calls so: every sample, at its time; every name of ROS4HRI."""

import numpy as np
import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from visavis.audio.pcm import PcmFormat, PcmSpeech
from visavis.motion.steering import EMOTIONS
from visavis.ros.hri import NAMED, hri_to_emotion
from visavis.timing import NANOSECONDS, sample_to_ns

NOW = 1_700_000_000 * NANOSECONDS
HRI = """std_msgs/Header header
string expression
float32 valence
float32 arousal
float32 confidence
"""
"""The fields of hri_msgs/msg/Expression 2.3."""


def expression(name: str, valence: float = 0.0, arousal: float = 0.0) -> object:
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(get_types_from_msg(HRI, "hri_msgs/msg/Expression"))
    time = store.types["builtin_interfaces/msg/Time"](0, 0)
    header = store.types["std_msgs/msg/Header"](time, "")
    return store.types["hri_msgs/msg/Expression"](header, name, valence, arousal, 1.0)


def test_expressions_of_ros4hri_become_emotions() -> None:
    for name in NAMED:
        emotion, intensity = hri_to_emotion(expression(name))  # type: ignore[arg-type]
        assert emotion in EMOTIONS and 0 < intensity <= 1
    around = [("happy", 0.9, 0.2), ("surprised", 0.1, 0.9), ("afraid", -0.5, 0.8), ("angry", -0.9, 0.3), ("sad", -0.8, -0.4)]
    for wanted, valence, arousal in around:
        assert hri_to_emotion(expression("", valence, arousal))[0] == wanted  # type: ignore[arg-type]
    assert hri_to_emotion(expression("", 0.05, -0.05)) == ("neutral", 1.0)  # type: ignore[arg-type]
    for bad in (expression("hangry"), expression("", float("nan"), 0), expression("", 0, 3)):
        with pytest.raises(ValueError, match=r"hangry|valence|arousal"):
            hri_to_emotion(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("coding", "scale", "kind"), [("S16LE", 2**15, "<i2"), ("S32LE", 2**31, "<i4"), ("F32LE", 1, "<f4"), ("U8", 2**7, "u1")]
)
def test_stereo_of_every_coding_is_the_same_tone(coding: str, scale: float, kind: str) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000) * 0.5
    values = np.repeat(tone[:, None], 2, axis=1) * scale + (128 if coding == "U8" else 0)
    data = values.astype(kind).tobytes()
    speech = PcmSpeech(PcmFormat(48_000, 2, coding), gap_ns=400_000_000)
    pieces = [data[first : first + 9600] for first in range(0, len(data), 9600)]
    chunks = [chunk for piece in pieces for chunk in speech.hear(piece, NOW)]
    assert speech.rest(NOW + NANOSECONDS) == []
    chunks += speech.rest(NOW + 3 * NANOSECONDS)
    heard = np.concatenate([chunk.samples for chunk in chunks]) / 32768
    wanted = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000) * 0.5
    assert len(heard) == 16_000
    assert np.abs(heard - wanted)[200:-200].max() < (0.01 if coding == "U8" else 0.001)
    for chunk in chunks:
        assert chunk.stamp_ns == NOW + sample_to_ns(chunk.first_sample)
    assert [chunk.end_of_utterance for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_a_pause_begins_a_new_utterance_and_nonsense_none() -> None:
    speech = PcmSpeech(PcmFormat(), gap_ns=400_000_000)
    (first,) = speech.hear(b"\1\0" * 640, NOW)
    (second,) = speech.hear(b"\1\0" * 640, NOW + 300_000_000)
    assert second.utterance_id == first.utterance_id and second.first_sample == 640
    ended, third = speech.hear(b"\1\0" * 640, NOW + 2 * NANOSECONDS)
    assert ended.end_of_utterance and third.utterance_id > first.utterance_id and third.stamp_ns == NOW + 2 * NANOSECONDS
    with pytest.raises(ValueError, match="no whole number of samples"):
        speech.hear(b"odd", NOW + 2 * NANOSECONDS)
    for _ in range(30):
        speech.hear(b"\1\0" * 16_000, NOW + 2 * NANOSECONDS)
    with pytest.raises(ValueError, match="ahead of its time"):
        speech.hear(b"\1\0" * 16_000, NOW + 2 * NANOSECONDS)
    assert speech.utterances == 2


@pytest.mark.parametrize("ppm", [4000, -4000])
def test_a_microphone_that_never_rests_stays_at_its_time(ppm: int) -> None:
    """Without beginning anew its sound would be 1.6 s off."""
    speech, draw = PcmSpeech(PcmFormat(), gap_ns=400_000_000), np.random.default_rng(0)
    ahead = []
    for index in range(10_000):
        now = NOW + round(index * 40_000_000 / (1 + ppm * 1e-6)) + round(draw.exponential(3_000_000))
        chunk = speech.hear(b"\1\0" * 640, now)[-1]
        ahead.append((chunk.stamp_ns - now) / 1e6)
    assert min(ahead) > -220 and max(ahead) < 350
    assert 3 <= speech.utterances <= 20


def test_a_synthesiser_that_is_ahead_of_its_time_is_one_utterance() -> None:
    """Half a minute of sentences, each sent at once when the one before is nearly over."""
    speech, now = PcmSpeech(PcmFormat(), gap_ns=400_000_000), NOW
    for _ in range(8):
        for _ in range(100):
            speech.hear(b"\1\0" * 640, now)
            now += 1_000_000
        now += 3_800_000_000
    assert speech.utterances == 1
