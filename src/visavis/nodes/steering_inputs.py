"""What motion_diffusion is asked for while it runs: by topics a robot publishes, or by its parameters; whatever came last counts."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from geometry_msgs.msg import PointStamped
from rclpy.parameter import Parameter
from std_msgs.msg import String
from visavis_msgs.msg import Expression

from visavis.motion.steering import EMOTIONS, MAX_SCALE, SCALE_NAMES, Steering
from visavis.motion.styles import STYLES, Style
from visavis.nodes.base import NodeConfig
from visavis.nodes.frame_listener import FrameListener
from visavis.ros.parameters import parameter
from visavis.timing import NANOSECONDS


@dataclass(frozen=True)
class SteeringParameters(NodeConfig):
    """Parameters that steer the motion. All of them may be changed while the node runs, and show within a chunk."""

    style: str = parameter(
        "neutral", "way to speak, or a clip of somebody who moves as the avatar shall", choices=tuple(STYLES), live=True, or_path=True
    )
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
    """Collects what is asked for from any thread. ``refuse`` is told in one line what cannot be done. ``style_of`` measures the style of a
    clip; its errors are ValueError, RuntimeError and OSError. reference: that of the clip that ``config`` names as style. frames: brings
    points of other frames to the avatar's."""

    def __init__(
        self,
        config: SteeringParameters,
        refuse: Callable[[str], None],
        style_of: Callable[[Path], Style],
        reference: Style | None = None,
        frames: FrameListener | None = None,
    ) -> None:
        self._frame_id = config.frame_id
        self._look_seconds = config.look_at_seconds
        self._refuse = refuse
        self._lock = threading.Lock()
        self._style_of = style_of
        values = {name: getattr(config, key) for key, name in STEERED.items()}
        if reference is not None:
            values |= {"style": "neutral", "reference": reference}
        self._wanted = Steering(**values)
        self._style_asked = 0
        self._look_until_ns: int | None = None
        self._frames = frames
        self._look_in: tuple[tuple[float, float, float], str] | None = None

    def wanted(self, now_ns: int) -> Steering:
        """What is asked for at ``now_ns``."""
        with self._lock:
            if self._look_until_ns is not None and now_ns > self._look_until_ns:
                self._wanted, self._look_until_ns, self._look_in = replace(self._wanted, look_at=None), None, None
            failure = self._follow_point(now_ns)
            wanted = self._wanted
        if failure:
            self._refuse(failure)
        return wanted

    def _follow_point(self, now_ns: int) -> str:
        """Keep looking at a point of another frame, which may move against the avatar's. What cannot be done, in one line."""
        if self._look_in is None or self._frames is None:
            return ""
        point, frame = self._look_in
        try:
            place = self._frames.bring(point, frame, self._frame_id)
            if place is not None:
                self._wanted = replace(self._wanted, look_at=place)
        except ValueError as error:
            self._look_in, self._look_until_ns = None, None
            self._wanted = replace(self._wanted, look_at=None)
            return f'look_at came in the frame "{frame}", and {error}'
        if place is not None and self._look_until_ns is None and self._look_seconds:
            self._look_until_ns = now_ns + int(self._look_seconds * NANOSECONDS)
        return ""

    def on_style(self, msg: String) -> None:
        self._change_style(msg.data)

    def on_expression(self, msg: Expression) -> None:
        self._change(emotion=msg.emotion, intensity=msg.intensity)

    def on_look_at(self, msg: PointStamped, now_ns: int) -> None:
        """A point in any frame that TF knows, or in that of the avatar: x out of the screen, y to the avatar's left, z up, metres, from
        between the eyes."""
        point = (msg.point.x, msg.point.y, msg.point.z)
        frame = msg.header.frame_id.lstrip("/")
        if frame not in ("", self._frame_id):
            with self._lock:
                self._look_in, self._look_until_ns = (point, frame), None
            return
        with self._lock:
            self._look_in = None
        if self._change(look_at=point):
            with self._lock:
                self._look_until_ns = now_ns + int(self._look_seconds * NANOSECONDS) if self._look_seconds else None

    def on_parameters(self, changed: list[Parameter]) -> None:
        """Parameters that were set, and were found valid, while the node runs."""
        values = {STEERED[parameter.name]: parameter.value for parameter in changed if parameter.name in STEERED}
        if "style" in values:
            self._change_style(values.pop("style"))
        if values:
            self._change(**values)
        for one in changed:
            if one.name == "look_at_seconds":
                self._look_seconds = float(one.value)

    def _change_style(self, name: str) -> None:
        """To a style by its name, or to that of a clip, which takes a moment to read: what was asked for before goes on meanwhile."""
        with self._lock:
            self._style_asked += 1
            asked = self._style_asked
        if name in STYLES:
            self._change(style=name, reference=None)
        elif Path(name).exists():
            threading.Thread(target=self._take_style, args=(Path(name), asked), name="style", daemon=True).start()
        else:
            self._refuse(f'style must be one of {", ".join(STYLES)}, or the path of a clip on this machine, got "{name}"')

    def _take_style(self, clip: Path, asked: int) -> None:
        try:
            style = self._style_of(clip)
        except (ValueError, RuntimeError, OSError) as error:
            self._refuse(" ".join(str(error).split()))
            return
        with self._lock:
            if asked == self._style_asked:
                self._wanted = replace(self._wanted, reference=style)

    def _change(self, **values: Any) -> bool:
        with self._lock:
            try:
                self._wanted = replace(self._wanted, **values)
                return True
            except ValueError as error:
                reason = str(error)
        self._refuse(reason)
        return False
