"""What is said in more than one file says the same, and the scripts do what they promise."""

import os
import re
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

import visavis
from visavis.cli.doctor import LIBRARIES
from visavis.cli.main import COMMANDS, main
from visavis.launcher import describe, launch_files

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = ROOT / "ros_ws" / "src" / "visavis_msgs"


def toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def text_of(path: Path, tag: str) -> str:
    found = ElementTree.parse(path).getroot().findtext(tag)
    assert found is not None
    return found


def test_one_version_and_licence_everywhere() -> None:
    version = visavis.__version__
    assert toml(ROOT / "pyproject.toml")["project"]["version"] == version
    assert toml(MESSAGES / "pyproject.toml")["project"]["version"] == version
    for package in (ROOT / "package.xml", MESSAGES / "package.xml"):
        assert text_of(package, "version") == version
        assert text_of(package, "license") == "Apache-2.0"


def test_package_names_are_those_of_ros() -> None:
    assert text_of(ROOT / "package.xml", "name") == "visavis"
    assert (ROOT / "resource" / "visavis").is_file()
    assert text_of(MESSAGES / "package.xml", "name") == "visavis_msgs"


def test_every_definition_is_built() -> None:
    defined = {f"{path.parent.name}/{path.name}" for pattern in ("msg/*.msg", "msg/action/*.action") for path in ROOT.glob(pattern)}
    built = set(re.findall(r'"\$\{repository\}(?:/msg)?:([a-z]+/\w+\.\w+)"', (MESSAGES / "CMakeLists.txt").read_text()))
    assert built == defined


def test_ros_packages_that_the_messages_name_are_declared() -> None:
    used = {match for path in (ROOT / "msg").glob("*.msg") for match in re.findall(r"^(\w+)/\w+", path.read_text(), re.MULTILINE)}
    declared = {node.text for node in ElementTree.parse(MESSAGES / "package.xml").getroot().findall("depend")}
    assert used <= declared
    requires = toml(MESSAGES / "pyproject.toml")["project"]["dependencies"]
    assert all(any(line.startswith(f"ros-jazzy-{name.replace('_', '-')}==") for line in requires) for name in used)


def test_ros_packages_that_the_code_imports_are_declared() -> None:
    pattern = re.compile(r"^\s*(?:from|import) (rclpy|cv_bridge|sensor_msgs_py|\w+_(?:msgs|srvs|interfaces))\b", re.MULTILINE)
    used = {name for path in (ROOT / "src").rglob("*.py") for name in pattern.findall(path.read_text(encoding="utf-8"))}
    root = ElementTree.parse(ROOT / "package.xml").getroot()
    declared = {node.text for tag in ("depend", "exec_depend") for node in root.findall(tag)}
    assert {"rclpy", "sensor_msgs", "visavis_msgs"} <= used <= declared


def test_wheels_of_ros_are_pinned_alike_for_building_and_running() -> None:
    project = toml(ROOT / "pyproject.toml")["project"]["dependencies"]
    messages = toml(MESSAGES / "pyproject.toml")
    pins: dict[str, set[str]] = {}
    for line in [*project, *messages["project"]["dependencies"], *messages["build-system"]["requires"]]:
        if line.startswith("ros-"):
            name, _, version = line.partition("==")
            assert version, f"{line} is not pinned"
            pins.setdefault(name, set()).add(version)
    assert {name: versions for name, versions in pins.items() if len(versions) > 1} == {}


def test_default_installation_has_no_torch() -> None:
    project = toml(ROOT / "pyproject.toml")["project"]
    assert not [line for line in project["dependencies"] if line.startswith("torch")]
    assert [line for line in project["optional-dependencies"]["train"] if line.startswith("torch")]


