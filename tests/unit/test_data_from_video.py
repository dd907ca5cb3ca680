"""Films to motion: what was rendered comes back, a real person's face and hand are found, gaps are marked, what is no such film is
refused."""

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from visavis.cli.main import main
from visavis.data.body import at_rest, body_path
from visavis.data.corpus import load_item
from visavis.data.from_video import lined_up, motion_of, read_motion
from visavis.data.hand_fit import POINTS, RELAXED, fit_arm, fit_hand, palm_rotation
from visavis.data.teacher import teach_file
from visavis.data.tracking import Track
from visavis.evaluation.lips import render_motion
from visavis.film.reader import read_pictures
from visavis.film.writer import FilmWriter
from visavis.motion.hands import to_mano
from visavis.motion.layout import (
    ARKIT_INDEX,
    BODY,
    BODY_JOINTS,
    FACE,
    FACE_OFFSET,
    HEAD_ROTATION,
    LEFT_HAND,
    RIGHT_HAND,
    check_motion,
    head_euler_from_rotation,
    head_rotation_from_euler,
    neutral_motion,
    rotation_from_6d,
    rotation_to_6d,
)
from visavis.motion.livelink import read_livelink
from visavis.motion.skeleton import SHOULDER, hand_frame, hand_joints, joints_of, rotation_from_vector
from visavis.portrait.landmarks import FaceFinder
from visavis.store import asset_path
from visavis.training.corpus import read_corpus
from visavis.types_portrait import PortraitRig

SIDES = ("left", "right")
HIDDEN = slice(30, 36)
REFINED = (0, 1, 16, 17)
"""The two commonest values of the upper and of the lower face."""


def angles(motion: np.ndarray) -> np.ndarray:
    return head_euler_from_rotation(rotation_from_6d(motion[:, HEAD_ROTATION]))


def film(path: Path, pictures: list[np.ndarray] | Iterator[np.ndarray], rate: int = 30) -> Path:
    with av.open(str(path), "w") as out:
        stream = None
        for picture in pictures:
            if stream is None:
                stream = out.add_stream("mpeg4", rate=rate)
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        assert stream is not None
        out.mux(stream.encode())
    return path


