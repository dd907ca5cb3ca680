"""Spoils what the encoder heard, so that the face model learns not to believe every word of it.

On voices of the corpus that it was trained on the encoder is nearly always right; of voices that it never heard it names half of the steps
wrongly, and often with confidence. A face model that was trained on the former follows every wrong sound of the latter.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from visavis.motion.phones import PHONE_INDEX, PHONES

CONFUSED: tuple[str, ...] = (
    "IY IH EH EY AE Y UW",
    "AA AO AH AW AY AE OW EH",
    "UH UW OW ER R L W OY AH",
    "M N NG L D B V",
    "B D G V DH W",
    "P T K HH F SIL",
    "F TH S SH Z ZH CH JH V DH T",
)
"""Sounds that are taken for each other, by how they sound, not by how they look. The groups overlap."""

INTERVALS = 2
"""Wrong sounds in a window at most."""
INTERVAL_CHANCE = 0.6
SHORTEST, LONGEST = 2, 9
"""Encoder steps that a wrong sound lasts."""
SHARPEST = 0.5
"""Posteriors are raised to a power of between exp(-SHARPEST) and exp(SHARPEST): more or less sure than they were."""


class Mishearing:
    """Draws wrong sounds from the encoder's own output elsewhere in the corpus, so that they come and go as right ones do.

    bank: (steps, phones), posteriors of the corpus in order of time. share: of the windows that may be spoilt.
    """

    def __init__(self, bank: NDArray[np.floating], share: float) -> None:
        self.share = share
        self._bank = bank
        best = bank.argmax(axis=1)
        self._places = [np.flatnonzero(best == phone) for phone in range(len(PHONES))]
        self._likely = [confused_with(name) for name in PHONES]

    def spoil(self, posteriors: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
        """Posteriors (windows, steps, phones) with other sounds mixed in here and there, more or less sure of themselves; what summed to
        1 still does."""
        windows, steps, _ = posteriors.shape
        power = np.exp(generator.uniform(-SHARPEST, SHARPEST, (windows, 1, 1))).astype(np.float32)
        spoilt = np.maximum(posteriors, np.float32(1e-6)) ** power
        spoilt /= spoilt.sum(axis=-1, keepdims=True)
        spoilt[~posteriors.any(axis=-1)] = 0  # before the beginning of a stream nothing was heard
        for window in np.flatnonzero(generator.random(windows) < self.share):
            for _ in range(int(generator.binomial(INTERVALS, INTERVAL_CHANCE))):
                self._mishear(spoilt[window], steps, generator)
        return spoilt

    def _mishear(self, window: NDArray[np.float32], steps: int, generator: np.random.Generator) -> None:
        """Mix another sound into an interval of (steps, phones), in place. Nothing happens where the bank has no such sound."""
        length = int(generator.integers(SHORTEST, LONGEST + 1))
        start = int(generator.integers(1 - length, steps))
        begin, end = max(start, 0), min(start + length, steps)
        middle = (begin + end) // 2
        likely = self._likely[int(window[min(middle, steps - 1)].argmax())]
        places = self._places[int(generator.choice(likely))]
        if not len(places):
            return
        source = int(generator.choice(places)) + np.arange(begin, end) - middle
        if source[0] < 0 or source[-1] >= len(self._bank):
            return
        window[begin:end] += np.float32(generator.uniform(0.3, 1.0)) * (self._bank[source] - window[begin:end])


def confused_with(name: str, groups: Sequence[str] = CONFUSED) -> NDArray[np.intp]:
    """Indices of the phones that ``name`` may be taken for; of itself where it is in no group."""
    others = {other for group in groups if name in group.split() for other in group.split()} - {name}
    return np.array(sorted(PHONE_INDEX[other] for other in others or {name}))
