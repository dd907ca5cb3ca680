"""A person in a film, followed picture by picture: what was seen when, before anything is made of it."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.film.footage import read_footage
from visavis.film.reader import FilmError
from visavis.portrait.landmarks import FIELD_OF_VIEW, RIVAL, PersonTracker, SeenFace, SeenHand
from visavis.types_portrait import LANDMARKS

Array = NDArray[np.float64]

LEAST_SEEN = 0.2
"""Share of the pictures in which a face must be seen."""
RIVALS_ALLOWED = 0.05
"""Share of the pictures in which a second face of similar size may be seen."""
SHORTEST_S = 0.5
SURE_HAND = 0.6
"""Score under which a hand is taken for something else."""


@dataclass(frozen=True)
class Track:
    """n pictures. times: seconds since the first one, increasing. landmarks: (n, 478, 2) pixels; face: (n, 52) ARKit weights; rotation: (n,
    3, 3) of the head, position: (n, 3) metres of it from the camera (axes of ``motion.layout``). wrist: by side, (n, 3) metres from the
    camera; hand: by side, (n, 21, 3) metres from the hand's middle. NaN where nothing was seen. calmest: number of the picture whose face
    does least and looks straightest; portrait: that picture, uint8 (h, w, 3) RGB.
    """

    times: Array
    landmarks: Array
    face: Array
    rotation: Array
    position: Array
    wrist: dict[str, Array]
    hand: dict[str, Array]
    calmest: int
    portrait: NDArray[np.uint8]


def track_film(
    path: Path, face_model: Path, hand_model: Path | None, tell: Callable[[str], None], advance: Callable[[int], None] = lambda _more: None
) -> Track:
    """Follow the person of a film. ``tell`` is given remarks, ``advance`` each picture done. FilmError for what is no film of one
    person."""
    times: list[float] = []
    faces: list[SeenFace | None] = []
    hands: list[dict[str, tuple[Array, Array]]] = []
    rivals, calmest, least, portrait = 0, 0, np.inf, np.zeros((0, 0, 3), np.uint8)
    with PersonTracker(face_model, hand_model) as tracker, contextlib.closing(read_footage(path, tell)) as pictures:
        stamp = -1
        for seconds, picture in pictures:
            stamp = max(round(seconds * 1000), stamp + 1)
            seen, held = tracker.follow(picture, stamp)
            rivals += len(seen) > 1 and seen[1].height >= RIVAL * seen[0].height
            times.append(seconds)
            faces.append(_same_person(seen, faces))
            if (effort := _effort(faces[-1])) < least:
                calmest, least, portrait = len(times) - 1, effort, picture
            hands.append({hand.side: (hand.places, _wrist(hand, picture.shape)) for hand in _one_a_side(held)})
            advance(1)
    _check(path, times, faces, rivals)
    nothing = SeenFace(np.nan, np.full((LANDMARKS, 2), np.nan), np.full(52, np.nan), np.full((3, 3), np.nan), np.full(3, np.nan))
    known = [face or nothing for face in faces]
    absent = np.full((21, 3), np.nan), np.full(3, np.nan)
    return Track(
        np.array(times),
        np.array([face.landmarks for face in known]),
        np.array([face.weights for face in known]),
        np.array([face.rotation for face in known]),
        np.array([face.position for face in known]),
        wrist={side: np.array([held.get(side, absent)[1] for held in hands]) for side in ("left", "right")},
        hand={side: np.array([held.get(side, absent)[0] for held in hands]) for side in ("left", "right")},
        calmest=calmest,
        portrait=portrait,
    )


def _effort(face: SeenFace | None) -> float:
    """How much a face does: sum of its weights, and a quarter for five degrees of turn."""
    if face is None:
        return np.inf
    turn = np.degrees(np.arccos(np.clip((np.trace(face.rotation) - 1) / 2, -1, 1)))
    return float(face.weights.sum() + 0.05 * turn)


def _same_person(seen: list[SeenFace], before: list[SeenFace | None]) -> SeenFace | None:
    """Of two faces the one that lies where the person was; the largest at first."""
    last = next((face for face in reversed(before[-30:]) if face is not None), None)
    if not seen or last is None:
        return seen[0] if seen else None
    return min(seen, key=lambda face: float(np.linalg.norm(face.centre - last.centre)) / face.height)


def _one_a_side(hands: list[SeenHand]) -> list[SeenHand]:
    """The tracker may call both hands left: the surer one is believed."""
    sure = sorted((hand for hand in hands if hand.score >= SURE_HAND), key=lambda hand: hand.score)
    return list({hand.side: hand for hand in sure}.values())


def _wrist(hand: SeenHand, shape: tuple[int, ...]) -> Array:
    """Metres (3,) from the camera: where the hand's 21 places, as large as the tracker says, are seen at its 21 pixels (least squares)."""
    height, width = shape[:2]
    focal = height / 2 / np.tan(np.radians(FIELD_OF_VIEW / 2))
    slope = (hand.pixels - (np.array([width, height]) - 1) / 2) / focal
    rows, wanted = [], []
    for axis in range(2):
        # (place + shift)[axis] = slope * (place + shift)[depth]
        row = np.zeros((len(slope), 3))
        row[:, axis], row[:, 2] = 1.0, -slope[:, axis]
        rows.append(row)
        wanted.append(slope[:, axis] * hand.places[:, 2] - hand.places[:, axis])
    shift = np.linalg.lstsq(np.concatenate(rows), np.concatenate(wanted), rcond=None)[0]
    return np.asarray(hand.places[0] + shift)


def _check(path: Path, times: list[float], faces: list[SeenFace | None], rivals: int) -> None:
    count = sum(face is not None for face in faces)
    if times[-1] < SHORTEST_S:
        raise FilmError(f"{path} is {times[-1]:.2f} s long: a film of at least {SHORTEST_S:g} s is needed, better of 10 s")
    if not count:
        raise FilmError(f"no face found in {path}: use a film of one person whose face is at least an eighth of the picture's height")
    if rivals > RIVALS_ALLOWED * len(times):
        raise FilmError(f"two faces of similar size in {rivals} of {len(times)} pictures of {path}: crop it to the one person")
    if count < LEAST_SEEN * len(times):
        raise FilmError(
            f"a face is seen in only {count} of {len(times)} pictures of {path}: use a film whose face is uncovered, "
            "turned to the camera, and at least an eighth of the picture's height"
        )
