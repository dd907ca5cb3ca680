"""Head motion of a speaker: nods on accents, a new stance with each phrase, slow drift, and calm in silence."""

import numpy as np
from numpy.typing import NDArray

from visavis.data.phones import Phone
from visavis.data.prosody import Prosody, gaussian
from visavis.motion.layout import head_rotation_from_euler, rotation_to_6d
from visavis.timing import FRAME_RATE

LIMIT_DEG = 12.0
DRIFT_DEG = (1.5, 0.9, 0.9)
STANCE_DEG = (3.0, 1.3, 1.3)
"""Standard deviations of yaw, pitch, roll in degrees: of the drift, and of the stance a phrase takes."""


def slow_noise(frames: int, seconds: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """(frames,) Gaussian noise of standard deviation 1 that changes within about ``seconds``."""
    sigma = seconds * FRAME_RATE / 2
    margin = int(4 * sigma) + 1
    noise = gaussian(rng.standard_normal(frames + 2 * margin), sigma)[margin : margin + frames]
    return noise * np.sqrt(2 * np.sqrt(np.pi) * sigma)


def ease(times: NDArray[np.float64], start: float, seconds: float) -> NDArray[np.float64]:
    """0 to 1 from ``start`` on, minimum jerk (Flash and Hogan 1985)."""
    x = np.clip((times - start) / max(seconds, 1e-3), 0, 1)
    return x**3 * (10 - 15 * x + 6 * x**2)


def pulse(times: NDArray[np.float64], peak: float, rise_s: float, fall_s: float, hold_s: float = 0.0) -> NDArray[np.float64]:
    """0 to 1 and back: reaches 1 at ``peak``, holds, falls; smooth everywhere."""
    return ease(times, peak - rise_s, rise_s) * (1 - ease(times, peak + hold_s, fall_s))


def head_angles(prosody: Prosody, phones: tuple[Phone, ...], frames: int, activity: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """(frames, 3) yaw, pitch, roll in degrees, each within +-``LIMIT_DEG``. ``activity`` scales it; 1 is average."""
    times = (np.arange(frames) + 0.5) / FRAME_RATE
    angles = np.stack([deviation * slow_noise(frames, 2.5, rng) for deviation in DRIFT_DEG], axis=1)
    angles *= activity * (0.6 + 0.4 * gaussian(_speaking(times, prosody), 6.0))[:, None]
    stance = np.zeros(3)
    for phrase in prosody.phrases:
        wanted = rng.normal(0, STANCE_DEG) * activity
        for begin, goal in _stances(phrase.start, phrase.end, wanted, rng):
            angles += ease(times, begin - 0.15, rng.uniform(0.45, 0.9))[:, None] * (goal - stance)
            stance = goal
        # The head sinks at the end of a statement and lifts with a rising question, then goes back to rest.
        final = (-1.2 if phrase.rise > 1.5 else 1.6) * activity * rng.uniform(0.5, 1.2)
        angles[:, 1] += final * pulse(times, phrase.end - 0.05, 0.35, 0.7)
        angles += ease(times, phrase.end + 0.1, 1.3)[:, None] * (0.35 * stance - stance)
        stance = 0.35 * stance
    for accent in prosody.accents:
        size = accent.strength * activity * rng.uniform(0.5, 1.4)
        nod = pulse(times, accent.time + 0.03, rng.uniform(0.13, 0.20), rng.uniform(0.25, 0.45))
        lift = pulse(times, accent.time - 0.14, 0.16, 0.14)
        angles[:, 1] += 2.6 * size * nod - 0.7 * size * lift
        angles[:, 0] += rng.normal(0, 0.9) * size * nod
        angles[:, 2] += rng.normal(0, 0.7) * size * nod
    angles -= np.array([0.0, 0.6 * activity, 0.0])
    return LIMIT_DEG * np.tanh(angles / LIMIT_DEG)


def head_motion(angles: NDArray[np.float64], frames: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(frames, 9) HEAD_ROTATION and HEAD_POSITION of angles in degrees: the head moves a little with its turns, and sways by
    millimetres."""
    rotation = rotation_to_6d(head_rotation_from_euler(angles[:, 0], angles[:, 1], angles[:, 2]))
    sway = np.stack([slow_noise(frames, 3.0, rng) for _ in range(3)], axis=1) * np.array([0.0015, 0.0008, 0.0025])
    turned = np.stack([-0.00045 * angles[:, 0], 0.00035 * angles[:, 1], -0.0006 * angles[:, 1]], axis=1)
    return np.concatenate([rotation, (sway + turned).astype(np.float32)], axis=1)


def _stances(start: float, end: float, wanted: NDArray[np.float64], rng: np.random.Generator) -> list[tuple[float, NDArray[np.float64]]]:
    """A long phrase changes its stance about every two seconds."""
    stances = [(start, wanted)]
    time = start + rng.uniform(1.4, 2.8)
    while time < end - 0.6:
        stances.append((time, wanted * rng.uniform(-0.8, 1.0) + rng.normal(0, 0.6, 3)))
        time += rng.uniform(1.4, 2.8)
    return stances


def _speaking(times: NDArray[np.float64], prosody: Prosody) -> NDArray[np.float64]:
    speaking = np.zeros(len(times))
    for phrase in prosody.phrases:
        speaking[(times >= phrase.start) & (times <= phrase.end)] = 1
    return speaking
