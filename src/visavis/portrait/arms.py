"""Arms and hands for a photo: where they hang on the body, how thick they are, the photo's skin, light and clothes on them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from visavis.ease import smoothstep
from visavis.motion.skeleton import ELBOW_AT_REST, FINGERS_AT_REST, THUMB_AT_REST
from visavis.portrait.arm_asset import TINTS, ArmAsset
from visavis.portrait.arm_balls import balls_of
from visavis.portrait.arm_kinds import arm_kinds, arms_are_shown, hangs
from visavis.portrait.arm_light import light_of, light_towards, raised_light
from visavis.portrait.arm_skin import HEM, TEXELS, LiftedSkin, as_grain, detailed, lift_skin, skin_at, skin_grain, texture_shape
from visavis.portrait.hand_detail import hand_detail
from visavis.portrait.hanging_arm import HangingArm, find_hanging_arm, hands_elsewhere, skin_of
from visavis.portrait.lifted_arm import lift_arm
from visavis.portrait.seen_face import SeenFace
from visavis.portrait.sleeved_arm import find_sleeved_arm
from visavis.portrait.sleeves import BARE_FROM, cloth_at, cloth_of, make_tube
from visavis.types_portrait import (
    HAND_BONE,
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
ELBOW_BELOW = 0.02
"""Metres below the picture's lower edge where elbows are at rest that cannot take the place of the photo's."""
THICKNESS, THICKNESS_SLEEVED = (0.7, 1.35), (0.7, 1.8)
"""How thick an arm may be, bare and in its sleeve, relative to the asset's."""
CLOTH_GLOSS, CUFF_STEP = 0.01, 0.02
"""How glossy sleeves are, and over how much of the arm (``ArmAsset.along``) they end."""
INNER = 0.4
"""How far the inner side of a forearm is as pale as the palm."""
PALE = 0.84
"""Skin darker than this share of white has palms that are paler than it."""
NAIL, PALER = np.array([1.42, 1.03, 0.99]), 0.45
"""What colour nails would have, relative to grey as bright as the skin around them, and how far they have it: they are less brown, and rosy
from what is below."""
ALIKE = 0.7
"""How far towards the wrist an arm is taken to be as bright, and of the same hue, as all of it, where the photo is darker below."""
HUED = (0.7, 0.5)
"""From where on along the arm, and over what of it, its hue becomes that of all of it."""
BESIDE_FACE = (0.6, 1.5)
"""How bright an arm is at least and at most, as a share of the face."""
UNDER_SLEEVE, INSIDE_SLEEVE = 0.3, 0.42
"""By how much an arm is narrower where its sleeve covers it, and where a long one goes over into what stays of it."""
BARE_ABOVE, MERGES, NARROWS = (-0.06, 0.04), (-0.34, 0.16), (-0.34, 0.44)
"""From where on, relative to a hem (``ArmAsset.along``), and over how much of the arm it is drawn; the same where a long sleeve goes over
into that on the photo's shoulder, and for its width."""
UNDER_HEM, UNDER_CUFF = (0.50, 0.009), (0.25, 0.004)
"""How much light a sleeve takes from the skin right below it, and within how many metres the most of that is over; the same of a cuff."""
TIP = (0.030, 0.022)
"""Metres along and across the arm over which the tip of the elbow ends."""
RINGS, BEYOND, SLANTED = (0.75, 1.0, 1.5), 0.005, 0.04
"""Where on the arm (``ArmAsset.along``) it is laid over the photo's; metres beyond what the photo shows over which a place loses its say;
metres from the highest row of an arm down to where all of its width is out of a short sleeve."""
STAY = np.array([0.2, 0.02, 0.02])
"""What keeps shoulder and lean where they were: metres of misfit for a metre, and for a radian."""
SHIFT, SHIFT_SLEEVED = 0.035, 0.008
"""Metres by which a hanging arm may correct where its shoulder is, bare and in a long sleeve."""
FOLD_WIDTH, FOLDED_WHOLLY, FOLDED_LEAST = 0.006, 0.06, 0.42
"""Metres of blur by which folds are told from weave; the deviation of a hanging sleeve's shading from which on it folds as deeply as cloth
does; and how deeply any sleeve folds."""
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
        limb = fitted.limbs[SIDES.index(side)]
        found = None
        if hangs(limb, pixels):
            found = find_hanging_arm(fitted, skin, places[-1], pixels, sign) or find_sleeved_arm(fitted, skin, limb, pixels, sign)
        found_arms.append(found)
    lights, tone = light_of(fitted, mesh, seen, [found if found is not None and found.cuff is None else None for found in found_arms])
    grain, at = skin_grain(fitted), skin_at(asset, SCALE * pixels)
    height, width = texture_shape(asset, SCALE * pixels)
    plain = np.tile(grain, (height // len(grain), width // len(grain)))
    detail = hand_detail(asset, (TEXELS * height, TEXELS * width), TEXELS * SCALE * pixels, float(tone.mean()) / 255)
    shoulders, leans, points, colours = [], [], [], []
    folds = np.zeros((2, len(asset.points)))
    own = np.zeros((2, 4), np.int32)
    bare, arm_only, sleeve, skins = {}, {}, {}, {}
    hanging = [found for found in found_arms if found is not None]
    busy = arms_are_shown(fitted.limbs) and hands_elsewhere(fitted, skin, pixels, hanging)
    kinds = arm_kinds(fitted.limbs, [found is not None for found in found_arms], busy)
    tube = make_tube(asset)
    gloss = np.concatenate([_gloss(asset), np.full(len(tube.points), CLOTH_GLOSS, np.float32)])
    cloth = cloth_of(fitted, pixels)
    for row, side in enumerate(SIDES):
        sign = 1.0 if side == "left" else -1.0
        place, found = places[row], found_arms[row]
        shoulders.append(np.r_[(place - fitted.camera.principal) / fitted.camera.focal * depth, depth])
        rest = asset.points.astype(np.float64) * SCALE
        lean = np.zeros(2)
        empty = np.zeros((1, 1, 4), np.uint8)
        bare[side], arm_only[side], sleeve[side] = empty, empty, empty
        patch = None if found is not None else cloth_at(fitted, skin, fitted.limbs[row], pixels)
        if found is None:
            skins[side] = detailed(plain, detail)
            seen_below = (PICTURE_HEIGHT - place[1]) / pixels - float(asset.heads[1][1]) * SCALE
            shoulders[row][1] += max(seen_below + ELBOW_BELOW, 0.0)
        if found is not None:
            lean, thickness, hem = hang(found, place, pixels, sign, asset)
            rest = _thickened(rest, asset, thickness, hem, found.cuff)
            shoulders[row], lean = _laid_over(found, rest, asset, shoulders[row], lean, sign, fitted)
            placed = _hanging(rest, asset, lean, sign) + shoulders[row]
            lifted = lift_skin(fitted, found, asset, placed, at, SCALE * pixels, sign, lights[row])
            if found.cuff is None:
                arm_tone = (
                    np.tile(tone, (len(rest), 1)) if lifted is None else _plausible(_tone_along(lifted, at[:, 1], asset, ALIKE), tone)
                )
                lights[row, :, -1] = raised_light(np.median(arm_tone, 0), tone)
                colour, texture = skin_colours(asset, arm_tone, tone), plain if lifted is None else lifted.texture
                colour[:, 3] = np.clip((asset.along - hem - BARE_ABOVE[0]) / BARE_ABOVE[1], 0, 1)
                shadow = _below_hem(asset, hem, len(detail), pixels, UNDER_HEM)
            else:
                colour, texture = _in_sleeve(asset, found.cuff, lifted, _cloth_tone(fitted, found), at, SCALE * pixels, tone, plain)
                colour[:, 3] = smoothstep((asset.along.astype(np.float64) - hem - MERGES[0]) / MERGES[1])
                gloss[: len(asset.points)][asset.along < found.cuff] = CLOTH_GLOSS
                folds[row] = (asset.along < found.cuff) * colour[:, 3] * _fold_depth(lifted, SCALE * pixels)
                shadow = _below_hem(asset, found.cuff, len(detail), pixels, UNDER_CUFF)
            skins[side] = detailed(texture, detail * shadow)
            own[row], bare[side], arm_only[side], sleeve[side] = lift_arm(fitted, found, place, pixels, sign, plate, person)
        else:
            colour = skin_colours(asset, tone, tone)
            colour[:, 3] = asset.along > BARE_FROM if patch is not None else np.clip((asset.along - 0.9) / 0.2, 0, 1)
        sleeved = np.concatenate(
            [np.tile(np.zeros(3) if patch is None else patch / light_towards(lights[row]), (len(tube.points), 1)), tube.opacity[:, None]], 1
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
        gloss=gloss,
        light=np.ascontiguousarray(lights, np.float32),
        upper=int(upper.sum()),
        cloth=len(asset.triangles),
        skin=skins,
        weave=as_grain(cloth),
        grain_at=np.concatenate([np.round(at * (16 * TEXELS)), tube.grain_at]).astype(np.int32),
        own=own,
        bare=bare,
        arm=arm_only,
        sleeve=sleeve,
        folds=np.pad(folds, ((0, 0), (0, len(tube.points)))).astype(np.float32),
        elbow=np.concatenate([_elbow_tip(asset), np.zeros(len(tube.points), np.float32)]),
        balls=balls_of(np.mean(points, 0), np.arange(len(asset.points)), asset.bones, asset.weights, asset.heads * SCALE),
        hand=0,
        correctives=np.zeros((0, 0), np.float32),
    )


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
    beside = asset.points - _on_bone(asset.points.astype(np.float64), asset, 1.0)
    for station, y in ((0.6, None), (1.0, elbow[1]), (1.35, elbow[1] + 0.35 * 0.243 * scale), (1.7, elbow[1] + 0.7 * 0.243 * scale)):
        if y is None:
            y = max(place[1] + 0.6 * (elbow[1] - place[1]), found.rows[0] + 0.025 * pixels)
        near = np.abs(found.rows - y) < 0.012 * pixels
        ring = np.abs(asset.along - station) < 0.06
        ratios.append(float(np.median(found.width[near])) / (np.ptp(beside[ring, 0]) * scale) if near.any() else np.nan)
    ratio = np.array(ratios)
    ratio[np.isnan(ratio)] = np.nanmean(ratio)
    hem = (found.rows[0] - place[1]) / max(elbow[1] - place[1], 1.0)
    return np.clip([upper, lower], -0.3, 0.3), np.clip(ratio, *(THICKNESS if found.cuff is None else THICKNESS_SLEEVED)), float(hem)


def angle(x: float, y: float) -> float:
    return float(np.arctan2(y, x))


def _laid_over(
    found: HangingArm, rest: Array, asset: ArmAsset, shoulder: Array, lean: Array, sign: float, fitted: FittedPortrait
) -> tuple[Array, Array]:
    """Shoulder (3,) and lean (2,) corrected so that the posed arm at rest lies over the photo's: least squares over rings around it."""
    camera = fitted.camera
    rings = [np.abs(asset.along - station) < 0.06 for station in RINGS]

    def misses(values: Array) -> Array:
        hanging = _hanging(rest, asset, values[1:], sign) + shoulder + np.array([values[0], 0, 0])
        errors = []
        for ring in rings:
            seen = hanging[ring, :2] / hanging[ring, 2:] * camera.focal + camera.principal
            x, y = (seen[:, 0].min() + seen[:, 0].max()) / 2, seen[:, 1].mean()
            wanted = float(np.interp(y, found.rows, found.middle))
            # What lies beyond what is seen says little; the edge of a sleeve is slanted.
            beyond = max(found.rows[0] - y + SLANTED * camera.focal / shoulder[2], y - found.rows[-1], 0.0) * shoulder[2] / camera.focal
            errors.append((wanted - x) * shoulder[2] / camera.focal / (1 + beyond / BEYOND))
        return np.array([*errors, *((values - [0, *lean]) * STAY)])

    # The upper end of a long sleeve is seen to leave the shoulder.
    most = SHIFT if found.cuff is None else SHIFT_SLEEVED
    best = least_squares(misses, [0, *lean], bounds=([-most, -0.3, -0.3], [most, 0.3, 0.3]))
    return shoulder + np.array([best.x[0], 0, 0]), np.asarray(best.x[1:])


def _hanging(rest: Array, asset: ArmAsset, lean: Array, sign: float) -> Array:
    """Points (N, 3) from the shoulder as the arm hangs in the photo, mirrored for a right arm."""
    upper, lower = (np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1.0]]) for a in lean)
    elbow = asset.heads[1].astype(np.float64) * SCALE
    share = (asset.weights * (asset.bones == 0)).sum(1, keepdims=True, dtype=np.float64)
    return np.asarray((share * (rest @ upper.T) + (1 - share) * (upper @ elbow + (rest - elbow) @ lower.T)) * (sign, 1, 1))


