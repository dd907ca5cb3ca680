"""The whole graph with screen and page in simulated time, its clocks nine times as far off as they are for eight hours in
``visavis eval soak``."""

import json
import os
import subprocess
import sys


def test_sound_and_picture_stay_together_while_every_clock_runs_at_another_speed() -> None:
    """A minute: without following the microphone it would begin anew, without following the loudspeaker they part."""
    command = ["eval", "soak", "--hours", "0.025", "--microphone-ppm", "900", "--speaker-ppm", "-900", "--json"]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-m", "visavis.cli.main", *command], env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert found["faults"] == []
    assert found["restarts"] == 0 and abs(found["pictures"] - found["expected"]) < 30
    for where in ("screen", "page"):
        course = found[where]
        assert course["count"] > 800
        assert -5 < course["p1"] <= course["p99"] < 20, where
    assert 455 < found["delay"]["p1"] <= found["delay"]["p99"] < 470, "0.43 s before the picture, 0.03 s at the screen"
    assert found["counters"]["video_generation"]["before_portrait"] == 0
