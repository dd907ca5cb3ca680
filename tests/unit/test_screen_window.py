"""What is on the display, read back from SDL: the right way up, in the right place, nothing of it lost."""

import cv2
import numpy as np
import pytest

from visavis.screen.layout import idle_picture, place
from visavis.screen.window import DisplayError, Window, WindowConfig

CORNERS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200), "yellow": (200, 200, 30)}


def four_corners() -> np.ndarray:
    """512x768: red top left, green top right, blue bottom left, yellow bottom right."""
    rows = [[CORNERS["red"], CORNERS["green"]], [CORNERS["blue"], CORNERS["yellow"]]]
    return cv2.resize(np.array(rows, np.uint8), (512, 768), interpolation=cv2.INTER_NEAREST)


def seen(pixels: np.ndarray, x: float, y: float) -> str:
    colour = pixels[int(y * (pixels.shape[0] - 1)), int(x * (pixels.shape[1] - 1))].astype(int)
    return min({"black": (0, 0, 0), **CORNERS}.items(), key=lambda item: np.abs(np.subtract(item[1], colour)).sum())[0]


@pytest.mark.parametrize(
    ("rotation", "clockwise"),
    [
        (0, ["red", "green", "yellow", "blue"]),
        (90, ["blue", "red", "green", "yellow"]),
        (180, ["yellow", "blue", "red", "green"]),
        (270, ["green", "yellow", "blue", "red"]),
    ],
)
@pytest.mark.parametrize("fit", ["fit", "fill"])
def test_picture_is_turned_and_fitted(monkeypatch: pytest.MonkeyPatch, rotation: int, clockwise: list[str], fit: str) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    upright = rotation % 180 == 0
    window = Window(WindowConfig(width=600, height=600, rotation=rotation, fit=fit))
    try:
        for picture in (np.zeros((96, 64, 3), np.uint8), four_corners()):  # the size may change
            window.show(picture)
        pixels = window.pixels()
        assert not window.closed()
    finally:
        window.close()
    assert pixels.shape == (600, 600, 3)
    low, high = 0.2, 0.8  # inside the picture, whose short side is 400 of 600 when it is fitted
    assert [seen(pixels, x, y) for x, y in ((low, low), (high, low), (high, high), (low, high))] == clockwise
    border = seen(pixels, 0.08, 0.5) if upright else seen(pixels, 0.5, 0.08)
    assert (border == "black") == (fit == "fit")


def test_a_place_keeps_the_proportion_and_the_middle() -> None:
    for rotation in (0, 90, 180, 270):
        for output in ((1920, 1080), (480, 800)):
            for fit in ("fit", "fill"):
                x, y, width, height = place((512, 768), output, rotation, fit)
                assert abs(width * 768 - height * 512) <= 4 * 768
                assert abs(2 * x + width - output[0]) <= 1 and abs(2 * y + height - output[1]) <= 1
                turned = (width, height) if rotation % 180 == 0 else (height, width)
                inside = [side <= limit for side, limit in zip(turned, output, strict=True)]
                assert all(inside) if fit == "fit" else not all(inside) or turned == output


def test_no_display_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    monkeypatch.setenv("DISPLAY", ":97")
    monkeypatch.setenv("WAYLAND_DISPLAY", "none")
    with pytest.raises(DisplayError, match="DISPLAY or WAYLAND_DISPLAY"):
        Window(WindowConfig())
    monkeypatch.delenv("SDL_VIDEODRIVER")
    with pytest.raises(DisplayError, match="DISPLAY or WAYLAND_DISPLAY"):  # not a picture that nobody sees
        Window(WindowConfig())
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    with pytest.raises(DisplayError, match="there is no display 7"):
        Window(WindowConfig(display=7))


def test_the_idle_picture_is_the_last_one_darkened() -> None:
    last = four_corners()
    assert 0.3 < idle_picture(last).mean() / last.mean() < 0.4
    assert idle_picture(None).max() > 0
