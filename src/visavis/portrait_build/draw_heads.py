"""Draws the rig plainly shaded with random identities, lights and angles: faces whose every pixel is known on the mesh."""

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from visavis.motion.layout import ARKIT_INDEX, head_rotation_from_euler
from visavis.portrait.normals import vertex_normals
from visavis.portrait.rig_asset import RigAsset
from visavis.types_portrait import PARTS, Camera

SIDE = 640
FOCAL = 3.4 * SIDE
DISTANCE = 1.2
IRIS_RADIUS, PUPIL_RADIUS = 0.0060, 0.0026
COLOURS: dict[str, tuple[float, float, float]] = {
    "mouth_cavity": (70, 25, 25),
    "eye_cavity_left": (150, 90, 85),
    "eye_cavity_right": (150, 90, 85),
    "eye_left": (225, 222, 220),
    "eye_right": (225, 222, 220),
    "teeth_upper": (225, 220, 205),
    "teeth_lower": (215, 210, 195),
    "tongue": (170, 80, 80),
}
LIP_COLOUR = (185.0, 95.0, 95.0)


@dataclass(frozen=True)
class DrawnHead:
    """image: uint8 (SIDE, SIDE, 3) RGB. triangle: int32 (SIDE, SIDE), row of ``mesh.triangles`` or -1. corners: float32 (SIDE, SIDE, 2),
    weights of
    that triangle's second and third corner. yaw: degrees."""

    image: NDArray[np.uint8]
    triangle: NDArray[np.int32]
    corners: NDArray[np.float32]
    yaw: float


def draw_random_head(asset: RigAsset, lips: NDArray[np.float32], rng: np.random.Generator, mouth_open: bool) -> DrawnHead:
    """One random person, lit and turned at random. ``lips``: float32 (V,), 1 on the red of the lips."""
    mesh = asset.mesh
    vertices = asset.mean + np.tensordot(rng.normal(0, 0.5, len(asset.identity)), asset.identity, 1)
    if mouth_open:
        vertices = vertices + rng.uniform(0.2, 0.45) * mesh.expressions[ARKIT_INDEX["jawOpen"]]
    yaw, pitch = rng.choice([0.0, 12.0, -12.0]) + rng.normal(0, 3), rng.normal(0, 4)
    rotation = head_rotation_from_euler(yaw, pitch, rng.normal(0, 3)).astype(np.float64)
    camera = Camera(rotation, np.array([0.0, 0.015, DISTANCE]), FOCAL, ((SIDE - 1) / 2, (SIDE - 1) / 2))
    projected = camera.to_picture(vertices).astype(np.float32)
    drawn = np.flatnonzero(~np.isin(mesh.part, [PARTS.index("lashes_left"), PARTS.index("lashes_right")])).astype(np.int32)
    triangle, corners = rasterise(projected, mesh.triangles, drawn, SIDE, SIDE)

    # The winding is counter-clockwise in a y-up frame; x right, y down, z away is the same frame turned half about x: they point out.
    normals = vertex_normals(camera.to_camera(vertices), mesh.triangles[drawn])
    colours = _vertex_colours(asset, vertices, lips, rng)
    seen = triangle >= 0
    light = np.array([rng.normal(0, 0.35), -0.5, -0.8])
    light /= np.linalg.norm(light)
    shade = np.clip(_interpolate(normals @ light, mesh.triangles, triangle, corners), 0, 1) * 0.6 + 0.42
    image = np.full((SIDE, SIDE, 3), rng.uniform(90, 220), np.float64)
    surface = _interpolate(colours, mesh.triangles, triangle, corners)
    surface[seen] = np.where(
        np.isin(mesh.part[triangle[seen]], [PARTS.index("skin")])[:, None],
        surface[seen],
        _part_colours(asset, vertices, triangle, corners)[seen],
    )
    image[seen] = (surface * shade[..., None])[seen]
    return DrawnHead(_soften(image), triangle, corners, float(yaw))


