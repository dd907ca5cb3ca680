"""Nodes of the graph in simulated time: hours in minutes, in one process, each turn at its time and the same again whenever it is run.

A node keeps all of its code. What is taken from it is what knows real time: its clock, its waiting, its worker's thread, and the network
between it and the others, whose messages come after a delay here. Between the turns of a node passes what its stages are said to cost.
"""

import heapq
import itertools
from collections import defaultdict, deque
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.audio.microphone import Microphone
from visavis.audio.speaker import Fill
from visavis.nodes.base import AvatarNode
from visavis.nodes.queue import BoundedQueue
from visavis.timing import NANOSECONDS

LONGEST_WAIT_NS = NANOSECONDS // 10
"""Of a worker, whatever it waits for."""
TURN_NS = 200_000
"""What a turn of a worker costs beside its stages."""
DEVICE_RATE = 48_000
BLOCK = 960


class World:
    """The time, what is to happen when, and the wires between the nodes. ``draw``: all chance in it."""

    def __init__(self, now_ns: int, seed: int = 0) -> None:
        self.begun_ns = self.now_ns = now_ns
        self.draw = np.random.default_rng(seed)
        self._chance: NDArray[np.float64] = np.zeros(0)
        self._drawn = 0
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._wires: dict[str, list[Callable[[Any], None]]] = defaultdict(list)
        self._arrived: dict[str, int] = defaultdict(int)

    def at(self, time_ns: int, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (max(time_ns, self.now_ns), next(self._count), what))

    def run_until(self, time_ns: int) -> None:
        """Everything that happens until then."""
        while self._events and self._events[0][0] <= time_ns:
            self.now_ns, _, what = heapq.heappop(self._events)
            what()
        self.now_ns = max(self.now_ns, time_ns)

    def late_ns(self) -> int:
        """How late something happens on a machine that has other things to do: 0.3 ms and more, now and then some milliseconds."""
        if self._drawn == len(self._chance):
            self._chance, self._drawn = self.draw.exponential(1, 4096) ** 2, 0
        self._drawn += 1
        return 300_000 + int(400_000 * self._chance[self._drawn - 1])

    def listen(self, topic: str, callback: Callable[[Any], None]) -> None:
        self._wires[topic].append(callback)

    def listeners(self, topic: str) -> int:
        return len(self._wires[topic])

    def send(self, topic: str, message: Any, after_ns: int) -> None:
        """To everyone who listens, in the order in which it was sent."""
        for number, callback in enumerate(self._wires[topic]):
            way = f"{topic} {number}"
            self._arrived[way] = max(self.now_ns + after_ns + self.late_ns(), self._arrived[way])
            self.at(self._arrived[way], lambda callback=callback: callback(message))  # type: ignore[misc]


class Outlet:
    """What a node takes for its publisher."""

    def __init__(self, node: Any, topic: str) -> None:
        self._node, self._topic = node, topic

    def publish(self, message: Any) -> None:
        self._node.busy = True
        self._node.world.send(self._topic, message, self._node.cost_ns)

    def get_subscription_count(self) -> int:
        return int(self._node.world.listeners(self._topic))


def in_simulation(kind: type[AvatarNode], world: World, waits: bool = True, ppm: float = 0.0) -> Any:
    """A class like ``kind`` that lives in ``world``. waits: its worker asks ``wait_seconds`` how long to wait; others have a turn whenever
    a message has come. ppm: by how much the clock of its host is fast."""

    class Simulated(kind):  # type: ignore[valid-type,misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            self.world = world
            self.cost_ns = 0
            self.busy = False
            self._wish_ns: int | None = None
            self._turn_ns = 0
            self._busy_ns = 0
            super().__init__(*arguments, **options)
            for inbox in vars(self).values():
                if isinstance(inbox, BoundedQueue):
                    inbox.drain = partial(_drain_now, inbox)  # type: ignore[method-assign]

        def now_ns(self) -> int:
            since_ns = world.now_ns - world.begun_ns
            return world.now_ns + round(since_ns * ppm * 1e-6)

        def host_ns(self) -> int:
            return self.now_ns()

        def wait_seconds(self, until_ns: int, limit: float = 0.1) -> float:
            self._wish_ns = until_ns
            return 0.0

        def publisher(self, message_type: type, topic: str, depth: int, latched: bool = False) -> Any:
            return Outlet(self, topic)

        def subscribe(self, message_type: type, topic: str, callback: Callable[[Any], object], depth: int, latched: bool = False) -> None:
            self.hear(topic, callback)

        def hear(self, topic: str, callback: Callable[[Any], object]) -> None:
            def arrived(message: Any) -> None:
                callback(message)
                self.busy = True
                self._plan(world.now_ns)

            world.listen(topic, arrived)

        def pause(self, seconds: float) -> None:
            pass

        def _turn_after_turn(self) -> None:
            if waits:
                self._plan(world.now_ns)

        def _plan(self, time_ns: int) -> None:
            """A turn then, unless there is an earlier one, and not before the last one is over."""
            time_ns = max(time_ns, self._busy_ns)
            if self._turn_ns <= world.now_ns or time_ns < self._turn_ns:
                self._turn_ns = time_ns
                world.at(time_ns, lambda: self._turn(time_ns))

        def _turn(self, planned_ns: int) -> None:
            if planned_ns != self._turn_ns:
                return
            self._wish_ns, self.cost_ns = None, TURN_NS
            self.work()
            busy, self.busy = self.busy, False
            self._busy_ns = world.now_ns + self.cost_ns
            if waits:
                # What a worker wants to wait for it says before it works; having found nothing to do it says it of now.
                wait_ns = LONGEST_WAIT_NS if self._wish_ns is None else min(max(self._wish_ns - self.now_ns(), 0), LONGEST_WAIT_NS)
                self._turn_ns = 0
                self._plan(self._busy_ns if busy else world.now_ns + wait_ns + world.late_ns())

        def spend(self, nanoseconds: int) -> None:
            """A stage took so long."""
            self.cost_ns += nanoseconds
            self.busy = True

    return Simulated


