"""Weights files and their manifest: what is missing, cut short or changed is named by its path before a network is loaded."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
DEFAULT_WEIGHTS = Path(__file__).resolve().parent.parent / "assets" / "motion"

REPAIR = (
    "install visavis again (pip install --force-reinstall visavis, or git checkout of that file), "
    "or name a folder with whole weights (--weights, parameter weights)"
)


class WeightsError(RuntimeError):
    """Weights that cannot be used; the message names the path and says what to do."""


@dataclass(frozen=True)
class Manifest:
    """What ``manifest.json`` says. files: file name to its sha256 and size; specs: name to the numbers of a network's shape; facts:
    everything else.
    """

    folder: Path
    files: dict[str, dict[str, Any]]
    specs: dict[str, dict[str, Any]]
    facts: dict[str, Any]

    def path(self, name: str) -> Path:
        """The checked path of one weights file; WeightsError when it is absent or differs from the manifest."""
        try:
            entry = self.files[name]
        except KeyError:
            raise WeightsError(f"{self.folder / MANIFEST} does not list {name}: {REPAIR}") from None
        path = self.folder / name
        check_file(path, str(entry["sha256"]), int(entry["bytes"]))
        return path


def read_manifest(folder: Path) -> Manifest:
    """Reads ``folder / manifest.json``; WeightsError when it is absent or not a manifest."""
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Manifest(
            folder=folder,
            files=dict(content["files"]),
            specs=dict(content["specs"]),
            facts={name: value for name, value in content.items() if name not in ("files", "specs")},
        )
    except OSError as error:
        raise WeightsError(f"cannot read {path} ({error.strerror}): {REPAIR}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} is not a weights manifest ({error!r}): {REPAIR}") from error


def check_file(path: Path, sha256: str, size: int) -> None:
    """WeightsError unless ``path`` holds exactly ``size`` bytes with that SHA-256."""
    try:
        found_size = path.stat().st_size
        if found_size != size:
            raise WeightsError(f"{path} has {found_size} bytes, expected {size} (cut short or replaced): {REPAIR}")
        found = file_sha256(path)
    except OSError as error:
        raise WeightsError(f"cannot read {path} ({error.strerror}): {REPAIR}") from error
    if found != sha256:
        raise WeightsError(f"{path} has sha256 {found}, expected {sha256} (corrupt or replaced): {REPAIR}")


def file_sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
