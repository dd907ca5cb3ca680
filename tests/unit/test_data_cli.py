"""`visavis data` and `visavis eval` on the command line: what they leave, and what they say when something is missing."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from visavis.cli.main import main
from visavis.data.corpus import CorpusConfig, make_item, motion_path, plan_items, save_item
from visavis.data.kokoro import Spoken
from visavis.data.phones import Phone
from visavis.data.teacher import TEACHER_VERSION
from visavis.timing import SAMPLE_RATE, frames_in


class Buzz:
    """Says every sentence as a short buzz: M, then AA."""

    def speak(self, text: str, voice: str, speed: float = 1.0) -> Spoken:
        rng = np.random.default_rng(len(text))
        samples = rng.integers(-8000, 8000, SAMPLE_RATE // 2, np.int16)
        return Spoken(samples, (Phone("M", 0.0, 0.2), Phone("AA", 0.2, 0.5)))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for plan in islice(plan_items(CorpusConfig(sentences=500, validation_sentences=50)), 7):
        save_item(tmp_path / "corpus", make_item(plan, Buzz()))
    return tmp_path / "corpus"


def test_teacher_writes_what_is_missing_or_stale_only(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "teacher", str(corpus)]) == 0
    assert "7 of 7" in capsys.readouterr().out
    first = corpus / "00000.npz"
    with np.load(motion_path(first)) as motion, np.load(first) as item:
        frames = frames_in(len(item["samples"]))
        assert motion["face"].shape == (frames, 52) and motion["head"].shape == (frames, 9)
        assert int(motion["version"]) == TEACHER_VERSION
    np.savez(motion_path(first), face=np.zeros((1, 52)), head=np.zeros((1, 9)), version=np.array(TEACHER_VERSION - 1))
    assert main(["data", "teacher", str(corpus)]) == 0
    assert "1 of 7" in capsys.readouterr().out
    assert main(["data", "teacher", str(corpus), "--force"]) == 0
    assert "7 of 7" in capsys.readouterr().out


def test_info_counts_items_and_minutes(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "info", str(corpus)]) == 0
    told = capsys.readouterr().out
    assert "7 items, 0 with motion" in told and "train" in told and "val" in told


@pytest.mark.parametrize("step", ["teacher", "info"])
def test_an_empty_folder_is_named_with_what_to_do(step: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", step, str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert str(tmp_path) in told and "visavis data kokoro" in told


def test_missing_voices_are_named_with_the_command_that_fetches_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VISAVIS_ASSETS", str(tmp_path / "store"))
    assert main(["data", "kokoro", "--output", str(tmp_path / "corpus")]) == 1
    assert "visavis assets fetch kokoro.onnx" in capsys.readouterr().err
    assert not (tmp_path / "corpus").exists()


def test_eval_refuses_unknown_drivers_and_weights_that_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "lips", "--drivers", "puppet"]) == 1
    assert "loudness, oracle, model" in capsys.readouterr().err
    assert main(["eval", "lips", "--drivers", "model", "--weights", str(tmp_path), "--curves"]) == 1
    assert str(tmp_path) in capsys.readouterr().err