def _drain_now(inbox: BoundedQueue[Any], _timeout: float) -> list[Any]:
    return BoundedQueue.drain(inbox, 0)


class DeviceClock:
    """A sound device that runs ``ppm`` fast, and gives or wants its blocks of 20 ms now."""

    def __init__(self, world: World, ppm: float) -> None:
        self._world = world
        self._begun_ns = world.now_ns
        self.frame_ns = NANOSECONDS / DEVICE_RATE / (1 + ppm * 1e-6)

    def time_ns(self, frame: int) -> float:
        """When this frame is recorded or played."""
        return self._begun_ns + frame * self.frame_ns


class SimulatedMicrophone(Microphone):
    """The real class on a made-up PortAudio. ``sound`` gives what is heard at times (n,) in seconds: float32 (n,). Waiting for it is what
    lets time pass, until ``end_ns()``; then ``at_end`` is called."""

    def __init__(
        self,
        world: World,
        ppm: float,
        sound: Callable[[NDArray[np.float64]], NDArray[np.float32]],
        end_ns: Callable[[], int],
        at_end: Callable[[], None],
    ) -> None:
        super().__init__(now_ns=lambda: world.now_ns, backend=_PortAudio())
        self._world, self._sound, self._end_ns, self._at_end = world, sound, end_ns, at_end
        self._device = DeviceClock(world, ppm)
        self._frames = 0

    def read(self, timeout: float = 0.2) -> tuple[NDArray[np.int16], int] | None:
        first, self._frames = self._frames, self._frames + BLOCK
        due_ns = round(self._device.time_ns(self._frames)) + 5_000_000
        if due_ns > self._end_ns():
            self._world.run_until(self._end_ns())
            self._at_end()
            return None
        self._world.run_until(due_ns + self._world.late_ns())
        begun_ns = self._device.time_ns(first)
        times = (begun_ns - self._world.begun_ns + np.arange(BLOCK) * self._device.frame_ns) / NANOSECONDS
        # PortAudio tells how long ago the block began as exactly as it knows, which is to some hundred microseconds.
        age = (self._world.now_ns - begun_ns) / NANOSECONDS + self._world.draw.normal(0, 3e-4)
        told = SimpleNamespace(currentTime=1e6 + age, inputBufferAdcTime=1e6)
        self._on_block(self._sound(times)[:, None], BLOCK, told, SimpleNamespace(input_overflow=False))
        return super().read(0.0)

    def _check_alive(self) -> None:
        """It is, however long this process stood still."""


class _PortAudio:
    class PortAudioError(Exception):
        pass

    default = SimpleNamespace(device=(0, 0))

    def query_devices(self) -> list[dict[str, Any]]:
        return [{"name": "simulated", "max_input_channels": 1, "default_samplerate": float(DEVICE_RATE)}]

    def InputStream(self, **_options: Any) -> Any:  # noqa: N802 - sounddevice's name
        nothing = lambda **_more: None  # noqa: E731
        return SimpleNamespace(active=True, start=nothing, abort=nothing, close=nothing)


class SimulatedSpeaker:
    """A sound device that wants a block every 20 ms of its own clock, ``latency`` before it is heard. Remembers what was heard last."""

    underflows = 0

    def __init__(self, world: World, ppm: float, latency: float, fill: Fill, clock: Callable[[], int]) -> None:
        self._world, self._fill, self._clock = world, fill, clock
        self._device = DeviceClock(world, ppm)
        self._latency_ns = int(latency * NANOSECONDS)
        self._frames = 0
        self._open = False
        self._blocks: deque[tuple[float, NDArray[np.float32]]] = deque(maxlen=16)

    def open(self) -> None:
        self._open = True
        self._next()

    def check(self) -> None:
        pass

    def close(self) -> None:
        self._open = False

    def heard(self, time_ns: int) -> float | None:
        """The value, -1 to 1, that was heard at this time; None where it is not known any more, or not yet."""
        for begun_ns, block in self._blocks:
            place = (time_ns - begun_ns) / self._device.frame_ns
            if 0 <= place < len(block) - 1:
                whole = int(place)
                return float(block[whole] + (block[whole + 1] - block[whole]) * (place - whole))
        return None

    def _next(self) -> None:
        if not self._open:
            return
        begun_ns = self._device.time_ns(self._frames) + self._latency_ns
        told_ns = self._clock() + round(begun_ns - self._world.now_ns + self._world.draw.normal(0, 5e5))
        self._blocks.append((begun_ns, self._fill(told_ns, BLOCK, DEVICE_RATE)))
        self._frames += BLOCK
        self._world.at(round(self._device.time_ns(self._frames)) + self._world.late_ns(), self._next)
