"""How many bits a second the one encode for all viewers may have, by what their browsers report of the network. Pure: time is passed in.

A browser estimates what the way to it carries (REMB) and reports the share of packets that were lost (RTCP receiver reports). Its estimate
is no more than half as much again as what it gets, and the avatar sends less than it may while little moves; so an estimate binds only
where it is below what is sent. The slowest viewer decides, down to ``least``: below that he loses packets, and the others need not suffer.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field

MUCH_LOST, LITTLE_LOST = 0.10, 0.02
LESS, MORE = 0.85, 1.08
"""A congested viewer's share is multiplied by the one, a second without loss by the other."""
FRESH_SECONDS = 6.0
"""A report is believed for so long."""


@dataclass
class _Viewer:
    share: float
    estimate: tuple[float, float] = (float("inf"), -1e9)
    lost: tuple[float, float] = (0.0, -1e9)


@dataclass
class RateFollower:
    """most, least: bits a second. ``tick`` is called about once a second."""

    most: int
    least: int
    _viewers: dict[Hashable, _Viewer] = field(default_factory=dict)

    def hear_estimate(self, viewer: Hashable, bits: int, now: float) -> None:
        """REMB: bits a second that this viewer's browser believes in."""
        self._of(viewer).estimate = bits, now

    def hear_loss(self, viewer: Hashable, share: float, now: float) -> None:
        """Receiver report: share of packets, 0 to 1, that were lost since the last one."""
        self._of(viewer).lost = share, now

    def forget(self, viewer: Hashable) -> None:
        self._viewers.pop(viewer, None)

    def tick(self, sent: float, now: float) -> int:
        """Bits a second from now on. sent: what each viewer was sent in the last second."""
        for viewer in self._viewers.values():
            estimate = viewer.estimate[0] if now - viewer.estimate[1] < FRESH_SECONDS else float("inf")
            lost = viewer.lost[0] if now - viewer.lost[1] < FRESH_SECONDS else 0.0
            if lost > MUCH_LOST or estimate < sent:
                viewer.share = max(self.least, LESS * min(viewer.share, max(sent, self.least), estimate))
            elif lost < LITTLE_LOST:
                viewer.share = min(self.most, MORE * viewer.share)
        return round(min((viewer.share for viewer in self._viewers.values()), default=self.most))

    def _of(self, viewer: Hashable) -> _Viewer:
        return self._viewers.setdefault(viewer, _Viewer(self.most))
