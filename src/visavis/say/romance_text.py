"""Written Spanish and Italian to plain words: numbers, dates, times, money, units, abbreviations and letters are written out. Pure.

What is left holds letters, apostrophes and punctuation only, as ``data.romance.text_to_symbols`` wants it.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from visavis.say.text import MAX_DIGITS, PUNCTUATION, in_words, tidy


@dataclass(frozen=True)
class Tongue:
    """How a language reads what is not written as words. one: before what is counted, masculine and feminine. feminine: units that are.
    money: sign -> one, many, and what a hundredth is called (one, many). joint: between hours and minutes. letters: their names."""

    code: str
    point: str
    minus: str
    of: str
    one: tuple[str, str]
    joint: str
    sharp: str
    months: tuple[str, ...]
    letters: dict[str, str]
    units: dict[str, tuple[str, str]]
    feminine: frozenset[str]
    money: dict[str, tuple[str, str, str, str]]
    cents: str
    signs: dict[str, str]
    abbreviations: dict[str, str]
    spelling: dict[str, str]
    vowels: str


def _names(text: str) -> dict[str, str]:
    names = text.split("|")
    return dict(zip("abcdefghijklmnopqrstuvwxyz", names, strict=True))


SPANISH = Tongue(
    code="es", point="coma", minus="menos", of=" de ", one=("un", "una"), joint=" y ", sharp=" en punto",
    months=("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
    letters=_names(
        "a|be|ce|de|e|efe|ge|hache|i|jota|ca|ele|eme|ene|o|pe|cu|erre|ese|te|u|uve|uve doble|equis|i griega|zeta"
    ) | {"ñ": "eñe"},
    units={
        "km/h": ("kilómetro por hora", "kilómetros por hora"), "mm": ("milímetro", "milímetros"), "cm": ("centímetro", "centímetros"),
        "km": ("kilómetro", "kilómetros"), "kg": ("kilogramo", "kilogramos"), "mg": ("miligramo", "miligramos"),
        "ml": ("mililitro", "mililitros"), "min": ("minuto", "minutos"), "m": ("metro", "metros"), "g": ("gramo", "gramos"),
        "l": ("litro", "litros"), "h": ("hora", "horas"), "s": ("segundo", "segundos"), "GB": ("gigabyte", "gigabytes"),
        "MB": ("megabyte", "megabytes"), "°C": ("grado", "grados"), "°": ("grado", "grados"), "%": ("por ciento", "por ciento"),
    },
    feminine=frozenset({"h"}),
    money={"€": ("euro", "euros", "céntimo", "céntimos"), "$": ("dólar", "dólares", "centavo", "centavos"),
           "£": ("libra", "libras", "penique", "peniques")},
    cents=" con ",
    signs={"&": " y ", "+": " más ", "=": " igual a ", "@": " arroba ", "%": " por ciento ", "°": " grados ", "×": " por ", "/": " ",
           "#": " número ", "€": " euros ", "$": " dólares ", "£": " libras ", "<": " menor que ", ">": " mayor que "},
    abbreviations={
        "sr": "señor", "sra": "señora", "srta": "señorita", "dr": "doctor", "dra": "doctora", "prof": "profesor", "ud": "usted",
        "uds": "ustedes", "etc": "etcétera", "pág": "página", "p. ej": "por ejemplo", "núm": "número", "av": "avenida", "avda": "avenida",
        "ee. uu": "Estados Unidos", "a. m": "de la mañana", "p. m": "de la tarde", "aprox": "aproximadamente", "tel": "teléfono",
        "sto": "santo", "sta": "santa",
    },
    spelling={"ç": "s", "w": "gu"}, vowels="aeiouyáéíóúü",
)  # fmt: skip
ITALIAN = Tongue(
    code="it", point="virgola", minus="meno", of=" ", one=("un", "una"), joint=" e ", sharp=" in punto",
    months=("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre",
            "dicembre"),
    letters=_names(
        "a|bi|ci|di|e|effe|gi|acca|i|i lunga|cappa|elle|emme|enne|o|pi|cu|erre|esse|ti|u|vu|doppia vu|ics|ipsilon|zeta"
    ),
    units={
        "km/h": ("chilometro all'ora", "chilometri all'ora"), "mm": ("millimetro", "millimetri"), "cm": ("centimetro", "centimetri"),
        "km": ("chilometro", "chilometri"), "kg": ("chilogrammo", "chilogrammi"), "mg": ("milligrammo", "milligrammi"),
        "ml": ("millilitro", "millilitri"), "min": ("minuto", "minuti"), "m": ("metro", "metri"), "g": ("grammo", "grammi"),
        "l": ("litro", "litri"), "h": ("ora", "ore"), "s": ("secondo", "secondi"), "GB": ("gigabait", "gigabait"),
        "MB": ("megabait", "megabait"), "°C": ("grado", "gradi"), "°": ("grado", "gradi"), "%": ("per cento", "per cento"),
    },
    feminine=frozenset({"h"}),
    money={"€": ("euro", "euro", "centesimo", "centesimi"), "$": ("dollaro", "dollari", "centesimo", "centesimi"),
           "£": ("sterlina", "sterline", "penni", "penni")},
    cents=" e ",
    signs={"&": " e ", "+": " più ", "=": " uguale a ", "@": " chiocciola ", "%": " per cento ", "°": " gradi ", "×": " per ", "/": " ",
           "#": " numero ", "€": " euro ", "$": " dollari ", "£": " sterline ", "<": " minore di ", ">": " maggiore di "},
    abbreviations={
        "sig": "signor", "sig.ra": "signora", "sig.na": "signorina", "dott": "dottor", "dott.ssa": "dottoressa", "dr": "dottor",
        "prof": "professor", "prof.ssa": "professoressa", "ing": "ingegner", "avv": "avvocato", "ecc": "eccetera", "pag": "pagina",
        "es": "esempio", "n": "numero", "tel": "telefono", "ca": "circa", "s": "san",
    },
    spelling={"ç": "s", "ñ": "gn", "y": "i", "x": "cs", "w": "v", "j": "i", "k": "ch", "á": "à", "í": "ì", "ú": "ù", "ó": "o"},
    vowels="aeiouàèéìòù",
)  # fmt: skip
TONGUES = {"es": SPANISH, "it": ITALIAN}

_N = r"(?:\d{1,3}(?:[.\u202f\u00a0 ]\d{3})+(?!\d)|\d+)(?:,\d+)?"


def no_end(tongue: Tongue) -> "re.Pattern[str]":
    """Words with a dot after which a sentence goes on."""
    ends = {"etc", "ecc", "ee. uu", "a. m", "p. m"}
    lasts = {name.rsplit(" ", 1)[-1] for name in tongue.abbreviations if name not in ends} | {"p", "ee", "a"}
    return re.compile(f"(?:{_one_of(lasts)}|[A-Z])\\.", re.IGNORECASE)


def write_out(sentence: str, tongue: Tongue) -> str:
    """One sentence as plain words and punctuation."""
    text = unicodedata.normalize("NFC", sentence.translate(PUNCTUATION))
    text = re.sub(r"[¿¡]", " ", text)
    for pattern, replacement in _rules(tongue):
        text = pattern.sub(replacement, text)
    text = re.sub(r"[^\W\d_]+'?", lambda match: _word(match[0], tongue), text)
    return tidy("".join(_plain(character, tongue) for character in text))


def number(text: str, tongue: Tongue) -> str:
    """A number as it is written, with thousands and a fraction; digit by digit where it is long or begins with a zero."""
    whole, _, fraction = re.sub(r"[.\s]", "", text).partition(",")
    spelled = [in_words(int(digit), tongue.code) for digit in fraction]
    if len(whole) > MAX_DIGITS or (whole.startswith("0") and len(whole) > 1):
        words = " ".join(in_words(int(digit), tongue.code) for digit in whole)
    else:
        words = in_words(int(whole), tongue.code)
    if fraction:
        brief = len(fraction) <= 2 and not fraction.startswith("0")
        words += f" {tongue.point} {in_words(int(fraction), tongue.code) if brief else ' '.join(spelled)}"
    return words


def counted(text: str, tongue: Tongue, feminine: bool = False) -> str:
    """A number before what is counted."""
    if text == "1":
        return tongue.one[feminine]
    words = number(text, tongue)
    if tongue.code != "es" or not words.endswith("uno"):
        return words
    return words[:-1] + "a" if feminine else words.removesuffix("uno") + ("ún" if words.endswith("veintiuno") else "un")


def _rules(tongue: Tongue) -> list[tuple["re.Pattern[str]", Callable[["re.Match[str]"], str]]]:
    def amount(value: str, sign: str) -> str:
        one, many, cent, cents = tongue.money[sign]
        whole, _, parts = value.partition(",")
        words = f"{counted(whole, tongue, feminine=one == 'libra')} {one if whole == '1' else many}"
        if parts and int(parts):
            small = str(int(parts.ljust(2, "0")[:2]))
            words += f"{tongue.cents}{counted(small, tongue)} {cent if small == '1' else cents}"
        return f" {words} "

    def date(day: str, month: str, year: str) -> str | None:
        if not (1 <= int(day) <= 31 and 1 <= int(month) <= 12):
            return None
        first = {"es": "primero", "it": "primo"}[tongue.code] if int(day) == 1 else number(str(int(day)), tongue)
        return f"{first}{tongue.of}{tongue.months[int(month) - 1]}{tongue.of}{number(year, tongue)}"

    def time_of(match: "re.Match[str]") -> str:
        hour, minute = int(match[1]), int(match[2])
        if hour > 24 or minute > 59:
            return match[0]
        hours = counted(str(hour), tongue, feminine=True) if tongue.code == "es" or hour == 1 else number(str(hour), tongue)
        return f"{hours}{tongue.joint}{number(str(minute), tongue)}" if minute else f"{hours}{tongue.sharp}"

    def ordinal(match: "re.Match[str]") -> str:
        words = in_words(int(match[1]), tongue.code, "ordinal")
        return words[:-1] + "a" if match[2] == "ª" and words.endswith("o") else words

    def unit(match: "re.Match[str]") -> str:
        one, many = tongue.units[match[2]]
        return f" {counted(match[1], tongue, match[2] in tongue.feminine)} {one if match[1] == '1' else many} "

    def abbreviation(match: "re.Match[str]") -> str:
        name = re.sub(r"\s+", " ", match[1].lower())
        return tongue.abbreviations[name] + ("." if not match[2].strip() else "") + match[2]

    def address(match: "re.Match[str]") -> str:
        text = re.sub(r"^[a-z]+://(?:www\.)?|^mailto:", "", match[0], flags=re.IGNORECASE)
        text, tail = text.rstrip(".,!?;:"), match[0][len(match[0].rstrip(".,!?;:")) :]
        at, dot, slash = {"es": (" arroba ", " punto ", " barra "), "it": (" chiocciola ", " punto ", " barra ")}[tongue.code]
        for sign, said in (("@", at), (".", dot), ("/", slash)):
            text = text.replace(sign, said)
        return re.sub(r"[^\w]+", " ", text) + tail

    def money(match: "re.Match[str]") -> str:
        return amount(match[2] or match[3], match[1] or match[4])

    return [
        (re.compile(r"\b(?:https?://|www\.|mailto:)\S+|\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.I), address),
        (re.compile(rf"([$£€])\s?({_N})|({_N})\s?([$£€])"), money),
        (re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b"), lambda match: date(match[3], match[2], match[1]) or match[0]),
        (re.compile(r"\b(\d{1,2})[/.](\d{1,2})[/.](\d{4})\b"), lambda match: date(match[1], match[2], match[3]) or match[0]),
        (re.compile(r"\b(\d{1,2})[:.]([0-5]\d)(?=\s*h\b)\s*h|\b(\d{1,2}):([0-5]\d)(?!\d)"), lambda match: time_of(_time_groups(match))),
        (re.compile(r"\b(\d{1,4})\.?([ºª])"), ordinal),
        (re.compile(rf"(?<![\w.])({_one_of(tongue.abbreviations)})\.(?!\w)((?:\s*\S)?)".replace(r"\ ", r"\s*"), re.I), abbreviation),
        (re.compile(r"(?<![\w])-(?=\d)"), lambda _match: f" {tongue.minus} "),
        (re.compile(rf"(?<![\w.,])({_N})\s?({_one_of(tongue.units)})(?![\w/])"), unit),
        (re.compile(rf"(?<![\d.,])({_N})"), lambda match: f" {number(match[1], tongue)} "),
        (re.compile(r"\d+"), lambda match: f" {number(match[0], tongue)} "),
        (re.compile(r"\s-{1,3}\s|--+"), lambda _match: " — "),
        (re.compile(r"(?<!\w)'|'(?!\w)" if tongue.code == "es" else r"(?<!\w)'"), lambda _match: " "),
    ]


def _time_groups(match: "re.Match[str]") -> "re.Match[str]":
    found = re.fullmatch(r"(\d{1,2})[:.](\d{2})\s*h?", match[0])
    assert found is not None
    return found


def _word(word: str, tongue: Tongue) -> str:
    """A word in the letters that the language reads. What cannot be read as a word, and capitals that hardly can, by their letters' names;
    not what is joined to the next word by an apostrophe."""
    lower = word.lower()
    if tongue.code == "es":
        lower = re.sub("(?<!g)ü", "u", lower)
    plain = "".join(_letter(letter, tongue) for letter in lower)
    if word.endswith("'"):
        return plain
    hard = f"[^{tongue.vowels}]{{3}}" if word.isupper() else f"^[^{tongue.vowels}]+$"
    if re.search(hard, lower) or not any(letter in tongue.vowels for letter in lower):
        return " ".join(tongue.letters.get(letter, letter) for letter in "".join(_base(letter) for letter in lower))
    return plain


def _letter(letter: str, tongue: Tongue) -> str:
    known = "'abcdefghijklmnopqrstuvwxyz" + tongue.vowels + ("ñ" if tongue.code == "es" else "")
    if letter in tongue.spelling:
        return tongue.spelling[letter]
    if letter in known:
        return letter
    base = _base(letter)
    return tongue.spelling.get(base, base)


def _base(letter: str) -> str:
    """The letter without its accents; ñ is a letter of its own. Empty where nothing is known of it."""
    base = letter if letter == "ñ" else unicodedata.normalize("NFKD", letter)[:1]
    return base if base == "ñ" or (base.isascii() and base.isalpha()) else ""


def _plain(character: str, tongue: Tongue) -> str:
    if character in tongue.signs:
        return tongue.signs[character]
    return character if character.isalpha() or character in ";:,.!?—… '" else " "


def _one_of(names: Iterable[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
