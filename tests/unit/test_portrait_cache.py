"""Fitted portraits are kept, shared between processes, and made again when damaged. Needs `visavis assets fetch`."""

import dataclasses
import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import visavis
from visavis.portrait import cache
from visavis.portrait.cache import load_portrait, load_record, portrait_key, portraits_dir, save_record
from visavis.types_portrait import PortraitError, PortraitRig

DEFAULT = Path(visavis.__file__).parent / "assets" / "portraits" / "default.jpg"


@dataclass(frozen=True)
class Part:
    weights: NDArray[np.float32]
    name: str


@dataclass(frozen=True)
class Whole:
    title: str
    count: int
    share: float
    plain: bool
    names: tuple[str, ...]
    place: tuple[float, float]
    part: Part
    parts: tuple[Part, ...]
    layers: dict[str, NDArray[np.uint8]]


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    part = Part(np.arange(5, dtype=np.float32), "ä")
    layers = {"skin": np.zeros((2, 3), np.uint8), "eye/left": np.ones((0, 4), np.uint8)}
    whole = Whole("title", 3, 0.25, True, ("a", ""), (0.5, -1.0), part, (part, part), layers)
    save_record(whole, tmp_path / "record.npz")
    again = load_record(Whole, tmp_path / "record.npz")
    for field in dataclasses.fields(Whole)[:6]:
        assert getattr(again, field.name) == getattr(whole, field.name)
        assert type(getattr(again, field.name)) is type(getattr(whole, field.name))
    np.testing.assert_array_equal(again.part.weights, part.weights)
    assert again.part.weights.dtype == np.float32
    assert [each.name for each in again.parts] == ["ä", "ä"]
    assert list(again.layers) == ["skin", "eye/left"]
    assert again.layers["eye/left"].shape == (0, 4)
    assert list(tmp_path.iterdir()) == [tmp_path / "record.npz"]


def test_a_record_that_cannot_be_stored_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        save_record(Part(np.array([object()]), "x"), tmp_path / "record.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "other"])
def test_damaged_records_are_told(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "record.npz"
    save_record(Part(np.arange(9, dtype=np.float32), "x"), path)
    data = path.read_bytes()
    path.write_bytes({"cut": data[: len(data) // 2], "garbage": b"\0" * 100, "empty": b"", "other": data}[damage])
    with pytest.raises(ValueError, match=r"record\.npz"):
        load_record(Whole if damage == "other" else Part, path)


def same(one: PortraitRig, other: PortraitRig) -> bool:
    return (
        one.content_hash == other.content_hash
        and bool(np.array_equal(one.vertices, other.vertices))
        and bool(np.array_equal(one.plate, other.plate))
    )


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PortraitRig, list[str]]:
    folder = tmp_path_factory.mktemp("portraits")
    told: list[str] = []
    return folder, load_portrait(DEFAULT, folder, told.append), told


def test_progress_is_told(kept: tuple[Path, PortraitRig, list[str]]) -> None:
    assert kept[2] == ["looking for the face", "fitting the head", "cutting out the person", "building the layers"]


def test_a_second_load_does_not_fit(kept: tuple[Path, PortraitRig, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, rig, _ = kept
    monkeypatch.setattr(cache, "_make", lambda *_: pytest.fail("fitted again"))
    assert same(load_portrait(DEFAULT, folder), rig)
    assert same(load_portrait(str(DEFAULT), folder), rig)


def test_a_copy_is_the_same_portrait_and_an_edited_one_is_not(tmp_path: Path) -> None:
    data = DEFAULT.read_bytes()
    assert portrait_key(data) == portrait_key(bytes(data))
    assert portrait_key(data) != portrait_key(data + b"\0")


def test_a_damaged_cache_is_made_again_and_told(
    kept: tuple[Path, PortraitRig, list[str]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder, rig, _ = kept
    file = folder / f"{portrait_key(DEFAULT.read_bytes())}.npz"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 3])
    monkeypatch.setattr(cache, "_make", lambda *_: rig)
    with caplog.at_level(logging.WARNING):
        assert same(load_portrait(DEFAULT, folder), rig)
    assert "damaged" in caplog.text
    assert file.name in caplog.text
    assert same(load_record(PortraitRig, file), rig)


def test_bad_photos_leave_nothing_in_the_cache(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("no picture")
    with pytest.raises(PortraitError, match=r"bad\.jpg"):
        load_portrait(bad, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.npz"))


@pytest.mark.timeout(700)
def test_two_processes_fit_one_photo_once(tmp_path: Path) -> None:
    program = (
        "import sys; from visavis.portrait.cache import load_portrait\n"
        "print(load_portrait(sys.argv[1], __import__('pathlib').Path(sys.argv[2]), print).content_hash)"
    )
    command = [sys.executable, "-c", program, str(DEFAULT), str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        outputs = [process.communicate(timeout=300)[0] for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0, 0]
    assert sum("fitting the head" in output for output in outputs) == 1
    assert outputs[0].splitlines()[-1] == outputs[1].splitlines()[-1]


def test_a_process_that_holds_the_lock_too_long_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LOCK_PATIENCE", 0.2)
    lock = tmp_path / "x.lock"
    told: list[str] = []
    with cache._locked(lock, told.append), pytest.raises(PortraitError, match=r"x\.lock"), cache._locked(lock, told.append):
        pytest.fail("two holders of one lock")
    assert told == ["waiting for another process that fits the same photo"]


def test_a_full_disk_is_told_and_the_portrait_still_works(
    kept: tuple[Path, PortraitRig, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(record: object, path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache, "_make", lambda *_: kept[1])
    monkeypatch.setattr(cache, "save_record", full)
    with caplog.at_level(logging.WARNING):
        assert load_portrait(DEFAULT, tmp_path) is kept[1]
    assert "No space left on device" in caplog.text


def test_the_portraits_used_last_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "KEPT_PORTRAITS", 3)
    for age, name in enumerate("abcde"):
        (tmp_path / f"{name}.npz").touch()
        (tmp_path / f"{name}.lock").touch()
        os.utime(tmp_path / f"{name}.npz", (1000 - age, 1000 - age))
    cache._forget_oldest(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.lock", "a.npz", "b.lock", "b.npz", "c.lock", "c.npz"]


def test_the_cache_lies_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert portraits_dir() == tmp_path / "visavis" / "portraits"
