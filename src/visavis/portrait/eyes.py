"""Textures of the eyes: the eyeball completed behind the lids, and the lid that slides over it."""

import cv2
import numpy as np
from numpy.typing import NDArray

SCALE = 4
"""Texels a pixel of the photo in the eye textures."""

LID_COLUMNS, LID_ROWS = 96, 48
LASH_ROW = 32
"""Row of the lid texture where the lashes grow; the lid is above it, the fringe below."""


def to_texels(points: NDArray[np.float64], origin: NDArray[np.int64]) -> NDArray[np.float64]:
    """Photo pixels (n, 2) to texels of a crop that starts at pixel ``origin`` and has SCALE texels a pixel."""
    return (points - origin + 0.5) * SCALE - 0.5


def eyeball_texture(
    image: NDArray[np.uint8], upper: NDArray[np.float64], lower: NDArray[np.float64], iris: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The eyeball as if the lids were gone: RGBA and the photo pixel of its corner. upper, lower: edges of the opening; iris: (5, 2) centre
    and rim."""
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
    blend = np.clip((depth - 0.02 * span) / (0.03 * span), 0, 1)[..., None]
    texture = box * blend + hidden * (1 - blend)
    return _rgba(texture), origin


def lid_texture(
    image: NDArray[np.uint8], upper: NDArray[np.float64], lower: NDArray[np.float64], crease: NDArray[np.float64], unit: float
) -> NDArray[np.uint8]:
    """The closed upper lid: uint8 (LID_ROWS, LID_COLUMNS, 4), column along the eye, row from the crease to the lashes and their fringe.

    Its colour is that of the skin right above the crease and below the eye in the photo, so it takes on the light of each photo.
    upper, lower, crease: (n, 2), photo pixels, outer corner to inner. unit: pixels, 1/22 of the eye's width.
    """
    blurred = cv2.GaussianBlur(image, (0, 0), 0.8).astype(np.float32)

    def along(points: NDArray[np.float64]) -> NDArray[np.float32]:
        at = np.linspace(0, len(points) - 1, LID_COLUMNS)
        index = np.arange(len(points))
        x = np.interp(at, index, points[:, 0]).astype(np.float32)[None]
        y = np.interp(at, index, points[:, 1]).astype(np.float32)[None]
        return cv2.remap(blurred, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]

    above = along(crease - np.array([0.0, 0.4 * unit]))
    over = along(crease - np.array([0.0, 1.0 * unit]))
    below = along(lower + np.array([0.0, 3.0 * unit]))
    mixed = np.ascontiguousarray((0.5 * over + 0.5 * below)[None])
    skin = cv2.GaussianBlur(mixed, (0, 0), LID_COLUMNS / 10, borderType=cv2.BORDER_REPLICATE)[0]
    # Lid skin is thin: a little redder than what surrounds it.
    skin = skin * np.array([1.04, 1.015, 1.005], np.float32)
    t = (np.arange(LID_ROWS) / LASH_ROW)[:, None, None].astype(np.float32)
    s = (np.arange(LID_COLUMNS) / (LID_COLUMNS - 1))[None, :, None].astype(np.float32)
    bulge = np.sin(np.pi * np.clip(t, 0, 1)) * np.sin(np.pi * s)
    colour = skin[None] * (0.95 + 0.10 * bulge)
    top = np.clip(1 - t / 0.4, 0, 1)
    colour = colour * (1 - top) + above[None] * top
    dark = np.percentile(image[_bounds(upper, lower, image)].reshape(-1, 3).astype(np.float32), 4, axis=0) * 0.8
    taper = np.clip(np.minimum(s * 9 + 0.35, (1 - s) * 4), 0, 1)
    lash_distance = (np.arange(LID_ROWS) - LASH_ROW)[:, None, None].astype(np.float32) / (LASH_ROW / 8.0)  # about pixels of a closed lid
    line = np.exp(-((lash_distance / np.where(lash_distance < 0, 0.5, 0.75)) ** 2)) * 0.88 * taper
    rng = np.random.default_rng(7)
    strands = cv2.GaussianBlur(rng.normal(size=(1, LID_COLUMNS)).astype(np.float32), (0, 0), 0.8)[0]
    strands = 0.5 + 0.5 * strands / max(float(np.abs(strands).max()), 1e-6)
    length = 1.2 + 1.6 * strands[None, :, None]
    fringe = (
        np.where(lash_distance > 0, np.clip(1 - lash_distance / length, 0, 1), 0) * 0.25 * taper * (0.55 + 0.45 * strands[None, :, None])
    )
    lash = np.maximum(line, fringe)
    on_lid = (t <= 1.0).astype(np.float32)
    edge_in = _smoothstep(t / 0.4) * _smoothstep(np.minimum(s, 1 - s) * 6 + 0.1)
    alpha = on_lid * edge_in + (1 - on_lid) * lash
    colour = np.where(on_lid > 0, colour * (1 - lash) + dark * lash, dark)
    grain = rng.normal(size=(LID_ROWS, LID_COLUMNS, 1)).astype(np.float32) * 1.2
    return np.dstack([(colour + grain).round().clip(0, 255), (alpha * 255).round().clip(0, 255)]).astype(np.uint8)


def crease_curve(upper: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the lid folds: a curve above the open edge (n, 2)."""
    span = float(np.linalg.norm(upper[-1] - upper[0]))
    s = np.linspace(0, 1, len(upper))
    height = span * (0.10 + 0.24 * np.sin(np.pi * s))
    return upper - np.stack([np.zeros_like(height), height], 1)


def iris_of(landmarks: NDArray[np.float64], numbers: tuple[int, ...]) -> NDArray[np.float64]:
    """Centre and four rim points of an iris (5, 2)."""
    return landmarks[list(numbers)]


def _bounds(upper: NDArray[np.float64], lower: NDArray[np.float64], image: NDArray[np.uint8]) -> tuple[slice, slice]:
    both = np.concatenate([upper, lower])
    low, high = np.floor(both.min(0)).astype(int) - 2, np.ceil(both.max(0)).astype(int) + 2
    return slice(max(low[1], 0), min(high[1], image.shape[0])), slice(max(low[0], 0), min(high[0], image.shape[1]))


def _smoothstep(x: NDArray[np.floating]) -> NDArray[np.floating]:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def _rgba(texture: NDArray[np.floating]) -> NDArray[np.uint8]:
    opaque = np.full((*texture.shape[:2], 1), 255.0)
    return np.concatenate([np.asarray(texture).round().clip(0, 255), opaque], -1).astype(np.uint8)
