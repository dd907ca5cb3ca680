"""English text to the symbols Kokoro reads (misaki's lexicon), and symbols of any language with their durations to ARPAbet phones."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.data import romance
from visavis.data.phones import SILENCE, VOWELS, Phone

KOKORO_IDS: dict[str, int] = {
    ";": 1, ":": 2, ",": 3, ".": 4, "!": 5, "?": 6, "—": 9, "…": 10, " ": 16, "ʣ": 18, "ʦ": 20, "A": 24, "I": 25, "O": 31, "Q": 33,
    "S": 35, "T": 36, "W": 39, "Y": 41, "ᵊ": 42, "a": 43, "b": 44, "d": 46, "e": 47, "f": 48, "h": 50, "i": 51, "j": 52, "k": 53,
    "l": 54, "m": 55, "n": 56, "o": 57, "p": 58, "r": 60, "s": 61, "t": 62, "u": 63, "v": 64, "w": 65, "x": 66, "z": 68, "ɑ": 69,
    "ɐ": 70, "ɒ": 71, "æ": 72, "β": 75, "ɔ": 76, "ð": 81, "ʤ": 82, "ə": 83, "ɛ": 86, "ɜ": 87, "ɡ": 92, "ɪ": 102, "ʝ": 103, "ŋ": 112,
    "ɲ": 114, "θ": 119, "ɹ": 123, "ɾ": 125, "ʃ": 131, "ʧ": 133, "ʊ": 135, "ʌ": 138, "ɣ": 139, "ʎ": 143, "ʒ": 147, "ʔ": 148, "ˈ": 156,
    "ˌ": 157, "ː": 158, "ᵻ": 177,
}  # fmt: skip
"""Token numbers of Kokoro-82M v1.0 (its config.json), for the symbols that misaki's English lexicons and ``romance`` use."""

_ARPABET: dict[str, str] = {
    "A": "EY", "I": "AY", "O": "OW", "Q": "OW", "W": "AW", "Y": "OY", "ᵊ": "AH", "a": "AE", "i": "IY", "u": "UW", "ɑ": "AA", "ɐ": "AH",
    "ɒ": "AA", "æ": "AE", "ɔ": "AO", "ə": "AH",
    "ɛ": "EH", "ɜ": "ER", "ɪ": "IH", "ʊ": "UH", "ʌ": "AH", "ᵻ": "IH", "b": "B", "d": "D", "f": "F", "h": "HH", "j": "Y", "k": "K",
    "l": "L", "m": "M", "n": "N", "p": "P",
    "s": "S", "t": "T", "v": "V", "w": "W", "z": "Z", "ð": "DH", "ʤ": "JH", "ɡ": "G", "ŋ": "NG", "θ": "TH", "ɹ": "R", "ʃ": "SH",
    "ʧ": "CH", "ʒ": "ZH", "T": "D", "ʔ": "T",
}  # fmt: skip
_PHONES: dict[str, dict[str, str]] = {"en": _ARPABET, "es": romance.ARPABET, "it": romance.ARPABET}
LEAD_FRAMES = 2.5
"""The sound of a token comes this many frames before the sum of the durations says (62 ms): measured as the shift that lines up S, Z, SH
and CH with the energy above 3.5 kHz (-55 to -75 ms over five voices), and as the median difference to pocketsphinx's alignment of the same
sound (-50 to -80 ms)."""
_JOINED = "ˈˌ"
"""Stress marks: their time belongs to the sound that follows."""
_LENGTH = "ː"
_AFFRICATES = "ʦʣ"
_FIRST_SHARE = 0.5
"""A symbol that is two phones gives the first one this share of its frames; those of a length mark are the stop's."""
_STOPS = frozenset({"B", "CH", "D", "G", "JH", "K", "P", "T"})
_PUNCTUATION = ";:,.!?—…"
_WORD = re.compile(r"[A-Za-z][A-Za-z']*|[;:,.!?—…]")


@cache
def _lexicon(british: bool) -> Any:
    try:
        from misaki.en import Lexicon
    except ImportError as error:
        raise RuntimeError(
            f'speech needs the package {error.name}: pip install "visavis[say]" to have text spoken, "visavis[data]" to make a corpus'
        ) from error
    return Lexicon(british)


def word_symbols(word: str, british: bool) -> str | None:
    """Kokoro symbols of one word by itself; None for one that is not in misaki's lexicon."""
    lexicon = _lexicon(british)
    from misaki.en import TokenContext

    symbols, _ = lexicon.get_word(word, "", None, TokenContext())
    return symbols.replace("ɾ", "T") if symbols else None


def text_to_symbols(text: str, british: bool, sound_out: Callable[[str], str] | None = None) -> str:
    """Kokoro symbols of an English sentence whose words are all in misaki's lexicon; numbers must be written as words.

    Words are looked up from the last to the first because "the", "to" and "a" sound as the next word demands. For a word that is unknown
    ``sound_out`` gives the symbols; without it, it raises ValueError.
    """
    lexicon, parts, future_vowel = _lexicon(british), [], None
    from misaki.en import CONSONANTS, VOWELS, TokenContext

    tokens = _WORD.findall(text.replace("-", " "))
    for index in range(len(tokens) - 1, -1, -1):
        token = tokens[index]
        if token in _PUNCTUATION:
            parts.append(token)
            future_vowel = None
            continue
        future_to = index + 1 < len(tokens) and tokens[index + 1].lower() == "to"
        stress = 0.5 if index and token != token.lower() and token != "I" else None
        tag = {"a": "DT", "i": "PRP", "in": "IN"}.get(token.lower(), "")
        if token == "A" and index and tokens[index - 1] not in ".!?…":
            tag = ""  # the letter
        symbols, _ = lexicon.get_word(token, tag, stress, TokenContext(future_vowel=future_vowel, future_to=future_to))
        if symbols is None and sound_out is not None:
            symbols = sound_out(token)
        if symbols is None:
            raise ValueError(f"the word {token!r} is not in the pronunciation lexicon: rewrite the sentence")
        parts.append(symbols.replace("ɾ", "T"))
        first_sound = next((symbol for symbol in symbols if symbol in VOWELS or symbol in CONSONANTS), None)
        future_vowel = first_sound in VOWELS if first_sound else None
    symbols = ""
    for part in reversed(parts):
        symbols += part if part in _PUNCTUATION or not symbols else " " + part
    unknown = sorted(set(symbols) - set(KOKORO_IDS))
    if unknown:
        raise ValueError(f"symbols {unknown} of {text!r} are not known to Kokoro")
    return symbols


