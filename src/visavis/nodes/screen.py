"""The node that is a robot's face: ``image_raw`` and ``audio_out`` in, a window and a loudspeaker out, in step with each other.

The picture follows the sound that is heard at the moment (``screen.clock``). Display and sound device may come and go: what is missing is
told in one line and tried again, the other goes on.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage, Image
from visavis_msgs.msg import AudioChunk as AudioChunkMsg

from visavis.audio.errors import SpeakerError
from visavis.audio.interpolate import HALF, interpolate, span
from visavis.audio.row import SoundRow
from visavis.audio.speaker import Fill, Speaker
from visavis.nodes.base import AvatarNode, NodeConfig
from visavis.nodes.process import end_process, one_line, run_process
from visavis.nodes.queue import BoundedQueue, DropPolicy
from visavis.ros import qos
from visavis.ros.convert import msg_to_audio_chunk, msg_to_stamp
from visavis.ros.parameters import parameter
from visavis.ros.pictures import msg_to_image, msg_to_jpeg_image
from visavis.ros.topics import TOPICS
from visavis.screen.clock import SenderTime, SoundClock
from visavis.screen.h264 import VideoDecoder
from visavis.screen.layout import FITS, ROTATIONS, idle_picture, read_picture
from visavis.screen.pictures import PictureQueue
from visavis.screen.window import DisplayError, Window, WindowConfig
from visavis.timing import NANOSECONDS, SAMPLE_RATE

INBOX = 30
AUDIO_INBOX = 2000
BACK_OFF_SECONDS = (1.0, 2.0, 5.0, 10.0)
MAX_AHEAD_NS = 65 * NANOSECONDS
KEPT_SAMPLES = SAMPLE_RATE // 2
"""Sound that was heard is kept so long, for a clock that is set back a little."""
AROUND_SAMPLES = SAMPLE_RATE // 10
"""Silence counts as silence when nobody speaks so much before and after either."""
IDLE_AGAIN_SECONDS = 1.0
"""A window that was covered shows black until it is drawn again."""
OFFSETS = 900
PICTURE_TOPICS = {
    "raw": ("image_raw", qos.PICTURE_DEPTH),
    "jpeg": ("image_raw/compressed", qos.COMPRESSED_DEPTH),
    "h264": ("image_raw/foxglove", qos.COMPRESSED_DEPTH),
}


class SoundOutput(Protocol):
    """What the node needs of ``audio.speaker.Speaker``."""

    underflows: int

    def open(self) -> None: ...

    def check(self) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class ScreenConfig(NodeConfig):
    """Parameters of screen."""

    fullscreen: bool = parameter(False, "fill the display")
    display: int = parameter(0, "number of the display", low=0, high=63)
    width: int = parameter(512, "pixels of the window, where it is not fullscreen", low=64, high=8192)
    height: int = parameter(768, "pixels", low=64, high=8192)
    rotation: int = parameter(0, "degrees clockwise by which the picture is turned: 0, 90, 180 or 270", low=0, high=270)
    fit: str = parameter("fit", "fit: all of the picture is seen; fill: it covers the whole window", choices=FITS)
    cursor: bool = parameter(False, "show the mouse pointer in the window")
    closable: bool = parameter(True, "the window may be closed by its button or by Escape; false for a kiosk")
    pictures: str = parameter("raw", "raw: image_raw; jpeg: image_raw/compressed; h264: image_raw/foxglove", choices=tuple(PICTURE_TOPICS))
    playout_delay: float = parameter(
        0.43, "that of video_generation: a picture is shown with the sound of its stamp plus this", low=0.05, high=5
    )
    delay: float = parameter(0.03, "seconds that pictures and sound are held back, against jitter on their way", low=0, high=5)
    sound: bool = parameter(True, "play audio_out")
    device: str = parameter("", "loudspeaker: a name, a part of it, or an index; empty for the default one")
    device_latency: float = parameter(0.06, "seconds of sound that the device holds", low=0.005, high=1)
    volume: float = parameter(1.0, "factor on the sound", low=0, high=1, live=True)
    idle_after: float = parameter(2.0, "seconds without a picture after which the idle picture is shown", low=0.2, high=3600)
    idle_picture: str = parameter("", "image file; empty for the last picture, darkened")

    def __post_init__(self) -> None:
        if self.rotation not in ROTATIONS:
            raise ValueError(f"rotation must be one of {', '.join(map(str, ROTATIONS))}, got {self.rotation}")


def make_window(config: ScreenConfig, title: str) -> Window:
    return Window(
        WindowConfig(title, config.width, config.height, config.fullscreen, config.display, config.rotation, config.fit, config.cursor)
    )


def make_speaker(config: ScreenConfig, fill: Fill, now_ns: Callable[[], int]) -> SoundOutput:
    return Speaker(config.device, config.device_latency, fill, now_ns)


class Screen(AvatarNode):
    """See the module. ``make_speaker`` and ``make_window`` make what they say each time that it is opened."""

    config_type = ScreenConfig
    config: ScreenConfig

    def __init__(
        self,
        make_speaker: Callable[[ScreenConfig, Fill, Callable[[], int]], SoundOutput] = make_speaker,
        make_window: Callable[[ScreenConfig, str], Window] = make_window,
        **node_options: Any,
    ) -> None:
        super().__init__("screen", **node_options)
        self._make_speaker, self._make_window = make_speaker, make_window
        self._inbox: BoundedQueue[tuple[Any, int]] = BoundedQueue(INBOX, DropPolicy.OLDEST)
        self._heard: BoundedQueue[AudioChunkMsg] = BoundedQueue(AUDIO_INBOX, DropPolicy.OLDEST)
        self._lock = threading.Lock()
        self._window: Window | None = None
        self._speaker: SoundOutput | None = None
        self._opens: dict[str, tuple[float, int]] = {}
        self._closed = False
        self._volume = 1.0
        self._offsets_ms: deque[float] = deque(maxlen=OFFSETS)
        for name in ("refused", "late_samples", "far_chunks", "underflows", "display_losses", "sound_losses"):
            self.health.count(name, 0)
        self.add_post_set_parameters_callback(self._on_parameters)

    def load(self) -> None:
        if PICTURE_TOPICS[self.config.pictures][0] not in TOPICS:
            raise ValueError("pictures is h264, but the messages of Foxglove are missing: apt install ros-jazzy-foxglove-msgs")
        self._idle = read_picture(Path(self.config.idle_picture).expanduser()) if self.config.idle_picture else None

    def open(self) -> None:
        now_ns = self.now_ns()
        self._volume = self.get_parameter("volume").value
        self._inbox.clear()
        self._heard.clear()
        self._pictures: PictureQueue[Image | CompressedImage | NDArray[np.uint8]] = PictureQueue()
        self._sender = SenderTime()
        self._row = SoundRow(now_ns)
        self._heard_clock = SoundClock(now_ns, self._offset_ns())
        self._given = 0
        self._last: NDArray[np.uint8] | None = None
        self._shown_at = time.monotonic() - self.config.idle_after
        self._idle_at = 0.0
        self._opens.clear()
        self._offsets_ms.clear()
        self._delay_ns = int(self.config.playout_delay * NANOSECONDS)
        self._closed = False
        topic, depth = PICTURE_TOPICS[self.config.pictures]
        self._decoder = VideoDecoder()
        self.subscribe(TOPICS[topic], topic, self._on_picture, depth)
        if self.config.sound:
            self.subscribe(AudioChunkMsg, "audio_out", self._on_sound, qos.AUDIO_QUEUE_DEPTH)

    def wake(self) -> None:
        self._inbox.wake()

    def tick(self) -> None:
        """A window that the user closed deactivates the node, which frees display and loudspeaker."""
        if self._closed and self.lifecycle_state == "active":
            self._closed = False
            self.get_logger().info("the window was closed; `ros2 lifecycle set screen activate` opens it again")
            self.trigger_deactivate()
        super().tick()

    def leave(self) -> None:
        self._close_window()
        self._close_speaker()

    def _on_parameters(self, changed: list[Parameter]) -> None:
        for one in changed:
            if one.name == "volume":
                self._volume = float(one.value)

    def _on_picture(self, msg: Any) -> None:
        self._inbox.put((msg, self.now_ns()))

    def _on_sound(self, msg: AudioChunkMsg) -> None:
        self._heard.put(msg)
        self._inbox.wake()

    # The worker.

    def work(self) -> None:
        self._tend_window()
        if self.config.sound:
            self._tend_speaker()
        next_ns = self._pictures.next_ns()
        lead_ns = int(self._window.wait_seconds * NANOSECONDS) if self._window is not None else 0
        wait = 0.1
        if next_ns is not None and self._window is not None:
            wait = self.wait_seconds(next_ns - self._media_ns(self.now_ns() + lead_ns) + self.now_ns())
        for msg, arrival_ns in self._inbox.drain(wait):
            video = self.config.pictures == "h264"
            due_ns = msg_to_stamp(msg.timestamp if video else msg.header.stamp) + self._delay_ns
            self._sender.arrived(due_ns, arrival_ns)
            picture = self._decoder.decode(bytes(msg.data)) if video else msg
            if picture is not None:
                self._pictures.put(due_ns, picture)
        with self._lock:
            self._heard_clock.follow(self._offset_ns())
        for chunk_msg in self._heard.drain(0):
            self._hear(chunk_msg)
        taken = self._pictures.take(self._media_ns(self.now_ns() + lead_ns))
        if self._window is None:
            return
        try:
            if taken is not None:
                self._show(self._window, *taken)
            elif time.monotonic() - max(self._shown_at + self.config.idle_after, self._idle_at + IDLE_AGAIN_SECONDS) > 0:
                self._window.show(self._idle if self._idle is not None else idle_picture(self._last))
                self._idle_at = time.monotonic()
        except DisplayError as error:
            self._lose_window(error)

    def _show(self, window: Window, due_ns: int, what: Image | CompressedImage | NDArray[np.uint8]) -> None:
        try:
            picture = (
                what
                if isinstance(what, np.ndarray)
                else msg_to_jpeg_image(what)
                if isinstance(what, CompressedImage)
                else msg_to_image(what)
            )
        except ValueError as error:
            self.refuse(PICTURE_TOPICS[self.config.pictures][0], error)
            return
        wall, cpu = time.perf_counter(), time.thread_time()
        window.show(picture)
        self.health.computed(time.perf_counter() - wall, time.thread_time() - cpu)
        now_ns = self.now_ns()
        self._last, self._shown_at = picture, time.monotonic()
        self._offsets_ms.append((self._media_ns(now_ns) - due_ns) / 1e6)
        self.health.published(now_ns - (due_ns - self._delay_ns))

    def _tend_window(self) -> None:
        """Open the window, if it is time to try; hear what the user does with it."""
        if self._window is None:
            if self._may_open("window"):
                try:
                    self._window = self._make_window(self.config, self.get_namespace().strip("/") or "visavis")
                except DisplayError as error:
                    self._lose_window(error)
                    return
                self._opened("window", f"the window is open ({self._window.driver})")
                self.health.recover()
                self._idle_at = 0.0
            return
        try:
            if self._window.closed() and self.config.closable:
                self._closed = True
        except DisplayError as error:
            self._lose_window(error)

    def _lose_window(self, error: DisplayError) -> None:
        self._close_window()
        self.health.count("display_losses")
        message = self._failed_to_open("window", error)
        self.health.fail(message)

    def _close_window(self) -> None:
        window, self._window = self._window, None
        if window is not None:
            window.close()

    # Sound.

    def _tend_speaker(self) -> None:
        try:
            if self._speaker is not None:
                self._speaker.check()
            elif self._may_open("loudspeaker"):
                speaker = self._speaker = self._make_speaker(self.config, self._fill, self.now_ns)
                speaker.open()
                self._opened("loudspeaker", "")
        except SpeakerError as error:
            self._close_speaker()
            self.health.count("sound_losses")
            self._failed_to_open("loudspeaker", error)
        if self._speaker is None:
            with self._lock:
                self._heard_clock.rest()
                self._given = self._sample(self._media_ns(self.now_ns()))
                self._row.forget(self._given)

    def _close_speaker(self) -> None:
        speaker, self._speaker = self._speaker, None
        if speaker is not None:
            speaker.close()
            self.health.count("underflows", speaker.underflows)

    def _hear(self, msg: AudioChunkMsg) -> None:
        try:
            chunk = msg_to_audio_chunk(msg)
        except ValueError as error:
            self.refuse("audio_out", error)
            return
        if abs(chunk.stamp_ns + self._sender.shift_ns - self.now_ns()) > MAX_AHEAD_NS:
            self.health.count("far_chunks")
            return
        with self._lock:
            self.health.count("late_samples", self._row.hear(chunk, self._given))

    def _fill(self, heard_ns: int, frames: int, rate: int) -> NDArray[np.float32]:
        """What the device plays next; called in its thread."""
        with self._lock:
            near = self._sample(heard_ns - self._heard_clock.offset_ns)
            count = frames * SAMPLE_RATE // rate
            quiet = self._row.silent(near - AROUND_SAMPLES, count + 2 * AROUND_SAMPLES)
            first, step = self._heard_clock.block(heard_ns, frames, rate, quiet)
            begin, needed = span(first * SAMPLE_RATE, step * SAMPLE_RATE, frames)
            self._given = begin + needed - HALF
            self._row.forget(begin - KEPT_SAMPLES)
            if quiet:
                return np.zeros(frames, np.float32)
            samples = self._row.read(begin, needed)
        return interpolate(samples, begin, first * SAMPLE_RATE, step * SAMPLE_RATE, frames) * np.float32(self._volume)

    # Both.

    def _offset_ns(self) -> int:
        return self._sender.shift_ns + int(self.config.delay * NANOSECONDS)

    def _media_ns(self, now_ns: int) -> int:
        return self._heard_clock.media_ns(now_ns)

    def _sample(self, media_ns: int) -> int:
        return (media_ns - self._row.epoch_ns) * SAMPLE_RATE // NANOSECONDS

    def _may_open(self, what: str) -> bool:
        return time.monotonic() >= self._opens.get(what, (0.0, 0))[0]

    def _opened(self, what: str, message: str) -> None:
        if self._opens.pop(what, None) is not None or message:
            self.get_logger().info(message or f"the {what} is back")

    def _failed_to_open(self, what: str, error: Exception) -> str:
        """Try again later; the line that tells it."""
        failures = self._opens.get(what, (0.0, 0))[1]
        self._opens[what] = time.monotonic() + BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)], failures + 1
        message = f"{one_line(error)} (trying again, every {BACK_OFF_SECONDS[-1]:.0f} s at last)"
        self.tell(message, key=what, again=60.0)
        return message

    def gauges(self) -> None:
        if self.lifecycle_state != "active":
            return
        for name, number in list(self._pictures.counters.items()):
            self.health.set_counter(name, number)
        self.health.set_counter(
            "drops", self._inbox.dropped + self._heard.dropped + self._pictures.counters["skipped"] + self._pictures.counters["overflow"]
        )
        self.health.set_counter("broken", self._decoder.broken)
        self.health.set_counter("clock_jumps", self._heard_clock.jumps)
        self.health.set_counter("moves", self._sender.moves)
        offsets = list(self._offsets_ms)
        if offsets:
            self.health.gauge("av_offset_ms", float(np.median(offsets)))
            self.health.gauge("av_offset_p99_ms", float(np.percentile(np.abs(offsets), 99)))
        self.health.gauge("queue_depth", len(self._pictures))
        self.health.gauge("window", int(self._window is not None))
        self.health.gauge("sound", int(self._speaker is not None))
        self.health.gauge("idle", int(time.monotonic() - self._shown_at > self.config.idle_after))
        self.health.gauge("device_drift_ppm", self._heard_clock.drift * 1e6)
        self.health.gauge("shift_ms", self._sender.shift_ns / 1e6)


def main() -> NoReturn:
    end_process(run_process(Screen))


if __name__ == "__main__":
    main()
