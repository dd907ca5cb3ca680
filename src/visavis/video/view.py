"""Which part of the picture is drawn, and how large: the whole of it or the head, at any size."""

from dataclasses import dataclass

from visavis.types_portrait import PICTURE_HEIGHT, PICTURE_WIDTH, PortraitRig

FRAMINGS: dict[str, tuple[int, int]] = {"upper_body": (PICTURE_WIDTH, PICTURE_HEIGHT), "head": (512, 512)}
"""Name of a framing -> its usual width and height in pixels."""

LEAST, MOST = 64, 4096
"""Pixels of the shorter and of the longer side of a picture."""


@dataclass(frozen=True)
class View:
    """left, top: pixels of the 512x768 picture at whose outer edge the view begins. scale: pixels drawn for each of its pixels.

    A point at pixel (x, y) of that picture is drawn at ``(x + 0.5 - left) * scale - 0.5``, and so for y.
    """

    left: int = 0
    top: int = 0
    scale: float = 1.0
    width: int = PICTURE_WIDTH
    height: int = PICTURE_HEIGHT

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of what is seen, in pixels of the 512x768 picture."""
        return self.left, self.top, self.left + round(self.width / self.scale), self.top + round(self.height / self.scale)

    def camera(self, focal: float, principal: tuple[float, ...]) -> tuple[float, tuple[float, float]]:
        """Focal length and principal point (pixels of the 512x768 picture) in pixels of the view."""
        return focal * self.scale, self.pixel(principal[0], principal[1])

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the 512x768 picture is in the view."""
        return (x + 0.5 - self.left) * self.scale - 0.5, (y + 0.5 - self.top) * self.scale - 0.5


def picture_size(framing: str, width: int = 0, height: int = 0) -> tuple[int, int]:
    """Width and height of a picture in pixels; what is 0 follows from the other or is the framing's usual size. ValueError where they do
    not fit the framing's proportion."""
    if framing not in FRAMINGS:
        raise ValueError(f"framing must be one of {', '.join(FRAMINGS)}, got {framing!r}")
    usual_width, usual_height = FRAMINGS[framing]
    if not width and not height:
        return usual_width, usual_height
    width = width or round(height * usual_width / usual_height)
    height = height or round(width * usual_height / usual_width)
    if width * usual_height != height * usual_width:
        raise ValueError(
            f"image_width to image_height must be as {usual_width} to {usual_height} for the framing {framing}, got {width} to {height}"
        )
    if min(width, height) < LEAST or max(width, height) > MOST:
        raise ValueError(f"a picture has sides of {LEAST} to {MOST} pixels, got {width}x{height}")
    return width, height


def view_of(rig: PortraitRig, framing: str, width: int, height: int) -> View:
    """The view of a portrait; width and height as ``picture_size`` gives them."""
    if framing == "head":
        left, top, side = rig.head_frame
        return View(left, top, width / side, width, height)
    return View(0, 0, width / PICTURE_WIDTH, width, height)
