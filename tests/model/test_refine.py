"""The face refinement: training that stops and goes on, export that equals torch, and what it may and may not do to a picture.
Needs `visavis assets fetch`."""

import dataclasses
import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from visavis.cli.defaults import default_portrait
from visavis.control.pose import ControlConfig, ControlStage
from visavis.export.refine import export_refine
from visavis.motion.layout import ARKIT_INDEX, HEAD_ROTATION, head_rotation_from_euler, neutral_motion, rotation_to_6d
from visavis.nodes.relief import FADE
from visavis.portrait.cache import load_portrait
from visavis.runtime.refine import PHOTO_FILE, SKIN_FILE, load_refine
from visavis.runtime.weights import MANIFEST, WeightsError
from visavis.training.config import LoopConfig, RefineTraining, load_config
from visavis.training.loop import CURVES
from visavis.training.refine_data import Expressions, mean_spec, save_expressions, save_spec, skin_mask
from visavis.training.refine_net import RefineNet
from visavis.training.refine_run import mirror_check, train_refine
from visavis.types import ControlFrame, MotionChunk
from visavis.types_portrait import PortraitRig
from visavis.video.refine import GRID, SIDE, FaceFrame, RefineEngines, RefineSpec, ThinPlate, lay_gain, pack_gain, spans_of
from visavis.video.renderer import VideoConfig, VideoStage

CONFIG = Path(__file__).resolve().parents[2] / "config" / "train" / "refine.yaml"
STILL = ControlConfig(breath=0, sway=0, crossfade=0)
SMILE = {"mouthSmile": 0.8, "cheekSquint": 0.5, "jawOpen": 0.1}


@pytest.fixture(scope="module")
def portrait() -> PortraitRig:
    return load_portrait(default_portrait())


@pytest.fixture(scope="module")
def spec(portrait: PortraitRig) -> RefineSpec:
    return mean_spec([portrait])


@pytest.fixture(scope="module")
def network(spec: RefineSpec) -> RefineNet:
    """Weights that do something everywhere: those of a fresh network do nothing."""
    torch.manual_seed(0)
    network = RefineNet(spec, features=8, width=8)
    torch.nn.init.normal_(network.skin.out.weight, std=0.3)
    return network.eval()


