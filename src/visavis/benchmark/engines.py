"""The motion stage on one engine after the other: time a second of speech takes, and how far each is from the first."""

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.motion.stage import MotionConfig, MotionStage
from visavis.runtime.engine import OnnxEngine
from visavis.runtime.motion import load_motion_stage
from visavis.runtime.weights import DEFAULT_WEIGHTS
from visavis.timing import FRAME_RATE, SAMPLE_RATE
from visavis.types import Engine

BLOCK = SAMPLE_RATE // FRAME_RATE * 3
"""Samples in one step: a tenth of a second."""
WARM_UP_SECONDS = 2

ENGINES = ("onnxruntime-cpu", "onnxruntime-cuda", "onnxruntime-tensorrt", "torch-cpu", "torch-cuda")
PROVIDERS = {
    "onnxruntime-cpu": ("CPUExecutionProvider",),
    "onnxruntime-cuda": ("CUDAExecutionProvider",),
    "onnxruntime-tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider"),
}


@dataclass(frozen=True)
class EngineFigures:
    """missing: why it cannot run here, "" where it ran. cpu_ms, wall_ms: of one core and of the clock for a second of speech.
    step_p99_ms: the slowest steps, each of a tenth of a second of speech. apart: largest difference of any motion value from the first
    engine that ran."""

    missing: str
    cpu_ms: float = float("nan")
    wall_ms: float = float("nan")
    step_p99_ms: float = float("nan")
    apart: float = float("nan")


def compare_engines(names: list[str], speech: NDArray[np.int16], weights: Path = DEFAULT_WEIGHTS) -> dict[str, EngineFigures]:
    """Run ``speech`` (16 kHz) through the motion stage on each of ``ENGINES`` that is named."""
    figures: dict[str, EngineFigures] = {}
    reference: NDArray[np.float32] | None = None
    for name in names:
        try:
            stage = load_motion_stage(weights, MotionConfig(), maker(name))
        except ValueError as error:
            figures[name] = EngineFigures(str(error))
            continue
        motion, figures[name] = _measure(stage, speech, reference)
        reference = motion if reference is None else reference
    return figures


def maker(name: str) -> Callable[[Path], Engine]:
    """What makes an engine of this name from a file of weights. ValueError that says what the machine lacks, where it cannot."""
    if name in PROVIDERS:
        return partial(OnnxEngine, providers=PROVIDERS[name])
    if name not in ENGINES:
        raise ValueError(f"the engine must be one of {', '.join(ENGINES)}, got {name!r}")
    for library in ("torch", "onnx"):
        if importlib.util.find_spec(library) is None:
            raise ValueError(f"{library} is not installed: pip install 'visavis[train]'")
    from visavis.runtime.torch_engine import device_for
    from visavis.runtime.torch_graph import load_torch_engine

    return partial(load_torch_engine, device=device_for(name.removeprefix("torch-")))


def _measure(
    stage: MotionStage, speech: NDArray[np.int16], reference: NDArray[np.float32] | None
) -> tuple[NDArray[np.float32], EngineFigures]:
    blocks = [speech[first : first + BLOCK] for first in range(0, len(speech), BLOCK)]
    state = stage.initial_state()
    for block in blocks[: WARM_UP_SECONDS * SAMPLE_RATE // BLOCK]:
        _, state = stage.step(block, state)
    state, pieces, steps = stage.initial_state(), [], []
    wall, cpu = time.perf_counter(), time.process_time()
    for block in blocks:
        begun = time.perf_counter()
        values, state = stage.step(block, state)
        steps.append(time.perf_counter() - begun)
        pieces.append(values)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    motion = np.concatenate(pieces)
    seconds = len(speech) / SAMPLE_RATE
    apart = 0.0 if reference is None else float(np.abs(motion - reference).max())
    return motion, EngineFigures("", 1e3 * cpu / seconds, 1e3 * wall / seconds, 1e3 * float(np.percentile(steps, 99)), apart)
