"""The node that shows the avatar in a browser: ``image_raw`` and ``audio_out`` in, a page at one port out; and what the page asks for, as
``audio``, ``style``, ``expression``, parameters of motion_diffusion and the service ``interrupt``.

Pictures are subscribed to only while somebody looks, and each is encoded once for all who do. The worker encodes; the server has an event
loop in a thread of its own (``visavis.bridge``), and this node is its ``GraphPort``.
"""

import asyncio
import contextlib
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray, KeyValue
from geometry_msgs.msg import Point, PointStamped
from numpy.typing import NDArray
from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.action import ActionClient
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String
from std_srvs.srv import Trigger
from visavis_msgs.action import Say
from visavis_msgs.msg import AudioChunk as AudioChunkMsg
from visavis_msgs.msg import Expression

from visavis.motion.steering import EMOTIONS, MAX_SCALE, SCALE_NAMES
from visavis.motion.styles import STYLES
from visavis.nodes.base import AvatarNode, NodeConfig
from visavis.nodes.process import end_process, run_process
from visavis.nodes.queue import BoundedQueue, DropPolicy
from visavis.ros import qos
from visavis.ros.convert import audio_chunk_to_msg, header, msg_to_audio_chunk, msg_to_stamp
from visavis.ros.parameters import parameter
from visavis.ros.pictures import msg_to_jpeg_image, msg_to_picture
from visavis.timing import NANOSECONDS
from visavis.types import AudioChunk

if TYPE_CHECKING:
    from visavis.bridge.graph import GraphState, Outcome

KEPT = "the portrait stays as it is: "
"""So control_render says that it could not use a photo."""
ORIGINAL = "original"
"""The choice of the portrait that was shown first."""
FIRST_SOUND_SECONDS = 10.0
"""The voice says within this whether a text can be spoken."""
NO_SPEAKER = "Nobody speaks what is written: start the graph with say:=true."
PHOTOS = (".jpg", ".jpeg", ".png", ".webp")
INBOX = 8
AUDIO_INBOX = 2000
NEWEST = 3
"""Of pictures that queued up in a stall so many are encoded: the others would only make the newest late."""
MIN_KEY_SECONDS = 0.3
STALE_SECONDS = 3.0
"""A node that has said nothing for so long is not running."""
ANSWER_SECONDS = 5.0
MAX_STAMP_ERROR_NS = 5 * NANOSECONDS
MAX_LATE_NS = NANOSECONDS // 5
"""A browser holds the sound back until its picture is there: a graph that cannot keep up holds it back by this at most."""
FIGURES = (
    "state", "fps", "frames", "latency_p50_ms", "latency_p99_ms", "compute_p50_ms", "queue_depth", "drops", "errors", "repeated",
    "av_offset_ms", "idle", "voices", "voice", "speaking",
)  # fmt: skip
COUNTERS = (
    "refused", "pictures_encoded", "cutouts_encoded", "keyframes", "jpegs_encoded", "skipped", "late_pictures", "utterances",
    "rate_changes",
)  # fmt: skip
STEERED = {"style": "style", "emotion": "emotion", "emotion_intensity": "intensity"} | {
    f"{name}_scale": f"{name}_scale" for name in SCALE_NAMES
}
"""Parameter of motion_diffusion -> name that the page knows."""


