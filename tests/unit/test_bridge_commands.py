"""What a page may say is understood; whatever else comes is refused with a reason, and never anything worse."""

import contextlib
import json
import struct

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from visavis.bridge.commands import (
    MAX_SAY,
    MAX_SPEECH_BYTES,
    MAX_TEXT,
    BeginSpeech,
    ChoosePortrait,
    ChooseStyle,
    CommandError,
    EndSpeech,
    Express,
    Interrupt,
    LookAt,
    Ping,
    SayText,
    SetScale,
    Unwatch,
    Watch,
    parse_command,
    parse_speech,
)


@pytest.mark.parametrize(
    ("message", "command"),
    [
        ({"type": "watch", "mode": "webrtc", "sdp": "v=0"}, Watch("webrtc", "v=0")),
        ({"type": "watch", "mode": "pictures"}, Watch("pictures")),
        ({"type": "unwatch"}, Unwatch()),
        ({"type": "begin", "stream": 4, "source": "microphone"}, BeginSpeech(4, "microphone")),
        ({"type": "end", "stream": 4}, EndSpeech(4)),
        ({"type": "interrupt"}, Interrupt()),
        ({"type": "express", "emotion": "happy", "intensity": 1}, Express("happy", 1.0)),
        ({"type": "style", "name": "warm"}, ChooseStyle("warm")),
        ({"type": "scale", "name": "head", "value": 0.5}, SetScale("head", 0.5)),
        ({"type": "scale", "name": "gesture", "value": 2}, SetScale("gesture", 2.0)),
        ({"type": "portrait", "name": "anna"}, ChoosePortrait("anna")),
        ({"type": "say", "text": "Hello."}, SayText("Hello.")),
        ({"type": "say", "text": "Hello.", "voice": "bf_emma", "speed": 1.5}, SayText("Hello.", "bf_emma", 1.5)),
        ({"type": "look", "x": 0.6, "y": -0.2, "z": 0.1}, LookAt(0.6, -0.2, 0.1)),
        ({"type": "ping"}, Ping()),
    ],
)
def test_every_command(message: dict[str, object], command: object) -> None:
    assert parse_command(json.dumps({"id": 9, **message})) == (9, command)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("[" * 60_000, "not JSON"),
        ("[1]", "object"),
        ('{"id": 1}', "type"),
        ('{"id": 1, "type": ["watch"]}', "type"),
        ('{"type": "ping"}', "id"),
        ('{"id": true, "type": "ping"}', "id"),
        ('{"id": -1, "type": "ping"}', "id"),
        ('{"id": 1, "type": "watch", "mode": "telepathy"}', "mode must be one of webrtc, pictures"),
        ('{"id": 1, "type": "watch", "mode": "webrtc", "sdp": 5}', "sdp"),
        ('{"id": 1, "type": "express", "emotion": "happy", "intensity": NaN}', "intensity"),
        ('{"id": 1, "type": "express", "emotion": "happy", "intensity": 1e999}', "intensity"),
        ('{"id": 1, "type": "express", "emotion": "happy", "intensity": 1.01}', "from 0 to 1"),
        ('{"id": 1, "type": "express", "emotion": "", "intensity": 1}', "emotion"),
        ('{"id": 1, "type": "scale", "name": "seed", "value": 1}', "name"),
        ('{"id": 1, "type": "scale", "name": "head", "value": true}', "value"),
        ('{"id": 1, "type": "begin", "stream": 4294967296, "source": "file"}', "stream"),
        ('{"id": 1, "type": "say", "text": ""}', "text"),
        ('{"id": 1, "type": "say", "text": ["a"]}', "text"),
        (f'{{"id": 1, "type": "say", "text": "{"a" * (MAX_SAY + 1)}"}}', "1 to 1000"),
        ('{"id": 1, "type": "say", "text": "a", "voice": 7}', "voice"),
        ('{"id": 1, "type": "say", "text": "a", "speed": 9}', "speed"),
        (" " * (MAX_TEXT + 1), "characters"),
        ('{"id": ' + "9" * 5000 + ', "type": "ping"}', "."),
    ],
)
def test_nonsense_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        parse_command(text)


KNOWN = ["watch", "unwatch", "begin", "end", "interrupt", "express", "style", "say", "scale", "ping"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50) | st.sampled_from(["microphone", "webrtc", "head"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.sampled_from(["id", "mode", "sdp", "stream", "source", "emotion", "intensity", "name", "value", "text", "voice", "speed"])


@given(st.sampled_from(KNOWN) | st.text(max_size=10), st.dictionaries(FIELDS, VALUES))
def test_no_message_does_more_than_be_refused(kind: str, fields: dict[str, object]) -> None:
    try:
        number, _ = parse_command(json.dumps({**fields, "type": kind}))
    except CommandError:
        return
    assert kind in KNOWN and number == fields["id"]


@given(st.text())
@example("\x00")
@example('{"id":1,"type":"ping"}' + "\u2028")
@example('{"\\ud800":1}')
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with contextlib.suppress(CommandError):
        parse_command(text)


def test_speech() -> None:
    samples = np.array([1, -2, 32767, -32768], "<i2")
    stream, first, got = parse_speech(struct.pack("<II", 7, 640) + samples.tobytes())
    assert (stream, first, got.tolist(), got.dtype) == (7, 640, samples.tolist(), np.int16)


@pytest.mark.parametrize("data", [b"", b"1234567", b"12345678", b"123456789", bytes(MAX_SPEECH_BYTES + 10)])
def test_speech_of_a_wrong_length_is_refused(data: bytes) -> None:
    with pytest.raises(CommandError, match="frame of speech"):
        parse_speech(data)


@given(st.binary(max_size=300))
def test_no_frame_does_more_than_be_refused(data: bytes) -> None:
    try:
        _, _, samples = parse_speech(data)
    except CommandError:
        assert len(data) < 10 or len(data) % 2
    else:
        assert len(samples) == (len(data) - 8) // 2
