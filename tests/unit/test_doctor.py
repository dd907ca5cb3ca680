"""Each check of `visavis doctor` on a machine that has the thing, and on one that lacks it or has it broken."""

import fcntl
import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from visavis.cli import doctor
from visavis.cli.doctor import Finding
from visavis.launcher import share_directory

MIB = 1 << 20


def levels(findings: list[Finding]) -> list[str]:
    return [finding.level for finding in findings]


@pytest.mark.parametrize(("version", "level"), [((3, 10), "FAIL"), ((3, 11), "OK"), ((3, 12), "OK"), ((3, 13), "FAIL")])
def test_python(version: tuple[int, int], level: str) -> None:
    assert doctor.check_python(version, "/usr/bin/python3").level == level


def test_compiler_and_build_tools() -> None:
    assert doctor.check_compiler({"clang++": "/usr/bin/clang++"}.get).level == "OK"
    assert "g++" in doctor.check_compiler({}.get).todo
    assert doctor.check_build_tools({}.get).level == "OK"
    with_colcon = doctor.check_build_tools({"colcon": "/usr/bin/colcon", "cmake": "/usr/bin/cmake"}.get)
    assert with_colcon.level == "WARN" and "ninja" in with_colcon.detail and "cmake" not in with_colcon.detail


def test_packages_are_compared_with_what_is_asked_for() -> None:
    installed = {"numpy": "2.1.0", "av": "12.0"}

    def version_of(name: str) -> str:
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return installed[name]

    assert levels(doctor.check_packages(["numpy>=2,<3", 'torch>=2; extra == "train"'], version_of)) == ["OK"]
    too_old, absent = doctor.check_packages(["numpy>=2", "av>=14,<19", "rosbags==0.11.9"], version_of)
    assert (too_old.level, too_old.name) == ("FAIL", "package av") and "12.0" in too_old.detail
    assert (absent.level, absent.name) == ("FAIL", "package rosbags") and "rosbags==0.11.9" in absent.todo


def test_import() -> None:
    def load(name: str) -> ModuleType:
        if name == "rclpy":
            raise ImportError("librcl.so: cannot open shared object file")
        return sys.modules["json"]

    assert doctor.check_import("json", load, "reinstall") == Finding("OK", "json", str(json.__file__))
    assert doctor.check_import("rclpy", load, "reinstall") == Finding(
        "FAIL", "rclpy", "cannot be imported: librcl.so: cannot open shared object file", "reinstall"
    )


def test_messages_that_were_built_from_older_definitions() -> None:
    text = "# about\nstd_msgs/Header header  # stamp\n\nint16[] samples\n"

    def fields(*names: str) -> Any:
        return lambda message: names

    def unknown(message: str) -> Sequence[str]:
        raise AttributeError(message)

    assert doctor.check_messages({"Audio": text}, fields("header", "samples")).level == "OK"
    assert doctor.check_messages({"Audio": text}, fields("header")).level == "FAIL"
    assert doctor.check_messages({"Audio": text}, fields("header", "renamed")).level == "FAIL"
    assert "make setup" in doctor.check_messages({"Audio": text}, unknown).todo


def test_system_libraries() -> None:
    def load(name: str) -> None:
        if name == "libEGL.so.1":
            raise OSError("libEGL.so.1: cannot open shared object file")

    assert levels(doctor.check_libraries(lambda name: None)) == ["OK"]
    (finding,) = doctor.check_libraries(load)
    assert finding.level == "FAIL" and "mediapipe" in finding.detail and "libegl1" in finding.todo


def test_shared_memory(tmp_path: Path) -> None:
    assert levels(doctor.check_shared_memory(tmp_path / "absent", lambda folder: 0)) == ["FAIL"]
    assert levels(doctor.check_shared_memory(tmp_path, lambda folder: 20 * MIB)) == ["FAIL"]
    assert levels(doctor.check_shared_memory(tmp_path, lambda folder: 64 * MIB)) == ["OK"]


def test_segments_of_killed_processes_are_told_from_those_in_use(tmp_path: Path) -> None:
    for name in ("fastrtps_dead", "fastrtps_alive", "unrelated"):
        (tmp_path / name).write_bytes(b"x" * MIB)
        (tmp_path / f"{name}_el").touch()
    holder = (
        "import fcntl, sys, time; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_SH); print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", holder, str(tmp_path / "fastrtps_alive_el")], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        assert doctor.leaked_segments(tmp_path) == ["fastrtps_dead"]
        room, leaked = doctor.check_shared_memory(tmp_path, lambda folder: 64 * MIB)
        assert room.level == "OK"
        assert leaked.level == "WARN" and "1 segments (1 MiB)" in leaked.detail and "fastdds shm clean" in leaked.todo
    finally:
        process.kill()
        process.communicate()
    with (tmp_path / "fastrtps_alive_el").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # looking did not keep the lock


