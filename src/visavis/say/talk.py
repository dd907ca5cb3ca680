"""One text as a row of AudioChunks in step with the clock. Pure: time is passed in, sound is pushed in as it is made, by another thread.

A chunk is given out when its last sample has been heard. Where sound is not made in time there is silence, in the same utterance, so that
the mouth rests and goes on; a machine that stood still for more than ``MAX_LAG_NS`` goes on as a new utterance at the present.
"""

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.timing import NANOSECONDS, SAMPLE_RATE, exact_div, sample_to_ns
from visavis.types import AudioChunk

CHUNK_SAMPLES = exact_div(SAMPLE_RATE, 25)
MAX_LAG_NS = NANOSECONDS


@dataclass
class Talk:
    """utterance_id: of its first utterance; each that it has to begin anew takes the next."""

    utterance_id: int

    def __post_init__(self) -> None:
        self.ended = False
        self.spoken_samples = 0
        """Of the voice and its pauses; silence because nothing was there to be spoken is not counted."""
        self.waited_samples = 0
        self.restarts = 0
        self.piece = -1
        """Number of the piece that is spoken; -1 before the first sound."""
        self._lock = threading.Lock()
        self._pending: deque[tuple[int, NDArray[np.int16]]] = deque()
        self._pause = 0
        self._waiting = 0
        self._complete = False
        self._start_ns: int | None = None
        self._given = 0

    @property
    def pending_seconds(self) -> float:
        with self._lock:
            return sum(len(samples) for _, samples in self._pending) / SAMPLE_RATE

    @property
    def begun(self) -> bool:
        return self._start_ns is not None

    def push(self, piece: int, samples: NDArray[np.int16], pause: float, now_ns: int) -> None:
        """The sound of a piece, and the seconds of quiet before the next one; the first piece starts the clock."""
        with self._lock:
            quiet = self._pause if self._pending else max(0, self._pause - self._waiting)  # waiting was a pause already
            if quiet:
                self._pending.append((piece - 1, np.zeros(quiet, np.int16)))
            self._pending.append((piece, samples))
            self._pause, self._waiting = round(pause * SAMPLE_RATE), 0
            if self._start_ns is None:
                self._start_ns = now_ns - sample_to_ns(CHUNK_SAMPLES)  # the first chunk goes out now

    def finish(self) -> None:
        """That was all."""
        with self._lock:
            self._complete = True

    def take(self, now_ns: int) -> list[AudioChunk]:
        """The chunks whose last sample has been heard by now."""
        with self._lock:
            return self._take(now_ns)

    def wake_ns(self) -> int | None:
        """When ``take`` has a chunk; None for when something must be pushed first."""
        return None if self.ended or self._start_ns is None else self._end_ns()

    def break_off(self) -> list[AudioChunk]:
        """End at once, without what is pending; what to publish so that the graph knows."""
        with self._lock:
            told = not self.ended and self._start_ns is not None
            self._pending.clear()
            self.ended = True
            return [self._chunk(np.zeros(0, np.int16), last=True)] if told else []

    def _take(self, now_ns: int) -> list[AudioChunk]:
        chunks: list[AudioChunk] = []
        if self._complete and self._start_ns is None:
            self.ended = True
        while not self.ended and self._start_ns is not None and (due_ns := self._end_ns()) <= now_ns:
            if now_ns - due_ns > MAX_LAG_NS:
                chunks.append(self._chunk(np.zeros(0, np.int16), last=True))
                self.utterance_id, self._given = self.utterance_id + 1, 0
                self._start_ns = now_ns - sample_to_ns(CHUNK_SAMPLES)
                self.restarts += 1
            samples = self._cut(CHUNK_SAMPLES)
            self.ended = self._complete and not self._pending
            missing = 0 if self.ended else CHUNK_SAMPLES - len(samples)
            if missing:
                self.waited_samples += missing
                self._waiting += missing
                samples = np.concatenate([samples, np.zeros(missing, np.int16)])
            chunks.append(self._chunk(samples, self.ended))
        return chunks

    def _end_ns(self) -> int:
        """When the next chunk has been heard."""
        assert self._start_ns is not None
        return self._start_ns + sample_to_ns(self._given + CHUNK_SAMPLES)

    def _cut(self, count: int) -> NDArray[np.int16]:
        parts: list[NDArray[np.int16]] = []
        while self._pending and count:
            self.piece, samples = self._pending.popleft()
            parts.append(samples[:count])
            count -= len(parts[-1])
            self.spoken_samples += len(parts[-1])
            if len(samples) > len(parts[-1]):
                self._pending.appendleft((self.piece, samples[len(parts[-1]) :]))
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    def _chunk(self, samples: NDArray[np.int16], last: bool) -> AudioChunk:
        assert self._start_ns is not None
        chunk = AudioChunk(self.utterance_id, self._given, samples, self._start_ns + sample_to_ns(self._given), end_of_utterance=last)
        self._given += len(samples)
        return chunk
