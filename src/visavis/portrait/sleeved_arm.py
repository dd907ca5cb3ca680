"""Finds arms in long sleeves that hang down beside the body: there the colour does not tell arm from body, but the joints say where the arm
is, the outline how thick, and a gap or a crease where it ends towards the body."""

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.portrait.hanging_arm import OUTLINE, HangingArm
from visavis.types_portrait import PICTURE_HEIGHT, PICTURE_WIDTH, FittedPortrait

Array = NDArray[np.float64]

BEGIN = 0.55
"""Share of the upper arm from which on it is lifted out. What is above stays on the body, as a short sleeve does."""
HALF_WIDTHS = (0.015, 0.085)
"""Metres from the middle of a sleeved arm to its outline."""
REACH = 0.13
"""Metres to either side of the bone in which the outline is looked for."""
RIM = 2.5
"""Pixels of the body beside an arm that are lifted off with it."""
HAND = 0.20
"""Metres from the wrist down that a hand hangs."""
WIDTHS = np.array([0.062, 0.076])
"""Metres that a sleeve is wide around the elbow, unless gaps show how wide."""
TAPER = 0.85
"""Width of a sleeve at the wrist, as a share of that at the elbow and above."""
SWAY, STEP = 0.008, 1
"""Metres (standard deviation) by which a sleeve may be wider or narrower; pixels a row that its inner edge may go aside."""
CREASE = 0.008
"""Metres (standard deviation): how wide a crease is at the most."""
GAP = 6.0
"""How many times as sure a gap is as a crease of usual depth."""
BARE = 0.3
"""Share of skin from which on a forearm is taken to be bare."""
CUFFS, NEAR_CUFF = (1.60, 1.95), 0.02
"""Where on the arm (``ArmAsset.along``) long sleeves end; metres above that in which they are no longer looked at."""


