"""Reads a photo, whatever it is stored as, and frames the person in it at 512x768."""

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from visavis.portrait.photo_file import read_photo_file
from visavis.types_portrait import PICTURE_HEIGHT, PICTURE_WIDTH, PortraitError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "JPEG2000", "AVIF")
"""Formats that are decoded; others (EPS, PDF...) would run programs or are no photos."""
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
MAX_PIXELS = 150_000_000
MAX_SIDE = 5000
"""Larger photos are scaled down to this before anything looks at them."""
NEUTRAL = 150
"""Grey that is put behind transparent photos."""

FACE_SHARE = 0.20
"""Wanted height of the face (forehead to chin) in the frame."""
FACE_SHARE_KEPT = (0.16, 0.30)
"""A photo of the right shape (width to height within ``SHAPE_KEPT``) whose face has this share of its height is taken as it is."""
SHAPE_KEPT = 0.01
FACE_SHARE_MOST = 0.62
"""Tight head shots are extended with background until the face is no larger than this."""
LEAST_ROOM, CHIN_ROOM = 0.34, 0.14
"""Heights of the face that a photo must show above and below it together, and below it: with less, much of the head would be made up, and
the photo's lower border comes into sight (`visavis eval robust`: in 39 of 40 motions in place of 14)."""
HEADROOM = 0.66
"""Space above the forehead, in heights of the face: hair and some air."""


@dataclass(frozen=True)
class Photo:
    """A decoded photo. image: uint8 (height, width, 3) RGB, upright. alpha: float32 (height, width) where the file itself had
    transparency, else None. content_hash: sha256 of the file, hexadecimal. name: for messages."""

    image: NDArray[np.uint8]
    alpha: NDArray[np.float32] | None
    content_hash: str
    name: str


