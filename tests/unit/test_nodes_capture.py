"""The microphone's stretches without a microphone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from visavis.nodes.audio_capture import DRIFT_BLOCKS, MAX_DRIFT_NS, Stretch
from visavis.timing import NANOSECONDS, sample_to_ns

START = 1_700_000_000 * NANOSECONDS


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=60), st.sampled_from([160, 640, 3200]))
def test_blocks_become_whole_chunks_and_nothing_is_lost(sizes: list[int], chunk_samples: int) -> None:
    samples = np.arange(sum(sizes)).astype(np.int16)
    stretch = Stretch(7, START, chunk_samples)
    chunks, first = [], 0
    for size in sizes:
        chunks += stretch.add(samples[first : first + size], START + sample_to_ns(first))
        first += size
    assert all(len(chunk.samples) == chunk_samples for chunk in chunks)
    chunks.append(stretch.last())
    assert np.array_equal(np.concatenate([chunk.samples for chunk in chunks]), samples)
    assert all(chunk.stamp_ns == START + sample_to_ns(chunk.first_sample) and chunk.utterance_id == 7 for chunk in chunks)
    assert [chunk.end_of_utterance for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert abs(stretch.drift_ns) <= 62_500


def drift_after(offsets: list[int]) -> int:
    stretch = Stretch(1, START, 640)
    for index, offset in enumerate(offsets):
        stretch.add(np.zeros(320, np.int16), START + sample_to_ns(320 * index) + offset)
    return stretch.drift_ns


def test_a_clock_that_is_off_for_good_is_seen_and_one_late_block_is_not() -> None:
    late = 2 * MAX_DRIFT_NS
    assert drift_after([0] * 50 + [late] + [0] * 10) == 0
    assert drift_after([0] * 50 + [late] * (DRIFT_BLOCKS - 1)) == 0
    assert drift_after([0] * 50 + [late] * DRIFT_BLOCKS) == late
    assert drift_after([0] * 50 + [-late] * DRIFT_BLOCKS) == -late
