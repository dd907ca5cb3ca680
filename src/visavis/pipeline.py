"""The stages in a row, without ROS: the very objects that the nodes run, fed from an iterator. Constant memory, any length."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from visavis.motion.steering import Steering, arrived, steer
from visavis.motion.styles import Manner
from visavis.timing import FRAME_RATE, frame_to_ns
from visavis.types import ControlFrame, MotionChunk, VideoFrame
from visavis.types_portrait import PortraitRig

if TYPE_CHECKING:
    from visavis.video.refine import RefineEngines


class MotionStep(Protocol):
    """What is used of ``motion.stage.MotionStage``."""

    def initial_state(self) -> Any: ...

    def step(self, samples: NDArray[np.int16], state: Any, final: bool = False) -> tuple[NDArray[np.float32], Any]: ...

    def with_manner(self, state: Any, manner: Manner) -> Any: ...


class ControlStep(Protocol):
    """What is used of ``control.pose.ControlStage``."""

    def initial_state(self) -> Any: ...

    def step(self, chunk: MotionChunk, state: Any) -> tuple[list[ControlFrame], Any]: ...


class VideoStep(Protocol):
    """What is used of ``video.renderer.VideoStage``."""

    def initial_state(self) -> Any: ...

    def step(self, frame: ControlFrame, state: Any) -> tuple[VideoFrame, Any]: ...


def motion_chunks(
    blocks: Iterable[NDArray[np.int16]], stage: MotionStep, utterance_id: int = 1, start_ns: int = 0, steering: Steering | None = None
) -> Iterator[MotionChunk]:
    """Motion of one utterance, steered from its first frame on: as many frames in all as ``timing.frames_in`` of its samples; the last
    chunk has ``end_of_utterance``."""
    wanted = steering or Steering()
    state, steered = stage.with_manner(stage.initial_state(), wanted.manner), arrived(wanted)
    first = 0
    for block in blocks:
        values, state = stage.step(block, state)
        values, steered = steer(values, wanted, steered)
        if len(values):
            yield MotionChunk(utterance_id, first, values, start_ns + frame_to_ns(first))
            first += len(values)
    values, state = stage.step(np.zeros(0, np.int16), state, final=True)
    values, _ = steer(values, wanted, steered)
    yield MotionChunk(utterance_id, first, values, start_ns + frame_to_ns(first), end_of_utterance=True)


def recorded_chunks(motion: NDArray[np.float32], steering: Steering | None = None) -> Iterator[MotionChunk]:
    """Motion (frames, MOTION_DIM) that is there already as one utterance, a second a chunk, with what is asked for on top of it."""
    wanted = steering or Steering()
    steered = arrived(wanted)
    for first in range(0, len(motion), FRAME_RATE):
        values, steered = steer(motion[first : first + FRAME_RATE], wanted, steered)
        last = first + len(values) == len(motion)
        yield MotionChunk(1, first, values, frame_to_ns(first), end_of_utterance=last)


def control_frames(chunks: Iterable[MotionChunk], stage: ControlStep) -> Iterator[ControlFrame]:
    """The portrait's rig, posed, one frame after the other."""
    state = stage.initial_state()
    for chunk in chunks:
        frames, state = stage.step(chunk, state)
        yield from frames


def pictures(frames: Iterable[ControlFrame], stage: VideoStep) -> Iterator[VideoFrame]:
    """The frames, drawn."""
    state = stage.initial_state()
    for frame in frames:
        picture, state = stage.step(frame, state)
        yield picture


def render_offline(
    portrait: PortraitRig,
    chunks: Iterable[MotionChunk],
    framing: str = "upper_body",
    size: tuple[int, int] = (0, 0),
    matte: bool = False,
    arms: bool = True,
    refine: "RefineEngines | None" = None,
) -> Iterator[VideoFrame]:
    """Pictures 0, 1, 2... of one utterance.

    framing, size (width, height), matte: as in ``video.renderer.VideoConfig``. arms: as in ``control.pose.ControlConfig``. refine: as
    in ``video.renderer.VideoStage``.
    """
    # Imported here because compiling the kernels takes seconds, which who only wants motion need not wait for.
    from visavis.control.pose import ControlConfig, ControlStage
    from visavis.video.renderer import VideoConfig, VideoStage

    control = ControlStage(portrait, ControlConfig(arms=arms))
    video = VideoStage(portrait, VideoConfig(framing=framing, width=size[0], height=size[1], matte=matte), refine)
    return pictures(control_frames(chunks, control), video)
