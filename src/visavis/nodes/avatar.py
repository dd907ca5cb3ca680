"""The portrait that a node is told to use; run as a program, it fits one and keeps it: ``python -m visavis.nodes.avatar PHOTO CACHE``."""

import os
import sys
from pathlib import Path

from visavis.portrait.cache import is_kept, load_portrait
from visavis.portrait.mano import with_mano
from visavis.portrait.photo_file import read_photo_file
from visavis.store import AssetError, shipped
from visavis.types_portrait import PortraitError, PortraitRig

DEFAULT_PORTRAIT = "portraits/default.jpg"
NICENESS = 10


def load_avatar(photo: str, cache_dir: str, mano: str = "") -> PortraitRig:
    """The rig of the photo at this path (empty: the one that comes with visavis), from the cache in this folder (empty: the user's), with
    the hands of the MANO file in the folder ``mano`` (empty: the built-in ones).

    PortraitError or ManoError, with what to do, for a photo or a MANO file that cannot be used.
    """
    rig = load_portrait(photo_path(photo), cache_dir=_folder(cache_dir))
    return with_mano(rig, mano) if mano else rig


def is_fitted(photo: str, cache_dir: str) -> bool:
    """Loading it takes no longer than reading a file. PortraitError where the photo cannot be read."""
    return is_kept(photo_path(photo), _folder(cache_dir))


def photo_bytes(photo: str) -> bytes:
    """What is in the photo's file. PortraitError where it cannot be read."""
    return read_photo_file(photo_path(photo))


def photo_path(photo: str) -> Path:
    """Where the photo is; empty for the one that comes with visavis."""
    return Path(photo).expanduser() if photo else shipped(DEFAULT_PORTRAIT)


def _folder(cache_dir: str) -> Path | None:
    return Path(cache_dir).expanduser() if cache_dir else None


def main(photo: str, cache_dir: str) -> int:
    """Fit it at low priority. The exit status; what is wrong with the photo is one line on standard error."""
    os.nice(NICENESS)
    try:
        load_avatar(photo, cache_dir)
    except (PortraitError, AssetError, OSError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
