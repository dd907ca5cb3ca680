"""The audio encoder as a torch module: a stack of dilated causal convolutions with an explicit state."""

import torch
from torch import Tensor, nn

from visavis.motion.encoder import LOUDNESS_VALUES, MELS_PER_STEP, EncoderSpec
from visavis.motion.features import BANDS, FEATURES
from visavis.motion.phones import PHONES


class CausalBlock(nn.Module):
    """Residual block over the steps t - 2d, t - d and t. One matrix product instead of a convolution: as fast on a CPU, and simple to
    export.
    """

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm = nn.LayerNorm(width)
        self.taps = nn.Linear(3 * width, width)
        self.mix = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """x: (batch, steps, width); past: (batch, 2 * dilation, width), the normalised steps before. Returns the output and the next
        past.
        """
        steps, reach = x.shape[1], 2 * self.dilation
        h = torch.cat([past, self.norm(x)], dim=1)
        taps = torch.cat([h[:, :steps], h[:, self.dilation : self.dilation + steps], h[:, reach:]], dim=2)
        return x + self.dropout(self.mix(nn.functional.gelu(self.taps(taps)))), h[:, steps:]


class AudioEncoder(nn.Module):
    """features (batch, 2 * steps, FEATURES), state (batch, state_steps, width) -> see ``forward`` and ``encode``."""

    def __init__(self, spec: EncoderSpec, dropout: float = 0.0) -> None:
        super().__init__()
        self.spec = spec
        self.enter = nn.Linear(MELS_PER_STEP * FEATURES, spec.width)
        self.blocks = nn.ModuleList([CausalBlock(spec.width, dilation, dropout) for dilation in spec.dilations])
        self.norm = nn.LayerNorm(spec.width)
        self.phones = nn.Linear(spec.width, len(PHONES))

    def initial_state(self, batch: int) -> Tensor:
        return self.enter.weight.new_zeros(batch, self.spec.state_steps, self.spec.width)

    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Phone logits (batch, steps, phones) and the next state."""
        batch, mels, _ = features.shape
        x = self.enter(features.reshape(batch, mels // MELS_PER_STEP, MELS_PER_STEP * FEATURES))
        pasts, start = [], 0
        for block, dilation in zip(self.blocks, self.spec.dilations, strict=True):
            x, past = block(x, state[:, start : start + 2 * dilation])
            pasts.append(past)
            start += 2 * dilation
        return self.phones(self.norm(x)), torch.cat(pasts, dim=1)

    def encode(self, features: Tensor, state: Tensor, lift: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
        """What the face model is given: posteriors and loudness, (batch, steps, spec.features), and the next state."""
        logits, next_state = self(features, state)
        batch, mels, _ = features.shape
        loudness = (
            features[:, :, BANDS : BANDS + LOUDNESS_VALUES]
            .reshape(batch, mels // MELS_PER_STEP, MELS_PER_STEP, LOUDNESS_VALUES)
            .mean(dim=2)
        )
        return torch.cat([(logits + lift).softmax(dim=-1), loudness], dim=2), next_state
