"""H.264 as it comes, one picture a message, to pictures."""

import av
import numpy as np
from av.codec.context import Flags
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray


class VideoDecoder:
    """Every message must be given to it, in order. ``broken`` counts those that could not be decoded: some was lost before them."""

    def __init__(self) -> None:
        self.broken = 0
        self._begin()

    def decode(self, data: bytes) -> NDArray[np.uint8] | None:
        """uint8 (height, width, 3), RGB; None until a key frame has come, and for what cannot be decoded."""
        try:
            frames = self._context.decode(av.Packet(data))
        except FFmpegError:
            self.broken += 1
            self._begin()
            return None
        return np.asarray(frames[-1].to_ndarray(format="rgb24"), np.uint8) if frames else None

    def _begin(self) -> None:
        context = av.CodecContext.create("h264", "r")
        assert isinstance(context, VideoCodecContext)
        context.flags |= Flags.low_delay
        context.thread_count = 1  # more of them would hold pictures back
        self._context = context
