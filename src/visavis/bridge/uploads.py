"""Photos that visitors send, checked and kept in a folder under names of this program's own making."""

import asyncio
import contextlib
import hashlib
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from visavis.bridge.photo_check import MAGIC, PhotoError, kind_of

CHECK_SECONDS = 60.0
NAME = re.compile(r"[0-9a-f]{32}\.(?:jpg|png)")
"""Files of any other name in the folder are nobody's business here."""
DAY_SECONDS = 86_400


@dataclass(frozen=True)
class UploadConfig:
    """folder: where photos are kept, made if it is not there. max_bytes: of one. keep: so many at most. days: so long at most."""

    folder: Path
    max_bytes: int = 15_000_000
    keep: int = 20
    days: float = 7.0


class Uploads:
    """Used in the event loop only. ``prune`` also before it runs."""

    def __init__(self, config: UploadConfig) -> None:
        self.config = config
        self.busy = False
        config.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def holds(self, path: str) -> bool:
        """The path is one of the photos that were sent."""
        return bool(path) and Path(path).parent == self.config.folder and NAME.fullmatch(Path(path).name) is not None

    async def take(self, data: bytes) -> Path:
        """Where the photo of these bytes is now. Raises PhotoError for what is none, OSError where it cannot be kept."""
        kind_of(data)
        clean = await check(data)
        ending = ".png" if clean.startswith(MAGIC["PNG"][1]) else ".jpg"
        path = self.config.folder / (hashlib.sha256(clean).hexdigest()[:32] + ending)
        await asyncio.to_thread(self._keep, path, clean)
        return path

    def prune(self, now: float, shown: str = "") -> None:
        """Remove what is too old or too much; not the photo that is shown."""
        kept = []
        for path in self.config.folder.iterdir():
            if NAME.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                with contextlib.suppress(OSError):
                    kept.append((path.stat().st_mtime, path))
        kept.sort(reverse=True)
        for number, (at, path) in enumerate(kept):
            if (number >= self.config.keep or now - at > self.config.days * DAY_SECONDS) and str(path) != shown:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _keep(self, path: Path, data: bytes) -> None:
        handle, temporary = tempfile.mkstemp(dir=self.config.folder, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        os.utime(path, (time.time(), time.time()))


async def check(data: bytes) -> bytes:
    """The photo, decoded and written anew by a process of its own. Raises PhotoError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "visavis.bridge.photo_check",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        clean, said = await asyncio.wait_for(process.communicate(data), CHECK_SECONDS)
    except TimeoutError as error:
        raise PhotoError("the picture takes too long to read: make it smaller") from error
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode == 1 and said.strip():
        raise PhotoError(said.decode(errors="replace").strip().splitlines()[-1])
    if process.returncode:
        raise PhotoError("the picture is damaged and cannot be read: save it again")
    return clean
