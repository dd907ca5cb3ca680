"""A photo that has become a rig: the records that pass between fitting, control and video. Plain frozen records of numpy arrays.

Axes everywhere: x to the right, y down, z away from the camera, as the viewer sees the picture; metres. "Left" and "right" in names are
the person's own. Head space has the same axes for a face that looks straight at the camera, origin in the middle of the head.
A point of head space is seen at ``camera = rotation @ point + translation``, ``pixel = focal * camera[:2] / camera[2] + principal``.
Pixel centres have whole coordinates.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

PICTURE_WIDTH = 512
PICTURE_HEIGHT = 768

TONGUE_ROWS, TONGUE_COLUMNS = 13, 9
"""Vertices of the triangles "tongue_out", the part of the tongue that hangs over the lower lip: rows from its root to its tip, columns from
the viewer's left to the right. Its texture's first ``TONGUE_INSIDE`` is what lies within the lips."""
TONGUE_INSIDE = 0.25

EYE_DISTANCE_M = 0.063
"""Metres between the pupils of a grown person, by which pictures become life-size (mean of Dodgson, SPIE 5291, 2004)."""

LANDMARKS = 478
"""Points of the face mesh of MediaPipe's FaceLandmarker: 468 on the skin, then 5 for the iris of the right eye and 5 for the left."""

PARTS: tuple[str, ...] = (
    "skin", "mouth_cavity", "eye_cavity_left", "eye_cavity_right", "eye_left", "eye_right",
    "teeth_upper", "teeth_lower", "tongue", "lashes_left", "lashes_right",
)  # fmt: skip
"""Names of the labels in ``RigMesh.part``. "skin" is the whole body; ``RigMesh.head_weight`` tells the head from the rest."""


class PortraitError(ValueError):
    """A photo that cannot become a portrait. The message says what is wrong and what to do about it."""


@dataclass(frozen=True)
class Camera:
    """The camera that took the portrait, as fitted: a pinhole with square pixels in the 512x768 picture.

    rotation: float64 (3, 3), head space to camera space. translation: float64 (3,), metres. focal: pixels. principal: pixels (x, y).
    """

    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]
    focal: float
    principal: tuple[float, float] = ((PICTURE_WIDTH - 1) / 2, (PICTURE_HEIGHT - 1) / 2)

    def to_camera(self, points: ArrayLike) -> NDArray[np.float64]:
        """Head space (..., 3) to camera space (..., 3)."""
        return np.asarray(points, np.float64) @ self.rotation.T + self.translation

    def to_picture(self, points: ArrayLike) -> NDArray[np.float64]:
        """Head space (..., 3) to pixel x, pixel y and depth in metres (..., 3)."""
        camera = self.to_camera(points)
        depth = camera[..., 2:]
        return np.concatenate([camera[..., :2] / depth * self.focal + self.principal, depth], axis=-1)


@dataclass(frozen=True)
class RigMesh:
    """What does not depend on the person: the topology of the head and upper body, and what moves with what.

    triangles: int32 (T, 3), counter-clockwise seen from outside in a y-up picture. part: uint8 (T,), index into ``PARTS``.
    expressions: float32 (52, V, 3), displacement of each ARKit shape at weight 1, head space, in the order of ``layout.ARKIT_NAMES``.
    joint_names: names of J joints. joint_parents: int16 (J,), -1 for a root. joint_heads: float32 (J, 3), where each joint turns, of the
    mean person.
    weights: float32 (V, J), skinning weights, rows sum to 1.
    head_weight, neck_weight: float32 (V,), how far a vertex follows the head and the three neck joints, 0..1.
    landmark_triangles: int32 (478, 3), landmark_weights: float32 (478, 3): each face landmark as a point on the mesh.
    landmark_spread: float32 (478,), metres: how sure that correspondence is (standard deviation over rendered heads).
    """

    triangles: NDArray[np.int32]
    part: NDArray[np.uint8]
    expressions: NDArray[np.float32]
    joint_names: tuple[str, ...]
    joint_parents: NDArray[np.int16]
    joint_heads: NDArray[np.float32]
    weights: NDArray[np.float32]
    head_weight: NDArray[np.float32]
    neck_weight: NDArray[np.float32]
    landmark_triangles: NDArray[np.int32]
    landmark_weights: NDArray[np.float32]
    landmark_spread: NDArray[np.float32]

    def triangles_of(self, *parts: str) -> NDArray[np.int32]:
        """Triangles of the named parts, in the order of the mesh: int32 (n, 3)."""
        return self.triangles[np.isin(self.part, [PARTS.index(part) for part in parts])]

    def at_landmarks(self, values: ArrayLike) -> NDArray[np.floating]:
        """Values of vertices (..., V, C) at the 478 landmarks: (..., 478, C)."""
        corners = np.asarray(values)[..., self.landmark_triangles, :]
        return (corners * self.landmark_weights[..., None]).sum(-2)


