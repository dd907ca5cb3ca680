"""The node that drives other people's rigs: ``motion`` in, packets of Live Link Face out over UDP, for Unreal Engine and whatever else
listens to that app.

A packet leaves when the picture of its frame is shown (media time plus ``playout_delay``), so that an engine is in step with ``audio_out``.
What is sent when is decided in ``playout``, as for pictures; where motion breaks off, a few frames lead over.
"""

import datetime
import socket
import uuid
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from visavis_msgs.msg import MotionChunk as MotionChunkMsg

from visavis.motion.layout import neutral_motion
from visavis.motion.livelink import WRITTEN_RATES
from visavis.motion.livelink_packet import DEFAULT_PORT, livelink_packet
from visavis.nodes.base import AvatarNode, NodeConfig
from visavis.nodes.playout import FRAME_NS, PlayoutQueue, Slot
from visavis.nodes.process import end_process, run_process
from visavis.nodes.queue import BoundedQueue, DropPolicy
from visavis.ros import qos
from visavis.ros.convert import msg_to_motion_chunk
from visavis.ros.parameters import parameter
from visavis.timing import FRAME_RATE, NANOSECONDS, frame_to_ns
from visavis.types import MotionChunk

INBOX = 200
FADE_FRAMES = 6
_AT_REST = neutral_motion(1)[0]
LATE_NS = NANOSECONDS * 3 // 20


@dataclass(frozen=True)
class LiveLinkConfig(NodeConfig):
    """Parameters of livelink."""

    host: str = parameter("127.0.0.1", "name or address of the machine that listens")
    port: int = parameter(DEFAULT_PORT, "UDP port that it listens on", low=1, high=65535)
    subject: str = parameter("visavis", "name under which the face appears there")
    device_id: str = parameter("", "UUID of the device that this node pretends to be; empty for one that belongs to its name")
    rate: int = parameter(60, "packets a second, 60 as the app sends them or 30", low=30, high=60)
    playout_delay: float = parameter(0.43, "that of video_generation, so that faces and pictures are in step", low=0.05, high=5)

    def __post_init__(self) -> None:
        if self.rate not in WRITTEN_RATES:
            raise ValueError(f"rate must be one of {', '.join(map(str, WRITTEN_RATES))}, got {self.rate}")


@dataclass(frozen=True)
class MotionFrame:
    """One frame of motion, float32 (MOTION_DIM,)."""

    utterance_id: int
    frame_index: int
    values: NDArray[np.float32]
    stamp_ns: int
    flush: bool


class Continuity:
    """Chunks to frames; where they do not go on from what came before, some frames lead from there to them."""

    def __init__(self) -> None:
        self._expected: tuple[int, int] | None = None
        self._last: NDArray[np.float32] | None = None
        self._from: NDArray[np.float32] | None = None
        self._step = 0

    def frames(self, chunk: MotionChunk) -> list[MotionFrame]:
        if self._last is not None and ((chunk.utterance_id, chunk.first_frame) != self._expected or chunk.flush):
            self._from, self._step = self._last, 0
        self._expected = chunk.utterance_id, chunk.next_frame
        made = []
        for index, values in enumerate(chunk.values):
            if self._from is not None:
                self._step += 1
                share = np.float32(self._step / (FADE_FRAMES + 1))
                values = self._from + share * share * (3 - 2 * share) * (values - self._from)
                if self._step == FADE_FRAMES:
                    self._from = None
            self._last = values
            stamp_ns = chunk.stamp_ns + frame_to_ns(chunk.first_frame + index) - frame_to_ns(chunk.first_frame)
            made.append(MotionFrame(chunk.utterance_id, chunk.first_frame + index, values, stamp_ns, chunk.flush and index == 0))
        return made


