"""Which folds of the skin an expression shows, and how much of them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from visavis.ease import ramp
from visavis.motion.layout import ARKIT_INDEX

FOLD_NAMES = ("smile_right", "smile_left", "eye_right", "eye_left", "forehead", "frown", "purse")
"""The textures and triangles "fold_..." of a portrait, in the order of ``PortraitRig.fold_origins``."""

UNSEEN = 0.12
"""So much of what makes a fold shows nothing of it: a face at rest, and lids and brows that move a little, have none."""

_SHARES: Mapping[str, Mapping[str, float]] = {
    "smile": {"mouthSmile": 0.55, "noseSneer": 0.55, "cheekSquint": 0.20, "mouthUpperUp": 0.20, "mouthDimple": 0.10},
    "eye": {"cheekSquint": 0.55, "eyeSquint": 0.45, "mouthSmile": 0.25, "eyeBlink": 0.10},
    "forehead": {"browInnerUp": 0.60, "browOuterUp": 0.55},
    "frown": {"browDown": 0.95, "noseSneer": 0.15},
    "purse": {"mouthPucker": 0.98, "mouthFunnel": 0.80},
}
"""What makes each fold; names without a side stand for the fold's own side, or for the mean of both."""
_BROAD = {"smile": 0.45, "eye": 0.35}
"""What a broad smile adds."""


def folds_in(face: NDArray[np.float32], broad: tuple[float, float]) -> tuple[float, ...]:
    """How much of each of ``FOLD_NAMES`` is seen, 0..1. face: (52,) motion, zero is a relaxed face; broad: right and left, as in
    ``retarget.FacePose``."""
    folds = []
    for weights, (right, left) in zip(_WEIGHTS, _BROAD_SHARES, strict=True):
        made = float(np.clip(face, 0, 1) @ weights) + right * broad[0] + left * broad[1]
        folds.append(ramp(made, UNSEEN))
    return tuple(folds)


def _weights_of(fold: str) -> NDArray[np.float32]:
    kind, _, side = fold.partition("_")
    weights = np.zeros(len(ARKIT_INDEX), np.float32)
    for name, share in _SHARES[kind].items():
        if name in ARKIT_INDEX:
            weights[ARKIT_INDEX[name]] = share
            continue
        for each in (side.capitalize(),) if side else ("Right", "Left"):
            weights[ARKIT_INDEX[f"{name}{each}"]] = share if side else share / 2
    return weights


_WEIGHTS = np.stack([_weights_of(fold) for fold in FOLD_NAMES])
_BROAD_SHARES = tuple(
    (_BROAD.get(fold.partition("_")[0], 0.0) * (not fold.endswith("left")), _BROAD.get(fold.partition("_")[0], 0.0) * fold.endswith("left"))
    for fold in FOLD_NAMES
)
