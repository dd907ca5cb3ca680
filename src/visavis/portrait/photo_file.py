"""The bytes of a photo, before anything is decoded. Light to import: a portrait that is in the cache needs no more than this."""

from pathlib import Path

from visavis.types_portrait import PortraitError

MAX_BYTES = 500_000_000


def read_photo_file(path: Path) -> bytes:
    """All bytes of the file at ``path``; PortraitError where it cannot be read, is empty, or is larger than any photo."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise PortraitError(f"{path} has {size // 1_000_000} MB, at most {MAX_BYTES // 1_000_000} are read: use a JPEG of the photo")
        data = path.read_bytes()
    except OSError as error:
        raise PortraitError(f"cannot read the photo {path}: {error.strerror}; name a picture file (jpg, png, webp, ...)") from error
    if not data:
        raise PortraitError(f"{path} is an empty file: give a photo (JPEG, PNG, WebP...)")
    return data
