"""How well a mouth's opening over time fits the phones that were said. Works on any opening: of curves, of the rig, of a tracked face in a
film."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.data.phones import BILABIALS, SILENCE, Phone
from visavis.data.prosody import gaussian
from visavis.timing import FRAME_RATE

OPENNESS: dict[str, float] = {
    "AA": 0.9, "AE": 0.8, "AH": 0.55, "AO": 0.7, "AW": 0.8, "AY": 0.8, "EH": 0.6, "ER": 0.4, "EY": 0.5, "IH": 0.35, "IY": 0.3, "OW": 0.5,
    "OY": 0.55, "UH": 0.35, "UW": 0.25,
    "F": 0.1, "V": 0.1, "TH": 0.25, "DH": 0.25, "S": 0.15, "Z": 0.15, "SH": 0.2, "ZH": 0.2, "CH": 0.2, "JH": 0.2, "T": 0.25, "D": 0.25,
    "N": 0.25, "L": 0.25, "K": 0.3, "G": 0.3,
    "NG": 0.3, "HH": 0.35, "R": 0.3, "W": 0.15, "Y": 0.25,
}  # fmt: skip
"""Plain openness of each phone; P, B, M and silence are 0."""

CLOSED = 0.03
"""Eye distances; a gap below it looks shut."""

REACH_FRAMES = 8
REFERENCE_HZ = 200
_SETTLE_S, _LEAVE_S = 0.30, 0.20


@dataclass(frozen=True)
class LipScore:
    """closed: share of P, B and M whose smallest gap within the phone and one frame around it is below ``threshold``. correlation: of the
    gap with the plain openness of the phones smoothed by 50 ms, at the best lag within 8 frames; lag in frames, positive where the mouth
    is late. jitter: 95th percentile of the size of the second difference of the gap. silent_open: share of frames in silence (from 0.3 s
    after speech to 0.2 s before it) with a gap over ``CLOSED``. gap: 10th, 50th and 95th
    percentile. Gaps are in eye distances.
    """

    closures: int
    closed: float
    threshold: float
    correlation: float
    lag: int
    jitter: float
    silent_open: float
    gap: tuple[float, float, float]


def score_gap(gap: NDArray[np.floating], phones: tuple[Phone, ...], rate: float = FRAME_RATE) -> LipScore:
    """Score of an opening: (frames,) in eye distances, NaN where it is not known, frame n shown from n / rate on."""
    values = np.asarray(gap, np.float64)
    known = np.isfinite(values)
    if values.ndim != 1 or len(values) < 2 * REACH_FRAMES or known.sum() < len(values) / 2:
        raise ValueError(
            f"a score needs at least {2 * REACH_FRAMES} frames, half of them with a known gap, "
            f"got shape {values.shape} with {int(known.sum())} known"
        )
    values = np.interp(np.arange(len(values)), np.flatnonzero(known), values[known])
    threshold = float(min(CLOSED, max(np.percentile(values, 10), CLOSED / 2)))
    smallest = []
    for phone in phones:
        if phone.name in BILABIALS:
            first, last = max(int(np.floor(phone.start * rate)) - 1, 0), int(np.ceil(phone.end * rate)) + 1
            if first < len(values):
                smallest.append(values[first : last + 1].min())
    correlation, lag = best_lag(values, reference_opening(phones, len(values), rate))
    silent = silent_frames(phones, len(values), rate)
    return LipScore(
        closures=len(smallest),
        closed=float(np.mean(np.array(smallest) < threshold)) if smallest else float("nan"),
        threshold=threshold,
        correlation=correlation,
        lag=lag,
        jitter=float(np.percentile(np.abs(np.diff(values, 2)), 95)),
        silent_open=float(np.mean(values[silent] > CLOSED)) if silent.any() else float("nan"),
        gap=tuple(float(value) for value in np.percentile(values, [10, 50, 95])),  # type: ignore[arg-type]
    )


def reference_opening(phones: tuple[Phone, ...], frames: int, rate: float = FRAME_RATE) -> NDArray[np.float64]:
    """(frames,) plain openness of the phones, smoothed by a Gaussian of 50 ms, at the middle of each frame."""
    fine = np.zeros(int(frames / rate * REFERENCE_HZ) + 1)
    for phone in phones:
        fine[int(phone.start * REFERENCE_HZ) : int(phone.end * REFERENCE_HZ)] = OPENNESS.get(phone.name, 0.0)
    smooth = gaussian(fine, 0.05 * REFERENCE_HZ)
    return smooth[np.minimum((np.arange(frames) + 0.5) / rate * REFERENCE_HZ, len(fine) - 1).astype(int)]


def best_lag(values: NDArray[np.float64], reference: NDArray[np.float64]) -> tuple[float, int]:
    """Highest correlation of ``values`` with ``reference`` within +-8 frames, and the lag at which it is (positive: values come late)."""
    found = []
    for lag in range(-REACH_FRAMES, REACH_FRAMES + 1):
        late, early = (values[lag:], reference[: len(reference) - lag]) if lag >= 0 else (values[:lag], reference[-lag:])
        spread = late.std() * early.std()
        found.append((float(np.mean((late - late.mean()) * (early - early.mean())) / spread) if spread > 1e-12 else 0.0, lag))
    return max(found, key=lambda pair: (pair[0], -abs(pair[1])))


def silent_frames(phones: tuple[Phone, ...], frames: int, rate: float = FRAME_RATE) -> NDArray[np.bool_]:
    """(frames,) True in silence that is long enough for the mouth to have come to rest."""
    silent = np.zeros(frames, bool)
    for phone in phones:
        if phone.name == SILENCE and phone.end - phone.start > _SETTLE_S + _LEAVE_S:
            silent[int(np.ceil((phone.start + _SETTLE_S) * rate)) : max(int((phone.end - _LEAVE_S) * rate), 0)] = True
    return silent
