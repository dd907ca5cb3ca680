"""Photos of every kind are read, framed, or refused with what to do."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from visavis.portrait.photo import FACE_SHARE_MOST, MAX_PIXELS, NEUTRAL, Frame, Photo, choose_frame, cut_frame, decode_photo, read_photo
from visavis.types_portrait import PICTURE_HEIGHT, PICTURE_WIDTH, PortraitError


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def gradient() -> Image.Image:
    """90 wide, 60 high, red to the right, green downwards: every corner has its own colour."""
    y, x = np.mgrid[0:60, 0:90]
    return Image.fromarray(np.stack([x * 2, y * 4, np.full_like(x, 40)], -1).astype(np.uint8))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM"])
def test_reads_formats(gradient: Image.Image, kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    photo = decode_photo(encoded(gradient, kind, **options), "photo")
    assert photo.image.shape == (60, 90, 3)
    assert photo.alpha is None
    assert np.abs(photo.image.astype(int) - np.asarray(gradient)).mean() < 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_applies_exif_orientation(gradient: Image.Image, orientation: int) -> None:
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = gradient if undo is None else gradient.transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = decode_photo(encoded(stored, "PNG", exif=exif), "photo")
    np.testing.assert_array_equal(photo.image, np.asarray(gradient))


def test_grey_palette_and_cmyk_become_rgb(gradient: Image.Image) -> None:
    grey = decode_photo(encoded(gradient.convert("L"), "PNG"), "photo").image
    assert grey.shape == (60, 90, 3)
    assert (grey[..., 0] == grey[..., 2]).all()
    palette = decode_photo(encoded(gradient.quantize(64), "PNG"), "photo").image
    assert np.abs(palette.astype(int) - np.asarray(gradient)).mean() < 12
    cmyk = decode_photo(encoded(gradient.convert("CMYK"), "JPEG", quality=95), "photo").image
    assert np.abs(cmyk.astype(int) - np.asarray(gradient)).mean() < 12


def test_sixteen_bit_grey_keeps_its_range() -> None:
    values = np.linspace(0, 65535, 60 * 90).reshape(60, 90).astype(np.uint16)
    image = decode_photo(encoded(Image.fromarray(values), "PNG"), "photo").image
    assert image.shape == (60, 90, 3)
    assert image.min() == 0
    assert image.max() == 255
    assert abs(float(image.mean()) - 127.5) < 1


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_becomes_the_matte_over_grey(gradient: Image.Image, mode: str) -> None:
    layers = gradient.convert("RGBA")
    alpha = np.zeros((60, 90), np.uint8)
    alpha[:, :45] = 255
    layers.putalpha(Image.fromarray(alpha))
    photo = decode_photo(encoded(layers.convert(mode), "TIFF" if mode != "RGBA" else "PNG"), "photo")
    assert photo.alpha is not None
    assert photo.alpha[:, :40].min() == 1
    assert photo.alpha[:, 50:].max() == 0
    assert (photo.image[:, 50:] == NEUTRAL).all()


def test_opaque_alpha_is_no_matte(gradient: Image.Image) -> None:
    assert decode_photo(encoded(gradient.convert("RGBA"), "PNG"), "photo").alpha is None


def test_colour_profile_is_turned_into_srgb(gradient: Image.Image) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    photo = decode_photo(encoded(gradient, "PNG", icc_profile=profile.tobytes()), "photo")
    assert np.abs(photo.image.astype(int) - np.asarray(gradient)).max() <= 2
    damaged = decode_photo(encoded(gradient, "PNG", icc_profile=b"no profile"), "photo")
    np.testing.assert_array_equal(damaged.image, np.asarray(gradient))


def png_header(width: int, height: int) -> bytes:
    """The beginning of a PNG that claims to be large, without its pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0")
    chunks = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in (body, data)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("size", [(13_000, 12_000), (60_000, 60_000)])
def test_huge_photos_are_refused_before_decoding(size: tuple[int, int]) -> None:
    assert size[0] * size[1] > MAX_PIXELS
    with pytest.raises(PortraitError, match="scale the photo down"):
        decode_photo(png_header(*size), "photo")


