"""Trains the face refinement on pairs of expressions of one person (``training.refine_pairs``)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visavis.training.config import RefineTraining
from visavis.training.loop import Losses, Metrics, train
from visavis.training.refine_data import PEOPLE, Expressions, load_expressions, read_spec, skin_mask, twin_of
from visavis.training.refine_net import RefineNet
from visavis.video.refine import CHEEKS, GRID, SIDE, SOFT, RefineSpec

HELD_OUT = PEOPLE[-1]
MOST_TARGET = 0.8
LEVELS = 4
"""Errors are counted at full size, at half of it and so on: folds are uncertain by a pixel, not by four."""

OUTLIER = 0.15
"""Errors are squared up to this size and count linearly beyond: the mean of what may be there, which no stray hair pulls away."""


@dataclass(frozen=True)
class Batch:
    """photo (n, 3, SIDE, SIDE); motion (n, k, 3, GRID, GRID); gain (n, k, 3, SIDE, SIDE), logarithms; weight (n, k, 1, SIDE, SIDE)."""

    photo: Tensor
    motion: Tensor
    gain: Tensor
    weight: Tensor


class RefineData:
    """Draws training batches. Every expression of a person may be the photo, every other one what it is to become."""

    def __init__(self, people: list[Expressions], mask: NDArray[np.float32], config: RefineTraining) -> None:
        if not people:
            raise ValueError("no people to learn from: make the pairs with `visavis data picture`")
        self._people = [_ready(one) for one in people]
        self._mask = torch.from_numpy(mask)
        self._config = config

    def draw(self, count: int, generator: np.random.Generator) -> Batch:
        config = self._config
        photos, motions, gains, weights = [], [], [], []
        for _ in range(count):
            tone, motion, valid = self._people[generator.integers(len(self._people))]
            start = 0 if generator.random() < config.neutral_share else int(generator.integers(len(tone)))
            each = []
            for _ in range(config.moves):
                first, second = generator.integers(len(tone), size=2)
                kind = generator.random()
                a, b = (1.0, 0.0) if kind < 0.5 else (generator.random(), 0.0) if kind < 0.75 else (generator.random(), generator.random())
                if a + b > 1:
                    a, b = 1 - b, 1 - a
                gain = a * (tone[first] - tone[start]) + b * (tone[second] - tone[start])
                moved = a * (motion[first] - motion[start]) + b * (motion[second] - motion[start])
                seen = valid[start] * valid[first] * (valid[second] if b > 0 else 1)
                each.append((moved, gain, seen))
            photo = tone[start]
            moved_all, gain_all, seen_all = (torch.stack(parts) for parts in zip(*each, strict=True))
            if generator.random() < 0.5:
                photo, gain_all, seen_all, moved_all = photo.flip(-1), gain_all.flip(-1), seen_all.flip(-1), mirrored(moved_all)
            photos.append(self._disturbed(photo, generator))
            motions.append(moved_all)
            gains.append(gain_all)
            weights.append(seen_all[:, None] * self._mask)
        batch = Batch(torch.stack(photos), torch.stack(motions), torch.stack(gains).clamp(-MOST_TARGET, MOST_TARGET), torch.stack(weights))
        return _shaken(batch, generator, config)

    def _disturbed(self, tone: Tensor, generator: np.random.Generator) -> Tensor:
        """Another camera: contrast, colour, softness and noise of the photo; the gain does not depend on them."""
        config = self._config
        middle = tone[:, *CHEEKS].mean((1, 2), keepdim=True)
        photo = (tone - middle) * float(generator.uniform(0.8, 1.2))
        x = torch.linspace(-1, 1, SIDE)
        slope = torch.from_numpy(generator.normal(0, config.light, (2, 3, 1, 1)).astype(np.float32))
        photo = photo + slope[0] * x[None, None, :] + slope[1] * x[None, :, None]
        photo = blurred(photo[None], float(np.hypot(SOFT, generator.uniform(0, config.softness))))[0]
        noise = generator.normal(0, generator.uniform(0, config.noise), photo.shape).astype(np.float32)
        return photo + torch.from_numpy(noise)


def _ready(one: Expressions) -> tuple[Tensor, Tensor, Tensor]:
    tone = torch.from_numpy(one.tone.astype(np.float32)).permute(0, 3, 1, 2).contiguous()
    return tone, torch.from_numpy(one.motion.astype(np.float32)), torch.from_numpy(one.valid.astype(np.float32))


def mirrored(motion: Tensor) -> Tensor:
    """Movement (..., 3, GRID, GRID) of the same face in a mirror."""
    return motion.flip(-1) * torch.tensor([-1.0, 1.0, 1.0])[:, None, None]


def blurred(image: Tensor, sigma: float) -> Tensor:
    """(n, c, h, w), Gaussian."""
    radius = max(1, round(2.5 * sigma))
    line = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    line = (line / line.sum()).expand(image.shape[1], 1, -1)
    padded = nn.functional.pad(image, (radius,) * 4, mode="replicate")
    rows = nn.functional.conv2d(padded, line[:, :, None], groups=image.shape[1])
    return nn.functional.conv2d(rows, line[..., None], groups=image.shape[1])


def _shaken(batch: Batch, generator: np.random.Generator, config: RefineTraining) -> Batch:
    """Keypoints are a little off: the frame lies a little otherwise on the face. And the movement is not known exactly."""
    count, each = batch.motion.shape[:2]
    scale = 1 + generator.normal(0, 0.02, count)
    angle = generator.normal(0, 0.02, count)
    shift = generator.normal(0, 0.012, (count, 2))
    turn = np.stack([np.stack([scale * np.cos(angle), -np.sin(angle)], -1), np.stack([np.sin(angle), scale * np.cos(angle)], -1)], 1)
    affine = torch.from_numpy(np.concatenate([turn, shift[..., None]], -1).astype(np.float32))

    def moved(values: Tensor) -> Tensor:
        flat = values.reshape(count, -1, *values.shape[-2:])
        grid = nn.functional.affine_grid(affine, list(flat.shape), align_corners=False)
        return nn.functional.grid_sample(flat, grid, padding_mode="border", align_corners=False).reshape(values.shape)

    whole = moved(torch.cat([batch.photo, batch.gain.flatten(1, 2), batch.weight.flatten(1, 2)], 1))
    photo, gain, weight = whole.split([3, 3 * each, each], 1)
    motion = moved(batch.motion)
    coarse = torch.from_numpy(generator.normal(0, config.motion_noise, (count * each, 3, 6, 6)).astype(np.float32))
    wobble = nn.functional.interpolate(coarse, (GRID, GRID), mode="bilinear").reshape(motion.shape)
    strength = motion.abs().mean((2, 3, 4), keepdim=True).clamp(max=1)
    return Batch(photo, motion + wobble * strength, gain.reshape(batch.gain.shape), weight.reshape(batch.weight.shape))


def gain_error(guess: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Mean error of logarithms of gains (n, 3, h, w) over ``LEVELS`` sizes, where ``weight`` (n, 1, h, w) says."""
    error, difference, total = guess.new_zeros(()), (guess - truth) * weight, weight
    for level in range(LEVELS):
        if level:
            difference, total = (nn.functional.avg_pool2d(each, 2) for each in (difference, total))
        error = error + nn.functional.smooth_l1_loss(difference, torch.zeros_like(difference), reduction="sum", beta=OUTLIER) / total.sum()
    return error / (3 * LEVELS * OUTLIER)


