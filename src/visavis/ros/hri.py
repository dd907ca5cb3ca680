"""What social robots ask of a face by ``hri_msgs/Expression`` (ROS4HRI, REP 155), as an emotion of visavis. The messages are needed by
whoever subscribes, not here."""

import math
from typing import Protocol

from visavis.motion.steering import EMOTIONS

NAMED = {
    "neutral": ("neutral", 1.0), "angry": ("angry", 0.8), "sad": ("sad", 0.8), "happy": ("happy", 0.8), "surprised": ("surprised", 0.8),
    "disgusted": ("disgusted", 0.8), "scared": ("afraid", 0.8), "pleading": ("sad", 0.5), "vulnerable": ("afraid", 0.4),
    "despaired": ("sad", 1.0), "guilty": ("sad", 0.6), "disappointed": ("sad", 0.5), "embarrassed": ("afraid", 0.3),
    "horrified": ("afraid", 1.0), "skeptical": ("thoughtful", 0.8), "annoyed": ("angry", 0.4), "furious": ("angry", 1.0),
    "suspicious": ("thoughtful", 1.0), "rejected": ("sad", 0.7), "bored": ("neutral", 1.0), "tired": ("sad", 0.2),
    "asleep": ("neutral", 1.0), "confused": ("thoughtful", 0.7), "amazed": ("surprised", 1.0), "excited": ("happy", 1.0),
}  # fmt: skip
"""Expression of hri_msgs -> the nearest emotion, and how much of it."""
assert {emotion for emotion, _ in NAMED.values()} <= set(EMOTIONS)
SLIGHT = 0.15
"""Valence and arousal below this show nothing."""


class HriExpression(Protocol):
    """The fields of hri_msgs/msg/Expression that count: a name, or valence and arousal from -1 to 1."""

    expression: str
    valence: float
    arousal: float


def hri_to_emotion(msg: HriExpression) -> tuple[str, float]:
    """Emotion and intensity (0 to 1). ValueError for a name that hri_msgs does not know, and for numbers out of range."""
    if msg.expression:
        if msg.expression not in NAMED:
            raise ValueError(f"there is no expression {msg.expression!r}: {', '.join(NAMED)}")
        return NAMED[msg.expression]
    for name, value in (("valence", msg.valence), ("arousal", msg.arousal)):
        if not math.isfinite(value) or abs(value) > 1:
            raise ValueError(f"{name} must be from -1 to 1, got {value}")
    strength = min(1.0, math.hypot(msg.valence, msg.arousal))
    if strength < SLIGHT:
        return "neutral", 1.0
    # The circumplex of affect (Russell 1980), in the sectors in which these emotions lie.
    angle = math.degrees(math.atan2(msg.arousal, msg.valence))
    if -60 <= angle < 60:
        return "happy", strength
    if 60 <= angle < 110:
        return "surprised", strength
    if 110 <= angle < 135:
        return "afraid", strength
    if angle >= 135:
        return "angry", strength
    return "sad", strength
