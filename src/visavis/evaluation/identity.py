"""Who is seen in a picture, as a network for face recognition sees it."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.evaluation.face_api import DESCRIPTION, FACE_SIDE, describe_face, read_weights

CHIP_LANDMARKS = (263, 362, 33, 133, 2)
"""Outer and inner corner of the left and of the right eye, and where the nose meets the lip."""
CHIP_PLACES = (
    (0.8595674595992, 0.2134981538014),
    (0.6460604764104, 0.2289674387677),
    (0.1205750620789, 0.2137274526848),
    (0.3340850613712, 0.2290642403242),
    (0.4901123135679, 0.6277975316475),
)
"""Where dlib puts them in the square that its network was trained on, before a margin of a quarter is added on each side."""
CHIP_MARGIN = 0.25


def cut_face(picture: NDArray[np.uint8], landmarks: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The face with ``landmarks`` (478, 2), upright in a square, uint8 (150, 150, 3)."""
    places = (np.array(CHIP_PLACES) + CHIP_MARGIN) / (1 + 2 * CHIP_MARGIN) * FACE_SIDE
    seen = landmarks[list(CHIP_LANDMARKS)]
    # The similarity (x, y) -> (a x - b y + u, b x + a y + v) that fits best
    rows = np.concatenate([np.c_[seen, np.ones(5), np.zeros(5)], np.c_[seen[:, 1], -seen[:, 0], np.zeros(5), np.ones(5)]])
    a, minus_b, u, v = np.linalg.lstsq(rows, np.concatenate([places[:, 0], places[:, 1]]), rcond=None)[0]
    scale = float(np.hypot(a, minus_b))
    if scale < 0.5:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.35 / scale), np.uint8)
    matrix = np.array([[a, minus_b, u], [-minus_b, a, v]])
    cut = cv2.warpAffine(picture, matrix, (FACE_SIDE, FACE_SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)


class FaceEmbedder:
    """Descriptions of faces, and how alike two of them are."""

    def __init__(self, networks: Path) -> None:
        """networks: the folder of the asset ``face_api``."""
        self._weights = read_weights(networks, "face_recognition_model")

    def describe(self, picture: NDArray[np.uint8], landmarks: NDArray[np.float64]) -> NDArray[np.float32]:
        """(128,). picture: uint8 (height, width, 3) RGB. Mean of the face and of its mirror image, which dlib recommends."""
        face = cut_face(picture, landmarks)
        return np.asarray((describe_face(self._weights, face) + describe_face(self._weights, np.ascontiguousarray(face[:, ::-1]))) / 2)


def middle_of(faces: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The mean description of several people: what all faces have in common, which says nothing about anybody. Zero of nobody."""
    return np.asarray(np.mean([*faces] or [np.zeros(DESCRIPTION, np.float32)], axis=0), np.float32)


def similarity(one: NDArray[np.float32], other: NDArray[np.float32], middle: NDArray[np.float32]) -> float:
    """Cosine, -1..1, of how two descriptions differ from ``middle``. Without it all faces would be alike: dlib's network puts everybody
    into one corner of its space (the cosine of two strangers is about .8)."""
    a, b = one - middle, other - middle
    return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-9))
