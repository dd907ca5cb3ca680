"""The records between stages: bounds of chunks follow from their contents, wrong arrays are refused by name."""

import numpy as np
import pytest

from visavis.motion.layout import neutral_motion
from visavis.types import AudioChunk, MotionChunk, check_image, check_samples


def test_chunks_know_where_the_next_one_begins() -> None:
    assert AudioChunk(7, 1600, np.zeros(640, np.int16)).next_sample == 2240
    assert MotionChunk(7, 12, neutral_motion(4)).next_frame == 16


def test_samples_must_be_mono_int16() -> None:
    assert len(check_samples(np.zeros(5, np.int16))) == 5
    with pytest.raises(ValueError, match="got float32 with shape"):
        check_samples(np.zeros(5, np.float32))
    with pytest.raises(ValueError, match=r"shape \(5, 2\)"):
        check_samples(np.zeros((5, 2), np.int16))


def test_images_must_be_rgb() -> None:
    assert check_image(np.zeros((4, 6, 3), np.uint8)[:, ::-1]).flags.c_contiguous
    with pytest.raises(ValueError, match=r"\(4, 6, 4\)"):
        check_image(np.zeros((4, 6, 4), np.uint8))
