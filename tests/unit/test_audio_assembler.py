"""Whatever happens to chunks on their way, the assembler keeps index and sample together and counts what it put right."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from visavis.audio.assembler import Assembler, GapTooLongError
from visavis.timing import SAMPLES_PER_3_FRAMES
from visavis.types import AudioChunk

LENGTH = 6000
SPOKEN: NDArray[np.int16] = np.arange(1, LENGTH + 1).astype(np.int16)
"""Sample i has the value i + 1, so that every sample tells its place and none is silence."""


def chunk(first: int, count: int, utterance: int = 5, rate: int = 16_000) -> AudioChunk:
    return AudioChunk(utterance, first, SPOKEN[first : first + count], sample_rate=rate)


pieces = st.lists(st.tuples(st.integers(0, LENGTH - 1), st.integers(0, 900)), min_size=1, max_size=40)


@given(pieces, st.one_of(st.none(), st.integers(0, LENGTH)))
def test_any_mix_of_gaps_repeats_overlaps_and_disorder_keeps_indices_and_counts(spans: list[tuple[int, int]], first: int | None) -> None:
    assembler = Assembler(first)
    given_out = np.concatenate([assembler.push(chunk(*span)) for span in spans])
    start = assembler.start
    assert start is not None
    assert start + len(given_out) == assembler.next_sample
    if first is None:
        assert start % SAMPLES_PER_3_FRAMES == 0 and 0 <= spans[0][0] - start < SAMPLES_PER_3_FRAMES
    else:
        assert start == first
    expected = SPOKEN[start : start + len(given_out)]
    spoken = given_out != 0
    np.testing.assert_array_equal(given_out[spoken], expected[spoken])
    silent = int(np.count_nonzero(~spoken))
    lead = spans[0][0] - start if first is None else 0
    assert silent == assembler.gap_samples + lead
    wanted = sum(len(SPOKEN[max(begin, start) : begin + count]) for begin, count in spans if begin + count > start)
    assert wanted == int(np.count_nonzero(spoken)) + assembler.repeated_samples
    assert (assembler.gaps == 0) == (assembler.gap_samples == 0)
    assert (assembler.repeats == 0) == (assembler.repeated_samples == 0)


@given(st.lists(st.integers(0, LENGTH // 10), max_size=10))
def test_what_comes_in_order_passes_unchanged_and_counts_nothing(lengths: list[int]) -> None:
    assembler = Assembler(0)
    ends = np.cumsum([0, *lengths])
    given_out = [assembler.push(chunk(int(begin), length)) for begin, length in zip(ends[:-1], lengths, strict=True)]
    np.testing.assert_array_equal(np.concatenate([np.empty(0, np.int16), *given_out]), SPOKEN[: ends[-1]])
    assert (assembler.gaps, assembler.repeats) == (0, 0)


def test_one_lost_chunk_is_one_gap_of_its_length() -> None:
    assembler = Assembler(0)
    given_out = np.concatenate([assembler.push(chunk(first, 640)) for first in (0, 640, 1920, 2560)])
    assert (assembler.gaps, assembler.gap_samples, assembler.repeats) == (1, 640, 0)
    assert not given_out[1280:1920].any()
    np.testing.assert_array_equal(given_out[1920:], SPOKEN[1920:3200])


def test_one_repeated_chunk_is_one_repeat() -> None:
    assembler = Assembler(0)
    given_out = np.concatenate([assembler.push(chunk(first, 640)) for first in (0, 640, 640, 1280)])
    assert (assembler.gaps, assembler.repeats, assembler.repeated_samples) == (0, 1, 640)
    np.testing.assert_array_equal(given_out, SPOKEN[:1920])


def test_joining_late_starts_on_a_frame_and_is_no_gap() -> None:
    assembler = Assembler()
    given_out = assembler.push(chunk(2000, 640))
    assert assembler.start == 1600 and assembler.gaps == 0
    np.testing.assert_array_equal(given_out, np.concatenate([np.zeros(400, np.int16), SPOKEN[2000:2640]]))


def test_what_lies_before_the_wanted_start_is_cut_off_uncounted() -> None:
    assembler = Assembler(1000)
    np.testing.assert_array_equal(assembler.push(chunk(640, 640)), SPOKEN[1000:1280])
    assert assembler.repeats == 0


def test_end_of_utterance_is_remembered() -> None:
    assembler = Assembler(0)
    assembler.push(chunk(0, 10))
    assert not assembler.ended
    assembler.push(AudioChunk(5, 10, SPOKEN[10:20], end_of_utterance=True))
    assert assembler.ended


def test_refused_chunks_change_nothing() -> None:
    assembler = Assembler(0, max_gap_samples=1000)
    assembler.push(chunk(0, 640))
    refused = [
        (chunk(640, 640, rate=44_100), "44100 Hz"),
        (chunk(640, 640, utterance=6), "utterance 6"),
        (AudioChunk(5, -1, SPOKEN[:10]), "negative"),
        (AudioChunk(5, 640, SPOKEN[:10].astype(np.float32)), "int16"),  # type: ignore[arg-type]
        (AudioChunk(5, 640, SPOKEN[:10].reshape(2, 5)), "shape"),
    ]
    for bad, word in refused:
        with pytest.raises(ValueError, match=word):
            assembler.push(bad)
    with pytest.raises(GapTooLongError, match="missing"):
        assembler.push(chunk(3000, 10))
    assert assembler.next_sample == 640 and (assembler.gaps, assembler.repeats) == (0, 0)
    np.testing.assert_array_equal(assembler.push(chunk(640, 640)), SPOKEN[640:1280])
