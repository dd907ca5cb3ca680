"""The microphone's stretches without a microphone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.audio.host_rate import LATEST_BLOCKS
from visavis.nodes.audio_capture import MAX_OFF_NS, Stretch
from visavis.timing import NANOSECONDS, SAMPLE_RATE, sample_to_ns

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
    heard = np.concatenate([chunk.samples for chunk in chunks])
    assert abs(len(heard) - len(samples)) <= 1
    inside = slice(12, -13)  # at both ends half of what a sample is made of is silence
    assert np.all(np.abs(heard[: len(samples)][inside] - samples[: len(heard)][inside]) <= 1)
    assert all(chunk.stamp_ns == START + sample_to_ns(chunk.first_sample) and chunk.utterance_id == 7 for chunk in chunks)
    assert [chunk.end_of_utterance for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert abs(stretch.off_ns) <= 62_500


@pytest.mark.parametrize("ppm", [500, -500])
def test_a_device_whose_clock_is_off_is_read_in_the_hosts_time(ppm: int) -> None:
    """Every sample says when it was spoken; blocks are told late by some milliseconds, and now and then by a tenth of a second."""
    draw, stretch, block = np.random.default_rng(0), Stretch(1, START, 640), 0.02 / (1 + ppm * 1e-6)
    apart, farthest = [], 0
    for index in range(5000):
        spoken = index * block + np.arange(320) * block / 320
        late = draw.exponential(0.002) + (0.1 if draw.random() < 0.02 else 0)
        for chunk in stretch.add(np.rint(spoken % 4 * 8000 - 16000).astype(np.int16), START + round((index * block + late) * NANOSECONDS)):
            says = (chunk.samples + 16000.0) / 8000
            apart.append(np.median((says - (chunk.first_sample + np.arange(640)) / SAMPLE_RATE + 2) % 4 - 2))
        farthest = max(farthest, abs(stretch.off_ns))
    assert np.ptp(apart[700:]) < 0.002, "sound and time part"
    assert stretch.drift == pytest.approx(-ppm * 1e-6, abs=6e-5)
    assert farthest < MAX_OFF_NS / 4


def off_after(offsets: list[int]) -> int:
    stretch = Stretch(1, START, 640)
    for index, offset in enumerate(offsets):
        stretch.add(np.zeros(320, np.int16), START + sample_to_ns(320 * index) + offset)
    return stretch.off_ns


def test_lost_sound_is_seen_and_a_late_block_is_not() -> None:
    late = 2 * MAX_OFF_NS
    assert off_after([0] * 50 + [late] + [0] * 10) == 0
    assert off_after([0] * 50 + [late] * (LATEST_BLOCKS - 1)) == 0
    assert off_after([0] * 50 + [late] * LATEST_BLOCKS) == pytest.approx(late, rel=0.03)
    assert off_after([0] * 50 + [-late] * LATEST_BLOCKS) == pytest.approx(-late, rel=0.03)
