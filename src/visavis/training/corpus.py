"""Reads the corpus: one .npz an utterance, made by ``visavis data``."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.motion.phones import PHONE_INDEX, SILENCE, phone_index


@dataclass(frozen=True)
class Utterance:
    """samples: int16 (n,) at 16 kHz. phones: int64 (p,), starts and ends: seconds, float64 (p,). face: float32 (frames, 52), head: float32 (frames, 9), at 30 fps."""

    name: str
    voice: str
    split: str
    samples: NDArray[np.int16]
    phones: NDArray[np.int64]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    face: NDArray[np.float32]
    head: NDArray[np.float32]


def read_corpus(folder: Path, split: str) -> list[Utterance]:
    """All utterances of one split, in name order. FileNotFoundError when there is none; a file still being written is left for the next start."""
    utterances = []
    for path in sorted(folder.rglob("*.npz")):
        try:
            utterance = read_utterance(path)
        except (zipfile.BadZipFile, EOFError):
            continue
        if utterance.split == split:
            utterances.append(utterance)
    if not utterances:
        raise FileNotFoundError(f"no utterance of split {split!r} in {folder}: make the corpus with `visavis data corpus`")
    return utterances


def read_utterance(path: Path) -> Utterance:
    with np.load(path, allow_pickle=False) as file:
        return Utterance(
            name=path.stem,
            voice=str(file["voice"]),
            split=str(file["split"]),
            samples=file["samples"],
            phones=np.array([phone_index(str(name)) for name in file["phones"]], np.int64),
            starts=file["starts"].astype(np.float64),
            ends=file["ends"].astype(np.float64),
            face=file["face"].astype(np.float32) if "face" in file else np.zeros((0, 52), np.float32),
            head=file["head"].astype(np.float32) if "head" in file else np.zeros((0, 9), np.float32),
        )


def phone_at(utterance: Utterance, seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """The phone spoken at each of the given times, silence outside of all phones."""
    labels = np.full(len(seconds), PHONE_INDEX[SILENCE], np.int64)
    if len(utterance.starts):
        index = np.searchsorted(utterance.starts, seconds, side="right") - 1
        inside = (index >= 0) & (seconds < utterance.ends[np.maximum(index, 0)])
        labels[inside] = utterance.phones[index[inside]]
    return labels
