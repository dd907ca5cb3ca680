"""What a node says about itself on /diagnostics: rates, percentiles of latency and compute time, counters, and its last trouble."""

import threading
import time
from collections import Counter, deque

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from visavis.ros.convert import stamp_to_msg

WINDOW = 900
"""Percentiles are of the last so many items: half a minute of pictures."""

WARNING_SECONDS = 3.0
"""How long the level stays at WARN after something was dropped or went wrong."""


class Health:
    """Figures of one node. Any thread may add to them; ``report`` is called once a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latency: deque[float] = deque(maxlen=WINDOW)
        self._compute: deque[float] = deque(maxlen=WINDOW)
        self._compute_cpu: deque[float] = deque(maxlen=WINDOW)
        self._gauges: dict[str, float | str] = {}
        self._frames = 0
        self._counters: Counter[str] = Counter({"drops": 0, "errors": 0})
        self._frames_at_report = (time.monotonic(), 0)
        self._trouble = ("", 0.0)
        self._failure = ""

    def count(self, name: str, number: int = 1) -> None:
        with self._lock:
            self._counters[name] += number

    def set_counter(self, name: str, number: int) -> None:
        with self._lock:
            self._counters[name] = number

    def gauge(self, name: str, value: float | str) -> None:
        with self._lock:
            self._gauges[name] = value

    def published(self, latency_ns: int, frames: int = 1) -> None:
        """``frames`` frames went out, the first of them ``latency_ns`` after its media stamp."""
        with self._lock:
            self._frames += frames
            self._latency.append(latency_ns / 1e6)

    def computed(self, wall_seconds: float, cpu_seconds: float) -> None:
        """One step of the stage took so long, by the clock and of its thread's processor time."""
        with self._lock:
            self._compute.append(wall_seconds * 1e3)
            self._compute_cpu.append(cpu_seconds * 1e3)

    def trouble(self, message: str) -> None:
        """Something went wrong that the node survives: level WARN for a few seconds."""
        with self._lock:
            self._trouble = (message, time.monotonic())

    def fail(self, message: str) -> None:
        """The node cannot work: level ERROR until ``recover``."""
        with self._lock:
            self._failure = message

    def recover(self) -> None:
        with self._lock:
            self._failure = ""

    @property
    def failure(self) -> str:
        """Why the node cannot work; empty where it can."""
        with self._lock:
            return self._failure

    def counter(self, name: str) -> int:
        with self._lock:
            return self._counters[name]

    def report(self, name: str, state: str, stamp_ns: int) -> DiagnosticArray:
        """The message for /diagnostics. ``fps`` is over the time since the last report."""
        with self._lock:
            now = time.monotonic()
            then, frames_then = self._frames_at_report
            fps = (self._frames - frames_then) / max(now - then, 1e-6)
            self._frames_at_report = (now, self._frames)
            values: dict[str, str] = {"state": state, "fps": f"{fps:.2f}", "frames": str(self._frames)}
            for key, samples in (("latency", self._latency), ("compute", self._compute), ("compute_cpu", self._compute_cpu)):
                for percent in (50, 99):
                    values[f"{key}_p{percent}_ms"] = f"{np.percentile(samples, percent):.3f}" if samples else "nan"
            values |= {key: f"{value:.3f}" if isinstance(value, float) else str(value) for key, value in self._gauges.items()}
            values |= {key: str(value) for key, value in self._counters.items()}
            message, since = self._trouble
            if self._failure:
                level, summary = DiagnosticStatus.ERROR, self._failure
            elif message and now - since < WARNING_SECONDS:
                level, summary = DiagnosticStatus.WARN, message
            else:
                level, summary = DiagnosticStatus.OK, state
        status = DiagnosticStatus(level=level, name=name, message=summary, hardware_id="visavis")
        status.values = [KeyValue(key=key, value=value) for key, value in values.items()]
        array = DiagnosticArray(status=[status])
        array.header.stamp = stamp_to_msg(stamp_ns)
        return array
