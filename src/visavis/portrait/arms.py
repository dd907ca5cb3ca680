"""Arms and hands for a photo: where they hang on the body, how thick they are, the photo's skin, light and clothes on them."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.motion.skeleton import ELBOW_AT_REST, FINGERS_AT_REST
from visavis.portrait.arm_asset import TINTS, ArmAsset
from visavis.portrait.ease import smoothstep
from visavis.portrait.hanging_arm import HangingArm, find_hanging_arm, hands_elsewhere, skin_of
from visavis.portrait.lifted_arm import lift_arm
from visavis.portrait.seen_face import SeenFace
from visavis.portrait.sleeves import BARE_FROM, cloth_at, cloth_of, make_tube
from visavis.types_portrait import (
    ARM_FROM_BELOW,
    ARM_LEFT_ALONE,
    ARM_REPLACED,
    PICTURE_HEIGHT,
    PICTURE_WIDTH,
    ArmRig,
    FittedPortrait,
    RigMesh,
)

Array = NDArray[np.float64]

SIDES = ("right", "left")
SCALE = 0.93
"""Bones and hands relative to the mean person of the rig's head size: its people include the young, whose heads are large."""
DELTOID = 0.050
"""Metres from the shoulder's joint to the outline of the shoulder."""
GRAIN = 128
MOTTLED = 0.014
"""How much brighter and darker skin is in spots."""
ELBOW_BELOW = 0.02
"""Metres below the picture's lower edge where elbows are at rest that cannot take the place of the photo's."""
FROM_ABOVE = ((0.45, 1.05), (0.75, 1.06), (0.97, 1.03), (-0.5, 0.90), (-0.8, 0.78))
"""How far a surface looks up, and how much light it gets."""
INNER = 0.6
"""How far the inner side of a forearm is as pale as the palm."""
SHIFT = 0.035
"""Metres by which a hanging arm may correct where its shoulder is."""
HALF_WIDTH = (0.110, 0.175)
"""Metres from the middle of the body to the joint: no narrower, no wider."""


