"""The face model: what its diffusion works on, and how windows of sound and past motion become a chunk of face and head.

Inside, a frame is a short vector: the face shapes the model moves, then yaw, pitch, roll in degrees and the head's position. Lips, jaw
and lids are diffused as they are; slow channels (head, gaze, brows) as the change since the last frame, so their noise is small beside
their range and chunks join.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.face_offset import UPPER, expected_offset
from visavis.motion.layout import (
    ARKIT_INDEX,
    FACE,
    FACE_OFFSET,
    HEAD_POSITION,
    HEAD_ROTATION,
    head_euler_from_rotation,
    head_rotation_from_euler,
    neutral_motion,
    rotation_from_6d,
    rotation_to_6d,
)
from visavis.motion.sampler import sample_ddim
from visavis.timing import FRAME_RATE
from visavis.types import Engine

HEAD_NAMES = ("yaw", "pitch", "roll", "x", "y", "z")
HEAD_VALUES = len(HEAD_NAMES)
"""Degrees and metres."""

GAZE_PREFIX = "eyeLook"
SLOW_PREFIXES = (GAZE_PREFIX, "brow")
MOUTH_PREFIXES = ("jaw", "mouth", "tongue", "cheek")

EXPRESSIVE = np.array([name.startswith(("brow", "cheekSquint", "eyeSquint", "eyeWide", "noseSneer", "mouthSmile")) for name in ARKIT_INDEX])
"""Shapes with which the skin of the upper face goes further than they say; lids and gaze have ways of their own."""

EVENTS = ("blink", "glance")
BLINK, GLANCE = range(len(EVENTS))
"""What begins rarely and at random. A few diffusion steps find only the mean of rare things (which is: never), so the context network
gives the chance of each event in the coming chunk, it is drawn, and the denoiser is told the outcome.
"""

BLINK_CLOSING, GLANCE_TURN = 0.25, 0.07
"""Rise of a lid's shape, and change of a gaze shape, within a chunk that count as the event."""

BETWEEN_GLANCES = 0.27
"""Share of its noise that the gaze gets where it does not glance: eyes rest on a place, and leave it at once."""

SETTLE_SECONDS = 3.0
"""Time constant with which slow channels come home when the model asks for nothing."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class FaceSpec:
    """Shape and scaling of a face model; travels with its weights.

    shapes: names of the face shapes it moves. chunk, past, future: video frames generated at once, of motion looked back on, of sound
    after the chunk.
    audio: encoder values a video frame. style: length of the style vector, 0 for the average style. width, heads, *_layers: the networks.
    mean, scale: (values,) of the channels; change_scale: of the slow ones' change since the last frame.
    """

    shapes: tuple[str, ...]
    chunk: int
    past: int
    future: int
    audio: int
    style: int
    width: int
    heads: int
    context_layers: int
    denoiser_layers: int
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    change_scale: tuple[float, ...]

    def __post_init__(self) -> None:
        if unknown := [name for name in self.shapes if name not in ARKIT_INDEX]:
            raise ValueError(f"not ARKit shapes: {', '.join(unknown)}")
        for name in ("mean", "scale", "change_scale"):
            if len(getattr(self, name)) != self.values:
                raise ValueError(f"{name} needs {self.values} numbers, got {len(getattr(self, name))}")
        if min(self.scale) <= 0 or min(self.change_scale) <= 0:
            raise ValueError("scales must be positive")
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of {self.heads} heads")

    @property
    def values(self) -> int:
        """Numbers of one frame inside the model."""
        return len(self.shapes) + HEAD_VALUES

    @property
    def window(self) -> int:
        """Frames of sound a chunk is made from."""
        return self.past + self.chunk + self.future

    @property
    def context_values(self) -> int:
        """Numbers of one frame of the window: sound, motion, and whether motion is known."""
        return self.audio + self.values + 1

    @property
    def slow(self) -> NDArray[np.bool_]:
        """Which channels are diffused as change: (values,)."""
        return np.array([name.startswith(SLOW_PREFIXES) for name in self.shapes] + [True] * HEAD_VALUES)

    @property
    def gaze(self) -> NDArray[np.bool_]:
        """Which channels turn the eyes: (values,)."""
        return np.array([name.startswith(GAZE_PREFIX) for name in self.shapes] + [False] * HEAD_VALUES)

    @property
    def mouth(self) -> NDArray[np.bool_]:
        """Which channels move the mouth: (values,)."""
        return np.array([name.startswith(MOUTH_PREFIXES) for name in self.shapes] + [False] * HEAD_VALUES)


def to_inner(spec: FaceSpec, face: Array, head: Array) -> Array:
    """face (..., 52) and head (..., 9: 6D rotation, position) to the model's frames (..., values)."""
    shapes = face[..., [ARKIT_INDEX[name] for name in spec.shapes]]
    angles = head_euler_from_rotation(rotation_from_6d(head[..., :6]))
    return np.concatenate([shapes, angles, head[..., 6:9]], axis=-1).astype(np.float32)


def to_motion(spec: FaceSpec, inner: Array) -> Array:
    """The model's frames (frames, values) to motion (frames, MOTION_DIM): weights held in 0..1, rotations orthonormal, the body at rest;
    the upper face refined as people's is with such brows, squints and smiles."""
    motion = neutral_motion(len(inner))
    count = len(spec.shapes)
    motion[:, FACE][:, [ARKIT_INDEX[name] for name in spec.shapes]] = np.clip(inner[:, :count], 0, 1)
    motion[:, FACE_OFFSET][:, UPPER] = expected_offset(motion[:, FACE] * EXPRESSIVE)[:, UPPER]
    yaw, pitch, roll = inner[:, count : count + 3].T
    motion[:, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(yaw, pitch, roll))
    motion[:, HEAD_POSITION] = inner[:, count + 3 :]
    return motion


