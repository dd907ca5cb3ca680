"""Face refinement: what the skin does beside moving. Folds, wrinkles and the shading of raised cheeks come with an expression but are not
in a photo of a calm face; a network adds them to the photo's own texture, as a factor on its colours, before the rig is drawn.

The network looks at the face in a frame in which everybody's features lie at the same places. It sees the photo there (once) and, for each
picture, how every point of the skin has moved against the head (the explicit control). It never sees pixels of the picture, so that what it
adds moves with the skin and cannot flicker, and a face that does not move stays the photo, bit for bit.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from visavis.compiled import njit
from visavis.types import VERTEX_DEPTH_M, VERTEX_SUBPIXEL, Engine
from visavis.types_portrait import PortraitRig

SIDE = 128
"""Pixels along each side of the frame, of the photo in it and of the gain."""

GRID = 32
"""Points along each side of the frame at which movement is told."""

STEP = SIDE // GRID
MOTION_UNIT = 0.05
"""Movement is told in this many distances between the eyes."""

CHEEKS = np.s_[SIDE * 7 // 16 : SIDE * 11 // 16, SIDE // 4 : SIDE * 3 // 4]
"""Rows and columns of the frame whose mean colour is that of the skin."""

SOFT = 1.4
"""Pixels of the frame by which the network sees the photo blurred (standard deviation)."""

LEVELS = 10
"""Bits of a gain of one."""

ANCHORS = ("jaw", "brow", "nose", "eye", "outer_lip")
"""Keypoints of the rig whose names hold one of these say where a feature is. Inner lips meet, so they are left out."""

RIGID_POINTS = 240

Float = NDArray[np.float32]


@dataclass(frozen=True)
class RefineSpec:
    """names: keypoints of the rig, places: where they lie in the frame, pixels (x, y)."""

    names: tuple[str, ...]
    places: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if len(self.names) != len(self.places) or len(self.names) < 8:
            raise ValueError(f"at least 8 names and as many places are needed, got {len(self.names)} and {len(self.places)}")


@dataclass(frozen=True)
class RefineEngines:
    """photo: (1, 3, SIDE, SIDE) -> "features", run once for a portrait. skin: "features" and "motion" (1, 3, GRID, GRID) -> "gain" (1, 3,
    SIDE, SIDE), 1 where nothing changes."""

    photo: Engine
    skin: Engine
    spec: RefineSpec


class ThinPlate:
    """The smoothest map of the plane that takes points to values (Duchon's thin-plate spline). stiffness above 0 lets it miss them a
    little."""

    def __init__(self, points: ArrayLike, values: ArrayLike, stiffness: float = 0.0) -> None:
        points, values = np.asarray(points, np.float64), np.asarray(values, np.float64)
        if points.shape != values.shape or points.ndim != 2 or points.shape[1] != 2 or len(points) < 4:
            raise ValueError(f"points and values must both have shape (n > 3, 2), got {points.shape} and {values.shape}")
        self._centre, self._scale = points.mean(0), float(points.std()) or 1.0
        self._points = (points - self._centre) / self._scale
        n = len(points)
        system = np.zeros((n + 3, n + 3))
        system[:n, :n] = _bend(self._points[:, None] - self._points[None]) + stiffness * np.eye(n)
        system[:n, n], system[:n, n + 1 :] = 1, self._points
        system[n:, :n] = system[:n, n:].T
        self._weights = np.linalg.solve(system, np.concatenate([values, np.zeros((3, 2))]))

    def __call__(self, at: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) to (..., 2)."""
        at = np.asarray(at, np.float64)
        flat = (at.reshape(-1, 2) - self._centre) / self._scale
        result = np.empty_like(flat)
        for start in range(0, len(flat), 4096):  # in pieces, for the sake of memory
            part = flat[start : start + 4096]
            basis = np.concatenate([_bend(part[:, None] - self._points[None]), np.ones((len(part), 1)), part], 1)
            result[start : start + 4096] = basis @ self._weights
        return result.reshape(at.shape)


def _bend(away: NDArray[np.float64]) -> NDArray[np.float64]:
    square = (away**2).sum(-1)
    return np.asarray(0.5 * square * np.log(np.maximum(square, 1e-12)))


def frame_points(side: int = SIDE) -> NDArray[np.float64]:
    """Middles of the cells of a grid over the frame, in its pixels: (side, side, 2)."""
    step = SIDE / side
    line = (np.arange(side) + 0.5) * step - 0.5
    return np.stack(np.meshgrid(line, line), -1)


def anchors_of(rig: PortraitRig) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Names of the keypoints that say where the features are, and their places in the photo, pixels (n, 2)."""
    points = (rig.vertices[rig.keypoint_vertices].astype(np.float64) * rig.keypoint_weights[..., None]).sum(1)
    chosen = [i for i, name in enumerate(rig.keypoint_names) if any(part in name for part in ANCHORS)]
    places = points[:, :2] / points[:, 2:] * rig.focal + np.asarray(rig.principal)
    return tuple(rig.keypoint_names[i] for i in chosen), places[chosen]


class FaceFrame:
    """The frame of one portrait: where its points are in the photo and on the rig, and how they have moved."""

    def __init__(self, rig: PortraitRig, spec: RefineSpec) -> None:
        names, places = anchors_of(rig)
        if missing := sorted(set(spec.names) - set(names)):
            raise ValueError(f"this portrait has no keypoint {missing[0]}: remove the cache of portraits and fit it again")
        chosen = places[[names.index(name) for name in spec.names]]
        self.to_photo = ThinPlate(spec.places, chosen)
        self.from_photo = ThinPlate(chosen, spec.places)
        self._focal, self._principal = np.float32(rig.focal), np.asarray(rig.principal, np.float32)
        rest: Float = rig.vertices[:, :2] / rig.vertices[:, 2:] * self._focal + self._principal
        grid = self.to_photo(frame_points(GRID)).reshape(-1, 2)
        self._corners, shares = _on_mesh(grid, rest, rig.triangles["person"])
        self._shares: Float = shares.astype(np.float32)[..., None]
        self._rigid = _rigid_vertices(rig, rest, grid)
        # Movement counts from the face at rest: a photo that smiles keeps its folds when the smile goes, what lay under them is not known.
        calm = rig.vertices.astype(np.float32)
        calm[rig.shape_vertices] += np.tensordot(rig.rest_expression - rig.photo_expression, rig.shapes, 1).astype(np.float32)
        calm[rig.shape_vertices, 0] += rig.narrows
        rest_middle = calm[self._rigid].mean(0)
        self._rest_rigid = calm[self._rigid] - rest_middle
        self._rest: Float = np.ascontiguousarray((calm[self._corners] * self._shares).sum(1) - rest_middle, np.float32)
        # What hangs on the neck as well, like the hair over a forehead, seems to move with every turn of the head: it is not skin.
        held = (rig.head_weight[self._corners] * self._shares[..., 0]).sum(1)
        eyes = rig.eye_distance / rig.focal * float(rig.vertices[rig.lips.upper, 2].mean())
        self._units: Float = (np.clip((held - 0.9) / 0.08, 0, 1) / (eyes * MOTION_UNIT)).astype(np.float32)

    def motion(self, vertices: NDArray[np.int16]) -> Float:
        """How far the skin has moved against the head, (1, 3, GRID, GRID), in ``MOTION_UNIT``; vertices as in ``ControlFrame``."""
        head, posed = _in_camera(vertices, self._rigid, self._corners, self._shares, self._principal, self._focal)
        middle = head.mean(0)
        left, _, right = np.linalg.svd(self._rest_rigid.T @ (head - middle))
        if np.linalg.det(left @ right) < 0:
            left[:, 2] *= -1
        turn = np.ascontiguousarray(left @ right)  # row vectors: rest @ turn = posed
        return _against_head(posed, middle, turn, self._rest, self._units).reshape(1, 3, GRID, GRID)


@njit(
    "Tuple((float32[:,::1], float32[:,::1]))(int16[:,:], int64[::1], int64[:,::1], float32[:,:,::1], float32[::1], float32)",
    cache=True,
    nogil=True,
    boundscheck=False,
    error_model="numpy",
)
def _in_camera(vertices, rigid, corners, shares, principal, focal):  # type: ignore[no-untyped-def]
    """Metres from the camera of the rigid vertices, float32 (r, 3), and of the points that ``shares`` (n, 3, 1) of ``corners`` (n, 3) make,
    float32 (n, 3)."""
    head = np.empty((len(rigid), 3), np.float32)
    for i in range(len(rigid)):
        depth = np.float32(vertices[rigid[i], 2]) * np.float32(VERTEX_DEPTH_M)
        for axis in range(2):
            head[i, axis] = (np.float32(vertices[rigid[i], axis]) / np.float32(VERTEX_SUBPIXEL) - principal[axis]) / focal * depth
        head[i, 2] = depth
    posed = np.zeros((len(corners), 3), np.float32)
    for i in range(len(corners)):
        for k in range(3):
            share, vertex = shares[i, k, 0], corners[i, k]
            depth = np.float32(vertices[vertex, 2]) * np.float32(VERTEX_DEPTH_M)
            for axis in range(2):
                posed[i, axis] += share * (
                    (np.float32(vertices[vertex, axis]) / np.float32(VERTEX_SUBPIXEL) - principal[axis]) / focal * depth
                )
            posed[i, 2] += share * depth
    return head, posed


@njit(
    "float32[:,::1](float32[:,::1], float32[::1], float32[:,::1], float32[:,::1], float32[::1])", cache=True, nogil=True, boundscheck=False
)
def _against_head(posed, middle, turn, rest, units):  # type: ignore[no-untyped-def]
    """How far points (n, 3) are from where they rest (n, 3; from the middle of the head), the head's turn (3, 3) and place (3,) undone;
    times ``units`` (n,): float32 (3, n)."""
    result = np.empty((3, len(posed)), np.float32)
    for axis in range(3):
        tx, ty, tz = turn[axis, 0], turn[axis, 1], turn[axis, 2]
        for i in range(len(posed)):
            x, y, z = posed[i, 0] - middle[0], posed[i, 1] - middle[1], posed[i, 2] - middle[2]
            result[axis, i] = (tx * x + ty * y + tz * z - rest[i, axis]) * units[i]
    return result


def _on_mesh(
    points: NDArray[np.float64], places: NDArray[np.float32], triangles: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each point (n, 2) three vertices and their shares; where it is on no triangle, the nearest vertex."""
    corners = places[triangles].astype(np.float64)
    within, shares = _triangle_of(np.ascontiguousarray(points), np.ascontiguousarray(corners))
    vertices = triangles[within].astype(np.int64)
    known = np.unique(triangles)
    for i in np.flatnonzero(within < 0):
        vertices[i] = known[((places[known] - points[i]) ** 2).sum(1).argmin()]
    return vertices, shares


@njit("Tuple((int64[::1], float64[:,::1]))(float64[:,::1], float64[:,:,::1])", cache=True, nogil=True, boundscheck=False)
def _triangle_of(points, corners):  # type: ignore[no-untyped-def]
    """The first of triangles (t, 3, 2) that each point (n, 2) is on, the shares of its corners: int64 (n,), float64 (n, 3). On none: -1,
    and the whole share for the first."""
    within, shares = np.full(len(points), -1, np.int64), np.zeros((len(points), 3))
    shares[:, 0] = 1.0
    for t in range(len(corners)):
        ax, ay = corners[t, 0]
        bx, by = corners[t, 1]
        cx, cy = corners[t, 2]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if area == 0:
            continue
        left, right = min(ax, bx, cx), max(ax, bx, cx)
        top, bottom = min(ay, by, cy), max(ay, by, cy)
        for i in range(len(points)):
            x, y = points[i]
            if within[i] >= 0 or x < left or x > right or y < top or y > bottom:
                continue
            p = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area
            q = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area
            if p >= -1e-9 and q >= -1e-9 and p + q <= 1 + 1e-9:
                within[i] = t
                shares[i, 0], shares[i, 1], shares[i, 2] = 1.0 - p - q, p, q
    return within, shares


def _rigid_vertices(rig: PortraitRig, rest: NDArray[np.float32], grid: NDArray[np.float64]) -> NDArray[np.int64]:
    """Vertices around the face that go with the head and that no expression moves, as far as there are such."""
    moved = np.zeros(len(rig.vertices), np.float32)
    moved[rig.shape_vertices] = np.maximum(np.linalg.norm(rig.shapes, axis=-1).max(0), np.linalg.norm(rig.smile, axis=-1))
    low, high = grid.min(0), grid.max(0)
    near = ((rest > low - 0.2 * (high - low)) & (rest < high + 0.2 * (high - low))).all(1)
    known = np.unique(rig.triangles["person"]).astype(np.int64)
    usable = known[(rig.head_weight[known] > 0.999) & near[known]]
    if len(usable) < 8:
        raise ValueError("too few vertices of this portrait go with the head: remove the cache of portraits and fit it again")
    chosen: NDArray[np.int64] = usable[np.argsort(moved[usable], kind="stable")[:RIGID_POINTS]]
    return chosen


def photo_in_frame(texture: NDArray[np.uint8], to_texels: NDArray[np.float32]) -> Float:
    """The photo as the frame shows it, (SIDE, SIDE, 3), 0..255. texture: (h, w, 3 or 4); to_texels: (SIDE, SIDE, 2), where in it."""
    across = float(np.linalg.norm(to_texels[:, 1:] - to_texels[:, :-1], axis=-1).mean())
    soft = 0.45 * np.sqrt(across**2 - 1) if across > 1.2 else 0.0
    # The face and what a blur of it can reach; the rest of a texture is many times as large.
    margin = int(5 * soft) + 4
    left, top = np.maximum(np.floor(to_texels.min((0, 1))).astype(int) - margin, 0)
    right, bottom = np.ceil(to_texels.max((0, 1))).astype(int) + margin
    image = texture[top:bottom, left:right, :3].astype(np.float32)
    if soft > 0:
        image = cv2.GaussianBlur(image, (0, 0), soft)
    places = to_texels - np.array([left, top], np.float32)
    return np.asarray(cv2.remap(image, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def photo_input(photo: Float) -> Float:
    """(SIDE, SIDE, 3) colours 0..255 to what the network takes: (1, 3, SIDE, SIDE), logarithms, 0 for the mean colour of the cheeks and
    the nose, without pores and grain: these are the camera's as much as the person's."""
    values = cv2.GaussianBlur(np.log(np.maximum(photo, 4.0) / 255), (0, 0), SOFT, borderType=cv2.BORDER_REPLICATE)
    middle = values[CHEEKS]
    return np.ascontiguousarray((values - middle.mean((0, 1))).transpose(2, 0, 1)[None], np.float32)


@njit(
    "void(uint8[:,:,::1], uint8[:,:,::1], int64, int64, int32[:,:,::1], int32[:,::1], uint64[:,::1])",
    cache=True,
    nogil=True,
    boundscheck=False,
    error_model="numpy",
)
def lay_gain(texture, result, left, top, places, spans, gain):  # type: ignore[no-untyped-def]
    """Multiply a box of ``texture`` (h, w, 4) whose corner is (left, top) by a gain and write it to ``result``. places: int32 (bh, bw, 2),
    where in the gain each texel is, in 1/256 pixel, -1 where it is left alone; spans: int32 (bh, 2), first texel of each row that is not,
    and the one after the last. gain: (SIDE, SIDE), 21 bits each for red, green, blue."""
    lane = np.uint64(0x1FFFFF)
    # Without a sign an index needs no look whether it counts from the end.
    one, line = np.uint64(1), np.uint64(gain.shape[1])
    given, out, gains = texture.reshape(-1), result.reshape(-1), gain.reshape(-1)
    for y in range(places.shape[0]):
        texel = np.uint64(((top + y) * texture.shape[1] + left + spans[y, 0]) * 4)
        for x in range(spans[y, 0], spans[y, 1]):
            u, v = np.int64(places[y, x, 0]), np.int64(places[y, x, 1])
            if u >= 0:
                fu, fv = u & 255, v & 255
                at = np.uint64(v >> 8) * line + np.uint64(u >> 8)
                w11 = (fu * fv) >> 8
                total = gains[at] * np.uint64(256 - fu - fv + w11)
                total += gains[at + one] * np.uint64(fu - w11)
                total += gains[at + line] * np.uint64(fv - w11)
                total += gains[at + line + one] * np.uint64(w11)
                red = np.int64(total & lane) * given[texel] + 131072
                green = np.int64((total >> np.uint64(21)) & lane) * given[texel + one] + 131072
                blue = np.int64(total >> np.uint64(42)) * given[texel + np.uint64(2)] + 131072
                out[texel] = min(red >> 18, 255)
                out[texel + one] = min(green >> 18, 255)
                out[texel + np.uint64(2)] = min(blue >> 18, 255)
            texel += np.uint64(4)


@njit("uint64[:,::1](float32[:,:,::1], float32)", cache=True, nogil=True, boundscheck=False)
def pack_gain(gain, share):  # type: ignore[no-untyped-def]
    """(3, SIDE, SIDE) gains, 0 to nearly 8, as ``lay_gain`` reads them; ``share`` (0..1) of their way from 1."""
    result = np.empty(gain.shape[1:], np.uint64)
    flat, planes = result.reshape(-1), gain.reshape(3, -1)
    one = np.float32(1 << LEVELS)
    scale, least, most = share * one, np.float32(0), np.float32((1 << 13) - 1)
    rest = one - scale
    for i in range(len(flat)):
        red = np.uint64(min(max(np.rint(planes[0, i] * scale + rest), least), most))
        green = np.uint64(min(max(np.rint(planes[1, i] * scale + rest), least), most))
        blue = np.uint64(min(max(np.rint(planes[2, i] * scale + rest), least), most))
        flat[i] = red | (green << np.uint64(21)) | (blue << np.uint64(42))
    return result


def spans_of(inside: NDArray[np.bool_]) -> NDArray[np.int32]:
    """First place of each row (h, w) that is inside, and the one after the last: (h, 2), 0 and 0 where there is none."""
    found = inside.any(1)
    first, after = inside.argmax(1), inside.shape[1] - inside[:, ::-1].argmax(1)
    return np.stack([np.where(found, first, 0), np.where(found, after, 0)], -1).astype(np.int32)


class FaceRefiner:
    """Refines the texture of one portrait. texture: uint8 (h, w, 4), the person's; texels: (2, 2), texel = texels[0] * pixel + texels[1]
    of the photo."""

    def __init__(self, rig: PortraitRig, engines: RefineEngines, texture: NDArray[np.uint8], uv: NDArray[np.float32]) -> None:
        self.frame = FaceFrame(rig, engines.spec)
        self._engine = engines.skin
        scale, offset = _texels_of_pixels(rig, uv)
        self._texture = np.ascontiguousarray(texture)
        to_texels = (self.frame.to_photo(frame_points()) * scale + offset).astype(np.float32)
        self.photo = photo_in_frame(self._texture, to_texels)
        self._features = engines.photo.run({"photo": photo_input(self.photo)})["features"]
        height, width = texture.shape[:2]
        low = np.maximum(np.floor(to_texels.reshape(-1, 2).min(0)).astype(int), 0)
        high = np.minimum(np.ceil(to_texels.reshape(-1, 2).max(0)).astype(int) + 1, (width, height))
        self._left, self._top = int(low[0]), int(low[1])
        # The map is smooth: every eighth texel of it is enough.
        xs, ys = np.arange(low[0], high[0] + 8, 8), np.arange(low[1], high[1] + 8, 8)
        coarse = self.frame.from_photo((np.stack(np.meshgrid(xs, ys), -1) - offset) / scale).astype(np.float32)
        fine_x, fine_y = np.meshgrid(np.arange(high[0] - low[0]) / 8, np.arange(high[1] - low[1]) / 8)
        places = cv2.remap(coarse, fine_x.astype(np.float32), fine_y.astype(np.float32), cv2.INTER_LINEAR)
        inside = ((places >= 0) & (places < SIDE - 1)).all(-1)
        whole = np.clip(places.astype(int), 0, SIDE - 2)
        inside &= self._changing()[whole[..., 1], whole[..., 0]]
        self._places = np.where(inside[..., None], np.floor(places * 256), -1).astype(np.int32)
        self._spans = spans_of(inside)
        self._result = self._texture.copy()
        self._is_photo = True

    def _changing(self) -> NDArray[np.bool_]:
        """(SIDE, SIDE), where a gain at this pixel or the next ones right and below can differ from 1: nowhere else is work needed."""
        inputs = {"features": self._features, "motion": np.random.default_rng(0).normal(0, 3, (1, 3, GRID, GRID)).astype(np.float32)}
        differs = (self._engine.run(inputs)["gain"][0] != 1).any(0).astype(np.uint8)
        return np.asarray(cv2.dilate(differs, np.ones((3, 3), np.uint8)) > 0)

    @property
    def texture(self) -> NDArray[np.uint8]:
        """The refined texture; ``refine`` changes it in place."""
        return self._result

    def gain(self, vertices: NDArray[np.int16]) -> Float:
        """(3, SIDE, SIDE)."""
        inputs: Mapping[str, Float] = {"features": self._features, "motion": self.frame.motion(vertices)}
        return self._engine.run(inputs)["gain"][0]

    def refine(self, vertices: NDArray[np.int16], share: float = 1.0) -> None:
        """Change ``texture`` to what it is in this pose; vertices as in ``ControlFrame``; share: how much of the change is made, 0..1, at
        0 without running the network. Depends on nothing before it."""
        if share > 0.0:
            gain = pack_gain(self.gain(vertices), share)
            lay_gain(self._texture, self._result, self._left, self._top, self._places, self._spans, gain)
        elif not self._is_photo:
            self._result[:] = self._texture
        self._is_photo = share <= 0.0


def _texels_of_pixels(rig: PortraitRig, uv: NDArray[np.float32]) -> tuple[float, NDArray[np.float64]]:
    """Scale and offset from pixels of the photo to texels of the person's texture, which the mesh knows."""
    chosen = np.unique(rig.triangles["person"])
    points = rig.vertices[chosen].astype(np.float64)
    pixels = points[:, :2] / points[:, 2:] * rig.focal + np.asarray(rig.principal)
    texels = uv[chosen].astype(np.float64)
    scale = float(((texels - texels.mean(0)) * (pixels - pixels.mean(0))).sum() / ((pixels - pixels.mean(0)) ** 2).sum())
    return scale, texels.mean(0) - scale * pixels.mean(0)
