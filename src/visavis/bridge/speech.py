"""What a page sends as speech, from samples in bursts to AudioChunks in step with the clock. Pure: time is passed in.

Samples of a stream are counted by the page. They come over a network, so they wait in a small buffer: sample n is given out
``buffer_ns`` after it could have been there at the earliest. When that does not do - samples come later than their time by more than
``MAX_LATE_NS``, or a microphone's clock runs so much faster that the buffer has grown by ``MAX_EARLY_NS`` - the stream goes on as a new
utterance with a new time base, so that sound and time never part.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from visavis.timing import NANOSECONDS, SAMPLE_RATE, exact_div, sample_to_ns
from visavis.types import AudioChunk

CHUNK_SAMPLES = exact_div(SAMPLE_RATE, 25)
MAX_LATE_NS = 250_000_000
MAX_EARLY_NS = 400_000_000
MAX_QUEUE_SECONDS = 10
"""A file is sent ahead of its time, by this at most."""


class SpeechError(ValueError):
    """The stream cannot go on; the text tells the page why."""


@dataclass
class SpeechStream:
    """One stream of a page.

    utterance_id: of its first utterance; each restart takes the next. live: from a microphone, so what queues up is delay.
    max_samples: the longest stream that is taken. counters: restarts, gap_samples, repeated_samples.
    """

    utterance_id: int
    live: bool
    buffer_ns: int
    max_samples: int
    counters: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.ended = False
        """Nothing more will be given out."""
        self._pending = np.zeros(0, np.int16)
        self._received = 0
        self._given = 0
        self._start_ns: int | None = None
        self._last = False
        self._closing: list[AudioChunk] = []

    def push(self, first_sample: int, samples: NDArray[np.int16], now_ns: int) -> None:
        """Samples that arrived. Raises SpeechError for a stream that is too long or runs too far ahead."""
        if self._last or self.ended:
            raise SpeechError("speech after its end")
        missing = first_sample - self._received
        if missing > SAMPLE_RATE:
            raise SpeechError(f"{missing} samples of the speech are missing")
        if missing > 0:
            self.counters["gap_samples"] += missing
            samples = np.concatenate([np.zeros(missing, np.int16), samples])
        elif missing < 0:
            self.counters["repeated_samples"] += min(-missing, len(samples))
            samples = samples[-missing:]
        if self._received + len(samples) > self.max_samples:
            raise SpeechError(f"speech of more than {self.max_samples // SAMPLE_RATE} s in one go: begin anew")
        if len(self._pending) + len(samples) > MAX_QUEUE_SECONDS * SAMPLE_RATE:
            raise SpeechError(f"speech runs more than {MAX_QUEUE_SECONDS} s ahead of its time")
        self._received += len(samples)
        self._keep_time(len(samples), now_ns)
        self._pending = np.concatenate([self._pending, samples])

    def finish(self) -> None:
        """The page says that this was all."""
        self._last = True

    def take(self, now_ns: int) -> list[AudioChunk]:
        """The chunks whose last sample has been heard by now."""
        chunks, self._closing = self._closing, []
        while not self.ended and self._start_ns is not None:
            count = min(CHUNK_SAMPLES, len(self._pending))
            last = self._last and count == len(self._pending)
            if (count < CHUNK_SAMPLES and not last) or self._heard_ns(count) > now_ns:
                break
            chunks.append(self._cut(count, last))
            self.ended = last
        if self._last and self._start_ns is None:
            self.ended = True  # a stream without a sample
        return chunks

    def wake_ns(self) -> int | None:
        """When ``take`` has a chunk if nothing else arrives; None for when something must arrive first."""
        if self.ended or self._start_ns is None or not (self._last or len(self._pending) >= CHUNK_SAMPLES):
            return None
        return self._heard_ns(min(CHUNK_SAMPLES, len(self._pending)))

    def break_off(self) -> list[AudioChunk]:
        """End the utterance at once, without what is queued; what to publish so that the graph knows."""
        if self.ended or self._start_ns is None:
            self.ended = True
            return []
        self._pending = self._pending[:0]
        self.ended = True
        return [self._cut(0, True)]

    def _heard_ns(self, count: int) -> int:
        assert self._start_ns is not None
        return self._start_ns + sample_to_ns(self._given + count)

    def _keep_time(self, arriving: int, now_ns: int) -> None:
        """Begin the time base with the first samples, and anew where it no longer fits."""
        if self._start_ns is None:
            self._start_ns = now_ns + self.buffer_ns - sample_to_ns(min(arriving, CHUNK_SAMPLES))
            return
        ahead_ns = self._heard_ns(len(self._pending) + arriving) - now_ns
        too_late = ahead_ns < -MAX_LATE_NS
        too_early = self.live and ahead_ns > self.buffer_ns + MAX_EARLY_NS
        if too_late or too_early:
            self.counters["restarts"] += 1
            if too_early:
                self._pending = self._pending[-CHUNK_SAMPLES:]
            self._closing.append(self._cut(0, True))
            self.utterance_id += 1
            self._given = 0
            self._start_ns = now_ns + self.buffer_ns - sample_to_ns(len(self._pending) + min(arriving, CHUNK_SAMPLES))

    def _cut(self, count: int, last: bool) -> AudioChunk:
        assert self._start_ns is not None
        samples, self._pending = self._pending[:count], self._pending[count:]
        chunk = AudioChunk(self.utterance_id, self._given, samples, self._start_ns + sample_to_ns(self._given), end_of_utterance=last)
        self._given += count
        return chunk


def new_utterance_id(now_ns: int, last: int) -> int:
    """As audio_capture numbers them: the millisecond at which the utterance begins, and always more than the last one."""
    return max(now_ns // (NANOSECONDS // 1000), last + 1)
