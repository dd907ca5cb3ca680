"""Reenactment: one photo of a person is moved as a tracker sees the same person (or another one) move in further pictures.

Cells of the openpeople emotion sheets of P009 and P010, on whom nothing was trained: the neutral one is the source, the others are the
targets. And a real clip: a calm frame is the source; targets are those after it in which the head is about where the rig can move it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.control.pose import ControlConfig, ControlStage
from visavis.data.offset_meter import POSE_LANDMARKS, OffsetMeter
from visavis.evaluation.face_api import Features
from visavis.evaluation.identity import FaceEmbedder, middle_of, similarity
from visavis.evaluation.perceptual import PictureNetwork, perceptual_distance
from visavis.evaluation.picture_score import RIGID, gradient_similarity, landmark_distance, psnr, shape_distance, ssim
from visavis.motion.layout import ARKIT_INDEX, FACE, FACE_OFFSET, HEAD_POSITION, HEAD_ROTATION, neutral_motion, rotation_to_6d
from visavis.portrait.fit import fit_face, fit_portrait
from visavis.portrait.landmarks import Face, FaceFinder, find_face
from visavis.portrait.layers import build_portrait_rig
from visavis.portrait.photo import Frame, Photo, choose_frame, cut_frame
from visavis.portrait.rig_asset import RigAsset, load_rig_asset
from visavis.types import MotionChunk, check_image
from visavis.types_portrait import Camera, PortraitRig
from visavis.video.refine import RefineEngines
from visavis.video.renderer import VideoStage

HELD_OUT = ("P009", "P010")
SHEET_CELLS = 16
CELL_INSET = 8
"""Pixels inside the white frame of a cell."""

CLIP_TURN, CLIP_SHIFT = 15.0, 0.35
"""Frames of the clip are targets where the head is turned by at most so many degrees against the source, and its middle has moved by at
most this share of the height of the face."""
CLIP_SOURCE, CLIP_EVERY = 235, 5
"""The frame of the clip that is its source, the calmest after the hand has left the face; how far the targets after it are apart."""
FACE_MARGIN = 0.25
"""The face region reaches this share of the face beyond the target's landmarks."""

CONFIG = ControlConfig(head_limit=28.0, shift_limit=0.06, breath=0.0, sway=0.0, crossfade=0, limb_crossfade=0)


@dataclass(frozen=True)
class Source:
    """A photo as a rig, and how its picture was seen. picture: uint8 (768, 512, 3); rig: made of it; frame: which part of the photo it
    is; points: (478, 3), where its landmarks are in head space; meter: of the rig."""

    name: str
    picture: NDArray[np.uint8]
    rig: PortraitRig
    frame: Frame
    landmarks: NDArray[np.float64]
    camera: Camera
    scores: dict[str, float]
    points: NDArray[np.float64]
    meter: OffsetMeter


@dataclass(frozen=True)
class Target:
    """A picture that is to be met, framed as its source, and what a tracker reads from it."""

    name: str
    picture: NDArray[np.uint8]
    landmarks: NDArray[np.float64]
    camera: Camera
    scores: dict[str, float]


@dataclass(frozen=True)
class Score:
    """psnr (dB), ssim: whole picture; face_psnr, face_ssim, face_edges (``gradient_similarity``): around the target's face.
    perceptual, face_perceptual: ``perceptual_distance`` of the whole picture and around the target's face.
    landmarks, shape: see ``picture_score``; identity: ``identity.similarity`` to the source's photo; NaN where no face was found in the
    picture."""

    psnr: float
    ssim: float
    face_psnr: float
    face_ssim: float
    face_edges: float
    perceptual: float
    face_perceptual: float
    landmarks: float
    shape: float
    identity: float


Who = NDArray[np.float32] | None
"""Description of a face (128,); None where none was found."""

FEATURES_KEPT = 4
"""Pictures whose features are kept, some 30 MB each: a target, the still photo, and two that are compared with it."""


