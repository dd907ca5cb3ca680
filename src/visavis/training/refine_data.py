"""The files of pairs that ``visavis data picture`` makes, and where in the frame skin is."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.types_portrait import PortraitRig
from visavis.video.refine import GRID, SIDE, RefineSpec, anchors_of

SPEC_FILE = "spec.json"
PEOPLE = tuple(f"P{number:03}" for number in range(1, 9))
"""Whom the networks may learn from; the last one is left out of training and chooses between models."""

EYES_AT = (44.5, 82.5, 53.0)
"""Where the middles of the eyes lie in the frame: x of the right, x of the left, y of both, pixels."""

LIDS = 5
"""Pixels around the opening of an eye within which lids move."""

RIM = 11
"""Pixels that are left out along the rim of the face, twice."""

BROW = 9
"""Pixels, how thick a brow is."""

FOREHEAD = ((0.30, 0.92), (0.5, 1.02), (0.70, 0.92))
"""Where the face ends above the eyes: x between the ends of the jaw, y in distances between the eyes above them."""


@dataclass(frozen=True)
class Expressions:
    """One person. tone: float16 (n, SIDE, SIDE, 3), natural logarithm of the colours (0..255) of each cell laid on the first, light
    evened out. motion: float16 (n, 3, GRID, GRID), see ``video.refine.FaceFrame.motion``. valid: uint8 (n, SIDE, SIDE), 1 where the cell
    shows skin. names: of the cells."""

    tone: NDArray[np.float16]
    motion: NDArray[np.float16]
    valid: NDArray[np.uint8]
    names: tuple[str, ...]


def save_spec(spec: RefineSpec, folder: Path) -> None:
    (folder / SPEC_FILE).write_text(json.dumps(asdict(spec)) + "\n")


def read_spec(folder: Path) -> RefineSpec:
    """FileNotFoundError says how it is made."""
    path = folder / SPEC_FILE
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with `visavis data picture --output {folder}`")
    content = json.loads(path.read_text())
    return RefineSpec(tuple(content["names"]), tuple((float(x), float(y)) for x, y in content["places"]))


def save_expressions(one: Expressions, path: Path) -> None:
    np.savez_compressed(path, tone=one.tone, motion=one.motion, valid=one.valid, names=np.array(one.names))


def load_expressions(path: Path) -> Expressions:
    with np.load(path) as stored:
        return Expressions(stored["tone"], stored["motion"], stored["valid"], tuple(str(name) for name in stored["names"]))


def mean_spec(rigs: list[PortraitRig]) -> RefineSpec:
    """Where the features of these people lie on average when their eyes lie at ``EYES_AT``, the same on both sides."""
    names, _ = anchors_of(rigs[0])
    right_x, left_x, eyes_y = EYES_AT
    total = np.zeros((len(names), 2))
    for rig in rigs:
        own, places = anchors_of(rig)
        places = places[[own.index(name) for name in names]]
        right, left = (places[[name.startswith(f"{side}_eye") for name in names]].mean(0) for side in ("right", "left"))
        across = complex(*(left - right))
        turned = np.array([complex(*(place - right)) / across for place in places]) * (left_x - right_x)
        total += np.stack([turned.real + right_x, turned.imag + eyes_y], 1)
    mean = total / len(rigs)
    twins = [names.index(twin_of(name)) for name in names]
    mirrored = np.stack([SIDE - 1 - mean[twins, 0], mean[twins, 1]], 1)
    # The frame's own middle is that of its pixels.
    mirrored[:, 0] += right_x + left_x - (SIDE - 1)
    mean = (mean + mirrored) / 2
    mean[:, 0] += (SIDE - 1 - right_x - left_x) / 2
    return RefineSpec(names, tuple((round(float(x), 2), round(float(y), 2)) for x, y in mean))


def twin_of(name: str) -> str:
    """The keypoint that is this one's mirror image."""
    group, _, number = name.rpartition("_")
    i = int(number)
    if group == "jaw":
        return f"jaw_{16 - i}"
    if group == "nose":
        return f"nose_{i if i < 4 else 12 - i}"
    if group == "outer_lip":
        return f"outer_lip_{(6 - i) % 12}"
    other = group.replace("right", "left") if "right" in group else group.replace("left", "right")
    if "brow" in group:
        return f"{other}_{4 - i}"
    return f"{other}_{(3, 2, 1, 0, 5, 4)[i]}"


