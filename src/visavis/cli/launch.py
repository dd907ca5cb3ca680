"""`visavis launch`: start the processes of a launch file and keep them until Ctrl-C."""

import argparse
import os
import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any

from visavis.launcher import Launcher, LaunchError, find_launch_file, launch_files, read_arguments

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "launch",
        help="start the processes of a launch file",
        description="Start the processes of a launch file, show what they print, and stop them all on Ctrl-C.",
        epilog="examples: `visavis launch avatar portrait:=me.jpg source:=microphone`, `visavis launch avatar --show-args`",
    )
    parser.add_argument("file", nargs="?", help="a name shown by --list, or the path of any YAML launch file")
    parser.add_argument("arguments", nargs="*", metavar="name:=value", help="arguments of the launch file")
    parser.add_argument("--list", action="store_true", help="list the launch files that visavis brings")
    parser.add_argument("--show-args", action="store_true", help="show the arguments of the launch file and their defaults")
    parser.add_argument("--no-respawn", action="store_true", help="do not start a process again that has ended")


def run(args: argparse.Namespace) -> int:
    try:
        return _run(args)
    except LaunchError as error:
        print(f"visavis launch: {error}", file=sys.stderr)
        return 2


def _run(args: argparse.Namespace) -> int:
    if args.list or args.file is None:
        for name, path in launch_files().items():
            print(f"{name:<10} {path}")
        return 0 if args.list else 2
    if args.show_args:
        return _show_arguments(args.file)
    launcher = Launcher(args.file, parse_arguments(args.arguments), on_line=_print_line, respawn=not args.no_respawn)
    asked_to_stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        asked_to_stop.set()

    before: dict[signal.Signals, Any] = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        launcher.start()
        while launcher.poll() is None and launcher.failure is None and not asked_to_stop.wait(0.2):
            pass
        failure = launcher.failure
        status = launcher.stop()
        if failure is not None:
            raise failure
        return status
    finally:
        launcher.stop()
        for number, handler in before.items():
            signal.signal(number, handler)


def parse_arguments(words: list[str]) -> dict[str, str]:
    """`name:=value` words as a mapping. Raises LaunchError for anything else."""
    result = {}
    for word in words:
        name, separator, value = word.partition(":=")
        if not separator or not name:
            raise LaunchError(f"{word!r} is no argument: write name:=value")
        result[name] = value
    return result


def _show_arguments(file: str) -> int:
    path = find_launch_file(file)
    print(f"Arguments of {path}, to be given as name:=value")
    for argument in read_arguments(path, os.environ):
        default = "must be given" if argument.default is None else f"default: {argument.default!r}"
        choices = f"; one of {', '.join(argument.choices)}" if argument.choices else ""
        print(f"  {argument.name:<20} {argument.description}\n{'':<22} ({default}{choices})")
    return 0


def _print_line(name: str, line: str) -> None:
    print(f"[{name}] {line}", flush=True)
