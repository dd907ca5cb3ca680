"""The clocks of a screen: that of whoever sends the stream, the host's, and that of the sound device. Pure: time is passed in.

Everything that is shown or heard carries a time on the sender's clock. ``SenderTime`` finds out by how much that clock, and the way to
here, are behind the host's. ``SoundClock`` says with which moment of the sender's time a block of the sound device must begin, and how
fast to read, so that the device's own speed never matters; pictures follow what is heard.
"""

from dataclasses import dataclass

from visavis.follow import Follower
from visavis.timing import NANOSECONDS

MAX_STAMP_ERROR_NS = 5 * NANOSECONDS
"""Farther away than this: a recording with its own stamps, or a machine whose clock was never set."""
BUCKET_NS = 2 * NANOSECONDS
MIN_ARRIVALS = 10
TOLERANCE_NS = 20_000_000
"""Within this the way to here may change before pictures and sound are moved."""

FAR_SECONDS = 0.08
"""Farther off than this the sound is moved at once."""
FAR_BLOCKS = 2
QUIET_SECONDS = 0.005
"""In silence nobody hears that it is."""
SMOOTH_SECONDS = 0.5


@dataclass
class SenderTime:
    """shift_ns: what must be added to the sender's times; moved when what arrives no longer fits. ``moves`` counts how often."""

    shift_ns: int = 0
    moves: int = 0

    def __post_init__(self) -> None:
        self._begun_ns: int | None = None
        self._earliest_ns = 0
        self._arrivals = 0

    def arrived(self, due_ns: int, now_ns: int) -> None:
        """A picture that should be shown at ``due_ns`` on the sender's clock arrived at ``now_ns`` on the host's."""
        late_ns = now_ns - due_ns
        if abs(late_ns - self.shift_ns) > MAX_STAMP_ERROR_NS:
            self._move(0 if abs(late_ns) <= MAX_STAMP_ERROR_NS else late_ns)
            return
        if self._begun_ns is None or not 0 <= now_ns - self._begun_ns < 2 * BUCKET_NS:
            self._begun_ns, self._earliest_ns, self._arrivals = now_ns, late_ns, 0
        self._arrivals += 1
        self._earliest_ns = min(self._earliest_ns, late_ns)
        if now_ns - self._begun_ns < BUCKET_NS:
            return
        # The quickest arrival tells the way: every other one was held up somewhere.
        if self._arrivals >= MIN_ARRIVALS and abs(self._earliest_ns - self.shift_ns) > TOLERANCE_NS:
            self._move(self._earliest_ns)
        self._begun_ns = None

    def _move(self, shift_ns: int) -> None:
        self.moves += self.shift_ns != shift_ns
        self.shift_ns = shift_ns
        self._begun_ns = None


class SoundClock:
    """Media time, which is the sender's, as it is heard. ``epoch_ns``: a media time near which all others lie.

    ``jumps`` counts how often sound that was off could not be led back by reading a little faster or slower. ``drift``: how much slower
    than it says the device plays.
    """

    def __init__(self, epoch_ns: int, offset_ns: int = 0) -> None:
        self.epoch_ns = epoch_ns
        self._offset_ns = offset_ns
        self.jumps = 0
        self._follower = Follower()
        self._position: float | None = None
        self._behind = 0.0
        self._far = 0

    @property
    def drift(self) -> float:
        return self._follower.drift

    @property
    def offset_ns(self) -> int:
        """What media time is behind the host's."""
        return self._offset_ns

    def follow(self, offset_ns: int) -> None:
        """Another offset holds from now on: sound, and the pictures with it, are led there."""
        if self._position is not None:
            self._behind -= (offset_ns - self._offset_ns) / NANOSECONDS
        self._offset_ns = offset_ns

    def rest(self) -> None:
        """No device plays: media time follows the host's clock."""
        self._position, self._behind, self._far, self._follower = None, 0.0, 0, Follower()

    def block(self, heard_ns: int, frames: int, rate: int, quiet: bool) -> tuple[float, float]:
        """The device wants ``frames`` frames at ``rate`` a second; the first will be heard at ``heard_ns`` on the host's clock.

        quiet: nobody speaks in them. Seconds of media time since the epoch of the first frame, and from one frame to the next.
        """
        wanted = (heard_ns - self._offset_ns - self.epoch_ns) / NANOSECONDS
        if self._position is None:
            self._position = wanted
        error = wanted - self._position
        self._far = self._far + 1 if abs(error) > FAR_SECONDS else 0
        if self._far >= FAR_BLOCKS or (quiet and abs(error) > QUIET_SECONDS):
            self.jumps += self._far >= FAR_BLOCKS and not quiet
            self._position, self._behind, self._far, error = wanted, 0.0, 0, 0.0
        seconds = frames / rate
        self._behind += (error - self._behind) * min(1.0, seconds / SMOOTH_SECONDS)
        speed = 1 + self._follower.speed(error, seconds)
        first = self._position
        self._position += seconds * speed
        return first, speed / rate

    def media_ns(self, now_ns: int) -> int:
        """The media time that is heard at ``now_ns`` on the host's clock; the picture of that time belongs on the screen."""
        return now_ns - self._offset_ns - round(self._behind * NANOSECONDS)
