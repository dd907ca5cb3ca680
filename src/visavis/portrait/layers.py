"""From a fitted photo to the rig that control poses and video draws: meshes, textures, background plate, and what lips and lids must keep
to."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.motion.layout import ARKIT_INDEX
from visavis.portrait import contours, eyes, mouth
from visavis.portrait.plate import complete_plate
from visavis.portrait.surface import Field, depth_buffer, visible_vertices
from visavis.portrait.topology import MARGIN, Sheet, build_sheet
from visavis.types_portrait import PICTURE_HEIGHT, PICTURE_WIDTH, Camera, EyeRig, FittedPortrait, LipSeam, PortraitRig, RigMesh

LAYERS_VERSION = 1
"""Goes into the cache key: raise it whenever this package makes other layers from the same fit."""

TEXTURE_SCALE = 2
"""Texels a pixel of the person's texture. Texels on whole pixels are the photo's own, those between are cubic, so that bilinear drawing
stays sharp."""

JAW_OPENING = 0.40
"""Gap between the inner lips, in distances between the pupils, at jawOpen 0.6: what real wide vowels reach."""

UPPER_SHARE = 0.4
"""How much of a closing the upper lip does; the lower one, with the jaw under it, does the rest."""

STEEPEST_FACE, STEEPEST_BESIDE = 3.3, 1.8
"""Steepest slopes of the sheet in depth, metres per metre. A turn by 14 degrees folds slopes above 4."""

PUCKER_NARROWING = 0.29
"""How much narrower the mouth gets at mouthPucker 1."""

FUNNEL_LIFT = 0.05
"""How far mouthFunnel at 1 may lift the upper lip, in mouth widths."""

_GRID = 8
_SIX_TENTHS = 0.6


@dataclass(frozen=True)
class _Cards:
    """Small meshes inside eyes and mouth, before they are joined to the sheet. points: (n, 3) camera space; uv texels; triangles."""

    points: NDArray[np.float64]
    uv: NDArray[np.float64]
    triangles: NDArray[np.int32]


def build_portrait_rig(fitted: FittedPortrait, mesh: RigMesh) -> PortraitRig:
    """Everything that can be computed once for a photo. Takes about two seconds; pure: the same fit gives the same rig."""
    image, landmarks, camera = fitted.image, fitted.landmarks, fitted.camera
    lips = contours.mouth_opening(image, landmarks)
    right_opening = contours.eye_opening(landmarks, contours.RIGHT_EYE_UPPER, contours.RIGHT_EYE_LOWER)
    left_opening = contours.eye_opening(landmarks, contours.LEFT_EYE_UPPER, contours.LEFT_EYE_LOWER)
    outline = landmarks[list(contours.FACE_OUTLINE)]
    face_height = float(np.ptp(landmarks[:468, 1]))
    shoulder_line = _shoulder_line(fitted.alpha, landmarks, face_height)
    sheet = build_sheet(lips, right_opening, left_opening, outline, fitted.alpha > 0.004, shoulder_line + 0.5 * face_height)
    pixels = np.round(sheet.points * 32) / 32

    photo_face = fitted.vertices + np.tensordot(fitted.expression, mesh.expressions, 1)
    seen = _SeenFace(photo_face, mesh, camera)
    head_pivot = _head_pivot(fitted, mesh, landmarks)
    depth, head_weight = _depth_and_weight(seen, pixels, outline, landmarks, fitted.alpha, float(head_pivot[2]), shoulder_line, face_height)
    depth = _without_cliffs(depth, sheet.triangles, pixels, outline, float(head_pivot[2]) / camera.focal)
    displacement = _displacement(seen, sheet, pixels, outline, face_height)

    eye_distance = float(np.linalg.norm(landmarks[468] - landmarks[473]))
    right_parts = _eye_cards(image, landmarks, right_opening, contours.RIGHT_IRIS, seen, camera)
    left_parts = _eye_cards(image, landmarks, left_opening, contours.LEFT_IRIS, seen, camera)
    middle = (lips[0] + lips[1]) / 2
    mouth_cards, mouth_shapes, mouth_textures = _mouth_cards(image, landmarks, middle, seen, mesh, camera)

    plate = complete_plate(image, fitted.alpha, fitted.plain_background)
    textures = {"person": _person_texture(fitted, plate), **mouth_textures}
    triangles: dict[str, NDArray[np.int32]] = {}
    points: list[NDArray[np.float64]] = [np.concatenate([_unproject(pixels, depth, camera)])]
    uv: list[NDArray[np.float64]] = [(pixels + MARGIN) * TEXTURE_SCALE]
    shapes: list[NDArray[np.float64]] = [displacement]
    weights: list[NDArray[np.float64]] = [head_weight]
    starts: dict[str, NDArray[np.int32]] = {}
    total = len(pixels)

    def join(name: str, card: _Cards, card_shapes: NDArray[np.float64] | None = None) -> None:
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
    for side, parts, upper, lower in (
        ("right", right_parts, sheet.right_upper, sheet.right_lower),
        ("left", left_parts, sheet.left_upper, sheet.left_lower),
    ):
        join(f"eyeball_{side}", parts.eyeball)
        # The lid hangs on the upper edge: brows, squint and widening carry it as they carry the skin beside it.
        column = np.clip(np.round(parts.lid_column), 0, len(upper) - 1).astype(int)
        join(f"lid_{side}", parts.lid, displacement[:, upper[column]])
        textures[f"eyeball_{side}"], textures[f"lid_{side}"] = parts.eyeball_texture, parts.lid_texture
        triangles[f"opening_{side}"] = _between(upper, lower, pixels)
        triangles[f"skin_{side}"] = _near(sorted_triangles, pixels, np.concatenate([pixels[upper], pixels[lower]]), 9.0)
    for name in ("lining", "teeth_lower", "tongue", "teeth_upper"):
        join(name, mouth_cards[name], mouth_shapes.get(name))
    triangles["skin_mouth"] = _near(sorted_triangles, pixels, middle, 9.0)

    vertices, shape_stack = np.concatenate(points), np.concatenate(shapes, axis=1)
    shape_stack = _round_lips(shape_stack, sheet, float(vertices[sheet.lips_upper, 2].mean()) / camera.focal)
    shape_stack = _round_opening(shape_stack, sheet, pixels, lips)
    shape_stack = _calibrate_jaw(shape_stack, vertices, sheet, eye_distance, camera)
    rest = _rest_expression(fitted.expression, lips, eye_distance)
    moved = np.flatnonzero(np.abs(shape_stack).max((0, 2)) > 2e-5).astype(np.int32)
    seam = _lip_seam(sheet, pixels, lips, vertices, shape_stack, rest - fitted.expression)
    _settle_teeth(vertices, starts, seam, shape_stack, rest - fitted.expression)
    lining_rows = mouth_cards["lining"].uv
    keypoint_names, keypoint_vertices, keypoint_weights = _keypoints(landmarks, pixels, sheet, fitted.alpha, shoulder_line, face_height)
    breath = np.zeros((total, 3))
    breath[: len(pixels)] = _breath(pixels, depth, shoulder_line, face_height, camera)
    lift = breath[_nearest(pixels, landmarks[[1]])[0]]
    breath[len(pixels) :] = lift
    hip = np.array([0.0, (PICTURE_HEIGHT + 0.7 * face_height - camera.principal[1]) / camera.focal * head_pivot[2], head_pivot[2]])
    hip[0] = head_pivot[0]
    return PortraitRig(
        content_hash=fitted.content_hash,
        vertices=vertices.astype(np.float32),
        focal=float(camera.focal),
        principal=(float(camera.principal[0]), float(camera.principal[1])),
        shapes=np.ascontiguousarray(shape_stack[:, moved], np.float32),
        shape_vertices=moved,
        photo_expression=fitted.expression.astype(np.float32),
        rest_expression=rest.astype(np.float32),
        head_weight=np.concatenate(weights).astype(np.float32),
        breath=breath.astype(np.float32),
        head_pivot=head_pivot.astype(np.float32),
        hip_pivot=hip.astype(np.float32),
        lips=seam,
        right_eye=_eye_rig(right_parts, starts["eyeball_right"], starts["lid_right"], sheet.right_upper, sheet.right_lower, pixels),
        left_eye=_eye_rig(left_parts, starts["eyeball_left"], starts["lid_left"], sheet.left_upper, sheet.left_lower, pixels),
        mouth_lining=starts["lining"],
        lining_column=np.tile(np.arange(contours.MOUTH_COLUMNS, dtype=np.float32), _LINING_ROWS),
        lining_row=(lining_rows[:, 1] / 62.0 * 1.12 - 0.06).astype(np.float32),
        uv=np.concatenate(uv).astype(np.float32),
        triangles=triangles,
        textures=textures,
        plate=plate,
        keypoint_names=keypoint_names,
        keypoint_vertices=keypoint_vertices,
        keypoint_weights=keypoint_weights,
        eye_distance=eye_distance,
    )


class _SeenFace:
    """The fitted head where the camera sees it: depth and displacement fields over the picture."""

    def __init__(self, photo_face: NDArray[np.floating], mesh: RigMesh, camera: Camera) -> None:
        skin = mesh.triangles_of("skin")
        head = skin[(mesh.head_weight + mesh.neck_weight)[skin].min(1) > 0.05]
        every = mesh.triangles[(mesh.head_weight + mesh.neck_weight)[mesh.triangles].min(1) > 0.05]
        self.picture = camera.to_picture(photo_face)
        self.visible = visible_vertices(self.picture, every, (PICTURE_HEIGHT, PICTURE_WIDTH))
        on_skin = np.zeros(len(self.visible), bool)
        on_skin[head] = True
        self.vertices = np.flatnonzero(self.visible & on_skin & _faces_camera(camera.to_camera(photo_face), head))
        self.depth = np.full((PICTURE_HEIGHT, PICTURE_WIDTH), 1e9, np.float32)
        depth_buffer(np.ascontiguousarray(self.picture), np.ascontiguousarray(head), self.depth)
        self.shapes = (mesh.expressions[:, self.vertices] @ camera.rotation.T).astype(np.float32)  # camera axes
        self.points = self.picture[self.vertices, :2]
        self.depth_field = Field(self.points, self.picture[self.vertices, 2:].astype(np.float32))


def _faces_camera(points: NDArray[np.float64], triangles: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Vertices (V,) whose normal looks at the camera, whichever way the mesh winds."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    face_normal = np.cross(b - a, c - a)
    normal = np.zeros_like(points)
    for i in range(3):
        np.add.at(normal, triangles[:, i], face_normal)
    toward = (normal * points).sum(1) / np.maximum(np.linalg.norm(normal, axis=1) * np.linalg.norm(points, axis=1), 1e-12)
    nearest = np.argsort(points[triangles].mean(1)[:, 2])[: len(triangles) // 20]  # the nearest part of a head surely faces the camera
    sign = np.sign(np.median(toward[triangles[nearest]]))
    return np.asarray(toward * sign > 0.05)


def _unproject(pixels: NDArray[np.float64], depth: NDArray[np.float64], camera: Camera) -> NDArray[np.float64]:
    """Pixels (n, 2) at depths (n,) to camera space (n, 3)."""
    return np.concatenate([(pixels - camera.principal) / camera.focal * depth[:, None], depth[:, None]], 1)


def _head_pivot(fitted: FittedPortrait, mesh: RigMesh, landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where head meets neck, camera space. It nods and turns a little below the skull's own joint, as a person does who shares the turn
    with the neck."""
    joints = fitted.camera.to_camera(fitted.joint_heads)
    names = list(mesh.joint_names)
    return np.asarray(joints[names.index("neck03")])


