"""The loops of ``shift_map``, compiled."""

import numpy as np
from numpy.typing import NDArray

from visavis.compiled import njit

UNSEEN, MOST = 90.0, 150.0
"""Distance of features (0..255) from what is not seen in the photo; and the largest that counts: that of two different things."""


@njit("float32(float32[:,:,::1], uint8[:,::1], int64, int64, int64, int64)", cache=True, nogil=True)
def _distance(features: NDArray[np.float32], seen: NDArray[np.uint8], y0: int, x0: int, y1: int, x1: int) -> np.float32:
    height, width, channels = features.shape
    first = 0 <= y0 < height and 0 <= x0 < width and seen[y0, x0] > 0
    second = 0 <= y1 < height and 0 <= x1 < width and seen[y1, x1] > 0
    if not first and not second:
        return np.float32(0)
    if not first or not second:
        return np.float32(UNSEEN)
    total = np.float32(0)
    for c in range(channels):
        off = features[y0, x0, c] - features[y1, x1, c]
        total += off * off
    return np.float32(min(np.sqrt(total), MOST))


@njit("float32(float32[:,:,::1], uint8[:,::1], int64, int64, int64, int64, int32[:,::1], int64, int64)", cache=True, nogil=True)
def _seam(
    features: NDArray[np.float32], seen: NDArray[np.uint8], y: int, x: int, v: int, u: int, shifts: NDArray[np.int32], a: int, b: int
) -> np.float32:
    """How much it shows that of two neighbours (y, x) comes with shift a and (v, u) with shift b."""
    if a == b:
        return np.float32(0)
    ay, ax, by, bx = shifts[a, 0], shifts[a, 1], shifts[b, 0], shifts[b, 1]
    return _distance(features, seen, y + ay, x + ax, y + by, x + bx) + _distance(features, seen, v + ay, u + ax, v + by, u + bx)


