"""What pyproject.toml cannot say: the files that ROS 2 looks for under share/. Read by pip and by colcon (ament_python)."""

from glob import glob

from setuptools import setup

package = "visavis"

setup(
    # Not in pyproject.toml: there the setuptools of Ubuntu 24.04 and that of today want the licence written differently, and the versions
    # of Python become an object that colcon cannot read.
    license="Apache-2.0",
    python_requires=">=3.11,<3.13",
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package}"]),
        (f"share/{package}", ["package.xml"]),
        (f"share/{package}/launch", sorted(glob("launch/*.launch.yaml"))),
        (f"share/{package}/config", sorted(glob("config/*.yaml") + glob("config/*.xml"))),
        (f"share/{package}/config/train", sorted(glob("config/train/*.yaml"))),
    ],
)
