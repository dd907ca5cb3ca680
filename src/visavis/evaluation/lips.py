"""Lips in the rendered picture, seen by a face tracker that knows nothing of the rig: motion -> control -> picture -> landmarks -> gap ->
score."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.control.pose import ControlStage
from visavis.evaluation.lip_score import LipScore, score_gap
from visavis.evaluation.recordings import Recording
from visavis.portrait.landmarks import FaceTracker
from visavis.timing import FRAME_RATE
from visavis.types import MotionChunk
from visavis.types_portrait import PortraitRig
from visavis.video.renderer import VideoStage

UPPER_LIP, LOWER_LIP, RIGHT_IRIS, LEFT_IRIS = 13, 14, 468, 473
"""MediaPipe's landmarks: inner rims of the lips in the middle, centres of the irises."""

CHUNK_FRAMES = 10


def render_motion(motion: NDArray[np.float32], portrait: PortraitRig) -> Iterator[NDArray[np.uint8]]:
    """Pictures uint8 (768, 512, 3) of (frames, MOTION_DIM) motion, by the stages that the graph runs."""
    control, video = ControlStage(portrait), VideoStage(portrait)
    control_state, video_state = control.initial_state(), video.initial_state()
    for first in range(0, len(motion), CHUNK_FRAMES):
        frames, control_state = control.step(MotionChunk(1, first, motion[first : first + CHUNK_FRAMES]), control_state)
        for frame in frames:
            picture, video_state = video.step(frame, video_state)
            yield picture.image


def lip_gap(landmarks: NDArray[np.float64]) -> float:
    """Gap between the inner rims of the lips in distances between the eyes."""
    return float(np.linalg.norm(landmarks[UPPER_LIP] - landmarks[LOWER_LIP]) / np.linalg.norm(landmarks[RIGHT_IRIS] - landmarks[LEFT_IRIS]))


def track_gap(pictures: Iterator[NDArray[np.uint8]], model: Path, rate: float = FRAME_RATE) -> NDArray[np.float64]:
    """(frames,) lip gap in eye distances; NaN in pictures where no face is seen. model: the face_landmarker.task file."""
    gaps = []
    with FaceTracker(model) as tracker:
        for index, picture in enumerate(pictures):
            landmarks = tracker.follow(picture, int(index * 1000 / rate))
            gaps.append(np.nan if landmarks is None else lip_gap(landmarks))
    return np.array(gaps)


def score_rendered(
    motion: NDArray[np.float32],
    recording: Recording,
    portrait: PortraitRig,
    model: Path,
    on_picture: Callable[[NDArray[np.uint8]], None] | None = None,
) -> LipScore:
    """Render ``motion``, track the lips and score them against the recording's phones. ``on_picture`` sees every picture, for keeping a
    film."""

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for picture in render_motion(motion, portrait):
            if on_picture is not None:
                on_picture(picture)
            yield picture

    return score_gap(track_gap(pictures(), model), recording.phones)
