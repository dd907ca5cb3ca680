"""Spanish and Italian spelling to the symbols Kokoro reads, by rule, and those symbols as ARPAbet phones.

The symbols are written the way espeak-ng writes these languages, because Kokoro was trained on its transcriptions. The phones are those
of ``evaluation.spelling``: one quality a vowel, double consonants as one. Where that module spells a sound in two ways, or with a sound
that English has a phone for (j and w before a vowel, m before b), the phone is the one that the sound has in the English corpus.
"""

import re
import unicodedata
from collections.abc import Callable

LANGUAGES = ("es", "it")

ARPABET: dict[str, str] = {
    "a": "AA", "e": "EH", "ɛ": "EH", "i": "IY", "ɪ": "IY", "o": "OW", "ɔ": "OW", "u": "UW", "ʊ": "UW", "j": "Y", "w": "W", "b": "B",
    "d": "D", "f": "F", "k": "K", "l": "L", "m": "M", "n": "N", "p": "P", "r": "R", "s": "S", "t": "T", "v": "V", "x": "HH", "z": "Z",
    "S": "S", "ð": "DH", "ŋ": "NG", "ɡ": "G", "ɣ": "G", "ɲ": "N Y", "ɾ": "R", "ʃ": "SH", "ʎ": "L Y", "ʝ": "Y", "ʣ": "D Z", "ʤ": "JH",
    "ʦ": "T S", "ʧ": "CH", "β": "V",
}  # fmt: skip
"""Symbol -> phones. β, whose lips only come near, is V; S is a long s."""

_Rules = tuple[tuple[str, str], ...]
_MARKS = "ˈˌː"
_VOWELS = "aeiouáéíóúàèìòù"
_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*'?|[;:,.!?—…]")
_PUNCTUATION = ";:,.!?—…"
_OPEN = {"á": "a", "é": "e", "í": "i", "ó": "o", "ú": "u", "à": "a", "è": "ɛ", "ì": "i", "ò": "ɔ", "ù": "u"}
_PLAIN = str.maketrans("áéíóúàèìòù", "aeiouaeiou")

_SPANISH_LETTERS: _Rules = (
    ("ch", "ʧ"), ("ll", "ʝ"), ("rr", "r"), ("qu(?=[eiéí])", "k"), ("gu(?=[eiéí])", "g"), ("gü", "gw"), ("[cz](?=[eiéí])|z", "s"),
    ("g(?=[eiéí])", "x"), ("j", "x"), ("ñ", "ɲ"), ("h", ""), ("(?<![a-z])y(?![a-z])|y$", "i"), ("y", "ʝ"), ("ü", "w"), ("v", "b"),
    ("[cq]", "k"), ("x", "ks"), ("n(?=[bvpm])", "m"), ("(?<![a-zñáéíóú])r|(?<=[nls])r", "r"), ("r", "ɾ"),
)  # fmt: skip
_SPANISH_SOUNDS: _Rules = (
    ("(?<!^)(?<![mn])b", "β"), (f"(?<=[{_VOWELS}])d(?=[{_VOWELS}])", "ð"), (f"(?<=[{_VOWELS}])g(?=[{_VOWELS}lɾw])", "ɣ"), ("g", "ɡ"),
    ("n(?=[gx])", "ŋ"),
)  # fmt: skip
_SPANISH_WEAK = frozenset({
    "a", "al", "aunque", "con", "cuando", "de", "del", "desde", "e", "el", "en", "entre", "hasta", "la", "las", "le", "les", "lo", "los",
    "me", "mi", "mis", "ni", "nos", "o", "os", "para", "pero", "por", "porque", "que", "se", "si", "sin", "sobre", "su", "sus", "te",
    "tu", "tus", "u", "un", "una", "unas", "unos", "y",
})  # fmt: skip

