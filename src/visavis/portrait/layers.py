"""From a fitted photo to the rig that control poses and video draws: meshes, textures, background plate, and what lips and lids must keep
to."""

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.face_offset import SKIN_LANDMARKS, load_face_offset
from visavis.portrait import contours, mouth
from visavis.portrait.arm_asset import load_arm_asset
from visavis.portrait.arms import BreathField, fit_arms
from visavis.portrait.cards import LINING_CARDS, Cards, EyeParts, eye_cards, eye_rig, hang_on_jaw, lining_rows, mouth_cards_of, settle_teeth
from visavis.portrait.detail import double, finer_plate, finer_texture, head_frame
from visavis.portrait.folds import FOLDS, folds_of
from visavis.portrait.keypoints import keypoints, nearest_vertices
from visavis.portrait.lips import calibrate_jaw, lip_seam, rest_expression, round_lips, round_opening
from visavis.portrait.plate import complete_plate
from visavis.portrait.seen_face import SeenFace, head_pivot_of, unproject
from visavis.portrait.sheet_fields import (
    breath_of,
    depth_and_weight,
    displacement_of,
    shoulder_line_of,
    smooth_on_sheet,
    without_cliffs,
)
from visavis.portrait.smile import bared_teeth, chin_lowers, load_smile, moves_on_sheet, narrowed_at_rest
from visavis.portrait.topology import MARGIN, build_sheet
from visavis.types_portrait import PICTURE_HEIGHT, EyeRig, FittedPortrait, PortraitRig, RigMesh

LAYERS_VERSION = 10
"""Goes into the cache key: raise it whenever this package makes other layers from the same fit."""

SHUT_IN_PHOTO = 0.02
"""Lips nearer than this many eye distances in the photo are shut in it."""

CORNER_COLUMN = np.zeros(1, np.int64)
"""The skin beside the outer corner of an eye moves as that corner does."""

STRANDS = 9.0
"""Pixels over which the matte of strands of hair that the sides of the photo cut runs together beyond it."""

MADE_UP = 16.0
"""Levels by which the person's own colour at a rim may be told from a background that was made up, beside what the matte says of it."""

TEXTURE_SCALE = 2
"""Texels a pixel of the person's texture. Texels on whole pixels are the photo's own, those between are cubic, so that bilinear drawing
stays sharp."""


