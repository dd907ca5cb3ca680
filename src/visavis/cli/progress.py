"""Progress on a terminal as a bar with speed and time left, and in a log as a line every few seconds."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

LINE_SECONDS = 5.0


@contextlib.contextmanager
def progress_bar(title: str, total: int | None, unit: str, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """Gives a function that is called with how many more are done. ``total`` may be unknown."""
    if quiet:
        yield lambda _more: None
    elif sys.stderr.isatty():
        with _bar(title, total, unit) as advance:
            yield advance
    else:
        with _lines(title, total, unit) as advance:
            yield advance


@contextlib.contextmanager
def _bar(title: str, total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    begin = time.monotonic()
    done = 0
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total, rate="")

        def advance(more: int) -> None:
            nonlocal done
            done += more
            bar.update(task, advance=more, rate=f"{done / max(time.monotonic() - begin, 1e-3):.1f} {unit}/s")

        yield advance


@contextlib.contextmanager
def _lines(title: str, total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
    begin = told = time.monotonic()
    done = 0

    def advance(more: int) -> None:
        nonlocal done, told
        done += more
        now = time.monotonic()
        if now - told < LINE_SECONDS:
            return
        told = now
        rate = done / (now - begin)
        left = f" of {total}, {(total - done) / rate:.0f} s left" if total and rate else ""
        print(f"{title}: {done}{left}, {rate:.1f} {unit}/s", file=sys.stderr, flush=True)

    yield advance
