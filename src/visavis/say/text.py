"""Written English to sentences of plain words: numbers, dates, money, units and abbreviations are written out. Pure.

What is left holds letters, apostrophes and punctuation only, as ``data.phonemes.text_to_symbols`` wants it.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

MAX_TEXT = 4000
"""Characters of one text, about five minutes."""
LANGUAGES = {"en": ("English", "af_heart"), "es": ("Spanish", "ef_dora"), "it": ("Italian", "if_sara")}
"""What a language is called, and the voice that is taken for it where none is named."""
SPOKEN = "English, Spanish and Italian"


class TextError(ValueError):
    """The text cannot be spoken; the message says why and what to do."""


@dataclass(frozen=True)
class Sentence:
    """written: as it stood in the text. words: what is spoken."""

    written: str
    words: str


def sentences(text: str, write: "Callable[[str], str] | None" = None, no_end: "re.Pattern[str] | None" = None) -> list[Sentence]:
    """The sentences of a text, in order. Raises TextError for a text that is empty, too long or not written in Latin letters.

    write, no_end: what writes a sentence out, and which words with a dot end none; by default those of English."""
    if len(text) > MAX_TEXT:
        raise TextError(f"the text has {len(text)} characters: at most {MAX_TEXT} are spoken in one go, split it")
    check_script(text)
    found = []
    for written in split(text, no_end or NO_END):
        words = (write or write_out)(written)
        if re.search(r"[^\W\d_]", words):
            found.append(Sentence(written, words))
    if not found:
        raise TextError("there is nothing to speak: the text has no words" if text.strip() else "there is nothing to speak: write a text")
    return found


def check_script(text: str) -> None:
    """Raises TextError for letters of another script."""
    for character in unicodedata.normalize("NFKC", text):
        if character.isalpha() and character not in SIGNS and character not in LETTERS:
            script = unicodedata.name(character, "UNKNOWN").split()[0]
            if script not in ("LATIN", "MODIFIER", "FEMININE", "MASCULINE"):
                raise TextError(
                    f"only {SPOKEN} can be spoken, and the text has {SCRIPTS.get(script, script.capitalize())} letters ({character})"
                )


def split(text: str, no_end: "re.Pattern[str]") -> list[str]:
    """Sentences as they are written. A dot ends one only where white space and then no small letter follows, and not after one of
    ``no_end``; an empty line and the beginning of a list's item do always."""
    found: list[str] = []
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:[-*•]|\d+[.)])\s)", text):
        paragraph, begun = " ".join(paragraph.split()), 0
        for end in re.finditer(r"[.!?…]+[\"'”’)\]]*\s+", paragraph):
            before, after = paragraph[begun : end.start() + 1], paragraph[end.end() :]
            last = before.rsplit(" ", 1)[-1].lstrip("(\"'“‘[")
            numbered = after[:1].isdigit() and last.lower().removesuffix(".") in ONLY_BEFORE_NUMBERS
            if end.group().startswith(".") and (no_end.fullmatch(last) or after[:1].islower() or numbered):
                continue
            found.append(paragraph[begun : end.end()].strip())
            begun = end.end()
        found.append(paragraph[begun:].strip())
    return [sentence for sentence in found if sentence]


def write_out(sentence: str) -> str:
    """One sentence as plain words and punctuation."""
    text = unicodedata.normalize("NFKC", sentence.translate(PUNCTUATION))
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    text = "".join(_plain(character) for character in unicodedata.normalize("NFKD", text))
    return tidy(text)


def tidy(text: str) -> str:
    """Words and punctuation without superfluous spaces and signs."""
    text = re.sub(r"\s+([;:,.!?—…])", r"\1", " ".join(text.split()))
    text = re.sub(r"([;:,.!?—…])(?:\s*[;:,—…])+", r"\1", text)
    text = re.sub(r"[,;:—]+(?=[.!?…])", "", text)
    return text.lstrip(";:,.!?—… ")


def clauses(words: str, longest: int, measure: Callable[[str], int]) -> list[str]:
    """Pieces of a sentence of at most ``longest`` by ``measure``: cut after punctuation, else between words. A word that is longer than
    that is a TextError."""
    if measure(words) <= longest:
        return [words]
    cuts = [match.end() for match in re.finditer(r"[;:,—]\s+", words)] or [match.end() for match in re.finditer(r"\s+", words)]
    if not cuts:
        raise TextError(f"a word of {len(words)} letters cannot be spoken")
    middle = min(cuts, key=lambda cut: abs(cut - len(words) / 2))
    return [piece for half in (words[:middle], words[middle:]) for piece in clauses(half.strip(), longest, measure)]


