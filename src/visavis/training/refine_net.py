"""The two networks of the face refinement: one looks at the photo once, the other turns what it saw, and how the skin has moved, into a
gain of the skin's colours.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visavis.training.refine_data import skin_mask, told_mask
from visavis.video.refine import GRID, STEP, RefineSpec

DARKEST, BRIGHTEST = 0.45, 0.1
"""Limits of the gain's natural logarithm. Folds darken; what would brighten skin much is a highlight or an edge that lies elsewhere."""

TINT = 0.5
"""Share of the colour of a gain, beside its lightness, that is believed: people differ more in it than expressions do."""

BELIEVED = 0.6
"""Share of the learnt gain's logarithm that is shown: people who were not learnt from fold less like each other than those who were."""

AT_REST = 0.02
"""Mean square of the movement at which about two thirds of the gain are there: a face at rest stays the photo."""


def _conv(given: int, out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(given, out, 3, stride, 1), nn.LeakyReLU(0.1))


class PhotoNet(nn.Module):
    """(n, 3, SIDE, SIDE) photo, see ``video.refine.photo_input`` -> (n, features, GRID, GRID)."""

    def __init__(self, features: int, width: int = 48) -> None:
        super().__init__()
        line = torch.linspace(-1, 1, GRID)
        self.place: Tensor
        self.register_buffer("place", torch.stack(torch.meshgrid(line, line, indexing="ij"))[None], persistent=False)
        self.first = nn.Sequential(_conv(3 * STEP * STEP + 2, width), _conv(width, width))
        self.wide = nn.Sequential(_conv(width, width, 2), _conv(width, width), _conv(width, width), nn.Upsample(scale_factor=2))
        self.last = nn.Conv2d(width, features, 3, 1, 1)

    def forward(self, photo: Tensor) -> Tensor:
        cells = nn.functional.pixel_unshuffle(photo, STEP)
        x = self.first(torch.cat([cells, self.place.expand(len(photo), -1, -1, -1)], 1))
        return torch.as_tensor(self.last(x + self.wide(x)))


class SkinNet(nn.Module):
    """features and movement (n, 3, GRID, GRID) -> the gain (n, 3, SIDE, SIDE). mask: (SIDE, SIDE), where it may differ from 1;
    told: (GRID, GRID), where movement counts."""

    def __init__(self, features: int, mask: NDArray[np.float32], told: NDArray[np.float32], width: int = 32) -> None:
        super().__init__()
        self.mask: Tensor
        self.told: Tensor
        self.register_buffer("mask", torch.from_numpy(np.array(mask, np.float32))[None, None], persistent=False)
        self.register_buffer("told", torch.from_numpy(np.array(told, np.float32))[None, None], persistent=False)
        self.motion = _conv(3, width)
        self.mix = nn.Sequential(nn.Conv2d(features + 2 * width, width, 1), nn.LeakyReLU(0.1))
        self.gate = nn.Conv2d(features, width, 1)
        self.first = _conv(width, width)
        coarse, coarser = width * 3 // 2, width * 2
        self.coarse = nn.Sequential(_conv(width, coarse, 2), _conv(coarse, coarse))
        self.coarser = nn.Sequential(
            _conv(coarse, coarser, 2), _conv(coarser, coarser), nn.Conv2d(coarser, coarse, 1), nn.Upsample(scale_factor=2)
        )
        self.finer = nn.Sequential(_conv(coarse, coarse), nn.Conv2d(coarse, width, 1), nn.Upsample(scale_factor=2))
        self.again = _conv(width, width)
        self.out = nn.Conv2d(width, 3 * STEP * STEP, 3, 1, 1)
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)

    def logarithm(self, features: Tensor, motion: Tensor) -> Tensor:
        """The natural logarithm of the gain."""
        motion = motion * self.told
        strength = 1 - torch.exp(-(motion * motion).mean((1, 2, 3), keepdim=True) / AT_REST)
        moved = self.motion(motion)
        x = self.mix(torch.cat([features, moved, moved * self.gate(features)], 1))
        x = self.first(x)
        coarse = self.coarse(x)
        x = self.again(x + self.finer(coarse + self.coarser(coarse)))
        raw = nn.functional.pixel_shuffle(self.out(x), STEP)
        limited = BRIGHTEST * torch.tanh(raw.clamp(min=0) / BRIGHTEST) + DARKEST * torch.tanh(raw.clamp(max=0) / DARKEST)
        grey = limited.mean(1, keepdim=True)
        return torch.as_tensor((grey + TINT * (limited - grey)) * (self.mask * strength))

    def forward(self, features: Tensor, motion: Tensor) -> Tensor:
        return torch.exp(BELIEVED * self.logarithm(features, motion))


class RefineNet(nn.Module):
    """Both networks, as they are trained."""

    def __init__(self, spec: RefineSpec, features: int = 32, width: int = 32, dropout: float = 0.0) -> None:
        super().__init__()
        self.photo = PhotoNet(features)
        self.dropout = nn.Dropout2d(dropout)
        self.skin = SkinNet(features, skin_mask(spec), told_mask(spec), width)

    def forward(self, photo: Tensor, motion: Tensor) -> Tensor:
        """The logarithm of the gain for as many movements a photo as there are: photo (n, ...), motion (n, k, ...) -> (n, k, ...)."""
        features = self.dropout(self.photo(photo))
        count, each = motion.shape[:2]
        features = features[:, None].expand(-1, each, -1, -1, -1).reshape(count * each, *features.shape[1:])
        result = self.skin.logarithm(features, motion.reshape(count * each, *motion.shape[2:]))
        return result.reshape(count, each, *result.shape[1:])
