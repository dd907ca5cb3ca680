"""``visavis eval endurance``: an hour of speech through the motion networks, as one stream."""

import argparse
import dataclasses
import json
from pathlib import Path


def add_parser(measures: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = measures.add_parser("endurance", help="an hour of speech as one stream: time, memory, and whether chunks join unseen")
    parser.add_argument(
        "--audio", type=Path, nargs="+", default=None, help="sound files, spoken over and over (default: the default speech)"
    )
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (default 60; about a sixth of that on one core)")
    parser.add_argument("--weights", type=Path, default=None, help="folder of motion weights (default: those that come with visavis)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the motion (default 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")


def endurance(args: argparse.Namespace) -> int:
    import numpy as np
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from visavis.audio.load import load
    from visavis.cli.defaults import default_speech
    from visavis.evaluation.endurance import endure
    from visavis.motion.stage import MotionConfig
    from visavis.runtime.motion import load_motion_stage
    from visavis.runtime.weights import DEFAULT_WEIGHTS
    from visavis.timing import FRAME_RATE

    if not 0 < args.minutes <= 24 * 60:
        raise ValueError(f"--minutes must be above 0 and at most a day, got {args.minutes:g}")
    stage = load_motion_stage(args.weights or DEFAULT_WEIGHTS, MotionConfig(seed=args.seed))
    samples = np.concatenate([load(path) for path in args.audio or [default_speech()]])
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("speaking", total=args.minutes * 60 * FRAME_RATE)
        found = endure(samples, args.minutes * 60, stage, lambda frames: progress.advance(task, frames))
    if args.json:
        print(json.dumps(dataclasses.asdict(found)))
        return 0
    table = Table(title=f"{found.seconds / 60:g} minutes as one stream")
    for column in ("jump from frame to frame", "inside chunks, 99 %", "largest", "between chunks, 99 %", "largest"):
        table.add_column(column, justify="left" if column.startswith("jump") else "right")
    for name, joins in found.joins.items():
        values = (joins.inside, joins.inside_largest, joins.between, joins.between_largest)
        table.add_row(f"{name}, {'weights' if name == 'lips' else 'm'}", *(f"{value:.4f}" for value in values))
    Console(width=120).print(table)
    print(f"frames: {found.frames} of {found.expected}")
    print(f"work: {found.cpu:.3f} s of one core a second of sound; a chunk {found.slowest_ms:.0f} ms (99 %)")
    print(f"memory: {found.warm_mb:.0f} MB after a minute, {found.end_mb:.0f} MB at the end")
    print(f"state: {found.warm_state} bytes after a minute, {found.end_state} bytes at the end")
    return 0
