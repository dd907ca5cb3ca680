"""Face, arms and hands as lines and points on a dark ground: what control gives the generator, before any picture is made of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from visavis.control.pose import KEYPOINT_NAMES
from visavis.data.phones import BILABIALS, SILENCE, Phone
from visavis.motion.layout import FACE
from visavis.plotting.curves import mean_gaze
from visavis.plotting.limbs import BELOW_M, BESIDE_M, limbs, pixels_a_metre
from visavis.timing import FRAME_RATE, SAMPLE_RATE

WIDTH, HEIGHT = 720, 1280
STRIP = 176
"""Height of the sound at the bottom."""

SUB = 4
"""Bits below a pixel that cv2 draws with."""

GROUND, PANEL, HAIR = (15, 18, 26), (22, 26, 37), (51, 59, 78)
FAINT, TEXT, SHUT = (120, 132, 156), (222, 228, 240), (255, 92, 120)
FACE_COLOURS: dict[str, tuple[int, int, int]] = {
    "jaw": (126, 140, 170),
    "right_brow": (242, 190, 92),
    "left_brow": (242, 190, 92),
    "nose": (150, 164, 192),
    "right_eye": (94, 214, 236),
    "left_eye": (94, 214, 236),
    "outer_lip": (255, 122, 130),
    "inner_lip": (255, 168, 160),
}
ARM_COLOURS = {"right": (236, 168, 96), "left": (120, 200, 150)}
"""The person's own right and left."""
CLOSED = {"right_eye", "left_eye", "outer_lip", "inner_lip"}
GAZE_LENGTH = 0.05
"""Length of a gaze arrow for each degree, in distances between the eyes."""

WINDOW_S = 1.0
"""Sound and phones shown before and after the picture's time."""

_ROWS = {
    group: [index for index, name in enumerate(KEYPOINT_NAMES) if name.rsplit("_", 1)[0] == group] for group in FACE_COLOURS
}  # fmt: skip
_SHOULDERS = [KEYPOINT_NAMES.index("right_shoulder"), KEYPOINT_NAMES.index("left_shoulder")]
_PIVOT = KEYPOINT_NAMES.index("head_pivot")

Image3 = NDArray[np.uint8]


