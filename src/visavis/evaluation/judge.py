"""A portrait judged: moved as its own person moves in other pictures, or as somebody else does, against the still photo and with and
without networks. And where in the picture the rest of the error sits.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.evaluation.perceptual import Spread, frechet_distance
from visavis.evaluation.picture_score import halo, shape_distance
from visavis.evaluation.reenact import Reenactor, Score, Source, Target, draw_with, mean_score, refined_motion_of
from visavis.evaluation.robust import flicker
from visavis.motion.layout import ARKIT_INDEX, FACE_OFFSET, neutral_motion
from visavis.portrait.landmarks import FACE_OVAL, Face
from visavis.portrait.matte import rough_matte
from visavis.video.refine import RefineEngines
from visavis.video.renderer import VideoConfig, VideoStage

Picture = NDArray[np.uint8]

WAYS = ("photo", "rig", "rig + offset", "rig + offset + network")
"""The still photo; the rig as the named weights and the head pose it, without networks; with the implicit refinement of the face; with that
and the networks."""
FLICKER_FRAMES = 16
REGIONS = ("face", "hair, ears, neck", "body", "background")


@dataclass(frozen=True)
class Verdict:
    """One way of showing a person. score: means over the targets. frechet: ``frechet_distance`` of its pictures to the targets.
    halo: mean of ``picture_score.halo``, grey levels. flicker, flicker_person: ``robust.flicker``; 0 for the still photo, which does not
    move."""

    score: Score
    frechet: float
    halo: float
    flicker: float
    flicker_person: float


@dataclass(frozen=True)
class CrossVerdict:
    """One person moved by another, means. identity: to the moved person's photo, to_driver: to the picture of who moves her
    (``identity.similarity``). shape, shape_to_driver: ``shape_distance`` to the same two. expression: mean absolute difference of the
    tracker's expression scores to the driver's; turn: degrees between the heads; both since the photo. frechet: to real pictures of the
    moved person. halo: as in ``Verdict``."""

    identity: float
    to_driver: float
    shape: float
    shape_to_driver: float
    expression: float
    turn: float
    frechet: float
    halo: float


@dataclass(frozen=True)
class RegionError:
    """share: of the picture's area; error: of its squared error; psnr: dB, of the region alone, NaN where there is none."""

    share: float
    error: float
    psnr: float


class Shown:
    """A source and the stages that draw it, with its background and without."""

    def __init__(self, source: Source, refine: RefineEngines) -> None:
        self.source = source
        engines = dict(zip(WAYS[1:], (None, None, refine), strict=True))
        self.opaque = {way: VideoStage(source.rig, refine=each) for way, each in engines.items()}
        self.matte = {way: VideoStage(source.rig, VideoConfig(matte=True), each) for way, each in engines.items()}

    def pictures(self, motions: NDArray[np.float32]) -> dict[str, list[Picture]]:
        """Pictures of (frames, MOTION_DIM) motion by way."""
        drawn = {way: list(draw_with(stage, self.source.rig, shown_by(way, motions))) for way, stage in self.opaque.items()}
        return {WAYS[0]: [self.source.picture] * len(motions), **drawn}

    def halo(self, way: str, motions: NDArray[np.float32]) -> float:
        """Mean halo before the photo's background; that of the still photo is of the photo itself."""
        if way == WAYS[0]:
            (at_rest,) = draw_with(self.matte[WAYS[1]], self.source.rig, neutral_motion(1))
            return halo(self.source.picture, at_rest[..., 3])[0]
        stage = self.matte[way]
        drawn = draw_with(stage, self.source.rig, shown_by(way, motions))
        return float(np.mean([halo(stage.over_plate(image), image[..., 3])[0] for image in drawn]))

    def flicker(self, way: str) -> tuple[float, float]:
        """As ``robust.flicker``; none of the still photo."""
        if way == WAYS[0]:
            return 0.0, 0.0
        return flicker(self.source.rig, FLICKER_FRAMES, self.opaque[way], self.matte[way])


