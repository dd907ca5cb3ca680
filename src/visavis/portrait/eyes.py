"""Textures of the eyes: the eyeball completed behind the lids, and the lid that slides over it."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.ease import smoothstep
from visavis.portrait import contours

SCALE = 4
"""Texels a pixel of the photo in the eye textures."""

GLINT_FROM = 22.0
"""Grey levels: what is so much brighter than the iris is elsewhere at this distance from its centre is light that mirrors in the cornea."""

LASH_COLUMNS, LASH_ROWS = 224, 64
LASH_REACH = (-1.0, 4.0)
LASHES = 96
"""Hairs of an upper lid that are drawn."""

LID_COLUMNS, LID_ROWS = 96, 40
LID_BEYOND = 4
LID_FACING = 0.6
"""How far the shut lid takes the colour of the skin around the eye."""
LASH_HEIGHT = 0.085
"""Up to this many eye widths above its edge the lid is hidden behind its lashes."""

CORNER_TEXELS = 48
CORNER_ACROSS, CORNER_DOWN = (-0.07, 0.26), (-0.20, 0.12)
"""Where lashes stand beside the outer corner of the eye: outwards and down from it, in eye widths."""

LID_RIGID, LID_ROOM, LID_CURVE = 0.035, 0.85, 1.5
"""The lid within this many eye widths of its edge moves as one piece; above it the way fades over this share of the room under the brow,
with this power."""


def to_texels(points: NDArray[np.float64], origin: NDArray[np.int64]) -> NDArray[np.float64]:
    """Photo pixels (n, 2) to texels of a crop that starts at pixel ``origin`` and has SCALE texels a pixel."""
    return (points - origin + 0.5) * SCALE - 0.5


def eyeball_texture(
    image: NDArray[np.uint8], upper: NDArray[np.float64], lower: NDArray[np.float64], iris: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
    """The eyeball as if the lids were gone, without the highlights on it; these alone; both RGBA; and the photo pixel of their corner.
    upper, lower: edges of the opening; iris: (5, 2) centre and rim."""
    centre, radius = iris[0], float(np.linalg.norm(iris[1:] - iris[0], axis=1).mean())
    span = float(np.linalg.norm(upper[-1] - upper[0]))
    reach = int(np.ceil(0.75 * span + 4))
    origin = np.round((upper[0] + upper[-1]) / 2).astype(np.int64) - reach
    size = 2 * reach + 1
    box = cv2.warpAffine(
        image,
        np.array([[SCALE, 0, (SCALE - 1) / 2 - origin[0] * SCALE], [0, SCALE, (SCALE - 1) / 2 - origin[1] * SCALE]], np.float64),
        (size * SCALE, size * SCALE),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.float32)
    y, x = np.mgrid[: size * SCALE, : size * SCALE]
    pixels = np.stack([(x + 0.5) / SCALE - 0.5 + origin[0], (y + 0.5) / SCALE - 0.5 + origin[1]], -1)
    opening = np.zeros(x.shape, np.uint8)
    cv2.fillPoly(opening, [np.round(to_texels(np.concatenate([upper, lower[::-1]]), origin) * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    depth = cv2.distanceTransform(opening, cv2.DIST_L2, 5) / SCALE
    seen = depth > 0.06 * span * 0.5
    distance = np.linalg.norm(pixels - centre, axis=-1)
    rim = 1.12 * radius
    # Iris: what a lid hides is like what is seen at the same distance from the centre.
    bins = np.clip((distance * 3).astype(int), 0, 400)
    profile = np.zeros((401, 3), np.float32)
    known_bin = np.zeros(401, bool)
    for b in range(int(rim * 3) + 2):
        ring = seen & (bins == b)
        if ring.sum() >= 6:
            profile[b] = np.median(box[ring], 0)
            known_bin[b] = True
    if not known_bin.any():
        known_bin[0], profile[0] = True, np.median(box[opening > 0], 0) if opening.any() else 60
    index = np.arange(401)
    for c in range(3):
        profile[:, c] = np.interp(index, index[known_bin], profile[known_bin, c])
    # The white: what is seen beside the iris, spread; darker and warmer towards the lids, as in any photo.
    white = seen & (distance > rim)
    if white.sum() < 20:
        white = (opening > 0) & (distance > rim)
    if white.sum() >= 20:
        # Lashes, shadow and the tear duct are not what the white looks like behind the lid: the brightest, least coloured part of what is
        # seen is.
        score = box.mean(-1) - 0.9 * np.ptp(box, axis=-1)
        white = white & (score >= np.percentile(score[white], 65))
        weight = cv2.GaussianBlur(white.astype(np.float32), (0, 0), 3.0 * SCALE)
        spread = cv2.GaussianBlur(box * white[..., None], (0, 0), 3.0 * SCALE) / np.maximum(weight[..., None], 1e-4)
        mean = box[white].mean(0)
        trust = 0.5 * np.clip(weight / 0.02, 0, 1)[..., None]
        sclera = (spread * trust + mean * (1 - trust)) * 0.97
    else:
        sclera = np.broadcast_to(np.array([170, 160, 155], np.float32), box.shape)
    edge = np.clip((rim - distance) / (0.18 * radius) + 0.5, 0, 1)[..., None]
    hidden = profile[bins] * edge + sclera * (1 - edge)
    # What the upper lid covers lies in its shadow.
    covered = contours.height_on(upper, pixels[..., 0].ravel()).reshape(distance.shape) - pixels[..., 1]
    hidden = hidden * (1 - 0.38 * smoothstep((covered + 0.03 * span) / (0.10 * span)))[..., None]
    blend = np.clip((depth - 0.02 * span) / (0.03 * span), 0, 1)[..., None]
    texture = box * blend + hidden * (1 - blend)
    dull, glint = _without_highlights(texture, profile[bins], seen & (distance < 0.70 * radius), radius)
    return _rgba(dull), glint, origin


def _without_highlights(
    texture: NDArray[np.floating], iris: NDArray[np.floating], within: NDArray[np.bool_], radius: float
) -> tuple[NDArray[np.floating], NDArray[np.uint8]]:
    """``texture`` (h, w, 3) without the light that mirrors in the cornea, and that light as RGBA, which laid over it gives ``texture``
    again. iris: (h, w, 3), what the iris looks like at this distance from its centre; within: where highlights are looked for."""
    shine = np.where(within, texture.mean(-1) - iris.mean(-1), 0).astype(np.float32)
    spot = (shine > GLINT_FROM).astype(np.uint8)
    reach = max(round(0.10 * radius * SCALE), 1)
    spot = cv2.dilate(spot, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)))
    share = cv2.GaussianBlur(spot.astype(np.float32), (0, 0), 0.5 * reach)[..., None] * smoothstep(shine / (0.5 * GLINT_FROM))[..., None]
    dull = texture * (1 - share) + np.minimum(texture, iris) * share
    dull = np.round(dull).clip(0, 255)
    extra = np.maximum(np.round(texture).clip(0, 255) - dull, 0)
    alpha = (extra / np.maximum(255.0 - dull, 1)).max(-1, keepdims=True)
    colour = dull + extra / np.maximum(alpha, 1e-3)
    return dull, np.dstack([np.where(alpha > 0, colour, 255), alpha * 255]).round().clip(0, 255).astype(np.uint8)


def lash_texture(image: NDArray[np.uint8], upper: NDArray[np.float64], lower: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The lashes of the upper lid as they hang when it sinks: RGBA (LASH_ROWS, LASH_COLUMNS), column along the eye from its outer corner.

    Rows run from LASH_REACH[0] to LASH_REACH[1] units (1/22 of the eye's width) below the lid's edge.
    """
    dark = np.percentile(image[_bounds(upper, lower, image)].reshape(-1, 3).astype(np.float32), 4, axis=0) * 0.85
    alpha = _lash_opacity()
    return np.dstack([np.broadcast_to(dark, (*alpha.shape, 3)), alpha * 255]).round().clip(0, 255).astype(np.uint8)


