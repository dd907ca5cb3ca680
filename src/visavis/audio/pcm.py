"""Bare samples as other programs send them - bytes without a length, an index or an end - to utterances. Pure: time is passed in."""

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
    """Cuts a stream of bytes into utterances: one ends when nothing comes for ``gap_ns`` after what was sent has been spoken."""

    def __init__(self, format: PcmFormat, gap_ns: int) -> None:
        self.utterances = 0
        self._format, self._gap_ns = format, gap_ns
        self._last_id = 0
        self._given = 0
        self._start_ns: int | None = None
        self._converter = Converter(format.rate)

    def hear(self, data: bytes, now_ns: int) -> list[AudioChunk]:
        """Bytes that arrived now. ValueError for what cannot be samples, and for speech that is too far ahead of its time."""
        samples = self._format.samples(data)
        chunks = self.rest(now_ns)
        if self._start_ns is None:
            self._last_id = max(now_ns // 1_000_000, self._last_id + 1)
            self._start_ns, self._given, self._converter = now_ns, 0, Converter(self._format.rate)
            self.utterances += 1
        if self._end_ns() - now_ns > MAX_EARLY_NS:
            raise ValueError(f"speech more than {MAX_EARLY_NS // NANOSECONDS} s ahead of its time")
        ready = self._converter.push(samples)
        return chunks + [self._chunk(ready[first : first + SLICE_SAMPLES]) for first in range(0, len(ready), SLICE_SAMPLES)]

    def rest(self, now_ns: int) -> list[AudioChunk]:
        """To be called now and then: the end of the utterance, once it is over."""
        if self._start_ns is None or now_ns - self._end_ns() <= self._gap_ns:
            return []
        held = self._converter.push(np.zeros((0, self._format.channels), np.float32), last=True)
        last = self._chunk(held, end=True)
        self._start_ns = None
        return [last]

    def _end_ns(self) -> int:
        """When what was sent has been spoken."""
        assert self._start_ns is not None
        return self._start_ns + sample_to_ns(self._given)

    def _chunk(self, samples: NDArray[np.int16], end: bool = False) -> AudioChunk:
        assert self._start_ns is not None
        chunk = AudioChunk(self._last_id, self._given, samples, self._end_ns(), end_of_utterance=end)
        self._given += len(samples)
        return chunk
