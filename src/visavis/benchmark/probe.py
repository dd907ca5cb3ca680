"""A node that only looks: notes when each message of the graph arrived and what its header says, without decoding the rest."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import CompressedImage, Image
from visavis_msgs.msg import AudioChunk, ControlFrame, MotionChunk

from visavis.benchmark.figures import Arrivals
from visavis.ros import qos, topics
from visavis.timing import NANOSECONDS

TOPICS: dict[str, tuple[type, int]] = {
    "audio": (AudioChunk, qos.AUDIO_QUEUE_DEPTH),
    "motion": (MotionChunk, qos.MOTION_DEPTH),
    "control": (ControlFrame, qos.CONTROL_DEPTH),
    "audio_out": (AudioChunk, qos.AUDIO_QUEUE_DEPTH),
    "image_raw": (Image, qos.PICTURE_DEPTH),
    "image_raw/compressed": (CompressedImage, qos.COMPRESSED_DEPTH),
}
"""Topics that can be watched. All of them begin with a header; all but the pictures then have the utterance and the first index."""

VIDEO = "image_raw/foxglove"
if VIDEO in topics.TOPICS:  # it begins with a stamp, not with a header: the same bytes
    TOPICS[VIDEO] = (topics.TOPICS[VIDEO], qos.COMPRESSED_DEPTH)
PICTURES = ("image_raw", "image_raw/compressed", VIDEO)


@dataclass(frozen=True)
class NodeReport:
    """The newest diagnostics of one node. ``level``: 0 ok, 1 warning, 2 error."""

    level: int
    message: str
    values: dict[str, str]

    def number(self, key: str) -> float:
        """A value as a number; not a number where the node does not report it."""
        return float(self.values.get(key, "nan"))


def drops_between(earlier: dict[str, NodeReport], later: dict[str, NodeReport]) -> dict[str, int]:
    """By node, what it says it has dropped since the earlier report; all of it where it had not reported by then."""
    result = {}
    for name, report in sorted(later.items()):
        if "drops" in report.values:
            before = earlier.get(name)
            result[name] = int(report.number("drops")) - (int(before.number("drops")) if before and "drops" in before.values else 0)
    return result


class Probe:
    """Watches some of ``TOPICS`` and /diagnostics from a thread of its own. Use as a context manager.

    The environment (domain, transport) must be that of the graph when the probe is made.
    """

    def __init__(self, watched: tuple[str, ...], namespace: str = "") -> None:
        self.arrivals = {topic: Arrivals() for topic in watched}
        self._reports: dict[str, NodeReport] = {}
        self._context = Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node("probe", context=self._context, namespace=namespace)
        for topic in watched:
            message_type, depth = TOPICS[topic]
            self._node.create_subscription(message_type, topic, self._watcher(topic), qos.stream(depth), raw=True)
        self._node.create_subscription(DiagnosticArray, qos.DIAGNOSTICS_TOPIC, self._on_diagnostics, 50)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._spin, name="probe", daemon=True)
        self._thread.start()

    @property
    def reports(self) -> dict[str, NodeReport]:
        """By the name of the node, without its namespace."""
        return dict(self._reports)

    @property
    def failure(self) -> str | None:
        """The first node that reports that it cannot work, with its reason."""
        for name, report in self.reports.items():
            if report.level >= 2:
                return f"{name}: {report.message}"
        return None

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5.0)
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def __enter__(self) -> "Probe":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _spin(self) -> None:
        while not self._stop.is_set() and self._context.ok():
            self._executor.spin_once(timeout_sec=0.2)

    def _watcher(self, topic: str) -> Callable[[bytes, dict[str, int]], None]:
        arrivals = self.arrivals[topic]
        if topic in PICTURES:
            return partial(_note_picture, arrivals)
        return partial(_note_indexed, arrivals)

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        for status in msg.status:
            if status.hardware_id == "visavis":
                values = {entry.key: entry.value for entry in status.values}
                self._reports[status.name.rsplit("/", 1)[-1]] = NodeReport(_level(status), status.message, values)


def _level(status: DiagnosticStatus) -> int:
    return int.from_bytes(status.level, "little") if isinstance(status.level, bytes) else int(status.level)


def _note_picture(arrivals: Arrivals, data: bytes, info: dict[str, Any]) -> None:
    now = time.time_ns()
    arrivals.add(read_stamp(data), info["source_timestamp"], now)


def _note_indexed(arrivals: Arrivals, data: bytes, info: dict[str, Any]) -> None:
    now = time.time_ns()
    arrivals.add(read_stamp(data), info["source_timestamp"], now, *read_indices(data))


def read_stamp(data: bytes) -> int:
    """Header stamp, in nanoseconds, of a serialised message that begins with a header.

    CDR: 4 bytes of encapsulation, then int32 seconds and uint32 nanoseconds.
    """
    order = _order(data)
    return int.from_bytes(data[4:8], order, signed=True) * NANOSECONDS + int.from_bytes(data[8:12], order)


def read_indices(data: bytes) -> tuple[int, int]:
    """The two uint64 that follow the header of a serialised AudioChunk, MotionChunk or ControlFrame: utterance, first index."""
    order = _order(data)
    after_frame_id = 16 + int.from_bytes(data[12:16], order)
    place = 4 + (after_frame_id - 4 + 7) // 8 * 8  # CDR aligns to the size of the value, counted from behind the encapsulation
    return int.from_bytes(data[place : place + 8], order), int.from_bytes(data[place + 8 : place + 16], order)


def _order(data: bytes) -> Any:
    return "little" if data[1] & 1 else "big"
