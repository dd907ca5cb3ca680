"""Frames of the default portrait: eyes 63 mm apart, axes of ROS, turned as the motion asks. Needs `visavis assets fetch`."""

import numpy as np
import pytest

from visavis.control.frames import FramePose, HeadFrames, rigid_motion
from visavis.control.pose import ControlConfig, ControlStage
from visavis.motion.layout import ARKIT_INDEX, HEAD_ROTATION, head_rotation_from_euler, neutral_motion, rotation_to_6d
from visavis.types import MotionChunk
from visavis.types_portrait import PortraitRig


def frames(portrait: PortraitRig, yaw: float = 0.0, pitch: float = 0.0, **weights: float) -> dict[str, FramePose]:
    motion = neutral_motion(1)
    motion[0, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(yaw, pitch, 0.0))
    for name, weight in weights.items():
        motion[0, ARKIT_INDEX[name]] = weight
    stage = ControlStage(portrait, ControlConfig(breath=0, sway=0))
    (frame,), _ = stage.step(MotionChunk(1, 0, motion), stage.initial_state())
    return {pose.name: pose for pose in HeadFrames(portrait).moving(frame)}


def degrees(pose: FramePose) -> tuple[float, float]:
    """How far its x axis points to the left and up."""
    x, y, z = pose.rotation[:, 0]
    return float(np.degrees(np.arctan2(y, x))), float(np.degrees(np.arcsin(z)))


def test_at_rest_the_eyes_are_where_eyes_are_and_look_at_the_camera(portrait: PortraitRig) -> None:
    found = frames(portrait)
    assert np.abs(found["head"].position).max() < 0.004 and degrees(found["head"]) == pytest.approx((0, 0), abs=1.5)
    assert np.linalg.norm(found["left_eye"].position - found["right_eye"].position) == pytest.approx(0.063)
    assert found["left_eye"].position[1] == pytest.approx(0.0315, abs=0.001) and found["left_eye"].parent == "head"
    camera = HeadFrames(portrait).camera
    assert camera.position[0] > 1.0 and np.allclose(camera.rotation @ (0, 0, 1), (-1, 0, 0)), "before the face, it looks at it"
    assert np.allclose(camera.rotation @ (1, 0, 0), (0, 1, 0)), "the picture's right is the avatar's left"
    seen = camera.rotation.T @ -camera.position
    pixel = portrait.focal * seen[:2] / seen[2] + portrait.principal
    eyes = [np.linspace(0, 1, 2) @ portrait.vertices[[eye.upper[8], eye.lower[8]], :2] for eye in (portrait.right_eye, portrait.left_eye)]
    depth = portrait.vertices[portrait.right_eye.upper[8], 2]
    assert np.abs(pixel - (portrait.focal * np.mean(eyes, 0) / depth + portrait.principal)).max() < 12, "the root is between the eyes"


def test_head_and_eyes_turn_as_the_motion_asks(portrait: PortraitRig) -> None:
    rest = frames(portrait)
    turned = frames(portrait, yaw=-8.0, pitch=0.0)
    left, up = np.subtract(degrees(turned["head"]), degrees(rest["head"]))
    assert left == pytest.approx(8, abs=1.5) and abs(up) < 1, "the person's left is y"
    assert turned["head"].position[0] > 0 or abs(turned["head"].position[1]) > 0.005, "about the neck, not about the eyes"
    looking = frames(portrait, eyeLookOutLeft=0.5, eyeLookInRight=0.5)
    for eye in ("left_eye", "right_eye"):
        assert degrees(looking[eye])[0] - degrees(rest[eye])[0] > 8
    assert frames(portrait, eyeLookUpLeft=0.5, eyeLookUpRight=0.5)["left_eye"].rotation[2, 0] > 0.05, "up is z"


def test_a_motion_is_found_between_points() -> None:
    points = np.random.default_rng(0).normal(size=(20, 3))
    turn = head_rotation_from_euler(12.0, -30.0, 5.0).astype(float)
    found, shift = rigid_motion(points, points @ turn.T + (1, 2, 3))
    assert np.allclose(found, turn, atol=1e-6) and np.allclose(shift, (1, 2, 3), atol=1e-6)
