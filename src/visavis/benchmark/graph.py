"""A graph of its own: the processes of a launch file in a domain that nobody else uses, with what they print kept in a file."""

import contextlib
import ctypes
import os
import random
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import yaml

from visavis.launcher import Launcher, ProcessStatus, share_directory

DOMAINS = range(20, 100)
"""Domains a graph of its own picks from: below 102, above which ports may be taken by the system, and away from 0, which people use."""


GRACE = 5.0
"""Seconds that processes have to end. Nodes end themselves after three; a machine that is busy may be late to see it."""


class GraphError(RuntimeError):
    """The graph did not do what it should; the text says what, and where to look."""


@contextlib.contextmanager
def isolated_domain() -> Iterator[int]:
    """This process and the processes that it starts see only each other: a random domain, this machine only, the transport of the graph."""
    domain = random.SystemRandom().choice(DOMAINS)
    wanted = {"ROS_DOMAIN_ID": str(domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    profile = os.environ.get("FASTRTPS_DEFAULT_PROFILES_FILE") or str(share_directory("visavis") / "config" / "fastdds_avatar.xml")
    wanted["FASTRTPS_DEFAULT_PROFILES_FILE"] = profile
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    _keep_memory()
    try:
        yield domain
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def parameters_file(path: Path, changes: Mapping[str, Mapping[str, Any]]) -> Path:
    """The nodes' parameters as visavis brings them, with ``changes`` by node and name, written to ``path``."""
    parameters = yaml.safe_load((share_directory("visavis") / "config" / "avatar.yaml").read_text("utf-8"))
    for node, values in changes.items():
        parameters[f"/**/{node}"]["ros__parameters"].update(values)
    path.write_text(yaml.safe_dump(parameters), "utf-8")
    return path


class Graph:
    """The processes of one launch file. What they print goes to ``log``; ``last_lines`` keeps the end of it. Use as a context manager."""

    def __init__(self, launch_file: str, arguments: Mapping[str, str], log: Path, respawn: bool = True, grace: float = GRACE) -> None:
        self.log = log
        self._grace = grace
        self.started_ns = 0
        self.exit_status: int | None = None
        self._lock = threading.Lock()
        self._file = log.open("w", encoding="utf-8")
        self._lines: list[str] = []
        self._launcher = Launcher(launch_file, arguments, on_line=self._keep, respawn=respawn)

    @property
    def processes(self) -> tuple[ProcessStatus, ...]:
        return self._launcher.processes

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.processes if process.pid is not None]

    def start(self) -> None:
        self.started_ns = time.time_ns()
        self._launcher.start()

    def stop(self) -> int:
        """Exit status of the graph, 0 when every process went down well within ``grace`` seconds."""
        self.exit_status = self._launcher.stop(self._grace)
        with self._lock:
            self._file.close()
        return self.exit_status

    def check(self) -> None:
        """GraphError where a process has ended or had to be started again, or what they print cannot be kept."""
        if self._launcher.failure is not None:
            raise GraphError(f"{' '.join(str(self._launcher.failure).split())} (what the processes print goes to {self.log})")
        for process in self.processes:
            if process.restarts or (process.pid is None and process.exit_code is not None):
                raise GraphError(
                    f"{process.name} ended with status {process.exit_code}: {self.last_lines(process.name)} (all of it in {self.log})"
                )

    def last_lines(self, name: str, count: int = 3) -> str:
        """The last lines that a process printed, in one."""
        with self._lock:
            return " | ".join([line for line in self._lines if line.startswith(f"[{name}]")][-count:]) or "it printed nothing"

    def usage(self) -> "Usage":
        """Processor time and memory of all processes, children included, now."""
        cpu, memory = 0.0, 0.0
        for pid in self.pids:
            with contextlib.suppress(psutil.NoSuchProcess):
                parent = psutil.Process(pid)
                for process in [parent, *parent.children(recursive=True)]:
                    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                        times = process.cpu_times()
                        cpu += times.user + times.system
                        memory += process.memory_full_info().pss
        return Usage(cpu, memory / 2**20, time.monotonic())

    def __enter__(self) -> "Graph":
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def _keep(self, name: str, line: str) -> None:
        text = f"[{name}] {line}"
        with self._lock:
            self._lines = [*self._lines[-199:], text]
            if not self._file.closed:
                self._file.write(text + "\n")
                self._file.flush()


class Usage:
    """Processor seconds since start and memory (MiB, shared pages counted once) of a graph at a monotonic time (seconds)."""

    def __init__(self, cpu_seconds: float, memory_mib: float, at: float) -> None:
        self.cpu_seconds, self.memory_mib, self.at = cpu_seconds, memory_mib, at

    def cores_since(self, earlier: "Usage") -> float:
        """How many cores were busy since then."""
        return (self.cpu_seconds - earlier.cpu_seconds) / max(self.at - earlier.at, 1e-6)


def _keep_memory() -> None:
    """For this process what the launch file sets for the nodes by MALLOC_ variables: keep the memory of pictures, do not map it anew."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
        libc.mallopt(mmap_threshold, 268_435_456)
        libc.mallopt(trim_threshold, 536_870_912)
