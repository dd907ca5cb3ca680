"""Breathing and sway: what keeps a standing person from looking like a photo. Functions of a frame count only, so that a replay moves
alike."""

import math
from dataclasses import dataclass

from visavis.timing import FRAME_RATE


@dataclass(frozen=True)
class TorsoPose:
    """breath: 0 breathed out, 1 breathed in. roll, yaw: degrees that the torso sways about the hips; shift: metres to the viewer's
    right."""

    breath: float
    roll: float
    yaw: float
    shift: float


def torso_at(frame: int, breaths_per_minute: float) -> TorsoPose:
    """Pose at a frame, at amplitude 1. Breathing in takes two fifths of a breath; sway is the sum of slow waves whose periods share no
    common one."""
    seconds = frame / FRAME_RATE
    phase = seconds * breaths_per_minute / 60.0 % 1.0
    # The first frame is breathed out: the photo itself.
    breath = 0.5 - 0.5 * math.cos(math.pi * phase / 0.4) if phase < 0.4 else 0.5 + 0.5 * math.cos(math.pi * (phase - 0.4) / 0.6)
    wave = math.tau * seconds
    roll = 0.22 * math.sin(wave / 8.3) + 0.12 * math.sin(wave / 13.7)
    yaw = 0.45 * math.sin(wave / 11.1) + 0.25 * math.sin(wave / 19.3)
    shift = 0.0016 * math.sin(wave / 9.7) + 0.0012 * math.sin(wave / 17.9)
    return TorsoPose(breath, roll, yaw, shift)
