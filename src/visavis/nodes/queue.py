"""The queue between a ROS callback and the worker of a node: bounded, with a named drop policy, and counting what it drops."""

import enum
import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class DropPolicy(enum.Enum):
    """What goes when the queue is full."""

    OLDEST = "the oldest item makes room"
    NEWEST = "the new item is refused"


class BoundedQueue(Generic[Item]):
    """A first-in first-out queue of at most ``capacity`` items for any number of threads."""

    def __init__(self, capacity: int, policy: DropPolicy) -> None:
        if capacity < 1:
            raise ValueError(f"a queue needs room for one item at least, got {capacity}")
        self.capacity = capacity
        self.policy = policy
        self.dropped = 0
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._woken = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> bool:
        """Adds an item; False if one was dropped for want of room."""
        with self._changed:
            full = len(self._items) >= self.capacity
            if full:
                self.dropped += 1
                if self.policy is DropPolicy.OLDEST:
                    self._items.popleft()
            if not full or self.policy is DropPolicy.OLDEST:
                self._items.append(item)
            self._changed.notify()
            return not full

    def drain(self, timeout: float) -> list[Item]:
        """Everything that is queued, waiting up to ``timeout`` seconds for the first item or for ``wake``."""
        with self._changed:
            if not self._items and not self._woken and timeout > 0:
                self._changed.wait(timeout)
            self._woken = False
            items = list(self._items)
            self._items.clear()
            return items

    def clear(self) -> int:
        """Drops everything, on purpose (not counted as ``dropped``); how many that were."""
        with self._changed:
            count = len(self._items)
            self._items.clear()
            return count

    def wake(self) -> None:
        """Lets a waiting ``drain`` return at once, or the next one if none waits."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()