class Reenactor:
    """Tracks, fits and compares. Use as a context manager: it holds the tracker."""

    def __init__(self, landmark_model: Path, networks: Path | None = None, people: Sequence[NDArray[np.uint8]] = ()) -> None:
        """networks: the folder of the asset ``face_api``, which ``score`` needs. people: photos of different people, uint8 (h, w, 3),
        whose mean is the middle against which likeness is measured (``identity.similarity``)."""
        self._model = landmark_model
        self._finder = FaceFinder(landmark_model, max_faces=1, scores=True)
        self._asset: RigAsset = load_rig_asset()
        self._network = PictureNetwork(networks) if networks else None
        self._embedder = FaceEmbedder(networks) if networks else None
        self._features: dict[int, tuple[NDArray[np.uint8], dict[int, Features]]] = {}
        self.people = [self.who(image) for image in people]
        self._middle = middle_of(who for who in self.people if who is not None)

    def __enter__(self) -> "Reenactor":
        return self

    def __exit__(self, *_: object) -> None:
        self._finder.__exit__(None, None, None)

    def source(self, image: NDArray[np.uint8], name: str) -> Source:
        """Fit ``image`` uint8 (h, w, 3) RGB. PortraitError where it cannot be used."""
        photo = Photo(image, None, name, name)
        face = find_face(self._finder, image, name)
        frame = choose_frame(image.shape[1], image.shape[0], face.landmarks)
        rig = build_portrait_rig(fit_portrait(photo, self._asset, self._model, close=True), self._asset.mesh)
        picture, _ = cut_frame(photo, frame)
        landmarks = frame.to_picture(face.landmarks)
        fitted = fit_face(landmarks, self._asset)
        mesh = self._asset.mesh
        points = mesh.at_landmarks(fitted.vertices + np.tensordot(fitted.expression, mesh.expressions, 1)).astype(np.float64)
        meter = OffsetMeter(ControlStage(rig, CONFIG), rig, landmarks)
        return Source(name, picture, rig, frame, landmarks, fitted.camera, face.scores or {}, points, meter)

    def target(self, image: NDArray[np.uint8], source: Source, name: str, still_camera: bool = False) -> Target | None:
        """``image``, cut as its source was; None where no face is found. Unless a ``still_camera`` took both, the cut is moved so that the
        middle of the face is where it is in the source: nobody can tell then whether the person or the camera moved."""
        face = self.look(image)
        if face is None:
            return None
        frame = source.frame
        if not still_camera:
            rigid = list(RIGID)
            away = (frame.to_picture(face.landmarks)[rigid] - source.landmarks[rigid]).mean(0) / frame.scale
            frame = replace(frame, left=frame.left + round(away[0]), top=frame.top + round(away[1]))
        picture, _ = cut_frame(Photo(image, None, name, name), frame)
        landmarks = frame.to_picture(face.landmarks)
        return Target(name, picture, landmarks, pose_of(landmarks, source), face.scores or {})

    def look(self, image: NDArray[np.uint8]) -> Face | None:
        """The face in a picture, None without one."""
        faces = [again for again in (self._finder.confirm(image, face) for face in self._finder.search(image)[:1]) if again is not None]
        return faces[0] if faces else None

    def who(self, image: NDArray[np.uint8], landmarks: NDArray[np.float64] | None = None) -> Who:
        """Who is in a picture. landmarks: (478, 2) of the face, where they are known already."""
        if self._embedder is None:
            raise ValueError("likeness needs the folder of the asset face_api")
        if landmarks is None:
            face = self.look(image)
            if face is None:
                return None
            landmarks = face.landmarks
        return self._embedder.describe(image, landmarks)

    def likeness(self, one: Who, other: Who) -> float:
        """How alike two people are, -1..1; NaN where one of them is nobody."""
        return float("nan") if one is None or other is None else similarity(one, other, self._middle)

    def features(self, picture: NDArray[np.uint8]) -> dict[int, Features]:
        """What the network sees in a picture."""
        if self._network is None:
            raise ValueError("perceptual distance needs the folder of the asset face_api")
        # The picture is kept with its features, so that no other one can have its id.
        known = self._features.pop(id(picture), None) or (picture, self._network.look(picture))
        self._features[id(picture)] = known
        if len(self._features) > FEATURES_KEPT:
            del self._features[next(iter(self._features))]
        return known[1]

    def score(self, picture: NDArray[np.uint8], target: Target, source: Source) -> Score:
        """``picture`` against ``target``; shape and identity of the face against the source's."""
        low, high = target.landmarks.min(0), target.landmarks.max(0)
        margin = FACE_MARGIN * (high - low)
        left, top = np.maximum(low - margin, 0).astype(int)
        right, bottom = np.minimum(high + margin, picture.shape[1::-1]).astype(int)
        area = np.s_[top:bottom, left:right]
        face = self.look(picture)
        seen, wanted = self.features(picture), self.features(target.picture)
        return Score(
            psnr(picture, target.picture),
            ssim(picture, target.picture),
            psnr(picture[area], target.picture[area]),
            ssim(picture[area], target.picture[area]),
            gradient_similarity(picture[area], target.picture[area]),
            perceptual_distance(seen, wanted),
            perceptual_distance(seen, wanted, (int(left), int(top), int(right), int(bottom))),
            float("nan") if face is None else landmark_distance(face.landmarks, target.landmarks),
            float("nan") if face is None else shape_distance(face.landmarks, source.landmarks),
            float("nan") if face is None else self.likeness(self.who(picture, face.landmarks), self.who(source.picture, source.landmarks)),
        )


