"""A voice: a text to pieces, a piece to sound. Kokoro-82M with the lexicon of misaki, both local."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from visavis.data.kokoro import AMERICAN_VOICES, BRITISH_VOICES, Kokoro
from visavis.data.phonemes import text_to_symbols, word_symbols
from visavis.say.letters import OWN, sound_out
from visavis.say.text import TextError, clauses, first_clause, sentences
from visavis.store import asset_path

LONGEST = 240
"""Symbols of a piece, about 15 s: longer ones would keep the listener waiting at the next pause."""
EARLY, SHORTEST = 45, 8
"""A first sentence of more symbols is cut at its first punctuation, not before so many characters."""
PAUSE_SECONDS = {".": 0.32, "!": 0.32, "?": 0.32, "…": 0.4, ",": 0.12, ";": 0.2, ":": 0.2, "—": 0.2}
"""Quiet after a piece, by its last character, beside the twentieth of a second that each end of it has."""
FOREIGN_SHARE, FOREIGN_WORDS = 0.6, 4
"""A text in which so large a share of at least so many different words is in no English lexicon is not English."""
MIN_SPEED, MAX_SPEED = 0.5, 2.0


@dataclass(frozen=True)
class Piece:
    """What is spoken in one go: the sentence it belongs to, as it was written; its symbols; seconds of quiet after it."""

    sentence: str
    symbols: str
    pause: float


class Voice(Protocol):
    """What speaks."""

    names: tuple[str, ...]

    def prepare(self, text: str, name: str) -> list[Piece]:
        """The pieces of a text for the voice ``name``. Raises TextError, with what to do."""

    def speak(self, piece: Piece, name: str, speed: float) -> NDArray[np.int16]:
        """int16 (n,) at 16 kHz."""


class KokoroVoice:
    """See the module. Loads files of the store: raises AssetError where one is missing, RuntimeError where a package is."""

    names = AMERICAN_VOICES + BRITISH_VOICES

    def __init__(self, threads: int = 1) -> None:
        model, voices = asset_path("kokoro.onnx"), asset_path("kokoro_voices")
        word_symbols("hello", british=False)  # the lexicon takes two seconds to load: now, and not at the first word
        self._kokoro = Kokoro(model, voices, threads)

    def prepare(self, text: str, name: str) -> list[Piece]:
        return pieces_of(text, british=name.startswith("b"))

    def speak(self, piece: Piece, name: str, speed: float) -> NDArray[np.int16]:
        return self._kokoro.sound(piece.symbols, name, speed)


def pieces_of(text: str, british: bool) -> list[Piece]:
    """The pieces of a text: its sentences, the first cut early, long ones cut between their parts. Raises TextError."""
    known = cache(lambda word: word_symbols(word, british))
    found = sentences(text)
    check_english([word for sentence in found for word in re.findall(r"[A-Za-z']+", sentence.words)], known)

    def symbols(words: str) -> str:
        return text_to_symbols(words, british, lambda word: sound_out(word, known))

    pieces: list[Piece] = []
    for sentence in found:
        early = first_clause(sentence.words, SHORTEST) if not pieces and len(symbols(sentence.words)) > EARLY else [sentence.words]
        for part in early:
            for words in clauses(part, LONGEST, lambda words: len(symbols(words))):
                spoken = symbols(words)
                if any(symbol not in PAUSE_SECONDS and symbol != " " for symbol in spoken):
                    pieces.append(Piece(sentence.written, spoken, PAUSE_SECONDS.get(words[-1], 0.0)))
        if pieces:
            last = pieces[-1]
            pieces[-1] = Piece(last.sentence, last.symbols, max(last.pause, PAUSE_SECONDS["."]))
    return pieces


def check_english(words: list[str], known: Callable[[str], str | None]) -> None:
    """Raises TextError for a text most of whose words are in no English lexicon."""
    different = {word.lower() for word in words if word.lower() not in OWN}
    unknown = [word for word in sorted(different) if known(word) is None]
    if len(different) >= FOREIGN_WORDS and len(unknown) >= FOREIGN_SHARE * len(different):
        raise TextError(f"only English can be spoken, and most words of the text are none ({', '.join(unknown[:3])})")


def check_wish(names: tuple[str, ...], voice: str, speed: float) -> None:
    """Raises TextError for a voice that there is not and a speed that nobody speaks at."""
    if voice not in names:
        raise TextError(f"there is no voice {voice!r}: {', '.join(names)}")
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise TextError(f"speed must be from {MIN_SPEED:g} to {MAX_SPEED:g}, got {speed:g}")
