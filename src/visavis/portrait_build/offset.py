"""Learns the implicit refinement of a face from the openpeople emotion sheets of P001 to P008 (MIT): what posed rigs leave over to people.

Each person's rig is made of the neutral cell and posed as MediaPipe sees the other cells; what is left at the landmarks is made even by its
mirror image and split into principal components of the upper and of the lower face. The people of P009 and P010 are kept for measuring and
are not looked at here.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.data.offset_meter import COUNTED
from visavis.ease import smoothstep
from visavis.evaluation.reenact import Reenactor, motion_of, sheet_cells
from visavis.face_offset import LOWER, OFFSET_VALUES, SKIN_LANDMARKS, UPPER, FaceOffset, save_face_offset
from visavis.motion.layout import ARKIT_INDEX, ARKIT_NAMES, FACE
from visavis.portrait.surface import Field
from visavis.portrait_build.smile import PEOPLE, SHEET, mirror_of, upright

HAND_CELL = 10
"""A hand covers the chin there."""

LOST = 0.11
"""Distances between the eyes, root mean square: beyond this the tracker lost the face, or the rig could not follow the head."""

EXPECTS = 0.3
"""Of the square of a weight: how reluctantly values are expected of it. Best where each of the eight people was foretold from the
others."""

LIDS_FOLLOW = 0.3
"""The edges of the lids move by this share of what the skin around them does: they have shapes of their own."""

_EYE_CORNERS, _NOSTRILS = (33, 133, 362, 263), (98, 327)

Array = NDArray[np.float64]


def build_offset(people: Path, landmark_model: Path, output: Path, tell: Callable[[str], None] = print) -> str:
    """Writes what is learnt from ``PEOPLE`` under ``people`` (the asset `openpeople`) to ``output`` and returns a line about it."""
    left, faces, photos, whose = [], [], [], []
    with Reenactor(landmark_model) as reenactor:
        for person in PEOPLE:
            cells = sheet_cells(people / person / SHEET)
            source = reenactor.source(cells[0], person)
            photos.append(upright(source.landmarks))
            kept = 0
            for index, cell in enumerate(cells[1:], 1):
                target = reenactor.target(cell, source, f"{person}, cell {index}") if index != HAND_CELL else None
                if target is None:
                    continue
                motion = motion_of(target, source, source.rig)
                rest = source.meter.left_over(motion, target.landmarks)
                if np.sqrt((rest[COUNTED] ** 2).sum(1).mean()) > LOST:
                    continue
                left.append(rest)
                faces.append(motion[FACE].astype(np.float64))
                whose.append(person)
                kept += 1
            tell(f"{person}: {kept} expressions")
    face = np.mean(photos, 0)
    mirror = mirror_of(np.concatenate([face, face], 1))[:SKIN_LANDMARKS]
    rest, weights = np.array(left), np.array(faces)
    rest = np.concatenate([rest, rest[:, mirror] * (-1.0, 1.0)])
    weights = np.concatenate([weights, weights[:, _mirrored_shapes()]])
    flat = rest[:, COUNTED].reshape(len(rest), -1)
    upper = np.repeat(upper_share(face)[COUNTED], 2)
    ways, values = np.empty((OFFSET_VALUES, flat.shape[1])), np.empty((len(flat), OFFSET_VALUES))
    for half, share in ((UPPER, upper), (LOWER, 1 - upper)):
        # No mean is taken off: a face that does nothing has no offset.
        ways[half] = np.linalg.svd(flat * share, full_matrices=False)[2][: half.stop - half.start]
        values[:, half] = (flat * share) @ ways[half].T
    spread = np.sqrt((values**2).mean(0))
    moves = np.zeros((OFFSET_VALUES, SKIN_LANDMARKS, 2))
    moves[:, COUNTED] = (ways * spread[:, None]).reshape(OFFSET_VALUES, len(COUNTED), 2)
    lids = np.setdiff1d(np.arange(SKIN_LANDMARKS), COUNTED)
    around = Field(face[COUNTED], np.moveaxis(moves[:, COUNTED], 0, 1).reshape(len(COUNTED), -1).astype(np.float32))(face[lids])
    moves[:, lids] = LIDS_FOLLOW * np.moveaxis(around.reshape(len(lids), OFFSET_VALUES, 2), 1, 0)
    values = values / spread
    expected = _expected(weights, values)
    save_face_offset(FaceOffset(moves.astype(np.float32), expected.astype(np.float32)), output)
    said = 1 - ((flat - (values * spread) @ ways) ** 2).sum() / (flat**2).sum()
    missed = 0.0
    for person in PEOPLE:
        own = np.array(whose * 2) == person
        missed += ((flat[own] - (weights[own] @ _expected(weights[~own], values[~own]) * spread) @ ways) ** 2).sum()
    foretold = 1 - missed / (flat**2).sum()
    size = np.sqrt((rest[:, COUNTED] ** 2).sum(2).mean())
    return (
        f"{output}: {len(left)} expressions of {len(PEOPLE)} people, {size:.3f} distances between the eyes left over; "
        f"{OFFSET_VALUES} values say {said:.0%} of it, the named weights foretell {foretold:.0%} of a person from the others"
    )


def _expected(weights: Array, values: Array) -> Array:
    """Ridge regression (52, OFFSET_VALUES) from weights (n, 52) to values (n, OFFSET_VALUES)."""
    return np.asarray(np.linalg.solve(weights.T @ weights + EXPECTS * np.eye(len(ARKIT_NAMES)), weights.T @ values))


def upper_share(face: Array) -> Array:
    """How far each landmark of an upright face (n, 2) belongs to its upper half, 0..1: from the height of the cheeks on, beside the wings
    of the nose not at all."""
    eyes, nostrils = face[list(_EYE_CORNERS), 1].mean(), face[list(_NOSTRILS), 1].mean()
    return 1 - smoothstep((face[:, 1] - eyes) / (nostrils - eyes) * 1.25 - 0.25)


def _mirrored_shapes() -> NDArray[np.int64]:
    """Number of each ARKit shape's twin on the other side."""
    swap = {"Left": "Right", "Right": "Left"}

    def twin(name: str) -> str:
        for side, other in swap.items():
            if name.endswith(side):
                return name.removesuffix(side) + other
        return name

    return np.array([ARKIT_INDEX[twin(name)] for name in ARKIT_NAMES])
