"""From the graph's time to the clocks of RTP and NTP, for picture and sound alike. Pure.

Both tracks count from one origin: what must be seen and heard at the same moment has the same time on both, and the sender reports say so
to the browser, which keeps the two in step by them (RFC 3550, section 6.4.1).
"""

from dataclasses import dataclass

from visavis.timing import NANOSECONDS

VIDEO_CLOCK = 90_000
"""Ticks a second of every video codec's RTP clock (RFC 3551)."""
AUDIO_CLOCK = 48_000
"""Ticks a second of Opus, whatever rate it carries (RFC 7587)."""
NTP_EPOCH = 2_208_988_800
"""Seconds from 1900, where NTP begins, to 1970."""
MAX_BACKWARDS_NS = NANOSECONDS
"""A time that lies so far before the last one means that the clock was set, not that something came late."""


@dataclass
class MediaClock:
    """``origin_ns``: what counts as zero, on the graph's clock. Moved when that clock is set back, so that media time never is."""

    origin_ns: int

    def __post_init__(self) -> None:
        self._latest_ns = self.origin_ns

    def media_ns(self, at_ns: int) -> int:
        """Nanoseconds since the origin."""
        if at_ns < self._latest_ns - MAX_BACKWARDS_NS:
            self.origin_ns += at_ns - self._latest_ns
            self._latest_ns = at_ns
        self._latest_ns = max(self._latest_ns, at_ns)
        return at_ns - self.origin_ns


def video_ticks(media_ns: int) -> int:
    return media_ns * VIDEO_CLOCK // NANOSECONDS


def audio_ticks(media_ns: int) -> int:
    return media_ns * AUDIO_CLOCK // NANOSECONDS


def ntp_time(media_ns: int) -> int:
    """Media time as a 64-bit NTP timestamp: seconds since 1900, and their fraction.

    The day has no meaning, only that both tracks share it.
    """
    seconds, rest = divmod(media_ns, NANOSECONDS)
    return ((seconds + NTP_EPOCH) << 32) | (rest << 32) // NANOSECONDS
