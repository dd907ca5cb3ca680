"""The background without the person: what is uncovered when head and shoulders move and arms are lifted."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.portrait.shift_map import fill, map_shifts

_ORDER = 4
"""Order of the polynomial that models a studio background: enough for a vignette and a light fall-off, too low to follow objects."""


_UNCOVERED = 100.0
"""Pixels behind the outline over which a busy background is completed: as far as lifted arms and turning heads uncover it."""


_FRINGE, _RIM, _WISPS, _STRAND = 3, 8, 24, 5
"""Pixels around the matte that are never background; as far as the person, and as far as wisps of hair, may reach out of it; and how wide
wisps are at most."""


_MIXED, _STRAYS, _DOUBT, _SEEN = 0.4, 2.5, 0.2, 0.02
"""A fringe has at least this share of the person's colour, and so many standard deviations of the background's, more for each pixel that it
is away from the matte; at least so much of what is around must be background."""


_SURROUNDINGS = 12.0
"""Pixels (standard deviation) around a place that say what colours person and background have there."""


_SLIVER, _SPECK = 7, 20
"""Pixels: what is seen between an arm and the body is background if it is wider; and pixels that a wisp has at least."""


@dataclass(frozen=True)
class Plate:
    """image: uint8 (h, w, 3) RGB. shift: int32 (h, w, 2), rows and columns to the pixel of the photo that a pixel was copied from; 0 for
    those that are the photo's own or made up."""

    image: NDArray[np.uint8]
    shift: NDArray[np.int32]


def complete_plate(image: NDArray[np.uint8], alpha: NDArray[np.float32], plain: bool) -> Plate:
    """The photo with the person taken out.

    image: uint8 (h, w, 3); alpha: float32 (h, w), the person; plain: studio background.
    """
    person = alpha > 0.02
    # A studio's gradient hides what little of the fringe the matte missed; in front of a busy background it is looked for.
    hole = _grown(person, 7) if plain else _with_fringe(image, alpha, person)
    if hole.all():
        hole = alpha > 0.5
    known = ~hole
    nowhere = np.zeros((*alpha.shape, 2), np.int32)
    if known.mean() < 0.02:
        return Plate(np.broadcast_to(np.median(image.reshape(-1, 3), 0).astype(np.uint8), image.shape).copy(), nowhere)
    if plain:
        filled = _gradient_fill(image, known) + _grain_like(image, known)
        # The change-over lies wholly in known background, so that what is seen in the photo stays as it is and no edge shows.
        keep = np.clip(cv2.distanceTransform(known.astype(np.uint8), cv2.DIST_L2, 5) / 10.0, 0, 1)[..., None]
        return Plate((image * keep + filled * (1 - keep)).round().clip(0, 255).astype(np.uint8), nowhere)
    depth = cv2.distanceTransform(person.astype(np.uint8), cv2.DIST_L2, 5)
    found = map_shifts(image, hole, ~_grown(hole, _FRINGE), hole & (depth < _UNCOVERED))
    pieces = fill(image, hole, found).clip(0, 255)
    rest = hole & ~found.filled
    if rest.any():
        soft = _smooth_fill(pieces, ~rest) + _grain_like(image, known)
        pieces = np.where(rest[..., None], soft, pieces)
    return Plate(np.where(hole[..., None], pieces, image).round().clip(0, 255).astype(np.uint8), found.shift)


def _grown(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)) > 0


