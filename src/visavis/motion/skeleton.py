"""The upper body as bones: where joints are for a motion, in metres, and how near arms and hands come to torso and head.

Axes are those of ``motion.layout``. The origin lies between the eyes. Lengths are the mean of the rig's people (``assets/rig``), rounded;
finger tips and the hand's offsets are ours. At rest, when all rotations are the identity, the arms hang with slightly bent elbows, the
palms face the thighs and the fingers are straight: the left side is computed, the right side is its mirror image.

Joints turn in a chain: spine, clavicle, upper arm, lower arm, wrist; a joint's global rotation is its parent's times its own. The finger
joints turn in MANO's hand frame (right hand: fingers along -x, back of the hand +y, thumb towards +z; left hand: mirrored in x), each one
relative to the joint before it.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visavis.motion.layout import BODY, BODY_JOINTS, LEFT_HAND, RIGHT_HAND, rotation_from_6d

Array = NDArray[np.float64]

SPINE = np.array([0.0, 0.440, 0.126])
NECK = np.array([0.0, 0.119, 0.102])
CLAVICLE = np.array([0.023, 0.193, 0.085])
SHOULDER = np.array([0.176, 0.215, 0.091])
UPPER_ARM, LOWER_ARM = 0.270, 0.243

WRIST_AT_REST = np.array([0.068, 0.484, -0.055])
"""From the shoulder, left."""
ELBOW_POLE = np.array([0.26, 0.70, 0.60])
"""Where the elbow points if it can: out, down and back."""

FINGERS = ("index", "middle", "pinky", "ring", "thumb")
"""In MANO's joint order; three joints each."""

_THUMB = np.array([-0.66, -0.20, 0.72])
_KNUCKLES = np.array(
    [[-0.092, 0.004, 0.024], [-0.096, 0.006, 0.002], [-0.082, -0.001, -0.036], [-0.090, 0.004, -0.018], [-0.028, -0.010, 0.028]]
)
_BONES = np.array([[0.040, 0.024, 0.022], [0.044, 0.028, 0.023], [0.032, 0.020, 0.020], [0.040, 0.026, 0.022], [0.042, 0.033, 0.028]])
DIRECTIONS = np.array([[-1.0, 0, 0]] * 4 + [_THUMB / np.linalg.norm(_THUMB)])

TORSO = ((np.array([-0.06, 0.25, 0.115]), np.array([-0.06, 0.62, 0.125])), (np.array([0.06, 0.25, 0.115]), np.array([0.06, 0.62, 0.125])))
TORSO_RADIUS = 0.112
HEAD, HEAD_RADIUS = np.array([0.0, -0.02, 0.065]), 0.115
FOREARM_RADIUS, HAND_RADIUS = 0.032, 0.024


def elbow_of(wrist: ArrayLike, swivel: ArrayLike) -> Array:
    """Elbow (..., 3) of a left arm, from the shoulder, for wrists (..., 3) within reach. swivel: radians (...,) that the elbow is lifted
    outwards from where ``ELBOW_POLE`` asks for it."""
    wrist, swivel = np.asarray(wrist, np.float64), np.asarray(swivel, np.float64)[..., None]
    distance = np.linalg.norm(wrist, axis=-1, keepdims=True)
    along = wrist / distance
    near = (UPPER_ARM**2 - LOWER_ARM**2 + distance**2) / (2 * distance)
    height = np.sqrt(np.maximum(UPPER_ARM**2 - near**2, 1e-9))
    pole = ELBOW_POLE - (along * ELBOW_POLE).sum(-1, keepdims=True) * along
    pole = pole / np.linalg.norm(pole, axis=-1, keepdims=True)
    outwards = np.cross(along, pole)
    return along * near + height * (np.cos(swivel) * pole + np.sin(swivel) * outwards)


