"""Where a person's shoulders, elbows and wrists are in a photo.

A network (MediaPipe's BlazePose "full", Apache-2.0; Bazarevsky et al. 2020, "BlazePose: on-device real-time body pose tracking") looks at
a square around the hips that holds the whole body. MediaPipe finds this square with a detector; here the face, which is known, says where
to begin, and what the network sees there, where to look again.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.types_portrait import PortraitError

Array = NDArray[np.float64]

POSE_MODEL = Path(__file__).resolve().parent.parent / "assets" / "pose" / "body.tflite"
NETWORK_SIDE = 256
JOINTS = (("right", (12, 14, 16)), ("left", (11, 13, 15)))
"""The network's numbers of shoulder, elbow and wrist of either side of the person."""
HIPS, TOP = 33, 34
"""Its points for the middle of the hips, and for the circle about them that holds the whole body."""
FACE_HEIGHT, EYES_TO_HIPS = 0.19, 0.72
"""Metres from forehead to chin, and from the eyes down to the hips."""
FIRST_SIDE, ROOM = 2.2, 1.25
"""Metres that the first square is wide; width of the second one in diameters of that circle."""
LEAST_SURE = 0.5
"""The network's odds that there is a body at all, from which on it is believed."""


def find_limbs(image: NDArray[np.uint8], landmarks: Array, model: Path = POSE_MODEL) -> Array:
    """Shoulder, elbow and wrist of the person's right and left arm, float64 (2, 3, 3): x and y in pixels of ``image`` uint8 (h, w, 3) RGB,
    also where they must be guessed outside of it, and the odds that they are in the picture and not hidden. landmarks: (478, 2), the face.
    """
    network = _network(model)
    metre = float(np.ptp(landmarks[:468, 1])) / FACE_HEIGHT
    middle = landmarks[[468, 473]].mean(0) + np.array([0, EYES_TO_HIPS * metre])
    points, sure = _look(network, image, middle, FIRST_SIDE * metre)
    middle = points[HIPS, :2]
    points, sure = _look(network, image, middle, max(2 * ROOM * float(np.linalg.norm(points[TOP, :2] - middle)), metre))
    points[:, 2] *= sure > LEAST_SURE
    return np.stack([points[list(joints)] for _, joints in JOINTS])


def _look(network: cv2.dnn.Net, image: NDArray[np.uint8], middle: Array, side: float) -> tuple[Array, float]:
    """The network's points in a square of the picture, (39, 3): x, y, odds to be seen; and the odds that they are a body's."""
    square = np.zeros((NETWORK_SIDE, NETWORK_SIDE, 3), np.uint8)
    scale = NETWORK_SIDE / side
    corner = middle - side / 2
    # Only what the photo has of the square is looked at: beside a large face the whole of it would be gigabytes.
    first = np.clip(np.round(corner), 0, image.shape[1::-1]).astype(int)
    last = np.clip(np.round(corner + side), 0, image.shape[1::-1]).astype(int)
    (left, top), (right, bottom) = (np.clip(np.round((at - corner) * scale), 0, NETWORK_SIDE).astype(int) for at in (first, last))
    if right > left and bottom > top:
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        square[top:bottom, left:right] = cv2.resize(
            image[first[1] : last[1], first[0] : last[0]], (int(right - left), int(bottom - top)), interpolation=way
        )
    network.setInput(cv2.dnn.blobFromImage(square, 1 / 255.0))
    found, sure = (np.asarray(out, np.float64) for out in network.forward(["Identity", "Identity_1"]))
    points = found.reshape(39, 5)  # x, y, z, visible, present
    places = points[:, :2] / scale + corner
    seen = 1 / (1 + np.exp(-points[:, 3:]))
    return np.concatenate([places, seen.prod(1, keepdims=True)], 1), float(sure.ravel()[0])


def _network(model: Path) -> cv2.dnn.Net:
    # OpenCV 5 has a second engine, which knows only one output of this network.
    engine = [cv2.dnn.ENGINE_CLASSIC] if hasattr(cv2.dnn, "ENGINE_CLASSIC") else []
    try:
        return cv2.dnn.readNetFromTFLite(str(model), *engine)
    except cv2.error as error:
        raise PortraitError(f"cannot read the pose model {model}: reinstall visavis") from error
