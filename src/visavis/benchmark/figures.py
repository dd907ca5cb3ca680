"""Figures from what arrived when. Pure: times go in (nanoseconds, one clock), numbers come out (milliseconds)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from visavis.timing import FRAME_RATE, NANOSECONDS
from visavis.types import IDLE_UTTERANCE


@dataclass
class Arrivals:
    """Messages of one topic in the order in which they came.

    stamps: media time. sent: when it was published. arrived: when it was here.
    utterances, indices: of its first sample or frame; 0 for pictures.
    """

    stamps: list[int] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    arrived: list[int] = field(default_factory=list)
    utterances: list[int] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)

    def add(self, stamp: int, sent: int, arrived: int, utterance: int = 0, index: int = 0) -> None:
        self.stamps.append(stamp)
        self.sent.append(sent)
        self.arrived.append(arrived)
        self.utterances.append(utterance)
        self.indices.append(index)

    def __len__(self) -> int:
        return len(self.stamps)

    def between(self, begin: int, end: int) -> "Arrivals":
        """Those that arrived from ``begin`` up to ``end``."""
        chosen = [place for place, time in enumerate(self.arrived) if begin <= time < end]
        return Arrivals(
            *([values[place] for place in chosen] for values in (self.stamps, self.sent, self.arrived, self.utterances, self.indices))
        )

    def latency_ms(self) -> dict[str, float]:
        """p50 and p99 of the time from media stamp to arrival."""
        return percentiles(np.subtract(self.arrived, self.stamps) / 1e6)


def percentiles(values: ArrayLike) -> dict[str, float]:
    """``{"p50": ..., "p99": ...}``; not a number where there are no values."""
    array = np.asarray(values, float)
    if not array.size:
        return {"p50": float("nan"), "p99": float("nan")}
    return {"p50": float(np.percentile(array, 50)), "p99": float(np.percentile(array, 99))}


def missing_frames(stamps: Sequence[int]) -> int:
    """How many pictures of 30 a second are missing between the first and the last stamp.

    Where one utterance ends and another begins the grid of frames shifts by a part of a frame, so a step counts by how many whole frames it
    is too long, rounded.
    """
    steps = np.diff(np.asarray(stamps, np.int64)) * FRAME_RATE / NANOSECONDS
    return int(np.maximum(np.rint(steps) - 1, 0).sum())


def repeated_frames(stamps: Sequence[int]) -> int:
    """How many pictures have a stamp that is not after the one before."""
    return int(np.count_nonzero(np.diff(np.asarray(stamps, np.int64)) <= 0))


def first_frames_ms(audio: Arrivals, control: Arrivals, pictures: Arrivals) -> list[float]:
    """For each utterance: from the publication of its first audio chunk to the arrival of the first picture that shows it.

    A picture shows an utterance when its stamp is that of one of the utterance's control frames. Utterances whose beginning was not seen,
    or of which no picture came, are left out.
    """
    shown = dict(zip(pictures.stamps, pictures.arrived, strict=True))
    result = []
    for utterance, index, sent in zip(audio.utterances, audio.indices, audio.sent, strict=True):
        if index != 0 or utterance == IDLE_UTTERANCE:
            continue
        times = [shown[stamp] for stamp, of in zip(control.stamps, control.utterances, strict=True) if of == utterance and stamp in shown]
        if times:
            result.append((min(times) - sent) / 1e6)
    return result
