"""The face model's training data: every utterance's encoder output and teacher motion, in flat arrays from which windows are cut by
index.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.data.heard_mouth import heard_mouth_curves, lips_heard_closed
from visavis.data.mouth import mouth_curves
from visavis.data.phones import Phone
from visavis.data.prosody import analyse
from visavis.data.teacher import item_style, teach
from visavis.motion.encoder import HOP_FRAMES, STEPS_PER_FRAME, EncoderSpec, initial_encoder_state
from visavis.motion.encoder import hear_all as hear_stream
from visavis.motion.face_model import FaceSpec, to_inner
from visavis.motion.features import MELS_PER_FRAME, heard_features, utterance_energies
from visavis.motion.layout import ARKIT_NAMES
from visavis.motion.phones import LIPS_CLOSED, PHONE_INDEX, PHONES, SILENCE
from visavis.motion.style_clip import measure_style
from visavis.motion.styles import STYLE_VALUES
from visavis.motion.wave_encoder import WaveEncoder
from visavis.timing import FRAME_RATE, SAMPLE_RATE, frame_to_sample, frames_in
from visavis.training.config import FaceTraining
from visavis.training.corpus import Utterance, phone_at
from visavis.training.mel_augment import Energies, disturb, play, revoice
from visavis.training.room_tone import room_tone
from visavis.types import Engine

SILENT_SECONDS = 30.0
SETTLE_SECONDS = 1.0
"""Time constant with which slow channels come from rest, or from where roll-out took them, back to the teacher's path."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Windows:
    """A batch. sound: (b, window, audio); motion: (b, past + chunk, values); closed: (b, chunk), lips closed by a phone; style: (b,
    style).
    """

    sound: Array
    motion: Array
    closed: NDArray[np.bool_]
    style: Array


class FaceData:
    """Utterances laid end to end, each after ``past`` frames of rest; every reading of them with the motion that belongs to it.

    heard_mouth: the mouth does what is heard (``heard_faces``), not what was said.
    """

    def __init__(
        self, spec: FaceSpec, utterances: list[Utterance], sounds: list[list[NDArray[np.float16]]], styles: Array, heard_mouth: bool
    ) -> None:
        self.spec = spec
        self.styles = styles
        self.lengths = [min(len(u.face), len(u.head), *map(len, versions)) for u, versions in zip(utterances, sounds, strict=True)]
        self.bases = np.cumsum([spec.past + length for length in self.lengths]) - self.lengths
        copies, total = len(sounds[0]), int(self.bases[-1]) + self.lengths[-1]
        self.sound = np.zeros((copies, total, spec.audio), np.float16)
        self.motion = np.zeros((copies, total, spec.values), np.float32)
        self.closed = np.zeros((copies, total), bool)
        for utterance, base, frames, versions in zip(utterances, self.bases, self.lengths, sounds, strict=True):
            here = slice(base, base + frames)
            self.sound[:, here] = [version[:frames] for version in versions]
            faces, self.closed[:, here] = heard_faces(utterance, frames, versions) if heard_mouth else said_faces(utterance, frames, copies)
            self.motion[:, here] = [from_rest(spec, to_inner(spec, face, utterance.head[:frames])) for face in faces]
        usable = np.maximum(np.array(self.lengths) - spec.chunk - spec.future + 1, 0)
        self.shares = usable / usable.sum()
        self.usable = usable

    def draw(self, count: int, generator: np.random.Generator) -> Windows:
        picks = generator.choice(len(self.bases), count, p=self.shares)
        firsts = self.bases[picks] + (generator.random(count) * self.usable[picks]).astype(int)
        index = firsts[:, None] + np.arange(-self.spec.past, self.spec.chunk + self.spec.future)
        copies = generator.integers(0, len(self.sound), count)
        known = self.spec.past + self.spec.chunk
        return Windows(
            sound=self.sound[copies[:, None], index].astype(np.float32),
            motion=self.motion[copies[:, None], index[:, :known]],
            closed=self.closed[copies[:, None], index[:, self.spec.past : known]],
            style=self.styles[picks],
        )


def idle_share(utterances: list[Utterance], share: float) -> list[Utterance]:
    """As much idle as belongs to the utterances of a training: ``share`` of their length."""
    seconds = sum(len(u.samples) for u in utterances) / SAMPLE_RATE
    return silent_utterances(round(seconds * share / SILENT_SECONDS), SILENT_SECONDS)


def silent_utterances(count: int, seconds: float) -> list[Utterance]:
    """Idle: room tone in which nobody speaks, with the teacher's blinks, glances and head motion."""
    utterances = []
    for index in range(count):
        samples = room_tone(round(seconds * SAMPLE_RATE), np.random.default_rng([index, 5]))
        motion = teach(samples, (Phone(SILENCE, 0.0, seconds),), seed=1_000_000 + index)
        silence = np.array([PHONE_INDEX[SILENCE]])
        times = np.array([0.0]), np.array([seconds])
        utterances.append(Utterance(f"silence{index:03d}", "nobody", "train", samples, silence, *times, motion.face, motion.head))
    return utterances


