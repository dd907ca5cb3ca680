"""The node that speaks what is written: the action ``say`` in, ``audio`` out, sentence by sentence and in real time.

A thread turns pieces of text into sound, ahead of the worker, which publishes it in step with the clock. One text is spoken at a time: a
new goal takes the place of the one before. Cancelling the goal, the service ``interrupt`` (seen as motion's flush) and speech of somebody
else on ``audio`` end it too. Where the packages or files of the voice are missing, the node says so and every goal is aborted with that
reason.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from rclpy.action.server import ServerGoalHandle
from std_srvs.srv import Trigger
from visavis_msgs.action import Say
from visavis_msgs.msg import AudioChunk as AudioChunkMsg
from visavis_msgs.msg import MotionChunk as MotionChunkMsg

from visavis.nodes.base import AvatarNode, NodeConfig
from visavis.nodes.process import end_process, one_line, run_process
from visavis.ros import qos
from visavis.ros.actions import Action
from visavis.ros.convert import audio_chunk_to_msg
from visavis.ros.parameters import parameter
from visavis.say.talk import Talk
from visavis.say.voice import KokoroVoice, Piece, Voice, check_wish
from visavis.timing import SAMPLE_RATE

AHEAD_SECONDS = 20.0
"""Sound that is made before its time, at most."""
FEEDBACK_SECONDS = 0.5
JOIN_SECONDS = 1.0
OWN_FLUSH_SECONDS = 2.0
"""The flush that an interruption of this node's own brings comes within this time, and means no later text."""


@dataclass(frozen=True)
class SynthesisConfig(NodeConfig):
    """Parameters of speech_synthesis."""

    voice: str = parameter("af_heart", "voice of goals that name none: American a..., British b..., Spanish e..., Italian i...")
    speed: float = parameter(1.0, "of goals that name none: 1 is natural, 0.8 slow, 1.25 fast", low=0.5, high=2)
    threads: int = parameter(1, "of the voice's network; one makes sound about as fast as it is spoken", low=1, high=16)


def load_voice(config: SynthesisConfig) -> Voice:
    """The voice. Raises an error that says which package or file is missing and how to get it."""
    try:
        return KokoroVoice(config.threads)
    except (RuntimeError, ImportError) as error:
        raise ValueError(str(error)) from error


@dataclass
class Job:
    """A goal, while it is worked on."""

    goal: ServerGoalHandle
    text: str
    voice: str
    speed: float
    talk: Talk
    pieces: list[Piece] = field(default_factory=list)
    failure: str = ""
    stop: threading.Event = field(default_factory=threading.Event)
    told: tuple[int, float] = (-2, 0.0)


