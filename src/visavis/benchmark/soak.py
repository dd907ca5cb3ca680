"""Hours of speech through the whole graph in simulated time: do sound, picture and the clocks of their devices stay together, and does
nothing grow?

Real: microphone (but for PortAudio), audio_capture, motion_diffusion with its schedule, control_render with the stage's indices and
cross-fades, video_generation with both playouts, screen with its clocks, web_bridge up to the tracks that aiortc reads, all messages.
Replaced: networks, posing, drawing and codecs, by stages that keep the contracts and cost time; DDS, by delays; sound devices, by ones
whose clocks are off; the window.

Every sample says when it was spoken (a ramp of four seconds), each frame of motion repeats what its first sample says, and so does its
picture. So what is seen and what is heard are compared by what they say, not by their stamps.
"""

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
import rclpy
from numpy.typing import NDArray
from rclpy.signals import SignalHandlerOptions

from visavis.benchmark.graph import isolated_domain
from visavis.benchmark.simulation import SimulatedMicrophone, SimulatedSpeaker, World, in_simulation
from visavis.benchmark.stand_in import FrameByFrame
from visavis.control.pose import ControlConfig, ControlStage
from visavis.motion.layout import FACE
from visavis.nodes.audio_capture import AudioCapture
from visavis.nodes.control_render import ControlRender
from visavis.nodes.motion_diffusion import MotionDiffusion
from visavis.nodes.screen import Screen
from visavis.nodes.video_generation import Drawing, VideoGeneration
from visavis.timing import FRAME_RATE, NANOSECONDS
from visavis.types import IDLE_UTTERANCE, ControlFrame, VideoFrame

BEGUN_NS = 1_800_000_000 * NANOSECONDS
RAMP_SECONDS = 4.0
RAMP_HEIGHT = 0.9
NEAR_THE_EDGE = 0.25
"""Seconds to both sides of the ramp's step, around which filters ring: what is said there is not compared."""
HOP_FRAMES, LOOK_AHEAD_FRAMES = 4, 5
CHUNK_NS, POSE_NS, DRAW_NS, SHOW_NS = 18_000_000, 1_500_000, 12_000_000, 1_000_000
"""What stages take on a core that is not theirs alone."""
REPORT_NS = 10 * NANOSECONDS
WARM_SECONDS = 120.0
"""Offsets and memory are looked at from then on: device clocks are found out in half a minute."""
MARKS = 2**24 - 1


@dataclass(frozen=True)
class Course:
    """Of a time in milliseconds over the hours: percentiles, the farthest from the median, and the trend in milliseconds an hour."""

    count: int
    p1: float
    p50: float
    p99: float
    worst: float
    trend: float


@dataclass(frozen=True)
class Soak:
    """hours: simulated. screen, page: how much later a picture is seen than its sound is heard, on the screen and by the times a browser
    gets. delay: from the speaker's mouth to the loudspeaker. pictures, expected: shown, and spoken frames. restarts: utterances after the
    first. counters: by node. depths: the deepest that queues were. memory_mb: after two minutes, and the highest in the last tenth.
    """

    hours: float
    microphone_ppm: float
    speaker_ppm: float
    host_ppm: float
    seconds: float
    screen: Course
    page: Course | None
    delay: Course
    pictures: int
    expected: int
    restarts: int
    counters: dict[str, dict[str, int]]
    depths: dict[str, float]
    memory_mb: tuple[float, float]


def ramp(times: NDArray[np.float64]) -> NDArray[np.float32]:
    """What is heard at these times, float32: how far the time is in its four seconds."""
    return (((times / RAMP_SECONDS) % 1 * 2 - 1) * RAMP_HEIGHT).astype(np.float32)


def said(value: float) -> float:
    """Which moment of the four seconds a sample names."""
    return (value / RAMP_HEIGHT + 1) / 2 * RAMP_SECONDS


