"""Draws a fit for people to judge: the mesh and the landmarks over the enlarged face, the person over green."""

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.portrait.arm_kinds import SEEN
from visavis.portrait.fit import shown_vertices
from visavis.types_portrait import FittedPortrait, RigMesh

PANEL = 768
GREEN = (0, 200, 0)
SEEN_COLOUR, GUESSED_COLOUR = (255, 220, 0), (255, 0, 0)


def draw_fit(fitted: FittedPortrait, mesh: RigMesh) -> NDArray[np.uint8]:
    """uint8 (768, 1792, 3) RGB: the picture over green, the picture with the arms' joints (yellow where seen, red where guessed), the face
    with mesh (green), eyeballs (blue) and landmarks (red)."""
    alpha = fitted.alpha[..., None]
    cut = np.round(fitted.foreground * alpha + np.array(GREEN) * (1 - alpha)).astype(np.uint8)
    low, high = fitted.landmarks.min(0), fitted.landmarks.max(0)
    scale = PANEL / (1.5 * (high - low)[1])
    shift = PANEL / 2 - (low + high) / 2 * scale
    face = cv2.warpAffine(fitted.image, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), (PANEL, PANEL), flags=cv2.INTER_CUBIC)
    points = fitted.camera.to_picture(shown_vertices(fitted, mesh))[:, :2] * scale + shift
    skin = mesh.triangles_of("skin")
    for triangles, colour in (
        (skin[mesh.head_weight[skin].min(1) > 0.3], (0, 200, 0)),
        (mesh.triangles_of("eye_left", "eye_right"), (0, 120, 255)),
    ):
        a, b, c = (points[triangles[:, corner]] for corner in range(3))
        area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
        lines = np.round(points[triangles[area < 0]] * 16).astype(np.int32)
        cv2.polylines(face, list(lines), True, colour, 1, cv2.LINE_AA, 4)
    for x, y in np.round((fitted.landmarks * scale + shift) * 16).astype(int):
        cv2.circle(face, (int(x), int(y)), 24, (255, 0, 0), -1, cv2.LINE_AA, 4)
    picture = fitted.image.copy()
    for limb in fitted.limbs:
        places = np.round(limb[:, :2] * 16).astype(np.int32)
        cv2.polylines(picture, [places], False, SEEN_COLOUR, 2, cv2.LINE_AA, 4)
        for place, seen in zip(places, limb[:, 2] > SEEN, strict=True):
            cv2.circle(picture, place.tolist(), 80, SEEN_COLOUR if seen else GUESSED_COLOUR, -1, cv2.LINE_AA, 4)
    return np.hstack([cut, picture, face])
