"""Networks of the asset ``face_api`` for measuring pictures, in plain numpy: one that knows people, one that knows pictures.

``describe_face``: the residual network of dlib (King 2017, "High quality face recognition with deep metric learning").
``picture_features``: the MobileNet (Howard et al. 2017) inside a face detector. Their weights are stored with 8 bits each.
"""

import functools
import json
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Features = NDArray[np.float32]
"""(height, width, channels)."""
Weights = dict[str, Features]

FACE_SIDE = 150
"""Pixels of the square that ``describe_face`` takes."""
DESCRIPTION = 128
MEAN_COLOUR = np.array([122.782, 117.001, 104.298], np.float32)

HALVING = (2, 4, 6, 12)
"""Blocks of the MobileNet that halve the size of the picture, as its first layer does."""
TAPS = (1, 3, 5)
"""Blocks whose output is a feature of pictures: the last ones of their size. Those behind know faces only: they call a grain that
nobody sees as large a change as another person."""
CHANNELS = {1: 64, 3: 128, 5: 256}
BATCH_NORM_EPSILON = 0.001


@functools.cache
def read_weights(folder: Path, name: str) -> Weights:
    """Weights of a network by their names. folder: the asset; name: ``face_recognition_model`` or ``ssd_mobilenetv1_model``."""
    (group,) = json.loads((folder / f"{name}-weights_manifest.json").read_text("utf-8"))
    data = b"".join((folder / path).read_bytes() for path in group["paths"])
    weights: Weights = {}
    begin = 0
    for entry in group["weights"]:
        stored = np.dtype(entry["quantization"]["dtype"] if "quantization" in entry else entry["dtype"])
        count = int(np.prod(entry["shape"], dtype=np.int64))
        values = np.frombuffer(data, stored, count, begin).reshape(entry["shape"]).astype(np.float32)
        begin += values.size * stored.itemsize
        if "quantization" in entry:
            values = values * np.float32(entry["quantization"]["scale"]) + np.float32(entry["quantization"]["min"])
        weights[entry["name"]] = values
    if begin != len(data):
        raise ValueError(f"{folder / name} holds {len(data)} bytes, its manifest describes {begin}")
    return weights


