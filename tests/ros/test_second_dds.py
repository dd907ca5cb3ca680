"""Pictures reach a program that is not ROS and not Fast DDS: Eclipse Cyclone DDS from PyPI, in an environment of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ros_graph import Graph

ROS_WHEELS = ("_ROS_WHEELS_BOOTSTRAP_COMPLETE", "LD_LIBRARY_PATH")
LISTENER = Path(__file__).parent / "cyclone_listener.py"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "visavis" / "tests" / "cyclonedds-11.0.1"


@pytest.fixture(scope="session")
def cyclone_python() -> Path:
    """The interpreter of an environment with cyclonedds, which has wheels and needs no ROS."""
    python = CACHE / "bin" / "python"
    if not (CACHE / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", str(CACHE)], check=True)
        # A Python of another environment must not inherit where this one finds its ROS libraries.
        env = {key: value for key, value in os.environ.items() if key not in ROS_WHEELS}
        command = [str(python), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "cyclonedds==11.0.1"]
        subprocess.run(command, check=True, env=env)
        (CACHE / "done").touch()
    return python


@pytest.mark.slow
@pytest.mark.parametrize(("topic", "kind"), [("image_raw", "Image"), ("image_raw/compressed", "CompressedImage")])
def test_another_dds_implementation_receives_the_pictures(ros: Graph, cyclone_python: Path, topic: str, kind: str) -> None:
    ros.env["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "SUBNET"  # LOCALHOST is an agreement between ROS nodes that others do not know
    ros.start_avatar()
    env = {key: value for key, value in ros.env.items() if key not in ROS_WHEELS}
    command = [str(cyclone_python), str(LISTENER), ros.env["ROS_DOMAIN_ID"], topic, kind]
    listener = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        ros.wait(lambda: listener.poll() is not None, "the listener to have its pictures")
    finally:
        listener.kill()
    assert listener.stdout is not None
    said = listener.stdout.read()
    assert listener.returncode == 0, said
    assert int(said.split(" pictures")[0].split()[-1]) >= 20, said