@dataclass(frozen=True)
class FittedPortrait:
    """A photo with the head found in it: everything that the layers are cut from.

    content_hash: hexadecimal, of the photo's bytes.
    image: uint8 (768, 512, 3) RGB, the framed photo.
    alpha: float32 (768, 512), 1 where the person is, 0 where the background is.
    foreground: uint8 (768, 512, 3) RGB, the person's own colour also where the background shines through (valid where alpha > 0).
    landmarks: float64 (478, 2), pixels.
    vertices: float32 (V, 3), the person with a neutral face in head space (identity and residual warp applied, no expression).
    expression: float32 (52,), the ARKit weights that the photo shows; ``vertices + expression @ mesh.expressions`` is the photo's face.
    camera: where the photo was taken from.
    joint_heads: float32 (J, 3), head space, joints of this person.
    mouth_open: how wide the lips are apart in the photo, as a fraction of the distance between the eyes' outer corners.
    plain_background: the background is one smooth gradient (studio), so that a plate can be extrapolated from it.
    fit_rms: pixels, landmarks off the contour before the residual warp. warp_rms: the same after it.
    detail: uint8 (1536, 1024, 3) RGB, the framed photo at twice the size, and texel_detail: the same with its centres at halves of pixels,
    pixel (x, y) being (2 x, 2 y); both (0, 0, 3) where the photo has no more detail than ``image``.
    limbs: float64 (2, 3, 3), of the right and the left arm shoulder, elbow and wrist: x, y in pixels, and the odds that the photo shows it.
    """

    content_hash: str
    image: NDArray[np.uint8]
    alpha: NDArray[np.float32]
    foreground: NDArray[np.uint8]
    landmarks: NDArray[np.float64]
    vertices: NDArray[np.float32]
    expression: NDArray[np.float32]
    camera: Camera
    joint_heads: NDArray[np.float32]
    mouth_open: float
    plain_background: bool
    fit_rms: float
    warp_rms: float
    detail: NDArray[np.uint8]
    texel_detail: NDArray[np.uint8]
    limbs: NDArray[np.float64]


@dataclass(frozen=True)
class LipSeam:
    """How the lips meet. Column i of N runs from the right corner of the mouth to the left one.

    upper, lower: int32 (N,), vertices of the inner edges; the first and the last column are the corners, where both are one vertex.
    vertices: int32 (M,), lip and skin vertices that give way so that the edges meet. column: float32 (M,), where along the seam each of
    them sits.
    share: float32 (M,), what part of the change of the gap it takes on, negative above the seam: ``y += share * change``.
    rest_gap: float32 (N,), metres, the gap that is left in the rest expression and counts as closed.
    """

    upper: NDArray[np.int32]
    lower: NDArray[np.int32]
    vertices: NDArray[np.int32]
    column: NDArray[np.float32]
    share: NDArray[np.float32]
    rest_gap: NDArray[np.float32]


@dataclass(frozen=True)
class EyeRig:
    """One eye. Column i of N runs from the outer corner to the inner one.

    upper, lower: int32 (N,), vertices of the edges of the opening. eyeball: int32 (E,), vertices that turn about ``centre`` (3,), camera
    space. glint: int32 (E,), the same of the highlights, which stay with the light.
    lid: int32 (P,), vertices that go along when the upper lid closes, its edge, the skin above it, lashes and shadow; column: float32 (P,);
    travel: float32 (P,), share of the way from the open edge to the closed line. under: int32 (Q,), under_column, under_travel: the same
    for the skin of the lower lid, which rises.
    """

    upper: NDArray[np.int32]
    lower: NDArray[np.int32]
    eyeball: NDArray[np.int32]
    glint: NDArray[np.int32]
    centre: NDArray[np.float32]
    lid: NDArray[np.int32]
    column: NDArray[np.float32]
    travel: NDArray[np.float32]
    under: NDArray[np.int32]
    under_column: NDArray[np.float32]
    under_travel: NDArray[np.float32]


