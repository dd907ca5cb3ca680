"""Pictures enlarged by Real-ESRGAN, by the networks themselves. Needs the extra quality and `visavis assets fetch realesrgan`."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.cli.defaults import default_portrait, default_speech
from visavis.cli.main import main
from visavis.film import enlarge
from visavis.film.enlarge import EnlargeError, Enlarger
from visavis.film.reader import read_facts, read_pictures
from visavis.store import asset_path

ncnn = pytest.importorskip("ncnn", reason="the quality extra is not installed")


@pytest.fixture(scope="module")
def face() -> NDArray[np.uint8]:
    """Eyes and nose of the default portrait, (56, 90, 3)."""
    photo = cv2.imread(str(default_portrait()))[..., ::-1]
    height, width = photo.shape[:2]
    part = photo[int(0.12 * height) : int(0.32 * height), int(0.3 * width) : int(0.7 * width)]
    return np.ascontiguousarray(cv2.resize(part, (90, 56), interpolation=cv2.INTER_AREA))


def test_enlarged_pictures_are_the_same_picture(face: NDArray[np.uint8]) -> None:
    part = face[:20, 20:48]
    for network, factor in (("quick", 3), ("photo", 2)):
        large = Enlarger(asset_path("realesrgan"), factor, network).enlarge(part)
        assert large.shape == (20 * factor, 28 * factor, 3)
        again = cv2.resize(large, (28, 20), interpolation=cv2.INTER_AREA).astype(int)
        assert np.abs(again - part).mean() < 8 and np.abs((again - part).mean((0, 1))).max() < 4


def test_tiles_leave_no_seam_and_what_is_still_stays_as_it_is(face: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Enlarger(asset_path("realesrgan"), 2, "quick").enlarge(face).astype(int)
    monkeypatch.setattr(enlarge, "TILE", 45)
    enlarger = Enlarger(asset_path("realesrgan"), 2, "quick")
    tiles: list[None] = []
    tiled = enlarger.enlarge(face, lambda: tiles.append(None))
    assert len(tiles) == enlarger.tiles(90, 56) == 4
    assert np.abs(tiled - whole).max() <= 4 and np.abs(tiled - whole).mean() < 0.2
    moved = face.copy()
    moved[:, 80:] = 0
    later = enlarger.enlarge(moved)
    np.testing.assert_array_equal(later[:, :80], tiled[:, :80])
    assert np.abs(later[:, 165:].astype(int) - tiled[:, 165:]).mean() > 30
    np.testing.assert_array_equal(Enlarger(asset_path("realesrgan"), 2, "quick").enlarge(moved), later)


def test_opacity_is_kept(face: NDArray[np.uint8]) -> None:
    opacity = np.zeros(face.shape[:2], np.uint8)
    opacity[10:40, 20:60] = 255
    large = Enlarger(asset_path("realesrgan"), 2, "quick").enlarge(np.dstack([face, opacity]))
    assert large.shape == (112, 180, 4)
    assert (large[24:76, 44:116, 3] == 255).all() and large[:16, :, 3].max() == 0
    np.testing.assert_array_equal(large[..., :3], Enlarger(asset_path("realesrgan"), 2, "quick").enlarge(face))


def test_render_enlarges_a_film(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import soundfile

    samples, rate = soundfile.read(default_speech(), dtype="int16", frames=1600)
    soundfile.write(tmp_path / "a.wav", samples, rate)
    plain = ["render", "--audio", str(tmp_path / "a.wav"), "--size", "64x96", "-o"]
    assert main([*plain, str(tmp_path / "small.mp4")]) == 0
    enlarged = [*plain, str(tmp_path / "large.mp4"), "--enlarge", "2", "--enlarge-network", "quick", "--sheet", str(tmp_path / "s.png")]
    assert main(enlarged) == 0
    facts = read_facts(tmp_path / "large.mp4")
    assert (facts.width, facts.height, facts.pictures) == (128, 192, read_facts(tmp_path / "small.mp4").pictures)
    small, large = (next(iter(read_pictures(tmp_path / f"{name}.mp4")))[1] for name in ("small", "large"))
    assert np.abs(cv2.resize(large, (64, 96), interpolation=cv2.INTER_AREA).astype(int) - small).mean() < 6
    assert (tmp_path / "s.png").stat().st_size > 1000
    assert main([*plain[:-3], "--size", "1024x1536", "-o", str(tmp_path / "b.mp4"), "--enlarge", "4"]) == 1
    assert "at most 4096" in capsys.readouterr().err and not (tmp_path / "b.mp4").exists()


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EnlargeError, match="assets fetch realesrgan"):
        Enlarger(tmp_path, 2)
    if ncnn.get_gpu_count() == 0:
        with pytest.raises(EnlargeError, match="no Vulkan device"):
            Enlarger(asset_path("realesrgan"), 2, gpu=True)
    monkeypatch.setitem(sys.modules, "ncnn", None)
    with pytest.raises(EnlargeError, match=r"visavis\[quality\]"):
        Enlarger(asset_path("realesrgan"), 2)
