"""Trains the audio encoder to name the phone spoken ``delay_steps`` ago, on disturbed synthetic speech."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visavis.motion.encoder import STEPS_PER_FRAME, EncoderSpec
from visavis.motion.features import (
    BANDS,
    HIGHEST_HZ,
    INITIAL_LEVEL_DB,
    LOWEST_HZ,
    LOWEST_LEVEL_DB,
    MELS_PER_FRAME,
    hz_to_mel,
    mel_to_hz,
    utterance_features,
)
from visavis.motion.phones import LIPS_CLOSED, PHONE_INDEX, PHONES, SILENCE
from visavis.timing import FRAME_RATE, SAMPLE_RATE, frame_to_sample
from visavis.training import augment
from visavis.training.config import EncoderTraining
from visavis.training.corpus import Utterance, phone_at, read_corpus
from visavis.training.encoder_net import AudioEncoder
from visavis.training.loop import Losses, Metrics, train

STEP_RATE = STEPS_PER_FRAME * FRAME_RATE
SILENT_SHARE = 0.05
"""Share of training crops in which nobody speaks."""

LIP_CLASSES = [PHONE_INDEX[name] for name in LIPS_CLOSED]


def train_encoder(config: EncoderTraining, stop_at: int | None = None) -> nn.Module:
    """Runs or resumes the training; returns the averaged network. Reads the corpus anew at each start, so it may grow between two."""
    utterances = read_corpus(Path(config.corpus), "train", with_motion=False)
    held_out = read_corpus(Path(config.corpus), "val", with_motion=False)[:40]
    hours = sum(len(u.samples) for u in utterances) / SAMPLE_RATE / 3600
    print(f"{len(utterances)} utterances, {hours:.2f} h, {len({u.voice for u in utterances})} voices")
    torch.manual_seed(config.loop.seed)
    network = AudioEncoder(config.spec, config.dropout)
    lengths = np.array([len(u.samples) for u in utterances], np.float64)
    shares = lengths / lengths.sum()
    weight = torch.ones(len(PHONES))
    weight[LIP_CLASSES] = config.lip_weight
    weight[PHONE_INDEX[SILENCE]] = 0.5
    generator = np.random.default_rng(0)
    exam = [_whole(u, generator, disturbed) for u in held_out for disturbed in (False, True)]

    def losses(network: nn.Module, generator: np.random.Generator) -> Losses:
        picks = generator.choice(len(utterances), config.loop.batch, p=shares)
        crops = [crop(utterances[pick], config.crop_seconds, generator) for pick in picks]
        features = torch.from_numpy(np.stack([features for features, _ in crops])).to(config.loop.device)
        labels = torch.from_numpy(np.stack([labels for _, labels in crops])).to(config.loop.device)
        logits, _ = network(_mask(features, generator), network.initial_state(len(crops)))  # type: ignore[operator]
        told, truth = _in_step(logits, labels, config.spec)
        loss = nn.functional.cross_entropy(told.flatten(0, 1), truth.flatten(), weight=weight.to(told.device), label_smoothing=0.05)
        return {"total": loss, "accuracy": (told.argmax(-1) == truth).float().mean()}

    def validate(network: nn.Module) -> Metrics:
        return examine(network, config.spec, exam)

    return train(network, config.loop, Path(config.output), losses, validate)


def crop(utterance: Utterance, seconds: float, generator: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """A random disturbed piece: features (mel frames, FEATURES) and labels (steps,), padded with room tone where the utterance is
    shorter.
    """
    frames = round(seconds * FRAME_RATE)
    factor = generator.uniform(0.84, 1.2) if generator.random() < 0.7 else 1.0
    wanted = frame_to_sample(frames)
    source = int(wanted * factor) + 2
    # may begin before and end after the utterance, so pauses are heard as well
    slack = len(utterance.samples) - source
    start = int(generator.integers(min(0, slack) - source // 8, max(0, slack) + source // 8 + 1))
    # mid-stream the running level is whatever the seconds before have made of it
    level = generator.uniform(LOWEST_LEVEL_DB, -15) if generator.random() < 0.5 else INITIAL_LEVEL_DB
    if generator.random() < SILENT_SHARE:
        tone = augment.room_tone(wanted, generator)
        return utterance_features(augment.to_int16(tone), level), np.full(frames * STEPS_PER_FRAME, PHONE_INDEX[SILENCE], np.int64)
    speech = _piece(utterance.samples, start, source)
    speech = augment.resample_speaker(speech, factor)[:wanted]
    speech = augment.disturb(speech, generator) if generator.random() < 0.92 else speech
    times = start / SAMPLE_RATE + (np.arange(frames * STEPS_PER_FRAME) + 0.5) / STEP_RATE * factor
    features = utterance_features(augment.to_int16(speech), level)
    features[:, :BANDS] = warp_bands(features[:, :BANDS], generator.uniform(0.86, 1.16))
    return features, phone_at(utterance, times)


def warp_bands(bands: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Bands (mel frames, BANDS) of a vocal tract ``factor`` times as short, at the same pitch and tempo (Jaitly and Hinton 2013, VTLP)."""
    lowest, highest = hz_to_mel(np.array([LOWEST_HZ, HIGHEST_HZ])).tolist()
    mel = np.linspace(lowest, highest, BANDS + 2)[1:-1]
    source = np.interp(hz_to_mel(mel_to_hz(mel) / factor), mel, np.arange(BANDS))
    below = np.minimum(source.astype(int), BANDS - 2)
    share = (source - below).astype(np.float32)
    return bands[:, below] * (1 - share) + bands[:, below + 1] * share


