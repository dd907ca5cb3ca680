"""The rasteriser: textured, alpha-blended triangles into a uint8 picture, one thread, compiled once by numba and kept on disk.

Positions are integers in 1/32 pixel and inside tests are exact integer arithmetic with the top-left rule, so meshes are watertight, no
pixel of a shared edge is blended twice, and the same positions give the same picture bit for bit. Textures are sampled bilinearly with
8-bit weights.
"""

import numpy as np
from numpy.typing import NDArray

from visavis.compiled import bilinear, njit, prefetch
from visavis.types import VERTEX_SUBPIXEL

SUBPIXEL = 32
"""Positions count in 1/32 pixel; pixel (x, y) has its centre at (32 x, 32 y)."""

SUPERSAMPLING = 4
"""Samples along each side of a pixel in the regions where edges must be smooth (eyes and mouth). Divides SUBPIXEL."""

AHEAD = 8
"""Texels are asked for so many triangles before they are drawn."""

_EMPTY, _SOFT, _SOLID = range(3)
"""What ``opaqueness`` says of a triangle: nothing of it is seen, some of it may be seen through, all of it hides what is behind."""


@njit("uint8[::1](int32[:,::1], float32[:,::1], uint32[:,::1])", cache=True, nogil=True, boundscheck=False)
def opaqueness(triangles, uv, texture):  # type: ignore[no-untyped-def]
    """Of each triangle (T, 3) whether its part of the texture is transparent or opaque throughout: uint8 (T,). Arguments as for
    ``draw_triangles``; changes with the texture's opacity, not with its colours."""
    result = np.empty(len(triangles), np.uint8)
    height, width = texture.shape
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        # A hundredth of a texel is more than what rounding may reach beyond a corner; sampling takes in the next texel.
        left = max(np.int64(np.floor(min(uv[a, 0], uv[b, 0], uv[c, 0]) - 0.01)), 0)
        top = max(np.int64(np.floor(min(uv[a, 1], uv[b, 1], uv[c, 1]) - 0.01)), 0)
        right = min(np.int64(np.floor(max(uv[a, 0], uv[b, 0], uv[c, 0]) + 0.01)) + 1, width - 1)
        bottom = min(np.int64(np.floor(max(uv[a, 1], uv[b, 1], uv[c, 1]) + 0.01)) + 1, height - 1)
        least, most = 255, 0
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                alpha = np.int64(texture[y, x] >> 24)
                least, most = min(least, alpha), max(most, alpha)
        result[t] = _EMPTY if most < 2 else _SOLID if least == 255 else _SOFT
    return result


@njit("UniTuple(int64, 2)(int64, int64)", cache=True, nogil=True, boundscheck=False, error_model="numpy")
def _divided(number, divisor):  # type: ignore[no-untyped-def]
    """Quotient, rounded down, and remainder by a positive divisor: a division of floats, put right with the exact integers."""
    quotient = np.int64(np.floor(number * (1.0 / divisor)))
    rest = number - quotient * divisor
    while rest < 0:
        rest += divisor
        quotient -= 1
    while rest >= divisor:
        rest -= divisor
        quotient += 1
    return quotient, rest


@njit("UniTuple(int64, 6)(int64, int64, int64)", cache=True, nogil=True, boundscheck=False, error_model="numpy")
def _along_rows(across, down, value):  # type: ignore[no-untyped-def]
    """Where the pixels with ``value + across * x >= 0`` begin (across > 0) or end in a row, and how that goes on as ``value`` grows by
    ``down`` from row to row: as a quotient with its remainder and divisor, and the steps of quotient and remainder.

    First is 1 where they begin, 0 where they end.
    """
    if across == 0:  # all of a row, or nothing of it: an end far to the right or to the left
        return np.int64(0), ((value + 1) << 20) - 1, np.int64(0), np.int64(1), down << 20, np.int64(0)
    if across > 0:
        begins, numerator, divisor, step = np.int64(1), across - 1 - value, across, -down
    else:
        begins, numerator, divisor, step = np.int64(0), value, -across, down
    place, rest = _divided(numerator, divisor)
    by, rest_by = _divided(step, divisor)
    return begins, place, rest, divisor, by, rest_by


_DRAW_SIGNATURE = (
    "void(uint8[:,:,::1], uint8[:,::1], int64, int64, int32[:,::1], int32[:,::1], float32[:,::1], uint32[:,::1], uint8[::1], int64[::1], "
    "int64)"
)


