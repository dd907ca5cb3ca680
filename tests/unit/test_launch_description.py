"""Launch files become processes as `ros2 launch` would have it, and whatever is not understood is refused by name."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from visavis.launcher import LaunchError, ProcessSpec, describe, find_launch_file, launch_files, read_arguments, share_directory
from visavis.launcher.share import BOOTSTRAP_MARK, process_environment
from visavis.launcher.substitution import expand, expand_words


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """A ROS 2 prefix with the package `robot`, which has the executable `talker` and one parameter file."""
    executable = tmp_path / "prefix" / "lib" / "robot" / "talker"
    executable.parent.mkdir(parents=True)
    executable.write_text("#!/bin/sh\n")
    executable.chmod(0o755)
    share = tmp_path / "prefix" / "share" / "robot"
    share.mkdir(parents=True)
    (share / "talker.yaml").write_text("/**/talker: {ros__parameters: {rate: 30.0}}\n")
    return tmp_path / "prefix"


class Launched:
    """Writes launch files and describes them in an environment that knows the package `robot`."""

    def __init__(self, folder: Path, prefix: Path) -> None:
        self.folder = folder
        self.env = {"AMENT_PREFIX_PATH": str(prefix), "HOME": "/home/robot"}

    def write(self, *actions: Any, name: str = "test.launch.yaml") -> Path:
        path = self.folder / name
        path.write_text(yaml.safe_dump({"launch": list(actions)}))
        return path

    def __call__(self, *actions: Any, **arguments: str) -> list[ProcessSpec]:
        return describe(self.write(*actions), arguments, self.env)


@pytest.fixture
def launched(tmp_path: Path, prefix: Path) -> Launched:
    return Launched(tmp_path, prefix)


def talker(**attributes: Any) -> dict[str, Any]:
    return {"node": {"pkg": "robot", "exec": "talker", **attributes}}


def test_node_becomes_a_command_line(launched: Launched, prefix: Path) -> None:
    (process,) = launched(
        {"arg": {"name": "ns", "default": "left"}},
        talker(
            name="voice",
            namespace="$(var ns)",
            remap=[{"from": "chat", "to": "$(var ns)/chat"}],
            args="--say 'good morning'",
            respawn=True,
            respawn_delay=2.0,
        ),
    )
    assert process.name == "voice"
    assert process.command == (str(prefix / "lib/robot/talker"), "--say", "good morning")
    assert process.ros_arguments == ("-r", "__node:=voice", "-r", "__ns:=/left", "-r", "chat:=left/chat")
    assert process.respawn and process.respawn_delay == 2.0


def test_argument_given_wins_over_its_default(launched: Launched) -> None:
    actions = [{"arg": {"name": "rate", "default": "10"}}, talker(param=[{"name": "rate", "value": "$(var rate)"}])]
    assert launched(*actions)[0].parameters == ({"rate": 10},)
    assert launched(*actions, rate="25.5")[0].parameters == ({"rate": 25.5},)


@pytest.mark.parametrize(
    ("value", "given", "expected"),
    [
        ("$(var x)", "7", 7),
        ("$(var x)", "true", True),
        ("$(var x)", "[a, b]", ["a", "b"]),
        ("'$(var x)'", "7", "7"),
        ("'$(var x)'", "", ""),
        ("'$(var x)'", "it's here.wav", "it's here.wav"),
        ("12", "unused", "12"),
        (12, "unused", 12),
        (["$(var x)", "b"], "a", ["a", "b"]),
    ],
)
def test_parameter_types(launched: Launched, value: Any, given: str, expected: Any) -> None:
    (process,) = launched({"arg": {"name": "x"}}, talker(param=[{"name": "p", "value": value}]), x=given)
    assert process.parameters == ({"p": expected},)
    assert type(process.parameters[0]["p"]) is type(expected)  # type: ignore[index]


def test_parameter_files_come_before_parameters_that_the_launch_file_gives(launched: Launched, prefix: Path) -> None:
    (process,) = launched(
        talker(
            param=[
                {"name": "a", "value": 1},
                {"from": "$(find-pkg-share robot)/talker.yaml"},
                {"name": "b", "param": [{"name": "c", "value": 2}]},
            ]
        )
    )
    assert process.parameters == (prefix / "share/robot/talker.yaml", {"a": 1, "b": {"c": 2}})


def test_conditions(launched: Launched) -> None:
    actions = [
        {"arg": {"name": "on", "default": "true"}},
        talker(name="a", **{"if": "$(var on)"}),
        talker(name="b", unless="$(var on)"),
        {"group": {"if": "$(var on)", "children": [talker(name="c")]}},
    ]
    assert [process.name for process in launched(*actions)] == ["a", "c"]
    assert [process.name for process in launched(*actions, on="False")] == ["b"]
    with pytest.raises(LaunchError, match="'maybe' is neither true nor false"):
        launched(*actions, on="maybe")


def test_variable_named_by_a_variable(launched: Launched) -> None:
    actions = [
        {"arg": {"name": "source", "default": "file"}},
        {"let": {"name": "run_file", "value": "true"}},
        {"let": {"name": "run_topic", "value": "false"}},
        talker(**{"if": "$(var run_$(var source))"}),
    ]
    assert len(launched(*actions)) == 1
    assert launched(*actions, source="topic") == []


def test_environment_is_set_from_there_on_and_a_group_keeps_its_own(launched: Launched) -> None:
    before, inside, after = launched(
        talker(name="before"),
        {
            "group": [
                {"set_env": {"name": "MODE", "value": "inner"}},
                talker(name="inside", env=[{"name": "EXTRA", "value": "$(env HOME)/x"}]),
            ]
        },
        {"set_env": {"name": "MODE", "value": "$(env MODE outer)"}},
        talker(name="after"),
    )
    assert "MODE" not in before.env
    assert inside.env["MODE"] == "inner" and inside.env["EXTRA"] == "/home/robot/x"
    assert after.env["MODE"] == "outer" and "EXTRA" not in after.env


def test_include_passes_arguments_and_knows_its_own_folder(launched: Launched) -> None:
    inner = launched.write({"arg": {"name": "who"}}, talker(name="$(var who)", args="$(dirname)/file"), name="inner.launch.yaml")
    (process,) = launched({"include": {"file": "$(dirname)/inner.launch.yaml", "arg": [{"name": "who", "value": "friend"}]}})
    assert process.name == "friend"
    assert process.command[1] == str(inner.parent / "file")


def test_processes_of_one_name_are_told_apart(launched: Launched) -> None:
    assert [process.name for process in launched(talker(), talker(), talker(name="other"))] == ["talker-1", "talker-2", "other"]


@pytest.mark.parametrize(
    ("action", "named"),
    [
        ({"timer": {"period": 1.0}}, "timer"),
        ({"executable": {"cmd": "ls"}}, "executable"),
        (talker(emulate_tty=True), "emulate_tty"),
        (talker(respawn="sometimes"), "sometimes"),
        (talker(respawn_delay="2"), "respawn_delay"),
        (talker(output="full"), "full"),
        (talker(name="$(anon x)"), r"\$\(anon x\)"),
        (talker(name="$(eval 1 + 1)"), "eval"),
        (talker(name="$(var unheard)"), "unheard"),
        (talker(name="$(env UNHEARD_OF)"), "UNHEARD_OF"),
        (talker(args="$(find-pkg-share unheard)"), "unheard"),
        (talker(param=[{"from": "/nowhere.yaml"}]), "/nowhere.yaml"),
        (talker(param=[{"from": "/nowhere.yaml", "name": "x"}]), "from"),
        (talker(param=[{"name": "x"}]), "value"),
        (talker(remap=[{"from": "x"}]), "to"),
        (talker(name="$(var x"), "not closed"),
        ({"node": {"pkg": "robot", "exec": "walker"}}, "robot has no executable walker"),
        ({"node": {"exec": "talker"}}, "pkg"),
        ({"arg": {"name": "x", "default": 3}}, "quotes"),
        ({"arg": {"name": "x", "default": "$(var y)"}}, "y"),
        ({"include": {"file": "/nowhere.launch.yaml"}}, "/nowhere.launch.yaml"),
        ("node", "mapping"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(launched: Launched, action: Any, named: str) -> None:
    with pytest.raises(LaunchError, match=named):
        launched(action)


def test_arguments_that_do_not_fit_are_refused(launched: Launched) -> None:
    actions = [{"arg": {"name": "mode", "choice": [{"value": "a"}, {"value": "b"}]}}, talker()]
    with pytest.raises(LaunchError, match="needs the argument mode"):
        launched(*actions)
    with pytest.raises(LaunchError, match="mode:=c is not one of a, b"):
        launched(*actions, mode="c")
    with pytest.raises(LaunchError, match="no argument mood; its arguments are: mode"):
        launched(*actions, mode="a", mood="b")


@pytest.mark.parametrize("text", ["", "launch:", "- node:", "launch: [}", "nodes: []"])
def test_file_that_is_no_launch_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.launch.yaml"
    path.write_text(text)
    with pytest.raises(LaunchError, match=r"x\.launch\.yaml"):
        describe(path, {}, {})


def test_substitution_text() -> None:
    def resolve(name: str, arguments: list[str]) -> str:
        return f"<{name}:{'|'.join(arguments)}>"

    assert expand(r"a\$(b) $(c d 'e f' $(g \)))", resolve) == "a$(b) <c:d|e f|<g:)>>"
    assert expand_words("--path $(p one)/x 'two words' $(q)", resolve) == ["--path", "<p:one>/x", "two words", "<q:>"]
    assert expand_words("$(p 'a b')", lambda name, arguments: "with spaces in it") == ["with spaces in it"]


def test_program_of_another_environment_finds_its_own_libraries(prefix: Path) -> None:
    env = {BOOTSTRAP_MARK: "1", "LD_LIBRARY_PATH": f"{sys.prefix}/lib:/opt/own"}
    ours = process_environment(env, [sys.executable, "-c", ""])
    assert ours[BOOTSTRAP_MARK] == "1" and ours["LD_LIBRARY_PATH"] == env["LD_LIBRARY_PATH"]
    other = process_environment(env, [str(prefix / "lib/robot/talker")])
    assert BOOTSTRAP_MARK not in other and other["LD_LIBRARY_PATH"] == "/opt/own"


def test_own_launch_files_are_found_by_name() -> None:
    assert set(launch_files()) == {"avatar", "record", "replay"}
    assert find_launch_file("avatar") == find_launch_file("avatar.launch.yaml") == share_directory("visavis") / "launch/avatar.launch.yaml"
    with pytest.raises(LaunchError, match="avatar, record, replay"):
        find_launch_file("unheard")


def test_every_argument_of_the_own_launch_files_says_what_it_is_for() -> None:
    for path in launch_files().values():
        for argument in read_arguments(path, {}):
            assert argument.description, f"{path.name}: {argument.name}"
