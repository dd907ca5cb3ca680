from dataclasses import replace

import numpy as np
import pytest

from visavis.nodes.sound import SoundPlayout
from visavis.timing import NANOSECONDS, frame_to_ns, sample_to_ns
from visavis.types import AudioChunk

START = 1_700_000_000 * NANOSECONDS
DELAY = 400_000_000


def speech(count: int, utterance: int = 1, start_ns: int = START) -> list[AudioChunk]:
    samples = np.ones(640, np.int16)
    return [
        AudioChunk(utterance, index * 640, samples, start_ns + sample_to_ns(index * 640), end_of_utterance=index == count - 1)
        for index in range(count)
    ]


def test_stamped_sound_goes_out_at_once_with_the_time_to_be_heard() -> None:
    sound = SoundPlayout(DELAY)
    out = [chunk for given in speech(5) for chunk in sound.hear(given, given.stamp_ns + 40_000_000)]
    assert [chunk.stamp_ns - DELAY for chunk in out] == [chunk.stamp_ns for chunk in speech(5)]
    assert out[-1].end_of_utterance
    assert sound.offset_ns(1, 3, START + frame_to_ns(3) + DELAY + 7) == 7
    assert sound.offset_ns(0, 3, START) is None


@pytest.mark.parametrize("stamp", [0, START - 3600 * NANOSECONDS])
def test_sound_without_a_time_of_its_own_waits_for_the_pictures(stamp: int) -> None:
    sound = SoundPlayout(DELAY)
    for index, chunk in enumerate(speech(5)):
        moved = replace(chunk, stamp_ns=stamp and stamp + sample_to_ns(chunk.first_sample))
        assert sound.hear(moved, START + index * 40_000_000) == []
    assert sound.frame(2, 0, START) == []
    start = START + 12_345
    out = sound.frame(1, 4, start + frame_to_ns(4))
    assert [chunk.stamp_ns for chunk in out] == [start + DELAY + sample_to_ns(index * 640) for index in range(5)]
    assert sound.frame(1, 5, start + frame_to_ns(5)) == []


def test_sound_follows_pictures_that_were_anchored_anew() -> None:
    sound = SoundPlayout(DELAY)
    chunks = speech(3)
    sound.hear(chunks[0], START)
    sound.frame(1, 0, START + NANOSECONDS)
    assert sound.hear(chunks[1], START)[0].stamp_ns == START + NANOSECONDS + 40_000_000 + DELAY


def test_a_recording_played_again_is_not_timed_by_its_last_pictures() -> None:
    sound = SoundPlayout(DELAY)
    again = START + 30 * NANOSECONDS
    old = [replace(chunk, stamp_ns=chunk.stamp_ns - 3600 * NANOSECONDS) for chunk in speech(3)]
    for chunk in old:
        sound.hear(chunk, START)
    sound.frame(1, 0, START)
    assert sound.hear(old[0], again) == []
    assert sound.frame(1, 60, START + frame_to_ns(60)) == []
    assert [chunk.stamp_ns for chunk in sound.frame(1, 0, again)] == [again + DELAY]


def test_interruption_tells_players_and_silences_the_rest_of_the_utterance() -> None:
    sound = SoundPlayout(DELAY)
    chunks = speech(50)
    for chunk in chunks[:40]:
        sound.hear(chunk, START)
    now = START + NANOSECONDS
    (end,) = sound.interrupt(now)
    assert end.end_of_utterance and len(end.samples) == 0 and end.utterance_id == 1
    assert end.first_sample == 9600  # 0.6 s have been heard
    assert sound.interrupt(now) == []
    assert sound.hear(chunks[40], now) == [] and sound.frame(1, 30, START) == []
    assert sound.counters["sound_ignored"] == 1
    assert sound.hear(speech(1, 2, now)[0], now)[0].utterance_id == 2
    assert sound.hear(chunks[41], now) == []


def test_waiting_sound_has_a_limit_and_is_counted() -> None:
    sound = SoundPlayout(DELAY)
    minute = np.zeros(40 * 16000, np.int16)
    for index in range(3):
        sound.hear(AudioChunk(1, index * len(minute), minute, 0), START)
    assert sound.counters["sound_drops"] == 2


def test_an_interruption_of_silence_says_nothing() -> None:
    assert SoundPlayout(DELAY).interrupt(START) == []
