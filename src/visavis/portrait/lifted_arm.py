"""Lifts the photo's own arm off: what the person looks like without it, the arm alone, and the sleeve that lies over it."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.portrait.hanging_arm import HangingArm
from visavis.portrait.topology import MARGIN
from visavis.types_portrait import PICTURE_HEIGHT, PICTURE_WIDTH, FittedPortrait

Array = NDArray[np.float64]
Patch = NDArray[np.uint8]

BEHIND = 0.0
"""Metres that the body goes on behind an arm that touches it."""
TEXELS = 2
HEM = (-0.045, 0.84, 0.60, 0.035, 0.012, 0.15)
"""The inside of a sleeve: metres from the first row of bare arm from which on it is looked for; brightness against the cloth of what is
none of it and of what is nothing else; metres down to which; from and to where beside the arm's edge at the
body."""
SPREADS, ENOUGH = (5.0, 20.0, 80.0), 0.002
"""Pixels (standard deviations) over which the body's colours run on under an arm; the share of known pixels in such a mean from which on it
is whole."""
BETWEEN, BETWEEN_AS, BETWEEN_APART = 0.03, 0.55, 45.0
"""Slivers of background between arm and body, which the matte closes: so far from the arm in metres, at most this share of the distance of
their colour to the body's from the background's, and at least so far from the body's (levels of 255)."""
EVEN = 0.045
"""Metres: notches of the body's outline that are narrower than about half of this are filled, spikes cut off."""


def lift_arm(
    fitted: FittedPortrait, found: HangingArm, place: Array, pixels: float, sign: float, plate: Patch, person: Patch
) -> tuple[NDArray[np.int32], Patch, Patch, Patch]:
    """Box (4,), and the patches bare, arm and sleeve of ``ArmRig`` for one side."""
    if found.cuff is None:
        found = replace(found, mask=np.maximum(found.mask, _inside_of_sleeve(fitted, found, place, pixels, sign)))
    body = body_behind(fitted, found, pixels, sign)
    mask, alpha = np.maximum(found.mask, _seen_between(fitted, found.mask, plate, pixels)), fitted.alpha
    colour = _body_colour(fitted, mask, body, sign)
    keep = 1 - mask
    whole = np.maximum(alpha * keep, body)
    near = cv2.dilate((mask > 0.5).astype(np.uint8), np.ones((31, 31), np.uint8)) > 0
    bare_alpha = _even_edge(_one_piece(whole, fitted), near, pixels)
    mask = np.where((np.abs(bare_alpha - whole) > 0.02) & near, 1, mask)
    mask, bare_alpha = mask.astype(np.float32), np.where(mask > 0.003, bare_alpha, alpha)
    weight = (alpha * keep / np.maximum(bare_alpha, 1e-3))[..., None]
    sleeve = sleeve_mask(found, place, pixels, sign) * keep if found.cuff is None else np.zeros_like(keep)
    ys, xs = np.flatnonzero((mask > 0.003).any(1)), np.flatnonzero((mask + sleeve > 0.003).any(0))
    top = int(np.flatnonzero((mask + sleeve > 0.003).any(1))[0])
    x0, x1 = int(xs[0]), int(xs[-1]) + 1
    y0, y1 = top, int(ys[-1]) + 1
    # What the lower edge cuts goes on below it, as the texture itself does.
    reach_y = MARGIN if y1 >= PICTURE_HEIGHT else 0
    reach_x = (MARGIN if x0 <= 0 else 0, MARGIN if x1 >= PICTURE_WIDTH else 0)
    box = np.array([x0 - reach_x[0] + MARGIN, y0 + MARGIN, x1 - x0 + sum(reach_x), y1 - y0 + reach_y]) * TEXELS
    area = slice(box[1], box[1] + box[3]), slice(box[0], box[0] + box[2])
    own = person[area]

    def texels(values: NDArray[np.float32]) -> NDArray[np.float32]:
        wide = cv2.copyMakeBorder(values, MARGIN, MARGIN + 1, MARGIN, MARGIN + 1, cv2.BORDER_REPLICATE)
        x, y = ((start + np.arange(size, dtype=np.float32)) / np.float32(TEXELS) for start, size in (box[[0, 2]], box[[1, 3]]))
        grid_x, grid_y = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
        return np.asarray(cv2.remap(wide, grid_x, grid_y, cv2.INTER_LINEAR), np.float32)

    m, s = texels(mask), texels(sleeve.astype(np.float32))
    w, behind = texels(weight[..., 0].astype(np.float32)), texels(colour.astype(np.float32))
    a = texels(bare_alpha.astype(np.float32))
    touched = m > 0.003
    rgb = np.where(touched[..., None], own[..., :3] * w[..., None] + behind * (1 - w[..., None]), own[..., :3])
    bare = np.dstack([rgb, np.where(touched, a * 255, own[..., 3])])
    arm = np.dstack([own[..., :3], own[..., 3] * m])
    cover = np.dstack([own[..., :3], own[..., 3] * s])
    bare, arm, cover = (np.ascontiguousarray(np.clip(np.round(patch), 0, 255).astype(np.uint8)) for patch in (bare, arm, cover))
    return box.astype(np.int32), bare, arm, cover


