"""A user's own MANO hands in place of the built-in ones: their mesh, joints, weights and pose correctives, the photo's skin.

The forearm stays the built-in one and takes on the hand's outline towards the wrist, under whose edge it ends. Hands are made as long as
those they replace. Colour of skin, palms, nails and knuckles, gloss and grain are taken from the nearest points of the built-in hand, bone
by bone, since MANO has neither texture nor nails: with its 778 points nails are soft spots.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.motion.skeleton import HAND_LEFT
from visavis.portrait.arm_asset import BONES, INFLUENCES
from visavis.portrait.arm_balls import balls_of
from visavis.portrait.mano_file import ManoHand, read_mano
from visavis.portrait.normals import vertex_normals
from visavis.types_portrait import ArmRig, PortraitRig

Array = NDArray[np.float64]

HAND = BONES.index("hand")
_MIRROR = np.array([-1.0, 1.0, 1.0])

BLENDED = 0.05
"""Metres of the forearm over which it takes on the outline of the hand's wrist."""
TUCKED = 0.93
"""How wide the forearm is where it ends inside the hand, relative to the hand's outline."""
LARGEST_CHANGE = (0.6, 1.6)
"""By how much the forearm may change its thickness at most."""
EDGE = 0.008
"""Metres: where a hand has no open edge, what is so near to its end is taken for it."""
NEIGHBOURS = 3
LIKE_BONE, LIKE_NORMAL = 0.05, 0.012
"""Metres that points count as apart if they belong to other bones, or look to opposite sides."""


def with_mano(rig: PortraitRig, folder: Path | str) -> PortraitRig:
    """The same portrait with the hands of the MANO file in ``folder``. Control and video must be given the same. ManoError for files that
    cannot be used."""
    return replace(rig, arms=replace_hands(rig.arms, read_mano(Path(folder).expanduser())))


def replace_hands(arms: ArmRig, hand: ManoHand) -> ArmRig:
    """``arms`` with ``hand`` at both wrists, which mirror each other."""
    wrist = arms.heads[HAND].astype(np.float64)
    joints = (hand.joints - hand.joints[0]) * _MIRROR
    middle = BONES.index("middle_0")
    own_length = float(np.linalg.norm(arms.heads[middle] - arms.heads[HAND]))
    scale = own_length / float(np.linalg.norm(joints[1 + middle - HAND - 1]))
    local = (hand.points - hand.joints[0]) * _MIRROR * scale
    new = wrist + local @ HAND_LEFT.T
    heads = arms.heads.copy()
    heads[HAND + 1 :] = wrist + joints[1:] * scale @ HAND_LEFT.T

    skin = np.unique(arms.triangles[: arms.cloth])
    first_cloth = int(skin.max()) + 1
    tube = np.arange(first_cloth, arms.points.shape[1])
    triangles = _wound_like(arms.triangles[: arms.cloth], arms.points[1], hand.triangles, new)
    ring = _Ring(local, triangles)

    before = (arms.points[1].astype(np.float64) - wrist) @ HAND_LEFT
    # In the hand's frame the forearm lies towards negative x; everything beyond the edge of the hand goes.
    beyond = before[:, 0] - ring.edge(before)
    kept_triangles = (beyond[arms.triangles[: arms.cloth]].min(1) <= 0.001).nonzero()[0]
    kept = np.unique(arms.triangles[kept_triangles])
    renumber = np.full(arms.points.shape[1], -1, np.int32)
    renumber[kept] = np.arange(len(kept), dtype=np.int32)
    renumber[tube] = len(kept) + len(new) + np.arange(len(tube), dtype=np.int32)

    points = []
    for side in range(2):
        side_local = (arms.points[side].astype(np.float64) - wrist) @ HAND_LEFT
        fitted = wrist + ring.fit(side_local, first_cloth) @ HAND_LEFT.T
        points.append(np.concatenate([fitted[kept], new, arms.points[side][tube]]))
    like, share = _alike(arms, np.arange(first_cloth), new, triangles, hand.weights, heads)
    bones, weights = _weights(arms, like, share, hand.weights)

    def carried(values: NDArray[Any], axis: int = 0) -> NDArray[np.float64]:
        """Values of the built-in points on the points of the new mesh, along ``axis``."""
        values = np.moveaxis(values.astype(np.float64), axis, 0)
        mixed = (values[like] * share.reshape(*share.shape, *[1] * (values.ndim - 1))).sum(1)
        return np.moveaxis(np.concatenate([values[kept], mixed, values[tube]]), 0, axis)

    is_upper = kept_triangles < arms.upper
    all_bones = np.concatenate([arms.bones[kept], bones, arms.bones[tube]])
    all_weights = np.concatenate([arms.weights[kept], weights, arms.weights[tube]]).astype(np.float32)
    grain_at = carried(arms.grain_at)
    grain_at[len(kept) : len(kept) + len(new), 0] = _columns(arms, like, share)
    return replace(
        arms,
        points=np.stack(points).astype(np.float32),
        triangles=np.concatenate(
            [renumber[arms.triangles[kept_triangles]], triangles + len(kept), renumber[arms.triangles[arms.cloth :]]]
        ).astype(np.int32),
        bones=all_bones,
        weights=all_weights,
        heads=heads.astype(np.float32),
        colour=carried(arms.colour, 1).astype(np.float32),
        gloss=carried(arms.gloss).astype(np.float32),
        grain_at=np.round(grain_at).astype(np.int32),
        folds=carried(arms.folds, 1).astype(np.float32),
        elbow=carried(arms.elbow).astype(np.float32),
        balls=balls_of(np.mean(points, 0), np.arange(len(kept) + len(new)), all_bones, all_weights, heads),
        upper=int(is_upper.sum()),
        cloth=len(kept_triangles) + len(triangles),
        hand=len(kept),
        correctives=_correctives(hand, scale),
    )


