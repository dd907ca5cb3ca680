"""Pictures of the default portrait: true to the photo, still when nothing moves, covered to the border, lips and lids as an independent
tracker sees them.
Needs `visavis assets fetch`."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from visavis.cli.defaults import default_portrait
from visavis.control.pose import SHADING_NAMES, ControlConfig, ControlStage
from visavis.control.poser import Pose, Poser
from visavis.control.retarget import FacePose
from visavis.control.torso import TorsoPose
from visavis.motion.layout import (
    ARKIT_INDEX,
    FACE,
    HEAD_POSITION,
    HEAD_ROTATION,
    head_rotation_from_euler,
    neutral_motion,
    rotation_to_6d,
)
from visavis.portrait.cache import load_portrait
from visavis.types import MotionChunk
from visavis.types_portrait import PortraitRig
from visavis.video import renderer
from visavis.video.renderer import VideoConfig, VideoStage

SIDES = {"left": np.s_[:, 0], "right": np.s_[:, -1], "top": np.s_[0]}
STILL = ControlConfig(breath=0, sway=0, crossfade=0)


def picture(portrait: PortraitRig, motion: NDArray[np.float32], config: ControlConfig = STILL) -> NDArray[np.uint8]:
    control, video = ControlStage(portrait, config), VideoStage(portrait)
    frames, _ = control.step(MotionChunk(1, 0, motion[None]), control.initial_state())
    return video.step(frames[0], video.initial_state())[0].image


def motion_of(yaw: float = 0, pitch: float = 0, roll: float = 0, **weights: float) -> NDArray[np.float32]:
    motion = neutral_motion(1)[0]
    motion[HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(yaw, pitch, roll))
    for name, weight in weights.items():
        for each in [name] if name in ARKIT_INDEX else [f"{name}Left", f"{name}Right"]:
            motion[ARKIT_INDEX[each]] = weight
    return motion


def test_names_of_shading_agree_with_control() -> None:
    for number, name in enumerate(SHADING_NAMES[: renderer.FIRST_FOLD]):
        assert getattr(renderer, name.upper()) == number
    assert SHADING_NAMES[renderer.FIRST_FOLD :] == renderer.FOLDS


def test_the_unmoved_face_is_the_photo(portrait: PortraitRig) -> None:
    """The rig knows the photo only through its own texture; put together again it must come out as the photo (its texture over its
    plate)."""
    unmoved = Pose(
        FacePose(np.zeros(52, np.float32), (0, 0), ((0, 0), (0, 0))),
        np.zeros(32, np.float32),
        np.eye(3, dtype=np.float32),
        np.zeros(3, np.float32),
        TorsoPose(0, 0, 0, 0),
        np.eye(3, dtype=np.float32),
    )
    vertices, gap = Poser(portrait).pose(unmoved, seal=False)
    shading = np.array([{"mouth_gap": gap, "mouth_light": 1}.get(name, 0) for name in SHADING_NAMES], np.float32)
    image = VideoStage(portrait).draw(vertices, shading).astype(float)
    texture = portrait.textures["person"][48:-50:2, 48:-50:2].astype(float)
    alpha = texture[..., 3:] / 255
    photo = texture[..., :3] * alpha + portrait.plate * (1 - alpha)
    assert 10 * np.log10(255**2 / ((image - photo) ** 2).mean()) > 40


def test_what_does_not_move_is_bit_identical(portrait: PortraitRig) -> None:
    motion = motion_of(yaw=4, jawOpen=0.3, eyeBlink=0.4)
    np.testing.assert_array_equal(picture(portrait, motion), picture(portrait, motion))
    control, video = ControlStage(portrait, STILL), VideoStage(portrait)
    frames, _ = control.step(MotionChunk(1, 0, np.repeat(motion[None], 3, 0)), control.initial_state())
    pictures = [video.step(frame, video.initial_state())[0].image for frame in frames]
    np.testing.assert_array_equal(pictures[0], pictures[2])


def test_the_background_never_shimmers(portrait: PortraitRig) -> None:
    """Far from the person every frame shows the plate itself, whatever head and torso do."""
    a, b = picture(portrait, motion_of(yaw=10, jawOpen=0.5), ControlConfig()), picture(portrait, motion_of(roll=-8))
    same = (a == portrait.plate).all(-1) & (b == portrait.plate).all(-1)
    assert same[:60, :60].all() and same[:60, -60:].all()


def test_talking_leaves_the_torso_alone(portrait: PortraitRig) -> None:
    a, b = picture(portrait, motion_of()), picture(portrait, motion_of(jawOpen=0.6, mouthSmile=0.5, browInnerUp=1.0))
    np.testing.assert_array_equal(a[400:], b[400:])


@pytest.mark.slow
def test_the_border_is_always_covered(portrait: PortraitRig) -> None:
    """In 300 random motions within limits, a person who is cut by the picture's edge in the photo reaches that edge in every frame."""
    signal = np.zeros_like(portrait.plate)
    signal[:] = (255, 0, 255)
    textures = {**portrait.textures, "person": np.full_like(portrait.textures["person"], 255)}
    textures["person"][..., :3] = 0
    textures["person"][..., 3] = portrait.textures["person"][..., 3]
    marked = replace(portrait, plate=signal, textures=textures)
    alpha = portrait.textures["person"][48:-50:2, 48:-50:2, 3] > 250
    edge = np.flatnonzero(np.convolve(alpha[-1].astype(int), np.ones(41, int), "same") == 41)  # well within the person
    assert len(edge) > 50
    control, video = ControlStage(marked), VideoStage(marked)
    state = control.initial_state()
    rng = np.random.default_rng(5)
    for i in range(300):
        motion = neutral_motion(1)
        motion[:, FACE] = rng.uniform(0, 1, 52) * (rng.random(52) < 0.2)
        motion[:, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(*rng.uniform(-14, 14, 3)))
        motion[:, HEAD_POSITION] = rng.uniform(-0.03, 0.03, 3)
        frames, state = control.step(MotionChunk(1, i * 20, motion), replace(state, frame=i * 20))
        image = video.step(frames[0], video.initial_state())[0].image
        assert (image[-1, edge, 0] == 0).all()


