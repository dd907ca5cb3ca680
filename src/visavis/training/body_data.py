"""The body model's training data: what it hears, what the teacher's face and body do, and which gesture is under way, in flat arrays."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.data.body import BODY_TEACHER_VERSION, TaughtBody, at_rest, body_path, teach_body
from visavis.data.corpus import is_tracked, item_paths, motion_path
from visavis.data.gesture_kinds import KINDS
from visavis.data.phones import Phone
from visavis.motion.body_model import (
    AMPLITUDE_SPREAD,
    ARRIVED_SECONDS,
    BODY_VALUES,
    LONG_AGO,
    MAX_AMPLITUDE,
    BodySpec,
    condition,
    face_values,
    glide,
    to_inner,
)
from visavis.motion.body_sound import BODY_SOUND, body_sound, initial_body_sound
from visavis.motion.features import frame_features, initial_feature_state
from visavis.motion.layout import BODY, FACE, HEAD_POSITION, HEAD_ROTATION, LEFT_HAND, RIGHT_HAND, neutral_motion
from visavis.motion.phones import SILENCE
from visavis.timing import FRAME_RATE, SAMPLE_RATE, frame_to_sample, frames_in
from visavis.training.config import BodyTraining
from visavis.training.corpus import Utterance, read_utterance
from visavis.training.face_data import silent_utterances
from visavis.training.room_tone import room_tone

Array = NDArray[np.float32]

APEX_LEAD = 5
"""Frames before its apex at which a stroke begins for the model: the first frame of the teacher's six is still almost at rest."""
SETTLE_SECONDS = 1.0
"""Time constant with which a track comes from rest to the teacher's path."""
BEYOND = 0.03
"""Share of its range that a joint may go beyond what the corpus shows."""
SHALLOW = 0.004
"""Radians; channels that move less than this are scaled as if they moved so much."""


@dataclass(frozen=True)
class Track:
    """An utterance as the model meets it, a row a frame. sounds: readings (copies, n, BODY_SOUND); face: (n, FACE_VALUES); inner: (n,
    BODY_VALUES); kind, kind_age, stroke_age: (n,); code: (n, CODE); amplitude: standard deviations."""

    sounds: Array
    face: Array
    inner: Array
    kind: NDArray[np.int64]
    kind_age: NDArray[np.int64]
    stroke_age: NDArray[np.int64]
    code: Array
    amplitude: float


@dataclass(frozen=True)
class BodyWindows:
    """A batch. sound: (b, window, BODY_SOUND); face: (b, past + chunk, FACE_VALUES); motion: (b, past + chunk, BODY_VALUES); before, after:
    conditions at the chunk's beginning and end; kind: (b,) at its end; strikes: (b,) whether a stroke begins in it."""

    sound: Array
    face: Array
    motion: Array
    before: Array
    after: Array
    kind: NDArray[np.int64]
    strikes: Array


def inner_rest() -> Array:
    """(BODY_VALUES,) of a body at rest."""
    motion = at_rest(1)
    return to_inner(motion[:, BODY], motion[:, LEFT_HAND], motion[:, RIGHT_HAND])[0]


def from_rest(inner: Array) -> Array:
    """Frames (n, BODY_VALUES) bent at the start so that they leave from rest, as a stream does."""
    fade = np.exp(-np.arange(1, len(inner) + 1, dtype=np.float32) / (SETTLE_SECONDS * FRAME_RATE))[:, None]
    return (inner - fade * (inner[:1] - inner_rest())).astype(np.float32)


