"""One page on its socket: what it says is done or refused, what it asked to see is sent as fast as it reads."""

import asyncio
import json
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from aiohttp import WSMsgType, web

from visavis.bridge.commands import (
    BeginSpeech,
    ChoosePortrait,
    ChooseStyle,
    Command,
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
from visavis.bridge.encoders import Encoded
from visavis.bridge.graph import GraphPort, Outcome
from visavis.bridge.limits import Bucket
from visavis.bridge.peers import OfferError, Peer
from visavis.bridge.speech import SpeechError, SpeechStream
from visavis.timing import NANOSECONDS

COMMANDS_A_SECOND, COMMANDS_AT_ONCE = 20.0, 40.0
WATCHES_A_SECOND, WATCHES_AT_ONCE = 0.5, 6.0
TEXTS_A_SECOND, TEXTS_AT_ONCE = 0.5, 5.0
SPEECH_BYTES_A_SECOND, SPEECH_BYTES_AT_ONCE = 128_000.0, 384_000.0
"""Four times real time, and the ten seconds that a file may run ahead."""
MAX_REFUSALS = 50
"""A page that talks nonsense so often in a row is sent away."""
SOUND_WAITING = 100
TEXT_WAITING = 200
MEDIA_HEADER = struct.Struct("<Bxxxxxxxd")
"""Kind (1 picture, 2 sound) and media time in milliseconds."""
PICTURE, SOUND = 1, 2


class Host(Protocol):
    """What a session needs of the server."""

    graph: GraphPort

    def make_peer(self, on_state: Callable[[str], None]) -> Peer: ...

    def begin_speech(self, session: "Session", live: bool) -> SpeechStream: ...

    def hush(self, session: "Session", reason: str) -> None: ...

    def count_watchers(self) -> None: ...


class Session:
    """See the module. Used in the event loop only."""

    def __init__(self, host: Host, socket: web.WebSocketResponse) -> None:
        self._host = host
        self._socket = socket
        self.peer: Peer | None = None
        self.pictures = False
        self.dropped_pictures = 0
        self._speech: tuple[int, SpeechStream] | None = None
        self._speaker: asyncio.Task[None] | None = None
        self._more_speech = asyncio.Event()
        self._texts: deque[str] = deque()
        self._sounds: deque[bytes] = deque(maxlen=SOUND_WAITING)
        self._picture: bytes | None = None
        self._something = asyncio.Event()
        self._commands = Bucket(COMMANDS_A_SECOND, COMMANDS_AT_ONCE)
        self._watches = Bucket(WATCHES_A_SECOND, WATCHES_AT_ONCE)
        self._texts_said = Bucket(TEXTS_A_SECOND, TEXTS_AT_ONCE)
        self._bytes = Bucket(SPEECH_BYTES_A_SECOND, SPEECH_BYTES_AT_ONCE)
        self._refusals = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the page goes."""
        writer = asyncio.create_task(self._write())
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    await self._hear_text(message.data)
                elif message.type is WSMsgType.BINARY:
                    self._hear_speech(message.data)
                if self._refusals > MAX_REFUSALS:
                    await self._socket.close(code=1008, message=b"too much that makes no sense")
                await asyncio.sleep(0)  # a page that sends much at once does not keep its own answers and the other pages waiting
        finally:
            writer.cancel()
            for task in list(self._tasks):
                task.cancel()
            self.stop_speech()
            await self._unwatch()

    # To the page.

    def tell(self, **message: Any) -> None:
        """Queue a message; a page that does not read is sent away."""
        if len(self._texts) >= TEXT_WAITING:
            self._start(self._leave())
            return
        self._texts.append(json.dumps(message, allow_nan=False))
        self._something.set()

    def offer_video(self, packet: Encoded) -> None:
        if self.peer is not None:
            self.peer.offer_video(packet)

    def offer_audio(self, packet: Encoded) -> None:
        if self.peer is not None:
            self.peer.offer_audio(packet)

    def offer_picture(self, jpeg: bytes, media_ns: int) -> None:
        """A picture for a page without WebRTC; one that has not been sent yet makes room."""
        if self.pictures:
            self.dropped_pictures += self._picture is not None
            self._picture = MEDIA_HEADER.pack(PICTURE, media_ns / 1e6) + jpeg
            self._something.set()

    def offer_samples(self, samples: bytes, media_ns: int) -> None:
        if self.pictures:
            self._sounds.append(MEDIA_HEADER.pack(SOUND, media_ns / 1e6) + samples)
            self._something.set()

    async def _write(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            try:
                while self._texts:
                    await self._socket.send_str(self._texts.popleft())
                while self._sounds:
                    await self._socket.send_bytes(self._sounds.popleft())
                if self._picture is not None:
                    picture, self._picture = self._picture, None
                    await self._socket.send_bytes(picture)
            except (ConnectionError, RuntimeError):
                return  # it has gone; run() sees that too

    async def goodbye(self) -> None:
        """The server ends: the page may try again at once."""
        await self._socket.close(code=1001, message=b"the bridge ends")

    async def _leave(self) -> None:
        await self._socket.close(code=1013, message=b"the page does not read")

    # From the page.

    async def _hear_text(self, text: str) -> None:
        if not self._commands.take(time.monotonic()):
            self._refuse(None, "too many messages: wait a moment")
            return
        try:
            number, command = parse_command(text)
        except CommandError as error:
            self._refuse(None, str(error))
            return
        try:
            await self._obey(number, command)
        except (CommandError, OfferError, SpeechError) as error:
            self._refuse(number, str(error))
        else:
            self._refusals = 0

    def _refuse(self, number: int | None, reason: str) -> None:
        self._refusals += 1
        self.tell(type="done", id=number, ok=False, text=reason)

    async def _obey(self, number: int, command: Command) -> None:
        graph = self._host.graph
        match command:
            case Watch():
                await self._watch(number, command)
            case Unwatch():
                await self._unwatch()
                self._done(number, Outcome(True))
            case BeginSpeech():
                self._begin_speech(command)
                self._done(number, Outcome(True))
            case EndSpeech():
                if self._speech is not None and self._speech[0] == command.stream:
                    self._speech[1].finish()
                    self._more_speech.set()
                self._done(number, Outcome(True))
            case Interrupt():
                self.stop_speech()
                self._start(self._wait_for(number, graph.interrupt()))
            case SayText():
                if not self._texts_said.take(time.monotonic()):
                    raise CommandError("too many texts: wait a moment")
                self._host.hush(self, "a text is spoken now")
                told = graph.say(command.text, command.voice, command.speed, lambda how: self.tell(type="say", **how))
                self._start(self._wait_for(number, told))
            case Express():
                self._done(number, graph.express(command.emotion, command.intensity))
            case ChooseStyle():
                self._done(number, graph.choose_style(command.name))
            case ChoosePortrait():
                self._done(number, graph.choose_portrait(command.name))
            case LookAt():
                self._done(number, graph.look_at(command.x, command.y, command.z))
            case SetScale():
                self._start(self._wait_for(number, graph.set_scale(command.name, command.value)))
            case Ping():
                self._done(number, Outcome(True))

    def _done(self, number: int, outcome: Outcome) -> None:
        self.tell(type="done", id=number, ok=outcome.done, text=outcome.text)

    async def _wait_for(self, number: int, outcome: "asyncio.Future[Outcome]") -> None:
        self._done(number, await outcome)

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Picture and sound.

    async def _watch(self, number: int, command: Watch) -> None:
        if not self._watches.take(time.monotonic()):
            raise CommandError("too many new connections: wait a moment")
        await self._unwatch()
        if command.mode == "pictures":
            self.pictures = True
            self._host.count_watchers()
            self._done(number, Outcome(True))
            return
        peer = self._host.make_peer(lambda state: self._media_state(peer, state))
        self.peer = peer
        self._host.count_watchers()  # pictures begin to come while the browser connects
        try:
            answer = await peer.answer(command.sdp)
        except BaseException:
            await self._unwatch()
            raise
        self.tell(type="answer", id=number, ok=True, sdp=answer)

    async def _unwatch(self) -> None:
        peer, self.peer = self.peer, None
        self.pictures, self._picture = False, None
        self._sounds.clear()
        self._host.count_watchers()
        if peer is not None:
            await peer.close()

    def _media_state(self, peer: Peer, state: str) -> None:
        if peer is self.peer and state in ("connected", "failed", "closed"):
            self.tell(type="media", state=state)
            if state != "connected":
                self._start(self._unwatch())

    # Speech.

    @property
    def speaking(self) -> bool:
        return self._speech is not None

    def _begin_speech(self, command: BeginSpeech) -> None:
        self.stop_speech()
        stream = self._host.begin_speech(self, command.source == "microphone")
        self._speech = command.stream, stream
        self._more_speech.clear()
        self._speaker = asyncio.create_task(self._speak(command.stream, stream))

    def _hear_speech(self, data: bytes) -> None:
        if not self._bytes.take(time.monotonic(), len(data)):
            self._refuse(None, "speech comes faster than it can be spoken")
            return
        try:
            number, first_sample, samples = parse_speech(data)
            if self._speech is None or self._speech[0] != number:
                return  # the rest of a stream that has been interrupted
            self._speech[1].push(first_sample, samples, self._host.graph.now_ns())
        except CommandError as error:
            self._refuse(None, str(error))
        except SpeechError as error:
            self._refuse(None, str(error))
            self.stop_speech(str(error))
        else:
            self._more_speech.set()

    async def _speak(self, number: int, stream: SpeechStream) -> None:
        graph = self._host.graph
        while not stream.ended:
            for chunk in stream.take(graph.now_ns()):
                graph.speak(chunk)
            wake_ns = stream.wake_ns()
            wait = None if wake_ns is None else max(0.0, (wake_ns - graph.now_ns()) / NANOSECONDS)
            self._more_speech.clear()
            if not stream.ended:
                try:
                    await asyncio.wait_for(self._more_speech.wait(), wait)
                except TimeoutError:
                    continue
        self._speech = None
        self.tell(type="speech", stream=number, state="ended", text="")

    def stop_speech(self, reason: str = "") -> None:
        """End what this page says, without what is queued."""
        speech, self._speech = self._speech, None
        speaker, self._speaker = self._speaker, None
        if speaker is not None:
            speaker.cancel()
        if speech is not None:
            for chunk in speech[1].break_off():
                self._host.graph.speak(chunk)
            self.tell(type="speech", stream=speech[0], state="stopped", text=reason)
