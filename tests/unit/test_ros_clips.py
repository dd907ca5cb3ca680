"""Motion and sound of a bag on one timeline."""

from pathlib import Path

import numpy as np
import pytest
from rclpy.serialization import serialize_message

from visavis.motion.layout import ARKIT_INDEX, neutral_motion
from visavis.ros.bags import BagError, BagWriter, bag_counts, read_bag
from visavis.ros.clips import join_clip, read_clip, write_motion
from visavis.ros.convert import audio_chunk_to_msg, motion_chunk_to_msg, msg_to_motion_chunk
from visavis.timing import frame_to_ns
from visavis.types import AudioChunk, MotionChunk

NOW = 1_700_000_000_123_456_789
JAW = ARKIT_INDEX["jawOpen"]


def moving(utterance: int, first: int, frames: int, level: float, at: int, flush: bool = False) -> MotionChunk:
    """``frames`` frames with the jaw at ``level``, the first at frame ``at`` of the timeline."""
    values = neutral_motion(frames)
    values[:, JAW] = level
    return MotionChunk(utterance, first, values, NOW + frame_to_ns(at), flush=flush)


def test_motion_that_is_written_is_read(tmp_path: Path) -> None:
    motion = neutral_motion(32)
    motion[:, JAW] = np.linspace(0, 1, 32)
    assert write_motion(tmp_path / "bag", motion, NOW) == 11
    assert bag_counts(tmp_path / "bag") == {"/motion": 11}
    chunks = [(msg_to_motion_chunk(msg), at) for _, msg, at in read_bag(tmp_path / "bag")]
    assert [chunk.first_frame for chunk, _ in chunks] == list(range(0, 32, 3))
    assert all(chunk.stamp_ns == at == NOW + frame_to_ns(chunk.first_frame) for chunk, at in chunks)
    assert [chunk.end_of_utterance for chunk, _ in chunks] == [False] * 10 + [True]
    clip = read_clip(tmp_path / "bag")
    np.testing.assert_array_equal(clip.motion, motion)
    assert clip.samples is None and clip.remarks == ()
    with pytest.raises(BagError, match="exists already"):
        write_motion(tmp_path / "bag", motion, NOW)


def test_sound_and_motion_keep_their_places() -> None:
    audio = [AudioChunk(1, n * 640, np.full(640, n + 1, np.int16), NOW + n * 40_000_000) for n in range(10)]
    # Motion begins a tenth of a second before the sound, idle; the utterance follows.
    motion = [moving(0, 0, 3, 0.1, -3), moving(1, 0, 3, 0.2, 0), moving(1, 3, 9, 0.3, 3)]
    clip = join_clip(motion, audio)
    assert clip.samples is not None
    np.testing.assert_array_equal(clip.samples[:1600], 0)
    np.testing.assert_array_equal(clip.samples[1600::640], np.arange(1, 11))
    np.testing.assert_allclose(clip.motion[:, JAW], [0.1] * 3 + [0.2] * 3 + [0.3] * 9)
    assert clip.remarks == ()


def test_what_came_last_counts_and_a_flush_drops_what_was_queued() -> None:
    overlap = join_clip([moving(0, 0, 6, 0.1, 0), moving(1, 0, 3, 0.2, 3), moving(1, 3, 1, 0.2, 6)], [])
    np.testing.assert_allclose(overlap.motion[:, JAW], [0.1] * 3 + [0.2] * 4)
    flushed = join_clip([moving(1, 0, 9, 0.5, 0), moving(0, 0, 2, 0.0, 3, flush=True)], [])
    np.testing.assert_allclose(flushed.motion[:3, JAW], 0.5)
    assert not flushed.motion[3:, JAW].any()


def test_frames_that_are_missing_hold_the_one_before() -> None:
    clip = join_clip([moving(1, 0, 3, 0.5, 0), moving(1, 6, 3, 0.9, 6)], [AudioChunk(1, 0, np.ones(800, np.int16), NOW - 100_000_000)])
    np.testing.assert_allclose(clip.motion[:, JAW], [0.5] * 9 + [0.9] * 3)
    assert clip.remarks == ("6 of 12 frames of motion are missing: the frame before is held",)


def test_bags_that_are_no_clip(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "sound")
    writer.write(
        "/audio", "visavis_msgs/msg/AudioChunk", [], NOW, serialize_message(audio_chunk_to_msg(AudioChunk(1, 0, np.ones(9, np.int16), NOW)))
    )
    writer.close()
    with pytest.raises(BagError, match="has no /motion"):
        read_clip(tmp_path / "sound")
    writer = BagWriter(tmp_path / "empty")
    writer.write(
        "/motion",
        "visavis_msgs/msg/MotionChunk",
        [],
        NOW,
        serialize_message(motion_chunk_to_msg(MotionChunk(1, 0, neutral_motion(0), NOW))),
    )
    writer.close()
    with pytest.raises(BagError, match="holds no motion"):
        read_clip(tmp_path / "empty")
    with pytest.raises(BagError, match="minutes long"):
        join_clip([moving(1, 0, 1, 0, 0), moving(1, 0, 1, 0, 30 * 3700)], [])
