"""The body diffusion model as torch modules, built of the layers of the face model: a context transformer, run once a chunk, and a small
denoising transformer, run once a diffusion step.
"""

import math

import torch
from torch import Tensor, nn

from visavis.motion.body_model import BODY_VALUES, BodySpec
from visavis.training.face_net import ContextLayer, DenoiserLayer


class BodyContextNet(nn.Module):
    """window (batch, window, context_values), condition (batch, condition_values) -> memory (batch, layers + 1, window, 2 * width), logits
    (batch, kinds + 1) of the kind at the end of the chunk and of a stroke that begins in it."""

    def __init__(self, spec: BodySpec) -> None:
        super().__init__()
        width = spec.width
        self.enter = nn.Sequential(nn.Linear(spec.context_values, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.place = nn.Parameter(0.02 * torch.randn(spec.window, width))
        self.condition = nn.Sequential(nn.Linear(spec.condition_values, width), nn.GELU(), nn.Linear(width, width))
        self.layers = nn.ModuleList([ContextLayer(width, spec.heads) for _ in range(spec.context_layers)])
        self.norm = nn.LayerNorm(width)
        self.prepare = nn.ModuleList([nn.Linear(width, 2 * width) for _ in range(spec.denoiser_layers)])
        self.first, self.last = spec.past, spec.past + spec.chunk
        self.plan = nn.Sequential(nn.Linear(3 * width, width), nn.GELU(), nn.Linear(width, len(spec.kinds) + 1))

    def forward(self, window: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        told = self.condition(condition)
        x = self.enter(window) + self.place + told[:, None]
        for layer in self.layers:
            x = layer(x)
        x = self.norm(x)
        memory = torch.stack([*(prepare(x) for prepare in self.prepare), torch.cat([x, torch.zeros_like(x)], dim=-1)], dim=1)
        seen = torch.cat([x[:, self.first : self.last].mean(dim=1), x[:, self.last :].mean(dim=1), told], dim=-1)
        return memory, self.plan(seen)


class BodyChances(nn.Module):
    """The context network as it is run: chances instead of logits; those of the kinds sum to 1."""

    def __init__(self, network: BodyContextNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, window: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        memory, logits = self.network(window, condition)
        return memory, torch.cat([logits[:, :-1].softmax(dim=-1), logits[:, -1:].sigmoid()], dim=-1)


class BodyDenoiserNet(nn.Module):
    """noisy (batch, chunk, values), time (batch,), condition (batch, condition_values), memory -> clean (batch, chunk, values)."""

    FREQUENCIES = 32

    def __init__(self, spec: BodySpec) -> None:
        super().__init__()
        self.first, self.chunk = spec.past, spec.chunk
        width = spec.width
        self.enter = nn.Linear(BODY_VALUES, width)
        self.time = nn.Sequential(nn.Linear(2 * self.FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))
        self.condition = nn.Sequential(nn.Linear(spec.condition_values, width), nn.SiLU(), nn.Linear(width, width))
        self.place = nn.Parameter(0.02 * torch.randn(spec.chunk, width))
        self.steer = nn.Linear(width, 6 * width)
        self.layers = nn.ModuleList([DenoiserLayer(width, spec.heads) for _ in range(spec.denoiser_layers)])
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, BODY_VALUES)
        nn.init.zeros_(self.steer.weight)
        nn.init.zeros_(self.steer.bias)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        self.frequencies: Tensor
        self.register_buffer("frequencies", torch.exp(torch.linspace(0, math.log(200.0), self.FREQUENCIES)), persistent=False)

    def forward(self, noisy: Tensor, time: Tensor, condition: Tensor, memory: Tensor) -> Tensor:
        waves = time[:, None] * self.frequencies
        told = self.condition(condition)
        steer = self.steer(nn.functional.silu(self.time(torch.cat([waves.sin(), waves.cos()], dim=1)) + told)).unflatten(1, (6, -1))
        here = memory[:, -1, self.first : self.first + self.chunk].chunk(2, dim=-1)[0]
        x = self.enter(noisy) + here + told[:, None] + self.place
        for index, layer in enumerate(self.layers):
            x = layer(x, memory[:, index], steer)
        return self.leave(self.norm(x))


class BodyNet(nn.Module):
    """Both networks, trained together."""

    def __init__(self, spec: BodySpec) -> None:
        super().__init__()
        self.spec = spec
        self.context = BodyContextNet(spec)
        self.denoiser = BodyDenoiserNet(spec)

    def forward(self, window: Tensor, before: Tensor, after: Tensor, noisy: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """before, after: conditions (batch, condition_values) at the chunk's beginning and end; noisy: (batch, draws, chunk, values); time:
        (batch, draws). Returns the clean motion, shaped as ``noisy``, and logits (batch, kinds + 1)."""
        batch, draws = time.shape
        memory, logits = self.context(window, before)
        memory = memory[:, None].expand(-1, draws, -1, -1, -1).flatten(0, 1)
        after = after[:, None].expand(-1, draws, -1).flatten(0, 1)
        clean = self.denoiser(noisy.flatten(0, 1), time.flatten(), after, memory)
        return clean.unflatten(0, (batch, draws)), logits
