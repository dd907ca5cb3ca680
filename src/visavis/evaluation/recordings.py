"""Real speech that no network was trained on, with its phones found by an aligner that knows the words."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from visavis.data.phones import PHONES, SILENCE, Phone
from visavis.store import asset_path
from visavis.timing import SAMPLE_RATE

PAUSE_S = 0.5
"""Silence put after each sentence when sentences are joined."""


@dataclass(frozen=True)
class Recording:
    """samples: int16 (n,) at 16 kHz. phones: in order, covering all of it; silences are "SIL"."""

    name: str
    samples: NDArray[np.int16]
    phones: tuple[Phone, ...]


def librivox(folder: Path | None = None) -> list[Recording]:
    """The five LibriVox sentences of the store's asset "librivox" (a person reading a novel), aligned by pocketsphinx to 10 ms."""
    folder = folder or asset_path("librivox")
    recordings = []
    for path in sorted(folder.glob("*.wav")):
        samples, rate = soundfile.read(path, dtype="int16")
        if rate != SAMPLE_RATE or samples.ndim != 1:
            raise ValueError(f"{path} is not 16 kHz mono: fetch the asset again with `visavis assets fetch librivox`")
        recordings.append(Recording(path.stem, samples, align(samples, path.with_suffix(".txt").read_text())))
    if not recordings:
        raise FileNotFoundError(f"{folder} has no recordings: fetch them with `visavis assets fetch librivox`")
    return recordings


def align(samples: NDArray[np.int16], words: str) -> tuple[Phone, ...]:
    """Phones of ``samples`` (int16, 16 kHz) in which exactly ``words`` are said. Needs the data extra (pocketsphinx with its English
    model)."""
    try:
        from pocketsphinx import Decoder
    except ImportError as error:
        raise RuntimeError('aligning phones needs the data extra: pip install "visavis[data]"') from error
    text = " ".join(re.findall(r"[a-z']+", re.sub(r"<[^>]*>|\([^)]*\)", " ", words.lower())))
    decoder = Decoder(samprate=SAMPLE_RATE, bestpath=False, loglevel="FATAL")
    decoder.set_align_text(text)
    for second_pass in (False, True):
        if second_pass:
            decoder.set_alignment()
        decoder.start_utt()
        decoder.process_raw(samples.tobytes(), full_utt=True)
        decoder.end_utt()
    alignment = decoder.get_alignment()
    if alignment is None:
        raise ValueError(f"the words do not fit the sound: {text[:60]!r}")
    found = [Phone(_plain(phone.name), phone.start / 100, (phone.start + phone.duration) / 100) for word in alignment for phone in word]
    return fill_silence(found, len(samples) / SAMPLE_RATE)


def join(recordings: list[Recording], pause_s: float = PAUSE_S) -> Recording:
    """All recordings as one, each followed by ``pause_s`` of silence."""
    gap = np.zeros(round(pause_s * SAMPLE_RATE), np.int16)
    pieces: list[NDArray[np.int16]] = []
    phones: list[Phone] = []
    offset = 0
    for recording in recordings:
        phones += [Phone(phone.name, phone.start + offset / SAMPLE_RATE, phone.end + offset / SAMPLE_RATE) for phone in recording.phones]
        pieces += [recording.samples, gap]
        offset += len(recording.samples) + len(gap)
    return Recording(
        "+".join(recording.name for recording in recordings), np.concatenate(pieces), fill_silence(phones, offset / SAMPLE_RATE)
    )


def fill_silence(phones: list[Phone], length_s: float) -> tuple[Phone, ...]:
    """The same phones with the time between and around them named silence, and neighbouring silences made one."""
    filled: list[Phone] = []

    def add(name: str, start: float, end: float) -> None:
        if end - start <= 1e-6:
            return
        if filled and filled[-1].name == SILENCE == name:
            filled[-1] = Phone(SILENCE, filled[-1].start, end)
        else:
            filled.append(Phone(name, start, end))

    here = 0.0
    for phone in phones:
        add(SILENCE, here, phone.start)
        add(phone.name, max(phone.start, here), phone.end)
        here = max(here, phone.end)
    add(SILENCE, here, length_s)
    return tuple(filled)


def _plain(name: str) -> str:
    """pocketsphinx's noises and pauses (+SPN+, SIL) are silence."""
    return name if name in PHONES else SILENCE