def from_rest(spec: FaceSpec, inner: Array) -> Array:
    """The slow channels bent at the start so that they leave from rest, as a stream does."""
    fade = np.exp(-np.arange(len(inner)) / (SETTLE_SECONDS * FRAME_RATE))[:, None]
    bent = np.where(spec.slow, inner - inner[:1] * fade, inner)
    bent[:, : len(spec.shapes)] = np.clip(bent[:, : len(spec.shapes)], 0, 1)
    return bent.astype(np.float32)


def posteriors(sound: NDArray[Any]) -> NDArray[Any]:
    """View of the chances of the phones in encoder output (..., frames, audio): (..., frames, steps a frame, phones)."""
    return sound.reshape(*sound.shape[:-1], STEPS_PER_FRAME, -1)[..., : len(PHONES)]


def said_faces(utterance: Utterance, frames: int, copies: int) -> tuple[list[Array], list[NDArray[np.bool_]]]:
    """For each of ``copies`` readings the teacher's face (frames, 52), whatever was heard, and where P, B or M is said (frames,)."""
    return [utterance.face[:frames]] * copies, [lips_closed(utterance, frames)] * copies


def heard_faces(utterance: Utterance, frames: int, readings: list[NDArray[np.float16]]) -> tuple[list[Array], list[NDArray[np.bool_]]]:
    """For each reading (frames, audio) the teacher's face (frames, 52) with a mouth that does what was heard, and where P, B or M was
    heard (frames,). Films of people, whose phones nobody knows, keep their own mouth."""
    chances = [posteriors(reading[:frames].astype(np.float64)) for reading in readings]
    closed = [np.asarray(lips_heard_closed(heard).any(axis=1)) for heard in chances]
    face = utterance.face[:frames]
    if not len(utterance.phones):
        return [face] * len(readings), closed
    prosody, style = analyse(utterance.samples, utterance.spoken), item_style(utterance.name).mouth
    rest_of_face = face - mouth_curves(utterance.spoken, prosody, frames, style)
    steps_a_second = STEPS_PER_FRAME * FRAME_RATE
    mouths = [heard_mouth_curves(heard.reshape(-1, len(PHONES)), steps_a_second, prosody, frames, style) for heard in chances]
    return [np.clip(rest_of_face + mouth, 0, 1).astype(np.float32) for mouth in mouths], closed


def lips_closed(utterance: Utterance, frames: int) -> NDArray[np.bool_]:
    """Frames whose middle lies in a P, B or M, or in whose middle third of a longer one: (frames,)."""
    labels = phone_at(utterance, (np.arange(frames) + 0.5) / FRAME_RATE)
    return np.asarray(np.isin(labels, [PHONE_INDEX[name] for name in LIPS_CLOSED]))


def moving_shapes(utterances: list[Utterance]) -> tuple[str, ...]:
    """The shapes that the teacher ever uses."""
    most = np.max([np.ptp(u.face, axis=0) for u in utterances], axis=0)
    return tuple(name for name, spread in zip(ARKIT_NAMES, most, strict=True) if spread > 1e-3)


def make_spec(config: FaceTraining, audio: int, utterances: list[Utterance]) -> FaceSpec:
    """The spec of a new model that hears ``audio`` values a frame, with scales measured on the corpus."""
    shapes = moving_shapes(utterances)
    count = len(shapes) + 6
    unscaled = FaceSpec(
        shapes=shapes,
        chunk=config.chunk,
        past=config.past,
        future=config.future,
        audio=audio,
        style=len(STYLE_VALUES),
        width=config.width,
        heads=config.heads,
        context_layers=config.context_layers,
        denoiser_layers=config.denoiser_layers,
        mean=(0.0,) * count,
        scale=(1.0,) * count,
        change_scale=(1.0,) * count,
    )
    paths = [to_inner(unscaled, u.face, u.head) for u in utterances]
    together = np.concatenate(paths)
    change = np.concatenate([path[config.chunk :] - path[: -config.chunk] for path in paths])
    smallest = np.array([0.01] * len(shapes) + [0.1] * 3 + [1e-4] * 3)
    values = {
        "mean": together.mean(axis=0),
        "scale": np.maximum(together.std(axis=0), smallest),
        "change_scale": np.maximum(change.std(axis=0), smallest / 4),
    }
    return FaceSpec(**{**vars(unscaled), **{name: tuple(round(float(v), 6) for v in value) for name, value in values.items()}})


