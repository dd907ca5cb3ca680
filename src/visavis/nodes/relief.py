"""When a node that draws too slowly leaves out the dearest part of its picture, the network of the skin, and when it takes it back. Pure:
counts pictures, knows no clock.

* Pictures that are drawn after their time count against the network, those in time for it. Once the late ones lead by ``LATE`` it fades
  out over ``FADE`` pictures. A machine that stood still makes up for that in fewer, and keeps it.
* It comes back, as slowly, after ``WAIT`` pictures with time to spare. If it had to go again soon after, the wait is twice as long each
  time, up to ``LONGEST_WAIT``: a machine that is a little too slow for it changes only now and then.
"""

from dataclasses import dataclass

LATE = 12
"""Late pictures, those in time taken off, before the network goes."""

SPARE_NS = 10_000_000
"""A picture that is ready so long before its time would have been in time with the network as well."""

HURRIED = 5
"""So many pictures with time to spare are taken back by one without."""

WAIT, LONGEST_WAIT = 150, 1800
"""Pictures with time to spare before it comes back: five seconds of them, at most a minute."""

FADE = 12
"""Pictures over which it comes and goes."""


@dataclass
class Relief:
    """Tell it of every picture that was drawn; ``share`` is how much of the network the next one gets, 0 to 1.

    reliefs: how often the network went. unrefined: pictures that got less than all of it.
    """

    reliefs: int = 0
    unrefined: int = 0

    def __post_init__(self) -> None:
        self._step = FADE
        self._away = False
        self._late = 0
        self._spare = 0
        self._wait = WAIT
        self._since = LONGEST_WAIT

    @property
    def share(self) -> float:
        return self._step / FADE

    @property
    def away(self) -> bool:
        """It is left out, or on the way to it."""
        return self._away

    def drawn(self, early_ns: int) -> None:
        """A picture was ready so long before its time; negative where it was late."""
        self.unrefined += self._step < FADE
        self._step = max(self._step - 1, 0) if self._away else min(self._step + 1, FADE)
        if self._away:
            self._spare = self._spare + 1 if early_ns >= SPARE_NS else max(self._spare - HURRIED, 0)
            if self._spare >= self._wait:
                self._away, self._late, self._since = False, 0, 0
            return
        self._since += 1
        self._late = self._late + 1 if early_ns < 0 else max(self._late - 1, 0)
        if self._late >= LATE:
            self._wait = min(2 * self._wait, LONGEST_WAIT) if self._since < LONGEST_WAIT else WAIT
            self._away, self._spare = True, 0
            self.reliefs += 1
