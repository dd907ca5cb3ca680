"""The four nodes with small deterministic stages in place of the trained and fitted ones, each run as a process of its own:

    python tests/ros/doubles.py motion_diffusion --ros-args -p autostart:=true

The stages keep the contracts of the real ones (streaming, latency, state), so that what is tested is everything around them.
"""

import hashlib
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.audio.errors import SpeakerLostError
from visavis.audio.speaker import Fill
from visavis.benchmark.stand_in import FrameByFrame
from visavis.control.pose import SHADING_NAMES
from visavis.nodes.audio_capture import AudioCapture
from visavis.nodes.control_render import ControlNodeConfig, ControlRender
from visavis.nodes.livelink import LiveLink
from visavis.nodes.motion_diffusion import MotionDiffusion, MotionNodeConfig
from visavis.nodes.process import end_process, run_process
from visavis.nodes.robot_inputs import RobotInputs
from visavis.nodes.screen import Screen, ScreenConfig
from visavis.nodes.speech_synthesis import SpeechSynthesis, SynthesisConfig
from visavis.nodes.video_encoder import VideoEncoder
from visavis.nodes.video_generation import Drawing, VideoGeneration, VideoNodeConfig
from visavis.nodes.video_generation import load_drawing as load_drawing_of_the_node
from visavis.nodes.web_bridge import WebBridge
from visavis.say.text import sentences
from visavis.say.voice import Piece
from visavis.screen.window import DisplayError, Window, WindowConfig
from visavis.types import ControlFrame, MotionChunk, VideoFrame

VERTICES = 2000
HOP_FRAMES = 4
LOOK_AHEAD_FRAMES = 3
EYES, PIXELS_PER_METRE = (255.5, 230.0), 1300.0
BURST_NS, BURST_PERIOD_NS = 300_000_000, 800_000_000
SQUARE = 48
HEAVY_SECONDS = 0.045
"""More than a core has for a picture."""
WIDE_GAP = 0.3
"""Eye distances."""


class LoudnessStage(FrameByFrame):
    """Motion whose first value is the loudness of the frame, and whose second grows with every frame since the state was new."""

    def __init__(self, seed: int = 0, fail_at_loudness: float = 2.0) -> None:
        super().__init__(HOP_FRAMES, LOOK_AHEAD_FRAMES)
        self.seed = seed
        self.fail_at_loudness = fail_at_loudness

    def fill(self, motion: NDArray[np.float32], sounds: list[NDArray[np.int16]], first: int) -> None:
        for index, sound in enumerate(sounds):
            part = sound.astype(np.float32)
            motion[index, 0] = np.sqrt(np.mean(part**2)) / 32768 if len(part) else 0
            motion[index, 1] = (first + index + self.seed) % 1000 / 1000
        if (motion[:, 0] > self.fail_at_loudness).any():
            raise ArithmeticError("too loud for this stage")


def load_motion(config: MotionNodeConfig) -> LoudnessStage:
    """A stage whose weights are a file called `weights` with the text `good`."""
    if config.weights:
        path = Path(config.weights) / "weights"
        if not path.exists():
            raise ValueError(f"{path} is missing: run `git checkout`")
        if path.read_text() != "good":
            raise ValueError(f"{path} is corrupt: sha256 {hashlib.sha256(path.read_bytes()).hexdigest()[:12]} is not that of the manifest")
    return LoudnessStage(config.seed, fail_at_loudness=0.9)


