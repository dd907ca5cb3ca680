"""`visavis discovery`: runs the discovery server of Fast DDS, through which nodes of several machines find each other without multicast."""

import argparse
import ipaddress
import os
import shutil
import sys
from pathlib import Path
from typing import Any

PROGRAM = "fast-discovery-server"


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "discovery",
        help="run a discovery server, through which nodes of several machines find each other",
        description="Run the discovery server of Fast DDS until Ctrl-C. On every machine set ROS_DISCOVERY_SERVER=ADDRESS:PORT for the "
        "nodes; tools such as `ros2 topic` need ROS_SUPER_CLIENT=TRUE too.",
    )
    parser.add_argument("--address", default="0.0.0.0", help="address of this machine to listen on (default: all)")
    parser.add_argument("--port", type=int, default=11811, help="UDP port (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    try:
        ipaddress.IPv4Address(args.address)
    except ValueError:
        print(f"visavis discovery: --address takes an IPv4 address, got {args.address}", file=sys.stderr)
        return 2
    if not 1 <= args.port <= 65535:
        print(f"visavis discovery: --port must be from 1 to 65535, got {args.port}", file=sys.stderr)
        return 2
    # The wheels bring the program into the environment, where its libraries are found as rclpy's are.
    program = shutil.which(PROGRAM, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        print(f"visavis discovery: there is no {PROGRAM} here: install ros-jazzy-rmw-fastrtps-cpp (pip or apt)", file=sys.stderr)
        return 1
    os.execv(program, [program, "-i", "0", "-l", args.address, "-p", str(args.port)])
