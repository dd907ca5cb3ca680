"""Motion and sound of a bag as one timeline, placed by their media stamps alone, and a bag of motion made of arrays."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rclpy.serialization import serialize_message

from visavis.motion.layout import MOTION_DIM
from visavis.ros.bags import BagError, BagWriter, bag_counts, read_bag
from visavis.ros.convert import motion_chunk_to_msg, msg_to_audio_chunk, msg_to_motion_chunk
from visavis.ros.qos import MOTION_DEPTH, stream
from visavis.ros.topics import TOPICS, type_name
from visavis.timing import FRAME_RATE, NANOSECONDS, SAMPLE_RATE, frame_to_ns, frames_in
from visavis.types import AudioChunk, MotionChunk

LONGEST_S = 3600
"""A longer timeline does not fit into memory at once (400 MB an hour)."""

CHUNK_FRAMES = 3
"""Frames a message of a bag that is written: as many as the motion node gives at once."""


@dataclass(frozen=True)
class RecordedClip:
    """samples: int16 (n,) at 16 kHz, or None where the bag has no sound. motion: float32 (frames, MOTION_DIM). Both begin at 0 s.
    remarks: what is missing, one line each."""

    samples: NDArray[np.int16] | None
    motion: NDArray[np.float32]
    remarks: tuple[str, ...]


def read_clip(bag: Path | str) -> RecordedClip:
    """All motion of a bag, idle included, and its sound. BagError where it holds no motion or more than an hour."""
    motion: list[MotionChunk] = []
    audio: list[AudioChunk] = []
    present = [name for name in ("audio", "motion") if f"/{name}" in bag_counts(bag)]
    if "motion" not in present:
        raise BagError(f"the bag {bag} has no /motion: record the topic motion")
    for topic, msg, _arrived in read_bag(bag, present):
        if topic.endswith("motion"):
            motion.append(msg_to_motion_chunk(msg))
        else:
            audio.append(msg_to_audio_chunk(msg))
    return join_clip(motion, audio, str(bag))


def join_clip(motion: list[MotionChunk], audio: list[AudioChunk], name: str = "the bag") -> RecordedClip:
    """Chunks on one timeline, from the first stamp on. Of motion for the same time, what came last is kept, as in the graph."""
    motion = [chunk for chunk in motion if len(chunk.values)]
    audio = [chunk for chunk in audio if len(chunk.samples)]
    if not motion:
        raise BagError(f"{name} holds no motion: record the topic motion")
    start = min([chunk.stamp_ns for chunk in motion] + [chunk.stamp_ns for chunk in audio])
    end = max(
        [chunk.stamp_ns + frame_to_ns(len(chunk.values)) for chunk in motion]
        + [chunk.stamp_ns + len(chunk.samples) * NANOSECONDS // SAMPLE_RATE for chunk in audio]
    )
    if end - start > LONGEST_S * NANOSECONDS:
        raise BagError(f"{name} is {(end - start) / 60e9:.0f} minutes long: at most {LONGEST_S // 60} are read at once")
    samples = _sound(audio, start)
    # Motion may not begin on a frame of this timeline; it is moved by less than half a frame.
    first = [round((chunk.stamp_ns - start) * FRAME_RATE / NANOSECONDS) for chunk in motion]
    total = max(at + len(chunk.values) for at, chunk in zip(first, motion, strict=True))
    total = total if samples is None else max(total, frames_in(len(samples)))
    values = np.full((total, MOTION_DIM), np.nan, np.float32)
    for at, chunk in zip(first, motion, strict=True):
        if chunk.flush:
            values[at:] = np.nan
        values[at : at + len(chunk.values)] = chunk.values
    missing = np.isnan(values[:, 0])
    remarks = (f"{np.count_nonzero(missing)} of {total} frames of motion are missing: the frame before is held",) if missing.any() else ()
    last = np.maximum.accumulate(np.where(missing, -1, np.arange(total)))
    values = values[np.where(last < 0, int(np.argmin(missing)), last)]
    return RecordedClip(samples, values, remarks)


def _sound(audio: list[AudioChunk], start_ns: int) -> NDArray[np.int16] | None:
    if not audio:
        return None
    first = [round((chunk.stamp_ns - start_ns) * SAMPLE_RATE / NANOSECONDS) for chunk in audio]
    samples = np.zeros(max(at + len(chunk.samples) for at, chunk in zip(first, audio, strict=True)), np.int16)
    for at, chunk in zip(first, audio, strict=True):
        samples[at : at + len(chunk.samples)] = chunk.samples
    return samples


def write_motion(bag: Path, motion: NDArray[np.float32], start_ns: int, storage: str = "mcap") -> int:
    """Write a bag of the topic ``motion``: one utterance, float32 (frames, MOTION_DIM), frame 0 at ``start_ns``; returns the number of
    messages. BagError where it exists already or cannot be written."""
    writer = BagWriter(bag, storage)
    kind, offered = type_name(TOPICS["motion"]), [stream(MOTION_DEPTH)]
    for first in range(0, len(motion), CHUNK_FRAMES):
        values = motion[first : first + CHUNK_FRAMES]
        stamp_ns = start_ns + frame_to_ns(first)
        chunk = MotionChunk(1, first, values, stamp_ns, end_of_utterance=first + CHUNK_FRAMES >= len(motion))
        writer.write("/motion", kind, offered, stamp_ns, serialize_message(motion_chunk_to_msg(chunk)))
    writer.close()
    if writer.error or writer.dropped:
        raise BagError(writer.error or f"{writer.dropped} messages did not fit: the disk is too slow")
    return writer.counts["/motion"]
