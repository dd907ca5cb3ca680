"""What draws arms and hands, compiled: light on the vertices, a depth-buffered raster into a sampled region, the shadow they throw, and
the averaging of samples into the picture. One thread, no randomness."""

import numpy as np

from visavis.compiled import njit
from visavis.types import VERTEX_DEPTH_M, VERTEX_SUBPIXEL
from visavis.types_portrait import GRAIN_ONE

RIM = 0.48
"""How much darker an arm is at its outline than the light of its photo, which knows smooth changes only, has it."""
FILL, OPEN, EVEN = 0.55, 0.8, 0.6
"""What a raised limb gets of the light that its side lacks, how much less of it the body beside it takes, and how far its shade is without
the colour of what is beside a hanging one."""
SAMPLING = 2
"""Samples along each side of a pixel."""


@njit(
    "void(int16[:,::1], int32[:,::1], float64, float64, float64, float32[:,::1], float32[:,::1])",
    cache=True,
    nogil=True,
    boundscheck=False,
    error_model="numpy",
)
def place_arm(vertices, triangles, focal, x0, y0, points, normals):  # type: ignore[no-untyped-def]
    """points, normals: float32 (N, 3), camera space (metres) and of length 1, of vertices (N, 3 int16, as in ControlFrame.arms) of a mesh
    that winds clockwise on the screen."""
    count = vertices.shape[0]
    for i in range(count):
        z = vertices[i, 2] * VERTEX_DEPTH_M
        points[i, 0] = (vertices[i, 0] / VERTEX_SUBPIXEL - x0) * z / focal
        points[i, 1] = (vertices[i, 1] / VERTEX_SUBPIXEL - y0) * z / focal
        points[i, 2] = z
        normals[i, 0], normals[i, 1], normals[i, 2] = 0.0, 0.0, 0.0
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for v in (a, b, c):
            normals[v, 0] -= nx
            normals[v, 1] -= ny
            normals[v, 2] -= nz
    for i in range(count):
        x, y, z = normals[i, 0], normals[i, 1], normals[i, 2]
        length = np.sqrt(x * x + y * y + z * z) + 1e-20
        normals[i, 0], normals[i, 1], normals[i, 2] = x / length, y / length, z / length


@njit(
    "void(float32[:,::1], float32[:,::1], int32[::1], int32[::1], float32[::1], float32[::1], float64, float32[:,::1], float32[::1])",
    cache=True,
    nogil=True,
    boundscheck=False,
    error_model="numpy",
)
def shade_arm(points, normals, members, begins, radii, towards, strength, balls, free):  # type: ignore[no-untyped-def]
    """free (N,): how much of its light reaches a surface at points (N, 3) with normals (N, 3) past the balls of ``ArmBalls``.

    towards: (3,), of length 1, where most light comes from. balls: float32 (B, 3), workspace. Surfaces that look away keep their light.
    """
    count = radii.shape[0]
    for b in range(count):
        x, y, z = np.float32(0), np.float32(0), np.float32(0)
        for m in range(begins[b], begins[b + 1]):
            x += points[members[m], 0]
            y += points[members[m], 1]
            z += points[members[m], 2]
        share = np.float32(1.0) / np.float32(begins[b + 1] - begins[b])
        balls[b, 0], balls[b, 1], balls[b, 2] = x * share, y * share, z * share
    lx, ly, lz = towards[0], towards[1], towards[2]
    one, most, force = np.float32(1.0), np.float32(0.9), np.float32(strength)
    for i in range(points.shape[0]):
        free[i] = one
        nx, ny, nz = normals[i, 0], normals[i, 1], normals[i, 2]
        if nz > np.float32(0.2):
            continue
        px, py, pz = points[i, 0], points[i, 1], points[i, 2]
        left = one
        for b in range(count):
            dx, dy, dz = balls[b, 0] - px, balls[b, 1] - py, balls[b, 2] - pz
            square = dx * dx + dy * dy + dz * dz
            reach = radii[b] * radii[b]
            if square > np.float32(64.0) * reach:
                continue
            ahead = dx * nx + dy * ny + dz * nz
            if ahead <= np.float32(0.0):
                continue
            distance = max(np.sqrt(square), np.float32(1e-6))
            covers = min(reach / square, one) * ahead / distance
            lit = max(dx * lx + dy * ly + dz * lz, np.float32(0.0)) / distance
            left *= one - min(force * covers * (one + lit * lit), most)
        free[i] = left


