"""An encoder of somebody else's making, which knows only whole pieces of sound, as a stream: every few frames it hears the last seconds
anew.

Each time, the newest ``ahead_frames`` serve only as later sound for those before them. So a frame is known ``ahead_frames`` after it was
said, and later because it waits for the others of its hop.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from visavis.timing import SAMPLES_PER_3_FRAMES, exact_div, frame_to_sample

Array = NDArray[np.float32]


@dataclass(frozen=True)
class WaveSpec:
    """folder: of the model on this machine. values: a frame. context_frames: that are heard at once. ahead_frames: later sound that a frame
    is given. hop_frames: frames that are described at once. All but ``values`` are free; multiples of three keep windows equally long."""

    folder: str
    values: int
    context_frames: int = 60
    ahead_frames: int = 3
    hop_frames: int = 3

    def __post_init__(self) -> None:
        if self.values < 1 or self.ahead_frames < 0 or self.hop_frames < 3 or self.hop_frames % 3 or self.context_frames % 3:
            raise ValueError("values must be at least 1, ahead_frames 0 or more, hop_frames and context_frames multiples of 3")
        if self.context_frames < self.hop_frames + self.ahead_frames + 3:
            raise ValueError(f"context_frames must be at least {self.hop_frames + self.ahead_frames + 3}, got {self.context_frames}")

    @property
    def window_samples(self) -> int:
        return exact_div(self.context_frames, 3) * SAMPLES_PER_3_FRAMES


class WindowModel(Protocol):
    """A network that hears a piece of sound."""

    def hear(self, samples: NDArray[np.int16]) -> tuple[Array, NDArray[np.float64]]:
        """Samples (n,) at 16 kHz to steps (steps, values) and the sample in whose middle each one lies (steps,)."""


@dataclass(frozen=True)
class WaveState:
    """window: int16 (window_samples,), the latest sound. waiting: frames heard since the model last ran."""

    window: NDArray[np.int16]
    waiting: int


@dataclass(frozen=True)
class WaveEncoder:
    """``motion.encoder.FrameEncoder`` on a ``WindowModel``."""

    model: WindowModel
    spec: WaveSpec

    @property
    def delay_frames(self) -> int:
        return self.spec.ahead_frames

    @property
    def hop_frames(self) -> int:
        return self.spec.hop_frames

    @property
    def frame_features(self) -> int:
        return self.spec.values

    def initial_state(self) -> WaveState:
        return WaveState(np.zeros(self.spec.window_samples, np.int16), 0)

    def encode(self, samples: NDArray[np.int16], features: Array, state: WaveState) -> tuple[Array, WaveState]:
        spec = self.spec
        window = np.concatenate([state.window, samples])[-spec.window_samples :]
        if state.waiting + 1 < spec.hop_frames:
            return np.zeros((0, spec.values), np.float32), WaveState(window, state.waiting + 1)
        return self._describe(window), WaveState(window, 0)

    def _describe(self, window: NDArray[np.int16]) -> Array:
        """The frames of one hop, (hop_frames, values): steps of the model at the middle of each, by straight lines."""
        spec = self.spec
        steps, places = self.model.hear(window)
        if steps.ndim != 2 or steps.shape[1] != spec.values:
            raise ValueError(f"the model of {spec.folder} gives {steps.shape[-1]} values a step, its spec says {spec.values}")
        first = spec.context_frames - spec.ahead_frames - spec.hop_frames
        edges = np.array([frame_to_sample(frame) for frame in range(first, first + spec.hop_frames + 1)])
        middles = (edges[1:] + edges[:-1]) / 2
        after = np.clip(np.searchsorted(places, middles), 1, len(places) - 1)
        share = np.clip((middles - places[after - 1]) / (places[after] - places[after - 1]), 0, 1)[:, None].astype(np.float32)
        return ((1 - share) * steps[after - 1] + share * steps[after]).astype(np.float32)
