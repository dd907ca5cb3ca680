"""Breathing, sway and following the head: what keeps a standing person from looking like a photo. Functions of the frame count and of the
head's past turns only, so that a replay moves alike."""

import math
from dataclasses import dataclass, replace

from visavis.timing import FRAME_RATE

FOLLOW_SECONDS = 0.30
"""How late shoulders follow a turn of the head (time constant)."""

YAW_SHARE, ROLL_SHARE, LEAN_SHARE, SHIFT_SHARE = 0.16, 0.10, 0.035, 0.00030
"""How much of the head's yaw and roll (degrees) the torso turns and tilts with it, how much it leans to the side that the head turns to,
and how far it shifts, metres a degree of roll."""

Turn = tuple[float, float]
"""Yaw and roll, degrees, with the signs of ``layout.head_rotation_from_euler``."""


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
    roll = 0.26 * math.sin(wave / 8.3) + 0.16 * math.sin(wave / 13.7)
    yaw = 0.55 * math.sin(wave / 11.1) + 0.30 * math.sin(wave / 19.3)
    shift = 0.0020 * math.sin(wave / 9.7) + 0.0014 * math.sin(wave / 17.9)
    return TorsoPose(breath, roll, yaw, shift)


def follow(lean: Turn, head: Turn) -> Turn:
    """How far the shoulders have followed a frame later: ``lean`` is where they are, ``head`` where the head is."""
    share = 1 - math.exp(-1 / (FRAME_RATE * FOLLOW_SECONDS))
    return lean[0] + share * (head[0] - lean[0]), lean[1] + share * (head[1] - lean[1])


def leaning(torso: TorsoPose, lean: Turn) -> TorsoPose:
    """The torso as it goes along with the head."""
    yaw, roll = lean
    return replace(
        torso,
        roll=torso.roll + ROLL_SHARE * roll - LEAN_SHARE * yaw,
        yaw=torso.yaw + YAW_SHARE * yaw,
        shift=torso.shift + SHIFT_SHARE * roll,
    )
