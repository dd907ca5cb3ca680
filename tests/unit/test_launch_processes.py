"""The runner against real processes: output, restarts, and an end that leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml

from visavis.launcher import Launcher, LaunchError

POLITE = "try:\n    print('ready')\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('bye')\n"
STUBBORN = "signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready')\ntime.sleep(60)\n"
DEAF_TO_INTERRUPT = "signal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('ready')\ntime.sleep(60)\n"
WITH_CHILD = "child = subprocess.Popen(['sleep', '61'])\nprint('child', child.pid)\n" + POLITE


class Graph:
    """Makes launch files whose nodes are small Python programs, runs them, and keeps what they print."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[tuple[str, str]] = []
        self.started: list[Launcher] = []
        self.env = {**os.environ, "AMENT_PREFIX_PATH": str(folder)}

    def write(self, respawn: bool = False, **programs: str) -> Path:
        nodes = []
        for name, program in programs.items():
            path = self.folder / "lib" / "robot" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"#!{sys.executable}\nimport os, signal, subprocess, sys, time\n{program}")
            path.chmod(0o755)
            param = [{"name": "text", "value": "'$(env HOME)'"}]
            nodes.append({"node": {"pkg": "robot", "exec": name, "param": param, "respawn": respawn, "respawn_delay": 0.1}})
        file = self.folder / "test.launch.yaml"
        file.write_text(yaml.safe_dump({"launch": nodes}))
        return file

    def launch(self, respawn: bool = False, **programs: str) -> Launcher:
        launcher = Launcher(self.write(respawn, **programs), env=self.env, on_line=lambda name, line: self.lines.append((name, line)))
        self.started.append(launcher)
        launcher.start()
        return launcher

    def wait_for(self, condition: Callable[[], bool], seconds: float = 90.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"it did not happen; printed so far: {self.lines}"
            time.sleep(0.02)


@pytest.fixture
def graph(tmp_path: Path) -> "Graph":
    made = Graph(tmp_path)
    yield made  # type: ignore[misc]
    for launcher in made.started:
        launcher.stop(grace=0.1)


def test_lines_carry_the_name_of_their_process(graph: Graph) -> None:
    launcher = graph.launch(first="print('one'); print('two', file=sys.stderr)", second="print('ü')")
    assert launcher.wait(90.0) == 0
    assert {("first", "one"), ("first", "two"), ("second", "ü")} <= set(graph.lines)


def test_parameters_reach_the_process_as_a_file_that_is_gone_afterwards(graph: Graph) -> None:
    launcher = graph.launch(node="print(sys.argv[1:]); print(open(sys.argv[3]).read())")
    assert launcher.wait(90.0) == 0
    printed = dict(enumerate(line for name, line in graph.lines if name == "node"))
    words = yaml.safe_load(printed[0])
    assert words[:2] == ["--ros-args", "--params-file"]
    assert yaml.safe_load("\n".join(printed[i] for i in range(1, len(printed)))) == {
        "/**": {"ros__parameters": {"text": os.environ["HOME"]}}
    }
    assert not Path(words[2]).exists()


def test_interrupt_ends_every_process_well(graph: Graph) -> None:
    launcher = graph.launch(a=POLITE, b=POLITE)
    graph.wait_for(lambda: graph.lines.count(("a", "ready")) + graph.lines.count(("b", "ready")) == 2)
    assert launcher.poll() is None
    assert launcher.stop() == 0
    assert {("a", "bye"), ("b", "bye")} <= set(graph.lines)
    assert all(process.pid is None for process in launcher.processes)


@pytest.mark.parametrize(("program", "number"), [(DEAF_TO_INTERRUPT, signal.SIGTERM), (STUBBORN, signal.SIGKILL)])
def test_process_that_does_not_end_is_ended_and_told(graph: Graph, program: str, number: signal.Signals) -> None:
    launcher = graph.launch(a=program)
    graph.wait_for(lambda: ("a", "ready") in graph.lines)
    assert launcher.stop(grace=0.3) == 128 + number
    assert ("launch", f"a did not end in time, sent it {number.name}") in graph.lines


def test_failure_is_the_exit_status(graph: Graph) -> None:
    launcher = graph.launch(good="", bad="sys.exit(3)")
    assert launcher.wait(90.0) == 3
    assert ("launch", "bad ended with status 3") in graph.lines
    assert launcher.stop() == 3


def test_process_that_is_killed_comes_back_and_stays_up(graph: Graph) -> None:
    launcher = graph.launch(respawn=True, a=POLITE)
    graph.wait_for(lambda: graph.lines.count(("a", "ready")) == 1)
    first = launcher.processes[0].pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    graph.wait_for(lambda: graph.lines.count(("a", "ready")) == 2)
    status = launcher.processes[0]
    assert status.restarts == 1 and status.pid not in (None, first)
    assert ("launch", "a was ended by SIGKILL") in graph.lines
    assert launcher.stop() == 0
    assert graph.lines.count(("a", "ready")) == 2


def test_children_of_a_process_do_not_outlive_it(graph: Graph) -> None:
    launcher = graph.launch(a=WITH_CHILD)
    graph.wait_for(lambda: ("a", "ready") in graph.lines)
    child = next(int(line.split()[1]) for name, line in graph.lines if line.startswith("child"))
    launcher.stop()
    graph.wait_for(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_nothing_is_left_when_the_runner_itself_is_killed(graph: Graph) -> None:
    file = graph.write(a="print('pid', os.getpid(), flush=True)\ntime.sleep(60)\n")
    runner = subprocess.Popen(
        [sys.executable, "-m", "visavis.cli.main", "launch", str(file)], stdout=subprocess.PIPE, text=True, env=graph.env
    )
    assert runner.stdout is not None
    line = next(line for line in runner.stdout if "pid" in line)
    child = int(line.split()[-1])
    runner.kill()
    runner.wait()
    runner.stdout.close()
    graph.wait_for(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_command_stops_the_graph_on_interrupt(graph: Graph) -> None:
    file = graph.write(a=POLITE)
    command = [sys.executable, "-m", "visavis.cli.main", "launch", str(file)]
    runner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=graph.env, start_new_session=True)
    assert runner.stdout is not None
    assert next(line for line in runner.stdout if "ready" in line) == "[a] ready\n"
    runner.send_signal(signal.SIGINT)
    rest, _ = runner.communicate(timeout=90.0)
    assert rest == "[a] bye\n"
    assert runner.returncode == 0


def test_mistakes_are_told_before_anything_starts(graph: Graph) -> None:
    file = graph.write(a="print('started')")
    with pytest.raises(LaunchError, match="no argument portrait"):
        Launcher(file, {"portrait": "x"}, env=graph.env)
    command = [sys.executable, "-m", "visavis.cli.main", "launch"]
    for words, told in [([str(file), "portrait"], "'portrait' is no argument: write name:=value"), (["unheard"], "no launch file unheard")]:
        done = subprocess.run([*command, *words], capture_output=True, text=True, env=graph.env, check=False)
        assert done.returncode == 2
        assert told in done.stderr and "Traceback" not in done.stderr


def test_a_listener_that_fails_costs_no_process_and_is_told(graph: Graph) -> None:
    def full(name: str, line: str) -> None:
        raise OSError(28, "No space left on device")

    chatty = "while True:\n    print('x', flush=True)\n    time.sleep(0.01)\n"
    launcher = Launcher(graph.write(chatty=chatty, other=POLITE), env=graph.env, on_line=full)
    graph.started.append(launcher)
    launcher.start()
    graph.wait_for(lambda: launcher.failure is not None)
    time.sleep(0.3)
    assert isinstance(launcher.failure, OSError)
    assert all(process.pid is not None and psutil.pid_exists(process.pid) for process in launcher.processes)
    launcher.stop()
    assert launcher.poll() is not None


def test_a_process_that_refuses_its_arguments_is_not_started_again(graph: Graph) -> None:
    refuses = "print('playout_delay must be a number'); sys.exit(2)\n"
    launcher = graph.launch(respawn=True, refuses=refuses, other=POLITE)
    graph.wait_for(lambda: launcher.failure is not None)
    assert "refuses cannot run with these arguments: playout_delay must be a number" in str(launcher.failure)
    time.sleep(0.5)
    assert [process.restarts for process in launcher.processes] == [0, 0]


def test_launch_ends_quietly_when_nobody_reads_it_any_more(graph: Graph) -> None:
    chatty = "while True:\n    print('x', flush=True)\n    time.sleep(0.01)\n"
    file = graph.write(respawn=True, chatty=chatty)
    command = f"{sys.executable} -m visavis.cli.main launch {file} | head -n 2"
    done = subprocess.run(command, shell=True, env=graph.env, capture_output=True, text=True, timeout=240, check=False)
    assert "Traceback" not in done.stderr and done.stdout.count("x") >= 1


def test_launch_ends_with_the_reason_where_a_node_refuses_its_arguments(graph: Graph) -> None:
    file = graph.write(respawn=True, refuses="print('seed must not be negative'); sys.exit(2)\n", other=POLITE)
    done = subprocess.run(
        [sys.executable, "-m", "visavis.cli.main", "launch", str(file)],
        env=graph.env,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 2
    assert "refuses cannot run with these arguments: seed must not be negative" in done.stderr


def test_a_node_that_dies_is_followed_by_one_that_stood_by(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visavis.launcher.processes.STANDBY_AFTER", 0.1)
    waits = "if os.environ.pop('VISAVIS_STANDBY', '') == 'wait' and not sys.stdin.readline(): sys.exit(0)\n"
    says = "print('ready', os.getpid(), flush=True)\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    pass\n"
    file = graph.write(respawn=True, video_generation=waits + says)
    (graph.folder / "lib" / "robot").rename(graph.folder / "lib" / "visavis")
    file.write_text(file.read_text().replace("robot", "visavis"))
    launcher = Launcher(file, env=graph.env, on_line=lambda name, line: graph.lines.append((name, line)))
    graph.started.append(launcher)
    launcher.start()

    def ready() -> list[int]:
        return [int(line.split()[1]) for name, line in graph.lines if line.startswith("ready")]

    def standing_by() -> list[int]:
        """Those that have become the program, and have said nothing."""
        program = str(graph.folder / "lib" / "visavis" / "video_generation")
        return [one.pid for one in psutil.Process().children() if one.pid not in ready() and one.cmdline()[1:2] == [program]]

    for ends in (1, 2):
        graph.wait_for(lambda ends=ends: len(ready()) == ends and bool(standing_by()))
        time.sleep(0.2)  # until it is old enough
        (standby,) = standing_by()
        os.kill(ready()[-1], signal.SIGKILL)
        graph.wait_for(lambda ends=ends: len(ready()) == ends + 1)
        assert ready()[-1] == standby
    assert launcher.processes[0].restarts == 2
    assert launcher.stop() == 0
    assert not standing_by() and not psutil.pid_exists(standby), "nothing is left"
