"""`visavis record`: topics of the running graph into a rosbag2 bag, and the repair of one that was not closed."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "record",
        help="record topics of the running graph into a rosbag2 bag",
        description="Record topics of the running graph into a rosbag2 bag until Ctrl-C. "
        "A recording that is killed keeps all but about its last second; --repair then makes the bag whole again.",
    )
    parser.add_argument("bag", nargs="?", type=Path, help="folder of the bag (default: bag_ and the time)")
    parser.add_argument("--topics", nargs="+", metavar="TOPIC", help="default: audio motion image_raw/compressed")
    parser.add_argument("--storage", choices=("mcap", "sqlite3"), default="mcap", help="file format (default: %(default)s)")
    parser.add_argument("--duration", type=float, default=0.0, metavar="SECONDS", help="end by itself after so long")
    parser.add_argument("--namespace", default="", help="namespace of the avatar")
    parser.add_argument("--repair", action="store_true", help="make a bag whole whose recording was killed; nothing is recorded")


def run(args: argparse.Namespace) -> int:
    from visavis.nodes.process import end_process, run_process
    from visavis.nodes.recorder import DEFAULT_TOPICS, Recorder, RecorderConfig
    from visavis.ros.bags import BagError, repair_bag

    if args.repair:
        if args.bag is None:
            print("visavis record --repair: name the bag", file=sys.stderr)
            return 2
        try:
            counts = repair_bag(args.bag)
        except (BagError, OSError) as error:
            print(f"visavis record: {error}", file=sys.stderr)
            return 1
        saved = ", ".join(f"{count} of {topic}" for topic, count in sorted(counts.items()))
        print(f"{args.bag} is whole again: {saved or 'no messages'}")
        print(f"what was found is kept in {args.bag}.damaged: delete it when you are content")
        return 0
    if args.duration < 0:
        print("visavis record: --duration must not be negative", file=sys.stderr)
        return 2
    bag = args.bag or Path(time.strftime("bag_%Y%m%d_%H%M%S"))
    config = RecorderConfig(str(bag), tuple(args.topics or DEFAULT_TOPICS), args.storage, args.duration)
    end_process(run_process(lambda: Recorder(config, namespace=args.namespace or None), [], drain=True))
