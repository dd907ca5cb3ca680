"""Draws arms and hands over the person: the shadow they throw on the body, then upper arm, sleeve, forearm and hand."""

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.ease import ramp
from visavis.types import VERTEX_DEPTH_M, VERTEX_SUBPIXEL
from visavis.types_portrait import HAND_BONE, PICTURE_HEIGHT, PICTURE_WIDTH, UPPER_BONE, ArmRig, PortraitRig
from visavis.video import arm_kernels, raster
from visavis.video.arm_kernels import SAMPLING
from visavis.video.ground import halved, person_texture
from visavis.video.sleeve_folds import SleeveFolds
from visavis.video.view import View

SIDES = ("right", "left")
ARM_LAYERS = ("own_arm_right", "own_arm_left")
CELL = 8
"""Pixels of a cell of the shadow's grid."""
SHADOW, SHADOW_DROP = 0.55, 0.16
"""How dark the shadow is, and how far it falls below what throws it, as a share of the distance to the body (metres)."""


HEM_ABOVE, BELOW_HEM, FREED = 0.030, 0.03, 3.0
"""Metres that a sleeve's patch goes on below where its hem, which is slanted, is highest. No skin is seen above that, beside the sleeve,
while the elbow is so far (metres) below it; of what is lacking to that, so many times as much is seen."""
HANGS, RING = (0.25, 0.80), 24
"""From which share of its length that goes downwards a limb is taken to hang, and from which to hang wholly; how many points around a joint
tell where it is."""
COVERED = 0.45
"""How much of its light a surface loses where a part of the arm covers all that it looks at."""
ABOVE = np.array([0.0, -0.5, -0.7])
"""Added to where a photo's light comes from, as far as face and arms show it: light mostly comes from above and before a person."""
CLEAR_OF_HEM, NEAR_ELBOW = 0.25, 0.75
"""Shares of the upper arm: so far beyond where its skin begins, and at least so far down, it lies over its sleeve, not under it."""
WIDEST_TRIANGLE = 1 / 8
"""No triangle of an arm goes so far around it, as a share of the whole way."""
NEAR_SHARE = 0.15
"""The arm counts as being where so much of it is nearer."""


def _quantile(values: NDArray[np.int16], share: float) -> float:
    """As ``np.quantile`` has it, at a fiftieth of the cost for few values."""
    place = share * (len(values) - 1)
    low = int(place)
    ordered = np.partition(values, (low, low + 1))
    return float(ordered[low]) + (float(ordered[low + 1]) - float(ordered[low])) * (place - low)


class _Hanging:
    """How far upper arm and forearm hang, of one person's arms."""

    def __init__(self, arms: ArmRig) -> None:
        rest = arms.points[0]
        elbow, wrist = arms.heads[1], arms.heads[HAND_BONE]
        rings = [np.argsort(np.linalg.norm(rest - at, axis=1))[:RING].astype(np.int32) for at in (0.5 * elbow, elbow, wrist)]
        self._rings = np.stack(rings)
        self._upper = (arms.weights * (arms.bones == UPPER_BONE)).sum(1).astype(np.float32)

    def of(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N,) for points (N, 3), camera space, 1 where the limb they are part of hangs, 0 where it is level or raised."""
        middles = points[self._rings].mean(1)
        upper, fore = (ramp(float(way[1] / max(np.linalg.norm(way), 1e-6)), *HANGS) for way in np.diff(middles, axis=0))
        return np.float32(fore) + np.float32(upper - fore) * self._upper


Part = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint32]]
"""Triangles (T, 3), where their corners lie in a texture (T, 3, 2), and the texture."""


def _on_texture(arms: ArmRig) -> NDArray[np.int32]:
    """Where the corners of triangles lie in their texture, (T, 3, 2), in 1/16. Back and palm of a hand lie in it side by side, mirror
    images about its first column: a triangle that goes over the edge between them is laid on the side of most of its corners."""
    at = arms.grain_at[arms.triangles]
    column = arms.beside(at[..., 0])
    apart = np.abs(arms.beside(column - column[:, :1])).max(1)
    over = apart > WIDEST_TRIANGLE * arms.around
    over[arms.cloth :] = False
    side = np.where(column < 0, -1, 1)
    most = np.where(side.sum(1) < 0, -1, 1)
    at[..., 0] = np.where(over[:, None] & (side != most[:, None]), -column, at[..., 0])
    return np.asarray(at, np.int32)


def _near_elbow(arms: ArmRig, side: int) -> NDArray[np.bool_]:
    """(N,), which points of an upper arm are so far below the hem of its sleeve that this never lies over them."""
    elbow = arms.heads[1].astype(np.float64)
    along = arms.points[side] @ elbow / (elbow @ elbow)
    bare = arms.colour[side, :, 3] > 0.5
    hem = float(along[bare].min(initial=1.0))
    return np.asarray(along > max(hem + CLEAR_OF_HEM, NEAR_ELBOW))


def _brightest(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Where most light (3, 12) comes from, (3,), of length 1, in camera axes: at least a little from above."""
    way = light[1, 1:4].astype(np.float64)
    way = 2 * way / max(float(light[1, 0]), 0.1) + ABOVE
    return np.asarray(way / np.linalg.norm(way), np.float32)


