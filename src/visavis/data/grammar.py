"""Sentences out of patterns and banks of words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

FOUR = 4
"""How many different words of ``Grammar.four`` a sentence may have."""
_PLACE = re.compile(r"{(\w+)}")


@dataclass(frozen=True)
class Grammar:
    """Patterns in which ``{name}`` stands for a word of the bank of that name, drawn anew at each place; ``{Name}`` begins with a capital.

    once: banks of which a sentence has one word only, wherever it stands. four: a bank of which it has four different words, ``{name0}``
    to ``{name3}``.
    """

    patterns: tuple[str, ...]
    banks: Mapping[str, tuple[str, ...]]
    once: tuple[str, ...] = ()
    four: str = ""

    def sentence(self, rng: np.random.Generator) -> str:
        """One sentence of the grammar."""

        def pick(name: str) -> str:
            bank = self.banks[name]
            return str(bank[rng.integers(len(bank))])

        words = {name: pick(name) for name in self.once}
        if self.four:
            drawn = rng.choice(self.banks[self.four], size=FOUR, replace=False)
            words |= {f"{self.four}{number}": str(word) for number, word in enumerate(drawn)}
        pattern = self.patterns[rng.integers(len(self.patterns))]

        def fill(place: re.Match[str]) -> str:
            name = place[1].lower()
            word = words[name] if name in words else pick(name)
            return word if place[1] == name else word[0].upper() + word[1:]

        return _PLACE.sub(fill, pattern)
