"""Guidance of the face model, with networks whose answers are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.motion.face_model import EVENTS, FaceSpec, Guidance, generate_chunk, rest
from visavis.motion.sampler import even_schedule

SHAPES = 2
VALUES = SHAPES + 6
SPEC = FaceSpec(
    shapes=("jawOpen", "mouthFunnel"),
    chunk=4,
    past=3,
    future=2,
    audio=1,
    style=1,
    width=4,
    heads=1,
    context_layers=1,
    denoiser_layers=1,
    mean=(0.0,) * VALUES,
    scale=(1.0,) * VALUES,
    change_scale=(1.0,) * VALUES,
)
HEARD, TOLD = 0.2, 0.1
"""How far the sound opens the jaw, and the style."""


class Context:
    """Remembers the sound, and counts its calls."""

    calls = 0

    def run(self, inputs: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        self.calls += 1
        return {"memory": inputs["window"][:, :, 0], "chances": np.zeros((1, len(EVENTS)), np.float32)}


class Denoiser:
    """Answers with the mean of the sound it remembers and with the style."""

    calls = 0

    def run(self, inputs: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        self.calls += 1
        clean = np.zeros((1, SPEC.chunk, VALUES), np.float32)
        clean[..., 0] = HEARD * inputs["memory"].mean() + TOLD * inputs["style"].mean()
        return {"clean": clean}


def jaw(guidance: Guidance, style: float = 1.0) -> tuple[float, int, int]:
    """How far the jaw opens, and how often context and denoiser are asked in one step."""
    context, denoiser = Context(), Denoiser()
    noise = np.random.default_rng(0).standard_normal((SPEC.chunk, VALUES)).astype(np.float32)
    sound, told, luck = np.ones((SPEC.window, 1), np.float32), np.full(1, style, np.float32), np.ones(len(EVENTS), np.float32)
    chunk = generate_chunk(SPEC, context, denoiser, sound, rest(SPEC, SPEC.past), told, noise, luck, even_schedule(1), guidance)
    return float(chunk[:, 0].mean()), context.calls, denoiser.calls


@pytest.mark.parametrize(
    ("guidance", "opening", "calls"),
    [
        (Guidance(), HEARD + TOLD, 1),
        (Guidance(sound=2.0), 2 * HEARD + TOLD, 2),
        (Guidance(style=2.5), HEARD + 2.5 * TOLD, 2),
        (Guidance(sound=0.0), TOLD, 2),
        (Guidance(sound=1.5, style=0.5), 1.5 * HEARD + 0.5 * TOLD, 3),
    ],
)
def test_guidance_multiplies_what_sound_and_style_do(guidance: Guidance, opening: float, calls: int) -> None:
    assert jaw(guidance) == (pytest.approx(opening, abs=1e-6), calls, calls)


def test_without_a_style_its_guidance_costs_nothing() -> None:
    assert jaw(Guidance(style=3.0), style=0.0) == (pytest.approx(HEARD, abs=1e-6), 1, 1)
