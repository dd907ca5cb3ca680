"""Records to ROS messages and back, in named pairs: ``x_to_msg`` and ``msg_to_x``.

Every ``msg_to_x`` checks what came over the wire and raises ValueError with one line that says what is wrong; the arrays it returns are
views into the message. Bulk data is copied once, through ``array.array``: assigning an ndarray or a list to a message field costs a
thousand times more.
"""

import array
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from std_msgs.msg import Header
from visavis_msgs.msg import AudioChunk as AudioChunkMsg
from visavis_msgs.msg import ControlFrame as ControlFrameMsg
from visavis_msgs.msg import MotionChunk as MotionChunkMsg

from visavis.motion.layout import LAYOUT_NAME, MOTION_DIM, check_motion
from visavis.timing import FRAME_RATE, NANOSECONDS, SAMPLE_RATE
from visavis.types import IDLE_UTTERANCE, AudioChunk, ControlFrame, MotionChunk, check_samples

MAX_CHUNK_SECONDS = 60
"""A longer message is taken for a mistake: it could only be heard a minute late."""


def stamp_to_msg(stamp_ns: int) -> Time:
    """Nanoseconds since the epoch as a ROS time. Raises ValueError for what a ROS time cannot hold."""
    seconds, nanoseconds = divmod(stamp_ns, NANOSECONDS)
    if not 0 <= seconds < 2**31:
        raise ValueError(f"a stamp of {stamp_ns} ns does not fit a ROS time (1970 to 2038)")
    return Time(sec=seconds, nanosec=nanoseconds)


def msg_to_stamp(time: Time) -> int:
    """A ROS time in nanoseconds since the epoch."""
    return time.sec * NANOSECONDS + time.nanosec


def header(stamp_ns: int, frame_id: str = "") -> Header:
    """A message header with this media time."""
    return Header(stamp=stamp_to_msg(stamp_ns), frame_id=frame_id)


def bulk(values: NDArray[np.generic], typecode: str) -> "array.array[Any]":
    """The numbers of a numpy array, row by row, as the ``array.array`` a message field takes."""
    copy = array.array(typecode)
    if values.size:  # an empty view cannot be cast
        copy.frombytes(np.ascontiguousarray(values).data.cast("B"))
    return copy


def bulk_bytes(data: bytes) -> "array.array[int]":
    """Bytes as the ``array.array`` a message field takes."""
    return array.array("B", data)


def audio_chunk_to_msg(chunk: AudioChunk, frame_id: str = "") -> AudioChunkMsg:
    return AudioChunkMsg(
        header=header(chunk.stamp_ns, frame_id),
        utterance_id=chunk.utterance_id,
        first_sample=chunk.first_sample,
        sample_rate=chunk.sample_rate,
        end_of_utterance=chunk.end_of_utterance,
        samples=bulk(check_samples(chunk.samples), "h"),
    )


def msg_to_audio_chunk(msg: AudioChunkMsg) -> AudioChunk:
    """Raises ValueError for a sample rate other than 16000 Hz, an utterance id of zero, and a chunk that is longer than a minute."""
    if msg.sample_rate != SAMPLE_RATE:
        raise ValueError(f"audio at {msg.sample_rate} Hz: this graph works at {SAMPLE_RATE} Hz, resample before publishing")
    if msg.utterance_id == IDLE_UTTERANCE:
        raise ValueError(f"audio with utterance id {IDLE_UTTERANCE}, which means silence: number utterances from 1")
    if len(msg.samples) > MAX_CHUNK_SECONDS * SAMPLE_RATE:
        raise ValueError(f"an audio chunk of {len(msg.samples)} samples: send at most {MAX_CHUNK_SECONDS} s in one message, best 0.04 s")
    return AudioChunk(
        utterance_id=msg.utterance_id,
        first_sample=msg.first_sample,
        samples=np.frombuffer(msg.samples, np.int16),
        stamp_ns=msg_to_stamp(msg.header.stamp),
        sample_rate=msg.sample_rate,
        end_of_utterance=msg.end_of_utterance,
    )