@njit(
    "void(float32[:,::1], float32[::1], float32[::1], float32[:,::1], float32[::1], float32[:,::1], float32[:,::1])",
    cache=True,
    nogil=True,
    boundscheck=False,
    error_model="numpy",
)
def light_arm(normals, free, hanging, colour, gloss, light, lit):  # type: ignore[no-untyped-def]
    """lit (N, 4): RGB 0..255 and opacity of vertices with normals (N, 3), which so much of their light reaches, free (N,).

    hanging: (N,), 1 where the limb hangs as it does in the photo, whose light is that of what hangs beside a body; 0 where it is raised in
    front of it, into light that comes from all of the room and back from the clothes.
    """
    count = normals.shape[0]
    # The light comes from where its linear part grows; its highlight lies half way to the viewer.
    lx, ly, lz = light[1, 1], light[1, 2], light[1, 3]
    length = np.sqrt(lx * lx + ly * ly + lz * lz) + 1e-9
    hx, hy, hz = lx / length, ly / length, lz / length - 1.0
    length = np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-9
    hx, hy, hz = hx / length, hy / length, hz / length
    for i in range(count):
        x, y, z = normals[i, 0], normals[i, 1], normals[i, 2]
        z = min(z, 0.0)  # beyond the outline light would be a guess
        length = np.sqrt(x * x + y * y + z * z) + 1e-20
        x, y, z = x / length, y / length, z / length
        edge, beside, raised = x * x, 9 if x < 0.0 else 10, 1.0 - hanging[i]
        # What is seen from the side looks at what is beside and behind a person, where it is darker. Above and below the light has it.
        rim = 1.0 + z
        rim = 1.0 - RIM * rim * rim * rim * (1.0 - 0.6 * abs(y))
        shine = max(x * hx + y * hy + z * hz, 0.0)
        shine = shine * shine
        shine = shine * shine
        shine = shine * shine * gloss[i] * 255.0
        for k in range(3):
            share = (
                light[k, 0] + light[k, 1] * x + light[k, 2] * y + light[k, 3] * z + light[k, 4] * x * y + light[k, 5] * y * z
                + light[k, 6] * (3 * z * z - 1) + light[k, 7] * x * z + light[k, 8] * (x * x - y * y)
            )  # fmt: skip
            # What is in the shade is redder: part of its light has come through skin.
            share *= 1.0 + (min(share, 1.0) - 1.0) * (0.08 * k - 0.07)
            share += FILL * raised * max(1.0 - share, 0.0)
            aside = 1.0 - edge * light[k, beside] * (1.0 - OPEN * raised)
            lit[i, k] = max(share, 0.12) * rim * aside * (1.0 - (1.0 - free[i]) * (0.84 + 0.1 * k))
        mean = (lit[i, 0] + lit[i, 1] + lit[i, 2]) / 3.0
        for k in range(3):
            share = lit[i, k] + EVEN * raised * (mean - lit[i, k])
            share *= 1.0 + raised * (light[k, 11] - 1.0)
            lit[i, k] = min(max(colour[i, k] * share + shine * free[i], 0.0), 255.0)
        lit[i, 3] = colour[i, 3]


