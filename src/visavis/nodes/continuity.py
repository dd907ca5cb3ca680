"""Whether frames of a stream are missing between one message and the next. Pure."""

from visavis.timing import FRAME_RATE

MAX_LOST = 10 * FRAME_RATE
"""A longer jump is another stream under the same utterance (a bag that is replayed), not a loss."""


def lost_frames(expected: tuple[int, int] | None, utterance_id: int, frame: int) -> int:
    """How many frames never came before ``frame``. expected: utterance and frame that should be next, None before the first."""
    if expected is None or expected[0] != utterance_id:
        return 0
    lost = frame - expected[1]
    return lost if 0 < lost <= MAX_LOST else 0
