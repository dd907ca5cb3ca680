"""The server: one event loop in a thread of its own, one port for the page, its socket and a plain stream of pictures."""

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path

from aiohttp import web

from visavis.bridge.access import COOKIE, Access
from visavis.bridge.commands import MAX_SAY
from visavis.bridge.encoders import Encoded
from visavis.bridge.graph import GraphPort
from visavis.bridge.limits import Bucket
from visavis.bridge.peers import IceConfig, Peer
from visavis.bridge.photo_check import PhotoError
from visavis.bridge.rate import RateFollower
from visavis.bridge.session import Session
from visavis.bridge.speech import SpeechStream, new_utterance_id
from visavis.bridge.uploads import UploadConfig, Uploads
from visavis.timing import NANOSECONDS, SAMPLE_RATE

FILES = {
    "index.html": "text/html",
    "style.css": "text/css",
    "app.js": "text/javascript",
    "media.js": "text/javascript",
    "speech.js": "text/javascript",
    "sync.js": "text/javascript",
    "figures.js": "text/javascript",
    "headset.js": "text/javascript",
    "cutout.js": "text/javascript",
    "place.js": "text/javascript",
    "say.js": "text/javascript",
    "upload.js": "text/javascript",
    "resample.worklet.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    "login.html": "text/html",
}
"""The page: these files and no others are served."""
OPEN_FILES = {"login.html", "style.css", "icon.svg"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send the form of the login with the origin "null"
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), xr-spatial-tracking=(self)",
    "Cache-Control": "no-cache",
}
MAX_BODY = 4096
MAX_MESSAGE = 128 * 1024
HEARTBEAT_SECONDS = 20.0
START_SECONDS = 10.0
STOP_SECONDS = 1.0
RATE_SECONDS = 0.9
"""How often the picture's bit rate is looked at; the node has the state sent once a second."""
UPLOAD_SECONDS = 120.0
"""A photo that has not arrived so long after its first byte is given up."""
UPLOADS_A_SECOND, UPLOADS_AT_ONCE = 0.1, 5.0
LOOK_SECONDS = 1.0
"""How often a stream without pictures looks whether its reader is still there."""
BOUNDARY = "visavis"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class ServerConfig:
    """port 0 takes a free one. max_speech_seconds: of one stream of a microphone or file. buffer_ns: see ``speech``. uploads: None for no
    photos from visitors. most_bits, least_bits: of the picture a second, between which it follows the viewers' networks."""

    access: Access
    port: int
    certificate: str = ""
    key: str = ""
    codec: str = "vp8"
    ice: IceConfig = field(default_factory=IceConfig)
    max_viewers: int = 8
    max_speech_seconds: int = 600
    buffer_ns: int = 60_000_000
    uploads: UploadConfig | None = None
    most_bits: int = 2_000_000
    least_bits: int = 300_000


