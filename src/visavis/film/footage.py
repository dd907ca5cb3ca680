"""What a camera recorded: the pictures of any film upright and of a workable size, each with the time it is shown, and how its sound lies
to them.
"""

import os
from collections.abc import Callable, Generator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from visavis.film.reader import FilmError
from visavis.types import check_image

LONGEST_SIDE = 1280
"""Pixels; larger pictures are made smaller, which costs a tracker nothing."""


def picture_count(path: str | os.PathLike[str]) -> int | None:
    """How many pictures the film says it has, for a progress bar. FilmError where it is no film or has no pictures."""
    with _open(path) as container:
        stream = container.streams.video[0]
        if stream.frames:
            return int(stream.frames)
        return round(container.duration / av.time_base * float(stream.average_rate)) if container.duration and stream.average_rate else None


def read_footage(path: str | os.PathLike[str], tell: Callable[[str], None]) -> Generator[tuple[float, NDArray[np.uint8]], None, None]:
    """Seconds since the first picture, strictly increasing, and the picture, uint8 (height, width, 3) RGB.

    What a film declares about its turn (phones do) is followed. A damaged film ends where the damage begins, which ``tell`` is told;
    FilmError where that is at once.
    """
    first = last = None
    with _open(path) as container:
        frames = container.decode(video=0)
        while True:
            try:
                frame = next(frames, None)
            except av.FFmpegError as error:
                if last is None:
                    raise FilmError(f"{path} is damaged: not one picture can be read ({error})") from error
                tell(f"{path} is damaged after {last:.2f} s ({error}): what came before is used")
                return
            if frame is None:
                break
            if frame.time is None:
                continue
            first = frame.time if first is None else first
            seconds = frame.time - first
            if last is not None and seconds <= last:
                continue
            last = seconds
            scale = min(1.0, LONGEST_SIDE / max(frame.width, frame.height))
            small = frame.reformat(width=round(frame.width * scale), height=round(frame.height * scale), format="rgb24")
            yield seconds, check_image(np.rot90(small.to_ndarray(), round(frame.rotation / 90) % 4))
    if last is None:
        raise FilmError(f"{path} holds not one picture")


def sound_delay(path: str | os.PathLike[str]) -> float | None:
    """Seconds from the first picture to the first sample of the film's sound; None where it has none."""
    with _open(path) as container:
        if not container.streams.audio:
            return None
    starts = []
    for kind in ("video", "audio"):
        with _open(path) as container:
            frame = next(iter(container.decode(**{kind: 0})), None)
            if not isinstance(frame, av.VideoFrame | av.AudioFrame):
                return None
            starts.append(float(frame.time or 0.0))
    return starts[1] - starts[0]


def _open(path: str | os.PathLike[str]) -> "av.container.InputContainer":
    if not Path(path).is_file():
        raise FilmError(f"{path} does not exist or is no file: name a film (mp4, mov, mkv, webm, avi...)")
    try:
        container = av.open(os.fspath(path), metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise FilmError(f"{path} is no film that can be read ({error.__class__.__name__}): name an mp4, mov, mkv, webm or avi") from error
    covers = [bool(stream.disposition & av.stream.Disposition.attached_pic) for stream in container.streams.video]
    if not covers or all(covers):
        container.close()
        raise FilmError(f"{path} has no moving pictures, only sound: name a film of a person's face")
    return container