class ArmDrawer:
    """Draws the arms of one portrait; knows nothing of frames before.

    own_triangles: for those sides whose arm was lifted out of the photo, under names of ``ARM_LAYERS``, the triangles of the person that
    show it. without: for a choice of these names, the triangles of the person that show none of these arms, and the others. bare, own_arms:
    textures of the person without these arms, and of these arms alone (where there are any).
    """

    def __init__(self, rig: PortraitRig, view: View, uv: NDArray[np.float32]) -> None:
        """uv: float32 (V, 2), texels of the person's texture as ``ground.person_texture`` gives it for the view."""
        arms = rig.arms
        self._arms, self._view, self._uv = arms, view, uv
        self._focal, self._principal = rig.focal, rig.principal
        count = arms.points.shape[1]
        mirrored = np.ascontiguousarray(arms.triangles[:, ::-1])
        self._triangles = (mirrored, np.ascontiguousarray(arms.triangles))
        every = np.arange(len(arms.triangles))
        upper, rest, cloth = np.split(every, (arms.upper, arms.cloth))
        self._upper_corners = np.unique(arms.triangles[upper])
        parts, part_corners = [], []
        for side in (0, 1):
            near = _near_elbow(arms, side)[arms.triangles[upper]].all(1) if arms.own[side, 2] else np.zeros(len(upper), bool)
            below, above = np.concatenate([upper[near], rest]), upper[~near]
            # The upper arm goes on a little under what is drawn over it: two soft edges side by side would let the background through.
            for _ in range(2):
                above = np.union1d(above, below[np.isin(arms.triangles[below], arms.triangles[above]).any(1)])
            parts.append((above, below, cloth))
            part_corners.append([np.unique(arms.triangles[chosen]).astype(np.int32) for chosen in (above, np.concatenate([below, cloth]))])
        self._part_corners = part_corners
        self._parts = tuple(
            tuple(np.ascontiguousarray(triangles[chosen]) for chosen in part)
            for triangles, part in zip(self._triangles, parts, strict=True)
        )
        corners = _on_texture(arms)
        self._grain_at = tuple(
            tuple(np.ascontiguousarray(at[chosen]) for chosen in part) for at, part in zip((corners[:, ::-1], corners), parts, strict=True)
        )
        self._skin = tuple(raster.as_texture(arms.skin[side]) for side in SIDES)
        self._weave = raster.as_texture(arms.weave)
        self._colour = tuple(np.ascontiguousarray(colour) for colour in arms.colour)
        self._gloss = np.ascontiguousarray(arms.gloss)
        self._light = tuple(np.ascontiguousarray(light) for light in arms.light)
        self._points, self._normals = np.empty((count, 3), np.float32), np.empty((count, 3), np.float32)
        self._lit, self._free = np.empty((count, 4), np.float32), np.empty(count, np.float32)
        self._middles = np.empty((len(arms.balls.radii), 3), np.float32)
        self._hanging = _Hanging(arms)
        self._folds = tuple(SleeveFolds(arms, side) if arms.folds[side].any() else None for side in (0, 1))
        self._towards = tuple(_brightest(light) for light in arms.light)
        self._positions = np.empty((count, 2), np.int32)
        self._sheet_positions = np.empty((len(rig.vertices), 2), np.int32)
        self._seen = np.empty((count, 3), np.int32)
        self._no_touch = np.zeros((1, 1), np.uint8)
        self.own_triangles: dict[str, NDArray[np.int32]] = {}
        self.without: dict[tuple[str, ...], tuple[NDArray[np.int32], NDArray[np.int32]]] = {}
        self._sleeve_triangles: dict[int, NDArray[np.int32]] = {}
        self._hems: dict[int, tuple[int, float]] = {}
        seen = rig.textures["person"]
        if arms.own[:, 2].any():
            seen = self._lift(rig)
        small = (PICTURE_WIDTH // CELL, PICTURE_HEIGHT // CELL)
        margin = (seen.shape[1] - 2 * PICTURE_WIDTH) // 4 * 2
        body = seen[margin : margin + 2 * PICTURE_HEIGHT, margin : margin + 2 * PICTURE_WIDTH, 3] > 127
        covered = cv2.resize(body.astype(np.float32), small, interpolation=cv2.INTER_AREA)
        # Between cells the shadow is linear: only a cell whose neighbours are covered throws none on the background.
        self._person = np.ascontiguousarray(cv2.erode(covered, np.ones((3, 3), np.uint8)))

    def _lift(self, rig: PortraitRig) -> NDArray[np.uint8]:
        """Prepare what is drawn of the photo where its arms are lifted out; the person's texture without them."""
        arms, coarse = rig.arms, rig.textures["person"]
        person, share = person_texture(rig, self._view)
        if share < 1:
            person = coarse
        bare, own, sleeve = person.copy(), np.zeros_like(person), np.zeros_like(person)
        triangles = rig.triangles["person"]
        low, high = rig.uv[triangles].min(1), rig.uv[triangles].max(1)
        reached = {}
        for row, (side, name) in enumerate(zip(SIDES, ARM_LAYERS, strict=True)):
            x, y, width, height = arms.own[row].tolist()
            if width == 0:
                continue
            area = slice(y, y + height), slice(x, x + width)
            # Only what the arm covered differs from the photo, of which a larger picture shows more than the rig's own texture.
            changed = (arms.bare[side] != coarse[area]).any(-1, keepdims=True)
            bare[area] = np.where(changed, arms.bare[side], bare[area])
            for texture, patch in ((own, arms.arm[side]), (sleeve, arms.sleeve[side])):
                texture[area] = np.where(patch[..., 3:] > 0, np.dstack([person[area][..., :3], patch[..., 3]]), patch)

            def near(alpha: NDArray[np.uint8], corner: tuple[int, int] = (x, y)) -> NDArray[np.bool_]:
                rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
                first = np.array([columns[0], rows[0]]) + corner - 2
                last = np.array([columns[-1], rows[-1]]) + corner + 2
                return np.asarray(((high >= first) & (low <= last)).all(1))

            reached[name] = near(arms.arm[side][..., 3])
            self.own_triangles[name] = np.ascontiguousarray(triangles[reached[name]])
            if arms.sleeve[side][..., 3].any():
                self._hems[row] = self._hem(rig, row, side)
                self._sleeve_triangles[row] = np.ascontiguousarray(triangles[near(arms.sleeve[side][..., 3])])
        for lifted in (ARM_LAYERS[:1], ARM_LAYERS[1:], ARM_LAYERS):
            if all(name in reached for name in lifted):
                gone = np.any([reached[name] for name in lifted], axis=0)
                self.without[lifted] = np.ascontiguousarray(triangles[~gone]), np.ascontiguousarray(triangles[gone])
        fitting = []
        for texture in (bare, own, sleeve):
            reduced, left = texture, share
            while left < 1:
                reduced, left = halved(reduced), left * 2
            fitting.append(raster.as_texture(reduced))
        self.bare, self.own_arms, self._sleeve = fitting
        self._sleeve_opaque = {row: raster.opaqueness(each, self._uv, self._sleeve) for row, each in self._sleeve_triangles.items()}
        return bare

    def _hem(self, rig: PortraitRig, row: int, side: str) -> tuple[int, float]:
        """The vertex of the person that is next to the hem of a sleeve, and how many pixels of the 512x768 picture the hem is below it."""
        x, y, width, _ = rig.arms.own[row].tolist()
        last = y + np.flatnonzero((rig.arms.sleeve[side][..., 3] > 127).any(1))[-1]
        hem = np.array([x + width / 2, last - 2 * HEM_ABOVE * self._focal / float(rig.arms.shoulders[row, 2])])
        sheet = np.unique(rig.triangles["person"])
        nearest = int(sheet[np.argmin(((rig.uv[sheet] - hem) ** 2).sum(1))])
        return nearest, float(hem[1] - rig.uv[nearest, 1]) / 2

    def _top(self, mine: NDArray[np.int16], sheet: NDArray[np.int32], side: int) -> int:
        """The first row of the view in which the upper arm is drawn."""
        if side not in self._hems:
            return 0
        vertex, below = self._hems[side]
        view = self._view
        hem = sheet[vertex, 1] / VERTEX_SUBPIXEL + below * view.scale
        elbow = (mine[self._upper_corners, 1].max() / VERTEX_SUBPIXEL - view.top) * view.scale
        metre = self._focal / float(self._arms.shoulders[side, 2]) * view.scale
        return round(hem - FREED * max(BELOW_HEM * metre - (elbow - hem), 0.0))

    def draw(self, image: NDArray[np.uint8], arms: NDArray[np.int16], sheet: NDArray[np.int32], shown: tuple[float, float]) -> None:
        """Draw both sides over ``image``, the one that is further away first. arms: as in ``ControlFrame``; sheet: int32
        (V, 3), the vertices of the person in the view; shown: by side."""
        count = self._arms.points.shape[1]
        halves = [np.ascontiguousarray(arms[side * count : (side + 1) * count]) for side in (0, 1)]
        for side in sorted((0, 1), key=lambda side: -float(halves[side][:, 2].mean())):
            if shown[side] > 0.0:
                # One fades in over the other before that fades out, so that nothing is seen through both.
                self._side(image, halves[side], sheet, side, min(2.0 * shown[side], 1.0))

    def _side(self, image: NDArray[np.uint8], mine: NDArray[np.int16], sheet: NDArray[np.int32], side: int, opacity: float) -> None:
        arm_kernels.place_arm(mine, self._triangles[side], self._focal, *self._principal, self._points, self._normals)
        balls, towards = self._arms.balls, self._towards[side]
        arm_kernels.shade_arm(
            self._points, self._normals, balls.members, balls.begins, balls.radii, towards, COVERED, self._middles, self._free,
        )  # fmt: skip
        folds = self._folds[side]
        if folds is not None:
            folds.lay(self._points, self._normals, self._free)
        hanging = self._hanging.of(self._points)
        arm_kernels.light_arm(self._normals, self._free, hanging, self._colour[side], self._gloss, self._light[side], self._lit)
        raster.to_view(mine, self._view.left, self._view.top, self._view.scale, self._seen)
        self._shadow(image, mine, opacity)
        upper, rest, cloth = zip(self._parts[side], self._grain_at[side], (self._skin[side], self._skin[side], self._weave), strict=True)
        self._part(image, mine, self._part_corners[side][0], (upper,), opacity, self._top(mine, sheet, side))
        if side in self._sleeve_triangles:
            raster.to_samples(sheet, 0, 0, 1, 1, self._sheet_positions)
            raster.draw_triangles(
                image,
                self._no_touch,
                -1,
                -1,
                self._sheet_positions,
                self._sleeve_triangles[side],
                self._uv,
                self._sleeve,
                self._sleeve_opaque[side],
                raster.NO_TINT,
                256,
            )
        self._part(image, mine, self._part_corners[side][1], (cloth, rest), opacity)

    def _part(
        self,
        image: NDArray[np.uint8],
        mine: NDArray[np.int16],
        corners: NDArray[np.int32],
        parts: tuple["Part", ...],
        opacity: float,
        top: int = 0,
    ) -> None:
        """Parts in one depth buffer; nothing above row ``top``."""
        x0, y0, x1, y1 = raster.box_around(self._seen, corners, 1, 2, *image.shape[:2])
        y0 = max(y0, top)
        if x1 <= x0 or y1 <= y0:
            return
        shape = ((y1 - y0) * SAMPLING, (x1 - x0) * SAMPLING)
        # Colour and depth side by side: memory is slower than what is reckoned.
        samples, touched = np.empty((*shape, 2), np.uint32), np.zeros(shape, np.uint8)
        depth = samples.view(np.float32)
        spans = np.empty((shape[0], 2), np.int32)
        spans[:] = shape[1], -1
        raster.to_samples(self._seen, x0, y0, SAMPLING, SAMPLING, self._positions)
        for triangles, grain_at, grain in parts:
            arm_kernels.draw_arm(
                samples, touched, depth, self._positions, mine, triangles, self._lit, grain_at, grain, image, x0, y0, spans,
            )  # fmt: skip
        arm_kernels.resolve_arm(samples, touched, spans, x0, y0, opacity, image)

    def _shadow(self, image: NDArray[np.uint8], mine: NDArray[np.int16], opacity: float) -> None:
        body = float(self._arms.shoulders[:, 2].mean()) - 0.10
        apart = max(body - _quantile(mine[::16, 2], NEAR_SHARE) * VERTEX_DEPTH_M, 0.0)
        pixels = self._focal / body
        light = self._arms.light[0, 1]
        grid = np.zeros(self._person.shape, np.float32)
        down = round((0.012 + SHADOW_DROP * apart) * pixels)
        aside = round(-float(np.clip(light[1] / max(float(light[0]), 0.1), -0.5, 0.5)) * 0.5 * apart * pixels)
        arm_kernels.splat(mine, self._lit, CELL, aside, down, grid)
        soft = 0.8 + 4.0 * apart * pixels / 100 / CELL * 2
        grid = cv2.GaussianBlur(grid, (0, 0), soft)
        grid = np.ascontiguousarray(grid * self._person)
        view = self._view
        arm_kernels.darken(image, grid, CELL, view.left, view.top, view.scale, SHADOW * opacity / (1 + 3 * apart))
