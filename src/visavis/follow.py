"""Following another clock by going a little faster or slower: a loudspeaker's, a microphone's. Pure."""

MAX_SPEED = 0.005
"""Sound is read by at most so much faster or slower than it was spoken: a difference in pitch that is not heard."""
MAX_DRIFT = 0.001
PROPORTIONAL = 0.25
INTEGRAL = 0.03
"""Of the control loop, per second and per second squared: it settles in half a minute and averages the jitter of the device's times."""


class Follower:
    """How much faster to go. ``drift``: the part of it that lasts, which is how far the other clock's speed is off."""

    def __init__(self) -> None:
        self.drift = 0.0

    def speed(self, error: float, seconds: float) -> float:
        """For the next ``seconds``: by which share to go faster, being ``error`` seconds behind where one ought to be."""
        if abs(error) * PROPORTIONAL < MAX_SPEED:  # what is being caught up says nothing about the device's speed
            self.drift = _within(self.drift + INTEGRAL * seconds * error, MAX_DRIFT)
        return _within(self.drift + PROPORTIONAL * error, MAX_SPEED)


def _within(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)
