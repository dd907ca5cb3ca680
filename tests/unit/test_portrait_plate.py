"""The background behind a person: what is made up looks like what is beside it, and what is seen in the photo stays."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.portrait.detail import finer_plate
from visavis.portrait.plate import complete_plate
from visavis.types_portrait import PICTURE_HEIGHT, PICTURE_WIDTH

HEIGHT, WIDTH = 300, 240
PERSON = np.s_[60:, 90:150]
RED = 220, 30, 30


def tufts(height: int, width: int, seed: int) -> NDArray[np.float32]:
    """Leaves or grass, about five pixels each, of unit strength."""
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32), (0, 0), 1.8)
    return (noise / noise.std())[..., None]


def meadow() -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Grass before which somebody stands; and the person's opacity."""
    image = np.array([110, 140, 70]) + 30 * tufts(HEIGHT, WIDTH, 1) * np.array([1.0, 1.0, 0.6])
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[PERSON] = 1
    image[PERSON] = RED
    return image.clip(0, 255).astype(np.uint8), alpha


def street() -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A hedge, a bright kerb on row 150 and a road, and a broad person in front of them."""
    image = np.array([60.0, 90, 50]) + 20 * tufts(HEIGHT, 400, 2)
    image[144:156] = 230
    image[156:] = np.array([120.0, 120, 125]) + 12 * tufts(HEIGHT - 156, 400, 3)
    alpha = np.zeros((HEIGHT, 400), np.float32)
    alpha[60:, 120:280] = 1
    image[60:, 120:280] = RED
    return image.clip(0, 255).astype(np.uint8), alpha


def redness(image: NDArray[np.uint8]) -> int:
    return int((image[..., 0].astype(int) - image[..., 1]).max())


def texture(image: NDArray[np.uint8], where: tuple[slice, slice]) -> tuple[float, float]:
    """How strong the texture is in a part of a picture, and how alike pixels are that lie two apart."""
    grey = image.astype(np.float32).mean(-1)
    fine = (grey - cv2.GaussianBlur(grey, (0, 0), 8.0))[where]
    return float(fine.std()), float(np.corrcoef(fine[:, 2:].ravel(), fine[:, :-2].ravel())[0, 1])


def test_grass_goes_on_behind_the_person() -> None:
    image, alpha = meadow()
    plate = complete_plate(image, alpha, plain=False).image
    strength, alike = texture(image, np.s_[80:, 20:75])
    for part in (np.s_[80:280, 95:115], np.s_[80:280, 110:130], np.s_[80:280, 125:145]):
        made_up = texture(plate, part)
        assert 0.8 < made_up[0] / strength < 1.2, "as rough"
        assert made_up[1] > 0.8 * alike, "in tufts, not in dots"
    np.testing.assert_array_equal(plate[:, :70], image[:, :70])
    assert redness(plate[PERSON]) < 60, "nothing of the person is left"


def test_what_is_level_goes_on_behind_a_lifted_arm() -> None:
    image, alpha = street()
    plate = complete_plate(image, alpha, plain=False).image.astype(float).mean(-1)
    hedge, road = plate[100:140, :110].mean(), plate[160:, :110].mean()
    for columns in (np.s_[130:180], np.s_[220:270]):
        kerb = plate[146:154, columns].mean(0)
        assert np.median(kerb) > 215 and kerb.min() > 190, "the kerb runs on"
        assert abs(plate[100:140, columns].mean() - hedge) < 6 and abs(plate[160:, columns].mean() - road) < 6
        assert 0.8 < texture(plate[..., None], np.s_[180:, columns])[0] / texture(plate[..., None], np.s_[180:, :110])[0] < 1.2


def test_no_edge_shows_where_the_light_changes() -> None:
    """The left of the grass lies in more light than the right: no step, neither at the outline nor between pieces."""
    image, alpha = meadow()
    slope = np.linspace(40, -40, WIDTH)[None, :, None]
    image = np.where(alpha[..., None] > 0, image, (image + slope).clip(0, 255)).astype(np.uint8)
    plate = complete_plate(image, alpha, plain=False).image
    rows = plate[70:290].astype(float).mean((0, 2))
    assert np.abs(np.diff(cv2.blur(rows[:, None], (1, 7))[:, 0])[60:180]).max() < 6


def test_one_thing_does_not_end_on_another_in_a_cut() -> None:
    """Left of the person a dark wood, right of them a bright field: wherever the one gives way to the other, it does so softly."""
    image, alpha = meadow()
    side = np.where(np.arange(WIDTH) < 120, -70, 70)[None, :, None]
    image = np.where(alpha[..., None] > 0, image, image + side).clip(0, 255).astype(np.uint8)
    plate = complete_plate(image, alpha, plain=False).image
    rows = cv2.blur(plate[70:290].astype(np.float32).mean(-1), (1, 25))
    assert rows[:, 170:].mean() - rows[:, :70].mean() > 100
    assert np.median(np.abs(np.diff(rows, axis=1)).max(1)) < 35, "levels from pixel to pixel"


def test_the_rim_that_the_matte_missed_does_not_stay_behind() -> None:
    image, alpha = meadow()
    missed = cv2.erode(alpha, np.ones((15, 15), np.uint8), borderValue=1)
    assert redness(complete_plate(image, missed, plain=False).image) < 60


def test_strands_of_hair_beside_the_matte_do_not_stay_behind() -> None:
    image = np.full((HEIGHT, WIDTH, 3), 200.0) + 3 * tufts(HEIGHT, WIDTH, 4)
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[PERSON] = 1
    image[PERSON] = 20
    for row in range(80, 280, 25):
        image[row : row + 2, 74:166] = 60
    plate = complete_plate(image.astype(np.uint8), alpha, plain=False).image
    assert plate.min() > 150


def test_the_gap_between_arm_and_body_stays_the_photo() -> None:
    image, alpha = meadow()
    alpha[100:, 60:75] = 1
    image[100:, 60:75] = RED
    plate = complete_plate(image, alpha, plain=False).image
    assert np.abs(plate[120:290, 80:85].astype(int) - image[120:290, 80:85]).mean() < 4


@pytest.mark.parametrize("plain", [True, False])
def test_the_same_photo_gives_the_same_background(plain: bool) -> None:
    image, alpha = meadow()
    one, other = (complete_plate(image, alpha, plain) for _ in range(2))
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_array_equal(one.shift, other.shift)


def test_shifts_lead_to_background() -> None:
    image, alpha = street()
    shift = complete_plate(image, alpha, plain=False).shift
    y, x = np.nonzero(shift.any(-1))
    assert len(y) > 10000
    assert alpha[y + shift[y, x, 0], x + shift[y, x, 1]].max() == 0


def test_large_pictures_get_the_detail_of_what_was_copied() -> None:
    rng = np.random.default_rng(5)
    size = PICTURE_HEIGHT, PICTURE_WIDTH
    image = (np.array([110, 140, 70]) + 30 * tufts(*size, 6)).clip(0, 255).astype(np.uint8)
    alpha = np.zeros(size, np.float32)
    alpha[200:, 200:320] = 1
    image[200:, 200:320] = RED
    enlarged = cv2.resize(image.astype(np.float32), (2 * PICTURE_WIDTH, 2 * PICTURE_HEIGHT), interpolation=cv2.INTER_CUBIC)
    detail = (enlarged + 8 * rng.normal(size=(*enlarged.shape[:2], 1))).clip(0, 255).astype(np.uint8)
    finer = finer_plate(complete_plate(image, alpha, plain=False), SimpleNamespace(image=image, detail=detail))
    grain = finer.astype(np.float32) - cv2.GaussianBlur(finer.astype(np.float32), (0, 0), 1.0)
    beside, behind = grain[500:1500, 50:350].std(), grain[500:1500, 420:620].std()
    assert 0.85 < behind / beside < 1.15
