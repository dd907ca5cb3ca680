"""Framings, sizes and mattes of the default portrait: each view shows what the photo shows there. Needs `visavis assets fetch`."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from visavis.cli.defaults import default_portrait
from visavis.control.pose import ControlConfig, ControlStage
from visavis.motion.layout import ARKIT_INDEX, HEAD_ROTATION, head_rotation_from_euler, neutral_motion, rotation_to_6d
from visavis.types import ControlFrame, MotionChunk
from visavis.types_portrait import PortraitRig
from visavis.video.renderer import VideoConfig, VideoStage
from visavis.video.view import picture_size


@pytest.fixture(scope="module")
def frames(portrait: PortraitRig) -> list[ControlFrame]:
    """At rest, and turned with an open mouth and half-shut eyes."""
    motion = neutral_motion(2)
    motion[1, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(9, 4, 3))
    motion[1, [ARKIT_INDEX[name] for name in ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight")]] = 0.4
    control = ControlStage(portrait, ControlConfig(breath=0, sway=0, crossfade=0))
    return control.step(MotionChunk(1, 0, motion), control.initial_state())[0]


def draw(portrait: PortraitRig, frame: ControlFrame, config: VideoConfig) -> NDArray[np.uint8]:
    stage = VideoStage(portrait, config)
    return stage.step(frame, stage.initial_state())[0].image


def psnr(one: NDArray[np.generic], other: NDArray[np.generic]) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other.astype(float)) ** 2)))


@pytest.mark.parametrize("framing", ["upper_body", "head"])
def test_a_matte_over_the_plate_is_the_picture(portrait: PortraitRig, frames: list[ControlFrame], framing: str) -> None:
    for frame in frames:
        plain = draw(portrait, frame, VideoConfig(framing=framing))
        stage = VideoStage(portrait, VideoConfig(framing=framing, matte=True))
        matte = stage.step(frame, stage.initial_state())[0].image
        assert matte.shape == (*plain.shape[:2], 4)
        assert np.abs(stage.over_plate(matte).astype(int) - plain).max() <= 2


def test_a_matte_is_soft_at_hair_and_has_no_halo(portrait: PortraitRig, frames: list[ControlFrame]) -> None:
    """Dark hair before a grey wall: what is half transparent must have the colour of hair, at rest and turned, and so must what is next to
    it."""
    left, top, side = portrait.head_frame
    hair = np.s_[top : top + side // 4, left : left + side]
    for frame in frames:
        matte = draw(portrait, frame, VideoConfig(matte=True))[hair].astype(float)
        rim = (matte[..., 3] > 40) & (matte[..., 3] < 215)
        assert rim.sum() > 300, "hair has a soft rim"
        wall = portrait.plate[hair].mean()
        assert matte[rim][:, :3].mean() < 0.45 * wall
        beside = (matte[..., 3] == 0) & (cv2.dilate(rim.astype(np.uint8), np.ones((5, 5))) > 0)
        assert matte[beside][:, :3].mean() < 0.5 * wall


def test_the_head_is_drawn_from_the_photos_own_detail(portrait: PortraitRig, frames: list[ControlFrame]) -> None:
    """The same part of the photo at 512x512, cut from the file itself: nearer to it than an enlarged picture is."""
    left, top, side = portrait.head_frame
    with Image.open(default_portrait()) as photo:
        scale = photo.height // 3 * 3 / 768  # the frame is as much of the photo as is 2 to 3
        box = tuple(edge * scale for edge in (left, top, left + side, top + side))
        truth = np.array(photo.resize((512, 512), Image.Resampling.LANCZOS, box=box))
    seen = np.s_[30:180, 100:400]  # hair and forehead: the face itself is at rest, which the photo's need not be
    head = draw(portrait, frames[0], VideoConfig(framing="head"))
    whole = draw(portrait, frames[0], VideoConfig())
    enlarged = cv2.resize(whole[top : top + side, left : left + side], (512, 512), interpolation=cv2.INTER_CUBIC)
    assert head.shape == (512, 512, 3)
    assert psnr(head[seen], truth[seen]) > psnr(enlarged[seen], truth[seen]) + 1.0


@pytest.mark.parametrize(("width", "least"), [(128, 34.0), (256, 36.0), (768, 32.0)])
def test_every_size_shows_the_same(portrait: PortraitRig, frames: list[ControlFrame], width: int, least: float) -> None:
    picture = draw(portrait, frames[1], VideoConfig(width=width))
    assert picture.shape == (width * 3 // 2, width, 3)
    usual = draw(portrait, frames[1], VideoConfig())
    way = cv2.INTER_AREA if width < 512 else cv2.INTER_CUBIC
    assert psnr(picture, cv2.resize(usual, picture.shape[1::-1], interpolation=way)) > least


@pytest.mark.parametrize(
    ("framing", "width", "height", "match"),
    [("upper_body", 512, 512, "512 to 768"), ("head", 512, 768, "512 to 512"), ("body", 0, 0, "framing"), ("head", 32, 0, "64 to 4096")],
)
def test_sizes_that_do_not_fit_are_refused(framing: str, width: int, height: int, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        picture_size(framing, width, height)