def rest(spec: FaceSpec, frames: int) -> Array:
    """The resting face, looking ahead: (frames, values) of zeros."""
    return np.zeros((frames, spec.values), np.float32)


def events_in(spec: FaceSpec, last: Array, chunk: Array) -> Array:
    """Which ``EVENTS`` happen in chunks (..., chunk, values) that follow the frames ``last`` (..., values): 0 or 1, (..., events)."""
    change = chunk - last[..., None, :]
    blink = [index for index, name in enumerate(spec.shapes) if name.startswith("eyeBlink")]
    gaze = [index for index, name in enumerate(spec.shapes) if name.startswith("eyeLook")]
    closing = change[..., blink].max(axis=(-1, -2), initial=0) > BLINK_CLOSING
    turning = np.abs(change[..., gaze]).max(axis=(-1, -2), initial=0) > GLANCE_TURN
    return np.stack([closing, turning], axis=-1).astype(np.float32)


def scaling(spec: FaceSpec, last: Array) -> tuple[Array, Array]:
    """Offset (..., chunk, values) and scale (values,) between diffused and inner values, for a chunk that follows the frames ``last``
    (..., values).

    A slow channel's offset leads from the last frame back to its mean, so that a roll-out of any length stays where the corpus was: without
    it a bias too small to see in one chunk turns the head away within a minute.
    """
    mean = np.asarray(spec.mean, np.float32)
    stay = np.exp(-np.arange(1, spec.chunk + 1, dtype=np.float32) / (SETTLE_SECONDS * FRAME_RATE))[:, None]
    offset = np.where(spec.slow, mean + stay * (last[..., None, :] - mean), mean).astype(np.float32)
    scale = np.where(spec.slow, np.asarray(spec.change_scale, np.float32), np.asarray(spec.scale, np.float32)).astype(np.float32)
    return offset, scale


def context_input(spec: FaceSpec, sound: Array, past: Array) -> Array:
    """Input of the context network: sound (..., window, audio) and past motion (..., past, values) side by side, (..., window,
    context_values).
    """
    lead = sound.shape[:-2]
    known = (past - np.asarray(spec.mean, np.float32)) / np.asarray(spec.scale, np.float32)
    motion = np.zeros((*lead, spec.window, spec.values + 1), np.float32)
    motion[..., : spec.past, :-1] = known
    motion[..., : spec.past, -1] = 1
    return np.concatenate([sound, motion], axis=-1).astype(np.float32)


@dataclass(frozen=True)
class Guidance:
    """Classifier-free guidance (Ho and Salimans 2022) on sound and style: how many times as far as it goes by itself the network is led
    from what it does without them. 1 leads nothing and costs nothing; each other one is a network call more a step.
    """

    sound: float = 1.0
    style: float = 1.0


def generate_chunk(
    spec: FaceSpec,
    context: Engine,
    denoiser: Engine,
    sound: Array,
    past: Array,
    style: Array,
    noise: Array,
    luck: Array,
    schedule: tuple[float, ...],
    guidance: Guidance,
) -> Array:
    """The next ``chunk`` frames (chunk, values) from sound (window, audio), past motion (past, values) and style (style,).

    noise: (chunk, values), normal; of the gaze's, ``BETWEEN_GLANCES`` is used where it does not glance. luck: (events,), uniform 0..1; an
    event happens where it is under the event's chance.
    """
    offset, scale = scaling(spec, past[-1])
    memory, chances = _remember(spec, context, sound, past, style)
    happens = (luck < chances).astype(np.float32)
    if not happens[GLANCE]:
        noise = np.where(spec.gaze, np.float32(BETWEEN_GLANCES) * noise, noise)
    no_sound, no_style = np.zeros_like(sound), np.zeros_like(style)
    lead_sound, lead_style = np.float32(guidance.sound - 1), np.float32(guidance.style - 1) if style.any() else np.float32(0)
    deaf = _remember(spec, context, no_sound, past, style)[0] if lead_sound else memory
    plain = _remember(spec, context, sound, past, no_style)[0] if lead_style else memory

    def ask(noisy: Array, time: float, memory: Array, style: Array) -> Array:
        inputs = {"noisy": noisy[None], "time": np.array([time], np.float32), "style": style[None], "events": happens[None]}
        return denoiser.run({**inputs, "memory": memory})["clean"][0]

    def denoise(noisy: Array, time: float) -> Array:
        told = ask(noisy, time, memory, style)
        clean = told
        if lead_sound:
            clean = clean + lead_sound * (told - ask(noisy, time, deaf, style))
        if lead_style:
            clean = clean + lead_style * (told - ask(noisy, time, plain, no_style))
        return clean

    chunk = (offset + scale * sample_ddim(denoise, noise, schedule)).astype(np.float32)
    chunk[:, : len(spec.shapes)] = np.clip(chunk[:, : len(spec.shapes)], 0, 1)
    return chunk


def _remember(spec: FaceSpec, context: Engine, sound: Array, past: Array, style: Array) -> tuple[Array, Array]:
    """The context's memory and the chance of each event (events,)."""
    output = context.run({"window": context_input(spec, sound, past)[None], "style": style[None]})
    return output["memory"], output["chances"][0]
