"""What every hand has and no photo of a face shows: palm lines, creases of the finger joints, knuckle wrinkles, tendons, veins and nails.

They are drawn after anatomy plates into a field of factors for the texture that ``arm_skin.skin_at`` lays on the hand, back and palm side
by side. Places on a hand are (f, t): metres from the wrist along the straight fingers and towards the thumb. Skin that is pressed, thin or
full of blood is a colour; creases are dark lines, since light falls into them from one side only.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.ease import ramp, smoothstep
from visavis.motion.skeleton import FINGERS_AT_REST, THUMB_AT_REST
from visavis.portrait.arm_asset import BONES, TINTS, ArmAsset

Array = NDArray[np.float64]
Place = tuple[float, float]

FINE = 2
"""Lines are drawn with so many samples along each side of a texel."""
ABOVE_WRIST, BEGINS = 0.06, 0.03
"""Metres above the wrist from which on there is a canvas, and something on it."""
LENGTH, HALF = 0.16, 0.035
"""Metres: where a hand's mean colour is taken, from its wrist on and to either side."""
BACK, PALM = 1, -1
LINE = np.array([0.72, 1.0, 1.05])
"""A crease takes less from red than from green and blue: what light is in it has come through skin."""
FINGERS = ("index", "middle", "ring", "pinky")
VEIN = np.array([1.0, 0.45, 0.25])
BLOOD = np.array([-0.25, 1.0, 0.85])
"""What full vessels take from red, green and blue, those that lie deep and those that lie at the surface."""


class _Chart:
    """Canvas for one hand: the rows of a texture in which it lies. pixels: texels to a metre."""

    def __init__(self, asset: ArmAsset, shape: tuple[int, int], pixels: float) -> None:
        wrist = asset.heads[BONES.index("hand")].astype(np.float64)
        top = float(wrist[1] - asset.points[:, 1].min())
        first = int((top - ABOVE_WRIST) * pixels)
        self.height = min(int((np.ptp(asset.points[:, 1]) - top + 2 * ABOVE_WRIST) * pixels), shape[0])
        self.width, self.pixels = shape[1], pixels
        # Of arms that are longer than it a texture is used more than once.
        self.rows = (first + np.arange(self.height)) % shape[0]
        self._top = top - first / pixels
        rows, columns = np.mgrid[: self.height, : self.width] + 0.5
        self.side = np.where(columns < self.width / 2, BACK, PALM)
        beside = np.where(self.side == BACK, columns, self.width - columns)
        self.t = (self.width / 4 - beside) / pixels
        self.f = (rows / pixels - self._top - THUMB_AT_REST[1] * self.t) / FINGERS_AT_REST[1]

    def place(self, points: Sequence[Place] | Array, side: int) -> Array:
        """Columns and rows (n, 2) of places on the hand."""
        f, t = np.asarray(points, np.float64).T
        row = (self._top + f * FINGERS_AT_REST[1] + t * THUMB_AT_REST[1]) * self.pixels
        return np.stack([side * (self.width / 4 - t * self.pixels), row], 1)

    def drawn(self, shapes: Sequence[tuple[int, Sequence[Place] | Array]], thick: float, filled: bool = False) -> Array:
        """(h, w), 0..1: smooth lines through places, ``thick`` metres wide, or areas that they bound with an edge as soft."""
        canvas = np.zeros((self.height * FINE, self.width * FINE), np.uint8)
        wide = max(thick * self.pixels, 0.5) * FINE
        for side, points in shapes:
            for turn in (0, self.width):
                path = np.round((self.place(_curve(points), side) + np.array([turn, 0])) * FINE * 16).astype(np.int32)[:, None]
                if filled:
                    cv2.fillPoly(canvas, [path], 255, cv2.LINE_AA, 4)
                else:
                    cv2.polylines(canvas, [path], False, 255, max(round(wide * 0.6), 1), cv2.LINE_AA, 4)
        soft = cv2.GaussianBlur(canvas, (0, 0), wide * 0.35)
        return np.asarray(cv2.resize(soft, (self.width, self.height), interpolation=cv2.INTER_AREA), np.float64) / 255

    def near(self, side: int, place: Place, size: tuple[float, float]) -> Array:
        """(h, w), 0..1: a soft spot of ``size`` (metres along f and t)."""
        away = ((self.f - place[0]) / size[0]) ** 2 + ((self.t - place[1]) / size[1]) ** 2
        return np.asarray(np.exp(-away) * (self.side == side))


