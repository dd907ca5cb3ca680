"""Finds the face of a portrait: 478 landmarks in pixels; follows face and hands of a film. The only file that knows MediaPipe.

MediaPipe's face detector looks at a 128x128 miniature, so a face that is less than about an eighth of the picture is missed: the
picture is searched in overlapping squares of falling size, then the face found is looked at again alone and enlarged.
"""

from __future__ import annotations

import contextlib
import os
import sys
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.motion.layout import ARKIT_INDEX, ARKIT_NAMES
from visavis.types_portrait import LANDMARKS, PortraitError

MIN_FACE = 100
"""Pixels, height of the face mesh (forehead to chin) in the photo as given."""
RIVAL = 0.6
"""A second face of at least this share of the first one's height makes it unclear who shall speak; smaller ones are bystanders."""
MAX_YAW = 35.0
MAX_PITCH = 30.0
MAX_ROLL = 35.0
SEARCH_SIDE = 1600
"""The picture is searched at this size; a face large enough to use is never lost by it in photos up to 20 megapixels."""
CROP_SIDE = 640
CROP_MARGIN = 1.0
"""Space around the face in its crop, as a share of the face."""

DETECTION_CONFIDENCE, PRESENCE_CONFIDENCE = 0.5, 0.7

FACE_OVAL: tuple[int, ...] = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93,
    234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
INNER_LIPS: tuple[int, ...] = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
OUTER_LIPS: tuple[int, ...] = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
LEFT_LID: tuple[int, ...] = (362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398)
RIGHT_LID: tuple[int, ...] = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
RIGHT_IRIS: tuple[int, ...] = (468, 469, 470, 471, 472)
LEFT_IRIS: tuple[int, ...] = (473, 474, 475, 476, 477)


@dataclass(frozen=True)
class Face:
    """One face: landmarks float64 (478, 2) in pixels; rotation float64 (3, 3), from a face that looks at the camera to this one (x right,
    y down, z away). scores: MediaPipe's name of each ARKit shape -> 0..1, None where they were not asked for."""

    landmarks: NDArray[np.float64]
    rotation: NDArray[np.float64]
    scores: dict[str, float] | None = None

    @property
    def height(self) -> float:
        return float(np.ptp(self.landmarks[:, 1]))

    @property
    def centre(self) -> NDArray[np.float64]:
        middle: NDArray[np.float64] = (self.landmarks.max(0) + self.landmarks.min(0)) / 2
        return middle

    @property
    def yaw(self) -> float:
        """Degrees, positive where the nose points to the viewer's left."""
        return float(np.degrees(np.arctan2(self.rotation[0, 2], self.rotation[2, 2])))

    @property
    def pitch(self) -> float:
        """Degrees, positive where the nose points down."""
        return float(np.degrees(np.arcsin(np.clip(-self.rotation[1, 2], -1, 1))))

    @property
    def roll(self) -> float:
        """Degrees by which the line of the eyes leans, positive clockwise as seen; 180 upside down."""
        eyes = self.landmarks[list(LEFT_LID)].mean(0) - self.landmarks[list(RIGHT_LID)].mean(0)
        return float(np.degrees(np.arctan2(eyes[1], eyes[0])))


