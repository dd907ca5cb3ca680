"""The weights that visavis ships, which are ONNX files, as torch modules: for machines on which torch is the faster or the only engine, and
to check one engine against the other. Needs torch and onnx (the extra `train`); nothing imports this at start-up.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from visavis.runtime.torch_engine import TorchEngine
from visavis.runtime.weights import REPAIR, WeightsError

TYPES = {1: torch.float32, 6: torch.int32, 7: torch.int64, 9: torch.bool, 10: torch.float16, 11: torch.float64}


class OnnxGraph(torch.nn.Module):
    """An ONNX graph, node by node in torch. Knows the operators that ``visavis export`` writes; ValueError for any other.

    What depends on shapes alone is computed once for each set of input shapes.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        try:
            graph = onnx.load(str(path)).graph
        except Exception as error:  # protobuf and onnx raise several unrelated types
            raise WeightsError(f"{path} is not an ONNX file ({error}): {REPAIR}") from error
        unknown = sorted({node.op_type for node in graph.node} - set(OPERATORS) - {"Constant"})
        if unknown:
            raise ValueError(f"{path.name} uses {', '.join(unknown)}, which the torch engine does not know")
        self.inputs = [value.name for value in graph.input]
        self.outputs = [value.name for value in graph.output]
        self._constants: list[str] = []
        for value in graph.initializer:
            self._keep(value.name, numpy_helper.to_array(value))
        self._nodes: list[_Node] = []
        for node in graph.node:
            attributes = {each.name: _attribute(each) for each in node.attribute}
            if node.op_type == "Constant":
                self._keep(node.output[0], np.asarray(next(iter(attributes.values()))))
            else:
                self._nodes.append(_Node(OPERATORS[node.op_type], node.op_type, list(node.input), list(node.output), attributes))
        self._plans: dict[tuple[torch.Size, ...], tuple[dict[str, torch.Tensor], list[_Node]]] = {}

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        shapes = tuple(each.shape for each in inputs)
        if shapes not in self._plans:
            self._plans[shapes] = self._plan(inputs)
        constants, nodes = self._plans[shapes]
        values = constants | dict(zip(self.inputs, inputs, strict=True))
        for node in nodes:
            node.run(values)
        return tuple(values[name] for name in self.outputs)

    def _keep(self, name: str, value: NDArray[Any]) -> None:
        self._constants.append(name)
        self.register_buffer(f"constant_{len(self._constants) - 1}", torch.from_numpy(np.array(value)), persistent=False)

    def _plan(self, inputs: Sequence[torch.Tensor]) -> "tuple[dict[str, torch.Tensor], list[_Node]]":
        """What does not change as long as shapes do not, and the nodes that are left."""
        fixed = {name: getattr(self, f"constant_{index}") for index, name in enumerate(self._constants)}
        values, known, left = fixed | dict(zip(self.inputs, inputs, strict=True)), set(fixed), []
        for node in self._nodes:
            node.run(values)
            if node.kind == "Shape" or known.issuperset(name for name in node.inputs if name):
                known.update(node.outputs)
                fixed.update({name: values[name] for name in node.outputs})
            else:
                left.append(node)
        return fixed, left


class _Node:
    def __init__(self, operator: "Operator", kind: str, inputs: list[str], outputs: list[str], attributes: dict[str, Any]) -> None:
        self.operator, self.kind, self.inputs, self.outputs, self.attributes = operator, kind, inputs, outputs, attributes

    def run(self, values: dict[str, torch.Tensor]) -> None:
        results = self.operator([values[name] if name else None for name in self.inputs], self.attributes)
        if isinstance(results, torch.Tensor):
            values[self.outputs[0]] = results
        else:
            values.update(zip(self.outputs, results, strict=True))


def load_torch_engine(path: Path, device: str = "cpu") -> TorchEngine:
    """An ONNX file of the weights as an ``Engine`` on torch. WeightsError where it cannot be read."""
    graph = OnnxGraph(path)
    return TorchEngine(graph, graph.inputs, graph.outputs, device)


def _attribute(attribute: Any) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


Operator = Callable[[list[Any], dict[str, Any]], "torch.Tensor | Sequence[torch.Tensor]"]


def _numbers(tensor: torch.Tensor) -> list[int]:
    return [int(number) for number in tensor.reshape(-1).tolist()]


def _slice(x: list[Any], _: dict[str, Any]) -> torch.Tensor:
    data, starts, ends = x[0], _numbers(x[1]), _numbers(x[2])
    axes = _numbers(x[3]) if len(x) > 3 and x[3] is not None else list(range(len(starts)))
    steps = _numbers(x[4]) if len(x) > 4 and x[4] is not None else [1] * len(starts)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        begin, stop, stride = slice(start, end, step).indices(data.shape[axis])
        if stride < 0:
            data = data.index_select(axis, torch.arange(begin, stop, stride, device=data.device))
        else:
            data = data[(slice(None),) * (axis % data.dim()) + (slice(begin, stop, stride),)]
    return data


