"""A window on a display: the one file that uses SDL (PySDL2). All of it is called from one thread."""

import ctypes
import os
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.screen.layout import FITS, ROTATIONS, place
from visavis.types import check_image

CONNECT = "connect one, and set DISPLAY or WAYLAND_DISPLAY"
INVISIBLE = ("dummy", "offscreen", "evdev")
"""Drivers that SDL falls back on where there is no display; good for tests, which ask for them."""
SOFTWARE_HINT = "set SDL_RENDER_DRIVER=software where the graphics driver is at fault"


class DisplayError(RuntimeError):
    """There is no display, or it was lost; the text says why and what to do."""


@dataclass(frozen=True)
class WindowConfig:
    """width, height: of a window that is not ``fullscreen``. display: number of the display, from 0.

    rotation: degrees clockwise. fit: see ``layout.place``.
    """

    title: str = "visavis"
    width: int = 512
    height: int = 768
    fullscreen: bool = False
    display: int = 0
    rotation: int = 0
    fit: str = "fit"
    cursor: bool = False

    def __post_init__(self) -> None:
        if self.rotation not in ROTATIONS or self.fit not in FITS:
            raise ValueError(f"rotation must be one of {ROTATIONS} and fit one of {FITS}, got {self.rotation} and {self.fit!r}")


