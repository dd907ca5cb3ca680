"""The inside of the mouth: teeth, tongue, lining, shadow and wet rim of the lips, as textures drawn for the photo's light."""

import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.ease import smoothstep

TEXELS = 256
"""Width of the tooth textures; they span TOOTH_SPAN mouth widths."""

TOOTH_SPAN = 1.30
UPPER_HEIGHT, LOWER_HEIGHT = 0.28, 0.22
"""Height of a row of teeth with its gum, in mouth widths."""

SHADE_COLUMNS, SHADE_ROWS = 64, 64
TONGUE_TALL, TONGUE_WIDE = 160, 128

MOUTH_MM = 50.0
"""Width of a mouth at rest in millimetres, by which teeth have their size."""

ENAMEL = np.array([1.035, 0.978, 0.905], np.float32)
"""Colour of enamel in white light, of luminance 1: the yellowish white of the shades A1 and A2 that dentists compare with."""

SHADED_EYES = 0.62
"""The white of eyes that lie no deeper in the shade than the mouth is at least so bright, of lit skin (of eight people in even light)."""

_UPPER_ROW = np.array(
    [
        (8.4, 0.0, 0.30, 0.8, 5.0),
        (6.6, 0.7, 0.45, 1.0, 4.0),
        (7.4, 0.1, 0.90, 1.4, 2.0),
        (6.4, 0.9, 0.70, 1.0, 2.6),
        (5.9, 1.3, 0.70, 1.0, 2.6),
        (5.2, 1.5, 0.60, 0.8, 2.6),
    ]
)
_LOWER_ROW = np.array(
    [
        (5.4, 0.2, 0.20, 0.3, 5.0),
        (5.8, 0.1, 0.25, 0.5, 4.0),
        (6.6, 0.0, 0.70, 1.0, 2.2),
        (6.2, 0.5, 0.70, 0.9, 2.4),
        (5.8, 0.9, 0.70, 0.9, 2.4),
        (5.6, 1.2, 0.70, 0.8, 2.4),
        (5.0, 1.4, 0.70, 0.8, 2.4),
    ]
)
"""Teeth from the middle outwards, millimetres: seen width, how much shorter than a central incisor, how far the inner and the outer corner
of the edge are rounded off and with what power (Wheeler's Dental Anatomy, rounded, foreshortened)."""


@dataclass(frozen=True)
class MouthLight:
    """How bright the inside of the mouth may be in this photo. tooth, lip, flesh: float32 (3,), RGB 0..255. aside: how much brighter the
    face is at the viewer's right than at the left, as a share of its mean. seed: of what tells this person's teeth from another's."""

    tooth: NDArray[np.float32]
    lip: NDArray[np.float32]
    flesh: NDArray[np.float32]
    aside: float = 0.0
    seed: int = 0


def mouth_light(
    image: NDArray[np.uint8], skin_points: NDArray[np.float64], lip_points: NDArray[np.float64], white: NDArray[np.float32]
) -> MouthLight:
    """Light measured on the photo: skin_points (n, 2) on lit skin near the mouth, lip_points (m, 2) on the lower lip, white (3,) of the
    eyes."""
    skin = _colours(image, skin_points)
    lip = np.median(_colours(image, lip_points), 0)
    lit = np.percentile(skin, 75, axis=0)
    grey = float(_luminance(lit))
    # Behind lips that speak enamel is about as bright as the white of the eye, which lies in the shade of the lid and tells the exposure
    # whatever the skin; the skin tells a little how warm the light is.
    # Where the sun stands high eyes lie deeper in the shade than the mouth.
    level = np.clip(0.66 * max(float(_luminance(white)), SHADED_EYES * grey) + 0.26 * grey + 44, 140, 215)
    warm = np.clip(lit / max(grey, 1.0), 0.85, 1.18) ** 0.25
    tooth = (ENAMEL * warm * level).clip(0, 224).astype(np.float32)
    flesh = (np.array([0.74, 0.37, 0.36], np.float32) * np.clip(grey, 90, 190) * 0.9 + 0.20 * lip).astype(np.float32)
    across = skin_points[:, 0] - skin_points[:, 0].mean()
    slope = float(across @ _luminance(skin) / max(float(across @ across), 1.0))
    aside = float(np.clip(slope * np.ptp(skin_points[:, 0]) / max(float(_luminance(skin).mean()), 1.0), -0.5, 0.5))
    return MouthLight(tooth, lip.astype(np.float32), flesh, aside, zlib.crc32(image[::8, ::8].tobytes()))


