"""The corpus: which item says what in which voice, and the file each item is kept in.

An item is a short session of one voice: a few sentences with natural pauses, sometimes a long silence. Item k depends on (seed, k) only,
so that making a corpus can stop and go on, and any prefix of it is balanced over the voices. Files: ``<item>.npz`` (sound and phones),
``<item>.motion.npz`` (face and head, see ``teacher``; of real people, see ``from_video``).
"""

import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import yaml
from numpy.typing import NDArray

from visavis.data.kokoro import AMERICAN_VOICES, BRITISH_VOICES, ITALIAN_VOICES, SPANISH_VOICES, Spoken
from visavis.data.phones import PHONES, SILENCE, Phone
from visavis.data.sentences import sentence_pool
from visavis.timing import SAMPLE_RATE

VALIDATION_VOICES: tuple[str, ...] = ("af_kore", "am_eric", "bf_alice", "bm_lewis")
"""English voices never heard in training, neither alone nor in a blend."""


@dataclass(frozen=True)
class Cast:
    """Who speaks a collection. voices: for training. validation: for validation. guests: voices of another language that lend a blend up to
    half of their sound, for languages with few voices."""

    voices: tuple[str, ...]
    validation: tuple[str, ...]
    guests: tuple[str, ...] = ()


_ENGLISH = tuple(voice for voice in (*AMERICAN_VOICES, *BRITISH_VOICES) if voice not in VALIDATION_VOICES)
_ENGLISH_CAST = Cast(_ENGLISH, VALIDATION_VOICES)
CASTS: dict[str, Cast] = {
    "spanish": Cast(SPANISH_VOICES, ("ef_dora+af_kore@0.50", "em_alex+am_eric@0.50", "em_santa+bm_lewis@0.50"), _ENGLISH),
    "italian": Cast(ITALIAN_VOICES, ("if_sara+bf_alice@0.50", "im_nicola+am_eric@0.50"), _ENGLISH),
}
"""Collection -> who speaks it, where that is not the English voices. There are too few voices to keep one for validation: validation hears
each of them blended with an English voice that training never hears."""


@dataclass(frozen=True)
class CorpusConfig:
    """What the corpus is made of. Seconds and shares; ``validation_every``: each such item is a validation item. collection: which
    sentences (``sentences.COLLECTIONS``); prefix: begins the names of its items, so that several collections can lie in one folder."""

    seed: int = 1
    collection: str = "everyday"
    prefix: str = ""
    sentences: int = 6000
    validation_sentences: int = 400
    validation_every: int = 12
    blend_share: float = 0.35
    speed_range: tuple[float, float] = (0.8, 1.25)
    session_s: float = 14.0
    long_silence_share: float = 0.12
    long_silence_s: tuple[float, float] = (4.0, 10.0)
    pause_s: tuple[float, float] = (0.2, 3.0)
    level_db: tuple[float, float] = (-27.0, -19.0)

    def __post_init__(self) -> None:
        if not 0 < self.validation_sentences < self.sentences:
            raise ValueError(f"validation_sentences must be between 0 and sentences ({self.sentences}), got {self.validation_sentences}")
        if not 0.5 <= self.speed_range[0] <= self.speed_range[1] <= 2:
            raise ValueError(f"speed_range must lie in 0.5..2, got {self.speed_range}")


def load_config(path: Path | None) -> CorpusConfig:
    """Configuration from a YAML file; the defaults without one. ValueError names unknown keys."""
    if path is None:
        return CorpusConfig()
    values: dict[str, Any] = yaml.safe_load(path.read_text()) or {}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    unknown = sorted(set(values) - {field.name for field in dataclasses.fields(CorpusConfig)})
    if unknown:
        raise ValueError(f"{path} has unknown keys {unknown}")
    return CorpusConfig(**values)


@dataclass(frozen=True)
class Item:
    """One corpus item as it is kept: samples int16 (n,) at 16 kHz; phones cover 0..n/16000 in order."""

    name: str
    samples: NDArray[np.int16]
    phones: tuple[Phone, ...]
    voice: str
    text: str
    split: str


