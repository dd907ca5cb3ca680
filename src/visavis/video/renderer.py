"""The video stage: the posed rig to a picture."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from visavis.ease import ramp
from visavis.types import ControlFrame, VideoFrame
from visavis.types_portrait import PortraitRig
from visavis.video import raster
from visavis.video.arms import ARM_LAYERS, ArmDrawer
from visavis.video.ground import around_at, person_texture, plate_at
from visavis.video.refine import FaceRefiner, RefineEngines
from visavis.video.view import FRAMINGS, picture_size, view_of

LID_RIGHT, LID_LEFT, MOUTH_GAP, MOUTH_LIGHT, ARM_RIGHT, ARM_LEFT, BROAD_SMILE = range(7)
FOLDS = ("fold_smile_right", "fold_smile_left", "fold_eye_right", "fold_eye_left", "fold_forehead", "fold_frown", "fold_purse")
FIRST_FOLD = BROAD_SMILE + 1
"""Where the stage finds its numbers in ``ControlFrame.shading``."""

LEARNT_FOLDS = FOLDS[:2]
"""What the network of the skin does better; with it they would be there twice."""

NO_ARMS = np.zeros((0, 3), np.int16)
NO_TINT = (1.0, 1.0, 1.0)

ENAMEL_LEAST = 0.20
"""Light on teeth behind lips that all but touch, of 1 in an open mouth; the shadow of the upper lip comes on top of it."""

LOWER_LIGHT = 0.80
"""The same on the lower teeth, which stand in the shade of the upper ones."""

BARED_LIGHT = 0.14
"""How much more light the upper teeth get in a broad smile."""

MOST_SAMPLES = 40_000
"""A region larger than this is drawn with fewer samples a pixel: where a face fills the picture, its eyes and mouth have pixels enough."""


@dataclass(frozen=True)
class VideoConfig:
    """sampling: samples along each side of a pixel at eyes and mouth (1, 2, 4 or 8). framing, width, height: what is seen and how large,
    see ``video.view``; 0 for the framing's usual size. matte: pictures are RGBA with the person alone, without the background."""

    sampling: int = raster.SUPERSAMPLING
    framing: str = next(iter(FRAMINGS))
    width: int = 0
    height: int = 0
    matte: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures in pixels."""
        return picture_size(self.framing, self.width, self.height)

    def __post_init__(self) -> None:
        picture_size(self.framing, self.width, self.height)
        if self.sampling not in (1, 2, 4, 8):
            raise ValueError(f"sampling must be 1, 2, 4 or 8, got {self.sampling}")


@dataclass(frozen=True)
class VideoState:
    """A picture depends on its control frame alone; there is nothing to remember.

    skin: how much of what the network of the skin adds is shown, 0..1; at 0 it is not run. Whoever draws may ask for less to save time.
    """

    skin: float = 1.0


class VideoStage:
    """Draws a portrait. ``step`` is pure: the same control frame gives the same picture, bit for bit."""

    def __init__(self, portrait: PortraitRig, config: VideoConfig | None = None, refine: RefineEngines | None = None) -> None:
        """refine: networks that give the skin its folds; without them the rig draws alone."""
        self.config = config or VideoConfig()
        self._rig = portrait
        self.view = view_of(portrait, self.config.framing, *self.config.size)
        person, share = person_texture(portrait, self.view)
        self._textures = {name: raster.as_texture(rgba) for name, rgba in ({**portrait.textures, "person": person}).items()}
        self._uv = np.array(portrait.uv, np.float32, order="C")
        self._uv[np.unique(portrait.triangles["person"])] *= np.float32(share)
        self._refiner = FaceRefiner(portrait, refine, person, self._uv) if refine is not None else None
        if self._refiner is not None:
            self._textures["person"] = raster.as_texture(self._refiner.texture)
        self._arms = ArmDrawer(portrait, self.view, self._uv)
        self._own_arms = self._arms.own_triangles
        self.plate = plate_at(portrait, self.view)
        self._around = around_at(portrait, self.view) if self.config.matte else self.plate
        self._ground = np.zeros((*self.plate.shape[:2], 4), np.uint8) if self.config.matte else self.plate
        self._seen = np.empty((len(portrait.vertices), 3), np.int32)
        self._triangles = {name: np.ascontiguousarray(t, np.int32) for name, t in portrait.triangles.items()}
        if self._own_arms:
            self._textures |= {"bare": self._arms.bare, "own_arms": self._arms.own_arms}
            self._triangles |= self._own_arms
            for names, (beside, under) in self._arms.without.items():
                self._triangles |= {f"beside {'+'.join(names)}": beside, f"under {'+'.join(names)}": under}
        self._opaque: dict[tuple[str, str], NDArray[np.uint8]] = {}
        self._fold_uv = {
            name: np.ascontiguousarray(portrait.uv - origin.astype(np.float32))
            for name, origin in zip(FOLDS, portrait.fold_origins, strict=True)
        }
        self._positions = np.empty((len(portrait.vertices), 2), np.int32)
        self._no_touch = np.zeros((1, 1), np.uint8)
        lips, right, left = portrait.lips, portrait.right_eye, portrait.left_eye
        self._mouth_edge = np.concatenate([lips.upper, lips.lower]).astype(np.int32)
        self._tongue_out = np.unique(portrait.triangles["tongue_out"]).astype(np.int32)
        self._eyes = (
            ("right", np.concatenate([right.upper, right.lower, right.lid]).astype(np.int32), LID_RIGHT),
            ("left", np.concatenate([left.upper, left.lower, left.lid]).astype(np.int32), LID_LEFT),
        )

    @property
    def latency_samples(self) -> int:
        return 0

    def initial_state(self) -> VideoState:
        return VideoState()

    def with_skin(self, state: VideoState, share: float) -> VideoState:
        """The state from which on so much of the network's work is shown, 0..1."""
        return replace(state, skin=share)

    def step(self, input: ControlFrame, state: VideoState, /) -> tuple[VideoFrame, VideoState]:
        """Raises ValueError where the frame is not of this portrait's rig."""
        image = self.draw(input.vertices, input.shading, input.arms, state.skin)
        return VideoFrame(input.utterance_id, input.frame_index, image, input.stamp_ns), state

    def draw(
        self, vertices: NDArray[np.int16], shading: NDArray[np.float32], arms: NDArray[np.int16] = NO_ARMS, skin: float = 1.0
    ) -> NDArray[np.uint8]:
        """vertices, shading, arms: as in ``ControlFrame``; skin: as in ``VideoState``. Returns uint8 (height, width, 3) RGB, or with
        ``matte`` (height, width, 4) straight RGBA."""
        rig = self._rig
        if vertices.shape != rig.vertices.shape or vertices.dtype != np.int16:
            raise ValueError(
                f"vertices must be int16 with shape {rig.vertices.shape} for this portrait, got {vertices.dtype} with shape "
                f"{vertices.shape}: control and video must be given the same photo"
            )
        if len(shading) != FIRST_FOLD + len(FOLDS):
            raise ValueError(
                f"shading must be {FIRST_FOLD + len(FOLDS)} numbers, got {len(shading)}: control and video must be of the same version"
            )
        if len(arms) not in (0, rig.arms.vertices) or arms.dtype != np.int16:
            raise ValueError(
                f"arms must be int16 with {rig.arms.vertices} rows or none, got {arms.dtype} with {len(arms)}: control and video must be "
                "given the same hands"
            )
        if self._refiner is not None:
            self._refiner.refine(vertices, skin)
        image = self._ground.copy()
        raster.to_view(np.ascontiguousarray(vertices), self.view.left, self.view.top, self.view.scale, self._seen)
        seen = self._seen
        raster.to_samples(seen, 0, 0, 1, 1, self._positions)
        # What shows through a slit thinner than a sample is dark mouth or eye, not background.
        for name in ("lining", "eyeball_right", "eyeball_left"):
            self._draw(image, self._no_touch, _Layer(name, name, mark=-1))
        shown = (float(shading[ARM_RIGHT]), float(shading[ARM_LEFT])) if len(arms) else (0.0, 0.0)
        self._person(image, shown)
        for number, name in enumerate(FOLDS, FIRST_FOLD):
            seen_of_it = float(shading[number])
            if self._refiner is not None and name in LEARNT_FOLDS:
                seen_of_it *= 1.0 - skin
            if seen_of_it > 1 / 256:
                self._draw(image, self._no_touch, _Layer(name, name, mark=-1, opacity=seen_of_it), self._fold_uv[name])
        if shading[MOUTH_GAP] > 1e-4 or len(self._triangles["lip_line"]):
            self._mouth(image, seen, float(shading[MOUTH_GAP]), float(shading[MOUTH_LIGHT]), float(shading[BROAD_SMILE]))
        for side, edge, number in self._eyes:
            self._eye(image, seen, side, edge, float(shading[number]))
        if max(shown) > 0.0:
            self._arms.draw(image, arms, seen, shown)
        if self.config.matte:
            raster.to_straight(image, self._around)
        return image

    def _person(self, image: NDArray[np.uint8], shown: tuple[float, float]) -> None:
        """The person; an arm that is drawn anew leaves its place in the photo."""
        lifted = tuple(name for share, name in zip(shown, ARM_LAYERS, strict=True) if share > 0.0 and name in self._own_arms)
        if not lifted:
            self._draw(image, self._no_touch, _Layer("person", "person", mark=-1))
            return
        key = "+".join(lifted)
        self._draw(image, self._no_touch, _Layer(f"beside {key}", "person", mark=-1))
        self._draw(image, self._no_touch, _Layer(f"under {key}", "bare", mark=-1))
        for share, name in zip(shown, ARM_LAYERS, strict=True):
            if name in lifted and share < 1.0:
                self._draw(image, self._no_touch, _Layer(name, "own_arms", mark=-1, opacity=min(2.0 - 2.0 * share, 1.0)))

    def over_plate(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture of this stage as RGB: one with a matte is laid over the photo's background."""
        if image.shape[2] == 3:
            return image
        result = np.empty_like(self.plate)
        raster.lay_over(image, self.plate, result)
        return result

    def _mouth(self, image: NDArray[np.uint8], vertices: NDArray[np.int32], gap: float, light: float, broad: float) -> None:
        # The lining spans the opening; teeth and tongue are seen only within it, and the lips throw their shadow on all of it.
        # A broad smile spreads the lips off the teeth: these stand in the light of the face.
        lit = 1.0 + BARED_LIGHT * broad
        red, green, blue = _dim_enamel(light)
        layers: tuple[_Layer, ...] = (
            _Layer("lining", "lining", tint=_dim(0.6 + 0.4 * light)),
            _Layer("tongue", "tongue", tint=_dim(light), within=1),
            _Layer("teeth_lower", "teeth_lower", tint=_dim_enamel(LOWER_LIGHT * light), within=1),
            _Layer("teeth_upper", "teeth_upper", tint=(lit * red, lit * green, lit * blue), within=1),
            _Layer("tongue_tip", "tongue_tip", tint=_dim(light), within=1),
            _Layer("lip_shade", "lip_shade", opacity=(1.0 - 0.45 * light) * (1.0 - 0.5 * broad), within=1),
            _Layer("skin_mouth", "person", mark=0),
            _Layer("lip_rim", "lip_rim", opacity=ramp(gap / 0.05)),
            _Layer("lip_edge", "lip_edge", opacity=ramp(gap / 0.06)),
            _Layer("lip_line", "lip_line", opacity=1.0 - ramp(gap / 0.03)),
        )
        edge = self._mouth_edge
        if np.ptp(vertices[self._tongue_out, 1]) > 0:
            # What hangs over the lip lies in the light of the face.
            layers, edge = (*layers, _Layer("tongue_out", "tongue_out")), np.concatenate([edge, self._tongue_out])
        self._region(image, vertices, edge, layers)

    def _eye(self, image: NDArray[np.uint8], vertices: NDArray[np.int32], side: str, edge: NDArray[np.int32], closure: float) -> None:
        shown = ramp(closure / 0.35)
        layers = [_Layer(f"opening_{side}", "person"), _Layer(f"eyeball_{side}", f"eyeball_{side}", within=1)]
        layers.append(_Layer(f"glint_{side}", f"glint_{side}", within=1))
        if closure > 0.0:
            layers.append(_Layer(f"shade_{side}", f"shade_{side}", within=1, opacity=shown))
        layers.append(_Layer(f"skin_{side}", "person", mark=0))
        if closure > 0.0:
            layers.append(_Layer(f"corner_{side}", f"corner_{side}", opacity=ramp(closure / 0.6)))
            layers.append(_Layer(f"lid_{side}", f"lid_{side}", opacity=ramp(closure / 0.6)))
            layers.append(_Layer(f"lash_{side}", f"lash_{side}", opacity=shown))
        self._region(image, vertices, edge, tuple(layers))

    def _region(self, image: NDArray[np.uint8], vertices: NDArray[np.int32], edge: NDArray[np.int32], layers: tuple["_Layer", ...]) -> None:
        """Draw layers around ``edge`` with several samples a pixel, and average them into the picture."""
        x0, y0, x1, y1 = raster.box_around(vertices, edge, 2, 4, *image.shape[:2])
        if x1 <= x0 or y1 <= y0:
            return
        across = down = self.config.sampling
        # Edges of lips and lids run across: samples above each other are given up last.
        while across > 2 and (x1 - x0) * (y1 - y0) * across * down > MOST_SAMPLES:
            across, down = (across // 2, down) if across == down else (across, down // 2)
        samples = raster.take_region(image, x0, y0, x1, y1, across, down)
        touched = np.zeros(samples.shape[:2], np.uint8)
        raster.to_samples(vertices, x0, y0, across, down, self._positions)
        for layer in layers:
            self._draw(samples, touched, layer)
        raster.resolve_region(samples, touched, across, down, x0, y0, image)

    def _draw(self, target: NDArray[np.uint8], touched: NDArray[np.uint8], layer: "_Layer", uv: NDArray[np.float32] | None = None) -> None:
        triangles, texture = self._triangles[layer.triangles], self._textures[layer.texture]
        uv = self._uv if uv is None else uv
        opaque = self._opaque.get((layer.triangles, layer.texture))
        if opaque is None:
            opaque = self._opaque[layer.triangles, layer.texture] = raster.opaqueness(triangles, uv, texture)
        tint = raster.NO_TINT
        if layer.tint != NO_TINT:
            tint = np.array([round(256 * channel) for channel in layer.tint], np.int64)
        raster.draw_triangles(
            target,
            touched,
            layer.mark,
            layer.within,
            self._positions,
            triangles,
            uv,
            texture,
            opaque,
            tint,
            round(256 * layer.opacity),
        )


@dataclass(frozen=True)
class _Layer:
    """What to draw: names of triangles and texture in the rig, factors of red, green and blue, opacity (1 as they are), mark and stencil of
    ``raster.draw_triangles``."""

    triangles: str
    texture: str
    tint: tuple[float, float, float] = NO_TINT
    opacity: float = 1.0
    mark: int = 1
    within: int = -1


def _dim(light: float) -> tuple[float, float, float]:
    """Light 0..1 inside the mouth as factors of red, green and blue: the less there is, the more of it has come through flesh."""
    return light**0.9, light**1.12, light**1.18


def _dim_enamel(light: float) -> tuple[float, float, float]:
    """The same for teeth, which lie in front: what reaches them where it is dark has come off lips and tongue, and is warm."""
    light = ENAMEL_LEAST + (1.0 - ENAMEL_LEAST) * light
    return light**0.80, light**1.08, light**1.14
