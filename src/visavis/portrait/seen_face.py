"""The fitted head where the camera sees it."""

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.normals import vertex_normals
from visavis.portrait.surface import Field, depth_buffer, visible_vertices
from visavis.types_portrait import PICTURE_HEIGHT, PICTURE_WIDTH, Camera, FittedPortrait, RigMesh


class SeenFace:
    """The fitted head where the camera sees it: depth and displacement fields over the picture."""

    def __init__(self, photo_face: NDArray[np.floating], mesh: RigMesh, camera: Camera) -> None:
        skin = mesh.triangles_of("skin")
        head = skin[(mesh.head_weight + mesh.neck_weight)[skin].min(1) > 0.05]
        every = mesh.triangles[(mesh.head_weight + mesh.neck_weight)[mesh.triangles].min(1) > 0.05]
        self.picture = camera.to_picture(photo_face)
        self.visible = visible_vertices(self.picture, every, (PICTURE_HEIGHT, PICTURE_WIDTH))
        on_skin = np.zeros(len(self.visible), bool)
        on_skin[head] = True
        self.vertices = np.flatnonzero(self.visible & on_skin & _faces_camera(camera.to_camera(photo_face), head))
        self.depth = np.full((PICTURE_HEIGHT, PICTURE_WIDTH), 1e9, np.float32)
        depth_buffer(np.ascontiguousarray(self.picture), np.ascontiguousarray(head), self.depth)
        self.shapes = (mesh.expressions[:, self.vertices] @ camera.rotation.T).astype(np.float32)  # camera axes
        self.points = self.picture[self.vertices, :2]
        self.depth_field = Field(self.points, self.picture[self.vertices, 2:].astype(np.float32))


def _faces_camera(points: NDArray[np.float64], triangles: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Vertices (V,) whose normal looks at the camera, whichever way the mesh winds."""
    toward = (vertex_normals(points, triangles) * points).sum(1) / np.maximum(np.linalg.norm(points, axis=1), 1e-12)
    nearest = np.argsort(points[triangles].mean(1)[:, 2])[: len(triangles) // 20]  # the nearest part of a head surely faces the camera
    sign = np.sign(np.median(toward[triangles[nearest]]))
    return np.asarray(toward * sign > 0.05)


def unproject(pixels: NDArray[np.float64], depth: NDArray[np.float64], camera: Camera) -> NDArray[np.float64]:
    """Pixels (n, 2) at depths (n,) to camera space (n, 3)."""
    return np.concatenate([(pixels - camera.principal) / camera.focal * depth[:, None], depth[:, None]], 1)


def head_pivot_of(fitted: FittedPortrait, mesh: RigMesh, landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where head meets neck, camera space. It nods and turns a little below the skull's own joint, as a person does who shares the turn
    with the neck."""
    joints = fitted.camera.to_camera(fitted.joint_heads)
    names = list(mesh.joint_names)
    return np.asarray(joints[names.index("neck03")])
