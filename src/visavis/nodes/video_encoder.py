"""The node that encodes: ``image_raw`` in, H.264 out on ``image_raw/foxglove`` as Foxglove and its image transport want it: Annex B, one
picture a message, parameter sets with every key frame, no B-frames. Nothing is encoded, or subscribed to, while nobody looks.
"""

import time
from dataclasses import dataclass
from typing import Any, NoReturn

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image

from visavis.nodes.base import AvatarNode, NodeConfig
from visavis.nodes.process import end_process, run_process
from visavis.nodes.queue import BoundedQueue, DropPolicy
from visavis.ros import qos
from visavis.ros.convert import bulk_bytes, msg_to_stamp
from visavis.ros.parameters import parameter
from visavis.ros.pictures import msg_to_image
from visavis.timing import NANOSECONDS

INBOX = 10
"""A third of a second: pictures that a slow machine cannot encode are left out, the oldest first; each that is encoded can be decoded."""
MIN_KEY_SECONDS = 0.3
MAX_STEP_NS = NANOSECONDS
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium")


@dataclass(frozen=True)
class EncoderConfig(NodeConfig):
    """Parameters of video_encoder."""

    bit_rate: int = parameter(2_000_000, "bits a second", low=100_000, high=50_000_000)
    keyframe_seconds: float = parameter(1.0, "a key frame comes at least so often; also when somebody subscribes", low=0.1, high=600)
    preset: str = parameter("veryfast", "of x264: slower ones make better pictures of the same size", choices=PRESETS)


class VideoEncoder(AvatarNode):
    """See the module."""

    config_type = EncoderConfig
    config: EncoderConfig

    def __init__(self, **node_options: Any) -> None:
        super().__init__("video_encoder", **node_options)
        self._inbox: BoundedQueue[Image] = BoundedQueue(INBOX, DropPolicy.OLDEST)
        self._image: Subscription | None = None
        self._viewers = 0
        self._key_wanted = False
        for name in ("refused", "keyframes", "kilobytes"):
            self.health.count(name, 0)
        self.create_timer(0.1, self._look_after, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def load(self) -> None:
        from visavis.bridge import encoders, media_clock

        try:
            from foxglove_msgs.msg import CompressedVideo
        except ImportError as error:
            raise ValueError("the messages of Foxglove are missing: run `make setup`, or apt install ros-jazzy-foxglove-msgs") from error
        self._message = CompressedVideo
        self._encoders, self._ticks = encoders, media_clock.video_ticks
        self._video = self.publisher(CompressedVideo, "image_raw/foxglove", qos.COMPRESSED_DEPTH)

    def open(self) -> None:
        self._inbox.clear()
        self._encoder = self._encoders.PictureEncoder("h264", self.config.bit_rate, self.config.keyframe_seconds, self.config.preset)
        self._stamp_ns: int | None = None
        self._media_ns = 0
        self._viewers, self._key_wanted, self._key_at, self._bytes = 0, True, 0.0, 0

    def close(self) -> None:
        self._subscribe(False)

    def wake(self) -> None:
        self._inbox.wake()

    def _look_after(self) -> None:
        """Ten times a second: pictures are subscribed to while somebody looks, and whoever comes gets a key frame."""
        if self.lifecycle_state != "active":
            return
        viewers = self._video.get_subscription_count()
        self._key_wanted |= viewers > self._viewers
        self._viewers = viewers
        self._subscribe(viewers > 0)

    def _subscribe(self, wanted: bool) -> None:
        if wanted and self._image is None:
            self._image = self.create_subscription(
                Image, "image_raw", self._inbox.put, qos.stream(qos.PICTURE_DEPTH), qos_overriding_options=qos.overridable()
            )
        elif not wanted and self._image is not None:
            self.destroy_subscription(self._image)
            self._image = None

    def work(self) -> None:
        for msg in self._inbox.drain(0.1):
            if self._viewers:
                self._encode(msg)

    def _encode(self, msg: Image) -> None:
        try:
            picture = msg_to_image(msg)
        except ValueError as error:
            self.refuse("image_raw", error)
            return
        wall, cpu = time.perf_counter(), time.thread_time()
        stamp_ns = msg_to_stamp(msg.header.stamp)
        # The encoder spends its bits by this time, which goes on whatever the stamps do (a loop of a bag, a clock that was set).
        step_ns = stamp_ns - self._stamp_ns if self._stamp_ns is not None else 0
        self._media_ns += min(max(step_ns, NANOSECONDS // 1000), MAX_STEP_NS)
        self._stamp_ns = stamp_ns
        packet = self._encoder.encode(picture, self._ticks(self._media_ns), self._media_ns, self._take_key())
        self.health.computed(time.perf_counter() - wall, time.thread_time() - cpu)
        if packet is None:
            return
        self._video.publish(
            self._message(timestamp=msg.header.stamp, frame_id=msg.header.frame_id, data=bulk_bytes(packet.data), format="h264")
        )
        self._bytes += len(packet.data)
        self.health.count("keyframes", int(packet.key))
        self.health.published(self.now_ns() - stamp_ns)

    def _take_key(self) -> bool:
        """Whether this picture must be a key frame. Several viewers who come at once get one."""
        now = time.monotonic()
        if not self._key_wanted or now - self._key_at < MIN_KEY_SECONDS:
            return False
        self._key_wanted, self._key_at = False, now
        return True

    def gauges(self) -> None:
        if self.lifecycle_state == "active":
            self.health.gauge("viewers", self._viewers)
            self.health.gauge("queue_depth", len(self._inbox))
            self.health.set_counter("drops", self._inbox.dropped)
            self.health.set_counter("kilobytes", self._bytes // 1000)


def main() -> NoReturn:
    end_process(run_process(VideoEncoder))


if __name__ == "__main__":
    main()
