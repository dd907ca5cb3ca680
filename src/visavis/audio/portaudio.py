"""The one file that uses sounddevice (PortAudio): it gives the library, and the devices it knows."""

from dataclasses import dataclass
from typing import Any

from visavis.audio.errors import SoundDeviceError


@dataclass(frozen=True)
class SoundDevice:
    """A device that can record, or one that can play. ``sample_rate`` in Hz is its own."""

    index: int
    name: str
    channels: int
    sample_rate: int
    is_default: bool


def portaudio() -> Any:
    """The sounddevice module; SoundDeviceError where the system library is missing."""
    try:
        import sounddevice
    except OSError as error:
        what = f"the sound library PortAudio is missing ({error})"
        raise SoundDeviceError(f"{what}: install it (Debian and Ubuntu: `apt install libportaudio2`)") from error
    return sounddevice


def recording_devices(sound: Any) -> list[SoundDevice]:
    """Every device that records."""
    return _devices(sound, "max_input_channels", sound.default.device[0])


def playing_devices(sound: Any) -> list[SoundDevice]:
    """Every device that plays."""
    return _devices(sound, "max_output_channels", sound.default.device[1])


def look_again(sound: Any) -> None:
    """Have PortAudio look for devices anew: it knows only those that were there when it began. No stream may be open in this process."""
    sound._terminate()  # there is no public way
    sound._initialize()


def choose_device(devices: list[SoundDevice], wanted: str, noun: str) -> SoundDevice:
    """The device that ``wanted`` names (an index, a part of a name, "" for the default) among at least one.

    SoundDeviceError with what there is otherwise. ``noun`` is what one of them is called.
    """
    if not wanted:
        return next((device for device in devices if device.is_default), devices[0])
    if wanted.isdecimal():
        found = [device for device in devices if device.index == int(wanted)]
    else:
        found = [device for device in devices if wanted.lower() in device.name.lower()]
    if len(found) == 1:
        return found[0]
    what = f"no {noun} is" if not found else f"{len(found)} {noun}s are"
    raise SoundDeviceError(f"{what} named {wanted!r}: there are " + ", ".join(f"{device.index}: {device.name}" for device in devices))


def _devices(sound: Any, channels: str, default: int) -> list[SoundDevice]:
    return [
        SoundDevice(index, str(device["name"]), int(device[channels]), round(device["default_samplerate"]), index == default)
        for index, device in enumerate(sound.query_devices())
        if device[channels] > 0
    ]