def arm_frames(elbow: Array, wrist: Array) -> tuple[Array, Array]:
    """Frames (..., 3, 3) of upper and lower arm whose columns are bone, hinge of the elbow, and their product."""
    upper, lower = _unit(elbow), _unit(wrist - elbow)
    hinge = _unit(np.cross(upper, lower))
    return tuple(np.stack([bone, hinge, np.cross(bone, hinge)], axis=-1) for bone in (upper, lower))  # type: ignore[return-value]


def _unit(values: Array) -> Array:
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


ELBOW_AT_REST = elbow_of(WRIST_AT_REST, 0.0)
UPPER_AT_REST, LOWER_AT_REST = arm_frames(ELBOW_AT_REST, WRIST_AT_REST)

FINGERS_AT_REST = LOWER_AT_REST[:, 0]
_FORWARD = np.array([0.0, 0.0, -1.0])
THUMB_AT_REST = _unit(_FORWARD - (_FORWARD @ FINGERS_AT_REST) * FINGERS_AT_REST)
BACK_AT_REST = np.cross(THUMB_AT_REST, FINGERS_AT_REST)
"""Directions of the left hand at rest: along the fingers, towards the thumb's side, out of the back of the hand."""

HAND_LEFT = np.stack([FINGERS_AT_REST, BACK_AT_REST, THUMB_AT_REST], axis=-1)
_MIRROR = np.diag([-1.0, 1.0, 1.0])
_HAND = {"left": HAND_LEFT, "right": _MIRROR @ HAND_LEFT @ _MIRROR}


def hand_frame(side: str) -> Array:
    """Rotation (3, 3) from the frame of a hand (fingers, back, thumb; see the module) to the torso's axes, at rest."""
    return np.asarray(_HAND[side])


def rotation_from_vector(vectors: ArrayLike) -> Array:
    """Axis-angle (..., 3) in radians to matrices (..., 3, 3), by Rodrigues' formula."""
    vectors = np.asarray(vectors, np.float64)
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([np.stack([zero, -z, y], -1), np.stack([z, zero, -x], -1), np.stack([-y, x, zero], -1)], -2)
    half = np.sinc(angle / (2 * np.pi))
    return np.eye(3) + np.sinc(angle / np.pi) * cross + 0.5 * half**2 * cross @ cross


def vector_from_rotation(matrices: ArrayLike) -> Array:
    """Inverse of ``rotation_from_vector`` for turns of less than 180 degrees: (..., 3, 3) to (..., 3)."""
    matrices = np.asarray(matrices, np.float64)
    axis = np.stack(
        [
            matrices[..., 2, 1] - matrices[..., 1, 2],
            matrices[..., 0, 2] - matrices[..., 2, 0],
            matrices[..., 1, 0] - matrices[..., 0, 1],
        ],
        axis=-1,
    )
    sine = np.linalg.norm(axis, axis=-1) / 2
    angle = np.arctan2(sine, (np.trace(matrices, axis1=-2, axis2=-1) - 1) / 2)
    return axis * (np.where(sine > 1e-7, angle / np.maximum(2 * sine, 1e-12), 0.5))[..., None]


def joints_of(motion: ArrayLike) -> dict[str, Array]:
    """Places of joints for frames (n, MOTION_DIM): each (n, 3) metres.

    Names: spine, neck, and for left and right ``_shoulder``, ``_elbow``, ``_wrist``; ``left_hand`` and ``right_hand`` are (n, 5, 4, 3): for
    each of ``FINGERS`` the three joints and the tip.
    """
    motion = np.asarray(motion)
    body = rotation_from_6d(motion[:, BODY].reshape(len(motion), len(BODY_JOINTS), 6)).astype(np.float64)
    turn = {name: body[:, index] for index, name in enumerate(BODY_JOINTS)}
    spine = turn["spine"]
    found = {"spine": np.broadcast_to(SPINE, (len(motion), 3)), "neck": SPINE + spine @ (NECK - SPINE)}
    for side, sign, hand in (("left", 1.0, LEFT_HAND), ("right", -1.0, RIGHT_HAND)):
        mirror = np.array([sign, 1.0, 1.0])
        clavicle = spine @ turn[f"{side}_clavicle"]
        upper = clavicle @ turn[f"{side}_upper_arm"]
        lower = upper @ turn[f"{side}_lower_arm"]
        wrist = lower @ turn[f"{side}_wrist"]
        shoulder = SPINE + spine @ (mirror * CLAVICLE - SPINE) + clavicle @ (mirror * (SHOULDER - CLAVICLE))
        elbow = shoulder + upper @ (mirror * ELBOW_AT_REST)
        place = elbow + lower @ (mirror * (WRIST_AT_REST - ELBOW_AT_REST))
        fingers = hand_joints(motion[:, hand].reshape(-1, 15, 3), side)
        found |= {f"{side}_shoulder": shoulder, f"{side}_elbow": elbow, f"{side}_wrist": place}
        found[f"{side}_hand"] = place[:, None, None] + np.einsum("nij,nfkj->nfki", wrist @ _HAND[side], fingers)
    return found


