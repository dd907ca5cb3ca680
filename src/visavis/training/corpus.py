"""Reads the corpus that ``visavis data`` makes into the arrays that training works on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.data.corpus import item_paths, load_item, motion_path
from visavis.motion.phones import PHONE_INDEX, SILENCE, phone_index


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


def read_corpus(folder: Path, split: str, with_motion: bool) -> list[Utterance]:
    """All utterances of one split, in name order; those without motion are left out where it is asked for. FileNotFoundError when none is
    left.
    """
    paths = [path for path in item_paths(folder) if not with_motion or motion_path(path).exists()]
    utterances = [utterance for path in paths if (utterance := read_utterance(path)).split == split]
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


def phone_at(utterance: Utterance, seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """The phone spoken at each of the given times, silence outside of all phones."""
    labels = np.full(len(seconds), PHONE_INDEX[SILENCE], np.int64)
    if len(utterance.starts):
        index = np.searchsorted(utterance.starts, seconds, side="right") - 1
        inside = (index >= 0) & (seconds < utterance.ends[np.maximum(index, 0)])
        labels[inside] = utterance.phones[index[inside]]
    return labels