def _thickened(points: Array, asset: ArmAsset, thickness: Array, hem: float, cuff: float | None) -> Array:
    """Points (N, 3) with the distance to their bone scaled; the hand stays as it is. Above the ``hem`` of its sleeve the arm is narrower,
    so that no skin is seen beside it; a long sleeve ends at its ``cuff``."""
    last = [(2.0, 0.5 + 0.5 * thickness[-1])] if cuff is None else [(cuff, thickness[-1]), (cuff + CUFF_STEP, 1.0)]
    stations, shares = np.array([*zip((0.6, 1.0, 1.35, 1.7), thickness, strict=True), *last]).T
    share = np.interp(asset.along, stations, shares)
    below = asset.along.astype(np.float64) - hem
    if cuff is None:
        share = share * (1 - UNDER_SLEEVE * smoothstep(-below / 0.15))
    else:
        share = share * (1 - INSIDE_SLEEVE * smoothstep(1 - (below - NARROWS[0]) / NARROWS[1]))
    hand = asset.hand
    share = share * (1 - hand) + hand
    on_bone = _on_bone(points, asset, SCALE)
    return np.asarray(on_bone + (points - on_bone) * share[:, None])


def _on_bone(points: Array, asset: ArmAsset, scale: float) -> Array:
    """The nearest places (N, 3) on the bones of upper and lower arm, as long as the asset's times ``scale``."""
    fore = (asset.along > 1)[:, None]
    axis = np.where(fore, FINGERS_AT_REST, ELBOW_AT_REST / np.linalg.norm(ELBOW_AT_REST))
    base = np.where(fore, asset.heads[1] * scale, 0.0)
    return np.asarray(base + ((points - base) * axis).sum(1, keepdims=True) * axis)


