"""The training loop that every run shares: schedule, averaged weights, checkpoints with optimiser and random states, curves as CSV and
TensorBoard.
"""

import csv
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from visavis.training.config import LoopConfig

Losses = dict[str, Tensor]
Metrics = dict[str, float]

CHECKPOINT = "checkpoint.pt"
CURVES = "curves.csv"


def train(
    network: nn.Module,
    config: LoopConfig,
    output: Path,
    losses: Callable[[nn.Module, np.random.Generator], Losses],
    validate: Callable[[nn.Module], Metrics] | None = None,
    validate_steps: int = 200,
    stop_at: int | None = None,
    say: Callable[[str], None] = print,
) -> nn.Module:
    """Trains ``network`` up to ``config.steps`` and returns its averaged twin. Goes on from ``output / CHECKPOINT`` where there is one.

    losses(network, generator) draws a batch and returns named losses, of which ``total`` is followed downhill. The same checkpoint gives
    the same steps again on one machine. stop_at: leave after this step, as an interruption would. KeyboardInterrupt saves before it
    leaves.
    """
    torch.set_num_threads(config.threads)
    checkpoint = output / CHECKPOINT
    if config.begin_with and not checkpoint.exists():
        load_average(network, Path(config.begin_with))
    device = torch.device(config.device)
    network.to(device)
    average = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(config.average_decay))
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.98))
    generator = np.random.default_rng(config.seed)
    torch.manual_seed(config.seed)
    output.mkdir(parents=True, exist_ok=True)
    step = 0
    if checkpoint.exists():
        step = _load(checkpoint, network, average, optimiser, generator, device)
        say(f"{checkpoint}: going on at step {step}")
    curves = _Curves(output, fresh=step == 0)
    last = min(config.steps, stop_at if stop_at is not None else config.steps)
    sums: dict[str, float] = {}
    saved, counted, begun = time.monotonic(), 0, time.monotonic()
    try:
        while step < last:
            network.train()
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(config, step)
            named = losses(network, generator)
            optimiser.zero_grad(set_to_none=True)
            named["total"].backward()
            norm = nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
            if not torch.isfinite(norm):
                raise FloatingPointError(f"the gradient is not finite at step {step}: lower the learning rate and go on from {checkpoint}")
            optimiser.step()
            # early averages would hold the random start, so the average follows faster there
            if step < 50:
                average.module.load_state_dict(network.state_dict())
            else:
                average.update_parameters(network)
            step += 1
            counted += 1
            for name, value in named.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
            if step % config.log_steps == 0 or step == last:
                means = {name: value / counted for name, value in sums.items()}
                means["seconds_a_step"] = (time.monotonic() - begun) / counted
                if validate is not None and (step % validate_steps == 0 or step == last):
                    average.eval()
                    with torch.no_grad():
                        means |= {f"val_{name}": value for name, value in validate(average.module).items()}
                curves.add(step, means)
                say(f"step {step}/{config.steps} " + " ".join(f"{name} {value:.4f}" for name, value in means.items()))
                sums, counted, begun = {}, 0, time.monotonic()
            if time.monotonic() - saved > 60 * config.save_minutes:
                _save(checkpoint, step, network, average, optimiser, generator)
                saved = time.monotonic()
    finally:
        if step > 0:
            _save(checkpoint, step, network, average, optimiser, generator)
        curves.close()
    average.eval()
    return average.module


def learning_rate(config: LoopConfig, step: int) -> float:
    """Linear warm-up, then a cosine down to ``final_rate`` of the peak."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    share = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return config.learning_rate * (config.final_rate + (1 - config.final_rate) * 0.5 * (1 + math.cos(math.pi * min(1.0, share))))


def load_average(network: nn.Module, output: Path) -> nn.Module:
    """``network`` with the averaged weights of a checkpoint; FileNotFoundError names the missing file."""
    path = output / CHECKPOINT
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: run the training first")
    state = torch.load(path, map_location="cpu", weights_only=False)
    network.load_state_dict({name.removeprefix("module."): value for name, value in state["average"].items() if name.startswith("module.")})
    return network.eval()


def trained_steps(output: Path) -> int:
    return int(torch.load(output / CHECKPOINT, map_location="cpu", weights_only=False)["step"])


def _save(
    path: Path, step: int, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, generator: np.random.Generator
) -> None:
    """Written beside and renamed, so a kill in the middle leaves the last whole checkpoint."""
    state: dict[str, Any] = {
        "step": step,
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimiser": optimiser.state_dict(),
        "numpy_random": generator.bit_generator.state,
        "torch_random": torch.get_rng_state(),
    }
    partial = path.with_suffix(".part")
    torch.save(state, partial)
    partial.replace(path)


def _load(
    path: Path,
    network: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
    generator: np.random.Generator,
    device: torch.device,
) -> int:
    # our own file: it holds the states of generators, which torch's weights-only reader refuses
    state = torch.load(path, map_location=device, weights_only=False)
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    generator.bit_generator.state = state["numpy_random"]
    torch.set_rng_state(state["torch_random"].cpu())
    return int(state["step"])


class _Curves:
    """Long-format CSV (step, name, value), and TensorBoard where it is installed."""

    def __init__(self, output: Path, fresh: bool) -> None:
        self._file = (output / CURVES).open("w" if fresh else "a", newline="")
        self._csv = csv.writer(self._file)
        if fresh:
            self._csv.writerow(["step", "name", "value"])
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self._board = None
        else:
            self._board = SummaryWriter(str(output / "tensorboard"))

    def add(self, step: int, values: Metrics) -> None:
        for name, value in values.items():
            self._csv.writerow([step, name, f"{value:.6g}"])
            if self._board is not None:
                self._board.add_scalar(name, value, step)
        self._file.flush()

    def close(self) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()
