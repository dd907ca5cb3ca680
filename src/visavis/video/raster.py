"""The rasteriser: textured, alpha-blended triangles into a uint8 picture, one thread, compiled once by numba and kept on disk.

Positions are integers in 1/32 pixel and inside tests are exact integer arithmetic with the top-left rule, so meshes are watertight, no
pixel
of a shared edge is blended twice, and the same positions give the same picture bit for bit. Textures are sampled bilinearly with 8-bit
weights;
all four channels of a texel are weighed at once as 16-bit lanes of one 64-bit word.
"""

import numpy as np
from numpy.typing import NDArray

from visavis.compiled import njit

SUBPIXEL = 32
"""Positions count in 1/32 pixel; pixel (x, y) has its centre at (32 x, 32 y)."""

SUPERSAMPLING = 4
"""Samples along each side of a pixel in the regions where edges must be smooth (eyes and mouth). Divides SUBPIXEL."""

_DRAW_SIGNATURE = (
    "void(uint8[:,:,::1], uint8[:,::1], int64, int64, int32[:,::1], int32[:,::1], float32[:,::1], uint32[:,::1], int64[::1], int64)"
)


@njit(_DRAW_SIGNATURE, cache=True, nogil=True, boundscheck=False, error_model="numpy")
def draw_triangles(target, touched, mark, within, positions, triangles, uv, texture, tint, opacity):  # type: ignore[no-untyped-def]
    """Draw triangles in the order given, later ones over earlier ones.

    target: uint8 (h, w, 3 or 4), changed in place; with four channels the first three are premultiplied by the fourth, the opacity.
    touched: uint8 (h, w), set to ``mark`` where something visible was drawn, if mark >= 0;
    nothing is drawn where it is not ``within``, if within >= 0 (a stencil).
    positions: int32 (V, 2) in 1/32 of a target pixel. triangles: int32 (T, 3); those that wind the other way round (negative area) are
    skipped.
    uv: float32 (V, 2) texture coordinates in texels. texture: uint32 (th, tw), bytes R, G, B, A. tint: int64 (3,), colour factor, 256 is
    one.
    opacity: 0..256, times the texture's alpha.
    """
    height, width = target.shape[0], target.shape[1]
    matte = target.shape[2] == 4
    lanes = np.uint64(0x00FF00FF)
    low = np.uint64(0xFF)
    half = np.uint64(0x0080008000800080)
    tinted = tint[0] != 256 or tint[1] != 256 or tint[2] != 256
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
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
        sx0, sx1, sx2 = gx0 * 32, gx1 * 32, gx2 * 32
        r0 = -1.0 / sx0 if sx0 != 0 else 0.0
        r1 = -1.0 / sx1 if sx1 != 0 else 0.0
        r2 = -1.0 / sx2 if sx2 != 0 else 0.0
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
            c0, c1, c2 = gy0 * 32 * y + k0, gy1 * 32 * y + k1, gy2 * 32 * y + k2
            first, last = left, right
            # The span comes from a float division and is then put right with the exact integer edge value.
            if sx0 > 0:
                x = np.int64(np.ceil(c0 * r0))
                while sx0 * (x - 1) + c0 >= 0:
                    x -= 1
                while sx0 * x + c0 < 0:
                    x += 1
                first = max(first, x)
            elif sx0 < 0:
                x = np.int64(np.floor(c0 * r0))
                while sx0 * (x + 1) + c0 >= 0:
                    x += 1
                while sx0 * x + c0 < 0:
                    x -= 1
                last = min(last, x)
            elif c0 < 0:
                continue
            if sx1 > 0:
                x = np.int64(np.ceil(c1 * r1))
                while sx1 * (x - 1) + c1 >= 0:
                    x -= 1
                while sx1 * x + c1 < 0:
                    x += 1
                first = max(first, x)
            elif sx1 < 0:
                x = np.int64(np.floor(c1 * r1))
                while sx1 * (x + 1) + c1 >= 0:
                    x += 1
                while sx1 * x + c1 < 0:
                    x -= 1
                last = min(last, x)
            elif c1 < 0:
                continue
            if sx2 > 0:
                x = np.int64(np.ceil(c2 * r2))
                while sx2 * (x - 1) + c2 >= 0:
                    x -= 1
                while sx2 * x + c2 < 0:
                    x += 1
                first = max(first, x)
            elif sx2 < 0:
                x = np.int64(np.floor(c2 * r2))
                while sx2 * (x + 1) + c2 >= 0:
                    x += 1
                while sx2 * x + c2 < 0:
                    x -= 1
                last = min(last, x)
            elif c2 < 0:
                continue
            if first > last:
                continue
            u = np.int64(np.floor((u_origin + dux * first + duy * y) * 1048576.0 + 2048.5))
            v = np.int64(np.floor((v_origin + dvx * first + dvy * y) * 1048576.0 + 2048.5))
            for x in range(first, last + 1):
                iu, iv = u >> 20, v >> 20
                fu, fv = (u >> 12) & 255, (v >> 12) & 255
                u += du
                v += dv
                if within >= 0 and touched[y, x] != within:
                    continue
                p, q = np.uint64(texture[iv, iu]), np.uint64(texture[iv, iu + 1])
                r, s = np.uint64(texture[iv + 1, iu]), np.uint64(texture[iv + 1, iu + 1])
                if (p | q | r | s) < np.uint64(0x02000000):  # nothing visible: much of a layer is
                    continue
                w11 = (fu * fv) >> 8
                w01, w10 = np.uint64(fu - w11), np.uint64(fv - w11)
                w00 = np.uint64(256 - fu - fv + w11)
                total = ((p & lanes) | (((p >> np.uint64(8)) & lanes) << np.uint64(32))) * w00
                total += ((q & lanes) | (((q >> np.uint64(8)) & lanes) << np.uint64(32))) * w01
                total += ((r & lanes) | (((r >> np.uint64(8)) & lanes) << np.uint64(32))) * w10
                total += ((s & lanes) | (((s >> np.uint64(8)) & lanes) << np.uint64(32))) * np.uint64(w11)
                total += half
                alpha = np.int64((total >> np.uint64(56)) & low)
                if alpha < 2:
                    continue
                red = np.int64((total >> np.uint64(8)) & low)
                blue = np.int64((total >> np.uint64(24)) & low)
                green = np.int64((total >> np.uint64(40)) & low)
                if tinted:
                    red = min(255, (red * tint[0]) >> 8)
                    green = min(255, (green * tint[1]) >> 8)
                    blue = min(255, (blue * tint[2]) >> 8)
                alpha = ((alpha + (alpha >> 7)) * opacity) >> 8
                if mark >= 0:
                    touched[y, x] = mark
                if alpha >= 256:
                    target[y, x, 0] = red
                    target[y, x, 1] = green
                    target[y, x, 2] = blue
                    if matte:
                        target[y, x, 3] = 255
                else:
                    rest = 256 - alpha
                    target[y, x, 0] = (target[y, x, 0] * rest + red * alpha + 128) >> 8
                    target[y, x, 1] = (target[y, x, 1] * rest + green * alpha + 128) >> 8
                    target[y, x, 2] = (target[y, x, 2] * rest + blue * alpha + 128) >> 8
                    if matte:
                        target[y, x, 3] = (target[y, x, 3] * rest + 255 * alpha + 128) >> 8


