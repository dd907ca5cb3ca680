"""An arm as balls along its bones and in its palm: what stands in the light of the rest of it, fingers before the palm and beside each
other, the hand before the forearm. Balls follow the vertices around them, so that hands of any mesh have them."""

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.arm_asset import BONES
from visavis.types_portrait import TWIST_BONES, ArmBalls

Array = NDArray[np.float64]

HAND = BONES.index("hand")
UPPER_BALLS, FORE_BALLS, PALM_BALLS = 5, 6, (3, 4)
FINGER_BALLS = 2
"""For each of a finger's bones."""
LEAST_VERTICES = 4
LIES_WITH = 0.5
"""A vertex counts to a bone from this share of its weight on."""


def balls_of(
    all_points: NDArray[np.floating],
    skin: NDArray[np.integer],
    bones: NDArray[np.uint8],
    shares: NDArray[np.floating],
    all_heads: NDArray[np.floating],
) -> ArmBalls:
    """The balls of an arm whose skin has the vertices of these numbers. all_points, bones, shares, all_heads: as points, bones, weights and
    heads of ``ArmRig``, points of one side."""
    points = all_points[skin].astype(np.float64)
    heads = all_heads.astype(np.float64)
    weights = np.zeros((len(skin), len(BONES)))
    for column in range(bones.shape[1]):
        np.add.at(weights, (np.arange(len(skin)), bones[skin, column]), shares[skin, column])
    groups: list[tuple[NDArray[np.bool_], float]] = []

    def along(mine: NDArray[np.bool_], begin: Array, end: Array, count: int) -> None:
        axis = end - begin
        share = (points - begin) @ axis / (axis @ axis)
        beside = points - begin - share[:, None] * axis
        for step in range(count):
            chosen = mine & (share >= step / count) & (share < (step + 1) / count)
            if chosen.sum() >= LEAST_VERTICES:
                middle = beside[chosen].mean(0)
                groups.append((chosen, float(np.linalg.norm(beside[chosen] - middle, axis=1).mean())))

    along(weights[:, 0] > LIES_WITH, np.zeros(3), heads[1], UPPER_BALLS)
    along(weights[:, 1 : 1 + TWIST_BONES].sum(1) > LIES_WITH, heads[1], heads[HAND], FORE_BALLS)
    for first in range(HAND + 1, len(BONES), 3):
        chain = weights[:, first : first + 3]
        for joint in range(3):
            mine = (chain.argmax(1) == joint) & (chain.sum(1) > LIES_WITH)
            begin = heads[first + joint]
            if joint < 2:
                end = heads[first + joint + 1]
            else:
                way = begin - heads[first + joint - 1]
                way = way / np.linalg.norm(way)
                end = begin + way * max(float(((points[mine] - begin) @ way).max(initial=0.0)), 0.01)
            along(mine, begin, end, FINGER_BALLS)
    _palm(points, weights[:, HAND] > LIES_WITH, heads, groups)
    return ArmBalls(
        members=np.concatenate([skin[chosen] for chosen, _ in groups]).astype(np.int32),
        begins=np.cumsum([0, *(int(chosen.sum()) for chosen, _ in groups)]).astype(np.int32),
        radii=np.array([radius for _, radius in groups], np.float32),
    )


def _palm(points: Array, mine: NDArray[np.bool_], heads: Array, groups: list[tuple[NDArray[np.bool_], float]]) -> None:
    """Balls side by side: a palm is wider than thick."""
    ahead = heads[BONES.index("middle_0")] - heads[HAND]
    across = heads[BONES.index("index_0")] - heads[BONES.index("pinky_0")]
    across = across - ahead * (across @ ahead) / (ahead @ ahead)
    thick = np.cross(ahead, across)
    thick = thick / np.linalg.norm(thick)
    rows, columns = PALM_BALLS
    row = np.clip((points - heads[HAND]) @ ahead / (ahead @ ahead) * rows, 0, rows - 1e-6).astype(int)
    place = (points - heads[BONES.index("pinky_0")]) @ across / (across @ across)
    column = np.clip((place + 0.5 / (columns - 1)) * (columns - 1), 0, columns - 1e-6).astype(int)
    for r in range(rows):
        for c in range(columns):
            chosen = mine & (row == r) & (column == c)
            if chosen.sum() >= LEAST_VERTICES:
                depth = points[chosen] @ thick
                groups.append((chosen, float(np.abs(depth - depth.mean()).mean())))
