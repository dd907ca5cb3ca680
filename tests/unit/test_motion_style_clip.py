"""A manner taken from a clip: measured, scored, taken over by the shipped model, from any chunk on, without a jump."""

from pathlib import Path

import numpy as np
import pytest

from visavis.audio.load import load
from visavis.cli.defaults import default_speech
from visavis.cli.main import main
from visavis.data.corpus import write_npz
from visavis.data.phones import Phone
from visavis.data.teacher import teach
from visavis.evaluation.style import SPEAKERS, coefficient_likeness, score, speak
from visavis.motion.layout import ARKIT_INDEX, FACE, HEAD_POSITION, HEAD_ROTATION, neutral_motion
from visavis.motion.livelink import read_livelink, write_livelink
from visavis.motion.stage import MotionConfig, MotionStage
from visavis.motion.steering import Steering, arrived, steer
from visavis.motion.style_clip import measure_style
from visavis.motion.styles import Style
from visavis.plotting.phone_track import phone_file, read_phones
from visavis.ros.reference import read_reference, style_of_clip
from visavis.runtime.motion import load_motion_stage, load_style_scale
from visavis.runtime.weights import WeightsError
from visavis.timing import FRAME_RATE, SAMPLE_RATE

SMILE = [ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["mouthSmileRight"]]


@pytest.fixture(scope="module")
def stage() -> MotionStage:
    return load_motion_stage(body=False)


def taught(name: str, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Sound and motion of a speaker of known manner."""
    path = default_speech()
    samples = load(path)[: round(seconds * SAMPLE_RATE)]
    phones = tuple(Phone(p.name, p.start, min(p.end, seconds)) for p in read_phones(phone_file(path)) if p.start < seconds)
    return samples, teach(samples, phones, 3, SPEAKERS[name]).as_motion()


@pytest.mark.parametrize("name", tuple(SPEAKERS))
def test_the_model_takes_over_the_manner_of_a_clip(name: str) -> None:
    """In the mean of five performances: how far a head wanders in nine seconds is chance."""
    scale = load_style_scale()
    samples, wanted = taught(name, 9.0)
    stages = [load_motion_stage(config=MotionConfig(seed), body=False) for seed in range(5)]
    plain, styled = (
        float(np.mean([score(speak(samples, stage, style), wanted, scale).manner for stage in stages]))
        for style in (None, scale.style_of(wanted))
    )
    assert styled < 0.7 * plain


def test_the_manner_changes_within_a_chunk_and_without_a_jump(stage: MotionStage) -> None:
    scale = load_style_scale()
    samples, clip = taught("lively", 6.0)
    clip[:, SMILE] += 0.4
    style = scale.style_of(clip)
    state, steered = stage.initial_state(), arrived(Steering())
    asked, frames = Steering(), []
    for first in range(0, len(samples), 1600):
        if first == 48_000:
            asked = Steering(reference=style)
            state = stage.with_manner(state, asked.manner)
            changed = sum(map(len, frames))
        motion, state = stage.step(samples[first : first + 1600], state)
        motion, steered = steer(motion, asked, steered)
        frames.append(motion)
    motion = np.concatenate(frames)
    assert style.manner != Steering().manner
    before, after = motion[changed - 1, SMILE].mean(), motion[changed + 5, SMILE].mean()
    assert after > before + 0.03 and motion[changed + 30 :, SMILE].mean() > 0.3
    steps = np.abs(np.diff(motion[changed - 1 : changed + 12, FACE][:, [*SMILE, ARKIT_INDEX["browInnerUp"]]], axis=0))
    assert steps.max() < 0.08


def test_clips_of_every_kind_give_the_same_manner(tmp_path: Path) -> None:
    _, motion = taught("still", 4.0)
    write_livelink(tmp_path / "clip.csv", motion)
    head = np.concatenate([motion[:, HEAD_ROTATION], motion[:, HEAD_POSITION]], axis=1)
    seen = np.arange(len(motion)) < 3.5 * FRAME_RATE
    write_npz(tmp_path / "clip.motion.npz", face=motion[:, FACE], head=head, face_seen=seen)
    assert np.abs(read_livelink(tmp_path / "clip.csv").motion[:, FACE] - motion[:, FACE]).max() < 1e-4
    assert len(read_reference(tmp_path / "clip.motion.npz")) == seen.sum()
    one, two = (
        measure_style(m[: seen.sum(), FACE], m[: seen.sum(), HEAD_ROTATION]) for m in (read_reference(tmp_path / "clip.csv"), motion)
    )
    assert np.allclose(one, two, atol=1e-3)
    assert isinstance(style_of_clip(tmp_path / "clip.csv", load_style_scale()), Style)


def test_what_gives_no_manner_is_refused_with_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scale = load_style_scale()
    with pytest.raises(ValueError, match="at least 3 s"):
        scale.style_of(neutral_motion(60))
    (tmp_path / "manifest.json").write_text('{"files": {}, "specs": {}}')
    with pytest.raises(WeightsError, match="visavis export style"):
        load_style_scale(tmp_path)
    film = ["render", "--audio", str(default_speech()), "-o", str(tmp_path / "film.mp4"), "--style"]
    assert main([*film, str(tmp_path / "nobody.csv")]) == 1
    assert "calm, lively" in capsys.readouterr().err
    (tmp_path / "notes.txt").write_text("calm")
    assert main([*film, str(tmp_path / "notes.txt")]) == 1
    assert "visavis data from-video" in capsys.readouterr().err


def test_likeness_is_one_for_the_same_and_falls_with_the_difference() -> None:
    face = np.random.default_rng(0).random((60, 52)).astype(np.float32)
    near, far = (np.clip(face + size * np.random.default_rng(1).normal(size=face.shape), 0, 1) for size in (0.05, 0.3))
    assert coefficient_likeness(face, face) == pytest.approx(1)
    assert 1 > coefficient_likeness(face, near) > 0.85 > coefficient_likeness(face, far)