def hand_detail(asset: ArmAsset, shape: tuple[int, int], pixels: float, bright: float) -> Array:
    """Factors (h, w, 3) for a texture of ``shape`` with so many texels to a metre, 1 on the arm. bright: 0..1, how bright the skin is:
    dark skin has darker knuckles and creases, light skin redder ones."""
    chart = _Chart(asset, shape, pixels)
    dark = 1 - ramp(bright, 0.30, 0.75)
    joints = {name: _joints(asset, name) for name in (*FINGERS, "thumb")}
    factor = np.ones((chart.height, chart.width, 3))
    for amount, colour in (*_colours(chart, joints, dark), *_creases(chart, joints, dark), *_nails(chart, asset, joints)):
        factor *= 1 - amount[..., None] * colour
    # What lies on a hand is not what it is like on the whole: that is its skin's.
    for side in (BACK, PALM):
        mine = chart.side == side
        factor[mine] /= factor[mine & (chart.f > 0) & (chart.f < LENGTH) & (np.abs(chart.t) < HALF)].mean(0)
    whole = np.ones((*shape, 3))
    whole[chart.rows] += (factor - 1) * smoothstep((chart.f + BEGINS) / 0.025)[..., None]
    return whole


def _joints(asset: ArmAsset, finger: str) -> Array:
    """Places (4, 2) of a finger's three joints and its tip."""
    wrist = asset.heads[BONES.index("hand")]
    frame = np.stack([FINGERS_AT_REST, THUMB_AT_REST], 1)
    rows = [BONES.index(f"{finger}_{joint}") for joint in range(3)]
    heads = (asset.heads[rows] - wrist) @ frame
    mine = (asset.weights * (asset.bones == rows[2])).sum(1) > 0.5
    way = heads[2] - heads[1]
    way = way / np.linalg.norm(way)
    reach = float((((asset.points[mine] - wrist) @ frame - heads[2]) @ way).max())
    return np.asarray(np.concatenate([heads, [heads[2] + way * reach]]), np.float64)


def _across(joints: Array, at: float, half: float, bow: float = 0.0) -> list[Place]:
    """A line across a finger, ``at`` 0..3 along its bones; bow: metres that its middle lies further out."""
    bone = min(int(at), 2)
    way = joints[bone + 1] - joints[bone]
    middle = joints[bone] + way * (at - bone)
    way = way / np.linalg.norm(way)
    side = np.array([way[1], -way[0]])
    return [tuple(middle + side * half * share + way * bow * (1 - share * share)) for share in (-1.0, -0.5, 0.0, 0.5, 1.0)]


def _curve(points: Sequence[Place] | Array) -> Array:
    """Points (m, 2) of a smooth line through places: a Catmull-Rom spline."""
    given = np.asarray(points, np.float64)
    if len(given) < 3:
        return given
    p = np.concatenate([[2 * given[0] - given[1]], given, [2 * given[-1] - given[-2]]])
    s = np.linspace(0, 1, 8, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False):
        pieces.append(0.5 * (2 * b + (c - a) * s + (2 * a - 5 * b + 4 * c - d) * s**2 + (3 * b - a - 3 * c + d) * s**3))
    return np.concatenate([*pieces, given[-1:]])


