"""Builds the motion stage from a folder of weights."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from visavis.motion.body_model import BodySpec
from visavis.motion.encoder import EncoderSpec, FrameEncoder, MelEncoder
from visavis.motion.face_model import FaceSpec
from visavis.motion.stage import BodyNetworks, MotionConfig, MotionStage
from visavis.motion.style_clip import StyleScale
from visavis.motion.wave_encoder import WaveSpec
from visavis.runtime.engine import OnnxEngine
from visavis.runtime.weights import DEFAULT_WEIGHTS, MANIFEST, REPAIR, WeightsError, read_manifest
from visavis.types import Engine

ENCODER_FILE = "encoder.onnx"
CONTEXT_FILE = "face_context.onnx"
DENOISER_FILE = "face_denoiser.onnx"
BODY_CONTEXT_FILE = "body_context.onnx"
BODY_DENOISER_FILE = "body_denoiser.onnx"


STYLE_FACT = "style"
"""Entry of the manifest that holds a ``StyleScale``."""


def load_motion_stage(
    weights_dir: Path = DEFAULT_WEIGHTS,
    config: MotionConfig | None = None,
    make_engine: Callable[[Path], Engine] = OnnxEngine,
    body: bool = True,
) -> MotionStage:
    """Checks every file against the manifest, then loads. WeightsError names what is missing, cut short, changed or does not fit
    together. Weights that describe no body, or ``body=False``, give a stage whose body rests.

    make_engine: from a checked path to an engine, for another device (``functools.partial(OnnxEngine, providers=...)``).
    """
    manifest = read_manifest(weights_dir)
    own_encoder = "folder" not in manifest.specs.get("encoder", {})
    names = [*([ENCODER_FILE] if own_encoder else []), CONTEXT_FILE, DENOISER_FILE]
    if with_body := body and "body" in manifest.specs:
        names += [BODY_CONTEXT_FILE, BODY_DENOISER_FILE]
    paths = [manifest.path(name) for name in names]
    try:
        encoder_spec = (EncoderSpec if own_encoder else WaveSpec)(**as_fields(manifest.specs["encoder"]))
        face_spec = FaceSpec(**as_fields(manifest.specs["face"]))
        body_spec = BodySpec(**as_fields(manifest.specs["body"])) if with_body else None
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{weights_dir / MANIFEST} does not describe these networks ({error!r}): {REPAIR}") from error
    encoder: FrameEncoder
    if isinstance(encoder_spec, WaveSpec):
        from visavis.runtime.transformers_encoder import load_wave_encoder

        encoder = load_wave_encoder(encoder_spec)
    else:
        encoder = MelEncoder(make_engine(paths.pop(0)), encoder_spec)
    context, denoiser, *more = (make_engine(path) for path in paths)
    networks = BodyNetworks(more[0], more[1], body_spec) if body_spec is not None else None
    return MotionStage(encoder, context, denoiser, face_spec, config or MotionConfig(), networks)


def load_style_scale(weights_dir: Path = DEFAULT_WEIGHTS) -> StyleScale:
    """What the weights know of manners, for a style taken from a clip. WeightsError where their manifest does not say."""
    facts = read_manifest(weights_dir).facts.get(STYLE_FACT)
    if facts is None:
        raise WeightsError(
            f"{weights_dir / MANIFEST} does not say how its weights follow a style: a style from a clip needs "
            f"`visavis export style --corpus CORPUS --to {weights_dir}`"
        )
    try:
        known = {field.name for field in fields(StyleScale)}
        return StyleScale(**as_fields({name: value for name, value in facts.items() if name in known}))
    except (TypeError, ValueError, AttributeError) as error:
        raise WeightsError(f"{weights_dir / MANIFEST} does not describe its styles ({error!r}): {REPAIR}") from error


def load_encoder(weights_dir: Path = DEFAULT_WEIGHTS, make_engine: Callable[[Path], Engine] = OnnxEngine) -> MelEncoder:
    """Only the audio encoder of the weights, for who wants to see what it hears. WeightsError as ``load_motion_stage``."""
    manifest = read_manifest(weights_dir)
    path = manifest.path(ENCODER_FILE)
    try:
        spec = EncoderSpec(**as_fields(manifest.specs["encoder"]))
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{weights_dir / MANIFEST} does not describe its encoder ({error!r}): {REPAIR}") from error
    return MelEncoder(make_engine(path), spec)


def as_fields(values: dict[str, Any]) -> dict[str, Any]:
    """Fields of a frozen spec that was kept as JSON: its lists are tuples again."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