def _below_hem(asset: ArmAsset, hem: float, rows: int, pixels: float, dark: tuple[float, float]) -> Array:
    """Factors (rows, 1, 3) of a texture: the shadow of a sleeve on the arm that comes out of it at ``hem`` (``ArmAsset.along``).
    dark: as ``UNDER_HEM``."""
    top = float(asset.points[:, 1].min())
    away = (np.arange(rows) + 0.5) / (TEXELS * pixels) / SCALE + top - _height(asset, hem)
    away = np.maximum(away, 0) + np.maximum(-away - HEM, 0)
    shade = dark[0] * np.exp(-((away / dark[1]) ** 2))
    return np.asarray(1 - shade[:, None, None] * [0.8, 1.0, 1.05])


def _height(asset: ArmAsset, along: float) -> float:
    """Metres from the shoulder down to a place of the asset's arm (``ArmAsset.along``)."""
    elbow, wrist = (float(asset.heads[bone][1]) for bone in (1, HAND_BONE))
    return elbow * min(along, 1.0) + (wrist - elbow) * max(along - 1, 0.0)


def _cloth_tone(fitted: FittedPortrait, found: HangingArm) -> Array:
    """Colour (3,) of a sleeve that is seen too little to be lifted."""
    return np.asarray(np.median(fitted.image[(found.mask > 0.9) & (fitted.alpha > 0.9)].astype(np.float64), 0))