def train_refine(config: RefineTraining, stop_at: int | None = None) -> nn.Module:
    """Runs or resumes the training; returns the averaged network."""
    corpus = Path(config.corpus)
    spec = read_spec(corpus)
    mask = skin_mask(spec)
    people = {name: load_expressions(corpus / f"{name}.npz") for name in PEOPLE if (corpus / f"{name}.npz").exists()}
    learnt = [one for name, one in people.items() if name != HELD_OUT] or list(people.values())
    data = RefineData(learnt, mask, config)
    held_out = people.get(HELD_OUT, learnt[-1])
    torch.manual_seed(config.loop.seed)
    network = RefineNet(spec, config.features, config.width, config.dropout)
    weights = sum(parameter.numel() for parameter in network.parameters())
    print(f"{len(learnt)} people, {sum(len(one.tone) for one in learnt)} expressions, {weights} weights")

    def losses(network: nn.Module, generator: np.random.Generator) -> Losses:
        batch = data.draw(config.loop.batch, generator)
        guess = network(batch.photo, batch.motion).flatten(0, 1)
        gain, weight = batch.gain.flatten(0, 1), batch.weight.flatten(0, 1)
        error = gain_error(guess, gain, weight)
        zero = gain_error(torch.zeros_like(gain), gain, weight)
        return {"total": error, "zero": zero}

    def validate(network: nn.Module) -> Metrics:
        return examine(network, held_out, mask)

    return train(network, config.loop, Path(config.output), losses, validate, validate_steps=config.validate_steps, stop_at=stop_at)


def examine(network: nn.Module, one: Expressions, mask: NDArray[np.float32]) -> Metrics:
    """How much of what a held-out person's skin does is foretold, from her calm face: the error of the gain, that of no gain, and the
    share of the variance explained, at full size and at a quarter of it."""
    tone, motion, valid = _ready(one)
    middle = tone[0, :, *CHEEKS].mean((1, 2), keepdim=True)
    moved = motion[1:] - motion[:1]
    gain = (tone[1:] - tone[:1]).clamp(-MOST_TARGET, MOST_TARGET)
    weight = (valid[1:] * valid[:1])[:, None] * torch.from_numpy(mask)
    guess = network(blurred(tone[:1] - middle, SOFT), moved[None])[0]
    explained = {}
    for name, times in (("explained", 1), ("explained_coarse", 4)):
        w = nn.functional.avg_pool2d(weight, times)
        g, t = (nn.functional.avg_pool2d(each * weight, times) for each in (guess, gain))
        explained[name] = float(1 - ((g - t) ** 2 * (w > 0.1)).sum() / (t**2 * (w > 0.1)).sum())
    return {
        "error": float(gain_error(guess, gain, weight)),
        "zero": float(gain_error(torch.zeros_like(gain), gain, weight)),
        **explained,
    }


def mirror_check(spec: RefineSpec) -> float:
    """Largest distance, in pixels, of a keypoint's place from the mirror image of its twin's."""
    places = dict(zip(spec.names, spec.places, strict=True))
    return max(abs(places[twin_of(name)][0] + x - (SIDE - 1)) for name, (x, _) in places.items())
