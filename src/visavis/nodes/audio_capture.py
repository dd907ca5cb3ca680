"""The node that brings speech in: from a microphone, or from a sound file in real time, as ``audio``.

Every file, every pass of a looped file and every stretch of microphone is one utterance: its id is the millisecond at which it began, its
samples are counted from zero, and each chunk is stamped with the utterance's start plus its first sample's time. A chunk goes out when
its last sample has been heard. A microphone whose clock is off is read a little faster or slower, so that this stays true for hours.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray
from visavis_msgs.msg import AudioChunk as AudioChunkMsg

from visavis.audio.errors import MicrophoneError
from visavis.audio.file_source import file_chunks, spoken_ns
from visavis.audio.host_rate import HostRate
from visavis.audio.microphone import Microphone
from visavis.nodes.base import AvatarNode, NodeConfig
from visavis.nodes.process import end_process, one_line, run_process
from visavis.ros import qos
from visavis.ros.convert import audio_chunk_to_msg
from visavis.ros.parameters import parameter
from visavis.timing import NANOSECONDS, SAMPLE_RATE, exact_div, sample_to_ns
from visavis.types import AudioChunk

MAX_OFF_NS = 40_000_000
"""A microphone that is followed (``audio.host_rate``) and still that far from the host's clock lost sound or stood still: it goes on as a
new utterance, so that sound and time never part."""
BACK_OFF_SECONDS = (1.0, 2.0, 5.0, 10.0)


class SoundSource(Protocol):
    """A microphone: ``read`` gives int16 (n,) at 16 kHz and the host's time (ns) of the first sample, or None if nothing came in time."""

    def open(self) -> None: ...

    def read(self, timeout: float) -> tuple[NDArray[np.int16], int] | None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class CaptureConfig(NodeConfig):
    """Parameters of audio_capture."""

    source: str = parameter("microphone", "where speech comes from", choices=("microphone", "file", "topic"))
    audio: str = parameter("", "sound file to play in real time (source file): wav, flac, mp3, ogg, ...")
    device: str = parameter("", "microphone: a name, a part of it, or an index; empty for the default one")
    chunk_ms: int = parameter(40, "milliseconds of sound in one message", low=10, high=200)
    loop: bool = parameter(False, "play the file again and again, each time as a new utterance")
    wait_for: tuple[str, ...] = parameter(("audio",), "topics that need a subscriber before a file begins, so that no first word is lost")
    wait_timeout: float = parameter(
        60.0, "seconds after which the file begins although a subscriber is missing; 0 waits for ever", low=0, high=3600
    )
    max_lag: float = parameter(
        1.0, "seconds a file may fall behind the clock (a suspended machine) before it goes on as a new utterance", low=0.1, high=60
    )
    start_delay: float = parameter(0.5, "seconds between the arrival of the subscribers and the first word of a file", low=0, high=60)

    @property
    def chunk_samples(self) -> int:
        return exact_div(self.chunk_ms * SAMPLE_RATE, 1000)


