"""A contact sheet: a film on one page. Pictures with their times, and below them the mouth alone, enlarged."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

PAPER = (24, 24, 28)
INK = (225, 225, 225)
GAP = 6
CAPTION = 20


@dataclass(frozen=True)
class Box:
    """A part of a picture in pixels: left, top, width, height."""

    left: int
    top: int
    width: int
    height: int

    def cut(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of ``image`` (height, width, 3) that lies in the box; what is outside of the picture is left out."""
        top, left = max(0, self.top), max(0, self.left)
        part: NDArray[np.uint8] = image[top : max(top + 1, self.top + self.height), left : max(left + 1, self.left + self.width)]
        return part


def contact_sheet(
    pictures: Sequence[tuple[float, NDArray[np.uint8]]],
    columns: int = 8,
    width: int = 1600,
    mouth: Box | None = None,
    mouths: Sequence[tuple[float, NDArray[np.uint8]]] = (),
) -> NDArray[np.uint8]:
    """The sheet as uint8 (height, width, 3), RGB: one row a ``columns`` pictures, each with its time in seconds.

    With ``mouth``, rows of that part of ``mouths`` (of ``pictures`` where none are given) follow.
    """
    if not pictures:
        raise ValueError("a contact sheet needs at least one picture")
    rows = _rows(pictures, columns, width)
    if mouth is not None:
        rows += _rows([(time, mouth.cut(image)) for time, image in (mouths or pictures)], columns, width)
    edge = np.full((GAP, width, 3), PAPER, np.uint8)
    return np.concatenate([edge, *rows])


def save_sheet(sheet: NDArray[np.uint8], path: str | os.PathLike[str]) -> None:
    """Write a sheet as png or jpg, by its name's ending; ValueError for another ending."""
    if Path(path).suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise ValueError(f"a contact sheet is a .png or .jpg file, got {os.fspath(path)}")
    if not cv2.imwrite(os.fspath(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR)):
        raise OSError(f"cannot write {os.fspath(path)}: is there such a folder, and room on the disk?")


def spread(count: int, wanted: int) -> list[int]:
    """``wanted`` indices spread evenly over ``count`` items, first and last included; all of them where there are fewer."""
    if count <= wanted:
        return list(range(count))
    return [round(index * (count - 1) / (wanted - 1)) for index in range(wanted)]


def _rows(pictures: Sequence[tuple[float, NDArray[np.uint8]]], columns: int, width: int) -> list[NDArray[np.uint8]]:
    cell = (width - GAP) // columns - GAP
    height = round(cell * pictures[0][1].shape[0] / pictures[0][1].shape[1])
    rows = []
    for start in range(0, len(pictures), columns):
        row = np.full((height + CAPTION + GAP, width, 3), PAPER, np.uint8)
        for column, (time, image) in enumerate(pictures[start : start + columns]):
            left = GAP + column * (cell + GAP)
            way = cv2.INTER_AREA if image.shape[1] > cell else cv2.INTER_CUBIC
            row[:height, left : left + cell] = cv2.resize(image, (cell, height), interpolation=way)
            cv2.putText(row, f"{time:.2f} s", (left + 2, height + CAPTION - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.42, INK, 1, cv2.LINE_AA)
        rows.append(row)
    return rows
