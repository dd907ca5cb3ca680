"""`visavis replay`: publishes a recorded bag again."""

import argparse
import sys
from typing import Any


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "replay",
        help="publish a recorded bag again",
        description="Publish the topics of a bag again: its audio into a graph that was started with source:=topic, "
        "or, with --topics motion, its motion into another portrait: motion_diffusion rests meanwhile.",
    )
    parser.add_argument("bag", help="folder of the bag")
    parser.add_argument("--topics", nargs="+", metavar="TOPIC", default=[], help="default: all that nobody else publishes")
    parser.add_argument(
        "--rate",
        type=float,
        default=1.0,
        help="how fast the messages follow each other, 2 is twice as fast; speech keeps its own pace (default: %(default)s)",
    )
    parser.add_argument("--loop", action="store_true", help="begin again at the end")
    parser.add_argument("--keep-stamps", action="store_true", help="leave the stamps as they were recorded instead of moving them to now")
    parser.add_argument("--wait", type=float, default=5.0, metavar="SECONDS", help="longest wait for subscribers (default: %(default)s)")
    parser.add_argument("--namespace", default="", help="publish within this namespace: /audio of the bag as /NAMESPACE/audio")
    parser.add_argument("--remap", nargs="+", metavar="FROM:=TO", default=[], help="publish under other names, e.g. /audio:=/robot/audio")


def run(args: argparse.Namespace) -> int:
    from visavis.nodes.player import Player, PlayerConfig
    from visavis.nodes.process import end_process, run_process

    if not 0.01 <= args.rate <= 100:
        print(f"visavis replay: --rate must be from 0.01 to 100, got {args.rate}", file=sys.stderr)
        return 2
    if wrong := [rule for rule in args.remap if ":=" not in rule]:
        print(f"visavis replay: --remap takes FROM:=TO, got {' '.join(wrong)}", file=sys.stderr)
        return 2
    remap = [word for rule in args.remap for word in ("-r", rule)]
    config = PlayerConfig(args.bag, tuple(args.topics), args.rate, args.loop, not args.keep_stamps, args.wait)
    end_process(run_process(lambda: Player(config, namespace=args.namespace or None), ["--ros-args", *remap] if remap else []))