def test_large_photos_are_scaled_down() -> None:
    photo = decode_photo(encoded(Image.new("L", (12_000, 3000), 90), "JPEG"), "photo")
    assert max(photo.image.shape) == 5000


def test_files_that_are_no_photos(tmp_path: Path, gradient: Image.Image) -> None:
    jpeg = encoded(gradient.resize((900, 600)), "JPEG")
    cases = {
        "text.jpg": (b"this is no picture", "is not a picture"),
        "empty.png": (b"", "empty file"),
        "cut.jpg": (jpeg[: len(jpeg) // 2], "damaged or cut off"),
        "cut.png": (encoded(gradient.resize((900, 600)), "PNG")[:3000], "damaged or cut off"),
        "phone.heic": (b"\0\0\0\x24ftypheic\0\0\0\0mif1heic", "export it as JPEG"),
        "page.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "is not a picture"),
    }
    for name, (data, message) in cases.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(PortraitError, match=message) as caught:
            read_photo(path)
        assert name in str(caught.value)
    with pytest.raises(PortraitError, match="cannot read the photo"):
        read_photo(tmp_path / "absent.jpg")
    with pytest.raises(PortraitError, match="cannot read the photo"):
        read_photo(tmp_path)


def face(x: float, y: float, height: float) -> np.ndarray:
    """Landmarks whose box has its middle at ``x``, ``y``."""
    return np.array([[x - 0.4 * height, y - height / 2], [x + 0.4 * height, y + height / 2]] * 239, np.float64)


def test_frame_of_a_standing_person_shows_the_upper_body() -> None:
    frame = choose_frame(1536, 2752, face(768, 405, 263))
    assert 0.18 < 263 / frame.height < 0.25
    assert frame.left >= 0
    assert frame.left + frame.width <= 1536
    assert abs(frame.left + frame.width / 2 - 768) < 2
    assert frame.top < 405 - 263 / 2 - 0.5 * 263


def test_frame_of_a_head_shot_stays_inside_the_photo() -> None:
    frame = choose_frame(2048, 2048, face(1023, 1025, 948))
    assert frame.left >= 0
    assert frame.top >= 0
    assert frame.left + frame.width <= 2048
    assert frame.top + frame.height <= 2048


def test_a_framed_portrait_is_taken_as_it_is() -> None:
    assert choose_frame(512, 768, face(256, 170, 150)) == Frame(0, 0, 768)
    assert choose_frame(936, 1400, face(466, 305, 263)) == Frame(0, 0, 1398)


@example(width=200, height=307, share=0.9375, across=0.0, down=1.0)
@given(
    width=st.integers(200, 4000),
    height=st.integers(200, 4000),
    share=st.floats(0.05, 0.99),
    across=st.floats(0.0, 1.0),
    down=st.floats(0.0, 1.0),
)
def test_every_frame_holds_the_face(width: int, height: int, share: float, across: float, down: float) -> None:
    size = share * min(width, height)
    landmarks = face(0.4 * size + across * (width - 0.8 * size), size / 2 + down * (height - size), size)
    frame = choose_frame(width, height, landmarks)
    assert frame.width * PICTURE_HEIGHT == frame.height * PICTURE_WIDTH
    assert size / frame.height <= FACE_SHARE_MOST * 1.05
    inside = frame.to_picture(landmarks)
    slack = 1 + 3.5 * frame.scale  # frames lie on whole pixels of the photo, their height a multiple of 3
    assert inside.min() > -slack
    assert inside[:, 0].max() < PICTURE_WIDTH + slack
    assert inside[:, 1].max() < PICTURE_HEIGHT + slack


def test_cut_frame_continues_the_border_and_keeps_exact_pixels() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (768, 512, 3)).astype(np.uint8)
    photo = Photo(image, None, "", "photo")
    np.testing.assert_array_equal(cut_frame(photo, Frame(0, 0, 768))[0], image)
    flat = Photo(np.full((300, 300, 3), 77, np.uint8), np.ones((300, 300), np.float32), "", "photo")
    picture, alpha = cut_frame(flat, Frame(-50, -60, 600))
    assert picture.shape == (768, 512, 3)
    assert alpha is not None
    assert alpha.shape == (768, 512)
    assert (np.abs(picture.astype(int) - 77) <= 1).all()
