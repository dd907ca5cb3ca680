"""The rasteriser: watertight, exact where nothing moves, stencil, several samples a pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from visavis.video import raster

HEIGHT, WIDTH, STEP = 48, 64, 8


def grid() -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    x, y = np.meshgrid(np.arange(0, WIDTH + 1, STEP), np.arange(0, HEIGHT + 1, STEP))
    index = np.arange(x.size).reshape(x.shape)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    return np.stack([x.ravel(), y.ravel()], 1).astype(float), np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(
        np.int32
    )


def draw(
    target: NDArray[np.uint8],
    positions: NDArray[np.floating],
    triangles: NDArray[np.int32],
    uv: NDArray[np.floating],
    texture: NDArray[np.uint8],
) -> None:
    texels, places = raster.as_texture(texture), uv.astype(np.float32)
    raster.draw_triangles(
        target,
        np.zeros(target.shape[:2], np.uint8),
        -1,
        -1,
        np.round(positions * 32).astype(np.int32),
        triangles,
        places,
        texels,
        raster.opaqueness(triangles, places, texels),
        raster.NO_TINT,
        256,
    )


def test_a_mesh_that_has_not_moved_gives_the_texture_back() -> None:
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 256, (2 * HEIGHT + 4, 2 * WIDTH + 4, 4), dtype=np.uint8)
    texture[..., 3] = 255
    points, triangles = grid()
    target = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    draw(target, points, triangles, points * 2, texture)
    np.testing.assert_array_equal(target, texture[: 2 * HEIGHT : 2, : 2 * WIDTH : 2, :3])


@given(st.integers(0, 10_000), st.floats(0.0, 1.9))
def test_every_pixel_of_a_bent_mesh_is_blended_exactly_once(seed: int, bend: float) -> None:
    points, triangles = grid()
    inner = (points > 0).all(1) & (points < [WIDTH, HEIGHT]).all(1)
    points[inner] += np.random.default_rng(seed).uniform(-bend, bend, (int(inner.sum()), 2))
    texture = np.full((HEIGHT + 4, WIDTH + 4, 4), 255, np.uint8)
    texture[..., 3] = 128
    target = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    draw(target, points, triangles, np.ones_like(points), texture)
    assert np.unique(target).tolist() == [((255 * 129 + 128) >> 8)]  # once: neither a hole (0) nor a double edge (more)


def test_triangles_that_face_away_are_not_drawn() -> None:
    target = np.zeros((8, 8, 3), np.uint8)
    draw(target, np.array([[0.0, 0], [0, 7], [7, 0]]), np.array([[0, 1, 2]], np.int32), np.ones((3, 2)), np.full((4, 4, 4), 255, np.uint8))
    assert not target.any()


def test_positions_far_outside_are_clipped() -> None:
    target = np.zeros((8, 8, 3), np.uint8)
    corners = np.array([[-1000.0, -1000], [1000, -1000], [0, 1000]])
    draw(target, corners, np.array([[0, 1, 2]], np.int32), np.ones((3, 2)), np.full((4, 4, 4), 200, np.uint8) | np.uint8(55))
    assert (target == 255).all()


def test_a_stencil_keeps_what_is_drawn_inside() -> None:
    points, triangles = grid()
    target, touched = np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.zeros((HEIGHT, WIDTH), np.uint8)
    touched[10:20, 10:30] = 1
    positions = np.round(points * 32).astype(np.int32)
    texture = raster.as_texture(np.full((8, 8, 4), 255, np.uint8))
    uv = np.ones_like(points, np.float32)
    opaque = raster.opaqueness(triangles, uv, texture)
    raster.draw_triangles(target, touched, 2, 1, positions, triangles, uv, texture, opaque, raster.NO_TINT, 256)
    assert (target[10:20, 10:30] == 255).all() and target.any(-1).sum() == 200
    assert (touched == 2).sum() == 200


def test_edges_drawn_with_samples_are_smooth() -> None:
    """A half plane whose edge lies at x = 4.25 covers a quarter (and the sample on the edge) of that pixel."""
    sampling = 4
    vertices = np.array([[-64, -64, 0], [136, -64, 0], [136, 512, 0], [-64, 512, 0]], np.int32)
    positions = np.empty((4, 2), np.int32)
    raster.to_samples(vertices, 0, 0, sampling, sampling, positions)
    samples, touched = np.zeros((8 * sampling, 8 * sampling, 3), np.uint8), np.zeros((8 * sampling, 8 * sampling), np.uint8)
    texture = raster.as_texture(np.full((4, 4, 4), 255, np.uint8))
    triangles, uv = np.array([[0, 1, 2], [0, 2, 3]], np.int32), np.ones((4, 2), np.float32)
    opaque = raster.opaqueness(triangles, uv, texture)
    raster.draw_triangles(samples, touched, 1, -1, positions, triangles, uv, texture, opaque, raster.NO_TINT, 256)
    picture = np.full((8, 8, 3), 7, np.uint8)
    raster.resolve_region(samples, touched, sampling, sampling, 0, 0, picture)
    assert (picture[:, :4] == 255).all()
    assert (np.abs(picture[:, 4].astype(int) - 191) <= 1).all()  # samples at 3.625, 3.875, 4.125 of 4 lie within
    assert (picture[:, 5:] == 7).all()  # untouched pixels stay


@given(st.integers(0, 10_000))
def test_what_is_known_to_be_opaque_or_empty_is_drawn_as_if_it_were_not_known(seed: int) -> None:
    """A bent mesh over a texture with a soft hole, once with what ``opaqueness`` says of it and once with every triangle looked through."""
    rng = np.random.default_rng(seed)
    points, triangles = grid()
    texture = rng.integers(0, 256, (2 * HEIGHT + 4, 2 * WIDTH + 4, 4), dtype=np.uint8)
    texture[..., 3] = 255
    top, left = rng.integers(0, HEIGHT), rng.integers(0, WIDTH)
    texture[top : top + 40, left : left + 40, 3] = rng.integers(0, 256, (40, 40))
    texture[top + 4 : top + 36, left + 4 : left + 36, 3] = 0
    texels, uv = raster.as_texture(texture), (points * 2).astype(np.float32)
    positions = np.round((points + rng.uniform(-1.5, 1.5, points.shape)) * 32).astype(np.int32)
    opaque = raster.opaqueness(triangles, uv, texels)
    pictures = []
    for known in (opaque, np.ones_like(opaque)):
        target, touched = np.zeros((HEIGHT, WIDTH, 4), np.uint8), np.zeros((HEIGHT, WIDTH), np.uint8)
        raster.draw_triangles(target, touched, 1, -1, positions, triangles, uv, texels, known, raster.NO_TINT, 256)
        pictures.append(np.dstack([target, touched]))
    assert len(np.unique(opaque)) > 1, "the hole and what is around it are told apart"
    np.testing.assert_array_equal(*pictures)


def test_a_texture_must_have_four_channels() -> None:
    with pytest.raises(ValueError, match=r"\(4, 4, 3\)"):
        raster.as_texture(np.zeros((4, 4, 3), np.uint8))


def test_warm_up_runs() -> None:
    raster.warm_up()
