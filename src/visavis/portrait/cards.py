"""Small meshes inside eyes and mouth, and their textures: eyeballs, lids, teeth, tongue, the lining of the mouth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.motion.layout import ARKIT_INDEX
from visavis.portrait import contours, eyes, mouth
from visavis.portrait.lips import UPPER_SHARE, WIDEST_AT_REST
from visavis.portrait.seen_face import SeenFace, unproject
from visavis.types_portrait import TONGUE_COLUMNS, TONGUE_ROWS, Camera, EyeRig, LipSeam, RigMesh

LINING_ROWS, LID_ROWS = 7, 9

UPPER_EDGE, LOWER_EDGE, TONGUE_TOP = 0.112, 0.035, -0.26
"""Where the edges of the incisors and the back of the tongue are below the line of the shut lips, in mouth widths. The upper incisors
overlap the lower ones."""

LID_SHADOW = 5.5
"""How far the upper lid's shadow falls on the eyeball, in units of 1/22 of the eye's width."""

JAW_FOLLOWERS = {"teeth_lower": 0.83, "tongue": 0.70, "tongue_tip": 0.83}
"""How far each goes down for what the lower lip goes down: an opening lip bares the teeth a little, and the tongue stays high."""

HINGE = 0.22
"""How much less than its middle the end of the lower row goes down."""

SHADOW = 0.060
"""How far the shadow of the upper lip reaches into an open mouth, in eye distances."""

SHADE_AT = np.array([0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0])
SHADE_ROW = np.array([-0.01, 0.0, 0.5, 1.0, 1.5, 2.0, 1.01])
SHADE_REACH = np.array([0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 0.0]) * SHADOW
EDGE_AT = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
EDGE_ROW, EDGE_REACH = np.array([2.0, 1.5, 1.0, 0.78, 0.55]), np.array([-0.032, -0.016, 0.0, -0.006, -0.013])
LINE_AT, LINE_ROW = np.array([0.0, 0.5, 1.0]), np.array([-0.01, 0.5, 1.01])
RIM_AT, RIM_ROW = EDGE_AT, np.array([-1.0, -0.5, 0.0, 0.20, 0.45])
RIM_REACH = np.array([0.026, 0.013, 0.0, 0.007, 0.014])
LINING_CARDS = ("lining", "lip_shade", "lip_edge", "lip_line", "lip_rim")
"""Rows of the upper lip's shadow, of the lower lip's rim, of the line between shut lips and of the upper lip's rim: where in the texture,
and row and reach of ``PortraitRig.lining_*``. Rows below 0 and above 1 lie behind the lips, so that no sliver is left without shadow."""


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
    glint_texture: NDArray[np.uint8]
    centre: NDArray[np.float64]
    lash: Cards
    lash_texture: NDArray[np.uint8]
    shade: Cards
    shade_texture: NDArray[np.uint8]
    corner: Cards
    corner_texture: NDArray[np.uint8]
    lid: Cards
    lid_texture: NDArray[np.uint8]
    lid_travel: NDArray[np.float64]
    lid_column: NDArray[np.int64]
    edge_column: NDArray[np.int64]


def eye_cards(
    image: NDArray[np.uint8],
    landmarks: NDArray[np.float64],
    opening: tuple[NDArray[np.float64], NDArray[np.float64]],
    iris_numbers: tuple[int, ...],
    brow: NDArray[np.float64],
    seen: SeenFace,
    camera: Camera,
) -> EyeParts:
    upper, lower = opening
    iris = landmarks[list(iris_numbers)]
    texture, glint, origin = eyes.eyeball_texture(image, upper, lower, iris)
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

    unit = float(np.linalg.norm(upper[-1] - upper[0])) / 22.0
    flipped = upper[0, 0] > upper[-1, 0]
    columns = np.arange(len(upper))[::-1] if flipped else np.arange(len(upper))  # left to right on the screen
    along = columns / (len(upper) - 1)

    def hanging(below: NDArray[np.float64], width: int, height: int) -> Cards:
        """A strip on the upper edge; below: units, row by row."""
        places = np.concatenate([upper[columns] + np.array([0.0, offset * unit]) for offset in below])
        z = seen.depth_field(np.tile(upper[columns], (len(below), 1)))[:, 0] - 0.0015
        v = (below - below[0]) / (below[-1] - below[0]) * (height - 1.02)
        uv = np.stack([np.tile(along * (width - 1.02), len(below)), np.repeat(v, len(columns))], 1)
        return Cards(unproject(places, z, camera), uv, _grid_triangles(len(below), len(columns)))

    lash = hanging(np.linspace(*eyes.LASH_REACH, 5), eyes.LASH_COLUMNS, eyes.LASH_ROWS)
    shade = hanging(np.linspace(0.0, LID_SHADOW, 4), 8, 32)
    lid_colour = image[tuple(np.round(upper[len(upper) // 2] - [0, 2.5 * unit]).astype(int)[::-1])].astype(np.float32)
    eye_width = 22.0 * unit
    out = np.sign(upper[0, 0] - upper[-1, 0])
    texels = np.linspace(0, 1, eyes.CORNER_TEXELS)
    beside, beneath = (low + texels * (high - low) for low, high in (eyes.CORNER_ACROSS, eyes.CORNER_DOWN))
    around = upper[0] + eye_width * np.stack(np.meshgrid(out * beside, beneath), -1)
    corner_texture = eyes.corner_texture(image, around)
    some = np.linspace(0, eyes.CORNER_TEXELS - 1.02, 5)
    corner_uv = np.stack(np.meshgrid(some, some), -1).reshape(-1, 2)
    corner_places = upper[0] + (corner_uv / (eyes.CORNER_TEXELS - 1) * [np.ptp(beside), np.ptp(beneath)] + [beside[0], beneath[0]]) * [
        out * eye_width,
        eye_width,
    ]
    corner_triangles = _grid_triangles(5, 5)
    corner = Cards(
        unproject(corner_places, seen.depth_field(corner_places)[:, 0] - 0.0015, camera),
        corner_uv,
        corner_triangles if out > 0 else corner_triangles[:, [0, 2, 1]],
    )
    wide_upper, wide_lower = eyes.beyond_corner(upper, upper), eyes.beyond_corner(lower, upper)
    reach = eyes.lid_reach(upper, brow, wide_upper[:, 0])
    numbers = np.arange(len(wide_upper))[::-1] if flipped else np.arange(len(wide_upper))
    rows = np.linspace(0, 1, LID_ROWS)
    above = (1 - rows)[:, None] * reach[numbers]
    places = np.stack([np.broadcast_to(wide_upper[numbers, 0], above.shape), wide_upper[numbers, 1] - above], -1).reshape(-1, 2)
    z = seen.depth_field(places)[:, 0] - 0.0015
    at = numbers / (len(numbers) - 1) * (eyes.LID_COLUMNS - 1.02)
    uv = np.stack([np.tile(at, LID_ROWS), np.repeat(rows * (eyes.LID_ROWS - 1.02), len(numbers))], 1)
    return EyeParts(
        eyeball,
        texture,
        glint,
        centre,
        lash,
        eyes.lash_texture(image, upper, lower),
        shade,
        eyes.shade_texture(lid_colour),
        corner,
        corner_texture,
        Cards(unproject(places, z, camera), uv, _grid_triangles(LID_ROWS, len(numbers))),
        eyes.lid_texture(image, wide_upper, wide_lower, reach),
        eyes.lid_travel(above.ravel(), np.tile(reach[numbers], LID_ROWS), eye_width),
        np.tile(np.maximum(numbers - eyes.LID_BEYOND, 0), LID_ROWS),
        columns.copy(),
    )


def eye_rig(
    parts: EyeParts,
    eyeball: NDArray[np.int32],
    glint: NDArray[np.int32],
    hanging: tuple[NDArray[np.int32], ...],
    lid: NDArray[np.int32],
    upper: NDArray[np.int32],
    lower: NDArray[np.int32],
    pixels: NDArray[np.float64],
    brow: NDArray[np.float64],
) -> EyeRig:
    """hanging: vertices of the strips on the upper edge. lid: those of the lid's own card. brow: lower edge of the brow, pixels."""
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
    opened = pixels[upper]
    above = contours.height_on(opened, pixels[:, 0]) - pixels[:, 1]
    over = (pixels[:, 0] > left) & (pixels[:, 0] < right) & (above > -0.01)
    travel = np.where(over, eyes.lid_travel(above, eyes.lid_reach(opened, brow, pixels[:, 0]), span), 0.0)
    column = contours.column_on(opened, pixels[:, 0])
    travel[lower] = 0
    travel[upper] = 1
    column[upper] = np.arange(len(upper))
    skin = np.flatnonzero(travel > 0.005).astype(np.int32)
    strips = [np.tile(parts.edge_column, len(strip) // len(parts.edge_column)) for strip in hanging]
    return EyeRig(
        upper=upper,
        lower=lower,
        eyeball=eyeball,
        glint=glint,
        centre=parts.centre.astype(np.float32),
        lid=np.concatenate([*hanging, lid, skin]).astype(np.int32),
        column=np.concatenate([*strips, parts.lid_column, column[skin]]).astype(np.float32),
        travel=np.concatenate([*(np.ones(len(strip)) for strip in hanging), parts.lid_travel, travel[skin]]).astype(np.float32),
        under=under,
        under_column=contours.column_on(pixels[lower], pixels[under, 0]).astype(np.float32),
        under_travel=pull[under].astype(np.float32),
    )


def mouth_cards_of(
    image: NDArray[np.uint8],
    light: mouth.MouthLight,
    lips: tuple[NDArray[np.float64], NDArray[np.float64]],
    eye_distance: float,
    seen: SeenFace,
    mesh: RigMesh,
    camera: Camera,
) -> tuple[dict[str, Cards], dict[str, NDArray[np.float64]], dict[str, NDArray[np.uint8]]]:
    """Teeth, tongue, lining and the shadow of the lips: cards, their shapes where they follow the jaw, and textures."""
    line = (lips[0] + lips[1]) / 2
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
        "tongue_tip": mouth.tongue_tip(light),
        "tongue_out": mouth.tongue_out(light),
        "lining": mouth.lining(light),
        "lip_shade": mouth.lip_shade(light),
        "lip_edge": mouth.lip_edge(image, lips[1], width),
        "lip_line": mouth.lip_line(light),
        "lip_rim": mouth.lip_rim(image, lips[0], width),
    }
    cards: dict[str, Cards] = {}
    # A smile in the photo widens the mouth, not the teeth.
    width = min(width, WIDEST_AT_REST * eye_distance)

    def card(name: str, half: float, top: float, bottom: float, arch: float, depth: float, bow: float) -> None:
        """half, top, bottom, arch in mouth widths: ``arch`` is how much higher the ends are than the middle."""
        u, v = np.meshgrid(np.linspace(-1, 1, 13), np.linspace(0, 1, 3))
        height = top + v * (bottom - top) - arch * u**2
        place = centre + (u * half * width)[..., None] * axis + (height * width)[..., None] * down
        z = lip_depth + depth + bow * u**2
        texture = textures[name]
        uv = np.stack([(u + 1) / 2 * (texture.shape[1] - 2.02) + 0.5, v * (texture.shape[0] - 2.02) + 0.5], -1)
        cards[name] = Cards(unproject(place.reshape(-1, 2), z.ravel(), camera), uv.reshape(-1, 2), _grid_triangles(3, 13))

    half = mouth.TOOTH_SPAN / 2
    card("teeth_upper", half, UPPER_EDGE - mouth.UPPER_HEIGHT, UPPER_EDGE, 0.050, 0.007, 0.016)
    card("teeth_lower", half, LOWER_EDGE, LOWER_EDGE + mouth.LOWER_HEIGHT, 0.010, 0.010, 0.016)
    card("tongue", 0.46, TONGUE_TOP, TONGUE_TOP + 0.60, 0.0, 0.018, 0.006)
    card("tongue_tip", 0.24, LOWER_EDGE + 0.10, LOWER_EDGE + 0.40, 0.0, 0.008, 0.004)
    # Where it lies is up to the poser; it is out of sight here.
    u, v = np.meshgrid(np.linspace(0, 1, TONGUE_COLUMNS), np.linspace(0, 1, TONGUE_ROWS))
    uv = np.stack([u * (mouth.TONGUE_WIDE - 1.02), v * (mouth.TONGUE_TALL - 1.02)], -1).reshape(-1, 2)
    hidden = np.repeat(unproject(centre[None], np.array([lip_depth]), camera), len(uv), 0)
    cards["tongue_out"] = Cards(hidden, uv, _grid_triangles(TONGUE_ROWS, TONGUE_COLUMNS))
    columns = len(line)
    v = np.linspace(0, 1, LINING_ROWS)
    uv = np.stack([np.full((LINING_ROWS, columns), 7.0), np.repeat(v[:, None] * 62.0, columns, 1)], -1)
    behind = unproject(line, np.full(columns, lip_depth + 0.02), camera)
    cards["lining"] = Cards(np.tile(behind, (LINING_ROWS, 1)), uv.reshape(-1, 2), _grid_triangles(LINING_ROWS, columns))
    for name, at in (("lip_shade", SHADE_AT), ("lip_edge", EDGE_AT), ("lip_line", LINE_AT), ("lip_rim", RIM_AT)):
        height, across = textures[name].shape[:2]
        across, along = np.meshgrid(np.linspace(0, across - 1.02, columns), at * (height - 1.02))
        uv = np.stack([across, along], -1).reshape(-1, 2)
        triangles = _grid_triangles(len(at), columns)
        cards[name] = Cards(np.tile(behind, (len(at), 1)), uv, triangles[:, [0, 2, 1]] if name == "lip_edge" else triangles)
    shapes: dict[str, NDArray[np.float64]] = {}
    for name, part in (("teeth_lower", "teeth_lower"), ("tongue", "tongue"), ("tongue_tip", "tongue")):
        vertices = np.unique(mesh.triangles_of(part))
        front = vertices[np.argsort(seen.picture[vertices, 2])[: max(len(vertices) // 4, 1)]]  # what is seen: incisors, tip of the tongue
        mean = mesh.expressions[:, front].mean(1) @ camera.rotation.T
        shapes[name] = np.repeat(mean[:, None], len(cards[name].points), axis=1).astype(np.float64)
        for shape_name, index in ARKIT_INDEX.items():
            if not shape_name.startswith("jaw"):
                shapes[name][index] = 0
    metres = width * lip_depth / camera.focal
    for name, (rise, forward) in (("tongue", (0.10, 0.0)), ("tongue_tip", (0.0, 0.012))):
        shapes[name][ARKIT_INDEX["tongueOut"], :, 1] = -rise * metres
        shapes[name][ARKIT_INDEX["tongueOut"], :, 2] = -forward
    # Rounded lips come forward; seen from the front they then hide more of the teeth than the flat sheet can show.
    hide = np.zeros((52, len(cards["teeth_upper"].points), 3))
    for name in ("mouthPucker", "mouthFunnel"):
        hide[ARKIT_INDEX[name], :, 1] = -0.08 * metres
    shapes["teeth_upper"] = hide
    return cards, shapes, textures


def lining_rows(columns: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """column, row and reach (``PortraitRig.lining_*``) of the vertices of LINING_CARDS, in their order."""
    row = np.concatenate([np.linspace(0, 1, LINING_ROWS) * 1.12 - 0.06, SHADE_ROW, EDGE_ROW, LINE_ROW, RIM_ROW])
    reach = np.concatenate([np.zeros(LINING_ROWS), SHADE_REACH, EDGE_REACH, np.zeros(len(LINE_ROW)), RIM_REACH])
    return np.tile(np.arange(columns, dtype=np.float64), len(row)), np.repeat(row, columns), np.repeat(reach, columns)


def hang_on_jaw(shapes: NDArray[np.float64], starts: dict[str, NDArray[np.int32]], cards: dict[str, Cards], seam: LipSeam) -> None:
    """Let the lower teeth and the tongue go down with the lower lip's middle when the jaw opens, by so much less that they show above it.

    A jaw turns about its joint, so the back teeth at the sides go down less than the incisors.
    """
    jaw = ARKIT_INDEX["jawOpen"]
    middle = seam.lower[len(seam.lower) // 2 - 2 : len(seam.lower) // 2 + 3]
    drop = shapes[jaw, middle].mean(0)
    for name, share in JAW_FOLLOWERS.items():
        across = np.tile(np.linspace(-1, 1, 13), len(cards[name].points) // 13)
        shapes[jaw, starts[name]] = drop * (share * (1 - HINGE * across**2))[:, None]


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
    for name in ("teeth_upper", "teeth_lower", "tongue", "tongue_tip"):
        # What the jaw itself moves on the way to rest is not to be moved twice.
        vertices[starts[name], 1] += float((shut - in_photo).mean() - change[starts[name]].mean())


def _grid_triangles(rows: int, columns: int) -> NDArray[np.int32]:
    """Triangles of a (rows, columns) grid of vertices whose columns run to the right and rows down: clockwise on the screen."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)
