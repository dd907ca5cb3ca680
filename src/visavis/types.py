"""What flows between the stages: plain frozen records of numpy arrays, and the Protocols that stages and engines keep.

Media time: ``stamp_ns`` is the time (nanoseconds, the graph's clock) of the first sample or of the frame; it is derived from
indices and from the stamp at which the utterance began, never from when a callback happened to run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visavis.timing import SAMPLE_RATE

IDLE_UTTERANCE = 0
"""Utterance id of motion that no speech caused; speech uses 1 and above."""

VERTEX_SUBPIXEL = 32
"""Posed vertices count x and y in so many parts of a pixel of the 512x768 picture; a pixel's centre is a whole multiple."""

VERTEX_DEPTH_M = 1e-4
"""Metres in which posed vertices count depth."""


@dataclass(frozen=True)
class AudioChunk:
    """A contiguous piece of mono speech.

    samples: int16 (n,), at ``sample_rate`` Hz. ``first_sample`` counts from the start of the utterance.
    """

    utterance_id: int
    first_sample: int
    samples: NDArray[np.int16]
    stamp_ns: int = 0
    sample_rate: int = SAMPLE_RATE
    end_of_utterance: bool = False

    @property
    def next_sample(self) -> int:
        return self.first_sample + len(self.samples)


@dataclass(frozen=True)
class MotionChunk:
    """Consecutive motion frames: float32 (frames, MOTION_DIM), see ``motion.layout``.

    ``first_frame`` counts from the start of the utterance.

    ``flush`` is set on the first chunk after an interruption: everything queued before it is dropped at once.
    """

    utterance_id: int
    first_frame: int
    values: NDArray[np.float32]
    stamp_ns: int = 0
    end_of_utterance: bool = False
    flush: bool = False

    @property
    def next_frame(self) -> int:
        return self.first_frame + len(self.values)


@dataclass(frozen=True)
class ControlFrame:
    """One frame of explicit control: the rig of the portrait, posed. Everything the generator needs beside the portrait itself.

    vertices: int16 (V, 3), picture x and y in 1/``VERTEX_SUBPIXEL`` pixel and depth in ``VERTEX_DEPTH_M``, in the vertex order of the
    portrait's rig.
    shading: float32 (S,), named by ``control.pose.SHADING_NAMES`` (lid closure, mouth opening, ...).
    keypoints: float32 (K, 3), named landmarks in pixels (x, y) and metres of depth, for viewers and bags.
    portrait: content hash of the portrait whose rig it is, where it came over a topic.
    arms: int16 (A, 3), arms and hands in the same units, the right arm first; (0, 3) where neither is to be drawn.
    """

    utterance_id: int
    frame_index: int
    vertices: NDArray[np.int16]
    shading: NDArray[np.float32]
    keypoints: NDArray[np.float32]
    stamp_ns: int = 0
    end_of_utterance: bool = False
    flush: bool = False
    portrait: str = ""
    arms: NDArray[np.int16] = field(default_factory=lambda: np.zeros((0, 3), np.int16))


@dataclass(frozen=True)
class VideoFrame:
    """One picture: uint8 (height, width, 3) RGB, or (height, width, 4) RGBA with straight opacity, without its background."""

    utterance_id: int
    frame_index: int
    image: NDArray[np.uint8]
    stamp_ns: int = 0


Input = TypeVar("Input", contravariant=True)
Output = TypeVar("Output", covariant=True)
State = TypeVar("State")


class Stage(Protocol[Input, Output, State]):
    """A pure streaming stage. ``step`` never reads a clock and never changes its argument ``state`` in place."""

    @property
    def latency_samples(self) -> int:
        """How many samples of audio after a frame's own the stage must have heard before it can give that frame."""

    def initial_state(self) -> State: ...

    def step(self, input: Input, state: State, /) -> tuple[Output, State]: ...


class Engine(Protocol):
    """Runs one network: named float32 arrays in, named float32 arrays out."""

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]: ...


def check_samples(samples: ArrayLike) -> NDArray[np.int16]:
    """Mono int16 (n,), or ValueError. Floats are refused: they must be converted, with clipping counted, where they enter."""
    array = np.asarray(samples)
    if array.ndim != 1 or array.dtype != np.int16:
        raise ValueError(f"samples must be int16 with shape (n,), got {array.dtype} with shape {array.shape}")
    return array


def check_image(image: ArrayLike) -> NDArray[np.uint8]:
    """RGB uint8 (height, width, 3), contiguous, or ValueError."""
    array = np.asarray(image)
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
        raise ValueError(f"image must be uint8 with shape (height, width, 3), got {array.dtype} with shape {array.shape}")
    return np.ascontiguousarray(array)


def check_picture(image: ArrayLike) -> NDArray[np.uint8]:
    """RGB or straight RGBA, uint8 (height, width, 3 or 4), contiguous, or ValueError."""
    array = np.asarray(image)
    if array.ndim != 3 or array.shape[2] not in (3, 4) or array.dtype != np.uint8:
        raise ValueError(f"image must be uint8 with shape (height, width, 3 or 4), got {array.dtype} with shape {array.shape}")
    return np.ascontiguousarray(array)