def apart(one: float, other: float) -> float | None:
    """Seconds from one moment of the ramp to the other; None where the ramp's step is near."""
    if not all(NEAR_THE_EDGE < moment < RAMP_SECONDS - NEAR_THE_EDGE for moment in (one, other)):
        return None
    return other - one


def soak(
    hours: float,
    microphone_ppm: float,
    speaker_ppm: float,
    host_ppm: float = 0.0,
    seed: int = 0,
    tick: Callable[[float], None] = lambda _seconds: None,
) -> Soak:
    """Speak for so long, or until SIGINT; in the main thread. host_ppm: by how much the clock of the screen's host is faster than the
    graph's. tick: is told the seconds that have passed."""
    with isolated_domain(), _ros():
        run = _Run(hours * 3600, microphone_ppm, speaker_ppm, host_ppm, seed, tick)
        before = signal.signal(signal.SIGINT, lambda _number, _frame: run.end())
        try:
            return run.run()
        finally:
            signal.signal(signal.SIGINT, before)


@contextmanager
def _ros() -> Iterator[None]:
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        yield
    finally:
        rclpy.try_shutdown()


class _Track:
    """Times in seconds with when they were taken, in memory that is there from the beginning."""

    def __init__(self, room: int) -> None:
        self._values = np.full((2, room), -1, np.float32)
        self._count = 0

    def add(self, at: float, value: float) -> None:
        if self._count < self._values.shape[1]:
            self._values[:, self._count] = at, value
            self._count += 1

    def course(self, wrap: bool = False) -> Course:
        at, values = self._values[:, : self._count].astype(np.float64)
        settled = at >= min(WARM_SECONDS, at[-1] / 3 if len(at) else 0)
        at, values = at[settled], values[settled] * 1e3
        if len(values) < 2:
            raise RuntimeError("nothing was seen and heard together: speak for longer")
        p1, p50, p99 = np.percentile(values, (1, 50, 99))
        worst = values[np.argmax(np.abs(values - p50))]
        # by the medians of a hundred parts, which jumps of single pictures do not move
        parts = [(np.mean(a), np.median(v)) for a, v in zip(np.array_split(at, 100), np.array_split(values, 100), strict=True) if len(a)]
        middles, medians = np.array(parts).T
        trend = np.polyfit(middles, medians, 1)[0] * 3600 if len(parts) > 2 else 0.0
        return Course(len(values), *(round(float(v), 3) for v in (p1, p50, p99, worst, trend)))


