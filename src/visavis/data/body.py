"""The teacher of body and hands: posture, breath, and speech gestures for speech whose phones are known. What the body model learns from.

All of it is procedural; DATA.md says what it was made to resemble. Kept as ``body/<item>.npz`` in the folder of the corpus: ``body``
float32 (frames, 60), ``left``, ``right`` float32 (frames, 45), and what was planned: ``kind`` int16 (frames,), ``strokes`` float64 (n, 2)
beginning and apex in seconds, ``code`` float32 (frames, CODE), ``amplitude``.
"""

from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from visavis.data.arms import mirrored, pose_arm
from visavis.data.corpus import Item, is_tracked, load_item, motion_path, write_npz
from visavis.data.gesture_kinds import ARM_VALUES, CODE, DEVIATE, FLEX, PLACE, REST, SHAPE, SWIVEL, TWIST
from visavis.data.gestures import Move, Planner
from visavis.data.head import ease, slow_noise
from visavis.data.phones import Phone
from visavis.data.prosody import analyse, gaussian
from visavis.motion.hands import to_mano
from visavis.motion.layout import (
    BODY,
    BODY_JOINTS,
    LEFT_HAND,
    RIGHT_HAND,
    head_euler_from_rotation,
    neutral_motion,
    rotation_from_6d,
    rotation_to_6d,
)
from visavis.motion.skeleton import clearance, joints_of, rotation_from_vector
from visavis.timing import FRAME_RATE, frames_in

BODY_TEACHER_VERSION = 2
"""Kept in every file; raised when the same speech gives other motion, so that stale files are made again."""

