"""Photos that cut the hair, as selfies do: the face turns before what stays at the photo's edge, and nothing opens or folds there."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from visavis.control.pose import ControlConfig, ControlStage
from visavis.evaluation.reenact import sheet_cells
from visavis.motion.layout import HEAD_ROTATION, head_rotation_from_euler, neutral_motion, rotation_to_6d
from visavis.portrait.cache import load_portrait
from visavis.portrait.fit import fit_portrait
from visavis.portrait.photo import Frame, Photo, as_at_border
from visavis.portrait.rig_asset import load_rig_asset
from visavis.store import asset_path
from visavis.types import MotionChunk
from visavis.types_portrait import PICTURE_HEIGHT, PICTURE_WIDTH, PortraitRig

CONFIG = ControlConfig(breath=0, sway=0, crossfade=0, limb_crossfade=0, arms=False)
TURNS = [(12.0, 0.0, 0.0), (-12.0, 0.0, 0.0), (8.0, 6.0, 5.0), (-8.0, -5.0, -6.0)]


def photo(top: float, bottom: float, path: Path) -> Path:
    """A studio portrait between two shares of its height."""
    image = cv2.imread(str(asset_path("openpeople") / "P003" / "assets" / "studio_portrait.jpg"))
    cv2.imwrite(str(path), image[int(top * len(image)) : int(bottom * len(image))])
    return path


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> PortraitRig:
    return load_portrait(photo(0.11, 0.8, tmp_path_factory.mktemp("photo") / "cut.png"))


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_face_does_not_fold_over_the_hair_that_the_edge_holds(cut: PortraitRig, turn: tuple[float, float, float]) -> None:
    """Triangles of the sheet that are seen from behind hide what they fold over, with a jagged edge."""
    stage = ControlStage(cut, CONFIG)
    motion = neutral_motion(1)
    motion[:, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(*turn))
    frames, _ = stage.step(MotionChunk(1, 0, motion), stage.initial_state())
    pixels = frames[0].vertices[:, :2] / 32
    a, b, c = (pixels[cut.triangles["person"][:, corner]] for corner in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    folded = -area[area < 0].sum() / np.abs(area).sum()
    assert folded < 0.0002


def test_the_edge_of_cut_hair_stays_where_it_is(cut: PortraitRig) -> None:
    stage = ControlStage(cut, CONFIG)
    motion = neutral_motion(1)
    motion[:, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(10, 0, 6))
    rest, turned = (
        stage.step(MotionChunk(1, 0, each), stage.initial_state())[0][0].vertices[:, :2] / 32 for each in (neutral_motion(1), motion)
    )
    sheet = np.unique(cut.triangles["person"])
    at_top = sheet[(np.abs(rest[sheet, 1]) < 6) & (rest[sheet, 0] > 180) & (rest[sheet, 0] < 330)]
    assert len(at_top) > 5 and np.abs(turned[at_top] - rest[at_top]).max() < 4


def test_hair_goes_on_beyond_a_photo_that_ends_in_it() -> None:
    """A cell of an emotion sheet is so close that the picture is larger: what lies above is the person where the border is."""
    cell = sheet_cells(asset_path("openpeople") / "P003" / "assets" / "emotions_sheet.jpg")[0]
    fitted = fit_portrait(Photo(cell, None, "cell", "cell"), load_rig_asset(), asset_path("face_landmarker.task"), close=True)
    changes = np.abs(np.diff(fitted.alpha[: PICTURE_HEIGHT // 3], axis=0)).max(1)
    begins = int(np.flatnonzero(changes)[0])
    assert begins > 10, "the picture does not reach beyond the photo"
    hair = fitted.alpha[begins] > 0.9
    assert hair.mean() > 0.1 and (fitted.alpha[:begins, hair] > 0.9).all()


def test_beyond_the_photo_is_what_is_at_its_border() -> None:
    values = np.random.default_rng(0).random((PICTURE_HEIGHT, PICTURE_WIDTH)).astype(np.float32)
    frame = Frame(left=-20, top=-50, height=384)  # two pixels of the picture for one of the photo
    there = as_at_border(values, frame, width=216, height=400)
    assert (there[:100] == there[100]).all() and (there[:, :40] == there[:, 40:41]).all() and (there[:, 472:] == there[:, 471:472]).all()
    assert np.array_equal(there[100:, 40:472], values[100:, 40:472])
