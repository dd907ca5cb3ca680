"""What a broad smile does to a face, as measured on people: how far each landmark moves, and that as a field over a photo's sheet.

The mesh's own shape of a smile draws the corners of the mouth up and presses the lips together. Of real faces it is the smile with shut
lips; a broad one parts them over the upper teeth, widens the mouth by a third, lifts cheeks and lower lids and lowers the chin a little.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.face_offset import SKIN_LANDMARKS
from visavis.portrait import contours
from visavis.portrait.surface import Field
from visavis.portrait.topology import Sheet
from visavis.types_portrait import LANDMARKS

SMILE_PATH = Path(__file__).resolve().parent.parent / "assets" / "rig" / "smile.npz"

BARED_UP, BARED_ARCH, BARED_WIDER = 0.040, 0.090, 0.06
"""What a broad smile shows of the upper teeth that the card of them, placed for speech, does not: so much higher, in distances between the
eyes, at its ends by the second on top, and so much wider."""

FADE = 0.10
"""Beside the face the move falls off over this many heights of the face."""
INSET = 0.02
"""On the outline of the face the move is read so many heights of the face inside of it."""

WIDE, WIDENED, PARTED = 0.80, 0.70, 0.06
"""A photo whose lips are apart by the last of these, and whose mouth is wider than the first with the smile relaxed, in eye distances,
still has the width of that smile: so much of the excess is taken off at rest."""
WIDENED_REACH = 0.75
"""Mouth widths from its middle over which that fades."""

_RIGHT_PUPIL, _LEFT_PUPIL, _CHIN = 468, 473, 152
_STEP = 1e-4
"""Distances between the eyes."""


def save_smile(moves: NDArray[np.floating], path: Path) -> None:
    """moves: (478, 2), to the viewer's right and down, distances between the eyes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, moves=np.round(np.asarray(moves) / _STEP).astype(np.int16))


def load_smile(path: Path = SMILE_PATH) -> NDArray[np.float64]:
    """How a broad smile moves each landmark of an upright face: (478, 2), distances between the eyes. ValueError where it cannot be
    read."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            moves = stored["moves"].astype(np.float64) * _STEP
    except Exception as error:
        raise ValueError(f"the smile {path} cannot be read ({error}); reinstall visavis or run `visavis rig smile`") from error
    if moves.shape != (LANDMARKS, 2):
        raise ValueError(f"the smile {path} has the shape {moves.shape}; reinstall visavis or run `visavis rig smile`")
    return moves


def moves_on_sheet(
    moves: NDArray[np.floating],
    landmarks: NDArray[np.float64],
    sheet: Sheet,
    pixels: NDArray[np.float64],
    outline: NDArray[np.float64],
    face_height: float,
) -> NDArray[np.float64]:
    """How moves of the landmarks of the skin move each vertex of the sheet in the photo: pixels (k, n, 2). moves: (k, SKIN_LANDMARKS, 2),
    to the viewer's right and down in an upright face, distances between the eyes."""
    axis = landmarks[_LEFT_PUPIL] - landmarks[_RIGHT_PUPIL]
    # (landmarks, k * 2): each landmark's ways side by side
    wanted = np.moveaxis(moves @ np.array([axis, [-axis[1], axis[0]]]), 0, 1).reshape(SKIN_LANDMARKS, -1)
    middle = (pixels[sheet.lips_upper] + pixels[sheet.lips_lower]) / 2
    width, centre_x = float(np.ptp(middle[:, 0])), float(middle[:, 0].mean())
    points = landmarks[:SKIN_LANDMARKS]
    low = points[:, 1] > contours.height_on(middle, points[:, 0])
    low[list(contours.INNER_LIP_UPPER[1:-1])], low[list(contours.INNER_LIP_LOWER[1:-1])] = False, True
    beside = np.abs(points[:, 0] - centre_x) > 0.49 * width
    signed, nearest = contours.distance_to(pixels, outline)
    centre = outline.mean(0)
    inwards = (centre - nearest) / np.linalg.norm(centre - nearest, axis=1, keepdims=True) * INSET * face_height
    target = np.where((signed > -INSET * face_height)[:, None], nearest + inwards, pixels)
    result = np.empty((len(pixels), wanted.shape[1]))
    for side, known in ((sheet.below, low | beside), (~sheet.below, ~low | beside)):
        result[side] = Field(points[known], wanted[known].astype(np.float32))(target[side])
    # Edges of the lips lie on a dark line that the landmarks miss by a pixel: each column takes its own landmarks' way.
    for edge, numbers in ((sheet.lips_upper, contours.INNER_LIP_UPPER), (sheet.lips_lower, contours.INNER_LIP_LOWER)):
        result[edge] = contours.smooth_curve(wanted[list(numbers)], contours.MOUTH_COLUMNS)
    result[sheet.lips_upper[[0, -1]]] = wanted[list(contours.INNER_LIP_UPPER)][[0, -1]]
    faded = result * np.exp(-((np.maximum(signed, 0) / (FADE * face_height)) ** 2))[:, None]
    return np.moveaxis(faded.reshape(len(pixels), -1, 2), 1, 0)


def narrowed_at_rest(
    smile: NDArray[np.float64], photo: NDArray[np.float64], rest: NDArray[np.float64], sheet: Sheet, eye_distance: float
) -> NDArray[np.float64]:
    """What is to be added to the x of a face whose photo smiles with parted lips, so that its mouth at rest is not as wide as in that
    smile: (n,). Shapes take back less of a smile than smiles do. smile: how far a broad smile moves each vertex of the sheet (n, 3); photo,
    rest: where they are (n, 3); all in metres, like eye_distance."""
    ends = sheet.lips_upper[[0, -1]]
    parted = float((photo[sheet.lips_lower, 1] - photo[sheet.lips_upper, 1]).max()) / eye_distance / PARTED
    width = float(rest[ends[1], 0] - rest[ends[0], 0])
    away = np.linalg.norm(photo[:, :2] - photo[ends, :2].mean(0), axis=1) / (WIDENED_REACH * width)
    move = smile[:, 0] * np.exp(-(away**4))
    widened = float(move[ends[1]] - move[ends[0]])
    excess = WIDENED * min(max(parted, 0.0), 1.0) * max(width - WIDE * eye_distance, 0.0)
    return -excess / max(widened, 1e-3) * move


def chin_lowers(moves: NDArray[np.floating]) -> NDArray[np.float64]:
    """How far the chin goes down in moves (k, landmarks, 2), and the lower teeth with it: (k,), distances between the eyes."""
    return np.asarray(moves[:, _CHIN, 1], np.float64)


def bared_teeth(points: NDArray[np.float64], eye_distance: float) -> NDArray[np.float64]:
    """How the card of the upper teeth moves in a broad smile: points (n, 3) of it, camera space; eye_distance in metres. (n, 3)."""
    across = points[:, 0] - points[:, 0].mean()
    share = across / np.abs(across).max()
    up = -(BARED_UP + BARED_ARCH * share**2) * eye_distance
    return np.stack([BARED_WIDER * across, up, np.zeros(len(points))], 1)
