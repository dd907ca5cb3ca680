"""Portraits that were fitted before: one .npz each under $XDG_CACHE_HOME/visavis/portraits, named by what they were made of.

The name hashes the photo's bytes, the rig and the code that fits it, so nothing is ever stale. A lock lets two processes that start
together fit a photo once. A file that cannot be read is reported and made again.
"""

import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import logging
import os
import tempfile
import time
import types
import typing
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.photo_file import read_photo_file
from visavis.store import asset_path
from visavis.types_portrait import PortraitError, PortraitRig

LOCK_PATIENCE = 300.0
"""Seconds after which a process no longer waits for another one that fits the same photo."""

KEPT_PORTRAITS = 16
"""More than this many portraits (44 MB each, more of large photos) are not kept: those that were not used for longest go."""

logger = logging.getLogger(__name__)

Progress = Callable[[str], None]
Record = TypeVar("Record")


def load_portrait(
    path: Path | str, cache_dir: Path | None = None, progress: Progress = lambda text: None, landmark_model: Path | None = None
) -> PortraitRig:
    """The rig of the photo at ``path``: from the cache where it was fitted before, else fitted (seconds) and kept.

    ``progress`` is told in a few words what is being done. ``landmark_model`` defaults to the file in the asset store.
    PortraitError says what is wrong with the photo and what to do.
    """
    data = read_photo_file(Path(path))
    folder = cache_dir or portraits_dir()
    kept = folder / f"{portrait_key(data)}.npz"
    rig = _load_kept(kept)
    if rig is not None:
        return rig
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PortraitError(
            f"cannot keep fitted portraits in {folder}: {error.strerror}; set XDG_CACHE_HOME to a folder that can be written"
        ) from error
    with _locked(kept.with_suffix(".lock"), progress):
        rig = _load_kept(kept)
        if rig is not None:
            return rig
        rig = _make(data, str(path), landmark_model, progress)
        try:
            save_record(rig, kept)
            _forget_oldest(folder)
        except OSError as error:
            logger.warning("the fitted portrait cannot be kept in %s (%s): the next start fits it again", folder, error.strerror)
    return rig


def is_kept(path: Path | str, cache_dir: Path | None = None) -> bool:
    """The photo at ``path`` was fitted before. PortraitError where it cannot be read."""
    return ((cache_dir or portraits_dir()) / f"{portrait_key(read_photo_file(Path(path)))}.npz").exists()


def _make(data: bytes, name: str, landmark_model: Path | None, progress: Progress) -> PortraitRig:
    # Imported here, because whoever finds the portrait in the cache shall not wait for mediapipe, scipy and numba.
    from visavis.portrait.fit import fit_portrait
    from visavis.portrait.layers import build_portrait_rig
    from visavis.portrait.photo import decode_photo
    from visavis.portrait.rig_asset import load_rig_asset

    photo = decode_photo(data, name)
    asset = load_rig_asset()
    fitted = fit_portrait(photo, asset, landmark_model or asset_path("face_landmarker.task"), progress=progress)
    progress("building the layers")
    return build_portrait_rig(fitted, asset.mesh)


def portraits_dir() -> Path:
    """Where fitted portraits are kept: ``$XDG_CACHE_HOME/visavis/portraits``, else ``~/.cache/visavis/portraits``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "visavis" / "portraits"


def save_record(record: Any, path: Path) -> None:
    """Writes a frozen dataclass of arrays, strings, numbers, tuples, dictionaries and further dataclasses; readers see all of it or
    nothing."""
    arrays = dict(_flatten("", record))
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load_record(kind: type[Record], path: Path) -> Record:
    """What ``save_record`` wrote, as a ``kind``. ValueError where the file is not one."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (ValueError, EOFError, zipfile.BadZipFile, KeyError, OSError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    try:
        record = _restore(kind, "", arrays)
    except KeyError as error:
        raise ValueError(f"{path} lacks {error}") from error
    return typing.cast(Record, record)


