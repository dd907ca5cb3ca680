"""Eyes, brows and smiles of a speaker. Gaze stays on the viewer while the head turns (the eyes turn back), with glances away."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from visavis.data.head import ease, pulse, slow_noise
from visavis.data.prosody import Prosody
from visavis.motion.layout import ARKIT_INDEX
from visavis.timing import FRAME_RATE

LOOK_DEG = (28.0, 20.0, 24.0)
"""Eye rotation in degrees at which eyeLookIn/Out, eyeLookUp and eyeLookDown are 1."""


def blink_times(prosody: Prosody, seconds: float, per_minute: float, glances: list[float], rng: np.random.Generator) -> list[float]:
    """When the lids begin to fall. Blinks prefer phrase ends and large gaze shifts; the rest comes at random, never two within 0.5 s."""
    wished = [phrase.end + rng.uniform(-0.05, 0.25) for phrase in prosody.phrases if rng.random() < 0.45]
    wished += [time - 0.03 for time in glances if rng.random() < 0.35]
    missing = max(per_minute * seconds / 60 - len(wished), 0)
    wished += list(rng.uniform(0, max(seconds, 0.1), rng.poisson(missing)))
    times: list[float] = []
    for time in sorted(wished):
        if 0.1 < time < seconds - 0.3 and (not times or time - times[-1] > 0.5):
            times.append(float(time))
    return times


def blink_curve(times: NDArray[np.float64], starts: list[float], rng: np.random.Generator) -> NDArray[np.float64]:
    """(frames,) lid closure 0..1: falls in 70-100 ms, rests shut for one picture, rises in 130-200 ms."""
    curve = np.zeros(len(times))
    for start in starts:
        fall, rise = rng.uniform(0.07, 0.10), rng.uniform(0.13, 0.20)
        full = 1.0 if rng.random() < 0.85 else rng.uniform(0.6, 0.85)
        closing = np.clip((times - start) / fall, 0, 1)
        opening = np.clip((times - start - fall - 0.035) / rise, 0, 1)
        curve = np.maximum(curve, full * np.sin(closing * np.pi / 2) ** 2 * (1 - opening * opening * (3 - 2 * opening)))
    return curve


def gaze_targets(prosody: Prosody, seconds: float, rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """(time, yaw, pitch) in degrees of each fixation in the picture's axes (positive yaw to the viewer's left, positive pitch down); (0,
    0) is the viewer."""
    targets: list[tuple[float, float, float]] = [(0.0, 0.0, 0.0)]
    time = rng.uniform(1.0, 4.0)
    while time < seconds:
        quiet = not any(phrase.start - 0.3 <= time <= phrase.end for phrase in prosody.phrases)
        if rng.random() < (0.55 if quiet else 0.35):
            side = rng.choice([-1, 1])
            targets.append((time, side * rng.uniform(4, 13), rng.normal(1.0, 4.0)))
            time += rng.uniform(0.4, 1.3)
        targets.append((time, *rng.normal(0, 0.5, 2)))
        time += rng.gamma(3.0, 0.9)
    return targets


def gaze_angles(times: NDArray[np.float64], targets: list[tuple[float, float, float]], rng: np.random.Generator) -> NDArray[np.float64]:
    """(frames, 2) yaw and pitch of the line of sight in degrees: saccades of 30-70 ms between fixations, and tremor of small ones."""
    angles = np.zeros((len(times), 2))
    here = np.zeros(2)
    steps = list(targets)
    steps += [(float(t), np.nan, np.nan) for t in rng.uniform(0, times[-1] if len(times) else 0, int(len(times) / FRAME_RATE * 1.1))]
    for time, yaw, pitch in sorted(steps, key=lambda step: step[0]):
        goal = here + rng.normal(0, 0.35, 2) if np.isnan(yaw) else np.array([yaw, pitch])
        size = float(np.hypot(*(goal - here)))
        angles += np.clip((times - time) / (0.021 + 0.0022 * size), 0, 1)[:, None] * (goal - here)
        here = goal
    return angles


def eye_curves(
    head: NDArray[np.float64], prosody: Prosody, frames: int, per_minute: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(frames, 52) with blinks and gaze filled. head: (frames, 3) degrees, which the eyes undo to stay on their target."""
    times = (np.arange(frames) + 0.5) / FRAME_RATE
    targets = gaze_targets(prosody, frames / FRAME_RATE, rng)
    eyes = gaze_angles(times, targets, rng) - head[:, :2]
    glances = [b[0] for a, b in pairwise(targets) if np.hypot(b[1] - a[1], b[2] - a[2]) > 6]
    lids = blink_curve(times, blink_times(prosody, frames / FRAME_RATE, per_minute, glances, rng), rng)
    aside, above, below = LOOK_DEG
    yaw = np.clip(eyes[:, 0] / aside, -0.8, 0.8)
    pitch = np.clip(np.where(eyes[:, 1] > 0, eyes[:, 1] / below, eyes[:, 1] / above), -0.7, 0.6)
    curves = np.zeros((frames, len(ARKIT_INDEX)))
    for side, inward in (("Left", yaw), ("Right", -yaw)):
        curves[:, ARKIT_INDEX[f"eyeLookIn{side}"]] = np.maximum(inward, 0)
        curves[:, ARKIT_INDEX[f"eyeLookOut{side}"]] = np.maximum(-inward, 0)
        curves[:, ARKIT_INDEX[f"eyeLookDown{side}"]] = np.maximum(pitch, 0)
        curves[:, ARKIT_INDEX[f"eyeLookUp{side}"]] = np.maximum(-pitch, 0)
        curves[:, ARKIT_INDEX[f"eyeBlink{side}"]] = lids
        curves[:, ARKIT_INDEX[f"eyeWide{side}"]] = 0.4 * np.maximum(-pitch, 0) * (1 - lids)
        curves[:, ARKIT_INDEX[f"eyeSquint{side}"]] = 0.10 * lids
    return curves


