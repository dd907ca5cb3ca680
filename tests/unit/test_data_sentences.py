"""Sentences of the corpus: distinct, repeatable, and speakable."""

import pytest

from visavis.data.corpus import CASTS
from visavis.data.phonemes import KOKORO_IDS, text_to_symbols
from visavis.data.sentences import COLLECTIONS, sentence_pool


@pytest.mark.parametrize("collection", sorted(COLLECTIONS))
def test_a_pool_is_distinct_repeatable_and_holds_the_hand_written_sentences(collection: str) -> None:
    pool = sentence_pool(3, 1500, collection)
    assert len(set(pool)) == len(pool) == 1500
    assert pool == sentence_pool(3, 1500, collection)
    assert pool != sentence_pool(4, 1500, collection)
    assert set(COLLECTIONS[collection][0]) <= set(pool)


def test_a_pool_that_is_too_small_or_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match="hand-written"):
        sentence_pool(1, 3)
    with pytest.raises(ValueError, match="rare_sounds"):
        sentence_pool(1, 1000, "nonsense")


@pytest.mark.parametrize("collection", sorted(set(COLLECTIONS) - set(CASTS)))
@pytest.mark.parametrize("british", [False, True])
def test_every_english_sentence_can_be_pronounced(collection: str, british: bool) -> None:
    pytest.importorskip("misaki.en", reason="the data extra is not installed")
    for sentence in sentence_pool(5, 800, collection):
        symbols = text_to_symbols(sentence, british)
        assert set(symbols) <= set(KOKORO_IDS) and len(symbols) < 500


def test_small_words_follow_the_next_sound() -> None:
    pytest.importorskip("misaki.en", reason="the data extra is not installed")
    assert text_to_symbols("the apple", british=False).startswith("ði ")
    assert text_to_symbols("the boat", british=False).startswith("ðə ")
    with pytest.raises(ValueError, match="zzyxq"):
        text_to_symbols("a zzyxq", british=False)
