"""Which phone is heard when, as the audio encoder hears it, or as a file beside the sound says."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.data.phones import PHONES, Phone
from visavis.motion.encoder import STEPS_PER_FRAME, MelEncoder, hear_all
from visavis.motion.phones import phone_index
from visavis.timing import FRAME_RATE, frames_in
from visavis.types import check_samples

STEP_RATE = STEPS_PER_FRAME * FRAME_RATE
CHANGE_COST = 3.0
"""Nats that a change of phone costs: without it single steps of doubt would cut phones in pieces."""


def phone_posteriors(samples: NDArray[np.int16], encoder: MelEncoder) -> NDArray[np.float32]:
    """How likely each phone is at each 1/60 s, in step with the sound: float32 (steps, phones), as the motion model is given them."""
    frames = frames_in(len(check_samples(samples)))
    return hear_all(encoder, samples, frames).reshape(frames * STEPS_PER_FRAME, -1)[:, : len(PHONES)]


def likeliest_phones(posteriors: NDArray[np.float32], change_cost: float = CHANGE_COST) -> tuple[Phone, ...]:
    """The likeliest run of phones (Viterbi), one after the other without gaps, from posteriors (steps, phones) at 60 a second."""
    if not len(posteriors):
        return ()
    logs = np.log(np.maximum(posteriors.astype(np.float64), 1e-6))
    score, back = logs[0], np.zeros(logs.shape, np.int64)
    for step in range(1, len(logs)):
        best = int(score.argmax())
        stay = score >= score[best] - change_cost
        back[step] = np.where(stay, np.arange(logs.shape[1]), best)
        score = np.where(stay, score, score[best] - change_cost) + logs[step]
    path = [int(score.argmax())]
    for step in range(len(logs) - 1, 0, -1):
        path.append(int(back[step, path[-1]]))
    path.reverse()
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), len(path)]
    return tuple(Phone(PHONES[path[begin]], begin / STEP_RATE, end / STEP_RATE) for begin, end in pairwise(edges))


def phone_file(sound: Path) -> Path:
    """Where the phones of a sound file are written down: ``speech.phones.json`` beside ``speech.flac``."""
    return sound.with_suffix(".phones.json")


def read_phones(path: Path) -> tuple[Phone, ...]:
    """Phones of a JSON list of [name, start, end] in seconds. ValueError for anything else."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        phones = tuple(Phone(PHONES[phone_index(name)], float(start), float(end)) for name, start, end in rows)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{path} must hold a list of [phone, start, end] with times in seconds ({error})") from error
    if any(not 0 <= phone.start <= phone.end for phone in phones):
        raise ValueError(f"{path} has a phone that ends before it starts")
    return phones


def cut_phones(phones: tuple[Phone, ...], begin_s: float, end_s: float) -> tuple[Phone, ...]:
    """The phones, or parts of them, from ``begin_s`` to ``end_s``, with times that start there."""
    return tuple(
        Phone(phone.name, max(phone.start, begin_s) - begin_s, min(phone.end, end_s) - begin_s)
        for phone in phones
        if phone.end > begin_s and phone.start < end_s
    )
