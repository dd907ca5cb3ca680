"""The face diffusion model as torch modules: a context transformer, run once a chunk, and a denoising transformer, run once a diffusion
step.

Diffusion time and style steer the denoiser through adaptive layer norms whose main part is shared by all layers (AdaLN-single, Chen et
al. 2023, PixArt-alpha). Each denoiser layer attends to its chunk and to the context, whose keys and values are prepared once by the
context network.
"""

import math

import torch
from torch import Tensor, nn

from visavis.motion.face_model import EVENTS, FaceSpec


class Attention(nn.Module):
    """Multi-head attention with separate queries and given keys and values, written out so that it exports to plain matrix products."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.leave = nn.Linear(width, width)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        query, key, value = (x.unflatten(-1, (self.heads, -1)).transpose(-2, -3) for x in (query, key, value))
        weights = (query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])).softmax(dim=-1)
        return self.leave((weights @ value).transpose(-2, -3).flatten(-2))


def mlp(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))


class ContextLayer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width)
        self.attention = Attention(width, heads)
        self.mlp = mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(*self.project(self.norm1(x)).chunk(3, dim=-1))
        return x + self.mlp(self.norm2(x))


class ContextNet(nn.Module):
    """window (batch, window, context_values), style (batch, style) -> memory (batch, layers + 1, window, 2 * width), logits of ``EVENTS``
    (batch, events).

    memory[:, :layers] holds keys and values for each denoiser layer; the last plane holds the context itself (then zeros), from which the
    denoiser takes the part that lies at its own frames.
    """

    def __init__(self, spec: FaceSpec) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.Linear(spec.context_values, 2 * spec.width), nn.GELU(), nn.Linear(2 * spec.width, spec.width))
        self.place = nn.Parameter(0.02 * torch.randn(spec.window, spec.width))
        self.style = nn.Linear(spec.style, spec.width)
        self.layers = nn.ModuleList([ContextLayer(spec.width, spec.heads) for _ in range(spec.context_layers)])
        self.norm = nn.LayerNorm(spec.width)
        self.events = nn.Linear(spec.width, len(EVENTS))
        self.first, self.chunk = spec.past, spec.chunk
        self.prepare = nn.ModuleList([nn.Linear(spec.width, 2 * spec.width) for _ in range(spec.denoiser_layers)])

    def forward(self, window: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        x = self.enter(window) + self.place + self.style(style)[:, None]
        for layer in self.layers:
            x = layer(x)
        x = self.norm(x)
        memory = torch.stack([*(prepare(x) for prepare in self.prepare), torch.cat([x, torch.zeros_like(x)], dim=-1)], dim=1)
        return memory, self.events(x[:, self.first : self.first + self.chunk].mean(dim=1))


class ContextChances(nn.Module):
    """The context network as it is run: chances 0..1 instead of logits."""

    def __init__(self, network: ContextNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, window: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        memory, logits = self.network(window, style)
        return memory, logits.sigmoid()


class DenoiserLayer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False)
        self.norm2 = nn.LayerNorm(width, elementwise_affine=False)
        self.project = nn.Linear(width, 3 * width)
        self.attention = Attention(width, heads)
        self.mlp = mlp(width)
        self.steer = nn.Parameter(torch.zeros(6, width))

    def forward(self, x: Tensor, memory: Tensor, steer: Tensor) -> Tensor:
        """x: (batch, chunk, width); memory: (batch, window, 2 * width); steer: (batch, 6, width)."""
        shift1, scale1, gate1, shift2, scale2, gate2 = (steer + self.steer).unsqueeze(2).unbind(1)
        query, key, value = self.project(self.norm1(x) * (1 + scale1) + shift1).chunk(3, dim=-1)
        past_key, past_value = memory.chunk(2, dim=-1)
        x = x + (1 + gate1) * self.attention(query, torch.cat([past_key, key], dim=1), torch.cat([past_value, value], dim=1))
        return x + (1 + gate2) * self.mlp(self.norm2(x) * (1 + scale2) + shift2)


class DenoiserNet(nn.Module):
    """noisy (batch, chunk, values), time (batch,), style (batch, style), events (batch, events), memory -> clean (batch, chunk, values).

    Motion is in diffused units.
    """

    FREQUENCIES = 32

    def __init__(self, spec: FaceSpec) -> None:
        super().__init__()
        self.first, self.chunk = spec.past, spec.chunk
        width = spec.width
        self.enter = nn.Linear(spec.values, width)
        self.time = nn.Sequential(nn.Linear(2 * self.FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))
        self.style = nn.Linear(spec.style, width)
        self.events = nn.Linear(len(EVENTS), width)
        self.steer = nn.Linear(width, 6 * width)
        self.layers = nn.ModuleList([DenoiserLayer(width, spec.heads) for _ in range(spec.denoiser_layers)])
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, spec.values)
        nn.init.zeros_(self.steer.weight)
        nn.init.zeros_(self.steer.bias)
        self.frequencies: Tensor
        self.register_buffer("frequencies", torch.exp(torch.linspace(0, math.log(200.0), self.FREQUENCIES)), persistent=False)

    def forward(self, noisy: Tensor, time: Tensor, style: Tensor, events: Tensor, memory: Tensor) -> Tensor:
        waves = time[:, None] * self.frequencies
        condition = self.time(torch.cat([waves.sin(), waves.cos()], dim=1)) + self.style(style) + self.events(events)
        steer = self.steer(nn.functional.silu(condition)).unflatten(1, (6, -1))
        here = memory[:, -1, self.first : self.first + self.chunk].chunk(2, dim=-1)[0]
        x = self.enter(noisy) + here + self.events(events)[:, None]
        for index, layer in enumerate(self.layers):
            x = layer(x, memory[:, index], steer)
        return self.leave(self.norm(x))


class FaceNet(nn.Module):
    """Both networks, trained together."""

    def __init__(self, spec: FaceSpec) -> None:
        super().__init__()
        self.spec = spec
        self.context = ContextNet(spec)
        self.denoiser = DenoiserNet(spec)

    def forward(self, window: Tensor, noisy: Tensor, time: Tensor, style: Tensor, events: Tensor) -> tuple[Tensor, Tensor]:
        """window: (batch, window, context_values); noisy: (batch, draws, chunk, values); time: (batch, draws).

        One context serves all draws. Returns the clean motion, shaped as ``noisy``, and the logits of events (batch, events).
        """
        batch, draws = time.shape
        memory, chances = self.context(window, style)
        memory = memory[:, None].expand(-1, draws, -1, -1, -1).flatten(0, 1)
        style, events = (x[:, None].expand(-1, draws, -1).flatten(0, 1) for x in (style, events))
        clean = self.denoiser(noisy.flatten(0, 1), time.flatten(), style, events, memory)
        return clean.unflatten(0, (batch, draws)), chances