def first_clause(words: str, shortest: int) -> list[str]:
    """A sentence in two at its first punctuation after ``shortest`` characters, so that its beginning is heard early; or whole."""
    for match in re.finditer(r"[;:,—]\s+", words):
        if match.start() >= shortest and len(words) - match.end() >= shortest:
            return [words[: match.end()].strip(), words[match.end() :]]
    return [words]


# How things are read.

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
ABBREVIATIONS = {
    "mr": "mister", "mrs": "missus", "ms": "miss", "dr": "doctor", "prof": "professor", "st": "saint", "jr": "junior", "sr": "senior",
    "vs": "versus", "etc": "et cetera", "approx": "approximately", "inc": "incorporated", "ltd": "limited", "co": "company",
    "dept": "department",
    "no": "number", "fig": "figure", "vol": "volume", "p": "page", "pp": "pages", "ave": "avenue", "mt": "mount", "gen": "general",
    "e.g": "for example", "i.e": "that is", "a.m": "A M", "p.m": "P M", "ph.d": "P H D", "jan": "January", "feb": "February",
    "mar": "March", "apr": "April",
    "aug": "August", "sep": "September", "sept": "September", "oct": "October", "nov": "November", "dec": "December", "mon": "Monday",
    "tue": "Tuesday", "wed": "Wednesday",
    "thu": "Thursday", "fri": "Friday",
}  # fmt: skip
"""What stands before a dot -> what is said."""
ONLY_BEFORE_NUMBERS = {"no", "fig", "vol", "p", "pp"}
ONLY_BEFORE_NAMES = {"mr", "mrs", "ms", "dr", "prof", "st", "mt", "gen"}
ENDING = {"etc", "inc", "ltd", "co", "jr", "sr", "a.m", "p.m", "ph.d", "ave", "dept", "approx"}
"""May also be the last word of a sentence."""
WORDS = {"no", "mar", "mon", "fri", "sep", "dec"}
"""Are words or names as well."""
NO_END = re.compile(
    "(?:"
    + "|".join(re.escape(name) for name in ABBREVIATIONS if name not in ENDING | {"no", "mar", "mon", "fri", "sep", "dec"})
    + r"|[A-Z])\.",
    re.IGNORECASE,
)
UNITS = {
    "km/h": "kilometres an hour", "m/s": "metres a second", "mph": "miles an hour", "mm": "millimetres", "cm": "centimetres",
    "km": "kilometres", "m": "metres",
    "mg": "milligrams", "kg": "kilograms", "g": "grams", "ml": "millilitres", "l": "litres", "ms": "milliseconds", "s": "seconds",
    "sec": "seconds",
    "min": "minutes", "h": "hours", "hrs": "hours", "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz",
    "kB": "kilobytes", "KB": "kilobytes",
    "MB": "megabytes", "GB": "gigabytes", "TB": "terabytes", "Mbit/s": "megabits a second", "kW": "kilowatts", "W": "watts", "V": "volts",
    "A": "amperes", "fps": "frames a second",
    "dB": "decibels", "ft": "feet", "lbs": "pounds", "lb": "pounds", "oz": "ounces", "px": "pixels",
    "°C": "degrees Celsius", "°F": "degrees Fahrenheit", "°": "degrees", "%": "percent", "‰": "per mille",
}  # fmt: skip
ONE = {"metres": "metre", "feet": "foot", "frames": "frame", "ounces": "ounce", "watts": "watt", "volts": "volt"}
MONEY = {"$": ("dollar", "cent"), "£": ("pound", "penny"), "€": ("euro", "cent"), "¥": ("yen", "sen")}
SIGNS = {
    "&": " and ", "+": " plus ", "=": " equals ", "@": " at ", "%": " percent ", "°": " degrees ", "×": " times ", "÷": " divided by ",
    "±": " plus or minus ",
    "<": " less than ", ">": " greater than ", "≤": " at most ", "≥": " at least ", "≈": " about ", "~": " about ", "§": " section ",
    "π": " pi ", "μ": " micro ", "Ω": " ohms ",
    "©": " copyright ", "→": " to ", "/": " ", "\\": " ", "(": ", ", ")": ", ", "[": ", ", "]": ", ", "{": ", ", "}": ", ",
    "#": " number ", "$": " dollars ",
    "€": " euros ", "£": " pounds ", "¥": " yen ", "-": " ",
}  # fmt: skip
LETTERS = {
    "ß": "ss", "æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "th", "þ": "th", "Þ": "Th",
    "œ": "oe", "Œ": "Oe", "ı": "i",
}  # fmt: skip
PUNCTUATION = str.maketrans({
    "’": "'", "‘": "'", "ʼ": "'", "`": "'", "“": " ", "”": " ", '"': " ", "«": " ", "»": " ", "–": "-", "−": "-", "…": "…", "。": ".",
})  # fmt: skip
SCRIPTS = {"CJK": "Chinese or Japanese"}
MAX_DIGITS = 15
"""A longer number is read digit by digit."""


