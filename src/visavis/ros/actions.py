"""The server's side of an action whose work is done by a node's own worker. The only file that reaches for what rclpy keeps to itself.

rclpy runs an action in a callback that returns its result: one that takes long must block the executor or await, and the executor that the
nodes use spins at full speed while a callback awaits. Here a goal begins and ends where the worker says so, and no callback waits.
"""

from collections.abc import Callable
from typing import Any

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node

GoalEvent = rclpy_implementation.GoalEvent
RESULT_SECONDS = 60
"""How long a result waits for a client that is slow to ask."""


class Action:
    """An action server. Every goal is accepted and given to ``on_goal``, which must not block; ``on_cancel`` is told of wishes to cancel.
    A goal that cannot be met is ended at once, with the reason in its result: a refusal of ROS has no place for one."""

    def __init__(
        self, node: Node, action_type: Any, name: str, on_goal: Callable[[ServerGoalHandle], None], on_cancel: Callable[[], None]
    ) -> None:
        def accepted(goal: ServerGoalHandle) -> None:
            goal._update_state(GoalEvent.EXECUTE)
            on_goal(goal)

        def cancel(_goal: ServerGoalHandle) -> CancelResponse:
            on_cancel()
            return CancelResponse.ACCEPT

        self._server = ActionServer(
            node,
            action_type,
            name,
            lambda goal: None,
            handle_accepted_callback=accepted,
            cancel_callback=cancel,
            result_timeout=RESULT_SECONDS,
        )

    def end(self, goal: ServerGoalHandle, result: Any, succeeded: bool) -> None:
        """From any thread: the goal succeeded, or did not; one that was asked to be cancelled and did not succeed was cancelled."""

        def finish(goal: ServerGoalHandle) -> Any:
            if succeeded:
                goal.succeed()
            elif goal.is_cancel_requested:
                goal.canceled()
            else:
                goal.abort()
            return result

        self._server.notify_execute(goal, finish)

    def destroy(self) -> None:
        self._server.destroy()
