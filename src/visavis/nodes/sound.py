"""The sound that belongs to the pictures: audio stamped with the time at which it must be heard. Pure: time is passed in.

Sound follows the time base of the pictures: once a frame of an utterance is on its way, its stamp says when the utterance began, also
where motion had to anchor it (no stamps, a replayed bag, a stall). Before that the chunk's own stamp is used if it is near its arrival;
if not, sound waits for the first frame.

An interruption is told to players by a chunk without samples and with ``end_of_utterance``: what was sent of that utterance from its
``first_sample`` on must not be heard.
"""

from collections import Counter, deque
from dataclasses import dataclass, field, replace

import numpy as np

from visavis.timing import NANOSECONDS, SAMPLE_RATE, frame_to_ns, ns_to_sample, sample_to_ns
from visavis.types import IDLE_UTTERANCE, AudioChunk

MAX_STAMP_ERROR_NS = 5 * NANOSECONDS
MAX_ANCHOR_ERROR_NS = 300_000_000
"""Within this the start of an utterance as the pictures have it can belong to the audio that is heard."""
MAX_WAITING_SAMPLES = 60 * SAMPLE_RATE


@dataclass
class SoundPlayout:
    """Turns ``audio`` into ``audio_out``. delay_ns: the playout delay of the pictures.

    counters: sound_drops (chunks that found no room while they waited for pictures), sound_ignored (chunks of an interrupted or replaced
    utterance).
    """

    delay_ns: int
    counters: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._utterance_id: int | None = None
        self._replaced_id: int | None = None
        self._start_ns: int | None = None
        self._first_arrival_ns = 0
        self._next_sample = 0
        self._interrupted = False
        self._waiting: deque[AudioChunk] = deque()
        for name in ("sound_drops", "sound_ignored"):
            self.counters[name] += 0

    def hear(self, chunk: AudioChunk, arrival_ns: int) -> list[AudioChunk]:
        """A chunk of ``audio`` arrived; what to publish now."""
        stamped = chunk.stamp_ns != 0 and abs(chunk.stamp_ns - arrival_ns) <= MAX_STAMP_ERROR_NS
        own_start_ns = chunk.stamp_ns - sample_to_ns(chunk.first_sample)
        if chunk.utterance_id == self._replaced_id and chunk.first_sample:
            self.counters["sound_ignored"] += 1
            return []
        if chunk.utterance_id != self._utterance_id or self._again(chunk, own_start_ns if stamped else arrival_ns):
            self._replaced_id = None if self._utterance_id == chunk.utterance_id else self._utterance_id
            self._utterance_id = chunk.utterance_id
            self._start_ns = own_start_ns if stamped else None
            self._first_arrival_ns = arrival_ns - sample_to_ns(chunk.first_sample)
            self._interrupted = False
            self._waiting.clear()
            self._next_sample = 0
        if self._interrupted:
            self.counters["sound_ignored"] += 1
            return []
        self._next_sample = max(self._next_sample, chunk.next_sample)
        if self._start_ns is None:
            self._waiting.append(chunk)
            while sum(len(waiting.samples) for waiting in self._waiting) > MAX_WAITING_SAMPLES:
                self._waiting.popleft()
                self.counters["sound_drops"] += 1
            return []
        return [self._timed(chunk, self._start_ns)]

    def frame(self, utterance_id: int, frame_index: int, stamp_ns: int) -> list[AudioChunk]:
        """A frame with this media time is on its way to the screen; what to publish now."""
        start_ns = stamp_ns - frame_to_ns(frame_index)
        if utterance_id != self._utterance_id or self._interrupted:
            return []
        if start_ns < self._first_arrival_ns - MAX_ANCHOR_ERROR_NS:
            return []  # a frame of the last time this utterance was played, or of one whose stamps are that late anyway
        self._start_ns = start_ns
        ready = [self._timed(chunk, start_ns) for chunk in self._waiting]
        self._waiting.clear()
        return ready

    def interrupt(self, now_ns: int) -> list[AudioChunk]:
        """The utterance was interrupted; what to publish now so that players stop."""
        if self._utterance_id is None or self._interrupted:
            return []
        self._interrupted = True
        self._waiting.clear()
        heard_ns = now_ns - self.delay_ns - (self._start_ns or now_ns)
        first_sample = min(max(ns_to_sample(heard_ns), 0), self._next_sample)
        return [AudioChunk(self._utterance_id, first_sample, np.zeros(0, np.int16), now_ns, end_of_utterance=True)]

    def offset_ns(self, utterance_id: int, frame_index: int, shown_ns: int) -> int | None:
        """How much later than its sound a picture is shown; None for a picture that has no sound."""
        if utterance_id == IDLE_UTTERANCE or utterance_id != self._utterance_id or self._start_ns is None:
            return None
        return shown_ns - (self._start_ns + frame_to_ns(frame_index) + self.delay_ns)

    def _again(self, chunk: AudioChunk, start_ns: int) -> bool:
        """The same utterance id from its first sample, but at another time: a recording that is played again."""
        if chunk.first_sample != 0 or self._next_sample == 0:
            return False
        known_ns = self._start_ns if self._start_ns is not None else self._first_arrival_ns
        return abs(start_ns - known_ns) > MAX_ANCHOR_ERROR_NS

    def _timed(self, chunk: AudioChunk, start_ns: int) -> AudioChunk:
        return replace(chunk, stamp_ns=start_ns + sample_to_ns(chunk.first_sample) + self.delay_ns)
