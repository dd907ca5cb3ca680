"""`visavis doctor`: looks at the machine and the installation, and says for each finding whether it is well and what to do.

Every check is a function of what it is given (a path, a mapping, a function that looks something up), so that each can be tried with a
machine that lacks the thing. ``run`` hands them the real ones.
"""

import argparse
import ctypes
import fcntl
import importlib
import importlib.metadata
import json
import os
import platform
import shutil
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement

Level = Literal["OK", "WARN", "FAIL"]
MIB = 1 << 20

LIBRARIES = {
    "libGL.so.1": ("libgl1", "OpenCV"),
    "libgthread-2.0.so.0": ("libglib2.0-0", "OpenCV"),
    "libEGL.so.1": ("libegl1", "mediapipe"),
    "libGLESv2.so.2": ("libgles2", "mediapipe"),
    "libportaudio.so.2": ("libportaudio2", "the microphone"),
}
"""Shared library -> its Debian package and who needs it."""
SHARED_MEMORY_NEEDED = 48 * MIB
"""Bytes of /dev/shm that a graph of four nodes with a recorder takes: a segment of 4 MiB and its ports for each process, and room."""
MEMORY_NEEDED = 2048 * MIB
CORES_NEEDED = 2
RMW = "rmw_fastrtps_cpp"
DISTRIBUTION = "jazzy"


@dataclass(frozen=True)
class Finding:
    """Result of one check. ``todo`` says what to do; it is empty where nothing is."""

    level: Level
    name: str
    detail: str
    todo: str = ""


def check_python(version: tuple[int, int], executable: str) -> Finding:
    shown = f"{version[0]}.{version[1]} at {executable}"
    if (3, 11) <= version <= (3, 12):
        return Finding("OK", "python", shown)
    return Finding("FAIL", "python", shown, "use Python 3.11 or 3.12: `make clean`, then `make setup PYTHON=/path/to/python3.11`")


def check_compiler(which: Callable[[str], str | None]) -> Finding:
    for name in ("c++", "g++", "clang++"):
        if path := which(name):
            return Finding("OK", "compiler", path)
    return Finding("WARN", "compiler", "no C++ compiler; only building the messages needs one", "install it: `apt-get install g++`")


def check_build_tools(which: Callable[[str], str | None]) -> Finding:
    """cmake and a builder are needed by colcon only; pip brings its own."""
    absent = [name for name in ("cmake", "ninja") if which(name) is None]
    if absent and which("colcon"):
        return Finding(
            "WARN", "build tools", f"colcon is here, {' and '.join(absent)} not", "install them: `apt-get install cmake ninja-build`"
        )
    if absent:
        return Finding("OK", "build tools", f"{' and '.join(absent)} not installed; only colcon would need it")
    return Finding("OK", "build tools", f"{which('cmake')}, {which('ninja')}")


