"""By how much one signal comes after another."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def lag_of(signal: ArrayLike, reference: ArrayLike, reach: int) -> tuple[float, float]:
    """Lag of ``signal`` behind ``reference``, within -reach..reach samples of both, and the correlation (-1..1) at the best whole lag.

    The lag is refined by a parabola through the three scores around the best; positive: the signal comes later. Both must have one length,
    longer than twice the reach; one that is constant has no lag (0, 0).
    """
    a, b = np.asarray(signal, float), np.asarray(reference, float)
    if a.shape != b.shape or a.ndim != 1 or len(a) <= 2 * reach:
        raise ValueError(f"needs two signals of one length above {2 * reach}, got shapes {a.shape} and {b.shape}")
    scores = np.array(
        [_correlation(a[max(0, lag) : len(a) + min(0, lag)], b[max(0, -lag) : len(b) + min(0, -lag)]) for lag in range(-reach, reach + 1)]
    )
    if not np.any(scores):
        return 0.0, 0.0
    best = int(np.argmax(scores))
    shift = 0.0
    if 0 < best < 2 * reach:
        before, top, after = scores[best - 1 : best + 2]
        curve = before - 2 * top + after
        shift = 0.5 * (before - after) / curve if curve < 0 else 0.0
    return best - reach + float(shift), float(scores[best])


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    a, b = a - a.mean(), b - b.mean()
    power = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / power if power > 1e-12 else 0.0
