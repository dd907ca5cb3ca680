"""Photos of strangers: what is one is kept, cleaned, under a name of our own; whatever else comes costs its sender an answer."""

import asyncio
import io
import os
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from test_bridge_server import TOKEN, Page, serving, talk

from visavis.bridge.access import Access
from visavis.bridge.photo_check import MAX_PIXELS, PhotoError, cleaned, kind_of
from visavis.bridge.uploads import NAME, UploadConfig, Uploads


@pytest.fixture(autouse=True)
def _limit_of_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)


def picture(kind: str = "JPEG", size: tuple[int, int] = (240, 320), mode: str = "RGB", **options: Any) -> bytes:
    values = np.linspace(0, 255, size[0] * size[1] * len(mode)).astype(np.uint8).reshape(size[1], size[0], len(mode))
    out = io.BytesIO()
    Image.fromarray(values, mode).save(out, kind, **options)
    return out.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_that_claims(width: int, height: int) -> bytes:
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
    )


def moving() -> bytes:
    out = io.BytesIO()
    frames = [Image.new("RGB", (240, 240), (shade, 0, 0)) for shade in (0, 100, 200)]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], duration=50)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no JPEG, PNG or WebP"),
        (b"GIF89a" + bytes(100), "no JPEG, PNG or WebP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no JPEG, PNG or WebP"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "no JPEG, PNG or WebP"),
        (b"\xff\xd8\xff" + bytes(50), "damaged"),
        (picture()[:2000], "damaged"),
        (picture("PNG")[:200], "damaged"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 " + bytes(40), "damaged"),
        (png_that_claims(60_000, 60_000), "million pixels"),
        (png_that_claims(2**31 - 1, 2**31 - 1), "million pixels"),
        (png_that_claims(MAX_PIXELS // 1000 + 1, 1000), "million pixels"),
        (png_that_claims(0, 0), "damaged"),
        (picture(size=(199, 400)), "at least"),
        (moving(), "moves"),
    ],
)
def test_what_is_no_photo_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(PhotoError, match=reason):
        cleaned(data)


def test_a_photo_is_written_anew_upright_and_with_nothing_else_in_it() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010E] = "a secret"
    clean = cleaned(picture(exif=exif) + b"<script>behind the end</script>")
    with Image.open(io.BytesIO(clean)) as image:
        assert image.format == "JPEG" and image.size == (320, 240) and not image.getexif()
    assert b"secret" not in clean and b"script" not in clean
    with Image.open(io.BytesIO(cleaned(picture("PNG", mode="RGBA")))) as image:
        assert image.format == "PNG" and image.mode == "RGBA"
    assert kind_of(picture("WEBP")) == "WEBP" and cleaned(picture("WEBP"))


CHANGES = st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255))
"""Where in the file, and what stands there then."""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["JPEG", "PNG", "WEBP"]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=20),
)
def test_a_broken_photo_is_read_or_refused(kind: str, changes: list[tuple[float, int]]) -> None:
    data = bytearray(picture(kind, (200, 200)))
    for at, value in changes:
        data[int(at * len(data))] = value
    try:
        clean = cleaned(bytes(data))
    except PhotoError:
        return
    assert kind_of(clean) in ("JPEG", "PNG")


