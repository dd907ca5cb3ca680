"""What motion_diffusion is asked for while it runs: by topics a robot publishes, or by its parameters; whatever came last counts."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from geometry_msgs.msg import PointStamped
from rclpy.parameter import Parameter
from std_msgs.msg import String
from visavis_msgs.msg import Expression

from visavis.motion.steering import EMOTIONS, MAX_SCALE, SCALE_NAMES, Steering
from visavis.motion.styles import STYLES
from visavis.nodes.base import NodeConfig
from visavis.ros.parameters import parameter
from visavis.timing import NANOSECONDS


@dataclass(frozen=True)
class SteeringParameters(NodeConfig):
    """Parameters that steer the motion. All of them may be changed while the node runs, and show within a chunk."""

    style: str = parameter("neutral", "way to speak", choices=tuple(STYLES), live=True)
    emotion: str = parameter("neutral", "emotion that the face shows", choices=tuple(EMOTIONS), live=True)
    emotion_intensity: float = parameter(1.0, "how much of the emotion", low=0, high=1, live=True)
    mouth_scale: float = parameter(1.0, "factor on the movement of mouth and jaw", low=0, high=MAX_SCALE, live=True)
    expression_scale: float = parameter(1.0, "factor on brows, cheeks and the corners of the mouth", low=0, high=MAX_SCALE, live=True)
    head_scale: float = parameter(1.0, "factor on the movement of the head", low=0, high=MAX_SCALE, live=True)
    blink_scale: float = parameter(1.0, "factor on how often the eyes blink", low=0, high=MAX_SCALE, live=True)
    gesture_scale: float = parameter(1.0, "factor on how often and how largely the hands gesture", low=0, high=MAX_SCALE, live=True)
    gaze_scale: float = parameter(1.0, "factor on glances", low=0, high=MAX_SCALE, live=True)
    look_at_seconds: float = parameter(
        3.0, "seconds that a point on look_at is looked at; 0: until the next one", low=0, high=3600, live=True
    )


STEERED: dict[str, str] = {"style": "style", "emotion": "emotion", "emotion_intensity": "intensity"} | {
    f"{name}_scale": name for name in SCALE_NAMES
}
"""Parameter -> field of ``Steering``."""


class SteeringInputs:
    """Collects what is asked for from any thread. ``refuse`` is told in one line what cannot be done."""

    def __init__(self, config: SteeringParameters, refuse: Callable[[str], None]) -> None:
        self._frame_id = config.frame_id
        self._look_seconds = config.look_at_seconds
        self._refuse = refuse
        self._lock = threading.Lock()
        self._wanted = Steering(**{name: getattr(config, key) for key, name in STEERED.items()})
        self._look_until_ns: int | None = None

    def wanted(self, now_ns: int) -> Steering:
        """What is asked for at ``now_ns``."""
        with self._lock:
            if self._look_until_ns is not None and now_ns > self._look_until_ns:
                self._wanted, self._look_until_ns = replace(self._wanted, look_at=None), None
            return self._wanted

    def on_style(self, msg: String) -> None:
        self._change(style=msg.data)

    def on_expression(self, msg: Expression) -> None:
        self._change(emotion=msg.emotion, intensity=msg.intensity)

    def on_look_at(self, msg: PointStamped, now_ns: int) -> None:
        """A point in the frame of the avatar: x out of the screen, y to the avatar's left, z up, metres, from between the eyes."""
        if msg.header.frame_id not in ("", self._frame_id):
            self._refuse(
                f'look_at came in the frame "{msg.header.frame_id}": transform it to "{self._frame_id}" '
                "(origin between the eyes, x out of the screen, y to the avatar's left, z up)"
            )
            return
        if self._change(look_at=(msg.point.x, msg.point.y, msg.point.z)):
            with self._lock:
                self._look_until_ns = now_ns + int(self._look_seconds * NANOSECONDS) if self._look_seconds else None

    def on_parameters(self, changed: list[Parameter]) -> None:
        """Parameters that were set, and were found valid, while the node runs."""
        values = {STEERED[parameter.name]: parameter.value for parameter in changed if parameter.name in STEERED}
        if values:
            self._change(**values)
        for one in changed:
            if one.name == "look_at_seconds":
                self._look_seconds = float(one.value)

    def _change(self, **values: Any) -> bool:
        with self._lock:
            try:
                self._wanted = replace(self._wanted, **values)
                return True
            except ValueError as error:
                reason = str(error)
        self._refuse(reason)
        return False
