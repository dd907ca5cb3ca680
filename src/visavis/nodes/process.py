"""A node as the whole process: signals, the executor, and a certain end within three seconds."""

import gc
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, NoReturn, Protocol

import rclpy
from rclpy.exceptions import NameValidationException
from rclpy.experimental import EventsExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

RCLError = rclpy_implementation.RCLError

STOP_SECONDS = 2.3
"""A process that has not ended so long after SIGINT or SIGTERM ends itself the hard way: callers count on three seconds."""
STOP_SLICE_SECONDS = 0.1
"""How finely that time is counted: a machine that stands still for a second in between takes one slice of it, not the time to end well."""
SPIN_SECONDS = 0.1
QUIET_SECONDS, QUIET_SPINS = 0.02, 3
"""Nothing that had arrived is left once nothing has come so often in a row for so long;"""
LEAST_DRAIN_SECONDS, MOST_DRAIN_SECONDS = 0.4, 1.0
"""but not before the first, in which what is inside this process gets through, and where topics never rest not after the second."""
LONGEST_DRAIN_SECONDS = 2.0
"""By the clock, on a machine that hardly gets on; it does not count for ``STOP_SECONDS``."""


class RunnableNode(Protocol):
    """An rclpy node that can be run as a process. ``loading``: it may be broken off now. ``ended``: nothing is left to do."""

    loading: bool
    ended: bool

    def tick(self) -> None:
        """Called about ten times a second beside the callbacks."""

    def finish(self) -> int:
        """Leave in good order; the exit status."""

    def destroy_node(self) -> Any: ...


def run_process(make_node: Callable[[], RunnableNode], arguments: Sequence[str] | None = None, drain: bool = False) -> int:
    """Run one node until SIGINT or SIGTERM, or until it has ended by itself; returns the exit status.

    The first signal ends the node in good order: a loading node is interrupted, an active one is shut down through its lifecycle while its
    publishers still work. What still runs ``STOP_SECONDS`` later (a compiler, a driver) is ended with the process. ``arguments`` are
    those of ROS (``--ros-args ...``), by default the command line's. drain: what has arrived when the signal comes is heard before.
    """
    os.environ.setdefault("AMENT_PREFIX_PATH", sys.prefix)
    os.environ.setdefault("HOME", "/tmp")
    stop = threading.Event()
    node: RunnableNode | None = None
    executor: Any = None
    acquaintance: Node | None = None

    def on_signal(number: int, frame: FrameType | None) -> None:
        again = stop.is_set()
        stop.set()
        # A second signal would only break into the good order in which the first one has the node end.
        if not again and (node is None or node.loading):
            raise KeyboardInterrupt

    draining = threading.Event()
    _end_for_certain(draining)
    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    sys.setswitchinterval(0.001)  # worker and callbacks share the interpreter; the default of 5 ms would be felt in a stream of 33 ms
    status = 0
    try:
        rclpy.init(args=None if arguments is None else list(arguments), signal_handler_options=SignalHandlerOptions.NO)
        if _is_standby():
            acquaintance = _acquaintance()
            if not sys.stdin.readline():
                return status  # nobody needs it any more
        node = make_node()
        if acquaintance is not None:
            acquaintance.destroy_node()
        # Of rclpy's executors this one has the least jitter; its spin() would not notice signals.
        executor = EventsExecutor()
        executor.add_node(node)
        while rclpy.ok() and not stop.is_set() and not node.ended:
            node.tick()
            executor.spin_once(timeout_sec=SPIN_SECONDS)
        if drain and rclpy.ok():
            draining.set()
            _drain(executor)
            draining.clear()
        status = node.finish()
    except KeyboardInterrupt:
        pass
    except (ValueError, RCLError, NameValidationException) as error:
        print(f"{os.path.basename(sys.argv[0])}: {one_line(error)}", file=sys.stderr)
        status = 2
    finally:
        # Unreferenced, node and context give back their sockets and shared memory now.
        if executor is not None:
            executor.shutdown()
        if node is not None:
            node.destroy_node()
        elif acquaintance is not None:
            acquaintance.destroy_node()
        node = executor = acquaintance = None
        rclpy.try_shutdown()
    gc.collect()
    return status


def _drain(executor: Any) -> None:
    """Hear what had arrived but was not heard yet. A stretch in which the machine stands still counts as one moment."""
    begun, spent, quiet = time.monotonic(), 0.0, 0
    while spent < LEAST_DRAIN_SECONDS or (quiet < QUIET_SPINS and spent < MOST_DRAIN_SECONDS):
        before = time.monotonic()
        executor.spin_once(timeout_sec=QUIET_SECONDS)
        took = time.monotonic() - before
        quiet = quiet + 1 if took >= QUIET_SECONDS else 0
        spent += min(took, QUIET_SECONDS)
        if quiet >= QUIET_SPINS and time.monotonic() - begun > LONGEST_DRAIN_SECONDS:
            return


def _is_standby() -> bool:
    """Whether this process is to wait, with everything imported, until the one for which it stands by has died (``launcher.processes``)."""
    return os.environ.pop("VISAVIS_STANDBY", "") == "wait"


def _acquaintance() -> Node:
    """A hidden node that does nothing, by which a stand-by makes itself known to the other processes ahead of time: DDS takes up to a
    second and a half for that, and some milliseconds for a node in a process that is known."""
    return Node("_standby", enable_rosout=False, start_parameter_services=False, use_global_arguments=False)


def end_process(status: int) -> NoReturn:
    """End the process at once, without tearing down the interpreter: with large libraries that takes seconds on a busy machine, and nothing
    that is left then needs it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def one_line(error: BaseException) -> str:
    """The text of an error in one line; errors that were not written for users also get their type."""
    text = " ".join(str(error).split()) or type(error).__name__
    for_users = isinstance(error, (ValueError, OSError)) or type(error).__module__.startswith("visavis.")
    return text if for_users else f"{type(error).__name__}: {text}"


def _end_for_certain(draining: threading.Event) -> None:
    """Watch for SIGINT and SIGTERM beside the interpreter, which cannot act on them while it is inside a long call of a library. Time in
    which what had arrived is heard does not count, as far as it is ``LONGEST_DRAIN_SECONDS``."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)

    def watch(_kept: socket.socket = writer) -> None:
        while reader.recv(1)[0] not in (signal.SIGINT, signal.SIGTERM):
            pass
        left, extra = round(STOP_SECONDS / STOP_SLICE_SECONDS), round(LONGEST_DRAIN_SECONDS / STOP_SLICE_SECONDS)
        while left:
            time.sleep(STOP_SLICE_SECONDS)
            if draining.is_set() and extra:
                extra -= 1
            else:
                left -= 1
        os._exit(1)

    threading.Thread(target=watch, name="end for certain", daemon=True).start()
