"""Speech of a page: bursts and jitter in, chunks in step with the clock out, every sample once."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.bridge.speech import CHUNK_SAMPLES, SpeechError, SpeechStream, new_utterance_id
from visavis.timing import NANOSECONDS, SAMPLE_RATE, sample_to_ns
from visavis.types import AudioChunk

NOW = 1_700_000_000 * NANOSECONDS
MS = 1_000_000


def stream(live: bool = True, seconds: int = 60) -> SpeechStream:
    return SpeechStream(5, live, 60 * MS, seconds * SAMPLE_RATE)


def play(
    made: SpeechStream, arrivals: list[tuple[int, int, np.ndarray]], until_ns: int, finish_at_ns: int | None = None
) -> list[AudioChunk]:
    """Push what arrives (time, first sample, samples) and look every 5 ms; the chunks, each with its time of publication checked."""
    chunks: list[AudioChunk] = []
    waiting, now = sorted(arrivals, key=lambda one: one[0]), NOW
    while now <= until_ns:
        while waiting and waiting[0][0] <= now:
            made.push(waiting[0][1], waiting[0][2], now)
            waiting.pop(0)
        if finish_at_ns is not None and now >= finish_at_ns:
            made.finish()
        for chunk in made.take(now):
            assert chunk.stamp_ns + sample_to_ns(len(chunk.samples)) <= now or not len(chunk.samples), (
                "no sample before it can have been heard"
            )
            chunks.append(chunk)
        now += 5 * MS
    return chunks


def voice(count: int) -> np.ndarray:
    return (np.arange(count) % 30_000 + 1).astype(np.int16)


@given(st.lists(st.integers(0, 50), min_size=30, max_size=30))
def test_a_microphone_over_a_network_with_jitter(jitter: list[int]) -> None:
    samples = voice(30 * CHUNK_SAMPLES)
    arrivals, latest = [], NOW
    for index, delay in enumerate(jitter):
        latest = max(latest, NOW + (40 * (index + 1) + delay) * MS)  # TCP keeps the order
        arrivals.append((latest, index * CHUNK_SAMPLES, samples[index * CHUNK_SAMPLES : (index + 1) * CHUNK_SAMPLES]))
    made = stream()
    chunks = play(made, arrivals, NOW + 2 * NANOSECONDS, finish_at_ns=latest)
    assert made.counters["restarts"] == 0
    assert np.array_equal(np.concatenate([chunk.samples for chunk in chunks]), samples)
    assert [chunk.first_sample for chunk in chunks] == [index * CHUNK_SAMPLES for index in range(30)] + [30 * CHUNK_SAMPLES] * (
        len(chunks) - 30
    )
    assert {chunk.utterance_id for chunk in chunks} == {5}
    assert [chunk.end_of_utterance for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    starts = {chunk.stamp_ns - sample_to_ns(chunk.first_sample) for chunk in chunks}
    assert len(starts) == 1, "one time base"
    assert made.ended


def test_a_file_that_is_sent_ahead_is_spoken_in_real_time() -> None:
    samples = voice(4 * SAMPLE_RATE)
    made = stream(live=False)
    chunks = play(made, [(NOW, 0, samples)], NOW + 2 * NANOSECONDS)
    assert 45 <= len(chunks) <= 50
    assert made.wake_ns() is not None
    assert made.break_off()[0].end_of_utterance and made.ended and made.take(NOW + 9 * NANOSECONDS) == []


def test_a_stall_of_the_network_goes_on_as_a_new_utterance() -> None:
    samples = voice(20 * CHUNK_SAMPLES)
    arrivals = [
        (
            NOW + (40 * (index + 1) + (1000 if index >= 10 else 0)) * MS,
            index * CHUNK_SAMPLES,
            samples[index * CHUNK_SAMPLES :][:CHUNK_SAMPLES],
        )
        for index in range(20)
    ]
    made = stream()
    chunks = play(made, arrivals, NOW + 3 * NANOSECONDS)
    assert made.counters["restarts"] == 1
    assert np.array_equal(np.concatenate([chunk.samples for chunk in chunks]), samples), "nothing is lost"
    assert [chunk.utterance_id for chunk in chunks] == [5] * 11 + [6] * 10
    assert chunks[10].end_of_utterance and not len(chunks[10].samples)
    assert chunks[11].first_sample == 0


def test_a_microphone_whose_clock_runs_ahead_does_not_pile_up() -> None:
    """Twice as fast as real time: the delay stays bounded."""
    made = stream()
    arrivals = [(NOW + 20 * (index + 1) * MS, index * CHUNK_SAMPLES, voice(CHUNK_SAMPLES)) for index in range(100)]
    play(made, arrivals, NOW + 2 * NANOSECONDS)
    assert made.counters["restarts"] >= 2


def test_gaps_are_silence_and_repeats_are_left_out() -> None:
    made = stream(live=False)
    made.push(0, voice(CHUNK_SAMPLES), NOW)
    made.push(CHUNK_SAMPLES + 100, voice(CHUNK_SAMPLES - 100), NOW)
    made.push(CHUNK_SAMPLES, voice(CHUNK_SAMPLES + 60), NOW)
    made.finish()
    heard = np.concatenate([chunk.samples for chunk in made.take(NOW + NANOSECONDS)])
    assert len(heard) == 2 * CHUNK_SAMPLES + 60 and not heard[CHUNK_SAMPLES : CHUNK_SAMPLES + 100].any()
    assert made.counters["gap_samples"] == 100 and made.counters["repeated_samples"] == CHUNK_SAMPLES
    with pytest.raises(SpeechError, match="after its end"):
        made.push(9999, voice(1), NOW)


def test_limits() -> None:
    with pytest.raises(SpeechError, match="more than 2 s"):
        stream(seconds=2).push(0, voice(2 * SAMPLE_RATE + 1), NOW)
    made = stream(live=False)
    made.push(0, voice(10 * SAMPLE_RATE), NOW)
    with pytest.raises(SpeechError, match="ahead"):
        made.push(10 * SAMPLE_RATE, voice(1), NOW)
    with pytest.raises(SpeechError, match="missing"):
        stream().push(SAMPLE_RATE * 9, voice(5), NOW)


@given(st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 5000), st.integers(0, 2000)), max_size=30))
def test_whatever_a_page_sends_the_count_of_samples_is_unbroken(pushes: list[tuple[int, int, int]]) -> None:
    made, now, chunks = stream(), NOW, []
    for first, count, wait in pushes:
        now += wait * MS
        with contextlib.suppress(SpeechError):
            made.push(first, voice(count), now)
        chunks += made.take(now)
    made.finish()
    chunks += made.take(now + 60 * NANOSECONDS)
    expected: dict[int, int] = {}
    for chunk in chunks:
        assert chunk.first_sample == expected.get(chunk.utterance_id, 0)
        expected[chunk.utterance_id] = chunk.next_sample
    assert made.ended


def test_utterances_are_numbered_as_by_audio_capture() -> None:
    assert new_utterance_id(NOW, 0) == NOW // MS
    assert new_utterance_id(NOW, NOW // MS + 7) == NOW // MS + 8
