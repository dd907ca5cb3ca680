"""The rig in a pose: vertices in the picture from shape weights, lids, gaze, head and torso."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.control import kernels
from visavis.control.retarget import FacePose, retarget_face
from visavis.control.torso import TorsoPose
from visavis.ease import ramp, smoothstep
from visavis.face_offset import OFFSET_LIMIT
from visavis.motion.layout import ARKIT_INDEX, ARKIT_NAMES, head_rotation_from_euler
from visavis.types_portrait import TONGUE_COLUMNS, TONGUE_INSIDE, TONGUE_ROWS, EyeRig, PortraitRig

STICKING = 0.020
"""Lips cling: gaps well under this many eye distances stay shut, wider ones lose just this much."""

CLOSED_LINE = 0.93
"""Where closed lids meet: this far from the open upper edge to the lower one; the lower lid comes up the rest."""


INSIDE = 0.004
"""Metres that the lining of the mouth and the shadow of the upper lip lie behind the lips."""

LINING_BEYOND = 0.045
"""How far the lining of the mouth reaches beyond the corners of the lips, in eye distances."""

RIMS_FROM = 0.014
"""Where lips are nearer than this many eye distances, towards the corners of an open mouth, their wet rims get narrower, down to nothing
where they meet."""

LINING_BEHIND, LINING_BEHIND_CORNERS = 0.02, 0.04
"""How far it reaches behind the lips above and below, and above the corners, where the skin of a smile may crack."""

GLINT_FOLLOWS = 0.45
"""How far a highlight goes for what the pupil goes: it mirrors in the cornea, whose own centre lies half as far from the eyeball's as the
pupil does, and the light stays where it is."""

BITE_COVERS, BITE_SHOWS = 0.012, 0.056
"""In F and V the lower lip covers this much of the upper incisors, and the upper lip leaves this much above it, in eye distances: the
middle ones rest on it, those beside them are shorter."""
BITTEN, BITTEN_ARC = 0.70, 0.75
"""How much of the mouth's width the lips are apart there, and the power of the arcs between which they are."""

BROAD_SMILE = {"mouthSmile": 0.96, "mouthUpperUp": 0.79, "mouthStretch": 0.15}
"""What MediaPipe sees in the broad smiles that ``PortraitRig.smile`` was measured on: so far the shapes of the rig go by themselves."""

TONGUE_WIDTH, TONGUE_LENGTH, TONGUE_LIFT = 0.33, 0.50, 0.010
"""Half the width of the tongue and how far it hangs below the edge of the lower lip, in mouth widths; metres that it bulges forward."""
TIP_COVERS = 0.80
"""How much of the opening between the lips the tip of the tongue, whose edge is soft, fills when it is between the teeth."""
TONGUE_PARTS = 0.10
"""Gap between the lips, in eye distances, through which the whole tongue comes."""

ROUNDS, ROUNDS_PUCKERED = (0.07, 0.28), (0.03, 0.12)
"""Gaps between the lips, in eye distances, from which on and at which the lower lip's edge is one arc from corner to corner; those of
rounded lips."""

UPPER_ROUNDS, UPPER_ARC, UPPER_ARCHED = (0.03, 0.14), (2.0, 0.90), 0.6
"""The same of the upper lip's edge, which keeps more of its own form: gaps from which on and at which it is rounded, powers of its arc, and
how much of that arc it takes on."""

ARC = (2.2, 0.68)
"""Powers of that arc: fuller than a parabola, without the steep ends of an ellipse."""

PURSED, PURSED_WIDE = 0.52, 0.86
"""Rounded lips shut from the corners inwards, as a purse does: how much of their width stays open where the gap is small, and where it is
``PURSED_GAP`` eye distances and more."""
PURSED_GAP = 0.30
PURSES = 0.75
"""Sum of mouthPucker and mouthFunnel at which they do so wholly."""
PURSED_LESS, PURSED_FROM = 0.25, 0.65
"""How much of a small gap a whistle takes, of one of ``PURSED_GAP`` nothing; and the sum of both from which on it does."""

SMILING_CORNERS, UNSMILED, JAW_UNSMILES = 0.02, 0.8, 0.35
"""Eye distances by which the corners of a mouth at rest may be above its middle without being a smile; the most of mouthSmile that is taken
from a face that smiles at rest while its jaw drops; and jawOpen at which all of that is taken."""

HALVES = 0.35
"""The right and the left half of a broad smile pass into each other over so many mouth widths on either side of the middle."""