def _plain(character: str) -> str:
    if character in LETTERS:
        return LETTERS[character]
    if character in SIGNS:
        return SIGNS[character]
    if character.isascii():
        return character if character.isalpha() or character in ";:,.!?' " else " "
    if character in "—…":
        return character
    return "" if unicodedata.category(character) in ("Mn", "Mc", "Cf") else " "


def in_words(number: int, language: str = "en", kind: str = "cardinal") -> str:
    """A number in words; ``kind`` is cardinal, ordinal or year."""
    from num2words import num2words

    return str(num2words(number, lang=language, to=kind))


def cardinal(digits: str) -> str:
    """A whole number in words; digit by digit where it is long or begins with a zero."""
    digits = digits.replace(",", "")
    if len(digits) > MAX_DIGITS or (digits.startswith("0") and len(digits) > 1):
        return " ".join(DIGITS[int(digit)] for digit in digits)
    return _no_signs(in_words(int(digits)))


def ordinal(digits: str) -> str:
    digits = digits.replace(",", "")
    return cardinal(digits) if len(digits) > MAX_DIGITS else _no_signs(in_words(int(digits), kind="ordinal"))


def year(digits: str) -> str:
    return _no_signs(in_words(int(digits), kind="year"))


def number(text: str) -> str:
    """A number as it is written, with sign, thousands and a fraction."""
    sign, text = ("minus ", text[1:]) if text.startswith("-") else ("", text)
    whole, _, fraction = text.partition(".")
    words = sign + cardinal(whole or "0")
    return f"{words} point {' '.join(DIGITS[int(digit)] for digit in fraction)}" if fraction else words


def _no_signs(words: str) -> str:
    return words.replace("-", " ").replace(",", "")


def _money(match: "re.Match[str]") -> str:
    (one, small), whole, cents, size = MONEY[match[1]], match[2].replace(",", ""), match[3], match[4]
    many = one if match[1] == "¥" else one + "s"
    if size:
        return f" {number(whole + ('.' + cents if cents else ''))} {size} {many} "
    words = f" {cardinal(whole)} {one if int(whole) == 1 else many}"
    if cents and int(cents):
        parts = int(cents.ljust(2, "0")[:2])
        pieces = {"penny": "pence", "sen": "sen"}.get(small, small + "s")
        words += f" and {cardinal(str(parts))} {small if parts == 1 else pieces}"
    return words + " "


def _date(match: "re.Match[str]") -> str:
    month, day = int(match[2]), int(match[3])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    return f"{MONTHS[month - 1]} {ordinal(str(day))}, {year(match[1])}"


def _time(match: "re.Match[str]") -> str:
    hour, minute = int(match[1]), int(match[2])
    if hour > 24 or minute > 59:
        return f"{number(match[1])} to {number(match[2])}"
    half = {"a": " A M", "p": " P M"}.get((match[3] or "").strip()[:1].lower(), "")
    if not minute:
        return f"{cardinal(str(hour))}{half or (' hundred hours' if hour > 12 or not hour else chr(32) + 'o' + chr(39) + 'clock')}"
    return f"{cardinal(str(hour))} {'oh ' if minute < 10 else ''}{cardinal(str(minute))}{half}"


def _abbreviation(match: "re.Match[str]") -> str:
    name, after = match[1].lower(), match[2]
    said = ABBREVIATIONS[name]
    if (name in ONLY_BEFORE_NUMBERS and not re.match(r"\s*\d", after)) or (name in ONLY_BEFORE_NAMES and not re.match(r"\s*[A-Z]", after)):
        return match[0] if name != "st" else "street" + after
    # At the end of a sentence its dot is the sentence's as well.
    return said + ("." if not after.strip() else "") + after


