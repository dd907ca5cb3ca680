"""Real speech that no network was trained on, with its phones found by an aligner that knows the words."""

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.audio.load import load
from visavis.data.phones import PHONES, SILENCE, Phone
from visavis.evaluation.spelling import phones_of, words_of
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
    return read_recordings(folder or asset_path("librivox"))


def read_recordings(folder: Path, language: str = "en") -> list[Recording]:
    """Sound files of a folder that have a ``.txt`` beside them with the words that are said, in name order, aligned. language: "en", or one
    of ``spelling.LANGUAGES``, whose words are spelled for the English aligner. FileNotFoundError where there is none."""
    recordings = []
    for words in sorted(folder.glob("*.txt")):
        sound = [path for path in sorted(folder.glob(f"{words.stem}.*")) if path != words]
        if sound:
            samples = load(sound[0])
            recordings.append(Recording(words.stem, samples, align(samples, words.read_text(), language)))
    if not recordings:
        raise FileNotFoundError(f"{folder} has no sound file NAME.wav with its words in NAME.txt")
    return recordings


def align(samples: NDArray[np.int16], words: str, language: str = "en") -> tuple[Phone, ...]:
    """Phones of ``samples`` (int16, 16 kHz) in which exactly ``words`` are said. Needs the data extra (pocketsphinx with its English
    model)."""
    try:
        from pocketsphinx import Decoder
    except ImportError as error:
        raise RuntimeError('aligning phones needs the data extra: pip install "visavis[data]"') from error
    decoder = Decoder(samprate=SAMPLE_RATE, bestpath=False, loglevel="FATAL")
    if language == "en":
        text = " ".join(re.findall(r"[a-z']+", re.sub(r"<[^>]*>|\([^)]*\)", " ", words.lower())))
    else:
        spelled = {f"{language}{number}": phones_of(word, language) for number, word in enumerate(words_of(words))}
        for name, phones in spelled.items():
            decoder.add_word(name, " ".join(phones), True)
        text = " ".join(spelled)
    decoder.set_align_text(text)
    alignment = None
    with contextlib.suppress(RuntimeError):  # what does not fit at all
        for second_pass in (False, True):
            if second_pass:
                decoder.set_alignment()
            decoder.start_utt()
            decoder.process_raw(samples.tobytes(), full_utt=True)
            decoder.end_utt()
        alignment = decoder.get_alignment()
    if alignment is None:
        raise ValueError(f"the words do not fit the sound: {words[:60]!r}")
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
