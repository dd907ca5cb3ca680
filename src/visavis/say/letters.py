"""How a word that is in no lexicon may sound: names, brands, slips of the pen. Pure.

Rules of English spelling, longest letters first, with one stress: a guess that a listener understands, no more.
"""

from collections.abc import Callable

OWN = {"visavis": "vˌizəvˈi"}
"""Words that the lexicon lacks and whose sound is known."""
SPELLED = {
    "tions": "ʃᵊnz", "tion": "ʃᵊn", "sion": "ʒᵊn", "cious": "ʃəs", "tious": "ʃəs", "ture": "ʧəɹ", "ough": "O", "augh": "ɔ", "eigh": "A",
    "igh": "I",
    "tch": "ʧ", "dge": "ʤ", "sch": "ʃ", "ing": "ɪŋ", "eau": "O", "air": "ɛɹ", "ear": "ɪɹ", "eer": "ɪɹ", "our": "ɔɹ", "oor": "ɔɹ",
    "ch": "ʧ", "sh": "ʃ", "th": "θ", "ph": "f", "gh": "ɡ", "wh": "w", "ck": "k", "qu": "kw", "ng": "ŋ", "nk": "ŋk", "ts": "ts", "zz": "ts",
    "ee": "i", "ea": "i", "oo": "u", "ou": "W", "ow": "O", "oi": "Y", "oy": "Y", "ai": "A", "ay": "A", "au": "ɔ", "aw": "ɔ", "ei": "A",
    "ey": "i",
    "ie": "i", "oa": "O", "oe": "O", "ue": "u", "ui": "u", "ew": "ju", "eu": "ju", "ya": "jɑ", "yo": "jO", "yu": "ju",
    "ar": "ɑɹ", "er": "əɹ", "ir": "ɜɹ", "or": "ɔɹ", "ur": "ɜɹ", "ce": "sɛ", "ci": "sɪ", "cy": "si", "ge": "ʤɛ", "gi": "ʤɪ", "gy": "ʤi",
    "a": "æ", "b": "b", "c": "k", "d": "d", "e": "ɛ", "f": "f", "g": "ɡ", "h": "h", "i": "ɪ", "j": "ʤ", "k": "k", "l": "l", "m": "m",
    "n": "n",
    "o": "ɑ", "p": "p", "q": "k", "r": "ɹ", "s": "s", "t": "t", "u": "ʌ", "v": "v", "w": "w", "x": "ks", "y": "ɪ", "z": "z",
}  # fmt: skip
FIRST = {"kn": "n", "wr": "ɹ", "ps": "s", "pn": "n", "x": "z", "y": "j"}
LAST = {"a": "ə", "o": "O", "i": "i", "u": "u", "y": "i", "e": "", "es": "z", "ed": "d"}
LONG = {"a": "A", "e": "i", "i": "I", "o": "O", "u": "u", "y": "I"}
VOWELS = "AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻ"
CONSONANT_LETTERS = "bcdfghjklmnpqrstvwxz"
LONGEST = max(map(len, SPELLED))


def sound_out(word: str, known: Callable[[str], str | None]) -> str:
    """Kokoro's symbols for a word of letters and apostrophes. ``known`` gives those of a word in the lexicon, or None.

    Two known words that were written as one are those two; letters without a vowel are named one by one; the rest is read by rule.
    """
    word = word.lower().replace("'", "")
    if word in OWN:
        return OWN[word]
    for cut in range(len(word) - 3, 2, -1):
        parts = known(word[:cut]), known(word[cut:])
        if parts[0] and parts[1]:
            return parts[0] + parts[1].replace("ˈ", "ˌ")
    if not any(letter in "aeiouy" for letter in word):
        return "".join(known(letter.upper()) or "" for letter in word)
    return _stressed(_by_rule(word))


def _by_rule(word: str) -> str:
    symbols, at = "", 0
    while at < len(word):
        rest = word[at:]
        if at == 0 and (start := next((letters for letters in FIRST if word.startswith(letters)), "")):
            symbols, at = FIRST[start], len(start)
        elif at and rest in LAST and any(one in VOWELS for one in symbols):
            symbols, at = symbols + LAST[rest], len(word)
        elif rest[0] == rest[1:2] and rest[0] in CONSONANT_LETTERS and rest[0] != "z":
            at += 1
        elif len(rest) == 3 and rest[0] in LONG and rest[1] in CONSONANT_LETTERS and rest[2] == "e":
            symbols += LONG[rest[0]] + SPELLED.get(rest[1] + "e", SPELLED[rest[1]]).removesuffix("ɛ")  # as in "made", "face"
            at = len(word)
        else:
            letters = next(rest[:count] for count in range(min(LONGEST, len(rest)), 0, -1) if rest[:count] in SPELLED)
            symbols, at = symbols + SPELLED[letters], at + len(letters)
    return symbols


def _stressed(symbols: str) -> str:
    """With the mark before the first vowel of one or two, before the third from the end of more."""
    vowels = [at for at, symbol in enumerate(symbols) if symbol in VOWELS]
    if not vowels:
        return symbols
    at = vowels[0] if len(vowels) < 3 else vowels[-3]
    return f"{symbols[:at]}ˈ{symbols[at:]}"
