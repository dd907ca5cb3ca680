"""A film that was written is the film that is read: size, rate, number of pictures, colours, sound in step, and the mark."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.film.credentials import (
    Certificate,
    CredentialsError,
    certificate_for_tests,
    read_certificate,
    read_credentials,
    sign_film,
)
from visavis.film.mark import SOURCE_TYPE, mark_text
from visavis.film.reader import FilmError, read_facts, read_pictures, read_sound
from visavis.film.sheet import Box, contact_sheet, save_sheet, spread
from visavis.film.writer import FilmWriter

WIDTH, HEIGHT = 128, 192


def picture(index: int) -> NDArray[np.uint8]:
    """A green bar that grows over a red ground: its width tells the index."""
    image = np.full((HEIGHT, WIDTH, 3), (200, 30, 60), np.uint8)
    image[:, : 2 * index] = (20, 180, 90)
    return image


def clicks(rate: int, seconds: float) -> NDArray[np.float32]:
    """A burst of sound at each half second."""
    time = np.arange(round(rate * seconds))
    return (0.5 * np.sin(2 * np.pi * 440 * time / rate) * (time % (rate // 2) < rate // 20)).astype(np.float32)[:, None]


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000, 37_800])
@pytest.mark.parametrize("channels", [1, 2])
def test_film_read_back_is_what_was_written(tmp_path: Path, rate: int, channels: int) -> None:
    sound = np.repeat(clicks(rate, 2.0), channels, axis=1)
    with FilmWriter(tmp_path / "a.mp4", WIDTH, HEIGHT, rate, channels, mark_text(seed=3)) as film:
        for index in range(60):
            film.write_picture(picture(index))
            film.write_sound(sound[index * rate // 30 : (index + 1) * rate // 30])
    facts = read_facts(tmp_path / "a.mp4")
    assert (facts.width, facts.height, facts.frame_rate, facts.pictures, facts.irregular) == (WIDTH, HEIGHT, 30, 60, 0)
    assert (facts.picture_codec, facts.pixel_format, facts.sound_codec) == ("h264", "yuv420p", "aac")
    assert abs(facts.sound_seconds - 2.0) < 0.05
    for index, (time, image) in enumerate(read_pictures(tmp_path / "a.mp4")):
        assert abs(time - index / 30) < 1e-6
        assert abs(int(np.count_nonzero(image[HEIGHT // 2, :, 1] > 105)) - 2 * index) <= 2
        np.testing.assert_allclose(image[10, -1], (200, 30, 60), atol=6)
    back, back_rate = read_sound(tmp_path / "a.mp4")
    reference = clicks(back_rate, 2.0)[:, 0]
    scores = [
        np.dot(back[1000 + lag : 1000 + lag + 60_000 * back_rate // 48_000, 0], reference[1000 : 1000 + 60_000 * back_rate // 48_000])
        for lag in range(-500, 500)
    ]
    assert abs(int(np.argmax(scores)) - 500) <= 2


def test_mark_is_in_the_file_and_in_the_stream_of_pictures(tmp_path: Path) -> None:
    text = mark_text(portrait="a1b2", note="it's, [odd]: \\text; really")
    with FilmWriter(tmp_path / "a.mp4", WIDTH, HEIGHT, mark=text) as film:
        for index in range(61):
            film.write_picture(picture(index))
    assert read_facts(tmp_path / "a.mp4").mark == text
    assert SOURCE_TYPE in text
    content = (tmp_path / "a.mp4").read_bytes()
    assert content.count(text.encode()) >= 1 + 3  # the file's comment, and key pictures 0, 30 and 60


def test_a_users_certificate_signs_and_a_wrong_one_leaves_the_film_alone(tmp_path: Path) -> None:
    film, chain, key = tmp_path / "a.mp4", tmp_path / "chain.pem", tmp_path / "key.pem"
    with FilmWriter(film, WIDTH, HEIGHT, mark=mark_text()) as writer:
        writer.write_picture(picture(0))
    made = certificate_for_tests()
    chain.write_bytes(made.chain)
    key.write_bytes(made.key)
    plain = film.read_bytes()
    with pytest.raises(CredentialsError, match="could not be signed"):
        sign_film(film, Certificate(b"no certificate", made.key, "es256"))
    with pytest.raises(CredentialsError, match=r"key\.pem"):
        read_certificate(key, tmp_path / "absent" / "key.pem")
    assert film.read_bytes() == plain and len(list(tmp_path.iterdir())) == 3
    sign_film(film, read_certificate(chain, key))
    credentials = read_credentials(film)
    assert credentials.intact and credentials.source_types == (SOURCE_TYPE,)
    assert read_facts(film).mark == mark_text(), "signing leaves the other marks"


def test_film_without_sound(tmp_path: Path) -> None:
    with FilmWriter(tmp_path / "a.mp4", WIDTH, HEIGHT) as film:
        film.write_picture(picture(0))
        with pytest.raises(ValueError, match="no sound"):
            film.write_sound(np.zeros((10, 1), np.float32))
    assert read_facts(tmp_path / "a.mp4").sound_rate is None
    with pytest.raises(FilmError, match="no sound"):
        read_sound(tmp_path / "a.mp4")


def test_failure_leaves_the_older_film_alone_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"older")

    def fail_midway() -> None:
        with FilmWriter(tmp_path / "a.mp4", WIDTH, HEIGHT, 16_000) as film:
            film.write_picture(picture(1))
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail_midway()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.mp4", b"older")]


def test_wrong_shapes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="even"):
        FilmWriter(tmp_path / "odd.mp4", 127, 192)
    film = FilmWriter(tmp_path / "a.mp4", WIDTH, HEIGHT, 16_000, 2)
    with pytest.raises(ValueError, match="128x192"):
        film.write_picture(np.zeros((192, 100, 3), np.uint8))
    with pytest.raises(ValueError, match="shape"):
        film.write_sound(np.zeros((100, 1), np.float32))
    film.discard()
    assert not list(tmp_path.iterdir())


def test_no_film_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no film")
    for path in (tmp_path / "a.mp4", tmp_path / "missing.mp4"):
        with pytest.raises(FilmError, match=path.name):
            read_facts(path)


def test_sheet_shows_each_picture_and_the_mouth(tmp_path: Path) -> None:
    pictures = [(index / 30, picture(index)) for index in range(10)]
    plain = contact_sheet(pictures, columns=4, width=400)
    with_mouth = contact_sheet(pictures, columns=4, width=400, mouth=Box(0, 0, 40, 20))
    assert plain.shape[1] == with_mouth.shape[1] == 400 and len(with_mouth) > len(plain)
    np.testing.assert_array_equal(with_mouth[: len(plain)], plain)
    save_sheet(plain, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size > 1000
    with pytest.raises(ValueError, match="png"):
        save_sheet(plain, tmp_path / "sheet.bmp")
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([])


def test_spread_holds_first_and_last() -> None:
    assert spread(100, 4) == [0, 33, 66, 99]
    assert spread(3, 8) == [0, 1, 2]
    assert spread(0, 8) == []
