"""The node that records: topics of the graph into a rosbag2 bag, as they were serialised, without slowing anyone down."""

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from visavis.nodes.process import end_process, one_line, run_process
from visavis.ros.bags import STORAGES, BagError, BagWriter
from visavis.ros.parameters import declare_parameters, parameter, read_parameters
from visavis.ros.topics import TOPICS, message_class, type_name

DEPTH = 100
DISCOVERY_SECONDS = 0.2
DEFAULT_TOPICS = ("audio", "motion", "image_raw/compressed")


@dataclass(frozen=True)
class RecorderConfig:
    """Parameters of recorder."""

    output: str = parameter("", "folder of the bag; it must not exist yet")
    topics: tuple[str, ...] = parameter(DEFAULT_TOPICS, "names of the topics")
    storage: str = parameter("mcap", "file format", choices=tuple(STORAGES))
    duration: float = parameter(0.0, "seconds after which recording ends; 0 records until it is stopped", low=0, high=1e9)


class Recorder(Node):
    """Records until its process ends, ``duration`` is over or the disk is full. ``ended`` becomes true in the latter two cases."""

    def __init__(self, config: RecorderConfig | None = None, **node_options: Any) -> None:
        super().__init__("recorder", **node_options)
        if config is None:
            declare_parameters(self, RecorderConfig)
            config = read_parameters(self, RecorderConfig)
        if not config.output:
            raise BagError("no folder for the bag was named: set the parameter output")
        self.config = config
        self.loading = self.ended = False
        self._told_drops = 0
        self._known: set[str] = set()
        self._offered: dict[str, list[QoSProfile]] = {}
        self._writer = BagWriter(Path(config.output), config.storage)
        self._begun = time.monotonic()
        self._discover()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(DISCOVERY_SECONDS, self._on_timer, clock=steady)
        self.get_logger().info(f"recording {', '.join(config.topics)} into {config.output}")

    def tick(self) -> None:
        """Everything happens in callbacks."""

    def finish(self) -> int:
        """Close the bag and say what is in it; the exit status."""
        self._writer.close()
        counts = ", ".join(f"{count} of {topic}" for topic, count in sorted(self._writer.counts.items()))
        self.get_logger().info(f"{self.config.output} holds {counts or 'no messages: nobody published the topics'}")
        if self._writer.dropped:
            self.get_logger().warning(f"{self._writer.dropped} messages were dropped because the disk was too slow")
        if self._writer.error:
            self.get_logger().error(self._writer.error)
        return 1 if self._writer.error or self._writer.dropped else 0

    def _on_timer(self) -> None:
        self._discover()
        if self._writer.dropped > self._told_drops:
            self._told_drops = self._writer.dropped
            self.get_logger().warning(f"the disk is too slow: {self._told_drops} messages dropped so far")
        if self._writer.error or (self.config.duration and time.monotonic() - self._begun >= self.config.duration):
            self.ended = True

    def _discover(self) -> None:
        """Subscribe to what can be subscribed to: topics of an avatar at once, others as soon as someone publishes them."""
        found = dict(self.get_topic_names_and_types())
        for wanted in self.config.topics:
            topic = self.resolve_topic_name(wanted)
            if topic in self._known:
                continue
            publishers = self.get_publishers_info_by_topic(topic)
            known_class = TOPICS.get(wanted.strip("/"))
            if not publishers and known_class is None:
                continue
            self._known.add(topic)
            try:
                self._subscribe(topic, message_class(found[topic][0]) if publishers and topic in found else known_class, publishers)
            except ValueError as error:
                self.get_logger().error(f"{topic} is not recorded: {one_line(error)}")

    def _subscribe(self, topic: str, kind: Any, publishers: list[Any]) -> None:
        best_effort = any(info.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT for info in publishers)
        latched = bool(publishers) and all(info.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for info in publishers)
        profile = QoSProfile(
            depth=DEPTH,
            reliability=ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        )
        # EventsExecutor gives raw messages only to callbacks of one argument; with the message's times as a second one it fails.
        self.create_subscription(kind, topic, partial(self._record, topic, type_name(kind)), profile, raw=True)

    def _record(self, topic: str, kind: str, data: bytes) -> None:
        if topic not in self._offered:
            self._offered[topic] = [publisher.qos_profile for publisher in self.get_publishers_info_by_topic(topic)]
        self._writer.write(topic, kind, self._offered[topic], time.time_ns(), data)


def main() -> NoReturn:
    end_process(run_process(Recorder, drain=True))


if __name__ == "__main__":
    main()