class Window:
    """Opened when it is made. ``wait_seconds``: how long the display takes to show a picture, in the mean.

    Every call may raise DisplayError.
    """

    def __init__(self, config: WindowConfig) -> None:
        self.config = config
        self._sdl = sdl = _load()
        self._window = self._renderer = self._texture = None
        self._texture_size = (0, 0)
        self._initialised = False
        self.wait_seconds = 0.0
        for name, value in (
            (b"SDL_NO_SIGNAL_HANDLERS", b"1"),
            (b"SDL_VIDEO_MINIMIZE_ON_FOCUS_LOSS", b"0"),
            (b"SDL_RENDER_SCALE_QUALITY", b"linear"),
            (b"SDL_APP_NAME", config.title.encode()),
        ):
            sdl.SDL_SetHint(name, value)
        if sdl.SDL_InitSubSystem(sdl.SDL_INIT_VIDEO) != 0:
            raise DisplayError(f"there is no display ({self._error()}): {CONNECT}")
        self._initialised = True
        try:
            if self.driver in INVISIBLE and os.environ.get("SDL_VIDEODRIVER") != self.driver:
                raise DisplayError(f"there is no display (SDL found none but {self.driver}, which nobody sees): {CONNECT}")
            self._open()
        except DisplayError:
            self.close()
            raise

    def _open(self) -> None:
        sdl, config = self._sdl, self.config
        count = sdl.SDL_GetNumVideoDisplays()
        if not 0 <= config.display < count:
            raise DisplayError(f"there is no display {config.display}: there are {count}, counted from 0")
        flags = sdl.SDL_WINDOW_ALLOW_HIGHDPI
        if config.fullscreen:
            # As large as the display from the beginning: on an X server without a window manager nobody makes it so.
            flags |= sdl.SDL_WINDOW_FULLSCREEN_DESKTOP | sdl.SDL_WINDOW_BORDERLESS
            bounds = sdl.SDL_Rect()
            if sdl.SDL_GetDisplayBounds(config.display, ctypes.byref(bounds)) != 0:
                raise DisplayError(f"display {config.display} does not say how large it is ({self._error()})")
            place_and_size = bounds.x, bounds.y, bounds.w, bounds.h
        else:
            flags |= sdl.SDL_WINDOW_RESIZABLE
            size = (config.width, config.height) if config.rotation % 180 == 0 else (config.height, config.width)
            middle = sdl.SDL_WINDOWPOS_CENTERED | config.display
            place_and_size = middle, middle, *size
        self._window = sdl.SDL_CreateWindow(config.title.encode(), *place_and_size, flags)
        if not self._window:
            raise DisplayError(f"no window could be opened ({self._error()})")
        self._renderer = sdl.SDL_CreateRenderer(self._window, -1, sdl.SDL_RENDERER_PRESENTVSYNC) or sdl.SDL_CreateRenderer(
            self._window, -1, sdl.SDL_RENDERER_SOFTWARE
        )
        if not self._renderer:
            raise DisplayError(f"nothing can be drawn in the window ({self._error()}): {SOFTWARE_HINT}")
        sdl.SDL_ShowCursor(sdl.SDL_ENABLE if config.cursor else sdl.SDL_DISABLE)
        sdl.SDL_DisableScreenSaver()
        self.wait_seconds = self._half_a_refresh()

    @property
    def driver(self) -> str:
        """x11, wayland, KMSDRM, ..."""
        name = self._sdl.SDL_GetCurrentVideoDriver()
        return name.decode() if name else ""

    def show(self, picture: NDArray[np.uint8]) -> None:
        """uint8 (height, width, 3), RGB. Returns when it has been handed to the display."""
        sdl, picture = self._sdl, check_image(picture)
        height, width = picture.shape[:2]
        if self._texture is None or self._texture_size != (width, height):
            if self._texture is not None:
                sdl.SDL_DestroyTexture(self._texture)
            self._texture = sdl.SDL_CreateTexture(self._renderer, sdl.SDL_PIXELFORMAT_RGB24, sdl.SDL_TEXTUREACCESS_STREAMING, width, height)
            self._texture_size = width, height
            if not self._texture:
                self._texture = None
                raise DisplayError(f"a picture of {width}x{height} cannot be drawn ({self._error()}): {SOFTWARE_HINT}")
        rectangle = sdl.SDL_Rect(*place((width, height), self._output(), self.config.rotation, self.config.fit))
        done = [
            sdl.SDL_UpdateTexture(self._texture, None, picture.ctypes.data_as(ctypes.c_void_p), picture.strides[0]),
            sdl.SDL_SetRenderDrawColor(self._renderer, 0, 0, 0, 255),
            sdl.SDL_RenderClear(self._renderer),
            sdl.SDL_RenderCopyEx(
                self._renderer, self._texture, None, ctypes.byref(rectangle), float(self.config.rotation), None, sdl.SDL_FLIP_NONE
            ),
        ]
        if any(done):
            raise DisplayError(f"the picture could not be drawn ({self._error()}): was the display switched off?")
        sdl.SDL_RenderPresent(self._renderer)

    def closed(self) -> bool:
        """Take what happened to the window: True if the user closed it, or pressed Escape. DisplayError if its display is gone."""
        sdl, event, closed = self._sdl, self._sdl.SDL_Event(), False
        while sdl.SDL_PollEvent(ctypes.byref(event)):
            escape = event.type == sdl.SDL_KEYDOWN and event.key.keysym.sym == sdl.SDLK_ESCAPE
            button = event.type == sdl.SDL_WINDOWEVENT and event.window.event == sdl.SDL_WINDOWEVENT_CLOSE
            if escape or button or event.type == sdl.SDL_QUIT:
                closed = True
            elif event.type == sdl.SDL_DISPLAYEVENT and event.display.event == sdl.SDL_DISPLAYEVENT_DISCONNECTED:
                raise DisplayError("a display was taken away")
            elif event.type in (sdl.SDL_RENDER_DEVICE_RESET, sdl.SDL_RENDER_TARGETS_RESET):
                raise DisplayError("the graphics device was reset")
        return closed

    def pixels(self) -> NDArray[np.uint8]:
        """What was drawn last: uint8 (height, width, 3). To be called right after ``show``."""
        sdl, (width, height) = self._sdl, self._output()
        read = np.zeros((height, width, 3), np.uint8)
        pointer = read.ctypes.data_as(ctypes.c_void_p)
        if sdl.SDL_RenderReadPixels(self._renderer, None, sdl.SDL_PIXELFORMAT_RGB24, pointer, read.strides[0]) != 0:
            raise DisplayError(f"the picture could not be read back ({self._error()})")
        return read

    def close(self) -> None:
        """Harmless when it is closed already."""
        sdl = self._sdl
        for made, destroy in (
            (self._texture, sdl.SDL_DestroyTexture),
            (self._renderer, sdl.SDL_DestroyRenderer),
            (self._window, sdl.SDL_DestroyWindow),
        ):
            if made:
                destroy(made)
        self._texture = self._renderer = self._window = None
        if self._initialised:
            self._initialised = False
            sdl.SDL_QuitSubSystem(sdl.SDL_INIT_VIDEO)

    def _output(self) -> tuple[int, int]:
        width, height = ctypes.c_int(), ctypes.c_int()
        if self._sdl.SDL_GetRendererOutputSize(self._renderer, ctypes.byref(width), ctypes.byref(height)) != 0:
            raise DisplayError(f"the window has no size ({self._error()})")
        return max(width.value, 1), max(height.value, 1)

    def _half_a_refresh(self) -> float:
        """Seconds; 0 where pictures are not shown in step with the display."""
        sdl, mode, info = self._sdl, self._sdl.SDL_DisplayMode(), self._sdl.SDL_RendererInfo()
        if sdl.SDL_GetRendererInfo(self._renderer, ctypes.byref(info)) != 0 or not info.flags & sdl.SDL_RENDERER_PRESENTVSYNC:
            return 0.0
        known = sdl.SDL_GetWindowDisplayMode(self._window, ctypes.byref(mode)) == 0 and mode.refresh_rate > 0
        return 0.5 / (mode.refresh_rate if known else 60)

    def _error(self) -> str:
        return str(self._sdl.SDL_GetError().decode(errors="replace")) or "SDL does not say why"


def _load() -> Any:
    """The library; ValueError where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns that it uses the library of its own package
            import sdl2
    except ImportError as error:
        raise ValueError("the screen needs SDL: pip install 'visavis[screen]'") from error
    return sdl2
