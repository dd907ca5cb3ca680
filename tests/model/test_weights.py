"""Weights that are missing, cut short, changed or do not fit are refused by name, and the message says what to do."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from visavis.runtime.engine import OnnxEngine
from visavis.runtime.motion import DENOISER_FILE, ENCODER_FILE, load_motion_stage
from visavis.runtime.weights import MANIFEST, WeightsError


@pytest.fixture
def folder(small_weights: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_weights, tmp_path / "weights"))


def test_missing_file(folder: Path) -> None:
    (folder / DENOISER_FILE).unlink()
    with pytest.raises(WeightsError, match=rf"{DENOISER_FILE}.*install visavis again"):
        load_motion_stage(folder)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=rf"nowhere/{MANIFEST}.*install visavis again"):
        load_motion_stage(tmp_path / "nowhere")


def test_truncated_file(folder: Path) -> None:
    path = folder / ENCODER_FILE
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match=rf"{ENCODER_FILE} has \d+ bytes, expected \d+"):
        load_motion_stage(folder)


def test_one_flipped_bit(folder: Path) -> None:
    path = folder / ENCODER_FILE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    expected = json.loads((folder / MANIFEST).read_text())["files"][ENCODER_FILE]["sha256"]
    with pytest.raises(WeightsError, match=rf"{ENCODER_FILE} has sha256 [0-9a-f]+, expected {expected}"):
        load_motion_stage(folder)


@pytest.mark.parametrize("content", ["", "{}", '{"files": 3, "specs": {}}'])
def test_a_manifest_that_is_none(folder: Path, content: str) -> None:
    (folder / MANIFEST).write_text(content)
    with pytest.raises(WeightsError, match="not a weights manifest"):
        load_motion_stage(folder)


def test_specs_that_do_not_describe_the_networks(folder: Path) -> None:
    path = folder / MANIFEST
    content = json.loads(path.read_text())
    del content["specs"]["face"]["shapes"]
    path.write_text(json.dumps(content))
    with pytest.raises(WeightsError, match="does not describe"):
        load_motion_stage(folder)


def test_a_file_that_is_no_network(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(WeightsError, match=r"x\.onnx is not a network"):
        OnnxEngine(path)


def test_a_provider_that_is_not_installed(folder: Path) -> None:
    with pytest.raises(ValueError, match="NoSuchProvider"):
        OnnxEngine(folder / ENCODER_FILE, providers=("NoSuchProvider",))


def test_wrong_inputs_are_named(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"takes .*features"):
        OnnxEngine(folder / ENCODER_FILE).run({"sound": np.zeros(3, np.float32)})
