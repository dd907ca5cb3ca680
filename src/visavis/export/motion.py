"""Turns trained checkpoints into the ONNX files and the manifest that the run time loads."""

import copy
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from visavis.motion.body_model import BODY_VALUES, BodySpec
from visavis.motion.encoder import HOP_FRAMES, EncoderSpec
from visavis.motion.face_model import FaceSpec
from visavis.motion.features import HEARD_VALUES, MELS_PER_FRAME
from visavis.motion.phones import LIPS_CLOSED, PHONE_INDEX, PHONES
from visavis.motion.wave_encoder import WaveSpec
from visavis.runtime.motion import BODY_CONTEXT_FILE, BODY_DENOISER_FILE, CONTEXT_FILE, DENOISER_FILE, ENCODER_FILE
from visavis.runtime.weights import MANIFEST, file_sha256
from visavis.training.body_net import BodyChances, BodyNet
from visavis.training.encoder_net import AudioEncoder
from visavis.training.face_net import ContextChances, FaceNet
from visavis.training.loop import load_average

OPSET = 17
BODY_HERE = "the body's spec"

HALVED_FROM = 256
"""Weights of at least this many numbers are kept as float16 in the file: half the size, and the networks cannot tell. They compute in
float32.
"""
BYTES_FROM = 65536
"""Weights of the encoder of at least this many numbers are kept as 8-bit integers and one scale for each output: a quarter of the size. It
computes in float32 too."""


class _Encode(nn.Module):
    """``AudioEncoder.encode`` as the forward pass that the exporter traces."""

    def __init__(self, network: AudioEncoder, lip_odds: float) -> None:
        super().__init__()
        self.network = network
        self.lift = torch.zeros(len(PHONES))
        self.lift[[PHONE_INDEX[name] for name in LIPS_CLOSED]] = math.log(lip_odds)

    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.network.encode(features, state, self.lift)


def export_encoder(network: AudioEncoder, folder: Path, lip_odds: float = 1.0) -> Path:
    """Writes the encoder for one hop.

    lip_odds: factor on the odds of P, B and M. A closure that is missed is seen at once, one too many hardly, so above 1 is right for
    showing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ENCODER_FILE
    example = (torch.zeros(1, HOP_FRAMES * MELS_PER_FRAME, HEARD_VALUES), network.initial_state(1))
    export_network(_Encode(network, lip_odds), example, path, ["features", "state"], ["encoded", "next_state"], BYTES_FROM)
    return path


def load_mean(network: nn.Module, checkpoint: Path, early: Path | None, share: float) -> None:
    """Fills ``network`` with the averaged weights of ``checkpoint``, moved by ``share`` of the way to those of ``early``."""
    load_average(network, checkpoint)
    if early is not None:
        other = copy.deepcopy(network)
        load_average(other, early)
        average_weights(network, other, share)


def average_weights(network: nn.Module, other: nn.Module, share: float) -> None:
    """Moves the weights of ``network`` by ``share`` of the way to those of ``other``, an earlier state of the same run.

    Late weights know the synthetic voices better, early ones do better on unlike recordings; between them lies the best of both (Wortsman
    et al. 2022, WiSE-FT).
    """
    with torch.no_grad():
        for mine, theirs in zip(network.parameters(), other.parameters(), strict=True):
            mine.lerp_(theirs, share)


def export_face(network: FaceNet, folder: Path) -> tuple[Path, Path]:
    """Writes the context and the denoiser network, each for one chunk."""
    folder.mkdir(parents=True, exist_ok=True)
    spec = network.spec
    window, style = torch.zeros(1, spec.window, spec.context_values), torch.zeros(1, spec.style)
    noisy, time = torch.zeros(1, spec.chunk, spec.values), torch.ones(1)
    with torch.no_grad():
        memory, events = network.context.eval()(window, style)
    context, denoiser = folder / CONTEXT_FILE, folder / DENOISER_FILE
    export_network(ContextChances(network.context), (window, style), context, ["window", "style"], ["memory", "chances"])
    export_network(
        network.denoiser, (noisy, time, style, events, memory), denoiser, ["noisy", "time", "style", "events", "memory"], ["clean"]
    )
    return context, denoiser


def export_body(network: BodyNet, folder: Path) -> tuple[Path, Path]:
    """Writes the body's context and denoiser network, each for one chunk."""
    folder.mkdir(parents=True, exist_ok=True)
    spec = network.spec
    window, condition = torch.zeros(1, spec.window, spec.context_values), torch.zeros(1, spec.condition_values)
    noisy, time = torch.zeros(1, spec.chunk, BODY_VALUES), torch.ones(1)
    with torch.no_grad():
        memory, _ = network.context.eval()(window, condition)
    context, denoiser = folder / BODY_CONTEXT_FILE, folder / BODY_DENOISER_FILE
    export_network(BodyChances(network.context), (window, condition), context, ["window", "condition"], ["memory", "chances"])
    inputs = ["noisy", "time", "condition", "memory"]
    export_network(network.denoiser, (noisy, time, condition, memory), denoiser, inputs, ["clean"])
    return context, denoiser


