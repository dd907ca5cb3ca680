"""The server as a browser, a program and an enemy meet it, over real sockets; only the graph is a double that keeps what it is asked."""

import asyncio
import json
import struct
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtcpReceiverInfo, RtcpRrPacket

from visavis.bridge.access import Access
from visavis.bridge.encoders import PictureEncoder, SoundEncoder
from visavis.bridge.graph import Choices, GraphState, Outcome
from visavis.bridge.peers import IceConfig
from visavis.bridge.server import FILES, Server, ServerConfig
from visavis.bridge.sound_blocks import BLOCK_SAMPLES
from visavis.types import AudioChunk

PATIENCE = 90.0
TOKEN = "a token of many letters"


class KeptGraph:
    """A graph that keeps what it is asked."""

    choices = Choices(("neutral", "warm"), ("neutral", "happy"))

    def __init__(self) -> None:
        self.spoken: list[AudioChunk] = []
        self.asked: list[Any] = []
        self.keys = 0
        self.rates = [0, 0]
        self.watchers = (0, 0, 0)
        self.troubles: list[str] = []

    def now_ns(self) -> int:
        return time.time_ns()

    def speak(self, chunk: AudioChunk) -> None:
        self.spoken.append(chunk)

    def express(self, emotion: str, intensity: float) -> Outcome:
        self.asked.append((emotion, intensity))
        return Outcome(emotion in self.choices.emotions, "no such emotion")

    def choose_style(self, name: str) -> Outcome:
        self.asked.append(name)
        return Outcome(True)

    def choose_portrait(self, name: str) -> Outcome:
        self.asked.append(name)
        return Outcome(True)

    def look_at(self, x: float, y: float, z: float) -> Outcome:
        self.asked.append((x, y, z))
        return Outcome(True)

    def use_photo(self, path: Path) -> Outcome:
        self.asked.append(path)
        return Outcome(True)

    def say(self, text: str, voice: str, speed: float, told: Callable[[dict[str, Any]], None]) -> "asyncio.Future[Outcome]":
        told({"state": "speaking", "sentence": text, "seconds": 0.0, "text": ""})
        return self._later((text, voice, speed))

    def interrupt(self) -> "asyncio.Future[Outcome]":
        return self._later("interrupt")

    def set_scale(self, name: str, value: float) -> "asyncio.Future[Outcome]":
        return self._later((name, value))

    def _later(self, what: Any) -> "asyncio.Future[Outcome]":
        self.asked.append(what)
        future = asyncio.get_running_loop().create_future()
        future.set_result(Outcome(True, "done"))
        return future

    def state(self) -> GraphState:
        return GraphState({"video_generation": {"fps": 30.0}}, {"style": "warm"}, True)

    def watched(self, webrtc: int, pictures: int, cutouts: int) -> None:
        self.watchers = (webrtc, pictures, cutouts)

    def want_key(self, cutout: bool) -> None:
        self.keys += 1

    def want_rate(self, cutout: bool, bits: int) -> None:
        self.rates[cutout] = bits

    def trouble(self, key: str, text: str) -> None:
        self.troubles.append(text)


@contextmanager
def serving(access: Access | None = None, **config: Any) -> Iterator[Server]:
    server = Server(ServerConfig(access or Access("127.0.0.1"), 0, ice=IceConfig(addresses=("127.0.0.1",)), **config), KeptGraph())
    server.start()
    try:
        yield server
    finally:
        server.stop()


def talk(server: Server, conversation: Callable[[aiohttp.ClientSession, str], Awaitable[None]]) -> KeptGraph:
    """Run a conversation with the server; what its graph was asked."""

    async def run() -> None:
        async with aiohttp.ClientSession() as client:
            await asyncio.wait_for(conversation(client, f"http://127.0.0.1:{server.port}"), PATIENCE)

    asyncio.run(run())
    assert isinstance(server.graph, KeptGraph)
    return server.graph


