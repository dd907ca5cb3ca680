"""How much of everything one visitor may ask for. Pure: time is passed in, in seconds."""

from dataclasses import dataclass


@dataclass
class Bucket:
    """A token bucket: ``burst`` at once, ``rate`` a second in the long run."""

    rate: float
    burst: float

    def __post_init__(self) -> None:
        self._level = self.burst
        self._at: float | None = None

    def take(self, now: float, amount: float = 1.0) -> bool:
        """False if that is too much."""
        if self._at is not None:
            self._level = min(self.burst, self._level + max(0.0, now - self._at) * self.rate)
        self._at = now
        if self._level < amount:
            return False
        self._level -= amount
        return True
