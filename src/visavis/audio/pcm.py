"""Bare samples as other programs send them - bytes without a length, an index or an end - to utterances. Pure: time is passed in."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.audio.convert import Converter
from visavis.timing import NANOSECONDS, sample_to_ns
from visavis.types import AudioChunk

FORMATS = {"S16LE": ("<i2", 2**15), "S32LE": ("<i4", 2**31), "F32LE": ("<f4", 1), "U8": ("u1", 2**7)}
"""GStreamer's names, which audio_common uses -> numpy type, full scale."""
MAX_EARLY_NS = 30 * NANOSECONDS
"""A speech synthesiser may send so much ahead of its time."""
SLICE_SAMPLES = 16_000
WATCHED_NS, WATCHED_ARRIVALS = 10 * NANOSECONDS, 20
STEADY_NS = 150_000_000
"""What comes in so even a step for ten seconds comes from a microphone, whose clock may be off."""
MAX_LATE_NS, MAX_AHEAD_NS = 80_000_000, 250_000_000
"""Once it is so late or so far ahead by that, it goes on as a new utterance at its present time."""


@dataclass(frozen=True)
class PcmFormat:
    """rate: samples a second. channels: interleaved. coding: one of ``FORMATS``."""

    rate: int = 16_000
    channels: int = 1
    coding: str = "S16LE"

    def __post_init__(self) -> None:
        if self.coding not in FORMATS or self.rate <= 0 or self.channels < 1:
            raise ValueError(f"samples must be {', '.join(FORMATS)}, with a rate and a channel, got {self}")

    def samples(self, data: bytes) -> NDArray[np.float32]:
        """float32 (n, channels), 1 being full scale. ValueError for half a sample."""
        kind, scale = FORMATS[self.coding]
        size = np.dtype(kind).itemsize * self.channels
        if len(data) % size:
            raise ValueError(f"{len(data)} bytes are no whole number of samples of {size} bytes: is it {self.coding}, uncompressed?")
        values = np.frombuffer(data, kind).astype(np.float32).reshape(-1, self.channels)
        return (values - np.float32(self.coding == "U8") * 128) / np.float32(scale)


class PcmSpeech:
    """Cuts a stream of bytes into utterances: one ends when nothing comes for ``gap_ns`` after what was sent has been spoken, and where a
    microphone that never rests has left the host's clock."""

    def __init__(self, format: PcmFormat, gap_ns: int) -> None:
        self.utterances = 0
        self._format, self._gap_ns = format, gap_ns
        self._last_id = 0
        self._given = 0
        self._start_ns: int | None = None
        self._converter = Converter(format.rate)
        self._ahead: deque[tuple[int, int]] = deque()

    def hear(self, data: bytes, now_ns: int) -> list[AudioChunk]:
        """Bytes that arrived now. ValueError for what cannot be samples, and for speech that is too far ahead of its time."""
        samples = self._format.samples(data)
        chunks = self.rest(now_ns)
        if not chunks and self._has_drifted(now_ns):
            chunks = [self._end()]
        if self._start_ns is None:
            self._ahead.clear()
            self._last_id = max(now_ns // 1_000_000, self._last_id + 1)
            self._start_ns, self._given, self._converter = now_ns, 0, Converter(self._format.rate)
            self.utterances += 1
        if self._end_ns() - now_ns > MAX_EARLY_NS:
            raise ValueError(f"speech more than {MAX_EARLY_NS // NANOSECONDS} s ahead of its time")
        ready = self._converter.push(samples)
        self._ahead.append((now_ns, self._end_ns() + sample_to_ns(len(ready)) - now_ns))
        return chunks + [self._chunk(ready[first : first + SLICE_SAMPLES]) for first in range(0, len(ready), SLICE_SAMPLES)]

    def rest(self, now_ns: int) -> list[AudioChunk]:
        """To be called now and then: the end of the utterance, once it is over."""
        if self._start_ns is None or now_ns - self._end_ns() <= self._gap_ns:
            return []
        return [self._end()]

    def _has_drifted(self, now_ns: int) -> bool:
        """Whether everything in the last ten seconds came evenly, but too late or too early for where its samples are counted."""
        if self._start_ns is None or len(self._ahead) < WATCHED_ARRIVALS or now_ns - self._ahead[0][0] < WATCHED_NS:
            return False
        while now_ns - self._ahead[1][0] >= WATCHED_NS:
            self._ahead.popleft()
        least, most = min(ahead for _, ahead in self._ahead), max(ahead for _, ahead in self._ahead)
        return most - least < STEADY_NS and (least > MAX_AHEAD_NS or most < -MAX_LATE_NS)

    def _end(self) -> AudioChunk:
        held = self._converter.push(np.zeros((0, self._format.channels), np.float32), last=True)
        last = self._chunk(held, end=True)
        self._start_ns = None
        return last

    def _end_ns(self) -> int:
        """When what was sent has been spoken."""
        assert self._start_ns is not None
        return self._start_ns + sample_to_ns(self._given)

    def _chunk(self, samples: NDArray[np.int16], end: bool = False) -> AudioChunk:
        assert self._start_ns is not None
        chunk = AudioChunk(self._last_id, self._given, samples, self._end_ns(), end_of_utterance=end)
        self._given += len(samples)
        return chunk
