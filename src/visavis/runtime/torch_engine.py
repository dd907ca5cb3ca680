"""Networks as torch modules behind the ``Engine`` Protocol. Nothing imports this at start-up."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray


class TorchEngine:
    """Calls ``module(*inputs in the order of names)``; outputs are named in the order in which the module returns them."""

    def __init__(self, module: torch.nn.Module, inputs: Sequence[str], outputs: Sequence[str], device: str = "cpu") -> None:
        self._module = module.to(device).eval()
        self._inputs, self._outputs, self._device = tuple(inputs), tuple(outputs), device

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        if set(inputs) != set(self._inputs):
            raise ValueError(f"the network takes {sorted(self._inputs)}, got {sorted(inputs)}")
        with torch.no_grad():
            results = self._module(*(torch.from_numpy(np.ascontiguousarray(inputs[name])).to(self._device) for name in self._inputs))
        if isinstance(results, torch.Tensor):
            results = (results,)
        return {name: result.cpu().numpy() for name, result in zip(self._outputs, results, strict=True)}


def device_for(name: str) -> str:
    """ "cpu" or "cuda", with the threads that a stage may use. ValueError where torch cannot use it here."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"torch {torch.__version__} finds no CUDA device here: it takes an NVIDIA GPU, its driver and a CUDA build of torch"
        )
    torch.set_num_threads(1)
    return name