@njit(
    "int64(float32[:,:,::1], uint8[:,::1], uint8[:,::1], uint8[:,::1], float32[:,::1], int32[:,::1], float32[::1], int32[:,::1], int64)",
    cache=True,
    nogil=True,
)
def expand(
    features: NDArray[np.float32],
    seen: NDArray[np.uint8],
    source: NDArray[np.uint8],
    may: NDArray[np.uint8],
    weight: NDArray[np.float32],
    shifts: NDArray[np.int32],
    costs: NDArray[np.float32],
    labels: NDArray[np.int32],
    alpha: int,
) -> int:
    """One expansion move (Boykov, Veksler and Zabih 2001): gives shift ``alpha`` to just those of the pixels in ``may`` with which the sum
    of costs and of seams, as heavy as ``weight`` says, becomes least, by a minimum cut (Dinic 1970).

    features: (h, w, channels), of which only what is ``seen`` counts. source: what may be copied. shifts: (K, 2) rows and columns. costs:
    (K,), what a pixel of each shift costs. labels: (h, w), the shift of each pixel, below 0 for none; changed in place. Returns how many
    changed.
    """
    height, width = labels.shape
    dy, dx = (0, 0, -1, 1), (-1, 1, 0, 0)
    node = np.full((height, width), -1, np.int32)
    count = 0
    top, bottom, left, right = height, 0, width, 0
    for y in range(height):
        for x in range(width):
            if may[y, x] > 0 and labels[y, x] != alpha:
                v, u = y + shifts[alpha, 0], x + shifts[alpha, 1]
                if 0 <= v < height and 0 <= u < width and source[v, u] > 0:
                    node[y, x] = count
                    count += 1
                    top, bottom, left, right = min(top, y), y + 1, min(left, x), max(right, x + 1)
    if count == 0:
        return 0
    neighbour, capacity = np.full((count, 4), -1, np.int32), np.zeros((count, 4), np.int64)
    terminal = np.zeros(count, np.int64)
    for y in range(top, bottom):
        for x in range(left, right):
            n = node[y, x]
            if n < 0:
                continue
            here = labels[y, x]
            change = costs[alpha] - costs[here]
            for d in range(4):
                v, u = y + dy[d], x + dx[d]
                if not (0 <= v < height and 0 <= u < width) or labels[v, u] < 0:
                    continue
                m, there = node[v, u], labels[v, u]
                w = min(weight[y, x], weight[v, u])
                if m < 0:
                    change += w * _seam(features, seen, y, x, v, u, shifts, alpha, there)
                    change -= w * _seam(features, seen, y, x, v, u, shifts, here, there)
                elif d % 2 == 1:  # each pair once
                    stay = w * _seam(features, seen, y, x, v, u, shifts, here, there)
                    second = w * _seam(features, seen, y, x, v, u, shifts, here, alpha)
                    first = w * _seam(features, seen, y, x, v, u, shifts, alpha, there)
                    change += first - stay
                    terminal[m] -= int(16 * first)
                    neighbour[n, d], neighbour[m, d - 1] = m, n
                    capacity[n, d] = int(16 * max(second + first - stay, 0))
            terminal[n] += int(16 * change)
    level, arc, queue = np.empty(count, np.int32), np.empty(count, np.int8), np.empty(count, np.int32)
    path = np.empty(count, np.int32)
    while True:
        end = 0
        level[:] = -1
        arc[:] = 0
        for n in range(count):
            if terminal[n] > 0:
                level[n] = 0
                queue[end] = n
                end += 1
        begin, reached = 0, False
        while begin < end:
            n = queue[begin]
            begin += 1
            reached |= terminal[n] < 0
            for d in range(4):
                m = neighbour[n, d]
                if m >= 0 and capacity[n, d] > 0 and level[m] < 0:
                    level[m] = level[n] + 1
                    queue[end] = m
                    end += 1
        if not reached:
            break
        for k in range(end):
            start = queue[k]
            if level[start] != 0:
                break
            depth = 0
            path[0] = start
            while depth >= 0 and terminal[start] > 0:
                n = path[depth]
                if terminal[n] < 0:
                    flow = min(terminal[start], -terminal[n])
                    for i in range(depth):
                        flow = min(flow, capacity[path[i], arc[path[i]]])
                    terminal[start] -= flow
                    terminal[n] += flow
                    back = depth
                    for i in range(depth - 1, -1, -1):
                        p, d = path[i], arc[path[i]]
                        capacity[p, d] -= flow
                        capacity[neighbour[p, d], d ^ 1] += flow
                        if capacity[p, d] == 0:
                            back = i
                    depth = back
                    continue
                advanced = False
                while arc[n] < 4:
                    m = neighbour[n, arc[n]]
                    if m >= 0 and capacity[n, arc[n]] > 0 and level[m] == level[n] + 1:
                        advanced = True
                        break
                    arc[n] += 1
                if advanced:
                    depth += 1
                    path[depth] = m
                else:
                    level[n] = -1
                    depth -= 1
                    if depth >= 0:
                        arc[path[depth]] += 1
    # What the source no longer reaches lies beyond the cut; levels were spoilt by no path in the last round.
    changed = 0
    for y in range(top, bottom):
        for x in range(left, right):
            if node[y, x] >= 0 and level[node[y, x]] < 0:
                labels[y, x] = alpha
                changed += 1
    return changed


@njit("void(float32[:,:,::1], float32[:,:,:,::1], float32[:,:,::1], uint8[:,::1], float32, float32, int64)", cache=True, nogil=True)
def relax(
    values: NDArray[np.float32],
    jumps: NDArray[np.float32],
    weights: NDArray[np.float32],
    free: NDArray[np.uint8],
    pull: float,
    over: float,
    rounds: int,
) -> None:
    """Rounds of successive over-relaxation (factor ``over``) on float32 ``values`` (h, w, 3), which are to differ from the next ones to the
    right and below by ``jumps`` (2, h, w, 3) as much as ``weights`` (2, h, w) say, while ``pull`` draws them to 0. Those not ``free``
    stay."""
    height, width = free.shape
    for step in range(rounds):
        for row in range(height):
            y = row if step % 2 == 0 else height - 1 - row
            for column in range(width):
                x = column if step % 2 == 0 else width - 1 - column
                if free[y, x] == 0:
                    continue
                right = weights[0, y, x] if x + 1 < width else np.float32(0)
                left = weights[0, y, x - 1] if x > 0 else np.float32(0)
                below = weights[1, y, x] if y + 1 < height else np.float32(0)
                above = weights[1, y - 1, x] if y > 0 else np.float32(0)
                share = over / (pull + right + left + below + above)
                for c in range(3):
                    total = np.float32(0)
                    if right > 0:
                        total += right * (values[y, x + 1, c] - jumps[0, y, x, c])
                    if left > 0:
                        total += left * (values[y, x - 1, c] + jumps[0, y, x - 1, c])
                    if below > 0:
                        total += below * (values[y + 1, x, c] - jumps[1, y, x, c])
                    if above > 0:
                        total += above * (values[y - 1, x, c] + jumps[1, y - 1, x, c])
                    values[y, x, c] += share * total - over * values[y, x, c]
