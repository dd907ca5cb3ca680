"""Kills nodes of the real graph at random while it speaks, and says how long speech and picture stayed away and whether they are in step.

python tests/e2e/measure_supervision.py [--seconds 120] [--seed 0]
"""

import argparse
import os
import random
import signal
import tempfile
import time
from pathlib import Path

import numpy as np

from visavis.benchmark.graph import Graph, isolated_domain, parameters_file
from visavis.benchmark.probe import Probe
from visavis.cli.defaults import default_portrait, default_speech
from visavis.timing import NANOSECONDS, frame_to_ns, sample_to_ns
from visavis.types import IDLE_UTTERANCE

NODES = ("motion_diffusion", "video_generation", "control_render", "audio_capture")
TOPICS = ("audio_out", "control", "image_raw/compressed")
PLAYOUT_NS = 430_000_000
"""The playout delay of the launch file."""


class Speaking:
    """The real graph, which speaks a file again and again, and a probe. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        params = parameters_file(folder / "avatar.yaml", {"audio_capture": {"loop": True}})
        arguments = {"portrait": str(default_portrait()), "source": "file", "audio": str(default_speech()), "params_file": str(params)}
        self._domain = isolated_domain()
        self._domain.__enter__()
        self.probe = Probe(TOPICS)
        self.graph = Graph("avatar", arguments, folder / "log")

    def __enter__(self) -> "Speaking":
        self.graph.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.graph.stop()
        self.probe.close()
        self._domain.__exit__(None, None, None)

    def kill(self, name: str) -> int:
        """SIGKILL; when that was (ns)."""
        (process,) = [process for process in self.graph.processes if process.name == name]
        assert process.pid is not None, f"{name} does not run"
        os.kill(process.pid, signal.SIGKILL)
        return time.time_ns()

    def wait_for_speech(self, since_ns: int, patience: float, what: str) -> None:
        """Until control frames of speech, and pictures of the present, arrive that are younger than ``since_ns``."""
        deadline = time.monotonic() + patience
        control, pictures = self.probe.arrivals["control"], self.probe.arrivals["image_raw/compressed"]
        while time.monotonic() < deadline:
            speaks = len(control) and control.stamps[-1] > since_ns and control.utterances[-1] != IDLE_UTTERANCE
            if speaks and len(pictures) > 10 and pictures.stamps[-10] > since_ns:
                return
            time.sleep(0.1)
        raise AssertionError(f"no speech and picture {patience:.0f} s after {what}:\n{self.graph.log.read_text()[-3000:]}")

    def apart_seconds(self) -> np.ndarray:
        """For every frame of speech whose time has come: its stamp against that of the sound it belongs to, as ``audio_out`` has it. Sound
        follows the pictures that are shown, so frames that are still waiting, of an utterance that came too late, have none yet.
        """
        heard, control = self.probe.arrivals["audio_out"], self.probe.arrivals["control"]
        starts: dict[int, set[int]] = {}
        for stamp, utterance, first in zip(list(heard.stamps), list(heard.utterances), list(heard.indices), strict=False):
            starts.setdefault(utterance, set()).add(stamp - sample_to_ns(first) - PLAYOUT_NS)
        heard_until = max(heard.stamps, default=0) - PLAYOUT_NS
        apart = []
        for stamp, who, index in zip(list(control.stamps), list(control.utterances), list(control.indices), strict=False):
            # a node that was started anew in the middle of an utterance may place the rest of it elsewhere
            if who in starts and stamp <= heard_until:
                apart.append(min((stamp - frame_to_ns(index) - start for start in starts[who]), key=abs) / NANOSECONDS)
        return np.array(apart)


def longest_gap(arrived: list[int], since_ns: int, until_ns: int) -> float:
    """Seconds without a message between two times."""
    inside = [since_ns, *[at for at in arrived if since_ns < at < until_ns], until_ns]
    return float(np.diff(inside).max() / NANOSECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    gaps: dict[str, list[float]] = {name: [] for name in NODES}
    with tempfile.TemporaryDirectory() as folder, Speaking(Path(folder)) as speaking:
        speaking.wait_for_speech(time.time_ns(), 90, "the start")
        end = time.monotonic() + arguments.seconds
        while time.monotonic() < end:
            time.sleep(draw.uniform(0.5, 3))
            name = draw.choice(NODES)
            killed_ns = speaking.kill(name)
            speaking.wait_for_speech(killed_ns + NANOSECONDS, 90, f"{name} was killed")
            pictures = speaking.probe.arrivals["image_raw/compressed"]
            gaps[name].append(longest_gap(list(pictures.arrived), killed_ns - NANOSECONDS // 2, time.time_ns()))
        apart = speaking.apart_seconds()
    for name, seconds in gaps.items():
        if seconds:
            away = f"{np.median(seconds):.2f} s, at worst {max(seconds):.2f} s"
            print(f"{name}: killed {len(seconds)} times, without a picture for {away}")
    print(f"pictures against sound by their stamps: {np.abs(apart).max() * 1e3:.2f} ms apart at most, {len(apart)} frames")


if __name__ == "__main__":
    main()
