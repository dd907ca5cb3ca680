"""A stranger's picture, decoded in a process of its own and written anew; run as a program: ``python -m visavis.bridge.photo_check``.

Standard input is the file as it came, standard output a JPEG (a PNG where it has transparency) of the same pixels and of nothing else: no
metadata, no second frame, nothing behind the picture's end. What is wrong with it is one line on standard error and status 1. Memory and
processor time of the process are bounded, so that a file made to burst its decoder ends this process and nothing more.
"""

import io
import resource
import sys
import warnings

MAX_PIXELS = 40_000_000
MIN_SIDE = 200
MEMORY_BYTES = 3 << 30
CPU_SECONDS = 30
MAGIC = {"JPEG": (0, b"\xff\xd8\xff"), "PNG": (0, b"\x89PNG\r\n\x1a\n"), "WEBP": (8, b"WEBP")}
"""Formats that are taken -> where in the file which bytes say so."""
QUALITY = 95


class PhotoError(ValueError):
    """The picture is not taken; the text says why and what to do."""


def kind_of(data: bytes) -> str:
    """JPEG, PNG or WEBP, by what the file begins with and not by its name. Raises PhotoError."""
    for kind, (at, magic) in MAGIC.items():
        if data[at : at + len(magic)] == magic:
            return kind
    raise PhotoError("this is no JPEG, PNG or WebP picture: choose a photo of one of these kinds")


def cleaned(data: bytes) -> bytes:
    """The same picture as a file of this program's own making. Raises PhotoError."""
    from PIL import Image

    from visavis.portrait.photo import decode_photo
    from visavis.types_portrait import PortraitError

    kind = kind_of(data)
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(data), formats=[kind])
        (width, height), frames = opened.size, getattr(opened, "n_frames", 1)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise PhotoError(f"the picture has more than {MAX_PIXELS // 1_000_000} million pixels: make it smaller") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise PhotoError("the picture is damaged and cannot be read: save it again") from error
    if frames > 1:
        raise PhotoError("the picture moves: choose one that stands still")
    if min(width, height) < MIN_SIDE:
        raise PhotoError(f"the picture has {width}x{height} pixels: it needs {MIN_SIDE} at least on each side")
    try:
        photo = decode_photo(data, "the picture")
    except PortraitError as error:
        raise PhotoError("the picture is damaged and cannot be read: save it again") from error
    out = io.BytesIO()
    image = Image.fromarray(photo.image)
    if photo.alpha is None:
        image.save(out, "JPEG", quality=QUALITY, subsampling=0)
    else:
        image.putalpha(Image.fromarray((photo.alpha * 255 + 0.5).astype("uint8")))
        image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def main() -> int:
    data = sys.stdin.buffer.read()
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:
        sys.stdout.buffer.write(cleaned(data))
        sys.stdout.buffer.flush()
    except PhotoError as error:
        print(error, file=sys.stderr)
        return 1
    except MemoryError:
        print("the picture takes too much memory: make it smaller", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