def _vertex_colours(
    asset: RigAsset, vertices: NDArray[np.floating], lips: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float64]:
    skin = np.array([225, 172, 150]) * rng.uniform(0.45, 1.05)
    return skin * (1 - lips[:, None]) + np.array(LIP_COLOUR) * (skin[0] / 225) * lips[:, None]


def _part_colours(
    asset: RigAsset, vertices: NDArray[np.floating], triangle: NDArray[np.int32], corners: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Colour of the parts that are not skin, with an iris and a pupil on each eyeball."""
    mesh = asset.mesh
    table = np.array([COLOURS.get(part, (0, 0, 0)) for part in PARTS], np.float64)
    part = mesh.part[np.maximum(triangle, 0)]
    colours = table[part]
    positions = _interpolate(vertices, mesh.triangles, triangle, corners)
    for eye in ("eye_left", "eye_right"):
        ball = vertices[np.unique(mesh.triangles_of(eye))]
        pole = np.array([*((ball.max(0) + ball.min(0)) / 2)[:2], ball[:, 2].min()])
        distance = np.linalg.norm(positions - pole, axis=-1)
        here = (part == PARTS.index(eye)) & (triangle >= 0)
        colours[here & (distance < IRIS_RADIUS)] = (75, 58, 48)
        colours[here & (distance < PUPIL_RADIUS)] = (15, 15, 15)
    return colours


def _soften(image: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A small binomial blur in place of the anti-aliasing that the plain rasteriser lacks."""
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    both = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4
    return np.clip(np.round(both), 0, 255).astype(np.uint8)


def _interpolate(
    values: NDArray[np.floating], triangles: NDArray[np.int32], triangle: NDArray[np.int32], corners: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Values of vertices (V,) or (V, C) at every pixel; zero where nothing is drawn."""
    second, third = corners[..., 0], corners[..., 1]
    weights = np.stack([1 - second - third, second, third], -1)
    corner_values = values[triangles[np.maximum(triangle, 0)]]
    if values.ndim == 2:
        weights = weights[..., None]
    result: NDArray[np.float64] = (corner_values * weights).sum(2) * (triangle >= 0).reshape(*triangle.shape, *([1] * (values.ndim - 1)))
    return result


def rasterise(
    projected: NDArray[np.float32], triangles: NDArray[np.int32], drawn: NDArray[np.int32], width: int, height: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Nearest triangle (height, width), -1 where none, and its second and third corner weights. ``projected``: pixel x, y and depth of
    each vertex."""
    depth = np.full((height, width), np.inf, np.float32)
    triangle = np.full((height, width), -1, np.int32)
    corners = np.zeros((height, width, 2), np.float32)
    _fill(projected, triangles, drawn, depth, triangle, corners)
    return triangle, corners


@numba.njit(cache=True)
def _fill(projected, triangles, drawn, depth, triangle, corners):  # type: ignore[no-untyped-def]
    height, width = depth.shape
    for row in drawn:
        a, b, c = triangles[row]
        ax, ay, bx, by, cx, cy = projected[a, 0], projected[a, 1], projected[b, 0], projected[b, 1], projected[c, 0], projected[c, 1]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-9:
            continue
        left, right = max(0, int(np.ceil(min(ax, bx, cx)))), min(width - 1, int(np.floor(max(ax, bx, cx))))
        top, bottom = max(0, int(np.ceil(min(ay, by, cy)))), min(height - 1, int(np.floor(max(ay, by, cy))))
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                second = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area
                third = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area
                if second >= -1e-5 and third >= -1e-5 and second + third <= 1 + 1e-5:
                    z = (1 - second - third) * projected[a, 2] + second * projected[b, 2] + third * projected[c, 2]
                    if z < depth[y, x]:
                        depth[y, x] = z
                        triangle[y, x] = row
                        corners[y, x, 0], corners[y, x, 1] = second, third