def white_of_eyes(image: NDArray[np.uint8], openings: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]) -> NDArray[np.float32]:
    """Colour (3,) of the brightest, least coloured part between the lids. openings: upper and lower edges (n, 2) of each eye."""
    found = []
    for upper, lower in openings:
        mask = np.zeros(image.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round(np.concatenate([upper, lower[::-1]])).astype(np.int32)], 1)
        found.append(image[mask > 0])
    inside = np.concatenate(found).astype(np.float32)
    if len(inside) < 8:
        return np.array([170, 160, 155], np.float32)
    # The glint on the iris is brighter still, but small.
    score = inside.mean(1) - 0.9 * np.ptp(inside, axis=1)
    low, high = np.percentile(score, [72, 94])
    return np.asarray(inside[(score >= low) & (score <= high)].mean(0), np.float32)


def upper_teeth(light: MouthLight) -> NDArray[np.uint8]:
    """The upper row seen from the front: RGBA, edge of the incisors at the lower end."""
    return _teeth(light, upper=True)


def lower_teeth(light: MouthLight) -> NDArray[np.uint8]:
    """The lower row: smaller teeth, in shadow, edge at the upper end."""
    return np.ascontiguousarray(_teeth(light, upper=False)[::-1])


def _teeth(light: MouthLight, upper: bool) -> NDArray[np.uint8]:
    height = round(TEXELS * (UPPER_HEIGHT if upper else LOWER_HEIGHT) / TOOTH_SPAN)
    over = 4  # drawn large and reduced, for smooth edges
    w, h = TEXELS * over, height * over
    x = (np.arange(w) + 0.5) / w * 2 - 1
    side = np.abs(x)
    tall = (UPPER_HEIGHT if upper else LOWER_HEIGHT) * MOUTH_MM
    y = ((np.arange(h) + 0.5) / h * tall)[:, None]  # millimetres, 0 at the gum
    across = side * TOOTH_SPAN / 2 * MOUTH_MM
    row = _UPPER_ROW if upper else _LOWER_ROW
    size, crowd, worn, bright_all = np.random.default_rng(light.seed).normal(size=4).clip(-2, 2)
    row = row * [1 + 0.035 * size, 1 + 0.25 * crowd, 1 - 0.22 * worn, 1 - 0.22 * worn, 1]
    rng = np.random.default_rng([light.seed, int(upper)])
    width, local, end, tone, middle, spot, high, glint = (np.empty(w) for _ in range(8))
    for part in (x < 0, x >= 0):
        # Nobody's teeth are alike from side to side, or like those of others: a few tenths of a millimetre tell them apart.
        widths = row[:, 0] * (1 + 0.035 * rng.normal(size=len(row)))
        short = row[:, 1] + 0.20 * rng.normal(size=len(row)) * np.linspace(0.6, 1, len(row))
        tilt, bright = 0.12 * rng.normal(size=len(row)), 1 + 0.02 * rng.normal(size=len(row))
        spot_at, spot_high = 0.14 * rng.normal(size=len(row)), 2.7 + 0.5 * rng.normal(size=len(row))
        spot_bright = np.clip(0.6 + 0.4 * rng.normal(size=len(row)), 0.05, 1.2)
        outer = np.cumsum(widths)
        number = np.minimum(np.searchsorted(outer, across[part]), len(row) - 1)
        local[part] = here = np.clip(2 * (across[part] - outer[number]) / widths[number] + 1, -1, 1)
        width[part], tone[part], middle[part] = widths[number], bright[number], (outer - widths / 2)[number]
        spot[part], high[part], glint[part] = spot_at[number], spot_high[number], spot_bright[number]
        inner_corner, outer_corner, power = row[number, 2], row[number, 3], row[number, 4]
        corner = np.where(here < 0, inner_corner, outer_corner) * np.abs(here) ** power
        end[part] = 0.965 * tall - short[number] - tilt[number] * here - corner
    edge = np.clip((end - y) / tall * h / (1.6 * over) + 0.5, 0, 1)
    reach = np.maximum(end - y, 0)  # from the edge towards the gum
    contact = (1 - np.abs(local)) * width / 2
    between = (0.08 + 0.22 * np.exp(-reach / 2.0)) * np.exp(-((contact / 0.17) ** 2)) + 0.15 * np.exp(-((contact / 0.80) ** 2))
    round_tooth = 1 - 0.09 * np.abs(local) ** 3 - (0.02 + 0.10 * side) * local
    # The row curves back: its sides get less light, each tooth a step less, and lie in the shadow of the cheeks.
    depth = np.clip(1 - 0.72 * (0.5 * side + 0.5 * middle / (TOOTH_SPAN / 2 * MOUTH_MM)) ** 2.3, 0.10, 1)
    translucent = 1 - 0.10 * np.exp(-reach / 0.7)
    bulge = 1 - 0.13 * np.clip(reach / 9.0, 0, 1) ** 2
    mottle = cv2.GaussianBlur(rng.normal(size=(h, w)).astype(np.float32), (0, 0), sigmaX=w / 160, sigmaY=w / 90)
    mottle = 1 + 0.018 * mottle / mottle.std()
    # Enamel is wet: a soft streak where it bulges most, and small bright spots on the teeth in front, none like the other.
    sheen = 0.06 * np.exp(-(((local + 0.15) / 0.45) ** 2)) * np.exp(-(((reach - 3.4) / 2.0) ** 2))
    gloss = np.exp(-(((local + 0.26 - 0.4 * light.aside - spot) / 0.10) ** 2)) * np.exp(-(((reach - high) / 0.8) ** 2))
    gloss = 0.17 * glint * gloss * np.clip(1 - 1.3 * side, 0, 1) ** 0.7
    shade = translucent * bulge * round_tooth * depth * tone * mottle * (1 + 0.025 * bright_all) * (1 - between) + (sheen + gloss) * depth
    if not upper:
        shade = shade * 0.88
    colour = light.tooth[None, None] * shade[..., None]
    # The further back and the nearer to the gum, the warmer: light inside the mouth has bounced off flesh.
    warmth = np.clip(1.2 * (1 - depth) + 0.35 * np.clip(reach / 8.0, 0, 1) ** 1.5 + 0.9 * between, 0, 1)[..., None]
    colour = colour * (1 - warmth * np.array([0.0, 0.13, 0.15], np.float32))
    # Gums reach down between the teeth.
    hem = 0.235 * tall + (1.5 if upper else 0.8) * np.abs(local) ** 3
    gum = np.clip((hem - y) / 0.4 + 0.5, 0, 1)[..., None]
    colour = colour * (1 - gum) + light.flesh * 0.85 * depth[:, None] * gum
    # Beyond the last tooth seen the cheek's shadow takes over.
    alpha = edge * np.clip((0.94 - side) / 0.26, 0, 1)
    rgba = np.concatenate([colour, alpha[..., None] * 255], -1).astype(np.float32)
    rgba = cv2.resize(rgba, (TEXELS, height), interpolation=cv2.INTER_AREA)
    return rgba.round().clip(0, 255).astype(np.uint8)