def write_manifest(folder: Path, encoder: EncoderSpec | WaveSpec, face: FaceSpec, facts: dict[str, Any]) -> Path:
    """Lists the files of encoder and face with size and sha256, the specs, and ``facts`` (data, commands, metrics).

    What a manifest that is there says of the body, and of the encoder if that is the same, is kept. Of an encoder of transformers, which
    stays in its own folder, the spec names that folder.
    """
    path = folder / MANIFEST
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    own = [] if isinstance(encoder, WaveSpec) else [ENCODER_FILE]
    files = {name: describe_file(folder / name) for name in (*own, CONTEXT_FILE, DENOISER_FILE)}
    specs: dict[str, Any] = {"encoder": asdict(encoder), "face": asdict(face)}
    body = {name: old["files"][name] for name in (BODY_CONTEXT_FILE, BODY_DENOISER_FILE) if name in old.get("files", {})}
    if body:
        files |= body
        specs["body"] = old["specs"]["body"]
        facts = {**facts, **({"body": old["body"]} if "body" in old else {})}
    if "encoder" in old and old["files"].get(ENCODER_FILE) == files.get(ENCODER_FILE):
        facts = {**facts, "encoder": old["encoder"]}
    return write_json(path, {"files": files, "specs": specs, **facts})


def add_body(folder: Path, spec: BodySpec, facts: dict[str, Any]) -> Path:
    """Puts the files of the body into the manifest of encoder and face, with its spec, and ``facts`` under "body"; nothing else changes."""
    return _add_part(folder, "body", (BODY_CONTEXT_FILE, BODY_DENOISER_FILE), spec, facts)


def add_encoder(folder: Path, spec: EncoderSpec, facts: dict[str, Any]) -> Path:
    """Puts another encoder into the manifest of encoder and face, with its spec, and ``facts`` under "encoder"; nothing else changes. The
    face must have been trained on phones told in the same way."""
    return _add_part(folder, "encoder", (ENCODER_FILE,), spec, facts)


def _add_part(folder: Path, part: str, files: tuple[str, ...], spec: BodySpec | EncoderSpec, facts: dict[str, Any]) -> Path:
    path = folder / MANIFEST
    content = json.loads(path.read_text(encoding="utf-8"))
    content["files"] |= {name: describe_file(folder / name) for name in files}
    content["specs"][part] = asdict(spec)
    content[part] = facts
    return write_json(path, content)


def describe_file(path: Path) -> dict[str, Any]:
    """What a manifest says of a file."""
    return {"sha256": file_sha256(path), "bytes": path.stat().st_size}


def write_json(path: Path, content: dict[str, Any]) -> Path:
    specs = {name: spec if name != "body" else BODY_HERE for name, spec in content["specs"].items()}
    text = json.dumps({**content, "specs": specs}, indent=1)
    # the body's spec is thousands of numbers: one line
    text = text.replace(json.dumps(BODY_HERE), json.dumps(content["specs"].get("body")))
    path.write_text(text + "\n", encoding="utf-8")
    return path


def export_network(
    network: nn.Module,
    example: tuple[Tensor, ...],
    path: Path,
    inputs: list[str],
    outputs: list[str],
    bytes_from: int | None = None,
) -> None:
    """Writes ``network`` as ONNX, its large weights as float16, those of ``bytes_from`` numbers or more as 8-bit integers."""
    torch.onnx.export(network.eval(), example, str(path), input_names=inputs, output_names=outputs, opset_version=OPSET, dynamo=False)
    onnx.save(_shrunk(onnx.load(str(path)), bytes_from), str(path))


def _shrunk(model: onnx.ModelProto, bytes_from: int | None) -> onnx.ModelProto:
    """Keeps large float32 weights as float16 behind a cast, very large ones as integers behind a cast and a product, which onnxruntime
    works out once when it loads the file."""
    weights, casts = [], []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < HALVED_FROM:
            weights.append(weight)
            continue
        if bytes_from is not None and values.size >= bytes_from:
            # one scale for each output: the columns of a matrix, the first axis of a convolution
            inner = 0 if values.ndim == 2 else tuple(range(1, values.ndim))
            scale = np.abs(values).max(axis=inner, keepdims=True) / 127 + np.float32(1e-12)
            weights.append(numpy_helper.from_array(np.rint(values / scale).astype(np.int8), f"{weight.name}.bytes"))
            weights.append(numpy_helper.from_array(scale.astype(np.float32), f"{weight.name}.scale"))
            casts.append(onnx.helper.make_node("Cast", [f"{weight.name}.bytes"], [f"{weight.name}.whole"], to=onnx.TensorProto.FLOAT))
            casts.append(onnx.helper.make_node("Mul", [f"{weight.name}.whole", f"{weight.name}.scale"], [weight.name]))
            continue
        weights.append(numpy_helper.from_array(values.astype(np.float16), f"{weight.name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{weight.name}.half"], [weight.name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(weights)
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model
