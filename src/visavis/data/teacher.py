"""The teacher: face and head motion for speech whose phones are known. What the motion model learns to do from sound alone."""

from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from visavis.data.corpus import Item, is_tracked, load_item, motion_path, write_npz
from visavis.data.expression import brow_curves, eye_curves
from visavis.data.head import head_angles, head_motion
from visavis.data.mouth import MouthStyle, mouth_curves
from visavis.data.phones import Phone
from visavis.data.prosody import analyse
from visavis.motion.layout import FACE, HEAD_POSITION, HEAD_ROTATION, neutral_motion
from visavis.timing import frames_in

TEACHER_VERSION = 7
"""Kept in every motion file; raised when the same phones give other curves, so that stale files are made again."""


@dataclass(frozen=True)
class Style:
    """How lively a speaker is; 1 is average everywhere."""

    mouth: MouthStyle = field(default_factory=MouthStyle)
    head: float = 1.0
    brows: float = 1.0
    blinks_per_minute: float = 17.0


@dataclass(frozen=True)
class TaughtMotion:
    """face: float32 (frames, 52) ARKit weights 0..1; head: float32 (frames, 9) rotation 6D and position in metres."""

    face: NDArray[np.float32]
    head: NDArray[np.float32]

    def as_motion(self) -> NDArray[np.float32]:
        """(frames, MOTION_DIM) with everything else at rest."""
        motion = neutral_motion(len(self.face))
        motion[:, FACE] = self.face
        motion[:, HEAD_ROTATION] = self.head[:, :6]
        motion[:, HEAD_POSITION] = self.head[:, 6:]
        return motion


def random_style(rng: np.random.Generator) -> Style:
    """A speaker: moderate differences in amplitude, rounding, asymmetry and liveliness."""
    mouth = MouthStyle(*(float(rng.uniform(low, high)) for low, high in ((0.88, 1.12), (0.9, 1.1), (0.85, 1.15), (-1, 1))))
    return Style(mouth, float(rng.uniform(0.7, 1.3)), float(rng.uniform(0.6, 1.3)), float(rng.uniform(13, 21)))


def teach(samples: NDArray[np.int16], phones: tuple[Phone, ...], seed: int, style: Style | None = None) -> TaughtMotion:
    """Motion for int16 samples at 16 kHz with their phones: frames_in(len(samples)) frames. The seed decides drift, blinks, glances, and
    the style if none is given."""
    rng = _randomness(seed)
    drawn = random_style(rng)
    style = style or drawn
    frames = frames_in(len(samples))
    prosody = analyse(samples, phones)
    face = mouth_curves(phones, prosody, frames, style.mouth)
    angles = head_angles(prosody, phones, frames, style.head, rng)
    brows = brow_curves(prosody, frames, style.brows, rng)
    eyes = eye_curves(angles, prosody, frames, style.blinks_per_minute, rng)
    # A lid is as shut as its larger cause; everything else adds up.
    face = np.clip(face + brows + eyes, 0, 1)
    return TaughtMotion(face.astype(np.float32), head_motion(angles, frames, rng))


def teach_item(item: Item) -> TaughtMotion:
    """Motion of a corpus item; its name is its seed."""
    return teach(item.samples, item.phones, _seed(item.name))


def item_style(name: str) -> Style:
    """Style in which ``teach_item`` moves the item of that name."""
    return random_style(_randomness(_seed(name)))


def _seed(name: str) -> int:
    return crc32(name.encode())


def _randomness(seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, 7])


def teach_file(path: Path, force: bool = False) -> bool:
    """Write ``<item>.motion.npz`` beside an item unless one of this teacher's version, or of a film, is there; True if it was written."""
    target = motion_path(path)
    if is_tracked(target):
        return False
    if target.exists() and not force:
        with np.load(target) as data:
            if "version" in data and int(data["version"]) == TEACHER_VERSION:
                return False
    motion = teach_item(load_item(path))
    write_npz(target, face=motion.face, head=motion.head, version=np.array(TEACHER_VERSION))
    return True