class BodyData:
    """Tracks laid end to end, each after ``past`` frames of rest."""

    def __init__(self, spec: BodySpec, tracks: list[Track]) -> None:
        self.spec = spec

        def lay(name: str, fill: float = 0.0) -> NDArray[Any]:
            rows = []
            for track in tracks:
                values = getattr(track, name)
                rows += [np.full((spec.past, *values.shape[1:]), fill, values.dtype), values]
            return np.concatenate(rows)

        lengths = np.array([len(track.inner) for track in tracks])
        self.bases = np.cumsum(lengths + spec.past) - lengths
        self.usable = np.maximum(lengths - spec.chunk - spec.future + 1, 0)
        self.shares = self.usable / self.usable.sum()
        copies = len(tracks[0].sounds)
        self.sounds = np.zeros((copies, int((lengths + spec.past).sum()), BODY_SOUND), np.float32)
        for base, length, track in zip(self.bases, lengths, tracks, strict=True):
            self.sounds[:, base : base + length] = track.sounds
        self.face, self.inner, self.code = lay("face"), lay("inner"), lay("code")
        for base in self.bases:
            self.inner[base - spec.past : base] = spec.rest
        self.kind = lay("kind")
        self.kind_age, self.stroke_age = lay("kind_age", LONG_AGO), lay("stroke_age", LONG_AGO)
        self.amplitude = np.repeat(np.array([track.amplitude for track in tracks], np.float32), lengths + spec.past)

    def draw(self, count: int, generator: np.random.Generator) -> BodyWindows:
        spec = self.spec
        picks = generator.choice(len(self.bases), count, p=self.shares)
        firsts = self.bases[picks] + (generator.random(count) * self.usable[picks]).astype(int)
        index = firsts[:, None] + np.arange(-spec.past, spec.chunk + spec.future)
        known = index[:, : spec.past + spec.chunk]
        copies = generator.integers(0, len(self.sounds), count)
        end = firsts + spec.chunk - 1
        return BodyWindows(
            sound=self.sounds[copies[:, None], index],
            face=self.face[known],
            motion=self.inner[known],
            before=self.told(firsts - 1),
            after=self.told(end),
            kind=self.kind[end].astype(np.int64),
            strikes=(self.stroke_age[end] < spec.chunk).astype(np.float32),
        )

    def told(self, at: NDArray[np.int64]) -> Array:
        return condition(self.spec, self.kind[at], self.kind_age[at], self.stroke_age[at], self.code[at], self.amplitude[at])


def read_tracks(folder: Path, split: str, copies: int, cache: Path) -> list[Track]:
    """Tracks of one split, in name order; FileNotFoundError when there is none with a body of this teacher's version. Films of people are
    left out: nobody has said which gestures are in them."""
    tracks = []
    for path in item_paths(folder):
        if not (motion_path(path).exists() and body_path(path).exists()) or is_tracked(body_path(path)):
            continue
        utterance = read_utterance(path)
        if utterance.split == split:
            tracks.append(track_of(utterance, read_body(path), hear_body(utterance, copies, cache)))
    if not tracks:
        raise FileNotFoundError(f"no utterance of split {split!r} with a body in {folder}: make them with `visavis data body {folder}`")
    return tracks


def read_body(path: Path) -> TaughtBody:
    """Body of the item at ``path``; ValueError where an older teacher made it."""
    with np.load(body_path(path)) as data:
        if int(data["version"]) != BODY_TEACHER_VERSION:
            raise ValueError(f"{body_path(path)} was made by another version of the teacher: visavis data body {path.parent}")
        return TaughtBody(data["body"], data["left"], data["right"], data["kind"], data["strokes"], data["code"], float(data["amplitude"]))


def silent_tracks(count: int, seconds: float, copies: int) -> list[Track]:
    """Idle: room tone in which nobody speaks, the teacher's idle head, and a body that stands and breathes."""
    tracks = []
    for index, utterance in enumerate(silent_utterances(count, seconds)):
        body = teach_body(utterance.samples, (Phone(SILENCE, 0.0, seconds),), utterance.head, seed=1_000_000 + index)
        sounds = np.stack([hear(utterance.samples)] * copies)
        tracks.append(track_of(utterance, body, sounds))
    return tracks


def track_of(utterance: Utterance, body: TaughtBody, sounds: Array) -> Track:
    frames = min(len(body.body), len(utterance.face), sounds.shape[1])
    motion = neutral_motion(frames)
    motion[:, FACE] = utterance.face[:frames]
    motion[:, HEAD_ROTATION], motion[:, HEAD_POSITION] = utterance.head[:frames, :6], utterance.head[:frames, 6:]
    # as the strokes: what is planned shows a frame later
    kind, code = (np.concatenate([values[:1], values[: frames - 1]]) for values in (body.kind, body.code))
    apexes = np.rint(body.strokes[:, 1] * FRAME_RATE - 0.5).astype(int) - APEX_LEAD
    begins = np.flatnonzero(np.diff(kind, prepend=kind[:1]))
    return Track(
        sounds=sounds[:, :frames],
        face=face_values(motion),
        inner=from_rest(to_inner(body.body[:frames], body.left[:frames], body.right[:frames])),
        kind=kind.astype(np.int64),
        kind_age=_age(begins, frames),
        stroke_age=_age(apexes, frames),
        code=code.astype(np.float32),
        amplitude=float(np.clip(np.log(body.amplitude) / AMPLITUDE_SPREAD, -MAX_AMPLITUDE, MAX_AMPLITUDE)),
    )