def pose_of(landmarks: NDArray[np.float64], source: Source) -> Camera:
    """Where the head of ``source`` is in a picture in which its ``landmarks`` (478, 2) were seen. A fit of pose and expression together
    would take for a turn of the head what the rig's shapes cannot show."""
    camera, chosen = source.camera, list(POSE_LANDMARKS)
    focal, (x, y) = camera.focal, camera.principal
    matrix = np.array([[focal, 0, x], [0, focal, y], [0, 0, 1]])
    start = cv2.Rodrigues(camera.rotation)[0], camera.translation.reshape(3, 1).copy()
    _, turn, place = cv2.solvePnP(source.points[chosen], landmarks[chosen], matrix, np.zeros(0), *start, True, cv2.SOLVEPNP_ITERATIVE)
    return replace(camera, rotation=cv2.Rodrigues(turn)[0], translation=place[:, 0])


def motion_of(target: Target, tracked_source: Source, rig: PortraitRig) -> NDArray[np.float32]:
    """What moves ``rig`` as the person of ``tracked_source`` moved from there to ``target``: (MOTION_DIM,). The person's own rig is brought
    to where the head was seen."""
    motion = neutral_motion(1)[0]
    for name, score in target.scores.items():
        if name in ARKIT_INDEX:
            shown = tracked_source.scores.get(name, 0.0)
            motion[FACE][ARKIT_INDEX[name]] = np.clip((score - shown) / max(1.0 - shown, 0.2), 0, 1)
    # Where in space the rig's pivot goes with the head: p -> turn (p - from) + to.
    turn = target.camera.rotation @ tracked_source.camera.rotation.T
    pivot = rig.head_pivot.astype(np.float64)
    moved = turn @ (pivot - tracked_source.camera.translation) + target.camera.translation
    motion[HEAD_ROTATION] = rotation_to_6d(turn.astype(np.float32))
    motion[HEAD_POSITION] = (moved - pivot).astype(np.float32)
    return tracked_source.meter.aligned(motion, target.landmarks) if rig is tracked_source.rig else motion


