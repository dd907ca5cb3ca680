"""The person is cut out as well in front of a busy background as in front of a plain one: measured against a matte that is known."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import visavis
from visavis.portrait.fit import fit_portrait
from visavis.portrait.matte import cut_out
from visavis.portrait.photo import read_photo
from visavis.portrait.rig_asset import load_rig_asset
from visavis.store import asset_path
from visavis.types_portrait import FittedPortrait, PortraitError

DEFAULT = Path(visavis.__file__).parent / "assets" / "portraits" / "default.jpg"


@pytest.fixture(scope="module")
def person() -> FittedPortrait:
    return fit_portrait(read_photo(DEFAULT), load_rig_asset(), asset_path("face_landmarker.task"))


def in_front_of(person: FittedPortrait, background: NDArray[np.floating]) -> NDArray[np.uint8]:
    alpha = person.alpha[..., None]
    return np.round(np.clip(person.foreground * alpha + background * (1 - alpha), 0, 255)).astype(np.uint8)


def studio() -> NDArray[np.float64]:
    """A blue-green gradient with grain."""
    y, x = np.mgrid[0:768, 0:512]
    return np.stack([60 + 0.05 * y, 120 - 0.06 * x, 140 - 0.05 * y], -1) + np.random.default_rng(0).normal(0, 2, (768, 512, 1))


def street() -> NDArray[np.float64]:
    """Blotches of every size and colour, as of foliage and walls."""
    rng = np.random.default_rng(1)
    total = np.zeros((768, 512, 3))
    for size in (4, 9, 25, 70):
        total += cv2.resize(rng.uniform(0, 255, (768 // size + 2, 512 // size + 2, 3)), (512, 768), interpolation=cv2.INTER_CUBIC) * 0.25
    return np.clip((total - 127) * 1.8 + 130, 0, 255)


@pytest.mark.parametrize(("background", "plain", "error", "edge_error"), [(studio, True, 0.005, 0.09), (street, False, 0.01, 0.2)])
def test_the_known_matte_is_found_again(person: FittedPortrait, background, plain: bool, error: float, edge_error: float) -> None:  # type: ignore[no-untyped-def]
    cut = cut_out(in_front_of(person, background()), person.landmarks)
    difference = np.abs(cut.alpha - person.alpha)
    edge = (person.alpha > 0.02) & (person.alpha < 0.98)
    print(f"mean error {difference.mean():.4f}, at the edge {difference[edge].mean():.3f}")
    assert cut.plain_background is plain
    assert difference.mean() < error
    assert difference[edge].mean() < edge_error
    solid = (cut.alpha > 0.5) & (person.alpha > 0.5)
    assert np.abs(cut.foreground[solid].astype(float) - person.foreground[solid]).mean() < 2


def test_the_background_leaves_no_halo(person: FittedPortrait) -> None:
    """Taken from in front of green and put in front of grey, hair and shoulders have no green rim."""
    green = np.broadcast_to(np.array([20.0, 200.0, 40.0]), (768, 512, 3))
    cut = cut_out(in_front_of(person, green), person.landmarks)
    rim = (cut.alpha > 0.1) & (cut.alpha < 0.9)
    excess = cut.foreground[rim][:, 1].astype(float) - cut.foreground[rim][:, [0, 2]].max(1)
    unclean = person.foreground[rim] * person.alpha[rim][:, None] + green[rim] * (1 - person.alpha[rim][:, None])
    before = unclean[:, 1] - unclean[:, [0, 2]].max(1)
    assert before.mean() > 30
    assert excess.mean() < 0.35 * before.mean()


def test_landmarks_beside_the_face_take_no_background_along(person: FittedPortrait) -> None:
    """On a turned face the tracker's outline lies a few pixels into the background."""
    landmarks = person.landmarks.copy()
    middle = landmarks[:468].mean(0)
    landmarks[:468, 0] += np.where(landmarks[:468, 0] > middle[0], 0.06, 0.0) * (landmarks[:468, 0] - middle[0])
    beside = cv2.fillConvexPoly(np.zeros((768, 512), np.uint8), cv2.convexHull(np.round(landmarks[:468]).astype(np.int32)), 1) > 0
    beside &= person.alpha < 0.02
    green = np.full((768, 512, 3), (40.0, 200.0, 60.0))
    if beside.sum() < 10:  # hair reaches as far: without it there is nothing to see
        pytest.skip("the outline lies on the person")
    assert cut_out(in_front_of(person, green), landmarks).alpha[beside].max() < 0.3


def test_a_person_like_the_background_is_refused(person: FittedPortrait, tmp_path: Path) -> None:
    """A matte that holds no more than the face is no person."""
    face_only = np.zeros((768, 512), np.float32)
    x, y = np.round(person.landmarks[1]).astype(int)
    face_only[y - 5 : y + 5, x - 5 : x + 5] = 1
    with pytest.raises(PortraitError, match="cannot be told from the background"):
        cut_out(person.image, person.landmarks, own_alpha=face_only)


def test_a_missing_matte_model_is_named(person: FittedPortrait, tmp_path: Path) -> None:
    with pytest.raises(PortraitError, match=r"absent\.tflite"):
        cut_out(person.image, person.landmarks, tmp_path / "absent.tflite")