def _reshape(x: list[Any], attributes: dict[str, Any]) -> torch.Tensor:
    wanted = _numbers(x[1])
    if not attributes.get("allowzero"):
        wanted = [x[0].shape[index] if size == 0 else size for index, size in enumerate(wanted)]
    return x[0].reshape(wanted)


def _squeeze(x: list[Any], _: dict[str, Any]) -> torch.Tensor:
    if len(x) < 2 or x[1] is None:
        return x[0].squeeze()
    return x[0].squeeze(tuple(_numbers(x[1])))


def _unsqueeze(x: list[Any], _: dict[str, Any]) -> torch.Tensor:
    axes = _numbers(x[1])
    result, rank = x[0], x[0].dim() + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        result = result.unsqueeze(axis)
    return result


def _divide(x: list[Any], _: dict[str, Any]) -> torch.Tensor:
    whole = not (x[0].is_floating_point() or x[1].is_floating_point())
    return torch.div(x[0], x[1], rounding_mode="trunc") if whole else x[0] / x[1]


def _gemm(x: list[Any], attributes: dict[str, Any]) -> torch.Tensor:
    a = x[0].T if attributes.get("transA") else x[0]
    b = x[1].T if attributes.get("transB") else x[1]
    result = attributes.get("alpha", 1.0) * (a @ b)
    return result if len(x) < 3 or x[2] is None else result + attributes.get("beta", 1.0) * x[2]


def _split(x: list[Any], attributes: dict[str, Any]) -> Sequence[torch.Tensor]:
    axis = attributes.get("axis", 0)
    if len(x) > 1 and x[1] is not None:
        return torch.split(x[0], _numbers(x[1]), axis)
    return torch.split(x[0], math.ceil(x[0].shape[axis] / attributes["num_outputs"]), axis)


def _normalise(x: list[Any], attributes: dict[str, Any]) -> torch.Tensor:
    shape = x[0].shape[attributes.get("axis", -1) % x[0].dim() :]
    return torch.nn.functional.layer_norm(x[0], shape, x[1], x[2] if len(x) > 2 else None, attributes.get("epsilon", 1e-5))


def _gather(x: list[Any], attributes: dict[str, Any]) -> torch.Tensor:
    axis = attributes.get("axis", 0)
    index = torch.where(x[1] < 0, x[1] + x[0].shape[axis], x[1]).to(x[0].device)
    chosen = x[0].index_select(axis, index.reshape(-1))
    return chosen.reshape(x[0].shape[:axis] + x[1].shape + x[0].shape[axis + 1 :])


def _mean(x: list[Any], attributes: dict[str, Any]) -> torch.Tensor:
    axes = attributes.get("axes") or (_numbers(x[1]) if len(x) > 1 else list(range(x[0].dim())))
    return x[0].mean(tuple(axes), keepdim=bool(attributes.get("keepdims", 1)))


def _convolve(x: list[Any], attributes: dict[str, Any]) -> torch.Tensor:
    if len(attributes["kernel_shape"]) != 1 or any(attributes.get("pads", ())):
        raise ValueError("only convolutions over time without padding are known")
    bias = x[2] if len(x) > 2 else None
    return torch.nn.functional.conv1d(
        x[0], x[1], bias, attributes.get("strides", [1])[0], 0, attributes.get("dilations", [1])[0], attributes.get("group", 1)
    )


OPERATORS: dict[str, Operator] = {
    "Conv": _convolve,
    "Identity": lambda x, _: x[0],
    "Clip": lambda x, _: torch.clamp(x[0], *(limit for limit in x[1:])),
    "Add": lambda x, _: x[0] + x[1],
    "Sub": lambda x, _: x[0] - x[1],
    "Mul": lambda x, _: x[0] * x[1],
    "Div": _divide,
    "Mod": lambda x, a: torch.fmod(x[0], x[1]) if a.get("fmod") else torch.remainder(x[0], x[1]),
    "MatMul": lambda x, _: x[0] @ x[1],
    "Gemm": _gemm,
    "Cast": lambda x, a: x[0].to(TYPES[a["to"]]),
    "Concat": lambda x, a: torch.cat(x, a["axis"]),
    "Shape": lambda x, _: torch.tensor(x[0].shape, dtype=torch.int64),
    "Slice": _slice,
    "Split": _split,
    "Gather": _gather,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": lambda x, a: x[0].permute(*a["perm"]),
    "LayerNormalization": _normalise,
    "Softmax": lambda x, a: torch.softmax(x[0], a.get("axis", -1)),
    "ReduceMean": _mean,
    "Sigmoid": lambda x, _: torch.sigmoid(x[0]),
    "Erf": lambda x, _: torch.erf(x[0]),
    "Sin": lambda x, _: torch.sin(x[0]),
    "Cos": lambda x, _: torch.cos(x[0]),
}