def measure_styles(utterances: list[Utterance]) -> Array:
    """How much each utterance does of each ``STYLE_VALUES``: see ``measure_style``; as z-scores over the corpus, held in -3..3."""

    table = np.array([measure_style(u.face, u.head) for u in utterances])
    return np.clip((table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 1e-6), -3, 3).astype(np.float32)


def hear(encoder: Engine, spec: EncoderSpec, energies: Energies) -> NDArray[np.float16]:
    """Encoder output of a whole utterance, aligned to the video frames it describes: float16 (frames, spec.frame_features). The energies
    reach ``spec.delay_frames`` beyond its end.
    """
    features = heard_features(energies.bands, energies.loudness)
    frames = len(features) // MELS_PER_FRAME - spec.delay_frames
    state, told, hop = initial_encoder_state(spec), [], HOP_FRAMES * MELS_PER_FRAME
    features = np.concatenate([features, np.repeat(features[-1:], -len(features) % hop, axis=0)])
    for start in range(0, len(features), hop):
        output = encoder.run({"features": features[None, start : start + hop], "state": state})
        state = output["next_state"]
        told.append(output["encoded"].reshape(HOP_FRAMES, spec.frame_features))
    return np.concatenate(told)[spec.delay_frames :][:frames].astype(np.float16)


def hear_all(
    encoder: Engine, spec: EncoderSpec, fingerprint: str, utterances: list[Utterance], copies: int, cache: Path
) -> list[list[NDArray[np.float16]]]:
    """``copies`` readings of each utterance, the first clean, the second disturbed as a real voice is, each further one once more; kept in
    ``cache`` by encoder and utterance.

    On voices like those it was trained on the encoder is nearly always right: 92 of 100 steps in clean readings and 86 in those that are
    disturbed once, but 63 in those that are disturbed three times, as often and as surely as on real voices (65, `visavis eval phones`).
    """
    cache.mkdir(parents=True, exist_ok=True)
    heard = []
    for index, utterance in enumerate(utterances):
        key = hashlib.sha256(f"{fingerprint} {copies} more and more {utterance.name} {len(utterance.samples)}".encode()).hexdigest()[:24]
        path = cache / f"{key}.npy"
        if not path.exists():
            generator = np.random.default_rng(int(key[:8], 16))
            energies = _energies(utterance, spec)
            other = _energies(utterances[index - 1], spec)

            def talker(other: Energies = other, length: int = len(energies)) -> Energies:
                return play(other, 0, len(other) / length, length)

            versions = [energies, *(_disturbed(energies, times, talker, generator) for times in range(1, copies))]
            partial = path.with_suffix(".part.npy")
            np.save(partial, np.stack([hear(encoder, spec, version) for version in versions]))
            partial.replace(path)
        heard.append(list(np.load(path)))
    return heard


def _disturbed(energies: Energies, times: int, talker: Callable[[], Energies], generator: np.random.Generator) -> Energies:
    energies = revoice(energies, generator)
    for _ in range(times):
        energies = disturb(energies, talker, generator)
    return energies


def hear_waves(
    encoder: WaveEncoder, fingerprint: str, utterances: list[Utterance], copies: int, cache: Path
) -> list[list[NDArray[np.float16]]]:
    """``hear_all`` by an encoder that hears samples: as the stream will be heard, window by window. Disturbed readings are louder or softer
    and noisy."""
    cache.mkdir(parents=True, exist_ok=True)
    heard = []
    for utterance in utterances:
        key = hashlib.sha256(f"{fingerprint} {encoder.spec} {copies} {utterance.name} {len(utterance.samples)}".encode()).hexdigest()[:24]
        path = cache / f"{key}.npy"
        if not path.exists():
            generator = np.random.default_rng(int(key[:8], 16))
            versions = [utterance.samples] + [_noisy(utterance.samples, generator) for _ in range(copies - 1)]
            frames = frames_in(len(utterance.samples))
            partial = path.with_suffix(".part.npy")
            np.save(partial, np.stack([hear_stream(encoder, version, frames) for version in versions]).astype(np.float16))
            partial.replace(path)
        heard.append(list(np.load(path)))
    return heard


def _noisy(samples: NDArray[np.int16], generator: np.random.Generator) -> NDArray[np.int16]:
    """At another level, with white noise 10 to 35 dB under the speech."""
    wave = samples.astype(np.float64) * 10 ** (generator.uniform(-10, 6) / 20)
    size = np.sqrt(np.mean(wave**2)) * 10 ** (-generator.uniform(10, 35) / 20)
    return np.clip(wave + size * generator.standard_normal(len(wave)), -32768, 32767).astype(np.int16)


def _energies(utterance: Utterance, spec: EncoderSpec) -> Energies:
    """With as much silence behind it as the encoder is late."""
    late = np.zeros(frame_to_sample(3 * (spec.delay_frames + 1)), np.int16)
    return Energies(*utterance_energies(np.concatenate([utterance.samples, late])))
