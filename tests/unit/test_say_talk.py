"""A text in step with the clock: nothing lost, nothing twice, silence where the voice is late."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from visavis.say.talk import CHUNK_SAMPLES, MAX_LAG_NS, Talk
from visavis.timing import NANOSECONDS, SAMPLE_RATE, sample_to_ns
from visavis.types import AudioChunk

CHUNK_NS = sample_to_ns(CHUNK_SAMPLES)
NOW = 1_700_000_000 * NANOSECONDS


def ramp(count: int, first: int = 1) -> np.ndarray:
    return (np.arange(first, first + count) % 30_000 + 1).astype(np.int16)


def run(talk: Talk, now_ns: int, turns: int, step_ns: int = CHUNK_NS) -> tuple[list[AudioChunk], int]:
    chunks: list[AudioChunk] = []
    for _ in range(turns):
        chunks += talk.take(now_ns)
        now_ns += step_ns
    return chunks, now_ns


def voiced(chunks: list[AudioChunk]) -> np.ndarray:
    samples = np.concatenate([chunk.samples for chunk in chunks])
    return samples[samples != 0]


def test_the_first_sound_goes_out_at_once_and_the_rest_in_real_time() -> None:
    talk = Talk(7)
    assert talk.take(NOW) == [] and talk.wake_ns() is None
    talk.push(0, ramp(SAMPLE_RATE), 0.1, NOW)
    talk.finish()
    (first,) = talk.take(NOW)
    assert (first.utterance_id, first.first_sample, first.stamp_ns) == (7, 0, NOW - CHUNK_NS)
    assert talk.take(NOW + CHUNK_NS - 1) == [] and talk.wake_ns() == NOW + CHUNK_NS
    rest, _ = run(talk, NOW + CHUNK_NS, 30)
    assert len(rest) == 24 and rest[-1].end_of_utterance and talk.ended
    assert np.array_equal(voiced([first, *rest]), ramp(SAMPLE_RATE)), "no pause after the last piece"


def test_silence_waits_for_a_voice_that_is_late_and_is_its_pause() -> None:
    talk = Talk(1)
    talk.push(0, ramp(CHUNK_SAMPLES * 3), 0.2, NOW)
    early, now = run(talk, NOW, 6)
    assert len(early) == 6 and talk.piece == 0 and not early[-1].samples.any() and talk.waited_samples == 3 * CHUNK_SAMPLES
    talk.push(1, ramp(CHUNK_SAMPLES, 5000), 0.0, now)
    talk.finish()
    late, _ = run(talk, now, 10)
    quiet = sum(not chunk.samples.any() for chunk in [*early, *late])
    assert quiet == 5, "a fifth of a second in all, waiting included"
    assert talk.piece == 1 and talk.ended
    starts = [chunk.first_sample for chunk in [*early, *late]]
    assert starts == [index * CHUNK_SAMPLES for index in range(len(starts))], "one utterance without a hole"


def test_a_machine_that_stood_still_goes_on_as_a_new_utterance() -> None:
    talk = Talk(10)
    talk.push(0, ramp(SAMPLE_RATE), 0.0, NOW)
    talk.finish()
    before, now = run(talk, NOW, 5)
    now += 3 * MAX_LAG_NS
    after, now = run(talk, now, 40)
    assert after[0].end_of_utterance and after[0].utterance_id == 10 and not len(after[0].samples)
    assert {chunk.utterance_id for chunk in after[1:]} == {11} and after[1].first_sample == 0 and talk.restarts == 1
    assert abs(after[1].stamp_ns - (NOW + 5 * CHUNK_NS + 3 * MAX_LAG_NS)) < 2 * CHUNK_NS
    assert np.array_equal(voiced([*before, *after]), ramp(SAMPLE_RATE)), "without losing a sample"


def test_broken_off_it_says_so_once() -> None:
    talk = Talk(3)
    assert talk.break_off() == [] and talk.ended, "nothing was said yet"
    talk = Talk(3)
    talk.push(0, ramp(SAMPLE_RATE), 0.0, NOW)
    _, now = run(talk, NOW, 4)
    (last,) = talk.break_off()
    assert last.end_of_utterance and not len(last.samples) and last.first_sample == 4 * CHUNK_SAMPLES
    assert talk.break_off() == [] and run(talk, now, 5)[0] == [] and talk.spoken_samples == 4 * CHUNK_SAMPLES


@given(st.lists(st.integers(1, 4000), min_size=1, max_size=5), st.lists(st.integers(1, 400), min_size=5, max_size=40))
def test_whatever_comes_when_every_sample_is_spoken_once(lengths: list[int], waits_ms: list[int]) -> None:
    talk, chunks, now = Talk(1), [], NOW
    pieces = [ramp(length, 1 + sum(lengths[:index])) for index, length in enumerate(lengths)]
    for index, wait in enumerate(waits_ms):
        if index < len(pieces):
            talk.push(index, pieces[index], 0.05, now)
            if index == len(pieces) - 1:
                talk.finish()
        chunks += talk.take(now)
        now += wait * 1_000_000
    chunks += run(talk, now, 60)[0]
    assert talk.ended and np.array_equal(voiced(chunks), np.concatenate(pieces))
    assert [chunk.end_of_utterance for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