BODY_FOLDER = "body"
AMPLITUDE_SPREAD = 0.25
"""Standard deviation of the logarithm of speakers' gesture size."""
STYLE_RANGE = (0.55, 1.65)
"""Gesture sizes that speakers have."""
MARGIN = 0.012
"""Metres that hands and forearms keep from torso and head at least."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TaughtBody:
    """See the module. strokes: (n, 2) seconds."""

    body: NDArray[np.float32]
    left: NDArray[np.float32]
    right: NDArray[np.float32]
    kind: NDArray[np.int16]
    strokes: NDArray[np.float64]
    code: NDArray[np.float32]
    amplitude: float

    def put_into(self, motion: NDArray[np.float32]) -> NDArray[np.float32]:
        """A copy of frames (n, MOTION_DIM) with this body and these hands."""
        motion = motion.copy()
        motion[:, BODY], motion[:, LEFT_HAND], motion[:, RIGHT_HAND] = self.body, self.left, self.right
        return motion


def teach_body(
    samples: NDArray[np.int16], phones: tuple[Phone, ...], head: NDArray[np.float32], seed: int, amplitude: float | None = None
) -> TaughtBody:
    """Body and hands for int16 samples at 16 kHz with their phones and the head's motion (frames, 9). amplitude: of gestures; drawn from
    the seed if None."""
    rng = np.random.default_rng([seed, 11])
    drawn = float(np.clip(np.exp(rng.normal(0, AMPLITUDE_SPREAD)), *STYLE_RANGE))
    amplitude = drawn if amplitude is None else amplitude
    rate = float(amplitude**0.6 * np.exp(rng.normal(0, 0.1)))
    frames = frames_in(len(samples))
    prosody = analyse(samples, phones)
    plan = Planner(prosody, amplitude, rate, rng).plan()
    arms = {side: follow(moves, frames) + _unrest(frames, rng) for side, moves in (("left", plan.left), ("right", plan.right))}
    spine, breath = _posture(head, arms, frames, rng)
    for _ in range(4):
        taught = _assemble(arms, spine, breath)
        short = MARGIN - clearance(joints_of(taught))
        if short.max() <= 0:
            break
        # forwards and outwards, away from the body, and smoothly in time
        push = gaussian(_widest(np.maximum(short + 0.01, 0), 6), 4.0)
        for arm in arms.values():
            arm[:, 0] += 0.5 * push
            arm[:, 2] -= push
    motion = _assemble(arms, spine, breath)
    times = (np.arange(frames) + 0.5) / FRAME_RATE
    kind = np.array([index for _, index in plan.kinds], np.int16)[_last([time for time, _ in plan.kinds], times)]
    code = np.array([values for _, values in plan.codes], np.float32)[_last([time for time, _ in plan.codes], times)]
    return TaughtBody(
        motion[:, BODY], motion[:, LEFT_HAND], motion[:, RIGHT_HAND], kind, np.array(plan.strokes).reshape(-1, 2), code, amplitude
    )


def at_rest(frames: int) -> NDArray[np.float32]:
    """(frames, MOTION_DIM): nothing moves; arms hang, hands are relaxed."""
    arm = np.tile(REST.at(0, 1.0, np.zeros(CODE)), (frames, 1))
    return _assemble({"left": arm, "right": arm}, np.zeros((frames, 3)), np.zeros(frames))


def follow(moves: tuple[Move, ...], frames: int) -> Array:
    """(frames, ARM_VALUES): from rest through all moves, each one a quintic from the place, speed and acceleration where it begins to
    stillness at its target; a move that begins earlier than the last one has arrived takes over."""
    path = np.empty((frames, ARM_VALUES))
    times = (np.arange(frames) + 0.5) / FRAME_RATE
    begin, current = 0.0, _Quintic(REST.at(0, 1.0, np.zeros(CODE)), np.zeros(ARM_VALUES), np.zeros(ARM_VALUES), np.zeros(ARM_VALUES), 1.0)
    current = _Quintic(current.place, current.speed, current.pull, current.place, 1.0)
    done = 0
    for move in (*moves, None):
        until = frames if move is None else int(np.searchsorted(times, move.start))
        path[done:until] = current.at(times[done:until] - begin)[0]
        done = max(done, until)
        if move is not None:
            place, speed, pull = (values[0] for values in current.at(np.array([max(move.start - begin, 0.0)])))
            begin, current = move.start, _Quintic(place, speed, pull, move.target, move.seconds)
    return path


@dataclass(frozen=True)
class _Quintic:
    place: Array
    speed: Array
    pull: Array
    target: Array
    seconds: float

    def at(self, elapsed: Array) -> tuple[Array, Array, Array]:
        """Place, speed and acceleration (n, values) so many seconds after its beginning."""
        duration = self.seconds
        a, b, c = self.place, self.speed * duration, 0.5 * self.pull * duration**2
        gap = self.target - a - b - c
        fast, soft = -b - 2 * c, -2 * c
        d, e, f = 10 * gap - 4 * fast + 0.5 * soft, -15 * gap + 7 * fast - soft, 6 * gap - 3 * fast + 0.5 * soft
        x = np.minimum(elapsed / duration, 1.0)[:, None]
        place = a + x * (b + x * (c + x * (d + x * (e + x * f))))
        speed = (b + x * (2 * c + x * (3 * d + x * (4 * e + x * 5 * f)))) / duration
        pull = (2 * c + x * (6 * d + x * (12 * e + x * 20 * f))) / duration**2
        return place, speed, pull


def _unrest(frames: int, rng: np.random.Generator) -> Array:
    """Nobody holds still: millimetres and a degree or two of slow drift."""
    drift = np.stack([slow_noise(frames, 2.0, rng) for _ in range(ARM_VALUES)], axis=1)
    size = np.full(ARM_VALUES, np.radians(1.5))
    size[PLACE] = 0.003
    return drift * size


def _posture(head: NDArray[np.float32], arms: dict[str, Array], frames: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Rotation vectors (frames, 3) of the spine, and breath (frames,), about -1..1."""
    times = (np.arange(frames) + 0.5) / FRAME_RATE
    rate = rng.uniform(12.5, 15.5) / 60
    breath = np.sin(2 * np.pi * (rate * times + 0.02 * slow_noise(frames, 6.0, rng)) + rng.uniform(0, 2 * np.pi))
    breath *= 1 - np.exp(-times / 0.7)
    stance, lean, time = np.zeros((frames, 3)), np.zeros(3), rng.uniform(2.5, 6.0)
    while time < times[-1] if frames else False:
        wanted = rng.normal(0, [0.7, 1.2, 0.9])
        stance += ease(times, time, rng.uniform(0.9, 1.5))[:, None] * (wanted - lean)
        lean, time = wanted, time + rng.uniform(3.5, 9.0)
    yaw, pitch, roll = head_euler_from_rotation(rotation_from_6d(head[:frames, :6])).astype(np.float64).T
    turned = gaussian(np.stack([0.08 * pitch, 0.15 * yaw, 0.12 * roll], axis=1), 6.0) * (1 - np.exp(-times / 0.5))[:, None]
    # the torso turns a little with the hand that reaches forwards
    reach = gaussian(arms["right"][:, 2] - arms["left"][:, 2], 6.0)
    turned[:, 1] += 4.0 * reach
    degrees = stance + turned + np.stack([0.25 * breath, 0 * breath, 0 * breath], axis=1)
    return np.radians(4 * np.tanh(degrees / 4)), breath


