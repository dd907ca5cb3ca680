"""Separates the person from the background: how much of each pixel is person, and the person's own colour where background shines through.

A small network (Google's selfie segmentation, MediaPipe, Apache-2.0) says roughly where the person is. The edge comes from the picture:
in front of a plain background from the difference to it, else from an edge-preserving filter guided by the picture.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.types_portrait import PortraitError

MATTE_MODEL = Path(__file__).resolve().parent.parent / "assets" / "matte" / "person.tflite"
NETWORK_SIDE = 256
SURE, ABSENT = 0.95, 0.05
EDGE_BAND = 14
"""Pixels on both sides of the network's contour in which the edge is looked for; hair gets twice that."""
PLAIN_SPREAD = 5.0
"""A background whose residual against a smooth gradient has a smaller standard deviation than this (0..255) is plain."""
DISTINCT = 22.0
"""Distance of colours (0..255) at which person and background can be told apart with even odds."""
LEAST_PERSON = 1.4
"""A cut person has at least this many times the area of the face."""
FACE_RIM = 0.04
"""Widths of the face from its outline inwards, in which the picture decides what is face."""
HEAD_ROOM = 0.75
"""How far the head crop reaches beyond the face, in heights of the face."""


@dataclass(frozen=True)
class Cut:
    """alpha: float32 (height, width), 0..1. foreground: uint8 (height, width, 3) RGB. plain_background: see ``FittedPortrait``."""

    alpha: NDArray[np.float32]
    foreground: NDArray[np.uint8]
    plain_background: bool


def cut_out(
    image: NDArray[np.uint8], landmarks: NDArray[np.float64], model: Path = MATTE_MODEL, own_alpha: NDArray[np.float32] | None = None
) -> Cut:
    """Cuts the person with the face at ``landmarks`` (478, 2) out of ``image`` uint8 (height, width, 3) RGB.

    ``own_alpha`` is used instead of the network where the file had transparency. PortraitError where no person stands out.
    """
    rough = own_alpha if own_alpha is not None else rough_matte(image, landmarks, model)
    face = _surely_face(rough, landmarks)
    rough = _one_person(np.where(face, 1, rough).astype(np.float32), landmarks)
    if (rough > 0.5).sum() < LEAST_PERSON * cv2.contourArea(cv2.convexHull(landmarks[:468].astype(np.float32))):
        raise PortraitError(
            "the person cannot be told from the background: use a photo in which head and shoulders stand out from what is behind them"
        )
    colours = image.astype(np.float32)
    background, spread = _smooth_background(colours, rough)
    plain = spread < PLAIN_SPREAD
    if own_alpha is not None:
        alpha = rough
    elif plain:
        alpha = _edge_against_plain(colours, rough, background, landmarks)
    else:
        alpha = _edge_by_filter(colours, _decide_by_colour(image, rough))
    alpha = np.where(face, 1, np.clip(alpha, 0, 1)).astype(np.float32)
    foreground = _own_colour(colours, alpha, background if plain else None)
    return Cut(alpha, np.clip(np.round(foreground), 0, 255).astype(np.uint8), bool(plain))


def _surely_face(rough: NDArray[np.float32], landmarks: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where the face is, whatever network and colours say, bool (height, width). Not its rim where that is beside the background: the
    landmarks of a turned face place it a few pixels too far out."""
    hull = cv2.convexHull(landmarks[:468].astype(np.float32))
    face = cv2.fillConvexPoly(np.zeros(rough.shape, np.uint8), np.round(hull).astype(np.int32), 1)
    size = 2 * round(FACE_RIM * float(np.ptp(landmarks[:468, 0]))) + 1
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    beside = cv2.dilate((rough < 0.5).astype(np.uint8), reach) > 0
    return np.asarray((cv2.erode(face, reach) > 0) | (face > 0) & ~beside)


def rough_matte(image: NDArray[np.uint8], landmarks: NDArray[np.float64], model: Path = MATTE_MODEL) -> NDArray[np.float32]:
    """What the network says, float32 (height, width): once for the whole picture, once enlarged around the head, where hair needs it."""
    network = _network(model)
    height, width = image.shape[:2]
    whole = _run(network, image)
    top, bottom = landmarks[:, 1].min(), landmarks[:, 1].max()
    face = bottom - top
    side = int(min(face * (1 + 2 * HEAD_ROOM), width, height))
    left = int(np.clip(landmarks[:, 0].mean() - side / 2, 0, width - side))
    upper = int(np.clip((top + bottom) / 2 - side / 2, 0, height - side))
    head = _run(network, image[upper : upper + side, left : left + side])
    # The crop has no say near its own borders, where the network lacks the surroundings.
    window = np.clip(np.minimum.outer(*(2 * [_tent(side)])) * 8 - 0.4, 0, 1).astype(np.float32)
    area = slice(upper, upper + side), slice(left, left + side)
    whole[area] = whole[area] * (1 - window) + head * window
    return whole


def _tent(side: int) -> NDArray[np.float32]:
    """0 at both ends, 0.5 in the middle."""
    steps = (np.arange(side, dtype=np.float32) + 0.5) / side
    return np.minimum(steps, 1 - steps)


def _network(model: Path) -> cv2.dnn.Net:
    try:
        return cv2.dnn.readNetFromTFLite(str(model))
    except cv2.error as error:
        raise PortraitError(f"cannot read the matte model {model}: reinstall visavis") from error


def _run(network: cv2.dnn.Net, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    height, width = image.shape[:2]
    small = cv2.resize(image, (NETWORK_SIDE, NETWORK_SIDE), interpolation=cv2.INTER_AREA if width > NETWORK_SIDE else cv2.INTER_CUBIC)
    network.setInput(cv2.dnn.blobFromImage(small, 1 / 255.0))
    matte = network.forward().reshape(NETWORK_SIDE, NETWORK_SIDE)
    return np.clip(cv2.resize(matte, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1).astype(np.float32)


def _one_person(rough: NDArray[np.float32], landmarks: NDArray[np.float64]) -> NDArray[np.float32]:
    """Drops what does not hang together with the face, and fills holes that are wholly inside the person."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((rough > 0.3).astype(np.uint8))
    x, y = np.clip(np.round(landmarks[1]).astype(int), 0, (rough.shape[1] - 1, rough.shape[0] - 1))
    person = labels == labels[y, x]
    near = cv2.dilate(person.astype(np.uint8), np.ones((9, 9))) > 0
    rough = np.where(near, rough, 0).astype(np.float32)
    inverse = (rough < 0.7).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inverse, connectivity=4)
    for label in range(1, count):
        left, top, width, height, area = stats[label]
        touches = left == 0 or top == 0 or left + width == rough.shape[1] or top + height == rough.shape[0]
        # Larger holes are real: the gap between an arm and the body.
        if not touches and area < 150:
            rough[labels == label] = 1
    return rough


