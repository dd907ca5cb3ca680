"""From what was seen of a person in a film to motion of the layout at 30 frames a second, and to a corpus item of real motion.

What one camera cannot see is said by rule: the torso is taken for still and facing the camera, elbows hang, a hand out of the picture
sinks to rest. What was seen is marked frame by frame.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.data.body import at_rest, body_path
from visavis.data.corpus import Item, motion_path, save_item, write_npz
from visavis.data.hand_fit import fit_arm, fit_hand, palm_rotation
from visavis.data.prosody import gaussian
from visavis.data.tracking import Track
from visavis.motion.hands import from_mano, to_mano
from visavis.motion.layout import (
    BODY,
    BODY_JOINTS,
    FACE,
    FACE_OFFSET,
    HEAD_POSITION,
    HEAD_ROTATION,
    LEFT_HAND,
    RIGHT_HAND,
    check_motion,
    rotation_from_6d,
    rotation_to_6d,
)
from visavis.motion.skeleton import NECK, SHOULDER, hand_frame, joints_of
from visavis.timing import FRAME_RATE, frame_to_sample

Array = NDArray[np.float64]

LONGEST_FILLED_S = 0.4
"""Gaps up to this are filled by straight lines and count as known."""
SHORTEST_HAND_S = 0.2
"""A hand that is seen for less is none."""
SINKING_S = 0.7
"""A hand that leaves the picture is at rest after this long, and left it this long before it comes back."""
HEAD_SMOOTHING, HAND_SMOOTHING = 1.0, 1.5
"""Frames, standard deviation."""

EYES = np.array([0.0, -0.027, -0.040])
"""Metres from the middle of MediaPipe's canonical face to between its eyes."""

SIDES = ("left", "right")
_SLICES = {"left": LEFT_HAND, "right": RIGHT_HAND}


@dataclass(frozen=True)
class TrackedMotion:
    """motion: float32 (frames, MOTION_DIM), whole. face_seen, left_seen, right_seen: (frames,), where it was seen, or lies in a gap of at
    most ``LONGEST_FILLED_S``; elsewhere the motion bridges by straight lines (face, head) or rests (arms, hands). filled: (frames,), where
    the face lies in such a short gap."""

    motion: NDArray[np.float32]
    face_seen: NDArray[np.bool_]
    left_seen: NDArray[np.bool_]
    right_seen: NDArray[np.bool_]
    filled: NDArray[np.bool_]


def motion_of(track: Track, as_seen: bool = False, offsets: NDArray[np.float32] | None = None) -> TrackedMotion:
    """Frames at 30 a second, frame 0 at the first picture. The head is turned so that its middle direction looks ahead, unless
    ``as_seen``: then it stays turned as the camera saw it. offsets: implicit refinement of the face in each picture, as
    ``film_offset.film_offsets`` gives it."""
    at = np.arange(int(track.times[-1] * FRAME_RATE + 1e-3) + 1) / FRAME_RATE
    motion = at_rest(len(at))
    known = ~np.isnan(track.face[:, 0])
    seen, filled = coverage(track.times, known, at)
    motion[:, FACE] = np.clip(resample(track.times, track.face, known, at), 0, 1)
    if offsets is not None:
        motion[:, FACE_OFFSET] = gaussian(resample(track.times, offsets.astype(np.float64), known, at), HEAD_SMOOTHING)
    rotation = rotation_from_6d(gaussian(resample(track.times, _six(track.rotation), known, at), HEAD_SMOOTHING)).astype(np.float64)
    pivot = track.position + track.rotation @ (EYES + NECK)
    place = gaussian(resample(track.times, pivot, known, at), HEAD_SMOOTHING)
    rest = np.median(place[seen], axis=0)
    motion[:, HEAD_POSITION] = place - rest
    if not as_seen:
        middle = rotation_from_6d(_six(rotation[seen]).mean(axis=0)).astype(np.float64)
        rotation = middle.T @ rotation
    motion[:, HEAD_ROTATION] = _six(rotation)
    hands = {side: _put_hand(motion, track, side, at, rest - NECK) for side in SIDES}
    return TrackedMotion(motion, seen, hands["left"], hands["right"], filled)