@pytest.mark.slow
def test_hair_and_shoulders_cut_by_the_frame_stay_at_the_frame(tmp_path: Path) -> None:
    """A close-up of the default photo, whose frame cuts hair and shoulders: head turns, sway and breath uncover no edge."""
    with Image.open(default_portrait()) as photo:
        photo.crop((163, 110, 773, 1025)).save(tmp_path / "close.png")
    rig = load_portrait(tmp_path / "close.png", cache_dir=tmp_path)
    person = rig.textures["person"].copy()
    person[..., :3] = 0
    marked = replace(rig, plate=np.full_like(rig.plate, 255), textures={**rig.textures, "person": person})
    alpha = person[48:-50:2, 48:-50:2, 3] > 250
    inside = {name: np.flatnonzero(np.convolve(alpha[side].astype(int), np.ones(41, int), "same") == 41) for name, side in SIDES.items()}
    assert all(len(pixels) > 30 for pixels in inside.values())
    control, video = ControlStage(marked), VideoStage(marked)
    rng = np.random.default_rng(7)
    for i in range(25):
        motion = neutral_motion(12)
        motion[:, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(*rng.uniform(-14, 14, 3)))
        motion[:, HEAD_POSITION] = rng.uniform(-0.03, 0.03, 3)
        state = replace(control.initial_state(), frame=i * 53)
        image = video.step(control.step(MotionChunk(1, 0, motion), state)[0][-1], video.initial_state())[0].image
        for name, side in SIDES.items():
            assert (image[side][inside[name], 0] < 60).all(), f"the {name} edge is uncovered in motion {i}"