def _load_kept(path: Path) -> PortraitRig | None:
    if not path.exists():
        return None
    try:
        rig = load_record(PortraitRig, path)
        with contextlib.suppress(OSError):  # a cache that cannot be written is still read
            os.utime(path)
        return rig
    except ValueError as error:
        logger.warning("the cached portrait is damaged and is made again: %s", error)
        return None


def _forget_oldest(folder: Path) -> None:
    """Removes the portraits beyond ``KEPT_PORTRAITS``; another process may remove them at the same time."""
    ages = {}
    for path in folder.glob("*.npz"):
        with contextlib.suppress(FileNotFoundError):
            ages[path] = path.stat().st_mtime_ns
    for path in sorted(ages, key=lambda each: ages[each])[:-KEPT_PORTRAITS]:
        path.unlink(missing_ok=True)
        path.with_suffix(".lock").unlink(missing_ok=True)


def portrait_key(data: bytes) -> str:
    """Name of the cached portrait of a photo with these bytes: changes with the photo, the rig, the networks and the code of this
    package."""
    return hashlib.sha256(f"{hashlib.sha256(data).hexdigest()} {_maker_version()}".encode()).hexdigest()[:32]


@functools.cache
def _maker_version() -> str:
    """Hash of everything, beside the photo, that a rig is made from: source text and assets."""
    here = Path(__file__).resolve().parent
    sources = [
        *sorted(here.glob("*.py")),
        *(here.parent / name for name in ("types_portrait.py", "face_offset.py")),
        *(here.parent / "motion" / name for name in ("layout.py", "skeleton.py")),
    ]
    assets = [path for folder in ("rig", "matte", "pose") for path in sorted((here.parent / "assets" / folder).glob("*")) if path.is_file()]
    digest = hashlib.sha256()
    for path in [*sources, *assets]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


@contextlib.contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    """Holds an advisory lock on ``path``; told through ``progress`` when another process has it. The lock dies with its process."""
    with path.open("w") as file:
        deadline = time.monotonic() + LOCK_PATIENCE
        waiting = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting:
                    progress("waiting for another process that fits the same photo")
                    waiting = True
                if time.monotonic() > deadline:
                    raise PortraitError(
                        f"another process has been fitting this photo for {LOCK_PATIENCE:.0f} s: end it, or remove {path}"
                    ) from None
                time.sleep(0.05)
        yield


def _flatten(name: str, value: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    """(name, array) for every leaf of a record. Lengths of tuples and keys of dictionaries are leaves too."""
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _flatten(f"{name}/{field.name}", getattr(value, field.name))
    elif isinstance(value, dict):
        yield f"{name}/keys", np.array(list(value), dtype=np.str_)
        for key, item in value.items():
            yield from _flatten(f"{name}/{key}", item)
    elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
        yield f"{name}/count", np.array(len(value))
        for index, item in enumerate(value):
            yield from _flatten(f"{name}/{index}", item)
    else:
        array = np.asarray(value)
        if array.dtype == object:
            raise TypeError(f"{name} has a type that cannot be stored: {type(value).__name__}")
        yield name, array


def _restore(kind: Any, name: str, arrays: dict[str, NDArray[Any]]) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return kind(**{field.name: _restore(hints[field.name], f"{name}/{field.name}", arrays) for field in dataclasses.fields(kind)})
    if origin is dict:
        return {str(key): _restore(arguments[1], f"{name}/{key}", arrays) for key in arrays[f"{name}/keys"]}
    if origin is tuple and isinstance(arguments[0], type) and dataclasses.is_dataclass(arguments[0]):
        return tuple(_restore(arguments[0], f"{name}/{index}", arrays) for index in range(int(arrays[f"{name}/count"])))
    if origin is tuple:
        return tuple(_plain(arguments[0], item) for item in arrays[name])
    if kind in (str, int, float, bool):
        return _plain(kind, arrays[name])
    if origin is types.UnionType or origin is typing.Union:
        raise TypeError(f"{name}: a record of the cache has no optional fields")
    return arrays[name]


def _plain(kind: Any, value: Any) -> Any:
    return kind(value.item() if hasattr(value, "item") else value)
