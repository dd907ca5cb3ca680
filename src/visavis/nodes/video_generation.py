"""The node that draws: ``control`` in; ``image_raw``, ``image_raw/compressed``, ``camera_info`` out at 30 pictures a second, and
``audio_out``, the sound that belongs to them.

A picture's stamp is the media time of its frame; it is published ``playout_delay`` later. What is shown when is decided in ``playout``,
what is heard when in ``sound``. Nothing is drawn, compressed or copied that nobody subscribes to.

The portrait is the one that control_render poses: what it names on ``portrait/wanted`` is loaded beside the stream and, once it can be
drawn, answered on ``portrait/ready``. ``provenance`` says what the pictures are: generated, by what, of which portrait.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn, Protocol

import numpy as np
from diagnostic_msgs.msg import KeyValue
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String
from visavis_msgs.msg import AudioChunk as AudioChunkMsg
from visavis_msgs.msg import ControlFrame as ControlFrameMsg

from visavis.control.pose import KEYPOINT_NAMES, ControlConfig, ControlStage
from visavis.film.mark import draw_visible_mark, facts_json, jpeg_segment, mark_text
from visavis.motion.layout import neutral_motion
from visavis.nodes.avatar import load_avatar
from visavis.nodes.base import AvatarNode, NodeConfig
from visavis.nodes.playout import PlayoutQueue, Slot
from visavis.nodes.portraits import PortraitLoader
from visavis.nodes.process import end_process, run_process
from visavis.nodes.queue import BoundedQueue, DropPolicy
from visavis.nodes.relief import Relief
from visavis.nodes.sound import SoundPlayout
from visavis.ros import qos
from visavis.ros.camera import Calibration, camera_info
from visavis.ros.convert import audio_chunk_to_msg, msg_to_audio_chunk, msg_to_control_frame
from visavis.ros.parameters import parameter
from visavis.ros.pictures import ENCODINGS, MATTE_ENCODINGS, image_to_msg, jpeg_to_msg
from visavis.runtime.refine import PICTURE_WEIGHTS, load_refine
from visavis.timing import FRAME_RATE, NANOSECONDS
from visavis.types import IDLE_UTTERANCE, AudioChunk, ControlFrame, MotionChunk, VideoFrame
from visavis.types_portrait import EYE_DISTANCE_M
from visavis.video.renderer import VideoConfig, VideoStage
from visavis.video.view import FRAMINGS, picture_size

INBOX = 300
_EYES = [index for index, name in enumerate(KEYPOINT_NAMES) if "_eye_" in name]
AUDIO_INBOX = 6000


class VideoStageLike(Protocol):
    """What the node needs of ``video.renderer.VideoStage``."""

    def initial_state(self) -> Any: ...

    def with_skin(self, state: Any, share: float) -> Any: ...

    def step(self, frame: ControlFrame, state: Any) -> tuple[VideoFrame, Any]: ...

    def over_plate(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class Drawing:
    """A stage, and the portrait it draws: content hash, number of vertices, focal length and principal point of its camera in pixels of the
    pictures, number of vertices of its arms; the pixel between the eyes at rest, and how many pixels a metre has there."""

    stage: VideoStageLike
    portrait: str
    vertices: int
    focal: float
    principal: tuple[float, float]
    arms: int = 0
    eyes: tuple[float, float] = (255.5, 230.0)
    pixels_per_metre: float = 1300.0


@dataclass(frozen=True)
class VideoNodeConfig(NodeConfig):
    """Parameters of video_generation. Names of the picture's parameters are those of usb_cam."""

    portrait: str = parameter(
        "",
        "the photo; empty for the one that comes with visavis; later the one of control_render",
        instead="set the portrait of control_render, which this node follows",
    )
    portrait_cache: str = parameter("", "folder of fitted portraits; empty for the user's cache folder")
    mano: str = parameter("", "folder of your own MANO_RIGHT.pkl or .npz, whose hands are shown; control_render needs the same")
    playout_delay: float = parameter(
        0.43, "seconds from media time (when a sound was made) to the screen; more than the stages need together", low=0.05, high=5
    )
    late_limit: float = parameter(0.15, "seconds a picture may be late before it is skipped for the next one", low=0, high=5)
    render_ahead: int = parameter(6, "pictures that are drawn before their time", low=1, high=30)
    framing: str = parameter(next(iter(FRAMINGS)), "what is seen of the person; the head is a square", choices=tuple(FRAMINGS))
    image_width: int = parameter(0, "pixels; 0 follows from the height, or 512", low=0, high=4096)
    image_height: int = parameter(0, "pixels; 0 follows from the width, or 768, of the head 512", low=0, high=4096)
    framerate: float = parameter(30.0, "pictures a second: 30, or 30 divided by a whole number", low=1, high=30)
    pixel_format: str = parameter(
        "rgb8", "encoding of image_raw; rgba8 and bgra8 hold the person alone, with opacity", choices=tuple(ENCODINGS)
    )
    refine: bool = parameter(True, "a network gives the skin the folds of its expressions")
    relief: bool = parameter(True, "leave that network out while pictures come late, until there has been time for it again for a while")
    picture_weights: str = parameter("", "folder of trained weights of the picture; empty for those that come with visavis")
    visible_mark: bool = parameter(False, "write 'AI generated' into a corner of every picture")
    camera_name: str = parameter("avatar", "name in the camera's calibration file")
    camera_info_url: str = parameter("", "calibration file (path or file://); empty for the camera that was fitted to the photo")
    jpeg_quality: int = parameter(90, "quality of image_raw/compressed", low=1, high=100)

    def __post_init__(self) -> None:
        picture_size(self.framing, self.image_width, self.image_height)
        if abs(FRAME_RATE / self.framerate - round(FRAME_RATE / self.framerate)) > 1e-6:
            raise ValueError(f"framerate must be {FRAME_RATE} divided by a whole number (30, 15, 10, 7.5, 6, ...), got {self.framerate}")

    @property
    def video(self) -> VideoConfig:
        """How the stage draws."""
        matte = self.pixel_format in MATTE_ENCODINGS
        return VideoConfig(framing=self.framing, width=self.image_width, height=self.image_height, matte=matte)

    @property
    def every(self) -> int:
        """Each so-manieth frame is published."""
        return round(FRAME_RATE / self.framerate)