def build_portrait_rig(fitted: FittedPortrait, mesh: RigMesh) -> PortraitRig:
    """Everything that can be computed once for a photo. Takes two to four seconds; pure: the same fit gives the same rig."""
    image, landmarks, camera = fitted.image, fitted.landmarks, fitted.camera
    lips = contours.mouth_opening(image, landmarks)
    right_opening = contours.eye_opening(landmarks, contours.RIGHT_EYE_UPPER, contours.RIGHT_EYE_LOWER)
    left_opening = contours.eye_opening(landmarks, contours.LEFT_EYE_UPPER, contours.LEFT_EYE_LOWER)
    outline = landmarks[list(contours.FACE_OUTLINE)]
    face_height = float(np.ptp(landmarks[:468, 1]))
    shoulder_line = shoulder_line_of(fitted.alpha, landmarks, face_height)
    sheet = build_sheet(lips, right_opening, left_opening, outline, fitted.alpha > 0.004, shoulder_line + 0.5 * face_height)
    pixels = np.round(sheet.points * 32) / 32

    photo_face = fitted.vertices + np.tensordot(fitted.expression, mesh.expressions, 1)
    seen = SeenFace(photo_face, mesh, camera)
    head_pivot = head_pivot_of(fitted, mesh, landmarks)
    depth, head_weight = depth_and_weight(seen, pixels, outline, landmarks, fitted.alpha, float(head_pivot[2]), shoulder_line, face_height)
    depth = without_cliffs(depth, sheet.triangles, pixels, outline, float(head_pivot[2]) / camera.focal)
    displacement = displacement_of(seen, sheet, pixels, outline, face_height)

    eye_distance = float(np.linalg.norm(landmarks[468] - landmarks[473]))
    right_parts = eye_cards(image, landmarks, right_opening, contours.RIGHT_IRIS, landmarks[list(contours.RIGHT_BROW_LOWER)], seen, camera)
    left_parts = eye_cards(image, landmarks, left_opening, contours.LEFT_IRIS, landmarks[list(contours.LEFT_BROW_LOWER)], seen, camera)
    light = mouth.mouth_light(
        image,
        landmarks[[50, 280, 205, 425, 101, 330]],
        landmarks[[14, 17, 87, 317]].mean(0)[None],
        mouth.white_of_eyes(image, (right_opening, left_opening)),
    )
    mouth_cards, mouth_shapes, mouth_textures = mouth_cards_of(image, light, lips, eye_distance, seen, mesh, camera)

    completed = complete_plate(image, fitted.alpha, fitted.plain_background)
    plate = completed.image
    textures = {"person": _person_texture(fitted, plate), **mouth_textures}
    if fitted.detail.size:
        textures["person_detail"] = finer_texture(textures["person"], fitted)
    triangles: dict[str, NDArray[np.int32]] = {}
    points: list[NDArray[np.float64]] = [np.concatenate([unproject(pixels, depth, camera)])]
    uv: list[NDArray[np.float64]] = [(pixels + MARGIN) * TEXTURE_SCALE]
    shapes: list[NDArray[np.float64]] = [displacement]
    weights: list[NDArray[np.float64]] = [head_weight]
    folds = folds_of(image, landmarks, MARGIN, TEXTURE_SCALE)
    starts: dict[str, NDArray[np.int32]] = {}
    total = len(pixels)

    def join(name: str, card: Cards, card_shapes: NDArray[np.float64] | None = None) -> None:
        nonlocal total
        starts[name] = np.arange(total, total + len(card.points), dtype=np.int32)
        triangles[name] = (card.triangles + total).astype(np.int32)
        points.append(card.points)
        uv.append(card.uv)
        shapes.append(np.zeros((52, len(card.points), 3)) if card_shapes is None else card_shapes)
        weights.append(np.ones(len(card.points)))
        total += len(card.points)

    order = np.argsort(-depth[sheet.triangles].mean(1), kind="stable")  # far ones first: nose over cheek, chin over neck
    sorted_triangles = sheet.triangles[order]
    triangles["person"] = sorted_triangles
    for name, fold in folds.items():
        textures[f"fold_{name}"] = fold.texture
        triangles[f"fold_{name}"] = _within(sorted_triangles, (pixels + MARGIN) * TEXTURE_SCALE - fold.origin, fold.texture)
    for side, parts, upper, lower in (
        ("right", right_parts, sheet.right_upper, sheet.right_lower),
        ("left", left_parts, sheet.left_upper, sheet.left_lower),
    ):
        join(f"eyeball_{side}", parts.eyeball)
        join(f"glint_{side}", parts.eyeball)
        textures[f"glint_{side}"] = parts.glint_texture
        # Lid, lashes and shadow hang on the upper edge: brows, squint and widening carry them as they carry the skin.
        for name, card, texture, column in (
            ("shade", parts.shade, parts.shade_texture, parts.edge_column),
            ("lid", parts.lid, parts.lid_texture, parts.lid_column),
            ("lash", parts.lash, parts.lash_texture, parts.edge_column),
            ("corner", parts.corner, parts.corner_texture, CORNER_COLUMN),
        ):
            carried = upper[np.resize(column, len(card.points))]
            join(f"{name}_{side}", card, displacement[:, carried])
            textures[f"{name}_{side}"] = texture
        textures[f"eyeball_{side}"] = parts.eyeball_texture
        triangles[f"opening_{side}"] = _between(upper, lower, pixels)
        triangles[f"skin_{side}"] = _near(sorted_triangles, pixels, np.concatenate([pixels[upper], pixels[lower]]), 9.0)
    for name in (*LINING_CARDS, "tongue", "teeth_lower", "tongue_tip", "teeth_upper", "tongue_out"):
        join(name, mouth_cards[name], mouth_shapes.get(name))
    if float((lips[1][:, 1] - lips[0][:, 1]).max()) <= SHUT_IN_PHOTO * eye_distance:
        triangles["lip_line"] = triangles["lip_line"][:0]  # the photo has its own line, which is better
    triangles["skin_mouth"] = _near(sorted_triangles, pixels, np.concatenate(lips), 9.0)

    vertices, shape_stack = np.concatenate(points), np.concatenate(shapes, axis=1)
    metres_per_pixel = float(vertices[sheet.lips_upper, 2].mean()) / camera.focal
    shape_stack = round_lips(shape_stack, sheet, pixels, lips, metres_per_pixel, eye_distance)
    shape_stack = round_opening(shape_stack, sheet, pixels, lips)
    shape_stack = calibrate_jaw(shape_stack, vertices, sheet, eye_distance, camera)
    rest = rest_expression(fitted.expression, lips, eye_distance)
    seam = lip_seam(sheet, pixels, lips, vertices, shape_stack, rest - fitted.expression)
    hang_on_jaw(shape_stack, starts, mouth_cards, seam)
    settle_teeth(vertices, starts, seam, shape_stack, rest - fitted.expression)
    measured = load_smile()
    told = np.concatenate([measured[None, :SKIN_LANDMARKS], load_face_offset().moves])
    moves = moves_on_sheet(told, landmarks, sheet, pixels, outline, face_height)
    moved_by = np.zeros((len(told), total, 3))
    moved_by[:, : len(pixels), :2] = smooth_on_sheet(moves, sheet, pixels, 2.5, rounds=1) * (depth / camera.focal)[:, None]
    for side, parts, upper in (("right", right_parts, sheet.right_upper), ("left", left_parts, sheet.left_upper)):
        for name, column in (
            ("shade", parts.edge_column),
            ("lid", parts.lid_column),
            ("lash", parts.edge_column),
            ("corner", CORNER_COLUMN),
        ):
            strip = starts[f"{name}_{side}"]
            moved_by[:, strip] = moved_by[:, upper[np.resize(column, len(strip))]]
    teeth = starts["teeth_upper"]
    metres = eye_distance * metres_per_pixel
    for name in ("teeth_lower", "tongue", "tongue_tip"):
        moved_by[:, starts[name], 1] = chin_lowers(told)[:, None] * metres
    smile, offsets = moved_by[0], moved_by[1:]
    smile[teeth] = bared_teeth(vertices[teeth], metres)
    sheet_rest = vertices[: len(pixels)] + np.tensordot(rest - fitted.expression, shape_stack[:, : len(pixels)], 1)
    narrows = np.zeros(total)
    narrows[: len(pixels)] = narrowed_at_rest(smile[: len(pixels)], vertices[: len(pixels)], sheet_rest, sheet, metres)
    moved = np.flatnonzero(np.maximum(np.abs(shape_stack).max((0, 2)), np.abs(moved_by).max((0, 2))) > 2e-5).astype(np.int32)
    lining_column, lining_row, lining_reach = lining_rows(contours.MOUTH_COLUMNS)
    keypoint_names, keypoint_vertices, keypoint_weights = keypoints(landmarks, pixels, sheet, fitted.alpha, shoulder_line, face_height)
    breath = np.zeros((total, 3))
    breath[: len(pixels)] = breath_of(pixels, depth, shoulder_line, face_height, camera)
    lift = breath[nearest_vertices(pixels, landmarks[[1]])[0]]
    breath[len(pixels) :] = lift
    hip = np.array([0.0, (PICTURE_HEIGHT + 0.7 * face_height - camera.principal[1]) / camera.focal * head_pivot[2], head_pivot[2]])
    hip[0] = head_pivot[0]

    def eyes_of(side: str, parts: EyeParts, upper: NDArray[np.int32], lower: NDArray[np.int32], brow: tuple[int, ...]) -> EyeRig:
        hanging = starts[f"shade_{side}"], starts[f"lash_{side}"]
        return eye_rig(
            parts,
            starts[f"eyeball_{side}"],
            starts[f"glint_{side}"],
            hanging,
            starts[f"lid_{side}"],
            upper,
            lower,
            pixels,
            landmarks[list(brow)],
        )

    breathing = BreathField(pixels, breath[: len(pixels)], float(camera.focal), (float(camera.principal[0]), float(camera.principal[1])))
    arms = fit_arms(fitted, mesh, seen, load_arm_asset(), plate, textures["person"], np.asarray(head_pivot, np.float64), breathing)

    return PortraitRig(
        content_hash=fitted.content_hash,
        vertices=vertices.astype(np.float32),
        focal=float(camera.focal),
        principal=(float(camera.principal[0]), float(camera.principal[1])),
        shapes=np.ascontiguousarray(shape_stack[:, moved], np.float32),
        shape_vertices=moved,
        smile=smile[moved].astype(np.float32),
        offsets=np.ascontiguousarray(offsets[:, moved], np.float32),
        narrows=narrows[moved].astype(np.float32),
        photo_expression=fitted.expression.astype(np.float32),
        rest_expression=rest.astype(np.float32),
        head_weight=np.concatenate(weights).astype(np.float32),
        breath=breath.astype(np.float32),
        head_pivot=head_pivot.astype(np.float32),
        hip_pivot=hip.astype(np.float32),
        lips=seam,
        right_eye=eyes_of("right", right_parts, sheet.right_upper, sheet.right_lower, contours.RIGHT_BROW_LOWER),
        left_eye=eyes_of("left", left_parts, sheet.left_upper, sheet.left_lower, contours.LEFT_BROW_LOWER),
        mouth_lining=np.concatenate([starts[name] for name in LINING_CARDS]),
        lining_column=lining_column.astype(np.float32),
        lining_row=lining_row.astype(np.float32),
        lining_reach=lining_reach.astype(np.float32),
        uv=np.concatenate(uv).astype(np.float32),
        triangles=triangles,
        textures=textures,
        plate=plate,
        fold_origins=np.array([folds[name].origin for name in FOLDS], np.int32),
        keypoint_names=keypoint_names,
        keypoint_vertices=keypoint_vertices,
        keypoint_weights=keypoint_weights,
        eye_distance=eye_distance,
        plate_detail=finer_plate(completed, fitted),
        head_frame=head_frame(fitted.alpha, landmarks),
        arms=arms,
    )


