"""Mouth curves of known phones: coarticulated targets, with lip closure as a constraint that nothing may smooth away.

Each phone has a target for the jaw, for rounding, for spreading and for how far the lips bare the teeth. Targets blend by dominance functions (Cohen and
Massaro 1993): a phone's influence falls off exponentially before and after it, so that rounding begins early. P, B and M then close the lips completely,
F and V bring the lower lip to the upper teeth, and silence shuts the mouth.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.data.phones import BILABIALS, LABIODENTALS, SILENCE, Phone
from visavis.data.prosody import GRID_HZ, Prosody, gaussian
from visavis.motion.layout import ARKIT_INDEX
from visavis.timing import FRAME_RATE

FINE_HZ = 200
"""Points a second at which curves are made; pictures are sampled from them."""

JAW_FULL = 0.55
"""jawOpen of the widest vowel at full loudness."""

REST_S = 0.22
"""After speech ends the mouth is shut within this time."""

EARLY_S = 0.14
"""The mouth leaves its rest this long before speech begins."""


@dataclass(frozen=True)
class Target:
    """What one phone asks of the mouth, each 0..1; the weights say how firmly (0: takes what the neighbours want)."""

    jaw: float
    round: float = 0.0
    spread: float = 0.0
    teeth: float = 0.0
    funnel: float = 0.0
    tongue: float = 0.0
    jaw_weight: float = 1.0
    lip_weight: float = 0.35


TARGETS: dict[str, Target] = {
    "AA": Target(0.90, teeth=0.30, lip_weight=0.5),
    "AE": Target(0.80, spread=0.35, teeth=0.45, lip_weight=0.6),
    "AH": Target(0.55, teeth=0.20),
    "AO": Target(0.70, round=0.35, funnel=0.45, lip_weight=0.8),
    "AW": Target(0.78, round=0.30, funnel=0.25, teeth=0.2, lip_weight=0.6),
    "AY": Target(0.78, spread=0.25, teeth=0.35, lip_weight=0.5),
    "EH": Target(0.60, spread=0.30, teeth=0.40, lip_weight=0.5),
    "ER": Target(0.40, round=0.30, funnel=0.30, lip_weight=0.6),
    "EY": Target(0.50, spread=0.50, teeth=0.40, lip_weight=0.6),
    "IH": Target(0.38, spread=0.35, teeth=0.30, lip_weight=0.5),
    "IY": Target(0.30, spread=0.75, teeth=0.40, lip_weight=0.9),
    "OW": Target(0.50, round=0.80, funnel=0.35, lip_weight=1.0),
    "OY": Target(0.55, round=0.60, funnel=0.35, lip_weight=0.8),
    "UH": Target(0.36, round=0.50, funnel=0.25, lip_weight=0.7),
    "UW": Target(0.25, round=1.00, funnel=0.25, lip_weight=1.2),
    "W": Target(0.15, round=1.00, funnel=0.10, jaw_weight=1.2, lip_weight=1.4),
    "B": Target(0.12, jaw_weight=0.7, lip_weight=0.1),
    "P": Target(0.12, jaw_weight=0.7, lip_weight=0.1),
    "M": Target(0.12, jaw_weight=0.7, lip_weight=0.1),
    "F": Target(0.14, teeth=0.15, jaw_weight=0.9, lip_weight=0.4),
    "V": Target(0.14, teeth=0.15, jaw_weight=0.9, lip_weight=0.4),
    "TH": Target(0.25, teeth=0.30, tongue=1.0),
    "DH": Target(0.25, teeth=0.25, tongue=0.7, lip_weight=0.2),
    "S": Target(0.14, spread=0.45, teeth=0.50, jaw_weight=1.3, lip_weight=0.5),
    "Z": Target(0.14, spread=0.40, teeth=0.50, jaw_weight=1.3, lip_weight=0.5),
    "SH": Target(0.18, round=0.40, funnel=0.75, teeth=0.35, jaw_weight=1.3, lip_weight=1.1),
    "ZH": Target(0.18, round=0.40, funnel=0.70, teeth=0.35, jaw_weight=1.3, lip_weight=1.0),
    "CH": Target(0.18, round=0.40, funnel=0.75, teeth=0.35, jaw_weight=1.2, lip_weight=1.1),
    "JH": Target(0.18, round=0.40, funnel=0.70, teeth=0.35, jaw_weight=1.2, lip_weight=1.0),
    "T": Target(0.22, teeth=0.25, lip_weight=0.15),
    "D": Target(0.23, teeth=0.25, lip_weight=0.15),
    "N": Target(0.24, teeth=0.22, lip_weight=0.15),
    "L": Target(0.30, teeth=0.22, tongue=0.35, lip_weight=0.15),
    "K": Target(0.32, jaw_weight=0.7, lip_weight=0.1),
    "G": Target(0.32, jaw_weight=0.7, lip_weight=0.1),
    "NG": Target(0.32, jaw_weight=0.7, lip_weight=0.1),
    "HH": Target(0.40, jaw_weight=0.3, lip_weight=0.05),
    "R": Target(0.28, round=0.50, funnel=0.35, lip_weight=0.8),
    "Y": Target(0.25, spread=0.45, teeth=0.25, lip_weight=0.5),
    SILENCE: Target(0.0, jaw_weight=1.0, lip_weight=0.6),
}


@dataclass(frozen=True)
class MouthStyle:
    """How a speaker moves the mouth; 1 is average. ``tilt``: -1..1, how much one corner leads."""

    amplitude: float = 1.0
    rounding: float = 1.0
    spreading: float = 1.0
    tilt: float = 0.0


def mouth_curves(phones: tuple[Phone, ...], prosody: Prosody, frames: int, style: MouthStyle) -> NDArray[np.float64]:
    """(frames, 52) with the mouth's shapes filled, 0..1. Frame n is taken at the middle of the time it is shown."""
    frame_times = (np.arange(frames) + 0.5) / FRAME_RATE
    times = np.arange(int(np.ceil((frame_times[-1] if frames else 0.0) * FINE_HZ)) + 2) / FINE_HZ
    spoken = [phone for phone in phones if phone.end > phone.start]
    jaw = _blend(times, spoken, "jaw", before_s=0.055, after_s=0.050)
    rounding, spread, teeth, funnel, tongue = (
        _blend(times, spoken, name, before_s=before, after_s=after)
        for name, before, after in (("round", 0.110, 0.070), ("spread", 0.080, 0.060), ("teeth", 0.060, 0.055), ("funnel", 0.100, 0.065), ("tongue", 0.030, 0.030))
    )
    loudness = np.interp(times, np.arange(len(prosody.loudness)) / GRID_HZ, prosody.loudness)
    awake = _awake(times, spoken)
    jaw = gaussian(jaw, 0.030 * FINE_HZ) * (0.30 + 0.70 * loudness) * awake * style.amplitude
    lips = np.stack([rounding * style.rounding, spread * style.spreading, teeth, funnel * style.rounding, tongue], axis=1)
    lips = gaussian(lips, 0.022 * FINE_HZ) * awake[:, None] * (0.55 + 0.45 * loudness[:, None])
    closed = _windows(times, spoken, BILABIALS, hold_share=0.5, least_hold_s=0.042, closing_s=0.105, opening_s=0.095)
    bitten = _windows(times, spoken, LABIODENTALS, hold_share=0.4, least_hold_s=0.030, closing_s=0.090, opening_s=0.085)

    def at_frames(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.interp(frame_times, times, values))

    return _to_shapes(at_frames(jaw), np.stack([at_frames(column) for column in lips.T], 1), at_frames(closed), at_frames(bitten), at_frames(awake), style)