REFINES_OPEN = (0.02, 0.06)
"""Gaps between the lips, in eye distances, from which on the implicit refinement may open them further, and at which it does so wholly."""

_JAW = ARKIT_INDEX["jawOpen"]
_ROUND = [ARKIT_INDEX["mouthPucker"], ARKIT_INDEX["mouthFunnel"]]
_SMILES = [ARKIT_INDEX["mouthSmileRight"], ARKIT_INDEX["mouthSmileLeft"]]


@dataclass(frozen=True)
class Pose:
    """face: what the face does. offset: float32 (32,), its implicit refinement (``motion.layout.FACE_OFFSET``). head: float32 (3, 3),
    rotation about the neck. head_shift: float32 (3,), metres. torso: breathing and sway. spine: float32 (3, 3)."""

    face: FacePose
    offset: NDArray[np.float32]
    head: NDArray[np.float32]
    head_shift: NDArray[np.float32]
    torso: TorsoPose
    spine: NDArray[np.float32]


class Poser:
    """Poses one portrait. Holds nothing but what it derives from the rig at the start."""

    def __init__(self, rig: PortraitRig) -> None:
        self._rig = rig
        lips = rig.lips
        self._lip_column = np.clip(lips.column.astype(np.int64), 0, len(lips.upper) - 2)
        self._lip_fraction = (lips.column - self._lip_column).astype(np.float32)
        # Metres per pixel at the lips turn the eye distance into the unit of the sticking range.
        metres = rig.eye_distance / rig.focal * float(rig.vertices[lips.upper, 2].mean())
        self._sticking = np.float32(STICKING * metres)
        self._eye_distance = np.float32(metres)
        self._above = (np.maximum(-lips.share, 0) / max(float(-lips.share.min()), 1e-6))[:, None].astype(np.float32)
        self._under = (np.maximum(lips.share, 0) / max(float(lips.share.max()), 1e-6))[:, None].astype(np.float32)
        teeth = np.unique(rig.triangles["teeth_upper"])
        self._incisors = teeth[len(teeth) * 2 // 3 :]  # the last of three rows of vertices is the edge
        across = np.linspace(-1, 1, len(lips.upper), dtype=np.float32)
        self._bite_arc = (np.maximum(1 - (across / np.float32(BITTEN)) ** 2, 0) ** np.float32(BITTEN_ARC)).astype(np.float32)
        bound = rig.lining_reach != 0
        self._lining_reach = np.where(bound, np.abs(rig.lining_reach) * self._eye_distance, np.inf).astype(np.float32)
        self._lining_from = (rig.lining_reach < 0).astype(np.float32)
        behind = np.where(bound, 0, np.where(rig.lining_row < 0, -1, np.where(rig.lining_row > 1, 1, 0)))
        # A turned head shows what lies behind the lips a little to the side: the lining reaches beyond the corners.
        self._tip, self._tongue = np.unique(rig.triangles["tongue_tip"]), np.unique(rig.triangles["tongue_out"])
        self._mouth_width = np.float32(np.linalg.norm(rig.vertices[lips.upper[0], :2] - rig.vertices[lips.upper[-1], :2]))
        # Rims lie on the lips themselves, or they would come off them when the head turns.
        deep = np.isin(rig.mouth_lining, np.concatenate([rig.triangles[name].ravel() for name in ("lining", "lip_shade")]))
        self._inside = np.where(deep, INSIDE, 0.0).astype(np.float32)
        rims = np.isin(rig.mouth_lining, np.concatenate([rig.triangles[name].ravel() for name in ("lip_edge", "lip_rim")]))
        self._rims = np.flatnonzero(rims & bound)
        outwards = rig.lining_column / (len(lips.upper) - 1) * 2 - 1
        corners = smoothstep((np.abs(outwards) - 0.6) / 0.3) * (behind < 0)
        self._tuck = ((LINING_BEHIND + (LINING_BEHIND_CORNERS - LINING_BEHIND) * corners) * metres * behind).astype(np.float32)
        self._broad = self._broad_smile()
        self._smile_at_rest = self._resting_smile()
        self._smiles_at_rest = bool(self._smile_at_rest.any())
        self._narrows = bool(rig.narrows.any())
        self._widen = np.where(np.isin(rig.mouth_lining, rig.triangles["lining"]), LINING_BEYOND * metres * outwards, 0).astype(np.float32)

    def pose(self, pose: Pose, seal: bool = True) -> tuple[NDArray[np.int16], float]:
        """Vertices int16 (V, 3) as in ``ControlFrame``, and the gap between the lips in eye distances. seal False leaves the photo's own
        gap."""
        rig = self._rig
        points = rig.vertices.copy()
        kernels.add_shapes(points, rig.shape_vertices, rig.shapes, pose.face.weights)
        self._drop_smile(points, pose.face)
        if seal and self._narrows:
            points[rig.shape_vertices, 0] += np.float32(1.0 - max(pose.face.broad)) * rig.narrows
        gap = self._meet_lips(points, seal)
        if seal and max(pose.face.broad) > 0.0:
            right, left = pose.face.broad
            points[rig.shape_vertices] += np.float32(right) * self._broad[0] + np.float32(left) * self._broad[1]
            gap = self._gap(points)
        if seal:
            rounded = min(max(float((pose.face.weights[_ROUND] + rig.photo_expression[_ROUND]).sum()), 0.0), 1.0)
            first, last = (wide + (narrow - wide) * rounded for wide, narrow in zip(ROUNDS, ROUNDS_PUCKERED, strict=True))
            self._round_lower_lip(points, ramp(gap, first, last) * (1.0 - max(pose.face.broad)))
            self._round_upper_lip(points, ramp(gap, *UPPER_ROUNDS) * (1.0 - max(pose.face.broad)))
            if rounded > 0.0:
                gap = self._purse(points, ramp(rounded / PURSES), ramp(rounded, PURSED_FROM))
        if pose.face.bite > 0.0:
            gap = self._bite(points, pose.face.bite)
        if pose.offset.any():
            gap = self._refine(points, pose.offset, gap)
        for eye, closure, gaze in (
            (rig.right_eye, pose.face.closure[0], pose.face.gaze[0]),
            (rig.left_eye, pose.face.closure[1], pose.face.gaze[1]),
        ):
            _move_eye(points, eye, closure, gaze)
        self._line_mouth(points)
        tip, out = pose.face.tongue
        if tip > 0.0:
            self._raise_tip(points, tip)
        self._stick_out(points, out * min(gap / TONGUE_PARTS, 1.0))
        torso = pose.torso
        sway = pose.spine @ head_rotation_from_euler(torso.yaw, 0.0, torso.roll)
        vertices = np.empty(points.shape, np.int16)
        kernels.place(
            points,
            rig.head_weight,
            rig.breath,
            torso.breath,
            np.ascontiguousarray(pose.head),
            pose.head_shift,
            rig.head_pivot,
            np.ascontiguousarray(sway),
            rig.hip_pivot,
            torso.shift,
            rig.focal,
            *rig.principal,
            vertices,
        )
        return vertices, gap

    def _broad_smile(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What is to be added to the shapes so that a broad smile is the measured one: its right and its left half, float32 (F, 3)."""
        rig = self._rig

        def shown(**weights: float) -> NDArray[np.float32]:
            motion = np.array([weights.get(name.removesuffix("Left").removesuffix("Right"), 0.0) for name in ARKIT_NAMES], np.float32)
            points = rig.vertices.copy()
            face = retarget_face(motion, rig.photo_expression, rig.rest_expression)
            kernels.add_shapes(points, rig.shape_vertices, rig.shapes, face.weights)
            self._meet_lips(points, True)
            return points[rig.shape_vertices]

        smiles = [ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["mouthSmileRight"]]
        left_over = np.float32(1 - rig.rest_expression[smiles].mean())  # a face that rests with a smile has less far to go
        missing = left_over * rig.smile - (shown(**BROAD_SMILE) - shown())
        missing[:, 2] = 0
        mouth = rig.vertices[rig.lips.upper[[0, -1]], 0]
        across = (rig.vertices[rig.shape_vertices, 0] - mouth.mean()) / (2 * HALVES * abs(float(mouth[1] - mouth[0]))) + 0.5
        left = smoothstep(across)[:, None]
        return ((1 - left) * missing).astype(np.float32), (left * missing).astype(np.float32)

    def _resting_smile(self) -> NDArray[np.float32]:
        """What is to be added to a face that smiles at rest so that its mouth lies straight, float32 (F, 3): so much of mouthSmile taken
        off as lifts the corners above the middle, which stays where it is."""
        rig, lips = self._rig, self._rig.lips
        points = rig.vertices.copy()
        kernels.add_shapes(points, rig.shape_vertices, rig.shapes, rig.rest_expression - rig.photo_expression)
        self._meet_lips(points, True)
        middle = len(lips.upper) // 2
        place = np.searchsorted(rig.shape_vertices, lips.upper[[0, middle, -1]])
        change = np.zeros_like(rig.shapes[0])
        for at, name in ((0, "Right"), (2, "Left")):
            smile = rig.shapes[ARKIT_INDEX[f"mouthSmile{name}"]]
            lifted = float(smile[place[1], 1] - smile[place[at], 1])
            height = float(points[lips.upper[middle], 1] - points[lips.upper[at - (at > 0) * 3], 1])
            change -= smile * np.float32(min(max(height - SMILING_CORNERS * float(self._eye_distance), 0.0) / max(lifted, 1e-4), UNSMILED))
        if not change.any():
            return change
        points = np.zeros_like(rig.vertices)
        points[rig.shape_vertices] = change
        across = np.clip(1 - (2 * lips.column / (len(lips.upper) - 1) - 1) ** 2, 0, 1)
        for share, edge in ((self._above, lips.upper), (self._under, lips.lower)):
            points[lips.vertices, 1] -= share[:, 0] * across * points[edge[middle], 1]
        return points[rig.shape_vertices]

    def _drop_smile(self, points: NDArray[np.float32], face: FacePose) -> None:
        """A jaw that drops draws the corners of the mouth down, where the face does not smile on purpose."""
        rig = self._rig
        opened = ramp(float(face.weights[_JAW] + rig.photo_expression[_JAW] - rig.rest_expression[_JAW]) / JAW_UNSMILES)
        if opened <= 0.0 or not self._smiles_at_rest:
            return
        meant = (face.weights[_SMILES] + rig.photo_expression[_SMILES] - rig.rest_expression[_SMILES]) / (1 - rig.rest_expression[_SMILES])
        points[rig.shape_vertices] += np.float32(opened * (1.0 - min(max(float(meant.mean()), 0.0), 1.0))) * self._smile_at_rest

    def _meet_lips(self, points: NDArray[np.float32], seal: bool) -> float:
        lips = self._rig.lips
        if not seal:
            return self._gap(points)
        apart = points[lips.lower] - points[lips.upper]
        wanted = np.maximum(apart[:, 1] - lips.rest_gap, 0)
        wanted = wanted * wanted / (wanted + self._sticking)
        # Shut lips meet in all directions, or a slit would open where one edge slides along the other.
        change = -apart * np.maximum(1 - wanted / (4 * self._sticking), 0)[:, None]
        change[:, 1] = wanted - apart[:, 1]
        points[lips.vertices] += lips.share[:, None] * self._by_column(change)
        return float(wanted.max() / self._eye_distance)

    def _gap(self, points: NDArray[np.float32]) -> float:
        """Eye distances between the lips where they are furthest apart."""
        lips = self._rig.lips
        return float((points[lips.lower, 1] - points[lips.upper, 1]).max() / self._eye_distance)

    def _by_column(self, change: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is said of the lips' columns, (columns,) or (columns, 3), for each vertex that goes with them."""
        fraction = self._lip_fraction if change.ndim == 1 else self._lip_fraction[:, None]
        return change[self._lip_column] * (1 - fraction) + change[self._lip_column + 1] * fraction

    def _round_lower_lip(self, points: NDArray[np.float32], share: float) -> None:
        """Let the lower lip hang from the corners in one arc, as deep as it is in the middle: shapes that add up dent it beside that."""
        lips = self._rig.lips
        lower = points[lips.lower]
        first, last = lower[0], lower[-1]
        across = (lower[:, 0] - first[0]) / (last[0] - first[0])
        line = first[1] + across * (last[1] - first[1])
        middle = len(lower) // 2
        depth = lower[middle, 1] - line[middle]
        if share <= 0.0 or depth <= 0.0:
            return
        aside = np.clip(np.abs(2 * across - 1), 0, 1)
        arc = (1 - aside ** ARC[0]) ** np.float32(ARC[1])
        down = np.float32(share) * (line + depth / max(arc[middle], np.float32(0.5)) * arc - lower[:, 1])
        points[lips.vertices, 1] += self._under[:, 0] * self._by_column(down)

    def _round_upper_lip(self, points: NDArray[np.float32], share: float) -> None:
        """Take the dents out of the upper lip's edge, most beside the corners, where shapes that add up leave them; its middle stays."""
        lips = self._rig.lips
        upper = points[lips.upper]
        if share <= 0.0:
            return
        first, last = upper[0], upper[-1]
        across = (upper[:, 0] - first[0]) / (last[0] - first[0])
        line = first[1] + across * (last[1] - first[1])
        middle = len(upper) // 2
        aside = np.clip(np.abs(2 * across - 1), 0, 1)
        arc = (1 - aside ** UPPER_ARC[0]) ** np.float32(UPPER_ARC[1])
        arched = line + (upper[middle, 1] - line[middle]) / max(arc[middle], np.float32(0.5)) * arc
        change = np.float32(share * UPPER_ARCHED) * (arched - upper[:, 1])
        points[lips.vertices, 1] += self._above[:, 0] * self._by_column(change)

    def _purse(self, points: NDArray[np.float32], share: float, tight: float) -> float:
        """Shut rounded lips from the corners inwards, so that an oval in their middle is left. share, tight: 0..1, how much
        they do so and how much flatter it gets. Returns the gap in eye distances."""
        lips = self._rig.lips
        upper, lower = points[lips.upper], points[lips.lower]
        apart = lower[:, 1] - upper[:, 1]
        widest = float(apart.max())
        if widest <= 0.0:
            return widest / float(self._eye_distance)
        across = (upper[:, 0] + lower[:, 0] - upper[0, 0] - upper[-1, 0]) / (upper[-1, 0] - upper[0, 0])
        wide = min(widest / (PURSED_GAP * float(self._eye_distance)), 1.0)
        narrow = PURSED + (PURSED_WIDE - PURSED) * wide
        open_half = np.float32(1.0 - share * (1.0 - narrow))
        oval = np.maximum(1 - np.abs(across / open_half) ** ARC[0], 0) ** np.float32(ARC[1])
        change = np.float32(share) * (np.float32(widest * (1.0 - PURSED_LESS * tight * (1.0 - wide))) * oval - apart)
        points[lips.vertices, 1] += lips.share * self._by_column(change)
        return self._gap(points)

    def _bite(self, points: NDArray[np.float32], bite: float) -> float:
        """Bring the lower lip to the upper teeth and let them be seen above it. Returns the gap in eye distances."""
        lips = self._rig.lips
        upper, lower, teeth = points[lips.upper], points[lips.lower], points[self._incisors]
        near = float(upper[:, 2].mean())
        seen = teeth[:, :2] * (near / teeth[:, 2:])  # where they are seen at the depth of the lips
        order = np.argsort(seen[:, 0])
        edge = np.interp(upper[:, 0], seen[order, 0], seen[order, 1]).astype(np.float32) - np.float32(BITE_COVERS) * self._eye_distance
        # Beside that the lower lip goes up to the upper one, and they are shut.
        arc, share = self._bite_arc, np.float32(bite)
        down = share * (arc * edge + (1 - arc) * upper[:, 1] - lower[:, 1])
        up = share * arc * (edge - np.float32(BITE_SHOWS) * self._eye_distance - upper[:, 1])
        for strength, change in ((self._above, up), (self._under, down)):
            points[lips.vertices, 1] += strength[:, 0] * self._by_column(change)
        return self._gap(points)

    def _refine(self, points: NDArray[np.float32], offset: NDArray[np.float32], gap: float) -> float:
        """Move the face by what the shapes do not say. Lips that are shut stay shut, and none goes through the other. Returns the gap in
        eye distances."""
        rig, lips = self._rig, self._rig.lips
        before = points[lips.lower, 1] - points[lips.upper, 1]
        kernels.add_shapes(points, rig.shape_vertices, rig.offsets, np.clip(offset, -OFFSET_LIMIT, OFFSET_LIMIT).astype(np.float32))
        after = points[lips.lower, 1] - points[lips.upper, 1]
        least = np.minimum(before, 0)
        allowed = np.float32(ramp(gap, *REFINES_OPEN)) * np.maximum(after - before, 0) + np.minimum(after, before)
        points[lips.vertices, 1] += lips.share * self._by_column(np.maximum(allowed, least) - after)
        return self._gap(points)

    def _raise_tip(self, points: NDArray[np.float32], share: float) -> None:
        """Bring the tip of the tongue before the edge of the upper teeth."""
        lips = self._rig.lips
        middle = len(lips.lower) // 2
        near, edge = points[lips.lower[middle], 2], points[lips.lower[middle], 1]
        top = points[self._tip[0] + (len(self._tip) // 3) // 2]  # the middle of the first of three rows
        wanted = edge - np.float32(TIP_COVERS) * (edge - points[lips.upper[middle], 1])
        points[self._tip, 1] += np.float32(share) * min(wanted * top[2] / near - top[1], np.float32(0))

    def _stick_out(self, points: NDArray[np.float32], out: float) -> None:
        """Lay the tongue over the lower lip. out: 0..1; at 0 all of it is in one point."""
        lips = self._rig.lips
        if out <= 0.0:
            points[self._tongue] = points[lips.lower[len(lips.lower) // 2]]
            return
        upper, lower = points[lips.upper], points[lips.lower]
        order = np.argsort(lower[:, 0])
        middle = len(lower) // 2
        v = np.linspace(0, 1, TONGUE_ROWS, dtype=np.float32)[:, None]
        u = np.linspace(-1, 1, TONGUE_COLUMNS, dtype=np.float32)[None]
        share = np.float32(ramp(out))
        over = np.clip((v - TONGUE_INSIDE) / (1 - TONGUE_INSIDE), 0, 1)  # beyond the lip's edge
        x = lower[middle, 0] + u * (1 - 0.16 * over * over) * self._mouth_width * np.float32(TONGUE_WIDTH) * (0.75 + 0.25 * share)
        # It lies on the lip in its middle and bridges what the lip's edge rises towards the corners.
        edge = np.interp(x, lower[order, 0], lower[order, 1]).astype(np.float32)
        edge = edge + 0.5 * (edge[:, TONGUE_COLUMNS // 2, None] - edge)
        apart = np.interp(x, lower[order, 0], (lower - upper)[order, 1]).astype(np.float32)
        inside = np.minimum(0.8 * apart, np.float32(0.22) * self._mouth_width) * (1 - np.minimum(v / TONGUE_INSIDE, 1))
        y = edge - inside + over * share * np.float32(TONGUE_LENGTH) * self._mouth_width
        near = lower[middle, 2]
        z = (
            near
            - np.float32(0.001)
            - np.float32(TONGUE_LIFT) * share * np.sin(np.minimum(1.6 * over, 1) * np.float32(np.pi / 2))
            + 0.006 * u * u
        )
        place = np.stack([x, y, np.broadcast_to(z, x.shape)], -1)
        place[..., :2] *= place[..., 2:] / near
        points[self._tongue] = place.reshape(-1, 3)

    def _line_mouth(self, points: NDArray[np.float32]) -> None:
        rig = self._rig
        column = rig.lining_column.astype(np.int64)
        upper, lower = points[rig.lips.upper][column], points[rig.lips.lower][column]
        apart = lower - upper
        # A shadow and the rim of a lip reach only so far, however wide the mouth is.
        most = self._lining_reach / np.maximum(apart[:, 1], np.float32(1e-6))
        row = np.clip(rig.lining_row, self._lining_from - most, self._lining_from + most)
        edge = self._lining_from[self._rims]
        row[self._rims] = edge + (row[self._rims] - edge) * smoothstep(apart[self._rims, 1] / (np.float32(RIMS_FROM) * self._eye_distance))
        place = upper + row[:, None] * apart
        # Its first and last rows lie behind the lips, so that no slit between them is without a lining.
        place[:, 0] += self._widen
        place[:, 1] += self._tuck
        place[:, 2] += self._inside
        points[rig.mouth_lining] = place


def _move_eye(points: NDArray[np.float32], eye: EyeRig, closure: float, gaze: tuple[float, float]) -> None:
    if gaze != (0.0, 0.0):
        turn = head_rotation_from_euler(gaze[0], gaze[1], 0.0)
        front = points[eye.glint[len(eye.glint) // 2]] - eye.centre
        points[eye.eyeball] = (points[eye.eyeball] - eye.centre) @ turn.T + eye.centre
        points[eye.glint] += np.float32(GLINT_FOLLOWS) * (turn @ front - front)
    if closure <= 0.0:
        return
    opening = points[eye.lower] - points[eye.upper]
    down = np.float32(closure * CLOSED_LINE) * opening
    up = np.float32(-closure * (1.0 - CLOSED_LINE)) * opening
    for vertices, columns, travel, way in (
        (eye.lid, eye.column, eye.travel, down),
        (eye.under, eye.under_column, eye.under_travel, up),
    ):
        column = np.clip(columns.astype(np.int64), 0, len(eye.lower) - 2)
        fraction = (columns - column)[:, None].astype(np.float32)
        points[vertices] += travel[:, None] * (way[column] * (1 - fraction) + way[column + 1] * fraction)
