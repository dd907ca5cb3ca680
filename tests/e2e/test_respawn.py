"""The real graph, as launched, loses one node after the other while it speaks; picture and speech come back, in step with each other."""

import random
import time
from pathlib import Path

import numpy as np
import pytest
from measure_supervision import NODES, Speaking

from visavis.timing import FRAME_RATE, NANOSECONDS

pytestmark = pytest.mark.slow

BACK_SECONDS = 90.0
"""A node is back after some two seconds on an idle machine; the tests' one may be busy."""


def test_nodes_that_are_killed_come_back_and_speech_goes_on_in_step(tmp_path: Path) -> None:
    draw = random.Random(0)
    with Speaking(tmp_path) as speaking:
        speaking.wait_for_speech(time.time_ns(), BACK_SECONDS, "the start")
        for name in draw.sample(NODES, len(NODES)):
            time.sleep(draw.uniform(0, 1))
            killed_ns = speaking.kill(name)
            speaking.wait_for_speech(killed_ns + NANOSECONDS, BACK_SECONDS, f"{name} was killed")
        assert [process.restarts for process in speaking.graph.processes] == [1, 1, 1, 1]
        apart = np.abs(speaking.apart_seconds())
    assert len(apart) > 100 and apart.max() <= 1 / FRAME_RATE, f"picture and sound are {apart.max():.3f} s apart"
    assert speaking.graph.exit_status == 0, speaking.graph.log.read_text()[-3000:]
