"""Trains the face diffusion model on encoder output and teacher motion."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from visavis.evaluation.curves import GAP_WEIGHTS
from visavis.motion.chance import chance_of, draw, first_noise
from visavis.motion.encoder import EncoderSpec
from visavis.motion.face_model import HEAD_VALUES, FaceSpec, Guidance, context_input, events_in, generate_chunk, rest, scaling, to_inner
from visavis.motion.sampler import even_schedule
from visavis.motion.wave_encoder import WaveEncoder
from visavis.runtime.engine import OnnxEngine
from visavis.runtime.motion import CONTEXT_FILE, DENOISER_FILE, as_fields
from visavis.runtime.torch_engine import TorchEngine
from visavis.runtime.weights import DEFAULT_WEIGHTS, file_sha256, read_manifest
from visavis.timing import FRAME_RATE
from visavis.training.config import FaceTraining
from visavis.training.corpus import read_corpus
from visavis.training.face_data import (
    SETTLE_SECONDS,
    FaceData,
    Windows,
    hear_all,
    hear_waves,
    idle_share,
    make_spec,
    measure_styles,
)
from visavis.training.face_net import ContextChances, FaceNet
from visavis.training.loop import Losses, Metrics, train
from visavis.training.shipped import SHIPPED, load_exported

MOUTH_SETTLE_FRAMES = 1.5
"""Frames in which a mouth that is somewhere else comes nearer to where it belongs by a factor of e."""

SPEC_FILE = "face_spec.json"
ENCODER_SPEC_FILE = "encoder_spec.json"
"""Of a run on an encoder of transformers."""


def train_face(config: FaceTraining, encoder_spec: EncoderSpec, stop_at: int | None = None) -> nn.Module:
    """Runs or resumes the training; returns the averaged network. The spec is fixed at the first start and kept beside the checkpoint; a
    run that begins with another's weights takes its spec.
    """
    output = Path(config.output)
    output.mkdir(parents=True, exist_ok=True)
    utterances = read_corpus(Path(config.corpus), "train", with_motion=True)
    held_out = read_corpus(Path(config.corpus), "val", with_motion=True)[:12]
    utterances += idle_share(utterances, config.silence_share)
    wave = _wave_encoder(config, output)
    spec_path = output / SPEC_FILE
    if spec_path.exists():
        spec = read_spec(spec_path)
    else:
        spec = _begun_spec(config.loop.begin_with) or make_spec(config, (wave or encoder_spec).frame_features, utterances)
        spec_path.write_text(json.dumps(asdict(spec), indent=1))
    cache = output / "heard"
    if wave is not None:
        fingerprint = file_sha256(Path(config.encoder) / "model.safetensors")
        sounds = hear_waves(wave, fingerprint, utterances, config.copies, cache)
        exam = hear_waves(wave, fingerprint, held_out, 1, cache)
    else:
        encoder = OnnxEngine(Path(config.encoder), threads=config.loop.threads)
        sounds = hear_all(encoder, encoder_spec, encoder.sha256, utterances, config.copies, cache)
        exam = hear_all(encoder, encoder_spec, encoder.sha256, held_out, 1, cache)
    # what another encoder gives are no chances of phones
    data = FaceData(spec, utterances, sounds, measure_styles(utterances), heard_mouth=wave is None)
    print(f"{len(utterances)} utterances, {sum(data.lengths)} frames, {spec.values} channels: {', '.join(spec.shapes)}")
    torch.manual_seed(config.loop.seed)
    network, loop = FaceNet(spec), config.loop
    if loop.begin_with == SHIPPED:
        load_exported(network.context, DEFAULT_WEIGHTS / CONTEXT_FILE, "network.")
        load_exported(network.denoiser, DEFAULT_WEIGHTS / DENOISER_FILE)
        loop = replace(loop, begin_with="")
    mouth = torch.from_numpy(spec.mouth)
    weight = torch.where(mouth, 1.0, 0.5)
    gap = torch.from_numpy(gap_direction(spec))

    def losses(network: nn.Module, generator: np.random.Generator) -> Losses:
        windows = data.draw(config.loop.batch, generator)
        window, clean, style, events, before = prepare(spec, config, windows, mouth.numpy(), generator)
        draws = (len(window), config.noise_draws)
        times = generator.random(draws, np.float32)
        times = np.maximum(np.where(generator.random(draws) < 0.25, np.float32(1), times), np.float32(0.01))
        noise = torch.from_numpy(generator.standard_normal((*draws, spec.chunk, spec.values), np.float32))
        time = torch.from_numpy(times)
        angle = 0.5 * torch.pi * time[..., None, None]
        truth = torch.from_numpy(clean)[:, None]
        noisy = angle.cos() * truth + angle.sin() * noise
        happened = torch.from_numpy(events)
        guess, chances = network(torch.from_numpy(window), noisy, time, torch.from_numpy(style), happened)
        emphasis = weight * (1 + config.closed_weight * torch.from_numpy(windows.closed)[:, None, :, None] * mouth)
        position = (emphasis * (guess - truth) ** 2).mean()
        velocity = (weight * (_changes(guess, before) - _changes(truth, before)) ** 2).mean()
        # what is seen of the mouth is the gap between the lips, a difference of large shapes: errors that cancel are free, others are not
        ajar, ajar_truth = guess @ gap, truth @ gap
        opening = ((1 + config.closed_weight * torch.from_numpy(windows.closed)[:, None]) * (ajar - ajar_truth) ** 2).mean()
        opening = opening + config.velocity_weight * (torch.diff(ajar - ajar_truth, dim=-1) ** 2).mean()
        surprise = nn.functional.binary_cross_entropy_with_logits(chances, happened)
        total = position + config.velocity_weight * velocity + config.gap_weight * opening + config.event_weight * surprise
        return {"total": total, "position": position, "velocity": velocity, "opening": opening, "surprise": surprise}

    def validate(network: nn.Module) -> Metrics:
        return examine(network, spec, [(s[0], to_inner(spec, u.face, u.head)) for u, s in zip(held_out, exam, strict=True)])

    return train(network, loop, output, losses, validate, validate_steps=500, stop_at=stop_at)


def _begun_spec(begin_with: str) -> FaceSpec | None:
    """Of the network whose weights a run begins with."""
    if begin_with == SHIPPED:
        return FaceSpec(**as_fields(read_manifest(DEFAULT_WEIGHTS).specs["face"]))
    return read_spec(Path(begin_with) / SPEC_FILE) if begin_with else None


def _wave_encoder(config: FaceTraining, output: Path) -> WaveEncoder | None:
    """The encoder of transformers, where the configuration names the folder of one; what it is is kept beside the checkpoint."""
    if not Path(config.encoder).is_dir():
        return None
    from visavis.runtime.transformers_encoder import load_transformers

    encoder = load_transformers(Path(config.encoder).resolve(), config.loop.device)
    (output / ENCODER_SPEC_FILE).write_text(json.dumps(asdict(encoder.spec), indent=1))
    return encoder


def gap_direction(spec: FaceSpec) -> np.ndarray:
    """What one diffused unit of each channel adds to the gap between the lips, in standard deviations of the gap, taken as 0.06 eye
    distances.
    """
    weights = np.array([GAP_WEIGHTS.get(name, 0.0) for name in spec.shapes] + [0.0] * HEAD_VALUES)
    return (weights * np.asarray(spec.scale) / 0.06).astype(np.float32)


def prepare(
    spec: FaceSpec, config: FaceTraining, windows: Windows, mouth: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, Tensor]:
    """Spoils the past as roll-out will, and scales.

    Returns context input, diffused truth, style, events, and the frame before the chunk in diffused units.
    """
    count = len(windows.motion)
    motion = windows.motion.copy()
    reach = np.asarray(spec.scale, np.float32)
    # slow channels somewhere else than the teacher's, on their way back: roll-out learns to come home instead of wandering off
    away = generator.standard_normal((count, 1, spec.values), np.float32) * 1.5 * reach * (generator.random((count, 1, 1)) < 0.5)
    fade = np.exp(-np.arange(motion.shape[1], dtype=np.float32) / (SETTLE_SECONDS * FRAME_RATE))[:, None]
    motion = np.where(spec.slow, motion + away * fade, motion)
    motion[..., : len(spec.shapes)] = np.clip(motion[..., : len(spec.shapes)], 0, 1)
    # another window's mouth, shut in the midst of speech or open in silence, and the way from there: a model that never met one goes on
    # as it finds itself
    swapped = (generator.random((count, 1, 1)) < config.past_swapped) & mouth
    past = np.where(swapped, motion[generator.permutation(count), : spec.past], motion[:, : spec.past])
    way = np.exp(-np.arange(1, spec.chunk + 1, dtype=np.float32) / MOUTH_SETTLE_FRAMES)[:, None] * ~windows.closed[..., None]
    chunk = motion[:, spec.past :] + (past[:, -1:] - motion[:, spec.past - 1 : spec.past]) * way
    events = events_in(spec, past[:, -1], chunk)
    offset, scale = scaling(spec, past[:, -1])
    seen = past + generator.standard_normal(past.shape, np.float32) * reach * np.where(spec.slow, 0.1, 1) * config.past_noise
    forgotten = (generator.random((count, 1, 1)) < config.past_dropout) & mouth
    seen = np.where(forgotten, 0, seen).astype(np.float32)
    sound = np.where(generator.random((count, 1, 1)) < config.audio_dropout, 0, windows.sound).astype(np.float32)
    style = np.where(generator.random((count, 1)) < config.style_dropout, 0, windows.style).astype(np.float32)
    before = torch.from_numpy(((past[:, -1:] - offset[:, :1]) / scale).astype(np.float32))[:, None]
    return context_input(spec, sound, seen), ((chunk - offset) / scale).astype(np.float32), style, events, before


def examine(network: nn.Module, spec: FaceSpec, exam: list[tuple[np.ndarray, np.ndarray]]) -> Metrics:
    """Rolls the model out over held-out utterances (its own motion as past) and compares the mouth with the teacher's."""
    context = TorchEngine(ContextChances(network.context), ("window", "style"), ("memory", "chances"))  # type: ignore[arg-type]
    denoiser = TorchEngine(network.denoiser, ("noisy", "time", "style", "events", "memory"), ("clean",))  # type: ignore[arg-type]
    told, truth = [], []
    for sound, motion in exam:
        rolled = roll_out(spec, context, denoiser, sound.astype(np.float32), seed=0)
        told.append(rolled[: len(motion)])
        truth.append(motion[: len(rolled)])
    guess, answer = np.concatenate(told), np.concatenate(truth)
    jaw = spec.shapes.index("jawOpen")
    blink = spec.shapes.index("eyeBlinkLeft")
    head = slice(len(spec.shapes), len(spec.shapes) + 3)
    return {
        "mouth_rmse": float(np.sqrt(np.mean((guess - answer)[:, spec.mouth] ** 2))),
        "jaw_correlation": float(np.corrcoef(guess[:, jaw], answer[:, jaw])[0, 1]),
        "jaw_jitter_ratio": jitter(guess[:, jaw]) / jitter(answer[:, jaw]),
        "blink_ratio": float(guess[:, blink].mean() / max(answer[:, blink].mean(), 1e-6)),
        "head_spread_ratio": float(guess[:, head].std() / max(answer[:, head].std(), 1e-6)),
        "head_jitter_ratio": jitter(guess[:, head.start]) / jitter(answer[:, head.start]),
    }


