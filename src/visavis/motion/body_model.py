"""The body model: body and hands of a chunk from the sound, from the face and head that the face model gave it, and from past motion.

Inside, a frame is the rotation vectors of ``BODY_JOINTS`` and the sixteen values of each hand (``motion.hands``). They are diffused as the
difference to a path that goes on at the speed of the last frames and slows down, so that chunks join.

A few diffusion steps find only the mean of what is rare or has many forms, and a gesture is both. So the context network gives chances: of
the kind of gesture that is under way at the end of the chunk (two of the kinds are rests), and of a stroke that begins. Both are drawn, a
code of four normal numbers says how this gesture or stroke differs from others of its kind, and the denoiser is told all three.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from visavis.motion.body_sound import BODY_SOUND, BodySoundState, initial_body_sound
from visavis.motion.hands import HAND_VALUES, from_mano, to_mano
from visavis.motion.layout import (
    ARKIT_INDEX,
    BODY,
    BODY_JOINTS,
    FACE,
    HEAD_ROTATION,
    LEFT_HAND,
    RIGHT_HAND,
    head_euler_from_rotation,
    rotation_from_6d,
    rotation_to_6d,
)
from visavis.motion.sampler import sample_ddim
from visavis.motion.skeleton import rotation_from_vector, vector_from_rotation
from visavis.timing import FRAME_RATE
from visavis.types import Engine

Array = NDArray[np.float32]

BODY_VALUES = 3 * len(BODY_JOINTS) + 2 * HAND_VALUES
FACE_VALUES = 6
"""Yaw, pitch, roll of the head (tens of degrees), jaw, inner and outer brows."""
CODE = 4
CODE_LIMIT = 2.2
RESTS = 2
"""The first kinds are rests."""

ARRIVED_SECONDS, ARRIVING_SECONDS = 0.7, 0.5
"""Age of a gesture at which its hands are where they go, and time over which that becomes binding."""
HOME_SECONDS = 0.3
"""Time constant with which a joint that strayed comes back to where gestures of its kind are."""
FREE_SPREADS = 1.5
"""Standard deviations of a kind's gestures within which joints are left alone."""
GLIDE = 0.85
"""Share of its speed that a frame's path keeps to the next when nothing else is asked for."""
_MEMORIES = np.array([0.12, 0.35, 1.0], np.float32) * FRAME_RATE
LONG_AGO = 10 * FRAME_RATE
AMPLITUDE_SPREAD = 0.25
MAX_AMPLITUDE = 1.8
"""In standard deviations of the logarithm of the speakers' amplitude."""


@dataclass(frozen=True)
class BodySpec:
    """Shape and scaling of a body model; travels with its weights.

    kinds: names of the kinds of gesture, rests first. chunk, past, future: video frames generated at once, of motion looked back on, of
    sound after the chunk. width, heads, *_layers: the networks. mean, scale: (BODY_VALUES,) of the channels; change_scale: of their
    difference to the path that glides on. rest: (BODY_VALUES,), where a stream begins; low, high: how far joints go. poses, spreads:
    (kinds, BODY_VALUES), mean and standard deviation of the channels once a gesture of a kind is made.
    """

    kinds: tuple[str, ...]
    chunk: int
    past: int
    future: int
    width: int
    heads: int
    context_layers: int
    denoiser_layers: int
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    change_scale: tuple[float, ...]
    rest: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    poses: tuple[tuple[float, ...], ...]
    spreads: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        for name in ("mean", "scale", "change_scale", "rest", "low", "high"):
            if len(getattr(self, name)) != BODY_VALUES:
                raise ValueError(f"{name} needs {BODY_VALUES} numbers, got {len(getattr(self, name))}")
        if any(np.shape(values) != (len(self.kinds), BODY_VALUES) for values in (self.poses, self.spreads)):
            raise ValueError(f"poses and spreads need {len(self.kinds)} rows of {BODY_VALUES} numbers")
        if min(self.scale) <= 0 or min(self.change_scale) <= 0:
            raise ValueError("scales must be positive")
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of {self.heads} heads")
        if self.past < 2 or len(self.kinds) <= RESTS:
            raise ValueError("a body model needs two frames of the past and a gesture besides its rests")

    @property
    def window(self) -> int:
        return self.past + self.chunk + self.future

    @property
    def context_values(self) -> int:
        """Numbers of one frame of the window: sound; face and whether it is known; body and whether it is known."""
        return BODY_SOUND + FACE_VALUES + 1 + BODY_VALUES + 1

    @property
    def condition_values(self) -> int:
        """Numbers of what is under way: kind, how long ago it and the last stroke began, code, amplitude."""
        return len(self.kinds) + 2 * len(_MEMORIES) + CODE + 1


