"""The marks that say that a picture was generated: one for machines in the files that visavis writes, and one that people see.

The wording of the kind of source is IPTC's, which readers of such marks look for: cv.iptc.org/newscodes/digitalsourcetype.
"""

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
    return "Generated picture, not a recording of a person; " + "; ".join(f"{key}={value}" for key, value in pairs.items())


VISIBLE_TEXT = "AI generated"


def draw_visible_mark(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A copy of the picture, uint8 (height, width, 3), with ``VISIBLE_TEXT`` in its lower left corner, readable on any ground."""
    marked = image.copy()
    scale = image.shape[1] / 900
    place = (round(12 * scale), image.shape[0] - round(14 * scale))
    for ink, thickness in (((0, 0, 0), round(5 * scale) + 1), ((255, 255, 255), round(2 * scale))):
        cv2.putText(marked, VISIBLE_TEXT, place, cv2.FONT_HERSHEY_SIMPLEX, scale, ink, thickness, cv2.LINE_AA)
    return marked