def hand_joints(pose: ArrayLike, side: str) -> Array:
    """Finger joints and tips (n, 5, 4, 3) from the wrist, in the hand's frame, for MANO poses (n, 15, 3)."""
    turns = rotation_from_vector(np.asarray(pose, np.float64)).reshape(-1, 5, 3, 3, 3)
    mirror = np.array([-1.0 if side == "left" else 1.0, 1.0, 1.0])
    places = np.empty((len(turns), 5, 4, 3))
    for finger in range(5):
        along = mirror * DIRECTIONS[finger]
        place = np.broadcast_to(mirror * _KNUCKLES[finger], (len(turns), 3))
        frame = np.broadcast_to(np.eye(3), (len(turns), 3, 3))
        for joint in range(3):
            places[:, finger, joint] = place
            frame = frame @ turns[:, finger, joint]
            place = place + frame @ (along * _BONES[finger, joint])
        places[:, finger, 3] = place
    return places


def clearance(joints: dict[str, Array]) -> Array:
    """Smallest distance (n,) in metres between either forearm or hand and torso, head, and the other arm; negative where they touch."""
    torso = [(np.broadcast_to(a, joints["spine"].shape), np.broadcast_to(b, joints["spine"].shape)) for a, b in TORSO]
    limbs = {}
    for side in ("left", "right"):
        middle = joints[f"{side}_hand"][:, :4]
        palm = middle[:, 1, 0]
        tips = middle[:, :, 3].mean(axis=1)
        limbs[side] = (
            (joints[f"{side}_elbow"], joints[f"{side}_wrist"], FOREARM_RADIUS),
            (joints[f"{side}_wrist"], palm, HAND_RADIUS),
            (palm, tips, HAND_RADIUS),
        )
    gaps = []
    for side in ("left", "right"):
        for begin, end, radius in limbs[side]:
            # the part next to the elbow hangs on the upper arm, which lies against the torso
            points = _along(begin + 0.3 * (end - begin) if radius == FOREARM_RADIUS else begin, end)
            gaps += [_distance(points, a, b) - TORSO_RADIUS - radius for a, b in torso]
            gaps.append(np.linalg.norm(points - HEAD, axis=-1).min(axis=0) - HEAD_RADIUS - radius)
    for begin, end, radius in limbs["left"]:
        points = _along(begin, end)
        gaps += [_distance(points, a, b) - radius - other for a, b, other in limbs["right"]]
    return np.min(gaps, axis=0)


def _along(begin: Array, end: Array) -> Array:
    """Points (6, n, 3) on segments."""
    return begin + np.linspace(0, 1, 6)[:, None, None] * (end - begin)


def _distance(points: Array, begin: Array, end: Array) -> Array:
    """Of points (m, n, 3) to segments (n, 3): the smallest, (n,)."""
    along = end - begin
    share = np.clip(((points - begin) * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-12), 0, 1)
    return np.linalg.norm(points - begin - share[..., None] * along, axis=-1).min(axis=0)
