"""The node that replays: the topics of a rosbag2 bag, byte for byte but for their stamps, with the recorded spacing.

A node that publishes a topic which is to be replayed (motion_diffusion, for ``motion``) is deactivated through its lifecycle services while
the bag plays, and activated again afterwards; also one that comes up, or is found, only while the bag plays.

Stamps: a graph that runs lives now. By default the stamp in the header of every message is moved by the time between recording and replay,
the same for all topics, so that they stay in step with each other; ``restamp:=false`` leaves them alone (nodes of visavis then anchor them
at arrival). Sample and frame indices are never touched, so audio that is replayed gives the same motion, bit for bit.
"""

import struct
import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.publisher import Publisher
from rosbags.interfaces import Connection, Nodetype

from visavis.nodes.process import end_process, one_line, run_process
from visavis.ros.bags import BagError, offered_qos, open_bag, select, typestore_with
from visavis.ros.parameters import declare_parameters, parameter, read_parameters
from visavis.ros.topics import message_class
from visavis.timing import NANOSECONDS

DEPTH = 1000
SETTLE_SECONDS = 0.3
DISCOVERY_SECONDS = 2.0
LATE_DISCOVERY_NS = NANOSECONDS // 2
"""How often a replay that runs looks for others who publish the same."""
MAX_DISCOVERY_SECONDS = 10.0
SERVICE_SECONDS = 3.0
PACED = ("audio", "audio_out", "motion", "control")
"""Topics whose samples and frames are counted: the graph takes their time from that, however fast they come."""
REMEMBERED = 100
"""Messages of a topic from which its usual spacing is taken."""
MAX_LATE_NS = NANOSECONDS // 5
"""A replay that the machine holds up for longer goes on from there, all of it that much later, instead of catching up in a burst of which
nobody could show the pictures."""


@dataclass(frozen=True)
class PlayerConfig:
    """Parameters of player."""

    bag: str = parameter("", "folder of the bag")
    topics: tuple[str, ...] = parameter((), "names of the topics; empty for all that nobody else publishes")
    rate: float = parameter(1.0, "how fast the messages follow each other; 1 as recorded", low=0.01, high=100)
    loop: bool = parameter(False, "begin again at the end")
    restamp: bool = parameter(True, "move the stamps to now")
    wait: float = parameter(5.0, "seconds to wait for a subscriber to each topic before the first message", low=0, high=3600)


