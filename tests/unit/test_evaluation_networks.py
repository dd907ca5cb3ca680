"""Networks that judge pictures, on cases whose answer is known. Needs `visavis assets fetch --use test`."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from visavis.evaluation.face_api import convolve
from visavis.evaluation.hands import score_hands
from visavis.evaluation.identity import FaceEmbedder, middle_of, similarity
from visavis.evaluation.perceptual import PictureNetwork, Spread, frechet_distance, perceptual_distance
from visavis.evaluation.reenact import sheet_cells
from visavis.portrait.landmarks import FaceFinder, HandFinder
from visavis.store import asset_path
from visavis.training.refine_pairs import HAND_CELL
from visavis.types_portrait import PortraitRig


def photo(person: str, name: str) -> NDArray[np.uint8]:
    image = cv2.imread(str(asset_path("openpeople") / person / "assets" / f"{name}.jpg"))
    return np.ascontiguousarray(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)[..., ::-1])


def test_convolution_is_what_scipy_makes_of_it() -> None:
    random = np.random.default_rng(0)
    x, filters = random.normal(size=(9, 12, 2)).astype(np.float32), random.normal(size=(3, 3, 2, 4)).astype(np.float32)
    wanted = np.stack([sum(ndimage.correlate(x[..., i], filters[..., i, o], mode="constant") for i in range(2)) for o in range(4)], axis=-1)
    np.testing.assert_allclose(convolve(x, filters), wanted, atol=1e-5)
    np.testing.assert_allclose(convolve(x, filters, same=False), wanted[1:-1, 1:-1], atol=1e-5)
    # Of an odd side the windows of two steps begin at the border, of an even one inside: what TensorFlow calls SAME.
    np.testing.assert_allclose(convolve(x, filters, 2), wanted[::2, 1::2], atol=1e-5)


def test_equal_pictures_are_not_apart_and_worse_ones_are_farther() -> None:
    network = PictureNetwork(asset_path("face_api"))
    picture = sheet_cells(asset_path("openpeople") / "P010" / "assets" / "emotions_sheet.jpg")[0][40:296, 60:300]
    random = np.random.default_rng(0)
    seen = network.look(picture)
    other = network.look(sheet_cells(asset_path("openpeople") / "P009" / "assets" / "emotions_sheet.jpg")[0][40:296, 60:300])
    blurred = [network.look(np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)) for sigma in (1, 2, 4)]
    noisy = [network.look((picture + random.normal(0, sigma, picture.shape)).clip(0, 255).astype(np.uint8)) for sigma in (5, 15)]
    worse = [perceptual_distance(seen, each) for each in (*blurred, *noisy, other)]
    assert perceptual_distance(seen, seen) == 0.0
    assert 0.005 < worse[0] < worse[1] < worse[2] and 0.02 < worse[3] < worse[4] < 0.6
    assert worse[5] > worse[2], "another person is farther than the same one out of focus"
    shifted = np.roll(picture, 2, axis=1)
    assert perceptual_distance(seen, network.look(shifted)) < worse[4], "two pixels aside cost PSNR and hardly a look"
    half = picture.copy()
    half[:, 120:] = cv2.GaussianBlur(half[:, 120:], (0, 0), 4)
    part = network.look(half)
    assert perceptual_distance(seen, part, (0, 0, 80, 256)) < 0.2 * perceptual_distance(seen, part, (160, 0, 240, 256))

    def spread(*pictures: dict[int, NDArray[np.float32]]) -> Spread:
        result = Spread()
        for each in pictures:
            result.add(each)
        return result

    own = spread(seen)
    far = [frechet_distance(own, spread(each)) for each in (seen, *blurred)]
    assert far[0] == pytest.approx(0, abs=1e-3) and 0.1 < far[1] < far[2] < far[3]
    assert frechet_distance(own, spread(seen, seen)) == pytest.approx(0, abs=1e-3)
    shuffled = {tap: features[::-1, ::-1] for tap, features in seen.items()}
    assert frechet_distance(own, spread(shuffled)) == pytest.approx(0, abs=1e-3), "it compares sets, not places"


def test_one_person_is_more_alike_than_two() -> None:
    embedder = FaceEmbedder(asset_path("face_api"))
    names = ("P001", "P003", "P009", "P010")
    with FaceFinder(asset_path("face_landmarker.task"), max_faces=1) as finder:

        def who(person: str, name: str) -> NDArray[np.float32]:
            image = photo(person, name)
            return embedder.describe(image, finder.search(image)[0].landmarks)

        studio = {name: who(name, "studio_portrait") for name in names}
        selfie = {name: who(name, "amateur_selfie") for name in names}
    middle = middle_of(studio.values())
    for name in names:
        assert similarity(studio[name], studio[name], middle) == pytest.approx(1, abs=1e-5)
        assert np.linalg.norm(studio[name] - selfie[name]) < 0.6
        others = [similarity(studio[name], selfie[other], middle) for other in names if other != name]
        assert similarity(studio[name], selfie[name], middle) > max(others) + 0.2


def test_hands_are_seen_where_hands_are(portrait: PortraitRig, tmp_path: Path) -> None:
    cells = sheet_cells(asset_path("openpeople") / "P009" / "assets" / "emotions_sheet.jpg")
    with HandFinder(asset_path("hand_landmarker.task")) as finder:
        assert finder.confidences(cells[HAND_CELL])[0] >= 0.7
        assert max(finder.confidences(cells[0]), default=0.0) < 0.5
        shown: dict[str, list[float]] = {}
        score = score_hands(portrait, finder, lambda name, _picture, seen: shown.update({name: seen}))
    assert len(shown["hands raised"]) == 2 and len(shown["pointing"]) == 1 and "rest" not in shown
    assert score.hands == sum(map(len, shown.values())) >= 8
    assert score.confidence > 0.6 and score.worst == min(map(min, shown.values()))
