"""The control stage on the default portrait: lips that close, limits, breaks in the motion. Needs `visavis assets fetch`."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis.control.pose import KEYPOINT_NAMES, SHADING_NAMES, ControlConfig, ControlStage, soft_limit
from visavis.motion.layout import (
    ARKIT_INDEX,
    BODY,
    FACE,
    HEAD_POSITION,
    HEAD_ROTATION,
    LEFT_HAND,
    MOTION_DIM,
    head_euler_from_rotation,
    head_rotation_from_euler,
    neutral_motion,
    rotation_to_6d,
)
from visavis.motion.steering import EMOTIONS, Steering, arrived, steer
from visavis.types import VERTEX_DEPTH_M, ControlFrame, MotionChunk
from visavis.types_portrait import PortraitRig

STILL = ControlConfig(breath=0, sway=0, crossfade=0)


def motion_of(frames: int = 1, **weights: float) -> np.ndarray:
    motion = neutral_motion(frames)
    for name, weight in weights.items():
        motion[:, FACE][:, ARKIT_INDEX[name]] = weight
    return motion


def posed(portrait: PortraitRig, motion: np.ndarray, config: ControlConfig = STILL) -> ControlFrame:
    stage = ControlStage(portrait, config)
    return stage.step(MotionChunk(1, 0, motion), stage.initial_state())[0][-1]


def gap(portrait: PortraitRig, frame: ControlFrame) -> np.ndarray:
    """Pixels between the inner lips, by column."""
    return (frame.vertices[portrait.lips.lower, 1].astype(float) - frame.vertices[portrait.lips.upper, 1]) / 32


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_lips_that_are_shut_stay_shut_whatever_the_emotion(portrait: PortraitRig, emotion: str) -> None:
    wanted = Steering(emotion=emotion)
    for weights in ({}, {"jawOpen": 0.1, "mouthClose": 0.1}, {"mouthPressLeft": 0.3, "mouthPressRight": 0.3}):
        motion, _ = steer(motion_of(**weights), wanted, arrived(wanted))
        assert gap(portrait, posed(portrait, motion)).max() <= 1.0, f"pixels, with {weights}"


def test_frames_carry_what_their_names_say(portrait: PortraitRig) -> None:
    frame = posed(portrait, motion_of(eyeBlinkRight=1.0, jawOpen=0.5))
    assert frame.vertices.shape == portrait.vertices.shape and frame.vertices.dtype == np.int16
    assert frame.shading.shape == (len(SHADING_NAMES),) and frame.keypoints.shape == (len(KEYPOINT_NAMES), 3)
    shading = dict(zip(SHADING_NAMES, frame.shading, strict=True))
    assert shading["lid_right"] == 1 and shading["lid_left"] == 0 and 0.2 < shading["mouth_gap"] < 0.5
    points = dict(zip(KEYPOINT_NAMES, frame.keypoints, strict=True))
    assert points["jaw_0"][0] < points["nose_3"][0] < points["jaw_16"][0]  # the person's right is the viewer's left
    assert points["right_eye_0"][1] < points["outer_lip_0"][1] < points["head_pivot"][1] + 60 < points["left_shoulder"][1] + 60
    assert points["left_shoulder"][0] > points["jaw_16"][0]


@pytest.mark.parametrize(
    "weights",
    [
        {},
        {"jawOpen": 0.02},
        {"mouthPressLeft": 0.6, "mouthPressRight": 0.6},
        {"mouthRollLower": 0.6, "mouthRollUpper": 0.5, "jawOpen": 0.03},
        {"mouthPucker": 0.6, "mouthPressLeft": 0.3},
        {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8},
        {"mouthFrownLeft": 1.0},
        {"jawLeft": 0.5},
    ],
)
def test_closed_lips_are_closed(portrait: PortraitRig, weights: dict[str, float]) -> None:
    apart = gap(portrait, posed(portrait, motion_of(**weights)))
    assert np.abs(apart).max() < 0.02 * portrait.eye_distance
    assert apart.min() > -0.05  # and never pass through each other


def test_the_jaw_opens_the_mouth_evenly(portrait: PortraitRig) -> None:
    weights = np.linspace(0, 0.6, 13)
    widest = np.array([gap(portrait, posed(portrait, motion_of(jawOpen=w))).max() for w in weights]) / portrait.eye_distance
    assert (np.diff(widest) > 0).all()
    assert 0.33 < widest[-1] < 0.47
    assert np.abs(widest - weights / 0.6 * widest[-1]).max() < 0.05


def test_the_upper_lip_stays_up_when_the_jaw_drops(portrait: PortraitRig) -> None:
    """Or an open mouth would hide the upper teeth."""
    middle = portrait.lips.upper[len(portrait.lips.upper) // 2]
    height = [float(posed(portrait, motion_of(jawOpen=weight)).vertices[middle, 1]) / 32 for weight in (0.0, 0.3, 0.6)]
    assert -0.06 * portrait.eye_distance < height[2] - height[0] < height[1] - height[0] < 0.2


def test_the_lower_lip_of_rounded_lips_hangs_in_one_arc(portrait: PortraitRig) -> None:
    frame = posed(portrait, motion_of(jawOpen=0.12, mouthPucker=0.75))
    apart = gap(portrait, frame) > 0.1 * gap(portrait, frame).max()
    edge = frame.vertices[portrait.lips.lower[apart], :2].astype(float) / 32
    x, y = edge.T
    dents = [
        max(np.interp(x[k], x[[i, j]], y[[i, j]]) for i in range(k) for j in range(k + 1, len(x))) - y[k] for k in range(1, len(x) - 1)
    ]
    assert max(dents) < 0.005 * portrait.eye_distance  # y grows downwards: nowhere above the straight line between two others


def test_the_upper_lip_of_an_open_mouth_has_no_dents_beside_the_corners(portrait: PortraitRig) -> None:
    for jaw in (0.25, 0.6):
        edge = posed(portrait, motion_of(jawOpen=jaw)).vertices[portrait.lips.upper, :2] / 32
        height = np.interp(np.linspace(edge[0, 0], edge[-1, 0], 41), edge[:, 0], edge[:, 1])
        bend = np.diff(height, 2)
        assert bend.min() > -0.12, f"pixels by which it bends upwards in a fortieth of its width, at jawOpen {jaw}"


def test_rounded_lips_are_narrow_full_and_open_in_their_middle(portrait: PortraitRig) -> None:
    def corners(**weights: float) -> tuple[ControlFrame, float]:
        frame = posed(portrait, motion_of(**weights))
        right, left = frame.vertices[portrait.lips.upper[[0, -1]], 0] / 32
        return frame, float(left - right)

    rest, width = corners()
    oo, narrow = corners(jawOpen=0.15, mouthPucker=0.8, mouthFunnel=0.3)  # as clear as it gets
    spoken = corners(jawOpen=0.10, mouthPucker=0.45, mouthFunnel=0.17)[1]  # as the motion model speaks it
    weak = corners(jawOpen=0.05, mouthPucker=0.2, mouthFunnel=0.05)[1]
    assert 0.52 < narrow / width < 0.68
    assert 0.66 < spoken / width < 0.80
    assert 0.83 < weak / width < 0.96
    apart = gap(portrait, oo)
    assert (apart > 0.3 * apart.max()).mean() < 0.62, "a small opening in the middle of the lips"
    assert apart[:4].max() < 0.02 * portrait.eye_distance and apart[-4:].max() < 0.02 * portrait.eye_distance, "shut towards the corners"
    # What gets narrower gets full, and comes forward by at least four millimetres.
    outer = portrait.keypoint_names.index("outer_lip_9")
    full = [float(frame.keypoints[outer, 1] - frame.vertices[portrait.lips.lower[16], 1] / 32) for frame in (rest, oo)]
    assert full[1] / narrow > 1.5 * full[0] / width
    assert (rest.vertices[portrait.lips.lower[16], 2] - oo.vertices[portrait.lips.lower[16], 2]) * VERTEX_DEPTH_M > 0.004


def test_a_jaw_that_drops_takes_the_smile_at_rest_off_the_corners(portrait: PortraitRig) -> None:
    """A face whose photo smiles, made of one that does not: its neutral vertices are those of a smile."""
    smiles = [ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["mouthSmileRight"]]
    vertices = portrait.vertices.copy()
    vertices[portrait.shape_vertices] += portrait.shapes[smiles].sum(0)
    smiling = replace(portrait, vertices=vertices)

    def corners(rig: PortraitRig, **weights: float) -> float:
        """How far they are above the middle of the upper lip, eye distances."""
        y = posed(rig, motion_of(**weights)).vertices[rig.lips.upper, 1].astype(float) / 32
        return float((y[len(y) // 2] - (y[0] + y[-1]) / 2) / rig.eye_distance)

    plain, at_rest = corners(portrait, jawOpen=0.5) - corners(portrait), corners(smiling)
    assert at_rest > corners(portrait) + 0.03
    assert corners(smiling, jawOpen=0.5) - at_rest < plain - 0.03
    on_purpose = corners(smiling, jawOpen=0.5, mouthSmileLeft=1.0, mouthSmileRight=1.0)
    assert on_purpose > corners(smiling, jawOpen=0.5) + 0.05
    wide, before = (gap(rig, posed(rig, motion_of(jawOpen=0.5))).max() for rig in (smiling, portrait))
    assert wide > 0.75 * before  # and opens the mouth all the same


def test_lids_meet(portrait: PortraitRig) -> None:
    frame = posed(portrait, motion_of(eyeBlinkLeft=1.0, eyeBlinkRight=1.0))
    for eye in (portrait.right_eye, portrait.left_eye):
        upper, lower = (frame.vertices[edge, 1].astype(int) for edge in (eye.upper, eye.lower))
        assert np.abs(upper - lower).max() / 32 < 0.02 * portrait.eye_distance
        assert np.isin(eye.upper, eye.lid).all() and eye.travel.min() >= 0 and eye.travel.max() == 1


def test_a_closing_lid_unfolds_from_its_crease(portrait: PortraitRig) -> None:
    """Skin near the edge goes far, skin under the brow stays; nowhere does the order from brow to edge turn round."""
    heights = []
    for blink in (0.0, 0.5, 1.0):
        frame = posed(portrait, motion_of(eyeBlinkLeft=blink, eyeBlinkRight=blink))
        heights.append(frame.vertices[:, 1].astype(float) / 32)
    for eye in (portrait.right_eye, portrait.left_eye):
        middle = np.abs(eye.column - (len(eye.upper) - 1) / 2) < 0.5
        lid, travel = eye.lid[middle], eye.travel[middle]
        went = heights[2][lid] - heights[0][lid]
        opening = heights[0][eye.lower[10]] - heights[0][eye.upper[10]]
        assert went[travel == 1].min() > 0.8 * opening and np.abs(went[travel < 0.05]).max() < 0.1 * opening
        order = np.argsort(heights[0][lid[travel < 1]])
        assert (np.diff(heights[2][lid[travel < 1]][order]) > -0.2).all()


def test_the_head_turns_by_what_it_is_told(portrait: PortraitRig) -> None:
    rest = posed(portrait, motion_of()).keypoints[17:68].astype(np.float64)
    for yaw, pitch, roll in ((10, 0, 0), (0, -9, 0), (0, 0, 11), (-6, 5, 4)):
        motion = motion_of()
        motion[:, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(yaw, pitch, roll))
        turned = posed(portrait, motion).keypoints[17:68].astype(np.float64)
        a, b = (np.column_stack([(p[:, :2] - portrait.principal) / portrait.focal * p[:, 2:], p[:, 2]]) for p in (rest, turned))
        u, _, vt = np.linalg.svd((a - a.mean(0)).T @ (b - b.mean(0)))
        rotation = vt.T @ np.diag([1, 1, np.sign(np.linalg.det(vt.T @ u.T))]) @ u.T
        np.testing.assert_allclose(head_euler_from_rotation(rotation), (yaw, pitch, roll), atol=0.5)


def test_breath_lifts_the_shoulders_and_the_head_takes_them_along(portrait: PortraitRig) -> None:
    def shoulders(frames: int, yaw: float, config: ControlConfig) -> np.ndarray:
        motion = motion_of(frames)
        motion[:, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(yaw, 0, 0))
        keypoints = posed(portrait, motion, config).keypoints
        return keypoints[[KEYPOINT_NAMES.index("right_shoulder"), KEYPOINT_NAMES.index("left_shoulder")], :2]

    still = shoulders(1, 0, STILL)
    breathed_in = shoulders(int(30 * 60 / 14 * 0.4), 0, ControlConfig(sway=0, crossfade=0))
    lift = still[:, 1] - breathed_in[:, 1]
    assert (lift > 2.0).all() and (lift < 6.0).all()
    sway = ControlConfig(breath=0, crossfade=0)
    apart = shoulders(45, 12, sway) - shoulders(45, 0, sway)
    assert np.abs(apart[:, 0]).min() > 1.0 and np.abs(apart).max() < 16
    assert (apart[:, 0] < 0).all()  # to the viewer's left, where the nose points


def test_turns_beyond_the_limit_bend_into_it() -> None:
    for degrees in (5.0, 11.0, 14.0, 30.0, 90.0):
        limited = soft_limit(head_rotation_from_euler(degrees, 0, 0), 14.0)
        yaw = float(head_euler_from_rotation(limited)[0])
        assert yaw <= 14.001
        if degrees <= 11:
            assert yaw == pytest.approx(degrees, abs=1e-3)
    np.testing.assert_allclose(limited @ limited.T, np.eye(3), atol=1e-5)


def test_a_head_turned_as_far_as_it_goes_neither_folds_nor_smears(portrait: PortraitRig) -> None:
    triangles = portrait.triangles["person"]
    triangles = triangles[portrait.head_weight[triangles].min(1) > 0.5]

    def areas(turn: tuple[float, float, float]) -> np.ndarray:
        motion = motion_of(30)  # the shoulders have followed
        motion[:, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(*turn))
        corners = posed(portrait, motion).vertices[triangles, :2].astype(float)
        (ax, ay), (bx, by) = (np.moveaxis(corners[:, i] - corners[:, 0], -1, 0) for i in (1, 2))
        return np.asarray(ax * by - ay * bx)

    rest = areas((0, 0, 0))
    for side in (-60, 60):
        share = areas((side, 0, 0)) / rest
        assert (share < 0.1).mean() < 0.01, "the side of the nose may"
        assert np.percentile(share, 99) < 2.0
        assert share.min() > -1 and share.max() < 3


def test_the_head_turns_to_the_side_further_than_it_nods_or_tilts() -> None:
    for angles in ((40, 0, 0), (0, 40, 0), (0, 0, 40), (30, 30, 0), (3, 2, 2)):
        turn = head_rotation_from_euler(*angles)
        angle, bent = (np.degrees(np.arccos((np.trace(each) - 1) / 2)) for each in (turn, soft_limit(turn, 20.0, 0.7)))
        if max(angles) < 10:
            np.testing.assert_array_equal(soft_limit(turn, 20.0, 0.7), turn)
        elif angles[0] == 40:
            assert 19 < bent <= 20.001 < angle
        else:
            assert bent <= (14.001 if not angles[0] else 16.5)


def test_chunks_do_not_matter(portrait: PortraitRig) -> None:
    motion = motion_of(12)
    motion[:, ARKIT_INDEX["jawOpen"]] = np.linspace(0, 0.5, 12)
    stage = ControlStage(portrait)
    whole, _ = stage.step(MotionChunk(3, 0, motion, stamp_ns=5), stage.initial_state())
    state, parts = stage.initial_state(), []
    for first, last in ((0, 1), (1, 6), (6, 12)):
        frames, state = stage.step(MotionChunk(3, first, motion[first:last], stamp_ns=5 + whole[first].stamp_ns - whole[0].stamp_ns), state)
        parts += frames
    assert [f.frame_index for f in parts] == list(range(12))
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(a.vertices, b.vertices)
        assert abs(a.stamp_ns - b.stamp_ns) <= 1


def test_a_new_utterance_is_faded_into(portrait: PortraitRig) -> None:
    """Open mouth, turned head; then a new utterance at rest: the face goes there in small steps, not at once, and arrives."""
    wide = motion_of(4, jawOpen=0.6)
    wide[:, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(10, 0, 0))
    stage = ControlStage(portrait, ControlConfig(breath=0, sway=0))
    first, state = stage.step(MotionChunk(1, 0, wide), stage.initial_state())
    second, _ = stage.step(MotionChunk(2, 0, motion_of(10)), state)
    frames = [first[-1], *second]
    steps = [np.abs(b.vertices[:, :2].astype(int) - a.vertices[:, :2]).max() / 32 for a, b in pairwise(frames)]
    jump = np.abs(second[-1].vertices[:, :2].astype(int) - first[-1].vertices[:, :2]).max() / 32
    assert max(steps) < 0.35 * jump
    assert steps[-1] == 0
    np.testing.assert_array_equal(second[-1].vertices, posed(portrait, motion_of()).vertices)


@pytest.mark.parametrize(("flush", "first_frame"), [(True, 4), (False, 9)])
def test_flush_and_gaps_are_faded_too(portrait: PortraitRig, flush: bool, first_frame: int) -> None:
    stage = ControlStage(portrait, ControlConfig(breath=0, sway=0))
    _, state = stage.step(MotionChunk(1, 0, motion_of(4, jawOpen=0.6)), stage.initial_state())
    frames, _ = stage.step(MotionChunk(1, first_frame, motion_of(8), flush=flush), state)
    assert gap(portrait, frames[0]).max() > 0.5 * gap(portrait, posed(portrait, motion_of(jawOpen=0.6))).max()
    assert frames[0].flush is flush


def test_hands_take_longer_than_the_face_to_a_new_utterance(portrait: PortraitRig) -> None:
    stage = ControlStage(portrait)
    before, after = motion_of(2, jawOpen=0.6), motion_of(40)
    before[:, LEFT_HAND] = before[:, BODY.start + 12 : BODY.stop] = 0.8
    _, state = stage.step(MotionChunk(1, 0, before), stage.initial_state())
    shown = []
    for index in range(40):
        _, state = stage.step(MotionChunk(2, index, after[index : index + 1]), state)
        assert state.shown is not None
        shown.append(state.shown)
    path = np.array([before[-1], *shown])
    hand, jaw = path[:, LEFT_HAND.start], path[:, ARKIT_INDEX["jawOpen"]]
    assert np.abs(np.diff(hand)).max() < 0.1 * 0.8 and hand[8] > 0.3 and jaw[8] == 0
    np.testing.assert_array_equal(shown[25], after[25])


def test_motion_that_is_not_finite_is_refused(portrait: PortraitRig) -> None:
    stage = ControlStage(portrait)
    motion = neutral_motion(2)
    motion[1, 7] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        stage.step(MotionChunk(1, 0, motion), stage.initial_state())
    with pytest.raises(ValueError, match="shape"):
        stage.step(MotionChunk(1, 0, np.zeros((2, MOTION_DIM - 1), np.float32)), stage.initial_state())


@settings(max_examples=60)
@given(st.integers(0, 1_000_000))
def test_no_motion_tears_the_lips_or_leaves_the_number_range(portrait: PortraitRig, seed: int) -> None:
    rng = np.random.default_rng(seed)
    motion = neutral_motion(1)
    motion[:, FACE] = rng.uniform(0, 1, 52) * (rng.random(52) < 0.3)
    motion[:, HEAD_ROTATION] = rng.normal(size=6)
    motion[:, HEAD_POSITION] = rng.normal(size=3)
    frame = posed(portrait, motion)
    assert np.abs(frame.vertices[:, :2]).max() < 32_000
    assert frame.shading[SHADING_NAMES.index("mouth_gap")] >= 0


def test_configuration_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="head_limit"):
        ControlConfig(head_limit=45)


def test_highlights_go_half_as_far_as_the_pupil_when_the_eyes_turn(portrait: PortraitRig) -> None:
    rest = posed(portrait, motion_of())
    aside = posed(portrait, motion_of(eyeLookOutLeft=0.8, eyeLookInRight=0.8))
    for eye in (portrait.left_eye, portrait.right_eye):
        middle = len(eye.eyeball) // 2  # the front of the eyeball, where the pupil is
        pupil, glint = (aside.vertices[part[middle], 0] - int(rest.vertices[part[middle], 0]) for part in (eye.eyeball, eye.glint))
        assert pupil > 30 and 0.3 < glint / pupil < 0.6
    plain, shine = portrait.textures["eyeball_left"].astype(float), portrait.textures["glint_left"].astype(float)
    assert (shine[..., 3] > 40).any() and (plain - shine)[..., :3][shine[..., 3] > 40].mean() < 0, "the light is still on the eyeball"
