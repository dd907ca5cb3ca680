"""The plan of the corpus, and its files."""

from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from visavis.data.corpus import (
    VALIDATION_VOICES,
    CorpusConfig,
    item_paths,
    load_config,
    load_item,
    make_item,
    merge_silence,
    motion_path,
    plan_items,
    save_item,
)
from visavis.data.kokoro import Spoken
from visavis.data.phones import SILENCE, Phone
from visavis.timing import SAMPLE_RATE

CONFIG = CorpusConfig(sentences=800, validation_sentences=100)
TRAIN_CONFIGS = sorted((Path(__file__).resolve().parents[2] / "config" / "train").glob("corpus*.yaml"))


class Tone:
    """Says every sentence as half a second of tone between two short silences."""

    def speak(self, text: str, voice: str, speed: float = 1.0) -> Spoken:
        count = SAMPLE_RATE * 6 // 10
        samples = (8000 * np.sin(np.arange(count) / 9)).astype(np.int16)
        return Spoken(samples, (Phone(SILENCE, 0.0, 0.05), Phone("M", 0.05, 0.3), Phone("AA", 0.3, 0.55), Phone(SILENCE, 0.55, 0.6)))


def test_the_plan_repeats_and_depends_on_the_seed() -> None:
    first, again = (list(islice(plan_items(CONFIG), 40)) for _ in range(2))
    assert first == again
    assert first != list(islice(plan_items(CorpusConfig(seed=2, sentences=800, validation_sentences=100)), 40))


def test_validation_shares_neither_voice_nor_sentence_with_training() -> None:
    plans = list(islice(plan_items(CONFIG), 300))
    train = [plan for plan in plans if plan.split == "train"]
    validation = [plan for plan in plans if plan.split == "val"]
    assert len(validation) == 25
    assert {plan.voice for plan in validation} == set(VALIDATION_VOICES)
    assert not any(voice in plan.voice for plan in train for voice in VALIDATION_VOICES)
    assert not {s for plan in train for s in plan.sentences} & {s for plan in validation for s in plan.sentences}


@pytest.mark.parametrize("count", [60, 150])
def test_any_prefix_is_balanced_over_voices(count: int) -> None:
    voices = Counter(plan.voice.split("+")[0] for plan in islice(plan_items(CONFIG), count) if plan.split == "train")
    assert len(voices) == 24
    assert max(voices.values()) - min(voices.values()) <= 1


def test_an_item_is_whole_and_its_silences_are_one() -> None:
    plan = next(plan_items(CONFIG))
    item = make_item(plan, Tone())
    assert item.phones[0].start == 0 and item.phones[-1].end == pytest.approx(len(item.samples) / SAMPLE_RATE)
    for before, after in zip(item.phones, item.phones[1:], strict=False):
        assert before.end == after.start
        assert not before.name == after.name == SILENCE
    loud = np.abs(item.samples.astype(float)).max()
    for phone in item.phones:
        middle = item.samples[int((phone.start + phone.end) / 2 * SAMPLE_RATE) :][:80].astype(float)
        assert (np.abs(middle).max() > 0.2 * loud) == (phone.name != SILENCE)
    assert np.array_equal(item.samples, make_item(plan, Tone()).samples)


def test_files_round_trip_and_motion_files_are_no_items(tmp_path: Path) -> None:
    item = make_item(next(plan_items(CONFIG)), Tone())
    path = save_item(tmp_path, item)
    loaded = load_item(path)
    assert np.array_equal(loaded.samples, item.samples)
    assert (loaded.name, loaded.phones, loaded.voice, loaded.text, loaded.split) == (
        item.name,
        item.phones,
        item.voice,
        item.text,
        item.split,
    )
    motion_path(path).touch()
    assert item_paths(tmp_path) == [path]
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_an_item_with_an_unknown_phone_is_refused(tmp_path: Path) -> None:
    item = make_item(next(plan_items(CONFIG)), Tone())
    path = save_item(tmp_path, item)
    with np.load(path) as data:
        arrays = dict(data)
    arrays["phones"][1] = "QQ"
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="QQ"):
        load_item(path)


def test_neighbouring_silences_merge_and_empty_phones_go() -> None:
    merged = merge_silence(
        [Phone(SILENCE, 0, 0.2), Phone(SILENCE, 0.2, 0.3), Phone("AA", 0.3, 0.5), Phone("B", 0.5, 0.5), Phone(SILENCE, 0.5, 1)]
    )
    assert merged == (Phone(SILENCE, 0, 0.3), Phone("AA", 0.3, 0.5), Phone(SILENCE, 0.5, 1))


@pytest.mark.parametrize("path", TRAIN_CONFIGS, ids=lambda path: path.stem)
def test_the_shipped_configurations_are_valid(path: Path) -> None:
    assert next(plan_items(load_config(path))).split == "train"


def test_a_configuration_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "corpus.yaml"
    path.write_text("seeds: 3\n")
    with pytest.raises(ValueError, match="seeds"):
        load_config(path)