@dataclass
class _Sound:
    name: str
    frames: float
    kind: str = field(default="phone")


def symbols_to_phones(
    symbols: str, frames: NDArray[np.float64], frame_s: float, quiet: NDArray[np.bool_], language: str = "en"
) -> list[Phone]:
    """Phones with times from the frames that each of Kokoro's tokens got.

    frames: (len(symbols) + 2,), the first and last belong to the padding tokens around the text. quiet: (sum of frames,), True where the
    sound of that frame is as good as silent. A word gap or punctuation is SIL where it is quiet for two frames or more; the rest of its
    time is shared by its neighbours (a sound that rings out belongs to the phone before). "ɜɹ" and "əɹ" are one ER; a length mark belongs
    to its vowel. In Spanish ("es") and Italian ("it") a double consonant is one phone.
    """
    names = _PHONES[language]
    if len(frames) != len(symbols) + 2:
        raise ValueError(f"{len(symbols)} symbols need {len(symbols) + 2} frame counts (padding at both ends), got {len(frames)}")
    sounds = [_Sound(SILENCE, float(frames[0]), "gap")]
    carried = 0.0
    for index, (symbol, count) in enumerate(zip(symbols, frames[1:-1], strict=True)):
        last = sounds[-1]
        following = symbols[index + 1 : index + 3].lstrip(_JOINED)[:1]
        if symbol in _JOINED:
            carried += float(count)
        elif symbol == _LENGTH:
            (sounds[-2] if symbols[index - 1] in _AFFRICATES else last).frames += float(count)
        elif symbol == " " or symbol in _PUNCTUATION:
            if last.kind == "gap":
                last.frames += float(count) + carried
            else:
                sounds.append(_Sound(SILENCE, float(count) + carried, "gap"))
            carried = 0.0
        elif symbol == "ɹ" and symbols[index - 1] in "ɜə" and (last.name == "ER" or names.get(following) not in VOWELS):
            last.name, last.frames = "ER", last.frames + float(count)
        elif language != "en" and names[symbol] == last.name and last.name not in VOWELS:
            last.frames += float(count)
        else:
            first, *more = names[symbol].split()
            share = _FIRST_SHARE if more else 1.0
            sounds.append(_Sound(first, share * float(count) + carried))
            sounds += [_Sound(name, (1 - share) * float(count)) for name in more]
            carried = 0.0
    if sounds[-1].kind == "gap":
        sounds[-1].frames += float(frames[-1]) + carried
    else:
        sounds.append(_Sound(SILENCE, float(frames[-1]) + carried, "gap"))
    return _place(sounds, frame_s, quiet)


def _place(sounds: list[_Sound], frame_s: float, quiet: NDArray[np.bool_]) -> list[Phone]:
    """Settle what each gap is: silence where it is quiet, otherwise time of its neighbours. All times in frames until the end."""
    total = sum(sound.frames for sound in sounds)
    edges = np.maximum(np.concatenate([[0.0], np.cumsum([sound.frames for sound in sounds])]) - LEAD_FRAMES, 0.0)
    edges[-1] = total
    spans = [[edges[index], edges[index + 1]] for index in range(len(sounds))]
    for index, sound in enumerate(sounds):
        if sound.kind != "gap":
            continue
        first, last = index == 0, index == len(sounds) - 1
        start, end = (round(float(edge)) for edge in spans[index])
        silent = start + np.flatnonzero(quiet[start:end])
        before = None if first else spans[index - 1]
        after = None if last else spans[index + 1]
        if len(silent) < 2 and not ((first or last) and len(silent)):
            middle = spans[index][0] if first else spans[index][1] if last else sum(spans[index]) / 2
            spans[index] = [middle, middle]
        else:
            begin = 0 if first else int(silent[0])
            # The last sound before a pause is often given much of the pause as well, and the first one after it some.
            while before and begin == silent[0] and begin - 1 >= before[0] + _kept(sounds[index - 1].name) and quiet[begin - 1]:
                begin -= 1
                silent[0] = begin
            finish = int(total) if last else int(silent[-1]) + 1
            while after and finish + 1 <= after[1] - _kept(sounds[index + 1].name) and quiet[finish]:
                finish += 1
            spans[index] = [float(begin), float(finish)]
        if before:
            before[1] = spans[index][0]
        if after:
            after[0] = spans[index][1]
    return [Phone(sound.name, start * frame_s, end * frame_s) for sound, (start, end) in zip(sounds, spans, strict=True) if end > start]


def _kept(name: str) -> int:
    """Frames that a sound next to a pause keeps although they are quiet: a stop is silent while it is held."""
    return 3 if name in _STOPS else 1