class Player(Node):
    """Plays until the end of the bag (``ended``), or for ever with ``loop``."""

    def __init__(self, config: PlayerConfig | None = None, **node_options: Any) -> None:
        super().__init__("player", **node_options)
        if config is None:
            declare_parameters(self, PlayerConfig)
            config = read_parameters(self, PlayerConfig)
        if not config.bag:
            raise BagError("no bag was named: set the parameter bag")
        self.config = config
        self.loading = self.ended = False
        self._error = ""
        self._played = 0
        self._stop = threading.Event()
        self._resting: list[str] = []
        self._asked: set[str] = set()
        with open_bag(Path(config.bag)) as reader:
            self._wanted = [connection.topic for connection in select(reader, config.topics or None)]
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)
        self._thread.start()

    def tick(self) -> None:
        """Everything happens in the thread."""

    def finish(self) -> int:
        """Stop playing; the exit status."""
        self._stop.set()
        self._thread.join()
        if self._error:
            self.get_logger().error(self._error)
        self.get_logger().info(f"played {self._played} messages of {self.config.bag}")
        return 1 if self._error else 0

    def _run(self) -> None:
        try:
            self._wait_for_discovery()
            topics = self._claim(self._wanted)
            if not topics:
                raise BagError("the running graph publishes all topics of this bag itself: name those to replay all the same")
            with open_bag(Path(self.config.bag)) as reader:
                connections = [connection for connection in reader.connections if connection.topic in topics]
                publishers = {connection.topic: self._publisher(connection) for connection in connections}
                if self.config.rate != 1 and any(map(is_paced, topics)):
                    self.get_logger().info(
                        f"messages come {self.config.rate:g} times as fast as they were recorded; speech and motion keep their own pace: "
                        "what comes early waits, what comes late leaves pauses"
                    )
                self._wait_for_subscribers(list(publishers.values()))
                while not self._stop.is_set():
                    last_ns = self._play(reader, connections, publishers)
                    if not self.config.loop:
                        break
                    self._stop.wait(last_ns / self.config.rate / NANOSECONDS)
            for publisher in publishers.values():
                if not self._stop.is_set():
                    publisher.wait_for_all_acked()
        except Exception as error:  # noqa: BLE001 - whatever ends the replay is told to the user
            self._error = one_line(error)
        finally:
            self._let_go_on()
        self.ended = True

    def _wait_for_discovery(self) -> None:
        """Until no node has joined for a while: only then can be said which topics others publish."""
        end = time.monotonic() + MAX_DISCOVERY_SECONDS
        known, since = -1, time.monotonic()
        while time.monotonic() < min(end, since + DISCOVERY_SECONDS) and not self._stop.wait(0.1):
            if (count := len(self.get_node_names())) != known:
                known, since = count, time.monotonic()

    def _claim(self, topics: list[str]) -> list[str]:
        """Those of the topics that this node may publish, for two voices on one topic make no sense: all that were asked for, whose other
        publishers are let rest, or those that nobody else publishes."""
        claimed = []
        for topic in topics:
            others = [name for name in self._others(topic) if name not in self._asked]
            if others and not self.config.topics:
                self.get_logger().info(f"leaving out {topic}, which the running graph publishes itself")
                continue
            for name in others:
                self._let_rest(name)
            claimed.append(topic)
        return claimed

    def _make_room(self, publishers: dict[str, Publisher]) -> None:
        """Leave topics to nodes that were found since the replay began, or let those rest."""
        for topic in publishers.keys() - self._claim(list(publishers)):
            self.destroy_publisher(publishers.pop(topic))

    def _others(self, topic: str) -> list[str]:
        """Full names of the other nodes that publish a topic."""
        infos = self.get_publishers_info_by_topic(self.resolve_topic_name(self._name(topic)))
        names = {f"{info.node_namespace.rstrip('/')}/{info.node_name}" for info in infos}
        return sorted(names - {self.get_fully_qualified_name()})

    def _let_rest(self, name: str) -> None:
        self._asked.add(name)
        if self._change(name, Transition.TRANSITION_DEACTIVATE):
            self._resting.append(name)
            self.get_logger().info(f"{name} rests while its topics are replayed")
        else:
            self.get_logger().warning(f"{name} publishes the same and cannot be deactivated: the two will mix")

    def _let_go_on(self) -> None:
        for name in self._resting:
            if not self._change(name, Transition.TRANSITION_ACTIVATE):
                self.get_logger().error(f"{name} could not be activated again: do it with `ros2 lifecycle set {name} activate`")
        self._resting.clear()

    def _change(self, name: str, transition: int) -> bool:
        """Ask a lifecycle node for a transition. With an executor of its own, because this node's stands still while the process ends."""
        asker = Node("player_asks", context=self.context, use_global_arguments=False, enable_rosout=False, start_parameter_services=False)
        executor = SingleThreadedExecutor(context=self.context)
        executor.add_node(asker)
        try:
            client = asker.create_client(ChangeState, f"{name}/change_state")
            if not client.wait_for_service(SERVICE_SECONDS):
                return False
            future = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
            executor.spin_until_future_complete(future, SERVICE_SECONDS)
            return bool(future.done() and future.result().success)
        finally:
            executor.shutdown()
            asker.destroy_node()

    def _name(self, topic: str) -> str:
        """Under which a topic of the bag is published: as recorded, or within the namespace that this node was given."""
        return topic if self.get_namespace() == "/" else topic.lstrip("/")

    def _publisher(self, connection: Connection) -> Publisher:
        return self.create_publisher(message_class(connection.msgtype), self._name(connection.topic), offered_qos(connection, DEPTH))

    def _wait_for_subscribers(self, publishers: list[Publisher]) -> None:
        end = time.monotonic() + self.config.wait
        while time.monotonic() < end and not all(publisher.get_subscription_count() for publisher in publishers):
            if self._stop.wait(0.05):
                return
        if unheard := [publisher.topic_name for publisher in publishers if not publisher.get_subscription_count()]:
            self.get_logger().warning(f"nobody listens to {', '.join(unheard)}")
        self._stop.wait(SETTLE_SECONDS)

    def _play(self, reader: Any, connections: list[Connection], publishers: dict[str, Publisher]) -> int:
        """One pass; how long its last message lasts, nanoseconds of the recording."""
        stamped = {connection.topic for connection in connections if _begins_with_stamp(connection.msgtype)}
        first_ns: int | None = None
        begun_ns = shift_ns = 0
        looked_ns = time.monotonic_ns()
        times: dict[str, deque[int]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        for connection, time_ns, data in reader.messages(connections):
            times[connection.topic].append(time_ns)
            if first_ns is None:
                first_ns, begun_ns = time_ns, time.monotonic_ns()
                shift_ns = self.get_clock().now().nanoseconds - time_ns
            if time.monotonic_ns() - looked_ns > LATE_DISCOVERY_NS:
                looked_ns = time.monotonic_ns()
                self._make_room(publishers)
            due_ns = begun_ns + int((time_ns - first_ns) / self.config.rate)
            if self._stop.wait(max(0.0, (due_ns - time.monotonic_ns()) / NANOSECONDS)):
                return 0
            late_ns = time.monotonic_ns() - due_ns
            if late_ns > MAX_LATE_NS and self.config.rate <= 1:  # faster than recorded may be as fast as the machine can
                begun_ns += late_ns
                shift_ns += late_ns
                self.get_logger().warning(f"held up for {late_ns / NANOSECONDS:.1f} s: the rest of the bag comes that much later")
            if connection.topic not in publishers:
                continue
            if self.config.restamp and connection.topic in stamped:
                data = move_stamp(bytes(data), shift_ns)
            publishers[connection.topic].publish(bytes(data))
            self._played += 1
        return usual_spacing_ns(times)


def is_paced(topic: str) -> bool:
    return topic.rsplit("/", 1)[-1] in PACED


def usual_spacing_ns(times: Mapping[str, Sequence[int]]) -> int:
    """How long the last message of a bag lasts, given the times of the messages of its topics: the median spacing of the slowest topic
    that is counted in samples or frames, or of any topic where there is none. Without it the next pass would begin within the sound or
    motion of the last message, and take its end away."""
    spacings = {topic: int(np.median(np.diff(seen))) for topic, seen in times.items() if len(seen) > 1}
    paced = [spacing for topic, spacing in spacings.items() if is_paced(topic)]
    return max(paced or spacings.values(), default=0)


def move_stamp(data: bytes, shift_ns: int) -> bytes:
    """A serialised message that begins with a std_msgs/Header or a stamp, with that stamp moved; a stamp of zero, which means none, stays.

    The first four bytes of CDR say how it is encoded (the second one: 1 for little-endian); the header's stamp follows as int32 seconds and
    uint32 nanoseconds (OMG DDS-XTypes 7.4, section "Encapsulation").
    """
    layout = "<iI" if data[1] & 1 else ">iI"
    seconds, nanoseconds = struct.unpack_from(layout, data, 4)
    if not seconds and not nanoseconds:
        return data
    moved = divmod(seconds * NANOSECONDS + nanoseconds + shift_ns, NANOSECONDS)
    return data[:4] + struct.pack(layout, *moved) + data[12:]


def _begins_with_stamp(type_name: str) -> bool:
    _, fields = typestore_with(type_name).fielddefs[type_name]
    return bool(fields) and fields[0][1] in [(Nodetype.NAME, name) for name in ("std_msgs/msg/Header", "builtin_interfaces/msg/Time")]


def main() -> NoReturn:
    end_process(run_process(Player))


if __name__ == "__main__":
    main()