class LiveLink(AvatarNode):
    """See the module."""

    config_type = LiveLinkConfig
    config: LiveLinkConfig

    def __init__(self, **node_options: Any) -> None:
        super().__init__("livelink", **node_options)
        self._inbox: BoundedQueue[MotionChunkMsg] = BoundedQueue(INBOX, DropPolicy.OLDEST)
        self._playout: PlayoutQueue[MotionFrame] | None = None
        self._socket: socket.socket | None = None
        for name in ("refused", "packets", "unsent"):
            self.health.count(name, 0)

    def load(self) -> None:
        config = self.config
        self._device = config.device_id or str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{socket.gethostname()}{self.get_fully_qualified_name()}"))
        self._device = self._device.upper()
        livelink_packet(_AT_REST, config.subject, self._device, 0.0, config.rate)  # names that cannot be sent show now
        try:
            found = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_DGRAM)
        except OSError as error:
            raise ValueError(f"host {config.host} is not known ({error.strerror}): give its address") from error
        self._family, self._address = found[0][0], found[0][4]

    def open(self) -> None:
        self._inbox.clear()
        self._socket = socket.socket(self._family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._delay_ns = int(self.config.playout_delay * NANOSECONDS)
        self._playout = PlayoutQueue(self._delay_ns, LATE_NS)
        self._continuity = Continuity()
        self._half: tuple[int, Slot[MotionFrame]] | None = None
        self.subscribe(MotionChunkMsg, "motion", self._inbox.put, qos.MOTION_DEPTH)

    def close(self) -> None:
        self._playout = None
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def wake(self) -> None:
        self._inbox.wake()

    def work(self) -> None:
        playout = self._playout
        assert playout is not None
        due_ns = playout.wake_ns(self.now_ns())
        if self._half is not None:
            due_ns = min(due_ns, self._half[0])
        for msg in self._inbox.drain(self.wait_seconds(due_ns)):
            try:
                chunk = msg_to_motion_chunk(msg)
            except ValueError as error:
                self.refuse("motion", error)
                continue
            for frame in self._continuity.frames(chunk):
                slot = playout.offer(frame, self.now_ns())
                if slot is not None:
                    slot.ready = True
        now_ns = self.now_ns()
        playout.next_to_draw(now_ns)  # leaves out what is too late
        due = playout.take_due(now_ns)
        if due is not None:
            self._send_half(due)
            self._send(due.frame.values, due.stamp_ns)
            self.health.published(self.now_ns() - due.stamp_ns)
            if self.config.rate != FRAME_RATE:
                self._half = due.stamp_ns + self._delay_ns + FRAME_NS // 2, due
        elif self._half is not None and now_ns >= self._half[0]:
            self._send_half(playout.next)

    def _send_half(self, following: Slot[MotionFrame] | None) -> None:
        """The packet between the last frame and the one that follows, unless it has been sent."""
        half, self._half = self._half, None
        if half is None:
            return
        _, last = half
        values = last.frame.values
        if following is not None and following.stamp_ns < last.stamp_ns + 3 * FRAME_NS // 2:
            values = np.float32(0.5) * (values + following.frame.values)
        self._send(values, last.stamp_ns + FRAME_NS // 2)

    def _send(self, values: NDArray[np.float32], stamp_ns: int) -> None:
        """stamp_ns: media time. What the packet carries is the local time of day at which it is shown."""
        shown = datetime.datetime.fromtimestamp((stamp_ns + self._delay_ns) // NANOSECONDS)
        part = (stamp_ns + self._delay_ns) % NANOSECONDS / NANOSECONDS
        day_s = (shown.hour * 60 + shown.minute) * 60 + shown.second + part
        assert self._socket is not None
        try:
            self._socket.sendto(livelink_packet(values, self.config.subject, self._device, day_s, self.config.rate), self._address)
            self.health.count("packets")
        except OSError as error:
            self.health.count("unsent")
            self.tell(f"no packet reaches {self.config.host}: {error.strerror}", key="send")

    def gauges(self) -> None:
        playout = self._playout
        if playout is None:
            return
        for name, number in playout.counters.items():
            self.health.set_counter(name, number)
        self.health.set_counter("drops", playout.counters["drops"] + self._inbox.dropped)
        self.health.gauge("queue_depth", len(playout))


def main() -> NoReturn:
    end_process(run_process(LiveLink))


if __name__ == "__main__":
    main()
