"""A loudspeaker that says, for every block of sound it wants, when that block will be heard."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.audio.errors import SoundDeviceError, SpeakerError, SpeakerLostError
from visavis.audio.portaudio import SoundDevice, choose_device, look_again, playing_devices, portaudio
from visavis.timing import NANOSECONDS

LOST_AFTER = 1.0
"""Seconds without a wish for sound after which the device counts as gone. One that works wants some every few tens of milliseconds."""
BLOCK_SECONDS = 0.02

Fill = Callable[[int, int, int], NDArray[np.float32]]
"""heard_ns (on the clock of ``now_ns``), number of frames, frames a second -> float32 (frames,), -1 to 1."""


class Speaker:
    """One output device. ``open``, ``check`` now and then, ``close``.

    ``device``: an index, a part of a name, or "" for the default. ``fill`` is called in PortAudio's thread. ``underflows`` counts how often
    the computer was too slow to give what the device wanted.
    """

    def __init__(self, device: str, latency: float, fill: Fill, now_ns: Callable[[], int] = time.time_ns, backend: Any = None) -> None:
        self.device = device
        self.underflows = 0
        self.info: SoundDevice | None = None
        self._latency = latency
        self._fill = fill
        self._now_ns = now_ns
        self._backend = backend
        self._stream: Any = None
        self._asked_at = 0.0
        self._error: Exception | None = None

    def open(self) -> None:
        """Begin to play; SpeakerError says what to do where it cannot be done."""
        try:
            sound = self._backend or portaudio()
            look_again(sound)
            devices = playing_devices(sound)
            if not devices:
                raise SpeakerError("there is no loudspeaker on this machine: plug one in, or set sound to false")
            info = choose_device(devices, self.device, "loudspeaker")
        except SpeakerError:
            raise
        except SoundDeviceError as error:
            raise SpeakerError(str(error)) from error
        self._asked_at, self._error = time.monotonic(), None
        try:
            stream = sound.OutputStream(
                device=info.index,
                samplerate=info.sample_rate,
                channels=min(2, info.channels),
                blocksize=round(info.sample_rate * BLOCK_SECONDS),
                dtype="float32",
                latency=self._latency,
                callback=self._on_block,
            )
            stream.start()
        except sound.PortAudioError as error:
            what = f"the loudspeaker {info.name!r} cannot be opened ({error})"
            raise SpeakerError(f"{what}: is another program using it?") from error
        self._stream, self.info = stream, info

    def close(self) -> None:
        """Stop playing; harmless when it is not open."""
        stream, self._stream = self._stream, None
        if stream is not None:
            try:
                stream.abort(ignore_errors=True)
            finally:
                stream.close(ignore_errors=True)

    def check(self) -> None:
        """SpeakerLostError when the device has wanted nothing for a second, or has stopped; what ``fill`` raised, if it did."""
        if self._stream is None or self.info is None:
            raise SpeakerError("the loudspeaker is not open")
        if self._error is not None:
            raise self._error
        if not self._stream.active or time.monotonic() - self._asked_at > LOST_AFTER:
            raise SpeakerLostError(f"the loudspeaker {self.info.name!r} takes no sound any more: was it unplugged?")

    def _on_block(self, out: NDArray[np.float32], frames: int, times: Any, status: Any) -> None:
        now_ns = self._now_ns()
        self._asked_at = time.monotonic()
        self.underflows += bool(status.output_underflow)
        # Some drivers leave the time of conversion at zero; what was asked of the device then counts.
        seconds = times.outputBufferDacTime - times.currentTime if times.outputBufferDacTime else self._latency
        assert self.info is not None
        try:
            out[:] = self._fill(now_ns + round(seconds * NANOSECONDS), frames, self.info.sample_rate)[:, None]
        except Exception as error:  # noqa: BLE001 - it would be lost in PortAudio's thread; ``check`` raises it
            self._error = error
            out.fill(0)