@cache
def _lash_opacity() -> NDArray[np.float64]:
    """Opacity (LASH_ROWS, LASH_COLUMNS) of the lid's dark edge and its hairs: everybody's are the same."""
    below = np.linspace(*LASH_REACH, LASH_ROWS, dtype=np.float32)[:, None]
    s = np.linspace(0, 1, LASH_COLUMNS, dtype=np.float32)[None]
    rng = np.random.default_rng(7)
    taper = np.clip(np.minimum(s * 9 + 0.25, (1 - s) * 3.2), 0, 1)
    uneven = cv2.GaussianBlur(rng.normal(size=(1, LASH_COLUMNS)).astype(np.float32), (0, 0), 2.5)
    uneven = 0.80 + 0.20 * np.clip(uneven / max(float(uneven.std()), 1e-6) / 2, -1, 1)
    line = np.exp(-((below / np.where(below < 0, 0.36, 0.50)) ** 2)) * 0.86 * taper * uneven
    return np.asarray(1 - (1 - line) * (1 - _hairs(rng)))


def _hairs(rng: np.random.Generator) -> NDArray[np.float32]:
    """Lashes, hair by hair, as opacity (LASH_ROWS, LASH_COLUMNS): they fan outwards, the longest stand beyond the middle, their tips
    are thin and bend up, and some stick together."""
    over = 4
    wide, tall = LASH_COLUMNS * over, LASH_ROWS * over
    unit = tall / (LASH_REACH[1] - LASH_REACH[0])
    aside = wide / 22.0  # texels of a unit along the eye
    total = np.zeros((tall, wide), np.float32)
    for root in np.linspace(0.02, 0.95, LASHES) + rng.uniform(-0.006, 0.006, LASHES):
        length = (1.35 + 1.75 * np.exp(-(((root - 0.22) / 0.33) ** 2))) * rng.uniform(0.55, 1.0)
        lean = 1.15 * (root - 0.62) * abs(root - 0.62) * 2.2 + rng.normal() * 0.16
        t = np.linspace(0, 1, 12)
        x = root * wide + (lean * length * t + 0.25 * np.sign(lean) * abs(lean) * length * t * t) * aside
        y = (-LASH_REACH[0] + length * (t - 0.22 * t**3)) * unit
        points = np.round(np.stack([x, y], -1) * 16).astype(np.int32)
        strength = rng.uniform(0.45, 0.85) * min(root * 12 + 0.3, (0.99 - root) * 6, 1.0)
        for i in range(len(t) - 1):
            low = np.maximum(points[i : i + 2].min(0) // 16 - 8, 0)
            place = total[low[1] : points[i : i + 2, 1].max() // 16 + 8, low[0] : points[i : i + 2, 0].max() // 16 + 8]
            hair = np.zeros(place.shape, np.uint8)
            start, end = (points[i : i + 2] - 16 * low).tolist()
            cv2.line(hair, start, end, 255, max(round(5 * (1 - t[i])), 2), cv2.LINE_AA, 4)
            np.maximum(place, hair * np.float32(strength * (1 - 0.55 * t[i]) / 255), out=place)
    return cv2.resize(total, (LASH_COLUMNS, LASH_ROWS), interpolation=cv2.INTER_AREA)


def shade_texture(skin: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The shadow that the upper lid throws on the eyeball: RGBA (32, 8), row 0 at the lid's edge. skin: (3,), the lid's colour."""
    alpha = np.repeat((1 - np.linspace(0, 1, 32, dtype=np.float32)[:, None]) ** 1.6 * 0.62, 8, 1)
    dark = skin * np.array([0.20, 0.15, 0.13], np.float32)
    return np.dstack([np.broadcast_to(dark, (32, 8, 3)), alpha * 255]).round().clip(0, 255).astype(np.uint8)


def lid_reach(upper: NDArray[np.float64], brow: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far above ``upper`` skin still moves with the lid, pixels, at x (n,). brow: (m, 2), lower edge of the brow, which stays."""
    span = float(np.linalg.norm(upper[-1] - upper[0]))
    room = contours.height_on(upper, x) - contours.height_on(brow, x)
    return np.clip(LID_ROOM * room, 0.16 * span, 0.42 * span)


def lid_travel(above: NDArray[np.float64], reach: NDArray[np.float64], span: float) -> NDArray[np.float64]:
    """How far skin that is ``above`` the edge of the upper lid (pixels) goes along when it closes, 0..1.

    The edge with its lashes goes all the way, the skin above it less and less: it unfolds from the crease. span: width of the eye.
    """
    rigid = LID_RIGID * span
    return np.asarray(np.clip(1 - np.maximum(above - rigid, 0) / np.maximum(reach - rigid, 1e-6), 0, 1) ** LID_CURVE)


def beyond_corner(edge: NDArray[np.float64], upper: NDArray[np.float64]) -> NDArray[np.float64]:
    """``edge`` (n, 2) with LID_BEYOND more points outwards of the outer corner, where lashes stand beside the eye."""
    out = np.array([upper[0, 0] - upper[-1, 0], 0.0])
    return np.concatenate([upper[0] + np.outer(np.linspace(0.24, 0.06, LID_BEYOND), out), edge])


def lid_texture(
    image: NDArray[np.uint8], upper: NDArray[np.float64], lower: NDArray[np.float64], reach: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """The skin of the upper lid without the lashes that stand before it: RGBA (LID_ROWS, LID_COLUMNS), column along the eye from beside the
    outer corner, row from ``reach`` pixels (n,) above ``upper`` (n, 2) down to it. upper and lower as ``beyond_corner`` gives them.

    Stretched by a closing lid, lashes would become streaks. Creases run along the lid and stay.
    """
    span = float(np.linalg.norm(upper[-1] - upper[LID_BEYOND]))
    at, index = np.linspace(0, len(upper) - 1, LID_COLUMNS), np.arange(len(upper))
    x, y, bottom, height = (np.interp(at, index, values) for values in (upper[:, 0], upper[:, 1], lower[:, 1], reach))
    t = np.linspace(0, 1, LID_ROWS)[:, None]
    above = (1 - t) * height

    def seen_at(rows: NDArray[np.float64]) -> NDArray[np.float32]:
        columns = np.broadcast_to(x, rows.shape).astype(np.float32)
        return cv2.remap(image, columns, rows.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)

    strip, beneath = seen_at(y - above), seen_at(bottom + (0.14 + 0.38 * t) * span)
    # Lashes are dark and narrower than this; near the edge they stand in a row that hides the skin, which goes on as it is above.
    clean = cv2.morphologyEx(strip, cv2.MORPH_CLOSE, np.ones((1, LID_COLUMNS // 9), np.uint8))
    clean = cv2.GaussianBlur(clean, (0, 0), sigmaX=LID_COLUMNS / 20, sigmaY=0.7, borderType=cv2.BORDER_REPLICATE)
    for column in range(LID_COLUMNS):
        hidden = above[:, column] < LASH_HEIGHT * span
        first = int(np.argmax(hidden))
        seen = clean[max(first - 4, 0) : first + 1, column].mean(0)
        clean[hidden, column] = seen
    clean = cv2.GaussianBlur(clean, (0, 0), sigmaX=LID_COLUMNS / 40, sigmaY=1.0, borderType=cv2.BORDER_REPLICATE)
    # Shut, the lid faces the light as the skin around the eye does, and is thin: a little redder.
    around = 0.5 * clean[: LID_ROWS // 4].mean(0) + 0.5 * beneath.mean(0)
    around = cv2.GaussianBlur(around[None], (0, 0), sigmaX=LID_COLUMNS / 8, borderType=cv2.BORDER_REPLICATE)
    facing = LID_FACING * smoothstep((t - 0.25) / 0.55)[..., None]
    clean = clean * (1 - facing) + around * np.array([0.98, 0.94, 0.93], np.float32) * facing
    # Pores and lines like those of the skin under the eye.
    clean = clean + 0.7 * (beneath - cv2.GaussianBlur(beneath, (0, 0), 2.5, borderType=cv2.BORDER_REPLICATE))
    # A closed lid bulges over the eyeball: lit in the middle, turning away at its edge.
    s = np.clip((at - LID_BEYOND) / (len(upper) - 1 - LID_BEYOND), 0, 1)[None]
    beside = np.clip(1 - at / LID_BEYOND, 0, 1)[None]
    bulge = 1 + 0.07 * np.sin(np.pi * s) * np.sin(np.pi * np.clip(t / 0.95, 0, 1)) - 0.10 * smoothstep((t - 0.72) / 0.28)
    alpha = smoothstep(t / 0.45) * smoothstep((1 - s) / 0.16) * smoothstep(1 - beside)
    alpha = alpha * np.where(beside > 0, smoothstep((1 - t) / 0.25), 1.0)
    return np.dstack([clean * bulge[..., None], alpha * 255]).round().clip(0, 255).astype(np.uint8)


def corner_texture(image: NDArray[np.uint8], places: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The skin beside the outer corner of the eye without the lashes that stand before it: RGBA (CORNER_TEXELS, CORNER_TEXELS), clear where
    the photo shows skin. places: (CORNER_TEXELS, CORNER_TEXELS, 2), where in the photo each texel is, the corner's side first in each row.

    The lid's own lashes sink with it when it shuts; those of the photo would stay behind.
    """
    x, y = (np.ascontiguousarray(places[..., axis], np.float32) for axis in (0, 1))
    seen = cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    soft = cv2.GaussianBlur(seen, (0, 0), 1.5, borderType=cv2.BORDER_REPLICATE)
    # Lashes are darker and narrower than this.
    width = round(0.62 * CORNER_TEXELS)
    clean = cv2.morphologyEx(soft, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)))
    clean = cv2.GaussianBlur(clean, (0, 0), 0.10 * CORNER_TEXELS, borderType=cv2.BORDER_REPLICATE)
    darker = cv2.dilate((clean - soft).mean(-1), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    hidden = smoothstep((cv2.GaussianBlur(darker, (0, 0), 1.2) - 5) / 14)
    u, v = np.meshgrid(*[np.linspace(0, 1, CORNER_TEXELS)] * 2)
    rim = smoothstep((u - 0.08) / 0.16) * smoothstep((1 - u) / 0.35) * smoothstep(v / 0.28) * smoothstep((1 - v) / 0.28)
    return np.dstack([clean, 255 * hidden * rim]).round().clip(0, 255).astype(np.uint8)


def iris_of(landmarks: NDArray[np.float64], numbers: tuple[int, ...]) -> NDArray[np.float64]:
    """Centre and four rim points of an iris (5, 2)."""
    return landmarks[list(numbers)]


def _bounds(upper: NDArray[np.float64], lower: NDArray[np.float64], image: NDArray[np.uint8]) -> tuple[slice, slice]:
    both = np.concatenate([upper, lower])
    low, high = np.floor(both.min(0)).astype(int) - 2, np.ceil(both.max(0)).astype(int) + 2
    return slice(max(low[1], 0), min(high[1], image.shape[0])), slice(max(low[0], 0), min(high[0], image.shape[1]))


def _rgba(texture: NDArray[np.floating]) -> NDArray[np.uint8]:
    opaque = np.full((*texture.shape[:2], 1), 255.0)
    return np.concatenate([np.asarray(texture).round().clip(0, 255), opaque], -1).astype(np.uint8)
