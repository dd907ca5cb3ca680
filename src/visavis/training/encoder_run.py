"""Trains the audio encoder to name the phone spoken ``delay_steps`` ago, on disturbed synthetic speech. Where it begins with Whisper, each
layer also learns to come near to what the same layer of Whisper, which hears the whole piece undisturbed, makes of it: so it
keeps what Whisper knows of real voices (Hinton et al. 2015)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visavis.motion.encoder import STEPS_PER_FRAME, EncoderSpec
from visavis.motion.features import (
    LOWEST_LEVEL_DB,
    MEL_RATE,
    MELS_PER_FRAME,
    heard_features,
    utterance_energies,
)
from visavis.motion.phones import LIPS_CLOSED, PHONE_INDEX, PHONES, SILENCE
from visavis.store import asset_path
from visavis.timing import FRAME_RATE, SAMPLE_RATE
from visavis.training.config import EncoderTraining
from visavis.training.corpus import Utterance, phone_at, read_corpus
from visavis.training.encoder_net import AudioEncoder, begin_with_whisper, distance_from, measure_distances
from visavis.training.loop import Losses, Metrics, train
from visavis.training.mel_augment import Energies, disturb, mask, nobody, play, revoice

STEP_RATE = STEPS_PER_FRAME * FRAME_RATE
SILENT_SHARE = 0.04
"""Share of training crops in which nobody speaks."""

UNDISTURBED_SHARE = 0.15

HELD_OUT = 12
"""Utterances of the validation split that are read, clean and disturbed, in each exam."""

LIP_CLASSES = [PHONE_INDEX[name] for name in LIPS_CLOSED]


def train_encoder(config: EncoderTraining, stop_at: int | None = None) -> nn.Module:
    """Runs or resumes the training; returns the averaged network. Reads the corpus anew at each start, so it may grow between two."""
    utterances = read_corpus(Path(config.corpus), "train", with_motion=False)
    held_out = read_corpus(Path(config.corpus), "val", with_motion=False)[:HELD_OUT]
    minutes = sum(len(u.samples) for u in utterances) / SAMPLE_RATE / 60
    print(f"{len(utterances)} utterances, {minutes:.1f} min, {len({u.voice for u in utterances})} voices")
    speech = Speech(utterances)
    generator = np.random.default_rng(0)
    exam_speech = Speech(held_out)
    exam = [exam_speech.whole(index, generator, disturbed) for index in range(len(held_out)) for disturbed in (False, True)]
    torch.manual_seed(config.loop.seed)
    network = AudioEncoder(config.spec, config.dropout)
    whisper = None
    if config.whisper:
        path = Path(config.whisper) if Path(config.whisper).exists() else asset_path(config.whisper)
        whisper = begin_with_whisper(network, path)
        clean = [speech.crop(config.crop_seconds, generator).clean for _ in range(2 * config.loop.batch)]
        measure_distances(network, whisper, torch.from_numpy(np.stack(clean)))
        whisper.to(config.loop.device)
    place = network.place.detach().clone().to(config.loop.device)
    weight = torch.ones(len(PHONES))
    weight[LIP_CLASSES] = config.lip_weight
    weight[PHONE_INDEX[SILENCE]] = 0.5

    def losses(network: nn.Module, generator: np.random.Generator) -> Losses:
        assert isinstance(network, AudioEncoder)
        crops = [speech.crop(config.crop_seconds, generator) for _ in range(config.loop.batch)]
        features = torch.from_numpy(np.stack([mask(crop.heard, generator) for crop in crops])).to(config.loop.device)
        labels = torch.from_numpy(np.stack([crop.labels for crop in crops])).to(config.loop.device)
        given, _ = network.hear(features, network.initial_state(len(crops)))
        last = given[-1]
        if whisper is not None:
            # the names of phones teach the layers less than Whisper does
            last = last.detach() + config.naming_share * (last - last.detach())
        told, truth = _in_step(network.name(last), labels, config.spec)
        naming = nn.functional.cross_entropy(told.flatten(0, 1), truth.flatten(), weight=weight.to(told.device), label_smoothing=0.03)
        parts = {"total": naming, "accuracy": (told.argmax(-1) == truth).float().mean()}
        if whisper is not None:
            clean = whisper.hear(torch.from_numpy(np.stack([crop.clean for crop in crops])).to(config.loop.device))
            parts["apart"] = distance_from(given, whisper, clean, place, config.spec.ahead)
            parts["total"] = naming + config.whisper_weight * parts["apart"]
        return parts

    def validate(network: nn.Module) -> Metrics:
        return examine(network, config.spec, exam)

    return train(network, config.loop, Path(config.output), losses, validate, stop_at=stop_at)


@dataclass(frozen=True)
class Crop:
    """heard, clean: features (mel frames, HEARD_VALUES), disturbed and not; labels: (steps,)."""

    heard: NDArray[np.float32]
    clean: NDArray[np.float32]
    labels: NDArray[np.int64]


class Speech:
    """Utterances as energies, from which disturbed pieces are cut."""

    def __init__(self, utterances: list[Utterance]) -> None:
        self.utterances = utterances
        self.energies = [Energies(*utterance_energies(u.samples)) for u in utterances]
        lengths = np.array([len(energies) for energies in self.energies], np.float64)
        self.shares = lengths / lengths.sum()

    def crop(self, seconds: float, generator: np.random.Generator) -> "Crop":
        """A random piece at a random tempo. It may begin before its utterance and end after it, so pauses are heard as well."""
        frames = round(seconds * FRAME_RATE)
        mels, steps = frames * MELS_PER_FRAME, frames * STEPS_PER_FRAME
        if generator.random() < SILENT_SHARE:
            silence = _heard_midway(nobody(mels, generator), generator)
            return Crop(silence, silence, np.full(steps, PHONE_INDEX[SILENCE], np.int64))
        pick = int(generator.choice(len(self.utterances), p=self.shares))
        factor = generator.uniform(0.78, 1.28) if generator.random() < 0.75 else 1.0
        source = int(mels * factor)
        slack = len(self.energies[pick]) - source
        start = int(generator.integers(min(0, slack) - source // 8, max(0, slack) + source // 8 + 1))
        spoken = revoice(play(self.energies[pick], start, factor, mels), generator)
        piece = spoken
        if generator.random() > UNDISTURBED_SHARE:
            piece = disturb(spoken, lambda: self._anything(mels, generator), generator)
        times = start / MEL_RATE + (np.arange(steps) + 0.5) / STEP_RATE * factor
        clean = heard_features(spoken.bands, spoken.loudness)
        return Crop(_heard_midway(piece, generator), clean, phone_at(self.utterances[pick], times))

    def whole(self, index: int, generator: np.random.Generator, disturbed: bool) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Features and labels of a whole utterance."""
        energies = self.energies[index]
        if disturbed:
            energies = disturb(revoice(energies, generator), lambda: self._anything(len(energies), generator), generator)
        steps = len(energies) // MELS_PER_FRAME * STEPS_PER_FRAME
        times = (np.arange(steps) + 0.5) / STEP_RATE
        return heard_features(energies.bands, energies.loudness), phone_at(self.utterances[index], times)

    def _anything(self, mels: int, generator: np.random.Generator) -> Energies:
        energies = self.energies[generator.integers(len(self.energies))]
        return play(energies, int(generator.integers(max(1, len(energies) - mels))), 1.0, mels)


def _heard_midway(energies: Energies, generator: np.random.Generator) -> NDArray[np.float32]:
    """Features of a piece, half of the time as the beginning of a stream, else with a running level of some time before."""
    if generator.random() < 0.5:
        return heard_features(energies.bands, energies.loudness)
    level = float(np.clip(np.percentile(energies.loudness, 90) + generator.uniform(-6, 5), LOWEST_LEVEL_DB, 0))
    return heard_features(energies.bands, energies.loudness, level)


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


def _in_step(logits: Tensor, labels: Tensor, spec: EncoderSpec) -> tuple[Tensor, Tensor]:
    """Pairs step i of the output with the label of step i - delay."""
    return logits[:, spec.delay_steps :], labels[:, : labels.shape[1] - spec.delay_steps]
