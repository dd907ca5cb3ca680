"""Hears where frames of reference are, but only while a node needs to know: robots say it hundreds of times a second."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.node import Node

from visavis.ros import qos
from visavis.ros.transforms import NO_MESSAGES, STATIC_TOPIC, TF_DEPTH, TF_TOPIC, TFMessage, TransformError, TransformTree
from visavis.timing import NANOSECONDS

PATIENCE_NS = 2 * NANOSECONDS
"""So long after it began to listen, a frame of which nothing was heard is told to be unknown."""
LINGER_NS = 60 * NANOSECONDS


class FrameListener:
    """See the module. ``bring`` may be called from any thread, ``look_after`` ten times a second from the node's own."""

    def __init__(self, node: Node, now_ns: Callable[[], int]) -> None:
        self._node, self._now_ns = node, now_ns
        self._tree = TransformTree()
        self._lock = threading.Lock()
        self._subscriptions: list[Any] = []
        self._wanted_ns: int | None = None
        self._since_ns = 0

    def bring(self, point: tuple[float, float, float], source: str, target: str) -> tuple[float, float, float] | None:
        """The point in the frame ``target``; None while it may still become known. Raises TransformError once it will not."""
        if TFMessage is None:
            raise TransformError(NO_MESSAGES)
        now_ns = self._now_ns()
        with self._lock:
            if self._wanted_ns is None:
                self._since_ns = now_ns
            self._wanted_ns = now_ns
            try:
                x, y, z = np.round(self._tree.bring(point, source, target, now_ns), 4).tolist()
            except TransformError:
                if self._subscriptions and now_ns - self._since_ns > PATIENCE_NS:
                    raise
                return None
        return x, y, z

    def look_after(self) -> None:
        """Begin to listen, or end."""
        with self._lock:
            wanted = self._wanted_ns is not None and self._now_ns() - self._wanted_ns < LINGER_NS
            if wanted and not self._subscriptions:
                self._since_ns = self._now_ns()
                self._subscriptions = [
                    self._node.create_subscription(TFMessage, TF_TOPIC, lambda msg: self._hear(msg, False), qos.stream(TF_DEPTH)),
                    self._node.create_subscription(TFMessage, STATIC_TOPIC, lambda msg: self._hear(msg, True), _STATIC),
                ]
        if not wanted:
            self.close()

    def close(self) -> None:
        with self._lock:
            subscriptions, self._subscriptions = self._subscriptions, []
            self._tree, self._wanted_ns = TransformTree(), None
        for one in subscriptions:
            self._node.destroy_subscription(one)

    def _hear(self, msg: Any, static: bool) -> None:
        with self._lock:
            self._tree.hear(msg, static, self._now_ns())


_STATIC = qos.latched()
_STATIC.depth = TF_DEPTH
