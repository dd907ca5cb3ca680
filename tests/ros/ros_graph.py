"""Nodes as real processes over real DDS, and a listener in the test: every test gets a ROS domain of its own."""

import math
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
import soundfile
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from visavis_msgs.msg import AudioChunk as AudioChunkMsg

ROOT = Path(__file__).parents[2]
DOUBLES = Path(__file__).parent / "doubles.py"
PATIENCE = 90.0
"""Seconds that a test waits for something that takes one second on an idle machine."""
GRACE = 5.0
"""Seconds that a process gets to end by itself at the end of a test."""
GRACE_OF_MUTEXES = 3.0
"""Seconds until Fast DDS has given up a mutex that a killed process held: it looks after one second, and waits for one."""
SETTLE = 0.2
"""Seconds after which a server has found the reader of a new client."""
TRIES = 4
"""How often a test may try to see something happen in time: a machine that stands still for a second in one of them does not in all."""


class NodeProcess:
    """One node in its own process. ``lines`` holds what it said so far."""

    def __init__(self, command: Sequence[str], env: dict[str, str]) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            list(command),
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    @property
    def said(self) -> str:
        return "\n".join(self.lines)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait for the end; the exit status, with everything that was said read."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {timeout} s:\n{self.said}") from None
        self._reader.join(5)
        return status

    def stop(self, number: int = signal.SIGINT, timeout: float = PATIENCE) -> int:
        """Send a signal and wait; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait(timeout)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Graph:
    """The processes and the listener of one test."""

    def __init__(self, domain: int, folder: Path, shared_memory: bool = True) -> None:
        """``shared_memory`` off: the listener uses UDP only, for tests that kill processes, which leave their shared memory as it was."""
        self.folder = folder
        self._shared_memory = shared_memory
        self._clients: dict[tuple[type, str], Any] = {}
        self.env = dict(os.environ) | {
            "ROS_DOMAIN_ID": str(domain),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            "FASTRTPS_DEFAULT_PROFILES_FILE": str(ROOT / "config" / "fastdds_avatar.xml"),
            "ROS_PYTHON_CHECK_FIELDS": "1",
            "PYTHONUNBUFFERED": "1",
            "OMP_NUM_THREADS": "1",
            "ROS_LOG_DIR": str(folder / "log"),
        }
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
        if shared_memory:
            os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"] = self.env["FASTRTPS_DEFAULT_PROFILES_FILE"]
            os.environ.pop("FASTDDS_BUILTIN_TRANSPORTS", None)
        else:
            os.environ.pop("FASTRTPS_DEFAULT_PROFILES_FILE", None)
            os.environ["FASTDDS_BUILTIN_TRANSPORTS"] = "UDPv4"
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain, args=[])
        self.node = Node("test", context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self.processes: list[NodeProcess] = []
        self.diagnostics: dict[str, tuple[int, str, dict[str, str]]] = {}
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 50)

    def start(self, name: str, _nodes: Path = DOUBLES, **parameters: Any) -> NodeProcess:
        """Start one of the nodes of doubles.py; ``autostart`` is on unless it is given."""
        parameters = {"autostart": True} | parameters
        flags = [flag for key, value in parameters.items() for flag in ("-p", f"{key}:={_yaml(value)}")]
        return self.run([sys.executable, str(_nodes), name, "--ros-args", *flags])

    def replace(self, process: NodeProcess, name: str, **parameters: Any) -> NodeProcess:
        """Start a node anew, as launch does with one that died, and wait until it is active. ``process`` has ended."""
        assert process.process.poll() is not None
        self.forget()
        started = self.start(name, **parameters)
        self.wait(lambda: self.state(name) == "active", f"{name} to be back")
        return started

    def forget(self) -> None:
        """Hear what processes that have ended said last, and take it for nothing."""
        self.spin(1.0)
        self.diagnostics.clear()

    def start_avatar(self, **parameters: Any) -> dict[str, NodeProcess]:
        """Motion, control and video; waits until all are active."""
        names = ("motion_diffusion", "control_render", "video_generation")
        started = {name: self.start(name, **parameters) for name in names}
        for name in names:
            self.wait(lambda name=name: self.state(name) == "active", f"{name} to be active")
        return started

    def run(self, command: Sequence[str]) -> NodeProcess:
        process = NodeProcess(command, self.env)
        self.processes.append(process)
        return process

    def assert_no_errors(self) -> None:
        """No node met an error that it had to survive."""
        for name, (_, message, values) in self.diagnostics.items():
            assert values.get("errors", "0") == "0", f"{name}: {message}"

    def close(self) -> None:
        """End the processes, then the listener. A process that SIGKILL ends while it writes leaves a mutex of the listener's shared memory
        locked; after a second Fast DDS notices and maps that memory anew, and who closes the listener at that moment crashes. So they are
        asked to end first, and where one was killed, that second is waited for."""
        running = [process.process for process in self.processes if process.process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGINT)
        end = time.monotonic() + GRACE
        while any(process.poll() is None for process in running) and time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.02)
        for each in self.processes:
            each.kill()
        if self._shared_memory and any(each.process.returncode == -signal.SIGKILL for each in self.processes):
            self.spin(GRACE_OF_MUTEXES)
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)

    # Listening.

    def listen(self, message_type: type, topic: str, depth: int = 200) -> list[Any]:
        """Everything that arrives on a topic from now on, while ``wait`` or ``spin`` runs."""
        heard: list[Any] = []
        self.node.create_subscription(message_type, topic, heard.append, QoSProfile(depth=depth))
        return heard

    def spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._executor.spin_once(timeout_sec=min(0.05, max(0.0, end - time.monotonic())))

    def wait(self, condition: Callable[[], Any], what: str, timeout: float = PATIENCE) -> Any:
        """Spin until ``condition`` is true; its value."""
        end = time.monotonic() + timeout
        while not (value := condition()):
            if time.monotonic() > end:
                said = "\n\n".join(process.said for process in self.processes)
                raise AssertionError(f"waited {timeout} s for {what}\n{self.diagnostics}\n{said}")
            self._executor.spin_once(timeout_sec=0.05)
        return value

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        for status in msg.status:
            values = {pair.key: pair.value for pair in status.values}
            self.diagnostics[status.name.rsplit("/", 1)[-1]] = (int.from_bytes(status.level, "big"), status.message, values)

    def present(self, name: str, *keys: str) -> float:
        """Sum of figures in diagnostics that the node sent after this call: what was counted up to now is in it."""
        for _ in range(2):  # one may have been on its way
            self.diagnostics.pop(name, None)
            self.wait(lambda: name in self.diagnostics, f"diagnostics of {name}")
        return sum(self.value(name, key) for key in keys)

    def wait_for_rest(self, heard: list[Any], seconds: float, what: str) -> None:
        """Wait until nothing arrives for a while."""
        end = time.monotonic() + PATIENCE
        count = -1
        while count != len(heard):
            assert time.monotonic() < end, f"no rest within {PATIENCE} s: {what}"
            count = len(heard)
            self.spin(seconds)

    def state(self, name: str) -> str:
        return self.diagnostics.get(name, (0, "", {}))[2].get("state", "")

    def level(self, name: str) -> int | None:
        """Level of the node's last diagnostics: 0 OK, 1 WARN, 2 ERROR; None before the first."""
        return self.diagnostics[name][0] if name in self.diagnostics else None

    def value(self, name: str, key: str) -> float:
        """A figure of the node's last diagnostics; not a number before the first."""
        return float(self.diagnostics.get(name, (0, "", {}))[2].get(key, "nan"))

    # Acting.

    def call(self, service_type: type, name: str, request: Any, again: float = math.inf) -> Any:
        """The answer of a service. A server that has not yet found the client's reader when it answers gives the answer up after .1 s
        (rmw_fastrtps): so clients are kept, and given a moment when they are new. again: seconds after which a question that may be asked
        twice is."""
        key = service_type, name
        if key not in self._clients:
            self._clients[key] = self.node.create_client(service_type, name)
            self.wait(self._clients[key].service_is_ready, f"the service {name}")
            self.spin(SETTLE)
        client = self._clients[key]
        self.wait(client.service_is_ready, f"the service {name}")
        asked = [(client.call_async(request), time.monotonic())]

        def answered() -> bool:
            if time.monotonic() > asked[-1][1] + again:
                asked.append((client.call_async(request), time.monotonic()))
            return any(future.done() for future, _ in asked)

        self.wait(answered, f"an answer of {name}")
        return next(future.result() for future, _ in asked if future.done())

    def transition(self, name: str, transition: int) -> bool:
        request = ChangeState.Request()
        request.transition.id = transition
        return self.call(ChangeState, f"/{name}/change_state", request).success

    def lifecycle_state(self, name: str) -> str:
        return self.call(GetState, f"/{name}/get_state", GetState.Request(), again=3.0).current_state.label

    def stop_speaking(self) -> None:
        """Publish no audio any more."""
        self.node.destroy_publisher(self._speaker)
        del self._speaker

    def speak(
        self,
        samples: np.ndarray,
        utterance_id: int = 1,
        *,
        stamp_ns: int | None = None,
        chunk: int = 640,
        pace: float = 1.0,
        edit: Callable[[int, AudioChunkMsg], list[AudioChunkMsg]] = lambda index, msg: [msg],
        subscribers: int = 1,
        end: bool = True,
    ) -> int:
        """Publish speech on ``audio`` as a third party would, ``pace`` times as fast as real time; the stamp of its first sample.

        ``edit`` may drop, repeat or change a message.
        """
        publisher = getattr(self, "_speaker", None)
        if publisher is None:
            publisher = self._speaker = self.node.create_publisher(AudioChunkMsg, "audio", QoSProfile(depth=1000))
        self.wait(lambda: publisher.get_subscription_count() >= subscribers, "a listener on audio")
        start_ns = time.time_ns() if stamp_ns is None else stamp_ns
        begun = time.monotonic()
        for index, first in enumerate(range(0, len(samples), chunk)):
            part = samples[first : first + chunk]
            msg = AudioChunkMsg(utterance_id=utterance_id, first_sample=first, sample_rate=16000)
            at_ns = start_ns + first * 1_000_000_000 // 16000 if start_ns else 0
            msg.header.stamp.sec, msg.header.stamp.nanosec = divmod(at_ns, 1_000_000_000)
            msg.samples.frombytes(part.tobytes())
            msg.end_of_utterance = end and first + chunk >= len(samples)
            self.spin(max(0.0, begun + (first + len(part)) / 16000 / pace - time.monotonic()))
            for edited in edit(index, msg):
                publisher.publish(edited)
        return start_ns


