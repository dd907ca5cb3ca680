"""A clip of somebody's motion, by whose manner the avatar shall move: a bag, a capture of Live Link Face, or what `visavis data from-video`
wrote.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.motion.style_clip import StyleScale
from visavis.motion.styles import Style


def style_of_clip(path: Path, scale: StyleScale) -> Style:
    """The manner of the clip at ``path``. ValueError or OSError where it is none, or too short."""
    try:
        return scale.style_of(read_reference(path))
    except ValueError as error:
        raise ValueError(f"no style can be taken from {path}: {error}") from error


def read_reference(path: Path) -> NDArray[np.float32]:
    """Motion (frames, MOTION_DIM) of a folder, .mcap or .db3 (a bag), a .csv (Live Link Face) or NAME.motion.npz; of the last only where
    the face was seen."""
    if path.is_dir() or path.suffix in (".mcap", ".db3"):
        from visavis.ros.clips import read_clip

        return read_clip(path).motion
    if path.suffix.lower() == ".csv":
        from visavis.motion.livelink import read_livelink

        return read_livelink(path).motion
    if path.suffix == ".npz":
        from visavis.data.from_video import read_motion

        motion = read_motion(path)
        with np.load(path) as data:
            return motion[data["face_seen"]] if "face_seen" in data else motion
    raise ValueError("a clip is a bag, a Live Link Face .csv, or the NAME.motion.npz that `visavis data from-video FILM` writes")
