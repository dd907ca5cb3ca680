"""What must never be seen, whatever the motion: the portrait's border pulled into the picture, holes in the person, a halo around it,
flicker where nothing moves. Random motions, checked on the opacity of what is drawn.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.control.pose import ControlConfig, ControlStage
from visavis.evaluation.picture_score import halo
from visavis.evaluation.poses import put_random_arms
from visavis.face_offset import OFFSET_VALUES
from visavis.motion.layout import (
    ARKIT_INDEX,
    ARKIT_NAMES,
    FACE,
    FACE_OFFSET,
    HEAD_POSITION,
    HEAD_ROTATION,
    head_rotation_from_euler,
    neutral_motion,
    rotation_to_6d,
)
from visavis.timing import FRAME_RATE
from visavis.types import MotionChunk
from visavis.types_portrait import PortraitRig
from visavis.video.renderer import ARM_LEFT, ARM_RIGHT, VideoConfig, VideoStage

SOLID, EMPTY = 200, 60
"""Opacity (of 255) from which a pixel is the person, and up to which it is background."""
BORDER_SLACK = 24
"""Pixels along the border by which a person's outline may slide; what is farther from it must stay covered."""
HOLE_AREA = 6
"""Pixels of background inside the person that are a hole."""
HOLE_SLACK = 12
"""Pixels around the outline, and around a gap that the unmoved picture has already (arm and body), within which background is no hole."""
HALO_LIMIT = 6.0
"""Grey levels: a rim that is on average so much brighter or darker than all beside it is seen as a halo."""
FLICKER_LIMIT = 0.5


@dataclass(frozen=True)
class Robustness:
    """motions: how many. borders, holes, halos: in how many of them each was found; worst: the number of the motion with the most, -1
    without any. halo_mean, halo_99: grey levels over all motions. largest_hole: pixels. flicker: mean absolute
    difference of successive pictures where the picture is still, grey levels, while the person idles; flicker_person: that on head and
    torso while only breath and sway move them."""

    motions: int
    borders: int
    holes: int
    halos: int
    worst: int
    largest_hole: int
    halo_mean: float
    halo_99: float
    flicker: float
    flicker_person: float

    @property
    def sound(self) -> bool:
        return not (self.borders or self.holes or self.halos) and self.flicker < FLICKER_LIMIT


def random_motions(count: int, seed: int = 0) -> NDArray[np.float32]:
    """(count, MOTION_DIM): some shapes of the face at random weights, its implicit refinement at random, the head turned and shifted as far
    as control lets it; in every second one arms and hands on their way to some gesture."""
    random = np.random.default_rng(seed)
    motions = neutral_motion(count)
    for number, motion in enumerate(motions):
        shapes = random.choice(len(ARKIT_NAMES), random.integers(0, 9), replace=False)
        motion[FACE][shapes] = random.uniform(0, 1, len(shapes))
        motion[FACE][ARKIT_INDEX["jawOpen"]] *= 0.7
        motion[FACE_OFFSET] = random.normal(0, 1, OFFSET_VALUES)
        motion[HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(*random.uniform([-25, -17, -15], [25, 17, 15])))
        motion[HEAD_POSITION] = random.uniform(-0.02, 0.02, 3)
        if number % 2:
            put_random_arms(motion, random)
    return motions


def check_robust(
    rig: PortraitRig,
    count: int = 1000,
    seed: int = 0,
    on_motion: Callable[[int, NDArray[np.uint8], list[str]], None] = lambda *_: None,
    frames: int = 2 * FRAME_RATE,
) -> Robustness:
    """Draw ``count`` random motions of ``rig`` and look for borders, holes and halos; then for flicker. ``on_motion`` is given each
    motion's number, its picture (RGBA) and what was found in it. frames: of the idle that is looked at for flicker."""
    control, video = ControlStage(rig, ControlConfig(crossfade=0, limb_crossfade=0)), VideoStage(rig, VideoConfig(matte=True))
    state = control.initial_state()
    rest = _draw(control, video, neutral_motion(1)[0])
    slack = np.arange(-BORDER_SLACK, BORDER_SLACK + 1)
    covered = np.all([np.roll(_border(rest[..., 3]) >= SOLID, step) for step in slack], axis=0)
    # Gaps between curls move with the hair and are no holes: what counts is where the rig has nothing at all.
    # What raised arms have left, and what they enclose, is no defect: there the body is looked at without them.
    bare = _without_arms(rig, video, control)
    covered_body = np.all([np.roll(_border(bare[..., 3]) >= SOLID, step) for step in slack], axis=0)
    solid = rig.textures["person"].copy()
    solid[..., 3] = 255
    cover = VideoStage(replace(rig, textures={**rig.textures, "person": solid}), VideoConfig(matte=True))
    around = np.ones((2 * HOLE_SLACK + 1,) * 2, np.uint8)
    gaps, gaps_body = (cv2.dilate((image[..., 3] < SOLID).astype(np.uint8), around) > 0 for image in (rest, bare))
    borders = holes = halos = largest = 0
    worst, worst_score = -1, 0.0
    halo_means, halo_tops = [], []
    for index, motion in enumerate(random_motions(count, seed)):
        posed, state = control.step(MotionChunk(index + 1, 0, motion[None]), state)
        vertices, shading, arms = posed[0].vertices, posed[0].shading, posed[0].arms
        picture = video.draw(vertices, shading, arms)
        away = _out_of_sight(arms)
        body = video.draw(vertices, shading, away)[..., 3] if len(arms) else picture[..., 3]
        exposed = int(((covered_body if len(arms) else covered) & (_border(body) < EMPTY)).sum())
        is_covered = cover.draw(vertices, shading, away)[..., 3] >= EMPTY
        hole = _hole_area(body, (gaps | gaps_body if len(arms) else gaps) | is_covered)
        mean, top = halo(video.over_plate(picture), picture[..., 3])
        halo_means.append(mean)
        halo_tops.append(top)
        found = [name for name, bad in (("border", exposed > 0), ("hole", hole >= HOLE_AREA), ("halo", mean > HALO_LIMIT)) if bad]
        borders, holes, halos = borders + ("border" in found), holes + ("hole" in found), halos + ("halo" in found)
        largest = max(largest, hole)
        badness = exposed + hole + max(mean - HALO_LIMIT, 0) * 10
        if found and badness > worst_score:
            worst, worst_score = index, badness
        on_motion(index, picture, found)
    still, person = flicker(rig, frames)
    return Robustness(count, borders, holes, halos, worst, largest, float(np.mean(halo_means)), float(np.mean(halo_tops)), still, person)