class _Run:
    def __init__(
        self, seconds: float, microphone_ppm: float, speaker_ppm: float, host_ppm: float, seed: int, tick: Callable[[float], None]
    ) -> None:
        self._seconds, self._tick = seconds, tick
        self._ppm = microphone_ppm, speaker_ppm, host_ppm
        self._world = world = World(BEGUN_NS, seed)
        room = int(seconds * FRAME_RATE * 1.05) + 100
        self._screen_track, self._page_track, self._delay_track = (_Track(room) for _ in range(3))
        self._pictures = 0
        self._depths: Counter[str] = Counter()
        self._memory: list[float] = [0.0] * (int(seconds * NANOSECONDS) // REPORT_NS + 2)
        self._reports = 0
        self._speaker: SimulatedSpeaker | None = None
        self._end_ns = BEGUN_NS + int(seconds * NANOSECONDS)

        def microphone(_device: str) -> SimulatedMicrophone:
            return SimulatedMicrophone(world, microphone_ppm, ramp, lambda: self._end_ns, self._capture._stop.set)

        def speaker(config: Any, fill: Any, clock: Callable[[], int]) -> SimulatedSpeaker:
            self._speaker = SimulatedSpeaker(world, speaker_ppm, config.device_latency, fill, clock)
            return self._speaker

        self._capture = self._make(AudioCapture, microphone, waits=False)
        self._motion = self._make(MotionDiffusion, lambda _config: _MotionOfMarks(lambda: self._motion.spend(CHUNK_NS)))
        self._control = self._make(ControlRender, lambda _config: (_Unposed(lambda: self._control.spend(POSE_NS)), "soak"), waits=False)
        drawing = Drawing(_PictureOfMarks(lambda: self._video.spend(DRAW_NS)), "soak", 1, 900.0, (255.5, 383.5))
        self._video = self._make(VideoGeneration, lambda _config: drawing)
        self._screen = self._make(Screen, speaker, lambda _config, _title: _Window(self._on_screen), ppm=host_ppm)
        self._nodes = [self._capture, self._motion, self._control, self._video, self._screen]
        self._page = _page(world, self._page_track)
        if self._page is not None:
            self._nodes.append(self._page.node)

    def end(self) -> None:
        """End now, with what was found so far."""
        self._end_ns = self._world.now_ns
        self._seconds = (self._end_ns - BEGUN_NS) / NANOSECONDS

    def _make(self, kind: Any, *arguments: Any, waits: bool = True, ppm: float = 0.0) -> Any:
        return in_simulation(kind, self._world, waits, ppm)(*arguments)

    def run(self) -> Soak:
        try:
            for node in reversed(self._nodes):
                node.trigger_configure()
                node.trigger_activate()
                if node.lifecycle_state != "active":
                    raise RuntimeError(f"{node.get_name()} is {node.lifecycle_state}: {node.health.failure}")
            self._world.at(self._world.now_ns + REPORT_NS, self._report)
            while not self._capture.stopping:
                self._capture.work()
            self._world.run_until(self._world.now_ns + NANOSECONDS)
            return self._result()
        finally:
            for node in self._nodes:
                if node.lifecycle_state == "active":
                    node.trigger_deactivate()
                node.destroy_node()

    def _on_screen(self, picture: NDArray[np.uint8]) -> None:
        self._screen.spend(SHOW_NS)
        mark = picture_says(picture)
        if mark is None or self._speaker is None:
            return
        self._pictures += 1
        heard = self._speaker.heard(self._world.now_ns)
        if heard is None:
            return
        at = (self._world.now_ns - BEGUN_NS) / NANOSECONDS
        offset = apart(mark, said(heard))
        if offset is not None:
            self._screen_track.add(at, offset)
        # Sound that names a moment late in the ramp was spoken in this ramp or, where it had begun anew meanwhile, in the last one.
        if NEAR_THE_EDGE < said(heard) < RAMP_SECONDS - NEAR_THE_EDGE:
            self._delay_track.add(at, (at - said(heard)) % RAMP_SECONDS)

    def _report(self) -> None:
        for node in self._nodes:
            node._report()
            values = self._said_by(node)
            for name in ("queue_depth", "queue_seconds"):
                if name in values:
                    key = f"{node.get_name()} {name}"
                    self._depths[key] = max(self._depths[key], float(values[name]))  # type: ignore[assignment]
        self._memory[self._reports] = psutil.Process().memory_info().rss / 2**20
        self._reports += 1
        self._tick(REPORT_NS / NANOSECONDS)
        self._world.at(self._world.now_ns + REPORT_NS, self._report)

    def _said_by(self, node: Any) -> dict[str, str]:
        report = node.health.report(node.get_name(), node.lifecycle_state, self._world.now_ns)
        return {pair.key: pair.value for pair in report.status[0].values}

    def _result(self) -> Soak:
        counters: dict[str, dict[str, int]] = {}
        for node in self._nodes:
            node.gauges()
            numbers = {key: int(value) for key, value in self._said_by(node).items() if value.lstrip("-").isdigit()}
            counters[node.get_name()] = {key: value for key, value in sorted(numbers.items()) if key != "frames"}
        memory = self._memory[: self._reports]
        warm = min(int(WARM_SECONDS * NANOSECONDS) // REPORT_NS, len(memory) // 3)
        return Soak(
            hours=self._seconds / 3600,
            microphone_ppm=self._ppm[0],
            speaker_ppm=self._ppm[1],
            host_ppm=self._ppm[2],
            seconds=self._seconds,
            screen=self._screen_track.course(),
            page=None if self._page is None else self._page_track.course(),
            delay=self._delay_track.course(),
            pictures=self._pictures,
            expected=int(self._seconds * FRAME_RATE),
            restarts=counters["audio_capture"]["utterances"] - 1,
            counters=counters,
            depths=dict(self._depths),
            memory_mb=(round(memory[warm], 1), round(max(memory[-max(len(memory) // 10, 1) :]), 1)) if memory else (0.0, 0.0),
        )


class _MotionOfMarks(FrameByFrame):
    """In place of the networks: each frame's jaw says what the frame's first sample says."""

    def __init__(self, spend: Callable[[], None]) -> None:
        super().__init__(HOP_FRAMES, LOOK_AHEAD_FRAMES)
        self._spend = spend

    def fill(self, motion: NDArray[np.float32], sounds: list[NDArray[np.int16]], first: int) -> None:
        for values, sound in zip(motion, sounds, strict=True):
            values[FACE.start] = sound[0] / 65536 + 0.5
        if len(motion):
            self._spend()


class _Unposed(ControlStage):
    """The stage with its indices, stamps and cross-fades, without posing: the first shading value is the motion's first."""

    def __init__(self, spend: Callable[[], None]) -> None:
        self.config = ControlConfig()
        self.frames = None  # type: ignore[assignment]
        self._spend = spend

    def _pose(self, motion: NDArray[np.float32], head: Any, at: Any) -> Any:
        self._spend()
        return _ONE_VERTEX, motion[FACE.start : FACE.start + 1], _ONE_KEYPOINT, _NO_ARMS


_ONE_VERTEX, _ONE_KEYPOINT, _NO_ARMS = np.zeros((1, 3), np.int16), np.zeros((1, 3), np.float32), np.zeros((0, 3), np.int16)


class _PictureOfMarks:
    """In place of drawing: a picture of four pixels, the first of which is the mark, the second white for speech."""

    def __init__(self, spend: Callable[[], None]) -> None:
        self._spend = spend

    def initial_state(self) -> None:
        return None

    def with_skin(self, state: None, share: float) -> None:
        return None

    def over_plate(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return image

    def step(self, frame: ControlFrame, state: None) -> tuple[VideoFrame, None]:
        self._spend()
        number = round(float(frame.shading[0]) * MARKS)
        image = np.zeros((2, 2, 3), np.uint8)
        image[0, 0] = number >> 16, number >> 8 & 255, number & 255
        image[0, 1] = 255 * (frame.utterance_id != IDLE_UTTERANCE)
        return VideoFrame(frame.utterance_id, frame.frame_index, image, frame.stamp_ns), state


def picture_says(picture: NDArray[np.uint8]) -> float | None:
    """Which moment of the ramp a picture belongs to; None for one of idle."""
    if picture.shape != (2, 2, 3) or picture[0, 1, 0] != 255:
        return None
    high, middle, low = (int(value) for value in picture[0, 0])
    return said(((high << 16 | middle << 8 | low) / MARKS - 0.5) * 2)


class _Window:
    driver, wait_seconds = "simulated", 0.0

    def __init__(self, shown: Callable[[NDArray[np.uint8]], None]) -> None:
        self.show = shown

    def closed(self) -> bool:
        return False

    def close(self) -> None:
        pass


def _page(world: World, track: _Track) -> Any:
    """The bridge to a page, with one viewer; None where what the page needs is not installed."""
    try:
        from visavis.benchmark.soak_page import Page
    except ImportError:
        return None
    return Page(world, picture_says, lambda seen, heard, at: _compare(track, seen, heard, at))


def _compare(track: _Track, seen: float, heard: float, at: float) -> None:
    offset = apart(seen, said(heard))
    if offset is not None:
        track.add(at, offset)
