"""Motion onto one person's face: rest expression, lids, gaze."""

import numpy as np
import pytest

from visavis.control.retarget import LID_FOLLOWS_GAZE, bite_of, retarget_face
from visavis.control.torso import TorsoPose, follow, leaning, torso_at
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


def test_f_and_v_bite_and_p_b_m_do_not() -> None:
    bites = face(jawOpen=0.14, mouthRollLower=0.5, mouthUpperUpLeft=0.3, mouthUpperUpRight=0.3)
    assert bite_of(bites) > 0.9
    weak = face(jawOpen=0.1, mouthRollLower=0.3, mouthUpperUpLeft=0.18, mouthUpperUpRight=0.18)
    assert 0.3 < bite_of(weak) < bite_of(bites)
    for shut in (
        ZERO,
        face(jawOpen=0.04, mouthClose=0.05, mouthRollLower=0.12, mouthRollUpper=0.08, mouthPressLeft=0.3, mouthPressRight=0.3),
        face(mouthRollLower=0.6, mouthRollUpper=0.5, jawOpen=0.03),
        face(jawOpen=0.05, mouthClose=0.06, mouthRollLower=0.4, mouthUpperUpLeft=0.3, mouthUpperUpRight=0.3),  # an M right after an F
    ):
        assert bite_of(shut) < 0.05


def test_the_tongue_shows_early() -> None:
    tongue = ARKIT_INDEX["tongueOut"]
    out = [retarget_face(face(tongueOut=weight), ZERO, ZERO).weights[tongue] for weight in (0.0, 0.12, 0.5, 1.0)]
    assert out[0] == 0 and out[1] > 0.4 and np.all(np.diff(out) > 0) and out[-1] <= 1


def test_shoulders_follow_the_head_late_and_little() -> None:
    lean, yaws = (0.0, 0.0), []
    for _ in range(60):
        lean = follow(lean, (10.0, -6.0))
        yaws.append(leaning(TorsoPose(0, 0, 0, 0), lean).yaw)
    assert yaws[0] < 0.2 * yaws[-1] and np.all(np.diff(yaws) > 0)
    assert 1.0 < yaws[-1] < 2.5
    assert leaning(TorsoPose(0, 0, 0, 0), lean).roll < 0  # to the side that the head turns and tips to


def test_breath_is_slow_and_has_no_jump() -> None:
    breaths = np.array([torso_at(frame, 14.0).breath for frame in range(30 * 60)])
    assert breaths[0] == 0 and breaths.min() >= 0 and breaths.max() <= 1
    assert np.abs(np.diff(breaths)).max() < 0.04
    peaks = ((breaths[1:-1] > breaths[:-2]) & (breaths[1:-1] >= breaths[2:])).sum()
    assert peaks == 14
