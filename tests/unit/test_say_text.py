"""What is written becomes what is spoken; what cannot be spoken is refused with the reason."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis.data.phonemes import KOKORO_IDS, word_symbols
from visavis.say.letters import sound_out
from visavis.say.romance_text import TONGUES, no_end, write_out
from visavis.say.text import MAX_TEXT, TextError, sentences
from visavis.say.voice import EARLY, LONGEST, pieces_of


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("Mr. Smith paid $5.50 for 3 kg.", ["mister Smith paid five dollars and fifty cents for three kilograms."]),
        ("On 2024-05-06 at 10:30 a.m. He left.", ["On May sixth, twenty twenty four at ten thirty A M", "He left."]),
        ("Dr. Jones (no. 7) came at 10:00!", ["doctor Jones, number seven, came at ten o'clock!"]),
        ("No. It is 25°C, -5 % or 1,234.5 m.", ["No.", "It is twenty five degrees Celsius, minus five percent or "
          "one thousand two hundred and thirty four point five metres."]),
        ("In the 1990s, e.g. 1995, 3/4 of 21st and 3-5.", ["In the nineteen nineties, for example nineteen ninety five, "
          "three quarters of twenty first and three to five."]),
        ("See https://www.example.org/a?b, or me@x.io.", ["See example dot org slash a b, or me at x dot io."]),
        ("Version 1.2.3 at 30 fps, 007, 555-1234", ["Version one point two point three at thirty frames a second, zero zero seven, "
          "five five five one two three four"]),
        ("Hello 😀 world 👨‍👩‍👧!! Café & Zürich…", ["Hello world!!", "Cafe and Zurich..."]),
        ("\"Yes.\" she said. 'Quoted' don't O'Brien", ["Yes. she said.", "Quoted don't O'Brien"]),
        ("- one\n- two\n\nthree\nfour", ["one", "two", "three four"]),
        ("£3 million, 1 km, 2 km/h, 14:00", ["three million pounds, one kilometre, two kilometres an hour, fourteen hundred hours"]),
    ],
)  # fmt: skip
def test_it_is_read_as_people_do(written: str, words: list[str]) -> None:
    assert [sentence.words for sentence in sentences(written)] == words


@pytest.mark.parametrize(
    ("language", "written", "words"),
    [
        ("es", "¡Hola! El Sr. García pagó 5,50 € por 21 kg.", ["hola!", "el señor garcía pagó cinco euros con cincuenta céntimos por "
          "veintiún kilogramos."]),
        ("es", "El 1/5/2024 a las 10:30, 1 h, -3 % de 1.234,5 m", ["el primero de mayo de dos mil veinticuatro a las diez y treinta, "
          "una hora, menos tres por ciento de mil doscientos treinta y cuatro coma cinco metros"]),
        ("es", "La RTVE está en la 3.ª planta, en www.casa.es", ["la erre te uve e está en la tercera planta, en uve doble uve doble "
          "uve doble punto casa punto es"]),
        ("it", "Il sig. Rossi paga 1 €. L'acqua è a 25°C, ecc.", ["il signor rossi paga un euro.", "l'acqua è a venticinque gradi, "
          "eccetera."]),
        ("it", "Alle 10:00 del 12/05/2024, il 3º taxi", ["alle dieci in punto del dodici maggio duemilaventiquattro, il terzo tacsi"]),
    ],
)  # fmt: skip
def test_spanish_and_italian_are_read_as_people_do(language: str, written: str, words: list[str]) -> None:
    tongue = TONGUES[language]
    assert [one.words for one in sentences(written, lambda one: write_out(one, tongue), no_end(tongue))] == words


@settings(deadline=None)
@given(st.sampled_from(["ef_dora", "if_sara"]), st.text(max_size=60) | st.text("aeioxyzñçüàêgl'QWK0123456789.,:/-%€º° \n", max_size=40))
def test_any_text_is_spoken_or_refused_in_spanish_and_italian(voice: str, text: str) -> None:
    try:
        pieces = pieces_of(text, voice)
    except TextError:
        return
    assert pieces and all(set(piece.symbols) <= set(KOKORO_IDS) for piece in pieces)


@pytest.mark.parametrize(
    ("voice", "text", "reason"),
    [
        ("ef_dora", "The weather is nice and you are here.", "ef_dora speaks Spanish.* for English choose the voice af_heart"),
        ("if_sara", "El perro está en la casa y los niños comen.", "for Spanish choose the voice ef_dora"),
        ("af_heart", "Il cane non è nella casa della nonna.", "for Italian choose the voice if_sara"),
        ("if_sara", "Der Hund ist nicht im Haus und das ist gut.", "only English, Spanish and Italian"),
        ("ef_dora", "Привет", "Cyrillic"),
    ],
)
def test_a_voice_speaks_its_own_language_only(voice: str, text: str, reason: str) -> None:
    with pytest.raises(TextError, match=reason):
        pieces_of(text, voice)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "write a text"),
        (" \n\t", "write a text"),
        ("😀 …!", "no words"),
        ("\x00\x07", "no words"),
        ("Привет, мир", "Cyrillic letters"),
        ("hello 世界", "Chinese or Japanese letters"),
        ("a" * (MAX_TEXT + 1), "at most 4000"),
        ("Ich spreche heute über Bundestagswahlergebnisse", "not English .*only English, Spanish and Italian"),
    ],
)
def test_what_cannot_be_spoken_is_refused(text: str, reason: str) -> None:
    with pytest.raises(TextError, match=reason):
        pieces_of(text, "af_heart")


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_spoken_or_refused(text: str) -> None:
    try:
        pieces = pieces_of(text, "af_heart")
    except TextError:
        return
    assert pieces
    for piece in pieces:
        assert 0 < len(piece.symbols) <= LONGEST and set(piece.symbols) <= set(KOKORO_IDS)


def test_the_first_piece_is_short_and_long_ones_are_cut() -> None:
    long = "Good morning, " + "this sentence goes on and on, as nobody would ever say it, " * 12 + "and ends."
    pieces = pieces_of(long, "af_heart")
    assert len(pieces[0].symbols) <= EARLY and len(pieces) > 3
    assert all(len(piece.symbols) <= LONGEST for piece in pieces)
    assert {piece.sentence for piece in pieces} == {long}
    assert pieces[-1].pause > pieces[0].pause


def test_unknown_words_get_a_sound() -> None:
    def known(word: str) -> str | None:
        return word_symbols(word, "af_heart")

    assert known("visavis") is None and sound_out("visavis", known) == "vˌizəvˈi"
    assert sound_out("Screwbottle", known) == known("screw") + known("bottle").replace("ˈ", "ˌ")
    assert sound_out("zorple", known).count("ˈ") == 1
    assert sound_out("brmpf", known), "letter by letter"
