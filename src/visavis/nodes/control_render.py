"""The node that poses the portrait's rig: ``motion`` in, ``control`` out, one message a frame; ``keypoints`` and TF frames for RViz.

The parameter ``portrait`` or the topic of that name gives the avatar another face while it runs: the photo is fitted beside the stream,
``portrait/wanted`` tells the node that draws, and the next chunk of motion after it has answered on ``portrait/ready`` is posed with it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn, Protocol

from diagnostic_msgs.msg import KeyValue
from rcl_interfaces.msg import SetParametersResult
from rclpy.parameter import Parameter
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import String
from visavis_msgs.msg import ControlFrame as ControlFrameMsg
from visavis_msgs.msg import MotionChunk as MotionChunkMsg

from visavis.control.frames import HeadFrames
from visavis.control.pose import ControlConfig, ControlStage
from visavis.nodes.avatar import load_avatar, photo_bytes
from visavis.nodes.base import AvatarNode, NodeConfig
from visavis.nodes.continuity import lost_frames
from visavis.nodes.portraits import PortraitLoader
from visavis.nodes.process import end_process, run_process
from visavis.nodes.queue import BoundedQueue, DropPolicy
from visavis.ros import qos
from visavis.ros.convert import control_frame_to_msg, msg_to_motion_chunk
from visavis.ros.parameters import parameter
from visavis.ros.points import keypoints_to_msg
from visavis.ros.transforms import NO_MESSAGES, STATIC_TOPIC, TF_DEPTH, TF_TOPIC, TFMessage, poses_to_msg
from visavis.types import ControlFrame, MotionChunk
from visavis.types_portrait import PortraitError

INBOX = 200
"""Motion chunks that wait for the worker at most. The oldest goes first: what comes late is worth less."""


class ControlStageLike(Protocol):
    """What the node needs of ``control.pose.ControlStage``. frames: None where nothing is known of them."""

    @property
    def frames(self) -> HeadFrames | None: ...

    def initial_state(self) -> Any: ...

    def step(self, chunk: MotionChunk, state: Any) -> tuple[list[ControlFrame], Any]: ...


@dataclass(frozen=True)
class ControlNodeConfig(NodeConfig):
    """Parameters of control_render."""

    portrait: str = parameter("", "the photo; empty for the one that comes with visavis; another one may be set while it runs", live=True)
    portrait_cache: str = parameter("", "folder of fitted portraits; empty for the user's cache folder")
    tf: bool = parameter(True, "say on /tf and /tf_static where camera, head and eyes are; frame_id is the root's name")
    mano: str = parameter("", "folder of your own MANO_RIGHT.pkl or .npz, whose hands are shown; video_generation needs the same")
    arms: bool = parameter(True, "arms and hands gesture in the picture; otherwise they stay as the photo shows them")


def load_stage(config: ControlNodeConfig) -> tuple[ControlStageLike, str]:
    """The control stage of the portrait, and the portrait's content hash. Raises PortraitError with what to do about a bad photo."""
    portrait = load_avatar(config.portrait, config.portrait_cache, config.mano)
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
        self._portraits: PortraitLoader[tuple[ControlStageLike, str]] | None = None
        self._asked: str | None = None
        self.add_on_set_parameters_callback(self._check_portrait)
        self.add_post_set_parameters_callback(self._on_parameters)
        for name in ("refused", "lost_frames"):
            self.health.count(name, 0)

    def load(self) -> None:
        self._control = self.publisher(ControlFrameMsg, "control", qos.CONTROL_DEPTH)
        self._keypoints = self.publisher(PointCloud2, "keypoints", qos.CONTROL_DEPTH)
        self._wanted = self.publisher(KeyValue, "portrait/wanted", 1, latched=True)
        tf = self.config.tf and TFMessage is not None
        self._tf = self.publisher(TFMessage, TF_TOPIC, TF_DEPTH) if tf else None
        self._static_tf = self.publisher(TFMessage, STATIC_TOPIC, 1, latched=True) if tf else None
        if self.config.tf and not tf:
            self.get_logger().warning(f"no frames of reference: {NO_MESSAGES}")
        self._stage, self._portrait = self._load_stage(self.config)
        self._photo = self.config.portrait

    def open(self) -> None:
        self._inbox.clear()
        self._state = self._stage.initial_state()
        self._expected = None
        self._portraits = PortraitLoader(lambda photo: self._load_stage(replace(self.config, portrait=photo)), self.config.portrait_cache)
        self._next: tuple[str, ControlStageLike, str] | None = None
        self._asked, self._latest = None, self._photo
        self._announced = self._placed = ""
        self._ready: dict[str, str] = {}
        self.subscribe(String, "portrait", lambda msg: self._ask(msg.data), qos.STEERING_DEPTH)
        self.subscribe(KeyValue, "portrait/ready", self._on_ready, 1, latched=True)
        self.subscribe(MotionChunkMsg, "motion", self._inbox.put, qos.MOTION_DEPTH)

    def wake(self) -> None:
        self._inbox.wake()

    def close(self) -> None:
        if self._portraits is not None:
            self._portraits.close()
        self._portraits = None

    def _check_portrait(self, changes: list[Parameter]) -> SetParametersResult:
        """A photo that cannot be read is refused at once; what else is wrong with it shows when it is fitted."""
        for change in changes:
            if change.name == "portrait" and self._portraits is not None and change.value != self._photo:
                try:
                    photo_bytes(str(change.value))
                except PortraitError as error:
                    return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _on_parameters(self, changed: list[Parameter]) -> None:
        for one in changed:
            if one.name == "portrait" and self._portraits is not None and one.value != self._latest:
                self._ask(str(one.value))

    def _ask(self, photo: str) -> None:
        self._asked = self._latest = photo
        self._inbox.wake()

    def _on_ready(self, msg: KeyValue) -> None:
        self._ready = {msg.key: msg.value}

    def _follow_wishes(self) -> None:
        """Fetch the portrait that is asked for, and agree on it with the node that draws."""
        portraits = self._portraits
        assert portraits is not None
        asked, self._asked = self._asked, None
        if asked is not None:
            self._next = None
            portraits.forget()
            if asked != self._photo:
                portraits.want(asked)
        arrival = portraits.take()
        if arrival is not None and arrival.loaded is None:
            self._keep(f"the portrait stays as it is: {arrival.failure}")
        elif arrival is not None and arrival.loaded is not None:
            self._next = (arrival.photo, *arrival.loaded)
        photo, portrait = (self._next[0], self._next[2]) if self._next else (self._photo, self._portrait)
        if portrait != self._announced:
            self._announced = portrait
            self._wanted.publish(KeyValue(key=portrait, value=str(Path(photo).expanduser().absolute()) if photo else ""))
        if self._next is not None and self._ready.get(self._next[2]):
            self._keep(f"the portrait stays as it is: {self._ready[self._next[2]]}")

    def _keep(self, why: str) -> None:
        """Give the new portrait up: the parameter says again what is shown."""
        self._next = None
        self.tell(why, again=0.0)
        self._show_parameter(self._photo)

    def _show_parameter(self, photo: str) -> None:
        self._latest = photo
        if self.get_parameter("portrait").value != photo:
            self.set_parameters([Parameter("portrait", value=photo)])

    def _change_face(self) -> None:
        """Take the new portrait if whoever draws has it too; without anyone who draws, at once."""
        if self._next is None:
            return
        photo, stage, portrait = self._next
        if self._ready.get(portrait) == "" or not self.count_publishers(self.resolve_topic_name("portrait/ready")):
            # Where the motion is, with its cross-fade, breath and sway, does not depend on whose face it moves.
            self._photo, self._stage, self._portrait, self._next = photo, stage, portrait, None
            self._show_parameter(photo)
            self.get_logger().info(f"the portrait is now {photo or 'the one that comes with visavis'}")

    def _place(self) -> None:
        """Say where the camera of the portrait is, once for each."""
        if self._static_tf is None or self._placed == self._portrait:
            return
        self._placed = self._portrait
        if self._stage.frames is not None:
            self._static_tf.publish(poses_to_msg([self._stage.frames.camera], self.config.frame_id, self.now_ns()))

    def work(self) -> None:
        self._follow_wishes()
        self._place()
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
        self._change_face()
        wall, cpu = time.perf_counter(), time.thread_time()
        frames, self._state = self._stage.step(chunk, self._state)
        if frames:
            self.health.computed((time.perf_counter() - wall) / len(frames), (time.thread_time() - cpu) / len(frames))
        watched = self._keypoints.get_subscription_count() > 0
        heads = self._stage.frames if self._tf is not None and self._tf.get_subscription_count() > 0 else None
        for frame in frames:
            self._control.publish(control_frame_to_msg(frame, self._portrait, self.config.frame_id))
            self.health.published(self.now_ns() - frame.stamp_ns)
            if watched:
                self._keypoints.publish(keypoints_to_msg(frame.keypoints, frame.stamp_ns, self.config.frame_id))
            if heads is not None and self._tf is not None:
                self._tf.publish(poses_to_msg(heads.moving(frame), self.config.frame_id, frame.stamp_ns))

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