def skin_mask(spec: RefineSpec) -> NDArray[np.float32]:
    """Where in the frame the skin is that may change, 0..1, (SIDE, SIDE): without eyes, lips, brows and tip of the nose,
    faded out at the rim."""
    places = {name: np.array(place) for name, place in zip(spec.names, spec.places, strict=True)}

    def group(name: str) -> NDArray[np.float64]:
        return np.stack([place for each, place in places.items() if each.startswith(name)])

    jaw, right, left = group("jaw"), group("right_eye"), group("left_eye")
    eyes = left.mean(0) - right.mean(0)
    middle = (right.mean(0) + left.mean(0)) / 2
    across = jaw[-1, 0] - jaw[0, 0]
    top = [[jaw[0, 0] + x * across, middle[1] - y * eyes[0]] for x, y in FOREHEAD]
    sides = [[jaw[0, 0] + 0.08 * across, middle[1] - 0.5 * eyes[0]], *top, [jaw[-1, 0] - 0.08 * across, middle[1] - 0.5 * eyes[0]]]
    face = np.concatenate([jaw[::-1], sides])
    mask = _polygon(face, 0, 3.3)
    # Nothing near the rim: what is seen there changes with every turn of the head.
    mask = cv2.GaussianBlur(cv2.erode(np.clip((mask - 0.5) * 2, 0, 1), np.ones((RIM, RIM), np.uint8)), (0, 0), RIM / 4).astype(np.float32)
    for eye in (right, left):
        mask *= 1 - _polygon(eye, 1, 0.8)
    mask *= 1 - _polygon(group("outer_lip"), -1, 1.0)
    # Hair of the brows and the lit tip of the nose: what changes there is an edge that was laid a little wrong.
    for brow in (group("right_brow"), group("left_brow")):
        hair = np.zeros((SIDE, SIDE), np.float32)
        cv2.polylines(hair, [np.round((brow + np.array([0, BROW / 4])) * 16).astype(np.int32)], False, 1.0, BROW, cv2.LINE_8, 4)
        mask *= 1 - cv2.GaussianBlur(hair, (0, 0), 1.0)
    tip = np.stack([places[f"nose_{i}"] for i in (2, 3, 4, 5, 6, 7, 8)])
    mask *= 1 - 0.9 * _polygon(cv2.convexHull(tip.astype(np.float32))[:, 0], 2, 1.5)
    return np.asarray(mask, np.float32)


def told_mask(spec: RefineSpec) -> NDArray[np.float32]:
    """Where the network is told how the skin moves, 0 or 1, (GRID, GRID): on the face and a little around, but not at the lids. A blink is
    to change nothing beside them."""
    step = SIDE // GRID
    near = cv2.dilate((skin_mask(spec) > 0.3).astype(np.uint8), np.ones((4 * step + 1,) * 2, np.uint8))
    for side in ("right_eye", "left_eye"):
        eye = np.stack([np.array(place) for name, place in zip(spec.names, spec.places, strict=True) if name.startswith(side)])
        near[_polygon(eye, LIDS, 0.5) > 0.3] = 0
    return near.reshape(GRID, step, GRID, step).min((1, 3)).astype(np.float32)


def _polygon(points: NDArray[np.float64], grow: int, blur: float) -> NDArray[np.float32]:
    hull = np.zeros((SIDE, SIDE), np.float32)
    cv2.fillPoly(hull, [np.round(points * 16).astype(np.int32)], 1.0, cv2.LINE_8, 4)
    if grow:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(grow) + 1,) * 2)
        hull = (cv2.dilate if grow > 0 else cv2.erode)(hull, kernel).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(hull, (0, 0), blur), np.float32)