def _columns(arms: ArmRig, like: NDArray[np.intp], share: Array) -> Array:
    """Columns (V,) of the skin's texture, in 1/16, for new points: on the half, back or palm, on which the most alike built-in point is."""
    column = arms.beside(arms.grain_at[:, 0])
    return np.asarray(np.where(column[like[:, 0]] < 0, -1, 1) * (np.abs(column)[like] * share).sum(1))


class _Ring:
    """The open edge of a hand at the wrist, by the angle about the forearm's axis. Points (n, 3) in the hand's frame: x along the
    fingers."""

    def __init__(self, local: Array, triangles: NDArray[np.int32]) -> None:
        edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), 1)
        unique, count = np.unique(edges, axis=0, return_counts=True)
        rim = np.unique(unique[count == 1])
        rim = rim[local[rim, 0] < local[:, 0].min() + 0.25 * np.ptp(local[:, 0])] if len(rim) else rim
        if len(rim) < 6:
            rim = np.flatnonzero(local[:, 0] < local[:, 0].min() + EDGE)
        rows = local[rim]
        self.centre = (rows[:, 1:].min(0) + rows[:, 1:].max(0)) / 2
        self._angle, order = np.unique(self._angles(rows, self.centre), return_index=True)
        self._x = rows[order, 0]
        self._radius = np.linalg.norm(rows[order, 1:] - self.centre, axis=1)

    @staticmethod
    def _angles(points: Array, centre: Array) -> Array:
        return np.asarray(np.arctan2(points[:, 2] - centre[1], points[:, 1] - centre[0]))

    def edge(self, points: Array) -> Array:
        """x (n,) of the edge in the direction of each point."""
        return np.interp(self._angles(points, self.centre), self._angle, self._x, period=2 * np.pi)

    def fit(self, points: Array, count: int) -> Array:
        """The forearm, the first ``count`` of points (n, 3), with the hand's outline at its end, and a little narrower beyond it."""
        result = points.copy()
        skin = points[:count]
        at = float(self._x.mean())
        near = np.abs(skin[:, 0] - at) < 0.012
        if near.sum() < 8:
            return result
        own_centre = (skin[near, 1:].min(0) + skin[near, 1:].max(0)) / 2
        angles = self._angles(skin, own_centre)
        order = np.argsort(angles[near])
        own = np.linalg.norm(skin[near, 1:] - own_centre, axis=1)[order]
        own = np.interp(angles, angles[near][order], own, period=2 * np.pi)
        wanted = np.interp(angles, self._angle, self._radius, period=2 * np.pi)
        beyond = skin[:, 0] - self.edge(skin)
        change = np.clip(wanted / np.maximum(own, 1e-4), *LARGEST_CHANGE)
        change = np.where(beyond > 0.001, TUCKED * wanted / np.maximum(np.linalg.norm(skin[:, 1:] - own_centre, axis=1), 1e-4), change)
        target = self.centre + (skin[:, 1:] - own_centre) * change[:, None]
        share = np.clip(1 + beyond / BLENDED, 0, 1)
        share = (share * share * (3 - 2 * share))[:, None]
        result[:count, 1:] = skin[:, 1:] * (1 - share) + target * share
        return result


