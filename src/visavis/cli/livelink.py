"""`visavis livelink`: face captures of Epic's app Live Link Face in, motion for other rigs out, as the CSV files that the app writes."""

import argparse
import sys
import time
from pathlib import Path

from visavis.cli.clip import add_model_arguments, load_clip
from visavis.cli.steering import add_steering_arguments, steering_of
from visavis.timing import FRAME_RATE


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser(
        "livelink",
        help="bring a capture of Live Link Face into a bag, or write motion as its CSV",
        description="CSV files of Live Link Face: the 52 ARKit weights, the head and the eyes.",
    )
    ways = parser.add_subparsers(dest="way", metavar="WAY", required=True)
    out = ways.add_parser(
        "export",
        help="write motion as a CSV that drives MetaHumans and other rigs",
        description="Write motion as Live Link Face does. Shifts of the head, body and hands have no columns there.",
    )
    out.add_argument(
        "motion",
        metavar="MOTION",
        help="a bag with the topic motion, NAME.motion.npz, or a sound file, to which the model then moves",
    )
    out.add_argument("output", metavar="OUT.csv", help="replaced where it exists")
    out.add_argument("--rate", type=int, default=60, choices=(30, 60), help="lines a second (default 60, as the app)")
    out.add_argument("--from", dest="begin", type=float, default=0.0, metavar="SECONDS", help="begin here")
    out.add_argument("--to", dest="end", type=float, default=None, metavar="SECONDS", help="end here")
    add_model_arguments(out)
    add_steering_arguments(out)
    back = ways.add_parser(
        "import",
        help="make a bag of motion from a capture, for `visavis replay`",
        description="Make a bag of the topic motion from a take of Live Link Face: `visavis replay` plays it on any portrait.",
    )
    back.add_argument(
        "capture", metavar="IN.csv", help="the take; of the two that the app exports, the calibrated one (..._cal.csv) is better"
    )
    back.add_argument("output", metavar="OUT", help="the bag, a folder that does not exist yet")
    back.add_argument("--rate", type=float, default=None, metavar="FPS", help="frames a second of the timecode (found out without it)")
    back.add_argument("--centre", action="store_true", help="let the middle position of the head look straight ahead")
    back.add_argument("--flip", default="", metavar="ANGLES", help="turn angles of the head about: yaw, pitch, roll, with commas")


def run(args: argparse.Namespace) -> int:
    """Exit status 0 when the file is there, 1 for what cannot be used, 130 after Ctrl-C."""
    from visavis.runtime.weights import WeightsError
    from visavis.store import AssetError

    try:
        return _export(args) if args.way == "export" else _import(args)
    except (WeightsError, AssetError, OSError, ValueError) as error:
        print(f"visavis livelink: {' '.join(str(error).split())}", file=sys.stderr)
        return 1


def _export(args: argparse.Namespace) -> int:
    from visavis.cli.render import check_output
    from visavis.motion.livelink import write_livelink

    source, output = Path(args.motion), Path(args.output)
    if source.suffix.lower() == ".csv":
        raise ValueError(f"{source} is a CSV already: name a bag or a sound file")
    check_output(output, [source], (".csv",))
    clip = load_clip(source, args, steering_of(args), _tell).cut(args.begin, args.end)
    part = output.with_name(f".{output.name}.part")
    try:
        lines = write_livelink(part, clip.motion, args.rate)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
    print(f"{output}: {lines} lines, {args.rate} a second, {len(clip.motion) / FRAME_RATE:.2f} s")
    return 0


def _import(args: argparse.Namespace) -> int:
    from visavis.motion.livelink import read_livelink
    from visavis.ros.clips import write_motion

    flip = tuple(name.strip() for name in args.flip.split(",") if name.strip())
    capture = read_livelink(args.capture, args.rate, flip, args.centre)
    for line in capture.remarks:
        _tell(line)
    output = Path(args.output)
    write_motion(output, capture.motion, time.time_ns())
    seconds = len(capture.motion) / FRAME_RATE
    print(
        f"{output}: {seconds:.2f} s of motion from {capture.lines} lines, {capture.rate:.4g} a second: `visavis replay {output}` plays it"
    )
    return 0


def _tell(line: str) -> None:
    print(f"visavis livelink: {line}", file=sys.stderr)
