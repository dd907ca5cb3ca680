"""How well the speech encoder names what it hears, step by step, in the sound as it is and in noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from visavis.evaluation.recordings import Recording
from visavis.motion.encoder import STEPS_PER_FRAME, MelEncoder, hear_all
from visavis.motion.phones import LIPS_CLOSED, PHONE_INDEX, PHONES, SILENCE
from visavis.timing import FRAME_RATE, SAMPLE_RATE

GROUPS: tuple[tuple[str, ...], ...] = (
    LIPS_CLOSED,
    ("F", "V"),
    ("W", "UW", "UH", "OW", "AO", "OY"),
    ("SH", "CH", "JH", "ZH"),
    ("AA", "AE", "AH", "AW", "AY", "EH", "ER", "R"),
    ("IH", "IY", "EY", "Y"),
    (SILENCE,),
)  # fmt: skip
"""Phones that look alike; those that are in none look alike as well (T, D, S, K and their kin, made inside the mouth)."""

_GROUP = np.array([next((number for number, group in enumerate(GROUPS) if name in group), len(GROUPS)) for name in PHONES])
_CLOSED = np.array([name in LIPS_CLOSED for name in PHONES])


@dataclass(frozen=True)
class Hearing:
    """Shares of the steps (60 a second) in which somebody speaks. phones: named rightly; shapes: named as one that looks alike.
    lips_recall, lips_precision: of P, B and M as a class. silent: share of the silent steps that are named silence."""

    steps: int
    phones: float
    shapes: float
    lips_recall: float
    lips_precision: float
    silent: float


def hear(recording: Recording, encoder: MelEncoder, noise_db: float | None = None, seed: int = 0) -> Hearing:
    """The encoder on a recording, streaming. noise_db: signal-to-noise ratio of a noise like that of a room, over the speech alone."""
    samples = recording.samples if noise_db is None else add_noise(recording, noise_db, seed)
    frames = len(samples) * FRAME_RATE // SAMPLE_RATE
    guess = hear_all(encoder, samples, frames).reshape(frames * STEPS_PER_FRAME, -1)[:, : len(PHONES)].argmax(axis=1)
    return score(guess, truth_of(recording, len(guess)))


def truth_of(recording: Recording, steps: int) -> NDArray[np.int64]:
    """(steps,) index of the phone in the middle of each step."""
    times = (np.arange(steps) + 0.5) / (FRAME_RATE * STEPS_PER_FRAME)
    ends = np.array([phone.end for phone in recording.phones])
    names = np.array([PHONE_INDEX[phone.name] for phone in recording.phones])
    return names[np.minimum(np.searchsorted(ends, times, side="right"), len(names) - 1)]


def score(guess: NDArray[np.integer], truth: NDArray[np.integer]) -> Hearing:
    """Both (steps,), indices of phones."""
    speech = truth != PHONE_INDEX[SILENCE]
    if not speech.any():
        raise ValueError("nobody speaks in this recording")
    said, named = _CLOSED[truth], _CLOSED[guess] & speech  # lips may be shut in silence
    return Hearing(
        steps=int(speech.sum()),
        phones=float((guess == truth)[speech].mean()),
        shapes=float((_GROUP[guess] == _GROUP[truth])[speech].mean()),
        lips_recall=float(named[said].mean()) if said.any() else float("nan"),
        lips_precision=float(said[named].mean()) if named.any() else float("nan"),
        silent=float((guess == truth)[~speech].mean()) if not speech.all() else float("nan"),
    )


def add_noise(recording: Recording, noise_db: float, seed: int) -> NDArray[np.int16]:
    """The samples with noise whose spectrum falls as that of rooms does (6 dB an octave from 200 Hz on), ``noise_db`` below the mean power
    of the speech."""
    clean = recording.samples.astype(np.float64)
    spoken = np.concatenate(
        [clean[int(phone.start * SAMPLE_RATE) : int(phone.end * SAMPLE_RATE)] for phone in recording.phones if phone.name != SILENCE]
    )
    noise = lfilter([1], [1, -float(np.exp(-2 * np.pi * 200 / SAMPLE_RATE))], np.random.default_rng(seed).standard_normal(len(clean)))
    noise *= np.sqrt(np.mean(spoken**2) / np.mean(noise**2)) * 10 ** (-noise_db / 20)
    return np.clip(np.rint(clean + noise), -32768, 32767).astype(np.int16)