def roll_out(spec: FaceSpec, context: TorchEngine, denoiser: TorchEngine, sound: np.ndarray, seed: int) -> np.ndarray:
    """Frames (n, values) for encoder output (frames, audio), chunk after chunk as the stage does it."""
    padded = np.concatenate([np.zeros((spec.past, spec.audio), np.float32), sound])
    chance, last, unstyled = chance_of(spec, 1.0, 1.0), first_noise(spec, seed), np.zeros(spec.style, np.float32)
    schedule, unguided = even_schedule(2), Guidance()
    motion = rest(spec, spec.past)
    for first in range(0, len(sound) - spec.chunk - spec.future + 1, spec.chunk):
        noise, luck, last = draw(spec, chance, seed, first // spec.chunk, last)
        window, past = padded[first : first + spec.window], motion[-spec.past :]
        chunk = generate_chunk(spec, context, denoiser, window, past, unstyled, noise, luck, schedule, unguided)
        motion = np.concatenate([motion, chunk])
    return motion[spec.past :]


def read_spec(path: Path) -> FaceSpec:
    return FaceSpec(**as_fields(json.loads(path.read_text())))


def _changes(chunk: Tensor, before: Tensor) -> Tensor:
    """First differences within (..., chunk, values), the first one against the frame before."""
    return torch.diff(torch.cat([before.expand(*chunk.shape[:-2], 1, -1), chunk], dim=-2), dim=-2)


def jitter(path: np.ndarray) -> float:
    """95th percentile of the size of the second difference over frames, of (frames,) or (frames, channels); never 0."""
    return max(float(np.percentile(np.abs(np.diff(path, 2, axis=0)), 95)), 1e-6)
