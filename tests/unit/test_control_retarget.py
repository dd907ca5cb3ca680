"""Motion onto one person's face: rest expression, lids, gaze."""

import numpy as np
import pytest

from visavis.control.retarget import LID_FOLLOWS_GAZE, retarget_face
from visavis.control.torso import torso_at
from visavis.motion.layout import ARKIT_INDEX

ZERO = np.zeros(52, np.float32)


def face(**weights: float) -> np.ndarray:
    values = ZERO.copy()
    for name, weight in weights.items():
        values[ARKIT_INDEX[name]] = weight
    return values


def test_no_motion_takes_the_photo_to_its_rest() -> None:
    photo, rest = face(jawOpen=0.4, browInnerUp=0.3), face(browInnerUp=0.3)
    pose = retarget_face(ZERO, photo, rest)
    np.testing.assert_allclose(pose.weights, face(jawOpen=-0.4), atol=1e-6)
    assert pose.closure == (0.0, 0.0) and pose.gaze == ((0.0, 0.0), (0.0, 0.0))


def test_motion_uses_what_the_rest_leaves() -> None:
    rest = face(browInnerUp=0.5)
    pose = retarget_face(face(browInnerUp=1.0), rest, rest)
    assert pose.weights[ARKIT_INDEX["browInnerUp"]] == pytest.approx(0.5)


def test_blinks_and_looks_are_not_left_to_the_shapes() -> None:
    pose = retarget_face(face(eyeBlinkRight=1.0, eyeLookDownLeft=1.0), ZERO, ZERO)
    assert not pose.weights.any()
    assert pose.closure == pytest.approx((1.0, LID_FOLLOWS_GAZE))


def test_gaze_turns_both_eyes_the_same_way() -> None:
    pose = retarget_face(face(eyeLookOutLeft=0.5, eyeLookInRight=0.5), ZERO, ZERO)  # to the person's left, the viewer's right
    assert pose.gaze[0] == pose.gaze[1]
    assert pose.gaze[0][0] < 0  # negative yaw: to the viewer's right
    assert retarget_face(face(eyeLookUpLeft=1.0), ZERO, ZERO).gaze[1][1] < 0  # negative pitch: up


def test_weights_out_of_range_are_held_in_range() -> None:
    pose = retarget_face(face(jawOpen=3.0, mouthPucker=-2.0), ZERO, ZERO)
    assert pose.weights[ARKIT_INDEX["jawOpen"]] == 1.0 and pose.weights[ARKIT_INDEX["mouthPucker"]] == 0.0


def test_breath_is_slow_and_has_no_jump() -> None:
    breaths = np.array([torso_at(frame, 14.0).breath for frame in range(30 * 60)])
    assert breaths[0] == 0 and breaths.min() >= 0 and breaths.max() <= 1
    assert np.abs(np.diff(breaths)).max() < 0.04
    peaks = ((breaths[1:-1] > breaths[:-2]) & (breaths[1:-1] >= breaths[2:])).sum()
    assert peaks == 14
