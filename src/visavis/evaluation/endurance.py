"""A long stream through the motion stage: does it keep time, join its chunks unseen, and stay as small as it began?"""

import itertools
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import psutil
from numpy.typing import NDArray

from visavis.evaluation.gestures import MOUTH, nose_path
from visavis.motion.layout import FACE
from visavis.motion.skeleton import joints_of
from visavis.motion.stage import MotionStage
from visavis.timing import SAMPLE_RATE, frame_to_sample, frames_in

WARM_SECONDS = 60
"""Memory is compared with what it is after this."""


@dataclass(frozen=True)
class Joins:
    """Jumps between neighbouring frames, 99th percentile and largest: inside chunks, and from a chunk to the next."""

    inside: float
    inside_largest: float
    between: float
    between_largest: float


@dataclass(frozen=True)
class Endurance:
    """seconds: of sound. frames, expected: what came out and what must. cpu: seconds of one core a second of sound; slowest_ms: 99th
    percentile of the time that a chunk took. warm_mb, end_mb: memory of the process after a minute and at the end; state_bytes: of the
    stream's state then. joins: of lips (mean weight), nose and wrists (metres)."""

    seconds: float
    frames: int
    expected: int
    cpu: float
    slowest_ms: float
    warm_mb: float
    end_mb: float
    warm_state: int
    end_state: int
    joins: dict[str, Joins]


def endure(samples: NDArray[np.int16], seconds: float, stage: MotionStage, tick: Callable[[int], None] = lambda _frames: None) -> Endurance:
    """Speak ``samples`` (int16, 16 kHz) over and over for ``seconds`` as one utterance. tick: is told the frames that came."""
    if not len(samples):
        raise ValueError("there is no sound to speak")
    process = psutil.Process()
    state = stage.initial_state()
    total = round(seconds * SAMPLE_RATE)
    frames, cpu = 0, 0.0
    times = array("f")
    warm: tuple[float, int] | None = None
    # packed, so that what is kept here is not taken for what the stream keeps
    jumps = {name: (array("f"), array("f")) for name in ("lips", "nose", "wrists")}
    last: dict[str, NDArray[np.float64]] = {}
    heard = 0
    for piece in _pieces(samples, total):
        heard += len(piece)
        began, cpu_began = time.perf_counter(), time.process_time()
        motion, state = stage.step(piece, state, final=heard == total)
        spent = time.process_time() - cpu_began
        cpu += spent
        if len(motion):
            if heard < total:
                times.append(time.perf_counter() - began)
            for name, track in _tracks(motion).items():
                inside, between = jumps[name]
                if name in last and heard < total:
                    between.extend(_jumps(track[:1] - last[name]))
                inside.extend(_jumps(np.diff(track, axis=0)))
                last[name] = track[-1]
            frames += len(motion)
            tick(len(motion))
        if warm is None and heard >= min(WARM_SECONDS * SAMPLE_RATE, total):
            warm = process.memory_info().rss / 2**20, _size_of(state)
    assert warm is not None
    return Endurance(
        seconds=total / SAMPLE_RATE,
        frames=frames,
        expected=frames_in(total),
        cpu=cpu / (total / SAMPLE_RATE),
        slowest_ms=1000 * float(np.percentile(np.array(times), 99)) if times else float("nan"),
        warm_mb=warm[0],
        end_mb=process.memory_info().rss / 2**20,
        warm_state=warm[1],
        end_state=_size_of(state),
        joins={name: _joins(np.array(inside), np.array(between)) for name, (inside, between) in jumps.items()},
    )


def _pieces(samples: NDArray[np.int16], total: int) -> Iterator[NDArray[np.int16]]:
    """A video frame of sound at a time, so that no step gives more than one chunk; ``total`` samples in all."""
    for frame in itertools.count():
        first, end = frame_to_sample(frame), min(frame_to_sample(frame + 1), total)
        yield samples[np.arange(first, end) % len(samples)]
        if end == total:
            return


def _tracks(motion: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    joints = joints_of(motion)
    return {
        "lips": motion[:, FACE][:, MOUTH].astype(np.float64),
        "nose": nose_path(motion),
        "wrists": np.concatenate([joints["left_wrist"], joints["right_wrist"]], axis=1),
    }


def _jumps(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square over the values of each frame."""
    return np.sqrt(np.mean(differences**2, axis=1))


def _joins(inside: NDArray[np.float64], between: NDArray[np.float64]) -> Joins:
    return Joins(float(np.percentile(inside, 99)), float(inside.max()), float(np.percentile(between, 99)), float(between.max()))


def _size_of(state: object) -> int:
    """Bytes of all arrays that a state holds."""
    if isinstance(state, np.ndarray):
        return state.nbytes
    if isinstance(state, (tuple, list)):
        return sum(map(_size_of, state))
    if isinstance(state, dict):
        return sum(map(_size_of, state.values()))
    return sum(map(_size_of, vars(state).values())) if hasattr(state, "__dict__") else 0