def _age(begins: NDArray[np.int64], frames: int) -> NDArray[np.int64]:
    """Frames since the last of ``begins``, for each frame."""
    age = np.full(frames, LONG_AGO, np.int64)
    for begin in begins[(begins >= 0) & (begins < frames)]:
        age[begin:] = np.minimum(np.arange(frames - begin), LONG_AGO)
    return age


def hear(samples: NDArray[np.int16]) -> Array:
    """What the body hears of a whole utterance, as the stream does it: (frames, BODY_SOUND)."""
    features, heard = initial_feature_state(), initial_body_sound()
    values = np.zeros((frames_in(len(samples)), BODY_SOUND), np.float32)
    for frame in range(len(samples) * FRAME_RATE // SAMPLE_RATE):
        piece = samples[frame_to_sample(frame) : frame_to_sample(frame + 1)]
        mels, features = frame_features(piece, features)
        values[frame], heard = body_sound(piece, mels, heard)
    if len(values) > 1 and len(samples) * FRAME_RATE % SAMPLE_RATE:
        values[-1] = values[-2]
    return values


def hear_body(utterance: Utterance, copies: int, cache: Path) -> Array:
    """``copies`` readings of an utterance (copies, frames, BODY_SOUND), the first clean, the others at another level with noise; cached."""
    key = hashlib.sha256(f"3 {copies} {utterance.name} {len(utterance.samples)}".encode()).hexdigest()[:24]
    path = cache / f"{key}.npy"
    if not path.exists():
        generator = np.random.default_rng(int(key[:8], 16))
        versions = [utterance.samples]
        for _ in range(copies - 1):
            loud = utterance.samples * 10 ** (generator.uniform(-12, 8) / 20)
            noise = room_tone(len(loud), generator).astype(np.float64)
            versions.append(np.clip(np.rint(loud + noise), -32768, 32767).astype(np.int16))
        cache.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part.npy")
        np.save(partial, np.stack([hear(version) for version in versions]))
        partial.replace(path)
    return np.load(path)


def make_body_spec(config: BodyTraining, tracks: list[Track]) -> BodySpec:
    """The spec of a new model, with scales measured on the corpus."""
    ones = (1.0,) * BODY_VALUES
    unscaled = BodySpec(
        kinds=tuple(kind.name for kind in KINDS),
        chunk=config.chunk,
        past=config.past,
        future=config.future,
        width=config.width,
        heads=config.heads,
        context_layers=config.context_layers,
        denoiser_layers=config.denoiser_layers,
        mean=(0.0,) * BODY_VALUES,
        scale=ones,
        change_scale=ones,
        rest=tuple(round(float(value), 6) for value in inner_rest()),
        low=(0.0,) * BODY_VALUES,
        high=ones,
        poses=(ones,) * len(KINDS),
        spreads=(ones,) * len(KINDS),
    )
    together = np.concatenate([track.inner for track in tracks])
    surprise = []
    for track in tracks:
        inner = track.inner
        last = np.stack([inner[: -config.chunk - 1], inner[1 : -config.chunk]], axis=1)
        surprise.append(inner[1 + config.chunk :] - glide(unscaled, last)[:, -1])
    low, high = together.min(axis=0), together.max(axis=0)
    measured = {
        "low": low - BEYOND * (high - low),
        "high": high + BEYOND * (high - low),
        "mean": together.mean(axis=0),
        "scale": np.maximum(together.std(axis=0), 2 * SHALLOW),
        "change_scale": np.maximum(np.concatenate(surprise).std(axis=0), SHALLOW / 4),
    }
    kinds = np.concatenate([np.where(track.kind_age >= ARRIVED_SECONDS * FRAME_RATE, track.kind, -1) for track in tracks])
    made = [together[kinds == kind] if (kinds == kind).any() else together for kind in range(len(KINDS))]
    rows = {"poses": [frames.mean(axis=0) for frames in made], "spreads": [frames.std(axis=0) + SHALLOW for frames in made]}
    tables = {name: tuple(tuple(round(float(v), 4) for v in row) for row in table) for name, table in rows.items()}
    rounded = {name: tuple(round(float(v), 6) for v in values) for name, values in measured.items()}
    return BodySpec(**{**vars(unscaled), **tables, **rounded})  # type: ignore[arg-type]
