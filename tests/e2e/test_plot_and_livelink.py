"""`visavis plot` and `visavis livelink`, run as a user runs them."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from visavis.audio.load import load
from visavis.cli.defaults import default_speech
from visavis.cli.main import main
from visavis.film.reader import read_facts, read_pictures, read_sound
from visavis.motion.layout import FACE, HEAD_ROTATION, rotation_from_6d
from visavis.ros.bags import bag_counts
from visavis.ros.clips import read_clip
from visavis.timing import SAMPLE_RATE, frames_in

pytestmark = [pytest.mark.slow, pytest.mark.offline]


def visavis(*arguments: object, **env: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "visavis.cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, env={**os.environ, **env})


def colours(path: Path) -> int:
    image = cv2.imread(str(path))
    assert image is not None and image.shape[1] == 1600
    return len(np.unique(image.reshape(-1, 3), axis=0))


def test_the_default_speech_as_a_picture_and_a_film(tmp_path: Path) -> None:
    done = visavis("plot", default_speech(), "-o", tmp_path / "a.png", "--video", tmp_path / "a.mp4", "--style", "lively", "--to", 4)
    assert done.returncode == 0, done.stderr
    assert colours(tmp_path / "a.png") > 2000
    facts = read_facts(tmp_path / "a.mp4")
    assert facts.pictures == 120 and facts.frame_rate == 30 and "trainedAlgorithmicMedia" in facts.mark
    heard, rate = read_sound(tmp_path / "a.mp4")
    assert rate == SAMPLE_RATE
    said = load(default_speech())[: 4 * SAMPLE_RATE] / 32768
    size = 1 << 18
    scores = np.fft.irfft(np.fft.rfft(heard[:, 0], size) * np.conj(np.fft.rfft(said, size)), size)
    lag = int(np.argmax(scores))
    assert min(lag, size - lag) <= 32
    pictures = [image for _, image in read_pictures(tmp_path / "a.mp4")]
    assert np.abs(pictures[15].astype(int) - pictures[10]).max() > 100


def test_a_capture_becomes_a_bag_and_comes_back(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", load(default_speech())[: 2 * SAMPLE_RATE], SAMPLE_RATE)
    for arguments, words in [
        (("export", tmp_path / "a.wav", tmp_path / "a.csv", "--emotion", "happy"), "119 lines, 60 a second"),
        (("import", tmp_path / "a.csv", tmp_path / "bag"), "2.00 s of motion from 119 lines"),
        (("export", tmp_path / "bag", tmp_path / "b.csv", "--rate", "30"), "60 lines, 30 a second"),
        (("import", tmp_path / "b.csv", tmp_path / "bag2", "--rate", "30"), "2.00 s of motion from 60 lines"),
    ]:
        done = visavis("livelink", *arguments)
        assert done.returncode == 0, done.stderr
        assert words in done.stdout
    assert set(bag_counts(tmp_path / "bag")) == {"/motion"}
    first, second = read_clip(tmp_path / "bag"), read_clip(tmp_path / "bag2")
    assert len(first.motion) == frames_in(2 * SAMPLE_RATE)
    np.testing.assert_allclose(second.motion[:, FACE], first.motion[:, FACE], atol=1e-6)
    np.testing.assert_allclose(
        rotation_from_6d(second.motion[:, HEAD_ROTATION]), rotation_from_6d(first.motion[:, HEAD_ROTATION]), atol=2e-6
    )
    for clip, more in ((tmp_path / "bag", ()), (tmp_path / "a.csv", ("--sound", tmp_path / "a.wav"))):
        done = visavis("plot", clip, "-o", tmp_path / "c.png", "--video", tmp_path / "c.mp4", "--from", "0.5", "--quiet", *more)
        assert done.returncode == 0, done.stderr
        facts = read_facts(tmp_path / "c.mp4")
        assert facts.pictures == 45 and facts.sound_rate == (SAMPLE_RATE if more else None)
        assert colours(tmp_path / "c.png") > (2000 if more else 300)


def test_what_cannot_be_used_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.csv").write_text("Timecode,JawOpen\n00:00:00:00.000,x\n")
    (tmp_path / "text.wav").write_text("no sound\n" * 50)
    soundfile.write(tmp_path / "a.wav", load(default_speech())[8000:9600], SAMPLE_RATE)
    for arguments, words in [
        (("livelink", "import", tmp_path / "bad.csv", tmp_path / "bag"), "bad.csv: line 2: JawOpen is 'x'"),
        (("livelink", "import", tmp_path / "none.csv", tmp_path / "bag"), "none.csv"),
        (("livelink", "import", tmp_path / "bad.csv", tmp_path / "bag", "--flip", "nod"), "flip takes"),
        (("livelink", "export", tmp_path / "bad.csv", tmp_path / "b.csv"), "is a CSV already"),
        (("livelink", "export", tmp_path / "a.wav", tmp_path / "b.txt"), "must end in .csv"),
        (("livelink", "export", tmp_path, tmp_path / "b.csv"), "is not a bag"),
        (("plot", tmp_path / "none.wav", "-o", tmp_path / "a.png"), "none.wav does not exist"),
        (("plot", tmp_path / "text.wav", "-o", tmp_path / "a.png"), "text.wav"),
        (("plot", tmp_path / "a.wav", "-o", tmp_path / "a.gif"), "must end in .png"),
        (("plot", tmp_path / "a.wav", "-o", tmp_path / "a.png", "--video", tmp_path / "a.avi"), "must end in .mp4"),
        (("plot", tmp_path / "a.wav", "-o", tmp_path / "a.png", "--seed", "-1"), "seed must not be negative"),
        (("plot", tmp_path / "a.wav", "-o", tmp_path / "a.png", "--from", "3"), "nothing lies from 3 s"),
        (("plot", tmp_path / "a.wav", "-o", tmp_path / "a.png", "--to", "inf"), "--from and --to take seconds"),
        (("plot", tmp_path / "a.wav", "-o", tmp_path / "a.png", "--sound", tmp_path / "a.wav"), "has its own sound"),
        (("plot", tmp_path / "a.wav", "-o", tmp_path / "a.png", "--weights", tmp_path), "manifest.json"),
    ]:
        assert main([str(argument) for argument in arguments]) == 1, arguments
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"visavis {arguments[0]}: ") and words in line, line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "bad.csv", "text.wav"]


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ModuleNotFoundError(\"No module named 'matplotlib'\", name='matplotlib')\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = visavis("plot", default_speech(), "-o", tmp_path / "a.png", PYTHONPATH=path)
    assert done.returncode == 2
    assert "needs the package matplotlib: run `pip install 'visavis[plot]'`" in done.stderr