def test_audio_devices() -> None:
    from visavis.audio.portaudio import SoundDevice

    def broken() -> Sequence[Any]:
        raise OSError("PortAudio library not found")

    assert doctor.check_audio(list).level == "WARN"
    assert doctor.check_audio(broken).detail == "PortAudio library not found"
    found = doctor.check_audio(lambda: [SoundDevice(3, "USB Mic", 1, 48000, True)])
    assert found == Finding("OK", "microphone", "3: USB Mic (default)")


def test_transport_profile(tmp_path: Path) -> None:
    own = share_directory("visavis") / "config" / "fastdds_avatar.xml"
    assert levels(doctor.check_transport({}, own)) == ["OK"]
    other = tmp_path / "other.xml"
    other.write_text("<dds><profiles/></dds>")
    (warned,) = doctor.check_transport({"FASTRTPS_DEFAULT_PROFILES_FILE": str(other)}, own)
    assert warned.level == "WARN" and "shared memory" in warned.detail
    other.write_text("<dds>")
    assert levels(doctor.check_transport({"FASTRTPS_DEFAULT_PROFILES_FILE": str(other)}, own)) == ["FAIL"]
    (absent,) = doctor.check_transport({"FASTRTPS_DEFAULT_PROFILES_FILE": str(tmp_path / "absent.xml")}, own)
    assert absent.level == "FAIL" and "absent.xml" in absent.detail


@pytest.mark.parametrize(
    ("variable", "value", "level"),
    [
        ("FASTDDS_DEFAULT_PROFILES_FILE", "x.xml", "WARN"),
        ("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp", "WARN"),
        ("ROS_DISTRO", "humble", "FAIL"),
    ],
)
def test_transport_variables_that_stand_in_the_way(variable: str, value: str, level: str) -> None:
    own = share_directory("visavis") / "config" / "fastdds_avatar.xml"
    assert levels(doctor.check_transport({variable: value}, own)) == ["OK", level]


def test_home(tmp_path: Path) -> None:
    assert doctor.check_home({}).level == "FAIL"
    assert doctor.check_home({"HOME": str(tmp_path / "not" / "yet")}).level == "OK"
    assert doctor.check_home({"HOME": "/proc/1"}).level == "FAIL"


def test_weights(tmp_path: Path) -> None:
    def broken(folder: Path) -> Sequence[str]:
        raise RuntimeError(f"{folder}/encoder.onnx has another sha256")

    assert doctor.check_weights(tmp_path, lambda folder: ["encoder.onnx"]).level == "OK"
    assert doctor.check_weights(tmp_path, lambda folder: []).level == "FAIL"
    found = doctor.check_weights(tmp_path, broken)
    assert found.level == "FAIL" and "encoder.onnx" in found.detail


def test_assets() -> None:
    assert levels(doctor.check_assets({"face": None})) == ["OK"]
    (finding,) = doctor.check_assets({"face": None, "hand": "hand is missing"})
    assert finding == Finding("FAIL", "asset hand", "hand is missing", "run `visavis assets fetch hand`")


def test_providers() -> None:
    cpu = ["CPUExecutionProvider"]
    assert doctor.check_providers(cpu, ["onnxruntime"], has_gpu=False) == Finding("OK", "networks run on", "CPUExecutionProvider")
    assert "onnxruntime-gpu" in doctor.check_providers(cpu, ["onnxruntime"], has_gpu=True).todo
    assert doctor.check_providers(cpu, ["onnxruntime", "onnxruntime-gpu"], has_gpu=True).level == "WARN"
    assert doctor.check_providers(["CUDAExecutionProvider", *cpu], ["onnxruntime-gpu"], has_gpu=True).todo == ""


def test_cores_and_memory() -> None:
    assert doctor.check_cores(2, 0.3).level == "OK"
    assert doctor.check_cores(1, 0.0).level == "WARN"
    assert doctor.check_cores(4, 3.5).level == "WARN"
    assert doctor.check_memory(8192 * MIB).level == "OK"
    assert doctor.check_memory(512 * MIB).level == "WARN"


def test_command_prints_every_finding_and_fails_when_one_does(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import argparse

    findings = [Finding("OK", "python", "3.11"), Finding("FAIL", "weights", "cut short", "install again")]
    monkeypatch.setattr(doctor, "examine", lambda: findings)
    assert doctor.run(argparse.Namespace(json=False)) == 1
    printed = capsys.readouterr().out
    assert "FAIL  weights" in printed and "-> install again" in printed and "1 failures" in printed
    assert doctor.run(argparse.Namespace(json=True)) == 1
    assert json.loads(capsys.readouterr().out)["findings"][1]["todo"] == "install again"
    findings.pop()
    assert doctor.run(argparse.Namespace(json=False)) == 0


def test_real_machine_passes_what_the_tests_themselves_need() -> None:
    """The checks find on this machine what these very tests run on."""
    found = {finding.name: finding for finding in doctor.examine()}
    for name in ("python", "packages", "rclpy", "visavis_msgs.msg", "messages", "system libraries", "launch files", "home"):
        assert found[name].level == "OK", found[name]