@pytest.mark.parametrize(
    ("name", "arguments", "executables"),
    [
        ("avatar", {"source": "microphone"}, ["audio_capture", "motion_diffusion", "control_render", "video_generation"]),
        ("avatar", {"source": "file", "audio": "a b.wav"}, ["audio_capture", "motion_diffusion", "control_render", "video_generation"]),
        ("avatar", {"source": "topic"}, ["motion_diffusion", "control_render", "video_generation"]),
        ("avatar", {"source": "topic", "web": "true"}, ["motion_diffusion", "control_render", "video_generation", "web_bridge"]),
        ("record", {"output": "bag"}, ["recorder"]),
        ("replay", {"bag": "bag"}, ["player"]),
    ],
)
def test_own_launch_files_start_executables_that_the_package_installs(name: str, arguments: dict[str, str], executables: list[str]) -> None:
    scripts = toml(ROOT / "pyproject.toml")["project"]["scripts"]
    processes = describe(launch_files()[name], arguments, dict(os.environ))
    assert [process.name for process in processes] == executables
    assert set(executables) <= set(scripts)
    for process in processes:
        assert process.env["FASTRTPS_DEFAULT_PROFILES_FILE"].endswith("fastdds_avatar.xml")


def test_settings_of_the_user_win_over_those_of_the_launch_file() -> None:
    env = {**os.environ, "FASTRTPS_DEFAULT_PROFILES_FILE": "/etc/mine.xml", "MALLOC_TRIM_THRESHOLD_": "1", "OMP_NUM_THREADS": "3"}
    (process, *_) = describe(launch_files()["avatar"], {}, env)
    assert {name: process.env[name] for name in ("FASTRTPS_DEFAULT_PROFILES_FILE", "MALLOC_TRIM_THRESHOLD_", "OMP_NUM_THREADS")} == {
        "FASTRTPS_DEFAULT_PROFILES_FILE": "/etc/mine.xml", "MALLOC_TRIM_THRESHOLD_": "1", "OMP_NUM_THREADS": "3",
    }  # fmt: skip


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_of_the_table_has_its_module_and_helps(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Commands for training may lack their extra; they then name it in one line."""
    try:
        status: Any = main([command, "--help"])
    except SystemExit as stop:
        status = stop.code
    printed = capsys.readouterr()
    assert (status == 0 and command in printed.out) or "pip install 'visavis[" in printed.err, printed


def test_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["dance"])
    assert stop.value.code == 2
    assert "dance" in capsys.readouterr().err


def run_script(name: str, *arguments: str, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(ROOT / ".ci" / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path})


def test_python_is_found_or_asked_for(tmp_path: Path) -> None:
    assert run_script("find_python.sh", sys.executable).stdout.strip() == sys.executable
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\nif [ "$1" = --version ]; then echo Python 3.9.2; else exit 1; fi\n')
    old.chmod(0o755)
    refused = run_script("find_python.sh", str(old))
    assert refused.returncode == 1 and "Python 3.9.2" in refused.stderr
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "env"):
        (tools / tool).symlink_to(f"/bin/{tool}" if Path(f"/bin/{tool}").exists() else f"/usr/bin/{tool}")
    none = run_script("find_python.sh", path=str(tools))
    assert none.returncode == 1 and "make PYTHON=" in none.stderr


def test_missing_system_libraries_are_asked_for_where_they_cannot_be_installed(tmp_path: Path) -> None:
    """A Python that can load no library, on a machine without apt."""
    python = tmp_path / "python3"
    python.write_text(f'#!/bin/sh\ncase "$*" in *ctypes*) exit 1;; *) exec {sys.executable} "$@";; esac\n')
    python.chmod(0o755)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "bash").symlink_to("/bin/bash")
    done = run_script("setup_system.sh", str(python), path=str(tools))
    assert done.returncode == 1
    assert "missing: libportaudio.so.2 (package libportaudio2)" in done.stdout
    assert "has no apt" in done.stderr and "libgl1 libglib2.0-0 libegl1 libgles2 libportaudio2 g++" in done.stderr
    assert "chromium" not in done.stdout, "only the tests need a browser"
    assert "(package chromium)" in run_script("setup_system.sh", str(python), "browser", path=str(tools)).stdout


def test_set_up_and_doctor_know_the_same_libraries() -> None:
    script = (ROOT / ".ci" / "setup_system.sh").read_text()
    seen_to = dict(re.findall(r"^need_library (\S+) (\S+)", script, re.MULTILINE))
    assert seen_to == {library: package for library, (package, _) in LIBRARIES.items()}
