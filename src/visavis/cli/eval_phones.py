"""``visavis eval phones``: how well the speech encoder names what real people say, in quiet and in noise."""

import argparse
import dataclasses
import json
from pathlib import Path


def add_parser(measures: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = measures.add_parser("phones", help="what the speech encoder makes of real voices, in quiet and in noise")
    parser.add_argument("--recordings", type=Path, default=None, help="folder of NAME.wav with the words in NAME.txt (default: LibriVox)")
    parser.add_argument("--language", default="en", help="of those recordings: en, es or it (default en)")
    parser.add_argument("--noise", type=float, nargs="*", default=[20.0, 10.0], metavar="DB", help="speech above noise (default 20 10)")
    parser.add_argument("--weights", type=Path, default=None, help="folder of motion weights (default: those that come with visavis)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")


def phones(args: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.table import Table

    from visavis.evaluation.hearing import hear
    from visavis.evaluation.recordings import join, librivox, read_recordings
    from visavis.runtime.motion import load_encoder
    from visavis.runtime.weights import DEFAULT_WEIGHTS

    encoder = load_encoder(args.weights or DEFAULT_WEIGHTS)
    recording = join(librivox() if args.recordings is None else read_recordings(args.recordings, args.language))
    conditions = {"as recorded": None} | {f"noise at {level:g} dB": level for level in args.noise}
    found = {name: hear(recording, encoder, level) for name, level in conditions.items()}
    if args.json:
        print(json.dumps({name: dataclasses.asdict(one) for name, one in found.items()}))
        return 0
    table = Table(title=f"{len(recording.samples) / 16000:.0f} s of {'LibriVox' if args.recordings is None else args.recordings}")
    for column in ("", "phone right", "shape of the mouth right", "P B M found", "P B M right", "silence found"):
        table.add_column(column, justify="right" if column else "left")
    for name, one in found.items():
        shares = (one.phones, one.shapes, one.lips_recall, one.lips_precision, one.silent)
        table.add_row(name, *(f"{100 * share:.0f} %" for share in shares))
    Console(width=120).print(table)
    return 0
