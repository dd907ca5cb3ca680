"""How different two pictures look, and two sets of pictures, by the features of a network.

The formulas are those of LPIPS (Zhang et al. 2018) and FID (Heusel et al. 2017); the network is not theirs but the MobileNet of a
face detector (``face_api.picture_features``), and no layer was fitted to judgements of people. Figures compare with each other, not with
those of papers.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.evaluation.face_api import CHANNELS, TAPS, Features, picture_features, read_weights

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""

SPREAD_TAP = TAPS[-1]
"""The block whose features are compared between sets: 256 channels at every eighth pixel."""


class PictureNetwork:
    """The network that looks at pictures."""

    def __init__(self, networks: Path) -> None:
        """networks: the folder of the asset ``face_api``."""
        self._weights = read_weights(networks, "ssd_mobilenetv1_model")

    def look(self, picture: NDArray[np.uint8]) -> dict[int, Features]:
        """Features of uint8 (height, width, 3) RGB, by block of ``TAPS``."""
        return picture_features(self._weights, picture)


def perceptual_distance(one: dict[int, Features], other: dict[int, Features], box: Box | None = None) -> float:
    """0 for the same picture, at most 2: squared distance of feature vectors of length 1, mean over all places (or over ``box`` of the
    picture) and over the blocks."""
    means = []
    for tap in TAPS:
        a, b = one[tap], other[tap]
        if a.shape != b.shape:
            raise ValueError(f"pictures must have one shape, got features {a.shape} and {b.shape}")
        if box is not None:
            share = one[TAPS[0]].shape[0] / a.shape[0] * 2
            left, top = (int(side / share) for side in box[:2])
            right, bottom = (int(np.ceil(side / share)) for side in box[2:])
            a, b = a[top:bottom, left:right], b[top:bottom, left:right]
        means.append(((_unit(a) - _unit(b)) ** 2).sum(-1).mean())
    return float(np.mean(means))


def _unit(features: Features) -> Features:
    return features / (np.linalg.norm(features, axis=-1, keepdims=True) + np.float32(1e-6))


@dataclass
class Spread:
    """What the features of a set of pictures are like: every place of every picture is one of ``count`` samples."""

    count: int = 0
    total: NDArray[np.float64] = field(default_factory=lambda: np.zeros(CHANNELS[SPREAD_TAP]))
    squares: NDArray[np.float64] = field(default_factory=lambda: np.zeros((CHANNELS[SPREAD_TAP],) * 2))

    def add(self, features: dict[int, Features]) -> None:
        """One more picture."""
        samples = features[SPREAD_TAP].reshape(-1, CHANNELS[SPREAD_TAP]).astype(np.float64)
        self.count += len(samples)
        self.total += samples.sum(0)
        self.squares += samples.T @ samples

    def normal(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean (C,) and covariance (C, C). ValueError without a picture."""
        if not self.count:
            raise ValueError("a spread needs at least one picture")
        mean = self.total / self.count
        return mean, self.squares / self.count - np.outer(mean, mean)


def frechet_distance(one: Spread, other: Spread) -> float:
    """Fréchet distance of the two normal distributions, 0 where they are the same: |m - n|² + tr(S + T - 2 (S T)^½)."""
    (mean, cov), (other_mean, other_cov) = one.normal(), other.normal()
    values, vectors = np.linalg.eigh(cov)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ other_cov @ root), 0)).sum()
    return float(max(((mean - other_mean) ** 2).sum() + np.trace(cov) + np.trace(other_cov) - 2 * shared, 0.0))