def _put_hand(motion: NDArray[np.float32], track: Track, side: str, at: Array, eyes: Array) -> NDArray[np.bool_]:
    """Writes arm and hand of one side into the motion; returns where they were seen. eyes: metres (3,) from the camera to between them."""
    known = _lasting(track.times, ~np.isnan(track.wrist[side][:, 0]))
    if known.sum() < 2:
        return np.zeros(len(at), bool)
    seen, _ = coverage(track.times, known, at)
    points = track.hand[side]
    turn, values = np.full((len(points), 6), np.nan), np.full((len(points), 16), np.nan)
    turn[known], values[known] = _six(palm_rotation(points[known], side)), fit_hand(points[known], side)
    goal = np.concatenate([track.wrist[side] - eyes, turn, values], axis=1)
    path = resample(track.times, goal, known, at)
    # what was seen is smoothed within itself; then it comes from rest and goes back to it
    rest = _resting(side)
    share = _presence(seen)[:, None]
    path = rest + share * (gaussian(path, HAND_SMOOTHING) - rest)
    mirror = np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
    turns = fit_arm(path[:, :3] - mirror * SHOULDER, rotation_from_6d(path[:, 3:9]).astype(np.float64), side)
    body = motion[:, BODY].reshape(len(motion), len(BODY_JOINTS), 6)
    moved = share[:, 0] > 0
    for name, rotation in turns.items():
        body[moved, BODY_JOINTS.index(f"{side}_{name}")] = _six(rotation)[moved]
    motion[:, BODY] = body.reshape(len(motion), -1)
    motion[:, _SLICES[side]] = to_mano(path[:, 9:], side)
    return seen


def _resting(side: str) -> Array:
    """Wrist, turn of the hand and hand values (25,) of the arm at rest."""
    motion = at_rest(1)
    body = rotation_from_6d(motion[:, BODY].reshape(len(BODY_JOINTS), 6)).astype(np.float64)
    turn = np.eye(3)
    for joint in ("clavicle", "upper_arm", "lower_arm", "wrist"):
        turn = turn @ body[BODY_JOINTS.index(f"{side}_{joint}")]
    wrist = joints_of(motion)[f"{side}_wrist"][0]
    return np.concatenate([wrist, _six(turn @ hand_frame(side)), from_mano(motion[0, _SLICES[side]], side)])


def resample(times: Array, values: Array, known: NDArray[np.bool_], at: Array) -> Array:
    """Values (n, k) at ``times``, where they are known, by straight lines at the times ``at``."""
    return np.stack([np.interp(at, times[known], column) for column in values[known].T], axis=1)