def _shoulder_line(alpha: NDArray[np.float32], landmarks: NDArray[np.float64], face_height: float) -> float:
    """y (pixels) where the neck ends: the row below the chin from which the person is clearly wider than the face."""
    chin = float(landmarks[152, 1])
    face_width = float(np.ptp(landmarks[:468, 0]))
    rows = (alpha > 0.5).sum(1)
    wide = np.flatnonzero(rows[int(min(chin, PICTURE_HEIGHT - 1)) :] > 1.75 * face_width)
    found = chin + (float(wide[0]) if len(wide) else 0.5 * face_height)
    return float(np.clip(found, chin + 0.28 * face_height, chin + 0.8 * face_height))


def _relax(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fill unknown cells of a grid harmonically (Laplace), coarse to fine."""
    if min(values.shape) > 8:
        height, width = values.shape[0] // 2 * 2, values.shape[1] // 2 * 2
        v, k = values[:height, :width], known[:height, :width]
        count = k.reshape(height // 2, 2, width // 2, 2).sum((1, 3))
        mean = (v * k).reshape(height // 2, 2, width // 2, 2).sum((1, 3)) / np.maximum(count, 1)
        start = cv2.resize(_relax(mean, count > 0), values.shape[::-1], interpolation=cv2.INTER_LINEAR)
    else:
        start = np.full(values.shape, values[known].mean())
    filled = np.where(known, values, start)
    for _ in range(60):
        p = np.pad(filled, 1, mode="edge")
        filled = np.where(known, values, (p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:]) / 4)
    return filled


def _depth_and_weight(
    seen: _SeenFace,
    pixels: NDArray[np.float64],
    outline: NDArray[np.float64],
    landmarks: NDArray[np.float64],
    alpha: NDArray[np.float32],
    pivot_depth: float,
    shoulder_line: float,
    face_height: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Depth in metres and head weight 0..1 at each vertex of the sheet.

    On the face both are the mesh's. Hair has no mesh: its depth runs from the scalp back to the pivot's depth at its rim, which is where a
    head is
    widest. The weight falls from one at the jaw to nought at the shoulders.
    """
    x, y = np.meshgrid(np.arange(-MARGIN, PICTURE_WIDTH + MARGIN + 1, _GRID), np.arange(-MARGIN, PICTURE_HEIGHT + MARGIN + 1, _GRID))
    xi, yi = np.clip(x, 0, PICTURE_WIDTH - 1), np.clip(y, 0, PICTURE_HEIGHT - 1)
    hit = seen.depth < 1e8
    core = cv2.erode(hit.astype(np.uint8), np.ones((17, 17), np.uint8)) > 0
    known = core[yi, xi]
    values = np.where(known, seen.depth[yi, xi], 0.0).astype(np.float64)
    chin = float(landmarks[152, 1])
    outside = cv2.dilate((alpha > 0.3).astype(np.uint8), np.ones((9, 9), np.uint8))[yi, xi] == 0
    far = cv2.distanceTransform((~hit).astype(np.uint8), cv2.DIST_L2, 5)[yi, xi] > 0.12 * face_height
    rim = outside & (y < chin) & far & ~known
    torso = (y > shoulder_line + 8) & ~known
    values[rim], values[torso] = pivot_depth, pivot_depth - 0.035
    depth_grid = _relax(values, known | rim | torso)
    jaw = float(landmarks[[132, 361], 1].mean())
    signed, _ = contours.distance_to(np.stack([x.ravel(), y.ravel()], 1).astype(np.float64), outline)
    on_face = signed.reshape(x.shape) < 0
    top, bottom = (y < jaw) | on_face, (y > shoulder_line + 4) & ~on_face
    weight_grid = _relax(np.where(top, 1.0, 0.0), top | bottom)
    depth_grid = cv2.GaussianBlur(depth_grid, (0, 0), 0.8)
    weight_grid = cv2.GaussianBlur(weight_grid, (0, 0), 1.0)

    def sample(grid: NDArray[np.float64]) -> NDArray[np.float64]:
        at = ((pixels + MARGIN) / _GRID).astype(np.float32)
        return cv2.remap(grid.astype(np.float32), at[:, :1], at[:, 1:], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0].astype(
            np.float64
        )

    signed, nearest = contours.distance_to(pixels, outline)
    # Near its outline the face turns away steeply, and beside it neck and background lie centimetres behind. Both steps are spread out, so
    # that
    # the sheet never folds over within the turns a head makes: an edge of a fold would be jagged, the matte's edge is smooth.
    inset = 0.004 * face_height
    centre = outline.mean(0)
    inward = nearest + (centre - nearest) / np.linalg.norm(centre - nearest, axis=1, keepdims=True) * inset
    beside = np.clip(signed / (0.17 * face_height), 0, 1)
    beside = beside * beside * (3 - 2 * beside)
    depth = sample(depth_grid)
    near = beside < 1
    at = np.where((signed > -inset)[:, None], inward, pixels)[near]
    depth[near] = seen.depth_field(at)[:, 0] * (1 - beside[near]) + depth[near] * beside[near]
    weight = np.clip(np.maximum(sample(weight_grid), np.clip((2.0 - signed) / 8.0, 0, 1)), 0, 1)
    return depth, weight


def _without_cliffs(
    depth: NDArray[np.float64],
    triangles: NDArray[np.int32],
    pixels: NDArray[np.float64],
    outline: NDArray[np.float64],
    metres_per_pixel: float,
) -> NDArray[np.float64]:
    """Bring forward what lies behind a step in depth, until no slope is steeper than allowed: turned by a head's range, no part of the
    sheet folds over,
    and beside the face, where the matte's edge is, none is squeezed so much that the edge would be undersampled."""
    a, b = np.unique(np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), 1), axis=0).T
    steepest = np.where(contours.inside((pixels[a] + pixels[b]) / 2, outline), STEEPEST_FACE, STEEPEST_BESIDE)
    reach = np.linalg.norm(pixels[a] - pixels[b], axis=1) * metres_per_pixel * steepest
    depth = depth.copy()
    for _ in range(60):
        before = depth.copy()
        np.minimum.at(depth, a, before[b] + reach)
        np.minimum.at(depth, b, before[a] + reach)
        if np.array_equal(before, depth):
            break
    return depth