def check_packages(requirements: Iterable[str], version_of: Callable[[str], str]) -> list[Finding]:
    """Packages of the default installation against the versions that visavis asks for. ``version_of`` raises PackageNotFoundError."""
    wrong = []
    count = 0
    for line in requirements:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        count += 1
        try:
            version = version_of(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(Finding("FAIL", f"package {requirement.name}", "not installed", f"run `make setup`, or `pip install '{line}'`"))
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            detail = f"{version} is installed, visavis needs {requirement.specifier}"
            wrong.append(Finding("FAIL", f"package {requirement.name}", detail, f"run `pip install '{line}'`"))
    return wrong or [Finding("OK", "packages", f"all {count} are here in the versions that visavis needs")]


def check_import(name: str, load: Callable[[str], Any], todo: str) -> Finding:
    try:
        module = load(name)
    except (ImportError, OSError, RuntimeError) as error:
        return Finding("FAIL", name, f"cannot be imported: {error}", todo)
    return Finding("OK", name, str(getattr(module, "__file__", "built in")))


def check_messages(definitions: Mapping[str, str], fields_of: Callable[[str], Sequence[str]]) -> Finding:
    """Whether the messages that are installed have the fields of the definitions. definitions: name -> text of the .msg file."""
    todo = "build them again: `make setup`, or `pip install --force-reinstall ./ros_ws/src/visavis_msgs`"
    for name, text in definitions.items():
        wanted = [words[1] for line in text.splitlines() if len(words := line.split("#")[0].split()) == 2]
        try:
            found = list(fields_of(name))
        except (ImportError, AttributeError) as error:
            return Finding("FAIL", "messages", f"{name} is not among the installed messages ({error})", todo)
        if found != wanted:
            return Finding("FAIL", "messages", f"{name} was built with other fields: {', '.join(found)}", todo)
    return Finding("OK", "messages", f"{', '.join(definitions)} are those of msg/")


def check_libraries(load: Callable[[str], object]) -> list[Finding]:
    findings = []
    for library, (package, user) in LIBRARIES.items():
        try:
            load(library)
        except OSError as error:
            findings.append(Finding("FAIL", library, f"needed by {user}: {error}", f"install it: `apt-get install {package}`"))
    return findings or [Finding("OK", "system libraries", ", ".join(LIBRARIES))]


def check_shared_memory(folder: Path, free: Callable[[Path], int]) -> list[Finding]:
    """Room for the graph's pictures, and what killed processes left behind."""
    if not folder.is_dir():
        return [Finding("FAIL", "shared memory", f"{folder} is not there", "mount a tmpfs there; in a container use --shm-size=256m")]
    findings = []
    available = free(folder)
    if available < SHARED_MEMORY_NEEDED:
        detail = f"{available // MIB} MiB free in {folder}, the graph needs {SHARED_MEMORY_NEEDED // MIB}"
        findings.append(
            Finding("FAIL", "shared memory", detail, "make it larger: `mount -o remount,size=256m /dev/shm`, or --shm-size=256m")
        )
    else:
        findings.append(Finding("OK", "shared memory", f"{available // MIB} MiB free in {folder}"))
    if left := leaked_segments(folder):
        size = sum((folder / name).stat().st_size for name in left if (folder / name).exists())
        detail = f"{len(left)} segments ({size // MIB} MiB) of processes that were killed"
        findings.append(Finding("WARN", "leaked segments", detail, "remove them: `fastdds shm clean`"))
    return findings


def leaked_segments(folder: Path) -> list[str]:
    """Shared memory segments of Fast DDS whose process is gone: a living one holds a lock on the file `<segment>_el` beside it."""
    left = []
    for lock in sorted(folder.glob("fastrtps_*_el")):
        try:
            with lock.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # held by its process, or not ours to look at
            continue
        left.append(lock.name.removesuffix("_el"))
    return left


def check_audio(list_devices: Callable[[], Sequence[Any]]) -> Finding:
    todo = "plug one in, or use source:=file or source:=topic"
    try:
        devices = list_devices()
    except (RuntimeError, OSError, ValueError) as error:
        return Finding("WARN", "microphone", str(error), todo)
    if not devices:
        return Finding("WARN", "microphone", "no input device", todo)
    shown = ", ".join(f"{device.index}: {device.name}{' (default)' if device.is_default else ''}" for device in devices)
    return Finding("OK", "microphone", shown)


def check_transport(env: Mapping[str, str], own_profile: Path) -> list[Finding]:
    """The middleware and the profile that a graph started with these environment variables would use."""
    findings = []
    profile = Path(env.get("FASTRTPS_DEFAULT_PROFILES_FILE", own_profile))
    name = "transport profile"
    unset = "unset FASTRTPS_DEFAULT_PROFILES_FILE, so that launch sets its own profile"
    try:
        root = ElementTree.parse(profile).getroot()
    except OSError as error:
        findings.append(Finding("FAIL", name, f"cannot read {profile}: {error.strerror}", unset))
    except ElementTree.ParseError as error:
        findings.append(Finding("FAIL", name, f"{profile} is no XML: {error}", unset))
    else:
        if profile != own_profile and not any(node.tag.endswith("segment_size") for node in root.iter()):
            detail = f"{profile} sets no size for shared memory: pictures may be late or lost"
            findings.append(Finding("WARN", name, detail, unset))
        else:
            findings.append(Finding("OK", name, str(profile)))
    if "FASTDDS_DEFAULT_PROFILES_FILE" in env:
        detail = "FASTDDS_DEFAULT_PROFILES_FILE has no effect on ROS 2 Jazzy"
        findings.append(Finding("WARN", "transport variable", detail, "use FASTRTPS_DEFAULT_PROFILES_FILE"))
    if (other := env.get("RMW_IMPLEMENTATION", RMW)) != RMW:
        detail = f"RMW_IMPLEMENTATION={other}: the transport profile is for {RMW}"
        findings.append(Finding("WARN", "middleware", detail, "unset RMW_IMPLEMENTATION, or tune that middleware for pictures of 1.2 MB"))
    if (distribution := env.get("ROS_DISTRO", DISTRIBUTION)) != DISTRIBUTION:
        detail = f"ROS 2 {distribution} is sourced in this shell; its libraries and those of {DISTRIBUTION} do not mix"
        findings.append(Finding("FAIL", "ROS distribution", detail, "use a shell in which no other ROS is sourced"))
    return findings


def check_home(env: Mapping[str, str]) -> Finding:
    """ROS 2 writes its log below HOME and does not start without one."""
    folder = env.get("ROS_LOG_DIR") or env.get("ROS_HOME") or env.get("HOME")
    if not folder:
        return Finding("FAIL", "home", "HOME is not set, ROS 2 cannot place its logs", "set HOME or ROS_LOG_DIR")
    place = Path(folder)
    while not place.exists() and place != place.parent:
        place = place.parent
    if not os.access(place, os.W_OK):
        return Finding("FAIL", "home", f"{folder} cannot be written, ROS 2 cannot place its logs", "set ROS_LOG_DIR to a folder of yours")
    return Finding("OK", "home", folder)


def check_weights(folder: Path, verify: Callable[[Path], Sequence[str]]) -> Finding:
    """``verify`` reads every file that the manifest in the folder lists, returns their names, and raises for one that is wrong."""
    try:
        names = verify(folder)
    except (OSError, RuntimeError, ValueError) as error:
        return Finding("FAIL", "weights", str(error), "install visavis again, or give a folder of whole weights")
    if not names:
        return Finding("FAIL", "weights", f"the manifest in {folder} lists no file", "install visavis again")
    return Finding("OK", "weights", f"{', '.join(names)} in {folder}")


def check_assets(problems: Mapping[str, str | None]) -> list[Finding]:
    """problems: name of an asset that the running graph needs -> what is wrong with it, None where nothing is."""
    wrong = [
        Finding("FAIL", f"asset {name}", problem, f"run `visavis assets fetch {name}`") for name, problem in problems.items() if problem
    ]
    return wrong or [Finding("OK", "assets", ", ".join(problems))]


def check_providers(available: Sequence[str], installed: Sequence[str], has_gpu: bool) -> Finding:
    """available: providers that onnxruntime offers. installed: which of onnxruntime and onnxruntime-gpu are installed."""
    shown = ", ".join(name for name in available if name != "AzureExecutionProvider")  # that one asks a service of Microsoft's
    on_gpu = "CUDAExecutionProvider" in available
    if len(installed) > 1 and not on_gpu:
        todo = "`pip uninstall onnxruntime onnxruntime-gpu`, then `pip install onnxruntime-gpu`"
        return Finding("WARN", "networks run on", f"{shown}: onnxruntime hides onnxruntime-gpu, both are installed", todo)
    if has_gpu and not on_gpu:
        todo = "to use it: `pip uninstall onnxruntime`, then `pip install onnxruntime-gpu`"
        return Finding("OK", "networks run on", f"{shown}; the GPU of this machine is not used", todo)
    return Finding("OK", "networks run on", shown)


def check_cores(cores: int, load: float) -> Finding:
    detail = f"{cores} cores, {load:.1f} of them busy"
    if cores < CORES_NEEDED:
        return Finding("WARN", "processor", detail, f"30 pictures a second need {CORES_NEEDED} cores")
    if load > cores - 1:
        return Finding("WARN", "processor", detail, "other programs take what the graph needs: end them, or expect late pictures")
    return Finding("OK", "processor", detail)


def check_memory(available: int) -> Finding:
    detail = f"{available // MIB} MiB available"
    if available < MEMORY_NEEDED:
        return Finding(
            "WARN", "memory", detail, f"the graph and the fit of a portrait need about {MEMORY_NEEDED // MIB} MiB: end other programs"
        )
    return Finding("OK", "memory", detail)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser(
        "doctor",
        help="check this machine and installation",
        description="Check this machine and installation. Exit status 1 if anything is found that keeps the graph from running.",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(args: argparse.Namespace) -> int:
    findings = examine()
    failed = sum(finding.level == "FAIL" for finding in findings)
    warned = sum(finding.level == "WARN" for finding in findings)
    if args.json:
        print(json.dumps({"ok": failed == 0, "findings": [asdict(finding) for finding in findings]}, indent=1))
    else:
        for finding in findings:
            print(f"{finding.level:<5} {finding.name:<18} {finding.detail}")
            if finding.todo:
                print(f"{'':<24} -> {finding.todo}")
        print(f"{len(findings)} checks, {warned} warnings, {failed} failures ({platform.platform()})")
    return 1 if failed else 0


def examine() -> list[Finding]:
    """All checks, on this machine."""
    return [
        check_python(sys.version_info[:2], sys.executable),
        check_compiler(shutil.which),
        check_build_tools(shutil.which),
        *check_packages(_requirements(), importlib.metadata.version),
        check_import("rclpy", importlib.import_module, "run `make setup`"),
        check_import("visavis_msgs.msg", importlib.import_module, "run `make setup`, or `pip install ./ros_ws/src/visavis_msgs`"),
        *_messages(),
        *check_libraries(ctypes.CDLL),
        *check_shared_memory(Path("/dev/shm"), _free_bytes),
        _audio(),
        _launch_files(),
        *_transport(),
        check_home(os.environ),
        _weights(),
        *_assets(),
        _providers(),
        check_cores(len(os.sched_getaffinity(0)), os.getloadavg()[0]),
        _memory(),
    ]


def _requirements() -> list[str]:
    try:
        return importlib.metadata.requires("visavis") or []
    except importlib.metadata.PackageNotFoundError:
        return []


def _messages() -> list[Finding]:
    from visavis.launcher.share import checkout_root

    root = checkout_root()
    if root is None:
        return []

    def fields_of(name: str) -> Sequence[str]:
        return list(getattr(importlib.import_module("visavis_msgs.msg"), name).get_fields_and_field_types())

    return [check_messages({path.stem: path.read_text(encoding="utf-8") for path in sorted((root / "msg").glob("*.msg"))}, fields_of)]


def _free_bytes(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def _audio() -> Finding:
    try:
        from visavis.audio.microphone import list_microphones
    except ImportError as error:
        return Finding("FAIL", "microphone", f"cannot look for one: {error}", "run `make setup`")
    return check_audio(list_microphones)


def _launch_files() -> Finding:
    from visavis.launcher import LaunchError, launch_files

    try:
        names = launch_files()
    except LaunchError as error:
        return Finding("FAIL", "launch files", str(error), "install visavis again: `make setup`")
    return Finding(
        "OK" if names else "FAIL", "launch files", ", ".join(names) or "none", "" if names else "install visavis again: `make setup`"
    )


def _transport() -> list[Finding]:
    from visavis.launcher import LaunchError, share_directory

    try:
        profile = share_directory("visavis") / "config" / "fastdds_avatar.xml"
    except LaunchError:
        return []  # told by the check of the launch files
    return check_transport(os.environ, profile)


def _weights() -> Finding:
    from visavis.runtime.weights import DEFAULT_WEIGHTS, read_manifest

    def verify(folder: Path) -> list[str]:
        manifest = read_manifest(folder)
        return [manifest.path(name).name for name in manifest.files]

    return check_weights(DEFAULT_WEIGHTS, verify)


def _assets() -> list[Finding]:
    from visavis import store

    needed = [entry for entry in store.manifest().values() if entry.use == "setup"]
    return check_assets({entry.name: store.problem_of(entry, store.store_dir() / entry.name) for entry in needed})


def _providers() -> Finding:
    try:
        import onnxruntime
    except ImportError as error:
        return Finding("FAIL", "networks run on", f"onnxruntime cannot be imported: {error}", "run `make setup`")
    installed = [name for name in ("onnxruntime", "onnxruntime-gpu") if _is_installed(name)]
    return check_providers(onnxruntime.get_available_providers(), installed, shutil.which("nvidia-smi") is not None)


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _memory() -> Finding:
    import psutil

    return check_memory(psutil.virtual_memory().available)
