"""`visavis bench`: runs the real graph and prints frames a second, latency, drops, cores and memory."""

import argparse
import json
import math
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visavis.cli.defaults import default_portrait, default_speech
from visavis.cli.live import LiveFigures
from visavis.cli.stop import sigterm_is_interrupt
from visavis.store import AssetError

if TYPE_CHECKING:
    from visavis.benchmark.measure import Live

LINE_SECONDS = 10.0


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "bench",
        help="run the real graph and print frames a second, latency, drops, cores and memory",
        description="Starts the graph as separate processes, lets it speak, and measures what arrives in another process, after a warm-up.",
    )
    parser.add_argument("--seconds", type=float, default=120.0, help="how long to measure (default 120)")
    parser.add_argument("--portrait", default="", metavar="PHOTO", help="without it the default portrait")
    parser.add_argument("--audio", default="", metavar="FILE", help="speech that is played again and again; without it the default speech")
    parser.add_argument("--first-start", action="store_true", help="fit the portrait anew, as at the first start, to measure startup_ms")
    parser.add_argument(
        "--engine",
        default="",
        metavar="NAMES",
        help="compare engines on the motion networks instead: onnxruntime-cpu, onnxruntime-cuda, onnxruntime-tensorrt, torch-cpu, "
        "torch-cuda, with commas, or all",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--log", default="", metavar="FILE", help="keep what the processes print")


def run(args: argparse.Namespace) -> int:
    """Exit status 0 when the graph was measured (however slow it was), 1 when it did not run."""
    from visavis.audio.errors import AudioError
    from visavis.audio.load import open_blocks
    from visavis.benchmark.graph import GraphError
    from visavis.benchmark.measure import measure
    from visavis.launcher import LaunchError
    from visavis.portrait.cache import load_portrait

    if args.engine:
        return _engines(args)
    try:
        if not 1 <= args.seconds <= 86_400:
            raise ValueError(f"--seconds must be 1 to 86400, got {args.seconds}")
        portrait = Path(args.portrait) if args.portrait else default_portrait()
        audio = Path(args.audio) if args.audio else default_speech()
        if not portrait.is_file():
            raise ValueError(f"{portrait} does not exist: name a photo")
        open_blocks(audio)
        log = Path(args.log) if args.log else Path(tempfile.gettempdir()) / "visavis_bench.log"
        with (
            sigterm_is_interrupt(),
            LiveFigures(f"starting the graph; what its processes print goes to {log}", LINE_SECONDS) as live_figures,
        ):

            def show(live: "Live") -> None:
                what = "warming up" if live.seconds < 0 else f"{live.seconds:.0f} of {args.seconds:.0f} s"
                live_figures.show(f"{what}   {live.fps:.0f} pictures/s   {live.missing} missing", live.reports)

            if args.first_start:
                with tempfile.TemporaryDirectory(prefix="visavis_portraits_") as empty:
                    figures = measure(portrait, audio, args.seconds, log, show, Path(empty))
            else:
                load_portrait(portrait)
                figures = measure(portrait, audio, args.seconds, log, show)
        figures["portrait_was_fitted"] = not args.first_start
    except (GraphError, LaunchError, AssetError, AudioError, OSError, ValueError) as error:
        print(f"visavis bench: {error}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps(_finite(figures), indent=1))
    else:
        _print_table(figures)
    return 0


def _engines(args: argparse.Namespace) -> int:
    """Exit status 0 when one of the engines ran, 1 when none did."""
    from visavis.audio.errors import AudioError
    from visavis.audio.load import load
    from visavis.benchmark.engines import ENGINES, compare_engines
    from visavis.runtime.weights import WeightsError

    names = list(ENGINES) if args.engine == "all" else args.engine.split(",")
    try:
        figures = compare_engines(names, load(Path(args.audio) if args.audio else default_speech()))
    except (AssetError, AudioError, WeightsError, OSError) as error:
        print(f"visavis bench: {error}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps({name: _finite(asdict(each)) for name, each in figures.items()}, indent=1))
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table(title="Motion networks, a second of speech", title_justify="left")
        for column in ("engine", "one core, ms", "clock, ms", "0.1 s step p99, ms", "apart from the first"):
            table.add_column(column, justify="left" if column == "engine" else "right")
        for name, each in figures.items():
            if each.missing:
                table.add_row(name, "not here", "", "", "")
            else:
                table.add_row(name, f"{each.cpu_ms:.1f}", f"{each.wall_ms:.1f}", f"{each.step_p99_ms:.1f}", f"{each.apart:.1e}")
        Console(width=110).print(table)
        for name, each in figures.items():
            if each.missing:
                print(f"{name}: {each.missing}")
    return 0 if any(not each.missing for each in figures.values()) else 1


def _print_table(figures: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    machine, ends, gaps = figures["machine"], figures["end_to_end_ms"], figures["picture_interval_ms"]
    table = Table(
        title=f"{figures['seconds']:.0f} s on {machine['cpu']}, {machine['cores']} cores", show_header=False, title_justify="left"
    )
    table.add_column()
    table.add_column()
    start = f"{figures['first_frame_ms']:.0f} ms (worst {figures['first_frame_worst_ms']:.0f}, {figures['utterances']} utterances)"
    rows = {
        "pictures a second": f"{figures['fps']:.2f}",
        "pictures": f"{figures['frames']}, {figures['dropped']} dropped, {figures['repeated']} repeated",
        "cores": f"{figures['cores']:.2f}",
        "memory": f"{figures['memory_mb']:.0f} MB",
        "start to first picture": f"{figures['startup_ms'] / 1000:.1f} s",
        "first picture of speech after its audio": start,
        "voice to picture": f"p50 {ends['p50']:.0f} ms, p99 {ends['p99']:.0f} ms",
        "between pictures": f"p50 {gaps['p50']:.1f} ms, p99 {gaps['p99']:.1f} ms",
        "drawing one picture": f"{figures['picture_cpu_ms']:.1f} ms of one core, {figures['unrefined']} without all of the skin's network",
        "load of the machine": f"{machine['load_before']:.2f} before, {machine['load_after']:.2f} after",
    }
    for name, text in rows.items():
        table.add_row(name, text)
    stages = Table(title="from media time to arrival, and computing time", title_justify="left")
    for name in ("node", "p50 ms", "p99 ms", "compute p50 ms", "compute p99 ms", "drops"):
        stages.add_column(name, justify="left" if name == "node" else "right")
    for name, latency in figures["stages"].items():
        compute = figures["compute_ms"].get(name, {"p50_ms": math.nan, "p99_ms": math.nan})
        numbers = [f"{value:.1f}" for value in (latency["p50_ms"], latency["p99_ms"], compute["p50_ms"], compute["p99_ms"])]
        stages.add_row(name, *numbers, str(figures["node_drops"].get(name, "")))
    console = Console()
    console.print(table)
    console.print(stages)


def _finite(value: Any) -> Any:
    """The same with null for what is not a number, which JSON cannot say; numbers with four decimals."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value