def _inside_of_sleeve(fitted: FittedPortrait, found: HangingArm, place: Array, pixels: float, sign: float) -> NDArray[np.float32]:
    """How much of a pixel is the dark that a sleeve shows beside the arm that hangs out of it, (768, 512): it goes with the arm."""
    y, x = np.mgrid[:PICTURE_HEIGHT, :PICTURE_WIDTH].astype(np.float32)
    below = (y - found.rows[0]) / pixels
    # Towards the body the folds under the shoulder are as dark.
    beside = sign * (x - float(found.inner[: max(int(0.03 * pixels), 3)].mean())) / pixels
    grey = fitted.image.astype(np.float32).mean(-1)
    cloth = grey[(sleeve_mask(found, place, pixels, sign) > 0) & (found.mask < 0.5) & (fitted.alpha > 0.5) & (below < HEM[0])]
    if len(cloth) < 20:
        return np.zeros(grey.shape, np.float32)
    dark = (HEM[1] - grey / float(np.median(cloth))) / (HEM[1] - HEM[2])
    near = (below > HEM[0]) & (below < HEM[3]) & (beside > HEM[4]) & (beside < HEM[5]) & (fitted.alpha > 0.3)
    # Folds are dark as well, but do not touch the arm.
    _, labels = cv2.connectedComponents(((near & (dark > 0.5)) | (found.mask > 0.5)).astype(np.uint8), connectivity=4)
    arm = np.bincount(labels[found.mask > 0.5], minlength=1)
    arm[0] = 0
    joined = cv2.dilate((near & (labels == int(arm.argmax()))).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return np.where(joined, np.clip(dark, 0, 1), 0).astype(np.float32)


def _seen_between(fitted: FittedPortrait, mask: NDArray[np.float32], plate: Patch, pixels: float) -> NDArray[np.float32]:
    """How much of a pixel is background seen between the arm and the body, (768, 512): the arm is what hems it in,
    and takes it along."""
    size = 2 * max(round(BETWEEN * pixels), 2) + 1
    near = cv2.dilate((mask > 0.5).astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))) > 0
    sure = ((fitted.alpha > 0.98) & ~near).astype(np.float32)
    image = fitted.image.astype(np.float32)
    weight = cv2.GaussianBlur(sure, (0, 0), SPREADS[1])
    body = cv2.GaussianBlur(image * sure[..., None], (0, 0), SPREADS[1]) / np.maximum(weight, 1e-6)[..., None]
    behind = cv2.GaussianBlur(plate, (0, 0), SPREADS[0]).astype(np.float32)
    from_body, from_behind = (np.linalg.norm(image - colour, axis=-1) for colour in (body, behind))
    alike = (
        near
        & (mask < 0.5)
        & (fitted.alpha > 0.5)
        & (weight > ENOUGH)
        & (from_body > BETWEEN_APART)
        & (from_behind < BETWEEN_AS * from_body)
    )
    _, labels = cv2.connectedComponents((alike | (mask > 0.5)).astype(np.uint8), connectivity=8)
    arm = np.unique(labels[mask > 0.5])
    slivers = alike & np.isin(labels, arm[arm > 0])
    wide = cv2.dilate(slivers.astype(np.uint8), np.ones((5, 5), np.uint8))  # with the pixels in which both mix
    return np.asarray(cv2.GaussianBlur(wide.astype(np.float32), (0, 0), 0.7), np.float32)