def tongue(light: MouthLight) -> NDArray[np.uint8]:
    """The tongue lying in the lower jaw: RGBA (96, 128), its back at the upper end. Matte, with a groove and a soft sheen."""
    y, x = np.mgrid[:96, :128].astype(np.float32)
    x, y = (x - 63.5) / 64, y / 95
    back = 0.04 + 0.30 * np.abs(x) ** 2.2
    # The back fades into the dark of the throat, the sides into that of the cheeks.
    solid = smoothstep((y - back) / 0.44) * smoothstep((1 - np.abs(x)) / 0.34)
    lit = 0.38 + 0.50 * smoothstep((y - back) / 0.70) - 0.18 * x**2
    groove = 1 - 0.13 * np.exp(-((x / 0.10) ** 2)) * smoothstep((y - 0.2) / 0.3)
    colour = light.flesh * (lit * groove)[..., None]
    sheen = sum(np.exp(-(((x - at) / 0.16) ** 2) - ((y - 0.66) / 0.10) ** 2) for at in (-0.34, 0.34))
    colour = colour + (light.tooth * 0.10) * np.asarray(sheen)[..., None]
    rng = np.random.default_rng(3)
    rough = cv2.GaussianBlur(rng.normal(size=(96, 128)).astype(np.float32), (0, 0), 1.1)
    colour = colour * (1 + 0.04 * rough / rough.std())[..., None]
    return np.dstack([colour, solid * 255]).round().clip(0, 255).astype(np.uint8)


