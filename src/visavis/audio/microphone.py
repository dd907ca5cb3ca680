"""The microphone.

The device runs at its own rate and a converter gives 16 kHz mono. Every piece carries the wall time of its first sample, so that whoever
counts samples can see a loss and keep sound and time together.
"""

import queue
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.audio.convert import Converter
from visavis.audio.errors import MicrophoneError, MicrophoneLostError, SoundDeviceError
from visavis.audio.portaudio import SoundDevice, choose_device, portaudio, recording_devices
from visavis.timing import NANOSECONDS, SAMPLE_RATE

QUEUE_BLOCKS = 256
LOST_AFTER = 1.0
"""Seconds without a block after which the microphone counts as gone. A device that works gives one every few tens of milliseconds."""


def list_microphones(backend: Any = None) -> list[SoundDevice]:
    """Every input device; empty where there is none. MicrophoneError where PortAudio is missing."""
    return recording_devices(backend or _portaudio())


class Microphone:
    """One input device. ``open``, then ``read`` again and again, then ``close``; or as a context manager.

    ``device``: an index, a part of a name, or "" for the default. ``overflows`` counts how often the computer was too slow to take what the
    device gave; samples are lost then and the stamps jump by the length of the loss.
    """

    def __init__(
        self, device: str = "", block_seconds: float = 0.02, now_ns: Callable[[], int] = time.time_ns, backend: Any = None
    ) -> None:
        self.device = device
        self.block_seconds = block_seconds
        self.overflows = 0
        self.info: SoundDevice | None = None
        self._now_ns = now_ns
        self._backend = backend
        self._stream: Any = None
        self._blocks: queue.Queue[tuple[NDArray[np.float32], int]] = queue.Queue(QUEUE_BLOCKS)
        self._converter: Converter | None = None
        self._taken = 0
        self._given = 0
        self._heard_at = 0.0

    def __enter__(self) -> "Microphone":
        self.open()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def open(self) -> None:
        """Start recording; MicrophoneError says what to do where it cannot be done."""
        sound = self._backend or _portaudio()
        info = choose_microphone(list_microphones(sound), self.device)
        self._blocks = queue.Queue(QUEUE_BLOCKS)
        self._converter = Converter(info.sample_rate)
        self._taken = self._given = 0
        self._heard_at = time.monotonic()
        try:
            stream = sound.InputStream(
                device=info.index,
                samplerate=info.sample_rate,
                channels=min(2, info.channels),
                blocksize=round(info.sample_rate * self.block_seconds),
                dtype="float32",
                latency="low",
                callback=self._on_block,
            )
            stream.start()
        except sound.PortAudioError as error:
            what = f"the microphone {info.name!r} cannot be opened ({error})"
            raise MicrophoneError(f"{what}: is another program using it, or is it muted?") from error
        self._stream, self.info = stream, info

    def close(self) -> None:
        """Stop recording; harmless when it is not open."""
        stream, self._stream = self._stream, None
        if stream is not None:
            try:
                stream.abort(ignore_errors=True)
            finally:
                stream.close(ignore_errors=True)

    def read(self, timeout: float = 0.2) -> tuple[NDArray[np.int16], int] | None:
        """Samples at 16 kHz, int16 (n,) with n >= 1, and the wall time in nanoseconds of the first of them.

        None when none came within ``timeout`` seconds.

        MicrophoneLostError when the device has given nothing for a second, or has stopped.
        """
        if self._stream is None or self._converter is None or self.info is None:
            raise MicrophoneError("the microphone is not open")
        deadline = time.monotonic() + timeout
        while True:
            try:
                block, adc_ns = self._blocks.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self._check_alive()
                return None
            # What the resampler holds back belongs before this block, so the first sample that comes out is that much older.
            held = self._taken * SAMPLE_RATE / self.info.sample_rate - self._given
            samples = self._converter.push(block)
            self._taken += len(block)
            self._given += len(samples)
            if len(samples):
                return samples, adc_ns - round(held * NANOSECONDS / SAMPLE_RATE)

    def _on_block(self, data: NDArray[np.float32], frames: int, times: Any, status: Any) -> None:
        """PortAudio's thread: only copy, stamp and count."""
        now = self._now_ns()
        self._heard_at = time.monotonic()
        if status.input_overflow:
            self.overflows += 1
        # Some drivers leave the time of conversion at zero; the block then counts as having ended now.
        age = times.currentTime - times.inputBufferAdcTime if times.inputBufferAdcTime else self.block_seconds
        try:
            self._blocks.put_nowait((data.copy(), now - round(age * NANOSECONDS)))
        except queue.Full:
            self.overflows += 1

    def _check_alive(self) -> None:
        assert self._stream is not None and self.info is not None
        if not self._stream.active or time.monotonic() - self._heard_at > LOST_AFTER:
            raise MicrophoneLostError(f"the microphone {self.info.name!r} gives no sound any more: was it unplugged?")


def choose_microphone(devices: list[SoundDevice], wanted: str) -> SoundDevice:
    """The device that ``wanted`` names (an index, a part of a name, "" for the default); MicrophoneError with what there is otherwise."""
    if not devices:
        raise MicrophoneError("there is no microphone on this machine: plug one in, or use source:=file or source:=topic")
    try:
        return choose_device(devices, wanted, "microphone")
    except SoundDeviceError as error:
        raise MicrophoneError(str(error)) from error


def _portaudio() -> Any:
    try:
        return portaudio()
    except SoundDeviceError as error:
        raise MicrophoneError(str(error)) from error