def _displacement(
    seen: _SeenFace, sheet: Sheet, pixels: NDArray[np.float64], outline: NDArray[np.float64], face_height: float
) -> NDArray[np.float64]:
    """Displacement (52, n, 3) of each sheet vertex for each shape, camera axes. Beside the face it fades; below the chin it fades slowly,
    so that skin slides."""
    middle = (pixels[sheet.lips_upper] + pixels[sheet.lips_lower]) / 2
    corners = middle[0, 0], middle[-1, 0]
    width = corners[1] - corners[0]
    line = contours.height_on(middle, seen.points[:, 0])
    values = np.moveaxis(seen.shapes, 0, 1).reshape(len(seen.points), -1)
    # Each lip's field knows only its own side, so that neither is dragged along by the other; how far a vertex follows the jaw tells the
    # lips apart.
    jaw = seen.shapes[ARKIT_INDEX["jawOpen"], :, 1]
    follows = jaw / max(float(np.percentile(jaw, 99)), 1e-6)
    centre_x = float(np.mean(corners))
    beside = np.abs(seen.points[:, 0] - centre_x)
    inner = beside < 0.36 * width
    around = beside < 0.75 * width
    over = ~around | ((seen.points[:, 1] < line) & ~(inner & (follows > 0.4)))
    under = ~around | ((seen.points[:, 1] > line) & ~(inner & (follows < 0.5)))
    signed, nearest = contours.distance_to(pixels, outline)
    # On the outline itself the mesh may already show the neck: read a little inside.
    centre = outline.mean(0)
    inset = 0.03 * face_height
    target = np.where(
        (signed > -inset)[:, None], nearest + (centre - nearest) / np.linalg.norm(centre - nearest, axis=1, keepdims=True) * inset, pixels
    )
    # The rim of each lip moves as one piece: read where the fitted lip surely is.
    lip_inset = 0.05 * width * np.clip((0.5 * width - np.abs(pixels[:, 0] - centre_x)) / (0.12 * width), 0, 1)
    upper_edge, lower_edge = (contours.height_on(pixels[edge], pixels[:, 0]) for edge in (sheet.lips_upper, sheet.lips_lower))
    target[:, 1] = np.where(
        sheet.below,
        np.maximum(target[:, 1], np.where(lip_inset > 0, lower_edge + lip_inset, -np.inf)),
        np.minimum(target[:, 1], np.where(lip_inset > 0, upper_edge - lip_inset, np.inf)),
    )
    result = np.empty((len(pixels), values.shape[1]))
    below = sheet.below
    for side, mask in ((below, under), (~below, over)):
        result[side] = Field(seen.points[mask], values[mask])(target[side])
    chin, cheek = outline[:, 1].max(), outline[:, 1].max() - 0.45 * face_height
    down = np.clip((nearest[:, 1] - cheek) / (chin - cheek), 0, 1)
    reach = face_height * (0.07 + 0.17 * down**2)
    fade = np.exp(-((np.maximum(signed, 0) / reach) ** 2))
    fade[signed > 2.6 * reach] = 0
    result = (result * fade[:, None]).reshape(len(pixels), 52, 3)
    result = np.moveaxis(result, 1, 0).copy()
    # Blinking is the lid's own business (EyeRig); gaze turns the eyeball. The mesh's shapes for them would drag brow and cheek.
    for name, index in ARKIT_INDEX.items():
        if name.startswith(("eyeBlink", "eyeLook")):
            result[index] = 0
    return _smooth_on_sheet(result, sheet, pixels, 5.0 * max(width / 45.0, 1.0))


