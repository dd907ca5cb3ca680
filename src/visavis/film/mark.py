"""The marks that say that a picture was generated: one for machines in the files that visavis writes, and one that people see.

The wording of the kind of source is IPTC's, which readers of such marks look for: cv.iptc.org/newscodes/digitalsourcetype.
"""

import functools
import json
import re
from xml.sax.saxutils import quoteattr, unescape

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis import __version__

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's name for media made by a trained model."""

SEI_UUID = "6e5cbb2c-2b8a-4f4e-9d5b-7669736176a1"
"""Identifies the mark in the key pictures of an H.264 stream (unregistered user data)."""


def mark_text(**facts: object) -> str:
    """One line: what made the picture, of what kind it is, and ``facts`` (portrait, seed...) as ``key=value``."""
    pairs = {"digitalsourcetype": SOURCE_TYPE, "generator": f"visavis/{__version__}"} | facts
    return f"{STATEMENT}; " + "; ".join(f"{key}={value}" for key, value in pairs.items())


STATEMENT = "Generated picture, not a recording of a person"


def facts_json(portrait: str, eyes: tuple[float, float], pixels_per_metre: float) -> str:
    """What every stream of pictures says of itself, as JSON: generator, version, the portrait's content hash, kind of source (IPTC); and,
    for whoever shows it life-size, the pixel between the eyes at rest and how many pixels a metre has there."""
    facts = {
        "generator": "visavis",
        "version": __version__,
        "portrait": portrait,
        "synthetic_media": True,
        "digitalSourceType": SOURCE_TYPE,
        "statement": STATEMENT,
        "eyes": [round(place, 2) for place in eyes],
        "pixels_per_metre": round(pixels_per_metre, 2),
    }
    return json.dumps(facts)


XMP_BEGIN = b"http://ns.adobe.com/xap/1.0/\x00"
"""How an APP1 segment of a JPEG file says that it holds XMP."""


def xmp_packet(text: str) -> str:
    """XMP (ISO 16684) with IPTC's property for generated pictures and ``text`` as its description."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:visavis="https://github.com/visavis/ns/1.0/"'
        f" xmp:CreatorTool={quoteattr(f'visavis/{__version__}')} Iptc4xmpExt:DigitalSourceType={quoteattr(SOURCE_TYPE)}"
        f' visavis:mark={quoteattr(text)}/></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    )


def jpeg_segment(text: str) -> bytes:
    """The APP1 segment that carries ``xmp_packet`` in a JPEG file; made once, put into every picture by ``mark_jpeg``."""
    body = XMP_BEGIN + xmp_packet(text).encode()
    if len(body) > 65_533:
        raise ValueError(f"a mark of {len(body)} bytes does not fit into a JPEG segment")
    return b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body


def mark_jpeg(jpeg: bytes, segment: bytes) -> bytes:
    """A JPEG file with ``segment`` after its first header, where readers of XMP look for it."""
    if jpeg[:2] != b"\xff\xd8":
        raise ValueError("these bytes are no JPEG file")
    place = 2
    if jpeg[2:4] == b"\xff\xe0":  # JFIF's own header must come first
        place = 4 + int.from_bytes(jpeg[4:6], "big")
    return jpeg[:place] + segment + jpeg[place:]


def read_xmp_mark(data: bytes) -> str:
    """The text of the mark in the bytes of a JPEG or PNG file, "" where there is none."""
    found = re.search(rb'Iptc4xmpExt:DigitalSourceType="' + re.escape(SOURCE_TYPE.encode()) + rb'" visavis:mark="([^"]*)"', data)
    return unescape(found.group(1).decode(), {"&quot;": '"'}) if found else ""


VISIBLE_TEXT = "AI generated"


VISIBLE_HEIGHT = 0.055
"""Of the mark, in widths of the picture."""


def draw_visible_mark(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A copy of the picture, uint8 (height, width, 3 or 4), with ``VISIBLE_TEXT`` on a small dark plate in its lower left corner."""
    ink, opacity = _visible_mark(image.shape[1])
    height, width = opacity.shape[:2]
    gap = round(0.018 * image.shape[1])
    marked = image.copy()
    corner = marked[image.shape[0] - gap - height : image.shape[0] - gap, gap : gap + width]
    corner[..., :3] = (corner[..., :3] * (1 - opacity) + ink * opacity).round()
    corner[..., 3:] = np.maximum(corner[..., 3:], (255 * opacity).round())
    return marked


@functools.cache
def _visible_mark(picture_width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Ink (h, w, 1) and opacity (h, w, 1) 0..1 of the mark; drawn large and reduced, so that small letters stay clean."""
    fine = 8
    height = max(round(VISIBLE_HEIGHT * picture_width), 8)
    scale, thickness = height * fine / 52, max(round(height * fine / 26), 1)
    (text_width, text_height), _ = cv2.getTextSize(VISIBLE_TEXT, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    tall, wide = height * fine, (text_width // fine + round(0.7 * height)) * fine
    plate, text = np.zeros((tall, wide), np.uint8), np.zeros((tall, wide), np.uint8)
    cv2.line(plate, (tall // 2, tall // 2), (wide - tall // 2, tall // 2), 255, tall - 2)
    cv2.putText(
        text,
        VISIBLE_TEXT,
        ((wide - text_width) // 2, (tall + text_height) // 2),
        cv2.FONT_HERSHEY_SIMPLEX,
        scale,
        255,
        thickness,
        cv2.LINE_AA,
    )
    size = (wide // fine, height)
    plate_share, ink = (cv2.resize(each, size, interpolation=cv2.INTER_AREA).astype(np.float32)[..., None] / 255 for each in (plate, text))
    opacity = plate_share * (0.45 + 0.5 * ink)
    return 255 * ink, opacity