@dataclass(frozen=True)
class ItemPlan:
    """What item ``name`` will say: (sentence, speed) in order and the pause in seconds before each, and after the last."""

    name: str
    voice: str
    split: str
    sentences: tuple[str, ...]
    speeds: tuple[float, ...]
    pauses: tuple[float, ...]
    level_db: float


class Speaker(Protocol):
    def speak(self, text: str, voice: str, speed: float = 1.0) -> Spoken: ...


def plan_items(config: CorpusConfig) -> Iterator[ItemPlan]:
    """The endless list of items, always the same for the same configuration."""
    pool = sentence_pool(config.seed, config.sentences, config.collection)
    pools = {"val": pool[: config.validation_sentences], "train": pool[config.validation_sentences :]}
    cursors = {"val": 0, "train": 0}
    cast = CASTS.get(config.collection, _ENGLISH_CAST)
    order: dict[str, list[str]] = {"val": [], "train": []}
    rng = np.random.default_rng([config.seed, 1])
    index = 0
    while True:
        split = "val" if index % config.validation_every == config.validation_every // 2 else "train"
        if not order[split]:
            order[split] = [str(voice) for voice in rng.permutation(cast.validation if split == "val" else cast.voices)]
        voice = order[split].pop()
        if split == "train" and rng.random() < config.blend_share:
            voice = _blend(voice, cast, rng)
        sentences: list[str] = []
        length_s, target_s = 0.0, float(rng.gamma(4.0, config.session_s / 4.0))
        while not sentences or length_s < target_s:
            sentence = pools[split][cursors[split] % len(pools[split])]
            cursors[split] += 1
            sentences.append(sentence)
            length_s += len(sentence) / 15.0
        base = rng.uniform(*config.speed_range)
        speeds = tuple(float(np.clip(base * rng.uniform(0.95, 1.05), *config.speed_range)) for _ in sentences)
        yield ItemPlan(
            f"{config.prefix}{index:05d}",
            voice,
            split,
            tuple(sentences),
            speeds,
            _pauses(len(sentences), config, rng),
            float(rng.uniform(*config.level_db)),
        )
        index += 1


def _blend(first: str, cast: Cast, rng: np.random.Generator) -> str:
    """A blend within one accent, or half of the time with a guest (the pronunciation follows the first voice's)."""
    if cast.guests and rng.random() < 0.5:
        return f"{first}+{rng.choice(cast.guests)}@{rng.uniform(0.2, 0.5):.2f}"
    others = [voice for voice in cast.voices if voice != first and (voice[0] == first[0])]
    return f"{first}+{rng.choice(others)}@{rng.uniform(0.25, 0.6):.2f}"


def _pauses(sentences: int, config: CorpusConfig, rng: np.random.Generator) -> tuple[float, ...]:
    low, high = config.pause_s
    pauses = np.minimum(low + rng.exponential(0.5, sentences + 1), high)
    pauses[-1] = max(pauses[-1], 0.8)
    if rng.random() < config.long_silence_share:
        pauses[rng.integers(sentences + 1)] = rng.uniform(*config.long_silence_s)
    return tuple(float(pause) for pause in pauses)