def load_drawing(config: VideoNodeConfig) -> Drawing:
    """The video stage of the portrait. Raises PortraitError or WeightsError with what to do about a bad photo or weights."""
    weights = Path(config.picture_weights) if config.picture_weights else PICTURE_WEIGHTS
    refine = load_refine(weights) if config.refine else None
    portrait = load_avatar(config.portrait, config.portrait_cache, config.mano)
    stage = VideoStage(portrait, config.video, refine)
    # Drawing once compiles what draws, so that the first picture is not late.
    posing = ControlStage(portrait, ControlConfig())
    frames, _ = posing.step(MotionChunk(IDLE_UTTERANCE, 0, neutral_motion(1)), posing.initial_state())
    stage.step(frames[0], stage.initial_state())
    camera = stage.view.camera(portrait.focal, portrait.principal)
    eyes = stage.view.pixel(*frames[0].keypoints[_EYES, :2].mean(0).tolist())
    scale = portrait.eye_distance / EYE_DISTANCE_M * stage.view.scale
    return Drawing(stage, portrait.content_hash, len(portrait.vertices), *camera, portrait.arms.vertices, eyes, scale)


@dataclass
class _Face:
    """A portrait that can be shown: its stage with its state, its camera, and the mark in its JPEG files."""

    drawing: Drawing
    state: Any
    calibration: Calibration
    segment: bytes


