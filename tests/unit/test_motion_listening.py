"""A listener nods at the ends of phrases, looks attentive, and never opens the mouth."""

import numpy as np
import pytest

from visavis.audio.load import load
from visavis.cli.defaults import default_speech
from visavis.motion.layout import ARKIT_NAMES, FACE, HEAD_ROTATION, head_euler_from_rotation, neutral_motion, rotation_from_6d
from visavis.motion.listening import Attention, ListeningState, attend, listen
from visavis.timing import FRAME_RATE, frame_to_sample

FRAME = 533
MOUTH = [index for index, name in enumerate(ARKIT_NAMES) if name.startswith(("jaw", "mouth", "tongue", "cheek"))]


def hear(samples: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray, ListeningState]:
    """Nod (degrees) and interest of every frame."""
    state, nods, interest = ListeningState(), [], []
    for first in range(0, len(samples), FRAME):
        attention, state = listen(samples[first : first + FRAME], state, seed)
        nods.append(attention.nod)
        interest.append(attention.interest)
    return np.array(nods), np.array(interest), state


def begins(nods: np.ndarray) -> np.ndarray:
    """Frames at which a nod begins, a repeated one counted once."""
    starts = np.flatnonzero((nods[1:] > 0) & (nods[:-1] == 0)) + 1
    return starts[np.diff(starts, prepend=-1000) > FRAME_RATE]


def phrases(count: int, speech: float = 2.0, pause: float = 0.8, level: float = 0.2) -> np.ndarray:
    generator = np.random.default_rng(3)
    parts = []
    for _ in range(count):
        parts += [generator.normal(0, level, int(speech * 16000)), generator.normal(0, 0.0005, int(pause * 16000))]
    return (np.concatenate(parts).clip(-1, 1) * 32767).astype(np.int16)


def test_nods_come_in_the_pauses_after_phrases() -> None:
    nods, interest, _ = hear(phrases(20))
    at = begins(nods) / FRAME_RATE % 2.8
    assert 10 <= len(at) <= 20
    assert ((at > 2.0) & (at < 2.8)).all(), "in the pause"
    assert interest[60:].min() > 0.5
    assert 1.5 < nods.max() < 5.0


def test_a_nod_is_smooth() -> None:
    nods, _, _ = hear(phrases(20))
    assert np.abs(np.diff(nods)).max() < 1.3, "degrees a frame"


def test_long_speech_without_a_pause_gets_small_nods() -> None:
    time = np.arange(30 * 16000) / 16000
    syllables = np.random.default_rng(3).normal(0, 0.2, len(time)) * np.clip(np.sin(2 * np.pi * 4 * time), 0.002, None)
    nods, _, _ = hear((syllables.clip(-1, 1) * 32767).astype(np.int16))
    assert 4 <= len(begins(nods)) <= 10
    assert nods.max() < 3.0


@pytest.mark.parametrize("level", [0.0, 0.0005, 0.05])
def test_silence_and_steady_noise_get_none(level: float) -> None:
    noise = (np.random.default_rng(0).normal(0, level, 40 * 16000).clip(-1, 1) * 32767).astype(np.int16)
    nods, interest, _ = hear(noise)
    settled = 20 * FRAME_RATE  # the noise is taken for speech until its floor is known
    assert not nods[settled:].any() and interest[settled:].max() < 0.05


def test_attention_fades_when_nothing_comes_any_more() -> None:
    _, _, state = hear(phrases(3))
    for _ in range(5 * FRAME_RATE):
        attention, state = listen(np.zeros(0, np.int16), state)
    assert attention.nod == 0 and attention.interest < 0.01


def test_a_natural_voice_is_nodded_at_and_seeds_differ() -> None:
    speech = np.tile(load(default_speech()), 3)
    counts = [len(begins(hear(speech, seed)[0])) for seed in range(3)]
    assert all(4 <= count <= 30 for count in counts)
    assert not np.array_equal(hear(speech, 0)[0], hear(speech, 1)[0])
    assert np.array_equal(hear(speech, 0)[0], hear(speech, 0)[0])


def test_attention_bows_the_head_and_leaves_the_mouth_alone() -> None:
    frame = neutral_motion(1)[0]
    attend(frame, Attention(nod=4.0, interest=1.0))
    yaw, pitch, roll = head_euler_from_rotation(rotation_from_6d(frame[HEAD_ROTATION]))
    assert (yaw, roll) == pytest.approx((0, 0), abs=1e-4) and pitch == pytest.approx(4.0, abs=1e-3)
    assert not frame[FACE][MOUTH].any() and frame[FACE].max() > 0
    untouched = neutral_motion(1)[0]
    attend(untouched, Attention())
    assert np.array_equal(untouched, neutral_motion(1)[0])


def test_the_frame_length_used_by_the_schedule_never_outruns_the_sound() -> None:
    assert 0 <= frame_to_sample(3000) - 3000 * FRAME <= 1000
