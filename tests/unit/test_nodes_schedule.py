"""The motion schedule with a stage that can be checked sample by sample, against a clock that the tests move."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from visavis.motion.layout import ARKIT_INDEX, LEFT_HAND, neutral_motion
from visavis.motion.steering import Steering
from visavis.motion.styles import Manner
from visavis.nodes.schedule import MotionSchedule, ScheduleConfig
from visavis.timing import NANOSECONDS, complete_frames_in, frame_to_ns, frame_to_sample, frames_in, sample_to_ns
from visavis.types import AudioChunk, MotionChunk

START = 1_700_000_000 * NANOSECONDS
MS = 1_000_000
LOOK_AHEAD = 3
HOP = 4


@dataclass(frozen=True)
class SumState:
    samples: NDArray[np.int16]
    given: int = 0
    ended: bool = False
    manners: tuple[Manner, ...] = ()


class SumStage:
    """Frame n holds the sum of its samples, given once three more frames have been heard, four frames at a time."""

    latency_samples = frame_to_sample(HOP + LOOK_AHEAD)

    def initial_state(self) -> SumState:
        return SumState(np.zeros(0, np.int16))

    def step(self, samples: NDArray[np.int16], state: SumState, final: bool = False) -> tuple[NDArray[np.float32], SumState]:
        assert not state.ended
        if (samples == 666).all() and len(samples):
            raise ArithmeticError("the stage cannot take this")
        heard = np.concatenate([state.samples, samples])
        ready = frames_in(len(heard)) if final else max(0, complete_frames_in(len(heard)) - LOOK_AHEAD)
        count = ready - state.given if final else (ready - state.given) // HOP * HOP
        values = neutral_motion(count)
        for index in range(count):
            begin, end = frame_to_sample(state.given + index), frame_to_sample(state.given + index + 1)
            values[index, 0] = heard[begin:end].astype(np.int64).sum() % 65521
        return values, SumState(heard, state.given + count, final, state.manners)

    def with_manner(self, state: SumState, manner: Manner) -> SumState:
        return replace(state, manners=(*state.manners, manner))

    def take_up(self, state: SumState, before: SumState) -> SumState:
        return state


def voice(count: int, seed: int = 0) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(1, 30000, count).astype(np.int16)


def expected(samples: NDArray[np.int16]) -> list[float]:
    stage = SumStage()
    return list(stage.step(samples, stage.initial_state(), True)[0][:, 0])


def chunks_of(samples: NDArray[np.int16], size: int = 640, utterance: int = 1, start_ns: int = START, end: bool = True) -> list[AudioChunk]:
    return [
        AudioChunk(
            utterance,
            first,
            samples[first : first + size],
            start_ns + sample_to_ns(first),
            end_of_utterance=end and first + size >= len(samples),
        )
        for first in range(0, len(samples), size)
    ]


def heard_at(chunk: AudioChunk) -> int:
    return chunk.stamp_ns + sample_to_ns(len(chunk.samples))


class Clockwork:
    """Runs a schedule from START on; ``out`` is what it gave, with the time."""

    def __init__(self, config: ScheduleConfig | None = None, stage: SumStage | None = None) -> None:
        self.told: list[str] = []
        self.now = START
        self.schedule = MotionSchedule(
            stage or SumStage(), config or ScheduleConfig(), START, lambda key, message: self.told.append(message)
        )
        self.out: list[tuple[int, MotionChunk]] = []
        self.errors: list[Exception] = []

    def run(self, until_ns: int, arrivals: list[tuple[int, AudioChunk]] = (), interrupt_at: int | None = None) -> None:  # type: ignore[assignment]
        waiting = sorted(arrivals, key=lambda arrival: arrival[0])
        while self.now < until_ns:
            while waiting and waiting[0][0] <= self.now:
                self.schedule.hear(waiting.pop(0)[1], self.now)
            if interrupt_at is not None and self.now >= interrupt_at:
                self.schedule.interrupt()
                interrupt_at = None
            for _ in range(100):
                try:
                    given = self.schedule.advance(self.now)
                except ArithmeticError as error:
                    self.errors.append(error)
                    given = []
                self.out += [(self.now, chunk) for chunk in given]
                if self.schedule.wake_ns() > self.now:
                    break
            else:
                raise AssertionError("the schedule always has something to do")
            self.now += 5 * MS

    def motion(self, utterance: int) -> dict[int, float]:
        frames = {}
        for _, chunk in self.out:
            if chunk.utterance_id == utterance:
                frames |= {chunk.first_frame + index: float(row[0]) for index, row in enumerate(chunk.values)}
        return frames

    def assert_motion(self, utterance: int, samples: NDArray[np.int16]) -> None:
        wanted = expected(samples)
        got = self.motion(utterance)
        assert sorted(got) == list(range(len(wanted)))
        assert [got[index] for index in range(len(wanted))] == wanted

    def timeline(self) -> list[tuple[int, int, int]]:
        """(stamp, utterance, frame) that would be shown: what is given later wins from its stamp on."""
        line: list[tuple[int, int, int]] = []
        for _, chunk in self.out:
            while line and line[-1][0] >= chunk.stamp_ns - 16 * MS * (line[-1][1] != chunk.utterance_id):
                line.pop()
            line += [(chunk.stamp_ns + frame_to_ns(i), chunk.utterance_id, chunk.first_frame + i) for i in range(len(chunk.values))]
        return line


@settings(max_examples=25)
@given(st.integers(1, 20000), st.integers(100, 2500), st.sampled_from([0.25, 1.0, 30.0]))
def test_motion_depends_on_the_audio_only(count: int, size: int, pace: float) -> None:
    samples = voice(count)
    clock = Clockwork()
    arrivals = [(START + int((heard_at(chunk) - START) / pace), chunk) for chunk in chunks_of(samples, size)]
    clock.run(arrivals[-1][0] + 2 * NANOSECONDS, arrivals)
    clock.assert_motion(1, samples)
    assert clock.schedule.counters["drops"] == clock.schedule.counters["gaps"] == 0


def test_live_speech_is_stamped_by_index_and_idle_joins_on_both_sides() -> None:
    samples = voice(16000)
    clock = Clockwork()
    begin = START + NANOSECONDS
    clock.run(START + 3 * NANOSECONDS, [(heard_at(chunk), chunk) for chunk in chunks_of(samples, start_ns=begin)])
    clock.assert_motion(1, samples)
    for at, chunk in clock.out:
        if chunk.utterance_id == 1:
            assert chunk.stamp_ns == begin + frame_to_ns(chunk.first_frame)
            assert at - chunk.stamp_ns <= sample_to_ns(SumStage.latency_samples) + 50 * MS
    line = clock.timeline()
    spaces = np.diff([stamp for stamp, _, _ in line])
    assert spaces.min() > 16 * MS and spaces.max() < 51 * MS, "no hole and no crowd where idle and speech meet"
    idle = [frame for _, utterance, frame in line if utterance == 0]
    assert idle == sorted(set(idle))
    assert [chunk.end_of_utterance for _, chunk in clock.out if chunk.utterance_id == 1][-1]


def test_idle_goes_on_in_real_time_without_end() -> None:
    clock = Clockwork()
    clock.run(START + 5 * NANOSECONDS)
    stamps = [stamp for stamp, _, _ in clock.timeline()]
    assert len(stamps) >= 150 and max(np.diff(stamps)) <= 34 * MS
    assert all(at >= chunk.stamp_ns for at, chunk in clock.out), "never ahead of its time, so that speech can always win"
    assert all(at - chunk.stamp_ns <= 40 * MS for at, chunk in clock.out)
    assert not clock.motion(1)


def test_gaps_are_silence_and_repeats_are_dropped() -> None:
    samples = voice(16000)
    chunks = chunks_of(samples)
    damaged = chunks[:5] + chunks[7:12] + [chunks[11]] + chunks[12:]
    clock = Clockwork()
    clock.run(START + 2 * NANOSECONDS, [(heard_at(chunk), chunk) for chunk in damaged])
    samples[5 * 640 : 7 * 640] = 0
    clock.assert_motion(1, samples)
    assert {key: clock.schedule.counters[key] for key in ("gaps", "gap_samples", "repeats")} == {
        "gaps": 1,
        "gap_samples": 1280,
        "repeats": 1,
    }
    assert sum("missing" in line for line in clock.told) == 1


def test_speech_faster_than_real_time_waits_for_its_time() -> None:
    samples = voice(16000 * 4)
    clock = Clockwork()
    clock.run(START + 6 * NANOSECONDS, [(START, chunk) for chunk in chunks_of(samples)])
    clock.assert_motion(1, samples)
    ahead = [chunk.stamp_ns + frame_to_ns(len(chunk.values)) - at for at, chunk in clock.out if chunk.utterance_id == 1]
    assert max(ahead) <= 0.65 * NANOSECONDS


def test_one_huge_message_is_worked_off_in_small_pieces() -> None:
    samples = voice(16000 * 10)
    clock = Clockwork()
    clock.run(START + 12 * NANOSECONDS, [(START, chunk) for chunk in chunks_of(samples, len(samples))])
    clock.assert_motion(1, samples)
    assert max(len(chunk.values) for _, chunk in clock.out) <= 2 * HOP + LOOK_AHEAD


def test_what_exceeds_the_queue_is_dropped_counted_and_told() -> None:
    samples = voice(16000 * 4)
    clock = Clockwork(ScheduleConfig(queue_seconds=2.0))
    clock.run(START + 6 * NANOSECONDS, [(START, chunk) for chunk in chunks_of(samples)])
    assert clock.schedule.counters["drops"] == 50
    assert any("audio comes too fast" in line for line in clock.told)
    kept = expected(samples)
    got = clock.motion(1)
    assert [got[index] for index in range(30)] == kept[:30], "what was kept is not moved"
    assert clock.schedule.idle, "the end of the utterance was not lost with its samples"


def test_a_new_utterance_cuts_the_old_one_off_at_its_stamp() -> None:
    old, new = voice(16000 * 4), voice(8000, seed=1)
    clock = Clockwork()
    cut = START + NANOSECONDS
    arrivals = [(START, chunk) for chunk in chunks_of(old, end=False)] + [
        (cut, chunk) for chunk in chunks_of(new, utterance=2, start_ns=cut)
    ]
    clock.run(START + 4 * NANOSECONDS, arrivals)
    clock.assert_motion(2, new)
    line = clock.timeline()
    assert max(stamp for stamp, utterance, _ in line if utterance == 1) < cut
    assert clock.schedule.counters["voided"] > 0
    assert np.diff([stamp for stamp, _, _ in line]).max() < 51 * MS


def test_sentences_queued_one_after_the_other_are_all_spoken() -> None:
    clock = Clockwork()
    sentences = [voice(12000, seed) for seed in range(3)]
    arrivals, begin = [], START
    for index, samples in enumerate(sentences):
        arrivals += [(START, chunk) for chunk in chunks_of(samples, utterance=index + 1, start_ns=begin)]
        begin += sample_to_ns(len(samples)) + 200 * MS
    clock.run(START + 5 * NANOSECONDS, arrivals)
    for index, samples in enumerate(sentences):
        clock.assert_motion(index + 1, samples)
    spaces = np.diff([stamp for stamp, _, _ in clock.timeline()])
    assert spaces.max() < 51 * MS and spaces.min() > 16 * MS


def test_interruption_answers_at_once_and_the_rest_stays_unheard() -> None:
    samples = voice(16000 * 4)
    clock = Clockwork(ScheduleConfig(playout_delay=0.4))
    when = START + NANOSECONDS
    arrivals = [(heard_at(chunk) - 800 * MS, chunk) for chunk in chunks_of(samples)]
    again = START + 3 * NANOSECONDS
    arrivals += [(heard_at(chunk), chunk) for chunk in chunks_of(samples[:8000], utterance=2, start_ns=again)]
    clock.run(START + 5 * NANOSECONDS, arrivals, interrupt_at=when)
    flush = [(at, chunk) for at, chunk in clock.out if chunk.flush]
    assert len(flush) == 1 and flush[0][0] == when and flush[0][1].utterance_id == 0
    assert flush[0][1].stamp_ns - (when - 400 * MS) <= 60 * MS, "stamped for what is on the screen now"
    assert all(at < when for at, chunk in clock.out if chunk.utterance_id == 1)
    assert clock.schedule.counters["ignored"] > 0
    clock.assert_motion(2, samples[:8000])
    after = [entry for entry in clock.timeline() if entry[0] >= flush[0][1].stamp_ns]
    assert np.diff([stamp for stamp, _, _ in after]).max() < 51 * MS


def test_a_stall_shows_all_that_was_heard_and_the_rest_continues_bit_for_bit() -> None:
    samples = voice(16000 * 2)
    clock = Clockwork()
    chunks = chunks_of(samples)
    arrivals = [(heard_at(chunk) + (700 * MS if chunk.first_sample >= 16000 else 0), chunk) for chunk in chunks]
    clock.run(START + NANOSECONDS + 650 * MS, arrivals)
    assert sorted(clock.motion(1)) == list(range(30)), "the tail was not kept waiting"
    assert clock.schedule.idle
    late = [arrival for arrival in arrivals if arrival[0] > clock.now - 5 * MS]
    clock.run(START + 5 * NANOSECONDS, late)
    clock.assert_motion(1, samples)
    assert clock.schedule.counters["stalls"] >= 1
    assert clock.schedule.counters["gaps"] == 0


def test_audio_without_an_end_is_shown_to_its_last_frame() -> None:
    samples = voice(9999)
    clock = Clockwork()
    clock.run(START + 2 * NANOSECONDS, [(heard_at(chunk), chunk) for chunk in chunks_of(samples, end=False)])
    clock.assert_motion(1, samples)


@pytest.mark.parametrize("offset", [0, -3600, 7, 3600], ids=["no stamp", "a recording", "seven seconds ahead", "an hour ahead"])
def test_stamps_of_another_clock_are_replaced_by_the_arrival(offset: int) -> None:
    samples = voice(16000)
    clock = Clockwork()
    moved = [
        (heard_at(chunk), replace(chunk, stamp_ns=chunk.stamp_ns + offset * NANOSECONDS if offset else 0)) for chunk in chunks_of(samples)
    ]
    clock.run(START + 3 * NANOSECONDS, moved)
    clock.assert_motion(1, samples)
    first = next(chunk for _, chunk in clock.out if chunk.utterance_id == 1)
    assert abs(first.stamp_ns - (START + 40 * MS)) <= 5 * MS
    assert clock.schedule.counters["anchored"] == 1 and len(clock.told) == 1


def test_audio_that_comes_too_late_to_be_of_use_is_anchored_anew() -> None:
    samples = voice(16000 * 3)
    clock = Clockwork()
    arrivals = [(heard_at(chunk) + (2 * NANOSECONDS if chunk.first_sample >= 16000 else 0), chunk) for chunk in chunks_of(samples)]
    clock.run(START + 7 * NANOSECONDS, arrivals)
    clock.assert_motion(1, samples)
    assert clock.schedule.counters["anchored"] == 1, "once, not at every chunk"
    last = [(at, chunk) for at, chunk in clock.out if chunk.utterance_id == 1][-1]
    assert last[0] - last[1].stamp_ns < 600 * MS


def test_what_is_asked_for_shows_in_idle_and_in_speech_and_glides_over_the_ends_of_utterances() -> None:
    smile = ARKIT_INDEX["mouthSmileLeft"]
    clock = Clockwork()
    clock.run(START + NANOSECONDS)
    clock.schedule.steer(Steering(style="warm", emotion="happy"))
    samples = voice(16000)
    begin = START + 1400 * MS
    clock.run(START + 4 * NANOSECONDS, [(heard_at(chunk), chunk) for chunk in chunks_of(samples, start_ns=begin)])
    rows = [row[smile] for _, chunk in clock.out for row in chunk.values]
    before = sum(len(chunk.values) for at, chunk in clock.out if at < START + NANOSECONDS)
    assert not any(rows[:before]) and rows[before + 2] > 0
    assert np.abs(np.diff(rows)).max() < 0.12
    assert min(rows[before + 30 :]) > 0.4
    speech = clock.schedule._speech
    assert speech is not None and speech.state.manners == (Steering(style="warm").manner,)


def test_who_records_can_wait_for_late_audio_and_keeps_every_stamp() -> None:
    samples = voice(16000 * 3)
    clock = Clockwork(ScheduleConfig(idle_after=4.0, max_lag=4.0))
    arrivals = [(heard_at(chunk) + (3 * NANOSECONDS if chunk.first_sample >= 16000 else 0), chunk) for chunk in chunks_of(samples)]
    clock.run(START + 7 * NANOSECONDS, arrivals)
    clock.assert_motion(1, samples)
    assert clock.schedule.counters["anchored"] == 0
    assert all(chunk.stamp_ns == START + frame_to_ns(chunk.first_frame) for _, chunk in clock.out if chunk.utterance_id == 1)
    assert sum(len(chunk.values) for _, chunk in clock.out if chunk.utterance_id == 1) == len(expected(samples)), "no frame twice"


def test_joining_in_mid_utterance_keeps_its_frame_numbers() -> None:
    samples = voice(16000 * 2)
    clock = Clockwork()
    joined = [chunk for chunk in chunks_of(samples) if chunk.first_sample >= 16640]
    clock.run(START + 4 * NANOSECONDS, [(heard_at(chunk), chunk) for chunk in joined])
    frames = clock.motion(1)
    assert sorted(frames) == list(range(30, 60))
    wanted = samples.copy()
    wanted[:16640] = 0
    assert [frames[index] for index in range(30, 60)] == expected(wanted)[30:]


def test_a_hole_of_many_seconds_begins_anew_there() -> None:
    samples = voice(16000 * 12)
    clock = Clockwork()
    chunks = [chunk for chunk in chunks_of(samples) if not 16000 <= chunk.first_sample < 16000 * 10]
    clock.run(START + 14 * NANOSECONDS, [(heard_at(chunk), chunk) for chunk in chunks])
    frames = clock.motion(1)
    assert set(range(300, 360)) <= set(frames)
    assert [frames[index] for index in range(303, 360)] == expected(samples)[303:]


def test_an_utterance_played_twice_gives_the_same_motion_twice() -> None:
    samples = voice(12000)
    clock = Clockwork()
    clock.run(START + 2 * NANOSECONDS, [(heard_at(chunk), chunk) for chunk in chunks_of(samples)])
    clock.assert_motion(1, samples)
    given = len(clock.out)
    again = chunks_of(samples, start_ns=START + 3 * NANOSECONDS)
    clock.run(START + 5 * NANOSECONDS, [(heard_at(chunk), chunk) for chunk in again])
    clock.out = clock.out[given:]
    clock.assert_motion(1, samples)
    assert clock.schedule.counters["utterances"] == 2


def test_an_error_of_the_stage_costs_the_utterance_not_the_stream() -> None:
    poison = voice(16000)
    poison[6400:7040] = 666
    clock = Clockwork()
    arrivals = [(heard_at(chunk), chunk) for chunk in chunks_of(poison)]
    good = voice(8000, seed=2)
    arrivals += [(heard_at(chunk), chunk) for chunk in chunks_of(good, utterance=2, start_ns=START + 2 * NANOSECONDS)]
    clock.run(START + 4 * NANOSECONDS, arrivals)
    assert len(clock.errors) == 1 and clock.schedule.counters["given_up"] == 1
    clock.assert_motion(2, good)
    assert np.diff([stamp for stamp, _, _ in clock.timeline()]).max() < 700 * MS


class HandStage(SumStage):
    """Hands rise with each frame; what goes on from another stream keeps their height."""

    def step(self, samples: NDArray[np.int16], state: SumState, final: bool = False) -> tuple[NDArray[np.float32], SumState]:
        values, after = super().step(samples, state, final)
        values[:, LEFT_HAND] = 0.01 * (state.given + np.arange(len(values)))[:, None] if len(values) else 0
        return values, after

    def take_up(self, state: SumState, before: SumState) -> SumState:
        return replace(state, samples=before.samples, given=before.given)


@pytest.mark.parametrize("interrupted", [True, False])
def test_hands_go_on_from_where_an_utterance_left_them(interrupted: bool) -> None:
    """Without a jump where idle follows, whether the utterance came to its end or was cut off with frames on their way."""
    samples = voice(16000 * 3)
    clock = Clockwork(ScheduleConfig(max_ahead=0.5), HandStage())
    arrivals = [(START + 100 * MS, chunk) for chunk in chunks_of(samples, start_ns=START + 500 * MS)]
    clock.run(START + 6 * NANOSECONDS, arrivals, interrupt_at=START + 2 * NANOSECONDS if interrupted else None)
    shown: list[tuple[int, int, float]] = []
    for _, chunk in clock.out:
        while shown and shown[-1][0] >= chunk.stamp_ns - 16 * MS * (shown[-1][1] != chunk.utterance_id):
            shown.pop()
        shown += [
            (chunk.stamp_ns + frame_to_ns(index), chunk.utterance_id, float(row[LEFT_HAND][0])) for index, row in enumerate(chunk.values)
        ]
    last = max(index for index, (_, utterance, _) in enumerate(shown) if utterance == 1)
    heights = [height for _, _, height in shown[last - 5 : last + 40]]
    assert len(heights) == 45
    assert np.abs(np.diff(heights)).max() < 0.06


def test_a_clock_that_jumps_is_followed() -> None:
    clock = Clockwork()
    clock.run(START + NANOSECONDS)
    clock.now += 3600 * NANOSECONDS
    before = len(clock.out)
    clock.run(clock.now + NANOSECONDS)
    assert 25 <= sum(len(chunk.values) for _, chunk in clock.out[before:]) <= 40
    clock.now -= 1800 * NANOSECONDS
    before = len(clock.out)
    clock.run(clock.now + NANOSECONDS)
    assert 25 <= sum(len(chunk.values) for _, chunk in clock.out[before:]) <= 40


def test_a_stage_that_never_gives_idle_is_an_error_not_a_hang() -> None:
    class Mute(SumStage):
        def step(self, samples: NDArray[np.int16], state: SumState, final: bool = False) -> tuple[NDArray[np.float32], SumState]:
            return neutral_motion(0), state

    with pytest.raises(RuntimeError, match="no frame for ten seconds"):
        Clockwork(stage=Mute()).run(START + NANOSECONDS)