def tongue_tip(light: MouthLight) -> NDArray[np.uint8]:
    """The tip that comes forward between the teeth: RGBA (48, 96)."""
    y, x = np.mgrid[:48, :96].astype(np.float32)
    x, y = (x - 47.5) / 48, y / 47
    top = 0.04 + 0.60 * np.abs(x) ** 2.4
    solid = np.clip((y - top) / 0.10, 0, 1) * np.clip((0.96 - np.abs(x)) / 0.10, 0, 1)
    lit = 0.78 + 0.30 * np.exp(-(((y - top - 0.22) / 0.16) ** 2)) - 0.14 * x**2 - 0.07 * np.exp(-((x / 0.09) ** 2))
    return np.dstack([light.flesh * 1.06 * lit[..., None], solid * 255]).round().clip(0, 255).astype(np.uint8)


def tongue_out(light: MouthLight) -> NDArray[np.uint8]:
    """The part of the tongue that hangs over the lower lip, in the light of the face: RGBA (TONGUE_TALL, TONGUE_WIDE), its root at the
    upper end, with the shadow that it throws on lip and chin."""
    y, x = np.mgrid[:TONGUE_TALL, :TONGUE_WIDE].astype(np.float32)
    x, y = (x - (TONGUE_WIDE - 1) / 2) / (TONGUE_WIDE / 2), y / (TONGUE_TALL - 1)
    # A round tip below straight sides; distances in half widths.
    half, tall = 0.86, 1.9
    below = np.maximum(y - 0.62, 0) * tall
    away = np.where(below > 0, np.hypot(np.abs(x) / half, below / 0.60), np.abs(x) / half)
    solid = smoothstep((1 - away) / 0.07 + 0.5)
    shadow = 0.42 * smoothstep((1.20 - away) / 0.28) * smoothstep((y - 0.20) / 0.2)
    root = smoothstep(y / 0.16)
    bend = 0.62 + 0.46 * smoothstep((y - 0.02) / 0.30)  # out of the shadow of the upper lip
    round_off = 1 - 0.30 * np.clip(away, 0, 1) ** 4
    hanging = 1 - 0.16 * smoothstep((y - 0.45) / 0.45)
    groove = 1 - 0.14 * np.exp(-((x / 0.07) ** 2)) * smoothstep((y - 0.05) / 0.2) * smoothstep((0.86 - y) / 0.25)
    aside = 1 + light.aside * x
    rng = np.random.default_rng(7)
    rough = cv2.GaussianBlur(rng.normal(size=x.shape).astype(np.float32), (0, 0), 1.3)
    grain = 1 + 0.035 * rough / rough.std()
    muscle = 0.66 * light.flesh + 0.44 * light.lip
    muscle = 0.91 * muscle + 0.09 * _luminance(muscle)  # its skin is thick and pale
    colour = muscle * (bend * round_off * hanging * groove * aside * grain)[..., None]
    wet = sum(np.exp(-(((x - at) / 0.13) ** 2) - ((y - 0.42) / 0.10) ** 2) for at in (-0.36, 0.30)) + 0.6 * np.exp(
        -(((np.abs(x) - 0.25) / 0.22) ** 2) - ((y - 0.80) / 0.05) ** 2
    )
    colour = colour + light.tooth * 0.16 * (np.asarray(wet) * (0.75 + 0.25 * rough / rough.std()).clip(0.3, 1.3))[..., None]
    dark = light.lip * np.array([0.35, 0.22, 0.20], np.float32)
    alpha = solid + (1 - solid) * shadow
    colour = (colour * solid[..., None] + dark * ((1 - solid) * shadow)[..., None]) / np.maximum(alpha, 1e-3)[..., None]
    return np.dstack([colour, alpha * root * 255]).round().clip(0, 255).astype(np.uint8)