class VertexStage:
    """One control frame a frame of motion: the first vertex carries loudness and frame index."""

    frames = None

    def initial_state(self) -> int:
        return 0

    def step(self, chunk: MotionChunk, state: int) -> tuple[list[ControlFrame], int]:
        frames = []
        for index, values in enumerate(chunk.values):
            vertices = np.zeros((VERTICES, 3), np.int16)
            vertices[0] = values[0] * 30000, (chunk.first_frame + index) % 30000, values[1] * 1000
            last = index == len(chunk.values) - 1
            frames.append(
                ControlFrame(
                    chunk.utterance_id,
                    chunk.first_frame + index,
                    vertices,
                    values[:4].copy(),
                    np.array([[256, 300, 0.6], [200, 280, 0.6]], np.float32),
                    chunk.stamp_ns + index * 1_000_000_000 // 30,
                    chunk.end_of_utterance and last,
                    chunk.flush and index == 0,
                )
            )
        return frames, state + len(frames)


def load_control(config: ControlNodeConfig) -> tuple[VertexStage, str]:
    return VertexStage(), _portrait(config.portrait)


def silhouette(width: int, height: int) -> NDArray[np.uint8]:
    """Opacity of somebody: a round head about ``EYES``, a column for a body."""
    y, x = np.mgrid[:height, :width]
    head = np.hypot((x - EYES[0]) / 90, (y - EYES[1]) / 120) < 1
    return np.where(head | ((np.abs(x - EYES[0]) < 150) & (y > 380)), 255, 0).astype(np.uint8)


