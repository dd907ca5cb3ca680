"""Figures of body and hands, measured on the motion alone: how much they rest, how often they strike and when, how steady they are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.data.gesture_kinds import WAIST
from visavis.motion.layout import ARKIT_NAMES, FACE, HEAD_POSITION, HEAD_ROTATION, head_euler_from_rotation, rotation_from_6d
from visavis.motion.skeleton import WRIST_AT_REST, clearance, joints_of
from visavis.timing import FRAME_RATE

Array = NDArray[np.float64]

EYES_APART = 0.063
"""Metres between the eyes (mean of adults), which jitter is given in."""
NEAR_REST = 0.09
"""Metres from a resting place within which a hand counts as resting."""
STROKE_SPEED, STROKE_DROP = 0.30, 0.015
"""A stroke is at least so fast (m/s) at its middle and goes so far down or forwards (metres)."""
NOSE = np.array([0.0, 0.05, -0.10])
"""Of a head, from its pivot; what its jitter is measured at."""

MOUTH = np.array([name.startswith(("jaw", "mouth")) and not name.startswith("mouthSmile") for name in ARKIT_NAMES])
"""Which of the face's weights say something; a smile is mood, and may come and go with the seed."""


@dataclass(frozen=True)
class GestureFigures:
    """rest: share of frames with both hands at rest. strokes: a minute. offset: median of apex minus the nearest accent, seconds (NaN
    without strokes); spread: half of the distance between its quartiles. near: share of strokes within 0.2 s of an accent. wrist_jitter,
    head_jitter: 95th percentile of the second difference a frame, in distances between the eyes. touching: share of frames in which arms
    or hands pass into the body or each other. reach: 95th percentile of the hands' distance from where they hang, metres."""

    rest: float
    strokes: float
    offset: float
    spread: float
    near: float
    wrist_jitter: float
    head_jitter: float
    touching: float
    reach: float


def measure(motions: list[NDArray[np.float32]], accents: list[Array]) -> GestureFigures:
    """motions: clips (n, MOTION_DIM); accents: of each clip, seconds."""
    resting, counted, offsets, wrists, heads, touching, reach = [], 0, [], [], [], [], []
    for motion, times in zip(motions, accents, strict=True):
        joints = joints_of(motion)
        resting.append(at_rest(joints))
        apexes = find_apexes(joints)
        counted += len(apexes)
        if len(times):
            offsets += [float((apex - times)[np.abs(times - apex).argmin()]) for apex in apexes]
        for side in ("left", "right"):
            wrists.append(_jolts(joints[f"{side}_wrist"]))
            reach.append(np.linalg.norm(_from_shoulder(joints, side) - WRIST_AT_REST, axis=1))
        heads.append(_jolts(nose_path(motion)))
        touching.append(clearance(joints) < 0)
    minutes = sum(len(motion) for motion in motions) / FRAME_RATE / 60
    quartiles = np.percentile(offsets, [25, 50, 75]) if offsets else np.full(3, np.nan)
    return GestureFigures(
        rest=float(np.concatenate(resting).mean()),
        strokes=counted / minutes,
        offset=float(quartiles[1]),
        spread=float(quartiles[2] - quartiles[0]) / 2,
        near=float(np.mean(np.abs(offsets) < 0.2)) if offsets else float("nan"),
        wrist_jitter=float(np.percentile(np.concatenate(wrists), 95)),
        head_jitter=float(np.percentile(np.concatenate(heads), 95)),
        touching=float(np.concatenate(touching).mean()),
        reach=float(np.percentile(np.concatenate(reach), 95)),
    )


def at_rest(joints: dict[str, Array]) -> NDArray[np.bool_]:
    """Frames (n,) in which both hands hang or wait in front of the body."""
    waist = np.array(WAIST.place) * [1, 1, -1]
    both = np.ones(len(joints["spine"]), bool)
    for side in ("left", "right"):
        wrist = _from_shoulder(joints, side)
        both &= (np.linalg.norm(wrist - WRIST_AT_REST, axis=1) < NEAR_REST) | (np.linalg.norm(wrist - waist, axis=1) < NEAR_REST)
    return both


def find_apexes(joints: dict[str, Array]) -> list[float]:
    """Seconds at which strokes of either hand end: quick ways down or forwards that do not end at rest. Both hands at once count once."""
    resting = at_rest(joints)
    found: list[tuple[float, float]] = []
    for side in ("left", "right"):
        path = _from_shoulder(joints, side)
        speed = np.linalg.norm(np.gradient(path, axis=0), axis=1) * FRAME_RATE
        peaks = [
            frame
            for frame in range(2, len(speed) - 6)
            if speed[frame] > STROKE_SPEED and speed[frame] == speed[frame - 2 : frame + 3].max()
        ]
        for peak in peaks:
            end = next((frame for frame in range(peak, min(peak + 10, len(speed))) if speed[frame] < 0.35 * speed[peak]), None)
            if end is None:
                continue
            begin = next((frame for frame in range(peak, max(peak - 10, 0), -1) if speed[frame] < 0.35 * speed[peak]), max(peak - 10, 0))
            way = path[end] - path[begin]
            if way[1] - way[2] > STROKE_DROP and way[2] < 0.03 and not resting[min(end + 3, len(resting) - 1)] and not resting[begin]:
                found.append(((end + 0.5) / FRAME_RATE, float(speed[peak])))
    apexes: list[float] = []
    for time, _ in sorted(found):
        if not apexes or time - apexes[-1] > 0.2:
            apexes.append(time)
    return apexes


def nose_path(motion: NDArray[np.float32]) -> Array:
    """(n, 3) metres: what turns and shifts of the head do to the tip of the nose."""
    return rotation_from_6d(motion[:, HEAD_ROTATION]).astype(np.float64) @ NOSE + motion[:, HEAD_POSITION]


@dataclass(frozen=True)
class Diversity:
    """Root mean square difference of two takes: hands (metres), head (degrees), mouth (ARKit weight)."""

    hands: float
    head: float
    mouth: float


def diversity(first: NDArray[np.float32], second: NDArray[np.float32]) -> Diversity:
    one, two = joints_of(first), joints_of(second)
    apart = np.concatenate([np.linalg.norm(one[f"{side}_wrist"] - two[f"{side}_wrist"], axis=1) for side in ("left", "right")])
    turns = [head_euler_from_rotation(rotation_from_6d(motion[:, HEAD_ROTATION])) for motion in (first, second)]
    mouth = first[:, FACE][:, MOUTH] - second[:, FACE][:, MOUTH]
    return Diversity(
        float(np.sqrt((apart**2).mean())),
        float(np.sqrt(((turns[0] - turns[1]) ** 2).sum(axis=1).mean())),
        float(np.sqrt((mouth**2).mean())),
    )


def _from_shoulder(joints: dict[str, Array], side: str) -> Array:
    """Wrist from the shoulder (n, 3), as a left arm's."""
    away = joints[f"{side}_wrist"] - joints[f"{side}_shoulder"]
    return away * [1 if side == "left" else -1, 1, 1]


def _jolts(path: Array) -> Array:
    """Size of the second difference (n - 2,), in distances between the eyes."""
    return np.linalg.norm(np.diff(path, 2, axis=0), axis=1) / EYES_APART