def lining(light: MouthLight) -> NDArray[np.uint8]:
    """The wall of the mouth: RGBA (64, 16), row 0 at the upper edge. Palate, the dark of the throat, the floor."""
    y = np.linspace(0, 1, 64, dtype=np.float32)[:, None]
    throat = np.exp(-(((y - 0.46) / 0.30) ** 2))
    wall = light.flesh * np.array([0.36, 0.22, 0.21], np.float32)
    dark = light.flesh * np.array([0.20, 0.115, 0.11], np.float32)
    colour = wall * (1 - throat) + dark * throat
    rgba = np.concatenate([np.broadcast_to(colour, (64, 3)), np.full((64, 1), 255, np.float32)], -1)
    return np.repeat(rgba[:, None].round().clip(0, 255).astype(np.uint8), 16, axis=1)


def lip_shade(light: MouthLight) -> NDArray[np.uint8]:
    """The shadow on teeth and tongue of the upper lip and of the corners: RGBA (SHADE_ROWS, SHADE_COLUMNS).

    Column from corner to corner, row from the upper lip's edge (0) to the end of its shadow (1).
    """
    v = np.linspace(0, 1, SHADE_ROWS, dtype=np.float32)[:, None]
    u = np.abs(np.linspace(-1, 1, SHADE_COLUMNS, dtype=np.float32))[None]
    # Right below the lip hardly any light comes in, further down that from the front.
    above = 1 - (1 - 0.72 * np.exp(-v / 0.16)) * (1 - 0.62 * (1 - v) ** 1.6)
    corner = 0.94 * smoothstep((u - 0.50) / 0.48)
    shadow = 1 - (1 - above) * (1 - corner)
    # Below the lip the shadow has the lip's colour; in the corners no light is left.
    share = (corner / np.maximum(above + corner, 1e-3))[..., None]
    dark = light.lip * ((1 - share) * np.array([0.28, 0.145, 0.14], np.float32) + share * np.array([0.15, 0.06, 0.055], np.float32))
    return np.dstack([dark, shadow * 255]).round().clip(0, 255).astype(np.uint8)


def lip_edge(image: NDArray[np.uint8], edge: NDArray[np.float64], unit: float) -> NDArray[np.uint8]:
    """The wet rim of the lower lip, which the photo's dark line between shut lips hides: RGBA (SHADE_ROWS, SHADE_COLUMNS).

    Column from corner to corner; row 0 on the lip, a half at its edge, 1 inside the mouth. edge: (n, 2), where the lower lip begins in the
    photo. unit: mouth width, pixels. Its colour is the photo's, a little below the edge.
    """
    lip = _lip_beside(image, edge, 0.055 * unit)
    u = np.abs(np.linspace(-1, 1, SHADE_COLUMNS, dtype=np.float32))
    v = np.linspace(0, 1, SHADE_ROWS, dtype=np.float32)[:, None, None]
    outer = smoothstep(v / 0.40)
    inner = smoothstep((1 - v) / 0.48)
    wet = smoothstep((v - 0.42) / 0.40)
    colour = lip * np.array([0.95, 0.92, 0.92], np.float32) * (1 - wet * np.array([0.40, 0.54, 0.52], np.float32))
    alpha = np.where(v < 0.5, outer, inner) * smoothstep((0.97 - u) / 0.22)[None, :, None]
    return np.dstack([colour, alpha * 255]).round().clip(0, 255).astype(np.uint8)


