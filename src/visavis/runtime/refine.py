"""Builds the engines of the face refinement from a folder of weights."""

from collections.abc import Callable
from pathlib import Path

from visavis.runtime.engine import OnnxEngine
from visavis.runtime.motion import as_fields
from visavis.runtime.weights import MANIFEST, REPAIR, WeightsError, read_manifest
from visavis.types import Engine
from visavis.video.refine import GRID, SIDE, RefineEngines, RefineSpec

PICTURE_WEIGHTS = Path(__file__).resolve().parent.parent / "assets" / "picture"
PHOTO_FILE = "refine_photo.onnx"
SKIN_FILE = "refine.onnx"
REFINE_SPEC = "refine"


def load_refine(weights_dir: Path = PICTURE_WEIGHTS, make_engine: Callable[[Path], Engine] = OnnxEngine) -> RefineEngines:
    """Checks the files against the manifest, then loads. WeightsError names what is missing, cut short, changed or does not fit."""
    manifest = read_manifest(weights_dir)
    photo, skin = (manifest.path(name) for name in (PHOTO_FILE, SKIN_FILE))
    try:
        said = dict(manifest.specs[REFINE_SPEC])
        sizes = said.pop("side"), said.pop("grid")
        spec = RefineSpec(**as_fields(said | {"places": [(float(x), float(y)) for x, y in said["places"]]}))
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{weights_dir / MANIFEST} does not describe these networks ({error!r}): {REPAIR}") from error
    if sizes != (SIDE, GRID):
        raise WeightsError(f"{weights_dir / MANIFEST} is of networks for a frame of {sizes}, this visavis has {(SIDE, GRID)}: {REPAIR}")
    return RefineEngines(make_engine(photo), make_engine(skin), spec)
