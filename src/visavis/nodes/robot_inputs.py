"""The node that understands what robots speak: ``hri_expression`` (hri_msgs/Expression) becomes ``expression``, and bare samples on
``audio_data`` (audio_common_msgs, or bytes) become ``audio``. Each is remapped to where the robot publishes it."""

from dataclasses import dataclass
from typing import Any, NoReturn

from std_msgs.msg import UInt8MultiArray
from visavis_msgs.msg import AudioChunk as AudioChunkMsg
from visavis_msgs.msg import Expression

from visavis.audio.pcm import FORMATS, PcmFormat, PcmSpeech
from visavis.nodes.base import AvatarNode, NodeConfig
from visavis.nodes.process import end_process, run_process
from visavis.nodes.queue import BoundedQueue, DropPolicy
from visavis.ros import qos
from visavis.ros.convert import audio_chunk_to_msg
from visavis.ros.hri import hri_to_emotion
from visavis.ros.parameters import parameter
from visavis.ros.topics import message_class
from visavis.timing import NANOSECONDS

INBOX = 2000
AUDIO_TYPES = {
    "AudioData": "audio_common_msgs/msg/AudioData",
    "AudioDataStamped": "audio_common_msgs/msg/AudioDataStamped",
    "UInt8MultiArray": "std_msgs/msg/UInt8MultiArray",
}
HRI_TYPE = "hri_msgs/msg/Expression"


@dataclass(frozen=True)
class RobotInputsConfig(NodeConfig):
    """Parameters of robot_inputs."""

    expression: bool = parameter(False, "take hri_msgs/Expression on hri_expression")
    audio: str = parameter("", "type of the messages on audio_data; empty for none", choices=("", *AUDIO_TYPES))
    audio_rate: int = parameter(16_000, "samples a second of them", low=4000, high=192_000)
    audio_channels: int = parameter(1, "channels, interleaved", low=1, high=8)
    audio_format: str = parameter("S16LE", "how a sample is written", choices=tuple(FORMATS))
    audio_gap: float = parameter(0.4, "seconds of silence on the topic after which an utterance has ended", low=0.05, high=10)


class RobotInputs(AvatarNode):
    """See the module."""

    config_type = RobotInputsConfig
    config: RobotInputsConfig

    def __init__(self, **node_options: Any) -> None:
        super().__init__("robot_inputs", **node_options)
        self._inbox: BoundedQueue[tuple[bytes, int]] = BoundedQueue(INBOX, DropPolicy.OLDEST)
        for name in ("refused", "expressions", "utterances"):
            self.health.count(name, 0)

    def load(self) -> None:
        if not self.config.expression and not self.config.audio:
            raise ValueError(f"nothing to do: set expression to true, or audio to one of {', '.join(AUDIO_TYPES)}")
        self._hri = message_class(HRI_TYPE) if self.config.expression else None
        self._audio_data = message_class(AUDIO_TYPES[self.config.audio]) if self.config.audio else None
        self._expression = self.publisher(Expression, "expression", qos.STEERING_DEPTH)
        self._audio = self.publisher(AudioChunkMsg, "audio", qos.AUDIO_DEPTH)

    def open(self) -> None:
        self._inbox.clear()
        format = PcmFormat(self.config.audio_rate, self.config.audio_channels, self.config.audio_format)
        self._speech = PcmSpeech(format, int(self.config.audio_gap * NANOSECONDS))
        if self._hri is not None:
            self.subscribe(self._hri, "hri_expression", self._on_expression, qos.STEERING_DEPTH)
        if self._audio_data is not None:
            self.subscribe(self._audio_data, "audio_data", self._on_audio, qos.AUDIO_QUEUE_DEPTH)

    def wake(self) -> None:
        self._inbox.wake()

    def _on_expression(self, msg: Any) -> None:
        try:
            emotion, intensity = hri_to_emotion(msg)
        except ValueError as error:
            self.refuse("hri_expression", error)
            return
        self.health.count("expressions")
        self._expression.publish(Expression(header=msg.header, emotion=emotion, intensity=intensity))

    def _on_audio(self, msg: Any) -> None:
        data = msg.data if isinstance(msg, UInt8MultiArray) or not hasattr(msg, "audio") else msg.audio.data
        self._inbox.put((bytes(data), self.now_ns()))

    def work(self) -> None:
        for data, arrival_ns in self._inbox.drain(0.05):
            try:
                chunks = self._speech.hear(data, arrival_ns)
            except ValueError as error:
                self.refuse("audio_data", error)
                continue
            self._publish(chunks, arrival_ns)
        now_ns = self.now_ns()
        self._publish(self._speech.rest(now_ns), now_ns)

    def _publish(self, chunks: Any, now_ns: int) -> None:
        for chunk in chunks:
            self._audio.publish(audio_chunk_to_msg(chunk, self.config.frame_id))
            self.health.published(now_ns - chunk.stamp_ns)

    def gauges(self) -> None:
        if self.lifecycle_state == "active":
            self.health.set_counter("utterances", self._speech.utterances)
            self.health.set_counter("drops", self._inbox.dropped)
            self.health.gauge("queue_depth", len(self._inbox))


def main() -> NoReturn:
    end_process(run_process(RobotInputs))


if __name__ == "__main__":
    main()
