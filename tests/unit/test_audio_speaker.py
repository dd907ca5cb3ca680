"""The loudspeaker with a made-up PortAudio: which device is chosen, when its sound is heard, and what happens when it goes."""

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from visavis.audio import speaker
from visavis.audio.errors import SpeakerError, SpeakerLostError
from visavis.audio.speaker import Speaker

NOW = 1_700_000_000_000_000_000


class FakeStream:
    def __init__(self, callback: Any, channels: int, **options: Any) -> None:
        self.callback, self.channels, self.options = callback, channels, options
        self.active = False

    def start(self) -> None:
        self.active = True

    def abort(self, ignore_errors: bool = False) -> None:
        self.active = False

    def close(self, ignore_errors: bool = False) -> None:
        pass

    def want(self, frames: int, dac: float = 5.08, underflow: bool = False) -> np.ndarray:
        out = np.full((frames, self.channels), np.nan, np.float32)
        times = SimpleNamespace(currentTime=5.0, outputBufferDacTime=dac)
        self.callback(out, frames, times, SimpleNamespace(output_underflow=underflow))
        return out


class FakeSound:
    """A sounddevice of a microphone and two loudspeakers, of which the second is known only after it has looked again."""

    class PortAudioError(Exception):
        pass

    default = SimpleNamespace(device=(0, 1))

    def __init__(self) -> None:
        self.streams: list[FakeStream] = []
        self._known = 2
        self.fail = False

    def _terminate(self) -> None:
        self._known = 0

    def _initialize(self) -> None:
        self._known = 3

    def query_devices(self) -> list[dict[str, Any]]:
        names = (("Microphone", 0, 48_000.0), ("Built-in", 2, 44_100.0), ("USB", 8, 48_000.0))
        return [{"name": name, "max_output_channels": count, "default_samplerate": rate} for name, count, rate in names][: self._known]

    def OutputStream(self, **options: Any) -> FakeStream:  # noqa: N802 - sounddevice's name
        if self.fail:
            raise self.PortAudioError("Device unavailable")
        self.streams.append(FakeStream(**options))
        return self.streams[-1]


def test_a_block_is_asked_for_with_the_time_at_which_it_is_heard() -> None:
    sound, asked = FakeSound(), []

    def fill(heard_ns: int, frames: int, rate: int) -> np.ndarray:
        asked.append((heard_ns - NOW, frames, rate))
        return np.linspace(-1, 1, frames, dtype=np.float32)

    device = Speaker("usb", 0.05, fill, lambda: NOW, sound)
    device.open()
    (stream,) = sound.streams
    assert (stream.options["device"], stream.options["samplerate"], stream.channels) == (2, 48_000, 2)
    out = stream.want(960, underflow=True)
    assert np.array_equal(out[:, 0], out[:, 1]) and out[0, 0] == -1 and out[-1, 0] == 1
    stream.want(480, dac=0.0)  # a driver that does not say when
    assert [(round(ns / 1e6), frames, rate) for ns, frames, rate in asked] == [(80, 960, 48_000), (50, 480, 48_000)]
    assert device.underflows == 1
    device.check()
    device.close()
    device.close()


def test_what_goes_wrong_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = FakeSound()
    device = Speaker("", 0.05, lambda *_: 1 / 0, backend=sound)  # type: ignore[arg-type, return-value]
    with pytest.raises(SpeakerError, match="not open"):
        device.check()
    device.open()
    assert not sound.streams[0].want(8).any()
    with pytest.raises(ZeroDivisionError):
        device.check()
    device.open()
    sound.streams[1].active = False
    with pytest.raises(SpeakerLostError, match=r"'Built-in'.*unplugged"):
        device.check()
    device.open()
    monkeypatch.setattr(speaker, "LOST_AFTER", 0.01)
    time.sleep(0.02)
    with pytest.raises(SpeakerLostError):
        device.check()
    sound.fail = True
    with pytest.raises(SpeakerError, match="another program"):
        device.open()
    with pytest.raises(SpeakerError, match="no loudspeaker is named 'none'"):
        Speaker("none", 0.05, lambda *_: np.zeros(1), backend=sound).open()  # type: ignore[arg-type, return-value]
