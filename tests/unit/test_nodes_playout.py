"""The playout queue against a clock that the tests move."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.nodes.playout import FRAME_NS, HOLD_AFTER_NS, PlayoutQueue
from visavis.timing import NANOSECONDS, frame_to_ns
from visavis.types import ControlFrame

START = 1_700_000_000 * NANOSECONDS
DELAY = 400_000_000


def control(utterance: int, index: int, stamp_ns: int, *, flush: bool = False) -> ControlFrame:
    empty = np.zeros(0, np.float32)
    return ControlFrame(utterance, index, np.zeros((1, 3), np.int16), empty, empty.reshape(0, 3), stamp_ns, flush=flush)


def speech(utterance: int, count: int, start_ns: int = START, first: int = 0) -> list[ControlFrame]:
    return [control(utterance, index, start_ns + frame_to_ns(index)) for index in range(first, first + count)]


def a_queue(**changes: int) -> PlayoutQueue:
    return PlayoutQueue(**({"delay_ns": DELAY, "late_limit_ns": 50_000_000} | changes))


def run(
    queue: PlayoutQueue, arrivals: list[tuple[int, ControlFrame]], until_ns: int, step_ns: int = 2_000_000, draw: bool = True
) -> list[tuple]:
    """Move the clock in small steps; (time, utterance, index, stamp, repeated) of every picture shown."""
    arrivals = sorted(arrivals, key=lambda arrival: arrival[0])
    shown = []
    now = START
    while now < until_ns:
        while arrivals and arrivals[0][0] <= now:
            queue.offer(arrivals.pop(0)[1], now)
        if (slot := queue.take_due(now)) is not None:
            shown.append((now, slot.frame.utterance_id, slot.frame.frame_index, slot.stamp_ns, slot.repeated))
        if (slot := queue.next_to_draw(now)) is not None:
            slot.ready = True
        now += step_ns
    return shown


def drawn_and_shown(queue: PlayoutQueue, frames: list[ControlFrame], cost_ns: int, until_ns: int) -> tuple[list[int], list[int]]:
    """Indices of what was drawn and of what was shown where everything waits while a picture is drawn, as in the node's worker."""
    drawn, shown = [], []
    now = START
    while now < until_ns:
        while frames and frames[0].stamp_ns <= now:
            queue.offer(frames.pop(0), now)
        queue.next_to_draw(now)
        if (slot := queue.take_due(now)) is not None and not slot.repeated:
            shown.append(slot.frame.frame_index)
        if (slot := queue.next_to_draw(now)) is not None:
            now += cost_ns
            slot.ready = True
            drawn.append(slot.frame.frame_index)
        now += 1_000_000
    return drawn, shown


def real(shown: list[tuple]) -> list[tuple[int, int]]:
    return [(utterance, index) for _, utterance, index, _, repeated in shown if not repeated]


@given(st.lists(st.integers(0, 300_000_000), min_size=1, max_size=60))
def test_bursts_come_out_in_order_each_once_on_time(delays: list[int]) -> None:
    """Whatever the bursts, frames that arrive before their time are shown at their time, none lost."""
    frames = speech(1, len(delays))
    latest, arrivals = 0, []
    for frame, delay in zip(frames, delays, strict=True):
        latest = max(latest, frame.stamp_ns + delay)  # DDS keeps the order
        arrivals.append((min(latest, frame.stamp_ns + DELAY - 20_000_000), frame))
    queue = a_queue()
    shown = run(queue, arrivals, START + len(delays) * FRAME_NS + DELAY + 50_000_000)
    assert real(shown) == [(1, index) for index in range(len(delays))]
    assert all(0 <= at - (stamp + DELAY) < 6_000_000 for at, _, _, stamp, repeated in shown if not repeated)
    assert queue.counters["drops"] == 0