def _to_shapes(jaw, lips, closed, bitten, awake, style):  # type: ignore[no-untyped-def]
    rounding, spread, teeth, funnel, tongue = lips.T
    free = (1 - closed) * (1 - 0.75 * bitten)
    jaw_open = JAW_FULL * jaw * (1 - 0.30 * rounding) * (1 - 0.80 * closed) * (1 - 0.55 * bitten)
    curves = np.zeros((len(jaw), len(ARKIT_INDEX)))

    def put(name: str, values: NDArray[np.float64], mirrored: bool = False) -> None:
        if mirrored:
            curves[:, ARKIT_INDEX[name + "Left"]] = values * (1 + 0.12 * style.tilt)
            curves[:, ARKIT_INDEX[name + "Right"]] = values * (1 - 0.12 * style.tilt)
        else:
            curves[:, ARKIT_INDEX[name]] = values

    put("jawOpen", jaw_open)
    put("mouthClose", jaw_open * closed)
    put("mouthPucker", 0.55 * rounding * (1 - 0.3 * bitten))
    put("mouthFunnel", (0.45 * funnel + 0.15 * rounding) * free)
    put("mouthStretch", 0.22 * spread, mirrored=True)
    put("mouthSmile", 0.12 * spread, mirrored=True)
    put("mouthDimple", 0.10 * spread, mirrored=True)
    put("mouthLowerDown", 0.32 * teeth * free, mirrored=True)
    put("mouthUpperUp", 0.16 * teeth * free + 0.16 * bitten, mirrored=True)
    put("mouthRollLower", 0.50 * bitten + 0.10 * closed)
    put("mouthRollUpper", 0.08 * closed)
    put("mouthPress", 0.28 * closed + 0.05 * (1 - awake), mirrored=True)
    put("mouthShrugLower", 0.06 * closed)
    put("tongueOut", 0.12 * tongue * free)
    return np.clip(curves, 0, 1)


