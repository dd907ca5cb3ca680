"""A recording of one utterance, out of a bag, and the film that is made of it: pictures and sound placed by their media stamps alone."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.audio.assembler import Assembler
from visavis.benchmark.graph import GraphError
from visavis.film.writer import FilmWriter
from visavis.motion.layout import MOTION_DIM
from visavis.ros.bags import read_bag
from visavis.ros.convert import msg_to_audio_chunk, msg_to_motion_chunk, msg_to_stamp
from visavis.timing import NANOSECONDS, SAMPLE_RATE, frame_to_ns, frame_to_sample, frames_in
from visavis.types import IDLE_UTTERANCE, AudioChunk, MotionChunk

TOPICS = ("audio", "motion", "image_raw/compressed")
"""What must be recorded."""

EDGE_FRAMES = 15
"""Pictures of idle before and after the speech: half a second."""

SAME_STAMP_NS = 1_000_000
"""A picture shows a frame when their stamps differ by less: stamps are rounded to nanoseconds more than once."""


@dataclass
class Take:
    """What was recorded of one utterance.

    samples: int16 (n,), its sound from sample 0, at 16 kHz. start_ns: media time of sample 0.
    motion: float32 (frames, MOTION_DIM). pictures: stamp (ns) and JPEG file of every picture, idle included, by stamp.
    problems: what is missing or doubled, one line each; empty for a whole take.
    """

    samples: NDArray[np.int16]
    start_ns: int
    motion: NDArray[np.float32]
    pictures: list[tuple[int, bytes]]
    problems: list[str] = field(default_factory=list)


def read_take(bag: Path) -> Take:
    """The utterance that a bag of ``audio``, ``motion`` and ``image_raw/compressed`` holds."""
    audio, motion, pictures = [], [], []
    for topic, msg, _arrived in read_bag(bag, TOPICS):
        if topic.endswith("/audio"):
            audio.append(msg_to_audio_chunk(msg))
        elif topic.endswith("/motion"):
            motion.append(msg_to_motion_chunk(msg))
        else:
            pictures.append((msg_to_stamp(msg.header.stamp), bytes(msg.data)))
    return gather(audio, motion, pictures)


def gather(audio: Iterable[AudioChunk], motion: Iterable[MotionChunk], pictures: Iterable[tuple[int, bytes]]) -> Take:
    """Put a recording in order. GraphError where it holds no speech, or more than one utterance."""
    chunks = list(audio)
    utterances = sorted({chunk.utterance_id for chunk in chunks} - {IDLE_UTTERANCE})
    if not utterances:
        raise GraphError("the recording holds no speech: nothing came on the topic audio")
    if len(utterances) > 1:
        raise GraphError(f"the speech was broken into {len(utterances)} utterances: the machine is too slow to play a file in time")
    assembler = Assembler(0)
    samples = np.concatenate([assembler.push(chunk) for chunk in chunks])
    start_ns = chunks[0].stamp_ns - chunks[0].first_sample * NANOSECONDS // SAMPLE_RATE
    problems = []
    if assembler.gaps or assembler.repeats:
        problems.append(f"audio has {assembler.gaps} gaps and {assembler.repeats} repeats")
    if not assembler.ended:
        problems.append("the last chunk of the speech is missing")
    values, missing = _frames([chunk for chunk in motion if chunk.utterance_id == utterances[0]], frames_in(len(samples)))
    if missing:
        problems.append(f"{missing} of {len(values)} frames of motion are missing")
    shown = sorted(pictures, key=lambda picture: picture[0])
    lost = frames_not_shown([stamp for stamp, _ in shown], start_ns, len(values))
    if lost:
        problems.append(f"{len(lost)} of {len(values)} pictures of the speech are missing (frame {lost[0]} is the first)")
    return Take(samples, start_ns, values, shown, problems)


def _frames(chunks: list[MotionChunk], expected: int) -> tuple[NDArray[np.float32], int]:
    """Motion frames 0 to ``expected`` by their index, and how many of them never came."""
    values = np.full((expected, MOTION_DIM), np.nan, np.float32)
    for chunk in chunks:
        end = min(chunk.next_frame, expected)
        if end > chunk.first_frame:
            values[chunk.first_frame : end] = chunk.values[: end - chunk.first_frame]
    return values, int(np.isnan(values[:, 0]).sum())


def frames_not_shown(stamps: list[int], start_ns: int, frames: int) -> list[int]:
    """Frames of an utterance for which no picture has the right stamp. ``stamps`` must be sorted."""
    missing = []
    for frame in range(frames):
        wanted = start_ns + frame_to_ns(frame)
        place = bisect_right(stamps, wanted + SAME_STAMP_NS) - 1
        if place < 0 or abs(stamps[place] - wanted) > SAME_STAMP_NS:
            missing.append(frame)
    return missing


def write_take(take: Take, path: Path, mark: str) -> Iterator[int]:
    """Write the film, telling the number of pictures after each: the speech with half a second of idle around it.

    Picture n shows what was on the screen at its media time: the newest picture whose stamp is not after it. GraphError where the
    recording begins or ends too close to the speech.
    """
    stamps = [stamp for stamp, _ in take.pictures]
    begin_ns = take.start_ns - frame_to_ns(EDGE_FRAMES)
    total = film_frames(take)
    if not stamps or stamps[0] > begin_ns + SAME_STAMP_NS:
        raise GraphError("the recording begins too late: there are no pictures from before the speech")
    if stamps[-1] < begin_ns + frame_to_ns(total - 2):
        raise GraphError("the recording ends too early: there are no pictures from after the speech")
    sound = film_sound(take).astype(np.float32)[:, None] / np.float32(32768)
    first = decode_jpeg(take.pictures[0][1])
    with FilmWriter(path, first.shape[1], first.shape[0], SAMPLE_RATE, 1, mark) as film:
        for frame in range(total):
            place = bisect_right(stamps, begin_ns + frame_to_ns(frame) + SAME_STAMP_NS) - 1
            film.write_picture(decode_jpeg(take.pictures[place][1]))
            film.write_sound(sound[frame_to_sample(frame) : frame_to_sample(frame + 1)])
            yield frame + 1


def film_frames(take: Take) -> int:
    """Pictures of the film: those of the speech and the edges."""
    return frames_in(len(take.samples)) + 2 * EDGE_FRAMES


def film_sound(take: Take) -> NDArray[np.int16]:
    """The sound of the film: the speech with the silent edges, as long as its pictures."""
    sound = np.zeros(frame_to_sample(film_frames(take)), np.int16)
    begin = frame_to_sample(EDGE_FRAMES)
    sound[begin : begin + len(take.samples)] = take.samples
    return sound


def film_motion(take: Take, channel: int) -> NDArray[np.float32]:
    """One value of the motion for each picture of the film; 0 at the edges, where it idles, and where motion is missing."""
    values = np.zeros(film_frames(take), np.float32)
    values[EDGE_FRAMES : EDGE_FRAMES + len(take.motion)] = np.nan_to_num(take.motion[:, channel])
    return values


def decode_jpeg(data: bytes) -> NDArray[np.uint8]:
    """A JPEG file as RGB uint8 (height, width, 3)."""
    image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise GraphError("a recorded picture is no JPEG file")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def frame_loudness(samples: NDArray[np.int16], frames: int) -> NDArray[np.float32]:
    """Loudness of each of ``frames`` frames: root of the mean square, full scale being 1."""
    loudness = np.zeros(frames, np.float32)
    for frame in range(frames):
        part = samples[frame_to_sample(frame) : frame_to_sample(frame + 1)].astype(np.float64)
        loudness[frame] = np.sqrt(np.mean(part**2)) / 32768 if len(part) else 0.0
    return loudness
