"""The phones the audio encoder tells apart: the 39 ARPAbet phones of CMUdict without stress, and silence."""

SILENCE = "SIL"

PHONES: tuple[str, ...] = (
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH", "K",
    "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH", SILENCE,
)  # fmt: skip
PHONE_INDEX: dict[str, int] = {name: index for index, name in enumerate(PHONES)}

LIPS_CLOSED: tuple[str, ...] = ("P", "B", "M")
"""Phones that cannot be said with open lips."""


def phone_index(name: str) -> int:
    """Index of an ARPAbet phone, with or without a stress digit; ValueError for anything else."""
    try:
        return PHONE_INDEX[name.rstrip("012")]
    except KeyError:
        raise ValueError(f"{name!r} is not an ARPAbet phone: use one of {', '.join(PHONES)}") from None
