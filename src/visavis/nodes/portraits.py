"""Another portrait while the stream goes on: fitted in a process of its own, loaded in a thread, taken when it is ready.

Fitting takes seconds of one core, holds the interpreter and leaves 300 MB of libraries behind; neither is for a process that streams.
"""

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from visavis.nodes.avatar import is_fitted
from visavis.nodes.process import one_line
from visavis.types_portrait import PortraitError

Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class Arrival(Generic[Loaded]):
    """What came of a request: ``loaded``, or why not in one line."""

    photo: str
    loaded: Loaded | None
    failure: str = ""


class PortraitLoader(Generic[Loaded]):
    """Loads one portrait at a time; of several requests the last one counts. ``load``: from a path to whatever the node needs of it."""

    def __init__(self, load: Callable[[str], Loaded], cache_dir: str) -> None:
        self._load = load
        self._cache_dir = cache_dir
        self._changed = threading.Condition()
        self._wanted: str | None = None
        self._arrived: Arrival[Loaded] | None = None
        self._fitting: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def want(self, photo: str) -> None:
        """Ask for the photo at this path."""
        with self._changed:
            self._wanted, self._arrived = photo, None
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="portrait", daemon=True)
                self._thread.start()

    def forget(self) -> None:
        """What was asked for is no longer wanted."""
        with self._changed:
            self._wanted = self._arrived = None

    def take(self) -> Arrival[Loaded] | None:
        """What has become of the last request, once; None while it is on its way."""
        with self._changed:
            arrived, self._arrived = self._arrived, None
            return arrived

    def close(self) -> None:
        """End what is being done."""
        with self._changed:
            self._closed = True
            self._wanted = None
            if self._fitting is not None:
                self._fitting.kill()

    def _work(self) -> None:
        while True:
            with self._changed:
                photo = self._wanted
                if photo is None or self._closed:
                    self._thread = None
                    return
            try:
                if not is_fitted(photo, self._cache_dir):
                    self._fit(photo)
                arrival = Arrival(photo, self._load(photo))
            except Exception as error:  # noqa: BLE001 - told to the user; the old portrait goes on
                arrival = Arrival(photo, None, one_line(error))
            with self._changed:
                if self._wanted == photo:
                    self._wanted, self._arrived = None, arrival

    def _fit(self, photo: str) -> None:
        command = [sys.executable, "-m", "visavis.nodes.avatar", photo, self._cache_dir]
        with self._changed:
            if self._closed:
                return
            self._fitting = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
            )
        _, said = self._fitting.communicate()
        status, self._fitting = self._fitting.returncode, None
        if status:
            lines = [line for line in said.splitlines() if line.strip()]
            raise PortraitError(lines[-1] if lines and status == 1 else f"fitting {photo} ended with status {status}")
