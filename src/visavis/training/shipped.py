"""Weights that were exported, back in the networks that they came from: a training may go on from the weights that visavis ships."""

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

SHIPPED = "shipped"
"""What ``begin_with`` says for the weights that come with visavis."""

Array = NDArray[np.floating]


def load_exported(network: nn.Module, path: Path, prefix: str = "") -> None:
    """Fill the parameters of ``network`` from an ONNX file that ``visavis export`` wrote of it, to the precision that it is kept with.

    prefix: what the names of the file begin with before those of ``network``. ValueError where a parameter is not in the file or has
    another shape.
    """
    graph = onnx.load(str(path)).graph
    kept = _weights(graph)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            value = kept.get(prefix + name)
            if value is None or value.shape != tuple(parameter.shape):
                found = "no such weight" if value is None else f"shape {value.shape}"
                raise ValueError(f"{path.name} has {found} for {name} {tuple(parameter.shape)}: it is of another network")
            parameter.copy_(torch.from_numpy(np.array(value, np.float32)))


def _weights(graph: onnx.GraphProto) -> dict[str, Array]:
    """Weights by name. The exporter keeps the matrices of linear layers transposed and without their names, but adds the named bias to
    their product."""
    kept = {value.name: numpy_helper.to_array(value) for value in graph.initializer}
    for node in graph.node:
        if node.op_type in ("Cast", "Identity") and node.input[0] in kept:  # halves; weights that equal others
            kept[node.output[0]] = kept[node.input[0]].astype(np.float32)
        elif node.op_type == "Mul" and all(name in kept for name in node.input):  # bytes and their scale
            kept[node.output[0]] = kept[node.input[0]] * kept[node.input[1]]
    products = {node.output[0]: kept[node.input[1]] for node in graph.node if node.op_type == "MatMul" and node.input[1] in kept}
    for node in graph.node:
        if node.op_type == "Add" and (matrix := next((products[name] for name in node.input if name in products), None)) is not None:
            bias = next(name for name in node.input if name not in products)
            kept[bias.removesuffix("bias") + "weight"] = matrix.T
    return kept