def _wound_like(own: NDArray[np.int32], own_points: NDArray[np.floating], triangles: NDArray[np.int32], points: Array) -> NDArray[np.int32]:
    """``triangles`` of ``points``, turned over where they wind the other way round than the built-in mesh does."""
    if np.sign(_volume(own, own_points)) != np.sign(_volume(triangles, points)):
        triangles = triangles[:, ::-1]
    return np.ascontiguousarray(triangles)


def _volume(triangles: NDArray[np.int32], points: NDArray[np.floating]) -> float:
    a, b, c = (points[triangles[:, corner]].astype(np.float64) - points[triangles].mean((0, 1)) for corner in range(3))
    return float((a * np.cross(b, c)).sum())


def _alike(
    arms: ArmRig, skin: NDArray[np.intp], new: Array, triangles: NDArray[np.int32], weights: Array, heads: NDArray[np.floating]
) -> tuple[NDArray[np.intp], Array]:
    """For each new point the built-in points (V, NEIGHBOURS) that are most like it, by bone, place on it and normal; and their shares."""
    own = arms.points[1, skin].astype(np.float64)
    own_normals = vertex_normals(arms.points[1].astype(np.float64), arms.triangles[: arms.cloth])[skin]
    main = arms.bones[skin, np.argmax(arms.weights[skin], 1)].astype(int)
    candidates = np.flatnonzero(own @ HAND_LEFT[:, 0] > float(arms.heads[HAND] @ HAND_LEFT[:, 0]) - 0.06)
    theirs = HAND + np.argmax(weights, 1)
    fingers = np.maximum(main, HAND)

    def features(points: Array, normals: Array, bone: NDArray[np.integer], origin: NDArray[np.floating]) -> Array:
        # Fingers of other length or direction still have their nails at the end: places count from the bone's own head.
        return np.concatenate([points - origin[bone], LIKE_NORMAL / 2 * normals, LIKE_BONE / np.sqrt(2) * np.eye(len(BONES))[bone]], 1)

    mine = features(own[candidates], own_normals[candidates], fingers[candidates], arms.heads)
    asked = features(new, vertex_normals(new, triangles), theirs, heads)
    distance = np.sqrt(np.maximum((asked**2).sum(1)[:, None] + (mine**2).sum(1) - 2 * asked @ mine.T, 0))
    nearest = np.argsort(distance, 1, kind="stable")[:, :NEIGHBOURS]
    share = 1 / (np.take_along_axis(distance, nearest, 1) + 1e-5)
    return skin[candidates[nearest]], share / share.sum(1, keepdims=True)


def _weights(arms: ArmRig, like: NDArray[np.intp], share: Array, theirs: Array) -> tuple[NDArray[np.uint8], Array]:
    """Bones (V, INFLUENCES) and weights of the new points: the file's own, but for the wrist's, which hand and forearm share as they do in
    the built-in mesh, so that a bent wrist opens no gap."""
    dense = np.zeros((len(arms.bones), len(BONES)))
    for column in range(arms.bones.shape[1]):
        np.add.at(dense, (np.arange(len(dense)), arms.bones[:, column]), arms.weights[:, column])
    near = (dense[like] * share[..., None]).sum(1)[:, : HAND + 1]
    near[:, HAND] += 1e-6
    every = np.zeros((len(theirs), len(BONES)))
    every[:, : HAND + 1] = theirs[:, :1] * near / near.sum(1, keepdims=True)
    every[:, HAND + 1 :] = theirs[:, 1:]
    largest = np.argsort(-every, 1, kind="stable")[:, :INFLUENCES]
    weights = np.take_along_axis(every, largest, 1)
    return largest.astype(np.uint8), weights / weights.sum(1, keepdims=True)


def _correctives(hand: ManoHand, scale: float) -> NDArray[np.float32]:
    """``ArmRig.correctives`` for a left arm: the file's, of a right hand, mirrored."""
    if not hand.correctives.size:
        return np.zeros((0, 0), np.float32)
    count = len(hand.points)
    moves = hand.correctives.reshape(count, 3, -1, 3, 3) * _MIRROR[:, None, None, None] * _MIRROR[:, None] * _MIRROR
    moves = np.einsum("ij,vjk->vik", HAND_LEFT, moves.reshape(count, 3, -1)) * scale
    return np.ascontiguousarray(moves.reshape(3 * count, -1), np.float32)
