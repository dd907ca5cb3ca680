"""Pictures and sound to the packets that all viewers get: each is encoded once, however many look on."""

import fractions
from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

from visavis.bridge.media_clock import AUDIO_CLOCK, VIDEO_CLOCK
from visavis.bridge.sound_blocks import BLOCK_SAMPLES
from visavis.timing import FRAME_RATE, SAMPLE_RATE, exact_div

WORTH_LESS, WORTH_MORE = 0.9, 1.2
"""A change of the bit rate costs a key frame: by so much it must change."""
VIDEO_CODECS = ("vp8", "h264")
VIDEO_TIME_BASE = fractions.Fraction(1, VIDEO_CLOCK)
AUDIO_TIME_BASE = fractions.Fraction(1, AUDIO_CLOCK)
OPUS_BIT_RATE = 32_000
GROUND = (58, 62, 68)
"""What is behind a person without background, on pages."""
_SHINES_THROUGH = (np.arange(255, -1, -1)[None, :, None] * np.array(GROUND) / 255).round().astype(np.uint8)
"""(1, 256, 3): how much of it is seen through each opacity."""


@dataclass(frozen=True)
class Encoded:
    """A packet: ``pts`` in ticks of its RTP clock, ``media_ns`` the media time it stands for, ``key``: it can be begun with."""

    data: bytes
    pts: int
    media_ns: int
    key: bool = True