def motion_chunk_to_msg(chunk: MotionChunk, frame_id: str = "") -> MotionChunkMsg:
    values = check_motion(chunk.values)
    return MotionChunkMsg(
        header=header(chunk.stamp_ns, frame_id),
        utterance_id=chunk.utterance_id,
        first_frame=chunk.first_frame,
        frame_rate=FRAME_RATE,
        layout=LAYOUT_NAME,
        frames=len(values),
        end_of_utterance=chunk.end_of_utterance,
        flush=chunk.flush,
        values=bulk(values, "f"),
    )


def msg_to_motion_chunk(msg: MotionChunkMsg) -> MotionChunk:
    """Raises ValueError for another layout, another frame rate, a wrong number of values, and values that are not finite."""
    if msg.layout != LAYOUT_NAME:
        raise ValueError(f'motion in the layout "{msg.layout}": this graph understands "{LAYOUT_NAME}"')
    if msg.frame_rate != FRAME_RATE:
        raise ValueError(f"motion at {msg.frame_rate} frames a second: this graph works at {FRAME_RATE}")
    if len(msg.values) != msg.frames * MOTION_DIM:
        raise ValueError(
            f"motion of {msg.frames} frames must have {msg.frames * MOTION_DIM} values ({MOTION_DIM} each), got {len(msg.values)}"
        )
    return MotionChunk(
        utterance_id=msg.utterance_id,
        first_frame=msg.first_frame,
        values=check_motion(np.frombuffer(msg.values, np.float32).reshape(msg.frames, MOTION_DIM)),
        stamp_ns=msg_to_stamp(msg.header.stamp),
        end_of_utterance=msg.end_of_utterance,
        flush=msg.flush,
    )


def control_frame_to_msg(frame: ControlFrame, portrait: str, frame_id: str = "") -> ControlFrameMsg:
    """``portrait`` is the content hash of the fitted portrait whose vertices these are."""
    return ControlFrameMsg(
        header=header(frame.stamp_ns, frame_id),
        utterance_id=frame.utterance_id,
        frame_index=frame.frame_index,
        portrait=portrait,
        end_of_utterance=frame.end_of_utterance,
        flush=frame.flush,
        shading=bulk(_typed(frame.shading, np.float32), "f"),
        keypoints=bulk(_typed(frame.keypoints, np.float32), "f"),
        vertices=bulk(np.concatenate([_typed(frame.vertices, np.int16), _typed(frame.arms, np.int16)]), "h"),
    )


def msg_to_control_frame(msg: ControlFrameMsg, portrait: str, vertices: int, arms: int = 0) -> ControlFrame:
    """A frame of ``vertices``, followed by those of arms and hands (``arms``) or not: frames in which they are not to be seen have none.

    Raises ValueError for control of another portrait, another number of vertices, and values that are not finite.
    """
    if msg.portrait != portrait:
        raise ValueError(
            f"control for the portrait {msg.portrait[:12] or '(none)'}, but this node draws {portrait[:12]}: "
            "give control_render and video_generation the same photo"
        )
    if len(msg.vertices) not in (3 * vertices, 3 * (vertices + arms)):
        with_arms = f", or {3 * (vertices + arms)} with arms" if arms else ""
        raise ValueError(f"control of {vertices} vertices must have {3 * vertices} values{with_arms}, got {len(msg.vertices)}")
    if len(msg.keypoints) % 3:
        raise ValueError(f"keypoints come as x, y, depth: {len(msg.keypoints)} values are not a multiple of 3")
    shading = np.frombuffer(msg.shading, np.float32)
    keypoints = np.frombuffer(msg.keypoints, np.float32).reshape(-1, 3)
    if not (np.isfinite(shading).all() and np.isfinite(keypoints).all()):
        raise ValueError("control with values that are not finite")
    every = np.frombuffer(msg.vertices, np.int16).reshape(-1, 3)
    return ControlFrame(
        utterance_id=msg.utterance_id,
        frame_index=msg.frame_index,
        vertices=every[:vertices],
        arms=every[vertices:],
        shading=shading,
        keypoints=keypoints,
        stamp_ns=msg_to_stamp(msg.header.stamp),
        end_of_utterance=msg.end_of_utterance,
        flush=msg.flush,
        portrait=msg.portrait,
    )


def _typed(values: NDArray[np.generic], dtype: type[np.generic]) -> NDArray[np.generic]:
    if values.dtype != dtype:
        raise ValueError(f"expected {np.dtype(dtype)} values, got {values.dtype}")
    return values