class BrightnessStage:
    """``size`` (width, height) pictures as bright as the speech is loud; the top left pixel carries the frame index (low and high byte) and
    whether it is idle, the next one how much of the network of the skin is shown, which takes long while a file says so. With ``matte``
    they show somebody alone."""

    def __init__(self, size: tuple[int, int] = (512, 768), matte: bool = False) -> None:
        self.size = size
        self.opacity = silhouette(*size) if matte else None

    def initial_state(self) -> float:
        return 1.0

    def with_skin(self, state: float, share: float) -> float:
        return share

    def over_plate(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.ascontiguousarray(image[..., :3])

    def step(self, frame: ControlFrame, state: float) -> tuple[VideoFrame, float]:
        image = np.full((self.size[1], self.size[0], 3), int(frame.vertices[0, 0]) // 128, np.uint8)
        image[0, 0] = frame.frame_index % 256, frame.frame_index // 256 % 256, frame.utterance_id == 0
        image[0, 1] = round(255 * state)
        if self.opacity is not None:
            image = np.dstack([image, self.opacity])
        time.sleep(0.004)
        if state > 0 and (FAULTS / "heavy_skin").exists():
            burn(HEAVY_SECONDS)
        return VideoFrame(frame.utterance_id, frame.frame_index, image, frame.stamp_ns), state


def burn(seconds: float) -> None:
    """Take so much time of a core."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def load_drawing(config: VideoNodeConfig) -> Drawing:
    stage = BrightnessStage(config.video.size, config.video.matte)
    return Drawing(stage, _portrait(config.portrait), VERTICES, 900.0, (255.5, 383.5), 0, EYES, PIXELS_PER_METRE)


class MarkedStage:
    """The real stage, whose pictures carry three grey squares at the top left: white while the media time lies within a burst of
    ``measure_page.py``, the gap of the mouth, white while idle."""

    def __init__(self, stage: Any) -> None:
        self._stage = stage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stage, name)

    def step(self, frame: ControlFrame, state: Any) -> tuple[VideoFrame, Any]:
        drawn, state = self._stage.step(frame, state)
        image = drawn.image.copy()
        gap = float(frame.shading[SHADING_NAMES.index("mouth_gap")])
        in_burst = frame.utterance_id != 0 and frame.stamp_ns % BURST_PERIOD_NS < BURST_NS
        for index, shade in enumerate((255 * in_burst, min(255, gap / WIDE_GAP * 255), 255 * (frame.utterance_id == 0))):
            image[0:SQUARE, index * SQUARE : (index + 1) * SQUARE] = int(shade)
        return replace(drawn, image=image), state


def load_marked(config: VideoNodeConfig) -> Drawing:
    """The real portrait, drawn for real and marked."""
    drawing = load_drawing_of_the_node(config)
    return replace(drawing, stage=MarkedStage(drawing.stage))


def _portrait(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()


class ToneVoice:
    """A voice that speaks a tenth of a second of loud tone for each letter of a sentence; it is missing while a file says so."""

    names: tuple[str, ...] = ("af_heart", "bm_tone")

    def prepare(self, text: str, name: str) -> list[Piece]:
        return [Piece(sentence.written, sentence.words, 0.1) for sentence in sentences(text)]

    def speak(self, piece: Piece, name: str, speed: float) -> NDArray[np.int16]:
        if "stumble" in piece.symbols:
            raise ArithmeticError("this voice stumbled")
        time_s = np.arange(int(1600 * len(piece.symbols) / speed)) / 16_000
        return np.where(np.sin(2 * np.pi * 300 * time_s) >= 0, 12_000, -12_000).astype(np.int16)


def load_tone(config: SynthesisConfig) -> ToneVoice:
    if (FAULTS / "no_voice").exists():
        raise ValueError(f"{FAULTS / 'no_voice'} is there: take it away")
    return ToneVoice()


class ProbedWindow(Window):
    """The real window, which also writes down when it showed how bright a picture; its display is gone while a file says so."""

    def __init__(self, config: ScreenConfig, title: str) -> None:
        self._check()
        super().__init__(WindowConfig(title, rotation=config.rotation, fit=config.fit))

    def show(self, picture: NDArray[np.uint8]) -> None:
        self._check()
        super().show(picture)
        probe("picture", time.time_ns(), float(self.pixels()[300:400].mean()))

    def _check(self) -> None:
        if (FAULTS / "no_display").exists():
            raise DisplayError("the display is gone")


class ProbedSpeaker:
    """A sound device in real time, 300 ppm fast, that writes down how loud it was when; it is gone while a file says so."""

    underflows = 0

    def __init__(self, config: ScreenConfig, fill: Fill, now_ns: Callable[[], int]) -> None:
        self._fill, self._now_ns, self._latency_ns = fill, now_ns, int(config.device_latency * 1e9)
        self._ended = threading.Event()

    def open(self) -> None:
        self.check()
        threading.Thread(target=self._play, daemon=True).start()

    def check(self) -> None:
        if (FAULTS / "no_sound").exists():
            raise SpeakerLostError("the loudspeaker is gone")

    def close(self) -> None:
        self._ended.set()

    def _play(self) -> None:
        next_ns, block_ns = self._now_ns() + self._latency_ns, int(20_000_000 * (1 - 300e-6))
        while not self._ended.wait(max(0.0, (next_ns - self._latency_ns - self._now_ns()) / 1e9)):
            next_ns = max(next_ns, self._now_ns())  # an underflow, where the machine stood still
            sound = self._fill(next_ns, 960, 48_000)
            probe("sound", next_ns, float(np.sqrt(np.mean(sound**2))))
            next_ns += block_ns


def probe(what: str, at_ns: int, value: float) -> None:
    with (FAULTS / "probe").open("a") as file:
        file.write(f"{what} {at_ns} {value}\n")


FAULTS = Path(os.environ.get("SCREEN_FAULTS", "."))
NODES = {
    "audio_capture": AudioCapture,
    "motion_diffusion": lambda: MotionDiffusion(load_motion),
    "control_render": lambda: ControlRender(load_control),
    "video_generation": lambda: VideoGeneration(load_drawing),
    "marked_video_generation": lambda: VideoGeneration(load_marked),
    "web_bridge": WebBridge,
    "robot_inputs": RobotInputs,
    "video_encoder": VideoEncoder,
    "livelink": LiveLink,
    "speech_synthesis": lambda: SpeechSynthesis(load_tone),
    "screen": lambda: Screen(ProbedSpeaker, ProbedWindow),
}

if __name__ == "__main__":
    end_process(run_process(NODES[sys.argv[1]]))
