"""When which picture is shown: control frames in, in any bursts; pictures out at media time plus the playout delay. Pure: time is passed
in.

* Frames are shown in the order of their stamps, each once, at ``stamp + delay``.
* A frame that arrives wins over what is queued with its stamp or later (``flush``: over everything queued). What goes that way was
  replaced, not lost.
* A frame that is more than ``late_limit`` late is skipped and counted as a drop if the one after it is due as well; so a slow machine
  shows fewer pictures, but the present ones. A little lateness is caught up without skipping. What was drawn is shown, however late it
  became meanwhile, unless a later one is drawn as well.
* If motion stops coming, the last picture is shown again at the frame rate (counted as ``repeated``) so that viewers keep a stream; not
  before the one that is missing is later than it may be, because a picture that was stood in for cannot be shown any more.
* Frames whose stamps are more than 5 s from now belong to a recording: their time is anchored at their arrival.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from visavis.nodes.continuity import lost_frames
from visavis.timing import FRAME_RATE, NANOSECONDS, frame_to_ns
from visavis.types import IDLE_UTTERANCE

FRAME_NS = NANOSECONDS // FRAME_RATE
MAX_STAMP_ERROR_NS = 5 * NANOSECONDS
HOLD_AFTER_NS = 3 * FRAME_NS
"""How long the stream waits at least for a picture that should have been there before it shows the last one again."""


class TimedFrame(Protocol):
    """What is known of a frame, whatever it holds; see ``types.ControlFrame``."""

    @property
    def utterance_id(self) -> int: ...

    @property
    def frame_index(self) -> int: ...

    @property
    def stamp_ns(self) -> int: ...

    @property
    def flush(self) -> bool: ...


Frame = TypeVar("Frame", bound=TimedFrame)


@dataclass(eq=False)
class Slot(Generic[Frame]):
    """A frame on its way to the screen. ``stamp_ns`` is its media time on this graph's clock. ``picture``: uint8 RGB, None if nobody
    wants it.

    ``ready``: the picture is drawn, or need not be.
    """

    frame: Frame
    stamp_ns: int
    picture: NDArray[np.uint8] | None = None
    ready: bool = False
    repeated: bool = False


@dataclass
class PlayoutQueue(Generic[Frame]):
    """See the module. delay_ns, late_limit_ns: nanoseconds. render_ahead: pictures drawn before their time. capacity: frames held at most.

    counters: drops (late_drops + lost + overflow), repeated, replaced, ... since the beginning.
    """

    delay_ns: int
    late_limit_ns: int
    render_ahead: int = 3
    capacity: int = 150
    counters: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._slots: deque[Slot[Frame]] = deque()
        self._expected: tuple[int, int] | None = None
        self._shift_ns = 0
        self._last: Slot[Frame] | None = None
        self._last_shown_ns = 0
        self._hold_after_ns = max(HOLD_AFTER_NS, self.late_limit_ns)
        for name in ("drops", "late_drops", "lost", "overflow", "repeated", "replaced", "anchored"):
            self.counters[name] += 0

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def next(self) -> Slot[Frame] | None:
        """The frame that is shown next, where it has come already."""
        return self._slots[0] if self._slots else None

    def offer(self, frame: Frame, now_ns: int) -> Slot[Frame] | None:
        """Queue a frame; the slot it got, or None if the queue is full."""
        if not frame.flush and (lost := lost_frames(self._expected, frame.utterance_id, frame.frame_index)):
            self._drop("lost", lost)
        self._expected = (frame.utterance_id, frame.frame_index + 1)
        stamp_ns = self._on_this_clock(frame.stamp_ns, now_ns)
        if frame.flush:
            self._replace(len(self._slots))
        new_speaker = bool(self._slots) and self._slots[-1].frame.utterance_id != frame.utterance_id
        spacing_ns = FRAME_NS // 2 if new_speaker else 0
        later = 0
        for slot in reversed(self._slots):
            if slot.stamp_ns < stamp_ns - spacing_ns:
                break
            later += 1
        self._replace(later)
        if len(self._slots) >= self.capacity:
            self._drop("overflow")
            return None
        slot = Slot(frame, stamp_ns)
        self._slots.append(slot)
        return slot

    def next_to_draw(self, now_ns: int) -> Slot[Frame] | None:
        """The first frame without a picture, unless enough pictures are ready. Frames that are too late are skipped."""
        self._skip_late(now_ns)
        for index, slot in enumerate(self._slots):
            if index >= self.render_ahead:
                return None
            if not slot.ready:
                return slot
        return None

    def give_up(self, slot: Slot[Frame]) -> None:
        """Take out a frame that could not be drawn; counted as a drop."""
        if slot in self._slots:
            self._slots.remove(slot)
            self._drop("undrawable")

    def due_ns(self, slot: Slot[Frame]) -> int:
        """When the picture is to be shown."""
        return slot.stamp_ns + self.delay_ns

    def take_due(self, now_ns: int) -> Slot[Frame] | None:
        """The picture that must be shown now, once; None if none is due. The last one again if motion has stopped coming."""
        if self._slots and self._slots[0].ready and self.due_ns(self._slots[0]) <= now_ns:
            return self._show(self._slots.popleft(), now_ns)
        if self._last is not None and self._next_is_missing(self._last) and now_ns >= self._hold_ns():
            self.counters["repeated"] += 1
            again = Slot(self._last.frame, self._last.stamp_ns + FRAME_NS, self._last.picture, ready=True, repeated=True)
            if now_ns - self.due_ns(again) > self._hold_after_ns + FRAME_NS:  # a long stall is not filled picture by picture
                again.stamp_ns = now_ns - self.delay_ns - self._hold_after_ns
            return self._show(again, now_ns)
        return None

    def wake_ns(self, now_ns: int) -> int:
        """When ``take_due`` may have something, if nothing else happens."""
        times = [self.due_ns(self._slots[0])] if self._slots else []
        if self._last is not None and self._next_is_missing(self._last):
            times.append(self._hold_ns())
        return min(times, default=now_ns + NANOSECONDS)

    def _next_is_missing(self, last: Slot[Frame]) -> bool:
        """There is no frame for the time after the last picture."""
        return not self._slots or self._slots[0].stamp_ns > last.stamp_ns + 3 * FRAME_NS // 2

    def _show(self, slot: Slot[Frame], now_ns: int) -> Slot[Frame]:
        self._last, self._last_shown_ns = slot, now_ns
        return slot

    def _hold_ns(self) -> int:
        assert self._last is not None
        wait = 0 if self._last.repeated else self._hold_after_ns
        return max(self._last.stamp_ns + FRAME_NS + self.delay_ns + self._hold_after_ns, self._last_shown_ns + wait)

    def _skip_late(self, now_ns: int) -> None:
        """Skip frames that are overdue while their successor is due too, and frames that would go back in time. Not one that is drawn for
        one that is not: where drawing takes longer than a picture may be late, all of them would be drawn for nothing."""
        while self._slots:
            head = self._slots[0]
            overdue = now_ns - self.due_ns(head)
            successor = self._slots[1] if len(self._slots) > 1 else None
            overtaken = successor is not None and self.due_ns(successor) <= now_ns and (successor.ready or not head.ready)
            backwards = self._last is not None and head.stamp_ns <= self._last.stamp_ns
            if not backwards and not (overdue > self.late_limit_ns and overtaken):
                return
            self._slots.popleft()
            self._drop("late_drops")

    def _replace(self, count: int) -> None:
        for _ in range(count):
            self._slots.pop()
        self.counters["replaced"] += count

    def _drop(self, why: str, count: int = 1) -> None:
        self.counters[why] += count
        self.counters["drops"] += count

    def _on_this_clock(self, stamp_ns: int, now_ns: int) -> int:
        """A frame's media time, moved to now if it comes from a recording. The move stays the same as long as it fits."""
        if abs(stamp_ns + self._shift_ns - now_ns) > MAX_STAMP_ERROR_NS:
            self._shift_ns = 0 if abs(stamp_ns - now_ns) <= MAX_STAMP_ERROR_NS else now_ns - stamp_ns
            self.counters["anchored"] += bool(self._shift_ns)
        return stamp_ns + self._shift_ns


def utterance_start_ns(slot: Slot[Frame]) -> int | None:
    """Media time of the first sample of the utterance a frame belongs to; None for idle, which belongs to none."""
    if slot.frame.utterance_id == IDLE_UTTERANCE:
        return None
    return slot.stamp_ns - frame_to_ns(slot.frame.frame_index)
