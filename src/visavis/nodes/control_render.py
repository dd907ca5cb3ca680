"""The node that poses the portrait's rig: ``motion`` in, ``control`` out, one message a frame; ``keypoints`` for RViz."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from sensor_msgs.msg import PointCloud2
from visavis_msgs.msg import ControlFrame as ControlFrameMsg
from visavis_msgs.msg import MotionChunk as MotionChunkMsg

from visavis.control.pose import ControlConfig, ControlStage
from visavis.nodes.avatar import load_avatar
from visavis.nodes.base import AvatarNode, NodeConfig
from visavis.nodes.continuity import lost_frames
from visavis.nodes.process import end_process, run_process
from visavis.nodes.queue import BoundedQueue, DropPolicy
from visavis.ros import qos
from visavis.ros.convert import control_frame_to_msg, msg_to_motion_chunk
from visavis.ros.parameters import parameter
from visavis.ros.points import keypoints_to_msg
from visavis.types import ControlFrame, MotionChunk

INBOX = 200
"""Motion chunks that wait for the worker at most. The oldest goes first: what comes late is worth less."""


class ControlStageLike(Protocol):
    """What the node needs of ``control.pose.ControlStage``."""

    def initial_state(self) -> Any: ...

    def step(self, chunk: MotionChunk, state: Any) -> tuple[list[ControlFrame], Any]: ...


@dataclass(frozen=True)
class ControlNodeConfig(NodeConfig):
    """Parameters of control_render."""

    portrait: str = parameter("", "the photo; empty for the one that comes with visavis")
    portrait_cache: str = parameter("", "folder of fitted portraits; empty for the user's cache folder")
    arms: bool = parameter(True, "arms and hands gesture in the picture; otherwise they stay as the photo shows them")


def load_stage(config: ControlNodeConfig) -> tuple[ControlStageLike, str]:
    """The control stage of the portrait, and the portrait's content hash. Raises PortraitError with what to do about a bad photo."""
    portrait = load_avatar(config.portrait, config.portrait_cache)
    return ControlStage(portrait, ControlConfig(arms=config.arms)), portrait.content_hash


class ControlRender(AvatarNode):
    """See the module. ``load_stage`` makes the stage when the node is configured."""

    config_type = ControlNodeConfig
    config: ControlNodeConfig

    def __init__(
        self, load_stage: Callable[[ControlNodeConfig], tuple[ControlStageLike, str]] = load_stage, **node_options: object
    ) -> None:
        super().__init__("control_render", **node_options)
        self._load_stage = load_stage
        self._inbox: BoundedQueue[MotionChunkMsg] = BoundedQueue(INBOX, DropPolicy.OLDEST)
        self._expected: tuple[int, int] | None = None
        for name in ("refused", "lost_frames"):
            self.health.count(name, 0)

    def load(self) -> None:
        self._control = self.publisher(ControlFrameMsg, "control", qos.CONTROL_DEPTH)
        self._keypoints = self.publisher(PointCloud2, "keypoints", qos.CONTROL_DEPTH)
        self._stage, self._portrait = self._load_stage(self.config)

    def open(self) -> None:
        self._inbox.clear()
        self._state = self._stage.initial_state()
        self._expected = None
        self.subscribe(MotionChunkMsg, "motion", self._inbox.put, qos.MOTION_DEPTH)

    def wake(self) -> None:
        self._inbox.wake()

    def work(self) -> None:
        messages = self._inbox.drain(0.1)
        flushes = [index for index, msg in enumerate(messages) if msg.flush]
        for msg in messages[flushes[-1] if flushes else 0 :]:
            try:
                chunk = msg_to_motion_chunk(msg)
            except ValueError as error:
                self.refuse("motion", error)
                continue
            self._pose(chunk)

    def _pose(self, chunk: MotionChunk) -> None:
        self._count_lost(chunk)
        wall, cpu = time.perf_counter(), time.thread_time()
        frames, self._state = self._stage.step(chunk, self._state)
        if frames:
            self.health.computed((time.perf_counter() - wall) / len(frames), (time.thread_time() - cpu) / len(frames))
        watched = self._keypoints.get_subscription_count() > 0
        for frame in frames:
            self._control.publish(control_frame_to_msg(frame, self._portrait, self.config.frame_id))
            self.health.published(self.now_ns() - frame.stamp_ns)
            if watched:
                self._keypoints.publish(keypoints_to_msg(frame.keypoints, frame.stamp_ns, self.config.frame_id))

    def _count_lost(self, chunk: MotionChunk) -> None:
        lost = lost_frames(self._expected, chunk.utterance_id, chunk.first_frame)
        self._expected = (chunk.utterance_id, chunk.next_frame)
        if lost and not chunk.flush:
            self.health.count("lost_frames", lost)
            self.tell(f"{lost} frames of motion never arrived", key="lost")

    def gauges(self) -> None:
        self.health.set_counter("drops", self._inbox.dropped + self.health.counter("lost_frames"))
        self.health.gauge("queue_depth", len(self._inbox))


def main() -> NoReturn:
    end_process(run_process(ControlRender))


if __name__ == "__main__":
    main()