@given(st.lists(st.integers(0, 1_500_000_000), min_size=2, max_size=50), st.integers(1, 40))
def test_whatever_comes_late_order_holds_and_every_frame_is_accounted_for(delays: list[int], capacity: int) -> None:
    frames = speech(1, len(delays))
    latest, arrivals = 0, []
    for frame, delay in zip(frames, delays, strict=True):
        latest = max(latest, frame.stamp_ns + delay)
        arrivals.append((latest, frame))
    queue = a_queue(capacity=capacity)
    shown = run(queue, arrivals, START + 6 * NANOSECONDS)
    stamps = [stamp for _, _, _, stamp, _ in shown]
    assert all(later > earlier for earlier, later in pairwise(stamps))
    indices = [index for _, index in real(shown)]
    assert indices == sorted(set(indices))
    assert len(indices) + queue.counters["drops"] == len(delays)


def test_a_new_utterance_wins_from_its_first_stamp_on() -> None:
    queue = a_queue()
    old = [(START, frame) for frame in speech(1, 30)]
    new_start = START + frame_to_ns(10) + 3_000_000
    shown = run(queue, old + [(START + 300_000_000, frame) for frame in speech(2, 5, new_start)], START + 2 * NANOSECONDS)
    assert real(shown) == [(1, index) for index in range(10)] + [(2, index) for index in range(5)]
    assert queue.counters["drops"] == 0
    assert queue.counters["replaced"] == 20


def test_a_flush_drops_all_that_is_queued_and_shows_at_once() -> None:
    queue = a_queue()
    now = START + 500_000_000
    flushed = [control(0, index, now - DELAY + 60_000_000 + frame_to_ns(index), flush=index == 0) for index in range(10)]
    arrivals = [(START, frame) for frame in speech(1, 60)] + [(now, frame) for frame in flushed]
    shown = run(queue, arrivals, START + NANOSECONDS)
    idle = [entry for entry in shown if entry[1] == 0]
    assert idle[0][0] - now <= 64_000_000
    assert all(at < now + 64_000_000 for at, utterance, *_ in shown if utterance == 1)
    assert queue.counters["drops"] == 0


def test_late_frames_are_skipped_when_the_next_is_due_but_the_newest_is_shown() -> None:
    queue = a_queue()
    arrivals = [(START + 800_000_000, frame) for frame in speech(1, 10)]  # due from .4 to .7 s
    shown = run(queue, arrivals, START + 900_000_000)
    assert real(shown) == [(1, 9)]
    assert queue.counters["late_drops"] == 9


def test_a_little_lateness_is_caught_up_without_skipping() -> None:
    queue = a_queue()
    frames = speech(1, 20)
    shown = run(queue, [(START + 440_000_000, frame) for frame in frames], START + 3 * NANOSECONDS)
    assert [index for _, index in real(shown)] == list(range(20))
    assert queue.counters["drops"] == 0


def test_a_stall_shows_the_last_picture_again_and_goes_on() -> None:
    queue = a_queue()
    frames = speech(1, 45)
    resumed = [(START + 2 * NANOSECONDS, frame) for frame in speech(1, 10, START + 700_000_000, first=45)]
    shown = run(queue, [(START, frame) for frame in frames] + resumed, START + 4 * NANOSECONDS)
    repeated = [entry for entry in shown if entry[4]]
    assert queue.counters["repeated"] == len(repeated) > 0
    assert repeated[0][2] == 44
    last_real = START + frame_to_ns(44) + DELAY
    assert repeated[0][0] - last_real >= HOLD_AFTER_NS
    assert np.diff([entry[0] for entry in shown]).max() <= HOLD_AFTER_NS + 2 * FRAME_NS
    assert [index for _, index in real(shown)] == list(range(55))


