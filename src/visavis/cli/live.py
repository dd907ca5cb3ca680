"""Live figures: a table that is drawn anew on a terminal, a line now and then elsewhere. On stderr, so that stdout stays for results."""

import math
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.table import Table

    from visavis.benchmark.probe import NodeReport

LINE_SECONDS = 2.0


class LiveFigures:
    """Use as a context manager; ``show`` may be called as often as one likes."""

    def __init__(self, begin: str, line_seconds: float = LINE_SECONDS) -> None:
        from rich.console import Console
        from rich.live import Live

        self._begin = begin
        self._line_seconds = line_seconds
        console = Console(stderr=True)
        self._live = Live(console=console, transient=True, auto_refresh=False) if console.is_terminal else None
        self._told = -math.inf

    def __enter__(self) -> Self:
        print(self._begin, file=sys.stderr, flush=True)
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, title: str, reports: "Mapping[str, NodeReport]") -> None:
        """A line of the caller's, and what the nodes report of themselves."""
        if self._live is not None:
            self._live.update(stage_table(reports, title), refresh=True)
        elif time.monotonic() - self._told >= self._line_seconds:
            self._told = time.monotonic()
            picture = reports.get("video_generation")
            parts = [title]
            if picture is not None:
                parts.append(f"{picture.number('fps'):.0f} pictures/s")
                latencies = [
                    f"{name} {report.number('latency_p50_ms'):.0f}"
                    for name, report in sorted(reports.items())
                    if report.number("latency_p50_ms") >= 0
                ]
                parts.append(f"latency ms: {', '.join(latencies)}")
                drops = sum(int(report.number("drops")) for report in reports.values() if "drops" in report.values)
                parts.append(f"{drops} drops")
            print("   ".join(parts), file=sys.stderr, flush=True)


def stage_table(reports: "Mapping[str, NodeReport]", title: str) -> "Table":
    """What the nodes report of themselves: pictures or chunks a second, latency, computing time, queue, drops."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for name in ("node", "fps", "latency p50 ms", "p99 ms", "compute p50 ms", "p99 ms", "queue", "drops", "state"):
        table.add_column(name, justify="left" if name in ("node", "state") else "right")
    for name, report in sorted(reports.items()):
        keys = ("fps", "latency_p50_ms", "latency_p99_ms", "compute_p50_ms", "compute_p99_ms", "queue_depth", "drops")
        cells = ["" if math.isnan(number := report.number(key)) else f"{number:.1f}".removesuffix(".0") for key in keys]
        table.add_row(name, *cells, report.message[:60])
    return table