@njit("void(float32[:,::1], uint32[::1], int64, uint64, uint64, uint64)", cache=True, nogil=True, boundscheck=False)
def _ask_for(uv, texels, line, a, b, c):  # type: ignore[no-untyped-def]
    """Have the part of a texture (``line`` texels wide) that the triangle of these corners shows brought near."""
    left, right = np.int64(min(uv[a, 0], uv[b, 0], uv[c, 0])), np.int64(max(uv[a, 0], uv[b, 0], uv[c, 0])) + 1
    top, bottom = np.int64(min(uv[a, 1], uv[b, 1], uv[c, 1])), np.int64(max(uv[a, 1], uv[b, 1], uv[c, 1])) + 1
    for y in range(top, bottom + 1):
        for x in range(left, right, 16):
            prefetch(texels, y * line + x)
        prefetch(texels, y * line + right)


@njit(_DRAW_SIGNATURE, cache=True, nogil=True, boundscheck=False, error_model="numpy")
def draw_triangles(  # type: ignore[no-untyped-def]
    target, touched, mark, within, positions, triangles, uv, texture, opaque, tint, opacity
):
    """Draw triangles in the order given, later ones over earlier ones.

    target: uint8 (h, w, 3 or 4), changed in place; with four channels the first three are premultiplied by the fourth, the opacity.
    touched: uint8 (h, w), set to ``mark`` where something visible was drawn, if mark >= 0;
    nothing is drawn where it is not ``within``, if within >= 0 (a stencil).
    positions: int32 (V, 2) in 1/32 of a target pixel. triangles: int32 (T, 3); those that wind the other way round (negative area) are
    skipped.
    uv: float32 (V, 2) texture coordinates in texels. texture: uint32 (th, tw), bytes R, G, B, A. opaque: uint8 (T,), what ``opaqueness``
    says of these triangles with this texture. tint: int64 (3,), colour factor, 256 is one.
    opacity: 0..256, times the texture's alpha.
    """
    height, width, channels = target.shape
    matte = channels == 4
    low = np.uint32(0xFF)
    tint_red, tint_green, tint_blue = tint[0], tint[1], tint[2]
    tinted = tint_red != 256 or tint_green != 256 or tint_blue != 256
    plain = within < 0 and not tinted and opacity == 256
    # Without a sign an index needs no look whether it counts from the end.
    one, pixel = np.uint64(1), np.uint64(channels)
    line = np.uint64(texture.shape[1])
    texels, values, marks = texture.reshape(-1), target.reshape(-1), touched.reshape(-1)
    for t in range(triangles.shape[0]):
        if t + AHEAD < triangles.shape[0]:
            a, b, c = np.uint64(triangles[t + AHEAD, 0]), np.uint64(triangles[t + AHEAD, 1]), np.uint64(triangles[t + AHEAD, 2])
            _ask_for(uv, texels, texture.shape[1], a, b, c)
        kind = opaque[t]
        if kind == _EMPTY:
            continue
        a, b, c = np.uint64(triangles[t, 0]), np.uint64(triangles[t, 1]), np.uint64(triangles[t, 2])
        xa, ya = np.int64(positions[a, 0]), np.int64(positions[a, 1])
        xb, yb = np.int64(positions[b, 0]), np.int64(positions[b, 1])
        xc, yc = np.int64(positions[c, 0]), np.int64(positions[c, 1])
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if area <= 0:
            continue
        top = max(0, -((-min(ya, yb, yc)) >> 5))
        bottom = min(height - 1, max(ya, yb, yc) >> 5)
        left = max(0, -((-min(xa, xb, xc)) >> 5))
        right = min(width - 1, max(xa, xb, xc) >> 5)
        if top > bottom or left > right:
            continue
        # Edge value of edge i at pixel (x, y): e_i = gx_i * 32 x + gy_i * 32 y + k_i, inside where all are >= 0. Edges that are neither top
        # nor left lose ties.
        gx0, gy0 = yb - yc, xc - xb
        gx1, gy1 = yc - ya, xa - xc
        gx2, gy2 = ya - yb, xb - xa
        k0 = -gx0 * xb - gy0 * yb - (0 if (gx0 > 0 or (gx0 == 0 and gy0 > 0)) else 1)
        k1 = -gx1 * xc - gy1 * yc - (0 if (gx1 > 0 or (gx1 == 0 and gy1 > 0)) else 1)
        k2 = -gx2 * xa - gy2 * ya - (0 if (gx2 > 0 or (gx2 == 0 and gy2 > 0)) else 1)
        begins0, place0, rest0, divisor0, by0, rest_by0 = _along_rows(gx0 * 32, gy0 * 32, gy0 * 32 * top + k0)
        begins1, place1, rest1, divisor1, by1, rest_by1 = _along_rows(gx1 * 32, gy1 * 32, gy1 * 32 * top + k1)
        begins2, place2, rest2, divisor2, by2, rest_by2 = _along_rows(gx2 * 32, gy2 * 32, gy2 * 32 * top + k2)
        inverse = 1.0 / area
        ua, va = np.float64(uv[a, 0]), np.float64(uv[a, 1])
        ub, vb = uv[b, 0] - ua, uv[b, 1] - va
        uc, vc = uv[c, 0] - ua, uv[c, 1] - va
        dux = (ub * gx1 + uc * gx2) * inverse * 32.0
        duy = (ub * gy1 + uc * gy2) * inverse * 32.0
        dvx = (vb * gx1 + vc * gx2) * inverse * 32.0
        dvy = (vb * gy1 + vc * gy2) * inverse * 32.0
        u_origin = ua - dux * xa / 32.0 - duy * ya / 32.0
        v_origin = va - dvx * xa / 32.0 - dvy * ya / 32.0
        du, dv = np.int64(np.floor(dux * 1048576.0 + 0.5)), np.int64(np.floor(dvx * 1048576.0 + 0.5))
        for y in range(top, bottom + 1):
            first, last = left, right
            if begins0:
                first = max(first, place0)
            else:
                last = min(last, place0)
            if begins1:
                first = max(first, place1)
            else:
                last = min(last, place1)
            if begins2:
                first = max(first, place2)
            else:
                last = min(last, place2)
            place0 += by0
            rest0 += rest_by0
            if rest0 >= divisor0:
                rest0 -= divisor0
                place0 += 1
            place1 += by1
            rest1 += rest_by1
            if rest1 >= divisor1:
                rest1 -= divisor1
                place1 += 1
            place2 += by2
            rest2 += rest_by2
            if rest2 >= divisor2:
                rest2 -= divisor2
                place2 += 1
            if first > last:
                continue
            u = np.int64(np.floor((u_origin + dux * first + duy * y) * 1048576.0 + 2048.5))
            v = np.int64(np.floor((v_origin + dvx * first + dvy * y) * 1048576.0 + 2048.5))
            spot = np.uint64(y * width + first)
            if plain and kind == _SOLID:
                place = spot * pixel
                for _ in range(last + 1 - first):
                    at = np.uint64(v >> 20) * line + np.uint64(u >> 20)
                    texel = bilinear(texels, at, line, (u >> 12) & 255, (v >> 12) & 255)
                    u += du
                    v += dv
                    values[place] = np.uint8(texel)
                    values[place + one] = np.uint8(texel >> np.uint32(8))
                    values[place + np.uint64(2)] = np.uint8(texel >> np.uint32(16))
                    if matte:
                        values[place + np.uint64(3)] = 255
                    place += pixel
                if mark >= 0:
                    for x in range(last + 1 - first):
                        marks[spot + np.uint64(x)] = mark
                continue
            for x in range(last + 1 - first):
                here = spot + np.uint64(x)
                fu, fv = (u >> 12) & 255, (v >> 12) & 255
                at = np.uint64(v >> 20) * line + np.uint64(u >> 20)
                u += du
                v += dv
                if within >= 0 and marks[here] != within:
                    continue
                p, q = texels[at], texels[at + one]
                r, s = texels[at + line], texels[at + line + one]
                if (p | q | r | s) < np.uint32(0x02000000):  # nothing visible: much of a layer is
                    continue
                texel = bilinear(texels, at, line, fu, fv)
                alpha = np.int64(texel >> np.uint32(24))
                if alpha < 2:
                    continue
                red, green, blue = np.int64(texel & low), np.int64((texel >> np.uint32(8)) & low), np.int64((texel >> np.uint32(16)) & low)
                if tinted:
                    red = min(255, (red * tint_red) >> 8)
                    green = min(255, (green * tint_green) >> 8)
                    blue = min(255, (blue * tint_blue) >> 8)
                alpha = ((alpha + (alpha >> 7)) * opacity) >> 8
                if mark >= 0:
                    marks[here] = mark
                place = here * pixel
                if alpha >= 256:
                    values[place] = red
                    values[place + one] = green
                    values[place + np.uint64(2)] = blue
                    if matte:
                        values[place + np.uint64(3)] = 255
                else:
                    rest = 256 - alpha
                    values[place] = (values[place] * rest + red * alpha + 128) >> 8
                    values[place + one] = (values[place + one] * rest + green * alpha + 128) >> 8
                    values[place + np.uint64(2)] = (values[place + np.uint64(2)] * rest + blue * alpha + 128) >> 8
                    if matte:
                        values[place + np.uint64(3)] = (values[place + np.uint64(3)] * rest + 255 * alpha + 128) >> 8