def shown_by(way: str, motions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Motion (frames, MOTION_DIM) as one of ``WAYS`` shows it: the plain rig knows no implicit refinement."""
    motions = motions.copy()
    if way == WAYS[1]:
        motions[:, FACE_OFFSET] = 0
    return motions


def judge_self(reenactor: Reenactor, shown: Shown, targets: list[Target]) -> tuple[dict[str, Verdict], dict[str, list[Picture]]]:
    """Verdict and pictures by way, of somebody moved as the same person is seen to move in ``targets``."""
    source = shown.source
    motions = np.stack([refined_motion_of(target, source, source.rig) for target in targets])
    pictures = shown.pictures(motions)
    scores: dict[str, list[Score]] = {way: [] for way in WAYS}
    spreads, wanted = {way: Spread() for way in WAYS}, Spread()
    for index, target in enumerate(targets):
        wanted.add(reenactor.features(target.picture))
        for way in WAYS:
            picture = pictures[way][index]
            scores[way].append(reenactor.score(picture, target, source))
            spreads[way].add(reenactor.features(picture))
    verdicts = {
        way: Verdict(mean_score(scores[way]), frechet_distance(spreads[way], wanted), shown.halo(way, motions), *shown.flicker(way))
        for way in WAYS
    }
    return verdicts, pictures


def judge_cross(
    reenactor: Reenactor, shown: Shown, real: list[Target], driver: Source, targets: list[Target]
) -> tuple[dict[str, CrossVerdict], dict[str, list[Picture]]]:
    """Verdict and pictures by way, of somebody moved as ``driver`` is seen to move in ``targets``. real: pictures of the moved person."""
    source = shown.source
    motions = np.stack([refined_motion_of(target, driver, source.rig) for target in targets])
    pictures = shown.pictures(motions)
    own = reenactor.who(source.picture, source.landmarks)
    own_face, their_photo = reenactor.look(source.picture), reenactor.look(driver.picture)
    if own_face is None or their_photo is None:
        raise ValueError(f"no face is found in the picture of {source.name} or {driver.name} at the size of the portrait")
    wanted = Spread()
    for target in real:
        wanted.add(reenactor.features(target.picture))
    verdicts = {}
    for way in WAYS:
        spread = Spread()
        rows = []
        for picture, target in zip(pictures[way], targets, strict=True):
            spread.add(reenactor.features(picture))
            face, theirs = reenactor.look(picture), reenactor.look(target.picture)
            if face is None or theirs is None:
                continue
            who = reenactor.who(picture, face.landmarks)
            rows.append(
                (
                    reenactor.likeness(who, own),
                    reenactor.likeness(who, reenactor.who(target.picture, target.landmarks)),
                    shape_distance(face.landmarks, source.landmarks),
                    shape_distance(face.landmarks, target.landmarks),
                    _expression_distance(face, own_face, theirs, their_photo),
                    _degrees_between(face.rotation @ own_face.rotation.T, theirs.rotation @ their_photo.rotation.T),
                )
            )
        identity, to_driver, shape, shape_to_driver, expression, turn = (float(value) for value in np.mean(rows, axis=0))
        distance = frechet_distance(spread, wanted)
        verdicts[way] = CrossVerdict(identity, to_driver, shape, shape_to_driver, expression, turn, distance, shown.halo(way, motions))
    return verdicts, pictures


def where_error_sits(pictures: list[Picture], targets: list[Target]) -> dict[str, RegionError]:
    """By ``REGIONS``, over all pictures. The person is what the matte's network takes for it in the target; hair, ears and neck are what of
    her is above the chin, or beside and below it by a third of the face, and not the face."""
    area, error = dict.fromkeys(REGIONS, 0.0), dict.fromkeys(REGIONS, 0.0)
    for picture, target in zip(pictures, targets, strict=True):
        squared = ((picture.astype(np.float64) - target.picture) ** 2).mean(-1)
        for name, mask in _regions(target).items():
            area[name] += mask.sum()
            error[name] += squared[mask].sum()
    return {
        name: RegionError(
            area[name] / sum(area.values()),
            error[name] / max(sum(error.values()), 1e-9),
            float(10 * np.log10(255**2 / max(error[name] / area[name], 1e-6))) if area[name] else float("nan"),
        )
        for name in REGIONS
    }


def error_map(picture: Picture, target: Picture) -> Picture:
    """How far a picture is from its target, as a picture: black is equal, white 96 grey levels and more."""
    grey = np.abs(picture.astype(np.float32) - target).mean(-1) * (255 / 96)
    return np.asarray(np.repeat(grey.clip(0, 255)[..., None], 3, 2), np.uint8)


def _regions(target: Target) -> dict[str, NDArray[np.bool_]]:
    shape = target.picture.shape[:2]
    oval = cv2.convexHull(np.round(target.landmarks[list(FACE_OVAL)]).astype(np.int32))
    face = cv2.fillConvexPoly(np.zeros(shape, np.uint8), oval, 1) > 0
    person = (rough_matte(target.picture, target.landmarks) >= 0.5) | face
    top, chin = target.landmarks[:, 1].min(), target.landmarks[:, 1].max()
    upper = np.arange(shape[0])[:, None] < chin + (chin - top) / 3
    return dict(zip(REGIONS, (face, person & ~face & upper, person & ~face & ~upper, ~person), strict=True))


def _expression_distance(face: Face, photo: Face, other: Face, other_photo: Face) -> float:
    a, b, c, d = (each.scores or {} for each in (face, photo, other, other_photo))
    return float(np.mean([abs((a[name] - b[name]) - (c[name] - d[name])) for name in ARKIT_INDEX if name in a]))


def _degrees_between(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.degrees(np.arccos(np.clip((np.trace(one @ other.T) - 1) / 2, -1, 1))))