def test_motion_that_was_rendered_is_found_again(portrait: PortraitRig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    time = np.arange(75) / 30
    wanted = neutral_motion(len(time))
    wave = 0.5 - 0.5 * np.cos(2 * np.pi * time / 1.25)
    wanted[:, ARKIT_INDEX["jawOpen"]] = 0.5 * wave
    wanted[:, [ARKIT_INDEX[f"mouthSmile{side}"] for side in ("Left", "Right")]] = 0.35 * (1 - np.cos(2 * np.pi * time / 0.8))[:, None]
    turned = 9 * np.sin(2 * np.pi * time / 2.5), 6 * np.sin(2 * np.pi * time / 1.7), 7 * np.cos(2 * np.pi * time / 2.5)
    wanted[:, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(*turned))
    tone = (3000 * np.sin(1e-5 * np.arange(40000.0) ** 2)).astype(np.int16)  # rises, so that it fits at one place only
    clip = tmp_path / "known.mp4"
    with FilmWriter(clip, 512, 768, 16000, mark="") as out:
        out.write_sound((tone / np.float32(32768))[:, None])
        for index, picture in enumerate(render_motion(wanted, portrait)):
            out.write_picture(np.zeros_like(picture) if index in range(HIDDEN.start, HIDDEN.stop) else picture)
    folder = tmp_path / "corpus"
    assert main(["data", "from-video", str(clip), "-o", str(folder), "--livelink", "--quiet"]) == 0
    assert "face in 100 %" in capsys.readouterr().out
    found = check_motion(read_motion(folder / "known.motion.npz"))
    assert len(found) == len(wanted)
    for name in ("jawOpen", "mouthSmileLeft", "mouthSmileRight"):
        assert np.corrcoef(wanted[:, ARKIT_INDEX[name]], found[:, ARKIT_INDEX[name]])[0, 1] > 0.9, name
    for axis in range(3):
        assert np.corrcoef(angles(wanted)[:, axis], angles(found)[:, axis])[0, 1] > 0.95, axis
    with np.load(folder / "known.motion.npz") as data:
        assert data["filled"][HIDDEN].sum() >= 4 and data["filled"].sum() < 12 and data["face_seen"].all()
    # the sound lies where it was, and the corpus is one that the face model can be trained on and no teacher writes over
    item = load_item(folder / "known.npz")
    lag = np.correlate(item.samples[:36000].astype(float), tone[2000:34000].astype(float), "valid").argmax() - 2000
    assert abs(lag) < 160 and len(item.samples) == 40000
    (utterance,) = read_corpus(folder, "train", with_motion=True)
    assert np.allclose(utterance.face, found[:, FACE])
    assert not teach_file(folder / "known.npz", force=True)
    capture = read_livelink(folder / "known.csv")
    assert np.abs(capture.motion[:, FACE] - found[:, FACE]).max() < 1e-4


def test_what_the_shapes_do_not_say_is_found_again(portrait: PortraitRig, tmp_path: Path) -> None:
    """The two commonest ways of the upper face and of the lower one, one after the other, in a face that looks ahead."""
    time = np.arange(96) / 30
    wanted = neutral_motion(len(time))
    for number, value in enumerate(REFINED):
        part = slice(24 * number, 24 * number + 24)
        wanted[part, FACE_OFFSET.start + value] = 2 * np.sin(np.pi * (np.arange(24) + 0.5) / 24)
    clip = film(tmp_path / "refined.mp4", list(render_motion(wanted, portrait)))
    assert main(["data", "from-video", str(clip), "-o", str(tmp_path), "--no-hands", "--quiet"]) == 0
    found = read_motion(tmp_path / "refined.motion.npz")
    assert len(found) == len(wanted)
    for value in REFINED:
        at = FACE_OFFSET.start + value
        assert np.corrcoef(wanted[:, at], found[:, at])[0, 1] > 0.6, value
    plain = found.copy()
    plain[:, FACE_OFFSET] = 0
    looks = slice(11, None, 24)  # each way at its widest
    with FaceFinder(asset_path("face_landmarker.task"), max_faces=1) as finder:
        seen, refined, bare = (
            np.array([finder.search(picture)[0].landmarks for picture in render_motion(motion[looks], portrait)])
            for motion in (wanted, found, plain)
        )
    with_it, without = ([off(shown, wanted) for shown, wanted in zip(each, seen, strict=True)] for each in (refined, bare))
    assert np.mean(with_it) < 0.8 * np.mean(without)


def off(shown: np.ndarray, wanted: np.ndarray) -> float:
    """Mean distance of landmarks (478, 2), pixels, once shift, turn and size of the whole face are the same."""
    whole = cv2.estimateAffinePartial2D(shown, wanted, method=cv2.LMEDS)[0]
    return float(np.linalg.norm(shown @ whole[:, :2].T + whole[:, 2] - wanted, axis=1).mean())


def test_a_real_person_hides_half_her_face_behind_her_hand(tmp_path: Path) -> None:
    pictures = [picture for time, picture in read_pictures(asset_path("talking_clip.mp4")) if 2.2 <= time < 4.4]
    clip = film(tmp_path / "hand.mkv", pictures, rate=24)
    assert main(["data", "from-video", str(clip), "-o", str(tmp_path), "--quiet"]) == 0
    motion = read_motion(tmp_path / "hand.motion.npz")
    assert abs(len(motion) - 66) <= 1
    with np.load(tmp_path / "hand.motion.npz") as data:
        assert data["face_seen"].all()
    with np.load(body_path(tmp_path / "hand.npz")) as data:
        assert data["right_seen"].mean() > 0.6 and not data["left_seen"].any()
        held = np.flatnonzero(data["right_seen"])
    joints = joints_of(motion)
    # her right hand covers her mouth, her eyes are shut, and the other arm hangs
    tips = joints["right_hand"][held, :4, 3].mean(axis=1)
    assert np.linalg.norm(np.median(tips, axis=0) - [-0.02, 0.05, -0.02]) < 0.15
    assert (joints["left_wrist"][:, 1] > 0.4).all()
    assert motion[:, ARKIT_INDEX["eyeBlinkLeft"]].mean() > 0.5


@pytest.mark.parametrize("side", SIDES)
def test_a_hand_and_its_arm_are_fitted_to_where_they_are_seen(side: str) -> None:
    generator = np.random.default_rng(3)
    count = 40
    values = RELAXED + generator.uniform(-0.25, 0.25, (count, 16))
    mirror = np.array([1.0 if side == "left" else -1.0, 1, 1])
    wrist = mirror * (np.array([0.15, 0.2, -0.32]) + generator.uniform(-0.06, 0.06, (count, 3)))
    palm = rotation_from_vector(generator.normal(0, 0.1, (count, 3))) @ rotation_from_vector([-2.0, 0.0, 0.0]) @ hand_frame(side)
    chains = hand_joints(to_mano(values, side).reshape(count, 15, 3), side)
    points = np.zeros((count, 21, 3))
    points[:, POINTS] = np.einsum("nij,nfkj->nfki", palm, chains)
    assert np.abs(palm_rotation(points, side) - palm).max() < 1e-6
    again = hand_joints(to_mano(fit_hand(points, side), side).reshape(count, 15, 3), side)
    assert np.linalg.norm(again - chains, axis=-1).max() < 0.006
    motion = at_rest(count)
    body = motion[:, BODY].reshape(count, len(BODY_JOINTS), 6)
    body[:, BODY_JOINTS.index(f"{side}_clavicle")] = rotation_to_6d(np.eye(3))
    for name, turn in fit_arm(wrist, palm, side).items():
        body[:, BODY_JOINTS.index(f"{side}_{name}")] = rotation_to_6d(turn)
    motion[:, BODY] = body.reshape(count, -1)
    motion[:, LEFT_HAND if side == "left" else RIGHT_HAND] = to_mano(values, side)
    joints = joints_of(motion)
    place = joints[f"{side}_wrist"] - mirror * SHOULDER
    assert np.linalg.norm(place - wrist, axis=-1).max() < 0.002
    turned = joints[f"{side}_hand"] - joints[f"{side}_wrist"][:, None, None]
    assert np.linalg.norm(turned - points[:, POINTS], axis=-1).max() < 0.012


def test_gaps_are_filled_where_short_and_marked_where_long() -> None:
    times = np.arange(96) / 24
    known = np.ones(96, bool)
    known[24:30] = known[48:72] = False  # 0.25 s and 1 s
    jaw = np.linspace(0, 1, 96)
    face = np.where(known[:, None], np.tile(jaw[:, None], (1, 52)), np.nan)
    rotation = np.where(known[:, None, None], np.eye(3), np.nan)
    nothing, landmarks = np.full((96, 3), np.nan), np.full((96, 478, 2), np.nan)
    place = np.where(known[:, None], [0.0, 0.0, 0.5], np.nan)
    hands = {side: np.full((96, 21, 3), np.nan) for side in SIDES}
    tracked = motion_of(
        Track(times, landmarks, face, rotation, place, dict.fromkeys(SIDES, nothing), hands, 0, np.zeros((0, 0, 3), np.uint8))
    )
    motion = check_motion(tracked.motion)
    at = np.arange(len(motion)) / 30
    assert len(motion) == 119
    assert np.abs(motion[:, ARKIT_INDEX["jawOpen"]] - np.interp(at, times, jaw)).max() < 1e-4
    inside = (at > 47 / 24 + 0.03) & (at < 72 / 24 - 0.03)
    assert not tracked.face_seen[inside].any() and tracked.face_seen[(at < 47 / 24) | (at > 72 / 24)].all()
    assert tracked.filled[(at > 23 / 24 + 0.03) & (at < 30 / 24 - 0.03)].all() and not tracked.filled[inside].any()
    assert not tracked.left_seen.any() and np.allclose(joints_of(motion)["left_wrist"], joints_of(at_rest(1))["left_wrist"])


def test_sound_is_lined_up_with_the_first_picture() -> None:
    tone = np.arange(1, 16001).astype(np.int16)
    assert lined_up(tone, 0.5, 30)[8000] == 1 and not lined_up(tone, 0.5, 30)[:8000].any()
    assert lined_up(tone, -0.25, 30)[0] == 4001 and len(lined_up(tone, -0.25, 30)) == 16000


def test_what_is_no_film_of_one_person_is_refused_with_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(path: Path) -> str:
        assert main(["data", "from-video", str(path), "-o", str(tmp_path / "out"), "--quiet"]) == 1
        assert not (tmp_path / "out").exists()
        told = capsys.readouterr().err
        assert str(path) in told
        return told

    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    assert "no face" in refused(film(tmp_path / "noise.mp4", [noise] * 20))
    face = cv2.cvtColor(cv2.imread(str(asset_path("openpeople") / "P009/assets/studio_portrait.jpg")), cv2.COLOR_BGR2RGB)
    small = cv2.resize(face, (320, round(320 * face.shape[0] / face.shape[1]) // 2 * 2))
    assert "two faces" in refused(film(tmp_path / "pair.avi", [np.hstack([small, small[:, ::-1]])] * 20))
    assert "s long" in refused(film(tmp_path / "blink.mp4", [small] * 3))
    text = tmp_path / "text.mp4"
    text.write_text("not a film")
    assert "no film" in refused(text)
    assert "only sound" in refused(Path(__file__).resolve().parents[2] / "src/visavis/assets/speech/default.flac")
    assert "does not exist" in refused(tmp_path / "missing.mp4")
