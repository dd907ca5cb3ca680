"""The skin of posed arms: what the photo shows of its own hanging arms, less their light, laid around the mesh; else noise like it.

A texture is as wide as an arm is around, and as high as it is long, in pixels of the photo. It holds what the colour of the skin is
multiplied by, so that tone and light stay with the vertices. The camera sees a third of a hanging arm well: the rest, and the hand, is
noise with the colours, sizes and directions of what is seen.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator

from visavis.ease import smoothstep
from visavis.motion.skeleton import BACK_AT_REST, THUMB_AT_REST
from visavis.portrait.arm_asset import BONES, ArmAsset
from visavis.portrait.arm_light import shade
from visavis.portrait.hanging_arm import HangingArm
from visavis.portrait.normals import vertex_normals
from visavis.types_portrait import GRAIN_ONE, FittedPortrait

Array = NDArray[np.float64]

RADIUS = 0.042
"""Metres: how thick an arm is for which a texel is as wide as it is high."""
WIDEST, LONGEST = 512, 1024
"""Texels at most, as many as the photo has pixels."""
TEXELS = 2
"""Texels of the finished texture along each side of such a one: lines of a palm are thinner than a pixel."""
SEEN = np.radians(50.0)
"""How far to either side of its middle the photo's arm is looked at."""
BENDS, LEVEL = 4, 0.016
"""Degree of the polynomial across the arm that tells light and tone from texture, and metres along the arm (standard deviation) over which
it is fitted."""
TONE = 0.012
"""Metres along the arm (standard deviation) over which its tone is averaged."""
ALL_HAND = 0.9
"""From this share of the hand in what moves it on skin is the hand's."""
MOST, MOST_CLOTH = (0.75, 1.25), (0.45, 1.7)
"""What skin and cloth are multiplied by at the least and at most."""
FOLDED = 0.5
"""How strong a noise of folds is where the photo does not show a sleeve: folds lie where a sleeve bends, not everywhere."""
STANDS_OUT = 3.0
"""Deviations: what stands out more (moles, creases) is no part of the skin that is like it."""
BORDER = 0.010
"""Metres over which one goes over into the other."""
CALMER, WRIST = (0.2, 0.4), 0.06
"""How much weaker the forearm's texture is on the back of the hand and on its palm, which has neither hair nor spots; metres over
which it becomes that."""
HEM = 0.015
"""Metres of arm below the sleeve's edge, which is slanted, that are not looked at."""
LEAST_ROWS = 0.08
"""Metres of arm that must be seen well."""
SHARPER = 1.25
"""By how much the finest grain, below a pixel of the photo, is made stronger: being laid on the arm and drawn takes half of it away."""
GRAIN = 128
MOTTLED = 0.014
"""How much brighter and darker skin is in spots, where no arm shows it."""


@dataclass(frozen=True)
class LiftedSkin:
    """texture: float (h, w, 3), what colours are multiplied by. rows: (n,) of it in which the arm is seen, tone: (n, 3), the colour of its
    skin in even light there."""

    texture: Array
    rows: Array
    tone: Array

    def tone_at(self, rows: Array) -> Array:
        """Colours (m, 3) in rows (m,) of the texture; beyond what is seen those at its ends."""
        return np.stack([np.interp(rows, self.rows, self.tone[:, k]) for k in range(3)], -1)


def texture_shape(asset: ArmAsset, pixels: float) -> tuple[int, int]:
    """Height and width, powers of two. pixels: to a metre of the asset's arm."""
    width = 2 ** round(np.log2(2 * np.pi * RADIUS * pixels))
    height = 2 ** int(np.ceil(np.log2(np.ptp(asset.points[:, 1]) * pixels)))
    return min(max(height, 128), LONGEST), min(max(width, 128), WIDEST)


def skin_at(asset: ArmAsset, pixels: float) -> Array:
    """(N, 2), column and row of the texture at which vertices lie: around the arm, on back or palm of the hand beside its thumb; and along
    it."""
    width = texture_shape(asset, pixels)[1]
    # Clockwise on the screen is away from the camera where y points down.
    back = -vertex_normals(asset.points.astype(np.float64), asset.triangles) @ BACK_AT_REST
    palm = np.where(asset.hand > ALL_HAND, back, asset.around) < 0
    aside = (asset.points - asset.heads[BONES.index("hand")]).astype(np.float64) @ THUMB_AT_REST
    on_arm = asset.around * width / (2 * np.pi)
    on_hand = np.where(palm, -1, 1) * (width / 4 - aside * pixels)
    row = (asset.points[:, 1].astype(np.float64) - float(asset.points[:, 1].min())) * pixels
    return np.stack([on_arm + (on_hand - on_arm) * asset.hand, row], 1)