def describe_face(weights: Weights, face: NDArray[np.uint8]) -> Features:
    """(128,): near each other for pictures of one person; dlib calls two faces one person where they are less than 0.6 apart.
    face: uint8 (150, 150, 3) RGB, as ``identity.cut_face`` cuts it."""
    if face.shape != (FACE_SIDE, FACE_SIDE, 3):
        raise ValueError(f"a face must have shape ({FACE_SIDE}, {FACE_SIDE}, 3), got {face.shape}")
    x = (face.astype(np.float32) - MEAN_COLOUR) / np.float32(256)
    x = np.maximum(_scaled(weights, "conv32_down", x, 2, same=False), 0)
    height, width = ((side - 3) // 2 + 1 for side in x.shape[:2])
    x = np.max([x[i : i + 2 * height - 1 : 2, j : j + 2 * width - 1 : 2] for i in range(3) for j in range(3)], axis=0)
    for name in ("32_1", "32_2", "32_3", "64_down", "64_1", "64_2", "64_3", "128_down", "128_1", "128_2"):
        x = _residual(weights, f"conv{name}", x)
    for name in ("256_down", "256_1", "256_2", "256_down_out"):
        x = _residual(weights, f"conv{name}", x)
    return np.asarray(x.mean((0, 1)) @ weights["fc"], np.float32)


def _residual(weights: Weights, name: str, x: Features) -> Features:
    """Two convolutions beside a short cut; ``down`` halves the size, and what the two then lack of each other's shape is zero."""
    down = "down" in name
    inner = np.maximum(_scaled(weights, f"{name}/conv1", x, 2 if down else 1, same=not down), 0)
    inner = _scaled(weights, f"{name}/conv2", inner, 1, same=True)
    if down:
        height, width = x.shape[0] // 2 * 2, x.shape[1] // 2 * 2
        x = np.mean([x[i:height:2, j:width:2] for i in range(2) for j in range(2)], axis=0)
    result = np.zeros(np.maximum(x.shape, inner.shape), np.float32)
    for part in (x, inner):
        result[: part.shape[0], : part.shape[1], : part.shape[2]] += part
    return np.maximum(result, 0)


def _scaled(weights: Weights, name: str, x: Features, stride: int, same: bool) -> Features:
    x = convolve(x, weights[f"{name}/conv/filters"], stride, same) + weights[f"{name}/conv/bias"]
    return x * weights[f"{name}/scale/weights"] + weights[f"{name}/scale/biases"]


def picture_features(weights: Weights, picture: NDArray[np.uint8]) -> dict[int, Features]:
    """What the MobileNet makes of ``picture``, uint8 (height, width, 3) RGB of any size: by block of ``TAPS``, 0..6, at 1/2, 1/4 and 1/8 of
    the size (rounded up)."""
    x = picture.astype(np.float32) / np.float32(127.5) - 1
    x = _clip(
        convolve(x, weights["MobilenetV1/Conv2d_0_pointwise/weights"], 2) + weights["MobilenetV1/Conv2d_0_pointwise/convolution_bn_offset"]
    )
    taps = {}
    for block in range(1, max(TAPS) + 1):
        name = f"MobilenetV1/Conv2d_{block}"
        x = _each_channel(x, weights[f"{name}_depthwise/depthwise_weights"][..., 0], 2 if block in HALVING else 1)
        gamma, beta, mean, variance = (
            weights[f"{name}_depthwise/BatchNorm/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        x = _clip((x - mean) * (gamma / np.sqrt(variance + np.float32(BATCH_NORM_EPSILON))) + beta)
        x = _clip(convolve(x, weights[f"{name}_pointwise/weights"]) + weights[f"{name}_pointwise/convolution_bn_offset"])
        if block in TAPS:
            taps[block] = x
    return taps


def _clip(x: Features) -> Features:
    return np.clip(x, 0, 6)


def convolve(x: Features, filters: Features, stride: int = 1, same: bool = True) -> Features:
    """2D convolution as TensorFlow does it. filters: (rows, columns, channels in, channels out). same: the border is filled with zeros so
    that the size is that of ``x`` divided by ``stride`` and rounded up; otherwise nothing is filled in."""
    rows, columns, entering, leaving = filters.shape
    if (rows, columns) == (1, 1):
        x = x[::stride, ::stride]
        return np.asarray((x.reshape(-1, entering) @ filters[0, 0]).reshape(*x.shape[:2], leaving), np.float32)
    windows = _windows(x, rows, columns, stride, same)
    height, width = windows.shape[:2]
    return np.asarray(
        (windows.reshape(height * width, -1) @ filters.transpose(2, 0, 1, 3).reshape(-1, leaving)).reshape(height, width, leaving)
    )


def _each_channel(x: Features, filters: Features, stride: int) -> Features:
    """Every channel with its own filter of 3x3."""
    windows = _windows(x, 3, 3, stride, same=True)
    result = np.zeros(windows.shape[:3], np.float32)
    for i in range(3):
        for j in range(3):
            result += windows[..., i, j] * filters[i, j]
    return result


def _windows(x: Features, rows: int, columns: int, stride: int, same: bool) -> Features:
    """(height, width, channels, rows, columns): a view of what each filter sees."""
    if same:
        missing = [max((-(-side // stride) - 1) * stride + size - side, 0) for side, size in zip(x.shape, (rows, columns), strict=False)]
        x = np.pad(x, (*((number // 2, number - number // 2) for number in missing), (0, 0)))
    return sliding_window_view(x, (rows, columns), (0, 1))[::stride, ::stride]
