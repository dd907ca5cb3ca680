"""audio_out becomes an endless row of blocks: every sample at its time, silence elsewhere, nothing of what was interrupted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.audio.row import FADE_SAMPLES
from visavis.bridge.sound_blocks import BLOCK_NS, BLOCK_SAMPLES, SoundBlocks
from visavis.timing import NANOSECONDS, sample_to_ns
from visavis.types import AudioChunk

EPOCH = 1_700_000_000 * NANOSECONDS


def voice(count: int) -> np.ndarray:
    return (np.arange(count) % 20_000 + 1).astype(np.int16)


def chunks(samples: np.ndarray, heard_ns: int, sizes: list[int], utterance: int = 1) -> list[AudioChunk]:
    made, first = [], 0
    for size in sizes:
        part = samples[first : first + size]
        made.append(AudioChunk(utterance, first, part, heard_ns + sample_to_ns(first)))
        first += size
    return made


def row(blocks: SoundBlocks, until_ns: int) -> np.ndarray:
    return np.concatenate([samples for _, samples in blocks.take(until_ns)])


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=8), st.integers(0, 3 * BLOCK_SAMPLES), st.integers(0, 62_499))
def test_every_sample_is_heard_at_its_time(sizes: list[int], delay: int, odd_ns: int) -> None:
    samples = voice(sum(sizes))
    blocks = SoundBlocks(EPOCH)
    for chunk in chunks(samples, EPOCH + sample_to_ns(delay) + odd_ns, sizes):
        blocks.hear(chunk, EPOCH)
    heard = np.concatenate([row(blocks, EPOCH + index * BLOCK_NS) for index in range((delay + len(samples)) // BLOCK_SAMPLES + 3)])
    begin = int(np.argmax(heard != 0))
    assert abs(begin - delay) <= 1
    assert np.array_equal(heard[begin : begin + len(samples)], samples)
    assert not heard[:begin].any() and not heard[begin + len(samples) :].any()
    assert blocks.counters["late_samples"] == 0


def test_blocks_are_given_out_before_their_time_and_never_twice() -> None:
    blocks = SoundBlocks(EPOCH)
    taken = blocks.take(EPOCH + 5 * BLOCK_NS)
    assert [heard_ns for heard_ns, _ in taken] == [EPOCH + index * BLOCK_NS for index in range(7)]
    assert blocks.take(EPOCH + 5 * BLOCK_NS) == []
    assert blocks.wake_ns() == EPOCH + 6 * BLOCK_NS
    assert len(blocks.take(blocks.wake_ns())) == 1


def test_an_interruption_silences_the_rest_of_its_utterance_without_a_click() -> None:
    blocks = SoundBlocks(EPOCH)
    for chunk in chunks(np.full(16_000, 8000, np.int16), EPOCH, [640] * 25):
        blocks.hear(chunk, EPOCH)
    row(blocks, EPOCH)
    blocks.hear(AudioChunk(1, 1000, np.zeros(0, np.int16), EPOCH, end_of_utterance=True), EPOCH)
    heard = row(blocks, EPOCH + 20 * BLOCK_NS)
    sounding = np.flatnonzero(heard)
    assert len(sounding) and sounding[-1] < 1000 - 2 * BLOCK_SAMPLES + FADE_SAMPLES
    assert np.abs(np.diff(heard.astype(int))).max() < 200
    blocks.hear(AudioChunk(7, 3, np.zeros(0, np.int16), EPOCH, end_of_utterance=True), EPOCH)


def test_a_new_utterance_voids_what_was_queued_after_its_stamp() -> None:
    blocks = SoundBlocks(EPOCH)
    for chunk in chunks(np.full(8000, 100, np.int16), EPOCH, [8000]):
        blocks.hear(chunk, EPOCH)
    start = EPOCH + sample_to_ns(3200)
    for chunk in chunks(np.full(1600, 7, np.int16), start, [800, 800], utterance=2):
        blocks.hear(chunk, EPOCH)
    heard = row(blocks, EPOCH + NANOSECONDS // 2)
    assert (heard[:3200] == 100).all()
    assert (heard[3200:4800] == 7).all()
    assert not heard[4800:].any()


def test_what_comes_too_late_is_counted() -> None:
    blocks = SoundBlocks(EPOCH)
    row(blocks, EPOCH + 4 * BLOCK_NS)
    blocks.hear(AudioChunk(1, 0, voice(2 * BLOCK_SAMPLES), EPOCH + 5 * BLOCK_NS), EPOCH + 4 * BLOCK_NS)
    assert blocks.counters["late_samples"] == BLOCK_SAMPLES
    assert np.array_equal(row(blocks, EPOCH + 5 * BLOCK_NS), voice(2 * BLOCK_SAMPLES)[BLOCK_SAMPLES:])


@pytest.mark.parametrize("jump", [3600, -3600])
def test_after_a_stall_or_a_clock_that_was_set_the_row_goes_on_at_the_present(jump: int) -> None:
    blocks = SoundBlocks(EPOCH)
    row(blocks, EPOCH)
    now = EPOCH + jump * NANOSECONDS
    taken = blocks.take(now)
    assert 0 < len(taken) <= 3
    assert abs(taken[0][0] - now) <= 2 * BLOCK_NS
    assert (blocks.counters["skipped_blocks"] > 0) == (jump > 0)


def test_chunks_that_are_minutes_away_are_refused() -> None:
    blocks = SoundBlocks(EPOCH)
    blocks.hear(AudioChunk(1, 0, voice(640), EPOCH + 600 * NANOSECONDS), EPOCH)
    assert blocks.counters["far_chunks"] == 1
