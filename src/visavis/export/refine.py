"""Turns a trained face refinement into the ONNX files and the manifest that the run time loads."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from visavis.export.motion import describe_file, export_network
from visavis.runtime.refine import PHOTO_FILE, REFINE_SPEC, SKIN_FILE
from visavis.runtime.weights import MANIFEST
from visavis.training.refine_net import RefineNet
from visavis.video.refine import GRID, SIDE, RefineSpec


def export_refine(network: RefineNet, spec: RefineSpec, folder: Path, facts: dict[str, Any]) -> Path:
    """Writes both networks, for one picture, and a manifest with ``facts`` (data, commands, metrics). Returns the manifest's path."""
    folder.mkdir(parents=True, exist_ok=True)
    photo, motion = torch.zeros(1, 3, SIDE, SIDE), torch.zeros(1, 3, GRID, GRID)
    with torch.no_grad():
        features = network.photo.eval()(photo)
    export_network(network.photo, (photo,), folder / PHOTO_FILE, ["photo"], ["features"])
    export_network(network.skin, (features, motion), folder / SKIN_FILE, ["features", "motion"], ["gain"])
    files = {name: describe_file(folder / name) for name in (PHOTO_FILE, SKIN_FILE)}
    specs = {REFINE_SPEC: {"side": SIDE, "grid": GRID, **asdict(spec)}}
    path = folder / MANIFEST
    path.write_text(json.dumps({"files": files, "specs": specs, **facts}, indent=1) + "\n", encoding="utf-8")
    return path