def _in_sleeve(
    asset: ArmAsset,
    cuff: float,
    lifted: LiftedSkin | None,
    cloth: Array,
    at: Array,
    pixels: float,
    face: Array,
    plain: NDArray[np.floating],
) -> tuple[Array, NDArray[np.floating]]:
    """Colours (N, 4) and texture (h, w, 3) of an arm in a long sleeve that ends at its ``cuff``, with a bare hand.

    lifted: the sleeve, of colour ``cloth`` (3,) where the photo shows too little of it; at: as ``skin_at``, pixels: to a metre of the
    asset's arm; plain: texture (h, w) of skin.
    """
    colour = skin_colours(asset, face, face)
    covered = asset.along < cuff
    tone = np.tile(cloth, (len(at), 1)) if lifted is None else _tone_along(lifted, at[:, 1], asset, 0.0)
    colour[covered, :3] = tone[covered]
    skin = np.repeat(plain[..., None], 3, -1)
    end = round((_height(asset, cuff) - float(asset.points[:, 1].min())) * pixels)
    above = np.arange(len(skin))[:, None, None] < end
    return colour, skin if lifted is None else np.where(above, lifted.texture, skin)


def _fold_depth(lifted: LiftedSkin | None, pixels: float) -> float:
    """How deep the folds of a bent sleeve are, 0..1, by how much light and shade there is on the sleeve that hangs. pixels: to a metre."""
    if lifted is None:
        return FOLDED_LEAST
    rows = lifted.texture[int(lifted.rows[0]) : int(lifted.rows[-1]) + 1].mean(-1).astype(np.float32)
    shading = cv2.GaussianBlur(rows, (0, 0), FOLD_WIDTH * pixels)
    return float(np.clip(float(shading.std()) / FOLDED_WHOLLY, FOLDED_LEAST, 1.0))