@njit("void(int16[:,::1], int64, int64, float64, int32[:,::1])", cache=True, nogil=True, boundscheck=False)
def to_view(vertices, left, top, scale, seen):  # type: ignore[no-untyped-def]
    """Vertices (V, 3 int16, x and y in 1/32 pixel of the 512x768 picture) to the same in a view of it, see ``video.view.View``."""
    for i in range(vertices.shape[0]):
        seen[i, 0] = np.int64(np.floor((vertices[i, 0] + 16 - 32 * left) * scale - 15.5))
        seen[i, 1] = np.int64(np.floor((vertices[i, 1] + 16 - 32 * top) * scale - 15.5))
        seen[i, 2] = vertices[i, 2]


@njit("void(int32[:,::1], int64, int64, int64, int32[:,::1])", cache=True, nogil=True, boundscheck=False)
def to_samples(vertices, x0, y0, sampling, positions):  # type: ignore[no-untyped-def]
    """Vertices (V, 3 int32, x and y in 1/32 pixel of the view) to positions in a region that starts at pixel (x0, y0) and has sampling x
    sampling samples a pixel."""
    offset = 16 - 16 // sampling
    for i in range(vertices.shape[0]):
        positions[i, 0] = (np.int64(vertices[i, 0]) - 32 * x0 + offset) * sampling
        positions[i, 1] = (np.int64(vertices[i, 1]) - 32 * y0 + offset) * sampling


@njit("void(uint8[:,:,::1], uint8[:,::1], int64, int64, int64, uint8[:,:,::1])", cache=True, nogil=True, boundscheck=False)
def resolve_region(samples, touched, sampling, x0, y0, target):  # type: ignore[no-untyped-def]
    """Average the samples of each pixel into ``target`` at (x0, y0), only where one of the pixel's samples is marked in ``touched``."""
    height, width, channels = samples.shape[0] // sampling, samples.shape[1] // sampling, samples.shape[2]
    count = sampling * sampling
    for y in range(height):
        for x in range(width):
            any_touched, red, green, blue, opacity = 0, 0, 0, 0, 0
            for j in range(y * sampling, (y + 1) * sampling):
                for i in range(x * sampling, (x + 1) * sampling):
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
    to_samples(seen, 0, 0, 1, positions)
    texture = np.full((4, 4), 0xFFFFFFFF, np.uint32)
    draw_triangles(target, touched, 1, -1, positions, np.array([[0, 1, 2]], np.int32), np.ones((3, 2), np.float32), texture, NO_TINT, 256)
    resolve_region(target, touched, 1, 0, 0, np.zeros((8, 8, 3), np.uint8))
    matte = np.zeros((8, 8, 4), np.uint8)
    to_straight(matte, target)
    lay_over(matte, target, target.copy())