def coverage(times: Array, known: NDArray[np.bool_], at: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of the times ``at`` lie where something was seen or in a short gap, and which in such a gap."""
    usual = float(np.median(np.diff(times)))
    seen_at = times[known]
    after = np.searchsorted(seen_at, at - 1e-6)
    before = np.maximum(np.searchsorted(seen_at, at + 1e-6, side="right") - 1, 0)
    outside = (after == len(seen_at)) | (seen_at[before] > at + 1e-6)
    gap = np.where(outside, np.inf, seen_at[np.minimum(after, len(seen_at) - 1)] - seen_at[before])
    nearest = np.minimum(np.abs(at - seen_at[np.minimum(after, len(seen_at) - 1)]), np.abs(at - seen_at[before]))
    # at either end of what was seen, half a picture beyond still counts
    fresh = (gap <= 1.6 * usual) | (nearest <= 0.5 * usual + 1e-6)
    return fresh | (gap <= LONGEST_FILLED_S), ~fresh & (gap <= LONGEST_FILLED_S)


def _lasting(times: Array, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without what is seen for less than ``SHORTEST_HAND_S`` at a time."""
    kept = known.copy()
    index = np.flatnonzero(known)
    for piece in np.split(index, np.flatnonzero(np.diff(times[index]) > LONGEST_FILLED_S) + 1):
        if len(piece) and times[piece[-1]] - times[piece[0]] < SHORTEST_HAND_S:
            kept[piece] = False
    return kept


def _presence(seen: NDArray[np.bool_]) -> Array:
    """1 where seen, sinking smoothly to 0 within ``SINKING_S`` before and after: (frames,)."""
    index = np.flatnonzero(seen)
    frames = np.arange(len(seen))
    place = np.searchsorted(index, frames)
    away = np.minimum(np.abs(frames - index[np.minimum(place, len(index) - 1)]), np.abs(frames - index[np.maximum(place - 1, 0)]))
    rest = np.clip(away / (SINKING_S * FRAME_RATE), 0, 1)
    return np.asarray(1 - rest * rest * (3 - 2 * rest))


def _six(rotation: Array) -> Array:
    return np.asarray(rotation_to_6d(rotation), np.float64)


def lined_up(samples: NDArray[np.int16], delay_s: float, frames: int) -> NDArray[np.int16]:
    """Sound that begins ``delay_s`` after the first picture, cut or filled with silence so that it lasts as long as the frames."""
    shift = round(delay_s * frame_to_sample(FRAME_RATE))
    moved = np.concatenate([np.zeros(max(shift, 0), np.int16), samples[max(-shift, 0) :]])
    length = frame_to_sample(frames)
    return np.concatenate([moved, np.zeros(max(length - len(moved), 0), np.int16)])[:length]


def save_tracked(folder: Path, name: str, split: str, tracked: TrackedMotion, samples: NDArray[np.int16] | None) -> Path:
    """Writes the corpus item ``name``: sound (without phones, which nobody knows), face and head, body and hands; returns the motion file.

    samples: int16 at 16 kHz, as long as the frames; None for a film without sound, which gives silence.
    """
    frames = len(tracked.motion)
    heard = np.zeros(frame_to_sample(frames), np.int16) if samples is None else samples
    item = save_item(folder, Item(name, heard, (), "a person", "", split))
    head = np.concatenate([tracked.motion[:, HEAD_ROTATION], tracked.motion[:, HEAD_POSITION]], axis=1)
    path = write_npz(
        motion_path(item),
        face=tracked.motion[:, FACE],
        head=head,
        offset=tracked.motion[:, FACE_OFFSET],
        face_seen=tracked.face_seen,
        filled=tracked.filled,
        tracked=np.array(True),
    )
    write_npz(
        body_path(item),
        body=tracked.motion[:, BODY],
        left=tracked.motion[:, LEFT_HAND],
        right=tracked.motion[:, RIGHT_HAND],
        left_seen=tracked.left_seen,
        right_seen=tracked.right_seen,
        tracked=np.array(True),
    )
    return path


def read_motion(path: Path) -> NDArray[np.float32]:
    """Motion (frames, MOTION_DIM) of a file ``NAME.motion.npz`` of any corpus, with the body and hands beside it if they are there.
    ValueError where it is none."""
    try:
        with np.load(path) as data:
            face, head, offset = data["face"], data["head"], data.get("offset")
        motion = at_rest(len(face))
        motion[:, FACE], motion[:, HEAD_ROTATION], motion[:, HEAD_POSITION] = face, head[:, :6], head[:, 6:]
        if offset is not None:
            motion[:, FACE_OFFSET] = offset
        beside = body_path(path.with_name(path.name.removesuffix(".motion.npz") + ".npz"))
        if beside.exists():
            with np.load(beside) as data:
                motion[:, BODY], motion[:, LEFT_HAND], motion[:, RIGHT_HAND] = data["body"], data["left"], data["right"]
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is no motion of a corpus ({error}): name a NAME.motion.npz that `visavis data` wrote") from error
    return check_motion(motion)
