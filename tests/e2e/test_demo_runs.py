"""`visavis demo`, the whole graph, run as a user runs it and measured by a tracker that knows nothing of it."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from tracker import Tracked, track

from visavis.audio.load import load
from visavis.benchmark.correlate import lag_of
from visavis.benchmark.take import EDGE_FRAMES, frame_loudness
from visavis.cli.defaults import default_speech
from visavis.film.reader import read_facts, read_sound
from visavis.ros.bags import bag_counts, read_bag
from visavis.timing import FRAME_RATE, frame_to_sample, frames_in

pytestmark = pytest.mark.slow

REACH = 12
SHUT = 0.02
"""Lips of a face at rest are apart by less, as a share of the distance of the outer corners of the eyes, for this tracker."""


def visavis(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "visavis.cli.main", *arguments], capture_output=True, text=True, timeout=280, check=False)


@dataclass(frozen=True)
class Demo:
    out: Path
    done: "subprocess.CompletedProcess[str]"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    out = tmp_path_factory.mktemp("demo") / "out"
    return Demo(out, visavis("demo", "--out", str(out)))


@pytest.fixture(scope="module")
def tracked(demo: Demo) -> Tracked:
    return track(demo.out / "demo.mp4")


def test_demo_succeeds_and_says_what_it_measured(demo: Demo) -> None:
    assert demo.done.returncode == 0, demo.done.stderr[-3000:]
    assert "drops: 0" in demo.done.stdout
    assert "FAILED" not in demo.done.stderr
    assert "pictures/s" in demo.done.stderr and "latency ms" in demo.done.stderr


def test_film_is_what_was_promised(demo: Demo) -> None:
    facts = read_facts(demo.out / "demo.mp4")
    assert (facts.width, facts.height, facts.frame_rate, facts.irregular) == (512, 768, FRAME_RATE, 0)
    assert (facts.picture_codec, facts.pixel_format, facts.sound_codec) == ("h264", "yuv420p", "aac")
    assert facts.pictures == frames_in(len(load(default_speech()))) + 2 * EDGE_FRAMES
    assert "trainedAlgorithmicMedia" in facts.mark


def test_sheet_is_a_picture_of_many(demo: Demo) -> None:
    sheet = cv2.imread(str(demo.out / "demo_sheet.png"))
    assert sheet is not None and sheet.shape[1] == 1600 and sheet.shape[0] > 600 and sheet.std() > 20


def test_bag_holds_the_speech_bit_for_bit_and_every_picture(demo: Demo) -> None:
    speech = load(default_speech())
    counts = bag_counts(demo.out / "demo_bag")
    assert counts["/image_raw/compressed"] >= frames_in(len(speech)) and counts["/motion"] > 0
    heard = np.concatenate([np.frombuffer(msg.samples, np.int16) for _, msg, _ in read_bag(demo.out / "demo_bag", ["audio"])])
    np.testing.assert_array_equal(heard, speech)


def test_one_face_is_in_every_picture(tracked: Tracked) -> None:
    assert set(tracked.faces) == {1}


def test_sound_of_the_film_is_the_speech_in_its_place(demo: Demo) -> None:
    speech = load(default_speech()).astype(np.float64)
    sound, rate = read_sound(demo.out / "demo.mp4")
    assert rate == 16_000
    begin = frame_to_sample(EDGE_FRAMES)
    reach = 800
    part = sound[begin - reach : begin + len(speech) + reach, 0].astype(np.float64)
    scores = np.correlate(part, speech[: len(part) - 2 * reach], "valid")
    assert abs(int(np.argmax(scores)) - reach) <= 16  # a thousandth of a second


def test_mouth_moves_with_the_sound(demo: Demo, tracked: Tracked) -> None:
    speech = load(default_speech())
    frames = len(tracked.opening)
    sound = np.zeros(frame_to_sample(frames), np.int16)
    sound[frame_to_sample(EDGE_FRAMES) :][: len(speech)] = speech
    loudness = np.convolve(frame_loudness(sound, frames), np.ones(5) / 5, "same")
    opening = np.convolve(tracked.opening, np.ones(5) / 5, "same")
    lag, correlation = lag_of(opening, loudness, REACH)
    assert correlation > 0.4, f"correlation {correlation:.2f} at lag {lag:.1f}"
    assert abs(lag) <= 2.0, f"lag {lag:.2f} frames, correlation {correlation:.2f}"


def test_graph_is_as_much_in_step_as_the_offline_film(demo: Demo, tracked: Tracked, tmp_path: Path) -> None:
    """The offline film is in step by construction: picture n is motion frame n, sample n * 16000 / 30 is its sound."""
    done = visavis("render", "--audio", str(default_speech()), "-o", str(tmp_path / "offline.mp4"), "--quiet")
    assert done.returncode == 0, done.stderr
    offline = track(tmp_path / "offline.mp4").opening
    live = tracked.opening[EDGE_FRAMES : EDGE_FRAMES + len(offline)]
    lag, correlation = lag_of(live, offline, REACH)
    assert abs(lag) < 1.0 and correlation > 0.8, f"lag {lag:.2f} frames, correlation {correlation:.2f}"


def test_mouth_is_shut_in_silence(tracked: Tracked) -> None:
    quiet = np.concatenate([tracked.opening[: EDGE_FRAMES - 5], tracked.opening[-(EDGE_FRAMES - 8) :]])
    assert np.median(quiet) < SHUT and np.median(tracked.opening) > np.median(quiet)


def test_no_process_is_left(demo: Demo) -> None:
    assert demo.done.returncode is not None
    assert not nodes_of(os.getpid())


def nodes_of(_parent: int) -> list[str]:
    """Nodes that a launcher started: their parameters lie in a folder that carries its name."""
    found = []
    for process in psutil.process_iter(["cmdline", "pid"]):
        line = " ".join(process.info["cmdline"] or [])
        if "visavis_launch_" in line and "/visavis_demo_" in line:
            found.append(line)
    return found


def test_second_run_in_the_same_folder_works_and_replaces_the_first(demo: Demo) -> None:
    again = visavis("demo", "--out", str(demo.out), "--seconds", "4")
    assert again.returncode == 0, again.stderr[-3000:]
    assert read_facts(demo.out / "demo.mp4").pictures == 4 * FRAME_RATE + 2 * EDGE_FRAMES
    assert not nodes_of(os.getpid())


def test_a_machine_that_stands_still_for_a_moment_costs_no_picture(tmp_path: Path) -> None:
    """All processes are frozen together, for a second and for two, while the avatar speaks."""
    command = [sys.executable, "-m", "visavis.cli.main", "demo", "--out", str(tmp_path), "--seconds", "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        assert demo.stdout is not None
        said = []
        for line in demo.stdout:
            said.append(line)
            if line.startswith("speaking") and not any(earlier.startswith("speaking") for earlier in said[:-1]):
                freeze(demo.pid, 1.0)
                time.sleep(0.5)
                freeze(demo.pid, 2.0)
    assert demo.returncode == 0, "".join(said)
    assert "drops: 0" in "".join(said)
    assert read_facts(tmp_path / "demo.mp4").pictures == 5 * FRAME_RATE + 2 * EDGE_FRAMES


def freeze(pid: int, seconds: float) -> None:
    """Stop a process and all its children for a while."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in family:
        process.suspend()
    time.sleep(seconds)
    for process in family:
        process.resume()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--portrait", "missing.jpg"], "missing.jpg does not exist"),
        (["--audio", "missing.wav"], "missing.wav does not exist"),
        (["--seconds", "0"], "--seconds must be"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = visavis("demo", "--out", str(tmp_path / "out"), *arguments)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert words in line


def test_folder_in_the_way_that_is_no_bag_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "demo_bag").mkdir()
    (tmp_path / "demo_bag" / "diary.txt").write_text("mine")
    done = visavis("demo", "--out", str(tmp_path), "--seconds", "2")
    assert done.returncode == 1 and "not a bag" in done.stderr
    assert (tmp_path / "demo_bag" / "diary.txt").read_text() == "mine"