ARM_REPLACED, ARM_FROM_BELOW, ARM_LEFT_ALONE = range(3)
GRAIN_ONE = 160
"""What is done about an arm of the photo: it hangs, is lifted out and posed; it cannot be lifted out, and a raised hand comes in from
below; it does something else and stays as it is."""


TWIST_BONES = 4
"""Bones of the forearm: the first turns with the elbow, the last with the wrist, those between by a share."""
UPPER_BONE, HAND_BONE = 0, TWIST_BONES + 1
"""Rows of ``ArmRig.heads``; between them are the bones of the forearm."""


@dataclass(frozen=True)
class ArmBalls:
    """An arm as balls, which stand in each other's light. members: int32 (M,), vertices whose mean is the middle of a ball, one ball after
    the other; begins: int32 (B + 1,), where each begins. radii: float32 (B,), metres."""

    members: NDArray[np.int32]
    begins: NDArray[np.int32]
    radii: NDArray[np.float32]


@dataclass(frozen=True)
class ArmRig:
    """Arms and hands of a person. Row 0 is the person's right side, row 1 the left one; both are kept as left arms and mirrored in x.

    kinds: int32 (2,), ``ARM_REPLACED``, ``ARM_FROM_BELOW`` or ``ARM_LEFT_ALONE``.
    points: float32 (2, N, 3), metres from the shoulder, at rest (``motion.skeleton``), as thick as the photo's arms. triangles: int32
    (T, 3), clockwise as seen in the picture for a left arm. bones: uint8 (N, K), rows of heads; weights: float32 (N, K). heads: float32
    (B, 3), where bones turn, order ``portrait.arm_asset.BONES``.
    shoulders: float32 (2, 3), camera space. lean: float32 (2, 2), radians that upper and lower arm of the photo hang away from rest in the
    picture's plane, clockwise as seen. breath: float32 (2, 3), how the shoulders move from breathed out to breathed in.
    colour: float32 (2, N, 4), RGB 0..255 in even light and opacity 0..1. gloss: float32 (N,), 0..1. light: float32 (2, 3, 12),
    what even light is multiplied by in each channel for a normal in camera axes: coefficients of 1, x, y, z, xy, yz, 3zz-1, xz, xx-yy;
    by which share of xx it is darker where x is negative, and where it is positive; and what it is multiplied by where a limb is raised.
    upper, cloth: so many triangles, the first, are of the upper arm and lie under a short sleeve; those from number ``cloth`` on are long
    sleeves. skin, by side, weave: uint8 (h, w, 4), powers of two: what the fine structure of skin and of cloth multiplies colours by (R, G
    and B in 1/``GRAIN_ONE``), repeated; skin is once around the arm wide, back and palm of the hand lie in its first and second half.
    grain_at: int32 (N, 2), column and row of it at which a vertex lies, in 1/16.
    own: int32 (2, 4), x, y, width, height in texels of the texture "person": what is changed there where the photo's own arm is lifted
    out; width 0 where it is not. bare, arm, sleeve: what is put there, by side ("right", "left"), uint8 (height, width, 4) RGBA: the
    person without the arm, the arm alone, the sleeve alone.
    folds: float32 (2, N), 0..1, how deep folds of cloth are there; 0 on skin.
    elbow: float32 (N,), 0..1, how far a vertex is the tip of the elbow, which stands out when that is bent. balls: what of an arm stands
    in its light.
    hand: first of the vertices of a hand that is not the built-in one; correctives: float32 (3 H, 135), metres that the H vertices from
    there on move for each entry of the rotations of MANO's fifteen joints less the identity, or (0, 0).
    """

    kinds: NDArray[np.int32]
    points: NDArray[np.float32]
    triangles: NDArray[np.int32]
    bones: NDArray[np.uint8]
    weights: NDArray[np.float32]
    heads: NDArray[np.float32]
    shoulders: NDArray[np.float32]
    lean: NDArray[np.float32]
    breath: NDArray[np.float32]
    colour: NDArray[np.float32]
    gloss: NDArray[np.float32]
    light: NDArray[np.float32]
    upper: int
    cloth: int
    skin: dict[str, NDArray[np.uint8]]
    weave: NDArray[np.uint8]
    grain_at: NDArray[np.int32]
    own: NDArray[np.int32]
    bare: dict[str, NDArray[np.uint8]]
    arm: dict[str, NDArray[np.uint8]]
    sleeve: dict[str, NDArray[np.uint8]]
    folds: NDArray[np.float32]
    elbow: NDArray[np.float32]
    balls: ArmBalls
    hand: int
    correctives: NDArray[np.float32]

    @property
    def vertices(self) -> int:
        """Rows of ``ControlFrame.arms`` where arms are drawn."""
        return 2 * self.points.shape[1]

    @property
    def around(self) -> int:
        """Once around the arm in the texture of its skin, in 1/16 texel."""
        return 16 * int(next(iter(self.skin.values())).shape[1])

    def beside(self, columns: NDArray[np.int32]) -> NDArray[np.int32]:
        """Columns of the skin's texture, in 1/16, as ways from its first one, half around at most: negative on the palm."""
        return np.asarray((columns + self.around // 2) % self.around - self.around // 2, np.int32)


@dataclass(frozen=True)
class PortraitRig:
    """A photo as a rig that can be posed (control) and drawn (video).

    vertices: float32 (V, 3), camera space, the photo's own pose and expression: they project exactly on the photo.
    focal, principal: ``pixel = focal * camera[:2] / camera[2] + principal``.
    shapes: float32 (52, F, 3), camera space, displacement of ``shape_vertices`` (F,) for each ARKit shape at weight 1.
    smile: float32 (F, 3), the same: where a broad smile of a relaxed face has moved them, as measured on people; no depth.
    offsets: float32 (32, F, 3), the same for each value of ``motion.layout.FACE_OFFSET`` at 1; no depth.
    narrows: float32 (F,), the same along x only: how much nearer together the corners of a mouth that smiles in the photo are at rest.
    photo_expression, rest_expression: float32 (52,), what the photo shows and what the face returns to.
    head_weight: float32 (V,), how far a vertex follows the head. breath: float32 (V, 3), camera space, metres, how it moves from breathed
    out to breathed in.
    head_pivot, hip_pivot: float32 (3,), where the head turns and where the torso sways.
    mouth_lining: int32 (C,), vertices behind the lips, placed between their edges: lining_column, lining_row: float32 (C,), row 0 upper
    edge, 1 lower edge; lining_reach: float32 (C,), where it is not 0, at most this many eye distances from the upper edge, or from the
    lower one if negative.
    uv: float32 (V, 2), texture coordinates in texels of the layer's texture.
    triangles: int32 (T, 3) by layer, drawn in the order given. textures: uint8 (h, w, 4) RGBA by texture.
    plate: uint8 (768, 512, 3) RGB, the background without the person. plate_detail: uint8 (1536, 1024, 3), the same at twice the size, or
    (0, 0, 3) where the photo has no more detail; the texture "person_detail", which is there then, takes the place of "person" where the
    picture is drawn larger.
    fold_origins: int32 (7, 2), for the textures and triangles "fold_..." in the order of ``portrait.folds.FOLDS``: the texel of the
    person's texture at which each begins; the triangles are the person's.
    head_frame: pixels (left, top, side), a square around head and neck, inside the picture.
    keypoint_names (K,), keypoint_vertices: int32 (K, 3), keypoint_weights: float32 (K, 3): named points as mixtures of three vertices.
    eye_distance: pixels between the pupils in the photo. arms: arms and hands.
    """

    content_hash: str
    vertices: NDArray[np.float32]
    focal: float
    principal: tuple[float, ...]
    shapes: NDArray[np.float32]
    shape_vertices: NDArray[np.int32]
    smile: NDArray[np.float32]
    offsets: NDArray[np.float32]
    narrows: NDArray[np.float32]
    photo_expression: NDArray[np.float32]
    rest_expression: NDArray[np.float32]
    head_weight: NDArray[np.float32]
    breath: NDArray[np.float32]
    head_pivot: NDArray[np.float32]
    hip_pivot: NDArray[np.float32]
    lips: LipSeam
    right_eye: EyeRig
    left_eye: EyeRig
    mouth_lining: NDArray[np.int32]
    lining_column: NDArray[np.float32]
    lining_row: NDArray[np.float32]
    lining_reach: NDArray[np.float32]
    uv: NDArray[np.float32]
    triangles: dict[str, NDArray[np.int32]]
    textures: dict[str, NDArray[np.uint8]]
    plate: NDArray[np.uint8]
    fold_origins: NDArray[np.int32]
    keypoint_names: tuple[str, ...]
    keypoint_vertices: NDArray[np.int32]
    keypoint_weights: NDArray[np.float32]
    eye_distance: float
    plate_detail: NDArray[np.uint8]
    head_frame: tuple[int, ...]
    arms: ArmRig