_domains: "queue.SimpleQueue[int]" = queue.SimpleQueue()
for _number in range(100):
    _domains.put(1 + (os.getpid() + _number) % 100)


@contextmanager
def graph(folder: Path, shared_memory: bool = True) -> Iterator[Graph]:
    made = Graph(_domains.get(), folder, shared_memory)
    try:
        yield made
    finally:
        made.close()


def quickest(attempt: Callable[[int], float], limit: float) -> float:
    """Least seconds that ``attempt(number)`` took; no further ones once it was within ``limit``."""
    taken: list[float] = []
    while len(taken) < TRIES and (not taken or taken[-1] > limit):
        taken.append(attempt(len(taken)))
    return min(taken)


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(str, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def voice(seconds: float, seed: int = 0) -> np.ndarray:
    """Something with syllables: int16 (n,) at 16 kHz, every sample different from its neighbours."""
    time_s = np.arange(int(seconds * 16000)) / 16000
    noise = np.random.default_rng(seed).normal(0, 0.02, len(time_s))
    syllables = np.clip(np.sin(2 * np.pi * 3 * time_s), 0, None) * 0.5
    return ((np.sin(2 * np.pi * 180 * time_s) * syllables + noise).clip(-1, 1) * 32000).astype(np.int16)


def write_voice(path: Path, seconds: float, seed: int = 0) -> np.ndarray:
    samples = voice(seconds, seed)
    soundfile.write(path, samples, 16000)
    return samples