@dataclass(frozen=True)
class WebBridgeConfig(NodeConfig):
    """Parameters of web_bridge."""

    host: str = parameter("127.0.0.1", "address to listen on; any but the loopback needs token, tls_certificate and tls_key")
    port: int = parameter(8088, "port of the page; 0 takes a free one", low=0, high=65535)
    token: str = parameter("", "secret that visitors need, of 16 characters or more; empty for none")
    tls_certificate: str = parameter("", "PEM file of the certificate")
    tls_key: str = parameter("", "PEM file of its key")
    host_names: tuple[str, ...] = parameter((), "names beside its address under which browsers may open the page")
    playout_delay: float = parameter(
        0.43, "that of video_generation: a picture is shown with the sound of its stamp plus this", low=0.05, high=5
    )
    compressed: bool = parameter(False, "take image_raw/compressed in place of image_raw, for a bridge on another machine")
    video_codec: str = parameter("vp8", "codec of the picture", choices=("vp8", "h264"))
    bit_rate: int = parameter(2_000_000, "of the picture, bits a second, at most", low=100_000, high=20_000_000)
    bit_rate_least: int = parameter(
        300_000, "to which it goes down for the slowest viewer's network; bit_rate or more: never", low=100_000, high=20_000_000
    )
    keyframe_seconds: float = parameter(10.0, "a key frame comes at least so often; also whenever a browser asks", low=0.5, high=600)
    jpeg_quality: int = parameter(80, "of pictures for viewers without WebRTC", low=1, high=100)
    stun_servers: tuple[str, ...] = parameter((), "URLs such as stun:stun.example.org:3478, for viewers behind a router")
    turn_servers: tuple[str, ...] = parameter((), "URLs such as turn:turn.example.org:3478?transport=udp")
    turn_username: str = parameter("", "user at the TURN servers")
    turn_credential: str = parameter("", "password at the TURN servers")
    portraits: str = parameter("", "folder of photos, of which visitors may choose the portrait by name; empty for no choice")
    uploads: bool = parameter(True, "visitors may send a photo, which becomes the portrait")
    upload_folder: str = parameter("", "where such photos are kept; empty for $XDG_CACHE_HOME/visavis/uploads")
    upload_megabytes: float = parameter(15.0, "the largest file of a photo that is taken", low=0.1, high=100)
    upload_keep: int = parameter(20, "photos that are kept; the oldest go first", low=1, high=10_000)
    upload_days: float = parameter(7.0, "days that a photo is kept", low=0.01, high=3650)
    max_viewers: int = parameter(8, "pages and picture streams at once", low=1, high=100)
    max_speech_seconds: int = parameter(600, "the longest speech or file that is taken in one go", low=1, high=7200)
    linger: float = parameter(10.0, "seconds that pictures go on after the last viewer has left, who may come back", low=0, high=3600)
    speech_buffer: float = parameter(0.06, "seconds by which a page's speech is held back against the network's jitter", low=0, high=1)