def test_photos_over_the_wire(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    jpeg = {"Content-Type": "image/jpeg"}
    photo = picture()

    async def conversation(client: aiohttp.ClientSession, url: str) -> None:
        async def post(data: Any, path: str = "/portrait", **headers: str) -> tuple[int, str]:
            async with client.post(url + path, data=data, headers=jpeg | headers) as answer:
                return answer.status, (await answer.json())["text"] if answer.content_type == "application/json" else await answer.text()

        hello = await Page(await client.ws_connect(url + "/socket")).hear(lambda heard: heard["type"] == "hello")
        assert hello["max_upload"] == 200_000
        # Who may not, and what may not: none of it reaches the folder.
        assert (await post(photo, Origin="http://evil.example"))[0] == 403
        assert (await post(photo, Host="evil.example"))[0] == 403
        assert (await post(photo, **{"Content-Type": "text/html"}))[0] == 415
        assert (await post(bytes(300_000)))[0] == 413
        for path in ("/portrait/../../etc/passwd", "/portrait/x.jpg"):
            assert (await post(photo, path))[0] in (404, 405)
        async with client.get(url + "/portrait") as answer:
            assert answer.status == 404, "nobody reads them back"
        assert list(folder.iterdir()) == [] and server.graph.asked == []

        async def drip() -> Any:
            for _ in range(30):
                yield bytes(10_000)

        assert (await post(drip()))[0] == 413, "counted, not believed"
        assert await post(b"no picture") == (422, "this is no JPEG, PNG or WebP picture: choose a photo of one of these kinds")
        status, text = await post(png_that_claims(50_000, 50_000), **{"Content-Type": "image/png"})
        assert status == 422 and "million pixels" in text

        # One that is good; another at the same time must wait.
        one, other = await asyncio.gather(post(photo, "/portrait?name=../../evil.jpg", **{"X-File-Name": "../evil.jpg"}), post(photo))
        assert sorted([one[0], other[0]]) == [200, 429]
        (kept,) = folder.iterdir()
        assert NAME.fullmatch(kept.name) and kept.stat().st_mode & 0o777 == 0o600 and server.graph.asked == [kept]
        statuses = [(await post(b"nothing"))[0] for _ in range(5)]
        assert 429 in statuses, "not as many as one likes"

    with serving(uploads=UploadConfig(folder, max_bytes=200_000)) as server:
        graph = talk(server, conversation)
        assert graph.troubles == []


def test_photos_need_the_token_and_may_be_off(tmp_path: Path) -> None:
    async def stranger(client: aiohttp.ClientSession, url: str) -> None:
        async with client.post(url + "/portrait", data=picture(), headers={"Content-Type": "image/jpeg"}) as answer:
            assert answer.status == 401

    async def visitor(client: aiohttp.ClientSession, url: str) -> None:
        async with client.post(url + "/portrait", data=picture(), headers={"Content-Type": "image/jpeg"}) as answer:
            assert answer.status == 403 and "false" in (await answer.json())["text"]

    with serving(Access("127.0.0.1", TOKEN), uploads=UploadConfig(tmp_path / "uploads")) as server:
        talk(server, stranger)
    with serving() as server:
        talk(server, visitor)


def test_the_folder_stays_small_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    uploads = Uploads(UploadConfig(tmp_path, keep=3, days=1.0))
    now = time.time()
    names = [f"{number:032x}.jpg" for number in range(6)]
    for age, name in enumerate(names):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (now - 3600 * age, now - 3600 * age))
    (tmp_path / "holiday.jpg").touch()
    os.utime(tmp_path / "holiday.jpg", (0, 0))
    uploads.prune(now, str(tmp_path / names[5]))
    assert {path.name for path in tmp_path.iterdir()} == {*names[:3], names[5], "holiday.jpg"}
    uploads.prune(now + 86_400 * 2, str(tmp_path / names[1]))
    assert {path.name for path in tmp_path.iterdir()} == {names[1], "holiday.jpg"}
    assert uploads.holds(str(tmp_path / names[0])) and not uploads.holds(str(tmp_path / "holiday.jpg")) and not uploads.holds("")


def test_texts_to_be_spoken_are_limited() -> None:
    async def conversation(client: aiohttp.ClientSession, url: str) -> None:
        page = Page(await client.ws_connect(url + "/socket"))
        await page.socket.send_str('{"id": 90, "type": "say", "text": "Hello.", "voice": "bf_emma"}')
        assert (await page.hear(lambda heard: heard["type"] == "say"))["sentence"] == "Hello."
        await page.socket.send_str(f'{{"id": 91, "type": "say", "text": "{"x" * 1001}"}}')
        assert "1 to 1000 characters" in (await page.hear(lambda heard: heard.get("ok") is False))["text"]
        answers = [await page.say(type="say", text="Hello again.") for _ in range(8)]
        assert answers[0]["ok"] and any("too many texts" in answer["text"] for answer in answers)

    with serving() as server:
        graph = talk(server, conversation)
        assert graph.asked[0] == ("Hello.", "bf_emma", 1.0) and len(graph.asked) < 8
