"""The streaming audio encoder: what it takes, what it gives, and how a stream is fed through it one video frame at a time.

Each video frame makes ``STEPS_PER_FRAME`` = 2 encoder steps (60 a second). The network is causal; step i is trained to describe the sound
of step ``i - delay_steps``, which is all of its look-ahead. A step gives phone posteriors and the loudness just heard: nothing that only
speakers of the training corpus have in common, so that the face model meets in a real voice what it met in training.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from visavis.motion.features import FEATURES, MELS_PER_FRAME
from visavis.motion.phones import PHONES
from visavis.timing import exact_div
from visavis.types import Engine

STEPS_PER_FRAME = 2
MELS_PER_STEP = exact_div(MELS_PER_FRAME, STEPS_PER_FRAME)
LOUDNESS_VALUES = 2


@dataclass(frozen=True)
class EncoderSpec:
    """Shape of an encoder network.

    width: channels; dilations: one residual block each, over three steps that far apart; delay_steps: look-ahead in steps of 1/60 s.
    """

    width: int
    dilations: tuple[int, ...]
    delay_steps: int

    def __post_init__(self) -> None:
        if self.delay_steps < 0 or self.delay_steps % STEPS_PER_FRAME:
            raise ValueError(f"delay_steps must be a whole number of video frames of {STEPS_PER_FRAME} steps, got {self.delay_steps}")
        if min(self.width, *self.dilations) < 1:
            raise ValueError("width and every dilation must be at least 1")

    @property
    def delay_frames(self) -> int:
        return self.delay_steps // STEPS_PER_FRAME

    @property
    def state_steps(self) -> int:
        """Steps of the past that all blocks together remember."""
        return 2 * sum(self.dilations)

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


def encode_frame(
    engine: Engine, features: NDArray[np.float32], state: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One video frame of ``features`` (MELS_PER_FRAME, FEATURES) to (STEPS_PER_FRAME * spec.features,) and the next state."""
    if features.shape != (MELS_PER_FRAME, FEATURES):
        raise ValueError(f"features of a frame must have shape {(MELS_PER_FRAME, FEATURES)}, got {features.shape}")
    output = engine.run({"features": features[None], "state": state})
    return output["encoded"].reshape(-1), output["next_state"]


class FrameEncoder(Protocol):
    """Hears a stream one video frame at a time; the state of a stream is given to it and comes back."""

    @property
    def delay_frames(self) -> int:
        """Frames by which it is late: what it gives for a frame describes the one so many frames before."""

    @property
    def frame_features(self) -> int:
        """Values a video frame."""

    def initial_state(self) -> Any: ...

    def encode(self, samples: NDArray[np.int16], features: NDArray[np.float32], state: Any) -> tuple[NDArray[np.float32], Any]:
        """One frame, its int16 samples (n,) at 16 kHz and their ``features`` (MELS_PER_FRAME, FEATURES), to (frame_features,) and the next
        state. In the first ``delay_frames`` calls, what it gives describes nothing."""


@dataclass(frozen=True)
class MelEncoder:
    """The encoder that is trained here: a network on mel features."""

    engine: Engine
    spec: EncoderSpec

    @property
    def delay_frames(self) -> int:
        return self.spec.delay_frames

    @property
    def frame_features(self) -> int:
        return self.spec.frame_features

    def initial_state(self) -> NDArray[np.float32]:
        return initial_encoder_state(self.spec)

    def encode(
        self, samples: NDArray[np.int16], features: NDArray[np.float32], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return encode_frame(self.engine, features, state)
