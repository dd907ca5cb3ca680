"""The phone alphabet: CMU's 39 ARPAbet phones without stress, and silence."""

from dataclasses import dataclass

ARPABET: tuple[str, ...] = (
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH",
    "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
SILENCE = "SIL"
PHONES: tuple[str, ...] = (SILENCE, *ARPABET)
VOWELS = frozenset({"AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"})
BILABIALS = frozenset({"B", "M", "P"})
LABIODENTALS = frozenset({"F", "V"})


@dataclass(frozen=True)
class Phone:
    """One phone: ``name`` out of ``PHONES``, from ``start`` to ``end`` in seconds."""

    name: str
    start: float
    end: float