@njit(
    "void(uint32[:,:,::1], uint8[:,::1], float32[:,:,::1], int32[:,::1], int16[:,::1], int32[:,::1], float32[:,::1], int32[:,:,::1], "
    "uint32[:,::1], uint8[:,:,::1], int64, int64, int32[:,::1])",
    cache=True,
    nogil=True,
    boundscheck=False,
    error_model="numpy",
)
def draw_arm(  # type: ignore[no-untyped-def]
    samples, touched, depth, positions, vertices, triangles, lit, grain_at, grain, picture, x0, y0, spans
):
    """Triangles (T, 3) with colours of their corners, nearest first by a depth buffer (h, w). Sides that face away are skipped.

    samples: uint32 (h, w, 2), ``SAMPLING`` along each side of a pixel: bytes R, G, B and opacity, then the depth; ``depth`` is the same
    memory as float32. touched: uint8 (h, w), set to 1 where something is drawn; samples hold nothing where it is 0.
    positions: int32 (N, 2) in 1/32 sample. grain: uint32 (h, w), powers of two, what colours are multiplied by, R, G and B from the
    lowest byte on in 1/``GRAIN_ONE``, repeated; grain_at: int32 (T, 3, 2), column and row of it at which each corner lies, in 1/16, by
    the shorter way around. picture: uint8 (h, w, 3 or 4), what is seen through what is not opaque; its pixel
    (x0, y0) is where the samples begin. spans: int32 (h, 2), widened to the first and last sample of each row that is drawn.
    """
    height, width = touched.shape
    wrap_row, wrap_column, side = grain.shape[0] - 1, grain.shape[1] - 1, grain.shape[1]
    turn = np.float32(16 * side)
    one = np.float32(1.0 / GRAIN_ONE)
    byte = np.uint32(255)
    top_value = np.float32(255)
    # Without a sign an index needs no look whether it counts from the end.
    flat_samples, flat_touched, flat_depth, flat_grain = samples.reshape(-1), touched.reshape(-1), depth.reshape(-1), grain.reshape(-1)
    for t in range(triangles.shape[0]):
        a, b, c = np.uint64(triangles[t, 0]), np.uint64(triangles[t, 1]), np.uint64(triangles[t, 2])
        xa, ya = positions[a, 0], positions[a, 1]
        xb, yb = positions[b, 0], positions[b, 1]
        xc, yc = positions[c, 0], positions[c, 1]
        area = np.int64(xb - xa) * (yc - ya) - np.int64(xc - xa) * (yb - ya)
        if area <= 0:
            continue
        opaque = lit[a, 3] + lit[b, 3] + lit[c, 3]
        if opaque < 0.01:
            continue
        top, bottom = max(0, -((-min(ya, yb, yc)) >> 5)), min(height - 1, max(ya, yb, yc) >> 5)
        left, right = max(0, -((-min(xa, xb, xc)) >> 5)), min(width - 1, max(xa, xb, xc) >> 5)
        if top > bottom or left > right:
            continue
        inverse = np.float32(1.0 / area)
        g0x, g1x, g2x = np.int64(yb - yc) * 32, np.int64(yc - ya) * 32, np.int64(ya - yb) * 32
        g0y, g1y, g2y = np.int64(xc - xb) * 32, np.int64(xa - xc) * 32, np.int64(xb - xa) * 32
        row0 = np.int64(xc - xb) * (32 * top - yb) - np.int64(yc - yb) * (32 * left - xb)
        row1 = np.int64(xa - xc) * (32 * top - yc) - np.int64(ya - yc) * (32 * left - xc)
        row2 = np.int64(xb - xa) * (32 * top - ya) - np.int64(yb - ya) * (32 * left - xa)
        # Slopes of depth, place in the grain and colour along a row.
        wa, wb, wc = np.float32(g0x) * inverse, np.float32(g1x) * inverse, np.float32(g2x) * inverse
        za, zb, zc = np.float32(vertices[a, 2]), np.float32(vertices[b, 2]), np.float32(vertices[c, 2])
        dz = wa * za + wb * zb + wc * zc
        ua, ub, uc = np.float32(grain_at[t, 0, 0]), np.float32(grain_at[t, 1, 0]), np.float32(grain_at[t, 2, 0])
        ub -= turn * np.rint((ub - ua) / turn)
        uc -= turn * np.rint((uc - ua) / turn)
        va, vb, vc = np.float32(grain_at[t, 0, 1]), np.float32(grain_at[t, 1, 1]), np.float32(grain_at[t, 2, 1])
        du = wa * ua + wb * ub + wc * uc
        dv = wa * va + wb * vb + wc * vc
        ra, rb, rc = one * lit[a, 0], one * lit[b, 0], one * lit[c, 0]
        ga, gb, gc = one * lit[a, 1], one * lit[b, 1], one * lit[c, 1]
        ka, kb, kc = one * lit[a, 2], one * lit[b, 2], one * lit[c, 2]
        dr = wa * ra + wb * rb + wc * rc
        dg = wa * ga + wb * gb + wc * gc
        dk = wa * ka + wb * kb + wc * kc
        for y in range(top, bottom + 1):
            e0, e1, e2 = row0, row1, row2
            row0 += g0y
            row1 += g1y
            row2 += g2y
            x = left
            while x <= right and (e0 | e1 | e2) < 0:
                e0 += g0x
                e1 += g1x
                e2 += g2x
                x += 1
            if x > right:
                continue
            wa, wb, wc = np.float32(e0) * inverse, np.float32(e1) * inverse, np.float32(e2) * inverse
            spans[y, 0] = min(spans[y, 0], x)
            z = wa * za + wb * zb + wc * zc
            u = wa * ua + wb * ub + wc * uc
            v = wa * va + wb * vb + wc * vc
            red = wa * ra + wb * rb + wc * rc
            green = wa * ga + wb * gb + wc * gc
            blue = wa * ka + wb * kb + wc * kc
            place = np.uint64(y * width + x)
            while x <= right and (e0 | e1 | e2) >= 0:
                if flat_touched[place] == 0 or z < flat_depth[place + place + np.uint64(1)]:
                    factor = flat_grain[np.uint64(((np.int32(v) >> 4) & wrap_row) * side + ((np.int32(u) >> 4) & wrap_column))]
                    r = min(red * np.float32(factor & byte), top_value)
                    g = min(green * np.float32((factor >> 8) & byte), top_value)
                    k = min(blue * np.float32((factor >> 16) & byte), top_value)
                    solid = np.uint32(255)
                    if opaque < 2.99:
                        share = e0 * inverse * lit[a, 3] + e1 * inverse * lit[b, 3] + e2 * inverse * lit[c, 3]
                        if flat_touched[place] == 0:
                            px, py = x0 + x // SAMPLING, y0 + y // SAMPLING
                            ur, ug, uk = picture[py, px, 0], picture[py, px, 1], picture[py, px, 2]
                            us = picture[py, px, 3] if picture.shape[2] == 4 else np.uint8(255)
                        else:
                            under = flat_samples[place + place]
                            ur, ug, uk, us = np.uint8(under), np.uint8(under >> 8), np.uint8(under >> 16), np.uint8(under >> 24)
                        r = ur + share * (r - ur)
                        g = ug + share * (g - ug)
                        k = uk + share * (k - uk)
                        solid = np.uint32(us + share * (top_value - us) + 0.5)
                    flat_depth[place + place + np.uint64(1)] = z
                    flat_touched[place] = 1
                    flat_samples[place + place] = np.uint32(r) | (np.uint32(g) << 8) | (np.uint32(k) << 16) | (solid << 24)
                e0 += g0x
                e1 += g1x
                e2 += g2x
                z += dz
                u += du
                v += dv
                red += dr
                green += dg
                blue += dk
                x += 1
                place += np.uint64(1)
            spans[y, 1] = max(spans[y, 1], x - 1)


