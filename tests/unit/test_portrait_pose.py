"""Shoulders, elbows and wrists in photos, and which arms are taken to hang. Needs `visavis assets fetch`."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.portrait.arm_asset import load_arm_asset
from visavis.portrait.arm_kinds import arm_kinds, hangs, told_arms
from visavis.portrait.body_pose import find_limbs
from visavis.portrait.cache import load_portrait
from visavis.portrait.fit import fit_portrait
from visavis.portrait.hanging_arm import skin_of
from visavis.portrait.landmarks import FaceFinder, find_face
from visavis.portrait.photo import read_photo
from visavis.portrait.rig_asset import load_rig_asset
from visavis.portrait.sleeves import cloth_at
from visavis.store import asset_path
from visavis.types_portrait import ARM_FROM_BELOW, ARM_LEFT_ALONE, ARM_REPLACED, PortraitError

METRE = 900.0
HANGING = np.array([[130.0, 350, 1], [100, 580, 1], [100, 790, 0]])


def limbs_of(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    with FaceFinder(asset_path("face_landmarker.task")) as finder:
        face = find_face(finder, image, "photo")
    return find_limbs(image, face.landmarks)


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    return read_photo(asset_path("openpeople") / "P004" / "assets" / "amateur_posture.jpg").image


def test_joints_are_found_where_they_are(photo: NDArray[np.uint8]) -> None:
    """One arm hangs, the other holds a telephone before the belly; read off the photo by eye."""
    limbs = limbs_of(photo)
    height = photo.shape[0]
    seen = limbs[..., :2] / height
    expected = np.array([[[0.253, 0.361], [0.224, 0.487], [0.310, 0.464]], [[0.389, 0.363], [0.394, 0.478], [0.414, 0.587]]])
    assert np.abs(seen - expected).max() < 0.012, seen.round(3).tolist()
    assert limbs[..., 2].min() > 0.9


def test_a_mirrored_photo_has_the_other_arm_bent(photo: NDArray[np.uint8]) -> None:
    limbs, mirrored = limbs_of(photo), limbs_of(np.ascontiguousarray(photo[:, ::-1]))
    mirrored[..., 0] = photo.shape[1] - 1 - mirrored[..., 0]
    assert np.abs(limbs[::-1, :, :2] - mirrored[..., :2]).max() < 0.03 * photo.shape[0]


def test_joints_that_the_photo_does_not_show_are_guesses_outside(photo: NDArray[np.uint8]) -> None:
    shoulder, elbow = limbs_of(photo)[:, :2, 1].max(0)
    cut = photo[: int(0.75 * shoulder + 0.25 * elbow)]
    limbs = limbs_of(cut)
    assert (limbs[:, 1, 1] > len(cut)).all() and (limbs[:, 2, 2] < 0.5).all()


def test_a_broken_network_says_what_to_do(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    (tmp_path / "pose.tflite").write_bytes(b"no network")
    with pytest.raises(PortraitError, match="reinstall"):
        find_limbs(photo, np.zeros((478, 2)), tmp_path / "pose.tflite")


@pytest.mark.parametrize(
    ("joint", "place", "hanging"),
    [
        (2, (100, 790, 0.0), True),
        (2, (100, 770, 0.9), True),
        (2, (100, 600, 0.9), False),  # foreshortened
        (2, (100, 640, 0.2), False),  # hidden
        (2, (260, 590, 0.9), False),  # before the body
        (2, (110, 420, 0.9), False),  # raised
        (1, (20, 480, 0.9), False),  # stretched aside
        (1, (100, 580, 0.1), False),
    ],
)
def test_only_arms_that_are_seen_to_hang_do(joint: int, place: tuple[float, float, float], hanging: bool) -> None:
    limb = HANGING.copy()
    limb[joint] = place
    assert hangs(limb, METRE) == hanging


def test_hands_come_from_below_only_where_the_picture_ends_above_the_elbows() -> None:
    shown, cut = np.stack([HANGING, HANGING]), np.stack([HANGING, HANGING]) + np.array([0, 250, 0])
    one = np.stack([shown[0], cut[1]])
    for limbs, found, busy, kinds in (
        (cut, [False, False], False, [ARM_FROM_BELOW, ARM_FROM_BELOW]),
        (cut, [False, False], True, [ARM_LEFT_ALONE, ARM_LEFT_ALONE]),
        (one, [False, False], False, [ARM_LEFT_ALONE, ARM_LEFT_ALONE]),
        (shown, [True, False], True, [ARM_REPLACED, ARM_LEFT_ALONE]),
    ):
        assert arm_kinds(limbs, found, busy).tolist() == kinds


def test_hair_is_no_hand_where_no_arm_is_shown() -> None:
    blond = load_portrait(asset_path("openpeople") / "P008" / "assets" / "studio_portrait.jpg")
    assert blond.arms.kinds.tolist() == [ARM_FROM_BELOW] * 2


def test_who_chose_the_photo_is_told_what_becomes_of_its_arms() -> None:
    assert "gesture" in told_arms(np.array([ARM_REPLACED, ARM_REPLACED]))
    assert "from below" in told_arms(np.array([ARM_FROM_BELOW, ARM_FROM_BELOW]))
    assert "left arm stays" in told_arms(np.array([ARM_REPLACED, ARM_LEFT_ALONE]))
    assert "both arms stay" in told_arms(np.array([ARM_LEFT_ALONE, ARM_LEFT_ALONE]))


def test_hands_from_below_wear_what_the_photo_shows_above_the_elbow() -> None:
    jacket = load_portrait(asset_path("openpeople") / "P010" / "assets" / "amateur_selfie.jpg")
    assert jacket.arms.kinds.tolist() == [ARM_FROM_BELOW] * 2
    sleeve = jacket.arms.colour[:, len(load_arm_asset().points) :].mean(1)
    assert (sleeve[:, 3] > 0).all() and (sleeve[:, 2] > sleeve[:, 0]).all(), f"blue, not {sleeve}"


def test_arms_in_bright_sun_are_bare_all_the_same() -> None:
    """Below the sleeves of a T-shirt, where light makes skin too bright to be taken for skin by its colour alone."""
    photo = read_photo(asset_path("openpeople") / "P006" / "assets" / "amateur_selfie.jpg")
    fitted = fit_portrait(photo, load_rig_asset(), asset_path("face_landmarker.task"))
    skin = skin_of(fitted)
    pixels = 1.5 * METRE
    assert [cloth_at(fitted, skin, limb, pixels) for limb in fitted.limbs] == [None, None]
