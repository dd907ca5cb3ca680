"""An independent look at a film: MediaPipe's face tracker on every picture, which knows nothing of how the picture was made."""

from dataclasses import dataclass
from pathlib import Path

import mediapipe
import numpy as np
from numpy.typing import NDArray

from visavis.film.reader import read_pictures
from visavis.store import asset_path

UPPER_LIP, LOWER_LIP = 13, 14
RIGHT_EYE, LEFT_EYE = 33, 263


@dataclass(frozen=True)
class Tracked:
    """faces: int (n,), found in each picture. opening: float (n,), gap of the lips in distances between the outer corners of the eyes."""

    faces: NDArray[np.int64]
    opening: NDArray[np.float64]


def track(film: Path) -> Tracked:
    """Every picture of the film, looked at by itself, upper half only: there a face is large enough to be found."""
    vision = mediapipe.tasks.vision
    options = vision.FaceLandmarkerOptions(
        base_options=mediapipe.tasks.BaseOptions(model_asset_path=str(asset_path("face_landmarker.task"))),
        running_mode=vision.RunningMode.VIDEO,
        num_faces=3,
    )
    faces, openings = [], []
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        for index, (_, image) in enumerate(read_pictures(film)):
            top = np.ascontiguousarray(image[: image.shape[1]])
            result = landmarker.detect_for_video(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=top), index * 1000 // 30)
            faces.append(len(result.face_landmarks))
            if not result.face_landmarks:
                openings.append(np.nan)
                continue
            points = np.array([[point.x, point.y] for point in result.face_landmarks[0]])
            openings.append(np.linalg.norm(points[UPPER_LIP] - points[LOWER_LIP]) / np.linalg.norm(points[RIGHT_EYE] - points[LEFT_EYE]))
    return Tracked(np.array(faces), np.array(openings))