def find_sleeved_arm(fitted: FittedPortrait, skin: NDArray[np.bool_], limb: Array, pixels: float, sign: float) -> HangingArm | None:
    """The sleeved arm with shoulder, elbow and wrist at ``limb`` (3, 3), which hangs on the picture's right side for sign 1; None where its
    outline cannot be followed or its forearm is bare."""
    shoulder, elbow, wrist = limb[:, :2]
    first = round(float(shoulder[1] + BEGIN * (elbow[1] - shoulder[1])))
    last = int(min(PICTURE_HEIGHT, wrist[1] + HAND * pixels))
    rows = np.arange(first, last)
    bone = np.interp(rows, limb[:, 1], limb[:, 0]) + np.maximum(rows - wrist[1], 0) * (wrist[0] - elbow[0]) / (wrist[1] - elbow[1])

    # Columns of a strip along the arm: pixels from the bone, positive away from the body.
    away = np.arange(-round(REACH * pixels), round(REACH * pixels) + 1)
    middle = len(away) // 2
    x = (bone[:, None] + sign * away).astype(np.float32)
    y = np.broadcast_to(rows[:, None], x.shape).astype(np.float32)
    person = cv2.remap(fitted.alpha, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    ends = person[:, middle:] < 0.5
    beyond = ~ends.any(1)
    outer = np.where(beyond, np.nan, ends.argmax(1).astype(np.float64))
    inside = (bone + sign * outer > 0) & (bone + sign * outer < PICTURE_WIDTH)
    known = ~beyond & inside
    if known.mean() < 0.7:
        return None
    outer = np.interp(rows, rows[known], outer[known])
    half = float(np.median(outer)) / pixels
    if not HALF_WIDTHS[0] < half < HALF_WIDTHS[1]:
        return None
    taper = 1 - (1 - TAPER) * np.clip((rows - elbow[1]) / (wrist[1] - elbow[1]), 0, 1)
    inner, body = _inner_edge(fitted, x, y, person[:, middle::-1] < 0.5, outer, taper, pixels)

    mask = np.zeros((PICTURE_HEIGHT, PICTURE_WIDTH), np.float32)
    columns = np.arange(PICTURE_WIDTH)
    from_bone = sign * (columns - bone[:, None])
    mask[rows] = (from_bone > -body[:, None] - RIM) & (from_bone < outer[:, None] + OUTLINE)
    seen = skin[rows] & (from_bone > -inner[:, None]) & (from_bone < outer[:, None])
    share = seen.sum(1) / (inner + outer)
    fore = (rows > elbow[1]) & (rows < elbow[1] + 0.6 * (wrist[1] - elbow[1]))
    if fore.sum() < 0.05 * pixels or share[fore].mean() > BARE:
        return None
    bare = (share > 0.5) & (rows > elbow[1])
    cuff = float(np.clip(1 + ((rows[bare][0] if bare.any() else PICTURE_HEIGHT) - elbow[1]) / (wrist[1] - elbow[1]), *CUFFS))
    mask = cv2.GaussianBlur(mask, (0, 0), 0.8)
    mask[:first] = 0
    sleeve = rows < elbow[1] + (cuff - 1) * (wrist[1] - elbow[1]) - NEAR_CUFF * pixels
    return HangingArm(
        mask=mask,
        rows=rows[sleeve].astype(np.float64),
        middle=(bone + sign * (outer - inner) / 2)[sleeve],
        width=(outer + inner)[sleeve],
        inner=(bone - sign * inner)[sleeve],
        cuff=cuff,
    )


def _inner_edge(
    fitted: FittedPortrait,
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    gap: NDArray[np.bool_],
    outer: Array,
    taper: Array,
    pixels: float,
) -> tuple[Array, Array]:
    """Pixels (n,) from the bone to where the arm ends towards the body, a path from row to row through gaps and creases; and to where the
    body begins.

    x, y: (n, m), places of a strip along the arm; gap: (n, k), where no person is from the bone on towards the body; outer: (n,) pixels
    from the bone to the outline; taper: (n,), how wide the arm is relative to its upper part.
    """
    count = gap.shape[1]
    columns = np.arange(count)
    near = columns > 0.3 * outer[:, None]
    first = np.where((gap & near).any(1), (gap & near).argmax(1), np.nan)
    widths = (first + outer) / taper
    usual = float(np.clip(2 * np.median(outer / taper), *(WIDTHS * pixels)))
    seen = np.abs(widths / usual - 1) < 0.4
    width = float(np.median(widths[seen])) if seen.mean() > 0.1 else usual
    grey = fitted.image.astype(np.float32).mean(-1)
    fine, coarse = (cv2.GaussianBlur(grey, (0, 0), size) for size in (1.0, CREASE * pixels))
    crease = cv2.remap(coarse - fine, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, count - 1 :: -1]
    depth = np.clip(crease / max(float(crease[near].std()), 1e-3), -1, 3)
    away = (columns - (width * taper - outer)[:, None]) / (SWAY * pixels)
    cost = np.where(near, away**2 / 2 - depth - GAP * (columns == first[:, None]), 1e3)
    total = cost[0]
    back = np.zeros(cost.shape, np.int64)
    for row in range(1, len(cost)):
        reached = np.stack([np.roll(np.pad(total, STEP, constant_values=1e6), shift)[STEP:-STEP] for shift in range(-STEP, STEP + 1)])
        reached += 0.3 * np.abs(np.arange(-STEP, STEP + 1))[:, None]
        back[row] = np.arange(len(total)) - (reached.argmin(0) - STEP)
        total = reached.min(0) + cost[row]
    path = np.zeros(len(cost), np.int64)
    path[-1] = int(total.argmin())
    for row in range(len(cost) - 1, 0, -1):
        path[row - 1] = back[row, path[row]]
    open_ = gap & (columns >= path[:, None])
    ends = (np.cumsum(~open_ & (columns >= path[:, None]), 1) > 0).argmax(1)
    body = cv2.dilate(np.where(open_[np.arange(len(path)), path], ends, path).astype(np.float32)[:, None], np.ones((9, 1), np.uint8))[:, 0]
    kernel = np.hanning(15)[1:-1]

    def calm(values: Array) -> Array:
        return np.convolve(np.pad(values, 6, mode="edge"), kernel / kernel.sum(), "valid")

    return calm(path.astype(np.float64)), calm(body.astype(np.float64))
