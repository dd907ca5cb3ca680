"""The phone alphabet of the encoder."""

import pytest

from visavis.data import phones as corpus_phones
from visavis.motion.phones import LIPS_CLOSED, PHONES, phone_index


def test_it_is_the_alphabet_of_the_corpus() -> None:
    assert set(PHONES) == set(corpus_phones.PHONES) and len(PHONES) == 40


def test_stress_is_dropped_and_nonsense_refused() -> None:
    assert PHONES[phone_index("AH0")] == "AH" and set(LIPS_CLOSED) <= set(PHONES)
    with pytest.raises(ValueError, match="ARPAbet"):
        phone_index("QQ")
