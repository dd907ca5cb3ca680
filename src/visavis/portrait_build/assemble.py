"""Turns random people into the rig: alignment on the head, principal components of identity, head space."""

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.rig_asset import RigAsset
from visavis.portrait_build.body_model import BodyModel
from visavis.types_portrait import LANDMARKS, RigMesh

COMPONENTS = 80
NEAR_HEAD = 0.3
"""Vertices that follow head and neck more than this are what the components must explain."""


def assemble_rig(body: BodyModel) -> tuple[RigAsset, float]:
    """The rig without landmarks, and which share of the variance of the heads its components explain."""
    names = list(body.joint_names)
    head_weight = body.weights[:, names.index("head")]
    neck_weight = body.weights[:, [name.startswith("neck") for name in names]].sum(1)
    head = head_weight > 0.5
    people, joints = _align(body.people, body.joints, head)
    mean, joint_mean = people.mean(0), joints.mean(0)
    origin = mean[head].mean(0)
    near = (head_weight + neck_weight) > NEAR_HEAD
    centred = people - mean
    scores, singular, _ = np.linalg.svd(centred[:, near].reshape(len(people), -1), full_matrices=False)
    explained = float((singular[:COMPONENTS] ** 2).sum() / (singular**2).sum())
    unit_scores = scores[:, :COMPONENTS] * np.sqrt(len(people) - 1)
    mesh = RigMesh(
        triangles=_outward(body.triangles, mean, body.part),
        part=body.part,
        expressions=body.expressions,
        joint_names=body.joint_names,
        joint_parents=body.joint_parents,
        joint_heads=(joint_mean - origin).astype(np.float32),
        weights=body.weights,
        head_weight=head_weight,
        neck_weight=neck_weight,
        landmark_triangles=np.zeros((LANDMARKS, 3), np.int32),
        landmark_weights=np.zeros((LANDMARKS, 3), np.float32),
        landmark_spread=np.zeros(LANDMARKS, np.float32),
    )
    asset = RigAsset(
        mesh=mesh,
        mean=(mean - origin).astype(np.float32),
        identity=_regress(unit_scores, centred),
        identity_joints=_regress(unit_scores, joints - joint_mean),
        version="unsaved",
    )
    return asset, explained


def _align(
    people: NDArray[np.float32], joints: NDArray[np.float32], head: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Moves and scales everybody so that the head lies on person 0's: the camera's distance, not identity, explains the size of a head."""
    target = people[0, head]
    target_middle = target.mean(0)
    target_size = np.sqrt(((target - target_middle) ** 2).sum())
    middles = people[:, head].mean(1, keepdims=True)
    sizes = np.sqrt(((people[:, head] - middles) ** 2).sum((1, 2)))
    scale = (target_size / sizes)[:, None, None]
    return (people - middles) * scale + target_middle, (joints - middles) * scale + target_middle


def _regress(scores: NDArray[np.floating], values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Displacement of each vertex that goes with one standard deviation of each component (the components are uncorrelated)."""
    flat = values.reshape(len(values), -1)
    return (scores.T @ flat / (scores**2).sum(0)[:, None]).reshape(-1, *values.shape[1:]).astype(np.float32)


def _outward(triangles: NDArray[np.int32], vertices: NDArray[np.floating], part: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Turns the winding of the whole mesh so that the skin's volume is positive in a right-handed y-up frame."""
    a, b, c = (vertices[triangles[part == 0][:, corner]] * (1, -1, -1) for corner in range(3))
    volume = float((np.cross(a, b) * c).sum())
    return triangles if volume > 0 else np.ascontiguousarray(triangles[:, ::-1])
