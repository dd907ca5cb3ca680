"""What lies behind something, made of shifted pieces of what lies beside it (shift-maps, Pritch et al. 2009).

Every missing pixel is given a shift, and with it the pixel that stands there. Where neighbours have different shifts is a seam; a few
shifts that fit at the edge of the hole are offered (He and Sun 2012), and minimum cuts find the seams that show least.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.portrait.shift_kernels import MOST, UNSEEN, expand, relax

COARSE = 4
"""Shifts are chosen in a picture so many times smaller."""
REACH, RISE = 124, 5
"""How far things are brought, in pixels of the small picture, sideways and up or down: what stands on the ground stays on it."""
RUNGS, OFFERS, RIVALS = 8, 6, 2
"""Shifts are looked for in so many stretches of each side of the edge, so many in each, further apart than so many pixels."""
STRIDE = 4, 40
"""Pixels of the small picture between the level shifts that are always offered, so that every pixel finds some; twice that from the second
on."""
EDGE = (3.0, 16.0)
"""How much more a seam weighs at the edge of the hole than deep in it, and within how many pixels: there it is seen first."""
SWEEPS = 2
UPRIGHT, FAR = 1.5, 0.1
"""What a pixel of shift costs up or down, and sideways, in levels of colour."""
TOLERANCE = 40.0
"""Levels of a step at a seam beyond which it is the edge of a thing and not another light on the same."""
PULL, ROUNDS, OVER = 1.5e-3, 60, 1.8
"""Steps are evened out over about so many pixels: 1 / sqrt(PULL)."""
NEAR_PULL, NEAR_ROUNDS = 0.02, 20
"""The same for what is left of them where one thing ends on another: a soft edge, as of something out of focus, shows less than a cut."""
NUDGE = 2
"""Pixels by which a piece may move up, down or sideways at full size, so that its edges meet."""
BAND = 7
"""Pixels on both sides of a coarse seam in which the fine one is looked for."""


@dataclass(frozen=True)
class ShiftMap:
    """shift: int32 (h, w, 2), rows and columns to where each pixel is taken from; 0 where nothing is missing. filled: bool (h, w), the
    missing pixels that found one."""

    shift: NDArray[np.int32]
    filled: NDArray[np.bool_]


def map_shifts(image: NDArray[np.uint8], hole: NDArray[np.bool_], source: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> ShiftMap:
    """image: uint8 (h, w, 3). hole: what is missing; source: what may be copied; wanted: the part of the hole that is to be filled."""
    small_hole = _any(hole)
    small_source = ~_any(~source) & ~small_hole
    small_wanted = _any(wanted)
    features = _features(image, ~hole)
    shifts = _offers(features, small_hole, small_source, small_wanted)
    labels = _first_labels(shifts, small_source, small_wanted, small_hole)
    costs = (UPRIGHT * np.abs(shifts[:, 0]) + FAR * np.abs(shifts[:, 1])).astype(np.float32)
    seen, may = (~small_hole).astype(np.uint8), (labels > 0).astype(np.uint8)
    usable, weight = small_source.astype(np.uint8), _weights(small_hole, COARSE)
    offered = list(range(1, len(shifts)))
    for _ in range(SWEEPS):
        for alpha in offered:
            expand(features, seen, usable, may, weight, shifts, costs, labels, alpha)
        offered = [alpha for alpha in offered if (labels == alpha).any()]
    return _refined(image, hole, source, shifts, labels)


def _any(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which pixels of the small picture have some of the mask."""
    height, width = (size // COARSE for size in mask.shape)
    return np.asarray(mask[: height * COARSE, : width * COARSE].reshape(height, COARSE, width, COARSE).any((1, 3)))


def _features(image: NDArray[np.uint8], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Colours of the small picture and how rough each of its pixels is: float32 (h, w, 4)."""
    height, width = (size // COARSE for size in known.shape)
    colour = image[: height * COARSE, : width * COARSE].astype(np.float32) * known[: height * COARSE, : width * COARSE, None]
    weight = known[: height * COARSE, : width * COARSE].astype(np.float32)
    size = (width, height)
    share = np.maximum(cv2.resize(weight, size, interpolation=cv2.INTER_AREA), 1e-3)
    mean = cv2.resize(colour, size, interpolation=cv2.INTER_AREA) / share[..., None]
    square = cv2.resize((colour**2).mean(-1), size, interpolation=cv2.INTER_AREA) / share
    rough = np.sqrt(np.maximum(square - (mean**2).mean(-1), 0))
    return np.ascontiguousarray(np.dstack([mean, rough]), np.float32)


def _offers(
    features: NDArray[np.float32], hole: NDArray[np.bool_], source: NDArray[np.bool_], wanted: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Shifts (K, 2), the first of them none."""
    height, width = hole.shape
    ring = cv2.dilate(wanted.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & ~hole
    y, x = (each[::2] for each in np.nonzero(ring))
    steps = [*range(3, STRIDE[1], STRIDE[0]), *range(STRIDE[1], REACH + 1, 2 * STRIDE[0])]
    level = [(0, side * dx) for dx in steps for side in (-1, 1)]
    level += [(dy, dx) for dy in (-RISE, RISE) for dx in (-RISE, 0, RISE)]
    if len(y) == 0:
        return np.array([(0, 0), *level], np.int32)
    reach = min(REACH, width - 1)
    candidates = np.array([(dy, dx) for dy in range(-RISE, RISE + 1) for dx in range(-reach, reach + 1) if abs(dx) >= 3])
    padded = np.pad(features, ((RISE, RISE), (reach, reach), (0, 0)))
    allowed = np.pad(source, ((RISE, RISE), (reach, reach)))
    likeness = np.empty((len(candidates), len(y)), np.float32)
    for k, (dy, dx) in enumerate(candidates):
        v, u = y + dy + RISE, x + dx + reach
        off = np.sqrt(((padded[v, u] - features[y, x]) ** 2).sum(1))
        likeness[k] = np.exp(-((off / 25.0) ** 2)) * allowed[v, u]
    likeness *= np.exp(-np.abs(candidates[:, :1]) * 0.15)
    # Left and right of the middle of what is missing in that row.
    columns = np.arange(width)
    middle = (hole * columns).sum(1) / np.maximum(hole.sum(1), 1)
    stretch = (y * RUNGS // height) * 2 + (x > middle[y])
    chosen: list[tuple[int, int]] = [(0, 0), *level]
    for part in np.unique(stretch):
        score = likeness[:, stretch == part].mean(1)
        for _ in range(OFFERS):
            best = int(score.argmax())
            if score[best] <= 0:
                break
            chosen.append((int(candidates[best, 0]), int(candidates[best, 1])))
            score[np.abs(candidates - candidates[best]).max(1) <= RIVALS] = 0
    return np.array(list(dict.fromkeys(chosen)), np.int32)


def _weights(hole: NDArray[np.bool_], scale: int) -> NDArray[np.float32]:
    depth = scale * cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(1 + (EDGE[0] - 1) * np.exp(-depth / EDGE[1]), np.float32)


def _first_labels(
    shifts: NDArray[np.int32], source: NDArray[np.bool_], wanted: NDArray[np.bool_], hole: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """The shortest shift that brings something; -1 where there is none and where nothing is wanted, 0 outside of the hole."""
    height, width = hole.shape
    labels = np.where(hole, -1, 0).astype(np.int32)
    y, x = np.nonzero(wanted)
    for k in np.argsort(np.abs(shifts).sum(1), kind="stable")[::-1]:
        v, u = y + shifts[k, 0], x + shifts[k, 1]
        inside = (v >= 0) & (v < height) & (u >= 0) & (u < width)
        inside[inside] = source[v[inside], u[inside]]
        if k > 0:
            labels[y[inside], x[inside]] = k
    return labels


def _refined(
    image: NDArray[np.uint8], hole: NDArray[np.bool_], source: NDArray[np.bool_], shifts: NDArray[np.int32], small: NDArray[np.int32]
) -> ShiftMap:
    """The same at full size: shifts to the pixel, and seams to the pixel within ``BAND``."""
    height, width = hole.shape
    labels = np.repeat(np.repeat(small, COARSE, 0), COARSE, 1)
    labels = np.pad(labels, ((0, height - labels.shape[0]), (0, width - labels.shape[1])), mode="edge")
    labels = np.where(hole, np.where(labels == 0, -1, labels), 0).astype(np.int32)
    features = np.ascontiguousarray(image, np.float32)
    features = np.ascontiguousarray(cv2.GaussianBlur(features, (0, 0), 0.8))
    seen, usable = (~hole).astype(np.uint8), source.astype(np.uint8)
    fine = (shifts * COARSE).astype(np.int32)
    used = [int(k) for k in np.unique(labels) if k > 0]
    _nudge(features, seen, fine, labels, used)
    costs, weight = np.zeros(len(fine), np.float32), _weights(hole, 1)
    for k in used:
        piece = labels == k
        if not piece.any():
            continue
        area = _box(piece, BAND + 1)
        near = cv2.dilate(piece[area].astype(np.uint8), np.ones((2 * BAND + 1, 2 * BAND + 1), np.uint8))
        may = np.zeros(hole.shape, np.uint8)
        may[area] = near * (labels[area] != 0) * hole[area]
        expand(features, seen, usable, may, weight, fine, costs, labels, k)
    filled = labels > 0
    y, x = np.nonzero(filled)
    v, u = y + fine[labels[y, x], 0], x + fine[labels[y, x], 1]
    inside = (v >= 0) & (v < height) & (u >= 0) & (u < width)
    inside[inside] = source[v[inside], u[inside]]
    filled[y[~inside], x[~inside]] = False
    return ShiftMap(np.where(filled[..., None], fine[labels], 0).astype(np.int32), filled)


def _nudge(
    features: NDArray[np.float32],
    seen: NDArray[np.uint8],
    shifts: NDArray[np.int32],
    labels: NDArray[np.int32],
    used: list[int],
) -> None:
    """Moves the pieces, one after the other, to where they differ least from what is around them."""
    height, width = labels.shape
    ways = sorted(((dy, dx) for dy in range(-NUDGE, NUDGE + 1) for dx in range(-NUDGE, NUDGE + 1)), key=lambda way: np.abs(way).sum())
    now = _taken(features, np.where(labels[..., None] > 0, shifts[labels], 0))
    there = (seen > 0) | (labels > 0)
    for k in used:
        piece = labels == k
        area = _box(piece, 2)
        around = (cv2.dilate(piece[area].astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & ~piece[area] & there[area]
        y, x = np.nonzero(around)
        if len(y) == 0:
            continue
        y, x = y + area[0].start, x + area[1].start
        best, least = (0, 0), np.inf
        for way in ways:
            v, u = y + shifts[k, 0] + way[0], x + shifts[k, 1] + way[1]
            inside = (v >= 0) & (v < height) & (u >= 0) & (u < width)
            v, u = v.clip(0, height - 1), u.clip(0, width - 1)
            off = np.linalg.norm(features[v, u] - now[y, x], axis=1)
            cost = float(np.where(inside & (seen[v, u] > 0), np.minimum(off, MOST), UNSEEN).mean())
            if cost < least - 1e-4:
                best, least = way, cost
        if best != (0, 0):
            shifts[k] += best
            y, x = np.nonzero(piece)
            now[y, x] = features[(y + shifts[k, 0]).clip(0, height - 1), (x + shifts[k, 1]).clip(0, width - 1)]


def _box(mask: NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    """The rows and columns of a mask, and so many more."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + 1 + margin), slice(
        max(int(columns[0]) - margin, 0), int(columns[-1]) + 1 + margin
    )


def fill(image: NDArray[np.uint8], hole: NDArray[np.bool_], found: ShiftMap) -> NDArray[np.float32]:
    """The photo with the pieces in it, float32 (h, w, 3), 0 in what is left of the hole; lighter and darker pieces are evened out at their
    seams (Poisson blending, Perez et al. 2003, screened)."""
    photo = image.astype(np.float32)
    seen = ~hole
    taken = _taken(photo, found.shift)
    taken[hole & ~found.filled] = 0
    jumps, sure = _steps(photo, seen, taken, found)
    weights = sure / (1 + (np.linalg.norm(jumps, axis=-1) / TOLERANCE) ** 4)
    free = found.filled.astype(np.uint8)
    change = np.zeros_like(photo)
    relax(change, jumps, weights, free, np.float32(PULL), np.float32(OVER), ROUNDS)
    left, softened = jumps.copy(), np.zeros_like(photo)
    left[0, :, :-1] -= change[:, 1:] - change[:, :-1]
    left[1, :-1] -= change[1:] - change[:-1]
    relax(softened, left, sure, free, np.float32(NEAR_PULL), np.float32(OVER), NEAR_ROUNDS)
    return np.asarray(taken + change + softened, np.float32)


def _steps(
    photo: NDArray[np.float32], seen: NDArray[np.bool_], taken: NDArray[np.float32], found: ShiftMap
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the steps to the pixels to the right and below lack, float32 (2, h, w, 3), to be as in the photo where either of the two was
    taken from, and where that is known, 0 or 1 (2, h, w)."""
    jumps, known = np.zeros((2, *photo.shape), np.float32), np.zeros((2, *seen.shape), np.float32)
    there = seen | found.filled
    for axis in (0, 1):
        one = (slice(None), slice(None, -1)) if axis == 0 else (slice(None, -1), slice(None))
        other = (slice(None), slice(1, None)) if axis == 0 else (slice(1, None), slice(None))
        step = taken[other] - taken[one]
        wanted, count = np.zeros_like(step), np.zeros(step.shape[:2], np.float32)
        for shift in (found.shift[one], found.shift[other]):
            first, first_seen = _at(photo, seen, one, shift)
            second, second_seen = _at(photo, seen, other, shift)
            sure = (first_seen & second_seen).astype(np.float32)
            wanted += (second - first) * sure[..., None]
            count += sure
        jumps[axis][one] = wanted / np.maximum(count, 1)[..., None] - step
        known[axis][one] = there[one] & there[other] & (count > 0)
    return jumps, known


def _taken(values: NDArray[np.float32], shift: NDArray[np.int32]) -> NDArray[np.float32]:
    y, x = np.mgrid[: shift.shape[0], : shift.shape[1]]
    return values[(y + shift[..., 0]).clip(0, len(values) - 1), (x + shift[..., 1]).clip(0, values.shape[1] - 1)]


def _at(
    photo: NDArray[np.float32], seen: NDArray[np.bool_], part: tuple[slice, slice], shift: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Colours of the pixels of a part of the photo after a shift, and whether they are seen."""
    height, width = seen.shape
    y, x = np.mgrid[:height, :width][(slice(None), *part)]
    y, x = y + shift[..., 0], x + shift[..., 1]
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    y, x = y.clip(0, height - 1), x.clip(0, width - 1)
    return photo[y, x], inside & seen[y, x]