def fit_arms(
    fitted: FittedPortrait, mesh: RigMesh, seen: SeenFace, asset: ArmAsset, plate: NDArray[np.uint8], person: NDArray[np.uint8],
    head_pivot: Array, breath_at: "BreathField",
) -> ArmRig:  # fmt: skip
    """Everything about arms that can be computed once for a photo. person: the texture of that name; plate: the background."""
    names = list(mesh.joint_names)
    depth = float(head_pivot[2])
    pixels = fitted.camera.focal / depth
    middle = fitted.camera.to_picture(fitted.joint_heads[names.index("neck01")])[0]
    skin = skin_of(fitted)
    places, found_arms = [], []
    for side in SIDES:
        sign = 1.0 if side == "left" else -1.0
        guess = fitted.camera.to_picture(fitted.joint_heads[names.index(f"upperarm01.{side[0].upper()}")])[:2]
        places.append(shoulder_at(fitted.alpha, guess, float(middle), pixels, sign))
        found_arms.append(find_hanging_arm(fitted, skin, places[-1], pixels, sign))
    light, tone = light_of(fitted, mesh, seen, [found for found in found_arms if found is not None])
    shoulders, leans, points, colours = [], [], [], []
    own = np.zeros((2, 4), np.int32)
    bare, arm_only, sleeve = {}, {}, {}
    kinds = np.full(2, ARM_REPLACED, np.int32)
    busy = hands_elsewhere(fitted, skin, pixels, [found for found in found_arms if found is not None])
    tube = make_tube(asset)
    cloth = cloth_of(fitted, pixels)
    for row, side in enumerate(SIDES):
        sign = 1.0 if side == "left" else -1.0
        place, found = places[row], found_arms[row]
        shoulders.append(np.r_[(place - fitted.camera.principal) / fitted.camera.focal * depth, depth])
        rest = asset.points.astype(np.float64) * SCALE
        lean = np.zeros(2)
        empty = np.zeros((1, 1, 4), np.uint8)
        bare[side], arm_only[side], sleeve[side] = empty, empty, empty
        patch = None if found is not None else cloth_at(fitted, skin, place, pixels, sign)
        if found is None:
            # The photo's own arms stay where they are: what is posed comes in from below the picture.
            kinds[row] = ARM_LEFT_ALONE if busy else ARM_FROM_BELOW
            below = PICTURE_HEIGHT + ELBOW_BELOW * pixels - (place[1] + float(asset.heads[1][1]) * SCALE * pixels)
            shoulders[row][1] += max(below, 0.0) / pixels
        if found is not None:
            lean, thickness, hem = hang(found, place, pixels, sign, asset)
            rest = _thickened(rest, asset, thickness)
            shoulders[row], lean = _laid_over(found, rest, asset, shoulders[row], lean, sign, fitted)
            colour = skin_colours(asset, _tone_of(fitted, found, tone, light), tone)
            colour[:, 3] = np.clip((asset.along - hem + 0.12) / 0.04, 0, 1)
            own[row], bare[side], arm_only[side], sleeve[side] = lift_arm(fitted, found, place, pixels, sign, plate, person)
        else:
            colour = skin_colours(asset, tone, tone)
            colour[:, 3] = asset.along > BARE_FROM if patch is not None else np.clip((asset.along - 0.9) / 0.2, 0, 1)
        sleeved = np.concatenate(
            [np.tile(np.zeros(3) if patch is None else patch / light_towards(light), (len(tube.points), 1)), tube.opacity[:, None]], 1
        )
        sleeved[:, :3] *= tube.shade[:, None]
        if patch is None:
            sleeved[:, 3] = 0
        leans.append(lean)
        points.append(np.concatenate([rest, tube.points * SCALE]))
        colours.append(np.concatenate([colour, sleeved]))
    upper = asset.along[asset.triangles].max(1) < 1.02
    order = np.argsort(~upper, kind="stable")
    return ArmRig(
        kinds=kinds,
        points=np.stack(points).astype(np.float32),
        triangles=np.concatenate([asset.triangles[order], tube.triangles + len(asset.points)]).astype(np.int32),
        bones=np.concatenate([asset.bones, tube.bones]),
        weights=np.concatenate([asset.weights, tube.weights]).astype(np.float32),
        heads=(asset.heads * SCALE).astype(np.float32),
        shoulders=np.stack(shoulders).astype(np.float32),
        lean=np.stack(leans).astype(np.float32),
        breath=np.stack([breath_at(place) for place in shoulders]).astype(np.float32),
        colour=np.stack(colours).astype(np.float32),
        gloss=np.concatenate([_gloss(asset), np.full(len(tube.points), 0.01, np.float32)]),
        light=np.ascontiguousarray(light, np.float32),
        upper=int(upper.sum()),
        cloth=len(asset.triangles),
        grain=np.stack([skin_grain(fitted), cloth]).astype(np.float32),
        grain_at=np.concatenate([_grain_at(asset, SCALE * pixels), tube.grain_at]).astype(np.int32),
        own=own,
        bare=bare,
        arm=arm_only,
        sleeve=sleeve,
        hand=0,
        correctives=np.zeros((0, 0), np.float32),
    )


def light_towards(light: Array) -> Array:
    """What light (3, 9) gives a surface that faces the camera and a little up, (3,)."""
    return np.maximum(light @ harmonics(np.array([[0.0, -0.17, -0.985]]))[0], 0.2)


def shoulder_at(alpha: NDArray[np.float32], guess: Array, middle: float, pixels: float, sign: float) -> Array:
    """Pixel (x, y) of a shoulder's joint: in from the outline of the shoulder, down from its top; within what bodies have, since the
    outline may be cut or hidden."""
    height, width = alpha.shape
    row = int(np.clip(guess[1] + 0.03 * pixels, 0, height - 1))
    person = np.flatnonzero(alpha[row] > 0.5)
    low, high = HALF_WIDTH[0] * pixels, HALF_WIDTH[1] * pixels
    half = abs(float(guess[0]) - middle)
    if len(person) and person[0] > 0 and person[-1] < width - 1:
        half = abs(float(person[-1] if sign > 0 else person[0]) - middle) - DELTOID * pixels
    x = middle + sign * float(np.clip(half, low, high))
    column = np.flatnonzero(alpha[:, int(np.clip(round(x), 0, width - 1))] > 0.5)
    top = float(column[0]) if len(column) else float(guess[1]) - DELTOID * pixels
    y = float(np.clip(top + DELTOID * pixels, guess[1] - 0.06 * pixels, guess[1] + 0.06 * pixels))
    return np.array([x, y])


