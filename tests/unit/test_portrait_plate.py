"""The background behind a person: what is made up looks like what is beside it, and what is seen in the photo stays."""

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.portrait.plate import complete_plate

HEIGHT, WIDTH = 300, 240
PERSON = np.s_[60:, 90:150]


def meadow() -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Grass, about five pixels a tuft, before which somebody stands; and the person's opacity."""
    tufts = cv2.GaussianBlur(np.random.default_rng(1).normal(size=(HEIGHT, WIDTH)).astype(np.float32), (0, 0), 1.8)
    image = np.array([110, 140, 70]) + 30 * (tufts / tufts.std())[..., None] * np.array([1.0, 1.0, 0.6])
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[PERSON] = 1
    image[PERSON] = 220, 30, 30
    return image.clip(0, 255).astype(np.uint8), alpha


def texture(image: NDArray[np.uint8], where: tuple[slice, slice]) -> tuple[float, float]:
    """How strong the texture is in a part of a picture, and how alike pixels are that lie two apart."""
    grey = image.astype(np.float32).mean(-1)
    fine = (grey - cv2.GaussianBlur(grey, (0, 0), 8.0))[where]
    return float(fine.std()), float(np.corrcoef(fine[:, 2:].ravel(), fine[:, :-2].ravel())[0, 1])


def test_grass_goes_on_behind_the_person() -> None:
    image, alpha = meadow()
    plate = complete_plate(image, alpha, plain=False)
    strength, alike = texture(image, np.s_[80:, 20:75])
    for edge in (np.s_[80:280, 95:115], np.s_[80:280, 125:145]):
        made_up = texture(plate, edge)
        assert 0.5 < made_up[0] / strength < 1.3, "as rough"
        assert made_up[1] > 0.6 * alike, "in tufts, not in dots"
    np.testing.assert_array_equal(plate[:, :70], image[:, :70])
    red = plate[PERSON].astype(int)
    assert (red[..., 0] - red[..., 1]).max() < 60, "nothing of the person is left"
