"""Spanish and Italian: spelling to symbols, symbols to phones, and who speaks them."""

import re
from collections import Counter
from itertools import groupby, islice, zip_longest

import numpy as np
import pytest

from visavis.data.corpus import CASTS, VALIDATION_VOICES, CorpusConfig, plan_items
from visavis.data.kokoro import voice_symbols
from visavis.data.phonemes import KOKORO_IDS, symbols_to_phones
from visavis.data.romance import italian_word, spanish_word, text_to_symbols
from visavis.data.sentences import sentence_pool
from visavis.evaluation.spelling import phones_of, words_of

COLLECTIONS = {"spanish": ("es", "ef_dora"), "italian": ("it", "if_sara")}
ALIKE = {"Y": "IY", "W": "UW", "NG": "N", "Z": "S", "D": "T", "DH": "T"}
"""Phones that ``evaluation.spelling`` does not tell apart as the corpus does; no lip shows which it is."""


def phones(symbols: str, language: str, frames: float = 4.0) -> list[str]:
    counts = np.full(len(symbols) + 2, frames)
    return [phone.name for phone in symbols_to_phones(symbols, counts, 0.025, np.zeros(int(counts.sum()), bool), language)]


@pytest.mark.parametrize(
    ("word", "symbols"),
    [
        ("vaca", "bˈaka"), ("bebe", "bˈeβe"), ("envío", "embˈio"), ("ambos", "ˈambos"), ("tiempo", "tjˈempo"), ("pingüino", "piŋɡwˈino"),
        ("guerra", "ɡˈera"), ("agua", "ˈaɣwa"), ("huevo", "wˈeβo"), ("yegua", "ʝˈeɣwa"), ("rey", "rˈeɪ"), ("muy", "mwˈi"),
        ("chaqueta", "ʧakˈeta"), ("jamón", "xamˈon"), ("gente", "xˈente"), ("examen", "eksˈamen"), ("niño", "nˈiɲo"),
        ("enredo", "enrˈeðo"), ("pero", "peɾo"), ("perro", "pˈero"), ("ciudad", "sjuðˈad"), ("país", "paˈis"), ("médico", "mˈeðiko"),
        ("feliz", "felˈis"), ("calle", "kˈaʝe"), ("robots", "roβˈots"), ("joven", "xˈoβen"),
    ],
)  # fmt: skip
def test_spanish_words(word: str, symbols: str) -> None:
    assert spanish_word(word) == symbols


@pytest.mark.parametrize(
    ("word", "symbols"),
    [
        ("mamma", "mˈamma"), ("gatto", "ɡˈatːo"), ("rosso", "rˈɔSo"), ("carro", "kˈarɾo"), ("pesce", "pˈɛʃe"), ("sciarpa", "ʃˈarpa"),
        ("schiuma", "skjˈuma"), ("chiesa", "kjˈeza"), ("gnomi", "ɲˈɔmɪ"), ("figlia", "fˈiʎa"), ("gli", "ʎɪ"), ("cucchiaio", "kʊkːjˈajo"),
        ("ghiaccio", "ɡjˈaʧːo"), ("formaggio", "formˈaʤːo"), ("giugno", "ʤˈuɲo"), ("acqua", "ˈakːwa"), ("zuppa", "ʣˈupːa"),
        ("pizza", "pˈiʦːa"), ("mezza", "mˈeʣːa"), ("grazie", "ɡrˈaʦje"), ("sbaglio", "zbˈaʎo"), ("città", "ʧitːˈa"), ("c'è", "ʧˈɛ"),
        ("dell'acqua", "dellˈakːwa"), ("po'", "pˈo"), ("tavolo", "tˈavolo"), ("l'ultimo", "lˈultimo"), ("bellissima", "bellˈiSima"),
        ("lunghi", "lˈuŋɡɪ"), ("spinga", "spˈiŋɡa"), ("piange", "pjˈanʤe"), ("uomo", "wˈɔmo"), ("flauto", "flˈaʊto"), ("ho", "ˈo"),
    ],
)  # fmt: skip
def test_italian_words(word: str, symbols: str) -> None:
    assert italian_word(word) == symbols


def test_a_sentence_keeps_its_pauses_and_the_first_voice_of_a_blend_its_language() -> None:
    assert text_to_symbols("¿Un vaso, o cinco?", "es") == "um bˈaso, o sˈinko?"
    assert voice_symbols("Un vino.", "em_alex+af_sky@0.40") == "um bˈino."
    assert voice_symbols("Un vino.", "im_nicola+ef_dora@0.40") == "ʊn vˈino."


def test_what_cannot_be_said_is_refused() -> None:
    with pytest.raises(ValueError, match='"fr"'):
        text_to_symbols("bonjour", "fr")
    with pytest.raises(ValueError, match="straße"):
        text_to_symbols("una straße", "it")


def like(names: list[str]) -> list[str]:
    """Phones as lips tell them apart: neighbours that are alike as one, and no n or m right before shut lips."""
    merged = [name for name, _ in groupby(ALIKE.get(name, name) for name in names)]
    return [name for name, after in zip_longest(merged, merged[1:]) if not (name in ("N", "M") and after in ("B", "P", "M"))]


@pytest.mark.parametrize("collection", sorted(COLLECTIONS))
def test_phones_are_those_of_the_evaluation(collection: str) -> None:
    """Word by word: otherwise what the encoder learns to name is not what the recordings of people are scored by."""
    language, voice = COLLECTIONS[collection]
    words = dict.fromkeys(re.findall(r"[^\W\d_]+", " ".join(sentence_pool(5, 700, collection)).lower().replace("ü", "u")))
    different = {}
    for word in words:
        symbols = voice_symbols(word, voice)
        assert set(symbols) <= set(KOKORO_IDS)
        spelled = phones_of(words_of(word)[0], language)
        if like(phones(symbols, language)) != like(spelled):
            different[word] = symbols, spelled
    assert len(words) > 600 and not different


def test_double_consonants_are_one_phone_and_a_long_stop_is_held_before_its_hiss() -> None:
    assert phones("pˈalla", "it") == ["P", "AA", "L", "AA"]
    assert phones("kˈarɾo", "it") == ["K", "AA", "R", "OW"]
    counts = np.array([6, 2, 2, 2, 4, 3, 4, 6], float)  # p ˈ i ʦ ː a
    found = symbols_to_phones("pˈiʦːa", counts, 1.0, np.zeros(29, bool), "it")
    lengths = {phone.name: phone.end - phone.start for phone in found}
    assert lengths["T"] == pytest.approx(2 + 3) and lengths["S"] == pytest.approx(2)


@pytest.mark.parametrize("collection", sorted(COLLECTIONS))
def test_the_cast_is_balanced_and_validation_hears_other_voices(collection: str) -> None:
    config = CorpusConfig(collection=collection, prefix="xx", sentences=400, validation_sentences=40, blend_share=0.7)
    plans = list(islice(plan_items(config), 120))
    train = [plan for plan in plans if plan.split == "train"]
    first = Counter(plan.voice.split("+")[0] for plan in train)
    assert set(first) == set(CASTS[collection].voices) and max(first.values()) - min(first.values()) <= 1
    assert {plan.voice for plan in plans if plan.split == "val"} == set(CASTS[collection].validation)
    assert not any(voice in plan.voice for plan in train for voice in VALIDATION_VOICES)
    lent = [plan.voice for plan in train if re.search(r"\+[ab]", plan.voice)]
    assert len(lent) > 20 and all(float(voice.split("@")[1]) <= 0.5 for voice in lent)
    assert all(plan.name.startswith("xx") for plan in plans)