_SOFT, _AFTER_SOFT = "[eièéì]", "(?=[aeouàèéòù])"
_ITALIAN_LETTERS: _Rules = (
    ("gli" + _AFTER_SOFT, "ʎ"), ("gl(?=[iì])", "ʎ"), ("gn", "ɲ"), ("sci" + _AFTER_SOFT, "ʃ"), (f"sc(?={_SOFT})", "ʃ"), ("cch", "kː"),
    ("ggh", "ɡː"), ("ch", "k"), ("gh", "ɡ"), ("cci" + _AFTER_SOFT, "ʧː"), (f"cc(?={_SOFT})", "ʧː"), ("ci" + _AFTER_SOFT, "ʧ"),
    (f"c(?={_SOFT})", "ʧ"), ("ggi" + _AFTER_SOFT, "ʤː"), (f"gg(?={_SOFT})", "ʤː"), ("gi" + _AFTER_SOFT, "ʤ"), (f"g(?={_SOFT})", "ʤ"),
    ("cqu", "kːw"), ("qu", "kw"), ("gu(?=[aeioàèéìò])", "ɡw"), ("h", ""), ("zz", "ʦː"), ("^z", "ʣ"), ("z", "ʦ"), ("ss", "S"),
    (f"(?<=[{_VOWELS}])s(?=[{_VOWELS}])|s(?=[bdglmnrv])", "z"), ("bb", "bː"), ("cc", "kː"), ("dd", "dː"), ("gg", "ɡː"), ("pp", "pː"),
    ("tt", "tː"), ("rr", "rɾ"), (f"n(?=g(?!{_SOFT}|n))", "ŋ"), ("n(?=[pbm])", "m"), ("c", "k"), ("g", "ɡ"),
)  # fmt: skip
_ITALIAN_WEAK = frozenset({
    "a", "ad", "ai", "agli", "al", "alla", "alle", "allo", "che", "ci", "col", "come", "con", "da", "dai", "dal", "dalla", "dalle",
    "dallo", "degli", "dei", "del", "della", "delle", "dello", "di", "e", "ed", "fra", "gli", "i", "il", "in", "la", "le", "lo", "ma",
    "mi", "ne", "nei", "nel", "nella", "nelle", "nello", "non", "o", "per", "se", "si", "su", "sugli", "sui", "sul", "sulla", "sulle",
    "tra", "ti", "un", "una", "uno", "vi",
})  # fmt: skip
_ITALIAN_EARLY = re.compile(f"[{_VOWELS}].*(?:issim[aeio]|[ai]bil[ei]|evol[ei]|[aei]vano|[dfrst]ic[aio])$")
"""Endings of words that are stressed on the last vowel but two."""
_CLOSED_ENDINGS = re.compile("(?:ment[eio]|ezz[ae]|ett[aeio]|or[aei]|os[aeio]|on[ei]|es[aei]|ev[aeio]|ond[aeo]|[aeo]?st[aeio]|ell[ao])$")
_VOICED_Z = re.compile("mezz|azzur|zanza|bizzar|pranz|romanz")
_MARKED = (
    "àbita", "àbito", "accòmodi", "àlbero", "àlzano", "àttimo", "àutobus", "bàrbara", "bèrgamo", "bùssola", "càntano", "capìtolo",
    "cavoùr", "chìmica", "còmodo", "còmpito", "contìnua", "dèbito", "dèvono", "dìcono", "diffìcile", "dipìngere", "domènica", "dòrmono",
    "dùe", "èrano", "fàcile", "fatìca", "fiorìscono", "fotògrafo", "fràgole", "giòvane", "ìo", "làmpada", "làsciami", "lèggere",
    "lèttera", "lìbero", "lùi", "màcchina", "mèttere", "mìa", "mìo", "mòbili", "mòrbida", "nùmero", "nùvole", "òttimo", "òvest",
    "pàgina", "pàolo", "pàpera", "paùra", "pìccolo", "prèmere", "prezzèmolo", "propòsito", "rècita", "ripètere", "sàbato", "sbrìgati",
    "scàtola", "scègliere", "scìvola", "scrìvere", "sèmplice", "sògnano", "spègnere", "spettàcolo", "splèndida", "sùa", "sùo",
    "svègliano", "svègliati", "tàvolo", "telèfono", "tùa", "tùo", "ùltimo", "vàlzer", "vìa", "vìsita", "vìvere", "vìvono", "vòlano",
    "zìa", "zìo",
)  # fmt: skip
_SPOKEN = {word.translate(_PLAIN): word for word in _MARKED}
"""Italian words that the rules stress wrong, without and with the stress marked."""