def make_item(plan: ItemPlan, speaker: Speaker) -> Item:
    """Speak the plan. The level of the whole is set to ``level_db`` (of the speech, RMS below full scale), and a faint noise floor fills
    the pauses."""
    rng = np.random.default_rng([int("".join(filter(str.isdigit, plan.name))), 2])
    pieces: list[NDArray[np.float64]] = []
    phones: list[Phone] = []
    position = 0

    def silence(seconds: float) -> None:
        nonlocal position
        count = round(seconds * SAMPLE_RATE)
        pieces.append(np.zeros(count))
        phones.append(Phone(SILENCE, position / SAMPLE_RATE, (position + count) / SAMPLE_RATE))
        position += count

    speech: list[NDArray[np.float64]] = []
    silence(plan.pauses[0])
    for sentence, speed, pause in zip(plan.sentences, plan.speeds, plan.pauses[1:], strict=True):
        spoken = speaker.speak(sentence, plan.voice, speed)
        offset = position / SAMPLE_RATE
        wave = spoken.samples / 32768.0
        edge = min(80, len(wave) // 2)
        wave[:edge] *= np.linspace(0, 1, edge)
        wave[len(wave) - edge :] *= np.linspace(1, 0, edge)
        pieces.append(wave)
        speech.append(wave)
        position += len(wave)
        phones += [Phone(phone.name, phone.start + offset, min(phone.end + offset, position / SAMPLE_RATE)) for phone in spoken.phones]
        silence(pause)
    level = np.sqrt(np.mean(np.concatenate(speech) ** 2))
    wave = np.concatenate(pieces) * (10 ** (plan.level_db / 20) / max(level, 1e-6))
    peak = np.abs(wave).max()
    if peak > 0.97:
        wave *= 0.97 / peak
    wave += rng.normal(0, 10 ** (rng.uniform(-85, -70) / 20), len(wave))
    samples = np.rint(np.clip(wave, -1, 1) * 32767).astype(np.int16)
    return Item(plan.name, samples, merge_silence(phones), plan.voice, " ".join(plan.sentences), plan.split)


def merge_silence(phones: list[Phone]) -> tuple[Phone, ...]:
    """Neighbouring silences made one, phones without length dropped, and each start set to the end before it."""
    merged: list[Phone] = []
    for phone in phones:
        start = merged[-1].end if merged else 0.0
        if phone.end <= start:
            continue
        if merged and merged[-1].name == SILENCE == phone.name:
            merged[-1] = Phone(SILENCE, merged[-1].start, phone.end)
        else:
            merged.append(Phone(phone.name, start, phone.end))
    return tuple(merged)


def save_item(folder: Path, item: Item) -> Path:
    """Write ``<folder>/<item>.npz`` whole or not at all."""
    return write_npz(
        folder / f"{item.name}.npz",
        samples=item.samples,
        phones=np.array([phone.name for phone in item.phones]),
        starts=np.array([phone.start for phone in item.phones], np.float64),
        ends=np.array([phone.end for phone in item.phones], np.float64),
        voice=np.array(item.voice),
        text=np.array(item.text),
        split=np.array(item.split),
    )


def load_item(path: Path) -> Item:
    """Read an item; ValueError names the file and what is wrong with it."""
    with np.load(path) as data:
        phones = tuple(
            Phone(str(name), float(start), float(end))
            for name, start, end in zip(data["phones"], data["starts"], data["ends"], strict=True)
        )
        unknown = {phone.name for phone in phones} - set(PHONES)
        if unknown:
            raise ValueError(f"{path} has unknown phones {sorted(unknown)}")
        samples = data["samples"]
        if samples.dtype != np.int16 or samples.ndim != 1:
            raise ValueError(f"{path}: samples must be int16 (n,), got {samples.dtype} {samples.shape}")
        return Item(path.stem, samples, phones, str(data["voice"]), str(data["text"]), str(data["split"]))


def item_paths(folder: Path) -> list[Path]:
    """All items of a corpus in order; the motion files beside them are left out."""
    return sorted(path for path in folder.glob("*.npz") if not path.name.endswith(".motion.npz"))


def motion_path(item: Path) -> Path:
    """Where the face and head of ``<item>.npz`` are kept."""
    return item.with_name(f"{item.stem}.motion.npz")


def is_tracked(path: Path) -> bool:
    """Whether a file of motion (face and head, or body) is there and was tracked in a film: no teacher writes over it."""
    if not path.exists():
        return False
    with np.load(path) as data:
        return "tracked" in data


def write_npz(path: Path, **arrays: Any) -> Path:
    """``np.savez_compressed`` that never leaves half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    with partial.open("wb") as file:
        np.savez_compressed(file, **arrays)
    partial.replace(path)
    return path
