"""Where packages keep their launch files, settings and executables: a ROS 2 prefix, a Python environment, or a checkout of visavis."""

import importlib.util
import os
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path

import visavis
from visavis.launcher.errors import LaunchError

PACKAGE = "visavis"
LAUNCH_SUFFIX = ".launch.yaml"
BOOTSTRAP_MARK = "_ROS_WHEELS_BOOTSTRAP_COMPLETE"
"""Set by the ROS wheels once they have pointed LD_LIBRARY_PATH at their own libraries."""


def prefixes(env: Mapping[str, str]) -> list[Path]:
    """Install prefixes to search, first match wins: those of AMENT_PREFIX_PATH, then this Python's own."""
    named = [Path(entry) for entry in env.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if entry]
    own = Path(sys.prefix)
    return named if own in named else [*named, own]


def checkout_root() -> Path | None:
    """Root of the repository that visavis is imported from (editable install, PYTHONPATH), or None for an installed copy."""
    root = Path(visavis.__file__).resolve().parents[2]
    return root if (root / "package.xml").is_file() and (root / "launch").is_dir() else None


def share_directory(package: str, env: Mapping[str, str] | None = None) -> Path:
    """Folder of a package's shared files. visavis itself run from a checkout uses the files of the checkout.

    Raises LaunchError for a package that is not installed.
    """
    if package == PACKAGE and (root := checkout_root()) is not None:
        return root
    searched = prefixes(os.environ if env is None else env)
    for prefix in searched:
        if (folder := prefix / "share" / package).is_dir():
            return folder
    raise LaunchError(f"package {package} is not installed: no share/{package} in {', '.join(map(str, searched))}")


def launch_files() -> dict[str, Path]:
    """Name -> path of the launch files that visavis brings; `avatar` for launch/avatar.launch.yaml."""
    folder = share_directory(PACKAGE) / "launch"
    return {path.name.removesuffix(LAUNCH_SUFFIX): path for path in sorted(folder.glob(f"*{LAUNCH_SUFFIX}"))}


def find_launch_file(name_or_path: str | Path) -> Path:
    """Path of a launch file given by its name (`avatar`, `avatar.launch.yaml`) or by a path. LaunchError where there is none."""
    known = launch_files()
    name = str(name_or_path)
    if name.removesuffix(LAUNCH_SUFFIX) in known and not Path(name).is_file():
        return known[name.removesuffix(LAUNCH_SUFFIX)]
    path = Path(name_or_path)
    if not path.is_file():
        raise LaunchError(f"no launch file {name}: give a path, or one of {', '.join(known)}")
    return path


def executable_command(package: str, executable: str, env: Mapping[str, str]) -> list[str]:
    """Command line that runs an executable of a package, or LaunchError.

    Looked for in lib/<package> of the prefixes, as `ros2 run` does; then among the console scripts that pip installed with the package;
    for visavis itself at last among its node modules, so that a checkout works without being installed.
    """
    for prefix in prefixes(env):
        path = prefix / "lib" / package / executable
        if path.is_file() and os.access(path, os.X_OK):
            return [str(path)]
    for script in entry_points(group="console_scripts", name=executable):
        if script.module.partition(".")[0] == package:
            return _python_command(executable, script.module, script.attr)
    module = f"{PACKAGE}.nodes.{executable}"
    if package == PACKAGE and executable.isidentifier() and importlib.util.find_spec(module) is not None:
        return _python_command(executable, module, "main")
    raise LaunchError(f"package {package} has no executable {executable}")


def _python_command(name: str, module: str, function: str) -> list[str]:
    """Runs a function as the program ``name``. A signal that comes while it still imports ends it at once and without a word."""
    code = (
        f"import os, signal, sys; sys.argv[0] = {name!r}; "
        "[signal.signal(number, lambda *_: os._exit(0)) for number in (signal.SIGINT, signal.SIGTERM)]; "
        f"from {module} import {function}; sys.exit({function}())"
    )
    return [sys.executable, "-c", code]


def process_environment(env: Mapping[str, str], command: list[str]) -> dict[str, str]:
    """Environment for one process: output not held back, a prefix for ROS 2 to find packages in, and no foreign libraries.

    A program of another Python environment must find the ROS libraries of its own, so the traces of ours are taken out.
    """
    result = {"PYTHONUNBUFFERED": "1", "AMENT_PREFIX_PATH": sys.prefix, **env}
    belongs_here = command[0] == sys.executable or Path(command[0]).is_relative_to(sys.prefix)
    if not belongs_here and BOOTSTRAP_MARK in result:
        del result[BOOTSTRAP_MARK]
        kept = [entry for entry in result.get("LD_LIBRARY_PATH", "").split(os.pathsep) if entry and not entry.startswith(sys.prefix)]
        result["LD_LIBRARY_PATH"] = os.pathsep.join(kept)
    return result
