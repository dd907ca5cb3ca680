"""A clip of motion, wherever it comes from: a sound file that the model is given, a bag, a corpus, or a recording of Live Link Face."""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.motion.steering import Steering
from visavis.timing import FRAME_RATE, SAMPLE_RATE, frame_to_sample, frames_in

LONGEST_S = 3600.0


@dataclass(frozen=True)
class Clip:
    """samples: int16 (n,) at 16 kHz, or None for a clip without sound. motion: float32 (frames, MOTION_DIM). Both begin at 0 s.

    source: what made the motion, for a title.
    """

    name: str
    source: str
    samples: NDArray[np.int16] | None
    motion: NDArray[np.float32]

    def cut(self, begin_s: float, end_s: float | None) -> "Clip":
        """The frames from ``begin_s`` to ``end_s``; ValueError where there are none."""
        if not math.isfinite(begin_s) or not math.isfinite(end_s or 0.0):
            raise ValueError(f"--from and --to take seconds, got {begin_s:g} and {end_s}")
        first = round(begin_s * FRAME_RATE)
        last = len(self.motion) if end_s is None else min(round(end_s * FRAME_RATE), len(self.motion))
        if not 0 <= first < last:
            raise ValueError(
                f"nothing lies from {begin_s:g} s to {last / FRAME_RATE:g} s: the clip is {len(self.motion) / FRAME_RATE:.2f} s long"
            )
        samples = None if self.samples is None else self.samples[frame_to_sample(first) : frame_to_sample(last)]
        return Clip(self.name, self.source, samples, self.motion[first:last])


def load_clip(path: Path, args: argparse.Namespace, steering: Steering, tell: Callable[[str], None]) -> Clip:
    """The clip behind ``path``: a folder or .mcap or .db3 is a bag, .csv a recording of Live Link Face, .npz motion of a corpus
    (NAME.motion.npz, with the sound beside it), anything else a sound file, whose motion is made by the model with ``args.seed`` and
    ``args.weights`` and ``steering``. ``tell`` is given remarks."""
    if not path.exists():
        raise ValueError(f"{path} does not exist")
    if path.is_dir() or path.suffix in (".mcap", ".db3"):
        from visavis.ros.clips import read_clip

        recorded = read_clip(path)
        for line in recorded.remarks:
            tell(line)
        return Clip(path.name, "a bag", recorded.samples, recorded.motion)
    if path.suffix.lower() == ".csv":
        from visavis.motion.livelink import read_livelink

        capture = read_livelink(path)
        for line in capture.remarks:
            tell(line)
        return Clip(path.name, "Live Link Face", None, capture.motion)
    if path.suffix == ".npz":
        from visavis.data.corpus import load_item
        from visavis.data.from_video import read_motion

        item = path.with_name(path.name.removesuffix(".npz").removesuffix(".motion") + ".npz")
        motion = read_motion(item.with_name(f"{item.stem}.motion.npz"))
        return Clip(item.stem, "a corpus", load_item(item).samples if item.exists() else None, motion)
    samples = load_sound(path, tell)
    return Clip(path.name, f"the model, seed {args.seed}", samples, speak(samples, args.seed, args.weights, steering))


def load_sound(path: Path, tell: Callable[[str], None]) -> NDArray[np.int16]:
    """A whole sound file at 16 kHz; ValueError where it is longer than ``LONGEST_S``."""
    from visavis.audio.load import open_blocks

    blocks, held = [], 0
    for block in open_blocks(path, SAMPLE_RATE, tell):
        blocks.append(block)
        held += len(block)
        if held > LONGEST_S * SAMPLE_RATE:
            raise ValueError(f"{path} is longer than {LONGEST_S / 60:.0f} minutes: cut it")
    return np.concatenate(blocks)


def speak(samples: NDArray[np.int16], seed: int, weights: str, steering: Steering) -> NDArray[np.float32]:
    """Motion of the model for a voice: float32 (frames, MOTION_DIM)."""
    from visavis.motion.stage import MotionConfig
    from visavis.pipeline import motion_chunks
    from visavis.runtime.motion import load_motion_stage
    from visavis.runtime.weights import DEFAULT_WEIGHTS

    stage = load_motion_stage(Path(weights) if weights else DEFAULT_WEIGHTS, MotionConfig(seed=seed))
    blocks = (samples[at : at + SAMPLE_RATE] for at in range(0, len(samples), SAMPLE_RATE))
    motion = np.concatenate([chunk.values for chunk in motion_chunks(blocks, stage, steering=steering)])
    assert len(motion) == frames_in(len(samples))
    return motion


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """--seed and --weights, for a clip that the model makes."""
    parser.add_argument("--seed", type=int, default=0, help="of the motion that is made for a sound file (default 0)")
    parser.add_argument("--weights", default="", metavar="FOLDER", help="trained weights; without it those that visavis brings")
