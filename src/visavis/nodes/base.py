"""What the four nodes have in common: the lifecycle, a worker thread behind a bounded queue, diagnostics, and a clean end.

A node fills in four short parts: ``load`` (weights, portraits; in on_configure), ``open`` (subscriptions, devices; in on_activate), a
callback that only enqueues, and ``work`` (one turn of the worker). Parameters are read when the node is configured.

With the parameter ``autostart`` the node configures and activates itself. If that fails it says why in one line, stays ``unconfigured``
with level ERROR in /diagnostics, and tries again after 5, 10, 20, 40, 60, 60... seconds: a file that is put right or a device that is
plugged in heals it without a restart, and a lifecycle manager may take over at any time. Without ``autostart`` it waits for its lifecycle
services, as ROS users expect.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription

from visavis.nodes.process import one_line
from visavis.ros import qos
from visavis.ros.diagnostics import Health
from visavis.ros.parameters import declare_parameters, parameter, read_parameters
from visavis.timing import NANOSECONDS

RETRY_SECONDS = (5.0, 10.0, 20.0, 40.0, 60.0)
JOIN_SECONDS = 1.0
REPEAT_SECONDS = 10.0


@dataclass(frozen=True)
class NodeConfig:
    """Parameters that every node has."""

    autostart: bool = parameter(False, "configure and activate without a lifecycle manager")
    frame_id: str = parameter("visavis", "frame_id in the header of everything this node publishes")


class AvatarNode(LifecycleNode):
    """A lifecycle node with a worker. ``config_type`` is the frozen dataclass of its parameters, ``config`` its value once configured."""

    config_type: type[NodeConfig] = NodeConfig
    config: Any

    def __init__(self, name: str, **node_options: Any) -> None:
        super().__init__(name, **node_options)
        declare_parameters(self, self.config_type, lambda: self.lifecycle_state in ("inactive", "active"))
        self.health = Health()
        self.loading = False
        self.ended = False
        self._worker: threading.Thread | None = None
        self._stop = threading.Event()
        self._subscriptions_made: list[Subscription] = []
        self._publishers_made: list[Publisher] = []
        self._told: dict[str, float] = {}
        self._next_start: float | None = None
        self._failed_starts = 0
        self._failure = ""
        if self.get_parameter("autostart").value:
            self._next_start = time.monotonic()
        self._diagnostics = self.create_publisher(DiagnosticArray, qos.DIAGNOSTICS_TOPIC, qos.DIAGNOSTICS_DEPTH)
        self.create_timer(1.0, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # What a node fills in.

    def load(self) -> None:
        """Load what the node needs. An exception makes configuring fail, with its text as the one line that tells the user what to do."""

    def open(self) -> None:
        """Open sockets and devices. An exception makes activating fail."""

    def work(self) -> None:
        """One turn of the worker: wait for something (a tenth of a second at most), do it, return."""
        raise NotImplementedError

    def wake(self) -> None:
        """Let a waiting ``work`` return at once."""

    def leave(self) -> None:
        """Called in the worker's thread when it ends, for what belongs to that thread."""

    def close(self) -> None:
        """Undo ``open``. Called with the worker at rest."""

    def unload(self) -> None:
        """Undo ``load``."""

    def gauges(self) -> None:
        """Set what /diagnostics should show now, called before each report."""

    # What a node uses.

    def now_ns(self) -> int:
        """The graph's clock: /clock under use_sim_time, otherwise the system's."""
        return self.get_clock().now().nanoseconds

    def wait_seconds(self, until_ns: int, limit: float = 0.1) -> float:
        """How long to sleep, by the system's clock, to be at ``until_ns`` on the graph's clock; never longer than ``limit``."""
        seconds = min(max((until_ns - self.now_ns()) / NANOSECONDS, 0.0), limit)
        return min(seconds, 0.005) if self.get_clock().ros_time_is_active else seconds

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def pause(self, seconds: float) -> None:
        """Sleep in the worker, at most until the node is deactivated."""
        self._stop.wait(seconds)

    def publisher(self, message_type: type, topic: str, depth: int, latched: bool = False) -> Publisher:
        """A lifecycle publisher, to be made in ``load``; it lives until the node is cleaned up."""
        profile = qos.latched() if latched else qos.stream(depth)
        made = self.create_lifecycle_publisher(message_type, topic, profile, qos_overriding_options=qos.overridable())
        self._publishers_made.append(made)
        return made

    def subscribe(self, message_type: type, topic: str, callback: Callable[[Any], object], depth: int, latched: bool = False) -> None:
        """A subscription, to be made in ``open``; it lives until the node is deactivated."""
        profile = qos.latched() if latched else qos.stream(depth)
        self._subscriptions_made.append(
            self.create_subscription(message_type, topic, callback, profile, qos_overriding_options=qos.overridable())
        )

    def tell(self, message: str, *, key: str = "", again: float = REPEAT_SECONDS) -> None:
        """Warn the user in one line and in /diagnostics; the same ``key`` is not logged again within ``again`` seconds."""
        self.health.trouble(message)
        now = time.monotonic()
        if now - self._told.get(key or message, -1e9) >= again:
            self._told[key or message] = now
            self.get_logger().warning(message)

    def refuse(self, topic: str, error: ValueError) -> None:
        """Count a message that makes no sense and say why in one line, each reason by itself."""
        self.health.count("refused")
        self.tell(f"a message on {topic} was ignored: {error}", key=f"refused {topic} {str(error)[:24]}")

    # Lifecycle.

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.loading = True
        try:
            self.config = read_parameters(self, self.config_type)
            self.load()
        except Exception as error:  # noqa: BLE001 - whatever keeps a node from being configured is told to the user and fails the transition
            return self._failed("configured", error, self._unload)
        finally:
            self.loading = False
        self.health.recover()
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._stop.clear()
        try:
            self.open()
        except Exception as error:  # noqa: BLE001 - as above
            return self._failed("activated", error, self._close)
        self.health.recover()
        result = super().on_activate(state)
        self._worker = threading.Thread(target=self._work, name=f"{self.get_name()} worker", daemon=True)
        self._worker.start()
        self.get_logger().info("active")
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._close()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._unload()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._close()
        self._unload()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Back to unconfigured, so that the node can be configured again."""
        self._close()
        self._unload()
        return TransitionCallbackReturn.SUCCESS

    @property
    def lifecycle_state(self) -> str:
        """unconfigured, inactive, active or finalized."""
        return str(self._state_machine.current_state[1])

    def tick(self) -> None:
        """Configure and activate, if ``autostart`` asks for it and it is time to try."""
        if self._next_start is None or time.monotonic() < self._next_start:
            return
        if self.lifecycle_state == "unconfigured":
            self.trigger_configure()
        if self.lifecycle_state == "inactive":
            self.trigger_activate()
        if self.lifecycle_state in ("unconfigured", "inactive"):
            wait = RETRY_SECONDS[min(self._failed_starts, len(RETRY_SECONDS) - 1)]
            self._failed_starts += 1
            self._next_start = time.monotonic() + wait
        else:
            self._next_start = None
        self._report()  # whoever waits for the node need not wait for the next second as well

    def finish(self) -> int:
        """Leave in good order: the worker stops, devices close, subscribers hear the last messages. The exit status."""
        if self.lifecycle_state in ("unconfigured", "inactive", "active"):
            self.trigger_shutdown()
        return 0

    def _failed(self, what: str, error: Exception, undo: Callable[[], None]) -> TransitionCallbackReturn:
        message = f"cannot be {what}: {one_line(error)}"
        self.health.fail(message)
        if message != self._failure:  # the retries of autostart do not repeat themselves
            self._failure = message
            self.get_logger().error(message)
        undo()
        return TransitionCallbackReturn.FAILURE

    def _work(self) -> None:
        try:
            self._turn_after_turn()
        finally:
            self.leave()

    def _turn_after_turn(self) -> None:
        while not self._stop.is_set():
            try:
                self.work()
            except Exception as error:  # noqa: BLE001 - one bad item must not end the stream
                if self._stop.is_set():
                    return
                self.health.count("errors")
                self.tell(f"skipped what it was working on: {one_line(error)}", key=f"work {type(error).__name__}")
                self._stop.wait(0.01)  # an error that comes back at every turn must not eat a whole core

    def _close(self) -> None:
        self._stop.set()
        self.wake()
        worker, self._worker = self._worker, None
        if worker is not None and worker is not threading.current_thread():
            worker.join(JOIN_SECONDS)
            if worker.is_alive():
                self.get_logger().warning("the worker is busy and was left to end by itself")
        for subscription in self._subscriptions_made:
            self.destroy_subscription(subscription)
        self._subscriptions_made.clear()
        self.close()

    def _unload(self) -> None:
        for made in self._publishers_made:
            self.destroy_lifecycle_publisher(made)
        self._publishers_made.clear()
        self.unload()

    def _report(self) -> None:
        self.gauges()
        self._diagnostics.publish(self.health.report(self.get_fully_qualified_name(), self.lifecycle_state, self.now_ns()))