class VideoGeneration(AvatarNode):
    """See the module. ``load_drawing`` makes the stage when the node is configured."""

    config_type = VideoNodeConfig
    config: VideoNodeConfig

    def __init__(self, load_drawing: Callable[[VideoNodeConfig], Drawing] = load_drawing, **node_options: object) -> None:
        super().__init__("video_generation", **node_options)
        self._load_drawing = load_drawing
        self._inbox: BoundedQueue[ControlFrameMsg] = BoundedQueue(INBOX, DropPolicy.OLDEST)
        self._heard: BoundedQueue[tuple[AudioChunkMsg, int]] = BoundedQueue(AUDIO_INBOX, DropPolicy.OLDEST)
        self._playout: PlayoutQueue[ControlFrame] | None = None
        self._sound: SoundPlayout | None = None
        self._relief: Relief | None = None
        self._shown = 0
        self._asked: tuple[str, str] | None = None
        self._portraits: PortraitLoader[Drawing] | None = None
        for name in ("refused", "repeated", "before_portrait", "reliefs", "unrefined"):
            self.health.count(name, 0)

    def load(self) -> None:
        self._image = self.publisher(Image, "image_raw", qos.PICTURE_DEPTH)
        self._compressed = self.publisher(CompressedImage, "image_raw/compressed", qos.COMPRESSED_DEPTH)
        self._camera_info = self.publisher(CameraInfo, "camera_info", qos.PICTURE_DEPTH)
        self._audio_out = self.publisher(AudioChunkMsg, "audio_out", qos.AUDIO_DEPTH)
        self._provenance = self.publisher(String, "provenance", 1, latched=True)
        self._ready = self.publisher(KeyValue, "portrait/ready", 1, latched=True)
        first = self._load_drawing(self.config)
        self._wanted = first.portrait
        self._faces = {first.portrait: self._face(first)}

    def _face(self, drawing: Drawing) -> _Face:
        config = self.config
        size = config.video.size
        calibration = camera_info(config.camera_info_url, config.camera_name, *size, drawing.focal, drawing.principal)
        return _Face(drawing, drawing.stage.initial_state(), calibration, jpeg_segment(mark_text(portrait=drawing.portrait[:16])))

    def open(self) -> None:
        delay_ns = int(self.config.playout_delay * NANOSECONDS)
        self._inbox.clear()
        self._heard.clear()
        for face in self._faces.values():
            face.state = face.drawing.stage.initial_state()
        self._stated = self._answered = ""
        self._asked = None
        self._portraits = PortraitLoader(lambda photo: self._load_drawing(replace(self.config, portrait=photo)), self.config.portrait_cache)
        self._playout = PlayoutQueue(delay_ns, int(self.config.late_limit * NANOSECONDS), self.config.render_ahead)
        self._sound = SoundPlayout(delay_ns)
        self._relief = Relief() if self.config.refine and self.config.relief else None
        self.subscribe(KeyValue, "portrait/wanted", self._on_wanted, 1, latched=True)
        self.subscribe(ControlFrameMsg, "control", self._inbox.put, qos.CONTROL_DEPTH)
        self.subscribe(AudioChunkMsg, "audio", self._on_audio, qos.AUDIO_QUEUE_DEPTH)

    def close(self) -> None:
        self._playout = self._sound = self._relief = None
        if self._portraits is not None:
            self._portraits.close()
        self._portraits = None

    def _on_wanted(self, msg: KeyValue) -> None:
        self._asked = (msg.key, msg.value)
        self._inbox.wake()

    def _follow_portrait(self) -> None:
        """Load the portrait that control_render wants to show, and answer when it can be drawn, or why it cannot."""
        portraits = self._portraits
        assert portraits is not None
        asked, self._asked = self._asked, None
        if asked is not None:
            self._wanted, photo = asked
            self._answered = ""
            if self._wanted not in self._faces:
                portraits.want(photo)
        arrival = portraits.take()
        if arrival is not None:
            found = arrival.loaded.portrait if arrival.loaded else ""
            if arrival.loaded is not None and found == self._wanted:
                self._faces[found] = self._face(arrival.loaded)
            else:
                why = arrival.failure or f"video_generation finds another photo at {arrival.photo}: give it the same file"
                self.tell(f"cannot draw the portrait that control_render wants: {why}", again=0.0)
                self._answer(why)
        if self._wanted in self._faces and self._answered != self._wanted:
            self._answer("")
        if not self._stated:
            self._state_provenance(next(iter(self._faces)))

    def _answer(self, failure: str) -> None:
        self._answered = self._wanted
        self._ready.publish(KeyValue(key=self._wanted, value=failure))

    def _state_provenance(self, portrait: str) -> None:
        self._stated = portrait
        drawing = self._faces[portrait].drawing
        self._provenance.publish(String(data=facts_json(portrait, drawing.eyes, drawing.pixels_per_metre)))

    def wake(self) -> None:
        self._inbox.wake()

    def _on_audio(self, msg: AudioChunkMsg) -> None:
        self._heard.put((msg, self.now_ns()))
        self._inbox.wake()

    def work(self) -> None:
        playout, sound = self._playout, self._sound
        assert playout is not None and sound is not None
        self._follow_portrait()
        now_ns = self.now_ns()
        slot = playout.next_to_draw(now_ns)
        due_at_ns = playout.wake_ns(now_ns)
        wait = 0.0 if slot is not None else self.wait_seconds(due_at_ns)
        for msg in self._inbox.drain(wait):
            self._receive(msg, playout, sound)
        for audio_msg, arrival_ns in self._heard.drain(0):
            self._hear(audio_msg, arrival_ns, sound)
        due = playout.take_due(self.now_ns())
        if due is not None:
            self._show(due, sound)
        slot = playout.next_to_draw(self.now_ns())
        if slot is not None:
            self._draw(slot)

    def _receive(self, msg: ControlFrameMsg, playout: PlayoutQueue[ControlFrame], sound: SoundPlayout) -> None:
        face = self._faces.get(msg.portrait)
        if face is None and msg.portrait == self._wanted != self._answered:
            self.health.count("before_portrait")  # it is on its way: this node was started anew after the portrait was changed
            return
        face = face or next(iter(self._faces.values()))
        try:
            frame = msg_to_control_frame(msg, face.drawing.portrait, face.drawing.vertices, face.drawing.arms)
        except ValueError as error:
            self.refuse("control", error)
            return
        now_ns = self.now_ns()
        if frame.flush:
            self._send_sound(sound.interrupt(now_ns))
        slot = playout.offer(frame, now_ns)
        if slot is None:
            self.tell("more control frames than can be held: motion runs too far ahead of its time", key="overflow")
        else:
            self._send_sound(sound.frame(frame.utterance_id, frame.frame_index, slot.stamp_ns))

    def _hear(self, msg: AudioChunkMsg, arrival_ns: int, sound: SoundPlayout) -> None:
        try:
            self._send_sound(sound.hear(msg_to_audio_chunk(msg), arrival_ns))
        except ValueError as error:
            self.refuse("audio", error)

    def _send_sound(self, chunks: list[AudioChunk]) -> None:
        for chunk in chunks:
            self._audio_out.publish(audio_chunk_to_msg(chunk, self.config.frame_id))

    @property
    def _watched(self) -> bool:
        return self._image.get_subscription_count() > 0 or self._compressed.get_subscription_count() > 0

    def _draw(self, slot: Slot[ControlFrame]) -> None:
        """Draw one picture ahead of its time. A frame that cannot be drawn leaves the queue, so that the next one can be shown."""
        assert self._playout is not None
        slot.ready = True
        if not self._watched:
            return
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            face = self._faces[slot.frame.portrait]
            stage = face.drawing.stage
            if self._relief is not None:
                face.state = stage.with_skin(face.state, self._relief.share)
            frame, face.state = stage.step(slot.frame, face.state)
        except Exception:
            self._playout.give_up(slot)
            raise
        slot.picture = draw_visible_mark(frame.image) if self.config.visible_mark else frame.image
        self.health.computed(time.perf_counter() - wall, time.thread_time() - cpu)
        if self._relief is not None:
            self._relieve(self._relief, self._playout.due_ns(slot) - self.now_ns())

    def _relieve(self, relief: Relief, early_ns: int) -> None:
        """Note when a picture was ready, and tell when the network of the skin goes or comes back."""
        before = relief.away
        relief.drawn(early_ns)
        if relief.away and not before:
            self.tell("pictures come late: they are drawn without the network of the skin until there is time for it again", key="relief")
        elif before and not relief.away:
            self.get_logger().info("pictures are drawn with the network of the skin again")

    def _show(self, slot: Slot[ControlFrame], sound: SoundPlayout) -> None:
        shown_ns = self.now_ns()
        self._shown += 1
        if slot.frame.portrait != self._stated:
            self._state_provenance(slot.frame.portrait)
            self._faces = {name: face for name, face in self._faces.items() if name in (self._stated, self._wanted)}
        if self._shown % self.config.every == 0:
            self._publish(slot)
        self.health.published(shown_ns - slot.stamp_ns)
        if not slot.repeated:
            offset_ns = sound.offset_ns(slot.frame.utterance_id, slot.frame.frame_index, shown_ns)
            if offset_ns is not None:
                self.health.gauge("av_offset_ms", offset_ns / 1e6)

    def _publish(self, slot: Slot[ControlFrame]) -> None:
        raw, compressed = self._image.get_subscription_count() > 0, self._compressed.get_subscription_count() > 0
        picture = slot.picture
        if (raw or compressed) and picture is not None:
            face = self._faces[slot.frame.portrait]
            if raw:
                self._image.publish(image_to_msg(picture, self.config.pixel_format, slot.stamp_ns, self.config.frame_id))
            if compressed:
                flat = face.drawing.stage.over_plate(picture)
                msg = jpeg_to_msg(
                    flat, self.config.jpeg_quality, self.config.pixel_format, slot.stamp_ns, self.config.frame_id, face.segment
                )
                self._compressed.publish(msg)
        if self._camera_info.get_subscription_count() > 0:
            calibration = self._faces[self._stated].calibration
            self._camera_info.publish(calibration.at(slot.stamp_ns, self.config.frame_id))

    def gauges(self) -> None:
        playout, sound = self._playout, self._sound
        if playout is None or sound is None:
            return
        for name, number in [*playout.counters.items(), *sound.counters.items()]:
            self.health.set_counter(name, number)
        self.health.set_counter(
            "drops", playout.counters["drops"] + sound.counters["sound_drops"] + self._inbox.dropped + self._heard.dropped
        )
        if (relief := self._relief) is not None:
            self.health.set_counter("reliefs", relief.reliefs)
            self.health.set_counter("unrefined", relief.unrefined)
            self.health.gauge("skin", relief.share)
        self.health.gauge("queue_depth", len(playout))
        self.health.gauge("watched", int(self._watched))


def main() -> NoReturn:
    end_process(run_process(VideoGeneration))


if __name__ == "__main__":
    main()
