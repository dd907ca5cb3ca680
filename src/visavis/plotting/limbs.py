"""Arms and hands of a motion as lines in the picture, hung on the shoulders that control gives."""

import numpy as np
from numpy.typing import NDArray

from visavis.motion.skeleton import SHOULDER, joints_of

VIEWER_M = 2.2
"""Distance from which the arms are seen, for what comes nearer to look larger."""

BELOW_M, BESIDE_M = 0.53, 0.20
"""What is shown below and beside the shoulders."""

Lines = list[tuple[NDArray[np.float64], float]]
"""Polylines (n, 2) in pixels with the depth (metres, larger is further away) of their middle."""


def pixels_a_metre(right: NDArray[np.floating], left: NDArray[np.floating]) -> float:
    """From the shoulders' places in a picture."""
    return float(np.linalg.norm(np.asarray(left[:2], np.float64) - right[:2])) / (2 * float(SHOULDER[0]))


def limbs(motion: NDArray[np.float32], right: NDArray[np.float64], left: NDArray[np.float64]) -> dict[str, Lines]:
    """For each side the lines of a frame (MOTION_DIM,): the arm (shoulder, elbow, wrist), the palm, and the five fingers, furthest first.

    right, left: where the shoulders are drawn, (2,).
    """
    joints = joints_of(motion[None])
    scale = pixels_a_metre(right, left)
    found: dict[str, Lines] = {}
    for side, at in (("right", right), ("left", left)):
        origin = joints[f"{side}_shoulder"][0]

        def place(points: NDArray[np.float64], origin: NDArray[np.float64] = origin, at: NDArray[np.float64] = at) -> NDArray[np.float64]:
            away = points - origin
            return at + scale * away[:, :2] / (1 + away[:, 2:] / VIEWER_M)

        wrist, hand = joints[f"{side}_wrist"], joints[f"{side}_hand"][0]
        chains = [np.concatenate([origin[None], joints[f"{side}_elbow"], wrist])]
        chains.append(np.concatenate([wrist, hand[0, :1], hand[1, :1], hand[3, :1], hand[2, :1], wrist]))
        chains += [hand[finger] if finger < 4 else np.concatenate([wrist, hand[finger]]) for finger in range(5)]
        found[side] = sorted(((place(chain), float(chain[:, 2].mean())) for chain in chains[1:]), key=lambda line: -line[1])
        found[side].insert(0, (place(chains[0]), float(chains[0][:, 2].mean())))
    return found
