"""What the fitted head, the matte and the shoulders tell every vertex of the sheet: depth, head weight, displacements, breath."""

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.motion.layout import ARKIT_INDEX
from visavis.portrait import contours
from visavis.portrait.seen_face import SeenFace
from visavis.portrait.surface import Field
from visavis.portrait.topology import MARGIN, Sheet
from visavis.types_portrait import PICTURE_HEIGHT, PICTURE_WIDTH, Camera

STEEPEST_FACE, STEEPEST_RIM, STEEPEST_BESIDE = 2.3, 1.6, 1.3
"""Steepest slopes of the sheet in depth, metres per metre: well inside the face, at its rim and beside it. Head and torso together turn by
up to 24 degrees, which folds slopes above 2.2: so far goes only the side of the nose. At 1.6 what turns away is drawn at a quarter of its
width, and what turns towards the camera at one and a half."""

RIM = 0.10
"""Heights of the face from its outline inwards, over which the steepest slope goes from that of the rim to that of the face."""

SOFTENED_AT, SOFTENED = (-0.11, -0.044, 0.073, 0.22), (0.0, 1.0, 1.0, 0.0)
"""Heights of the face from its outline outwards, and how much depth is smoothed there: a cut slope has a crease, which would show as a
corner of the jaw."""
SOFTENING_ROUNDS = 12

EDGE_HOLD = 0.45
"""Within this many heights of the face, what the picture's edge cuts moves less and less with the head."""

_GRID = 8


def shoulder_line_of(alpha: NDArray[np.float32], landmarks: NDArray[np.float64], face_height: float) -> float:
    """y (pixels) where the neck ends: the row below the chin from which the person is clearly wider than the face."""
    chin = float(landmarks[152, 1])
    face_width = float(np.ptp(landmarks[:468, 0]))
    rows = (alpha > 0.5).sum(1)
    wide = np.flatnonzero(rows[int(min(chin, PICTURE_HEIGHT - 1)) :] > 1.75 * face_width)
    found = chin + (float(wide[0]) if len(wide) else 0.5 * face_height)
    return float(np.clip(found, chin + 0.28 * face_height, chin + 0.8 * face_height))


def depth_and_weight(
    seen: SeenFace,
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
    # Hair and shoulders that the picture's edge cuts stay at that edge, however the head moves.
    cut = ((x <= 0) | (x >= PICTURE_WIDTH - 1) | (y <= 0)) & (alpha[yi, xi] > 0.3)
    from_edge = cv2.distanceTransform((~cut).astype(np.uint8), cv2.DIST_L2, 5) * _GRID if cut.any() else np.full(x.shape, np.inf)
    held = np.clip(from_edge / (EDGE_HOLD * face_height), 0, 1)
    # Where the face is near that edge all the room between both takes up the difference: in less it would fold over.
    beside_face = np.maximum(signed.reshape(x.shape), 0)
    between = np.where(np.isinf(from_edge), 1.0, from_edge / (from_edge + beside_face + 1e-6))
    weight_grid = weight_grid * np.where(on_face, 1.0, np.maximum(held * held * (3 - 2 * held), between))
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


def without_cliffs(
    depth: NDArray[np.float64],
    triangles: NDArray[np.int32],
    pixels: NDArray[np.float64],
    outline: NDArray[np.float64],
    metres_per_pixel: float,
) -> NDArray[np.float64]:
    """Bring forward what lies behind a step in depth, until no slope is steeper than allowed: turned by a head's range, no part of the
    sheet folds over, and the matte's edge, the ear and the hair beside the face are neither squeezed to a line nor smeared."""
    a, b = np.unique(np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), 1), axis=0).T
    height = float(np.ptp(outline[:, 1]))
    signed, _ = contours.distance_to((pixels[a] + pixels[b]) / 2, outline)
    inner = np.clip(-signed / (RIM * height), 0, 1)
    steepest = np.where(signed < 0, STEEPEST_RIM + (STEEPEST_FACE - STEEPEST_RIM) * inner, STEEPEST_BESIDE)
    reach = np.linalg.norm(pixels[a] - pixels[b], axis=1) * metres_per_pixel * steepest
    depth = depth.copy()
    for _ in range(200):
        before = depth.copy()
        np.minimum.at(depth, a, before[b] + reach)
        np.minimum.at(depth, b, before[a] + reach)
        if np.array_equal(before, depth):
            break
    signed, _ = contours.distance_to(pixels, outline)
    count = np.bincount(a, minlength=len(depth)) + np.bincount(b, minlength=len(depth))
    soft = np.where(count > 0, 0.5 * np.interp(signed / height, SOFTENED_AT, SOFTENED), 0)
    for _ in range(SOFTENING_ROUNDS):
        around = np.bincount(a, depth[b], minlength=len(depth)) + np.bincount(b, depth[a], minlength=len(depth))
        depth = depth + soft * (around / np.maximum(count, 1) - depth)
    return depth


def displacement_of(
    seen: SeenFace, sheet: Sheet, pixels: NDArray[np.float64], outline: NDArray[np.float64], face_height: float
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
    return smooth_on_sheet(result, sheet, pixels, 5.0 * max(width / 45.0, 1.0))


def breath_of(
    pixels: NDArray[np.float64], depth: NDArray[np.float64], shoulder_line: float, face_height: float, camera: Camera
) -> NDArray[np.float64]:
    """Displacement (n, 3) in metres from breathed out to breathed in: shoulders and chest rise and widen, still at the lower edge of the
    picture."""
    low = PICTURE_HEIGHT + MARGIN
    height = np.clip((low - pixels[:, 1]) / (low - shoulder_line), 0, 1)
    rise = height * height * (3 - 2 * height)
    head = np.clip((shoulder_line - pixels[:, 1]) / (0.6 * face_height), 0, 1)
    rise = rise * (1 - 0.6 * head)
    chest = np.exp(-(((pixels[:, 1] - (shoulder_line + 0.75 * face_height)) / (0.7 * face_height)) ** 2))
    sideways = (pixels[:, 0] - camera.principal[0]) / face_height
    metres = 0.22 / face_height  # a face from chin to hairline is about 22 cm
    return np.stack([sideways * chest * 1.5 * metres, -3.2 * rise * metres * face_height / 137.0, np.zeros(len(pixels))], 1)


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


def smooth_on_sheet(
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
                for c in range(values.shape[2]):
                    total[s, :, c] += np.bincount(a, weight * values[s, b, c], minlength=count)
        values = total / norm[None, :, None]
    return values