@dataclass(frozen=True)
class BodyState:
    """All that the body carries from chunk to chunk. sound: (frames, BODY_SOUND), the latest. face, past: (past, ...), of the frames given.
    kind: index; kind_age, stroke_age: frames. code: (CODE,). chunks: how many the state has seen, for the chance of a stream that takes it
    up."""

    heard: BodySoundState
    sound: Array
    face: Array
    past: Array
    kind: int = 0
    kind_age: int = LONG_AGO
    stroke_age: int = LONG_AGO
    code: Array = field(default_factory=lambda: np.zeros(CODE, np.float32))


def initial_body_state(spec: BodySpec, ahead: int) -> BodyState:
    """At rest. ahead: frames of sound that are heard before a chunk is made, after its last."""
    return BodyState(
        initial_body_sound(),
        np.zeros((spec.past + spec.chunk + ahead, BODY_SOUND), np.float32),
        np.zeros((spec.past, FACE_VALUES), np.float32),
        np.tile(np.array(spec.rest, np.float32), (spec.past, 1)),
    )


def face_values(motion: Array) -> Array:
    """What the body sees of frames (n, MOTION_DIM): (n, FACE_VALUES)."""
    head = head_euler_from_rotation(rotation_from_6d(motion[:, HEAD_ROTATION])) / np.float32(10)
    face = motion[:, FACE]
    brows = face[:, [ARKIT_INDEX["browOuterUpLeft"], ARKIT_INDEX["browOuterUpRight"]]].mean(axis=1)
    return np.column_stack([head, face[:, ARKIT_INDEX["jawOpen"]], face[:, ARKIT_INDEX["browInnerUp"]], brows]).astype(np.float32)


def to_inner(body: Array, left: Array, right: Array) -> Array:
    """body (n, 60), hands (n, 45) to the model's frames (n, BODY_VALUES)."""
    vectors = vector_from_rotation(rotation_from_6d(body.reshape(len(body), len(BODY_JOINTS), 6))).reshape(len(body), -1)
    return np.concatenate([vectors, from_mano(left, "left"), from_mano(right, "right")], axis=1).astype(np.float32)


def put_into(motion: Array, inner: Array) -> None:
    """Write the model's frames (n, BODY_VALUES) into frames (n, MOTION_DIM)."""
    joints = 3 * len(BODY_JOINTS)
    turns = rotation_from_vector(inner[:, :joints].reshape(len(inner), len(BODY_JOINTS), 3))
    motion[:, BODY] = rotation_to_6d(turns).reshape(len(inner), -1)
    motion[:, LEFT_HAND] = to_mano(inner[:, joints : joints + HAND_VALUES], "left")
    motion[:, RIGHT_HAND] = to_mano(inner[:, joints + HAND_VALUES :], "right")


def glide(spec: BodySpec, last: Array) -> Array:
    """The path (..., chunk, values) that goes on from the last two frames (..., 2, values) and slows down."""
    reach = np.cumsum(GLIDE ** np.arange(1, spec.chunk + 1)).astype(np.float32)[:, None]
    return (last[..., 1:, :] + reach * (last[..., 1:, :] - last[..., :1, :])).astype(np.float32)


def home(spec: BodySpec, last: Array, kind: int, age: int) -> Array:
    """What leads (chunk, BODY_VALUES) from a frame (BODY_VALUES,) that strayed from its kind's gestures back to them. Without it, as in the
    face model, errors too small to see in one chunk add up until the arms are nowhere that the corpus ever was."""
    away = last - np.asarray(spec.poses[kind], np.float32)
    free = np.float32(FREE_SPREADS) * np.asarray(spec.spreads[kind], np.float32)
    binding = np.clip((age / FRAME_RATE - ARRIVED_SECONDS) / ARRIVING_SECONDS, 0, 1)
    frames = np.arange(1, spec.chunk + 1, dtype=np.float32)[:, None]
    share = np.float32(binding) * (1 - np.exp(-frames / np.float32(HOME_SECONDS * FRAME_RATE)))
    return (-share * (away - np.clip(away, -free, free))).astype(np.float32)


def context_input(spec: BodySpec, sound: Array, face: Array, past: Array) -> Array:
    """sound (..., window, BODY_SOUND), face (..., past + chunk, FACE_VALUES), past motion (..., past, BODY_VALUES) side by side."""
    values = np.zeros((*sound.shape[:-2], spec.window, spec.context_values), np.float32)
    known = spec.past + spec.chunk
    face_at, body_at = BODY_SOUND, BODY_SOUND + FACE_VALUES + 1
    values[..., :BODY_SOUND] = sound
    values[..., :known, face_at : body_at - 1] = face
    values[..., :known, body_at - 1] = 1
    values[..., : spec.past, body_at:-1] = (past - np.asarray(spec.mean, np.float32)) / np.asarray(spec.scale, np.float32)
    values[..., : spec.past, -1] = 1
    return values


