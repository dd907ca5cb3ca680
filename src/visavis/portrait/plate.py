"""The background without the person: what is uncovered when head and shoulders move."""

import cv2
import numpy as np
from numpy.typing import NDArray

_ORDER = 4
"""Order of the polynomial that models a studio background: enough for a vignette and a light fall-off, too low to follow objects."""


_CONTINUED = 44.0
"""Pixels behind the person over which the edges of a busy background run on."""


_FINE, _FRINGE = 5.0, 5
"""Pixels: what is finer is texture (standard deviation); how wide the fringe of a person is that is not background."""


def complete_plate(image: NDArray[np.uint8], alpha: NDArray[np.float32], plain: bool) -> NDArray[np.uint8]:
    """The photo with the person taken out: uint8 (h, w, 3) RGB.

    image: uint8 (h, w, 3); alpha: float32 (h, w), the person; plain: studio background.
    """
    # A studio's gradient hides what little of the fringe the matte missed; in front of a busy background the change itself would be seen.
    grow = 7 if plain else 2
    person = cv2.dilate((alpha > 0.02).astype(np.uint8), np.ones((2 * grow + 1, 2 * grow + 1), np.uint8)) > 0
    if person.all():
        person = alpha > 0.5
    known = ~person
    if known.mean() < 0.02:
        return np.broadcast_to(np.median(image.reshape(-1, 3), 0).astype(np.uint8), image.shape).copy()
    if plain:
        filled = _gradient_fill(image, known) + _grain_like(image, known)
    else:
        filled = _continued_fill(image, known)
        texture, share = _mirrored_texture(image, known)
        filled += share * texture + (1 - share) * _grain_like(image, known)
    # The change-over lies wholly in known background, so that what is seen in the photo stays as it is and no edge shows.
    keep = np.clip(cv2.distanceTransform(known.astype(np.uint8), cv2.DIST_L2, 5) / 10.0, 0, 1)[..., None]
    if not plain:
        keep = np.clip(keep * 3, 0, 1)
    return (image * keep + filled * (1 - keep)).round().clip(0, 255).astype(np.uint8)


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


def _continued_fill(image: NDArray[np.uint8], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Edges of the surroundings run on into the hole for as far as a head uncovers (Telea 2004, at half size); deeper in it is smooth."""
    height, width = known.shape
    smooth = _smooth_fill(image, known)
    hole = cv2.resize((~known).astype(np.uint8), (width // 2, height // 2), interpolation=cv2.INTER_NEAREST)
    hole = cv2.dilate(hole, np.ones((3, 3), np.uint8))
    depth = cv2.distanceTransform((~known).astype(np.uint8), cv2.DIST_L2, 5)
    deep = cv2.resize(depth, (width // 2, height // 2), interpolation=cv2.INTER_NEAREST) > _CONTINUED
    small = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    small[deep] = cv2.resize(smooth, (width // 2, height // 2), interpolation=cv2.INTER_AREA)[deep].clip(0, 255).astype(np.uint8)
    continued = cv2.inpaint(small, (hole * ~deep).astype(np.uint8), 4, cv2.INPAINT_TELEA)
    continued = cv2.resize(continued, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float64)
    fade = np.clip(1.3 - 1.3 * depth / _CONTINUED, 0, 1)[..., None]
    blurred = cv2.GaussianBlur(continued, (0, 0), 2.0)
    softer = np.clip(depth / _CONTINUED * 2, 0, 1)[..., None]
    return (continued * (1 - softer) + blurred * softer) * fade + smooth * (1 - fade)


def _mirrored_texture(image: NDArray[np.uint8], known: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Leaves, grass and cloth go on behind the person as if the nearest edge of the hole were a mirror, as deep as the background is seen
    beside it: (h, w, 3) levels to add, and how far (h, w, 1) they are there."""
    detail = image - cv2.GaussianBlur(image.astype(np.float32), (0, 0), _FINE)
    # Edges of things must not come twice.
    limit = 3.0 * 1.4826 * float(np.median(np.abs(detail[known])))
    detail = limit * np.tanh(detail / max(limit, 1e-3))
    height, width = known.shape
    # Beside the outline is the person's own fringe.
    sure = cv2.erode(known.astype(np.uint8), np.ones((_FRINGE, _FRINGE), np.uint8))
    depth, labels = cv2.distanceTransformWithLabels(1 - sure, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    rows, columns = np.nonzero(sure)
    nearest = np.zeros((int(labels.max()) + 1, 2), np.int64)
    nearest[labels[rows, columns]] = np.stack([rows, columns], 1)
    at = nearest[labels]
    y, x = 2 * np.moveaxis(at, -1, 0) - np.mgrid[:height, :width]
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    y, x = y.clip(0, height - 1), x.clip(0, width - 1)
    there = cv2.GaussianBlur((inside & (sure[y, x] > 0)).astype(np.float32), (0, 0), 2.0) * np.clip(depth, 0, 1)
    there *= np.clip(2 - depth / _CONTINUED, 0, 1)
    return detail[y, x].astype(np.float64), there[..., None].astype(np.float64)


def _smooth_fill(image: NDArray[np.uint8], known: NDArray[np.bool_]) -> NDArray[np.float64]:
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