def _blend(times: NDArray[np.float64], phones: list[Phone], dimension: str, before_s: float, after_s: float) -> NDArray[np.float64]:
    """Dominance-weighted mean of the phones' targets on ``times``."""
    total = np.full(len(times), 1e-9)
    value = np.zeros(len(times))
    for phone in phones:
        target = TARGETS[phone.name]
        weight = target.jaw_weight if dimension in ("jaw", "tongue") else target.lip_weight
        early, late = (0.035, 0.035) if phone.name == SILENCE else (before_s, after_s)
        first = np.searchsorted(times, phone.start - 7 * early)
        last = np.searchsorted(times, phone.end + 7 * late)
        local = times[first:last]
        middle = (phone.start + phone.end) / 2
        half = (phone.end - phone.start) / 4
        distance = np.where(local < middle, np.maximum(middle - half - local, 0) / early, np.maximum(local - middle - half, 0) / late)
        dominance = weight * np.exp(-distance)
        total[first:last] += dominance
        value[first:last] += dominance * getattr(target, dimension)
    return value / total


def _windows(
    times: NDArray[np.float64], phones: list[Phone], names: frozenset[str], hold_share: float, least_hold_s: float, closing_s: float, opening_s: float
) -> NDArray[np.float64]:
    """0..1: raised-cosine windows around each phone of ``names``; held at 1 for ``hold_share`` of the phone and at least long enough for one picture to show it."""
    window = np.zeros(len(times))
    for phone in phones:
        if phone.name not in names:
            continue
        middle = (phone.start + phone.end) / 2
        half = max((phone.end - phone.start) * hold_share, least_hold_s) / 2
        first, last = np.searchsorted(times, [middle - half - closing_s, middle + half + opening_s])
        local = times[first:last]
        away = np.where(local < middle, (middle - half - local) / closing_s, (local - middle - half) / opening_s)
        window[first:last] = np.maximum(window[first:last], 0.5 + 0.5 * np.cos(np.pi * np.clip(away, 0, 1)))
    return window


def _awake(times: NDArray[np.float64], phones: list[Phone]) -> NDArray[np.float64]:
    """1 in speech, 0 at rest: silences long enough to notice shut the mouth with a soft edge on both sides."""
    awake = np.ones(len(times))
    for index, phone in enumerate(phones):
        if phone.name != SILENCE:
            continue
        shut = phone.start + REST_S if index else -1.0
        leave = phone.end - EARLY_S if index + 1 < len(phones) else np.inf
        # A short pause shuts the mouth only partly: the two edges overlap.
        close = 0.5 + 0.5 * np.cos(np.pi * np.clip((times - (shut - REST_S)) / REST_S, 0, 1))
        leaving = 0.5 - 0.5 * np.cos(np.pi * np.clip((times - leave) / EARLY_S, 0, 1)) if np.isfinite(leave) else np.zeros(len(times))
        here = (times >= phone.start) & (times < phone.end) if index else times < phone.end
        awake = np.where(here, np.maximum(close, leaving), awake)
    return awake
