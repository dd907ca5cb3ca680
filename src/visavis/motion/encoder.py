"""The streaming audio encoder: what it takes, what it gives, and how a stream is fed through it one video frame at a time.

Each video frame makes ``STEPS_PER_FRAME`` = 2 encoder steps (60 a second). Each layer of the network sees some steps of the past and few
of the future; step i is trained to describe the sound of step ``i - delay_steps``, which is all of its look-ahead. A step gives phone
posteriors and the loudness just heard: nothing that only speakers of the training corpus have in common, so that the face model meets in a
real voice what it met in training.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from visavis.motion.features import FEATURES, FINE_BANDS, HEARD, HEARD_VALUES, MELS_PER_FRAME, frame_features, initial_feature_state
from visavis.motion.phones import PHONES
from visavis.timing import exact_div, frame_to_sample
from visavis.types import Engine

STEPS_PER_FRAME = 2
MELS_PER_STEP = exact_div(MELS_PER_FRAME, STEPS_PER_FRAME)
LOUDNESS_VALUES = 2
KEPT_MELS = 3
"""Mel frames before the newest ones that the network looks at."""


@dataclass(frozen=True)
class EncoderSpec:
    """Shape of an encoder network.

    width: of each of its layers; heads: of their attention; past: steps that each layer looks back; ahead: steps that each layer looks
    ahead, one number a layer; delay_steps: look-ahead in steps of 1/60 s.
    """

    width: int
    heads: int
    past: int
    ahead: tuple[int, ...]
    delay_steps: int

    def __post_init__(self) -> None:
        if self.delay_steps < 0 or self.delay_steps % STEPS_PER_FRAME:
            raise ValueError(f"delay_steps must be a whole number of video frames of {STEPS_PER_FRAME} steps, got {self.delay_steps}")
        if sum(self.ahead) > self.delay_steps:
            raise ValueError(f"layers that look {sum(self.ahead)} steps ahead cannot be {self.delay_steps} steps late")
        if min(self.width, self.heads, self.past) < 1 or not self.ahead or min(self.ahead) < 0 or self.width % self.heads:
            raise ValueError("width, heads and past must be at least 1, ahead not negative, and width a multiple of heads")

    @property
    def delay_frames(self) -> int:
        return self.delay_steps // STEPS_PER_FRAME

    @property
    def mel_rows(self) -> int:
        """Rows of the state that hold the last mel frames."""
        return -(-KEPT_MELS * FINE_BANDS // self.width)

    @property
    def state_steps(self) -> int:
        """Rows of the state: the last mel frames, how many steps were heard, and of each layer keys, values and waiting steps."""
        return self.mel_rows + 1 + sum(2 * (self.past + ahead) + ahead for ahead in self.ahead)

    @property
    def features(self) -> int:
        """Values a step: posteriors, relative and absolute loudness."""
        return len(PHONES) + LOUDNESS_VALUES

    @property
    def frame_features(self) -> int:
        """Values a video frame."""
        return self.features * STEPS_PER_FRAME


def initial_encoder_state(spec: EncoderSpec) -> NDArray[np.float32]:
    """Silence before the stream: float32 (1, state_steps, width)."""
    return np.zeros((1, spec.state_steps, spec.width), np.float32)


class FrameEncoder(Protocol):
    """Hears a stream one video frame at a time; the state of a stream is given to it and comes back."""

    @property
    def delay_frames(self) -> int:
        """How much later sound it needs: the first so many frames that it gives describe the time before the stream."""

    @property
    def hop_frames(self) -> int:
        """Frames that it gives at once, each time it has heard so many more."""

    @property
    def frame_features(self) -> int:
        """Values a video frame."""

    def initial_state(self) -> Any: ...

    def encode(self, samples: NDArray[np.int16], features: NDArray[np.float32], state: Any) -> tuple[NDArray[np.float32], Any]:
        """Hears one frame, its int16 samples (n,) at 16 kHz and their ``features`` (MELS_PER_FRAME, FEATURES). Gives ``hop_frames`` frames
        or none, (frames, frame_features), and the next state."""


@dataclass(frozen=True)
class MelState:
    """network: of the network. waiting: (mel frames, HEARD_VALUES), heard since it last ran."""

    network: NDArray[np.float32]
    waiting: NDArray[np.float32]


HOP_FRAMES = 3
"""Frames for which the network runs once: those of a chunk of motion, which waits for them anyway. One by one they cost 2.5 times as
much, since what takes time is to read the weights."""


@dataclass(frozen=True)
class MelEncoder:
    """The encoder that is trained here: a network on mel features."""

    engine: Engine
    spec: EncoderSpec

    @property
    def delay_frames(self) -> int:
        return self.spec.delay_frames

    @property
    def hop_frames(self) -> int:
        return HOP_FRAMES

    @property
    def frame_features(self) -> int:
        return self.spec.frame_features

    def initial_state(self) -> MelState:
        return MelState(initial_encoder_state(self.spec), np.zeros((0, HEARD_VALUES), np.float32))

    def encode(self, samples: NDArray[np.int16], features: NDArray[np.float32], state: MelState) -> tuple[NDArray[np.float32], MelState]:
        if features.shape != (MELS_PER_FRAME, FEATURES):
            raise ValueError(f"features of a frame must have shape {(MELS_PER_FRAME, FEATURES)}, got {features.shape}")
        waiting = np.concatenate([state.waiting, features[:, HEARD]])
        if len(waiting) < HOP_FRAMES * MELS_PER_FRAME:
            return np.zeros((0, self.frame_features), np.float32), MelState(state.network, waiting)
        output = self.engine.run({"features": waiting[None], "state": state.network})
        return output["encoded"].reshape(HOP_FRAMES, self.frame_features), MelState(output["next_state"], waiting[:0])


def hear_all(encoder: FrameEncoder, samples: NDArray[np.int16], frames: int) -> NDArray[np.float32]:
    """What a stream of ``samples`` (int16, then silence) is heard as, moved to the frames that it describes: (frames, frame_features)."""
    needed = frames + encoder.delay_frames
    needed += -needed % encoder.hop_frames
    padded = np.concatenate([samples, np.zeros(max(frame_to_sample(needed) - len(samples), 0), np.int16)])
    sound, state, told = initial_feature_state(), encoder.initial_state(), []
    for frame in range(needed):
        piece = padded[frame_to_sample(frame) : frame_to_sample(frame + 1)]
        features, sound = frame_features(piece, sound)
        values, state = encoder.encode(piece, features, state)
        told.append(values)
    return np.concatenate(told)[encoder.delay_frames :][:frames]