def cutout_sheet(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB or straight RGBA (height, width, 3 or 4) as one picture that holds both colour and opacity, since no codec of WebRTC has
    opacity: uint8 (2 height, width, 3) RGB, the opacity as grey below the colours. Sides are cut to whole blocks of 16, in which codecs
    work, so that neither half leaks into the other."""
    picture = np.ascontiguousarray(picture[: picture.shape[0] // 16 * 16, : picture.shape[1] // 16 * 16])
    if picture.shape[2] == 3:
        return cv2.vconcat([picture, np.full_like(picture, 255)])
    return cv2.vconcat([cv2.cvtColor(picture, cv2.COLOR_RGBA2RGB), cv2.merge([cv2.extractChannel(picture, 3)] * 3)])


def over_ground(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB as it is; straight RGBA laid over ``GROUND``, for those who see no opacity."""
    if picture.shape[2] == 3:
        return picture
    opacity = cv2.merge([cv2.extractChannel(picture, 3)] * 3)
    return cv2.add(cv2.multiply(cv2.cvtColor(picture, cv2.COLOR_RGBA2RGB), opacity, scale=1 / 255), cv2.LUT(opacity, _SHINES_THROUGH))


class PictureEncoder:
    """RGB pictures to VP8 (the default: free of royalties, in every browser) or H.264 baseline, without a frame of delay.

    bit_rate: bits a second. key_seconds: a key frame comes at least so often, and whenever one is asked for. preset: of x264; slower ones
    make better pictures of the same size.
    """

    def __init__(self, codec: str, bit_rate: int, key_seconds: float, preset: str = "ultrafast") -> None:
        if codec not in VIDEO_CODECS:
            raise ValueError(f'video_codec must be one of {", ".join(VIDEO_CODECS)}, got "{codec}"')
        self.codec = codec
        self._bit_rate = bit_rate
        self._preset = preset
        self._key_frames = max(1, round(key_seconds * FRAME_RATE))
        self._context: VideoCodecContext | None = None
        self._last_pts = -1

    @property
    def bit_rate(self) -> int:
        return self._bit_rate

    def follow(self, bit_rate: int, most: int) -> bool:
        """Have about this bit rate from the next picture on, which is a key frame then; whether it is another one. ``most`` is taken as
        soon as it may be."""
        if not (bit_rate < WORTH_LESS * self._bit_rate or bit_rate > WORTH_MORE * self._bit_rate or bit_rate == most != self._bit_rate):
            return False
        self._bit_rate, self._context = bit_rate, None  # libvpx, as FFmpeg drives it, cannot change it while it runs
        return True

    def encode(self, picture: NDArray[np.uint8], pts: int, media_ns: int, key: bool) -> Encoded | None:
        """uint8 (height, width, 3) to a packet; None for a picture that is no later than the last one. Odd sizes lose a row or a column."""
        if pts <= self._last_pts:
            return None
        height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
        context = self._context
        if context is None or (context.width, context.height) != (width, height):
            context = self._context = self._open(width, height)
        planes = cv2.cvtColor(np.ascontiguousarray(picture[:height, :width]), cv2.COLOR_RGB2YUV_I420)
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = pts, VIDEO_TIME_BASE
        frame.pict_type = PictureType.I if key else PictureType.NONE
        packets = context.encode(frame)
        self._last_pts = pts
        if not packets:
            return None
        return Encoded(b"".join(map(bytes, packets)), pts, media_ns, any(packet.is_keyframe for packet in packets))

    def _open(self, width: int, height: int) -> VideoCodecContext:
        context = av.CodecContext.create("libvpx" if self.codec == "vp8" else "libx264", "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.bit_rate = self._bit_rate
        context.time_base, context.framerate = VIDEO_TIME_BASE, fractions.Fraction(FRAME_RATE)
        context.gop_size = self._key_frames
        context.thread_count = 1  # a picture of this size gains nothing from more
        rate = str(self._bit_rate)
        if self.codec == "vp8":
            context.qmin, context.qmax = 4, 52  # finer ones are not seen, and cost bits and time at both ends
            context.options = {
                "deadline": "realtime", "cpu-used": "-12", "lag-in-frames": "0", "static-thresh": "300",
                "minrate": rate, "maxrate": rate, "bufsize": rate, "undershoot-pct": "100", "overshoot-pct": "15",
            }  # fmt: skip
        else:
            # Baseline level 3.1 is what browsers must understand (RFC 7742); a key frame is an IDR with its parameter sets.
            context.options = {
                "preset": self._preset, "tune": "zerolatency", "level": "31", "forced-idr": "1",
                "maxrate": rate, "bufsize": str(self._bit_rate // 2),
            }  # fmt: skip
            context.profile = "Baseline"
            # What cv2 makes of RGB; a player would guess otherwise from the size.
            context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.SMPTE170M
            context.color_primaries, context.color_trc = ColorPrimaries.SMPTE170M, ColorTrc.SMPTE170M
        return context


class SoundEncoder:
    """Blocks of 20 ms at 16 kHz mono to Opus."""

    def __init__(self) -> None:
        context = av.CodecContext.create("libopus", "w")
        assert isinstance(context, av.AudioCodecContext)
        context.sample_rate, context.layout, context.format = SAMPLE_RATE, "mono", "s16"
        context.bit_rate = OPUS_BIT_RATE
        context.options = {"application": "voip", "frame_duration": "20"}
        context.open()
        self._context = context
        self._blocks = 0
        self._delay: int | None = None

    def encode(self, samples: NDArray[np.int16], pts: int, media_ns: int) -> Encoded | None:
        """int16 (320,) to a packet. ``pts`` of the packet is that of what the decoder gives for it: Opus looks ahead by some samples."""
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, BLOCK_SAMPLES), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, self._blocks * BLOCK_SAMPLES, fractions.Fraction(1, SAMPLE_RATE)
        self._blocks += 1
        packets = self._context.encode(frame)
        if not packets:
            return None
        if self._delay is None:
            self._delay = -(packets[0].pts or 0) * exact_div(AUDIO_CLOCK, SAMPLE_RATE)
        return Encoded(b"".join(map(bytes, packets)), pts - self._delay, media_ns - self._delay * 1_000_000_000 // AUDIO_CLOCK)


def jpeg(picture: NDArray[np.uint8], quality: int) -> bytes:
    """An RGB picture as a JPEG file."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of shape {picture.shape} could not be compressed")
    return data.tobytes()
