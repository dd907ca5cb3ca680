"""Trains the body diffusion model on what it hears, the teacher's face and head, and the teacher's body and hands."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import nn

from visavis.motion.body_model import BODY_VALUES, BodySpec, context_input, draw_luck, generate_body, glide, initial_body_state
from visavis.motion.body_sound import BODY_SOUND
from visavis.motion.layout import BODY_JOINTS, HEAD_ROTATION, head_rotation_from_euler, neutral_motion, rotation_to_6d
from visavis.motion.sampler import even_schedule
from visavis.runtime.motion import as_fields
from visavis.runtime.torch_engine import TorchEngine
from visavis.timing import FRAME_RATE
from visavis.training.body_data import BodyData, BodyWindows, Track, make_body_spec, read_tracks, silent_tracks
from visavis.training.body_net import BodyChances, BodyNet
from visavis.training.config import BodyTraining
from visavis.training.face_run import jitter
from visavis.training.loop import Losses, Metrics, train

SPEC_FILE = "body_spec.json"
SILENT_SECONDS = 30.0
AWAY_SECONDS = 0.2
"""Time constant with which a past that was moved away comes back to the teacher's path."""


def train_body(config: BodyTraining, stop_at: int | None = None) -> nn.Module:
    """Runs or resumes the training; returns the averaged network. The spec is fixed at the first start and kept beside the checkpoint."""
    output = Path(config.output)
    output.mkdir(parents=True, exist_ok=True)
    cache = output / "heard"
    tracks = read_tracks(Path(config.corpus), "train", config.copies, cache)
    held_out = read_tracks(Path(config.corpus), "val", config.copies, cache)[:4]
    frames = sum(len(track.inner) for track in tracks)
    tracks += silent_tracks(round(frames / FRAME_RATE * config.silence_share / SILENT_SECONDS), SILENT_SECONDS, config.copies)
    spec_path = output / SPEC_FILE
    if spec_path.exists():
        spec = read_body_spec(spec_path)
    else:
        spec = make_body_spec(config, tracks)
        spec_path.write_text(json.dumps(asdict(spec), indent=1))
    data = BodyData(spec, tracks)
    torch.manual_seed(config.loop.seed)
    network = BodyNet(spec)
    weights = sum(parameter.numel() for parameter in network.parameters())
    print(f"{len(tracks)} utterances, {len(data.inner)} frames, {weights} weights")

    emphasis = torch.from_numpy(np.sqrt(channel_weights()).astype(np.float32))

    def losses(network: nn.Module, generator: np.random.Generator) -> Losses:
        windows = data.draw(config.loop.batch, generator)
        window, clean = prepare(spec, config, windows, generator)
        draws = (len(window), config.noise_draws)
        times = generator.random(draws, np.float32)
        times = np.maximum(np.where(generator.random(draws) < 0.25, np.float32(1), times), np.float32(0.01))
        noise = torch.from_numpy(generator.standard_normal((*draws, spec.chunk, BODY_VALUES), np.float32))
        time = torch.from_numpy(times)
        angle = 0.5 * torch.pi * time[..., None, None]
        truth = torch.from_numpy(clean)[:, None]
        noisy = angle.cos() * truth + angle.sin() * noise
        told = (torch.from_numpy(values) for values in (windows.before, windows.after))
        guess, logits = network(torch.from_numpy(window), *told, noisy, time)
        error = (guess - truth) * emphasis
        # the error of the path itself is that of the difference to it: before the chunk it is nothing
        path = torch.cat([torch.zeros_like(error[..., :1, :]), torch.zeros_like(error[..., :1, :]), error], dim=-2)
        position = (error**2).mean()
        velocity = (torch.diff(path, dim=-2) ** 2).mean()
        jerk = (torch.diff(path, n=2, dim=-2) ** 2).mean()
        kind = nn.functional.cross_entropy(logits[:, :-1], torch.from_numpy(windows.kind))
        stroke = nn.functional.binary_cross_entropy_with_logits(logits[:, -1], torch.from_numpy(windows.strikes))
        total = position + config.velocity_weight * velocity + config.jerk_weight * jerk + config.plan_weight * (kind + stroke)
        return {"total": total, "position": position, "velocity": velocity, "jerk": jerk, "kind": kind, "stroke": stroke}

    def validate(network: nn.Module) -> Metrics:
        return examine(network, spec, held_out)

    return train(network, config.loop, output, losses, validate, validate_steps=2000, stop_at=stop_at)


