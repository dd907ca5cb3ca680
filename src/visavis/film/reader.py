"""Reads a film back: what it is, its pictures, its sound."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from visavis.types import check_image


class FilmError(ValueError):
    """A file that is no film, or not the film that it should be."""


@dataclass(frozen=True)
class FilmFacts:
    """What a film is, found by decoding all of it.

    irregular: pictures that are not shown exactly 1 / frame_rate after the one before, or a first one not at 0.
    sound_rate: Hz, None without sound. sound_seconds: decoded length. mark: the text that says that the film was generated, "" without one.
    """

    width: int
    height: int
    frame_rate: Fraction
    pictures: int
    irregular: int
    picture_codec: str
    pixel_format: str
    sound_codec: str
    sound_rate: int | None
    sound_seconds: float
    mark: str

    @property
    def seconds(self) -> float:
        """Length of the pictures."""
        return float(self.pictures / self.frame_rate) if self.frame_rate else 0.0


def read_facts(path: str | os.PathLike[str]) -> FilmFacts:
    """Decode the whole film and tell what it is; FilmError for what is no film."""
    times: list[Fraction] = []
    samples = 0
    with _open(path) as container:
        if not container.streams.video:
            raise FilmError(f"{path} has no pictures")
        video = container.streams.video[0]
        sound = container.streams.audio[0] if container.streams.audio else None
        for frame in container.decode(video=0, audio=0) if sound else container.decode(video=0):
            if isinstance(frame, av.AudioFrame):
                samples += frame.samples
            elif isinstance(frame, av.VideoFrame) and frame.pts is not None and frame.time_base is not None:
                times.append(frame.pts * Fraction(frame.time_base))
        rate = Fraction(video.average_rate or 0)
        expected = [Fraction(n) / rate for n in range(len(times))] if rate else []
        return FilmFacts(
            width=video.width,
            height=video.height,
            frame_rate=rate,
            pictures=len(times),
            irregular=sum(time != wanted for time, wanted in zip(sorted(times), expected, strict=False)),
            picture_codec=video.codec_context.name,
            pixel_format=video.codec_context.pix_fmt or "",
            sound_codec=sound.codec_context.name if sound else "",
            sound_rate=sound.rate if sound else None,
            sound_seconds=samples / sound.rate if sound and sound.rate else 0.0,
            mark=next((text for name, text in container.metadata.items() if name.lower() == "comment"), ""),
        )


def read_pictures(path: str | os.PathLike[str]) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Time in seconds and picture, uint8 (height, width, 3) RGB, one after the other."""
    with _open(path) as container:
        for frame in container.decode(video=0):
            yield float(frame.time or 0.0), check_image(frame.to_ndarray(format="rgb24"))


def read_sound(path: str | os.PathLike[str]) -> tuple[NDArray[np.float32], int]:
    """The sound as float32 (n, channels), sample 0 at time 0, and its rate. FilmError where there is none."""
    with _open(path) as container:
        if not container.streams.audio:
            raise FilmError(f"{path} has no sound")
        stream = container.streams.audio[0]
        planar = av.AudioResampler(format="fltp")
        pieces = [piece.to_ndarray().T for frame in container.decode(stream) for piece in planar.resample(frame)]
        return np.concatenate(pieces).astype(np.float32), stream.rate


def _open(path: str | os.PathLike[str]) -> "av.container.InputContainer":
    try:
        return av.open(os.fspath(path))
    except (av.FFmpegError, OSError) as error:
        raise FilmError(f"{os.fspath(path)} cannot be read as a film ({error})") from error