@pytest.fixture(scope="module")
def folder(network: RefineNet, spec: RefineSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_refine(network, spec, tmp_path_factory.mktemp("picture"), {"steps": 0}).parent


def posed(portrait: PortraitRig, yaw: float = 0.0, **weights: float) -> ControlFrame:
    motion = neutral_motion(1)
    motion[0, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(yaw, 0, 0))
    for name, weight in weights.items():
        for each in [name] if name in ARKIT_INDEX else [f"{name}Left", f"{name}Right"]:
            motion[0, ARKIT_INDEX[each]] = weight
    stage = ControlStage(portrait, STILL)
    return stage.step(MotionChunk(1, 0, motion), stage.initial_state())[0][0]


def small_corpus(folder: Path, spec: RefineSpec) -> Path:
    """Two people whose cheeks darken where the skin comes towards the camera."""
    random = np.random.default_rng(0)
    save_spec(spec, folder)
    for name in ("P001", "P008"):
        size = np.array([0, 2, -1, 3]).reshape(4, 1, 1, 1)
        y, x = np.mgrid[:GRID, :GRID] / GRID - 0.5
        bump = np.exp(-(x**2 + (y - 0.2) ** 2) / 0.02)
        motion = size * np.stack([0 * bump, 0 * bump, -bump])
        calm = random.normal(4.5, 0.1, (1, SIDE, SIDE, 3))
        tone = calm + np.kron(size * bump[..., None], np.ones((1, SIDE // GRID, SIDE // GRID, 1))) * -0.2
        valid = np.ones((4, SIDE, SIDE), np.uint8)
        save_expressions(
            Expressions(tone.astype(np.float16), motion.astype(np.float16), valid, ("0", "1", "2", "3")), folder / f"{name}.npz"
        )
    return folder


def training(corpus: Path, output: Path, steps: int) -> RefineTraining:
    loop = LoopConfig(steps=steps, batch=2, learning_rate=5e-3, warmup_steps=1, log_steps=1, average_decay=0.5)
    return RefineTraining(str(corpus), str(output), loop, features=4, width=8, moves=2, motion_noise=0.0)


def test_training_goes_on_where_it_stopped_and_learns_what_it_is_shown(spec: RefineSpec, tmp_path: Path) -> None:
    corpus = small_corpus(tmp_path, spec)

    def weights(network: torch.nn.Module) -> NDArray[np.float32]:
        return torch.cat([value.detach().flatten() for value in network.parameters()]).numpy()

    straight = train_refine(training(corpus, tmp_path / "a", 4))
    train_refine(training(corpus, tmp_path / "b", 4), stop_at=2)
    resumed = train_refine(training(corpus, tmp_path / "b", 4))
    np.testing.assert_allclose(weights(resumed), weights(straight), atol=1e-6)
    train_refine(training(corpus, tmp_path / "b", 40))
    rows = [row.split(",") for row in (tmp_path / "b" / CURVES).read_text().splitlines()]
    explained = [float(value) for _, name, value in rows if name == "val_explained_coarse"]
    assert explained[-1] > 0.5 > explained[0], "the cheek of somebody who was held out is not foretold"
    with pytest.raises(FileNotFoundError, match="visavis data picture"):
        train_refine(training(tmp_path / "nowhere", tmp_path / "c", 1))
    assert load_config(CONFIG, RefineTraining).loop.steps > 0


def test_onnx_equals_torch(network: RefineNet, folder: Path) -> None:
    random = np.random.default_rng(0)
    photo, motion = (random.standard_normal((1, 3, side, side)).astype(np.float32) for side in (SIDE, GRID))
    engines = load_refine(folder)
    features = engines.photo.run({"photo": photo})["features"]
    gain = engines.skin.run({"features": features, "motion": motion})["gain"]
    with torch.no_grad():
        seen = network.photo(torch.from_numpy(photo))
        wanted = network.skin(seen, torch.from_numpy(motion))
    np.testing.assert_allclose(features, seen.numpy(), atol=2e-3)  # weights are kept as float16
    np.testing.assert_allclose(gain, wanted.numpy(), atol=2e-3)
    assert np.ptp(gain) > 0.05
    np.testing.assert_array_equal(engines.skin.run({"features": features, "motion": 0 * motion})["gain"], 1.0)


def test_weights_that_cannot_be_used_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=rf"{tmp_path}/nowhere/{MANIFEST}.*install visavis again"):
        load_refine(tmp_path / "nowhere")
    for name in (PHOTO_FILE, SKIN_FILE, MANIFEST):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / SKIN_FILE).write_bytes((folder / SKIN_FILE).read_bytes()[:-1])
    with pytest.raises(WeightsError, match=rf"{SKIN_FILE} has \d+ bytes, expected \d+"):
        load_refine(tmp_path)
    manifest = json.loads((folder / MANIFEST).read_text())
    (tmp_path / SKIN_FILE).write_bytes((folder / SKIN_FILE).read_bytes())
    (tmp_path / MANIFEST).write_text(json.dumps(manifest | {"specs": {"refine": manifest["specs"]["refine"] | {"grid": GRID * 2}}}))
    with pytest.raises(WeightsError, match="frame"):
        load_refine(tmp_path)


def test_only_the_skin_of_a_moving_face_changes(portrait: PortraitRig, folder: Path) -> None:
    engines = load_refine(folder)
    rest, smile = posed(portrait), posed(portrait, **SMILE)
    plain, refined = VideoStage(portrait), VideoStage(portrait, refine=engines)
    before = refined.draw(rest.vertices, rest.shading)
    np.testing.assert_array_equal(before, plain.draw(rest.vertices, rest.shading))
    shown = refined.draw(smile.vertices, smile.shading)
    changed = (shown.astype(int) - plain.draw(smile.vertices, smile.shading)).any(-1)
    assert changed.sum() > 2000
    points = smile.keypoints[[name.startswith(("jaw", "right_brow", "left_brow")) for name in names_of(portrait)]]
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    rows, columns = np.nonzero(changed)
    room = 0.5 * (high - low)
    assert columns.min() > low[0] - room[0] and columns.max() < high[0] + room[0] and rows.max() < high[1] + room[1]
    np.testing.assert_array_equal(refined.draw(rest.vertices, rest.shading), before)  # nothing is left of the smile
    np.testing.assert_array_equal(refined.draw(smile.vertices, smile.shading), shown)


def names_of(portrait: PortraitRig) -> list[str]:
    return [*portrait.keypoint_names, "head_pivot"]


def test_the_folds_go_with_the_head(portrait: PortraitRig, spec: RefineSpec) -> None:
    """A turned head that does nothing has not moved its skin, and one that smiles has moved it as it does straight ahead."""
    frame = FaceFrame(portrait, spec)
    face = skin_mask(spec)[2::4, 2::4] > 0.9

    def moved(yaw: float, **weights: float) -> NDArray[np.float32]:
        return frame.motion(posed(portrait, yaw, **weights).vertices)[0][:, face]

    smile = moved(0, **SMILE)
    assert np.abs(smile).max() > 1.5
    assert np.abs(moved(0)).max() < 0.05
    for yaw in (-15, 15):
        for away in (moved(yaw), moved(yaw, **SMILE) - smile):
            assert np.abs(away).max() < 0.5 and np.abs(away).mean() < 0.05  # the jaw's rim hangs on the neck a little


def test_every_framing_and_size(portrait: PortraitRig, folder: Path) -> None:
    """The same folds at every size."""
    whole, _ = change(portrait, folder, VideoConfig())
    for config in (VideoConfig(framing="head", matte=True), VideoConfig(width=256, height=384)):
        here, stage = change(portrait, folder, config)
        left, top, right, bottom = stage.view.box
        size = (right - left) // 4, (bottom - top) // 4
        one, other = (cv2.resize(each, size, interpolation=cv2.INTER_AREA).ravel() for each in (here, whole[top:bottom, left:right]))
        assert np.abs(other).max() > 3
        assert np.corrcoef(one, other)[0, 1] > 0.97 and one.std() == pytest.approx(other.std(), rel=0.1)


def test_less_of_the_network_is_on_the_way_to_the_picture_without_it(portrait: PortraitRig, folder: Path) -> None:
    smile, runs = posed(portrait, **SMILE), []
    refined = VideoStage(portrait, VideoConfig(), counted(load_refine(folder), runs))
    runs.clear()
    plain = VideoStage(portrait, VideoConfig()).draw(smile.vertices, smile.shading).astype(int)
    pictures = []
    for step in range(FADE + 1):
        drawn, _ = refined.step(smile, refined.with_skin(refined.initial_state(), step / FADE))
        pictures.append(drawn.image.astype(int))
    assert len(runs) == FADE, "at 0 it is not run"
    np.testing.assert_array_equal(pictures[0], plain)
    np.testing.assert_array_equal(pictures[-1], refined.draw(smile.vertices, smile.shading))
    whole = np.abs(pictures[-1] - pictures[0]).max()
    assert whole > 15
    for one, next_one in pairwise(pictures):
        assert np.abs(next_one - one).max() < 0.25 * whole  # no jump
    drawn, _ = refined.step(smile, refined.with_skin(refined.initial_state(), 0.0))
    np.testing.assert_array_equal(drawn.image, plain)  # nothing is left of it


def counted(engines: RefineEngines, runs: list[int]) -> RefineEngines:
    """The same engines; ``runs`` grows with every run for a picture."""

    class Counted:
        def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
            runs.append(len(runs))
            return engines.skin.run(inputs)

    return dataclasses.replace(engines, skin=Counted())


def change(portrait: PortraitRig, folder: Path, config: VideoConfig) -> tuple[NDArray[np.float32], VideoStage]:
    """What the network does to a smile, and the stage that drew it."""
    smile = posed(portrait, **SMILE)
    plain, refined = VideoStage(portrait, config), VideoStage(portrait, config, load_refine(folder))
    a, b = (stage.over_plate(stage.draw(smile.vertices, smile.shading)).astype(np.float32) for stage in (plain, refined))
    return b - a, refined


def test_thin_plate_and_gain_do_what_they_say() -> None:
    random = np.random.default_rng(0)
    points = random.uniform(0, 100, (12, 2))
    there = ThinPlate(points, points * 2 + (3, -4))
    np.testing.assert_allclose(there(points[:, None]), (points * 2 + (3, -4))[:, None], atol=1e-8)
    bent = ThinPlate(points, points + random.normal(0, 2, points.shape))
    assert np.abs(bent(points + 0.01) - bent(points)).max() < 0.1
    texture = random.integers(0, 256, (20, 30, 4)).astype(np.uint8)
    gain = random.uniform(0.5, 1.9, (3, SIDE, SIDE)).astype(np.float32)
    places = np.stack(np.meshgrid(np.arange(20) * 1000 + 77, np.arange(10) * 900 + 33), -1).astype(np.int32)
    places[0, 0] = -1
    result = np.zeros_like(texture)
    lay_gain(texture, result, 4, 6, places, spans_of(places[..., 0] >= 0), pack_gain(gain, 1.0))
    x, y = places[..., 0] / 256, places[..., 1] / 256
    ix, iy, fx, fy = x.astype(int), y.astype(int), x % 1, y % 1
    mixed = gain[:, iy, ix] * (1 - fx) * (1 - fy) + gain[:, iy, ix + 1] * fx * (1 - fy)
    mixed += gain[:, iy + 1, ix] * (1 - fx) * fy + gain[:, iy + 1, ix + 1] * fx * fy
    wanted = np.clip(texture[6:16, 4:24, :3] * mixed.transpose(1, 2, 0), 0, 255)
    wanted[0, 0] = 0
    assert np.abs(result[6:16, 4:24, :3] - wanted).max() < 2.0
    assert not result[..., 3].any() and not result[:6].any()


def test_the_frame_is_the_same_in_a_mirror(spec: RefineSpec) -> None:
    assert mirror_check(spec) < 0.05
    with pytest.raises(ValueError, match="as many places"):
        dataclasses.replace(spec, places=spec.places[:-1])