def test_who_records_can_wait_out_a_stall_and_loses_no_picture() -> None:
    queue = a_queue(late_limit_ns=4 * NANOSECONDS)
    frames = speech(1, 90)
    arrivals = [(START, frame) for frame in frames[:40]] + [(START + 4 * NANOSECONDS, frame) for frame in frames[40:]]
    shown = run(queue, arrivals, START + 8 * NANOSECONDS)
    assert real(shown)[:90] == [(1, index) for index in range(90)]
    assert queue.counters["drops"] == 0
    assert not any(entry[4] for entry in shown[:90]), "nothing stood in for what was late"


def test_long_stalls_do_not_end_in_a_flood() -> None:
    queue = a_queue()
    run(queue, [(START, frame) for frame in speech(1, 3)], START + 200_000_000)
    now = START + 60 * NANOSECONDS
    shown = [queue.take_due(now + step * 1_000_000) for step in range(100)]
    assert sum(slot is not None for slot in shown) <= 5


def test_frames_that_never_arrived_are_counted() -> None:
    queue = a_queue()
    frames = speech(1, 10)
    for frame in frames[:3] + frames[6:]:
        queue.offer(frame, START)
    assert queue.counters["lost"] == queue.counters["drops"] == 3


def test_a_full_queue_refuses_and_counts() -> None:
    queue = a_queue(capacity=5)
    offered = [queue.offer(frame, START) for frame in speech(1, 7)]
    assert [slot is None for slot in offered] == [False] * 5 + [True] * 2
    assert queue.counters["overflow"] == queue.counters["drops"] == 2


def test_a_recording_is_anchored_at_its_arrival_and_stays_in_step() -> None:
    queue = a_queue()
    old = START - 3600 * NANOSECONDS
    arrivals = [(START + index * FRAME_NS, control(1, index, old + frame_to_ns(index))) for index in range(30)]
    shown = run(queue, arrivals, START + 3 * NANOSECONDS)
    assert real(shown) == [(1, index) for index in range(30)]
    assert shown[0][3] == START
    assert queue.counters["anchored"] == 1


def test_pictures_are_drawn_ahead_but_not_too_far() -> None:
    queue = a_queue(render_ahead=3)
    for frame in speech(1, 10):
        queue.offer(frame, START)
    drawn = 0
    while (slot := queue.next_to_draw(START)) is not None:
        slot.ready = True
        drawn += 1
    assert drawn == 3


def test_a_frame_that_cannot_be_drawn_leaves_the_queue() -> None:
    queue = a_queue()
    for frame in speech(1, 2):
        queue.offer(frame, START)
    slot = queue.next_to_draw(START)
    assert slot is not None
    queue.give_up(slot)
    queue.give_up(slot)
    assert len(queue) == 1 and queue.counters["drops"] == 1


def test_nothing_is_shown_before_anything_came() -> None:
    queue = a_queue()
    assert queue.take_due(START) is None
    assert queue.wake_ns(START) > START


@pytest.mark.parametrize("utterance", [0, 1])
def test_the_same_utterance_from_its_beginning_again_is_shown_again(utterance: int) -> None:
    queue = a_queue()
    again = START + NANOSECONDS
    arrivals = [(START, frame) for frame in speech(utterance, 30)] + [(again, frame) for frame in speech(utterance, 30, again)]
    shown = run(queue, arrivals, START + 3 * NANOSECONDS)
    assert [index for _, index in real(shown)] == [*range(30), *range(30)]


@given(st.integers(34, 400))
def test_what_a_slow_machine_draws_is_seen(cost_ms: int) -> None:
    queue = a_queue(late_limit_ns=150_000_000)
    drawn, shown = drawn_and_shown(queue, speech(1, 300), cost_ms * 1_000_000, START + 12 * NANOSECONDS)
    assert shown == [index for index in drawn if index in shown] and len(drawn) >= 10_000 // (cost_ms + 2)
    assert len(drawn) - len(shown) <= queue.render_ahead, "but for those that were drawn ahead before it fell behind"
    assert queue.counters["drops"] == 300 - len(shown)