def flicker(rig: PortraitRig, frames: int, video: VideoStage | None = None, matte: VideoStage | None = None) -> tuple[float, float]:
    """Mean absolute difference of successive pictures in grey levels while the avatar only breathes and sways: on the background beside the
    person, and on the person. video, matte: stages of ``rig`` with and without its background, where they are there already."""
    control, video, matte = ControlStage(rig), video or VideoStage(rig), matte or VideoStage(rig, VideoConfig(matte=True))
    motion = neutral_motion(frames)
    posed, _ = control.step(MotionChunk(1, 0, motion), control.initial_state())
    pictures = [video.draw(frame.vertices, frame.shading).astype(np.int16) for frame in posed]
    swept = np.zeros(pictures[0].shape[:2], bool)
    solid = np.ones_like(swept)
    for frame in posed[:: max(frames // 12, 1)]:
        opacity = matte.draw(frame.vertices, frame.shading)[..., 3]
        swept |= opacity > 0
        solid &= opacity == 255
    beside = ~(cv2.dilate(swept.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0)
    changes = np.mean([np.abs(later - earlier).mean(-1) for earlier, later in pairwise(pictures)], axis=0)
    return (float(changes[beside].mean()) if beside.any() else 0.0, float(changes[solid].mean()) if solid.any() else 0.0)


def _draw(control: ControlStage, video: VideoStage, motion: NDArray[np.float32]) -> NDArray[np.uint8]:
    frames, _ = control.step(MotionChunk(1, 0, motion[None]), control.initial_state())
    return video.draw(frames[0].vertices, frames[0].shading)


def _out_of_sight(arms: NDArray[np.int16]) -> NDArray[np.int16]:
    """The same arms far beside the picture."""
    away = arms.copy()
    away[:, 0] = -30_000
    return away


def _without_arms(rig: PortraitRig, video: VideoStage, control: ControlStage) -> NDArray[np.uint8]:
    """The unmoved person as raised arms leave them."""
    frames, _ = control.step(MotionChunk(1, 0, neutral_motion(1)), control.initial_state())
    shading = frames[0].shading.copy()
    shading[[ARM_RIGHT, ARM_LEFT]] = 1
    arms = _out_of_sight(np.zeros((rig.arms.vertices, 3), np.int16))
    return video.draw(frames[0].vertices, shading, arms)


def _border(opacity: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The outermost pixels of a picture (height, width), once around."""
    return np.concatenate([opacity[0], opacity[1:, -1], opacity[-1, -2::-1], opacity[-2:0:-1, 0]])


def _hole_area(opacity: NDArray[np.uint8], known: NDArray[np.bool_]) -> int:
    """Pixels of the largest piece of background that is enclosed by the person where that is not ``known``."""
    empty = (opacity < EMPTY).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(empty, connectivity=4)
    height, width = opacity.shape
    left, top, wide, tall, area = stats.T
    outer = (left == 0) | (top == 0) | (left + wide == width) | (top + tall == height)
    outer[0] = False  # the person
    inner = np.flatnonzero(~outer & (area >= HOLE_AREA))
    if not (inner > 0).any():
        return 0
    near = cv2.dilate(outer[labels].astype(np.uint8), np.ones((2 * HOLE_SLACK + 1,) * 2, np.uint8)) > 0
    return max(int(((labels == label) & ~(known | near)).sum()) for label in inner if label)
