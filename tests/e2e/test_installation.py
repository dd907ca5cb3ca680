"""Installing what is committed: a fresh clone by make, a wheel by pip, and both packages by colcon."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if name
    not in {"PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "AMENT_PREFIX_PATH", "MAKEFLAGS", "MAKELEVEL", "_ROS_WHEELS_BOOTSTRAP_COMPLETE"}
}
pytestmark = [pytest.mark.slow, pytest.mark.offline]


def run(*command: str | Path, cwd: Path, seconds: float) -> str:
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=CLEAN, capture_output=True, text=True, check=False, timeout=seconds)
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def base_python() -> str:
    """The interpreter that the environment of the tests was made from."""
    return str(getattr(sys, "_base_executable", sys.executable))


@pytest.mark.timeout(900)
def test_fresh_clone_is_set_up_by_make_and_once_only(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", ROOT, clone, cwd=tmp_path, seconds=250)
    run("make", "setup", f"PYTHON={base_python()}", cwd=clone, seconds=850)
    stamps = {path: path.stat().st_mtime_ns for path in (clone / ".venv" / ".stamps").iterdir()}
    again = run("make", "setup", f"PYTHON={base_python()}", cwd=clone, seconds=250)
    assert "Installing" not in again and "Building" not in again
    assert {path: path.stat().st_mtime_ns for path in (clone / ".venv" / ".stamps").iterdir()} == stamps, "nothing was done again"
    report = subprocess.run(
        [clone / ".venv/bin/visavis", "doctor", "--json"], cwd=tmp_path, env=CLEAN, capture_output=True, text=True, check=False
    )
    findings = {finding["name"]: finding for finding in json.loads(report.stdout)["findings"]}
    for name in ("python", "packages", "rclpy", "visavis_msgs.msg", "messages", "system libraries", "launch files", "weights"):
        assert findings[name]["level"] == "OK", findings[name]
    assert str(clone) in findings["rclpy"]["detail"], "the report is that of the clone, not of this environment"
    absent = subprocess.run([clone / ".venv/bin/python", "-c", "import torch"], cwd=tmp_path, env=CLEAN, capture_output=True, check=False)
    assert absent.returncode != 0, "the default installation brings torch"


@pytest.mark.timeout(300)
def test_wheel_brings_its_launch_files_settings_and_data(tmp_path: Path) -> None:
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT, cwd=tmp_path, seconds=250)
    (wheel,) = tmp_path.glob("visavis-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = run("git", "ls-files", "src/visavis", cwd=ROOT, seconds=250).split()
    missing = {name.removeprefix("src/") for name in tracked} - names
    assert not missing, f"in the repository, not in the wheel: {sorted(missing)}"
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv", cwd=tmp_path, seconds=250)
    python = tmp_path / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=tmp_path, seconds=250)
    code = (
        "from visavis.launcher import launch_files, share_directory; print(*launch_files().values(), share_directory('visavis'), sep='\\n')"
    )
    libraries = str(Path(yaml.__file__).parents[1])  # of the environment of the tests, after its own: only PyYAML is needed
    found = run(python, "-c", f"import sys; sys.path.append({libraries!r}); {code}", cwd=tmp_path, seconds=250)
    *files, share = found.splitlines()
    assert Path(share) == tmp_path / "venv" / "share" / "visavis"
    assert {Path(file).name for file in files} == {"avatar.launch.yaml", "record.launch.yaml", "replay.launch.yaml"}
    for name in ("package.xml", "config/avatar.yaml", "config/fastdds_avatar.xml"):
        assert (Path(share) / name).read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.timeout(600)
def test_colcon_builds_both_packages() -> None:
    printed = run("bash", ROOT / ".ci" / "check_colcon.sh", sys.executable, cwd=ROOT, seconds=590)
    assert "colcon builds visavis and visavis_msgs" in printed
