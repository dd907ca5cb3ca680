"""Reads the corpus that ``visavis data`` makes into the arrays that training works on."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.data.corpus import item_paths, load_item, motion_path
from visavis.data.phones import Phone
from visavis.motion.phones import PHONE_INDEX, PHONES, SILENCE, phone_index
from visavis.timing import FRAME_RATE, frame_to_sample

SHORTEST_S = 2.0


@dataclass(frozen=True)
class Utterance:
    """samples: int16 (n,) at 16 kHz. phones: int64 (p,), starts and ends: seconds, float64 (p,). face: float32 (frames, 52), head:
    float32 (frames, 9), at 30 fps.
    """

    name: str
    voice: str
    split: str
    samples: NDArray[np.int16]
    phones: NDArray[np.int64]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    face: NDArray[np.float32]
    head: NDArray[np.float32]

    @property
    def spoken(self) -> tuple[Phone, ...]:
        """The phones by name."""
        return tuple(Phone(PHONES[p], float(s), float(e)) for p, s, e in zip(self.phones, self.starts, self.ends, strict=True))


def read_corpus(folder: Path, split: str, with_motion: bool) -> list[Utterance]:
    """All utterances of one split, in name order; those without motion are left out where it is asked for, and those without phones (films
    of people) where it is not. A film is cut into the stretches in which the face was seen; one without sound teaches nothing and is left
    out. FileNotFoundError when none is left.
    """
    paths = [path for path in item_paths(folder) if not with_motion or motion_path(path).exists()]
    utterances = [utterance for path in paths if (utterance := read_utterance(path)).split == split]
    if with_motion:
        utterances = [piece for utterance in utterances for piece in stretches(utterance, folder) if piece.samples.any()]
    else:
        utterances = [utterance for utterance in utterances if len(utterance.phones)]
    if not utterances:
        raise FileNotFoundError(
            f"no utterance of split {split!r}{' with motion' if with_motion else ''} in {folder}: make the corpus with `visavis data`"
        )
    return utterances


def read_utterance(path: Path) -> Utterance:
    item = load_item(path)
    face, head = np.zeros((0, 52), np.float32), np.zeros((0, 9), np.float32)
    if motion_path(path).exists():
        with np.load(motion_path(path)) as motion:
            face, head = motion["face"].astype(np.float32), motion["head"].astype(np.float32)
    return Utterance(
        name=item.name,
        voice=item.voice,
        split=item.split,
        samples=item.samples,
        phones=np.array([phone_index(phone.name) for phone in item.phones], np.int64),
        starts=np.array([phone.start for phone in item.phones], np.float64),
        ends=np.array([phone.end for phone in item.phones], np.float64),
        face=face,
        head=head,
    )


def stretches(utterance: Utterance, folder: Path) -> list[Utterance]:
    """What of an utterance has known motion: all of one that a teacher made, of a film the pieces of at least ``SHORTEST_S`` seconds in
    which the face was seen."""
    with np.load(motion_path(folder / f"{utterance.name}.npz")) as motion:
        seen = motion.get("face_seen")
    if seen is None or seen.all():
        return [utterance]
    index = np.flatnonzero(seen)
    pieces = []
    for piece in np.split(index, np.flatnonzero(np.diff(index) > 1) + 1):
        if len(piece) < SHORTEST_S * FRAME_RATE:
            continue
        first, last = int(piece[0]), int(piece[-1]) + 1
        pieces.append(
            replace(
                utterance,
                name=f"{utterance.name}@{first}",
                samples=utterance.samples[frame_to_sample(first) : frame_to_sample(last)],
                starts=utterance.starts - first / FRAME_RATE,
                ends=utterance.ends - first / FRAME_RATE,
                face=utterance.face[first:last],
                head=utterance.head[first:last],
            )
        )
    return pieces


def phone_at(utterance: Utterance, seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """The phone spoken at each of the given times, silence outside of all phones."""
    labels = np.full(len(seconds), PHONE_INDEX[SILENCE], np.int64)
    if len(utterance.starts):
        index = np.searchsorted(utterance.starts, seconds, side="right") - 1
        inside = (index >= 0) & (seconds < utterance.ends[np.maximum(index, 0)])
        labels[inside] = utterance.phones[index[inside]]
    return labels