def _unit(match: "re.Match[str]") -> str:
    said, amount = UNITS[match[2]], match[1]
    if amount == "1":
        first, _, rest = said.partition(" ")
        first = ONE.get(first, "degree" if first == "degrees" else first.removesuffix("s") if first not in ("hertz", "percent") else first)
        said = f"{first} {rest}".strip()
    return f"{amount} {said} "


def _fraction(match: "re.Match[str]") -> str:
    top, bottom = int(match[1]), int(match[2])
    if not 2 <= bottom <= 100 or top >= 100:
        return f"{number(match[1])} over {number(match[2])}"
    name = {2: "half", 4: "quarter"}.get(bottom) or ordinal(match[2])
    return f"{cardinal(match[1])} {name if top == 1 else {'half': 'halves'}.get(name, name + 's')}"


def _address(match: "re.Match[str]") -> str:
    text = re.sub(r"^[a-z]+://(?:www\.)?|^mailto:", "", match[0], flags=re.IGNORECASE)
    end = re.search(r"[.,!?;:]*$", text)
    tail = end.group() if end else ""
    text = text.removesuffix(tail) if tail else text
    for sign, said in (("@", " at "), (".", " dot "), ("/", " slash "), ("-", " dash "), ("_", " underscore "), (":", " colon ")):
        text = text.replace(sign, said)
    return re.sub(r"[^A-Za-z0-9]+", " ", text) + tail


def _decade(match: "re.Match[str]") -> str:
    words = year(match[1]) if match[1] else cardinal(match[2])
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def _digits(match: "re.Match[str]") -> str:
    return " ".join(DIGITS[int(one)] for one in match[0] if one.isdigit())


def _one_of(names: Iterable[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


_N = r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
RULES: tuple[tuple["re.Pattern[str]", "str | Callable[[re.Match[str]], str]"], ...] = (
    (re.compile(r"\b(?:https?://|www\.|mailto:)\S+|\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.I), _address),
    (re.compile(r"\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|io|de|uk)\b(?:/\S*)?", re.I), _address),
    (re.compile(r"([$£€¥])\s?(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d{1,2})(?!\d))?(?:\s?(thousand|million|billion|trillion)\b)?"), _money),
    (re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b"), _date),
    (re.compile(r"\b(\d{1,2}):([0-5]\d)(?!\d)(\s?[ap]\.?\s?m\b\.?)?", re.I), _time),
    (re.compile(r"\b(\d{1,2})\s?(a|p)\.?m\b\.?", re.I), lambda match: f"{match[1]} {match[2].upper()} M"),
    (re.compile(rf"(?<![\w.])({_one_of(ABBREVIATIONS)})\.(?!\w)((?:\s*\S)?)", re.I), _abbreviation),
    (re.compile(r"\b(\d{3}0)s\b|'(\d0)s\b"), _decade),
    (re.compile(r"\b(?:[A-Za-z]\.){2,}"), lambda match: match[0].replace(".", " ")),
    (re.compile(rf"(?<![\w.])({_N})\s?({_one_of(UNITS)})(?![\w/])"), _unit),
    (re.compile(r"\b(\d[\d,]*)(?:st|nd|rd|th)\b", re.I), lambda match: ordinal(match[1])),
    (re.compile(r"(?<![\d/])(\d+)/(\d+)(?![\d/])"), _fraction),
    (re.compile(r"(?<!\d)\+?(\d{3})[- ](\d{3,4})(?:[- ](\d{4}))?(?!\d)"), _digits),
    (re.compile(r"(?<![\d-])(\d{1,4})\s?-\s?(\d{1,4})(?![\d-])"), r"\1 to \2"),
    (re.compile(r"(?<=\d)-(?=\d)"), ", "),
    (re.compile(r"\d+(?:\.\d+){2,}"), lambda match: match[0].replace(".", " point ")),
    (re.compile(r"(?<![\d.,-])(1[1-9]\d\d|20\d\d)(?![\d,.]*\d)"), lambda match: year(match[1])),
    (re.compile(rf"(?<![\w])({_N})"), lambda match: f" {number(match[1])} "),
    (re.compile(r"(\d+(?:\.\d+)?)"), lambda match: f" {number(match[1])} "),
    (re.compile(r"(?<=[a-z])(?=[A-Z][a-z])"), " "),
    (re.compile(r"\s-{1,3}\s|--+"), " — "),
    (re.compile(r"(?<!\w)'|'(?!\w)"), " "),
)  # fmt: skip
"""In this order: what is more special comes first."""