def examine(network: nn.Module, spec: EncoderSpec, exam: list[tuple[NDArray[np.float32], NDArray[np.int64]]]) -> Metrics:
    """Share of steps named rightly in speech, and recall and precision of the closed-lips phones over steps."""
    right = steps = hit = lips = called = 0
    for features, labels in exam:
        logits, _ = network(torch.from_numpy(features)[None], network.initial_state(1))  # type: ignore[operator]
        told, truth = _in_step(logits, torch.from_numpy(labels)[None], spec)
        guess, answer = told[0].argmax(-1).numpy(), truth[0].numpy()
        speech = answer != PHONE_INDEX[SILENCE]
        right += int((guess == answer)[speech].sum())
        steps += int(speech.sum())
        closed, said = np.isin(answer, LIP_CLASSES), np.isin(guess, LIP_CLASSES)
        hit += int((closed & said).sum())
        lips += int(closed.sum())
        called += int(said.sum())
    return {"accuracy": right / max(steps, 1), "lips_recall": hit / max(lips, 1), "lips_precision": hit / max(called, 1)}


def _whole(utterance: Utterance, generator: np.random.Generator, disturbed: bool) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    speech = augment.to_float(utterance.samples)
    features = utterance_features(augment.to_int16(augment.disturb(speech, generator) if disturbed else speech))
    steps = len(features) // MELS_PER_FRAME * STEPS_PER_FRAME
    return features, phone_at(utterance, (np.arange(steps) + 0.5) / STEP_RATE)


def _piece(samples: NDArray[np.int16], start: int, length: int) -> NDArray[np.float32]:
    """samples[start : start + length] as float, zeros outside."""
    piece = np.zeros(length, np.float32)
    first, last = max(start, 0), min(start + length, len(samples))
    if last > first:
        piece[first - start : last - start] = augment.to_float(samples[first:last])
    return piece


def _in_step(logits: Tensor, labels: Tensor, spec: EncoderSpec) -> tuple[Tensor, Tensor]:
    """Pairs step i of the output with the label of step i - delay."""
    return logits[:, spec.delay_steps :], labels[:, : labels.shape[1] - spec.delay_steps]


def _mask(features: Tensor, generator: np.random.Generator) -> Tensor:
    """SpecAugment (Park et al. 2019): blanks a few bands and short stretches of each crop."""
    features = features.clone()
    for row in features:
        for _ in range(2):
            low, size = int(generator.integers(0, BANDS - 4)), int(generator.integers(0, 9))
            row[:, low : min(low + size, BANDS)] = row[:, :BANDS].mean()
        if generator.random() < 0.5:
            start, size = int(generator.integers(0, len(row))), int(generator.integers(1, 14))
            row[start : start + size, :BANDS] = row[:, :BANDS].mean()
    return features