def lift_skin(
    fitted: FittedPortrait, found: HangingArm, asset: ArmAsset, points: Array, at: Array, pixels: float, sign: float, light: Array
) -> LiftedSkin | None:
    """The skin, or the sleeve, of the photo's arm ``found``, over which the posed arm lies with its points (N, 3) in camera space.

    at: as ``skin_at``; light: (3, 12) as in ``ArmRig``. None where too little of the arm is seen.
    """
    shape = height, width = texture_shape(asset, pixels)
    place, normal = _spread(fitted, asset, points, at, shape, sign)
    x, y = place[..., 0], place[..., 1]
    colour = cv2.remap(fitted.image.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    person = cv2.remap(cv2.erode(fitted.alpha, np.ones((3, 3), np.uint8)), x, y, cv2.INTER_LINEAR)
    half = np.interp(y, found.rows, found.width) / 2
    across = (x - np.interp(y, found.rows, found.middle)) / half
    below_sleeve = (y > found.rows[0] + HEM * pixels) & (y < min(found.rows[-1], fitted.alpha.shape[0] - 2))
    inside = below_sleeve & (normal[..., 2] < -0.2) & (person > 0.97)
    sure = (np.where(inside, smoothstep((0.92 - np.abs(across)) / 0.1), 0)).astype(np.float32)

    middle = _middle_column(np.where(inside, np.abs(across), 9.0), width)
    columns = np.arange(-round(SEEN / (2 * np.pi) * width), round(SEEN / (2 * np.pi) * width) + 1)
    wrist = float(at[asset.hand > 0.02, 1].min())
    known = ~np.isnan(middle) & (np.arange(height) < wrist)
    rows = np.flatnonzero(known)
    if len(rows) < LEAST_ROWS * pixels:
        return None
    rows = np.arange(rows[0], rows[-1] + 1)
    middle = np.interp(rows, np.flatnonzero(known), middle[known])
    centre = np.round(_smooth(middle, 0.02 * pixels)).astype(int)
    strip = rows[:, None], (centre[:, None] + columns) % width

    even = np.clip(shade(normal[strip].reshape(-1, 3), light).reshape(*normal[strip].shape[:2], 3), 0.3, 2.0)
    weight = sure[strip] * (np.abs(across[strip]) < 0.5)
    tone = (colour[strip] / even * weight[..., None]).sum(1) / np.maximum(weight.sum(1), 1e-3)[:, None]
    trusted = weight.sum(1) > 4
    if trusted.sum() < LEAST_ROWS * pixels:
        return None
    tone = np.stack([np.interp(rows, rows[trusted], tone[trusted, k]) for k in range(3)], 1)
    tone = _smooth(tone, TONE * pixels)

    even = _level(colour[strip], across[strip], sure[strip], LEVEL * pixels)
    detail = np.clip(1 + (colour[strip] / np.maximum(even, 8) - 1) * sure[strip][..., None], *(MOST if found.cuff is None else MOST_CLOTH))
    texture = _around(detail, rows, centre, columns, shape, pixels, 1.0 if found.cuff is None else FOLDED)
    hand = smoothstep((np.arange(height) - wrist) / (WRIST * pixels))[:, None]
    # The palm looks to the side of negative angles.
    palm = smoothstep(0.5 - np.sin(2 * np.pi / width * np.arange(width)))
    calm = 1 - hand * (CALMER[0] + (CALMER[1] - CALMER[0]) * palm)
    return LiftedSkin(1 + (texture - 1) * calm[..., None], rows.astype(np.float64), tone)


def detailed(texture: NDArray[np.floating], detail: Array) -> NDArray[np.uint8]:
    """``ArmRig.skin`` of a texture (h, w) or (h, w, 3) and of what is drawn on it with ``TEXELS`` as many texels, (H, W, 3)."""
    three = texture if texture.ndim == 3 else np.repeat(texture[..., None], 3, -1)
    wide = cv2.copyMakeBorder(three.astype(np.float32), 4, 4, 4, 4, cv2.BORDER_WRAP)
    fine = cv2.resize(wide, None, fx=TEXELS, fy=TEXELS, interpolation=cv2.INTER_CUBIC)[4 * TEXELS : -4 * TEXELS, 4 * TEXELS : -4 * TEXELS]
    fine = fine + SHARPER * (fine - cv2.GaussianBlur(fine, (0, 0), TEXELS))
    return as_grain(fine * detail)


def as_grain(factor: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Factors (h, w) or (h, w, 3) as the bytes (h, w, 4) of ``ArmRig.skin``."""
    three = factor if factor.ndim == 3 else np.repeat(factor[..., None], 3, -1)
    stored = np.full((*three.shape[:2], 4), 255, np.uint8)
    stored[..., :3] = np.clip(np.round(three * GRAIN_ONE), 0, 255)
    return stored


def _spread(
    fitted: FittedPortrait, asset: ArmAsset, points: Array, at: Array, shape: tuple[int, int], sign: float
) -> tuple[NDArray[np.float32], Array]:
    """For each texel the pixel (h, w, 2) of the photo where it is seen, far outside where there is none, and its normal (h, w, 3)."""
    height, width = shape
    # Clockwise on the screen is away from the camera where y points down; the right arm is a mirror image.
    normal = -sign * vertex_normals(points, asset.triangles)
    arm = asset.hand < 0.3
    seen = points[:, :2] / points[:, 2:] * fitted.camera.focal + fitted.camera.principal
    values = np.concatenate([seen, normal], 1)[arm]
    turns = np.concatenate([at[arm] + (turn * width, 0) for turn in (-1, 0, 1)])
    spread = LinearNDInterpolator(turns, np.tile(values, (3, 1)), fill_value=-1e4)
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))
    filled = spread(np.stack([columns, rows], -1))
    return filled[..., :2].astype(np.float32), filled[..., 2:]


def _middle_column(away: Array, width: int) -> Array:
    """The column (h,) nearest the middle of the arm in each row, counted on over the edge of the texture; nan where it is not seen."""
    nearest = away.argmin(1).astype(np.float64)
    seen = away.min(1) < 0.1
    if not seen.any():
        return np.full(len(away), np.nan)
    first = nearest[seen][len(nearest[seen]) // 2]
    return np.where(seen, first + (nearest - first + width / 2) % width - width / 2, np.nan)


def _level(colour: Array, across: Array, sure: Array, sigma: float) -> Array:
    """Colour (rows, columns, 3) without texture: in each row a polynomial of the place ``across``, fitted to it and the rows near it."""
    terms = np.stack([across**power for power in range(BENDS + 1)], -1)
    weighed = terms * sure[..., None]
    left = np.einsum("rci,rcj->rij", weighed, terms)
    right = np.einsum("rci,rck->rik", weighed, colour)
    left = _smooth(left.reshape(len(left), -1), sigma).reshape(left.shape) + 1e-3 * np.eye(BENDS + 1)
    right = _smooth(right.reshape(len(right), -1), sigma).reshape(right.shape)
    return np.asarray(terms @ np.linalg.solve(left, right))


def _around(
    detail: Array,
    rows: NDArray[np.intp],
    middle: NDArray[np.intp],
    columns: NDArray[np.intp],
    shape: tuple[int, int],
    pixels: float,
    strength: float,
) -> Array:
    """The whole texture (h, w, 3) from what is seen, detail (rows, columns, 3) beside column ``middle`` (rows,).
    strength: of the noise, relative to what it is like."""
    height, width = shape
    reach, last = int(columns[-1]), len(rows) - 1
    number = (np.arange(height) - rows[0])[:, None]
    row = np.clip(number, 0, last)
    away = (np.arange(width) - middle[row] + width // 2) % width - width // 2
    border = BORDER * pixels
    shown = smoothstep((reach - np.abs(away)) / border) * smoothstep(np.minimum(number, last - number) / border)
    own = detail[row, np.clip(away + reach, 0, 2 * reach)] - 1
    inner = round(border)
    like = strength * _alike(detail[inner:-inner, :] - 1, shape)
    # Two that have nothing to do with each other would be fainter half way.
    even = np.sqrt(shown**2 + (1 - shown) ** 2)[..., None]
    return np.asarray(1 + (like + (own - like) * shown[..., None]) / even)


def _alike(patch: Array, shape: tuple[int, int]) -> Array:
    """Noise (h, w, 3) without a seam, with the spectrum and the colours of a patch (rows, columns, 3) about nought: white noise convolved
    with it (Galerne, Gousseau and Morel 2011, "Random phase textures", section 2)."""
    most = STANDS_OUT * 1.48 * np.median(np.abs(patch), (0, 1))
    spot = np.clip(patch, -most, most)[: shape[0], : shape[1]]
    spot = spot - spot.mean((0, 1))
    around = cv2.GaussianBlur((spot**2).mean(-1), (0, 0), spot.shape[1] / 8)
    calm = np.minimum(np.median(around) / np.maximum(around, 1e-9), 1)
    window = calm * np.hanning(len(spot) + 2)[1:-1, None] * np.hanning(spot.shape[1] + 2)[1:-1]
    spot = spot * (window / np.sqrt((window**2).sum()))[..., None]
    noise = np.fft.fft2(np.random.default_rng(5).normal(size=shape))
    return np.stack([np.fft.ifft2(noise * np.fft.fft2(spot[..., k], shape)).real for k in range(3)], -1)


def _smooth(values: Array, sigma: float) -> Array:
    """Gaussian mean along the rows of (n,) or (n, c)."""
    reach = int(3 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)[:, None]
    wide = values.reshape(len(values), -1)
    return np.asarray(cv2.sepFilter2D(wide, -1, np.ones(1), kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)).reshape(values.shape)


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