@njit("void(int16[:,::1], int64, int64, float64, int32[:,::1])", cache=True, nogil=True, boundscheck=False)
def to_view(vertices, left, top, scale, seen):  # type: ignore[no-untyped-def]
    """Vertices (V, 3 int16, x and y in 1/32 pixel of the 512x768 picture) to the same in a view of it, see ``video.view.View``."""
    for i in range(vertices.shape[0]):
        seen[i, 0] = np.int64(np.floor((vertices[i, 0] + 16 - 32 * left) * scale - 15.5))
        seen[i, 1] = np.int64(np.floor((vertices[i, 1] + 16 - 32 * top) * scale - 15.5))
        seen[i, 2] = vertices[i, 2]


@njit("void(int32[:,::1], int64, int64, int64, int64, int32[:,::1])", cache=True, nogil=True, boundscheck=False)
def to_samples(vertices, x0, y0, across, down, positions):  # type: ignore[no-untyped-def]
    """Vertices (V, 3 int32, x and y in 1/32 pixel of the view) to positions in a region that starts at pixel (x0, y0) and has ``across``
    times ``down`` samples a pixel."""
    right, below = 16 - 16 // across, 16 - 16 // down
    for i in range(vertices.shape[0]):
        positions[i, 0] = (np.int64(vertices[i, 0]) - 32 * x0 + right) * across
        positions[i, 1] = (np.int64(vertices[i, 1]) - 32 * y0 + below) * down