@njit(
    "void(uint32[:,:,::1], uint8[:,::1], int32[:,::1], int64, int64, float64, uint8[:,:,::1])",
    cache=True,
    nogil=True,
    boundscheck=False,
)
def resolve_arm(samples, touched, spans, x0, y0, opacity, target):  # type: ignore[no-untyped-def]
    """Blend the mean of each pixel's samples into ``target`` at (x0, y0) by the share of them that is touched and by ``opacity``; a fourth
    channel is the opacity, by which the others are premultiplied. samples, touched, spans: as ``draw_arm`` leaves them."""
    width, channels = touched.shape[1], target.shape[2]
    lanes = np.uint32(0x00FF00FF)
    scale = np.int64(opacity * 65536.0 + 0.5) // (SAMPLING * SAMPLING)
    flat_samples, flat_touched, flat_target = samples.reshape(-1), touched.reshape(-1), target.reshape(-1)
    for y in range(touched.shape[0] // SAMPLING):
        first, last = spans[y * SAMPLING, 0], spans[y * SAMPLING, 1]
        for j in range(y * SAMPLING + 1, (y + 1) * SAMPLING):
            first, last = min(first, spans[j, 0]), max(last, spans[j, 1])
        for x in range(first // SAMPLING, last // SAMPLING + 1):
            count, red_blue, green_solid = np.int64(0), np.uint32(0), np.uint32(0)
            for j in range(SAMPLING):
                place = np.uint64((y * SAMPLING + j) * width + x * SAMPLING)
                for i in range(SAMPLING):
                    here = flat_touched[place + np.uint64(i)]
                    sample = flat_samples[np.uint64(2) * (place + np.uint64(i))] if here else np.uint32(0)
                    count += here
                    red_blue += sample & lanes
                    green_solid += (sample >> 8) & lanes
            if count:
                pixel = np.uint64(((y0 + y) * target.shape[1] + x0 + x) * channels)
                low, high = np.int64(red_blue), np.int64(green_solid)
                for k in range(channels):
                    total = ((low if k % 2 == 0 else high) >> (16 if k >= 2 else 0)) & 0xFFFF
                    under = np.int64(flat_target[pixel + np.uint64(k)])
                    flat_target[pixel + np.uint64(k)] = (under * 65536 + (total - count * under) * scale + 32768) >> 16


@njit("void(int16[:,::1], float32[:,::1], int64, int64, int64, float32[:,::1])", cache=True, nogil=True, boundscheck=False)
def splat(vertices, lit, cell, shift_x, shift_y, grid):  # type: ignore[no-untyped-def]
    """Mark in ``grid`` (h, w), a cell of ``cell`` pixels each, what vertices (N, 3 int16) cover, moved by a shift in pixels."""
    for i in range(vertices.shape[0]):
        if lit[i, 3] < 0.5:
            continue
        x = (vertices[i, 0] // VERTEX_SUBPIXEL + shift_x) // cell
        y = (vertices[i, 1] // VERTEX_SUBPIXEL + shift_y) // cell
        if 0 <= x < grid.shape[1] and 0 <= y < grid.shape[0]:
            grid[y, x] = 1.0


@njit(
    "void(uint8[:,:,::1], float32[:,::1], int64, int64, int64, float64, float64)", cache=True, nogil=True, boundscheck=False,
    error_model="numpy",
)  # fmt: skip
def darken(target, grid, cell, left, top, scale, strength):  # type: ignore[no-untyped-def]
    """Darken ``target`` (h, w, 3 or 4) by the bilinear value of ``grid``, whose cells are ``cell`` pixels of the 512x768 picture wide.
    left, top, scale: as in ``video.view.View``."""
    rows, columns = grid.shape
    wide = cell * scale
    for gy in range(-1, rows):
        up, low = max(gy, 0), min(gy + 1, rows - 1)
        y0, y1 = int(np.ceil((gy + 0.5) * wide - top * scale - 0.5)), int(np.ceil((gy + 1.5) * wide - top * scale - 0.5))
        y0, y1 = max(y0, 0), min(y1, target.shape[0])
        if y0 >= y1:
            continue
        for gx in range(-1, columns):
            near, far = max(gx, 0), min(gx + 1, columns - 1)
            a, b, c, d = grid[up, near], grid[up, far], grid[low, near], grid[low, far]
            if a + b + c + d < 0.01:
                continue
            x0, x1 = int(np.ceil((gx + 0.5) * wide - left * scale - 0.5)), int(np.ceil((gx + 1.5) * wide - left * scale - 0.5))
            x0, x1 = max(x0, 0), min(x1, target.shape[1])
            for y in range(y0, y1):
                v = np.float32((y + 0.5 + top * scale) / wide - 0.5 - gy)
                begin, end = a + (c - a) * v, b + (d - b) * v
                for x in range(x0, x1):
                    u = np.float32((x + 0.5 + left * scale) / wide - 0.5 - gx)
                    keep = np.int64(256.0 * (1.0 - strength * (begin + (end - begin) * u)))
                    target[y, x, 0] = (target[y, x, 0] * keep + 128) >> 8
                    target[y, x, 1] = (target[y, x, 1] * keep + 128) >> 8
                    target[y, x, 2] = (target[y, x, 2] * keep + 128) >> 8
