"""From Kokoro's tokens and their durations to phones with times."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.data.phonemes import LEAD_FRAMES, symbols_to_phones

FRAME_S = 0.025
SOUNDS = "bpmfvszklnwtdɹiuæɑɛIOWYAɜə"


def phones_of(symbols: str, frames: list[float], quiet: list[int] | None = None) -> list[tuple[str, float, float]]:
    flags = np.zeros(int(sum(frames)), bool)
    flags[quiet or []] = True
    return [
        (phone.name, phone.start / FRAME_S, phone.end / FRAME_S)
        for phone in symbols_to_phones(symbols, np.array(frames, float), FRAME_S, flags)
    ]


def test_a_word_keeps_its_durations_and_moves_by_the_lead() -> None:
    found = phones_of("bi", [10, 3, 5, 8], [*range(7), *range(17, 26)])
    assert [name for name, _, _ in found] == ["SIL", "B", "IY", "SIL"]
    assert found[1][2] == pytest.approx(13 - LEAD_FRAMES)
    assert found[2][1] == pytest.approx(13 - LEAD_FRAMES)


def test_stress_and_length_marks_belong_to_the_vowel() -> None:
    plain = phones_of("mi", [4, 4, 6, 4])
    marked = phones_of("mˈiː", [4, 4, 2, 3, 1, 4])
    assert [name for name, _, _ in marked] == [name for name, _, _ in plain]
    assert marked[1][2] - marked[1][1] == pytest.approx(plain[1][2] - plain[1][1])


def test_r_after_a_central_vowel_is_one_phone_unless_it_begins_a_syllable() -> None:
    assert [name for name, _, _ in phones_of("bɜɹ", [4, 3, 3, 3, 4])] == ["B", "ER"]
    assert [name for name, _, _ in phones_of("fɑðəɹ", [4, 3, 3, 3, 3, 3, 4])][-1] == "ER"
    assert [name for name, _, _ in phones_of("əɹˈIv", [4, 3, 3, 1, 4, 3, 4])] == ["AH", "R", "AY", "V"]


def test_a_quiet_comma_is_silence_and_a_loud_one_is_not() -> None:
    quiet = phones_of("bi, bi", [4, 3, 5, 6, 2, 3, 5, 4], [*range(10, 16)])
    assert [name for name, _, _ in quiet] == ["B", "IY", "SIL", "B", "IY"]
    loud = phones_of("bi, bi", [4, 3, 5, 6, 2, 3, 5, 4])
    assert [name for name, _, _ in loud] == ["B", "IY", "B", "IY"]


def test_silence_at_the_end_that_was_given_to_the_last_sound_is_silence() -> None:
    found = phones_of("bɔɹ.", [4, 3, 5, 18, 8, 1], [*range(14, 39)])
    assert found[-1][0] == "SIL" and found[-1][1] == pytest.approx(14)
    assert found[-2][0] == "R" and found[-2][2] == pytest.approx(14)


def test_frames_must_fit_the_symbols() -> None:
    with pytest.raises(ValueError, match="frame counts"):
        symbols_to_phones("bi", np.ones(3), FRAME_S, np.zeros(3, bool))


@given(
    st.lists(st.tuples(st.sampled_from([*SOUNDS, " ", ",", "."]), st.integers(1, 12)), min_size=1, max_size=30), st.integers(0, 2**32 - 1)
)
def test_phones_are_in_order_without_gaps_and_end_with_the_sound(tokens: list[tuple[str, int]], seed: int) -> None:
    frames = np.array([6, *(count for _, count in tokens), 5], float)
    quiet = np.random.default_rng(seed).random(int(frames.sum())) < 0.4
    phones = symbols_to_phones("".join(symbol for symbol, _ in tokens), frames, FRAME_S, quiet)
    for before, after in pairwise(phones):
        assert before.end == pytest.approx(after.start)
    assert all(phone.end > phone.start for phone in phones)
    if any(symbol in SOUNDS for symbol, _ in tokens):
        assert phones[-1].end == pytest.approx(frames.sum() * FRAME_S, abs=1e-6) or phones[-1].name != "SIL"
        assert phones[0].start >= 0