@dataclass(frozen=True)
class Frame:
    """Which part of a photo becomes the picture: left, top and height in pixels of the photo (the width is 2/3 of the height).

    The frame may reach beyond the photo; what is missing is continued from the border.
    """

    left: int
    top: int
    height: int

    @property
    def width(self) -> int:
        return self.height * PICTURE_WIDTH // PICTURE_HEIGHT

    @property
    def scale(self) -> float:
        """Pixels of the picture for each pixel of the photo."""
        return PICTURE_HEIGHT / self.height

    def to_picture(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixels of the photo (..., 2) to pixels of the picture (..., 2); centres of pixels have whole coordinates in both."""
        moved: NDArray[np.float64] = (points + 0.5 - (self.left, self.top)) * self.scale - 0.5
        return moved


def read_photo(path: Path) -> Photo:
    """Decodes ``path``: EXIF orientation applied, any colour mode, 16 bit, colour profile turned into sRGB. PortraitError where it
    cannot."""
    return decode_photo(read_photo_file(path), str(path))


def decode_photo(data: bytes, name: str) -> Photo:
    """``read_photo`` of a file's bytes."""
    if not data:
        raise PortraitError(f"{name} is an empty file: give a photo (JPEG, PNG, WebP...)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        if data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS:
            raise PortraitError(f"{name} is a HEIC photo, which is not read: export it as JPEG") from error
        raise PortraitError(f"{name} is not a picture that can be read: give a photo as JPEG, PNG, WebP, TIFF, BMP, GIF or AVIF") from error
    except Image.DecompressionBombError as error:
        raise PortraitError(_too_large(name, "far too many")) from error
    except (OSError, ValueError, SyntaxError) as error:
        raise PortraitError(f"{name} is damaged and cannot be read ({error}): save the photo again") from error
    width, height = opened.size
    if width * height > MAX_PIXELS:
        raise PortraitError(_too_large(name, f"{width}x{height}"))
    try:
        opened.draft("RGB", (MAX_SIDE, MAX_SIDE))
        opened.load()
        upright = ImageOps.exif_transpose(opened)
        image, alpha = _to_rgb(upright)
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, MemoryError, ImageCms.PyCMSError) as error:
        raise PortraitError(f"{name} is damaged or cut off and cannot be read ({error}): save or copy the photo again") from error
    scale = MAX_SIDE / max(image.shape[:2])
    if scale < 1:
        image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        if alpha is not None:
            alpha = np.asarray(cv2.resize(alpha, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_AREA), np.float32)
    return Photo(image, alpha, hashlib.sha256(data).hexdigest(), name)


def choose_frame(width: int, height: int, landmarks: NDArray[np.float64]) -> Frame:
    """The frame around the face with ``landmarks`` (pixels) in a photo of ``width`` x ``height``: head, torso and arms where the photo
    has them."""
    top, bottom = landmarks[:, 1].min(), landmarks[:, 1].max()
    face = bottom - top
    if abs(width / height - PICTURE_WIDTH / PICTURE_HEIGHT) < SHAPE_KEPT and FACE_SHARE_KEPT[0] <= face / height <= FACE_SHARE_KEPT[1]:
        whole = Frame(0, 0, min(height, width * PICTURE_HEIGHT // PICTURE_WIDTH) // 3 * 3)
        if landmarks[:, 0].max() <= whole.width and bottom <= whole.height:
            return whole
    frame_top = max(top - HEADROOM * face, 0.0)
    # A frame may be cut by the lower and side borders of a person's photo without being seen, but not by empty space below.
    available = min(height - frame_top, width * PICTURE_HEIGHT / PICTURE_WIDTH)
    frame_height = max(int(min(face / FACE_SHARE, available)) // 3 * 3, int(np.ceil(face / FACE_SHARE_MOST / 3)) * 3)
    frame_width = frame_height * PICTURE_WIDTH // PICTURE_HEIGHT
    left = (landmarks[:, 0].min() + landmarks[:, 0].max()) / 2 - frame_width / 2
    left = (width - frame_width) / 2 if frame_width >= width else min(max(left, 0), width - frame_width)
    if frame_height > height:
        frame_top = max(top - HEADROOM * face, float(height - frame_height))
    else:
        frame_top = min(max(frame_top, bottom - frame_height), float(height - frame_height))
    return Frame(round(left), round(frame_top), frame_height)


def check_room(height: int, landmarks: NDArray[np.float64], name: str) -> None:
    """PortraitError where the borders of a photo of this ``height`` cut the head with ``landmarks`` (pixels) short."""
    top, bottom = float(landmarks[:, 1].min()), float(landmarks[:, 1].max())
    above, below = (max(room, 0.0) / (bottom - top) for room in (top, height - bottom))
    if below < CHIN_ROOM or above + below < LEAST_ROOM:
        where = "at the chin" if above + below >= LEAST_ROOM else "at the forehead and at the chin"
        raise PortraitError(
            f"{name} is cut {where} (above and below the face it shows {above:.0%} and {below:.0%} of the face's height): use the photo "
            "before it was cropped, or one taken from further away, with the whole head and the neck"
        )


def cut_frame(photo: Photo, frame: Frame) -> tuple[NDArray[np.uint8], NDArray[np.float32] | None]:
    """The picture uint8 (768, 512, 3), and the photo's own transparency float32 (768, 512) if it has any."""
    image = _resample(_cut(photo.image, frame))
    alpha = None if photo.alpha is None else np.clip(_resample(_cut(photo.alpha, frame)), 0, 1).astype(np.float32)
    return image, alpha


def as_at_border(values: NDArray[np.float32], frame: Frame, width: int, height: int) -> NDArray[np.float32]:
    """Values (768, 512) of a picture whose ``frame`` may reach beyond its photo of ``width`` x ``height``: out there those of the nearest
    pixel of the photo."""

    def within(count: int, begin: float, end: float) -> NDArray[np.int64]:
        first, last = np.ceil(max(begin, 0.0)), np.floor(min(end, float(count))) - 1
        return np.clip(np.arange(count), int(first), int(last))

    rows = within(PICTURE_HEIGHT, -frame.top * frame.scale, (height - frame.top) * frame.scale)
    columns = within(PICTURE_WIDTH, -frame.left * frame.scale, (width - frame.left) * frame.scale)
    return values[rows][:, columns]


DETAIL_FROM = 1.15
"""A photo with at least so many pixels for each of the picture's has detail that larger pictures show."""


def cut_detail(photo: Photo, frame: Frame) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """``FittedPortrait.detail`` and ``texel_detail``: the frame at twice the picture's size, on two grids; empty for small photos."""
    if frame.scale * DETAIL_FROM > 1:
        empty = np.zeros((0, 0, 3), np.uint8)
        return empty, empty
    size = (2 * PICTURE_WIDTH, 2 * PICTURE_HEIGHT)
    quarter = 0.25 / frame.scale
    border = int(np.ceil(quarter))
    cut = Image.fromarray(cv2.copyMakeBorder(_cut(photo.image, frame), 0, border, 0, border, cv2.BORDER_REPLICATE))
    whole = (0.0, 0.0, float(frame.width), float(frame.height))
    moved = (quarter, quarter, frame.width + quarter, frame.height + quarter)
    detail, texels = (np.array(cut.resize(size, Image.Resampling.LANCZOS, box=box)) for box in (whole, moved))
    return detail, texels


def _cut(image: NDArray, frame: Frame) -> NDArray:  # type: ignore[type-arg]
    height, width = image.shape[:2]
    left, top = max(0, -frame.left), max(0, -frame.top)
    right, bottom = max(0, frame.left + frame.width - width), max(0, frame.top + frame.height - height)
    inside = image[max(0, frame.top) : frame.top + frame.height, max(0, frame.left) : frame.left + frame.width]
    if not (left or top or right or bottom):
        return inside
    extended = cv2.copyMakeBorder(inside, top, bottom, left, right, cv2.BORDER_REPLICATE)
    # Streaks of the border row would move with the eye; far from the photo they fade into a soft wash.
    soft = cv2.GaussianBlur(extended, (0, 0), max(2.0, frame.height / 60))
    outside = np.ones(extended.shape[:2], np.uint8)
    outside[top : top + inside.shape[0], left : left + inside.shape[1]] = 0
    fade = np.clip(cv2.distanceTransform(outside, cv2.DIST_L2, 5) / (frame.height / 40), 0, 1)
    if extended.ndim == 3:
        fade = fade[..., None]
    mixed: NDArray = (extended * (1 - fade) + soft * fade).astype(image.dtype)  # type: ignore[type-arg]
    return mixed


def _resample(image: NDArray) -> NDArray:  # type: ignore[type-arg]
    """To 512x768 with an anti-aliasing Lanczos filter; a picture of that size stays as it is, bit for bit."""
    if image.shape[:2] == (PICTURE_HEIGHT, PICTURE_WIDTH):
        return np.ascontiguousarray(image)
    return np.array(Image.fromarray(np.ascontiguousarray(image)).resize((PICTURE_WIDTH, PICTURE_HEIGHT), Image.Resampling.LANCZOS))


def _to_rgb(picture: Image.Image) -> tuple[NDArray[np.uint8], NDArray[np.float32] | None]:
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        values = np.asarray(picture, np.float64)
        top = 65535.0 if values.max() > 255 else 255.0
        grey = np.clip(values / top * 255, 0, 255).round().astype(np.uint8)
        return np.repeat(grey[..., None], 3, 2), None
    picture = _to_srgb(picture)
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        layers = np.asarray(picture.convert("RGBA"), np.float32)
        alpha = layers[..., 3] / np.float32(255)
        if alpha.min() < 0.98:
            if alpha.max() < 0.5:
                raise ValueError("it is wholly transparent")
            image = layers[..., :3] * alpha[..., None] + NEUTRAL * (1 - alpha[..., None])
            return np.round(image).astype(np.uint8), alpha
    return np.array(picture.convert("RGB")), None


def _to_srgb(picture: Image.Image) -> Image.Image:
    """Applies an embedded colour profile (phones write Display P3); one that cannot be applied is ignored, as browsers do."""
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return picture
    try:
        mode = "RGBA" if picture.mode == "RGBA" else "RGB"
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture
    return converted if converted is not None else picture


def _too_large(name: str, size: str) -> str:
    return f"{name} has {size} pixels, more than {MAX_PIXELS // 1_000_000} million are not read: scale the photo down to about 3000x4000"
