"""A voice: a text to pieces, a piece to sound. Kokoro-82M with the lexicon of misaki, both local."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from visavis.data import romance
from visavis.data.kokoro import AMERICAN_VOICES, BRITISH_VOICES, ITALIAN_VOICES, SPANISH_VOICES, Kokoro, voice_language
from visavis.data.phonemes import text_to_symbols, word_symbols
from visavis.say.letters import OWN, sound_out
from visavis.say.romance_text import TONGUES, no_end, write_out
from visavis.say.text import LANGUAGES, SPOKEN, Sentence, TextError, clauses, first_clause, sentences
from visavis.store import asset_path

LONGEST = 240
"""Symbols of a piece, about 15 s: longer ones would keep the listener waiting at the next pause."""
EARLY, SHORTEST = 45, 8
"""A first sentence of more symbols is cut at its first punctuation, not before so many characters."""
PAUSE_SECONDS = {".": 0.32, "!": 0.32, "?": 0.32, "…": 0.4, ",": 0.12, ";": 0.2, ":": 0.2, "—": 0.2}
"""Quiet after a piece, by its last character, beside the twentieth of a second that each end of it has."""
FOREIGN_SHARE, FOREIGN_WORDS = 0.6, 4
"""A text in which so large a share of at least so many different words is in no English lexicon is not English."""
SMALL_WORDS = {
    "en": {"the", "and", "of", "is", "are", "was", "you", "that", "with", "for", "this", "have", "not", "be", "we", "they", "to", "my"},
    "es": {"el", "los", "las", "y", "está", "una", "que", "por", "para", "con", "del", "su", "muy", "pero", "más", "ayer", "hoy", "yo"},
    "it": {"il", "gli", "è", "di", "che", "una", "della", "del", "non", "sono", "si", "molto", "più", "oggi", "ieri", "nella", "dei"},
    "fr": {"le", "les", "des", "et", "est", "une", "que", "pour", "avec", "dans", "vous", "je", "pas", "nous", "qui", "sur", "au"},
    "de": {"der", "das", "und", "ist", "ein", "eine", "nicht", "mit", "auf", "für", "ich", "zu", "den", "von", "wir", "auch", "im"},
    "pt": {"os", "é", "uma", "que", "não", "com", "para", "da", "em", "mais", "muito", "você", "dos", "ao", "seu", "sua", "às"},
}  # fmt: skip
"""Words by which a language is told from the others, as long as it is written at some length."""
MIN_SPEED, MAX_SPEED = 0.5, 2.0
GAINS = {"if_sara": 0.4, "im_nicola": 0.65}
"""Of voices that are louder than the others, which have -23 dB (root mean square); the first one would be clipped as well."""


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

    names = AMERICAN_VOICES + BRITISH_VOICES + SPANISH_VOICES + ITALIAN_VOICES

    def __init__(self, threads: int = 1) -> None:
        model, voices = asset_path("kokoro.onnx"), asset_path("kokoro_voices")
        word_symbols("hello", british=False)  # the lexicon takes two seconds to load: now, and not at the first word
        self._kokoro = Kokoro(model, voices, threads)

    def prepare(self, text: str, name: str) -> list[Piece]:
        return pieces_of(text, name)

    def speak(self, piece: Piece, name: str, speed: float) -> NDArray[np.int16]:
        return self._kokoro.sound(piece.symbols, name, speed, gain=GAINS.get(name, 1.0))


def pieces_of(text: str, voice: str) -> list[Piece]:
    """The pieces of a text in the language of the voice: its sentences, the first cut early, long ones cut between their parts. Raises
    TextError."""
    found, symbols = _english(text, voice.startswith("b")) if voice_language(voice) == "en" else _romance(text, voice)
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


def _english(text: str, british: bool) -> tuple[list[Sentence], Callable[[str], str]]:
    """Sentences, and what gives the symbols of their words."""
    known = cache(lambda word: word_symbols(word, british))
    found = sentences(text)
    check_english([word for sentence in found for word in re.findall(r"[A-Za-z']+", sentence.words)], text, known)
    return found, lambda words: text_to_symbols(words, british, lambda word: sound_out(word, known))


def _romance(text: str, voice: str) -> tuple[list[Sentence], Callable[[str], str]]:
    """As ``_english``."""
    language = voice_language(voice)
    seems = language_of(text)
    if seems not in (language, None):
        raise TextError(f"{voice} speaks {LANGUAGES[language][0]}, and the text is not: {advice(seems)}")
    tongue = TONGUES[language]

    def symbols(words: str) -> str:
        try:
            return romance.text_to_symbols(words, language)
        except ValueError as error:
            raise TextError(str(error)) from error

    return sentences(text, lambda sentence: write_out(sentence, tongue), no_end(tongue)), symbols


def language_of(text: str) -> str | None:
    """The language that most of a text's small words are of; None where they are too few to tell."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    counts = {language: sum(word in small for word in words) for language, small in SMALL_WORDS.items()}
    first, second = sorted(counts, key=lambda language: counts[language], reverse=True)[:2]
    return first if len(words) >= FOREIGN_WORDS and counts[first] >= 2 and counts[first] > counts[second] else None


def advice(language: str | None) -> str:
    """What to do about a text of this language."""
    if language in LANGUAGES:
        name, voice = LANGUAGES[language]
        return f"for {name} choose the voice {voice}"
    return f"only {SPOKEN} can be spoken"


def check_english(words: list[str], text: str, known: Callable[[str], str | None]) -> None:
    """Raises TextError for a text most of whose words are in no English lexicon."""
    different = {word.lower() for word in words if word.lower() not in OWN}
    unknown = [word for word in sorted(different) if known(word) is None]
    seems = language_of(text)
    if seems not in ("en", None) and not different & SMALL_WORDS["en"]:
        raise TextError(f"the text is not English: {advice(seems)}")
    if len(different) >= FOREIGN_WORDS and len(unknown) >= FOREIGN_SHARE * len(different):
        raise TextError(f"most words of the text are not English ({', '.join(unknown[:3])}): {advice(None)}")


def check_wish(names: tuple[str, ...], voice: str, speed: float) -> None:
    """Raises TextError for a voice that there is not and a speed that nobody speaks at."""
    if voice not in names:
        raise TextError(f"there is no voice {voice!r}: {', '.join(names)}")
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise TextError(f"speed must be from {MIN_SPEED:g} to {MAX_SPEED:g}, got {speed:g}")