def hang(found: HangingArm, place: Array, pixels: float, sign: float, asset: ArmAsset) -> tuple[Array, Array, float]:
    """How the photo's arm hangs: lean (2,) as in ``ArmRig``, how thick it is relative to the asset at ``along`` 0.6, 1, 1.35, 1.7, and at
    which ``along`` its sleeve ends."""
    scale = SCALE * pixels
    heads = asset.heads
    reach = float(np.linalg.norm(heads[1][:2])) * scale
    away = np.hypot(found.middle - place[0], found.rows - place[1])
    at = int(np.argmin(np.abs(away - reach)))
    elbow = np.array([found.middle[at], found.rows[at]])
    low = found.rows > elbow[1] + 0.06 * pixels
    wrist_y = elbow[1] + 0.22 * pixels
    low &= found.rows < wrist_y
    if low.sum() > 8:
        slope = np.polyfit(found.rows[low] - elbow[1], found.middle[low] - elbow[0], 1)[0]
    else:
        slope = (elbow[0] - place[0]) / max(elbow[1] - place[1], 1.0)

    upper = angle(sign * (elbow[0] - place[0]), elbow[1] - place[1]) - angle(*ELBOW_AT_REST[:2])
    lower = angle(sign * slope, 1.0) - angle(*FINGERS_AT_REST[:2])
    ratios = []
    for station, y in ((0.6, None), (1.0, elbow[1]), (1.35, elbow[1] + 0.35 * 0.243 * scale), (1.7, elbow[1] + 0.7 * 0.243 * scale)):
        if y is None:
            y = max(place[1] + 0.6 * (elbow[1] - place[1]), found.rows[0] + 0.025 * pixels)
        near = np.abs(found.rows - y) < 0.012 * pixels
        ring = np.abs(asset.along - station) < 0.06
        ratios.append(float(np.median(found.width[near])) / (np.ptp(asset.points[ring, 0]) * scale) if near.any() else np.nan)
    ratio = np.array(ratios)
    ratio[np.isnan(ratio)] = np.nanmean(ratio)
    hem = (found.rows[0] - place[1]) / max(elbow[1] - place[1], 1.0)
    return np.clip([upper, lower], -0.3, 0.3), np.clip(ratio, 0.7, 1.35), float(hem)


def angle(x: float, y: float) -> float:
    return float(np.arctan2(y, x))


def _laid_over(
    found: HangingArm, rest: Array, asset: ArmAsset, shoulder: Array, lean: Array, sign: float, fitted: FittedPortrait
) -> tuple[Array, Array]:
    """Shoulder (3,) and lean (2,) corrected so that the posed arm at rest lies over the photo's."""
    camera = fitted.camera
    elbow = asset.heads[1].astype(np.float64) * SCALE
    rings = [np.abs(asset.along - station) < 0.06 for station in (0.75, 1.0, 1.5)]
    first, lean = shoulder.copy(), lean.copy()
    shoulder = shoulder.copy()
    for _ in range(4):
        upper, lower = (np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1.0]]) for a in lean)
        errors = []
        for ring in rings:
            points = np.where(
                (asset.along[ring] > 1)[:, None], upper @ elbow + (rest[ring] - elbow) @ lower.T, rest[ring] @ upper.T
            ) * (sign, 1, 1) + shoulder  # fmt: skip
            seen = points[:, :2] / points[:, 2:] * camera.focal + camera.principal
            x, y = (seen[:, 0].min() + seen[:, 0].max()) / 2, seen[:, 1].mean()
            if not found.rows[0] <= y <= found.rows[-1]:
                y = float(np.clip(y, found.rows[0], found.rows[-1]))
            wanted = float(np.interp(y, found.rows, found.middle))
            errors.append((wanted - x) * sign * shoulder[2] / camera.focal)
        high, middle, low = errors
        lean -= [0.5 * (middle - high) / (0.25 * elbow[1]), 0.5 * (low - middle) / (0.5 * elbow[1])]
        shoulder[0] = np.clip(shoulder[0] + sign * high * 0.7, first[0] - SHIFT, first[0] + SHIFT)
    return shoulder, np.clip(lean, -0.3, 0.3)


def _thickened(points: Array, asset: ArmAsset, thickness: Array) -> Array:
    """Points (N, 3) with the distance to their bone scaled; the hand stays as it is."""
    share = np.interp(asset.along, [0.6, 1.0, 1.35, 1.7, 2.0], [*thickness, 0.5 + 0.5 * thickness[-1]])
    hand = asset.hand
    share = share * (1 - hand) + hand
    elbow = asset.heads[1] * SCALE
    fore = (asset.along > 1)[:, None]
    axis = np.where(fore, FINGERS_AT_REST, ELBOW_AT_REST / np.linalg.norm(ELBOW_AT_REST))
    base = np.where(fore, elbow, 0.0)
    on_bone = base + ((points - base) * axis).sum(1, keepdims=True) * axis
    return np.asarray(on_bone + (points - on_bone) * share[:, None])