def _smooth_background(colours: NDArray[np.float32], rough: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """The background continued behind the person, and how far it is from smooth (standard deviation, 0..255; infinite where too little is
    seen)."""
    seen = cv2.erode((rough < ABSENT).astype(np.uint8), np.ones((17, 17))) > 0
    height, width = rough.shape
    if seen.mean() < 0.05:
        return np.zeros_like(colours), float("inf")
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x / width - 0.5, y / height - 0.5
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)
    weight = np.ones(int(seen.sum()), np.float32)
    samples, values = terms[seen], colours[seen]
    for _ in range(4):
        coefficients = np.linalg.lstsq(samples * weight[:, None], values * weight[:, None], rcond=None)[0]
        residual = np.linalg.norm(values - samples @ coefficients, axis=1)
        weight = 1 / (1 + (residual / (3 * np.median(residual) + 1e-3)) ** 2)
    gradient = (terms @ coefficients).astype(np.float32)
    # What the gradient misses, as far as it is smooth itself, carried into the person from its surroundings.
    mask = seen.astype(np.float32)
    sigma = width / 16
    norm = cv2.GaussianBlur(mask, (0, 0), sigma)
    rest = cv2.GaussianBlur((colours - gradient) * mask[..., None], (0, 0), sigma) / np.maximum(norm, 0.02)[..., None]
    background = gradient + rest
    spread = float(np.sqrt(np.median(((colours - background)[seen] ** 2).mean(1))) * 1.48)
    tail = float(np.sqrt((np.clip((colours - background)[seen] ** 2, 0, 40**2)).mean()))
    return background, max(spread, tail / 1.5)