def between_lips(portrait: PortraitRig, motion: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Colours (n, 3) down the middle of the opening from lip to lip and (n, 3) a third of the way to a corner, and the gap in pixels."""
    control, video = ControlStage(portrait, STILL), VideoStage(portrait)
    frame = control.step(MotionChunk(1, 0, motion[None]), control.initial_state())[0][0]
    image = video.step(frame, video.initial_state())[0].image.astype(np.float32)
    lines, gap = [], 0.0
    for column in (16, 5):
        (x, top), (_, bottom) = (frame.vertices[edge[column], :2] / 32 for edge in (portrait.lips.upper, portrait.lips.lower))
        rows = np.linspace(top, bottom, 40, dtype=np.float32)[:, None]
        lines.append(cv2.remap(image, np.full_like(rows, x), rows, cv2.INTER_LINEAR)[:, 0].astype(float))
        gap = max(gap, float(bottom - top))
    return lines[0], lines[1], gap


def _below_lips(portrait: PortraitRig) -> tuple[slice, slice]:
    """A patch of the lower lip, where it is with the lips shut."""
    x, y, z = portrait.vertices[portrait.lips.lower[16]]
    x, y = (round(float(v / z) * portrait.focal + c) for v, c in zip((x, y), portrait.principal, strict=True))
    down = round(0.1 * portrait.eye_distance)
    return slice(y + down, y + down + 5), slice(x - 8, x + 9)


def test_an_open_mouth_shows_teeth_above_a_dark_red_cavity_and_the_tongue(portrait: PortraitRig) -> None:
    middle, side, gap = between_lips(portrait, motion_of(jawOpen=0.6))
    assert gap > 0.35 * portrait.eye_distance
    light = middle.mean(1)
    upper_teeth, cavity, tongue, lower = light[1:9].max(), light[10:24].min(), light[24:33].mean(), light[33:39].max()
    assert upper_teeth > cavity + 70 and lower > cavity + 70
    assert cavity + 15 < tongue < upper_teeth
    assert middle.max() < 235  # teeth are not paper
    dark = middle[light.argmin()]
    assert 20 < dark[0] < 110 and dark[0] > 1.5 * dark[1]  # dark red, neither black nor grey
    assert side[:10].mean(1).max() < upper_teeth - 25  # the corners lie in shadow


def test_lower_teeth_go_down_with_the_jaw_and_upper_ones_stay(portrait: PortraitRig) -> None:
    control = ControlStage(portrait, STILL)

    def height(name: str, weight: float) -> float:
        frame = control.step(MotionChunk(1, 0, motion_of(jawOpen=weight)[None]), control.initial_state())[0][0]
        return float(frame.vertices[np.unique(portrait.triangles[name]), 1].mean()) / 32

    drop = [height("teeth_lower", weight) - height("teeth_lower", 0) for weight in (0.2, 0.4, 0.6)]
    assert drop[0] > 2 and np.diff(drop).min() > 2
    assert abs(height("teeth_upper", 0.6) - height("teeth_upper", 0)) < 0.5
    assert height("tongue", 0.6) - height("tongue", 0) < drop[2]


def test_half_open_lips_leave_no_grey_seam(portrait: PortraitRig) -> None:
    """Through a narrow gap little light falls: the line between the lips is dark and red rather than a grey of teeth."""
    middle, _, gap = between_lips(portrait, motion_of(jawOpen=0.07))
    assert 0.01 * portrait.eye_distance < gap < 0.06 * portrait.eye_distance
    lower_lip = picture(portrait, motion_of(jawOpen=0.07))[_below_lips(portrait)].mean()
    assert middle.mean(1).min() < 0.55 * lower_lip
    assert (middle[:, 0] > 1.3 * middle[:, 1]).all()


@pytest.mark.parametrize("weights", [{"jawOpen": 0.16}, {"jawOpen": 0.22, "mouthPucker": 0.3}])
def test_teeth_in_a_narrow_opening_are_shaded_enamel_not_a_grey_band(portrait: PortraitRig, weights: dict[str, float]) -> None:
    """Darkest below the upper lip, brighter towards their edge, and everywhere warmer than grey."""
    middle, _, gap = between_lips(portrait, motion_of(**weights))
    assert 0.07 * portrait.eye_distance < gap < 0.18 * portrait.eye_distance
    light = middle.mean(1)
    edge = int(light[4:22].argmax()) + 4
    assert edge > 7 and light[edge] > 1.45 * light[2:4].mean()
    assert (middle[:edge, 0] > 1.29 * middle[:edge, 2]).all(), "in the warm light of this photo"


def test_lips_bite_in_f_and_v(portrait: PortraitRig) -> None:
    """Upper teeth are seen between the lips and end on the lower one, with no dark gap in between."""
    middle, _, gap = between_lips(portrait, motion_of(jawOpen=0.12, mouthRollLower=0.5, mouthUpperUp=0.3))
    assert 0.04 * portrait.eye_distance < gap < 0.09 * portrait.eye_distance
    light = middle.mean(1)
    teeth = int(light[5:25].argmax()) + 5
    assert light[teeth] > light[:6].min() + 25  # lighter than the shadow of the upper lip
    assert light[teeth:].min() > 0.75 * light[teeth]
    assert middle[teeth, 0] / middle[teeth, 1] < 0.85 * middle[-1, 0] / middle[-1, 1]  # teeth are less red than the lip


def test_f_and_v_show_the_incisors_in_an_arc_and_shut_lips_beside_it(portrait: PortraitRig) -> None:
    control = ControlStage(portrait, STILL)

    def gap(**weights: float) -> NDArray[np.float64]:
        frame = control.step(MotionChunk(1, 0, motion_of(**weights)[None]), control.initial_state())[0][0]
        return (frame.vertices[portrait.lips.lower, 1] - frame.vertices[portrait.lips.upper, 1]) / 32

    bitten = gap(jawOpen=0.14, mouthRollLower=0.46, mouthUpperUp=0.21)  # as the motion model speaks it
    across = np.linspace(-1, 1, len(bitten))
    assert bitten[np.abs(across) > 0.8].max() < 0.25 * bitten.max()
    assert bitten[np.abs(across) < 0.3].min() > 0.8 * bitten.max()
    assert bitten[np.abs(across) > 0.6].max() < 0.8 * bitten.max(), "an arc, not a band"


def test_the_tongue_lies_over_the_lower_lip_when_it_is_out(portrait: PortraitRig) -> None:
    control, video = ControlStage(portrait, STILL), VideoStage(portrait)

    def shown(**weights: float) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        frame = control.step(MotionChunk(1, 0, motion_of(**weights)[None]), control.initial_state())[0][0]
        lips = frame.vertices[[portrait.lips.upper[len(portrait.lips.upper) // 2], portrait.lips.lower[len(portrait.lips.lower) // 2]], :2]
        return video.draw(frame.vertices, frame.shading, frame.arms), np.round(lips / 32).astype(int)

    def redness(image: NDArray[np.uint8]) -> NDArray[np.float64]:
        return image[..., 0] - image[..., 1].astype(float)

    for yaw in (-18, 0, 18):
        (without, lips), (out, _) = shown(yaw=yaw, jawOpen=0.35), shown(yaw=yaw, jawOpen=0.35, tongueOut=1.0)
        x, edge = lips[1]
        changed = np.abs(out.astype(int) - without).max(-1) > 12
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        assert rows[-1] > edge + 0.18 * portrait.eye_distance, "below the lip's edge"
        assert rows[0] >= lips[0][1] - 3 and np.ptp(columns) < 0.75 * portrait.eye_distance
        below = np.s_[edge + 2 : edge + round(0.15 * portrait.eye_distance), x - 3 : x + 4]
        assert redness(out)[below].mean() > redness(without)[below].mean() + 3, "redder than the lip"
        assert 0.5 < out[below].mean() / without[below].mean() < 1.4, "in the light of the face"

    (without, lips), (between, _) = shown(jawOpen=0.16), shown(jawOpen=0.16, tongueOut=0.12)
    rows = np.flatnonzero((np.abs(between.astype(int) - without).max(-1) > 8).any(1))
    assert len(rows) and lips[0][1] - 3 <= rows[0] and rows[-1] <= lips[1][1] + 3, "between the lips, as in TH"
    np.testing.assert_array_equal(*(shown(tongueOut=weight)[0] for weight in (0.0, 1.0)), err_msg="not through shut lips")


def test_the_mouth_does_not_flicker_while_it_opens(portrait: PortraitRig) -> None:
    """From shut to wide in 31 steps: the picture of the mouth changes evenly, no layer pops in."""
    x, y = (portrait.vertices[portrait.lips.upper[16], :2] / portrait.vertices[portrait.lips.upper[16], 2]) * portrait.focal
    x, y = round(float(x) + portrait.principal[0]), round(float(y) + portrait.principal[1])
    pictures = [
        picture(portrait, motion_of(jawOpen=weight))[y - 25 : y + 45, x - 40 : x + 40].astype(float) for weight in np.linspace(0, 0.6, 31)
    ]
    changes = np.array([np.abs(b - a).mean() for a, b in pairwise(pictures)])
    assert changes.max() < 5.0 and changes.max() < 2.6 * np.median(changes)


def test_closed_lids_leave_no_outline(portrait: PortraitRig) -> None:
    """Above the line of the lashes a shut eye is skin: no edge where the lid begins, none where it ends at the sides."""
    control, video = ControlStage(portrait, STILL), VideoStage(portrait)
    frame = control.step(MotionChunk(1, 0, motion_of(eyeBlink=1.0)[None]), control.initial_state())[0][0]
    image = video.step(frame, video.initial_state())[0].image.astype(float).mean(-1)
    slope_y, slope_x = np.gradient(cv2.GaussianBlur(image, (0, 0), 0.6))
    for eye in (portrait.right_eye, portrait.left_eye):
        line = frame.vertices[eye.lower, :2] / 32
        line = line[line[:, 0].argsort()]
        span = float(np.ptp(line[:, 0]))
        columns = np.arange(round(line[0, 0] + 0.12 * span), round(line[-1, 0] - 0.12 * span))
        across, dark = [], []
        for x in columns:
            y = np.interp(x, line[:, 0], line[:, 1])
            lid = slice(round(y - 0.5 * span), round(y - 0.10 * span) - 1)
            assert np.abs(slope_y[lid, x]).max() < 25 and np.abs(slope_x[lid, x]).max() < 16, f"an edge above the lashes, column {x}"
            across.append(image[lid, x].mean())
            dark.append(image[round(y) - 2 : round(y) + 3, x].min())
        assert (np.array(dark) < np.array(across) - 20).mean() > 0.8  # but there is a line of lashes


def test_the_lashes_beside_the_corner_go_with_the_lid(portrait: PortraitRig) -> None:
    rest, shut = (picture(portrait, motion_of(eyeBlink=weight)).astype(float).mean(-1) for weight in (0.0, 1.0))
    seen = portrait.vertices[:, :2] / portrait.vertices[:, 2:] * portrait.focal + portrait.principal
    for eye in (portrait.right_eye, portrait.left_eye):
        corner, inner = seen[eye.upper[0]], seen[eye.upper[-1]]
        out, span = np.sign(corner[0] - inner[0]), abs(float(corner[0] - inner[0]))
        x = np.sort(np.round(corner[0] + out * np.array([0.04, 0.18]) * span).astype(int))
        beside = np.s_[round(corner[1] - 0.10 * span) : round(corner[1] + 0.06 * span), x[0] : x[1] + 1]
        skin = np.median(shut[round(corner[1] - 0.3 * span) : round(corner[1] + 0.3 * span), x[0] : x[1] + 1])
        assert rest[beside].min() < 0.62 * skin  # this photo has lashes there
        assert shut[beside].min() > rest[beside].min() + 12


def test_vertices_of_another_portrait_are_refused(portrait: PortraitRig) -> None:
    with pytest.raises(ValueError, match="same photo"):
        VideoStage(portrait).draw(np.zeros((10, 3), np.int16), np.zeros(len(SHADING_NAMES), np.float32))
    with pytest.raises(ValueError, match="same version"):
        VideoStage(portrait).draw(np.zeros(portrait.vertices.shape, np.int16), np.zeros(4, np.float32))


def test_sampling_must_divide_the_pixel() -> None:
    with pytest.raises(ValueError, match="sampling"):
        VideoConfig(sampling=3)


@pytest.mark.slow
def test_a_tracker_sees_what_the_motion_says(portrait: PortraitRig) -> None:
    """MediaPipe's landmarker on the rendered pictures: shut lips, an opening that follows the jaw, lids, turns of the head."""
    mediapipe = pytest.importorskip("mediapipe")
    from mediapipe.tasks.python import BaseOptions, vision

    from visavis.store import asset_path

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_buffer=asset_path("face_landmarker.task").read_bytes()),
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    with vision.FaceLandmarker.create_from_options(options) as tracker:

        def look(motion: NDArray[np.float32]) -> tuple[float, float, NDArray[np.float64]]:
            image = np.ascontiguousarray(picture(portrait, motion))
            found = tracker.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image))
            points = np.array([[p.x * 512, p.y * 768] for p in found.face_landmarks[0]])
            apart = np.linalg.norm(points[13] - points[14]) / np.linalg.norm(points[468] - points[473])
            scores = {c.category_name: c.score for c in found.face_blendshapes[0]}
            matrix = np.array(found.facial_transformation_matrixes[0])[:3, :3]
            return float(apart), min(scores["eyeBlinkLeft"], scores["eyeBlinkRight"]), matrix / np.cbrt(np.linalg.det(matrix))

        rest_gap, open_eyes, rest_turn = look(motion_of())
        assert rest_gap < 0.02 and open_eyes < 0.2
        for shut in (
            motion_of(mouthPress=0.5, mouthRollLower=0.3, mouthRollUpper=0.3),
            motion_of(jawOpen=0.03, mouthPress=0.4),
            motion_of(mouthSmile=0.6),
        ):
            assert look(shut)[0] < 0.02
        gaps = [look(motion_of(jawOpen=weight))[0] for weight in (0.0, 0.15, 0.3, 0.45, 0.6)]
        assert (np.diff(gaps) > 0.02).all() and 0.33 < gaps[-1] < 0.50
        assert look(motion_of(eyeBlink=1.0))[1] > 0.5
        for yaw in (-8.0, 8.0):
            turn = look(motion_of(yaw=yaw))[2] @ rest_turn.T
            # The tracker's axes: x right, y up, z towards the viewer.
            seen = -np.degrees(np.arctan2(turn[0, 2], turn[2, 2]))
            assert abs(seen - yaw) < 2.5