class SpeechSynthesis(AvatarNode):
    """See the module. ``load_voice`` makes the voice when the node is configured."""

    config_type = SynthesisConfig
    config: SynthesisConfig

    def __init__(self, load_voice: Callable[[SynthesisConfig], Voice] = load_voice, **node_options: Any) -> None:
        super().__init__("speech_synthesis", **node_options)
        self._load_voice = load_voice
        self._voice: Voice | None = None
        self._lock = threading.Lock()
        self._wanted: ServerGoalHandle | None = None
        self._job: Job | None = None
        self._broken: str = ""
        self._wake = threading.Event()
        self._own_flush = 0.0
        self._last_id = 0
        self._action = Action(self, Say, "say", self._on_goal, self._wake.set)
        for name in ("texts", "texts_refused", "texts_interrupted", "pieces", "restarts"):
            self.health.count(name, 0)

    def load(self) -> None:
        self._voice = self._load_voice(self.config)
        check_wish(self._voice.names, self.config.voice, self.config.speed)
        self._audio = self.publisher(AudioChunkMsg, "audio", qos.AUDIO_DEPTH)
        self.health.gauge("voices", ",".join(self._voice.names))
        self.health.gauge("voice", self.config.voice)

    def open(self) -> None:
        self._broken = ""
        self._interrupt = self.create_client(Trigger, "interrupt")
        self.subscribe(AudioChunkMsg, "audio", self._on_audio, qos.AUDIO_DEPTH)
        self.subscribe(MotionChunkMsg, "motion", self._on_motion, qos.MOTION_DEPTH)

    def close(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            self._end(job, "the node speech_synthesis was stopped")
        if hasattr(self, "_interrupt"):
            self.destroy_client(self._interrupt)
            del self._interrupt
        self._refuse_waiting()

    def unload(self) -> None:
        self._voice = None

    def wake(self) -> None:
        self._wake.set()

    # Callbacks.

    def _on_goal(self, goal: ServerGoalHandle) -> None:
        with self._lock:
            before, self._wanted = self._wanted, goal
        if before is not None:
            self._refuse(before, "another text came at the same time")
        if self.lifecycle_state != "active":
            self._refuse_waiting()
        self._wake.set()

    def _on_audio(self, msg: AudioChunkMsg) -> None:
        """Somebody else began to speak; what this node published itself comes back here too."""
        job = self._job
        if job is not None and len(msg.samples) and job.talk.begun and msg.utterance_id > job.talk.utterance_id:
            self._break_off("somebody else speaks")

    def _on_motion(self, msg: MotionChunkMsg) -> None:
        if not msg.flush:
            return
        if time.monotonic() - self._own_flush < OWN_FLUSH_SECONDS:
            self._own_flush = 0.0
        elif self._job is not None:
            self._break_off("interrupted")

    def _break_off(self, reason: str) -> None:
        self._broken = reason
        self._wake.set()

    # The worker.

    def work(self) -> None:
        self._wake.clear()
        with self._lock:
            goal, self._wanted = self._wanted, None
        job = self._job
        reason, self._broken = self._broken, ""
        if job is not None and (goal is not None or reason or job.goal.is_cancel_requested or job.failure):
            cancelled = job.goal.is_cancel_requested
            self._job = None
            self._end(job, "a newer text took its place" if goal is not None else "cancelled" if cancelled else job.failure or reason)
            if cancelled and goal is None:
                self._hush()
        if goal is not None:
            self._begin(goal)
        job = self._job
        if job is None:
            self._wake.wait(0.1)
            return
        for chunk in job.talk.take(self.now_ns()):
            self._audio.publish(audio_chunk_to_msg(chunk, self.config.frame_id))
            self._last_id = max(self._last_id, chunk.utterance_id)
            self.health.published(self.now_ns() - chunk.stamp_ns)
        self._tell_how_far(job)
        if job.talk.ended and not job.failure:
            self._job = None
            self._finish(job, succeeded=True)
            return
        wake_ns = job.talk.wake_ns()
        self._wake.wait(0.1 if wake_ns is None else self.wait_seconds(wake_ns))

    def _begin(self, goal: ServerGoalHandle) -> None:
        request, voice = goal.request, self._voice
        assert voice is not None
        name, speed = request.voice or self.config.voice, float(request.speed) or self.config.speed
        try:
            if goal.is_cancel_requested:
                raise ValueError("cancelled")
            check_wish(voice.names, name, speed)
            pieces = voice.prepare(request.text, name)
        except ValueError as error:
            self._refuse(goal, one_line(error))
            return
        except Exception:
            self._refuse(goal, "the text could not be read: a fault of visavis, told in its log")
            raise
        self.health.count("texts")
        self._last_id = max(self.now_ns() // 1_000_000, self._last_id + 1)
        self._job = job = Job(goal, request.text, name, speed, Talk(self._last_id), pieces)
        self._tell_how_far(job)
        threading.Thread(target=self._speak, args=(job, voice), name="voice", daemon=True).start()

    def _speak(self, job: Job, voice: Voice) -> None:
        """Make the sound of one text, at most ``AHEAD_SECONDS`` before it is spoken; in a thread of its own."""
        try:
            for number, piece in enumerate(job.pieces):
                while job.talk.pending_seconds > AHEAD_SECONDS and not job.stop.wait(0.1):
                    pass
                if job.stop.is_set():
                    return
                wall, cpu = time.perf_counter(), time.thread_time()
                samples = voice.speak(piece, job.voice, job.speed)
                self.health.computed(time.perf_counter() - wall, time.thread_time() - cpu)
                self.health.count("pieces")
                job.talk.push(number, samples, piece.pause / job.speed, self.now_ns())
                self._wake.set()
            job.talk.finish()
        except Exception as error:  # noqa: BLE001 - whatever the network meets ends this text, told, and not the node
            job.failure = f"the voice failed: {one_line(error)}"
            self.health.count("errors")
        self._wake.set()

    def _tell_how_far(self, job: Job) -> None:
        piece, now = job.talk.piece, time.monotonic()
        if piece == job.told[0] and now - job.told[1] < FEEDBACK_SECONDS:
            return
        job.told = piece, now
        written: list[str] = []
        for one in job.pieces[: piece + 1]:
            if not written or written[-1] != one.sentence:
                written.append(one.sentence)
        feedback = Say.Feedback(
            spoken=" ".join(written), sentence=written[-1] if written else "", seconds=job.talk.spoken_samples / SAMPLE_RATE
        )
        job.goal.publish_feedback(feedback)

    def _hush(self) -> None:
        """What was spoken before a cancel is not heard yet: have the graph drop it."""
        if self._interrupt.service_is_ready():
            self._own_flush = time.monotonic()
            self._interrupt.call_async(Trigger.Request())

    def _end(self, job: Job, reason: str) -> None:
        """End a text before its end."""
        job.stop.set()
        for chunk in job.talk.break_off():
            self._audio.publish(audio_chunk_to_msg(chunk, self.config.frame_id))
        self.health.count("texts_interrupted")
        self._finish(job, succeeded=False, reason=reason)

    def _finish(self, job: Job, succeeded: bool, reason: str = "") -> None:
        self.health.count("restarts", job.talk.restarts)
        result = Say.Result(seconds=job.talk.spoken_samples / SAMPLE_RATE, interrupted=not succeeded, message=reason)
        self._action.end(job.goal, result, succeeded)

    def _refuse(self, goal: ServerGoalHandle, reason: str) -> None:
        self.health.count("texts_refused")
        self.get_logger().info(f"a text was not spoken: {reason}")
        self._action.end(goal, Say.Result(interrupted=True, message=reason), succeeded=False)

    def _refuse_waiting(self) -> None:
        """Goals of a node that is not active."""
        with self._lock:
            goal, self._wanted = self._wanted, None
        if goal is not None:
            self._refuse(goal, self.health.failure or f"speech_synthesis is {self.lifecycle_state}: it speaks once it is active")

    def gauges(self) -> None:
        job = self._job
        self.health.gauge("speaking", int(job is not None))
        self.health.gauge("queue_seconds", job.talk.pending_seconds if job is not None else 0.0)


def main() -> NoReturn:
    end_process(run_process(SpeechSynthesis))


if __name__ == "__main__":
    main()
