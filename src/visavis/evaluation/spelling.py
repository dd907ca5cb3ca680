"""From Spanish and Italian spelling to the ARPAbet phones that come nearest, so that an English aligner finds them in a recording.

Rough on purpose: vowels have one quality, length and stress are left out. What counts for lips is kept: where they shut, where teeth meet
the lip, which vowels are rounded.
"""

import re
import unicodedata

VOWELS = {"a": "AA", "e": "EH", "i": "IY", "o": "OW", "u": "UW"}

_COMMON = [
    ("a", "AA"), ("e", "EH"), ("i", "IY"), ("o", "OW"), ("u", "UW"), ("d", "D"), ("f", "F"), ("k", "K"), ("l", "L"), ("q", "K"),
    ("m", "M"), ("n", "N"), ("p", "P"), ("r", "R"), ("t", "T"), ("w", "W"), ("h", ""), ("c", "K"), ("g", "G"), ("s", "S"), ("x", "K S"),
    ("'", ""),
]  # fmt: skip

RULES: dict[str, list[tuple[str, str]]] = {
    # v is b; between other sounds both are spoken with lips that only come near, as in V
    "es": [
        ("ch", "CH"), ("ll", "Y"), ("rr", "R"), ("qu(?=[ei])", "K"), ("qu", "K W"), ("gu(?=[ei])", "G"), ("c(?=[ei])", "S"),
        ("z", "S"), ("g(?=[ei])", "HH"), ("j", "HH"), ("ñ", "N Y"), ("y(?![aeiou])", "IY"), ("y", "Y"),
        ("^[bv]", "B"), ("(?<=[mn])[bv]", "B"), ("[bv]", "V"), ("(?<=[aeiou])d(?=[aeiou])", "DH"), *_COMMON,
    ],
    "it": [
        ("gli(?=[aeou])", "L Y"), ("gli", "L IY"), ("gn", "N Y"), ("sci(?=[aeou])", "SH"), ("sc(?=[ei])", "SH"), ("sch", "S K"),
        ("ch", "K"), ("gh", "G"),
        ("cci(?=[aou])", "CH"), ("ci(?=[aeou])", "CH"), ("c+(?=[ei])", "CH"), ("ggi(?=[aou])", "JH"), ("gi(?=[aou])", "JH"),
        ("g+(?=[ei])", "JH"), ("cc", "K"), ("gg", "G"), ("ss", "S"), ("qu", "K W"), ("z+", "T S"),
        ("(?<=[aeiou])s(?=[aeiou])", "Z"), ("j", "Y"), ("y", "IY"), ("b", "B"), ("v", "V"),
        *_COMMON,
    ],
}  # fmt: skip
"""Language -> patterns in the order in which they are tried at each letter, and the phones each stands for."""

LANGUAGES = tuple(RULES)


def words_of(text: str) -> list[str]:
    """Words of a text in lower case, without accents except that of ñ. Notes in brackets are left out."""
    plain = re.sub(r"\([^)]*\)|<[^>]*>", " ", text.lower()).replace("ñ", "\0")
    plain = "".join(letter for letter in unicodedata.normalize("NFD", plain) if not unicodedata.combining(letter))
    return re.findall(r"[a-zñ']+", plain.replace("\0", "ñ"))


def phones_of(word: str, language: str) -> list[str]:
    """ARPAbet phones of a word of ``words_of``. ValueError for a language without rules, a letter that they do not know, or a word without
    sound."""
    if language not in RULES:
        raise ValueError(f'no spelling rules for "{language}": there are some for {", ".join(LANGUAGES)}')
    plain = re.sub(r"([bdfklmnprtv])\1", r"\1", word) if language == "it" else word
    phones: list[str] = []
    here = 0
    while here < len(plain):
        for pattern, spoken in RULES[language]:
            if found := re.compile(pattern).match(plain, here) if "^" not in pattern or here == 0 else None:
                phones += spoken.split()
                here = found.end()
                break
        else:
            raise ValueError(f'the letter "{plain[here]}" of "{word}" has no sound in "{language}"')
    if not phones:
        raise ValueError(f'"{word}" has no sound')
    return phones
