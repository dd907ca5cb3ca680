"""Folds of a long sleeve, which come and go as the elbow bends: no relief of the mesh, but normals that lean and valleys that get less
light."""

import numpy as np
from numpy.typing import NDArray

from visavis.ease import ramp
from visavis.types_portrait import HAND_BONE, UPPER_BONE, ArmRig

FOLDS = (
    # metres below the elbow, over metres, metres from fold to fold, turns around the arm, phase, slope at rest, slope in a bent elbow,
    # how far it lies in the crook of the elbow alone
    (-0.100, 0.050, 0.058, 1, 5.0, 0.30, 0.24, 0.2),
    (-0.045, 0.040, 0.036, -1, 0.3, 0.26, 0.50, 0.5),
    (-0.005, 0.030, 0.025, 0, 1.2, 0.08, 0.90, 0.9),
    (0.040, 0.040, 0.034, 1, 2.1, 0.26, 0.56, 0.6),
    (0.105, 0.050, 0.062, -2, 4.0, 0.26, 0.30, 0.0),
    (0.150, 0.040, 0.047, 1, 2.6, 0.24, 0.20, 0.2),
    (0.205, 0.035, 0.036, -1, 0.9, 0.40, 0.10, 0.0),
)
"""What cloth does on an arm: it is pressed together in the crook of the elbow, runs aslant around it above and below, and lies in rolls
before the cuff."""

VALLEY = 0.8
"""How much of the light a valley of slope 1 loses."""

BENT = 0.8, 1.9
"""Radians between upper arm and forearm, as rings of points around the joints tell them, from which on folds of a bent elbow show, and at
which all of them are there; 0.9 is that of an arm at rest."""

RING = 24
"""So many points around a joint tell where it is."""


class SleeveFolds:
    """The folds of one side's sleeve; knows nothing of frames before."""

    def __init__(self, arms: ArmRig, side: int) -> None:
        self.covered = np.flatnonzero(arms.folds[side] > 0).astype(np.int32)
        chosen, elbow, wrist = self.covered, arms.heads[1], arms.heads[HAND_BONE]
        below = (arms.points[side] - elbow)[chosen, 1]
        around = 2 * np.pi * arms.grain_at[:, 0] / arms.around
        tip = np.angle((arms.elbow * np.exp(1j * around)).sum())
        crook = 0.5 - 0.5 * np.cos(around[chosen] - tip)
        strength = arms.folds[side, chosen]
        self._still, self._bent = (np.zeros((2, len(chosen)), np.float32) for _ in range(2))
        for place, over, apart, turns, phase, still, bent, inner in FOLDS:
            angle = 2 * np.pi * below / apart + turns * around[chosen] + phase
            share = strength * np.exp(-(((below - place) / over) ** 2)) * (1 - inner + inner * crook)
            wave = share * np.stack([np.cos(angle), np.maximum(-np.sin(angle), 0)])
            self._still += (still * wave).astype(np.float32)
            self._bent += (bent * wave).astype(np.float32)
        rest = arms.points[side]
        self._rings = np.stack([np.argsort(np.linalg.norm(rest - at, axis=1))[:RING] for at in (0.5 * elbow, elbow, wrist)])
        self._upper = (arms.weights * (arms.bones == UPPER_BONE)).sum(1)[chosen, None].astype(np.float32)

    def lay(self, points: NDArray[np.float32], normals: NDArray[np.float32], free: NDArray[np.float32]) -> None:
        """Change ``normals`` (N, 3), of length 1, and ``free`` (N,), how much light reaches them, at points (N, 3), all in camera space."""
        shoulder, elbow, wrist = points[self._rings].mean(1)
        upper, fore = ((way / max(float(np.linalg.norm(way)), 1e-6)).astype(np.float32) for way in (elbow - shoulder, wrist - elbow))
        bend = np.float32(ramp(float(np.arccos(np.clip(upper @ fore, -1, 1))), *BENT))
        slope, valley = self._still + bend * self._bent
        along = fore + self._upper * (upper - fore)
        leaning = normals[self.covered] - slope[:, None] * along
        normals[self.covered] = leaning / np.maximum(np.linalg.norm(leaning, axis=1, keepdims=True), 1e-6)
        free[self.covered] *= 1 - np.minimum(np.float32(VALLEY) * valley, np.float32(0.6))