def condition(spec: BodySpec, kind: NDArray[np.int64], kind_age: Array, stroke_age: Array, code: Array, amplitude: Array) -> Array:
    """(..., condition_values) of what is under way; ages in frames, amplitude in standard deviations."""
    ages = [np.exp(-np.asarray(age, np.float32)[..., None] / _MEMORIES) for age in (kind_age, stroke_age)]
    one_hot = np.eye(len(spec.kinds), dtype=np.float32)[kind]
    return np.concatenate([one_hot, *ages, code, np.asarray(amplitude, np.float32)[..., None]], axis=-1).astype(np.float32)


def amplitude_of(gestures: float) -> float:
    """What the model is told of a user's factor on gestures, 0 or more."""
    return float(np.clip(0.6 * np.log(max(gestures, 0.05)) / AMPLITUDE_SPREAD, -MAX_AMPLITUDE, MAX_AMPLITUDE))


@dataclass(frozen=True)
class Luck:
    """All chance of a chunk. noise: (chunk, BODY_VALUES), normal. kind, stroke: uniform 0..1. code: (CODE,), normal."""

    noise: Array
    kind: float
    stroke: float
    code: Array


def draw_luck(spec: BodySpec, seed: int, index: int, spread: float) -> Luck:
    """Of chunk ``index``; apart from the face's, which has the same key."""
    generator = np.random.Generator(np.random.Philox(key=(seed, index), counter=(0, 0, 0, 1)))
    kind, stroke = generator.random(2).tolist()
    code = np.clip(generator.standard_normal(CODE, np.float32), -CODE_LIMIT, CODE_LIMIT)
    return Luck(np.float32(spread) * generator.standard_normal((spec.chunk, BODY_VALUES), np.float32), kind, stroke, code)


def next_kind(chances: Array, now: int, gestures: float, luck: float) -> int:
    """Draws the kind of gesture. gestures: factor on the chance that a gesture begins; 0 leaves only rests."""
    weights = chances.astype(np.float64)
    if gestures == 0:
        weights[RESTS:] = 0
        if now >= RESTS:
            return 0
    elif now < RESTS:
        weights[RESTS:] *= gestures
    summed = np.cumsum(weights)
    return int(np.searchsorted(summed, luck * summed[-1], side="right").clip(0, len(weights) - 1))


def generate_body(
    spec: BodySpec,
    context: Engine,
    denoiser: Engine,
    state: BodyState,
    sound: Array,
    motion: Array,
    gestures: float,
    luck: Luck,
    schedule: tuple[float, ...],
) -> tuple[Array, BodyState]:
    """The next chunk (chunk, BODY_VALUES) and the state after it. sound: (window, BODY_SOUND). motion: (chunk, MOTION_DIM), the face's."""
    face = np.concatenate([state.face, face_values(motion)])
    amplitude = np.float32(amplitude_of(gestures))

    def told(kind: int, kind_age: int, stroke_age: int, code: Array) -> Array:
        ages = np.float32(kind_age), np.float32(stroke_age)
        return condition(spec, np.int64(kind), *ages, code, amplitude)[None]  # type: ignore[arg-type]

    now = told(state.kind, state.kind_age, state.stroke_age, state.code)
    output = context.run({"window": context_input(spec, sound, face, state.past)[None], "condition": now})
    chances = output["chances"][0]
    kind = next_kind(chances[:-1], state.kind, gestures, luck.kind)
    begins = kind != state.kind
    strikes = kind >= RESTS and not begins and luck.stroke < float(chances[-1]) * min(gestures, 1.5)
    # as in training, an event lies in the middle of its chunk
    age = spec.chunk // 2
    kind_age = age if begins else min(state.kind_age + spec.chunk, LONG_AGO)
    stroke_age = age if strikes else min(state.stroke_age + spec.chunk, LONG_AGO)
    code = luck.code if begins or strikes else state.code
    then = told(kind, kind_age, stroke_age, code)
    memory = output["memory"]

    def denoise(noisy: Array, time: float) -> Array:
        inputs = {"noisy": noisy[None], "time": np.array([time], np.float32), "condition": then, "memory": memory}
        return denoiser.run(inputs)["clean"][0]

    residual = sample_ddim(denoise, luck.noise, schedule)
    chunk = (glide(spec, state.past[-2:]) + np.asarray(spec.change_scale, np.float32) * residual).astype(np.float32)
    chunk += home(spec, state.past[-1], kind, kind_age)
    chunk = np.clip(chunk, np.asarray(spec.low, np.float32), np.asarray(spec.high, np.float32))
    past = np.concatenate([state.past, chunk])[-spec.past :]
    return chunk, replace(
        state, face=face[-spec.past :], past=past, kind=kind, kind_age=kind_age, stroke_age=stroke_age, code=code.astype(np.float32)
    )
