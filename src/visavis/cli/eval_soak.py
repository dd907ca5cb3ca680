"""``visavis eval soak``: eight hours of the graph in simulated time, with sound devices whose clocks are off."""

import argparse
import dataclasses
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from visavis.benchmark.soak import Course, Soak

FRAME_MS = 1000 / 30
GROWTH_MB = 16.0
END_PICTURES = 30
"""So many may be on their way when it ends."""
LOSSES = (
    "drops", "gaps", "repeats", "repeated", "errors", "refused", "late_samples", "skipped_blocks", "far_chunks", "clock_jumps", "anchored",
    "microphone_losses", "sound_losses", "late_pictures", "lost_frames", "out_of_order",
)  # fmt: skip


def add_parser(measures: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = measures.add_parser("soak", help="hours of the whole graph in simulated time, with clocks that are off")
    parser.add_argument(
        "--hours",
        type=float,
        default=8.0,
        help="how long (default 8; four minutes of one core an hour); Ctrl-C ends it with what was found",
    )
    parser.add_argument("--microphone-ppm", type=float, default=100.0, help="by how much its clock is fast (default 100)")
    parser.add_argument("--speaker-ppm", type=float, default=-100.0, help="by how much the loudspeaker's clock is fast (default -100)")
    parser.add_argument(
        "--host-ppm", type=float, default=0.0, help="by how much the clock of the screen's machine is faster than the graph's (default 0)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all chance in it (default 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")


def soak(args: argparse.Namespace) -> int:
    """1 where sound and picture parted by more than a frame, something was lost, or memory grew."""
    from rich.console import Console
    from rich.progress import Progress

    from visavis.benchmark.soak import soak as run

    if not 0.01 <= args.hours <= 100:
        raise ValueError(f"--hours must be 0.01 to 100, got {args.hours:g}")
    for name in ("microphone_ppm", "speaker_ppm", "host_ppm"):
        if not abs(getattr(args, name)) <= 900:
            raise ValueError(f"--{name.replace('_', '-')} must be -900 to 900, got {getattr(args, name):g}")
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("speaking", total=args.hours * 3600)
        found = run(args.hours, args.microphone_ppm, args.speaker_ppm, args.host_ppm, args.seed, lambda s: progress.advance(task, s))
    faults = faults_of(found)
    if args.json:
        print(json.dumps(dataclasses.asdict(found) | {"faults": faults}))
    else:
        _print(found, faults)
    return 1 if faults else 0


def faults_of(found: "Soak") -> list[str]:
    """What is not as it should be, in words; empty where all is well."""
    faults = []
    for name, course in (("screen", found.screen), ("page", found.page)):
        if course is None:
            continue
        apart = max(abs(course.p1), abs(course.p99))
        if apart > FRAME_MS:
            faults.append(f"{name}: picture and sound are up to {apart:.0f} ms apart")
        if abs(course.trend) * found.hours > FRAME_MS / 4:
            faults.append(f"{name}: picture and sound drift apart by {course.trend:+.2f} ms an hour")
    if abs(found.delay.trend) * found.hours > FRAME_MS:
        faults.append(f"the delay changes by {found.delay.trend:+.2f} ms an hour")
    if found.restarts:
        faults.append(f"the microphone went on as a new utterance {found.restarts} times")
    if abs(found.expected - found.pictures) > END_PICTURES:
        faults.append(f"{found.pictures} pictures of {found.expected} were shown")
    faults += [f"{what}: {count}" for what, count in losses(found).items()]
    before, after = found.memory_mb
    if after - before > GROWTH_MB:
        faults.append(f"memory grew from {before:.0f} to {after:.0f} MB")
    return faults


def losses(found: "Soak") -> dict[str, int]:
    """What was lost, late or repeated, by node and name."""
    named = {f"{node} {name}": count for node, counts in found.counters.items() for name, count in counts.items() if name in LOSSES}
    return {name: count for name, count in named.items() if count}


def _print(found: "Soak", faults: list[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    clocks = f"microphone {found.microphone_ppm:+g}, loudspeaker {found.speaker_ppm:+g}, screen's host {found.host_ppm:+g} ppm"
    table = Table(title=f"{found.hours:g} hours of speech, {clocks}; ms")
    for column in ("", "p1", "p50", "p99", "farthest from p50", "trend an hour"):
        table.add_column(column, justify="right" if column else "left")
    rows: dict[str, Course | None] = {
        "picture after its sound, screen": found.screen,
        "picture after its sound, page": found.page,
        "from mouth to loudspeaker": found.delay,
    }
    for name, course in rows.items():
        if course is not None:
            values = (course.p1, course.p50, course.p99, course.worst)
            table.add_row(name, *(f"{value:.2f}" for value in values), f"{course.trend:+.3f}")
    Console(width=120).print(table)
    if found.page is None:
        print("the page was left out: it needs the extra `web`")
    print(f"pictures of speech: {found.pictures} of {found.expected}; utterances after the first: {found.restarts}")
    print(f"lost, late or repeated: {', '.join(f'{name} {count}' for name, count in losses(found).items()) or 'nothing'}")
    print(f"deepest queues: {', '.join(f'{name} {depth:g}' for name, depth in sorted(found.depths.items()))}")
    print(f"memory: {found.memory_mb[0]:.1f} MB after two minutes, at most {found.memory_mb[1]:.1f} MB in the last tenth")
    print("\n".join(["", *faults]) if faults else "in step, without loss or growth")
