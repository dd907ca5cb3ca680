"""Notices that the machine stood still: one process a CPU that sleeps, and writes down when it woke up late.

A virtual machine's CPUs are at times not run for a second or more. Pictures of a live stream are late then, whatever the program does. A
test of live processes that fails is tried again if, and only if, that was seen while it ran; on a machine that runs it fails at once.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SLEEP_S = 0.02
LATE_S = 0.05
"""A sleeper wakes up within some milliseconds on a CPU that is busy."""
STANDSTILL_S = 0.25
"""Late by more than what the stream has in hand."""
SHARE = 0.1
"""Of the time: so much of it in smaller pieces is as bad."""


class Watch:
    """The sleepers of one test run, which end with it."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._folder = tempfile.TemporaryDirectory(prefix="visavis-standstill-")
        self._notes = {cpu: Path(self._folder.name) / str(cpu) for cpu in os.sched_getaffinity(0)}
        self._sleepers = [
            subprocess.Popen([sys.executable, "-S", "-E", __file__, str(cpu), str(note)]) for cpu, note in self._notes.items()
        ]

    def begin(self) -> None:
        """A test begins: what was before does not count."""
        self._since = time.monotonic()

    def stood_still(self) -> bool:
        """Whether a CPU was away for long, or for much of the time, since the test began."""
        late = [self._late(note) for note in self._notes.values()]
        worst, most = max((max(one, default=0.0) for one in late), default=0.0), max((sum(one) for one in late), default=0.0)
        return worst > STANDSTILL_S or most > SHARE * (time.monotonic() - self._since)

    def close(self) -> None:
        for sleeper in self._sleepers:
            sleeper.kill()
            sleeper.wait()
        self._folder.cleanup()

    def _late(self, note: Path) -> list[float]:
        lines = [line.split() for line in note.read_text().splitlines()] if note.exists() else []
        return [float(by) for at, by in lines if float(at) >= self._since]


def _sleep(cpu: int, note: Path) -> None:
    os.sched_setaffinity(0, {cpu})
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with note.open("a", buffering=1) as notes:
        while os.getppid() == parent:
            begun = time.monotonic()
            time.sleep(SLEEP_S)
            now = time.monotonic()
            if (late := now - begun - SLEEP_S) > LATE_S:
                notes.write(f"{now:.3f} {late:.3f}\n")


if __name__ == "__main__":
    _sleep(int(sys.argv[1]), Path(sys.argv[2]))
