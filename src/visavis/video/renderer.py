"""The video stage: the posed rig to a picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.types import ControlFrame, VideoFrame
from visavis.types_portrait import PortraitRig
from visavis.video import raster

LID_RIGHT, LID_LEFT, MOUTH_GAP = range(3)
"""Where the stage finds its numbers in ``ControlFrame.shading``."""


@dataclass(frozen=True)
class VideoConfig:
    """sampling: samples along each side of a pixel at eyes and mouth (1, 2, 4 or 8)."""

    sampling: int = raster.SUPERSAMPLING

    def __post_init__(self) -> None:
        if self.sampling not in (1, 2, 4, 8):
            raise ValueError(f"sampling must be 1, 2, 4 or 8, got {self.sampling}")


@dataclass(frozen=True)
class VideoState:
    """A picture depends on its control frame alone; there is nothing to remember."""


class VideoStage:
    """Draws a portrait. ``step`` is pure: the same control frame gives the same picture, bit for bit."""

    def __init__(self, portrait: PortraitRig, config: VideoConfig | None = None) -> None:
        self.config = config or VideoConfig()
        self._rig = portrait
        self._textures = {name: raster.as_texture(rgba) for name, rgba in portrait.textures.items()}
        self._uv = np.ascontiguousarray(portrait.uv, np.float32)
        self._triangles = {name: np.ascontiguousarray(t, np.int32) for name, t in portrait.triangles.items()}
        self._positions = np.empty((len(portrait.vertices), 2), np.int32)
        self._no_touch = np.zeros((1, 1), np.uint8)
        lips = portrait.lips
        self._mouth_edge = np.concatenate([lips.upper, lips.lower])
        self._eyes = (
            ("right", np.concatenate([portrait.right_eye.upper, portrait.right_eye.lower, portrait.right_eye.lid]), LID_RIGHT),
            ("left", np.concatenate([portrait.left_eye.upper, portrait.left_eye.lower, portrait.left_eye.lid]), LID_LEFT),
        )

    @property
    def latency_samples(self) -> int:
        return 0

    def initial_state(self) -> VideoState:
        return VideoState()

    def step(self, input: ControlFrame, state: VideoState, /) -> tuple[VideoFrame, VideoState]:
        """Raises ValueError where the frame is not of this portrait's rig."""
        return VideoFrame(input.utterance_id, input.frame_index, self.draw(input.vertices, input.shading), input.stamp_ns), state

    def draw(self, vertices: NDArray[np.int16], shading: NDArray[np.float32]) -> NDArray[np.uint8]:
        """vertices, shading: as in ``ControlFrame``. Returns uint8 (768, 512, 3) RGB."""
        rig = self._rig
        if vertices.shape != rig.vertices.shape or vertices.dtype != np.int16:
            raise ValueError(f"vertices must be int16 with shape {rig.vertices.shape} for this portrait, got {vertices.dtype} with shape {vertices.shape}: "
                             "control and video must be given the same photo")  # fmt: skip
        vertices = np.ascontiguousarray(vertices)
        image = rig.plate.copy()
        raster.to_samples(vertices, 0, 0, 1, self._positions)
        # What shows through a slit thinner than a sample is dark mouth or eye, not background.
        for name in ("lining", "eyeball_right", "eyeball_left", "person"):
            self._draw(image, self._no_touch, -1, name, name)
        gap = float(shading[MOUTH_GAP])
        if gap > 1e-4:
            self._mouth(image, vertices, gap)
        for side, edge, number in self._eyes:
            self._eye(image, vertices, side, edge, float(shading[number]))
        return image

    def _mouth(self, image: NDArray[np.uint8], vertices: NDArray[np.int16], gap: float) -> None:
        # Little light falls through a small opening.
        open_share = min(gap / 0.22, 1.0)
        light = 0.50 + 0.50 * open_share * (2 - open_share)
        layers = (("lining", "lining", 0.75 + 0.25 * light, 1.0, 1), ("tongue", "tongue", light, 1.0, 1), ("teeth_lower", "teeth_lower", light, 1.0, 1),
                  ("teeth_upper", "teeth_upper", light, 1.0, 1), ("skin_mouth", "person", 1.0, 1.0, 0))  # fmt: skip
        self._region(image, vertices, self._mouth_edge, layers)

    def _eye(self, image: NDArray[np.uint8], vertices: NDArray[np.int16], side: str, edge: NDArray[np.int32], closure: float) -> None:
        layers = [(f"eyeball_{side}", f"eyeball_{side}", 1.0, 1.0, 1), (f"skin_{side}", "person", 1.0, 1.0, 0)]
        if closure > 0.0:
            shown = min(closure / 0.30, 1.0)
            layers.append((f"lid_{side}", f"lid_{side}", 1.0, shown * shown * (3 - 2 * shown), 1))
        self._region(image, vertices, edge, tuple(layers))

    def _region(
        self, image: NDArray[np.uint8], vertices: NDArray[np.int16], edge: NDArray[np.int32], layers: tuple[tuple[str, str, float, float, int], ...]
    ) -> None:
        """Draw layers (triangles, texture, tint, opacity, mark) around ``edge`` with several samples a pixel, and average them into the picture."""
        sampling = self.config.sampling
        box = vertices[edge, :2]
        x0, y0 = np.maximum(box.min(0).astype(int) // 32 - 2, 0)
        x1, y1 = np.minimum(box.max(0).astype(int) // 32 + 4, image.shape[1::-1])
        if x1 <= x0 or y1 <= y0:
            return
        samples = np.repeat(np.repeat(image[y0:y1, x0:x1], sampling, 0), sampling, 1)
        touched = np.zeros(samples.shape[:2], np.uint8)
        raster.to_samples(vertices, x0, y0, sampling, self._positions)
        for triangles, texture, tint, opacity, mark in layers:
            self._draw(samples, touched, mark, triangles, texture, tint, opacity)
        raster.resolve_region(samples, touched, sampling, x0, y0, image)

    def _draw(
        self, target: NDArray[np.uint8], touched: NDArray[np.uint8], mark: int, triangles: str, texture: str, tint: float = 1.0, opacity: float = 1.0
    ) -> None:
        factor = np.full(3, round(256 * tint), np.int64)
        raster.draw_triangles(target, touched, mark, self._positions, self._triangles[triangles], self._uv, self._textures[texture], factor, round(256 * opacity))