def _tone_along(lifted: LiftedSkin, rows: Array, asset: ArmAsset, alike: float) -> Array:
    """Colours (N, 3) of the skin at vertices in these rows of its texture. Light fades towards the lower edge of many photos, and takes on
    the colour of what an arm hangs beside; a hand is raised out of there. alike: how far their hue is that of all of them."""
    tone = lifted.tone_at(rows)
    bright, all_bright = tone.mean(1, keepdims=True), lifted.tone.mean(1, keepdims=True)
    hue = tone / bright
    along = asset.along.astype(np.float64)[:, None]
    hue = hue * (np.median(lifted.tone / all_bright, 0) / hue) ** (alike * smoothstep((along - HUED[0]) / HUED[1]))
    return np.asarray(hue * bright * (float(np.median(all_bright)) / bright) ** (ALIKE * smoothstep(along - 1)))


def _plausible(arm: Array, face: Array) -> Array:
    """Colours (N, 3) of an arm that has the colours ``arm`` (N, 3), as bright as one can be beside a face of colour (3,)."""
    bright = arm.mean(1, keepdims=True) / max(float(face.mean()), 1.0)
    return np.asarray(arm * np.clip(bright, *BESIDE_FACE) / np.maximum(bright, 0.01))


def skin_colours(asset: ArmAsset, arm: Array, face: Array) -> Array:
    """(N, 4): skin, nails, palm and folds in even light, opaque. arm: (N, 3) or (3,). Hands take after the face more than forearms do."""
    nail, palm, blood, shade = (asset.tint[:, TINTS.index(name), None].astype(np.float64) for name in ("nail", "palm", "blood", "shade"))
    hand = asset.hand[:, None]
    skin = arm * (1 - 0.15 * hand) + face * 0.15 * hand
    bright = float(face.mean()) / 255
    inside = skin * np.array([1.02, 1.01, 1.06]) + np.clip(PALE - bright, 0, 0.5) * np.array([122, 104, 106])
    palm = np.maximum(palm, INNER * inner_side(asset)[:, None])
    skin = skin * (1 - palm) + inside * palm
    # Knuckles and finger tips are redder than the rest of a hand, but a hand is not redder than its arm.
    blood = blood - float(blood[asset.hand > 0.9].mean()) * hand
    skin = skin * (1 - blood * (1 - np.array([1.0, 0.962, 0.970])))
    skin = skin * (1 - shade * np.array([0.07, 0.10, 0.11]))
    nails = skin * (1 - PALER) + skin.mean(1, keepdims=True) * NAIL * PALER
    skin = skin * (1 - nail) + nails * nail
    return np.concatenate([skin, np.ones((len(skin), 1))], 1)


def inner_side(asset: ArmAsset) -> Array:
    """(N,), 0..1: the inner side of the forearm, on which the palm lies; at rest it looks at the body."""
    elbow = asset.heads[1].astype(np.float64)
    away = asset.points - elbow
    away = away - (away @ FINGERS_AT_REST)[:, None] * FINGERS_AT_REST
    turned = -away[:, 0] / np.maximum(np.linalg.norm(away, axis=1), 1e-6)
    below = (asset.along.astype(np.float64) - 1.05) / 0.35
    return np.asarray(smoothstep((turned - 0.1) / 0.8) * smoothstep(below) * (1 - asset.hand))


def _elbow_tip(asset: ArmAsset) -> NDArray[np.float32]:
    """(N,), 0..1: how near skin is to the tip of the elbow, behind the joint."""
    back = (asset.points - asset.heads[1]) @ -THUMB_AT_REST
    along = (asset.points - asset.heads[1]) @ FINGERS_AT_REST
    aside = np.linalg.norm(asset.points - asset.heads[1] - back[:, None] * -THUMB_AT_REST - along[:, None] * FINGERS_AT_REST, axis=1)
    return np.asarray(np.exp(-((along / TIP[0]) ** 2) - (aside / TIP[1]) ** 2) * smoothstep(back / 0.03), np.float32)


def _gloss(asset: ArmAsset) -> NDArray[np.float32]:
    nail, palm = (asset.tint[:, TINTS.index(name)] for name in ("nail", "palm"))
    return (0.055 + 0.03 * asset.hand + 0.02 * nail - 0.02 * palm).astype(np.float32)


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
