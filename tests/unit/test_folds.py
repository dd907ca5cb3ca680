"""Folds of the skin on the default portrait: none at rest, where faces have them in an expression, and soft. Needs `visavis assets
fetch`."""

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.control.folds import FOLD_NAMES, folds_in
from visavis.control.pose import ControlConfig, ControlStage
from visavis.motion.layout import ARKIT_INDEX, FACE, neutral_motion
from visavis.portrait.folds import FOLDS
from visavis.types import MotionChunk
from visavis.types_portrait import PortraitRig
from visavis.video.renderer import FIRST_FOLD, VideoStage

STILL = ControlConfig(breath=0, sway=0, crossfade=0, arms=False)
EXPRESSIONS = {
    "smile_right": ("mouthSmile", "cheekSquint"),
    "eye_left": ("cheekSquint", "eyeSquint"),
    "forehead": ("browInnerUp", "browOuterUp"),
    "frown": ("browDown",),
    "purse": ("mouthPucker",),
}


def face_of(*names: str, weight: float = 1.0) -> NDArray[np.float32]:
    face = np.zeros(len(ARKIT_INDEX), np.float32)
    for name in names:
        for each in [name] if name in ARKIT_INDEX else [f"{name}Left", f"{name}Right"]:
            face[ARKIT_INDEX[each]] = weight
    return face


def test_portrait_and_control_name_the_same_folds() -> None:
    assert FOLDS == FOLD_NAMES


def test_a_face_that_rests_or_hardly_moves_has_no_folds() -> None:
    for name in ARKIT_INDEX:
        assert not any(folds_in(face_of(name, weight=0.12), (0.0, 0.0))), name


@pytest.mark.parametrize("fold", EXPRESSIONS)
def test_an_expression_shades_its_folds_softly(portrait: PortraitRig, fold: str) -> None:
    motion = neutral_motion(1)
    motion[0, FACE] = face_of(*EXPRESSIONS[fold])
    control, video = ControlStage(portrait, STILL), VideoStage(portrait)
    frame = control.step(MotionChunk(1, 0, motion), control.initial_state())[0][0]
    assert frame.shading[FIRST_FOLD + FOLD_NAMES.index(fold)] > 0.5
    flat = frame.shading.copy()
    flat[FIRST_FOLD:] = 0
    change = (video.draw(frame.vertices, frame.shading).astype(float) - video.draw(frame.vertices, flat)).mean(-1)
    keypoints = dict(zip(portrait.keypoint_names, frame.keypoints, strict=False))
    if fold == "purse":
        # The dark line beyond the corners of the mouth goes: what is taken off a line is as hard as the line.
        right, left = (round(float(keypoints[name][0])) for name in ("inner_lip_0", "inner_lip_4"))
        assert 10 < max(change[:, : right + 1].max(), change[:, left:].max()) < 45
        change[:, : right + 1], change[:, left:] = 0, 0
    shade = change[np.abs(change) > 1]
    assert len(shade) > 0.02 * portrait.eye_distance**2, "nothing of it is seen"
    assert -70 < shade.min() < -6 and shade.max() < 30, "too strong or too weak"
    steps = max(np.abs(np.diff(change, axis=axis)).max() for axis in (0, 1))
    assert steps < 25, "a hard line"
    rows, columns = np.nonzero(np.abs(change) > 1)
    assert keypoints["left_brow_2"][1] - portrait.eye_distance < rows.min() and rows.max() < keypoints["jaw_8"][1]
    assert keypoints["jaw_0"][0] - 3 < columns.min() and columns.max() < keypoints["jaw_16"][0] + 3
