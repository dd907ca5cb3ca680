"""Voice and screen on one machine, models on another, with 20 ms and 1 % loss between them: everything arrives."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ros_graph import DOUBLES, PATIENCE, ROOT, write_voice
from two_machines import LISTENER, TwoMachines

pytestmark = pytest.mark.slow


def test_speech_and_pictures_cross_a_network_that_loses_packets(tmp_path: Path) -> None:
    machines = TwoMachines(delay=0.02, loss=0.01)
    try:
        machines.__enter__()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespaces here: {error}")
    write_voice(tmp_path / "voice.wav", 3.0)
    environments = [machines.environment(side, 61, ROOT / "config" / "fastdds_network.xml") for side in (0, 1)]
    processes = []

    def start(side: int, *arguments: str) -> subprocess.Popen[str]:
        log = (tmp_path / "log").open("a")
        command = machines.command(side, sys.executable, *arguments)
        processes.append(subprocess.Popen(command, env=environments[side], stdout=log, stderr=log, text=True))
        return processes[-1]

    def node(side: int, name: str, *parameters: str) -> None:
        flags = [flag for parameter in ("autostart:=true", *parameters) for flag in ("-p", parameter)]
        start(side, str(DOUBLES), name, "--ros-args", *flags)

    try:
        for name in ("motion_diffusion", "control_render", "video_generation"):
            node(0, name)
        node(1, "audio_capture", "source:=file", f"audio:={tmp_path / 'voice.wav'}", "loop:=true")
        listener = start(1, "-c", LISTENER, str(tmp_path / "result"), "image_raw/compressed,audio_out", "2")
        assert listener.wait(PATIENCE + 30) == 0, (tmp_path / "log").read_text()
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
        machines.__exit__()
    result = json.loads((tmp_path / "result").read_text())
    assert machines.lost > 0, "the wire lost nothing"
    pictures, sound = result["image_raw/compressed"], result["audio_out"]
    assert len(pictures["stamps"]) > 15 and len(sound["stamps"]) > 15, (tmp_path / "log").read_text()
    assert np.median(np.subtract(pictures["arrived"], pictures["stamps"])) > 420_000_000, "the playout delay and the way"
    assert np.all(np.diff(pictures["stamps"]) > 0), "in order"
    steps = np.diff(sound["stamps"])
    assert np.mean(np.abs(steps - 40_000_000) < 1_000_000) > 0.8, "the sound has no holes"
