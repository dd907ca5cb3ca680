"""A broad smile of the default portrait parts the lips over bright upper teeth; a slight one, and lips that are told to shut, stay shut.
Needs `visavis assets fetch`."""

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.control.pose import SHADING_NAMES, ControlConfig, ControlStage
from visavis.control.retarget import broad_smile
from visavis.motion.layout import ARKIT_INDEX, FACE, neutral_motion
from visavis.portrait.cache import load_portrait
from visavis.store import asset_path
from visavis.types import ControlFrame, MotionChunk
from visavis.types_portrait import PortraitRig
from visavis.video.renderer import VideoStage

STILL = ControlConfig(breath=0, sway=0, crossfade=0, arms=False)
BROAD = {"mouthSmile": 0.96, "mouthUpperUp": 0.8}


def face_of(**weights: float) -> NDArray[np.float32]:
    face = np.zeros(len(ARKIT_INDEX), np.float32)
    for name, weight in weights.items():
        for each in [name] if name in ARKIT_INDEX else [f"{name}Left", f"{name}Right"]:
            face[ARKIT_INDEX[each]] = weight
    return face


def posed(portrait: PortraitRig, **weights: float) -> ControlFrame:
    motion = neutral_motion(1)
    motion[0, FACE] = face_of(**weights)
    stage = ControlStage(portrait, STILL)
    return stage.step(MotionChunk(1, 0, motion), stage.initial_state())[0][0]


def gap(portrait: PortraitRig, frame: ControlFrame) -> NDArray[np.float64]:
    """Distances between the eyes between the inner lips, by column."""
    away = frame.vertices[portrait.lips.lower, 1].astype(float) - frame.vertices[portrait.lips.upper, 1]
    return np.asarray(away / 32 / portrait.eye_distance)


def test_a_broad_smile_is_as_wide_and_as_far_open_as_real_ones(portrait: PortraitRig) -> None:
    """Happy faces of eight people: the gap is 0.10 to 0.20 distances between the eyes in the middle, half of that near the corners, and the
    mouth a quarter to a half wider than at rest."""
    rest, smile = posed(portrait), posed(portrait, **BROAD)
    open_by = gap(portrait, smile)
    assert 0.10 < open_by[16] < 0.20 and 0.4 < open_by[[4, -5]].mean() / open_by[16] < 0.8
    corners = portrait.lips.upper[[0, -1]]
    width = [float(np.linalg.norm(np.diff(frame.vertices[corners, :2].astype(float), axis=0))) for frame in (rest, smile)]
    assert 1.2 < width[1] / width[0] < 1.5


@pytest.mark.parametrize(
    "weights",
    [
        {"mouthSmile": 0.6},
        {"mouthSmile": 0.9},
        {**BROAD, "mouthPress": 0.6},
        {**BROAD, "mouthRollUpper": 0.4, "mouthRollLower": 0.4},
        {"mouthSmile": 1.0, "jawOpen": 0.1, "mouthClose": 0.12},
    ],
)
def test_smiles_with_shut_lips_stay_shut(portrait: PortraitRig, weights: dict[str, float]) -> None:
    assert gap(portrait, posed(portrait, **weights)).max() < 0.03


def test_a_broad_smile_shows_bright_teeth_in_the_middle_and_at_the_sides(portrait: PortraitRig) -> None:
    frame = posed(portrait, **BROAD)
    image = VideoStage(portrait).draw(frame.vertices, frame.shading)
    assert frame.shading[SHADING_NAMES.index("broad_smile")] > 0.8
    for column in (8, 12, 16, 20, 24):
        upper, lower = (frame.vertices[edge[column], :2] / 32 for edge in (portrait.lips.upper, portrait.lips.lower))
        between = upper + np.linspace(0, 1, 15)[:, None] * (lower - upper)
        colours = image[np.round(between[:, 1]).astype(int), np.round(between[:, 0]).astype(int)].astype(float)
        assert colours.mean(1).max() > 125 and np.ptp(colours[colours.mean(1).argmax()]) < 70, f"no tooth in column {column}"


def test_half_a_smile_bares_the_teeth_on_its_side_only() -> None:
    right, left = broad_smile(face_of(mouthSmileLeft=0.96, mouthUpperUpLeft=0.8))
    assert right == 0 and left > 0.9


def test_a_photo_that_smiles_speaks_with_a_mouth_as_wide_as_others(portrait: PortraitRig) -> None:
    """And keeps the skin of its lips up to their edges however far apart they are in it."""
    selfie = load_portrait(asset_path("openpeople") / "P010" / "assets" / "amateur_selfie.jpg")

    def width(rig: PortraitRig, **weights: float) -> float:
        right, left = posed(rig, **weights).vertices[rig.lips.upper[[0, -1]], 0] / 32
        return float(left - right) / rig.eye_distance

    places = selfie.vertices[selfie.lips.upper[[0, -1]]]
    in_photo = float(np.ptp(places[:, 0] / places[:, 2])) * selfie.focal / selfie.eye_distance
    assert in_photo > 0.92, "it smiles broadly"
    assert width(selfie) < 0.90 * in_photo
    assert width(selfie, **BROAD) > 1.15 * width(selfie), "and may smile again"
    rounded = {"jawOpen": 0.12, "mouthPucker": 0.55, "mouthFunnel": 0.2}
    assert width(selfie, **rounded) / width(portrait, **rounded) < 1.2
    edges = np.concatenate([selfie.lips.upper, selfie.lips.lower])
    around, drawn = (selfie.triangles[name] for name in ("person", "skin_mouth"))
    assert np.isin(drawn, edges).any(1).sum() == np.isin(around, edges).any(1).sum()
