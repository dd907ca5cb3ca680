"""The light of a photo, as arms need it: from the face, and from hanging arms, which are round."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.portrait.hanging_arm import HangingArm
from visavis.portrait.normals import vertex_normals
from visavis.portrait.seen_face import SeenFace
from visavis.types_portrait import FittedPortrait, RigMesh

Array = NDArray[np.float64]

FROM_ABOVE = ((0.45, 1.05), (0.75, 1.06), (0.97, 1.03), (-0.5, 0.90), (-0.8, 0.78))
"""How far a surface looks up, and how much light it gets."""
ASIDE, ASIDE_LIMITS, ALIKE = (0.12, 0.14, 0.16), (-0.1, 0.6), 0.04
"""By how much what looks to the side is darker where no arm shows it, red to blue; at least and at most where one does; and by how much
channels differ."""
ACROSS = 13
"""Places across an arm at which its colour is looked at."""
FACING = 0.75
"""From which cosine on skin is taken to face the camera."""
CHEEKS = (50, 101, 118, 205), (280, 330, 347, 425)
"""Landmarks around what a face shows of bare skin."""
NEARER, RAISED = 0.4, (0.9, 1.4)
"""How far raised limbs go from the light of hanging ones to that of the face, and how much less or more of any channel they get at most.
"""
HUES, DARKEST = (0.06, 3.0), 0.4
"""Skin is what is as red and as yellow as the cheeks, so many deviations off, each (logarithms of red to green and of green to blue) at
least the first; and what is not darker than this share of them."""


def light_towards(light: Array) -> Array:
    """What light (3, 12) gives a surface that faces the camera and a little up, (3,)."""
    return np.maximum(shade(np.array([[0.0, -0.17, -0.985]]), light)[0], 0.2)


def light_of(fitted: FittedPortrait, mesh: RigMesh, seen: SeenFace, arms: Sequence[HangingArm | None]) -> tuple[Array, Array]:
    """The photo's light as in ``ArmRig.light`` (2, 3, 12), and the face's colour (3,) in it where it is even: from the face, and from arms,
    which are round. Raised limbs are taken to get as much of it as hanging ones."""
    face = fitted.vertices + np.tensordot(fitted.expression, mesh.expressions, 1)
    camera = fitted.camera.to_camera(face)
    normal = vertex_normals(camera, mesh.triangles_of("skin"))
    outline = cv2.convexHull(fitted.landmarks[:468].astype(np.float32))
    inside = np.array([cv2.pointPolygonTest(outline, (float(x), float(y)), True) for x, y in seen.points]) > 4
    image = cv2.GaussianBlur(fitted.image, (0, 0), 1.5).astype(np.float32)
    at = seen.points.astype(np.float32)
    colour = cv2.remap(image, at[:, :1], at[:, 1:], cv2.INTER_LINEAR)[:, 0].astype(np.float64)
    # Eyes, lips, brows and a beard are no skin, and a mesh has most of its vertices there.
    inside &= skin_of_face(colour, _cheeks(image, fitted.landmarks))
    chosen = seen.vertices[inside]
    n, colour, area = normal[chosen], colour[inside], _areas(seen.picture, mesh.triangles_of("skin"))[chosen]
    if np.median(n[:, 2]) > 0:
        n = -n
    area = area / area.mean()
    # A face is not of one colour all over: arms and what is taken for granted count by what faces the camera.
    facing = _towards_camera(_fit(n, colour, area))
    for found in (found for found in arms if found is not None):
        rounds, seen_there = _around_arm(image, found)
        middle = np.abs(rounds[:, 0]) < 0.3
        n = np.concatenate([n, rounds])
        colour = np.concatenate([colour, seen_there / np.median(seen_there[middle], 0) * facing])
    # A face says little of surfaces that look up or down: there light is taken to come from above, as it mostly does.
    count = max(len(n) // 12, 1)
    n = np.concatenate([n, np.repeat([[0, -y, -np.sqrt(1 - y * y)] for y, _ in FROM_ABOVE], count, 0)])
    colour = np.concatenate([colour, np.repeat([share * facing for _, share in FROM_ABOVE], count, 0)])
    solved = _fit(n, colour, np.concatenate([area, np.ones(len(n) - len(area))]))
    facing = _towards_camera(solved)
    light = (solved / np.maximum(facing, 1.0)).T
    asides = [np.tile(np.array(ASIDE)[:, None], 2) if found is None else _aside(*_around_arm(image, found), light) for found in arms]
    n, colour = n[: len(area)], colour[: len(area)]
    tone = _median(colour / np.maximum(harmonics(n) @ light.T, 0.3), area * (n[:, 2] < -FACING))
    return np.stack([np.concatenate([light, aside, np.ones((3, 1))], 1) for aside in asides]), tone


def raised_light(arm: Array, face: Array) -> Array:
    """By what the light of a raised limb (3,) differs from that of a hanging one whose skin has the colour ``arm`` (3,) in it: it is nearer
    to the face, of colour ``face`` (3,), and gets more of what falls on that. Never darker."""
    gain = (face / np.maximum(arm, 1.0)) ** NEARER
    return np.asarray(np.clip(gain / min(float(gain.mean()), 1.0), *RAISED))


def _cheeks(image: NDArray[np.float32], landmarks: Array) -> Array:
    """Colours (n, 3) of both cheeks."""
    mask = np.zeros(image.shape[:2], np.uint8)
    for outline in CHEEKS:
        cv2.fillConvexPoly(mask, cv2.convexHull(np.round(landmarks[list(outline), :2]).astype(np.int32)), 1)
    return np.asarray(image[mask > 0], np.float64)


def skin_of_face(colour: Array, cheeks: Array) -> NDArray[np.bool_]:
    """Which colours (n, 3) of a face are those of skin as its cheeks (m, 3) have it, in whatever light."""
    hue, own = (np.log(np.maximum(each[:, :2], 4) / np.maximum(each[:, 1:], 4)) for each in (colour, cheeks))
    middle = np.median(own, 0)
    spread = np.maximum(1.48 * np.median(np.abs(own - middle), 0), HUES[0])
    bright = colour.mean(1) > DARKEST * float(np.median(cheeks.mean(1)))
    return np.asarray((np.abs(hue - middle) < HUES[1] * spread).all(1) & bright)


def _areas(picture: Array, triangles: NDArray[np.int32]) -> Array:
    """(V,), how many pixels of the picture each vertex at (V, 2 or more) stands for."""
    a, b, c = (picture[triangles[:, corner], :2] for corner in range(3))
    twice = np.abs((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))
    return np.bincount(triangles.ravel(), np.repeat(twice / 6, 3), len(picture)).astype(np.float64)


def _median(colour: Array, much: Array) -> Array:
    """Median (3,) of colours (n, 3), each of which counts so much (n,)."""
    order = colour.argsort(0)
    share = much[order].cumsum(0) / much.sum()
    return np.asarray([colour[order[int(np.searchsorted(share[:, k], 0.5)), k], k] for k in range(3)])


def _fit(normals: Array, colour: Array, much: Array) -> Array:
    """Coefficients (9, 3) of ``harmonics`` for colours (n, 3), each of which counts so much (n,), 1 in the mean."""
    terms = harmonics(normals)
    # Higher terms are held back: brows, lips and shine of one face are not light.
    ridge = np.diag([0.0, *[0.02] * 3, 0.15, 0.15, 0.02, 0.15, 0.02]) * len(terms)
    weight = np.ones(len(terms))
    for _ in range(8):
        weighted = terms * (weight * much)[:, None]
        solved = np.linalg.solve(weighted.T @ terms + ridge * (weight * much).mean(), weighted.T @ colour)
        away = np.abs(colour - terms @ solved).mean(1)
        weight = 1 / (1 + (away / max(1.5 * float(np.median(away)), 1.0)) ** 2)
    return np.asarray(solved)


def _towards_camera(solved: Array) -> Array:
    return np.asarray((harmonics(np.array([[0.0, 0.0, -1.0]])) @ solved)[0])


def _aside(normals: Array, colour: Array, light: Array) -> Array:
    """By which share of xx (3, 2), left and right of its middle, an arm is darker than so smooth a light (3, 9) has it: on one side is the
    body, which throws light back."""
    ratio = (colour / np.maximum(harmonics(normals) @ light.T, 0.1)).reshape(-1, ACROSS, 3)
    across = np.median(ratio, 0)
    darker = 1 - across / across[ACROSS // 2 - 2 : ACROSS // 2 + 3].mean(0)
    x = normals[:ACROSS, 0]
    sides = [np.where(side, x * x, 0) for side in (x < 0, x > 0)]
    share = np.stack([(darker * bend[:, None]).sum(0) / (bend * bend).sum() for bend in sides], 1)
    # Beyond the outline is the background, which colours what is close to it.
    share = np.clip(share, *(share.mean(0) + np.array([[-ALIKE], [ALIKE]])))
    return np.clip(share, *ASIDE_LIMITS)


def _around_arm(image: NDArray[np.float32], found: HangingArm) -> tuple[Array, Array]:
    """Normals (n, 3) and colours (n, 3) across a hanging arm, as if it were a cylinder."""
    across = np.linspace(-0.85, 0.85, ACROSS)
    rows = np.arange(len(found.rows) // 8, len(found.rows), 4)
    x = (found.middle[rows, None] + across * found.width[rows, None] / 2).astype(np.float32)
    y = np.broadcast_to(found.rows[rows, None], x.shape).astype(np.float32)
    colour = cv2.remap(image, x, y, cv2.INTER_LINEAR).reshape(-1, 3).astype(np.float64)
    sideways = np.tile(across, len(rows))
    return np.stack([sideways, np.zeros_like(sideways), -np.sqrt(1 - sideways**2)], 1), colour


def shade(normals: Array, light: Array) -> Array:
    """What light (3, 12) gives surfaces with unit normals (n, 3), (n, 3), where nothing is raised."""
    x = normals[:, :1]
    return np.asarray(harmonics(normals) @ light[:, :9].T * (1 - x * x * np.where(x < 0, light[:, 9], light[:, 10])))


def harmonics(normals: Array) -> Array:
    """(n, 9) terms of ``ArmRig.light`` for unit normals (n, 3)."""
    x, y, z = normals.T
    return np.stack([np.ones_like(x), x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], 1)
