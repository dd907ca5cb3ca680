"""Runs the processes of a launch file: each in a process group of its own, its output line by line, restarted where the file says so,
and all brought down together.

For a node without which there is no picture a stand-by is kept: the same program, which has imported everything, most of what a start
costs, is known to the other processes, and waits for a line on its standard input (``nodes.process`` keeps the other end of this). When the
node dies it goes on in its place. ``VISAVIS_STANDBY=0`` in the environment does without.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from visavis.launcher.description import ProcessSpec, describe
from visavis.launcher.errors import LaunchError
from visavis.launcher.share import find_launch_file

GRACE = 5.0
"""Seconds that processes have to end after SIGINT before they get SIGTERM. The nodes of visavis take three at most, but a machine may stand
still meanwhile."""
GRACE_AFTER_TERM = 1.0
"""Seconds between SIGTERM and SIGKILL."""
WAIT_SLICE = 0.1
"""Seconds; how finely these times are counted."""
RUNNER = "launch"
"""Name under which the runner itself reports to ``on_line``."""
WRONG_USE = 2
"""Exit status of a process that cannot run as it was told: it would not do better another time."""

STANDBY_VARIABLE = "VISAVIS_STANDBY"
"""In the environment of a stand-by: "wait". In that of the runner: "0" for none."""
STANDBY_AFTER = 1.0
"""Seconds after the first word of a node at which its stand-by is started, so that it does not take the time of the others' start."""
STANDBY_AGAIN_AFTER = 0.5
"""Seconds after a node was started again: the others run, and whatever killed it may do so again."""
STANDBY_GRACE = 2.0
"""Seconds that a stand-by which is no longer needed has to give back its shared memory."""

OnLine = Callable[[str, str], None]
"""Called with the name of a process and one line of its output, from the thread that reads that process."""

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class ProcessStatus:
    """One process of the graph now. ``pid`` is None while it does not run; ``exit_code`` is that of its last end (minus the signal, as
    `subprocess` has it), None before the first; ``restarts`` counts how often it was started again."""

    name: str
    pid: int | None
    exit_code: int | None
    restarts: int