def _smooth_on_sheet(
    values: NDArray[np.float64], sheet: Sheet, pixels: NDArray[np.float64], reach: float, rounds: int = 2
) -> NDArray[np.float64]:
    """A little smoothing along edges takes out the facets of the coarser fitted mesh; contour vertices are averaged along their contour
    only."""
    count = len(pixels)
    edges = np.concatenate([sheet.triangles[:, [0, 1]], sheet.triangles[:, [1, 2]], sheet.triangles[:, [2, 0]]])
    edges = np.unique(np.sort(edges, 1), axis=0)
    length = np.linalg.norm(pixels[edges[:, 0]] - pixels[edges[:, 1]], axis=1)
    weight = np.exp(-((length / reach) ** 2)) + 1e-6
    for _ in range(rounds):
        total, norm = values * 1.0, np.ones(count)
        for a, b in ((edges[:, 0], edges[:, 1]), (edges[:, 1], edges[:, 0])):
            np.add.at(norm, a, weight)
            for s in range(values.shape[0]):
                for c in range(3):
                    total[s, :, c] += np.bincount(a, weight * values[s, b, c], minlength=count)
        values = total / norm[None, :, None]
    return values


@dataclass(frozen=True)
class _EyeParts:
    eyeball: _Cards
    eyeball_texture: NDArray[np.uint8]
    centre: NDArray[np.float64]
    lid: _Cards
    lid_texture: NDArray[np.uint8]
    lid_column: NDArray[np.float64]
    lid_travel: NDArray[np.float64]