@dataclass(frozen=True)
class View:
    """Where the person is seen: ``drawn = scale * (keypoint - centre) + middle``."""

    centre: tuple[float, float]
    scale: float

    def place(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Keypoints (n, 2 or more) in pixels of the portrait to pixels (n, 2) of the preview."""
        middle = np.array([WIDTH / 2, (HEIGHT - STRIP) * 0.5])
        return (np.asarray(points[:, :2], np.float64) - self.centre) * self.scale + middle


def view_of(keypoints: NDArray[np.float32]) -> View:
    """A view that holds face and shoulders of keypoints (K, 3) and the space that gestures use, with room to move."""
    face = keypoints[[row for rows in _ROWS.values() for row in rows], :2]
    shoulders = keypoints[_SHOULDERS, :2]
    points = np.concatenate([face, shoulders])
    low, high = points.min(axis=0), points.max(axis=0)
    metre = pixels_a_metre(*shoulders)
    low[0], high[0] = low[0] - BESIDE_M * metre, high[0] + BESIDE_M * metre
    high[1] = max(high[1], shoulders[:, 1].mean() + BELOW_M * metre)
    # The forehead above the brows has no keypoints.
    low[1] -= 0.45 * np.ptp(face[:, 1])
    scale = min(0.96 * WIDTH / (high[0] - low[0]), 0.90 * (HEIGHT - STRIP) / (high[1] - low[1]))
    centre = (low + high) / 2
    return View((float(centre[0]), float(centre[1])), float(scale))


class SkeletonFilm:
    """Draws the pictures of one clip.

    samples: int16 (n,) at 16 kHz or None. phones: with times from frame 0. begin_s: time of frame 0 in the clip, for the clock.
    """

    def __init__(
        self, view: View, samples: NDArray[np.int16] | None = None, phones: Sequence[Phone] = (), title: str = "", begin_s: float = 0.0
    ) -> None:
        self._view, self._phones, self._title, self._begin_s = view, tuple(phones), title, begin_s
        self._loudest = max(float(np.abs(samples.astype(np.float64)).max()) if samples is not None and len(samples) else 0.0, 300.0)
        self._samples = samples
        self._words: dict[tuple[str, int], NDArray[np.float32]] = {}

    def draw(self, frame: int, keypoints: NDArray[np.float32], motion: NDArray[np.float32]) -> Image3:
        """RGB uint8 (HEIGHT, WIDTH, 3). keypoints: float32 (K, 3) of the control stage. motion: float32 (MOTION_DIM,)."""
        image = np.full((HEIGHT, WIDTH, 3), GROUND, np.uint8)
        points = self._view.place(keypoints)
        self._body(image, points)
        self._face(image, points)
        self._gaze(image, points, motion[FACE])
        self._limbs(image, points, motion)
        self._strip(image, frame / FRAME_RATE)
        self._write(image, f"{self._begin_s + frame / FRAME_RATE:6.2f} s", (WIDTH - 22, 22), 24, TEXT, right=True)
        self._write(image, self._title, (22, 26), 18, FAINT)
        return image

    def _body(self, image: Image3, points: NDArray[np.float64]) -> None:
        right, left = points[_SHOULDERS]
        middle, pivot = (right + left) / 2, points[_PIVOT]
        _line(image, np.array([middle, pivot]), HAIR, 3)
        width = left[0] - right[0]
        _line(image, smooth(np.array([right, middle - [0.0, 0.045 * width], left])), (88, 102, 134), 3)
        for point, size in ((right, 6), (left, 6), (pivot, 7)):
            _dot(image, point, size, (150, 164, 192))
        _dot(image, pivot, 3, GROUND)

    def _limbs(self, image: Image3, points: NDArray[np.float64], motion: NDArray[np.float32]) -> None:
        right, left = points[_SHOULDERS]
        both = limbs(motion, right, left)
        for side in sorted(both, key=lambda side: -both[side][1][1]):
            colour = ARM_COLOURS[side]
            dim, dark = (tuple(value * share // 10 for value in colour) for share in (6, 3))
            (arm, _), *hand = both[side]
            _line(image, arm, dim, 6)
            for point in arm[1:]:
                _dot(image, point, 7, colour)
            for line, _ in hand:
                if len(line) == 6:
                    _fill(image, line, dark)
                _line(image, line, colour, 3)
                _dot(image, line[-1], 3.4, colour)

    def _face(self, image: Image3, points: NDArray[np.float64]) -> None:
        lips = {name: smooth(points[_ROWS[name]], closed=True) for name in ("outer_lip", "inner_lip")}
        _fill(image, lips["outer_lip"], (94, 44, 58))
        _fill(image, lips["inner_lip"], (26, 8, 14))
        for side in ("right_eye", "left_eye"):
            _fill(image, smooth(points[_ROWS[side]], closed=True), (28, 52, 66))
        for group, colour in FACE_COLOURS.items():
            rows = points[_ROWS[group]]
            if group == "nose":
                _line(image, smooth(rows[:4]), colour, 2)
                _line(image, smooth(rows[4:]), colour, 2)
            else:
                _line(image, lips[group] if group in lips else smooth(rows, closed=group in CLOSED), colour, 2)
            for point in rows:
                _dot(image, point, 2.6 if group in CLOSED else 3.2, tuple((value + 255) // 2 for value in colour))

    def _gaze(self, image: Image3, points: NDArray[np.float64], face: NDArray[np.float32]) -> None:
        left, up = (float(values[0]) for values in mean_gaze(face[None]))
        eyes = {side: points[_ROWS[side]] for side in ("right_eye", "left_eye")}
        apart = float(np.linalg.norm(eyes["left_eye"].mean(axis=0) - eyes["right_eye"].mean(axis=0)))
        # The person's left is the viewer's right.
        arrow = np.array([left, -up]) * GAZE_LENGTH * apart
        for outline in eyes.values():
            centre = outline.mean(axis=0)
            width = float(np.ptp(outline[:, 0]))
            opening = float(np.ptp(outline[:, 1]))
            iris = centre + np.array([left, -up]) / 90 * width * 0.75
            x, y = (int(value) for value in outline.min(axis=0) - 4)
            box = image[max(y, 0) : int(outline[:, 1].max()) + 5, max(x, 0) : int(outline[:, 0].max()) + 5]
            if box.size:
                self._iris(box, outline - [max(x, 0), max(y, 0)], iris - [max(x, 0), max(y, 0)], width, opening)
            tip = iris + arrow
            length = float(np.linalg.norm(arrow))
            if length > 4:
                along = arrow / length
                across = np.array([-along[1], along[0]])
                head = min(9.0, 0.5 * length)
                _line(image, np.array([iris, tip]), (190, 255, 140), 2)
                _line(
                    image,
                    np.array([tip - head * along + 0.6 * head * across, tip, tip - head * along - 0.6 * head * across]),
                    (190, 255, 140),
                    2,
                )

    def _iris(self, box: Image3, outline: NDArray[np.float64], iris: NDArray[np.float64], width: float, opening: float) -> None:
        """Iris and pupil as far as the lids show them, drawn into ``box``, a part of the picture."""
        mask = np.zeros(box.shape[:2], np.uint8)
        cv2.fillPoly(mask, [_fixed(smooth(outline, closed=True))], 255, cv2.LINE_AA, SUB)
        shown = box.copy()
        _dot(shown, iris, 0.23 * width, (60, 150, 178))
        _dot(shown, iris, 0.11 * width, (8, 18, 26))
        share = mask[..., None].astype(np.float32) / 255 * min(1.0, opening / (0.12 * width))
        box[:] = np.rint(box + share * (shown.astype(np.float32) - box)).astype(np.uint8)

    def _strip(self, image: Image3, now_s: float) -> None:
        top = HEIGHT - STRIP
        image[top:] = PANEL
        cv2.line(image, (0, top), (WIDTH, top), HAIR, 1, cv2.LINE_AA)
        per_second = WIDTH / (2 * WINDOW_S)
        wave_middle, wave_half = top + 62, 46
        if self._samples is not None:
            self._wave(image, now_s, per_second, wave_middle, wave_half)
        said = ""
        for phone in self._phones:
            if phone.end < now_s - WINDOW_S or phone.start > now_s + WINDOW_S:
                continue
            begin, end = (WIDTH / 2 + (at - now_s) * per_second for at in (phone.start, phone.end))
            current = phone.start <= now_s < phone.end
            if phone.name == SILENCE:
                continue
            said = phone.name if current else said
            shut = phone.name in BILABIALS
            colour = (96, 34, 52) if shut else (38, 46, 64)
            box = _fixed(np.array([[begin + 1.5, top + 126], [end - 1.5, top + 126], [end - 1.5, top + 160], [begin + 1.5, top + 160]]))
            cv2.fillPoly(image, [box], tuple(min(255, value + 34) for value in colour) if current else colour, cv2.LINE_AA, SUB)
            if end - begin < 9 * len(phone.name):
                continue
            self._write(image, phone.name, ((begin + end) / 2, top + 135), 14, SHUT if shut else TEXT if current else FAINT, centre=True)
        cv2.line(image, (WIDTH // 2, top + 8), (WIDTH // 2, HEIGHT - 8), (235, 240, 250), 1, cv2.LINE_AA)
        if said:
            self._write(image, said, (WIDTH / 2, top - 44), 30, SHUT if said in BILABIALS else TEXT, centre=True)

    def _wave(self, image: Image3, now_s: float, per_second: float, middle: int, half: int) -> None:
        assert self._samples is not None
        edges = np.rint((now_s + (np.arange(WIDTH + 1) - WIDTH / 2) / per_second) * SAMPLE_RATE).astype(int)
        begin, end = edges[0], edges[-1]
        part = np.zeros(end - begin, np.float64)
        low, high = max(begin, 0), min(end, len(self._samples))
        if high > low:
            part[low - begin : high - begin] = self._samples[low:high]
        tops = np.maximum.reduceat(part, np.minimum(edges[:-1] - begin, len(part) - 1)) / self._loudest
        bottoms = np.minimum.reduceat(part, np.minimum(edges[:-1] - begin, len(part) - 1)) / self._loudest
        columns = np.arange(WIDTH)
        outline = np.concatenate(
            [np.stack([columns, middle - half * tops - 0.6], 1), np.stack([columns[::-1], middle - half * bottoms[::-1] + 0.6], 1)]
        )
        past = columns <= WIDTH // 2
        cv2.fillPoly(image, [_fixed(outline)], (84, 98, 130), cv2.LINE_AA, SUB)
        heard = np.concatenate([outline[:WIDTH][past], outline[WIDTH:][past[::-1]]])
        cv2.fillPoly(image, [_fixed(heard)], (116, 190, 220), cv2.LINE_AA, SUB)

    def _write(
        self,
        image: Image3,
        text: str,
        place: tuple[float, float],
        size: int,
        colour: tuple[int, int, int],
        right: bool = False,
        centre: bool = False,
    ) -> None:
        """Text with its upper left corner, or the middle or the end of its upper edge, at ``place``."""
        if not text:
            return
        key = (text, size)
        if key not in self._words:
            if len(self._words) > 500:
                self._words.clear()
            self._words[key] = _text_mask(text, size)
        mask = self._words[key]
        height, width = mask.shape
        x = round(place[0] - (width if right else width / 2 if centre else 0))
        y = round(place[1])
        x0, x1, y0, y1 = max(x, 0), min(x + width, WIDTH), max(y, 0), min(y + height, HEIGHT)
        if x0 >= x1 or y0 >= y1:
            return
        share = mask[y0 - y : y1 - y, x0 - x : x1 - x, None]
        under = image[y0:y1, x0:x1].astype(np.float32)
        image[y0:y1, x0:x1] = np.rint(under + share * (np.array(colour, np.float32) - under)).astype(np.uint8)


def smooth(points: NDArray[np.float64], closed: bool = False, parts: int = 8) -> NDArray[np.float64]:
    """A smooth curve (m, 2) through ``points`` (n, 2): a Catmull-Rom spline with ``parts`` pieces between neighbours."""
    around = np.concatenate([points[-1:], points, points[:2]]) if closed else np.concatenate([points[:1], points, points[-1:]])
    t = (np.arange(parts) / parts)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(around[:-3], around[1:-2], around[2:-1], around[3:], strict=True)
    ]
    return np.concatenate([*pieces, points[:1] if closed else points[-1:]])


def _fixed(points: NDArray[np.floating]) -> NDArray[np.int32]:
    return np.rint(points * (1 << SUB)).astype(np.int32)


def _line(image: Image3, points: NDArray[np.float64], colour: tuple[int, ...], thickness: int) -> None:
    cv2.polylines(image, [_fixed(points)], False, colour, thickness, cv2.LINE_AA, SUB)


def _fill(image: Image3, points: NDArray[np.float64], colour: tuple[int, ...]) -> None:
    cv2.fillPoly(image, [_fixed(points)], colour, cv2.LINE_AA, SUB)


def _dot(image: Image3, point: NDArray[np.float64], radius: float, colour: tuple[int, ...]) -> None:
    x, y = _fixed(point).tolist()
    cv2.circle(image, (x, y), round(radius * (1 << SUB)), colour, -1, cv2.LINE_AA, SUB)


def _text_mask(text: str, size: int) -> NDArray[np.float32]:
    """How much of each pixel a line of text covers: float32 (height, width)."""
    font = ImageFont.load_default(size)
    _, _, width, height = font.getbbox(text)
    canvas = Image.new("L", (max(round(width), 1) + 2, max(round(height), 1) + 2))
    ImageDraw.Draw(canvas).text((0, 0), text, font=font, fill=255)
    return np.asarray(canvas, np.float32) / np.float32(255)
