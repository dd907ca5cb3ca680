"""The portrait that a node is told to use."""

from pathlib import Path

from visavis.portrait.cache import load_portrait
from visavis.store import shipped
from visavis.types_portrait import PortraitRig

DEFAULT_PORTRAIT = "portraits/default.jpg"


def load_avatar(photo: str, cache_dir: str) -> PortraitRig:
    """The rig of the photo at this path (empty: the one that comes with visavis), from the cache in this folder (empty: the user's).

    PortraitError, with what to do, for a photo that cannot be used.
    """
    path = Path(photo).expanduser() if photo else shipped(DEFAULT_PORTRAIT)
    return load_portrait(path, cache_dir=Path(cache_dir).expanduser() if cache_dir else None)
