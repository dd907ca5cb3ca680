"""The body model: two steps of training and their continuation, export that equals torch, and how the stage moves hands with it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from visavis.export.motion import add_body, export_body, export_encoder, export_face, write_manifest
from visavis.motion.body_model import BODY_VALUES, RESTS, BodySpec, amplitude_of, glide, next_kind, put_into, to_inner
from visavis.motion.body_sound import BODY_SOUND, body_sound, initial_body_sound
from visavis.motion.encoder import EncoderSpec
from visavis.motion.features import frame_features, initial_feature_state
from visavis.motion.layout import BODY, FACE, HEAD_ROTATION, LEFT_HAND, RIGHT_HAND, neutral_motion
from visavis.motion.limbs import LIMBS
from visavis.motion.stage import MotionConfig, MotionStage
from visavis.motion.styles import Manner
from visavis.runtime.engine import OnnxEngine
from visavis.runtime.motion import BODY_CONTEXT_FILE, BODY_DENOISER_FILE, load_motion_stage
from visavis.runtime.weights import WeightsError
from visavis.timing import FRAME_RATE, SAMPLE_RATE, frame_to_sample
from visavis.training.body_data import BodyData, hear, read_tracks
from visavis.training.body_net import BodyChances, BodyNet
from visavis.training.body_run import SPEC_FILE, prepare, read_body_spec, train_body
from visavis.training.config import BodyTraining, LoopConfig
from visavis.training.encoder_net import AudioEncoder
from visavis.training.face_net import FaceNet
from visavis.training.loop import CURVES, trained_steps

NOISE = np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE)


def config_of(corpus: Path, output: Path, steps: int = 2) -> BodyTraining:
    loop = LoopConfig(steps=steps, batch=4, learning_rate=1e-3, log_steps=1)
    return BodyTraining(str(corpus), str(output), loop, past=4, width=16, heads=2, context_layers=1, denoiser_layers=1, silence_share=0)


def test_two_steps_train_and_go_on_where_they_stopped(small_corpus: Path, tmp_path: Path) -> None:
    whole = train_body(config_of(small_corpus, tmp_path / "whole"))
    train_body(config_of(small_corpus, tmp_path / "halves"), stop_at=1)
    assert trained_steps(tmp_path / "halves") == 1
    halves = train_body(config_of(small_corpus, tmp_path / "halves"))
    assert trained_steps(tmp_path / "halves") == 2
    for mine, theirs in zip(whole.parameters(), halves.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    curves = (tmp_path / "whole" / CURVES).read_text()
    for name in ("total", "jerk", "stroke", "val_rest_share", "val_strokes_a_minute"):
        assert f",{name}," in curves
    assert read_body_spec(tmp_path / "whole" / SPEC_FILE).past == 4


def test_windows_are_cut_where_they_say(small_corpus: Path, tmp_path: Path) -> None:
    spec = read_body_spec_of(small_corpus, tmp_path)
    tracks = read_tracks(small_corpus, "train", 2, tmp_path)
    data = BodyData(spec, tracks)
    windows = data.draw(64, np.random.default_rng(1))
    assert windows.sound.shape == (64, spec.window, BODY_SOUND) and windows.motion.shape == (64, spec.past + spec.chunk, BODY_VALUES)
    for sound, motion, kind in zip(windows.sound, windows.motion, windows.kind, strict=True):
        found = False
        for track in tracks:
            rows = np.flatnonzero((track.inner == motion[-1]).all(axis=1))
            for row in rows:
                at = slice(row - spec.chunk + 1, row + 1 + spec.future)
                same = [np.array_equal(reading[at], sound[spec.past :]) for reading in track.sounds]
                found |= any(same) and track.kind[row] == kind
        assert found
    context, clean = prepare(spec, config_of(small_corpus, tmp_path), windows, np.random.default_rng(2))
    assert context.shape == (64, spec.window, spec.context_values) and np.isfinite(context).all() and np.isfinite(clean).all()


def read_body_spec_of(corpus: Path, tmp_path: Path) -> BodySpec:
    train_body(config_of(corpus, tmp_path / "spec", steps=1))
    return read_body_spec(tmp_path / "spec" / SPEC_FILE)


def test_the_files_compute_what_torch_computes(small_body: BodyNet, small_weights: Path) -> None:
    spec, generator = small_body.spec, np.random.default_rng(0)
    window = generator.standard_normal((1, spec.window, spec.context_values)).astype(np.float32)
    condition = generator.standard_normal((1, spec.condition_values)).astype(np.float32)
    output = OnnxEngine(small_weights / BODY_CONTEXT_FILE).run({"window": window, "condition": condition})
    with torch.no_grad():
        memory, chances = BodyChances(small_body.context)(torch.from_numpy(window), torch.from_numpy(condition))
    np.testing.assert_allclose(output["memory"], memory.numpy(), atol=2e-5)
    np.testing.assert_allclose(output["chances"], chances.numpy(), atol=1e-5)
    assert output["chances"][0, :-1].sum() == pytest.approx(1, abs=1e-5)
    noisy = generator.standard_normal((1, spec.chunk, BODY_VALUES)).astype(np.float32)
    inputs = {"noisy": noisy, "time": np.array([0.7], np.float32), "condition": condition, "memory": output["memory"]}
    clean = OnnxEngine(small_weights / BODY_DENOISER_FILE).run(inputs)["clean"]
    with torch.no_grad():
        expected = small_body.denoiser(torch.from_numpy(noisy), torch.tensor([0.7]), torch.from_numpy(condition), memory).numpy()
    np.testing.assert_allclose(clean, expected, atol=2e-5)
    assert np.abs(clean).max() > 0.01


def test_the_body_is_added_to_a_manifest_and_stays_there(
    small_networks: tuple[AudioEncoder, FaceNet], small_body: BodyNet, small_encoder: EncoderSpec, tmp_path: Path
) -> None:
    encoder, face = small_networks
    export_encoder(encoder, tmp_path)
    export_face(face, tmp_path)
    path = write_manifest(tmp_path, small_encoder, face.spec, {"note": "first"})
    before = json.loads(path.read_text())
    assert np.ptp(load_motion_stage(tmp_path).step(samples(), load_motion_stage(tmp_path).initial_state())[0][:, LIMBS], axis=0).max() == 0
    export_body(small_body, tmp_path)
    add_body(tmp_path, small_body.spec, {"data": "little"})
    after = json.loads(path.read_text())
    assert after["note"] == "first" and after["specs"]["face"] == before["specs"]["face"] and after["body"] == {"data": "little"}
    assert {name: after["files"][name] for name in before["files"]} == before["files"]
    write_manifest(tmp_path, small_encoder, face.spec, {"note": "second"})
    again = json.loads(path.read_text())
    assert again["note"] == "second" and again["body"] == after["body"] and again["specs"]["body"] == after["specs"]["body"]
    (tmp_path / BODY_DENOISER_FILE).write_bytes(b"broken")
    with pytest.raises(WeightsError, match=BODY_DENOISER_FILE):
        load_motion_stage(tmp_path)


def samples(seconds: float = 2.0) -> NDArray[np.int16]:
    return (NOISE[: int(seconds * SAMPLE_RATE)] * 4000).astype(np.int16)


def whole(stage: MotionStage) -> NDArray[np.float32]:
    return stage.step(samples(), stage.initial_state(), final=True)[0]


def test_body_and_hands_move_and_leave_the_face_alone(small_weights: Path) -> None:
    stage = load_motion_stage(small_weights)
    motion = whole(stage)
    for part in (BODY, LEFT_HAND, RIGHT_HAND):
        assert np.abs(np.diff(motion[:, part], axis=0)).max() > 1e-4
    other = whole(load_motion_stage(small_weights, MotionConfig(body_chance=0.0)))
    assert np.array_equal(motion[:, FACE], other[:, FACE]) and np.array_equal(motion[:, HEAD_ROTATION], other[:, HEAD_ROTATION])
    assert not np.array_equal(motion[:, BODY], other[:, BODY])


def test_weights_that_were_not_trained_for_each_other_are_refused(small_weights: Path) -> None:
    content = json.loads((small_weights / "manifest.json").read_text())
    content["specs"]["body"]["future"] = 30
    with pytest.raises(ValueError, match="not trained for each other"):
        folder_with(small_weights, content, load_motion_stage)


def folder_with(weights: Path, manifest: dict[str, object], then: Callable[[Path], object]) -> object:
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(weights, folder, dirs_exist_ok=True)
        (Path(folder) / "manifest.json").write_text(json.dumps(manifest))
        return then(Path(folder))


def test_another_stream_goes_on_where_the_body_was_left(small_weights: Path) -> None:
    stage = load_motion_stage(small_weights)
    motion, speech = stage.step(samples(), stage.initial_state())
    _, idle = stage.step(np.zeros(SAMPLE_RATE, np.int16), stage.initial_state())
    after, _ = stage.step(np.zeros(SAMPLE_RATE, np.int16), stage.take_up(idle, speech))
    jump = np.abs(after[0, LIMBS] - motion[-1, LIMBS]).max()
    inside = np.abs(np.diff(motion[:, LIMBS], axis=0)).max()
    assert jump <= 1.5 * inside


def test_without_gestures_the_hands_only_rest() -> None:
    chances = np.array([0.1, 0.1, 0.5, 0.3])
    assert {next_kind(chances, 0, 0.0, luck) for luck in np.linspace(0, 0.999, 50)} <= set(range(RESTS))
    assert next_kind(chances, 3, 0.0, 0.99) == 0
    often = np.mean([next_kind(chances, 0, 2.0, luck) >= RESTS for luck in np.linspace(0, 0.999, 500)])
    seldom = np.mean([next_kind(chances, 0, 0.5, luck) >= RESTS for luck in np.linspace(0, 0.999, 500)])
    assert seldom < 0.75 < often < 1
    assert amplitude_of(0) < amplitude_of(0.5) < amplitude_of(1) == 0 < amplitude_of(2)


def test_gestures_factor_reaches_the_stage(small_weights: Path) -> None:
    stage = load_motion_stage(small_weights)
    none = stage.with_manner(stage.initial_state(), Manner(gestures=0))
    motion, state = stage.step(samples(), none)
    assert state.body is not None and state.body.kind < RESTS
    assert not np.array_equal(motion, stage.step(samples(), stage.initial_state())[0])


def test_inner_values_there_and_back() -> None:
    inner = np.random.default_rng(0).normal(0, 0.4, (7, BODY_VALUES)).astype(np.float32)
    motion = neutral_motion(7)
    put_into(motion, inner)
    np.testing.assert_allclose(to_inner(motion[:, BODY], motion[:, LEFT_HAND], motion[:, RIGHT_HAND]), inner, atol=2e-4)


def test_a_glide_goes_on_and_slows_down(small_body: BodyNet) -> None:
    last = np.array([[0.0] * BODY_VALUES, [0.1] * BODY_VALUES], np.float32)
    path = np.concatenate([last, glide(small_body.spec, last)])[:, 0]
    steps = np.diff(path)
    assert (steps > 0).all() and (np.diff(steps) < 0).all()


def test_hearing_needs_nothing_but_what_was() -> None:
    """Pitch, speech and pause of a tone that stops; and the whole in one go as in pieces."""
    seconds = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    tone = sum(np.sin(2 * np.pi * 150 * k * seconds) / k for k in range(1, 8)) * 4000 * (seconds < 1)
    voice = tone.astype(np.int16)
    values = hear(voice)
    assert values.shape == (60, BODY_SOUND)
    voiced, spoken, paused = values[:, -7], values[:, -2], values[:, -1]
    assert voiced[5:30].mean() > 0.9 and voiced[33:].max() == 0
    assert spoken[29] > 0.4 and spoken[40] == 0 and paused[29] == 0 and paused[59] > 0.6
    features, heard = initial_feature_state(), initial_body_sound()
    for frame in range(60):
        piece = voice[frame_to_sample(frame) : frame_to_sample(frame + 1)]
        mels, features = frame_features(piece, features)
        value, heard = body_sound(piece, mels, heard)
        assert np.array_equal(value, values[frame])
    changed = voice.copy()
    changed[SAMPLE_RATE:] = samples(1.0)
    assert np.array_equal(hear(changed)[: FRAME_RATE - 1], values[: FRAME_RATE - 1])