def light_of(fitted: FittedPortrait, mesh: RigMesh, seen: SeenFace, arms: Sequence[HangingArm]) -> tuple[Array, Array]:
    """The photo's light as in ``ArmRig.light`` (3, 9), and the face's colour (3,) in it where it is even: from the face, and from arms,
    which are round."""
    face = fitted.vertices + np.tensordot(fitted.expression, mesh.expressions, 1)
    camera = fitted.camera.to_camera(face)
    triangles = mesh.triangles_of("skin")
    a, b, c = (camera[triangles[:, corner]] for corner in range(3))
    flat = np.cross(b - a, c - a)
    normal = np.zeros_like(camera)
    for corner in range(3):
        np.add.at(normal, triangles[:, corner], flat)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    outline = cv2.convexHull(fitted.landmarks[:468].astype(np.float32))
    inside = np.array([cv2.pointPolygonTest(outline, (float(x), float(y)), True) for x, y in seen.points]) > 4
    chosen = seen.vertices[inside]
    n = normal[chosen]
    if np.median(n[:, 2]) > 0:
        n = -n
    at = seen.points[inside].astype(np.float32)
    image = cv2.GaussianBlur(fitted.image, (0, 0), 1.5).astype(np.float32)
    colour = cv2.remap(image, at[:, :1], at[:, 1:], cv2.INTER_LINEAR)[:, 0].astype(np.float64)
    for found in arms:
        rounds, seen_there = _around_arm(image, found)
        middle = np.abs(rounds[:, 0]) < 0.3
        n = np.concatenate([n, rounds])
        colour = np.concatenate([colour, seen_there / np.median(seen_there[middle], 0) * np.median(colour, 0)])
    # A face says little of surfaces that look up or down: there light is taken to come from above, as it mostly does.
    count = max(len(n) // 12, 1)
    n = np.concatenate([n, np.repeat([[0, -y, -np.sqrt(1 - y * y)] for y, _ in FROM_ABOVE], count, 0)])
    colour = np.concatenate([colour, np.repeat([share * np.median(colour, 0) for _, share in FROM_ABOVE], count, 0)])
    terms = harmonics(n)
    # Higher terms are held back: brows, lips and shine of one face are not light.
    ridge = np.diag([0.0, *[0.02] * 3, 0.15, 0.15, 0.02, 0.15, 0.02]) * len(terms)
    weight = np.ones(len(terms))
    for _ in range(8):
        weighted = terms * weight[:, None]
        solved = np.linalg.solve(weighted.T @ terms + ridge * weight.mean(), weighted.T @ colour)
        away = np.abs(colour - terms @ solved).mean(1)
        weight = 1 / (1 + (away / max(1.5 * float(np.median(away)), 1.0)) ** 2)
    towards = harmonics(np.array([[0.0, 0.0, -1.0]]))
    tone = (towards @ solved)[0]
    return (solved / np.maximum(tone, 1.0)).T, tone


def _around_arm(image: NDArray[np.float32], found: HangingArm) -> tuple[Array, Array]:
    """Normals (n, 3) and colours (n, 3) across a hanging arm, as if it were a cylinder."""
    across = np.linspace(-0.9, 0.9, 13)
    rows = np.arange(len(found.rows) // 8, len(found.rows), 4)
    x = (found.middle[rows, None] + across * found.width[rows, None] / 2).astype(np.float32)
    y = np.broadcast_to(found.rows[rows, None], x.shape).astype(np.float32)
    colour = cv2.remap(image, x, y, cv2.INTER_LINEAR).reshape(-1, 3).astype(np.float64)
    sideways = np.tile(across, len(rows))
    return np.stack([sideways, np.zeros_like(sideways), -np.sqrt(1 - sideways**2)], 1), colour


def harmonics(normals: Array) -> Array:
    """(n, 9) terms of ``ArmRig.light`` for unit normals (n, 3)."""
    x, y, z = normals.T
    return np.stack([np.ones_like(x), x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], 1)


def _tone_of(fitted: FittedPortrait, found: HangingArm, tone: Array, light: Array) -> Array:
    """Colour (3,) of the photo's arm in even light: arms are often paler or darker than the face."""
    normals, colour = _around_arm(cv2.GaussianBlur(fitted.image, (0, 0), 1.5).astype(np.float32), found)
    middle = np.abs(normals[:, 0]) < 0.5
    seen = np.median(colour[middle], 0)
    return np.asarray(np.clip(seen / (harmonics(normals[middle]) @ light.T).mean(0), 0.6 * tone, 1.5 * tone))


def skin_colours(asset: ArmAsset, arm: Array, face: Array) -> Array:
    """(N, 4): skin, nails, palm and folds in even light, opaque. Hands take after the face more than forearms do."""
    nail, palm, blood, shade = (asset.tint[:, TINTS.index(name), None].astype(np.float64) for name in ("nail", "palm", "blood", "shade"))
    hand = asset.hand[:, None]
    skin = arm * (1 - 0.15 * hand) + face * 0.15 * hand
    bright = float(face.mean()) / 255
    inside = skin * np.array([1.02, 1.02, 1.05]) + np.clip(0.72 - bright, 0, 0.4) * np.array([130, 100, 85])
    palm = np.maximum(palm, INNER * inner_side(asset)[:, None])
    skin = skin * (1 - palm) + inside * palm
    skin = skin * (1 - blood * (1 - np.array([1.0, 0.962, 0.970])))
    skin = skin * (1 - shade * np.array([0.14, 0.19, 0.21]))
    nails = skin * np.array([1.05, 1.0, 1.0]) + np.array([14, 8, 10])
    skin = skin * (1 - nail) + nails * nail
    return np.concatenate([skin, np.ones((len(skin), 1))], 1)


def inner_side(asset: ArmAsset) -> Array:
    """(N,), 0..1: the inner side of the forearm, on which the palm lies; at rest it looks at the body."""
    elbow = asset.heads[1].astype(np.float64)
    away = asset.points - elbow
    away = away - (away @ FINGERS_AT_REST)[:, None] * FINGERS_AT_REST
    turned = -away[:, 0] / np.maximum(np.linalg.norm(away, axis=1), 1e-6)
    below = (asset.along.astype(np.float64) - 1.05) / 0.35
    return np.asarray(smoothstep((turned + 0.35) / 1.1) * smoothstep(below) * (1 - asset.hand))


def _gloss(asset: ArmAsset) -> NDArray[np.float32]:
    nail, palm = (asset.tint[:, TINTS.index(name)] for name in ("nail", "palm"))
    return (0.085 + 0.20 * nail - 0.02 * palm).astype(np.float32)


@dataclass(frozen=True)
class BreathField:
    """How far a place of the sheet moves with the breath. pixels: (n, 2); breath: (n, 3)."""

    pixels: Array
    breath: Array
    focal: float
    principal: tuple[float, float]

    def __call__(self, place: Array) -> Array:
        """Of a point (3,) of camera space: that of the nearest vertex."""
        pixel = place[:2] / place[2] * self.focal + np.asarray(self.principal)
        pixel[0] = np.clip(pixel[0], 0, PICTURE_WIDTH - 1)
        return np.asarray(self.breath[int(np.argmin(((self.pixels - pixel) ** 2).sum(1)))])


def skin_grain(fitted: FittedPortrait) -> NDArray[np.float32]:
    """(GRAIN, GRAIN) about 1: noise as rough as the skin of the face is in the photo, seamless, always the same for the same photo."""
    hull = cv2.convexHull(np.round(fitted.landmarks[:468]).astype(np.int32))
    face = cv2.erode(cv2.fillConvexPoly(np.zeros(fitted.alpha.shape, np.uint8), hull, 1), np.ones((15, 15), np.uint8)) > 0
    grey = fitted.image.astype(np.float32).mean(-1)
    mean = max(float(np.median(grey[face])), 20.0)
    noise = np.fft.fft2(np.random.default_rng(5).normal(size=(GRAIN, GRAIN)))
    reach = np.hypot(*np.meshgrid(np.fft.fftfreq(GRAIN), np.fft.fftfreq(GRAIN)))

    def soft(sigma: float) -> Array:
        return np.asarray(np.exp(-2 * (np.pi * sigma * reach) ** 2))

    detail = cv2.GaussianBlur(grey, (0, 0), 0.6) - cv2.GaussianBlur(grey, (0, 0), 2.0)
    strength = min(float(np.median(np.abs(detail[face]))) / mean, 0.02)
    band = np.fft.ifft2(noise * (soft(0.6) - soft(2.0))).real
    # Skin is not of one colour: it is mottled over some millimetres as well.
    mottled = np.fft.ifft2(noise * (soft(2.5) - soft(7.0))).real
    result = band / band.std() * strength + mottled / mottled.std() * MOTTLED
    return (1 + result).astype(np.float32)


def _grain_at(asset: ArmAsset, pixels: float) -> NDArray[np.floating]:
    """Where vertices lie in the grain, in 1/16 cell: along the arm, and around it to the back and to the front alike, so that there is no
    seam."""
    around = np.abs(asset.around) * 0.045 * pixels
    return np.round(np.stack([around, asset.points[:, 1] * pixels], 1) * 16)