def text_to_symbols(text: str, language: str) -> str:
    """Kokoro symbols of a Spanish ("es") or Italian ("it") sentence; numbers must be written as words.

    Spanish c (before e and i) and z are s, ll is y: what Kokoro's voices make of θ is an s too. ValueError for another language, and for
    letters that it does not use.
    """
    if language not in LANGUAGES:
        raise ValueError(f'no spelling rules for "{language}": there are some for {", ".join(LANGUAGES)}')
    word_symbols: Callable[[str], str] = spanish_word if language == "es" else italian_word
    symbols = ""
    for token in _TOKEN.findall(unicodedata.normalize("NFC", text.lower().replace("’", "'"))):
        if token in _PUNCTUATION:
            symbols += token
            continue
        spoken = word_symbols(token)
        if unknown := sorted(set(spoken) - set(ARPABET) - set(_MARKS)):
            raise ValueError(f"the letters {unknown} of the word {token!r} have no sound in {language!r}: rewrite the sentence")
        if language == "es" and symbols.endswith("n") and spoken.lstrip(_MARKS)[:1] in ("b", "p", "m"):
            symbols = symbols[:-1] + "m"
        symbols += " " + spoken if symbols else spoken
    return symbols


def spanish_word(word: str) -> str:
    """Symbols of a Spanish word in lower case."""
    spoken = _replace(_replace(word, _SPANISH_LETTERS), _SPANISH_SOUNDS)
    nuclei = _nuclei(spoken)
    if word in _SPANISH_WEAK or not nuclei:
        return _written(spoken, nuclei, None)
    accented = [place for place in nuclei if spoken[place] in _OPEN]
    early = re.search("[aeiou][ns]?$", word) and len(nuclei) > 1
    return _written(spoken, nuclei, accented[0] if accented else nuclei[-2 if early else -1])


def italian_word(word: str) -> str:
    """Symbols of an Italian word in lower case, with what is joined to it by an apostrophe."""
    joined, _, last = word.strip("'").rpartition("'")
    last = _SPOKEN.get(last, last)
    word = joined.replace("'", "") + last
    spoken = _replace(word, _ITALIAN_LETTERS)
    if _VOICED_Z.search(word.translate(_PLAIN)):
        spoken = spoken.replace("ʦ", "ʣ")
    nuclei = _nuclei(spoken)
    if word in _ITALIAN_WEAK or not nuclei:
        return _written(spoken, nuclei, None, italian=True)
    accented = [place for place in nuclei if spoken[place] in _OPEN]
    back = 1 if len(nuclei) == 1 or word[-1] not in _VOWELS else 3 if len(nuclei) > 2 and _ITALIAN_EARLY.search(last) else 2
    stressed = accented[0] if accented else nuclei[-back]
    open_e_o = spoken[stressed] in "eo" and not _CLOSED_ENDINGS.search(word) and len(nuclei) > 1
    return _written(spoken, nuclei, stressed, italian=True, open_e_o=open_e_o)


def _replace(word: str, rules: _Rules) -> str:
    """One pass from left to right; the first rule that fits a place is taken, and looks at the letters around it as they were."""
    return re.sub("|".join(f"({pattern})" for pattern, _ in rules), lambda found: rules[(found.lastindex or 1) - 1][1], word)


def _nuclei(word: str) -> list[int]:
    """Places of the vowels that are the middle of a syllable: i and u without an accent beside another vowel are not."""
    places: list[int] = []
    for place, letter in enumerate(word):
        if letter not in _VOWELS:
            continue
        before, after = word[place - 1 : place], word[place + 1 : place + 2]
        rises = bool(after) and after in _VOWELS
        falls = bool(before) and before in _VOWELS and place - 1 in places
        if letter not in "iu" or not (rises or falls):
            places.append(place)
    return places


def _written(word: str, nuclei: list[int], stressed: int | None, italian: bool = False, open_e_o: bool = False) -> str:
    """The word with glides, stress marks and vowels as Kokoro knows them."""
    symbols = ""
    for place, letter in enumerate(word):
        if letter not in _VOWELS:
            symbols += letter
            continue
        if place not in nuclei:
            rises = word[place + 1 : place + 2] and word[place + 1] in _VOWELS
            symbols += {"i": "j", "u": "w"}[letter] if rises else {"i": "ɪ", "u": "ʊ"}[letter]
            continue
        vowel = _OPEN.get(letter, letter) if italian else letter.translate(_PLAIN)
        if place == stressed:
            symbols += "ˈ" + ({"e": "ɛ", "o": "ɔ"}[vowel] if open_e_o else vowel)
            continue
        if not italian and stressed is not None and place == nuclei[0] and nuclei.index(stressed) >= 2:
            symbols += "ˌ"
        final = place == len(word) - 1
        symbols += {"i": "ɪ" if final else "i", "u": "ʊ"}.get(vowel, vowel) if italian else vowel
    return symbols
