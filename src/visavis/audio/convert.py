"""From whatever a file or a device gives to 16 kHz mono int16, piece by piece in constant memory."""

from dataclasses import dataclass, field

import numpy as np
import soxr
from numpy.typing import NDArray

from visavis.timing import SAMPLE_RATE

FULL_SCALE = 32768
"""int16 n means n / 32768; so a 16-bit file at 16 kHz passes unchanged, bit for bit."""

CLIP_LEVEL = 0.999
"""Magnitude from which a sample counts as being at full scale."""


@dataclass
class SoundCounts:
    """What was seen in the sound so far (before resampling). ``peak`` is a magnitude, 1.0 being full scale."""

    samples: int = 0
    not_finite: int = 0
    full_scale: int = 0
    peak: float = 0.0


@dataclass
class Converter:
    """Mixes the channels down (mean), makes every sample a finite number and resamples to 16 kHz (soxr, high quality).

    ``push`` takes float (n, channels), 1.0 being full scale, and gives the int16 (m,) that are ready; after ``last`` the sum of all m is
    the sum of all n times 16000 / rate, rounded.
    """

    rate: int
    counts: SoundCounts = field(default_factory=SoundCounts)

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError(f"the sample rate must be positive, got {self.rate}")
        same = self.rate == SAMPLE_RATE
        self._resampler = None if same else soxr.ResampleStream(self.rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")

    def push(self, block: NDArray[np.floating], last: bool = False) -> NDArray[np.int16]:
        """The next int16 samples at 16 kHz; none may be ready yet."""
        mono = self._clean(block)
        if self._resampler is not None:
            mono = self._resampler.resample_chunk(mono, last=last)
        return to_int16(mono)

    def _clean(self, block: NDArray[np.floating]) -> NDArray[np.float32]:
        finite = np.isfinite(block)
        bad = block.size - int(np.count_nonzero(finite))
        if bad:
            block = np.where(finite, block, 0.0)
            self.counts.not_finite += bad
        magnitude = np.abs(block)
        self.counts.samples += len(block)
        if block.size:
            self.counts.peak = max(self.counts.peak, float(magnitude.max()))
            self.counts.full_scale += int(np.count_nonzero(magnitude.max(axis=1) >= CLIP_LEVEL))
        # Files of floats may hold absurd numbers, which would ring in the resampler long after.
        clipped: NDArray[np.float32] = np.clip(block, -1.0, 1.0).astype(np.float32)
        return clipped.mean(axis=1) if clipped.shape[1] > 1 else clipped[:, 0]


def to_int16(samples: NDArray[np.floating]) -> NDArray[np.int16]:
    """Nearest int16 of floats, 1.0 being full scale; what is beyond is clipped."""
    return np.clip(np.rint(samples * np.float32(FULL_SCALE)), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
