"""A stage in place of the motion networks that keeps their contract: streaming, latency, state, and frames that are the same however the
sound is cut."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.motion.layout import neutral_motion
from visavis.motion.styles import Manner
from visavis.timing import complete_frames_in, frame_to_sample, frames_in


@dataclass(frozen=True)
class HeardState:
    """kept: int16 samples from the next frame on. heard, given: samples and frames since the start of the utterance."""

    kept: NDArray[np.int16]
    heard: int = 0
    given: int = 0


class FrameByFrame:
    """Each frame of motion says something of its own sound, ``ahead`` frames late and ``hop`` at a time."""

    def __init__(self, hop: int, ahead: int) -> None:
        self._hop, self._ahead = hop, ahead
        self.latency_samples = frame_to_sample(hop + ahead)

    def fill(self, motion: NDArray[np.float32], sounds: list[NDArray[np.int16]], first: int) -> None:
        """Write into motion (n, MOTION_DIM), which is neutral, what frames ``first`` and on say of the samples of each."""
        raise NotImplementedError

    def initial_state(self) -> HeardState:
        return HeardState(np.zeros(0, np.int16))

    def step(self, samples: NDArray[np.int16], state: HeardState, final: bool = False) -> tuple[NDArray[np.float32], HeardState]:
        heard, kept = state.heard + len(samples), np.concatenate([state.kept, samples])
        ready = complete_frames_in(heard) - self._ahead
        count = frames_in(heard) - state.given if final else max(0, (ready - state.given) // self._hop * self._hop)
        places = [frame_to_sample(state.given + index) - frame_to_sample(state.given) for index in range(count + 1)]
        motion = neutral_motion(count)
        self.fill(motion, [kept[begin:end] for begin, end in pairwise(places)], state.given)
        return motion, HeardState(kept[places[-1] :], heard, state.given + count)

    def with_manner(self, state: Any, manner: Manner) -> Any:
        return state

    def take_up(self, state: Any, before: Any) -> Any:
        return state
