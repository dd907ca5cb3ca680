import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.nodes.queue import BoundedQueue, DropPolicy


@given(st.integers(1, 5), st.lists(st.integers(), max_size=30), st.sampled_from(DropPolicy))
def test_keeps_order_and_counts_what_goes(capacity: int, items: list[int], policy: DropPolicy) -> None:
    queue: BoundedQueue[int] = BoundedQueue(capacity, policy)
    accepted = [queue.put(item) for item in items]
    kept = items[-capacity:] if policy is DropPolicy.OLDEST else items[:capacity]
    assert queue.drain(0) == kept
    assert queue.dropped == len(items) - len(kept) == accepted.count(False)
    assert queue.drain(0) == []


def test_clearing_is_no_drop() -> None:
    queue: BoundedQueue[int] = BoundedQueue(2, DropPolicy.OLDEST)
    queue.put(1)
    assert queue.clear() == 1
    assert len(queue) == 0 and queue.dropped == 0


def test_waiting_ends_with_an_item_or_a_wake_or_the_timeout() -> None:
    queue: BoundedQueue[int] = BoundedQueue(2, DropPolicy.OLDEST)
    begun = time.monotonic()
    assert queue.drain(0.05) == []
    assert time.monotonic() - begun >= 0.045
    threading.Timer(0.05, queue.put, [7]).start()
    assert queue.drain(10) == [7]
    threading.Timer(0.05, queue.wake).start()
    assert queue.drain(10) == []
    queue.wake()
    assert queue.drain(10) == []  # a wake that came before the wait counts
    assert time.monotonic() - begun < 5


def test_a_queue_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="room for one item"):
        BoundedQueue(0, DropPolicy.NEWEST)
