"""Pictures that wait for their time. Pure: time is passed in."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from visavis.timing import NANOSECONDS

Picture = TypeVar("Picture")

BACK_NS = NANOSECONDS
"""A picture so much before the last one belongs to a sender that was started anew, or set its clock."""


@dataclass
class PictureQueue(Generic[Picture]):
    """capacity: pictures held at most; the oldest makes room.

    counters: skipped (their successor was due as well), overflow (no room), out_of_order (older than one that was there before).
    """

    capacity: int = 30
    counters: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._waiting: deque[tuple[int, Picture]] = deque()
        self._latest_ns: int | None = None
        for name in ("skipped", "overflow", "out_of_order"):
            self.counters[name] += 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, due_ns: int, picture: Picture) -> None:
        """A picture to be shown at ``due_ns`` of media time."""
        if self._latest_ns is not None and due_ns <= self._latest_ns:
            if due_ns > self._latest_ns - BACK_NS:
                self.counters["out_of_order"] += 1
                return
            self._waiting.clear()
        self._latest_ns = due_ns
        self._waiting.append((due_ns, picture))
        if len(self._waiting) > self.capacity:
            self._waiting.popleft()
            self.counters["overflow"] += 1

    def take(self, media_ns: int) -> tuple[int, Picture] | None:
        """The latest picture that is due, with its time; None if none is. Those before it are skipped."""
        taken = None
        while self._waiting and self._waiting[0][0] <= media_ns:
            self.counters["skipped"] += taken is not None
            taken = self._waiting.popleft()
        return taken

    def next_ns(self) -> int | None:
        """Media time of the next picture."""
        return self._waiting[0][0] if self._waiting else None

    def clear(self) -> None:
        self._waiting.clear()
        self._latest_ns = None
