"""Who may import whom: the floors of the house, held by reading the imports of every file."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"

FLOORS = {
    "visavis": 0,  # the package itself: its version
    "visavis.types": 0,
    "visavis.types_portrait": 0,
    "visavis.timing": 0,
    "visavis.follow": 0,
    "visavis.ease": 0,
    "visavis.face_offset": 0,
    "visavis.compiled": 0,
    "visavis.store": 0,
    "visavis.motion.layout": 0,
    "visavis.motion.skeleton": 0,
    "visavis.audio": 1,
    "visavis.motion": 1,
    "visavis.control": 1,
    "visavis.video": 1,
    "visavis.portrait": 1,
    "visavis.film": 1,
    "visavis.screen": 1,
    "visavis.runtime": 2,
    "visavis.pipeline": 2,
    "visavis.data": 2,
    "visavis.training": 2,
    "visavis.export": 2,
    "visavis.evaluation": 2,
    "visavis.plotting": 2,
    "visavis.portrait_build": 2,
    "visavis.say": 2,
    "visavis.ros": 3,
    "visavis.launcher": 4,
    "visavis.nodes": 4,
    "visavis.benchmark": 4,
    "visavis.bridge": 4,
    "visavis.cli": 4,
}
"""Module or package -> floor. The longest name that fits counts. Imports go to lower floors, or stay inside one package."""

BESIDE = {
    ("visavis.data", "visavis.runtime"),
    ("visavis.training", "visavis.runtime"),
    ("visavis.training", "visavis.data"),
    ("visavis.training", "visavis.evaluation"),
    ("visavis.export", "visavis.runtime"),
    ("visavis.export", "visavis.training"),
    ("visavis.evaluation", "visavis.runtime"),
    ("visavis.evaluation", "visavis.data"),
    ("visavis.evaluation", "visavis.pipeline"),
    ("visavis.plotting", "visavis.data"),
    ("visavis.plotting", "visavis.evaluation"),
    ("visavis.portrait_build", "visavis.data"),
    ("visavis.say", "visavis.data"),
    ("visavis.portrait_build", "visavis.evaluation"),
    ("visavis.cli", "visavis.launcher"),
    ("visavis.cli", "visavis.nodes"),
    ("visavis.cli", "visavis.benchmark"),
    ("visavis.benchmark", "visavis.launcher"),
    ("visavis.benchmark", "visavis.nodes"),
    ("visavis.benchmark", "visavis.bridge"),
    ("visavis.nodes", "visavis.bridge"),
}
"""Imports between packages of one floor: the offline tools build on the engines and on each other, the commands start the rest.
Never the other way round, and never between stages."""

NODES = {
    "audio_capture",
    "motion_diffusion",
    "control_render",
    "video_generation",
    "recorder",
    "player",
    "robot_inputs",
    "web_bridge",
    "speech_synthesis",
    "sayer",
    "screen",
    "video_encoder",
    "livelink",
}
"""Modules of visavis.nodes that are programs; what nodes share lies in other modules of that folder."""

ROS = ("visavis.ros", "visavis.nodes", "visavis.benchmark", "visavis.cli")
KEPT_IN = {
    "sounddevice": ("visavis.audio.portaudio",),
    "sdl2": ("visavis.screen.window",),
    "mediapipe": ("visavis.portrait.landmarks",),
    "transformers": ("visavis.runtime.transformers_encoder",),
    "cv_bridge": ("visavis.ros.pictures",),
    "sensor_msgs_py": ("visavis.ros.points",),
    "rosbags": ("visavis.ros", "visavis.nodes"),
    "torch": (
        "visavis.training",
        "visavis.export",
        "visavis.runtime.torch_engine",
        "visavis.runtime.transformers_encoder",
        "visavis.runtime.torch_graph",
        "visavis.portrait_build",
    ),  # anny is written in torch
    "anny": ("visavis.portrait_build",),
    "c2pa": ("visavis.film.credentials",),
    "matplotlib": ("visavis.plotting.figure",),
    "misaki": ("visavis.data.phonemes",),
    "num2words": ("visavis.say.text", "visavis.data"),
    "aiohttp": ("visavis.bridge",),
    "aiortc": ("visavis.bridge",),
    "rclpy": ROS,
    "launch": (),
    "launch_ros": (),
}
"""Library -> the only modules or packages that import it, anywhere in their code."""

NOT_FROM_AN_INDEX = {"cv_bridge", "sensor_msgs_py", "visavis_msgs"}
"""Imported where a ROS 2 installation has them; visavis_msgs is built from this repository."""


@dataclass(frozen=True)
class Import:
    module: str
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.module} line {self.line} imports {self.name}"


def imports_of(module: str, source: str, is_package: bool = False) -> list[Import]:
    """Every module that a source text imports, inside functions too. `from a import b` counts as a.b."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [Import(module, node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parent = parts[: len(parts) - node.level + (1 if is_package else 0)]
                base = ".".join([*parent, base]).rstrip(".")
            found += [Import(module, node.lineno, f"{base}.{alias.name}") for alias in node.names]
    return found


def all_imports() -> Iterator[Import]:
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if is_package else parts)
        yield from imports_of(module, path.read_text(encoding="utf-8"), is_package)