@njit("UniTuple(int64, 4)(int32[:,::1], int32[::1], int64, int64, int64, int64)", cache=True, nogil=True, boundscheck=False)
def box_around(vertices, chosen, before, after, height, width):  # type: ignore[no-untyped-def]
    """Pixels x0, y0 up to x1, y1 of a picture (height, width) around some vertices (V, 3), with ``before`` more on the left and above
    and ``after`` more on the right and below; empty where x1 <= x0 or y1 <= y0."""
    left, top = vertices[chosen[0], 0], vertices[chosen[0], 1]
    right, bottom = left, top
    for i in range(1, len(chosen)):
        x, y = vertices[chosen[i], 0], vertices[chosen[i], 1]
        left, right = min(left, x), max(right, x)
        top, bottom = min(top, y), max(bottom, y)
    x0, y0 = max(left // VERTEX_SUBPIXEL - before, 0), max(top // VERTEX_SUBPIXEL - before, 0)
    x1, y1 = min(right // VERTEX_SUBPIXEL + after, width), min(bottom // VERTEX_SUBPIXEL + after, height)
    return np.int64(x0), np.int64(y0), np.int64(x1), np.int64(y1)


@njit("uint8[:,:,::1](uint8[:,:,::1], int64, int64, int64, int64, int64, int64)", cache=True, nogil=True, boundscheck=False)
def take_region(picture, x0, y0, x1, y1, across, down):  # type: ignore[no-untyped-def]
    """The pixels from (x0, y0) up to (x1, y1) of a picture (h, w, c) as ``across`` times ``down`` equal samples each."""
    channels = picture.shape[2]
    samples = np.empty(((y1 - y0) * down, (x1 - x0) * across, channels), np.uint8)
    given, out, one, pixel = picture.reshape(-1), samples.reshape(-1), np.uint64(1), np.uint64(channels)
    line = np.uint64((x1 - x0) * across * channels)
    begin = np.uint64(0)
    for y in range(y0, y1):
        source, place = np.uint64((y * picture.shape[1] + x0) * channels), begin
        for _ in range(x1 - x0):
            red, green, blue, opacity = given[source], given[source + one], given[source + np.uint64(2)], given[source + pixel - one]
            source += pixel
            for _ in range(across):
                out[place], out[place + one], out[place + np.uint64(2)] = red, green, blue
                out[place + pixel - one] = opacity
                place += pixel
        for _ in range(down - 1):
            for i in range(line):
                out[begin + line + i] = out[begin + i]
            begin += line
        begin += line
    return samples


@njit("void(uint8[:,:,::1], uint8[:,::1], int64, int64, int64, int64, uint8[:,:,::1])", cache=True, nogil=True, boundscheck=False)
def resolve_region(samples, touched, across, down, x0, y0, target):  # type: ignore[no-untyped-def]
    """Average the ``across`` times ``down`` samples of each pixel into ``target`` at (x0, y0), only where one of the pixel's samples is
    marked in ``touched``."""
    height, width, channels = samples.shape[0] // down, samples.shape[1] // across, samples.shape[2]
    count = across * down
    for y in range(height):
        for x in range(width):
            any_touched, red, green, blue, opacity = 0, 0, 0, 0, 0
            for j in range(y * down, (y + 1) * down):
                for i in range(x * across, (x + 1) * across):
                    any_touched |= touched[j, i]
                    red += samples[j, i, 0]
                    green += samples[j, i, 1]
                    blue += samples[j, i, 2]
                    if channels == 4:
                        opacity += samples[j, i, 3]
            if any_touched:
                target[y0 + y, x0 + x, 0] = (red + count // 2) // count
                target[y0 + y, x0 + x, 1] = (green + count // 2) // count
                target[y0 + y, x0 + x, 2] = (blue + count // 2) // count
                if channels == 4:
                    target[y0 + y, x0 + x, 3] = (opacity + count // 2) // count


FAINT = 24
"""Below this opacity (of 255) eight bits no longer tell the colour: it fades into that of the surroundings."""


@njit("void(uint8[:,:,::1], uint8[:,:,::1])", cache=True, nogil=True, boundscheck=False, error_model="numpy")
def to_straight(picture, around):  # type: ignore[no-untyped-def]
    """Premultiplied RGBA (h, w, 4) to straight RGBA, in place. Transparent pixels get the colour of ``around`` (h, w, 3)."""
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            opacity = np.int64(picture[y, x, 3])
            if opacity == 255:
                continue
            trust = min(opacity, FAINT)
            for c in range(3):
                own = min((picture[y, x, c] * 255 + opacity // 2) // opacity, 255) if opacity > 0 else 0
                picture[y, x, c] = (own * trust + around[y, x, c] * (FAINT - trust) + FAINT // 2) // FAINT


@njit("void(uint8[:,:,::1], uint8[:,:,::1], uint8[:,:,::1])", cache=True, nogil=True, boundscheck=False)
def lay_over(picture, ground, result):  # type: ignore[no-untyped-def]
    """Straight RGBA (h, w, 4) over ``ground`` (h, w, 3) as RGB (h, w, 3)."""
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            opacity = np.int64(picture[y, x, 3])
            for c in range(3):
                result[y, x, c] = (picture[y, x, c] * opacity + ground[y, x, c] * (255 - opacity) + 127) // 255


NO_TINT = np.full(3, 256, np.int64)


def as_texture(rgba: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """A uint8 (h, w, 4) RGBA picture as the uint32 (h, w) texture that ``draw_triangles`` reads."""
    if rgba.dtype != np.uint8 or rgba.ndim != 3 or rgba.shape[2] != 4:
        raise ValueError(f"a texture must be uint8 with shape (height, width, 4), got {rgba.dtype} with shape {rgba.shape}")
    return np.ascontiguousarray(rgba).view(np.uint32)[..., 0]


def warm_up() -> None:
    """Compile the kernels if this machine has not compiled them yet (seconds, once); later processes load them from numba's cache in
    milliseconds.

    Importing this module is enough, since the kernels have explicit signatures; this also runs each of them once.
    """
    target, touched = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)
    vertices = np.array([[0, 0, 0], [224, 0, 0], [0, 224, 0]], np.int16)
    positions = np.empty((3, 2), np.int32)
    seen = np.empty((3, 3), np.int32)
    to_view(vertices, 0, 0, 1.0, seen)
    to_samples(seen, 0, 0, 1, 1, positions)
    texture = np.full((4, 4), 0xFFFFFFFF, np.uint32)
    triangles, uv = np.array([[0, 1, 2]], np.int32), np.ones((3, 2), np.float32)
    opaque = opaqueness(triangles, uv, texture)
    draw_triangles(target, touched, 1, -1, positions, triangles, uv, texture, opaque, NO_TINT, 256)
    resolve_region(take_region(target, 0, 0, 8, 8, 1, 1), touched, 1, 1, 0, 0, np.zeros((8, 8, 3), np.uint8))
    matte = np.zeros((8, 8, 4), np.uint8)
    to_straight(matte, target)
    lay_over(matte, target, target.copy())
