"""What face and head do by chance: the noise that a chunk is sampled from, and the luck of its events.

Two sampling steps come near to the mean of what may follow, and noise that is new in every frame asks for another course each time: head
and eyes would tremble about a mean. So the noise of head, brows and gaze has a memory, which lets a course go on for some frames, and the
eyes get most of theirs when they glance. How much each channel gets was set so that the model's motion spreads, and changes from picture
to picture, about as much as what it was taught (DATA.md).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.motion.face_model import EVENTS, HEAD_NAMES, FaceSpec

Array = NDArray[np.float32]

MEMORY, GAZE_MEMORY = 0.9, 0.8
"""Share of a frame's noise that stays in the next frame."""

SIZE = {"yaw": 1.2, "pitch": 0.8, "roll": 1.0, "x": 1.8, "y": 0.8, "z": 0.8, "brow": 1.2, "eyeLook": 3.0}
"""Standard deviation of the noise of channels by their name or how it begins, for two sampling steps. The gaze has it in glances."""

_BEFORE_THE_FIRST = 2**62


@dataclass(frozen=True)
class Chance:
    """memory: share of the noise that stays from frame to frame, 0..1; size: its standard deviation. Both (values,)."""

    memory: Array
    size: Array


def chance_of(spec: FaceSpec, mouth: float, head: float) -> Chance:
    """mouth: standard deviation of the mouth's noise. head: factor on that of head, brows and gaze. Lids have 1."""
    names = (*spec.shapes, *HEAD_NAMES)
    found = [next((size for begin, size in SIZE.items() if name.startswith(begin)), 1.0) for name in names]
    memory = np.where(spec.slow, np.where(spec.gaze, GAZE_MEMORY, MEMORY), 0)
    size = np.where(spec.mouth, mouth, np.where(spec.slow, head * np.array(found), 1))
    return Chance(memory.astype(np.float32), size.astype(np.float32))


def first_noise(spec: FaceSpec, seed: int) -> Array:
    """Noise (values,) of the frame before a stream's first, of unit size."""
    return np.random.Generator(np.random.Philox(key=(seed, _BEFORE_THE_FIRST))).standard_normal(spec.values, np.float32)


def draw(spec: FaceSpec, chance: Chance, seed: int, index: int, before: Array) -> tuple[Array, Array, Array]:
    """Of chunk ``index``: noise (chunk, values), luck of the events (events,) uniform 0..1, and the noise of unit size of its last frame.
    before: that of the frame before it."""
    generator = np.random.Generator(np.random.Philox(key=(seed, index)))
    noise = generator.standard_normal((spec.chunk, spec.values), np.float32)
    luck = generator.random(len(EVENTS), np.float32)
    fresh = np.sqrt(1 - chance.memory * chance.memory)
    for frame in noise:
        frame[:] = before = chance.memory * before + fresh * frame
    return noise * chance.size, luck, before