def inside(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def package_of(name: str) -> str:
    """The entry of FLOORS that a module belongs to; KeyError for a package that has no floor yet."""
    fitting = [
        entry for entry in FLOORS if inside(name, entry) and (entry != "visavis" or name.count(".") == 0 or name == "visavis.__version__")
    ]
    if not fitting:
        raise KeyError(f"{name} stands on no floor: add its package to FLOORS")
    return max(fitting, key=len)


def breaks_floor(item: Import) -> bool:
    if not inside(item.name, "visavis"):
        return False
    user, used = package_of(item.module), package_of(item.name)
    if user == used or {user, used} == {"visavis.motion", "visavis.motion.layout"}:
        return not (user == used or FLOORS[used] < FLOORS[user])
    return FLOORS[used] >= FLOORS[user] and (user, used) not in BESIDE and not (FLOORS[user] == FLOORS[used] == 0)


def breaks_a_node_apart(item: Import) -> bool:
    """A node imported by another module of its folder."""
    user, used = item.module.split("."), item.name.split(".")
    return user[:2] == used[:2] == ["visavis", "nodes"] and len(used) > 2 and used[2] in NODES and user[2:3] != used[2:3]


def leaves_its_place(item: Import) -> bool:
    library = item.name.split(".")[0]
    allowed = KEPT_IN.get(library)
    if allowed is None and re.fullmatch(r"[a-z0-9_]+_(msgs|srvs|interfaces)", library):
        allowed = ROS
    return allowed is not None and not any(inside(item.module, place) for place in allowed)


@pytest.mark.parametrize("rule", [breaks_floor, breaks_a_node_apart, leaves_its_place])
def test_house_keeps_the_rule(rule: object) -> None:
    assert callable(rule)
    broken = [str(item) for item in all_imports() if rule(item)]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(
    ("rule", "module", "source"),
    [
        (breaks_floor, "visavis.timing", "from visavis.audio import load"),
        (breaks_floor, "visavis.audio.load", "import visavis.motion.stage"),
        (breaks_floor, "visavis.video.renderer", "def draw():\n    from visavis.control.pose import ControlStage"),
        (breaks_floor, "visavis.motion.stage", "from visavis.runtime import engine"),
        (breaks_floor, "visavis.motion.layout", "from visavis.motion import stage"),
        (breaks_floor, "visavis.runtime.engine", "from visavis.training import loop"),
        (breaks_floor, "visavis.ros.convert", "from visavis.nodes import base"),
        (breaks_floor, "visavis.launcher.share", "from visavis.cli import main"),
        (breaks_floor, "visavis.audio.load", "from ..motion import stage"),
        (breaks_a_node_apart, "visavis.nodes.control_render", "from visavis.nodes.audio_capture import main"),
        (breaks_a_node_apart, "visavis.nodes.control_render", "from visavis.nodes import audio_capture"),
        (leaves_its_place, "visavis.control.pose", "import rclpy"),
        (leaves_its_place, "visavis.runtime.onnx_engine", "import torch.nn"),
        (leaves_its_place, "visavis.video.renderer", "from sensor_msgs.msg import Image"),
        (leaves_its_place, "visavis.nodes.video_generation", "from cv_bridge import CvBridge"),
        (leaves_its_place, "visavis.nodes.audio_capture", "import sounddevice"),
    ],
)
def test_rule_sees_what_it_forbids(rule: object, module: str, source: str) -> None:
    assert callable(rule)
    assert any(rule(item) for item in imports_of(module, source))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("visavis.motion.stage", "from visavis.motion.layout import MOTION_DIM"),
        ("visavis.motion.stage", "from visavis.timing import frames_in"),
        (
            "visavis.nodes.control_render",
            "from visavis.nodes.base import StageNode\nimport rclpy\nfrom visavis.control.pose import ControlStage",
        ),
        ("visavis.runtime.torch_engine", "import torch"),
        ("visavis.cli.demo", "from visavis.launcher import Launcher"),
    ],
)
def test_rules_let_through_what_is_allowed(module: str, source: str) -> None:
    for item in imports_of(module, source):
        assert not breaks_floor(item) and not breaks_a_node_apart(item) and not leaves_its_place(item)


def test_every_library_is_declared() -> None:
    """What the code imports and neither Python nor this repository has is named in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    declared = {canonical(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]) for line in listed}
    brought_by = importlib.metadata.packages_distributions()
    also_named = {"yaml": "pyyaml", "cv2": "opencv-contrib-python", "PIL": "pillow"}
    missing = set()
    for item in all_imports():
        library = item.name.split(".")[0]
        if library in sys.stdlib_module_names | NOT_FROM_AN_INDEX | {"visavis"}:
            continue
        if re.fullmatch(r"[a-z0-9_]+_(msgs|srvs|interfaces)", library):
            continue  # the wheels of the messages bring those that they hold
        names = {canonical(name) for name in [library, *brought_by.get(library, [])]} | {also_named.get(library, library)}
        if not any(name in declared or f"ros-jazzy-{name.removeprefix('ros-')}" in declared for name in names):
            missing.add(str(item))
    assert not missing, "\n".join(sorted(missing))


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_help_needs_no_library() -> None:
    """`visavis --help` answers at once: neither ROS nor any numeric library is imported for it."""
    code = "import sys, visavis.cli.main as m\ntry:\n    m.main(['--help'])\nexcept SystemExit: pass\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "argparse" in loaded
    assert not loaded & {"numpy", "cv2", "rclpy", "yaml", "torch", "onnxruntime", "numba"}


def test_folders_of_data_are_no_packages() -> None:
    """A package named launch, config or msg would hide the library of that name from every program that runs in the repository."""
    assert not [str(path) for folder in ("launch", "config", "msg", "resource") for path in (ROOT / folder).rglob("__init__.py")]
