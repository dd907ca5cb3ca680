"""The node that makes motion of speech: ``audio`` in, ``motion`` out; idle motion while nobody speaks; the service ``interrupt``; and
``style``, ``expression`` and ``look_at``, by which a robot steers it; ``listen``, the voice of somebody else, at which it nods.

What is done when is decided in ``schedule``, what is asked for is kept in ``steering_inputs``; this file only connects them to ROS.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from geometry_msgs.msg import PointStamped
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.parameter import Parameter
from std_msgs.msg import String
from std_srvs.srv import Trigger
from visavis_msgs.msg import AudioChunk as AudioChunkMsg
from visavis_msgs.msg import Expression
from visavis_msgs.msg import MotionChunk as MotionChunkMsg

from visavis.motion.stage import MotionConfig
from visavis.motion.styles import STYLES, Style
from visavis.nodes.base import AvatarNode
from visavis.nodes.frame_listener import FrameListener
from visavis.nodes.process import end_process, run_process
from visavis.nodes.queue import BoundedQueue, DropPolicy
from visavis.nodes.schedule import MotionSchedule, MotionStageLike, ScheduleConfig
from visavis.nodes.steering_inputs import SteeringInputs, SteeringParameters
from visavis.ros import qos
from visavis.ros.convert import motion_chunk_to_msg, msg_to_audio_chunk
from visavis.ros.parameters import parameter, read_parameters
from visavis.ros.reference import style_of_clip
from visavis.runtime.engine import OnnxEngine
from visavis.runtime.motion import load_motion_stage, load_style_scale
from visavis.runtime.weights import DEFAULT_WEIGHTS
from visavis.timing import NANOSECONDS, sample_to_ns
from visavis.types import MotionChunk

REST_SECONDS = 0.1
"""What capture, control, drawing and the network between them need beside the motion stage."""
OVERHEARD = 100
INBOX = 6000
"""Messages that wait for the worker at most; the schedule behind it holds ``queue_seconds`` of audio."""


@dataclass(frozen=True)
class MotionNodeConfig(SteeringParameters):
    """Parameters of motion_diffusion."""

    weights: str = parameter("", "folder of the weights; empty for those that come with visavis")
    seed: int = parameter(0, "seed of everything random in the motion: the same audio and seed give the same motion", low=0, high=2**31 - 1)
    sound_guidance: float = parameter(1.0, "classifier-free guidance on the sound; above 1 lips open wider, restlessly", low=0, high=5)
    style_guidance: float = parameter(1.0, "the same on a style, where one is told; 2 shows about twice as much of it", low=0, high=5)
    providers: tuple[str, ...] = parameter(("CPUExecutionProvider",), "onnxruntime execution providers, in order of preference")
    idle_after: float = parameter(0.3, "seconds without audio after which idle begins", low=0.05, high=10)
    max_ahead: float = parameter(
        0.5, "seconds ahead of its time to which audio is processed that comes faster than real time", low=0, high=5
    )
    queue_seconds: float = parameter(60.0, "seconds of audio that are held at most", low=1, high=3600)
    max_lag: float = parameter(1.0, "seconds audio may come late before its time is taken anew", low=0.1, high=60)
    playout_delay: float = parameter(0.43, "that of video_generation, so that an interruption shows at once", low=0.05, high=5)


def load_style(config: MotionNodeConfig, clip: Path) -> Style:
    """The style of a clip, for the weights in use. ValueError, WeightsError or OSError where it cannot be had."""
    return style_of_clip(clip, load_style_scale(Path(config.weights) if config.weights else DEFAULT_WEIGHTS))


def load_stage(config: MotionNodeConfig) -> MotionStageLike[Any]:
    """The motion stage with its weights. Raises an error that names the path and says what to do."""
    weights = Path(config.weights) if config.weights else DEFAULT_WEIGHTS
    chosen = MotionConfig(seed=config.seed, sound_guidance=config.sound_guidance, style_guidance=config.style_guidance)
    return load_motion_stage(weights, chosen, partial(OnnxEngine, providers=config.providers))


class MotionDiffusion(AvatarNode):
    """See the module. ``load_stage`` makes the stage when the node is configured."""

    config_type = MotionNodeConfig
    config: MotionNodeConfig

    def __init__(self, load_stage: Callable[[MotionNodeConfig], MotionStageLike[Any]] = load_stage, **node_options: object) -> None:
        super().__init__("motion_diffusion", **node_options)
        self._load_stage = load_stage
        self._inbox: BoundedQueue[tuple[AudioChunkMsg, int]] = BoundedQueue(INBOX, DropPolicy.NEWEST)
        self._overheard: BoundedQueue[AudioChunkMsg] = BoundedQueue(OVERHEARD, DropPolicy.OLDEST)
        self._interrupt = threading.Event()
        self._schedule: MotionSchedule[Any] | None = None
        self._inputs: SteeringInputs | None = None
        self._frames: FrameListener | None = None
        self.create_timer(0.1, lambda: self._frames and self._frames.look_after(), clock=Clock(clock_type=ClockType.STEADY_TIME))
        for name in ("refused", "steering_refused"):
            self.health.count(name, 0)
        self.add_post_set_parameters_callback(self._on_parameters)

    def load(self) -> None:
        self._motion = self.publisher(MotionChunkMsg, "motion", qos.MOTION_DEPTH)
        self._stage = self._load_stage(self.config)
        if self.config.style not in STYLES:
            load_style(self.config, Path(self.config.style))  # a clip that cannot be used shows now
        latency = sample_to_ns(self._stage.latency_samples) / NANOSECONDS
        self.health.gauge("stage_latency_ms", latency * 1e3)
        if self.config.playout_delay < latency + REST_SECONDS:
            self.get_logger().warning(
                f"playout_delay is {self.config.playout_delay:g} s, but motion alone is known only {latency:.2f} s after its sound: "
                f"pictures will be late; set at least {latency + REST_SECONDS:.2f}"
            )

    def open(self) -> None:
        limits = ScheduleConfig(
            self.config.idle_after,
            self.config.max_ahead,
            self.config.queue_seconds,
            self.config.playout_delay,
            self.config.max_lag,
            self.config.seed,
        )
        self._inbox.clear()
        self._overheard.clear()
        self._interrupt.clear()
        self._schedule = MotionSchedule(self._stage, limits, self.now_ns(), lambda key, message: self.tell(message, key=key))
        config, style_of = read_parameters(self, MotionNodeConfig), partial(load_style, self.config)
        reference = None if config.style in STYLES else style_of(Path(config.style))
        self._frames = FrameListener(self, self.now_ns)
        self._inputs = inputs = SteeringInputs(config, self._refuse_steering, style_of, reference, self._frames)
        self.subscribe(String, "style", inputs.on_style, qos.STEERING_DEPTH)
        self.subscribe(Expression, "expression", inputs.on_expression, qos.STEERING_DEPTH)
        self.subscribe(PointStamped, "look_at", lambda msg: inputs.on_look_at(msg, self.now_ns()), qos.STEERING_DEPTH)
        self._service = self.create_service(Trigger, "interrupt", self._on_interrupt)
        self.subscribe(AudioChunkMsg, "audio", self._on_audio, qos.AUDIO_QUEUE_DEPTH)
        self.subscribe(AudioChunkMsg, "listen", self._overheard.put, qos.AUDIO_DEPTH)

    def close(self) -> None:
        if self._schedule is not None:
            self.destroy_service(self._service)
        if self._frames is not None:
            self._frames.close()
        self._frames = None
        self._schedule = self._inputs = None

    def wake(self) -> None:
        self._inbox.wake()

    def _on_audio(self, msg: AudioChunkMsg) -> None:
        self._inbox.put((msg, self.now_ns()))

    def _on_parameters(self, changed: list[Parameter]) -> None:
        if self._inputs is not None:
            self._inputs.on_parameters(changed)

    def _refuse_steering(self, reason: str) -> None:
        self.health.count("steering_refused")
        self.tell(f"a wish was ignored: {reason}", key="steering")

    def _on_interrupt(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._interrupt.set()
        self._inbox.wake()
        response.success = True
        response.message = "what was queued is dropped; the mouth closes"
        return response

    def work(self) -> None:
        schedule, inputs = self._schedule, self._inputs
        assert schedule is not None and inputs is not None
        for msg, arrival_ns in self._inbox.drain(self.wait_seconds(schedule.wake_ns())):
            try:
                schedule.hear(msg_to_audio_chunk(msg), arrival_ns)
            except ValueError as error:
                self.refuse("audio", error)
        if self._interrupt.is_set():
            self._interrupt.clear()
            schedule.interrupt()
        for msg in self._overheard.drain(0):
            try:
                schedule.overhear(msg_to_audio_chunk(msg).samples)
            except ValueError as error:
                self.refuse("listen", error)
        wanted = inputs.wanted(self.now_ns())
        if wanted != schedule.wanted:
            schedule.steer(wanted)
        wall, cpu = time.perf_counter(), time.thread_time()
        chunks = schedule.advance(self.now_ns())
        if self._interrupt.is_set() or not chunks:
            return  # made of what was interrupted meanwhile
        self.health.computed(time.perf_counter() - wall, time.thread_time() - cpu)
        for chunk in chunks:
            self._publish(chunk)

    def _publish(self, chunk: MotionChunk) -> None:
        self._motion.publish(motion_chunk_to_msg(chunk, self.config.frame_id))
        self.health.published(self.now_ns() - chunk.stamp_ns, len(chunk.values))

    def gauges(self) -> None:
        schedule = self._schedule
        if schedule is None:
            return
        for name, number in list(schedule.counters.items()):
            self.health.set_counter(name, number)
        self.health.set_counter("drops", schedule.counters["drops"] + self._inbox.dropped)
        self.health.gauge("queue_depth", len(self._inbox))
        self.health.gauge("queue_seconds", schedule.queued_seconds)
        self.health.gauge("idle", int(schedule.idle))


def main() -> NoReturn:
    end_process(run_process(MotionDiffusion))


if __name__ == "__main__":
    main()