def brow_curves(prosody: Prosody, frames: int, activity: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """(frames, 52) with brows, squint and smile filled: brows rise on some accents and with rising pitch, and smiles are small and slow."""
    times = (np.arange(frames) + 0.5) / FRAME_RATE
    inner, outer, down, smile = (np.zeros(frames) for _ in range(4))
    for accent in prosody.accents:
        if rng.random() < 0.25 + 0.5 * accent.strength:
            shape = (
                pulse(times, accent.time, rng.uniform(0.14, 0.22), rng.uniform(0.3, 0.55), rng.uniform(0.0, 0.15))
                * accent.strength
                * activity
            )
            if rng.random() < 0.85:
                inner += rng.uniform(0.12, 0.38) * shape
                outer += rng.uniform(0.10, 0.35) * shape
            else:
                down += rng.uniform(0.10, 0.30) * shape
    for phrase in prosody.phrases:
        if phrase.rise > 1.5:
            raised = pulse(times, phrase.end - 0.15, 0.35, 0.6, 0.25) * activity
            inner += 0.28 * raised
            outer += 0.25 * raised
        if rng.random() < 0.35:
            smile += rng.uniform(0.06, 0.18) * ease(times, phrase.start, 0.5) * (1 - ease(times, phrase.end + rng.uniform(0.2, 0.8), 0.9))
    inner += 0.02 + 0.02 * np.abs(slow_noise(frames, 2.0, rng))
    curves = np.zeros((frames, len(ARKIT_INDEX)))
    lead = rng.uniform(-0.12, 0.12)
    curves[:, ARKIT_INDEX["browInnerUp"]] = inner
    for side, factor in (("Left", 1 + lead), ("Right", 1 - lead)):
        curves[:, ARKIT_INDEX[f"browOuterUp{side}"]] = outer * factor
        curves[:, ARKIT_INDEX[f"browDown{side}"]] = down * factor
        curves[:, ARKIT_INDEX[f"mouthSmile{side}"]] = smile * factor
        curves[:, ARKIT_INDEX[f"cheekSquint{side}"]] = 0.6 * smile * factor
        curves[:, ARKIT_INDEX[f"eyeSquint{side}"]] = 0.35 * smile + 0.25 * down
    return np.clip(curves, 0, 1)
