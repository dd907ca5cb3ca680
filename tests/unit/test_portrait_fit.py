"""Faces are found and fitted; photos without a usable face are refused with what to do. Needs `visavis assets fetch`."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import visavis
from visavis.motion.layout import ARKIT_INDEX, head_rotation_from_euler
from visavis.portrait.fit import FOCAL, ThinPlate, fit_face, fit_portrait, lip_gap, shown_vertices, solve_bounded
from visavis.portrait.landmarks import FACE_OVAL, Face, FaceFinder, find_face
from visavis.portrait.photo import Photo, check_room, decode_photo, read_photo
from visavis.portrait.rig_asset import RigAsset, load_rig_asset
from visavis.store import asset_path
from visavis.types_portrait import LANDMARKS, Camera, FittedPortrait, PortraitError

DEFAULT = Path(visavis.__file__).parent / "assets" / "portraits" / "default.jpg"


@pytest.fixture(scope="module")
def asset() -> RigAsset:
    return load_rig_asset()


@pytest.fixture(scope="module")
def finder() -> Iterator[FaceFinder]:
    with FaceFinder(asset_path("face_landmarker.task")) as finder:
        yield finder


@pytest.fixture(scope="module")
def default() -> NDArray[np.uint8]:
    return read_photo(DEFAULT).image


@pytest.fixture(scope="module")
def fitted(asset: RigAsset) -> FittedPortrait:
    return fit_portrait(read_photo(DEFAULT), asset, asset_path("face_landmarker.task"))


def test_default_portrait_is_fitted_closely(fitted: FittedPortrait, asset: RigAsset) -> None:
    assert fitted.image.shape == (768, 512, 3)
    assert 130 < np.ptp(fitted.landmarks[:468, 1]) < 170
    assert fitted.fit_rms < 1.0
    assert fitted.warp_rms < 0.2
    assert fitted.mouth_open < 0.02
    assert fitted.plain_background
    shown = fitted.camera.to_picture(asset.mesh.at_landmarks(shown_vertices(fitted, asset.mesh)))
    inner = [index for index in range(468) if index not in FACE_OVAL]
    assert np.abs(shown[inner, :2] - fitted.landmarks[inner]).max() < 2.0
    # She looks at the camera from about two metres, with a resting face.
    assert np.abs(fitted.camera.rotation - np.eye(3)).max() < 0.15
    assert 1.2 < fitted.camera.translation[2] < 2.5
    assert fitted.expression[ARKIT_INDEX["jawOpen"]] < 0.1
    assert fitted.expression.min() >= 0
    assert fitted.expression.max() <= 1


def test_default_portrait_is_cut_out(fitted: FittedPortrait) -> None:
    alpha = fitted.alpha
    assert alpha.dtype == np.float32
    assert alpha[:60, :100].max() < 0.02
    assert alpha[:60, -100:].max() < 0.02
    x, y = np.round(fitted.landmarks[1]).astype(int)
    assert alpha[y - 60 : y + 60, x - 30 : x + 30].min() > 0.99
    assert alpha[600:700, 200:310].min() > 0.95
    soft = (alpha > 0.05) & (alpha < 0.95)
    assert 0.002 < soft.mean() < 0.05
    # The person's own colour in front of the grey it was taken before gives the photo back.
    back = cv2.inpaint(fitted.image, (cv2.dilate(alpha, np.ones((15, 15))) > 0.01).astype(np.uint8), 3, cv2.INPAINT_TELEA)
    again = fitted.foreground * alpha[..., None] + back * (1 - alpha[..., None])
    assert cv2.PSNR(np.round(again).astype(np.uint8), fitted.image) > 38


def test_the_fit_does_not_depend_on_the_run(fitted: FittedPortrait, asset: RigAsset) -> None:
    again = fit_portrait(read_photo(DEFAULT), asset, asset_path("face_landmarker.task"))
    np.testing.assert_array_equal(again.vertices, fitted.vertices)
    np.testing.assert_array_equal(again.alpha, fitted.alpha)


@pytest.mark.parametrize("scale", [0.55, 1.0])
def test_faces_of_any_size_and_turn_are_found_at_the_same_place(finder: FaceFinder, default: NDArray[np.uint8], scale: float) -> None:
    straight = find_face(finder, default)
    middle = np.array([default.shape[1] / 2, default.shape[0] / 2])
    matrix = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), 12, scale)
    turned = cv2.warpAffine(default, matrix, (default.shape[1], default.shape[0]), borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_AREA)
    found = find_face(finder, np.asarray(turned, np.uint8))
    expected = straight.landmarks @ matrix[:, :2].T + matrix[:, 2]
    inner = [index for index in range(468) if index not in FACE_OVAL]
    assert np.median(np.linalg.norm(found.landmarks - expected, axis=1)[inner]) < 0.012 * straight.height * scale


def test_exif_rotated_photos_are_fitted_alike(finder: FaceFinder, default: NDArray[np.uint8], tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(default).transpose(Image.Transpose.ROTATE_90).save(tmp_path / "phone.png", exif=exif)
    np.testing.assert_array_equal(read_photo(tmp_path / "phone.png").image, default)


def test_grey_photos_are_fitted(asset: RigAsset, fitted: FittedPortrait, tmp_path: Path) -> None:
    Image.open(DEFAULT).convert("L").save(tmp_path / "grey.png")
    grey = fit_portrait(read_photo(tmp_path / "grey.png"), asset, asset_path("face_landmarker.task"))
    assert np.median(np.linalg.norm(grey.landmarks - fitted.landmarks, axis=1)) < 1.5


def test_a_transparent_photo_brings_its_own_matte(asset: RigAsset, fitted: FittedPortrait, tmp_path: Path) -> None:
    alpha = Image.fromarray(np.round(fitted.alpha * 255).astype(np.uint8))
    layers = Image.fromarray(fitted.image).convert("RGBA")
    layers.putalpha(alpha)
    layers.save(tmp_path / "cut.png")
    cut = fit_portrait(read_photo(tmp_path / "cut.png"), asset, asset_path("face_landmarker.task"))
    assert np.abs(cut.alpha - fitted.alpha).mean() < 0.005


def refusal(finder: FaceFinder, image: NDArray[np.uint8]) -> str:
    with pytest.raises(PortraitError) as caught:
        find_face(finder, image, "me.jpg")
    assert "me.jpg" in str(caught.value)
    return str(caught.value)


def test_photos_without_one_usable_face_are_refused(finder: FaceFinder, default: NDArray[np.uint8]) -> None:
    assert "no face found" in refusal(finder, np.full((600, 400, 3), 128, np.uint8))
    assert "no face found" in refusal(finder, np.ascontiguousarray(default[600:]))
    assert "2 faces of similar size" in refusal(finder, np.hstack([default, default[:, ::-1]]))
    small = np.asarray(cv2.resize(default, None, fx=0.35, fy=0.35, interpolation=cv2.INTER_AREA), np.uint8)
    assert "too small" in refusal(finder, small)


def test_a_small_bystander_does_not_matter(finder: FaceFinder, default: NDArray[np.uint8]) -> None:
    picture = np.hstack([default, np.full_like(default, 150)])
    small = cv2.resize(default, None, fx=0.45, fy=0.45, interpolation=cv2.INTER_AREA)
    picture[300 : 300 + small.shape[0], 1000 : 1000 + small.shape[1]] = small
    face = find_face(finder, picture)
    assert abs(face.height - find_face(finder, default).height) < 4


class SeenFaces(FaceFinder):
    """Finds the faces that it was made with."""

    def __init__(self, *faces: Face) -> None:
        self._faces = list(faces)

    def search(self, image: NDArray[np.uint8]) -> list[Face]:
        return self._faces

    def confirm(self, image: NDArray[np.uint8], face: Face) -> Face | None:
        return face


@pytest.mark.parametrize(("turns", "angle"), [(1, 90), (2, 180), (3, 90)])
def test_a_photo_that_lies_on_its_side_is_refused(finder: FaceFinder, default: NDArray[np.uint8], turns: int, angle: int) -> None:
    turned = np.ascontiguousarray(np.rot90(default, turns))
    with pytest.raises(PortraitError, match=r"turn the photo so that it is upright|no face found|no clear face") as refusal:
        find_face(finder, turned)
    if "leans" in str(refusal.value):
        assert abs(int(str(refusal.value).split("leans by ")[1].split()[0]) - angle) <= 15


@pytest.mark.parametrize(
    ("yaw", "pitch", "message"),
    [
        (50, 0, "50 degrees to the left"),
        (-60, 0, "60 degrees to the right"),
        (0, 45, "45 degrees down"),
        (0, -40, "40 degrees up"),
        (20, 10, ""),
    ],
)
def test_faces_that_look_away_are_refused(fitted: FittedPortrait, yaw: float, pitch: float, message: str) -> None:
    face = Face(fitted.landmarks, head_rotation_from_euler(yaw, pitch, 0).astype(np.float64))
    if message:
        assert message in refusal(SeenFaces(face), fitted.image)
    else:
        assert find_face(SeenFaces(face), fitted.image) is face


def test_photos_cut_at_forehead_and_chin_are_refused_and_close_ones_are_not(asset: RigAsset, finder: FaceFinder) -> None:
    people = asset_path("openpeople")
    with av.open(str(asset_path("talking_clip.mp4"))) as clip:
        woman = next(frame.to_ndarray(format="rgb24") for number, frame in enumerate(clip.decode(video=0)) if number == 240)
    # The woman's forehead is at the upper border and her chin near the lower one; she can just be taken.
    close = [np.asarray(woman, np.uint8)]
    close += [read_photo(people / name).image for name in ("P004/assets/studio_portrait.jpg", "P005/assets/amateur_selfie.jpg")]
    for image in close:
        photo = Photo(image, None, "", "me.jpg")
        landmarks = find_face(finder, image).landmarks
        check_room(len(image), landmarks, "me.jpg")
        top, bottom = landmarks[:, 1].min(), landmarks[:, 1].max()
        room = int(0.1 * (bottom - top))
        for first, message in ((max(int(top) - room, 0), "forehead and at the chin"), (0, "chin")):
            cut = np.ascontiguousarray(image[first : int(bottom) + room])
            with pytest.raises(PortraitError, match=rf"me\.jpg is cut at the .*{message}"):
                fit_portrait(replace(photo, image=cut), asset, asset_path("face_landmarker.task"))


def test_the_angle_of_a_real_face_has_the_right_sign(finder: FaceFinder) -> None:
    people = asset_path("openpeople")
    turned = find_face(finder, read_photo(people / "P001" / "assets" / "amateur_posture.jpg").image)
    nose, left, right = turned.landmarks[1, 0], turned.landmarks[454, 0], turned.landmarks[234, 0]
    assert abs(turned.yaw) > 8
    assert (turned.yaw > 0) == (nose < (left + right) / 2)


def projected(
    asset: RigAsset, identity: NDArray[np.float64], shapes: dict[str, float], angles: tuple[float, float, float]
) -> NDArray[np.float64]:
    vertices = asset.mean + np.tensordot(identity, asset.identity, 1)
    for name, weight in shapes.items():
        vertices = vertices + weight * asset.mesh.expressions[ARKIT_INDEX[name]]
    camera = Camera(head_rotation_from_euler(*angles).astype(np.float64), np.array([0.02, -0.25, 1.7]), FOCAL)
    return camera.to_picture(asset.mesh.at_landmarks(vertices))[:, :2]


def test_known_faces_are_recovered(asset: RigAsset) -> None:
    """Random heads of the rig itself. Pitch and depth look alike in one picture, so a single angle may be off by 2 or 3 degrees."""
    angles = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        yaw, pitch, smile, jaw = rng.uniform((-20, -12, 0.2, 0.2), (20, 12, 0.8, 0.7))
        identity = rng.normal(0, 0.6, len(asset.identity))
        landmarks = projected(asset, identity, {"mouthSmileLeft": smile, "mouthSmileRight": smile, "jawOpen": jaw}, (yaw, pitch, 3.0))
        fit = fit_face(landmarks, asset)
        assert fit.fit_rms < 0.6
        assert fit.warp_rms < 0.15
        expected = head_rotation_from_euler(yaw, pitch, 3.0)
        angles.append(np.degrees(np.arccos(np.clip((np.trace(fit.camera.rotation.T @ expected) - 1) / 2, -1, 1))))
        assert abs(fit.expression[ARKIT_INDEX["jawOpen"]] - jaw) < 0.15
        assert abs(fit.expression[ARKIT_INDEX["mouthSmileLeft"]] - smile) < 0.25
        assert np.abs(fit.vertices - asset.mean).max() < 0.15
    assert np.median(angles) < 1.5
    assert max(angles) < 3


def test_wild_landmarks_do_not_spoil_the_fit(asset: RigAsset) -> None:
    landmarks = projected(asset, np.zeros(len(asset.identity)), {}, (5.0, 0.0, 0.0))
    wild = landmarks.copy()
    wild[[50, 101, 280]] += 40
    clean, disturbed = fit_face(landmarks, asset), fit_face(wild, asset)
    assert np.abs(clean.camera.rotation - disturbed.camera.rotation).max() < 0.02
    assert np.abs(clean.identity - disturbed.identity).max() < 0.6


@given(seed=st.integers(0, 100_000), size=st.integers(1, 12))
def test_bounded_steps_are_the_best_within_their_bounds(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size + 3, size))
    hessian, gradient = root.T @ root + 0.1 * np.eye(size), rng.normal(size=size) * 3
    lower, upper = -rng.uniform(0, 1, size), rng.uniform(0, 1, size)
    lower[rng.uniform(size=size) < 0.3] = -np.inf
    solution = solve_bounded(hessian, gradient, lower, upper)
    assert (solution >= lower).all()
    assert (solution <= upper).all()
    pull = gradient - hessian @ solution
    inside = (solution > lower) & (solution < upper)
    assert np.abs(pull[inside]).max(initial=0) < 1e-6
    assert (pull[solution <= lower] <= 1e-6).all()
    assert (pull[solution >= upper] >= -1e-6).all()


def test_thin_plate_goes_through_its_points_and_is_affine_for_affine_values() -> None:
    rng = np.random.default_rng(0)
    points, values = rng.normal(0, 0.05, (60, 3)), rng.normal(0, 0.002, (60, 3))
    np.testing.assert_allclose(ThinPlate(points, values, np.zeros(60))(points), values, atol=1e-9)
    affine, offset = rng.normal(size=(3, 3)), rng.normal(size=3)
    spline = ThinPlate(points, points @ affine + offset, np.full(60, 0.1))
    elsewhere = rng.normal(0, 0.2, (20, 3))
    np.testing.assert_allclose(spline(elsewhere), elsewhere @ affine + offset, atol=1e-8)


def test_lip_gap_tells_open_mouths(asset: RigAsset) -> None:
    closed = projected(asset, np.zeros(len(asset.identity)), {}, (0, 0, 0))
    opened = projected(asset, np.zeros(len(asset.identity)), {"jawOpen": 0.5}, (0, 0, 0))
    assert lip_gap(closed) < 0.06
    assert lip_gap(opened) > 0.2


def test_the_asset_is_whole(asset: RigAsset) -> None:
    mesh = asset.mesh
    assert asset.identity.shape == (80, len(asset.mean), 3)
    assert mesh.expressions.shape == (52, len(asset.mean), 3)
    assert mesh.triangles.max() < len(asset.mean)
    np.testing.assert_allclose(mesh.weights.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(mesh.landmark_weights.sum(1), 1, atol=1e-3)
    assert mesh.landmark_triangles.shape == (LANDMARKS, 3)
    assert np.median(mesh.landmark_spread) < 0.0015
    places = mesh.at_landmarks(asset.mean)
    # The person's left is on the right of the picture, y is down, the nose points to the camera.
    assert places[263, 0] > 0.02
    assert places[33, 0] < -0.02
    assert places[152, 1] > places[10, 1] + 0.1
    assert places[1, 2] == places[:, 2].min()
    for name in ("jawOpen", "eyeBlinkLeft", "mouthPucker", "browInnerUp"):
        assert np.linalg.norm(mesh.expressions[ARKIT_INDEX[name]], axis=1).max() > 0.003
    skin = np.unique(mesh.triangles_of("skin", "lashes_left", "lashes_right"))
    other_side = skin[asset.mean[skin, 0] < -0.01]
    assert np.linalg.norm(mesh.expressions[ARKIT_INDEX["eyeBlinkLeft"]][other_side], axis=1).max() < 0.001


def test_decode_photo_keeps_the_hash_of_the_bytes() -> None:
    data = DEFAULT.read_bytes()
    assert decode_photo(data, "a").content_hash == decode_photo(data, "b").content_hash != decode_photo(data + b"\0", "a").content_hash
