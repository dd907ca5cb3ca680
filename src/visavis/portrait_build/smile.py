"""Measures what a broad smile does to a face: the neutral and the happy cell of the openpeople emotion sheets of P001 to P008 (MIT).

The people of P009 and P010 are kept for measuring and are not looked at here.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from visavis.evaluation.reenact import sheet_cells
from visavis.portrait.landmarks import FaceFinder, find_face
from visavis.portrait.smile import save_smile
from visavis.types_portrait import LANDMARKS

PEOPLE = tuple(f"P{number:03d}" for number in range(1, 9))
SHEET = "assets/emotions_sheet.jpg"
NEUTRAL, HAPPY = 0, 1
"""Numbers of the cells."""

_STILL = (33, 133, 362, 263, 168, 6, 4, 2, 98, 327)
"""Landmarks that a smile leaves in place: corners of the eyes, bridge, tip and base of the nose."""
_RIGHT_PUPIL, _LEFT_PUPIL = 468, 473
_SCORES = ("mouthSmile", "mouthUpperUp", "mouthStretch", "cheekSquint", "eyeSquint")


def build_smile(people: Path, landmark_model: Path, output: Path) -> str:
    """Writes the mean smile of ``PEOPLE`` under ``people`` (the asset `openpeople`) to ``output`` and returns a line about it."""
    moves, neutral, scores = [], [], []
    with FaceFinder(landmark_model, max_faces=1, scores=True) as finder:
        for person in PEOPLE:
            cells = sheet_cells(people / person / SHEET)
            before, after = (find_face(finder, cells[number], f"{person}, cell {number}") for number in (NEUTRAL, HAPPY))
            points = upright(before.landmarks)
            smiling = after.landmarks.astype(np.float32)
            to_neutral = cv2.estimateAffinePartial2D(smiling[list(_STILL)], points[list(_STILL)].astype(np.float32), method=cv2.LMEDS)[0]
            moves.append(smiling @ to_neutral[:, :2].T + to_neutral[:, 2] - points)
            neutral.append(points)
            told = after.scores or {}
            scores.append([np.mean([told[f"{name}{side}"] for side in ("Left", "Right")]) for name in _SCORES])
    mean = np.mean(moves, 0)
    face = np.mean(neutral, 0)
    mirrored = mirror_of(np.concatenate([face, face + mean], 1))
    even = (mean + mean[mirrored] * (-1.0, 1.0)) / 2
    save_smile(even, output)
    seen = ", ".join(f"{name} {value:.2f}" for name, value in zip(_SCORES, np.mean(scores, 0), strict=True))
    return f"{output}: {len(PEOPLE)} smiles ({seen}), spread {np.std(moves, 0).mean():.3f} distances between the eyes"


def upright(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Landmarks in distances between the pupils, from the middle between them, the line through both level."""
    right, left = landmarks[_RIGHT_PUPIL], landmarks[_LEFT_PUPIL]
    x, y = (left - right) / np.linalg.norm(left - right) ** 2
    return np.asarray((landmarks - (right + left) / 2) @ np.array([[x, -y], [y, x]]))


def mirror_of(places: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number of the landmark on the other side of the face, for each (n, 4): place in the neutral and in the smiling mean face, since shut
    lips are in one place."""
    distance = np.linalg.norm(places[:, None] * (-1.0, 1.0, -1.0, 1.0) - places[None], axis=-1)
    found = np.asarray(linear_sum_assignment(distance)[1])
    if len(places) != LANDMARKS or distance[np.arange(LANDMARKS), found].max() > 0.1:
        raise ValueError("the mean face is not even enough to find each landmark's twin")
    return found
