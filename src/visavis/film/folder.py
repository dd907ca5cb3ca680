"""A film as a folder: one PNG file a picture, with opacity, and the sound beside them. For editing and compositing programs."""

import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from visavis.film.mark import xmp_packet
from visavis.types import check_picture

SOUND_NAME = "sound.wav"


class PictureFolder:
    """``000000.png``, ``000001.png``..., 30 a second, and ``sound.wav`` in a folder that must be new or empty.

    The folder appears under its name only when ``close`` has finished it; one that is left by an exception leaves nothing behind.
    ``mark`` is in every picture as XMP and in the sound's comment.
    """

    def __init__(self, path: Path, width: int, height: int, sound_rate: int | None = None, channels: int = 1, mark: str = "") -> None:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ValueError(f"{path} must be a new or an empty folder")
        self.path = path
        self.pictures = 0
        self._size = (width, height)
        self._info = PngInfo()
        if mark:
            self._info.add_itxt("XML:com.adobe.xmp", xmp_packet(mark))
        self._part = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        self._sound: soundfile.SoundFile | None = None
        if sound_rate is not None:
            self._sound = soundfile.SoundFile(self._part / SOUND_NAME, "w", sound_rate, channels, "PCM_16")
            self._sound.comment = mark

    def write_picture(self, image: NDArray[np.uint8]) -> None:
        """The next picture: uint8 (height, width, 3) RGB or (height, width, 4) RGBA."""
        image = check_picture(image)
        if image.shape[1::-1] != self._size:
            raise ValueError(f"the film is {self._size[0]}x{self._size[1]}, got a picture of {image.shape[1]}x{image.shape[0]}")
        Image.fromarray(image).save(self._part / f"{self.pictures:06d}.png", pnginfo=self._info, compress_level=1)
        self.pictures += 1

    def write_sound(self, samples: NDArray[np.float32]) -> None:
        """The next sound: float (n, channels), 1.0 being full scale."""
        if self._sound is None:
            raise ValueError("this film has no sound: give the writer a sound_rate")
        self._sound.write(np.clip(samples, -1.0, 1.0))

    def close(self) -> None:
        """Finish the folder and put it under its name. Where that fails, nothing is left."""
        try:
            if self._sound is not None:
                self._sound.close()
            self._part.chmod(0o755)
            self._part.replace(self.path)
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Give the film up and remove what was written of it."""
        if self._sound is not None:
            self._sound.close()
        shutil.rmtree(self._part, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()
