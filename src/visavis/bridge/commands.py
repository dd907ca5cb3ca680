"""What a page may say: JSON text to frozen records, and binary frames of speech. Whatever is not exactly one of these is refused. Pure."""

import json
import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.motion.steering import MAX_SCALE, SCALE_NAMES

MAX_TEXT = 64 * 1024
"""Characters of a message; a WebRTC offer of one picture and one sound has about 5000."""
MAX_SPEECH_BYTES = 32 * 1024
"""Of a binary frame: one second at 16 kHz."""
SPEECH_HEADER = struct.Struct("<II")
"""Stream and index of the first sample."""
SOURCES = ("microphone", "file")
MODES = ("webrtc", "pictures")
MAX_NAME = 40
MAX_FILE_NAME = 200
MAX_STREAM = 2**32 - 1
MAX_METRES = 100.0
MAX_SAY = 1000
"""Characters of a text to be spoken: over a minute."""
MIN_SPEED, MAX_SPEED = 0.5, 2.0


class CommandError(ValueError):
    """A message that makes no sense; the text tells the page why."""


@dataclass(frozen=True)
class Watch:
    """Send picture and sound: by WebRTC with this offer, or as ready pictures and samples on the socket."""

    mode: str
    sdp: str = ""


@dataclass(frozen=True)
class Unwatch:
    """Send neither picture nor sound any more."""


@dataclass(frozen=True)
class BeginSpeech:
    """Binary frames of this stream follow. source: microphone or file."""

    stream: int
    source: str


@dataclass(frozen=True)
class EndSpeech:
    """The stream is over."""

    stream: int


@dataclass(frozen=True)
class Interrupt:
    """Be silent now."""


@dataclass(frozen=True)
class SayText:
    """Speak this. voice: empty for the usual one."""

    text: str
    voice: str = ""
    speed: float = 1.0


@dataclass(frozen=True)
class Express:
    """emotion with intensity 0 to 1."""

    emotion: str
    intensity: float


@dataclass(frozen=True)
class ChooseStyle:
    """A way to speak."""

    name: str


@dataclass(frozen=True)
class ChoosePortrait:
    """One of the portraits that are offered, by its name."""

    name: str


@dataclass(frozen=True)
class SetScale:
    """A factor, 0 to ``MAX_SCALE``, on the movement of one of ``SCALE_NAMES``."""

    name: str
    value: float


@dataclass(frozen=True)
class LookAt:
    """A point to look at, metres: x out of the screen, y to the avatar's left, z up."""

    x: float
    y: float
    z: float


@dataclass(frozen=True)
class Ping:
    """A sign of life; it is answered at once."""


Command = (
    Watch | Unwatch | BeginSpeech | EndSpeech | Interrupt | SayText | Express | ChooseStyle | ChoosePortrait | SetScale | LookAt | Ping
)


def parse_command(text: str) -> tuple[int, Command]:
    """The number that the answer must carry, and the command. Raises CommandError."""
    if len(text) > MAX_TEXT:
        raise CommandError(f"a message of {len(text)} characters: at most {MAX_TEXT} are read")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandError("a message that is not JSON") from error
    if not isinstance(message, dict):
        raise CommandError("a message must be an object")
    number = _whole(message, "id", 0, 2**53)
    kind = message.get("type")
    if kind == "watch":
        mode = _choice(message, "mode", MODES)
        sdp = _text(message, "sdp", MAX_TEXT) if mode == "webrtc" else ""
        return number, Watch(mode, sdp)
    if kind == "unwatch":
        return number, Unwatch()
    if kind == "begin":
        return number, BeginSpeech(_whole(message, "stream", 0, MAX_STREAM), _choice(message, "source", SOURCES))
    if kind == "end":
        return number, EndSpeech(_whole(message, "stream", 0, MAX_STREAM))
    if kind == "interrupt":
        return number, Interrupt()
    if kind == "say":
        voice = _text(message, "voice", MAX_NAME) if message.get("voice") else ""
        speed = _number(message, "speed", MIN_SPEED, MAX_SPEED) if "speed" in message else 1.0
        return number, SayText(_text(message, "text", MAX_SAY), voice, speed)
    if kind == "express":
        return number, Express(_text(message, "emotion", MAX_NAME), _number(message, "intensity", 0, 1))
    if kind == "style":
        return number, ChooseStyle(_text(message, "name", MAX_NAME))
    if kind == "portrait":
        return number, ChoosePortrait(_text(message, "name", MAX_FILE_NAME))
    if kind == "scale":
        return number, SetScale(_choice(message, "name", SCALE_NAMES), _number(message, "value", 0, MAX_SCALE))
    if kind == "look":
        return number, LookAt(_number(message, "x", 0.05, MAX_METRES), *(_number(message, axis, -MAX_METRES, MAX_METRES) for axis in "yz"))
    if kind == "ping":
        return number, Ping()
    raise CommandError("a message of a type that is not known")


def parse_speech(data: bytes) -> tuple[int, int, NDArray[np.int16]]:
    """Stream, index of the first sample, int16 (n,) at 16 kHz. Raises CommandError."""
    if not SPEECH_HEADER.size < len(data) <= MAX_SPEECH_BYTES + SPEECH_HEADER.size:
        raise CommandError(
            f"a frame of speech of {len(data)} bytes: it has {SPEECH_HEADER.size + 2} to {MAX_SPEECH_BYTES + SPEECH_HEADER.size}"
        )
    if len(data) % 2:
        raise CommandError("a frame of speech with half a sample")
    stream, first_sample = SPEECH_HEADER.unpack_from(data)
    return stream, first_sample, np.frombuffer(data, "<i2", offset=SPEECH_HEADER.size).astype(np.int16)


def _text(message: dict[str, Any], name: str, longest: int) -> str:
    value = message.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise CommandError(f"{name} must be a text of 1 to {longest} characters")
    return value


def _choice(message: dict[str, Any], name: str, choices: tuple[str, ...]) -> str:
    value = message.get(name)
    if not isinstance(value, str) or value not in choices:
        raise CommandError(f"{name} must be one of {', '.join(choices)}")
    return value


def _whole(message: dict[str, Any], name: str, low: int, high: int) -> int:
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise CommandError(f"{name} must be a whole number from {low} to {high}")
    return value


def _number(message: dict[str, Any], name: str, low: float, high: float) -> float:
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not low <= value <= high:
        raise CommandError(f"{name} must be a number from {low} to {high}")
    return float(value)
