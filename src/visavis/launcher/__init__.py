"""Starts the processes of a ROS 2 YAML launch file where the package `launch` is not installed.

The files are those that `ros2 launch` runs; this runner knows a part of their language and refuses the rest by name:

    from visavis.launcher import Launcher

    with Launcher("avatar", {"portrait": "me.jpg", "source": "file", "audio": "speech.wav"}, on_line=print) as graph:
        graph.wait(20.0)
"""

from visavis.launcher.description import Argument, ProcessSpec, describe, read_arguments
from visavis.launcher.errors import LaunchError
from visavis.launcher.processes import Launcher, ProcessStatus
from visavis.launcher.share import find_launch_file, launch_files, share_directory

__all__ = [
    "Argument",
    "LaunchError",
    "Launcher",
    "ProcessSpec",
    "ProcessStatus",
    "describe",
    "find_launch_file",
    "launch_files",
    "read_arguments",
    "share_directory",
]
