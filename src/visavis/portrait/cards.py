"""Small meshes inside eyes and mouth, and their textures: eyeballs, lids, teeth, tongue, the lining of the mouth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.motion.layout import ARKIT_INDEX
from visavis.portrait import contours, eyes, mouth
from visavis.portrait.lips import UPPER_SHARE
from visavis.portrait.seen_face import SeenFace, unproject
from visavis.types_portrait import Camera, EyeRig, LipSeam, RigMesh

LINING_ROWS = 7


@dataclass(frozen=True)
class Cards:
    """Small meshes inside eyes and mouth, before they are joined to the sheet. points: (n, 3) camera space; uv texels; triangles."""

    points: NDArray[np.float64]
    uv: NDArray[np.float64]
    triangles: NDArray[np.int32]


@dataclass(frozen=True)
class EyeParts:
    eyeball: Cards
    eyeball_texture: NDArray[np.uint8]
    centre: NDArray[np.float64]
    lid: Cards
    lid_texture: NDArray[np.uint8]
    lid_column: NDArray[np.float64]
    lid_travel: NDArray[np.float64]


def eye_cards(
    image: NDArray[np.uint8],
    landmarks: NDArray[np.float64],
    opening: tuple[NDArray[np.float64], NDArray[np.float64]],
    iris_numbers: tuple[int, ...],
    seen: SeenFace,
    camera: Camera,
) -> EyeParts:
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
    centre = unproject(towards[None], np.array([front + radius]), camera)[0]
    # A cap wide enough to fill the opening at any gaze: a sphere in front that runs out flat behind the lids.
    span = np.linspace(-1.9, 1.9, 9)
    a, b = np.meshgrid(span, span)
    back = np.minimum((a**2 + b**2) / 2, 0.75)
    points = (centre + radius * np.stack([a, b, back - 1.0], -1)).reshape(-1, 3)
    projected = points[:, :2] / points[:, 2:] * camera.focal + camera.principal
    uv = np.clip(eyes.to_texels(projected, origin), 0, np.array(texture.shape[1::-1]) - 2.01)
    eyeball = Cards(points, uv, _grid_triangles(9, 9))

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
        lid_points.append(unproject(place, z, camera)[columns])
        at = np.stack(
            [columns / (len(upper) - 1) * (eyes.LID_COLUMNS - 1.02), np.full(len(columns), min(t * eyes.LASH_ROW, eyes.LID_ROWS - 1.02))], 1
        )
        lid_uv.append(at)
        lid_column.append(columns.astype(np.float64))
        lid_travel.append(np.full(len(columns), min(t, 1.0)))
    lid = Cards(np.concatenate(lid_points), np.concatenate(lid_uv), _grid_triangles(len(rows), len(upper)))
    return EyeParts(eyeball, texture, centre, lid, lid_image, np.concatenate(lid_column), np.concatenate(lid_travel))


def eye_rig(
    parts: EyeParts,
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


def mouth_cards_of(
    image: NDArray[np.uint8], landmarks: NDArray[np.float64], line: NDArray[np.float64], seen: SeenFace, mesh: RigMesh, camera: Camera
) -> tuple[dict[str, Cards], dict[str, NDArray[np.float64]], dict[str, NDArray[np.uint8]]]:
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
    cards: dict[str, Cards] = {}

    def card(name: str, half: float, top: float, bottom: float, depth: float, bow: float, rows: int = 3, columns: int = 13) -> None:
        u, v = np.meshgrid(np.linspace(-1, 1, columns), np.linspace(0, 1, rows))
        place = centre + (u * half * width)[..., None] * axis + ((top + v * (bottom - top)) * width)[..., None] * down
        z = lip_depth + depth + bow * u**2
        texture = textures[name]
        uv = np.stack([(u + 1) / 2 * (texture.shape[1] - 2.02) + 0.5, v * (texture.shape[0] - 2.02) + 0.5], -1)
        cards[name] = Cards(unproject(place.reshape(-1, 2), z.ravel(), camera), uv.reshape(-1, 2), _grid_triangles(rows, columns))

    card("teeth_upper", mouth.TOOTH_SPAN / 2, 0.085 - mouth.UPPER_HEIGHT, 0.085, 0.007, 0.016)
    card("teeth_lower", mouth.TOOTH_SPAN / 2, 0.08, 0.08 + mouth.LOWER_HEIGHT, 0.010, 0.016)
    card("tongue", 0.40, 0.02, 0.42, 0.018, 0.006)
    v = np.repeat(np.linspace(0, 1, LINING_ROWS), len(line))
    uv = np.stack([np.full(len(v), 7.0), v * 62.0], 1)
    cards["lining"] = Cards(
        unproject(np.tile(line, (LINING_ROWS, 1)), np.full(len(v), lip_depth + 0.02), camera),
        uv,
        _grid_triangles(LINING_ROWS, len(line)),
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


def settle_teeth(
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


def _grid_triangles(rows: int, columns: int) -> NDArray[np.int32]:
    """Triangles of a (rows, columns) grid of vertices whose columns run to the right and rows down: clockwise on the screen."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)
