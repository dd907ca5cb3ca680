"""The inside of the mouth: two rows of teeth, the tongue and the lining, as textures drawn for the photo's light."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

TEXELS = 256
"""Width of the tooth textures; they span TOOTH_SPAN mouth widths."""

TOOTH_SPAN = 1.30
UPPER_HEIGHT, LOWER_HEIGHT = 0.26, 0.20
"""Height of a row of teeth in mouth widths."""

_WIDTHS = (1.0, 0.78, 0.86, 0.72, 0.66, 0.6)
"""Seen widths of the teeth from the middle outwards, relative to a central incisor (Wheeler's Dental Anatomy, rounded, foreshortened)."""


@dataclass(frozen=True)
class MouthLight:
    """How bright the inside of the mouth may be in this photo. tooth, lip, flesh: float32 (3,), RGB 0..255."""

    tooth: NDArray[np.float32]
    lip: NDArray[np.float32]
    flesh: NDArray[np.float32]


def mouth_light(image: NDArray[np.uint8], skin_points: NDArray[np.float64], lip_points: NDArray[np.float64]) -> MouthLight:
    """Light measured on the photo: skin_points (n, 2) on lit skin near the mouth, lip_points (m, 2) on the lower lip."""
    skin = _colours(image, skin_points)
    lip = np.median(_colours(image, lip_points), 0)
    lit = np.percentile(skin, 75, axis=0)
    grey = float(lit @ np.array([0.3, 0.6, 0.1], np.float32))
    # Teeth reflect about as a light skin does; in dark skin the camera's exposure, seen in the brightest skin, still tells the light.
    level = np.clip(138 + 0.46 * grey, 165, 228)
    warm = np.clip(lit / max(grey, 1.0), 0.85, 1.18) ** 0.35
    tooth = (np.array([1.0, 0.96, 0.885], np.float32) * warm * level).clip(0, 235).astype(np.float32)
    flesh = (np.array([0.62, 0.30, 0.30], np.float32) * np.clip(grey, 90, 200) * 0.9 + 0.15 * lip).astype(np.float32)
    return MouthLight(tooth, lip.astype(np.float32), flesh)


def upper_teeth(light: MouthLight) -> NDArray[np.uint8]:
    """The upper row seen from the front: RGBA, edge of the incisors at the lower end."""
    return _teeth(light, upper=True)


def lower_teeth(light: MouthLight) -> NDArray[np.uint8]:
    """The lower row: smaller teeth, in shadow, edge at the upper end."""
    return np.ascontiguousarray(_teeth(light, upper=False)[::-1])


def _teeth(light: MouthLight, upper: bool) -> NDArray[np.uint8]:
    height = round(TEXELS * (UPPER_HEIGHT if upper else LOWER_HEIGHT) / TOOTH_SPAN)
    over = 4  # drawn large and reduced, for smooth edges
    w, h = TEXELS * over, height * over
    x = (np.arange(w) + 0.5) / w * 2 - 1
    y = (np.arange(h) + 0.5) / h  # 0 at the gum, 1 at the edge
    unit = 0.168 / TOOTH_SPAN * 2 * (1.0 if upper else 0.74)
    widths = np.array(_WIDTHS) if upper else np.array([1.0, 1.05, 1.1, 1.0, 0.9, 0.8])
    right = np.cumsum(widths) * unit
    left = np.concatenate([[0.0], right[:-1]])
    side = np.abs(x)
    number = np.minimum(np.searchsorted(right, side), len(widths) - 1)
    local = np.clip((side - left[number]) / (right[number] - left[number]) * 2 - 1, -1, 1)
    lengths = np.array([1.0, 0.94, 1.0, 0.92, 0.86, 0.8]) if upper else np.array([0.95, 0.97, 1.0, 0.95, 0.9, 0.85])
    end = (0.985 - (1 - lengths[number]) * 0.55) - 0.035 * np.abs(local) ** 4 - 0.05 * side**2
    edge = np.clip((end[None] - y[:, None]) * h / (1.2 * over) + 0.5, 0, 1)
    between = np.exp(-(((1 - np.abs(local)) * (right[number] - left[number]) / 0.012) ** 2))
    round_tooth = 1 - 0.13 * local**2
    depth = np.clip(1 - 0.62 * (side / 0.80) ** 2, 0.16, 1)
    lip_shadow = 0.76 + 0.24 * np.clip((y - 0.35) / 0.5, 0, 1)
    translucent = 1 - 0.10 * np.clip((y - 0.90) / 0.1, 0, 1)
    shade = lip_shadow[:, None] * translucent[:, None] * (round_tooth * depth * (1 - 0.26 * between))[None]
    if not upper:
        shade = shade * 0.66
    colour = light.tooth[None, None] * shade[..., None]
    # The further back, the warmer: light inside the mouth has bounced off flesh.
    warmth = (1 - depth)[None, :, None]
    colour = colour * (1 - warmth * np.array([0.0, 0.12, 0.16], np.float32))
    gum = np.clip((0.40 + 0.06 * local**2 - y[:, None]) / 0.03 + 0.5, 0, 1)[..., None]
    colour = colour * (1 - gum) + light.flesh * 0.8 * depth[None, :, None] * gum
    # Beyond the last tooth seen the cheek's shadow takes over.
    alpha = edge * np.clip((0.92 - side) / 0.12, 0, 1)[None]
    rgba = np.concatenate([colour, alpha[..., None] * 255], -1).astype(np.float32)
    rgba = cv2.resize(rgba, (TEXELS, height), interpolation=cv2.INTER_AREA)
    return rgba.round().clip(0, 255).astype(np.uint8)


def tongue(light: MouthLight) -> NDArray[np.uint8]:
    """The tongue lying in the lower jaw: RGBA (48, 96)."""
    y, x = np.mgrid[:48, :96].astype(np.float32)
    x, y = (x - 47.5) / 48, y / 47
    outline = np.clip((1 - np.abs(x) ** 2.6 - (1 - y) ** 3.0 * 0.55 - 0.25 * (1 - y)) / 0.22, 0, 1)
    shade = 0.62 + 0.34 * np.exp(-((x / 0.6) ** 2)) * np.exp(-(((y - 0.55) / 0.5) ** 2)) - 0.06 * np.exp(-((x / 0.09) ** 2))
    colour = light.flesh[None, None] * shade[..., None]
    return np.concatenate([colour, outline[..., None] * 255], -1).round().clip(0, 255).astype(np.uint8)


def lining(light: MouthLight) -> NDArray[np.uint8]:
    """Dark of the mouth with the wet inner side of the lips: RGBA (64, 16), row 0 at the upper edge."""
    y = np.linspace(0, 1, 64, dtype=np.float32)[:, None]
    dark = np.array([0.17, 0.075, 0.075], np.float32) * float(np.clip(light.flesh.max(), 60, 160)) * 1.25
    under = np.exp(-((y / 0.10) ** 2)) * 0.30
    over = np.exp(-(((1 - y) / 0.12) ** 2)) * 0.50
    colour = dark * (0.55 + 0.45 * y) + light.lip * (under * 0.8 + over * 0.85) * np.array([1.0, 0.78, 0.78], np.float32)
    rgba = np.concatenate([np.broadcast_to(colour, (64, 3)), np.full((64, 1), 255, np.float32)], -1)
    return np.repeat(rgba[:, None].round().clip(0, 255).astype(np.uint8), 16, axis=1)


def _colours(image: NDArray[np.uint8], points: NDArray[np.float64]) -> NDArray[np.float32]:
    blurred = cv2.GaussianBlur(image, (0, 0), 1.2)
    x = np.clip(np.round(points[:, 0]).astype(int), 0, image.shape[1] - 1)
    y = np.clip(np.round(points[:, 1]).astype(int), 0, image.shape[0] - 1)
    return blurred[y, x].astype(np.float32)