async def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


class Page:
    """What the page does on its socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.number = 0

    async def say(self, **message: Any) -> dict[str, Any]:
        """Send a command; its answer."""
        self.number += 1
        await self.socket.send_str(json.dumps({"id": self.number, **message}))
        return await self.hear(lambda heard: heard.get("id") == self.number)

    async def hear(self, fits: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        while True:
            message = await self.socket.receive()
            assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message
            if message.type is aiohttp.WSMsgType.TEXT and fits(heard := json.loads(message.data)):
                return heard


def test_the_page_is_served_and_nothing_else() -> None:
    async def conversation(client: aiohttp.ClientSession, url: str) -> None:
        for name in ["", *(set(FILES) - {"index.html"})]:
            async with client.get(f"{url}/{name}") as answer:
                assert answer.status == 200 and len(await answer.read()) > 100
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        for path in ("server.py", "../server.py", "%2e%2e/server.py", "page/index.html", "etc/passwd", "style.css/"):
            async with client.get(f"{url}/{path}") as answer:
                assert answer.status == 404

    with serving() as server:
        talk(server, conversation)


def test_foreign_names_and_pages_are_turned_away() -> None:
    async def conversation(client: aiohttp.ClientSession, url: str) -> None:
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
            for path in ("/", "/socket", "/stream.mjpg"):
                async with client.get(url + path, headers=headers) as answer:
                    assert answer.status == 403
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await client.ws_connect(url + "/socket", headers=headers)
        await (await client.ws_connect(url + "/socket", headers={"Origin": url})).close()

    with serving() as server:
        talk(server, conversation)


def test_who_has_no_token_sees_nothing() -> None:
    async def conversation(client: aiohttp.ClientSession, url: str) -> None:
        async with client.get(url) as answer:
            assert answer.status == 401 and "Token" in await answer.text()
        for path in ("/app.js", "/socket", "/stream.mjpg"):
            async with client.get(url + path) as answer:
                assert answer.status == 401
        async with client.get(url + "/app.js", headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
            assert answer.status == 200
        async with client.post(url + "/login", data={"token": "wrong"}) as answer:
            assert answer.status == 401 and "That is not the token" in await answer.text()
        # For addresses aiohttp's client keeps no cookies, so this one carries it by hand.
        async with client.get(f"{url}/?token={TOKEN.replace(' ', '+')}", allow_redirects=False) as answer:
            assert answer.status == 303 and answer.headers["Location"] == "/"
            cookie = answer.headers["Set-Cookie"]
            assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and TOKEN not in cookie
        async with client.get(url, headers={"Cookie": cookie.split(";")[0]}) as answer:
            assert answer.status == 200 and "Interrupt" in await answer.text()
        statuses = []
        for _ in range(6):
            async with client.post(url + "/login", data={"token": "guess"}) as answer:
                statuses.append(answer.status)
        assert 429 in statuses, "guessing is slow"

    with serving(Access("127.0.0.1", TOKEN)) as server:
        talk(server, conversation)


def test_wishes_reach_the_graph_and_are_answered() -> None:
    async def conversation(client: aiohttp.ClientSession, url: str) -> None:
        page = Page(await client.ws_connect(url + "/socket"))
        hello = await page.hear(lambda heard: heard["type"] == "hello")
        assert hello["styles"] == ["neutral", "warm"] and hello["ice"] == []
        assert (await page.say(type="express", emotion="happy", intensity=0.5))["ok"]
        assert (await page.say(type="express", emotion="bored", intensity=0.5)) | {"id": 0} == {
            "type": "done", "id": 0, "ok": False, "text": "no such emotion",
        }  # fmt: skip
        assert (await page.say(type="style", name="warm"))["ok"]
        assert (await page.say(type="scale", name="head", value=1.5))["ok"]
        assert (await page.say(type="interrupt"))["text"] == "done"
        server.send_state()
        state = await page.hear(lambda heard: heard["type"] == "state")
        assert state["steering"] == {"style": "warm"} and state["nodes"]["video_generation"]["fps"] == 30

    with serving() as server:
        graph = talk(server, conversation)
        assert graph.asked == [("happy", 0.5), ("bored", 0.5), "warm", ("head", 1.5), "interrupt"]


def test_speech_is_published_in_order_and_the_last_who_began_speaks() -> None:
    samples = (np.arange(8000) + 1).astype("<i2")

    def frame(stream: int, first: int, count: int) -> bytes:
        return struct.pack("<II", stream, first) + samples[first : first + count].tobytes()

    async def conversation(client: aiohttp.ClientSession, url: str) -> None:
        graph = server.graph
        assert isinstance(graph, KeptGraph)
        one, other = [Page(await client.ws_connect(url + "/socket")) for _ in range(2)]
        assert (await one.say(type="begin", stream=3, source="file"))["ok"]
        for first in range(0, 8000, 1000):
            await one.socket.send_bytes(frame(3, first, 1000))
        await one.socket.send_bytes(frame(2, 0, 1000))  # of a stream that is not his
        assert (await one.say(type="end", stream=3))["ok"]
        assert (await one.hear(lambda heard: heard["type"] == "speech"))["state"] == "ended"
        assert np.array_equal(np.concatenate([chunk.samples for chunk in graph.spoken]), samples)
        assert graph.spoken[-1].end_of_utterance and len({chunk.utterance_id for chunk in graph.spoken}) == 1

        first_id = graph.spoken[0].utterance_id
        await one.say(type="begin", stream=4, source="microphone")
        await one.socket.send_bytes(frame(4, 0, 8000))
        await until(lambda: graph.spoken[-1].utterance_id > first_id)
        await other.say(type="begin", stream=1, source="microphone")
        told = await one.hear(lambda heard: heard["type"] == "speech")
        assert told["state"] == "stopped" and "somebody else" in told["text"]
        assert graph.spoken[-1].end_of_utterance
        await other.socket.send_bytes(frame(1, 0, 2000))
        await until(lambda: graph.spoken[-1].utterance_id > first_id + 1)
        await other.socket.close()
        await until(lambda: graph.spoken[-1].end_of_utterance)

    with serving(max_speech_seconds=60) as server:
        talk(server, conversation)


BROKEN_OFFERS = [
    "v=0",
    "hello",
    "v=0\r\n" + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * 200,
    "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video x UDP/TLS/RTP/SAVPF 96\r\n",
    "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=rtpmap:banana\r\n",
    "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=candidate:1 1 udp\r\n",
    "v=0\x00\xff" + "a=" * 3000,
]


def test_nonsense_costs_only_its_sender() -> None:
    async def conversation(client: aiohttp.ClientSession, url: str) -> None:
        good = Page(await client.ws_connect(url + "/socket"))
        bad = Page(await client.ws_connect(url + "/socket"))
        for text in ("", "{", "[]", '{"id":1}', '{"id":1,"type":"watch","mode":"webrtc","sdp":7}'):
            await bad.socket.send_str(text)
            assert not (await bad.hear(lambda heard: heard["type"] == "done"))["ok"]
        for data in (b"", b"x", bytes(11), bytes(40_000)):
            await bad.socket.send_bytes(data)
        for offer in BROKEN_OFFERS[:5]:
            assert not (await bad.say(type="watch", mode="webrtc", sdp=offer))["ok"]
        await bad.socket.close()
        bad = Page(await client.ws_connect(url + "/socket"))
        for offer in BROKEN_OFFERS[5:]:
            assert not (await bad.say(type="watch", mode="webrtc", sdp=offer))["ok"]
        await bad.socket.send_bytes(bytes(200_000))
        while (message := await bad.socket.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
        assert message.type is aiohttp.WSMsgType.CLOSE and message.data == 1009, "too big"
        assert (await good.say(type="ping"))["ok"]

    with serving() as server:
        graph = talk(server, conversation)
        assert graph.troubles == [] and graph.watchers == (0, 0, 0)


def test_who_floods_is_slowed_down_and_then_sent_away() -> None:
    async def conversation(client: aiohttp.ClientSession, url: str) -> None:
        page = Page(await client.ws_connect(url + "/socket"))
        answers = []
        for _ in range(200):
            await page.socket.send_str('{"id":1,"type":"style","name":"warm"}')
        while (message := await page.socket.receive()).type is aiohttp.WSMsgType.TEXT:
            answers.append(json.loads(message.data))
        assert any("too many messages" in answer.get("text", "") for answer in answers)
        assert message.type is aiohttp.WSMsgType.CLOSE and message.data == 1008

    with serving() as server:
        graph = talk(server, conversation)
        assert 40 <= len(graph.asked) < 150


def test_there_is_room_for_so_many() -> None:
    async def conversation(client: aiohttp.ClientSession, url: str) -> None:
        pages = [await client.ws_connect(url + "/socket") for _ in range(2)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(url + "/socket")
        assert refused.value.status == 503
        await pages[0].close()
        await until(lambda: server._sockets < 2)
        await (await client.ws_connect(url + "/socket")).close()

    with serving(max_viewers=2) as server:
        talk(server, conversation)


def test_plain_pictures_and_sound_for_pages_and_programs_without_webrtc() -> None:
    async def conversation(client: aiohttp.ClientSession, url: str) -> None:
        graph = server.graph
        assert isinstance(graph, KeptGraph)
        page = Page(await client.ws_connect(url + "/socket"))
        assert (await page.say(type="watch", mode="pictures"))["ok"]
        async with client.get(url + "/stream.mjpg") as stream:
            await until(lambda: graph.watchers == (0, 2, 0))
            server.send_picture(b"\xff\xd8 a picture \xff\xd9", 40_000_000)
            server.send_samples(b"\x01\x00\x02\x00", 60_000_000)
            part = await stream.content.readuntil(b"\xff\xd9\r\n")
            assert part.startswith(b"--visavis\r\nContent-Type: image/jpeg\r\nContent-Length: 15\r\n\r\n\xff\xd8 a picture")
        heard = {}
        while len(heard) < 2:
            message = await page.socket.receive()
            if message.type is aiohttp.WSMsgType.BINARY:
                heard[message.data[0]] = struct.unpack_from("<d", message.data, 8)[0], message.data[16:]
        assert heard == {1: (40.0, b"\xff\xd8 a picture \xff\xd9"), 2: (60.0, b"\x01\x00\x02\x00")}
        await until(lambda: graph.watchers == (0, 1, 0))

    with serving() as server:
        talk(server, conversation)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_one_encode_is_sent_to_all_by_webrtc_and_a_wish_for_a_key_frame_is_heard(codec: str) -> None:
    """Two peers of aiortc in place of browsers: both get the same packets, with the times they were given."""
    encoder, sound = PictureEncoder(codec, 500_000, 100.0), SoundEncoder()

    async def conversation(client: aiohttp.ClientSession, url: str) -> None:
        graph = server.graph
        assert isinstance(graph, KeptGraph)
        viewers, pages, tracks = [], [], []
        for _ in range(2):
            viewer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
            viewers.append(viewer)
            for kind in ("video", "audio"):
                viewer.addTransceiver(kind, direction="recvonly")
            page = Page(await client.ws_connect(url + "/socket"))
            pages.append(page)
            await viewer.setLocalDescription(await viewer.createOffer())
            answer = await page.say(type="watch", mode="webrtc", sdp=viewer.localDescription.sdp)
            assert answer["ok"] and codec in answer["sdp"].lower()
            assert {line.split()[4] for line in answer["sdp"].splitlines() if line.startswith("a=candidate:")} == {"127.0.0.1"}
            assert not any(other in answer["sdp"] for other in ("PCMU", "H264" if codec == "vp8" else "VP8"))
            await viewer.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
            tracks.append({one.kind: one.receiver.track for one in viewer.getTransceivers()})
        await until(lambda: all(viewer.connectionState == "connected" for viewer in viewers) and graph.keys >= 2)
        assert graph.watchers == (2, 0, 0)

        async def feed() -> None:
            for index in range(10_000):
                picture = np.full((96, 64, 3), 100 + index % 50, np.uint8)
                packet = encoder.encode(picture, 3000 * index, index * 33_333_333, key=index % 30 == 0)
                assert packet is not None
                server.send_video(packet, False)
                server.send_video(packet, True)
                block = sound.encode(np.full(BLOCK_SAMPLES, 500, np.int16), 960 * index, index * 20_000_000)
                assert block is not None
                server.send_audio(block)
                await asyncio.sleep(0.02)

        feeding = asyncio.create_task(feed())
        for track in tracks:
            frames = [await track["video"].recv() for _ in range(5)]
            assert {(frame.width, frame.height) for frame in frames} == {(64, 96)}
            steps = {later.pts - earlier.pts for earlier, later in pairwise(frames)}
            assert all(step > 0 and step % 3000 == 0 for step in steps), "the times are those that were given"
            assert (await track["audio"].recv()).sample_rate == 48_000

        async def reported(lost: int) -> None:
            """What a browser reports of the network, as the sender of the first viewer takes it."""
            peer = next(iter(server.sessions)).peer
            assert peer is not None
            sender = next(one.sender for one in peer._connection.getTransceivers() if one.kind == "video")
            report = RtcpReceiverInfo(sender._ssrc, lost, 0, 0, 0, 0, 0)
            await sender._handle_rtcp_packet(RtcpRrPacket(1, [report]))
            server.send_state()

        end = time.monotonic() + PATIENCE
        while not 0 < graph.rates[0] < 2_000_000:
            assert time.monotonic() < end, "packets get lost, and as much is sent"
            asyncio.run_coroutine_threadsafe(reported(100), server._loop).result(PATIENCE)
            await asyncio.sleep(0.2)
        assert graph.rates[0] >= 300_000 and graph.rates[1] == 2_000_000, "pictures with opacity go to others"
        feeding.cancel()
        for viewer in viewers:
            await viewer.close()

    with serving(codec=codec) as server:
        graph = talk(server, conversation)
        assert graph.troubles == []


def test_a_port_that_is_taken_and_certificates_that_are_not_there_are_told(tmp_path: Path) -> None:
    with serving() as server:
        second = Server(ServerConfig(Access("127.0.0.1"), server.port), KeptGraph())
        with pytest.raises(OSError, match="set port to a free one"):
            second.start()
    access = Access("127.0.0.1", TOKEN, tls=True)
    missing = str(tmp_path / "cert.pem")
    with pytest.raises(ValueError, match="tls_certificate: there is no file"):
        Server(ServerConfig(access, 0, missing, missing), KeptGraph()).start()
    (tmp_path / "cert.pem").write_text("no certificate")
    with pytest.raises(ValueError, match="no pair of certificate and key"):
        Server(ServerConfig(access, 0, missing, missing), KeptGraph()).start()


def test_tls(tmp_path: Path) -> None:
    certificate, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)

    async def conversation(client: aiohttp.ClientSession, url: str) -> None:
        url = url.replace("http:", "https:")
        async with client.get(f"{url}/?token={TOKEN.replace(' ', '+')}", ssl=False, allow_redirects=False) as answer:
            assert answer.status == 303 and "Secure" in answer.headers["Set-Cookie"]

    with serving(Access("0.0.0.0", TOKEN, tls=True), certificate=certificate, key=key) as server:
        talk(server, conversation)