class FaceFinder:
    """MediaPipe's FaceLandmarker behind three methods. ``scores``: faces have them. Use as a context manager: it holds threads."""

    def __init__(self, model: Path, max_faces: int = 4, scores: bool = False) -> None:
        with _quiet_stderr():
            self._mediapipe = mediapipe = _import_mediapipe()
            vision = mediapipe.tasks.vision
            options = vision.FaceLandmarkerOptions(
                base_options=mediapipe.tasks.BaseOptions(model_asset_path=str(model)),
                num_faces=max_faces,
                min_face_detection_confidence=DETECTION_CONFIDENCE,
                min_face_presence_confidence=PRESENCE_CONFIDENCE,
                output_facial_transformation_matrixes=True,
                output_face_blendshapes=scores,
            )
            self._landmarker: Any = vision.FaceLandmarker.create_from_options(options)

    def __enter__(self) -> FaceFinder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._landmarker.close()

    def look(self, image: NDArray[np.uint8]) -> list[Face]:
        """Faces seen in one look at ``image``, uint8 (height, width, 3) RGB."""
        height, width = image.shape[:2]
        picture = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        with _quiet_stderr():
            result = self._landmarker.detect(picture)
        faces = []
        shapes = result.face_blendshapes or [None] * len(result.face_landmarks)
        for points, matrix, shown in zip(result.face_landmarks, result.facial_transformation_matrixes, shapes, strict=True):
            # MediaPipe puts pixel edges, not centres, on whole coordinates; its camera looks along -z with y up.
            landmarks = np.array([[point.x * width - 0.5, point.y * height - 0.5] for point in points], np.float64)
            flip = np.diag([1.0, -1.0, -1.0])
            rotation = flip @ np.asarray(matrix, np.float64)[:3, :3] @ flip
            if landmarks.shape == (LANDMARKS, 2):
                scores = None if shown is None else {shape.category_name: float(shape.score) for shape in shown}
                faces.append(Face(landmarks, rotation, scores))
        return faces

    def search(self, image: NDArray[np.uint8]) -> list[Face]:
        """Every different face in ``image``, largest first; landmarks in pixels of ``image``. Coarse, and not all of them need be faces:
        see ``confirm``."""
        height, width = image.shape[:2]
        found: list[Face] = []
        for level, fraction in enumerate((1.0, 0.6, 0.35, 0.2)):
            if level == 0:
                boxes = [(0, 0, width, height)]
            else:
                side = round(fraction * min(width, height))
                if side < MIN_FACE or any(face.height > side * 0.45 for face in found):
                    break
                boxes = [(x, y, side, side) for y in _starts(height, side) for x in _starts(width, side)]
            for x, y, box_width, box_height in boxes:
                scale = min(1.0, CROP_SIDE / max(box_width, box_height)) if level else min(1.0, SEARCH_SIDE / max(width, height))
                piece = image[y : y + box_height, x : x + box_width]
                if scale < 1:
                    piece = cv2.resize(piece, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
                for face in self.look(piece):
                    moved = Face((face.landmarks + 0.5) / scale - 0.5 + (x, y), face.rotation)
                    inside = 0 <= moved.centre[0] < width and 0 <= moved.centre[1] < height
                    if inside and not any(_same_face(moved, other) for other in found):
                        found.append(moved)
        return sorted(found, key=lambda face: -face.height)

    def confirm(self, image: NDArray[np.uint8], face: Face) -> Face | None:
        """``face`` looked at again, alone, upright and enlarged: landmarks in pixels of ``image``. None where it is no face after all."""
        angle = np.radians(face.roll)
        side = (1 + CROP_MARGIN) * max(np.ptp(face.landmarks[:, 0]), np.ptp(face.landmarks[:, 1]))
        scale = CROP_SIDE / side
        cosine, sine = np.cos(angle) * scale, np.sin(angle) * scale
        turn = np.array([[cosine, sine], [-sine, cosine]])
        shift = (CROP_SIDE - 1) / 2 - turn @ face.centre
        source = image
        if scale < 0.5:
            source = cv2.GaussianBlur(image, (0, 0), 0.35 / scale)
        crop = cv2.warpAffine(source, np.c_[turn, shift], (CROP_SIDE, CROP_SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        again = self.look(np.asarray(crop, np.uint8))
        nearest = min(again, key=lambda seen: float(np.linalg.norm(seen.centre - (CROP_SIDE - 1) / 2)), default=None)
        if nearest is None or np.linalg.norm(nearest.centre - (CROP_SIDE - 1) / 2) > 0.25 * CROP_SIDE or nearest.height < 0.3 * CROP_SIDE:
            return None
        landmarks = (nearest.landmarks - shift) @ np.linalg.inv(turn).T
        upright = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        return Face(landmarks, upright @ nearest.rotation, nearest.scores)


class FaceTracker:
    """Follows one face through the pictures of a film (MediaPipe's video mode). Use as a context manager: it holds threads."""

    def __init__(self, model: Path) -> None:
        with _quiet_stderr():
            self._mediapipe = mediapipe = _import_mediapipe()
            vision = mediapipe.tasks.vision
            options = vision.FaceLandmarkerOptions(
                base_options=mediapipe.tasks.BaseOptions(model_asset_path=str(model)), running_mode=vision.RunningMode.VIDEO, num_faces=1
            )
            self._landmarker: Any = vision.FaceLandmarker.create_from_options(options)

    def __enter__(self) -> FaceTracker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._landmarker.close()

    def follow(self, image: NDArray[np.uint8], milliseconds: int) -> NDArray[np.float64] | None:
        """Landmarks (478, 2) in pixels of the next picture, uint8 (height, width, 3) RGB, at an increasing time.

        None where no face is seen.
        """
        picture = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        result = self._landmarker.detect_for_video(picture, milliseconds)
        if not result.face_landmarks:
            return None
        height, width = image.shape[:2]
        return np.array([[point.x * width - 0.5, point.y * height - 0.5] for point in result.face_landmarks[0]], np.float64)


class HandFinder:
    """How sure MediaPipe's hand detector is of the hands in single pictures. Use as a context manager: it holds threads."""

    def __init__(self, model: Path) -> None:
        # MediaPipe does not tell its detector's score: it is the highest of these limits at which the hand is still found.
        self._limits = np.arange(0.05, 1.0, 0.05)
        with _quiet_stderr():
            self._mediapipe = mediapipe = _import_mediapipe()
            vision = mediapipe.tasks.vision
            self._finders: list[Any] = [
                vision.HandLandmarker.create_from_options(
                    vision.HandLandmarkerOptions(
                        base_options=mediapipe.tasks.BaseOptions(model_asset_path=str(model)),
                        num_hands=2,
                        min_hand_detection_confidence=float(limit),
                        min_hand_presence_confidence=0.05,
                    )
                )
                for limit in self._limits
            ]

    def __enter__(self) -> HandFinder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for finder in self._finders:
            finder.close()

    def confidences(self, image: NDArray[np.uint8]) -> list[float]:
        """Of up to two hands in ``image``, uint8 (height, width, 3) RGB, the surest first; 0 to 0.95 in steps of 0.05. A hand below 0.05
        is not in the list."""
        picture = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        counts: dict[int, int] = {}

        def seen(number: int) -> int:
            if number not in counts:
                counts[number] = len(self._finders[number].detect(picture).hand_landmarks)
            return counts[number]

        with _quiet_stderr():
            # How many of the limits each hand passes: the higher the limit, the fewer hands.
            passed = [bisect_left(range(len(self._limits)), True, key=lambda number: seen(number) < hands) for hands in (1, 2)]
        return [float(self._limits[count - 1]) for count in passed if count]


@dataclass(frozen=True)
class SeenFace:
    """A face in a picture of a film. height: of the face mesh, pixels. landmarks: float64 (478, 2), pixels. weights: float64 (52,), ARKit
    shapes 0..1 as the tracker scores them (it knows no tongueOut). rotation: float64 (3, 3), from a face that looks at the camera;
    position: float64 (3,) metres from the camera (x right, y down, z away), of MediaPipe's canonical face, which is seen by a camera of
    ``FIELD_OF_VIEW``."""

    height: float
    landmarks: NDArray[np.float64]
    weights: NDArray[np.float64]
    rotation: NDArray[np.float64]
    position: NDArray[np.float64]

    @property
    def centre(self) -> NDArray[np.float64]:
        """The middle (2,) of the box around the face."""
        return np.asarray((self.landmarks.max(0) + self.landmarks.min(0)) / 2)


@dataclass(frozen=True)
class SeenHand:
    """A hand. side: the person's "left" or "right". pixels: float64 (21, 2). places: float64 (21, 3), metres from the hand's own middle, in
    the axes of the camera. Both in MediaPipe's order: wrist, then thumb, index, middle, ring and little finger, four each."""

    side: str
    score: float
    pixels: NDArray[np.float64]
    places: NDArray[np.float64]


FIELD_OF_VIEW = 63.0
"""Degrees, vertical: of the camera that MediaPipe assumes when it says how far away a face is."""

_FLIP = np.diag([1.0, -1.0, -1.0])
"""MediaPipe's camera looks along -z with y up."""


class PersonTracker:
    """Follows up to two faces and the hands through the pictures of a film. Use as a context manager: it holds threads.

    Two faces are asked for so that a second person is noticed; it also keeps MediaPipe from smoothing, which would come late.
    hand_model: None leaves hands alone.
    """

    def __init__(self, face_model: Path, hand_model: Path | None = None) -> None:
        with _quiet_stderr():
            self._mediapipe = mediapipe = _import_mediapipe()
            vision, base = mediapipe.tasks.vision, mediapipe.tasks.BaseOptions
            self._faces: Any = vision.FaceLandmarker.create_from_options(
                vision.FaceLandmarkerOptions(
                    base_options=base(model_asset_path=str(face_model)),
                    running_mode=vision.RunningMode.VIDEO,
                    num_faces=2,
                    output_face_blendshapes=True,
                    output_facial_transformation_matrixes=True,
                )
            )
            self._hands: Any = None
            self._begun = False
            if hand_model is not None:
                self._hands = vision.HandLandmarker.create_from_options(
                    vision.HandLandmarkerOptions(
                        base_options=base(model_asset_path=str(hand_model)), running_mode=vision.RunningMode.VIDEO, num_hands=2
                    )
                )

    def __enter__(self) -> PersonTracker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._faces.close()
        if self._hands is not None:
            self._hands.close()

    def follow(self, image: NDArray[np.uint8], milliseconds: int) -> tuple[list[SeenFace], list[SeenHand]]:
        """Faces, the largest first, and hands of the next picture, uint8 (height, width, 3) RGB, at an increasing time."""
        height, width = image.shape[:2]
        picture = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        # MediaPipe chatters over its first picture; later, a progress bar needs the terminal
        with contextlib.nullcontext() if self._begun else _quiet_stderr():
            self._begun = True
            seen = self._faces.detect_for_video(picture, milliseconds)
            held = self._hands.detect_for_video(picture, milliseconds) if self._hands is not None else None
        faces = []
        for points, scores, matrix in zip(seen.face_landmarks, seen.face_blendshapes, seen.facial_transformation_matrixes, strict=True):
            landmarks = _pixels(points, width, height)
            weights = np.zeros(len(ARKIT_NAMES))
            for score in scores:
                if score.category_name in ARKIT_INDEX:
                    weights[ARKIT_INDEX[score.category_name]] = score.score
            pose = np.asarray(matrix, np.float64)
            rotation = _FLIP @ pose[:3, :3] @ _FLIP
            faces.append(SeenFace(float(np.ptp(landmarks[:, 1])), landmarks, weights, rotation, _FLIP @ pose[:3, 3] / 100))
        hands = []
        if held is not None:
            for points, places, sides in zip(held.hand_landmarks, held.hand_world_landmarks, held.handedness, strict=True):
                metres = np.array([[point.x, point.y, point.z] for point in places], np.float64)
                hands.append(SeenHand(sides[0].category_name.lower(), float(sides[0].score), _pixels(points, width, height), metres))
        return sorted(faces, key=lambda face: -face.height), hands


def _pixels(points: Any, width: int, height: int) -> NDArray[np.float64]:
    """Landmarks (n, 2) in pixels: MediaPipe puts pixel edges, not centres, on whole coordinates."""
    return np.array([[point.x * width - 0.5, point.y * height - 0.5] for point in points], np.float64)


def find_face(finder: FaceFinder, image: NDArray[np.uint8], name: str = "the photo") -> Face:
    """The one face of a portrait, checked to be usable. Raises PortraitError that says what to do."""
    faces = finder.search(image)
    if not faces:
        raise PortraitError(
            f"no face found in {name}: use a frontal photo of one person in which the face is at least {MIN_FACE} px high and not covered"
        )
    # A knee or a shirt fold can pass for a face once, but not again when it is looked at alone.
    faces = [again for again in (finder.confirm(image, face) for face in faces[:6]) if again is not None]
    if not faces:
        raise PortraitError(f"no clear face found in {name}: use a sharp frontal photo of one person whose face is not covered")
    rivals = [face for face in faces if face.height >= RIVAL * faces[0].height]
    if len(rivals) > 1:
        places = ", ".join(f"{face.height:.0f} px high at x={face.centre[0]:.0f} y={face.centre[1]:.0f}" for face in rivals)
        raise PortraitError(f"{len(rivals)} faces of similar size in {name} ({places}): crop the photo to the person that shall speak")
    face = faces[0]
    if face.height < MIN_FACE:
        raise PortraitError(
            f"the face in {name} is too small ({face.height:.0f} px high, at least {MIN_FACE} are needed): "
            "use the photo in its full size or one taken closer"
        )
    if abs(face.roll) > MAX_ROLL:
        raise PortraitError(
            f"the face in {name} leans by {abs(face.roll):.0f} degrees (at most {MAX_ROLL:.0f} work): turn the photo so that it is upright"
        )
    if abs(face.yaw) > MAX_YAW:
        side = "left" if face.yaw > 0 else "right"
        raise PortraitError(
            f"the face in {name} is turned {abs(face.yaw):.0f} degrees to the {side} of the picture (at most {MAX_YAW:.0f} work): "
            "use a photo that looks at the camera"
        )
    if abs(face.pitch) > MAX_PITCH:
        way = "down" if face.pitch > 0 else "up"
        raise PortraitError(
            f"the face in {name} looks {abs(face.pitch):.0f} degrees {way} (at most {MAX_PITCH:.0f} work): "
            "use a photo that looks at the camera"
        )
    return face


def _same_face(one: Face, other: Face) -> bool:
    return bool(np.linalg.norm(one.centre - other.centre) < 0.5 * max(one.height, other.height))


def _starts(length: int, side: int) -> list[int]:
    """Where squares of ``side`` begin so that they cover ``length`` with at least half overlap."""
    if length <= side:
        return [0]
    count = int(np.ceil((length - side) / (side / 2))) + 1
    return [round(start) for start in np.linspace(0, length - side, count)]


def _import_mediapipe() -> Any:
    """MediaPipe without matplotlib, which it imports only to draw and which takes three of its four seconds of start-up."""
    drawing = [name for name in ("matplotlib", "matplotlib.pyplot") if name not in sys.modules]
    sys.modules.update({name: ModuleType(name) for name in drawing})
    try:
        import mediapipe
    finally:
        for name in drawing:
            del sys.modules[name]
    return mediapipe


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Keeps MediaPipe's native start-up chatter off the terminal. Python errors are raised, not printed, so none is lost."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
