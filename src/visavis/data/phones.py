"""A phone with its times, and the classes of phones the teacher tells apart."""

from dataclasses import dataclass

from visavis.motion.phones import LIPS_CLOSED, PHONES, SILENCE

__all__ = ["BILABIALS", "LABIODENTALS", "PHONES", "SILENCE", "VOWELS", "Phone"]

VOWELS = frozenset({"AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"})
BILABIALS = frozenset(LIPS_CLOSED)
LABIODENTALS = frozenset({"F", "V"})


@dataclass(frozen=True)
class Phone:
    """One phone: ``name`` out of ``PHONES``, from ``start`` to ``end`` in seconds."""

    name: str
    start: float
    end: float
