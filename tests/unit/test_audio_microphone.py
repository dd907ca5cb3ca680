"""The microphone with a made-up PortAudio: which device is chosen, what time its sound has, and what happens when it goes."""

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from visavis.audio import microphone
from visavis.audio.errors import MicrophoneError, MicrophoneLostError
from visavis.audio.microphone import Microphone, choose_microphone, list_microphones
from visavis.timing import NANOSECONDS, SAMPLE_RATE

NOW = 1_700_000_000 * NANOSECONDS


class FakeStream:
    def __init__(self, callback: Any, samplerate: int, channels: int, **_options: Any) -> None:
        self.callback, self.rate, self.channels = callback, samplerate, channels
        self.active = False
        self.closed = False
        self.given = 0

    def start(self) -> None:
        self.active = True

    def abort(self, ignore_errors: bool = False) -> None:
        self.active = False

    def close(self, ignore_errors: bool = False) -> None:
        self.closed = True

    def give(self, frames: int, overflow: bool = False, value: float = 0.25) -> None:
        """One block; it was converted 10 ms before the callback."""
        self.given += frames
        times = SimpleNamespace(currentTime=5.0, inputBufferAdcTime=4.99)
        self.callback(np.full((frames, self.channels), value, np.float32), frames, times, SimpleNamespace(input_overflow=overflow))


class FakeSound:
    """A sounddevice of two microphones and a loudspeaker."""

    class PortAudioError(Exception):
        pass

    default = SimpleNamespace(device=(2, 1))

    def __init__(self, rate: int = 48_000, fail: bool = False, devices: bool = True) -> None:
        self.fail = fail
        self.streams: list[FakeStream] = []
        self._devices = [
            {"name": "Built-in Microphone", "max_input_channels": 1, "default_samplerate": float(rate)},
            {"name": "Loudspeaker", "max_input_channels": 0, "default_samplerate": 48_000.0},
            {"name": "USB Headset", "max_input_channels": 4, "default_samplerate": float(rate)},
        ] if devices else []  # fmt: skip

    def query_devices(self) -> list[dict[str, Any]]:
        return self._devices

    def InputStream(self, **options: Any) -> FakeStream:  # noqa: N802 - sounddevice's name
        if self.fail:
            raise self.PortAudioError("Device unavailable")
        self.streams.append(FakeStream(**options))
        return self.streams[-1]


def test_only_devices_that_record_are_listed() -> None:
    assert [(device.index, device.is_default) for device in list_microphones(FakeSound())] == [(0, False), (2, True)]


def test_device_is_chosen_by_default_index_or_part_of_its_name() -> None:
    devices = list_microphones(FakeSound())
    assert choose_microphone(devices, "").index == 2
    assert choose_microphone(devices, "0").index == 0
    assert choose_microphone(devices, "built-in").index == 0
    with pytest.raises(MicrophoneError, match="0: Built-in Microphone, 2: USB Headset"):
        choose_microphone(devices, "nonsense")
    with pytest.raises(MicrophoneError, match="2 microphones are named 'e'"):
        choose_microphone(devices, "e")
    with pytest.raises(MicrophoneError, match="no microphone on this machine"):
        choose_microphone([], "")


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_sound_is_16_khz_mono_and_its_stamps_are_continuous(rate: int) -> None:
    sound = FakeSound(rate)
    clock = [NOW]
    with Microphone(now_ns=lambda: clock[0], backend=sound) as device:
        stream = sound.streams[0]
        assert stream.channels == 2
        frames = rate // 50
        begin = NOW - 10_000_000
        heard = 0
        for _ in range(100):
            stream.give(frames)
            clock[0] += 20_000_000
            block = device.read(0.05)
            if block is None:
                continue
            samples, stamp = block
            assert samples.dtype == np.int16
            assert abs(stamp - (begin + heard * NANOSECONDS // SAMPLE_RATE)) < 200_000  # a few samples, at most
            heard += len(samples)
        assert 2 * SAMPLE_RATE - 2000 < heard <= 2 * SAMPLE_RATE
        assert device.overflows == 0
    assert stream.closed


def test_overflow_is_counted_and_shows_as_a_jump_of_the_stamp() -> None:
    sound = FakeSound(16_000)
    clock = [NOW]
    with Microphone(now_ns=lambda: clock[0], backend=sound) as device:
        sound.streams[0].give(320)
        first = device.read(0.05)
        clock[0] += 120_000_000
        sound.streams[0].give(320, overflow=True)
        second = device.read(0.05)
        assert first is not None and second is not None
        assert second[1] - first[1] == 120_000_000
        assert device.overflows == 1


def test_reader_that_is_too_slow_loses_blocks_and_counts_them() -> None:
    sound = FakeSound(16_000)
    with Microphone(backend=sound) as device:
        for _ in range(microphone.QUEUE_BLOCKS + 7):
            sound.streams[0].give(320)
        assert device.overflows == 7


def test_nothing_yet_is_none_and_not_an_error() -> None:
    with Microphone(backend=FakeSound()) as device:
        assert device.read(0.01) is None


def test_microphone_that_stops_or_falls_silent_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = FakeSound()
    with Microphone(backend=sound) as device:
        sound.streams[0].active = False
        with pytest.raises(MicrophoneLostError, match="USB Headset"):
            device.read(0.01)
    sound = FakeSound()
    with Microphone(backend=sound) as device:
        monkeypatch.setattr(microphone, "LOST_AFTER", 0.05)
        time.sleep(0.06)
        with pytest.raises(MicrophoneLostError, match="unplugged"):
            device.read(0.01)


def test_device_that_cannot_be_opened_says_what_to_do() -> None:
    with pytest.raises(MicrophoneError, match="another program"):
        Microphone(backend=FakeSound(fail=True)).open()
    with pytest.raises(MicrophoneError, match="plug one in"):
        Microphone(backend=FakeSound(devices=False)).open()


def test_reading_before_opening_is_an_error_and_closing_twice_is_none() -> None:
    device = Microphone(backend=FakeSound())
    with pytest.raises(MicrophoneError, match="not open"):
        device.read(0.01)
    device.open()
    device.close()
    device.close()


def test_missing_library_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MicrophoneError, match="apt install libportaudio2"):
        list_microphones()