class AudioCapture(AvatarNode):
    """See the module. ``make_microphone`` takes the name of a device."""

    config_type = CaptureConfig
    config: CaptureConfig

    def __init__(self, make_microphone: Callable[[str], SoundSource] = Microphone, **node_options: object) -> None:
        super().__init__("audio_capture", **node_options)
        self._make_microphone = make_microphone
        self._last_id = 0
        for name in ("utterances", "microphone_losses", "drift_restarts"):
            self.health.count(name, 0)

    def load(self) -> None:
        self._audio = self.publisher(AudioChunkMsg, "audio", qos.AUDIO_DEPTH)
        if self.config.source == "file":
            if not self.config.audio:
                raise ValueError("source is file, but no file was named: set the parameter audio to a sound file")
            # An unreadable file is found now, not in the middle of a talk.
            if next(file_chunks(self.config.audio, 1, 0, self.config.chunk_samples), None) is None:
                raise ValueError(f"{self.config.audio} has no sound in it: choose another file")

    def open(self) -> None:
        self._turn = {"file": self._play_file, "microphone": self._listen, "topic": self._rest}[self.config.source]
        self._failures = 0
        self._max_lag_ns = int(self.config.max_lag * NANOSECONDS)

    def work(self) -> None:
        self._turn()

    def _rest(self) -> None:
        self.pause(0.1)

    # A file.

    def _play_file(self) -> None:
        if not self._wait_for_subscribers():
            return
        self._wait_until(self.now_ns() + int(self.config.start_delay * NANOSECONDS))
        start_ns = self.now_ns()
        while not self.stopping:
            end_ns = self._play_once(start_ns)
            if not self.config.loop and not self.stopping:
                self.get_logger().info(f"{self.config.audio} is at its end")
                self._turn = self._rest
                return
            start_ns = max(end_ns, self.now_ns() - self._max_lag_ns)

    def _play_once(self, start_ns: int) -> int:
        """One pass through the file, from ``start_ns`` on the graph's clock; when it ended."""
        utterance_id, skipped, end_ns = self._new_utterance(start_ns), 0, start_ns
        for heard in file_chunks(self.config.audio, utterance_id, start_ns, self.config.chunk_samples, self.tell):
            stamp_ns = start_ns + sample_to_ns(heard.first_sample - skipped)
            chunk = replace(heard, utterance_id=utterance_id, first_sample=heard.first_sample - skipped, stamp_ns=stamp_ns)
            if not self._wait_until(spoken_ns(chunk)):
                self._publish(replace(chunk, samples=chunk.samples[:0], end_of_utterance=True))
                break
            if self.now_ns() - spoken_ns(chunk) > self._max_lag_ns:
                self.tell(f"playing the file fell behind the clock by more than {self.config.max_lag:g} s: it goes on as a new utterance")
                start_ns, skipped = self.now_ns() - sample_to_ns(len(chunk.samples)), heard.first_sample
                utterance_id = self._new_utterance(start_ns)
                chunk = replace(chunk, utterance_id=utterance_id, first_sample=0, stamp_ns=start_ns)
            self._publish(chunk)
            end_ns = spoken_ns(chunk)
        return end_ns

    def _wait_for_subscribers(self) -> bool:
        """True once every topic of ``wait_for`` has a subscriber, or the time for that is over; False if the node was deactivated."""
        begun = time.monotonic()
        while not self.stopping:
            missing = [topic for topic in self.config.wait_for if not self.count_subscribers(topic)]
            if not missing:
                return True
            waited = time.monotonic() - begun
            if self.config.wait_timeout and waited > self.config.wait_timeout:
                self.tell(f"nobody subscribes to {', '.join(missing)} after {waited:.0f} s: beginning all the same")
                return True
            if waited > 5.0:
                self.tell(f"waiting for a subscriber to {', '.join(missing)} before the file begins", again=30.0)
            self.pause(0.1)
        return False

    def _wait_until(self, time_ns: int) -> bool:
        """False if the node was deactivated meanwhile."""
        while not self.stopping:
            seconds = self.wait_seconds(time_ns)
            if seconds <= 0:
                return True
            self.pause(seconds)
        return False

    # A microphone.

    def _listen(self) -> None:
        """Open the microphone and publish what it hears until it vanishes or the node is deactivated; then wait a while."""
        microphone = self._make_microphone(self.config.device)
        try:
            microphone.open()
            self.health.recover()
            self._hear(microphone)
        except MicrophoneError as error:
            wait = BACK_OFF_SECONDS[min(self._failures, len(BACK_OFF_SECONDS) - 1)]
            self._failures += 1
            self.health.count("microphone_losses")
            message = f"{one_line(error)} (trying again, every {BACK_OFF_SECONDS[-1]:.0f} s at last)"
            self.health.fail(message)
            self.tell(message, again=60.0)
            self.pause(wait)
        finally:
            microphone.close()

    def _hear(self, microphone: SoundSource) -> None:
        """One stretch of microphone after the other, each one utterance, until the node is deactivated or the microphone is lost."""
        clock_ns = self.now_ns() - self.host_ns()  # the graph's clock against the host's, which stamps the samples
        while not self.stopping:
            block = microphone.read(0.1)
            if block is None:
                continue
            self._failures = 0
            samples, host_ns = block
            utterance = Stretch(self._new_utterance(host_ns + clock_ns), host_ns + clock_ns, self.config.chunk_samples)
            try:
                while not self.stopping and abs(utterance.off_ns) <= MAX_OFF_NS:
                    for chunk in utterance.add(samples, host_ns + clock_ns):
                        self._publish(chunk)
                    self.health.gauge("device_drift_ppm", utterance.drift * 1e6)
                    while (block := microphone.read(0.1)) is None and not self.stopping:
                        pass
                    if block is not None:
                        samples, host_ns = block
                if not self.stopping:
                    self.health.count("drift_restarts")
                    off_ms = utterance.off_ns / 1e6
                    self.tell(f"the microphone is {off_ms:.0f} ms from the host's clock: going on as a new utterance", key="drift")
            finally:
                self._publish(utterance.last())

    # Both.

    def host_ns(self) -> int:
        """The host's clock, by which microphones stamp."""
        return time.time_ns()

    def _new_utterance(self, start_ns: int) -> int:
        """The millisecond at which the utterance begins; later utterances have larger ids whatever the clock does."""
        self._last_id = max(start_ns // 1_000_000, self._last_id + 1)
        self.health.count("utterances")
        return self._last_id

    def _publish(self, chunk: AudioChunk) -> None:
        self._audio.publish(audio_chunk_to_msg(chunk, self.config.frame_id))
        self.health.published(self.now_ns() - chunk.stamp_ns)


class Stretch:
    """One utterance of the microphone: its blocks in the host's time, cut into chunks."""

    def __init__(self, utterance_id: int, start_ns: int, chunk_samples: int) -> None:
        self._utterance_id, self._start_ns, self._chunk_samples = utterance_id, start_ns, chunk_samples
        self._rate = HostRate(start_ns)
        self._pending = np.zeros(0, np.int16)
        self._first_sample = 0

    @property
    def off_ns(self) -> int:
        """How far the device is from where it should be, and was in all of the last half second."""
        return self._rate.off_ns

    @property
    def drift(self) -> float:
        """How much slower than it says the device is."""
        return self._rate.drift

    def add(self, samples: NDArray[np.int16], at_ns: int) -> list[AudioChunk]:
        """Takes a block whose first sample was heard at ``at_ns``; the chunks that are full."""
        self._pending = np.concatenate([self._pending, self._rate.push(samples, at_ns)])
        chunks = []
        while len(self._pending) >= self._chunk_samples:
            chunks.append(self._cut(self._chunk_samples))
        return chunks

    def last(self) -> AudioChunk:
        """What is left, as the end of the utterance."""
        self._pending = np.concatenate([self._pending, self._rate.finish()])
        return replace(self._cut(len(self._pending)), end_of_utterance=True)

    def _cut(self, count: int) -> AudioChunk:
        stamp_ns = self._start_ns + sample_to_ns(self._first_sample)
        chunk = AudioChunk(self._utterance_id, self._first_sample, self._pending[:count], stamp_ns)
        self._pending, self._first_sample = self._pending[count:], self._first_sample + count
        return chunk


def main() -> NoReturn:
    end_process(run_process(AudioCapture))


if __name__ == "__main__":
    main()