def _with_fringe(image: NDArray[np.uint8], alpha: NDArray[np.float32], person: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The person with wisps of hair and the rim that the matte missed, and with slivers of background that are narrower than its errors.

    A pixel beside the person shows them where it is a mixture of their colour there and of the background's, further towards theirs than
    the background itself strays.
    """
    apart = cv2.distanceTransform((~person).astype(np.uint8), cv2.DIST_L2, 5)
    near, far = apart <= _FRINGE, apart <= _WISPS
    own, _, _ = _colours_in(image, (alpha > 0.95).astype(np.float32))
    # What is beyond all wisps says what the background is like, and only where there is none of it what is nearer.
    behind, strays, seen = _colours_in(image, np.where(far, 0.05, 1).astype(np.float32) * (apart > _RIM))
    towards = own - behind
    length = np.linalg.norm(towards, axis=-1) + 1e-3
    step = ((image - behind) * towards).sum(-1) / length
    stray = np.sqrt((strays * (towards / length[..., None]) ** 2).sum(-1))
    fringe = far & (seen > _SEEN) & (step > _MIXED * length) & (step > (_STRAYS + _DOUBT * (apart - _FRINGE)) * stray)
    # Far from the matte only strands can be theirs: what is broad there is a thing of the same colour.
    broad = cv2.morphologyEx(fringe.astype(np.uint8), cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_STRAND, _STRAND)))
    fringe &= (apart <= _RIM) | ~_grown(broad > 0, 1)
    _, labels, found, _ = cv2.connectedComponentsWithStats((fringe & ~near).astype(np.uint8))
    wisps = (found[:, cv2.CC_STAT_AREA] >= _SPECK)[labels] & (labels > 0)
    hole = near | _grown(wisps, 2) & far
    sliver = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_SLIVER, _SLIVER))
    inside = np.pad((~hole).astype(np.uint8), _SLIVER, mode="edge")
    return np.asarray(cv2.morphologyEx(inside, cv2.MORPH_OPEN, sliver)[_SLIVER:-_SLIVER, _SLIVER:-_SLIVER] == 0)


def _colours_in(
    image: NDArray[np.uint8], weight: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Mean and variance, float32 (h, w, 3) each, of the colours around every pixel, weighed, and the weight (h, w) around it."""
    colour = image.astype(np.float32)
    total = cv2.GaussianBlur(weight, (0, 0), _SURROUNDINGS)[..., None] + 1e-6
    mean = cv2.GaussianBlur(colour * weight[..., None], (0, 0), _SURROUNDINGS) / total
    square = cv2.GaussianBlur(colour**2 * weight[..., None], (0, 0), _SURROUNDINGS) / total
    return mean, np.maximum(square - mean**2, 0) + 4.0**2, total[..., 0]


def _gradient_fill(image: NDArray[np.uint8], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    height, width = known.shape
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x, y = x / (width - 1) * 2 - 1, y / (height - 1) * 2 - 1
    terms = np.stack([x**i * y**j for i in range(_ORDER + 1) for j in range(_ORDER + 1 - i)], -1)
    smooth = cv2.GaussianBlur(image, (0, 0), 1.5).astype(np.float64)
    sample = np.zeros_like(known)
    sample[::3, ::3] = known[::3, ::3]
    basis, target = terms[sample], smooth[sample]
    weight = np.ones(len(basis))
    # High orders only where the data insists: they must not swing freely under the person, where nothing is known.
    order = np.array([i + j for i in range(_ORDER + 1) for j in range(_ORDER + 1 - i)])
    damping = np.diag(np.maximum(order - 1, 0) ** 2.0) * 0.02 * len(basis) / 16
    for _ in range(4):
        weighted = basis * weight[:, None] ** 2
        coefficients = np.linalg.solve(weighted.T @ basis + damping * float((weight**2).mean()), weighted.T @ target)
        residual = np.abs(basis @ coefficients - target).max(1)
        weight = np.sqrt(1 / np.maximum(residual, 2.0))
    model = terms @ coefficients
    # What the polynomial misses varies slowly: spread the residual of the known pixels under the person.
    return model + _spread(smooth - model, known, 24.0)


def _smooth_fill(image: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Push-pull: each hole takes the average of what is known at the finest scale that reaches it."""
    total = np.where(known[..., None], image, 0).astype(np.float32)
    weight = known.astype(np.float32)
    levels = [(total, weight)]
    while min(levels[-1][1].shape) > 2:
        total, weight = levels[-1]
        levels.append((cv2.pyrDown(total), cv2.pyrDown(weight)))
    total, weight = levels[-1]
    colour = total / np.maximum(weight[..., None], 1e-6)
    for total, weight in reversed(levels[:-1]):
        up = cv2.resize(colour, weight.shape[::-1], interpolation=cv2.INTER_CUBIC)
        sure = np.clip(weight * 1.5, 0, 1)[..., None]
        colour = sure * total / np.maximum(weight[..., None], 1e-6) + (1 - sure) * up
    return colour.astype(np.float64)


def _spread(values: NDArray[np.float64], known: NDArray[np.bool_], sigma: float) -> NDArray[np.float64]:
    scale = 8
    size = (known.shape[1] // scale, known.shape[0] // scale)
    weight = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    total = cv2.resize((values * known[..., None]).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    near = cv2.GaussianBlur(total, (0, 0), sigma / scale) / (cv2.GaussianBlur(weight, (0, 0), sigma / scale)[..., None] + 1e-3)
    return cv2.resize(near, known.shape[::-1], interpolation=cv2.INTER_CUBIC).astype(np.float64)


def _grain_like(image: NDArray[np.uint8], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Noise with the strength and the sharpness of the photo's own grain; always the same for the same photo."""
    detail = image.astype(np.float32) - cv2.GaussianBlur(image.astype(np.float32), (0, 0), 2.5)
    inner = cv2.erode(known.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    if inner.sum() < 500:
        inner = known
    # Objects in a busy background must not pass for grain: the median of the local deviation does not see them.
    deviation = 1.4826 * np.median(np.abs(detail[inner]), 0)
    both = inner[:, 1:] & inner[:, :-1]
    grey = detail.mean(-1)
    limit = 3 * float(deviation.mean()) + 1e-3
    calm = both & (np.abs(grey[:, 1:]) < limit) & (np.abs(grey[:, :-1]) < limit)
    correlation = 0.5
    if calm.any():
        neighbours, power = (grey[:, 1:] * grey[:, :-1])[calm].mean(), (grey[calm.nonzero()] ** 2).mean()
        correlation = float(np.clip(neighbours / max(power, 1e-6), 0.0, 0.9))
    colour = np.random.default_rng(0).normal(size=image.shape).astype(np.float32)
    light = np.random.default_rng(1).normal(size=(*known.shape, 1)).astype(np.float32)
    noise = colour * 0.35 + light
    if correlation > 0.05:
        noise = cv2.GaussianBlur(noise, (0, 0), float(np.sqrt(-1 / (4 * np.log(correlation)))))
    noise = noise - cv2.GaussianBlur(noise, (0, 0), 2.5)
    return (noise / noise.std((0, 1)) * deviation).astype(np.float64)