def channel_weights() -> np.ndarray:
    """(BODY_VALUES,), 1 on average: an error of the upper arm moves the whole arm, one of a finger only its tip."""
    weights = np.ones(BODY_VALUES)
    for index, joint in enumerate(BODY_JOINTS):
        weights[3 * index : 3 * index + 3] = 4.0 if joint.endswith("upper_arm") else 2.5 if joint.endswith("lower_arm") else 1.0
    weights[3 * len(BODY_JOINTS) :] = 0.7
    return weights / weights.mean()


def prepare(spec: BodySpec, config: BodyTraining, windows: BodyWindows, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Moves the past as roll-out will, and scales. Returns the context's input and the diffused truth."""

    count = len(windows.motion)
    motion = windows.motion
    length = motion.shape[1]
    since = np.arange(length, dtype=np.float32)[:, None] / FRAME_RATE
    # somewhere else than the teacher, and on the way back since some moment of the past: roll-out learns to return from what it did wrong
    begun = (generator.random((count, 1, 1), np.float32) * 1.2 - 0.2) * (spec.past - 1) / FRAME_RATE
    elapsed = np.maximum(since - begun, 0) / AWAY_SECONDS
    back = (1 + elapsed) * np.exp(-elapsed)
    size = config.past_away * generator.random((count, 1, 1), np.float32) * (generator.random((count, 1, 1)) < 0.75)
    away = generator.standard_normal((count, 1, BODY_VALUES), np.float32) * np.asarray(spec.scale, np.float32) * size * back
    motion = (motion + away).astype(np.float32)
    past, chunk = motion[:, : spec.past], motion[:, spec.past :]
    scale = np.asarray(spec.change_scale, np.float32)
    clean = ((chunk - glide(spec, past[:, -2:])) / scale).astype(np.float32)
    sound = np.where(generator.random((count, 1, 1)) < config.sound_dropout, 0, windows.sound).astype(np.float32)
    face = np.where(generator.random((count, 1, 1)) < config.face_dropout, 0, windows.face)
    face = (face * generator.uniform(0.6, 1.2, (count, 1, 1))).astype(np.float32)
    return context_input(spec, sound, face, past), clean


def examine(network: nn.Module, spec: BodySpec, held_out: list[Track]) -> Metrics:
    """Rolls the model out over held-out utterances (its own motion as past) and compares what it does with what the teacher does."""
    context = TorchEngine(BodyChances(network.context), ("window", "condition"), ("memory", "chances"))  # type: ignore[arg-type]
    denoiser = TorchEngine(network.denoiser, ("noisy", "time", "condition", "memory"), ("clean",))  # type: ignore[arg-type]
    done, rests, strokes = [], [], 0
    for index, track in enumerate(held_out):
        motion, kinds, struck = roll_out(spec, context, denoiser, track, seed=index)
        done.append(motion)
        rests.append(kinds < 2)
        strokes += struck
    truth = np.concatenate([track.inner for track in held_out])
    guess = np.concatenate(done)
    minutes = len(truth) / FRAME_RATE / 60
    arms = slice(12, 30)
    return {
        "rest_share": float(np.concatenate(rests).mean()),
        "rest_share_teacher": float(np.mean(np.concatenate([track.kind for track in held_out]) < 2)),
        "strokes_a_minute": strokes / minutes,
        "strokes_a_minute_teacher": sum(int((track.stroke_age == 0).sum()) for track in held_out) / minutes,
        "spread_ratio": float(guess[:, arms].std(axis=0).mean() / truth[:, arms].std(axis=0).mean()),
        "jitter_ratio": jitter(guess[:, arms]) / jitter(truth[:, arms]),
    }


def roll_out(spec: BodySpec, context: TorchEngine, denoiser: TorchEngine, track: Track, seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Frames (n, BODY_VALUES), the kind under way in each, and the number of strokes, chunk after chunk as the stage does it."""
    state = initial_body_state(spec, spec.future)
    sound = np.concatenate([np.zeros((spec.past, BODY_SOUND), np.float32), track.sounds[0]])
    motion, kinds, strokes = [], [], 0
    for index, first in enumerate(range(0, len(track.inner) - spec.chunk - spec.future + 1, spec.chunk)):
        face = track.face[first : first + spec.chunk]
        given = neutral_motion(spec.chunk)
        given[:, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(*(10 * face[:, :3]).T))
        luck = draw_luck(spec, seed, index, 1.0)
        window = sound[first : first + spec.window]
        chunk, state = generate_body(spec, context, denoiser, state, window, given, 1.0, luck, even_schedule(4))
        motion.append(chunk)
        kinds += [state.kind] * spec.chunk
        strokes += state.stroke_age < spec.chunk
    return np.concatenate(motion), np.array(kinds), strokes


def read_body_spec(path: Path) -> BodySpec:
    return BodySpec(**as_fields(json.loads(path.read_text())))