class WebBridge(AvatarNode):
    """See the module."""

    config_type = WebBridgeConfig
    config: WebBridgeConfig

    def __init__(self, **node_options: Any) -> None:
        super().__init__("web_bridge", **node_options)
        self._inbox: BoundedQueue[Image | CompressedImage] = BoundedQueue(INBOX, DropPolicy.OLDEST)
        self._heard: BoundedQueue[AudioChunkMsg] = BoundedQueue(AUDIO_INBOX, DropPolicy.OLDEST)
        self._lock = threading.Lock()
        self._viewers = (0, 0, 0)
        self._left_at: float | None = None
        self._image: Subscription | None = None
        self._sound: Any = None
        self._server: Any = None
        self._keys = (_KeyWish(), _KeyWish())
        self._person: tuple[tuple[float, float], float] | None = None
        self._cut_out = False
        self._rates_wanted = [0, 0]
        self._reports: dict[str, tuple[float, dict[str, Any]]] = {}
        self._steering: dict[str, Any] = {}
        self._asked = False
        self._picture_at = 0.0
        self._first_photo: str | None = None
        self._shown_photo: str | None = None
        self._photo_asked: str | None = None
        self._photo_state = {"state": "", "text": ""}
        self._old_refusal = ""
        self._saying: Any = None
        for name in COUNTERS:
            self.health.count(name, 0)
        self.create_timer(0.1, self._look_after, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def load(self) -> None:
        try:
            from visavis.bridge import encoders, graph, media_clock, peers, server, sound_blocks
            from visavis.bridge.access import Access
            from visavis.bridge.uploads import UploadConfig, Uploads
        except ImportError as error:
            raise ValueError(f"the page needs the package {error.name}: pip install 'visavis[web]'") from error
        config = self.config
        self._portraits = photos_in(config.portraits)
        uploads = None
        if config.uploads:
            folder = Path(config.upload_folder).expanduser().absolute() if config.upload_folder else upload_folder()
            uploads = UploadConfig(folder, int(config.upload_megabytes * 1e6), config.upload_keep, config.upload_days)
            self._uploads = Uploads(uploads)
            self._uploads.prune(time.time())
        offered = tuple(self._portraits) + ((ORIGINAL,) if config.uploads and ORIGINAL not in self._portraits else ())
        self.choices = graph.Choices(tuple(STYLES), tuple(EMOTIONS), SCALE_NAMES, MAX_SCALE, offered)
        self._outcome = graph.Outcome
        self._state_type, self._person_type = graph.GraphState, graph.Person
        self._encoders, self._media_clock, self._sound_blocks = encoders, media_clock, sound_blocks
        access = Access(config.host, config.token, config.host_names, bool(config.tls_certificate and config.tls_key))
        if bool(config.tls_certificate) != bool(config.tls_key):
            raise ValueError("tls_certificate and tls_key belong together: set both, or none")
        # With STUN or TURN viewers come from elsewhere, through a proxy on this machine for instance: then any address may be the one.
        everywhere = config.host in ("", "0.0.0.0", "::") or bool(config.stun_servers or config.turn_servers)
        addresses = () if everywhere else (("127.0.0.1",) if access.local else (config.host,))
        ice = peers.IceConfig(config.stun_servers, config.turn_servers, config.turn_username, config.turn_credential, addresses)
        self._make_server = lambda: server.Server(
            server.ServerConfig(
                access,
                config.port,
                config.tls_certificate,
                config.tls_key,
                config.video_codec,
                ice,
                config.max_viewers,
                config.max_speech_seconds,
                int(config.speech_buffer * NANOSECONDS),
                uploads,
                config.bit_rate,
                min(config.bit_rate_least, config.bit_rate),
            ),
            self,
        )
        self._audio = self.publisher(AudioChunkMsg, "audio", qos.AUDIO_DEPTH)
        self._style = self.publisher(String, "style", qos.STEERING_DEPTH)
        self._expression = self.publisher(Expression, "expression", qos.STEERING_DEPTH)
        self._portrait = self.publisher(String, "portrait", qos.STEERING_DEPTH)
        self._look_at = self.publisher(PointStamped, "look_at", qos.STEERING_DEPTH)

    def open(self) -> None:
        self._delay_ns = int(self.config.playout_delay * NANOSECONDS)
        self._media = self._media_clock.MediaClock(self.now_ns())
        config = self.config
        self._picture_encoders = [
            self._encoders.PictureEncoder(config.video_codec, config.bit_rate, config.keyframe_seconds) for _ in self._keys
        ]
        self._sound_encoder = self._encoders.SoundEncoder()
        self._rates_wanted = [config.bit_rate] * len(self._keys)
        self._inbox.clear()
        self._heard.clear()
        self._reports.clear()
        self._asked = False
        self._server = self._make_server()
        self._server.start()
        self.subscribe(AudioChunkMsg, "audio_out", self._on_sound, qos.AUDIO_QUEUE_DEPTH)
        self.subscribe(DiagnosticArray, qos.DIAGNOSTICS_TOPIC, self._on_diagnostics, qos.DIAGNOSTICS_DEPTH)
        self.subscribe(String, "style", lambda msg: self._steering.update(style=msg.data), qos.STEERING_DEPTH)
        self.subscribe(Expression, "expression", self._on_expression, qos.STEERING_DEPTH)
        self.subscribe(KeyValue, "portrait/wanted", self._on_portrait, 1, latched=True)
        self.subscribe(String, "provenance", self._on_provenance, 1, latched=True)
        self._interrupt = self.create_client(Trigger, "interrupt")
        self._set = self.create_client(SetParameters, "motion_diffusion/set_parameters")
        self._get = self.create_client(GetParameters, "motion_diffusion/get_parameters")
        self._say = ActionClient(self, Say, "say")
        self._saying = None
        self._clients_made = [self._interrupt, self._set, self._get]
        scheme = "https" if self.config.tls_certificate else "http"
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host or "0.0.0.0"
        self.get_logger().info(f"the page is at {scheme}://{host}:{self._server.port}/")

    def close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.stop()
            for client in self._clients_made:
                self.destroy_client(client)
            self._say.destroy()
        self._viewers, self._left_at = (0, 0, 0), None
        self._subscribe_pictures(False)
        self._sound = None

    def wake(self) -> None:
        self._inbox.wake()

    # Callbacks.

    def _on_sound(self, msg: AudioChunkMsg) -> None:
        self._heard.put(msg)
        self._inbox.wake()

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        own = self.get_namespace().rstrip("/") + "/"
        for status in msg.status:
            name = status.name.removeprefix(own)
            if not status.name.startswith(own) or "/" in name:
                continue
            values = {pair.key: pair.value for pair in status.values if pair.key in FIGURES}
            level = int.from_bytes(status.level, "big")
            if name == "control_render":
                self._see_refusal(status.message)
            self._reports[name] = (
                time.monotonic(),
                {"level": level, "message": status.message, **{k: _figure(v) for k, v in values.items()}},
            )

    def _on_expression(self, msg: Expression) -> None:
        self._steering.update(emotion=msg.emotion, intensity=msg.intensity)

    def _on_portrait(self, msg: KeyValue) -> None:
        """Which photo is shown now, or will be at once."""
        self._shown_photo = msg.value
        if self._first_photo is None:
            self._first_photo = "" if self.config.uploads and self._uploads.holds(msg.value) else msg.value
        shown = [name for name, path in self._portraits.items() if str(path) == msg.value]
        self._steering["portrait"] = shown[0] if shown else ORIGINAL if msg.value == self._first_photo else ""
        if self._photo_asked == msg.value:
            self._photo_asked, self._photo_state = None, {"state": "shown", "text": ""}

    def _see_refusal(self, message: str) -> None:
        """Whether control_render says that the photo that was asked for last cannot be used; it says so for a few seconds."""
        if not message.startswith(KEPT):
            self._old_refusal = ""
        elif message != self._old_refusal:
            self._old_refusal = message
            if self._photo_asked is not None:
                reason = message.removeprefix(KEPT).replace(self._photo_asked, "the photo")
                self._photo_asked, self._photo_state = None, {"state": "refused", "text": reason}

    def _on_provenance(self, msg: String) -> None:
        """How large the person is in the pictures."""
        try:
            facts = json.loads(msg.data)
            x, y = map(float, facts["eyes"])
            self._person = (x, y), float(facts["pixels_per_metre"])
        except (ValueError, KeyError, TypeError):
            self._person = None  # of another version

    def _look_after(self) -> None:
        """Ten times a second: pictures are subscribed to while somebody looks; the pages hear how the graph is."""
        server = self._server
        if server is None or self.lifecycle_state != "active":
            return
        looked_at = self._left_at is None and sum(self._viewers) > 0
        if looked_at or self._left_at is not None:
            late = self._left_at is not None and time.monotonic() - self._left_at > self.config.linger
            self._subscribe_pictures(not late)
            if late:
                self._left_at = None
        if "motion_diffusion" not in self._running():
            self._asked = False
        elif not self._asked and self._get.service_is_ready():
            self._asked = True
            self._get.call_async(GetParameters.Request(names=list(STEERED))).add_done_callback(self._on_parameters)

    def _on_parameters(self, future: Any) -> None:
        answer = future.result()
        if answer is None or len(answer.values) != len(STEERED):
            return
        for name, value in zip(STEERED.values(), answer.values, strict=True):
            self._steering[name] = value.string_value if value.type == ParameterType.PARAMETER_STRING else value.double_value

    def _subscribe_pictures(self, wanted: bool) -> None:
        with self._lock:
            if wanted and self._image is None:
                compressed = self.config.compressed
                kind, topic = (CompressedImage, "image_raw/compressed") if compressed else (Image, "image_raw")
                profile = qos.stream(qos.COMPRESSED_DEPTH if compressed else qos.PICTURE_DEPTH)
                self._image = self.create_subscription(kind, topic, self._inbox.put, profile, qos_overriding_options=qos.overridable())
            elif not wanted and self._image is not None:
                self.destroy_subscription(self._image)
                self._image = None

    # The worker.

    def work(self) -> None:
        sound, server = self._sound, self._server
        if sum(self._viewers) and sound is None:
            sound = self._sound = self._sound_blocks.SoundBlocks(self.now_ns())
        elif not sum(self._viewers):
            sound = self._sound = None
        wait = 0.1 if sound is None else self.wait_seconds(sound.wake_ns())
        pictures = self._inbox.drain(wait)
        if server is None:
            return
        for msg in self._heard.drain(0):
            try:
                chunk = msg_to_audio_chunk(msg)
            except ValueError as error:
                self.refuse("audio_out", error)
                continue
            if sound is not None:
                sound.hear(chunk, self.now_ns())
        if sound is not None:
            self._send_sound(sound, server)
        self.health.count("skipped", max(0, len(pictures) - NEWEST))
        for picture in pictures[-NEWEST:]:
            self._send_picture(picture, server)
            if sound is not None:
                self._send_sound(sound, server)

    def _send_sound(self, sound: Any, server: Any) -> None:
        webrtc, ready, cutouts = self._viewers
        for heard_ns, samples in sound.take(self.now_ns()):
            media_ns = self._media.media_ns(heard_ns)
            if webrtc or cutouts:
                packet = self._sound_encoder.encode(samples, self._media_clock.audio_ticks(media_ns), media_ns)
                if packet is not None:
                    server.send_audio(packet)
            if ready:
                server.send_samples(samples.astype("<i2").tobytes(), media_ns)

    def _send_picture(self, msg: Image | CompressedImage, server: Any) -> None:
        webrtc, ready, cutouts = self._viewers
        if not sum(self._viewers):
            return
        try:
            picture = msg_to_jpeg_image(msg) if isinstance(msg, CompressedImage) else msg_to_picture(msg)
        except ValueError as error:
            self.refuse("image_raw", error)
            return
        wall, cpu = time.perf_counter(), time.thread_time()
        now_ns = self.now_ns()
        shown_ns = msg_to_stamp(msg.header.stamp) + self._delay_ns
        if abs(shown_ns - now_ns) > MAX_STAMP_ERROR_NS:
            shown_ns = now_ns  # a recording that is replayed with its own stamps
            self.health.count("anchored")
        elif shown_ns < now_ns - MAX_LATE_NS:
            shown_ns = now_ns - MAX_LATE_NS
            self.health.count("late_pictures")
        media_ns = self._media.media_ns(shown_ns)
        self._cut_out = picture.shape[2] == 4
        if cutouts:
            self._send_video(self._encoders.cutout_sheet(picture), media_ns, True, server)
        if webrtc or ready:
            picture = self._encoders.over_ground(picture)
        if webrtc:
            self._send_video(picture, media_ns, False, server)
        if ready:
            server.send_picture(self._encoders.jpeg(picture, self.config.jpeg_quality), media_ns)
            self.health.count("jpegs_encoded")
        self._picture_at = time.monotonic()
        self.health.computed(time.perf_counter() - wall, time.thread_time() - cpu)
        self.health.published(self.now_ns() - msg_to_stamp(msg.header.stamp))

    def _send_video(self, picture: NDArray[np.uint8], media_ns: int, cutout: bool, server: Any) -> None:
        wish = self._keys[cutout]
        key = wish.take()
        encoder = self._picture_encoders[cutout]
        if encoder.follow(self._rates_wanted[cutout], self.config.bit_rate):
            self.health.count("rate_changes")
        packet = encoder.encode(picture, self._media_clock.video_ticks(media_ns), media_ns, key)
        if packet is not None:
            server.send_video(packet, cutout)
            self.health.count("cutouts_encoded" if cutout else "pictures_encoded")
            self.health.count("keyframes", int(packet.key))
        elif key:
            wish.wanted = True

    # What the server asks, from its event loop.

    def speak(self, chunk: AudioChunk) -> None:
        if not chunk.first_sample:
            self.health.count("utterances")
        self._audio.publish(audio_chunk_to_msg(chunk, self.config.frame_id))

    def express(self, emotion: str, intensity: float) -> "Outcome":
        if emotion not in EMOTIONS:
            return self._outcome(False, f"there is no emotion {emotion!r}: {', '.join(EMOTIONS)}")
        self._expression.publish(Expression(emotion=emotion, intensity=intensity))
        return self._heard_by("motion_diffusion")

    def choose_style(self, name: str) -> "Outcome":
        if name not in STYLES:
            return self._outcome(False, f"there is no style {name!r}: {', '.join(STYLES)}")
        self._style.publish(String(data=name))
        return self._heard_by("motion_diffusion")

    def choose_portrait(self, name: str) -> "Outcome":
        if name in self._portraits:
            return self._ask_for(str(self._portraits[name]))
        if name == ORIGINAL and self.config.uploads:
            return self._ask_for(self._first_photo or "")
        return self._outcome(False, f"there is no portrait {name!r}")

    def use_photo(self, path: Path) -> "Outcome":
        self.health.count("photos_taken")
        return self._ask_for(str(path))

    def _ask_for(self, photo: str) -> "Outcome":
        self._portrait.publish(String(data=photo))
        outcome = self._heard_by("control_render")
        if outcome.done:
            shown = photo == self._shown_photo
            self._photo_asked = None if shown else photo
            self._photo_state = {"state": "shown" if shown else "waiting", "text": ""}
        return outcome

    def say(self, text: str, voice: str, speed: float, told: Callable[[dict[str, Any]], None]) -> "asyncio.Future[Outcome]":
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Outcome] = loop.create_future()

        def settle(done: bool, text: str) -> None:
            if not result.done():
                result.set_result(self._outcome(done, text))

        def in_loop(work: Callable[..., None], *values: Any) -> None:
            with contextlib.suppress(RuntimeError):  # the server has ended meanwhile
                loop.call_soon_threadsafe(work, *values)

        ready = self._say_state()
        if not ready["ready"]:
            settle(False, ready["reason"])
            return result

        def on_feedback(msg: Any) -> None:
            feedback = msg.feedback
            in_loop(settle, True, "")
            in_loop(told, {"state": "speaking", "sentence": feedback.sentence, "seconds": round(feedback.seconds, 2), "text": ""})

        def on_result(future: Any) -> None:
            answer = future.result()
            done = answer.status == GoalStatus.STATUS_SUCCEEDED
            in_loop(settle, done, answer.result.message)
            state = "ended" if done else "stopped"
            in_loop(told, {"state": state, "sentence": "", "seconds": round(answer.result.seconds, 2), "text": answer.result.message})

        def on_answer(future: Any) -> None:
            goal = future.result()
            if goal.accepted:
                self._saying = goal
                goal.get_result_async().add_done_callback(on_result)
            else:
                in_loop(settle, False, "the text was refused")

        def send() -> None:
            goal = Say.Goal(text=text, voice=voice, speed=speed)
            self._say.send_goal_async(goal, feedback_callback=on_feedback).add_done_callback(on_answer)

        # In the executor: an action client is not made for two threads.
        self.executor.create_task(send)
        loop.call_later(FIRST_SOUND_SECONDS, settle, False, f"speech_synthesis did not answer within {FIRST_SOUND_SECONDS:g} s")
        return result

    def _say_state(self) -> dict[str, Any]:
        report = self._running().get("speech_synthesis")
        if report is None:
            return {"ready": False, "reason": NO_SPEAKER}
        if report["level"] == 2 or report.get("state") != "active":
            return {"ready": False, "reason": report["message"] if report["level"] == 2 else "The voice is being loaded."}
        voices = str(report.get("voices") or "").split(",")
        return {"ready": True, "reason": "", "voices": voices, "voice": report.get("voice"), "speaking": bool(report.get("speaking"))}

    def look_at(self, x: float, y: float, z: float) -> "Outcome":
        # Without a frame it is that of whichever avatar listens.
        self._look_at.publish(PointStamped(header=header(self.now_ns()), point=Point(x=x, y=y, z=z)))
        return self._heard_by("motion_diffusion")

    def interrupt(self) -> "asyncio.Future[Outcome]":
        saying, self._saying = self._saying, None
        if saying is not None:
            self.executor.create_task(saying.cancel_goal_async)
        return self._ask(self._interrupt, Trigger.Request(), lambda answer: self._outcome(answer.success, answer.message))

    def set_scale(self, name: str, value: float) -> "asyncio.Future[Outcome]":
        kind = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value)
        request = SetParameters.Request(parameters=[ParameterMsg(name=f"{name}_scale", value=kind)])

        def outcome(answer: SetParameters.Response) -> "Outcome":
            (result,) = answer.results
            if result.successful:
                self._steering[f"{name}_scale"] = value
            return self._outcome(result.successful, result.reason)

        return self._ask(self._set, request, outcome)

    def state(self) -> "GraphState":
        person = self._person and self._person_type(*self._person, self._cut_out)
        looked = time.monotonic() - self._picture_at < STALE_SECONDS
        return self._state_type(self._running(), dict(self._steering), looked, person, self._say_state(), self._photo_state)

    def watched(self, webrtc: int, pictures: int, cutouts: int) -> None:
        before, self._viewers = self._viewers, (webrtc, pictures, cutouts)
        if sum(self._viewers):
            self._left_at = None
        elif sum(before):
            self._left_at = time.monotonic()

    def want_key(self, cutout: bool) -> None:
        self._keys[cutout].wanted = True

    def want_rate(self, cutout: bool, bits: int) -> None:
        self._rates_wanted[cutout] = bits

    def trouble(self, key: str, text: str) -> None:
        self.health.count("errors")
        self.tell(text, key=f"server {key}")

    def _ask(self, client: Any, request: Any, outcome: Callable[[Any], "Outcome"]) -> "asyncio.Future[Outcome]":
        """Call a service without blocking the event loop; a graph that does not answer is told as such."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Outcome] = loop.create_future()

        def settle(value: "Outcome") -> None:
            if not result.done():
                result.set_result(value)

        if not client.service_is_ready():
            settle(self._outcome(False, "the graph is not running: motion_diffusion does not answer"))
            return result
        future = client.call_async(request)

        def answered(done: Any) -> None:
            with contextlib.suppress(RuntimeError):  # the server has ended meanwhile
                loop.call_soon_threadsafe(settle, outcome(done.result()))

        future.add_done_callback(answered)
        loop.call_later(ANSWER_SECONDS, settle, self._outcome(False, f"motion_diffusion did not answer within {ANSWER_SECONDS:g} s"))
        return result

    def _heard_by(self, name: str) -> "Outcome":
        if name not in self._running():
            return self._outcome(False, f"the graph is not running: {name} does not answer")
        return self._outcome(True)

    def _running(self) -> dict[str, dict[str, Any]]:
        now = time.monotonic()
        return {name: report for name, (at, report) in list(self._reports.items()) if now - at < STALE_SECONDS}

    def gauges(self) -> None:
        webrtc, ready, cutouts = self._viewers
        self.health.gauge("viewers_webrtc", webrtc)
        self.health.gauge("viewers_headset", cutouts)
        self.health.gauge("viewers_pictures", ready)
        if self._server is not None:
            self.health.gauge("bit_rate", self._picture_encoders[not webrtc and cutouts > 0].bit_rate)
        self.health.gauge("queue_depth", len(self._inbox))
        self.health.set_counter("drops", self._inbox.dropped + self._heard.dropped + self.health.counter("skipped"))
        sound = self._sound
        if sound is not None:
            for name, number in list(sound.counters.items()):
                self.health.set_counter(name, number)
        if self._server is not None:
            self._server.send_state()


class _KeyWish:
    """Whether the next picture of a stream must be a key frame. Several viewers who ask at once get one."""

    def __init__(self) -> None:
        self.wanted = True
        self._at = 0.0

    def take(self) -> bool:
        now = time.monotonic()
        if not self.wanted or now - self._at < MIN_KEY_SECONDS:
            return False
        self.wanted, self._at = False, now
        return True


def photos_in(folder: str) -> dict[str, Path]:
    """Name -> absolute path of the photos in a folder; none for no folder. ValueError where there is none."""
    if not folder:
        return {}
    path = Path(folder).expanduser().absolute()
    if not path.is_dir():
        raise ValueError(f"{path} is no folder: set portraits to a folder of photos")
    return {photo.stem: photo for photo in sorted(path.iterdir()) if photo.suffix.lower() in PHOTOS}


def upload_folder() -> Path:
    """Where photos of visitors are kept unless a parameter says otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "visavis" / "uploads"


def _figure(text: str) -> float | str | None:
    """A figure of /diagnostics as JSON may carry it: not a number becomes nothing."""
    try:
        value = float(text)
    except ValueError:
        return text
    return value if value == value and abs(value) != float("inf") else None


def main() -> NoReturn:
    end_process(run_process(WebBridge))


if __name__ == "__main__":
    main()