def refined_motion_of(target: Target, tracked_source: Source, rig: PortraitRig) -> NDArray[np.float32]:
    """The same with the implicit refinement of the face that is measured there (``motion.layout.FACE_OFFSET``)."""
    motion = motion_of(target, tracked_source, rig)
    own = motion if rig is tracked_source.rig else motion_of(target, tracked_source, tracked_source.rig)
    motion[FACE_OFFSET] = tracked_source.meter.measure(own, target.landmarks)
    return motion


def draw(rig: PortraitRig, motions: NDArray[np.float32], refine: RefineEngines | None = None) -> Iterator[NDArray[np.uint8]]:
    """Pictures of (frames, MOTION_DIM) motion, each by itself. refine: as in ``VideoStage``."""
    return draw_with(VideoStage(rig, refine=refine), rig, motions)


def draw_with(video: VideoStage, rig: PortraitRig, motions: NDArray[np.float32]) -> Iterator[NDArray[np.uint8]]:
    """The same by a stage of ``rig`` that is there already."""
    control = ControlStage(rig, CONFIG)
    state = control.initial_state()
    for index, motion in enumerate(motions):
        frames, state = control.step(MotionChunk(1, index, motion[None]), state)
        yield video.draw(frames[0].vertices, frames[0].shading, frames[0].arms)


def sheet_cells(path: Path) -> list[NDArray[np.uint8]]:
    """The pictures of an emotion sheet, row by row, uint8 RGB, the neutral face first: what is inside the white frames. ValueError for a
    sheet without them."""
    sheet = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if sheet is None:
        raise ValueError(f"{path} cannot be read")
    frames = cv2.morphologyEx((sheet.min(-1) > 225).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    _, _, boxes, _ = cv2.connectedComponentsWithStats(1 - frames)  # what the frames enclose: captions touch the frames from outside
    height, width = frames.shape
    cells = [box for box in boxes[1:] if 0.18 * width < box[2] < 0.30 * width and 0.12 * height < box[3] < 0.30 * height]
    if len(cells) != SHEET_CELLS:
        raise ValueError(f"{path} shows {len(cells)} frames, not {SHEET_CELLS}: this is no emotion sheet of openpeople 0.1.2")
    # A white shirt may run into the frame below: the upper left corners are sure, and all cells have the size that most of them have.
    size = (round(float(np.median([box[i] for box in cells]))) - 2 * CELL_INSET for i in (2, 3))
    cell_width, cell_height = size
    ordered = sorted(cells, key=lambda box: (round(box[1] / (height / 4.2)), box[0]))
    pictures: list[NDArray[np.uint8]] = []
    for left, top, *_ in ordered:
        x, y = left + CELL_INSET, top + CELL_INSET
        pictures.append(np.array(sheet[y : y + cell_height, x : x + cell_width, ::-1], np.uint8, order="C"))
    return pictures


def read_clip(path: Path) -> list[NDArray[np.uint8]]:
    """Frames of the clip from ``CLIP_SOURCE`` on, every ``CLIP_EVERY``-th, uint8 (height, width, 3) RGB."""
    with av.open(str(path)) as film:
        return [
            check_image(frame.to_ndarray(format="rgb24"))
            for index, frame in enumerate(film.decode(video=0))
            if index >= CLIP_SOURCE and (index - CLIP_SOURCE) % CLIP_EVERY == 0
        ]


def within_reach(target: Target, source: Source) -> bool:
    """The rig can be moved there: little turned, little shifted against the source."""
    turn = target.camera.rotation @ source.camera.rotation.T
    angle = np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1)))
    shift = np.linalg.norm(target.landmarks.mean(0) - source.landmarks.mean(0)) / np.ptp(source.landmarks[:, 1])
    return bool(angle <= CLIP_TURN and shift <= CLIP_SHIFT)


def mean_score(scores: list[Score]) -> Score:
    """Means, leaving out what could not be measured."""
    names = Score.__dataclass_fields__
    values = {name: [getattr(score, name) for score in scores if not np.isnan(getattr(score, name))] for name in names}
    return replace(scores[0], **{name: float(np.mean(each)) if each else float("nan") for name, each in values.items()})