def _colours(chart: _Chart, joints: dict[str, Array], dark: float) -> list[tuple[Array, Array]]:
    """Where skin is redder, paler or darker over some millimetres, on back and palm."""
    palm = chart.side == PALM
    index, middle, ring, pinky = (joints[name] for name in FINGERS)
    red = 0.7 * chart.near(PALM, (0.034, 0.030), (0.026, 0.020)) + 0.7 * chart.near(PALM, (0.036, -0.030), (0.034, 0.013))
    for finger in FINGERS:
        mine = joints[finger]
        red += 0.9 * chart.near(PALM, tuple(mine[3] - 0.3 * (mine[3] - mine[2])), (0.011, 0.008))
        red += 0.45 * chart.near(PALM, tuple(mine[0] * 0.94), (0.012, 0.010))
    red += 0.8 * chart.near(PALM, tuple(joints["thumb"][3] * 0.9 + joints["thumb"][2] * 0.1), (0.012, 0.010))
    pale = chart.near(PALM, (0.060, -0.004), (0.026, 0.018))
    mottled = cv2.GaussianBlur(np.random.default_rng(7).normal(size=palm.shape), (0, 0), 0.0028 * chart.pixels)
    fields = [
        (0.045 * red, BLOOD),
        (-0.030 * pale, np.ones(3)),
        (0.022 * mottled / mottled.std() * palm, BLOOD),
    ]
    knuckles = np.zeros_like(red)
    for finger in FINGERS:
        mine = joints[finger]
        knuckles += 0.8 * chart.near(BACK, tuple(mine[0]), (0.009, 0.008)) + chart.near(BACK, tuple(mine[1]), (0.007, 0.007))
        knuckles += 0.7 * chart.near(BACK, tuple(mine[2]), (0.005, 0.006))
    knuckles += chart.near(BACK, tuple(joints["thumb"][2]), (0.007, 0.007))
    fields += [(0.05 * knuckles, BLOOD), ((0.03 + 0.11 * dark) * knuckles, np.array([0.8, 1.0, 1.0]))]
    # From the middle of the wrist they spread to the knuckles.
    tendons = [(BACK, mine[0] * [(0.07, 0.16), (0.52, 0.70), (0.97, 1.0)]) for mine in (index, middle, ring, pinky)]
    valleys = [
        (BACK, 0.5 * (a[0] + b[0]) * [(0.45, 0.5), (0.75, 0.8), (1.02, 1.0)]) for a, b in ((index, middle), (middle, ring), (ring, pinky))
    ]
    fields += [(-0.06 * chart.drawn(tendons, 0.0040), np.ones(3)), (0.11 * chart.drawn(valleys, 0.008), np.array([0.85, 1.0, 1.0]))]
    veins = [
        (BACK, [(0.090, -0.030), (0.068, -0.024), (0.046, -0.022), (0.026, -0.012), (0.000, -0.010), (-0.02, -0.006)]),
        (BACK, [(0.092, -0.010), (0.072, -0.013), (0.054, -0.018), (0.040, -0.021)]),
        (BACK, [(0.094, 0.013), (0.074, 0.009), (0.052, 0.013), (0.030, 0.018), (0.004, 0.016), (-0.02, 0.018)]),
        (BACK, [(0.070, 0.009), (0.055, 0.000), (0.044, -0.010), (0.030, -0.014)]),
    ]
    return [*fields, (0.12 * (1 - 0.5 * dark) * chart.drawn(veins, 0.0026), VEIN)]


