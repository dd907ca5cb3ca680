"""Spelling to phones: what counts for lips comes out as it is spoken."""

from pathlib import Path

import numpy as np
import pytest

from visavis.data.phones import PHONES
from visavis.evaluation.recordings import align, read_recordings
from visavis.evaluation.spelling import LANGUAGES, RULES, phones_of, words_of


@pytest.mark.parametrize(
    ("language", "word", "phones"),
    [
        ("es", "voz", "B OW S"),
        ("es", "hablo", "AA V L OW"),
        ("es", "envía", "EH N B IY AA"),
        ("es", "guitarra", "G IY T AA R AA"),
        ("es", "señor", "S EH N Y OW R"),
        ("es", "gente", "HH EH N T EH"),
        ("it", "Però", "P EH R OW"),
        ("it", "bloccare", "B L OW K AA R EH"),
        ("it", "chiave", "K IY AA V EH"),
        ("it", "famiglia", "F AA M IY L Y AA"),
        ("it", "oggi", "OW JH IY"),
        ("it", "città", "CH IY T AA"),
        ("it", "casa", "K AA Z AA"),
        ("it", "l'eco", "L EH K OW"),
    ],
)
def test_words_are_spelled_as_they_are_spoken(language: str, word: str, phones: str) -> None:
    (plain,) = words_of(word)
    assert phones_of(plain, language) == phones.split()


def test_every_letter_has_a_phone_that_the_aligner_knows() -> None:
    for language in LANGUAGES:
        assert {phone for _pattern, spoken in RULES[language] for phone in spoken.split()} - set(PHONES) == set()
        for letter in "abcdefgijklmnopqrstuvwxyz":
            assert phones_of("a" + letter + "a", language)


def test_what_cannot_be_spelled_is_refused() -> None:
    with pytest.raises(ValueError, match="es, it"):
        phones_of("mot", "fr")
    with pytest.raises(ValueError, match="has no sound"):
        phones_of("h", "es")
    with pytest.raises(ValueError, match='letter "ñ"'):
        phones_of("ñ", "it")


def test_a_folder_without_recordings_is_told(tmp_path: Path) -> None:
    (tmp_path / "alone.txt").write_text("nobody speaks")
    with pytest.raises(FileNotFoundError, match="no sound file"):
        read_recordings(tmp_path, "es")


def test_words_that_were_not_said_are_refused() -> None:
    pytest.importorskip("pocketsphinx", reason="the data extra is not installed")
    with pytest.raises(ValueError, match="do not fit"):
        align(np.random.default_rng(0).integers(-3000, 3000, 32_000, np.int16), "buenos días", "es")
