"""The motion stage: samples of speech in, frames of motion out, the same bit for bit however the samples are cut."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.motion.body_model import BodySpec, BodyState, draw_luck, generate_body, initial_body_state, put_into
from visavis.motion.body_sound import body_sound
from visavis.motion.chance import chance_of, draw, first_noise
from visavis.motion.encoder import FrameEncoder
from visavis.motion.face_model import BLINK, FaceSpec, Guidance, generate_chunk, rest, to_motion
from visavis.motion.features import FeatureState, frame_features, initial_feature_state
from visavis.motion.layout import MOTION_DIM
from visavis.motion.sampler import even_schedule
from visavis.motion.styles import STYLE_VALUES, Manner
from visavis.timing import exact_div, frame_to_sample, frames_in
from visavis.types import Engine, check_samples

Array = NDArray[np.float32]

JOIN_EASE = 0.15
"""How far the mouth's first frame of a chunk is drawn back towards the frame before: later sound has corrected the course there, so that
mouths would jump a seventh further from chunk to chunk than inside chunks."""


@dataclass(frozen=True)
class MotionConfig:
    """seed: of all chance in the motion. sampling_steps: denoising steps a chunk, of one network call each, and one more for each guidance
    that is not 1; body_steps: those of the body, which needs few because what has many forms is drawn before. sound_guidance: 1 follows
    the sound as trained; more opens the mouth wider and makes it restless. style_guidance: the same for a style, where one is told.

    mouth_chance: factor on the noise that the mouth is sampled from, 0..1. Below 1 the mouth keeps to what is likely for the sound,
    whatever the seed. head_chance: the same for head, gaze and brows, 0..3, where 1 moves them as much as they were taught if there are two
    sampling steps; more steps spread them wider. body_chance: on the noise of body and hands, 0..2; which gesture comes when is drawn
    apart from it.
    """

    seed: int = 0
    sampling_steps: int = 2
    body_steps: int = 2
    sound_guidance: float = 1.0
    style_guidance: float = 1.0
    mouth_chance: float = 0.1
    head_chance: float = 1.0
    body_chance: float = 1.0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")
        for name in ("sampling_steps", "body_steps"):
            if not 1 <= getattr(self, name) <= 50:
                raise ValueError(f"{name} must be 1 to 50, got {getattr(self, name)}")
        for name in ("sound_guidance", "style_guidance"):
            if not 0 <= getattr(self, name) <= 5:
                raise ValueError(f"{name} must be 0 to 5, got {getattr(self, name)}")
        if not 0 <= self.mouth_chance <= 1:
            raise ValueError(f"mouth_chance must be 0 to 1, got {self.mouth_chance}")
        if not 0 <= self.head_chance <= 3:
            raise ValueError(f"head_chance must be 0 to 3, got {self.head_chance}")
        if not 0 <= self.body_chance <= 2:
            raise ValueError(f"body_chance must be 0 to 2, got {self.body_chance}")


@dataclass(frozen=True)
class BodyNetworks:
    """The networks of body and hands and what they are."""

    context: Engine
    denoiser: Engine
    spec: BodySpec


@dataclass(frozen=True)
class MotionState:
    """All that a stream carries from step to step; its size does not grow.

    samples_seen, frames_heard, frames_given: counts from the start of the utterance. described: frames that the encoder has described, from
    minus its delay on. pending: int16 samples of the unfinished video frame.
    sound: (window, audio), the latest encoder frames. past: (past, values), the latest motion. noise: (values,), what the latest frame was
    drawn from. manner: of the chunks to come. body: of body and hands, None without a model of them. ended: the stream was flushed.
    """

    samples_seen: int
    frames_heard: int
    described: int
    frames_given: int
    pending: NDArray[np.int16]
    features: FeatureState
    encoder: Any
    sound: Array
    past: Array
    noise: Array
    manner: Manner
    body: BodyState | None = None
    ended: bool = False


class MotionStage:
    """Encoder, face and body networks as one streaming stage. Holds no state of a stream."""

    def __init__(
        self,
        encoder: FrameEncoder,
        context: Engine,
        denoiser: Engine,
        face_spec: FaceSpec,
        config: MotionConfig,
        body: BodyNetworks | None = None,
    ) -> None:
        if face_spec.audio != encoder.frame_features:
            raise ValueError(f"the face model wants {face_spec.audio} values of sound a frame, the encoder gives {encoder.frame_features}")
        if face_spec.style != len(STYLE_VALUES):
            raise ValueError(f"the face model has {face_spec.style} values of style, this version knows {len(STYLE_VALUES)}")
        self._encoder, self._context, self._denoiser = encoder, context, denoiser
        self._face_spec, self._config = face_spec, config
        self._ahead = face_spec.future + encoder.delay_frames
        # what the last frame of a chunk waits for the encoder's hop to be full
        hop, needed = encoder.hop_frames, face_spec.chunk + self._ahead
        self._hop_wait = -needed % hop if face_spec.chunk % hop == 0 else hop - 1
        if body is not None and (body.spec.chunk != face_spec.chunk or body.spec.future > self._ahead):
            raise ValueError(
                f"the body model makes {body.spec.chunk} frames from {body.spec.future} frames of later sound, "
                f"face and encoder {face_spec.chunk} from {self._ahead}: they were not trained for each other"
            )
        self._body = body
        self._schedule = even_schedule(config.sampling_steps)
        self._guidance = Guidance(config.sound_guidance, config.style_guidance)
        self._body_schedule = even_schedule(config.body_steps)
        self._chance = chance_of(face_spec, config.mouth_chance, config.head_chance)

    @property
    def latency_samples(self) -> int:
        """Of the first frame of a chunk, which waits longest: the rest of its chunk, the sound after it, the encoder's delay and hop."""
        return frame_to_sample(self._face_spec.chunk - 1 + self._ahead + self._hop_wait)

    def initial_state(self) -> MotionState:
        face = self._face_spec
        return MotionState(
            samples_seen=0,
            frames_heard=0,
            described=-self._encoder.delay_frames,
            frames_given=0,
            pending=np.zeros(0, np.int16),
            features=initial_feature_state(),
            encoder=self._encoder.initial_state(),
            sound=np.zeros((face.window, face.audio), np.float32),
            past=rest(face, face.past),
            noise=first_noise(face, self._config.seed),
            manner=Manner(),
            body=None if self._body is None else initial_body_state(self._body.spec, self._ahead),
        )

    def with_manner(self, state: MotionState, manner: Manner) -> MotionState:
        """The stream as it is, with another manner from its next chunk on."""
        return replace(state, manner=manner)

    def take_up(self, state: MotionState, before: MotionState) -> MotionState:
        """The stream as it is, with body and hands where another stream leaves them: they go on from there instead of jumping."""
        return replace(state, body=before.body)

    def step(self, samples: NDArray[np.int16], state: MotionState, final: bool = False) -> tuple[Array, MotionState]:
        """Hears ``samples`` (int16, any number) and gives every frame that is ready: float32 (frames, MOTION_DIM).

        After ``final=True`` the frames given are ``timing.frames_in`` of all samples, and the state takes no more (ValueError): speech
        that follows is a new utterance.
        """
        samples = check_samples(samples)
        if state.ended:
            raise ValueError("this utterance was ended with final=True: start the next one with initial_state()")
        seen = state.samples_seen + len(samples)
        given = state.frames_given
        heard = np.concatenate([state.pending, samples])
        chunks: list[Array] = []
        state, heard = self._hear(state, heard, chunks)
        if final:
            total = frames_in(seen)
            while state.frames_given < total:
                length = frame_to_sample(state.frames_heard + 1) - frame_to_sample(state.frames_heard)
                padded = np.zeros(length, np.int16)
                padded[: len(heard)] = heard
                state, heard = self._hear(state, padded, chunks)
            motion = _joined(chunks)[: total - given]
            return motion, replace(state, samples_seen=seen, frames_given=total, pending=heard, ended=True)
        return _joined(chunks), replace(state, samples_seen=seen, pending=heard)

    def _hear(self, state: MotionState, heard: NDArray[np.int16], chunks: list[Array]) -> tuple[MotionState, NDArray[np.int16]]:
        """Takes whole video frames off ``heard``, appends what they complete to ``chunks``, gives the rest back."""
        position = 0
        while True:
            frame = state.frames_heard
            length = frame_to_sample(frame + 1) - frame_to_sample(frame)
            if len(heard) - position < length:
                return state, heard[position:].copy()
            state = self._hear_frame(state, heard[position : position + length], chunks)
            position += length

    def _hear_frame(self, state: MotionState, samples: NDArray[np.int16], chunks: list[Array]) -> MotionState:
        features, feature_state = frame_features(samples, state.features)
        encoded, encoder_state = self._encoder.encode(samples, features, state.encoder)
        body = state.body
        if body is not None:
            values, heard = body_sound(samples, features, body.heard)
            body = replace(body, heard=heard, sound=np.concatenate([body.sound[1:], values[None]]))
        state = replace(state, features=feature_state, encoder=encoder_state, body=body, frames_heard=state.frames_heard + 1)
        for frame in encoded:
            # the first ones describe the time before the stream began
            sound = state.sound if state.described < 0 else np.concatenate([state.sound[1:], frame[None]])
            state = replace(state, sound=sound, described=state.described + 1)
            if state.described - self._face_spec.future - state.frames_given == self._face_spec.chunk:
                state = self._add_chunk(state, chunks)
        return state

    def _add_chunk(self, state: MotionState, chunks: list[Array]) -> MotionState:
        chunk, noise = self._next_chunk(state)
        shown = chunk.copy()
        shown[0] += np.where(self._face_spec.mouth, np.float32(JOIN_EASE) * (state.past[-1] - chunk[0]), 0)
        # chunk by chunk, so that no vectorised function ever sees another shape
        motion = to_motion(self._face_spec, shown)
        body = self._next_body(state, motion)
        chunks.append(motion)
        past = np.concatenate([state.past, chunk])[-self._face_spec.past :]
        return replace(state, past=past, noise=noise, body=body, frames_given=state.frames_given + len(chunk))

    def _next_chunk(self, state: MotionState) -> tuple[Array, Array]:
        spec = self._face_spec
        index = exact_div(state.frames_given, spec.chunk)
        noise, luck, last = draw(spec, self._chance, self._config.seed, index, state.noise)
        # a blink happens where its luck is under its chance: so luck is what "more often" divides
        luck[BLINK] = luck[BLINK] / state.manner.blinks if state.manner.blinks else 1
        style = np.array(state.manner.style, np.float32)
        chunk = generate_chunk(
            spec, self._context, self._denoiser, state.sound, state.past, style, noise, luck, self._schedule, self._guidance
        )
        return chunk, last

    def _next_body(self, state: MotionState, motion: Array) -> BodyState | None:
        """Writes body and hands into the face's chunk of motion (chunk, MOTION_DIM)."""
        if self._body is None or state.body is None:
            return None
        spec = self._body.spec
        luck = draw_luck(spec, self._config.seed, exact_div(state.frames_given, spec.chunk), self._config.body_chance)
        sound = state.body.sound[: spec.window]
        networks = self._body.context, self._body.denoiser
        chunk, body = generate_body(spec, *networks, state.body, sound, motion, state.manner.gestures, luck, self._body_schedule)
        put_into(motion, chunk)
        return body


def _joined(chunks: list[Array]) -> Array:
    return np.concatenate([np.zeros((0, MOTION_DIM), np.float32), *chunks])
