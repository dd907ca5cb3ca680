"""SIGTERM treated as Ctrl-C, so that a command that is ended by a service manager or `timeout` cleans up as well."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def sigterm_is_interrupt() -> Iterator[None]:
    """Within, SIGTERM raises KeyboardInterrupt in the main thread; in another thread this does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
