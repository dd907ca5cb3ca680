"""`visavis say`: the avatar of the running graph speaks a text."""

import argparse
import sys
from typing import Any


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "say",
        help="have the avatar of the running graph speak a text",
        description="Speak a text through the graph that runs with say:=true, and wait until it was spoken; Ctrl-C stops it. "
        "A newer text, `interrupt` and somebody who speaks end it too.",
    )
    parser.add_argument("text", nargs="+", help="up to 4000 characters; - reads it from standard input")
    parser.add_argument("--voice", default="", help="e.g. am_michael, bf_emma, em_alex, im_nicola; default: that of speech_synthesis")
    parser.add_argument("--language", choices=("en", "es", "it"), default="", help="a voice of that language, in place of --voice")
    parser.add_argument("--speed", type=float, default=0.0, help="1 is natural, 0.5 to 2; default: that of the node")
    parser.add_argument("--namespace", default="", help="namespace of the avatar")
    parser.add_argument("--wait", type=float, default=10.0, metavar="SECONDS", help="to wait for the node (default: %(default)s)")
    parser.add_argument("--quiet", action="store_true", help="do not print the sentences as they are spoken")


def run(args: argparse.Namespace) -> int:
    from visavis.nodes.process import end_process, run_process
    from visavis.nodes.sayer import Sayer, SayerConfig
    from visavis.say.text import LANGUAGES

    if args.voice and args.language:
        print("visavis say: a voice has its language: name either --voice or --language", file=sys.stderr)
        return 2
    text = sys.stdin.read() if args.text == ["-"] else " ".join(args.text)
    config = SayerConfig(text, args.voice or (LANGUAGES[args.language][1] if args.language else ""), args.speed, args.wait, args.quiet)
    end_process(run_process(lambda: Sayer(config, namespace=args.namespace or None), []))