def _assemble(arms: dict[str, Array], spine: Array, breath: Array) -> NDArray[np.float32]:
    """(frames, MOTION_DIM) of arms (frames, ARM_VALUES a side)."""
    frames = len(spine)
    motion = neutral_motion(frames)
    turns: dict[str, Array] = {"spine": rotation_from_vector(spine), "neck": rotation_from_vector(-0.3 * spine)}
    for side, hand in (("left", LEFT_HAND), ("right", RIGHT_HAND)):
        arm = arms[side]
        # shoulders rise with the breath and with a raised hand
        raised = np.radians(0.7 * breath + 12 * np.clip(0.30 - gaussian(arm[:, 1], 3.0), 0.0, 0.3))
        clavicle = rotation_from_vector(-raised[:, None] * np.array([0.0, 0.0, 1.0]))
        upper, lower, wrist = pose_arm(arm[:, PLACE], arm[:, SWIVEL], arm[:, TWIST], arm[:, FLEX], arm[:, DEVIATE])
        upper = np.swapaxes(clavicle, -1, -2) @ upper
        local = {"clavicle": clavicle, "upper_arm": upper, "lower_arm": lower, "wrist": wrist}
        turns |= {f"{side}_{name}": mirrored(turn) if side == "right" else turn for name, turn in local.items()}
        motion[:, hand] = to_mano(arm[:, SHAPE], side)
    motion[:, BODY] = np.concatenate([rotation_to_6d(turns[name]) for name in BODY_JOINTS], axis=1)
    return motion


def _widest(values: Array, reach: int) -> Array:
    """Largest value within ``reach`` points on either side."""
    padded = np.pad(values, reach, mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=-1)


def _last(times: list[float], at: Array) -> NDArray[np.int64]:
    """Index of the last of ``times`` (sorted) that is not after each of ``at``."""
    return np.maximum(np.searchsorted(np.array(times), at, side="right") - 1, 0)


def body_path(item: Path) -> Path:
    """Where the body and the hands of ``<item>.npz`` are kept."""
    return item.parent / BODY_FOLDER / item.name


def teach_body_item(item: Item, head: NDArray[np.float32]) -> TaughtBody:
    """Body of a corpus item; its name is its seed."""
    return teach_body(item.samples, item.phones, head, crc32(item.name.encode()))


def teach_body_file(path: Path, force: bool = False) -> bool:
    """Write ``body/<item>.npz`` for an item that has face and head, unless one of this teacher's version, or of a film, is there; True if
    written."""
    target = body_path(path)
    if is_tracked(target) or is_tracked(motion_path(path)):
        return False
    if target.exists() and not force:
        with np.load(target) as data:
            if "version" in data and int(data["version"]) == BODY_TEACHER_VERSION:
                return False
    with np.load(motion_path(path)) as motion:
        head = motion["head"]
    taught = teach_body_item(load_item(path), head)
    write_npz(
        target,
        body=taught.body,
        left=taught.left,
        right=taught.right,
        kind=taught.kind,
        strokes=taught.strokes,
        code=taught.code,
        amplitude=np.array(taught.amplitude),
        version=np.array(BODY_TEACHER_VERSION),
    )
    return True
