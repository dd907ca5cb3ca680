"""Configuration of the training runs: frozen dataclasses, filled from a YAML file, checked once."""

import dataclasses
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml

from visavis.motion.encoder import EncoderSpec


@dataclass(frozen=True)
class LoopConfig:
    """What every run needs. save_minutes: wall time between checkpoints. The learning rate falls as a cosine from ``learning_rate`` to
    ``final_rate`` times it. begin_with: output folder of another run, whose averaged weights this one starts from, or ``shipped`` (face
    only) for those that come with visavis; empty starts anew.
    """

    steps: int
    batch: int
    learning_rate: float
    warmup_steps: int = 100
    final_rate: float = 0.05
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    average_decay: float = 0.999
    save_minutes: float = 2.0
    log_steps: int = 20
    threads: int = 1
    device: str = "cpu"
    seed: int = 0
    begin_with: str = ""

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.log_steps, self.threads) < 1:
            raise ValueError("steps, batch, log_steps and threads must be at least 1")
        if not 0 <= self.average_decay < 1:
            raise ValueError(f"average_decay must be in [0, 1), got {self.average_decay}")


@dataclass(frozen=True)
class EncoderTraining:
    """The audio encoder's run. crop_seconds: length of a training crop; lip_weight: loss weight of P, B and M against other phones.
    whisper: name of the store's asset (or path) with the Whisper weights that it begins with; empty begins
    anew. whisper_weight: loss weight of how far its layers are from Whisper's; naming_share: by how much the naming of phones moves the
    layers that began with Whisper."""

    corpus: str
    output: str
    loop: LoopConfig
    spec: EncoderSpec
    crop_seconds: float = 3.0
    lip_weight: float = 2.0
    dropout: float = 0.1
    whisper: str = ""
    whisper_weight: float = 1.0
    naming_share: float = 0.1


@dataclass(frozen=True)
class FaceTraining:
    """The face model's run.

    encoder: exported encoder (.onnx) whose output is the conditioning, or the folder of a model of transformers. copies:
    readings of each utterance, each disturbed once more than the one before it, the first not at all.
    noise_draws: diffusion times tried for each context. past_noise, past_dropout: how the past motion is spoilt, so that roll-out does
    not drift. past_swapped: share of windows whose past mouth is another window's, from where it comes home.
    closed_weight: extra loss weight of the lip channels where lips are closed in speech. style_dropout: share of windows
    with the null style.
    silence_share: seconds of idle for each second of corpus.
    """

    corpus: str
    output: str
    encoder: str
    loop: LoopConfig
    chunk: int = 3
    past: int = 16
    future: int = 2
    width: int = 160
    heads: int = 5
    context_layers: int = 2
    denoiser_layers: int = 4
    style: int = 6
    copies: int = 2
    noise_draws: int = 4
    past_noise: float = 0.1
    past_dropout: float = 0.3
    past_swapped: float = 0.15
    audio_dropout: float = 0.05
    style_dropout: float = 0.5
    closed_weight: float = 3.0
    velocity_weight: float = 1.0
    event_weight: float = 0.3
    gap_weight: float = 1.0
    silence_share: float = 0.15


@dataclass(frozen=True)
class BodyTraining:
    """The body model's run.

    copies: readings of each utterance, the first clean, the others noisy. noise_draws: diffusion times tried for each context. past_away:
    how far, in standard deviations, the past is moved, so that roll-out learns to come back. face_dropout, sound_dropout: share of
    windows without. silence_share: seconds of idle for each second of corpus.
    """

    corpus: str
    output: str
    loop: LoopConfig
    chunk: int = 3
    past: int = 12
    future: int = 4
    width: int = 96
    heads: int = 4
    context_layers: int = 2
    denoiser_layers: int = 2
    copies: int = 2
    noise_draws: int = 2
    past_away: float = 0.8
    face_dropout: float = 0.1
    sound_dropout: float = 0.02
    velocity_weight: float = 1.0
    jerk_weight: float = 0.5
    plan_weight: float = 0.3
    silence_share: float = 0.15


@dataclass(frozen=True)
class RefineTraining:
    """The run of the face refinement.

    moves: movements of each photo of a batch. neutral_share: share of photos that show the calm face. light: spread of slopes of light put
    over a photo; softness: most it is blurred, pixels; noise: most noise, all in logarithms of colour. dropout: share of what was seen in
    the photo that is hidden. motion_noise: share by which the movement is wrong.
    """

    corpus: str
    output: str
    loop: LoopConfig
    features: int = 32
    width: int = 32
    moves: int = 3
    neutral_share: float = 0.6
    light: float = 0.1
    softness: float = 1.3
    noise: float = 0.01
    dropout: float = 0.1
    motion_noise: float = 0.25
    validate_steps: int = 100


Config = TypeVar("Config")


def load_config(path: Path, kind: type[Config]) -> Config:
    """``kind`` filled from the YAML file ``path``; ValueError names the key that is unknown or missing."""
    content = yaml.safe_load(path.read_text())
    try:
        return _fill(kind, content)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def _fill(kind: type[Any], content: Any) -> Any:
    if not isinstance(content, dict):
        raise ValueError(f"{kind.__name__} needs a mapping of names to values, got {content!r}")
    known = {field.name: field for field in fields(kind)}
    if unknown := sorted(set(content) - set(known)):
        raise ValueError(f"{kind.__name__} has no setting {', '.join(unknown)}: it has {', '.join(known)}")
    values = {}
    for name, value in content.items():
        declared = known[name].type
        if dataclasses.is_dataclass(declared):
            value = _fill(declared, value)  # type: ignore[arg-type]
        elif isinstance(value, list):
            value = tuple(value)
        elif declared is float and isinstance(value, int):
            value = float(value)
        values[name] = value
    return kind(**values)