def _edge_against_plain(
    colours: NDArray[np.float32], rough: NDArray[np.float32], background: NDArray[np.float32], landmarks: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Alpha from ``colour = alpha * person + (1 - alpha) * background`` with the background known and the person's colour taken from
    nearby."""
    inside = rough > SURE
    outside = rough < ABSENT
    depth_in = cv2.distanceTransform((rough > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    depth_out = cv2.distanceTransform((rough <= 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    chin = landmarks[152, 1]
    reach = np.where(np.arange(len(rough)) < chin, 2 * EDGE_BAND, EDGE_BAND)[:, None]
    difference = colours - background
    distance = np.linalg.norm(difference, axis=2)
    noise = float(np.median(distance[outside & (depth_out > 20)])) if (outside & (depth_out > 20)).any() else 3.0

    core = (inside & (depth_in > 5)) | (depth_in > reach)
    core = core & (distance > 3 * noise)
    person = _spread_colour(colours, core, 7.0)
    towards = person - background
    length2 = (towards**2).sum(2)
    ratio = (difference * towards).sum(2) / np.maximum(length2, 1.0)
    # Colour of noise must not become a veil, nor the person's own shading a hole.
    floor = np.clip(2.5 * noise / np.sqrt(np.maximum(length2, 1.0)), 0.02, 0.3)
    by_colour = np.clip((ratio - floor) / np.maximum(0.92 - floor, 0.1), 0, 1)
    # Darker or brighter than the person's mean is still the person.
    by_colour = np.maximum(by_colour, np.clip((distance - 3 * noise) / np.maximum(0.9 * np.sqrt(length2), 25) - 0.05, 0, 1))
    certainty = length2 / (length2 + DISTINCT**2)
    guided = _edge_by_filter(colours, rough)
    alpha = by_colour * certainty + guided * (1 - certainty)
    alpha = np.where(depth_in > reach, 1, alpha)
    alpha = np.where(inside & (depth_in > 3) & (alpha > 0.6), np.maximum(alpha, 1 - (1 - alpha) * 0.3), alpha)
    alpha = np.where(depth_out > reach, 0, alpha).astype(np.float32)
    return _close_inner_gaps(alpha, outside)


def _close_inner_gaps(alpha: NDArray[np.float32], outside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Makes pixels opaque that look like background but are surrounded by the person: sheen on hair, not holes."""
    _, labels = cv2.connectedComponents((alpha < 0.75).astype(np.uint8), connectivity=4)
    open_labels = np.unique(labels[outside])
    inner = (alpha < 0.75) & ~np.isin(labels, open_labels)
    veil = cv2.GaussianBlur(cv2.dilate(inner.astype(np.uint8), np.ones((5, 5))).astype(np.float32), (0, 0), 1.0)
    return np.maximum(alpha, np.where(inner, 1, np.minimum(veil, 1) * (alpha > 0.5))).astype(np.float32)


def _edge_by_filter(colours: NDArray[np.float32], rough: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rough matte pulled onto the edges of the picture (guided filter, He et al. 2010), its slope restored."""
    guide = colours / 255
    fine = cv2.ximgproc.guidedFilter(guide, rough, 6, 3e-4)
    alpha: NDArray[np.float32] = np.clip((fine - 0.12) / 0.76, 0, 1)
    alpha = np.where(rough > 0.985, np.maximum(alpha, rough), alpha)
    return np.where(rough < 0.01, np.minimum(alpha, rough), alpha).astype(np.float32)


def _decide_by_colour(image: NDArray[np.uint8], rough: NDArray[np.float32]) -> NDArray[np.float32]:
    """``rough`` where the network is sure; where it is not, what the colours of both sides say (GrabCut, Rother et al. 2004, at half
    size)."""
    height, width = rough.shape
    small = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    doubt = cv2.resize(rough, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    sure_in = cv2.erode((doubt > 0.97).astype(np.uint8), np.ones((5, 5))) > 0
    sure_out = cv2.erode((doubt < 0.03).astype(np.uint8), np.ones((5, 5))) > 0
    if not sure_in.any() or not sure_out.any():
        return rough
    mask = np.where(doubt > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    mask[sure_in], mask[sure_out] = cv2.GC_FGD, cv2.GC_BGD
    cv2.setRNGSeed(0)
    mask, _, _ = cv2.grabCut(small, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    verdict = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    verdict = cv2.resize(cv2.GaussianBlur(verdict, (0, 0), 0.8), (width, height), interpolation=cv2.INTER_LINEAR)
    # 1 where the network says nothing (0.5), 0 where it is sure.
    say = np.clip((0.5 - np.abs(rough - 0.5)) * 3, 0, 0.85)
    return (rough * (1 - say) + verdict * say).astype(np.float32)


def _spread_colour(colours: NDArray[np.float32], known: NDArray[np.bool_], sigma: float) -> NDArray[np.float32]:
    """Local mean of the known colours, continued everywhere."""
    result = np.zeros_like(colours)
    filled = np.zeros(known.shape, np.float32)
    for scale in (sigma, 3 * sigma, 12 * sigma):
        mask = known.astype(np.float32)
        weight = cv2.GaussianBlur(mask, (0, 0), scale)
        mean = cv2.GaussianBlur(colours * mask[..., None], (0, 0), scale) / np.maximum(weight, 1e-6)[..., None]
        share = np.clip(weight / 0.02, 0, 1) * (1 - filled)
        result += mean * share[..., None]
        filled += share
    return (result / np.maximum(filled, 1e-6)[..., None]).astype(np.float32)


def _own_colour(colours: NDArray[np.float32], alpha: NDArray[np.float32], background: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """The person's colour (blur-fusion, Forte 2021): local means of both sides, then what the pixel itself adds."""
    person, behind = colours, colours if background is None else background
    for sigma in (24.0, 3.0):
        weight = alpha[..., None]
        mean = cv2.GaussianBlur(person * weight, (0, 0), sigma) / np.maximum(cv2.GaussianBlur(alpha, (0, 0), sigma), 1e-3)[..., None]
        if background is None:
            rest = cv2.GaussianBlur(1 - alpha, (0, 0), sigma)[..., None]
            behind = cv2.GaussianBlur(behind * (1 - weight), (0, 0), sigma) / np.maximum(rest, 1e-3)
        person = np.clip(mean + weight * (colours - weight * mean - (1 - weight) * behind), 0, 255)
    own: NDArray[np.float32] = np.where(alpha[..., None] > 0.995, colours, person)
    return own
