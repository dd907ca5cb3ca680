"""Pictures of motion: the curves and phones behind them, and what is seen of them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.audio.load import load
from visavis.cli.defaults import default_speech
from visavis.control.pose import ControlStage
from visavis.data.phones import PHONES, Phone
from visavis.motion.layout import (
    ARKIT_INDEX,
    BODY,
    BODY_JOINTS,
    FACE,
    HEAD_ROTATION,
    head_rotation_from_euler,
    neutral_motion,
    rotation_to_6d,
)
from visavis.motion.skeleton import rotation_from_vector
from visavis.plotting.curves import curves_of
from visavis.plotting.figure import draw_figure, save_figure
from visavis.plotting.phone_track import cut_phones, likeliest_phones, phone_file, phone_posteriors, read_phones
from visavis.plotting.skeleton import HEIGHT, STRIP, WIDTH, SkeletonFilm, smooth, view_of
from visavis.runtime.motion import load_encoder
from visavis.types import MotionChunk
from visavis.types_portrait import PortraitRig


def speaking(frames: int = 60) -> NDArray[np.float32]:
    motion = neutral_motion(frames)
    wave = np.sin(np.arange(frames) / 5).astype(np.float32)
    motion[:, ARKIT_INDEX["jawOpen"]] = 0.2 + 0.2 * wave
    motion[:, ARKIT_INDEX["mouthSmileLeft"]] = 0.3
    motion[:, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(-8, -4, -2 + 0 * wave))
    motion[20:24, ARKIT_INDEX["eyeBlinkLeft"]] = motion[20:24, ARKIT_INDEX["eyeBlinkRight"]] = 1.0
    return motion


def test_curves_have_the_signs_that_their_names_say() -> None:
    motion = speaking()
    for name in ("eyeLookOutLeft", "eyeLookInRight"):
        motion[:, ARKIT_INDEX[name]] = 0.5
    for name in ("eyeLookDownLeft", "eyeLookDownRight"):
        motion[:, ARKIT_INDEX[name]] = 0.25
    curves = curves_of(motion)
    np.testing.assert_allclose(curves.head_left, 8, atol=1e-3)
    np.testing.assert_allclose(curves.head_up, 4, atol=1e-3)
    np.testing.assert_allclose(curves.head_roll, 2, atol=1e-3)
    np.testing.assert_allclose(curves.gaze_left, 14, atol=1e-4)
    np.testing.assert_allclose(curves.gaze_up, -6, atol=1e-4)
    np.testing.assert_allclose(curves.smile, 0.15, atol=1e-6)
    assert curves.blink[21] == 1 and curves.gap[8] > 0.2 > curves.gap[-1] - 0.1


def test_one_step_of_doubt_does_not_cut_a_phone() -> None:
    posteriors = np.full((40, len(PHONES)), 1e-4, np.float32)
    posteriors[:20, PHONES.index("M")] = 0.9
    posteriors[20:, PHONES.index("AA")] = 0.9
    posteriors[10, PHONES.index("N")], posteriors[10, PHONES.index("M")] = 0.6, 0.3
    assert likeliest_phones(posteriors) == (Phone("M", 0.0, 20 / 60), Phone("AA", 20 / 60, 40 / 60))
    assert len(likeliest_phones(posteriors, change_cost=0.0)) == 4
    assert likeliest_phones(posteriors[:0]) == ()


def test_the_encoder_hears_the_default_speech_in_step() -> None:
    """Half of the frames right, and most where the track is not moved: it is a small streaming encoder, and the track is what it hears."""
    encoder = load_encoder()
    samples = load(default_speech())
    posteriors = phone_posteriors(samples, encoder)
    assert len(posteriors) == -(-len(samples) * 60 // 16000) // 2 * 2
    np.testing.assert_allclose(posteriors.sum(axis=1), 1, atol=1e-4)
    truth = read_phones(phone_file(default_speech()))
    middle = (np.arange(len(posteriors)) + 0.5) / 60

    def names(phones: tuple[Phone, ...]) -> NDArray[np.str_]:
        return np.array([next((phone.name for phone in phones if phone.start <= at < phone.end), "SIL") for at in middle])

    heard, said = names(likeliest_phones(posteriors)), names(truth)
    right = {shift: float(np.mean(np.roll(heard, shift) == said)) for shift in (-4, -2, 0, 2, 4)}
    assert right[0] == max(right.values()) > 0.5


def test_phones_of_a_file(tmp_path: Path) -> None:
    assert phone_file(Path("a/b.flac")) == Path("a/b.phones.json")
    path = tmp_path / "a.phones.json"
    path.write_text(json.dumps([["SIL", 0, 0.5], ["AH0", 0.5, 0.75], ["M", 0.75, 1.0]]))
    phones = read_phones(path)
    assert phones == (Phone("SIL", 0, 0.5), Phone("AH", 0.5, 0.75), Phone("M", 0.75, 1.0))
    assert cut_phones(phones, 0.6, 0.9) == (Phone("AH", 0.0, pytest.approx(0.15)), Phone("M", pytest.approx(0.15), pytest.approx(0.3)))
    for text in ("no json", '{"a": 1}', '[["QQ", 0, 1]]', '[["M", 1, 0]]', '[["M", 1]]', "[[3, 0, 1]]"):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"a\.phones\.json"):
            read_phones(path)


def test_the_picture_shows_what_there_is(tmp_path: Path) -> None:
    motion, samples = speaking(), (8000 * np.sin(np.arange(32000) / 20)).astype(np.int16)
    phones = (Phone("SIL", 0, 0.2), Phone("M", 0.2, 0.35), Phone("AA", 0.35, 2.0))
    save_figure(tmp_path / "a.png", motion, samples, phones, "title")
    image = cv2.imread(str(tmp_path / "a.png"))
    assert image is not None and image.shape[1] == 1600 and len(np.unique(image.reshape(-1, 3), axis=0)) > 500
    figure = draw_figure(motion, samples, phones, "title", begin_s=10.0, phones_from="by hand")
    panels = {axes.get_ylabel().split("\n")[0]: axes for axes in figure.axes}
    assert list(panels)[:8] == ["sound", "log-mel", "phones", "mouth", "expression", "blinks", "gaze", "head"]
    assert all(panels[name].get_xlim() == (10.0, 12.0) for name in ("sound", "log-mel", "mouth", "head"))
    # The jaw is open in the M of these phones.
    labels = {text.get_text() for axes in figure.axes for text in (axes.get_legend().get_texts() if axes.get_legend() else [])}
    assert {"jaw open", "smile", "up", "yaw: to the left", "P, B, M open (1)"} <= labels
    assert {text.get_text() for text in panels["phones"].texts} == {"M", "AA", "by hand"}
    shut = draw_figure(neutral_motion(60), samples, phones, "title")
    assert "P, B, M shut (1)" in {text.get_text() for axes in shut.axes if axes.get_legend() for text in axes.get_legend().get_texts()}
    many = tuple(Phone("AA" if n % 2 else "M", n / 900, (n + 1) / 900) for n in range(1800))
    crowded = next(axes for axes in draw_figure(motion, samples, many, "title").axes if axes.get_ylabel() == "phones")
    assert not crowded.texts
    silent = draw_figure(motion, None, (), "title")
    assert [axes.get_ylabel().split("\n")[0] for axes in silent.axes] == ["mouth", "expression", "blinks", "gaze", "head"]


@pytest.mark.parametrize("samples", [0, 1, 300])
def test_very_short_clips_are_drawn(tmp_path: Path, samples: int) -> None:
    save_figure(tmp_path / "a.png", neutral_motion(1), np.zeros(samples, np.int16), (), "short")
    assert cv2.imread(str(tmp_path / "a.png")) is not None


def test_smooth_curves_pass_through_their_points() -> None:
    points = np.array([[0.0, 0], [1, 2], [3, 1], [4, 4]])
    np.testing.assert_allclose(smooth(points, parts=5)[::5], points)
    closed = smooth(points, closed=True, parts=5)
    np.testing.assert_allclose(closed[::5], [*points, points[0]])


def test_the_film_shows_the_face_move(portrait: PortraitRig) -> None:
    stage = ControlStage(portrait)
    motion = speaking(8)
    motion[4:, ARKIT_INDEX["jawOpen"]] = 0.8
    frames, _ = stage.step(MotionChunk(1, 0, motion), stage.initial_state())
    view = view_of(frames[0].keypoints)
    places = view.place(frames[0].keypoints)
    assert (places[:68] > 0).all() and (places[:68] < [WIDTH, HEIGHT - STRIP]).all()
    samples = (9000 * np.sin(np.arange(16000) / 9)).astype(np.int16)
    film = SkeletonFilm(view, samples, (Phone("M", 0.0, 0.15), Phone("AA", 0.15, 0.4)), "a title")
    pictures = [film.draw(frame.frame_index, frame.keypoints, motion[frame.frame_index]) for frame in frames]
    assert pictures[0].shape == (HEIGHT, WIDTH, 3) and pictures[0].dtype == np.uint8
    assert len(np.unique(pictures[0].reshape(-1, 3), axis=0)) > 300
    lips = view.place(frames[4].keypoints[48:68])
    (left, top), (right, bottom) = (edge.astype(int) for edge in (lips.min(axis=0), lips.max(axis=0)))
    changed = np.abs(pictures[6].astype(int) - pictures[0]).sum(axis=2)[top:bottom, left:right] > 30
    assert changed.mean() > 0.1
    np.testing.assert_array_equal(film.draw(3, frames[3].keypoints, motion[3]), pictures[3])


def test_the_film_shows_a_raised_hand(portrait: PortraitRig) -> None:
    stage = ControlStage(portrait)
    rest = neutral_motion(1)
    (frame,), _ = stage.step(MotionChunk(1, 0, rest), stage.initial_state())
    film = SkeletonFilm(view_of(frame.keypoints))
    raised = rest.copy()
    elbow = BODY_JOINTS.index("left_lower_arm")
    raised[:, BODY][:, 6 * elbow : 6 * elbow + 6] = rotation_to_6d(rotation_from_vector(np.radians([-110.0, 0, 0])))
    before, after = (film.draw(0, frame.keypoints, motion[0]).astype(int) for motion in (rest, raised))
    changed = np.argwhere(np.abs(after - before).sum(axis=2) > 30)
    # the person's left arm is on the viewer's right; the hand leaves the bottom and appears higher
    assert changed[:, 1].min() > WIDTH / 2
    green = (after[..., 1] > 150) & (after[..., 0] < 140) & (after[..., 2] < 180)
    was = (before[..., 1] > 150) & (before[..., 0] < 140) & (before[..., 2] < 180)
    assert np.argwhere(green)[:, 0].mean() < np.argwhere(was)[:, 0].mean() - 100


def test_gaze_arrows_point_where_the_eyes_look(portrait: PortraitRig) -> None:
    """Green pixels lie towards the viewer's right of the eyes for a look to the person's left."""
    stage = ControlStage(portrait)
    rest = neutral_motion(1)
    (frame,), _ = stage.step(MotionChunk(1, 0, rest), stage.initial_state())
    film = SkeletonFilm(view_of(frame.keypoints))
    middles = {}
    for side, names in (("left", ("eyeLookOutLeft", "eyeLookInRight")), ("right", ("eyeLookInLeft", "eyeLookOutRight"))):
        looking = rest[0].copy()
        looking[FACE][[ARKIT_INDEX[name] for name in names]] = 0.6
        picture = film.draw(0, frame.keypoints, looking).astype(int)
        green = (picture[..., 1] > 200) & (picture[..., 0] < 220) & (picture[..., 2] < 180)
        assert green.sum() > 30
        middles[side] = np.argwhere(green)[:, 1].mean()
    assert middles["left"] > middles["right"] + 20
