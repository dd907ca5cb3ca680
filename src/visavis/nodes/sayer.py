"""The node behind `visavis say`: one goal of the action ``say``, followed to its end, cancelled with Ctrl-C."""

import sys
import time
from dataclasses import dataclass
from typing import Any

from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.action import ActionClient
from rclpy.node import Node
from visavis_msgs.action import Say

from visavis.ros import qos

GONE_SECONDS = 3.0
CANCEL_SECONDS = 2.0


@dataclass(frozen=True)
class SayerConfig:
    """What to say, see the action. wait: seconds for somebody who speaks to appear. quiet: show nothing but what went wrong."""

    text: str
    voice: str = ""
    speed: float = 0.0
    wait: float = 10.0
    quiet: bool = False


class Sayer(Node):
    """See the module. It ends by itself; ``finish`` gives the exit status."""

    def __init__(self, config: SayerConfig, **node_options: Any) -> None:
        super().__init__("say", **node_options)
        self._config = config
        self.loading = False
        self.ended = False
        self._status = 1
        self._goal: Any = None
        self._asked = False
        self._seen = self._begun = time.monotonic()
        self._sentence = ""
        self._trouble = ""
        self._client = ActionClient(self, Say, "say")
        self.create_subscription(DiagnosticArray, qos.DIAGNOSTICS_TOPIC, self._on_diagnostics, qos.DIAGNOSTICS_DEPTH)

    def tick(self) -> None:
        now = time.monotonic()
        if self._client.server_is_ready():
            self._seen = now
            if not self._asked:
                self._asked = True
                goal = Say.Goal(text=self._config.text, voice=self._config.voice, speed=self._config.speed)
                self._client.send_goal_async(goal, feedback_callback=self._on_feedback).add_done_callback(self._on_answer)
        elif self._asked and now - self._seen > GONE_SECONDS:
            self._end(f"the node that spoke is gone{self._trouble}")
        elif not self._asked and now - self._begun > self._config.wait:
            name, wait = self.get_namespace().rstrip("/") + "/say", self._config.wait
            self._end(f"nobody serves the action {name} (waited {wait:g} s): run `visavis launch avatar say:=true`")

    def finish(self) -> int:
        """Cancel what is still spoken."""
        if not self.ended:
            self._status = 130
            if self._goal is not None:
                self._goal.cancel_goal_async()
                end = time.monotonic() + CANCEL_SECONDS
                while not self.ended and self.executor is not None and time.monotonic() < end:
                    self.executor.spin_once(timeout_sec=0.1)
                self._status = 130
        return self._status

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        for status in msg.status:
            if status.name == self.get_namespace().rstrip("/") + "/speech_synthesis" and int.from_bytes(status.level, "big") == 2:
                self._trouble = f" ({status.message})"

    def _on_answer(self, future: Any) -> None:
        self._goal = future.result()
        if not self._goal.accepted:
            self._end("the text was refused")
            return
        self._goal.get_result_async().add_done_callback(self._on_result)

    def _on_feedback(self, msg: Any) -> None:
        sentence = msg.feedback.sentence
        if sentence and sentence != self._sentence:
            self._sentence = sentence
            if not self._config.quiet:
                print(sentence, flush=True)

    def _on_result(self, future: Any) -> None:
        answer = future.result()
        if answer.status == GoalStatus.STATUS_SUCCEEDED:
            self._status = 0
            self.ended = True
        else:
            self._end(answer.result.message or "it was not spoken to its end")

    def _end(self, reason: str) -> None:
        print(f"visavis say: {reason}", file=sys.stderr, flush=True)
        self.ended = True