def _grid_triangles(rows: int, columns: int) -> NDArray[np.int32]:
    """Triangles of a (rows, columns) grid of vertices whose columns run to the right and rows down: clockwise on the screen."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)


def _eye_cards(
    image: NDArray[np.uint8],
    landmarks: NDArray[np.float64],
    opening: tuple[NDArray[np.float64], NDArray[np.float64]],
    iris_numbers: tuple[int, ...],
    seen: _SeenFace,
    camera: Camera,
) -> _EyeParts:
    upper, lower = opening
    iris = landmarks[list(iris_numbers)]
    texture, origin = eyes.eyeball_texture(image, upper, lower, iris)
    # A grown person's iris is 11.7 mm wide and the eyeball 24 mm, whoever it is (Forrester, The Eye): the iris seen tells the eyeball's
    # size.
    iris_depth = float(seen.depth_field(iris[:1])[0, 0])
    radius = 2.05 * float(np.linalg.norm(iris[1:] - iris[0], axis=1).mean()) / camera.focal * iris_depth
    # The eyeball sits right behind the iris seen in the photo, its front just behind the lids.
    lid_depth = float(seen.depth_field(np.stack([upper[len(upper) // 2], lower[len(lower) // 2]])).mean())
    front = lid_depth - 0.001
    middle = (upper.mean(0) + lower.mean(0)) / 2
    towards = 0.8 * iris[0] + 0.2 * middle
    centre = _unproject(towards[None], np.array([front + radius]), camera)[0]
    # A cap wide enough to fill the opening at any gaze: a sphere in front that runs out flat behind the lids.
    span = np.linspace(-1.9, 1.9, 9)
    a, b = np.meshgrid(span, span)
    back = np.minimum((a**2 + b**2) / 2, 0.75)
    points = (centre + radius * np.stack([a, b, back - 1.0], -1)).reshape(-1, 3)
    projected = points[:, :2] / points[:, 2:] * camera.focal + camera.principal
    uv = np.clip(eyes.to_texels(projected, origin), 0, np.array(texture.shape[1::-1]) - 2.01)
    eyeball = _Cards(points, uv, _grid_triangles(9, 9))

    crease = eyes.crease_curve(upper)
    unit = float(np.linalg.norm(upper[-1] - upper[0])) / 22.0
    lid_image = eyes.lid_texture(image, upper, lower, crease, unit)
    rows = np.array([0.0, 0.15, 0.35, 0.6, 0.8, 1.0, 1.22, 1.46])
    flipped = upper[0, 0] > upper[-1, 0]
    columns = np.arange(len(upper))[::-1] if flipped else np.arange(len(upper))  # left to right on the screen
    fringe = 4.0 * unit / (eyes.LID_ROWS / eyes.LASH_ROW - 1)  # pixels that row 2 would be below the lashes
    lid_points, lid_uv, lid_column, lid_travel = [], [], [], []
    for t in rows:
        place = crease + (upper - crease) * min(t, 1.0) + np.array([0.0, max(t - 1, 0) * fringe])
        z = seen.depth_field(np.clip(place, crease.min(0), None))[:, 0] - 0.0015
        lid_points.append(_unproject(place, z, camera)[columns])
        at = np.stack(
            [columns / (len(upper) - 1) * (eyes.LID_COLUMNS - 1.02), np.full(len(columns), min(t * eyes.LASH_ROW, eyes.LID_ROWS - 1.02))], 1
        )
        lid_uv.append(at)
        lid_column.append(columns.astype(np.float64))
        lid_travel.append(np.full(len(columns), min(t, 1.0)))
    lid = _Cards(np.concatenate(lid_points), np.concatenate(lid_uv), _grid_triangles(len(rows), len(upper)))
    return _EyeParts(eyeball, texture, centre, lid, lid_image, np.concatenate(lid_column), np.concatenate(lid_travel))


def _eye_rig(
    parts: _EyeParts,
    eyeball: NDArray[np.int32],
    lid: NDArray[np.int32],
    upper: NDArray[np.int32],
    lower: NDArray[np.int32],
    pixels: NDArray[np.float64],
) -> EyeRig:
    span = float(np.linalg.norm(pixels[upper[-1]] - pixels[upper[0]]))
    edge = contours.height_on(pixels[lower], pixels[:, 0])
    left, right = sorted((pixels[lower[0], 0], pixels[lower[-1], 0]))
    beneath = pixels[:, 1] - edge
    pull = np.where(
        (pixels[:, 0] > left) & (pixels[:, 0] < right) & (beneath > -0.01), np.exp(-((np.maximum(beneath, 0) / (0.22 * span)) ** 2)), 0.0
    )
    pull[upper] = 0
    pull[lower[1:-1]] = 1
    under = np.flatnonzero(pull > 0.02).astype(np.int32)
    column = contours.column_on(pixels[lower], pixels[under, 0])
    return EyeRig(
        upper=upper,
        lower=lower,
        eyeball=eyeball,
        centre=parts.centre.astype(np.float32),
        lid=lid,
        column=parts.lid_column.astype(np.float32),
        travel=parts.lid_travel.astype(np.float32),
        under=under,
        under_column=column.astype(np.float32),
        under_travel=pull[under].astype(np.float32),
    )


_LINING_ROWS = 7


def _mouth_cards(
    image: NDArray[np.uint8], landmarks: NDArray[np.float64], line: NDArray[np.float64], seen: _SeenFace, mesh: RigMesh, camera: Camera
) -> tuple[dict[str, _Cards], dict[str, NDArray[np.float64]], dict[str, NDArray[np.uint8]]]:
    """Teeth, tongue and lining: cards, their shapes where they follow the jaw, and textures."""
    light = mouth.mouth_light(image, landmarks[[50, 280, 205, 425, 101, 330]], landmarks[[14, 17, 87, 317]].mean(0)[None])
    width = float(np.linalg.norm(line[-1] - line[0]))
    axis = (line[-1] - line[0]) / width
    down = np.array([-axis[1], axis[0]])
    centre = (line[0] + line[-1]) / 2
    centre = np.array([centre[0], float(line[len(line) // 2 - 3 : len(line) // 2 + 4, 1].mean())])
    lip_depth = float(seen.depth_field(centre[None])[0, 0])
    textures = {
        "teeth_upper": mouth.upper_teeth(light),
        "teeth_lower": mouth.lower_teeth(light),
        "tongue": mouth.tongue(light),
        "lining": mouth.lining(light),
    }
    cards: dict[str, _Cards] = {}

    def card(name: str, half: float, top: float, bottom: float, depth: float, bow: float, rows: int = 3, columns: int = 13) -> None:
        u, v = np.meshgrid(np.linspace(-1, 1, columns), np.linspace(0, 1, rows))
        place = centre + (u * half * width)[..., None] * axis + ((top + v * (bottom - top)) * width)[..., None] * down
        z = lip_depth + depth + bow * u**2
        texture = textures[name]
        uv = np.stack([(u + 1) / 2 * (texture.shape[1] - 2.02) + 0.5, v * (texture.shape[0] - 2.02) + 0.5], -1)
        cards[name] = _Cards(_unproject(place.reshape(-1, 2), z.ravel(), camera), uv.reshape(-1, 2), _grid_triangles(rows, columns))

    card("teeth_upper", mouth.TOOTH_SPAN / 2, 0.085 - mouth.UPPER_HEIGHT, 0.085, 0.007, 0.016)
    card("teeth_lower", mouth.TOOTH_SPAN / 2, 0.08, 0.08 + mouth.LOWER_HEIGHT, 0.010, 0.016)
    card("tongue", 0.40, 0.02, 0.42, 0.018, 0.006)
    v = np.repeat(np.linspace(0, 1, _LINING_ROWS), len(line))
    uv = np.stack([np.full(len(v), 7.0), v * 62.0], 1)
    cards["lining"] = _Cards(
        _unproject(np.tile(line, (_LINING_ROWS, 1)), np.full(len(v), lip_depth + 0.02), camera),
        uv,
        _grid_triangles(_LINING_ROWS, len(line)),
    )
    shapes: dict[str, NDArray[np.float64]] = {}
    for name, part, share in (("teeth_lower", "teeth_lower", 1.0), ("tongue", "tongue", 0.92)):
        vertices = np.unique(mesh.triangles_of(part))
        front = vertices[np.argsort(seen.picture[vertices, 2])[: max(len(vertices) // 4, 1)]]  # what is seen: incisors, tip of the tongue
        mean = (mesh.expressions[:, front].mean(1) @ camera.rotation.T) * share
        shapes[name] = np.repeat(mean[:, None], len(cards[name].points), axis=1).astype(np.float64)
        for shape_name, index in ARKIT_INDEX.items():
            if not shape_name.startswith(("jaw", "tongue")):
                shapes[name][index] = 0
    # Rounded lips come forward; seen from the front they then hide more of the teeth than the flat sheet can show.
    hide = np.zeros((52, len(cards["teeth_upper"].points), 3))
    for name in ("mouthPucker", "mouthFunnel"):
        hide[ARKIT_INDEX[name], :, 1] = -0.08 * width * lip_depth / camera.focal
    shapes["teeth_upper"] = hide
    return cards, shapes, textures


def _round_lips(shapes: NDArray[np.float64], sheet: Sheet, metres_per_pixel: float) -> NDArray[np.float64]:
    """Pucker and funnel as people do them: the mouth gets clearly narrower, and the lips come forward without baring the teeth."""
    shapes = shapes.copy()
    pucker, funnel = ARKIT_INDEX["mouthPucker"], ARKIT_INDEX["mouthFunnel"]
    right, left = sheet.lips_upper[0], sheet.lips_upper[-1]
    width = float(sheet.points[left, 0] - sheet.points[right, 0])
    metres = float(np.linalg.norm(shapes[pucker, right, 0] - shapes[pucker, left, 0]))
    wanted = PUCKER_NARROWING * width * metres_per_pixel
    shapes[pucker] *= np.clip(wanted / max(metres, 1e-5), 0.8, 2.0)
    middle = slice(contours.MOUTH_COLUMNS // 4, -contours.MOUTH_COLUMNS // 4)
    lift = -float(shapes[funnel, sheet.lips_upper[middle], 1].min())
    shapes[funnel, :, 1] *= min(1.0, FUNNEL_LIFT * width * metres_per_pixel / max(lift, 1e-5))
    return shapes


def _round_opening(
    shapes: NDArray[np.float64], sheet: Sheet, pixels: NDArray[np.float64], lips: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Let jawOpen lower the rim of the lower lip along a round arc: the fitted mesh has too few vertices there and would open to a
    point."""
    jaw = ARKIT_INDEX["jawOpen"]
    columns = len(sheet.lips_lower)
    across = np.linspace(-1, 1, columns)
    drop = shapes[jaw, sheet.lips_lower]
    ends = drop[0] + (drop[-1] - drop[0]) * (across[:, None] + 1) / 2
    deepest = np.sort(drop[columns // 4 : -columns // 4] - ends[columns // 4 : -columns // 4], axis=0)
    depth = np.array([0.0, float(deepest[-len(deepest) // 2 :, 1].mean()), float(np.median(deepest[:, 2]))])
    change = ends + (1 - np.abs(across[:, None]) ** 2.6) * depth - drop
    x = pixels[:, 0]
    width = float(np.linalg.norm(lips[0][-1] - lips[0][0]))
    away = np.maximum(pixels[:, 1] - contours.height_on(lips[1], x), 0)
    strength = np.where(sheet.below & (x > lips[0][0, 0]) & (x < lips[0][-1, 0]), np.exp(-((away / (0.35 * width)) ** 2)), 0.0)
    strength[sheet.lips_lower[1:-1]] = 1.0
    column = contours.column_on((lips[0] + lips[1]) / 2, x)
    column[sheet.lips_lower] = np.arange(columns)
    index = np.arange(columns)
    moved = np.stack([np.interp(column, index, change[:, c]) for c in range(3)], -1) * strength[:, None]
    shapes = shapes.copy()
    shapes[jaw, : len(pixels)] += moved
    return shapes


def _calibrate_jaw(
    shapes: NDArray[np.float64], vertices: NDArray[np.float64], sheet: Sheet, eye_distance: float, camera: Camera
) -> NDArray[np.float64]:
    """Scale jawOpen so that 0.6 of it opens this mouth by JAW_OPENING, whatever the proportions of the face."""
    jaw = ARKIT_INDEX["jawOpen"]
    middle = slice(contours.MOUTH_COLUMNS // 2 - 2, contours.MOUTH_COLUMNS // 2 + 3)
    upper, lower = sheet.lips_upper[middle], sheet.lips_lower[middle]
    opened = float((shapes[jaw, lower, 1] - shapes[jaw, upper, 1]).mean()) * _SIX_TENTHS
    wanted = JAW_OPENING * eye_distance / camera.focal * float(vertices[upper, 2].mean())
    gain = np.clip(wanted / max(opened, 1e-4), 0.4, 2.5)
    shapes = shapes.copy()
    shapes[jaw] *= gain
    return shapes


def _rest_expression(
    expression: NDArray[np.float32], lips: tuple[NDArray[np.float64], NDArray[np.float64]], eye_distance: float
) -> NDArray[np.float32]:
    """What the face returns to. A photo with closed lips is at rest already; from a smile or an open mouth only a trace is kept."""
    gap = float((lips[1][:, 1] - lips[0][:, 1]).max()) / eye_distance
    keep = float(np.clip(1 - gap / 0.06, 0, 1))
    rest = expression.copy()
    for name, index in ARKIT_INDEX.items():
        if name.startswith("jaw") or name in (
            "mouthUpperUpLeft",
            "mouthUpperUpRight",
            "mouthLowerDownLeft",
            "mouthLowerDownRight",
            "mouthClose",
            "mouthFunnel",
        ):
            rest[index] *= keep
        elif name.startswith(("mouthSmile", "cheekSquint", "mouthDimple", "mouthStretch")):
            rest[index] *= 0.45 + 0.55 * keep
        elif name.startswith("mouth"):
            rest[index] *= 0.2 + 0.8 * keep
    return rest


def _lip_seam(
    sheet: Sheet,
    pixels: NDArray[np.float64],
    lips: tuple[NDArray[np.float64], NDArray[np.float64]],
    vertices: NDArray[np.float64],
    shapes: NDArray[np.float64],
    rest_change: NDArray[np.floating],
) -> LipSeam:
    middle = (lips[0] + lips[1]) / 2
    width = float(np.linalg.norm(middle[-1] - middle[0]))
    x = pixels[:, 0]
    upper_edge, lower_edge = contours.height_on(lips[0], x), contours.height_on(lips[1], x)
    away = np.where(sheet.below, pixels[:, 1] - lower_edge, upper_edge - pixels[:, 1])
    reach = 0.22 * width
    near = (x > middle[0, 0]) & (x < middle[-1, 0]) & (away < 2.4 * reach)
    strength = np.exp(-((np.maximum(away, 0) / reach) ** 2)) * near
    share = np.where(sheet.below, 1 - UPPER_SHARE, -UPPER_SHARE) * strength
    share[sheet.lips_upper], share[sheet.lips_lower] = -UPPER_SHARE, 1 - UPPER_SHARE
    share[sheet.lips_upper[[0, -1]]] = 0
    chosen = np.flatnonzero(np.abs(share) > 0.004).astype(np.int32)
    column = contours.column_on(middle, x)
    column[sheet.lips_upper] = column[sheet.lips_lower] = np.arange(len(middle))
    rest_shape = np.tensordot(rest_change, shapes[:, :, 1], 1) + vertices[:, 1]
    gap = rest_shape[sheet.lips_lower] - rest_shape[sheet.lips_upper]
    return LipSeam(
        sheet.lips_upper,
        sheet.lips_lower,
        chosen,
        column[chosen].astype(np.float32),
        share[chosen].astype(np.float32),
        gap.astype(np.float32),
    )


def _settle_teeth(
    vertices: NDArray[np.float64],
    starts: dict[str, NDArray[np.int32]],
    seam: LipSeam,
    shapes: NDArray[np.float64],
    rest_change: NDArray[np.floating],
) -> None:
    """Move teeth and tongue, placed by the photo's own lips, to where the lips meet at rest: a smile in the photo has drawn the lips off
    them."""
    middle = slice(len(seam.upper) // 4, -(len(seam.upper) // 4))
    change = np.tensordot(rest_change, shapes[:, :, 1], 1)
    upper, lower = seam.upper[middle], seam.lower[middle]
    in_photo = (vertices[upper, 1] + vertices[lower, 1]) / 2
    shut = vertices[upper, 1] + change[upper] + UPPER_SHARE * seam.rest_gap[middle]
    for name in ("teeth_upper", "teeth_lower", "tongue"):
        # What the jaw itself moves on the way to rest is not to be moved twice.
        vertices[starts[name], 1] += float((shut - in_photo).mean() - change[starts[name]].mean())


def _breath(
    pixels: NDArray[np.float64], depth: NDArray[np.float64], shoulder_line: float, face_height: float, camera: Camera
) -> NDArray[np.float64]:
    """Displacement (n, 3) in metres from breathed out to breathed in: shoulders and chest rise and widen, still at the lower edge of the
    picture."""
    low = PICTURE_HEIGHT + MARGIN
    height = np.clip((low - pixels[:, 1]) / (low - shoulder_line), 0, 1)
    rise = height * height * (3 - 2 * height)
    head = np.clip((shoulder_line - pixels[:, 1]) / (0.6 * face_height), 0, 1)
    rise = rise * (1 - 0.45 * head)
    chest = np.exp(-(((pixels[:, 1] - (shoulder_line + 0.75 * face_height)) / (0.7 * face_height)) ** 2))
    sideways = (pixels[:, 0] - camera.principal[0]) / face_height
    metres = 0.22 / face_height  # a face from chin to hairline is about 22 cm
    return np.stack([sideways * chest * 0.9 * metres, -2.2 * rise * metres * face_height / 137.0, np.zeros(len(pixels))], 1)


def _person_texture(fitted: FittedPortrait, plate: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The person in their own colours with the matte: RGBA at TEXTURE_SCALE, MARGIN pixels wider than the photo on every side (mirrored).

    Where the matte is partial the colour is solved from photo = alpha * colour + (1 - alpha) * plate, so that over its own plate the photo
    comes back.
    """
    alpha = fitted.alpha.astype(np.float32)
    alpha = np.where(alpha < 0.01, 0, np.where(alpha > 0.99, 1, alpha)).astype(np.float32)
    image = fitted.image.astype(np.float32)
    a = alpha[..., None]
    solved = (image - (1 - a) * plate) / np.maximum(a, 0.05)
    trust = np.clip((a - 0.08) / 0.25, 0, 1)
    colour = solved.clip(0, 255) * trust + fitted.foreground.astype(np.float32) * (1 - trust)
    # Beyond the rim colours continue outwards, so that bilinear sampling at the rim mixes in no background.
    inner = (alpha > 0.3).astype(np.float32)
    weight = cv2.GaussianBlur(inner, (0, 0), 3)
    spread = cv2.GaussianBlur(colour * inner[..., None], (0, 0), 3) / np.maximum(weight, 1e-4)[..., None]
    colour = np.where(((alpha < 0.02) & (weight > 1e-4))[..., None], spread, colour)
    rgba = np.dstack([colour, alpha * 255])
    rgba = cv2.copyMakeBorder(rgba, MARGIN, MARGIN + 1, MARGIN, MARGIN + 1, cv2.BORDER_REFLECT_101)
    return _double(_double(rgba, 0), 1).round().clip(0, 255).astype(np.uint8)


def _double(values: NDArray[np.floating], axis: int) -> NDArray[np.floating]:
    """Insert a cubic midpoint after each sample along ``axis``; the samples themselves stay."""
    v = np.moveaxis(values, axis, 0)
    p = np.pad(v, ((1, 2), *((0, 0),) * (v.ndim - 1)), mode="edge")
    between = (-p[:-3] + 9 * p[1:-2] + 9 * p[2:-1] - p[3:]) / 16
    out = np.empty((2 * len(v), *v.shape[1:]), values.dtype)
    out[::2], out[1::2] = v, between
    return np.moveaxis(out, 0, axis)


def _between(upper: NDArray[np.int32], lower: NDArray[np.int32], pixels: NDArray[np.float64]) -> NDArray[np.int32]:
    """The opening between two edges as triangles on their vertices, clockwise on the screen."""
    if pixels[upper[0], 0] > pixels[upper[-1], 0]:
        upper, lower = upper[::-1], lower[::-1]
    a, b, c, d = upper[:-1], upper[1:], lower[1:], lower[:-1]
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)


def _near(triangles: NDArray[np.int32], pixels: NDArray[np.float64], curve: NDArray[np.float64], reach: float) -> NDArray[np.int32]:
    """Those triangles, in their order, that have a corner within ``reach`` pixels of the curve."""
    distance = np.full(len(pixels), np.inf)
    box = (pixels > curve.min(0) - reach).all(1) & (pixels < curve.max(0) + reach).all(1)
    distance[box] = np.linalg.norm(pixels[box][:, None] - curve[None], axis=-1).min(1)
    return triangles[(distance < reach)[triangles].any(1)]


def _nearest(pixels: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.asarray(((pixels[None] - points[:, None]) ** 2).sum(-1).argmin(1))


# The 68 points that most face tools use, as numbers of the 478-point face mesh; "right" is the person's own right.
_KEYPOINTS: dict[str, tuple[int, ...]] = {
    "jaw": (127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356),
    "right_brow": (70, 63, 105, 66, 107),
    "left_brow": (336, 296, 334, 293, 300),
    "nose": (168, 197, 5, 4, 75, 97, 2, 326, 305),
    "right_eye": (33, 160, 158, 133, 153, 144),
    "left_eye": (362, 385, 387, 263, 373, 380),
    "outer_lip": (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    "inner_lip": (78, 82, 13, 312, 308, 317, 14, 87),
}


def _keypoints(
    landmarks: NDArray[np.float64],
    pixels: NDArray[np.float64],
    sheet: Sheet,
    alpha: NDArray[np.float32],
    shoulder_line: float,
    face_height: float,
) -> tuple[tuple[str, ...], NDArray[np.int32], NDArray[np.float32]]:
    names = [f"{group}_{i}" for group, numbers in _KEYPOINTS.items() for i in range(len(numbers))]
    wanted = landmarks[[n for numbers in _KEYPOINTS.values() for n in numbers]]
    row = int(np.clip(shoulder_line + 0.30 * face_height, 0, PICTURE_HEIGHT - 1))
    present = np.flatnonzero(alpha[row] > 0.5)
    edges = (present[0], present[-1]) if len(present) else (0, PICTURE_WIDTH - 1)
    inset = 0.12 * face_height
    names += ["right_shoulder", "left_shoulder"]
    wanted = np.concatenate([wanted, [[edges[0] + inset, row], [edges[1] - inset, row]]])
    vertices = np.repeat(_nearest(pixels, wanted)[:, None], 3, axis=1).astype(np.int32)
    weights = np.repeat(np.array([[1, 0, 0]], np.float32), len(vertices), axis=0)
    corners = pixels[sheet.triangles]
    for k, point in enumerate(wanted):
        a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
        area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
        p = ((point[0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (point[1] - a[:, 1])) / area
        q = ((b[:, 0] - a[:, 0]) * (point[1] - a[:, 1]) - (point[0] - a[:, 0]) * (b[:, 1] - a[:, 1])) / area
        found = np.flatnonzero((p >= 0) & (q >= 0) & (p + q <= 1))
        if len(found):
            t = found[0]
            vertices[k], weights[k] = sheet.triangles[t], (1 - p[t] - q[t], p[t], q[t])
    # The inner lips are edges: the points sit on the columns themselves.
    for i, (side, column) in enumerate((("u", 0), ("u", 8), ("u", 16), ("u", 24), ("u", 32), ("l", 24), ("l", 16), ("l", 8))):
        k = names.index(f"inner_lip_{i}")
        vertices[k] = (sheet.lips_upper if side == "u" else sheet.lips_lower)[column]
        weights[k] = (1, 0, 0)
    return tuple(names), vertices, weights