def lip_rim(image: NDArray[np.uint8], edge: NDArray[np.float64], unit: float) -> NDArray[np.uint8]:
    """The underside of the upper lip, in its own shadow, with a soft edge before the teeth: RGBA (SHADE_ROWS, SHADE_COLUMNS).

    Column from corner to corner; row 0 on the lip, a half at its edge, 1 inside the mouth. edge: (n, 2), where the upper lip ends in the
    photo. unit: mouth width, pixels.
    """
    lip = _lip_beside(image, edge, -0.040 * unit)
    u = np.abs(np.linspace(-1, 1, SHADE_COLUMNS, dtype=np.float32))
    v = np.linspace(0, 1, SHADE_ROWS, dtype=np.float32)[:, None, None]
    under = smoothstep((v - 0.10) / 0.65)
    colour = lip * (1 - under * np.array([0.46, 0.56, 0.55], np.float32))
    alpha = np.where(v < 0.5, smoothstep(v / 0.42), smoothstep((1 - v) / 0.50)) * smoothstep((0.99 - u) / 0.16)[None, :, None]
    return np.dstack([colour, alpha * 255]).round().clip(0, 255).astype(np.uint8)


def _lip_beside(image: NDArray[np.uint8], edge: NDArray[np.float64], away: float) -> NDArray[np.float32]:
    """Colour (1, SHADE_COLUMNS, 3) of the lip ``away`` pixels below its edge (n, 2) in the middle, less towards the corners."""
    at = np.linspace(0, len(edge) - 1, SHADE_COLUMNS)
    index = np.arange(len(edge))
    x, y = np.interp(at, index, edge[:, 0]).astype(np.float32), np.interp(at, index, edge[:, 1]).astype(np.float32)
    u = np.linspace(-1, 1, SHADE_COLUMNS, dtype=np.float32)
    beside = y + np.float32(away) * (1 - u**2)
    found = cv2.remap(cv2.GaussianBlur(image, (0, 0), 0.8), x[None], beside[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.GaussianBlur(found.astype(np.float32), (0, 0), 3.0, borderType=cv2.BORDER_REPLICATE), np.float32)


def lip_line(light: MouthLight) -> NDArray[np.uint8]:
    """The line between shut lips, for photos that show them apart: RGBA (16, SHADE_COLUMNS), row 0 on the upper lip, the last on the
    lower."""
    v = np.linspace(-1, 1, 16, dtype=np.float32)[:, None]
    u = np.abs(np.linspace(-1, 1, SHADE_COLUMNS, dtype=np.float32))[None]
    alpha = np.exp(-((v / 0.42) ** 2)) * (0.62 + 0.25 * u**2) * smoothstep((1 - u) / 0.04)
    dark = light.lip * np.array([0.40, 0.25, 0.25], np.float32)
    return np.dstack([np.broadcast_to(dark, (*alpha.shape, 3)), alpha * 255]).round().clip(0, 255).astype(np.uint8)


def _luminance(colour: NDArray[np.floating]) -> NDArray[np.floating]:
    """Of colours (..., 3)."""
    return np.asarray(colour @ np.array([0.3, 0.6, 0.1], np.float32))


def _colours(image: NDArray[np.uint8], points: NDArray[np.float64]) -> NDArray[np.float32]:
    blurred = cv2.GaussianBlur(image, (0, 0), 1.2)
    x = np.clip(np.round(points[:, 0]).astype(int), 0, image.shape[1] - 1)
    y = np.clip(np.round(points[:, 1]).astype(int), 0, image.shape[0] - 1)
    return blurred[y, x].astype(np.float32)