class Launcher:
    """The running graph of one launch file. All methods may be called from any thread.

    launch_file: a name of ``launch_files()`` or a path. arguments: what follows name:= on a command line.
    env: environment of the graph, this process's own by default. respawn: False leaves a process that ended down, whatever the file says.
    Raises LaunchError, before anything is started, for whatever is wrong with the file or the arguments.
    """

    def __init__(
        self,
        launch_file: str | Path,
        arguments: Mapping[str, str] | None = None,
        *,
        env: Mapping[str, str] | None = None,
        on_line: OnLine | None = None,
        respawn: bool = True,
    ) -> None:
        self._specs = describe(find_launch_file(launch_file), arguments or {}, os.environ if env is None else env)
        if not self._specs:
            raise LaunchError(f"{launch_file} starts no process with these arguments")
        self._listener = on_line or (lambda name, line: None)
        self._failure: Exception | None = None
        self._respawn = respawn
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._stop_once = threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._supervised: list[_Supervised] = []
        self._exit_code: int | None = None

    def start(self) -> None:
        """Start every process. Returns at once; may be called only once."""
        with self._lock:
            if self._supervised:
                raise RuntimeError("this graph was started before: make a new Launcher to start it again")
            self._folder = tempfile.TemporaryDirectory(prefix="visavis_launch_")
            for number, spec in enumerate(self._specs):
                command = _command_line(spec, Path(self._folder.name), number)
                self._supervised.append(_Supervised(spec, command, self._on_line, self._respawn, self._stopping))
        for process in self._supervised:
            process.thread.start()

    @property
    def processes(self) -> tuple[ProcessStatus, ...]:
        """State of every process, in the order of the launch file."""
        return tuple(process.status() for process in self._supervised)

    @property
    def failure(self) -> Exception | None:
        """Why the graph should be stopped: ``on_line`` raised (a full disk, nobody who reads any more), or a process refused what it was
        told (LaunchError). None while all is well."""
        if self._failure is None:
            for process in self._supervised:
                if process.refused:
                    return LaunchError(f"{process.spec.name} cannot run with these arguments: {process.last_line}")
        return self._failure

    def _on_line(self, name: str, line: str) -> None:
        """Pass a line on. A listener that fails is not asked again, and never takes a process down with it."""
        if self._failure is not None:
            return
        try:
            self._listener(name, line)
        except Exception as error:  # noqa: BLE001 - kept for whoever runs the graph
            self._failure = error

    def poll(self) -> int | None:
        """None while the graph runs (or a process waits to be started again), else its exit status: 0 if every process ended well."""
        if self._exit_code is not None:
            return self._exit_code
        if not self._supervised or any(process.thread.is_alive() for process in self._supervised):
            return None
        self._finish()
        return self._exit_code

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until every process has ended, at most ``timeout`` seconds; returns what ``poll`` does."""
        deadline = None if timeout is None else time.monotonic() + timeout
        for process in self._supervised:
            process.thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return self.poll()

    def _wait_running(self, seconds: float) -> int | None:
        """As ``wait``, for that long while this process runs: if the whole machine stands still, that does not count against the others."""
        for _ in range(max(1, round(seconds / WAIT_SLICE))):
            if self.wait(WAIT_SLICE) is not None:
                break
        return self._exit_code

    def stop(self, grace: float = GRACE) -> int:
        """Bring every process down: SIGINT, after ``grace`` seconds SIGTERM, then SIGKILL. Returns the exit status.

        A process that ends on the SIGINT, with status 0 or as one interrupted, has ended well; one that needed more has not.
        """
        with self._stop_once:
            if self._exit_code is not None or not self._supervised:
                return self._exit_code or 0
            self._stopping.set()
            for number, patience in ((signal.SIGINT, grace), (signal.SIGTERM, GRACE_AFTER_TERM), (signal.SIGKILL, GRACE_AFTER_TERM)):
                running = [process for process in self._supervised if process.send(number)]
                if number is not signal.SIGINT:
                    for process in running:
                        self._on_line(RUNNER, f"{process.spec.name} did not end in time, sent it {number.name}")
                if self._wait_running(patience) is not None:
                    break
            for process in self._supervised:  # children of a node that outlived it
                process.send(signal.SIGKILL)
            self._finish()
            assert self._exit_code is not None
            return self._exit_code

    def _finish(self) -> None:
        with self._lock:
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None
            if self._exit_code is None:
                self._exit_code = max(process.verdict() for process in self._supervised)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


class _Supervised:
    """One process and the thread that starts it, reads it, and starts it again."""

    def __init__(self, spec: ProcessSpec, command: list[str], on_line: OnLine, respawn: bool, stopping: threading.Event) -> None:
        self.spec = spec
        self.thread = threading.Thread(target=self._run, name=f"launch {spec.name}", daemon=True)
        self._command = command
        self._on_line = on_line
        self._respawn = respawn and spec.respawn
        self._stopping = stopping
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._exit_code: int | None = None
        self._starts = 0
        self._standby: subprocess.Popen[str] | None = None
        self._standby_begins = 0.0
        self.refused = False
        self.last_line = ""
        self._last_signal: signal.Signals | None = None

    def status(self) -> ProcessStatus:
        with self._lock:
            pid = None if self._process is None else self._process.pid
            return ProcessStatus(self.spec.name, pid, self._exit_code, max(0, self._starts - 1))

    def send(self, number: signal.Signals) -> bool:
        """Signal the whole group of the process. False where nothing of it is left."""
        with self._lock:
            if self._process is None:
                return False
            self._last_signal = number
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                return False
            return True

    def verdict(self) -> int:
        """Exit status that this process contributes: 0 if it ended well."""
        with self._lock:
            code = self._exit_code
            interrupted = self._last_signal is signal.SIGINT and code in (-signal.SIGINT, 128 + signal.SIGINT)
        if code is None:
            return 1
        if (code == 0 and self._last_signal in (None, signal.SIGINT)) or interrupted:
            return 0
        return 128 - code if code < 0 else max(1, code)

    def _run(self) -> None:
        try:
            # A stand-by is there to go on at once; the delay is for what would only fail again.
            while self._run_once() and not self._stopping.wait(0.0 if self._standby_waits() else self.spec.respawn_delay):
                self._on_line(RUNNER, f"starting {self.spec.name} again")
        finally:
            self._dismiss()

    def _begin(self, standby_after: float | None = None) -> "subprocess.Popen[str]":
        """Start a process; it ends with the thread that calls this. standby_after: its stand-by, so many seconds later."""
        standby = standby_after is not None
        return subprocess.Popen(
            ["/bin/sh", "-c", f'sleep {standby_after}; exec "$0" "$@"', *self._command] if standby else self._command,
            env=dict(self.spec.env) | ({STANDBY_VARIABLE: "wait"} if standby else {}),
            stdin=subprocess.PIPE if standby else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            bufsize=1,
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - one system call, nothing that could wait for a lock
        )

    def _keep_standby(self, after: float) -> None:
        """Have a stand-by in so many seconds, where one is wanted and none lives. Called with the lock held."""
        wanted = self.spec.standby and self._respawn and not self._stopping.is_set()
        if wanted and (self._standby is None or self._standby.poll() is not None):
            self._standby, self._standby_begins = self._begin(standby_after=after), time.monotonic() + after

    def _standby_waits(self) -> bool:
        """There is a stand-by that lives and has begun."""
        standby = self._standby
        return standby is not None and standby.poll() is None and time.monotonic() >= self._standby_begins

    def _call_standby(self) -> "subprocess.Popen[str] | None":
        """The stand-by, now the node itself; None where none waits."""
        if not self._standby_waits():
            return None
        standby, self._standby = self._standby, None
        assert standby is not None and standby.stdin is not None
        try:
            standby.stdin.write("go\n")
            standby.stdin.close()
        except OSError:
            return None
        return standby

    def _dismiss(self) -> None:
        """End the stand-by, if there is one."""
        with self._lock:
            standby, self._standby = self._standby, None
        if standby is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(standby.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                standby.wait(STANDBY_GRACE)
            _kill_group(standby.pid)
            standby.wait()
            for pipe in (standby.stdin, standby.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def _run_once(self) -> bool:
        """Start the process, pass its output on, wait for its end. True where it is to be started again."""
        with self._lock:
            if self._stopping.is_set():
                self._exit_code = 0 if self._exit_code is None else self._exit_code
                return False
            try:
                self._process = process = self._call_standby() or self._begin()
                if self._starts:
                    self._keep_standby(STANDBY_AGAIN_AFTER)
            except OSError as error:
                self._exit_code = 127
                self._on_line(RUNNER, f"cannot start {self.spec.name}: {error.strerror}: {self._command[0]}")
                return False
            self._starts += 1
        assert process.stdout is not None
        for line in process.stdout:
            if not self.last_line:
                with self._lock, contextlib.suppress(OSError):
                    self._keep_standby(STANDBY_AFTER)
            self.last_line = line.rstrip("\n")
            self._on_line(self.spec.name, self.last_line)
        code = process.wait()
        with self._lock:
            _kill_group(process.pid)
            process.stdout.close()
            self._process = None
            self._exit_code = code
        if self._stopping.is_set():
            return False
        told = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        self._on_line(RUNNER, f"{self.spec.name} {told}")
        self.refused = code == WRONG_USE
        return self._respawn and not self.refused


def _command_line(spec: ProcessSpec, folder: Path, number: int) -> list[str]:
    """Whole command line of a process; parameters given in the launch file are written to a file for it."""
    files = []
    for index, parameters in enumerate(spec.parameters):
        path = parameters
        if not isinstance(path, Path):
            path = folder / f"{number}_{index}.yaml"
            path.write_text(yaml.safe_dump({"/**": {"ros__parameters": parameters}}, allow_unicode=True), encoding="utf-8")
        files += ["--params-file", str(path)]
    ros_arguments = [*files, *spec.ros_arguments]
    return [*spec.command, *(["--ros-args", *ros_arguments] if ros_arguments else [])]


def _kill_group(group: int) -> None:
    """End what a process left running in its group, so that nothing of it outlives it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _end_with_parent() -> None:
    """In the child: be interrupted when the runner dies, however it dies, so that no node is left behind."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