def _creases(chart: _Chart, joints: dict[str, Array], dark: float) -> list[tuple[Array, Array]]:
    """Lines: those of the palm, those under and over the joints of the fingers, and of the wrist."""
    index, middle, ring, pinky = (joints[name] for name in FINGERS)
    begin = (0.083, 0.036)
    deep: list[tuple[int, Sequence[Place]]] = [
        # around the ball of the thumb; across the palm; under the fingers (linea vitalis, cephalica, mensalis)
        (PALM, [begin, (0.076, 0.022), (0.062, 0.009), (0.044, 0.002), (0.026, 0.002), (0.010, 0.006)]),
        (PALM, [begin, (0.080, 0.020), (0.073, 0.002), (0.062, -0.014), (0.050, -0.028)]),
        (PALM, [(0.074, -0.046), (0.077, -0.030), (0.083, -0.014), (0.092, 0.002), (0.102, 0.013)]),
    ]
    fine: list[tuple[int, Sequence[Place]]] = [
        (PALM, [(0.012, -0.004), (0.034, -0.006), (0.058, -0.006), (0.082, -0.003)]),
        (PALM, [(0.058, -0.040), (0.064, -0.030), (0.067, -0.020)]),
        (PALM, [(0.050, 0.020), (0.044, 0.028), (0.036, 0.034)]),
        (PALM, [(0.040, 0.014), (0.034, 0.022), (0.024, 0.028)]),
        (PALM, [(0.060, 0.020), (0.056, 0.030), (0.050, 0.038)]),
        (PALM, [(0.094, -0.024), (0.088, -0.020), (0.084, -0.012)]),
        (PALM, [(0.032, -0.016), (0.044, -0.026), (0.050, -0.038)]),
    ]
    wrist = [(PALM, [(-0.002, -0.028), (-0.006, -0.010), (-0.006, 0.008), (0.000, 0.026)]),
             (PALM, [(-0.013, -0.025), (-0.016, -0.008), (-0.016, 0.008), (-0.012, 0.023)])]  # fmt: skip
    joint: list[tuple[int, Sequence[Place]]] = []
    wrinkle: list[tuple[int, Sequence[Place]]] = []
    for mine, half in ((index, 0.010), (middle, 0.0105), (ring, 0.010), (pinky, 0.009)):
        joint += [(PALM, _across(mine, at, half, bow)) for at, bow in ((0.58, 0.0008), (0.97, 0.0), (1.06, 0.0006), (2.0, 0.0))]
        fine += [(PALM, _across(mine, at, half * 0.7, 0.0)) for at in (0.70, 1.5, 2.15)]
        for at, bow in ((0.84, -0.0022), (0.92, -0.0012), (1.0, 0.0), (1.09, 0.0012), (1.18, 0.0020)):
            wrinkle.append((BACK, _across(mine, at, half * (0.86 - 0.25 * abs(at - 1) / 0.18), bow)))
        wrinkle += [(BACK, _across(mine, at, half * 0.62, bow)) for at, bow in ((1.92, -0.0006), (2.01, 0.0003), (2.09, 0.0008))]
        fine += [(BACK, _across(mine, at, half * 0.6, 0.001)) for at in (-0.06, 0.02, 0.1)]
    thumb = joints["thumb"]
    joint += [(PALM, _across(thumb, at, 0.012)) for at in (1.0, 1.95, 2.05)]
    wrinkle += [(BACK, _across(thumb, at, 0.009, 0.0006)) for at in (1.88, 1.96, 2.04, 2.12)]
    stronger = 1 + 0.5 * dark
    return [
        (0.19 * stronger * chart.drawn(deep, 0.0014), LINE),
        (0.08 * chart.drawn(deep, 0.0050), LINE),
        (0.09 * stronger * chart.drawn(fine, 0.0011), LINE),
        (0.12 * chart.drawn(wrist, 0.0014), LINE),
        (0.145 * stronger * chart.drawn(joint, 0.0012), LINE),
        (0.04 * chart.drawn(joint, 0.0040), LINE),
        (0.15 * stronger * chart.drawn(wrinkle, 0.0010), LINE),
    ]


def _nails(chart: _Chart, asset: ArmAsset, joints: dict[str, Array]) -> list[tuple[Array, Array]]:
    """A pink bed, a pale half moon, a white edge and a fold of skin around it."""
    wrist = asset.heads[BONES.index("hand")].astype(np.float64)
    frame = np.stack([FINGERS_AT_REST, THUMB_AT_REST], 1)
    nail = asset.tint[:, TINTS.index("nail")] > 0.5
    bed, moon, tip, fold = [], [], [], []
    for finger in FINGERS:
        mine = nail & ((asset.weights * (asset.bones == BONES.index(f"{finger}_2"))).sum(1) > 0.5)
        seen = (asset.points[mine] - wrist).astype(np.float64) @ frame
        (low, left), (high, right) = seen.min(0), seen.max(0)
        low, middle, half = low - 0.001, (left + right) / 2, (right - left) / 2 + 0.0006
        turn = np.linspace(0, np.pi, 9)
        root = [(low + 0.004 * (1 - np.sin(a)), middle + half * np.cos(a)) for a in turn]
        bed.append((BACK, [(high, middle + half), *root, (high, middle - half), (high, middle + half)]))
        rise = [(low + 0.001 + 0.0026 * np.sin(a), middle + 0.55 * half * np.cos(a)) for a in turn]
        moon.append((BACK, [*rise, rise[0]]))
        tip.append((BACK, [(high - 0.0008, middle + 0.9 * half), (high, middle), (high - 0.0008, middle - 0.9 * half)]))
        fold.append((BACK, [(high, middle + half), *root, (high, middle - half)]))
    return [
        (chart.drawn(bed, 0.0008, True), np.array([-0.01, 0.01, 0.0])),
        (chart.drawn(moon, 0.0008, True), np.array([-0.02, -0.05, -0.055])),
        (chart.drawn(tip, 0.0013), np.array([-0.08, -0.12, -0.13])),
        (0.26 * chart.drawn(fold, 0.0011), LINE),
    ]
