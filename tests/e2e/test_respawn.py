"""The real graph, as launched, loses one node after the other while it speaks; the picture comes back and speech with it."""

import os
import signal
import time
from pathlib import Path

import pytest

from visavis.benchmark.graph import Graph, isolated_domain, parameters_file
from visavis.benchmark.probe import Probe
from visavis.cli.defaults import default_portrait, default_speech
from visavis.timing import NANOSECONDS
from visavis.types import IDLE_UTTERANCE

pytestmark = pytest.mark.slow

BACK_SECONDS = 90.0
"""A node is back after some four seconds on an idle machine; the tests' one may be busy."""


def test_a_node_that_is_killed_comes_back_and_speech_goes_on(tmp_path: Path) -> None:
    with isolated_domain():
        params = parameters_file(tmp_path / "avatar.yaml", {"audio_capture": {"loop": True}})
        arguments = {
            "portrait": str(default_portrait()),
            "source": "file",
            "audio": str(default_speech()),
            "params_file": str(params),
        }
        with Probe(("control", "image_raw/compressed")) as probe, Graph("avatar", arguments, tmp_path / "log") as graph:
            wait_for_speech(graph, probe, time.time_ns(), "the start")
            for name in ("motion_diffusion", "video_generation", "control_render", "audio_capture"):
                (process,) = [process for process in graph.processes if process.name == name]
                assert process.pid is not None
                os.kill(process.pid, signal.SIGKILL)
                wait_for_speech(graph, probe, time.time_ns() + NANOSECONDS, f"{name} was killed")
            assert [process.restarts for process in graph.processes] == [1, 1, 1, 1]
        assert graph.exit_status == 0, graph.log.read_text()[-3000:]


def wait_for_speech(graph: Graph, probe: Probe, since_ns: int, what: str) -> None:
    """Until control frames of speech, and pictures of the present, arrive that are younger than ``since_ns``."""
    deadline = time.monotonic() + BACK_SECONDS
    control, pictures = probe.arrivals["control"], probe.arrivals["image_raw/compressed"]
    while time.monotonic() < deadline:
        speaks = len(control) and control.stamps[-1] > since_ns and control.utterances[-1] != IDLE_UTTERANCE
        shows = len(pictures) > 10 and pictures.stamps[-10] > since_ns
        if speaks and shows:
            return
        time.sleep(0.1)
    raise AssertionError(f"no speech and picture {BACK_SECONDS:.0f} s after {what}:\n{graph.log.read_text()[-3000:]}")
