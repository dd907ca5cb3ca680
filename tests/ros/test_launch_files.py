"""The launch files of visavis with its real nodes, each a process: names, parameters, environment, restart and end."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
import yaml
from rcl_interfaces.srv import GetParameters, ListParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from visavis.launcher import Launcher, describe, share_directory

CONFIG = share_directory("visavis") / "config"
DOMAIN = 20 + os.getpid() % 70
ENVIRONMENT = {**os.environ, "ROS_DOMAIN_ID": str(DOMAIN), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}


class Observer:
    """A node in the same ROS domain that looks at what others have."""

    def __init__(self) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=DOMAIN)
        self.node = Node("observer", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)

    def wait_for(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not happen within {seconds:.0f} s"
            self.executor.spin_once(timeout_sec=0.05)

    def names(self) -> set[str]:
        return {f"{namespace.rstrip('/')}/{name}" for name, namespace in self.node.get_node_names_and_namespaces()} - {"/observer"}

    def call(self, kind: Any, service: str, request: Any) -> Any:
        """Answer of a service. Asked again every two seconds: a server that was killed counts as present for a while, and is silent."""
        client = self.node.create_client(kind, service)
        futures: list[Any] = []
        asked_at = 0.0

        def answered() -> bool:
            nonlocal asked_at
            if client.service_is_ready() and time.monotonic() - asked_at > 2.0:
                asked_at = time.monotonic()
                futures.append(client.call_async(request))
            return any(future.done() for future in futures)

        self.wait_for(answered, 90.0, f"answer of {service}")
        self.node.destroy_client(client)
        return next(future.result() for future in futures if future.done())

    def parameters(self, node: str, *names: str) -> list[Any]:
        values = self.call(GetParameters, f"{node}/get_parameters", GetParameters.Request(names=list(names))).values
        return [[None, value.bool_value, value.integer_value, value.double_value, value.string_value][value.type] for value in values]

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def observer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Observer]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    made = Observer()
    yield made
    made.close()


@pytest.fixture
def lines() -> list[str]:
    return []


def start(lines: list[str], name: str, **arguments: str) -> Launcher:
    launcher = Launcher(name, arguments, env=ENVIRONMENT, on_line=lambda process, line: lines.append(f"[{process}] {line}"))
    launcher.start()
    return launcher


def test_avatar_starts_its_nodes_with_what_they_were_given(observer: Observer, lines: list[str], tmp_path: Path) -> None:
    """A portrait that is not there keeps the nodes from working, not from coming up; that is enough to look at them."""
    portrait = str(tmp_path / "absent.jpg")
    launcher = start(lines, "avatar", source="topic", namespace="left", seed="7", playout_delay="0.55", portrait=portrait)
    try:
        expected = {"/left/motion_diffusion", "/left/control_render", "/left/video_generation"}
        observer.wait_for(lambda: observer.names() >= expected, 90.0, f"start of {expected}; printed: {lines}")
        assert observer.names() == expected, "source:=topic starts no audio_capture, and nothing else is here"
        assert observer.parameters("/left/motion_diffusion", "seed", "playout_delay", "autostart") == [7, 0.55, True]
        assert observer.parameters("/left/control_render", "portrait") == [portrait]
        assert observer.parameters("/left/video_generation", "portrait", "playout_delay", "jpeg_quality") == [portrait, 0.55, 90]
        for process in launcher.processes:
            environment = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
            assert f"FASTRTPS_DEFAULT_PROFILES_FILE={CONFIG}/fastdds_avatar.xml".encode() in environment
            assert b"MALLOC_MMAP_THRESHOLD_=268435456" in environment and b"MALLOC_TRIM_THRESHOLD_=536870912" in environment

        killed = next(process for process in launcher.processes if process.name == "control_render")
        assert killed.pid is not None
        os.kill(killed.pid, signal.SIGKILL)
        observer.wait_for(lambda: any(process.restarts == 1 and process.pid for process in launcher.processes), 90.0, "a restart")
        assert observer.parameters("/left/control_render", "portrait") == [portrait]

        assert launcher.stop() == 0, f"a node did not end well: {lines}"
        assert not any("Traceback" in line for line in lines), lines
    finally:
        launcher.stop()


def test_every_parameter_of_the_settings_is_one_of_its_node(observer: Observer, lines: list[str], tmp_path: Path) -> None:
    """A name that no node declares would be ignored by ROS without a word."""
    settings = {
        name.removeprefix("/**/"): block["ros__parameters"] for name, block in yaml.safe_load((CONFIG / "avatar.yaml").read_text()).items()
    }
    absent = {"audio": str(tmp_path / "absent.wav"), "portrait": str(tmp_path / "absent.jpg")}
    switches = ("web", "screen", "h264", "livelink", "robot_inputs", "say")
    everything = {"source": "file"} | dict.fromkeys(switches, "true")
    launcher = start(lines, "avatar", port="0", **everything, **absent)
    try:
        nodes = {f"/{name}" for name in settings}
        observer.wait_for(lambda: observer.names() >= nodes, 90.0, f"start of {nodes}; printed: {lines}")
        for process in describe(share_directory("visavis") / "launch" / "avatar.launch.yaml", everything, ENVIRONMENT):
            given = {name for parameters in process.parameters if isinstance(parameters, dict) for name in parameters}
            declared = set(observer.call(ListParameters, f"/{process.name}/list_parameters", ListParameters.Request()).result.names)
            assert (given | set(settings[process.name])) <= declared, process.name
            assert not given & set(settings[process.name]), (
                f"{process.name}: the launch file wins over avatar.yaml, so it must not name them too"
            )
        assert launcher.stop() == 0, f"a node did not end well: {lines}"
    finally:
        launcher.stop()