def body_behind(fitted: FittedPortrait, found: HangingArm, pixels: float, sign: float) -> NDArray[np.float64]:
    """How much of each pixel under the arm is body, (768, 512): where the arm touches the body, the body goes on a little behind it."""
    height, width = fitted.alpha.shape
    rows = found.rows.astype(int)
    edge = np.full(height, np.nan)
    reach = BEHIND * pixels
    columns = np.arange(width)
    for i, y in enumerate(rows):
        inner = round(float(found.inner[i]))
        beside = np.clip(inner - int(sign) * np.arange(2, 8), 0, width - 1)
        touches = (fitted.alpha[y, beside] > 0.6).mean()
        edge[y] = inner + sign * (reach * np.clip(touches * 1.5 - 0.25, 0, 1) - 3 * (touches < 0.4))
    known = ~np.isnan(edge)
    if not known.any():
        return np.zeros((height, width))
    edge = np.interp(np.arange(height), np.flatnonzero(known), edge[known])
    edge = cv2.GaussianBlur(edge[:, None], (1, 25), 7.0, borderType=cv2.BORDER_REPLICATE)[:, 0]
    inside = np.clip(0.5 - sign * (columns[None] - edge[:, None]) / 1.4, 0, 1)
    return np.asarray(inside * (found.mask > 0.003))


def _one_piece(alpha: Array, fitted: FittedPortrait) -> Array:
    """Without crumbs that hung on the arm: what does not hang together with the face."""
    _, labels = cv2.connectedComponents((alpha > 0.3).astype(np.uint8), connectivity=4)
    x, y = np.round(fitted.landmarks[1]).astype(int)
    kept = (labels == labels[y, x]).astype(np.uint8)
    near = cv2.dilate(kept, np.ones((5, 5), np.uint8)) > 0
    return np.where(near, alpha, 0)


def _even_edge(alpha: Array, near: NDArray[np.bool_], pixels: float) -> Array:
    """The same with a smooth outline ``near`` the arm: the narrow gap between body and arm leaves the matte ragged, which only shows once
    the arm is gone. pixels: to a metre."""
    size = 2 * max(round(EVEN * pixels / 2), 2) + 1
    solid = cv2.medianBlur((alpha > 0.5).astype(np.uint8) * 255, size)
    even = cv2.GaussianBlur(solid.astype(np.float32) / 255, (0, 0), 0.9)
    share = cv2.GaussianBlur(near.astype(np.float32), (0, 0), 3.0)
    return np.asarray(alpha * (1 - share) + even * share, np.float64)


def sleeve_mask(found: HangingArm, place: Array, pixels: float, sign: float) -> NDArray[np.float32]:
    """Where the photo's sleeve lies over the arm: around the upper end of the bare arm, soft towards the body, (768, 512)."""
    y, x = np.mgrid[:PICTURE_HEIGHT, :PICTURE_WIDTH].astype(np.float32)
    hem = float(found.rows[0])
    centre = float(found.middle[: max(int(0.03 * pixels), 3)].mean())
    out = sign * (x - centre)
    down = np.clip((hem + 0.022 * pixels - y) / (0.008 * pixels), 0, 1)
    up = np.clip((y - (place[1] - 0.10 * pixels)) / (0.02 * pixels), 0, 1)
    # Near its hem it covers an arm that swings towards the body as well.
    reach = 0.055 + 0.025 * np.clip((y - hem) / (0.03 * pixels) + 2, 0, 1)
    inwards = np.clip((out + reach * pixels) / (0.012 * pixels), 0, 1)
    return np.asarray(down * up * inwards, np.float32)


def _body_colour(fitted: FittedPortrait, mask: NDArray[np.float32], body: Array, sign: float) -> NDArray[np.float64]:
    """Colours (768, 512, 3) of the body under the arm: those beside it run on."""
    known = ((mask < 0.01) & (fitted.alpha > 0.98)).astype(np.uint8)
    known = cv2.erode(known, np.ones((3, 3), np.uint8))
    # Far from what is known a wider mean is taken, so that there is a colour everywhere.
    colour = np.zeros(fitted.image.shape, np.float32)
    rest = np.ones(known.shape, np.float32)
    sure, shown = known.astype(np.float32), fitted.image.astype(np.float32) * known[..., None]
    for width in SPREADS:
        weight, total = (cv2.GaussianBlur(values, (0, 0), width) for values in (sure, shown))
        share = rest * np.minimum(weight / ENOUGH, 1)
        colour += total / np.maximum(weight, 1e-9)[..., None] * share[..., None]
        rest = rest - share
    return np.asarray(colour / np.maximum(1 - rest, 1e-6)[..., None], np.float64)
