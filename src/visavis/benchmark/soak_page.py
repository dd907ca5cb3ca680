"""The bridge to a page in simulated time, with one viewer: everything up to the packets that aiortc takes, but for codecs."""

from collections import deque
from collections.abc import Callable
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from visavis.benchmark.simulation import World, in_simulation
from visavis.bridge.encoders import Encoded
from visavis.bridge.media_clock import AUDIO_CLOCK, VIDEO_CLOCK
from visavis.bridge.sound_blocks import BLOCK_SAMPLES
from visavis.bridge.tracks import PacketTrack
from visavis.nodes.web_bridge import WebBridge
from visavis.timing import NANOSECONDS, SAMPLE_RATE

ENCODE_NS = 4_000_000


class Page:
    """compare(seen, heard, at): what a picture says, the value of the sound that the browser plays with it, and seconds since the start."""

    def __init__(
        self, world: World, says: Callable[[NDArray[np.uint8]], float | None], compare: Callable[[float, float, float], None]
    ) -> None:
        self._world, self._says, self._compare = world, says, compare
        self.node = node = in_simulation(WebBridge, world)()
        self._blocks: deque[tuple[float, NDArray[np.int16]]] = deque(maxlen=64)
        self._pictures: deque[tuple[float, float]] = deque(maxlen=64)
        load, opened = node.load, node.open

        def load_alone() -> None:
            load()
            node._make_server = lambda: self

        def open_alone() -> None:
            opened()
            node._picture_encoders = [_NoCodec(lambda: node.spend(ENCODE_NS)) for _ in node._keys]
            node._sound_encoder = _NoCodec(lambda: None)
            node.hear("image_raw", node._inbox.put)
            self._tracks = {kind: PacketTrack(kind, lambda: None) for kind in ("video", "audio")}
            node.watched(1, 0, 0)

        node.load, node.open = load_alone, open_alone

    # What the node takes for its server.

    port = _port = 0

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def send_state(self) -> None:
        pass

    def send_audio(self, packet: Encoded) -> None:
        sent = self._through("audio", packet)
        self._blocks.append((float(sent.pts or 0) / AUDIO_CLOCK, np.frombuffer(bytes(sent), np.int16)))
        while self._pictures and self._pictures[0][0] < self._blocks[-1][0]:
            self._pair(*self._pictures.popleft())

    def send_video(self, packet: Encoded, cutout: bool) -> None:
        sent = self._through("video", packet)
        says = self._says(np.frombuffer(bytes(sent), np.uint8).reshape(2, 2, 3))
        if says is not None:
            self._pictures.append((float(sent.pts or 0) / VIDEO_CLOCK, says))

    def _through(self, kind: str, packet: Encoded) -> "av.Packet[Any]":
        """What aiortc gets of it."""
        track = self._tracks[kind]
        track.offer(packet)
        taking = track.recv()
        try:
            taking.send(None)
        except StopIteration as given:
            return given.value  # type: ignore[no-any-return]
        raise RuntimeError(f"the track of {kind} held a packet back")

    def _pair(self, media_seconds: float, says: float) -> None:
        """A browser shows the picture when it plays the sound of the same media time."""
        for begun, samples in self._blocks:
            place = (media_seconds - begun) * SAMPLE_RATE
            if 0 <= place < BLOCK_SAMPLES:
                at = (self._world.now_ns - self._world.begun_ns) / NANOSECONDS
                self._compare(says, float(samples[int(place)]) / 32768, at)


class _NoCodec:
    """Packets that hold what was given."""

    bit_rate = 0

    def __init__(self, spend: Callable[[], None]) -> None:
        self._spend = spend

    def follow(self, bit_rate: int, most: int) -> bool:
        return False

    def encode(self, what: NDArray[Any], pts: int, media_ns: int, key: bool = True) -> Encoded:
        self._spend()
        return Encoded(what.tobytes(), pts, media_ns)
