"""The packets that Live Link Face sends, one a frame, over UDP.

Epic documents them nowhere. What is known is what programs read that people use with the app (JimWest/PyLiveLinkFace, think-biq/LLV) and
what Unreal's own receiver was when its source was public (AppleARKitLiveLinkSource): everything big-endian,

    uint8    version, 6
    string   identity of the device, a UUID        string: int32 length, then so many bytes, without a zero at the end
    string   name of the subject
    int32    frame since midnight                  FQualifiedFrameTime
    float32  part of a frame
    int32    frames a second, numerator
    int32    and denominator
    uint8    number of values, 61
    float32  52 ARKit weights in Apple's order, then yaw, pitch and roll of head, left eye and right eye in radians

The order is Apple's throughout, unlike that of the app's CSV files. Units and signs of the angles are those of ``livelink``.
"""

import math
import struct

import numpy as np
from numpy.typing import NDArray

from visavis.motion.layout import FACE
from visavis.motion.livelink import BLENDSHAPE_COUNT, DAY_S, head_turns, nine_angles

VERSION = 6
MOST_NAME_BYTES = 255
DEFAULT_PORT = 11_111


def livelink_packet(motion: NDArray[np.float32], subject: str, device: str, day_s: float, rate: int) -> bytes:
    """One packet of a frame of motion, float32 (MOTION_DIM,). subject: a name; device: a UUID; day_s: seconds since midnight; rate: packets
    a second. ValueError for a name that is empty or longer than 255 bytes."""
    weights = np.clip(motion[FACE], 0.0, 1.0)
    values = [*weights.tolist(), *nine_angles(weights, head_turns(motion))]
    frame, part = divmod((day_s % DAY_S) * rate, 1.0)
    time = struct.pack("!ifii", math.floor(frame), part, rate, 1)
    return (
        struct.pack("!B", VERSION)
        + _text(device)
        + _text(subject)
        + time
        + struct.pack(f"!B{BLENDSHAPE_COUNT}f", BLENDSHAPE_COUNT, *values)
    )


def _text(text: str) -> bytes:
    data = text.encode()
    if not 0 < len(data) <= MOST_NAME_BYTES:
        raise ValueError(f"a name of {len(data)} bytes: Live Link takes 1 to {MOST_NAME_BYTES}")
    return struct.pack("!i", len(data)) + data