def _person_texture(fitted: FittedPortrait, plate: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The person in their own colours with the matte: RGBA at TEXTURE_SCALE, MARGIN pixels wider than the photo on every side.

    Where the matte is partial the colour is solved from photo = alpha * colour + (1 - alpha) * plate, so that over its own plate the photo
    comes back: wholly in a studio, by and large before a busy background.
    """
    alpha = fitted.alpha.astype(np.float32)
    alpha = np.where(alpha < 0.01, 0, np.where(alpha > 0.99, 1, alpha)).astype(np.float32)
    image = fitted.image.astype(np.float32)
    a = alpha[..., None]
    solved = np.asarray((image - (1 - a) * plate) / np.maximum(a, 0.05), np.float32)
    trust = np.clip((a - 0.08) / 0.25, 0, 1)
    own = fitted.foreground.astype(np.float32)
    if not fitted.plain_background:
        # Here the plate is made up, and may be quite another thing than what shone through.
        solved = own + np.clip(solved - own, -MADE_UP, MADE_UP)
    colour = solved.clip(0, 255) * trust + own * (1 - trust)
    # Beyond the rim colours continue outwards, so that bilinear sampling at the rim mixes in no background.
    inner = (alpha > 0.3).astype(np.float32)
    weight = cv2.GaussianBlur(inner, (0, 0), 3)
    spread = cv2.GaussianBlur(colour * inner[..., None], (0, 0), 3) / np.maximum(weight, 1e-4)[..., None]
    colour = np.where(((alpha < 0.02) & (weight > 1e-4))[..., None], spread, colour)
    border = MARGIN, MARGIN + 1, MARGIN, MARGIN + 1
    # Only what the edge itself cuts goes on beyond it: mirrored, hair that ends near the edge would float there.
    beyond = cv2.copyMakeBorder(alpha, *border, cv2.BORDER_REPLICATE)
    # Strands that the sides cut would go on as bars; they run together instead.
    merged = cv2.GaussianBlur(beyond, (0, 0), sigmaX=0.1, sigmaY=STRANDS)
    outside = np.maximum(MARGIN - np.arange(beyond.shape[1]), np.arange(beyond.shape[1]) - MARGIN - alpha.shape[1] + 1)
    share = np.clip(outside / 2.0, 0, 1)[None].astype(np.float32)
    beyond = beyond * (1 - share) + merged * share
    rgba = np.dstack([cv2.copyMakeBorder(colour, *border, cv2.BORDER_REFLECT_101), beyond * 255])
    return double(double(rgba, 0), 1).round().clip(0, 255).astype(np.uint8)


def _between(upper: NDArray[np.int32], lower: NDArray[np.int32], pixels: NDArray[np.float64]) -> NDArray[np.int32]:
    """The opening between two edges as triangles on their vertices, clockwise on the screen."""
    if pixels[upper[0], 0] > pixels[upper[-1], 0]:
        upper, lower = upper[::-1], lower[::-1]
    a, b, c, d = upper[:-1], upper[1:], lower[1:], lower[:-1]
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)


def _within(triangles: NDArray[np.int32], texels: NDArray[np.float64], texture: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Those triangles, in their order, that lie in ``texture`` and show something of it. texels: (V, 2), coordinates in it."""
    height, width = texture.shape[:2]
    inside = np.asarray(((texels >= 0) & (texels <= (width - 1.02, height - 1.02))).all(1))
    chosen = triangles[inside[triangles].all(1)]
    shown = np.pad(np.cumsum(np.cumsum(texture[..., 3] > 0, 0, dtype=np.int64), 1), ((1, 0), (1, 0)))
    low, high = np.floor(texels[chosen].min(1)).astype(int), np.ceil(texels[chosen].max(1)).astype(int)
    (x0, y0), (x1, y1) = low.T, np.minimum(high + 1, (width, height)).T
    return chosen[shown[y1, x1] - shown[y0, x1] - shown[y1, x0] + shown[y0, x0] > 0]


def _near(triangles: NDArray[np.int32], pixels: NDArray[np.float64], curve: NDArray[np.float64], reach: float) -> NDArray[np.int32]:
    """Those triangles, in their order, that have a corner within ``reach`` pixels of the curve."""
    distance = np.full(len(pixels), np.inf)
    box = (pixels > curve.min(0) - reach).all(1) & (pixels < curve.max(0) + reach).all(1)
    distance[box] = np.linalg.norm(pixels[box][:, None] - curve[None], axis=-1).min(1)
    return triangles[(distance < reach)[triangles].any(1)]