class Server:
    """See the module. ``start`` and ``stop`` are called from outside, and so are the ``send_`` methods."""

    def __init__(self, config: ServerConfig, graph: GraphPort) -> None:
        self.config = config
        self.graph = graph
        self.port = 0
        self.sessions: set[Session] = set()
        self._streams: set[PictureStream] = set()
        self._sockets = 0
        self._last_id = 0
        self._logins = Bucket(0.5, 5)
        self._photos = Bucket(UPLOADS_A_SECOND, UPLOADS_AT_ONCE)
        self.uploads = Uploads(config.uploads) if config.uploads is not None else None
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._on_error)
        self._thread = threading.Thread(target=self._loop.run_forever, name="web", daemon=True)
        # Plain pictures and those with opacity are two streams, and each has viewers of its own.
        self._rates = [RateFollower(config.most_bits, config.least_bits) for _ in range(2)]
        self._sent_bytes, self._rated_at = [0, 0], time.monotonic()
        self._runner: web.AppRunner | None = None
        page = resources.files("visavis.bridge") / "page"
        self._files = {name: (page / name).read_bytes() for name in FILES}

    # From outside.

    def start(self) -> None:
        """Open the port. Raises OSError where it is taken, ValueError for certificates that cannot be read."""
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Close everything."""
        if not self._thread.is_alive():
            return
        with contextlib.suppress(Exception):
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(STOP_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()

    def send_video(self, packet: Encoded, cutout: bool) -> None:
        """A picture for those who look on by WebRTC, or for those of them who want opacity."""
        self._sent_bytes[cutout] += len(packet.data)
        self._to_all(lambda session: session.offer_video(packet, cutout))

    def send_audio(self, packet: Encoded) -> None:
        self._to_all(lambda session: session.offer_audio(packet))

    def send_picture(self, jpeg: bytes, media_ns: int) -> None:
        """A ready picture for those without WebRTC."""

        def send() -> None:
            for session in list(self.sessions):
                session.offer_picture(jpeg, media_ns)
            for stream in list(self._streams):
                stream.offer(jpeg)

        self._loop.call_soon_threadsafe(send)

    def send_samples(self, samples: bytes, media_ns: int) -> None:
        """int16 little-endian at 16 kHz for those without WebRTC."""
        self._to_all(lambda session: session.offer_samples(samples, media_ns))

    def send_state(self) -> None:
        """A look at the graph, to every page."""
        self._loop.call_soon_threadsafe(self._send_state)

    def _to_all(self, give: Callable[[Session], None]) -> None:
        def work() -> None:
            for session in list(self.sessions):
                give(session)

        self._loop.call_soon_threadsafe(work)

    # What sessions need.

    def make_peer(self, on_state: Callable[[str], None], cutout: bool) -> Peer:
        key, rate = object(), self._rates[cutout]

        def state(state: str) -> None:
            if state in ("closed", "failed"):
                rate.forget(key)
            on_state(state)

        return Peer(
            self.config.ice,
            self.config.codec,
            lambda: self.graph.want_key(cutout),
            state,
            lambda bits: rate.hear_estimate(key, bits, time.monotonic()),
            lambda share: rate.hear_loss(key, share, time.monotonic()),
            cutout,
        )

    def begin_speech(self, session: Session, live: bool) -> SpeechStream:
        """One speaks at a time, and the last who began does."""
        for other in self.sessions:
            if other is not session and other.speaking:
                other.stop_speech("somebody else speaks now")
        now_ns = self.graph.now_ns()
        self._last_id = new_utterance_id(now_ns, self._last_id)
        return SpeechStream(self._last_id, live, self.config.buffer_ns, self.config.max_speech_seconds * SAMPLE_RATE)

    def hush(self, session: Session, reason: str) -> None:
        """End what any page says, because of ``session``."""
        for one in self.sessions:
            if one.speaking:
                one.stop_speech("" if one is session else reason)

    def count_watchers(self) -> None:
        peers = [session.peer.cutout for session in self.sessions if session.peer is not None]
        pictures = sum(session.pictures for session in self.sessions) + len(self._streams)
        self.graph.watched(peers.count(False), pictures, peers.count(True))

    # The loop.

    async def _open(self) -> None:
        app = web.Application(middlewares=[self._guard], client_max_size=MAX_BODY)
        app.router.add_get("/", self._page)
        app.router.add_post("/login", self._login)
        app.router.add_get("/socket", self._socket)
        app.router.add_get("/stream.mjpg", self._stream)
        app.router.add_post("/portrait", self._upload)
        app.router.add_get("/{name}", self._file)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=STOP_SECONDS / 2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.config.access.host, self.config.port, ssl_context=self._tls())
        try:
            await site.start()
        except OSError as error:
            raise OSError(
                f"cannot listen on {self.config.access.host} port {self.config.port} ({error.strerror or error}): set port to a free one"
            ) from error
        self.port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        for session in list(self.sessions):
            session.stop_speech()
        await asyncio.gather(*(session.goodbye() for session in list(self.sessions)), return_exceptions=True)
        for stream in list(self._streams):
            stream.end()
        if self._runner is not None:
            await self._runner.cleanup()

    def _tls(self) -> ssl.SSLContext | None:
        if not self.config.certificate:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        for name, path in (("tls_certificate", self.config.certificate), ("tls_key", self.config.key)):
            if not Path(path).is_file():
                raise ValueError(f"{name}: there is no file {path or '(empty)'}: name a PEM file")
        try:
            context.load_cert_chain(self.config.certificate, self.config.key)
        except ssl.SSLError as error:
            raise ValueError(
                f"{self.config.certificate} and {self.config.key} are no pair of certificate and key in PEM: {error.reason}"
            ) from error
        return context

    def _on_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """What nobody waits for, in aiortc's own tasks among others: counted and told, and never the end."""
        error = context.get("exception")
        if isinstance(error, ConnectionError):
            return
        self.graph.trouble("loop", f"{context.get('message')}: {type(error).__name__ if error else ''} {error or ''}".strip())

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        access = self.config.access
        if not access.knows_host(request.headers.get("Host")):
            raise web.HTTPForbidden(
                text="This server does not go by that name: use its address, or add the name to the parameter host_names.\n"
            )
        if not access.knows_origin(request.headers.get("Origin"), request.headers.get("Host")):
            raise web.HTTPForbidden(text="Pages of other sites may not use this server.\n")
        name = request.path.removeprefix("/")
        if not (
            self._allowed(request) or name in OPEN_FILES or request.path == "/login" or (request.path == "/" and "token" in request.query)
        ):
            if request.path != "/":
                raise web.HTTPUnauthorized(text="A token is needed: open / first, or send it as a Bearer.\n")
            return self._send_file("login.html", status=401)
        response = await handler(request)
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    def _allowed(self, request: web.Request) -> bool:
        access = self.config.access
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return access.cookie_fits(request.cookies.get(COOKIE)) or (bool(bearer) and access.token_fits(bearer))

    async def _page(self, request: web.Request) -> web.StreamResponse:
        if "token" in request.query:
            return self._admit(request.query["token"])
        return self._send_file("index.html")

    async def _login(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        token = form.get("token")
        return self._admit(token if isinstance(token, str) else "")

    def _admit(self, token: str) -> web.StreamResponse:
        """A cookie for who knows the token, so that it need not stay in the address."""
        if not self._logins.take(time.monotonic()):
            raise web.HTTPTooManyRequests(text="Too many tries: wait a few seconds.\n")
        if not self.config.access.token_fits(token):
            return self._send_file("login.html", status=401, wrong=True)
        response = web.Response(status=303, headers=HEADERS | {"Location": "/"})
        response.set_cookie(COOKIE, self.config.access.cookie, httponly=True, secure=self.config.access.tls, samesite="Strict", path="/")
        return response

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in FILES:
            raise web.HTTPNotFound(text="There is nothing of that name.\n")
        return self._send_file(name)

    def _send_file(self, name: str, status: int = 200, wrong: bool = False) -> web.Response:
        body = self._files[name]
        if wrong:
            body = body.replace(b"hidden data-wrong", b"")
        return web.Response(body=body, status=status, content_type=FILES[name], charset="utf-8", headers=HEADERS)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self._sockets >= self.config.max_viewers:
            raise web.HTTPServiceUnavailable(text=f"All {self.config.max_viewers} places are taken: try again later.\n")
        self._sockets += 1
        try:
            socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE, heartbeat=HEARTBEAT_SECONDS, compress=False)
            await socket.prepare(request)
            session = Session(self, socket)
            self.sessions.add(session)
            try:
                choices = self.graph.choices
                session.tell(
                    type="hello",
                    ice=self.config.ice.for_browser(),
                    styles=choices.styles,
                    emotions=choices.emotions,
                    scales=choices.scales,
                    max_scale=choices.max_scale,
                    portraits=choices.portraits,
                    max_speech_seconds=self.config.max_speech_seconds,
                    max_say=MAX_SAY,
                    max_upload=self.config.uploads.max_bytes if self.config.uploads else 0,
                )
                session.tell(**self._state())
                await session.run()
            finally:
                self.sessions.discard(session)
                self.count_watchers()
        finally:
            self._sockets -= 1
        return socket

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """Pictures for programs that want nothing else: multipart/x-mixed-replace, one JPEG a part."""
        if self._sockets >= self.config.max_viewers:
            raise web.HTTPServiceUnavailable(text=f"All {self.config.max_viewers} places are taken: try again later.\n")
        self._sockets += 1
        stream = PictureStream()
        self._streams.add(stream)
        self.count_watchers()
        try:
            response = web.StreamResponse(headers=HEADERS | {"Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}"})
            await response.prepare(request)
            while not stream.ended and request.transport is not None:
                picture = await stream.next(LOOK_SECONDS)
                if picture is None:
                    continue
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                await response.write(head.encode() + picture + b"\r\n")
        except ConnectionError:
            pass
        finally:
            self._streams.discard(stream)
            self._sockets -= 1
            self.count_watchers()
        return response

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        """A photo as the body of a request; the answer is JSON: ``ok`` and ``text``, why not. Whether it can be used shows in the state."""
        uploads = self.uploads
        if uploads is None:
            return self._answer(403, "photos are not taken here: the parameter uploads is false")
        if request.content_type not in ("image/jpeg", "image/png", "image/webp"):
            return self._answer(415, "only JPEG, PNG and WebP pictures are taken")
        limit = uploads.config.max_bytes
        too_large = f"the file has more than {limit / 1e6:g} MB: make it smaller"
        if (request.content_length or 0) > limit:
            return self._answer(413, too_large)
        if uploads.busy or not self._photos.take(time.monotonic()):
            return self._answer(429, "another photo is being looked at: try again in a few seconds")
        uploads.busy = True
        try:
            data = bytearray()
            async with asyncio.timeout(UPLOAD_SECONDS):
                async for part in request.content.iter_any():
                    data += part
                    if len(data) > limit:
                        return self._answer(413, too_large)
            path = await uploads.take(bytes(data))
            uploads.prune(time.time(), str(path))
        except PhotoError as error:
            return self._answer(422, str(error))
        except TimeoutError:
            return self._answer(408, "the photo did not arrive in time: try again")
        except OSError as error:
            self.graph.trouble("upload", f"a photo could not be kept in {uploads.config.folder}: {error.strerror or error}")
            return self._answer(507, "the photo could not be kept: whoever runs the avatar finds the reason in its log")
        finally:
            uploads.busy = False
        outcome = self.graph.use_photo(path)
        return self._answer(200 if outcome.done else 503, outcome.text)

    def _answer(self, status: int, text: str) -> web.Response:
        return web.json_response({"ok": status == 200, "text": text}, status=status, headers=HEADERS)

    def _follow_network(self) -> None:
        now = time.monotonic()
        seconds, sent = now - self._rated_at, self._sent_bytes
        if seconds < RATE_SECONDS:
            return
        self._rated_at, self._sent_bytes = now, [0, 0]
        for cutout, rate in enumerate(self._rates):
            self.graph.want_rate(bool(cutout), rate.tick(8 * sent[cutout] / seconds, now))

    def _send_state(self) -> None:
        self._follow_network()
        if self.sessions:
            state = self._state()
            for session in list(self.sessions):
                session.tell(**state)

    def _state(self) -> dict[str, object]:
        state = self.graph.state()
        return {
            "type": "state",
            "nodes": state.nodes,
            "steering": state.steering,
            "pictures": state.pictures,
            "person": state.person and asdict(state.person),
            "say": state.say,
            "portrait": state.portrait,
            "viewers": len(self.sessions) + len(self._streams),
            "time": self.graph.now_ns() / NANOSECONDS,
        }


class PictureStream:
    """The newest picture for one reader of ``/stream.mjpg``."""

    def __init__(self) -> None:
        self._picture: bytes | None = None
        self._arrived = asyncio.Event()
        self.ended = False

    def offer(self, picture: bytes) -> None:
        self._picture = picture
        self._arrived.set()

    def end(self) -> None:
        self.ended = True
        self._arrived.set()

    async def next(self, timeout: float) -> bytes | None:
        """The next picture; None if there is none within ``timeout`` seconds."""
        try:
            await asyncio.wait_for(self._arrived.wait(), timeout)
        except TimeoutError:
            return None
        self._arrived.clear()
        return None if self.ended else self._picture
