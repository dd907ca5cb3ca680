"""Records to messages and back, with the checks of ROS switched on (see conftest)."""

import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from rclpy.serialization import deserialize_message, serialize_message
from visavis_msgs.msg import AudioChunk as AudioChunkMsg
from visavis_msgs.msg import ControlFrame as ControlFrameMsg
from visavis_msgs.msg import MotionChunk as MotionChunkMsg

from visavis.motion.layout import LAYOUT_NAME, MOTION_DIM, neutral_motion
from visavis.ros.convert import (
    audio_chunk_to_msg,
    control_frame_to_msg,
    motion_chunk_to_msg,
    msg_to_audio_chunk,
    msg_to_control_frame,
    msg_to_motion_chunk,
    msg_to_stamp,
    stamp_to_msg,
)
from visavis.types import AudioChunk, ControlFrame, MotionChunk

STAMPS = st.integers(0, (2**31 - 1) * 10**9)
IDS = st.integers(1, 2**63)
COUNTS = st.integers(0, 2**40)
FINITE = st.floats(-1e6, 1e6, width=32)


def over_the_wire(msg: object) -> object:
    return deserialize_message(serialize_message(msg), type(msg))


@given(STAMPS)
def test_stamps_are_exact(stamp: int) -> None:
    assert msg_to_stamp(stamp_to_msg(stamp)) == stamp


@pytest.mark.parametrize("stamp", [-1, 2**31 * 10**9])
def test_stamps_that_ros_cannot_hold_are_refused(stamp: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        stamp_to_msg(stamp)


@given(IDS, COUNTS, arrays.arrays(np.int16, st.integers(0, 700)), STAMPS, st.booleans())
def test_audio_round_trip(utterance: int, first: int, samples: np.ndarray, stamp: int, end: bool) -> None:
    chunk = AudioChunk(utterance, first, samples, stamp, end_of_utterance=end)
    back = msg_to_audio_chunk(over_the_wire(audio_chunk_to_msg(chunk, "head")))
    assert np.array_equal(back.samples, samples) and back.samples.dtype == np.int16
    assert (back.utterance_id, back.first_sample, back.stamp_ns, back.end_of_utterance) == (utterance, first, stamp, end)


@given(IDS, COUNTS, st.integers(0, 20), STAMPS, st.booleans(), st.booleans(), st.integers(0, 2**32 - 1))
def test_motion_round_trip(utterance: int, first: int, frames: int, stamp: int, end: bool, flush: bool, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(frames, MOTION_DIM)).astype(np.float32)
    chunk = MotionChunk(utterance, first, values, stamp, end, flush)
    back = msg_to_motion_chunk(over_the_wire(motion_chunk_to_msg(chunk)))
    assert np.array_equal(back.values, values)
    assert (back.utterance_id, back.first_frame, back.stamp_ns, back.end_of_utterance, back.flush) == (utterance, first, stamp, end, flush)


@given(
    IDS,
    COUNTS,
    arrays.arrays(np.int16, st.tuples(st.integers(1, 50), st.just(3))),
    arrays.arrays(np.float32, st.integers(0, 9), elements=FINITE),
    arrays.arrays(np.float32, st.tuples(st.integers(0, 9), st.just(3)), elements=FINITE),
    STAMPS,
)
def test_control_round_trip(
    utterance: int, index: int, vertices: np.ndarray, shading: np.ndarray, keypoints: np.ndarray, stamp: int
) -> None:
    arms = np.repeat(vertices[:1] // 2, index % 2 * 4, 0)
    frame = ControlFrame(utterance, index, vertices, shading, keypoints, stamp, end_of_utterance=True, arms=arms)
    back = msg_to_control_frame(over_the_wire(control_frame_to_msg(frame, "abc")), "abc", len(vertices), 4)
    for name in ("vertices", "shading", "keypoints", "arms"):
        assert np.array_equal(getattr(back, name), getattr(frame, name)), name
    assert (back.utterance_id, back.frame_index, back.stamp_ns, back.end_of_utterance, back.flush) == (utterance, index, stamp, True, False)


def test_arrays_that_are_views_of_others_are_copied_right() -> None:
    samples = np.arange(2000, dtype=np.int16)[::2]
    assert np.array_equal(msg_to_audio_chunk(audio_chunk_to_msg(AudioChunk(1, 0, samples))).samples, samples)
    values = np.asfortranarray(neutral_motion(4))
    assert np.array_equal(msg_to_motion_chunk(motion_chunk_to_msg(MotionChunk(1, 0, values))).values, values)
    assert isinstance(audio_chunk_to_msg(AudioChunk(1, 0, samples)).samples, array.array)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"sample_rate": 44100}, "44100 Hz"),
        ({"sample_rate": 0}, "0 Hz"),
        ({"utterance_id": 0}, "utterance id 0"),
        ({"samples": array.array("h", bytes(2 * (61 * 16000)))}, "at most 60 s"),
    ],
)
def test_audio_that_cannot_be_used_is_refused_in_one_line(changes: dict, match: str) -> None:
    msg = AudioChunkMsg(utterance_id=1, sample_rate=16000)
    for name, value in changes.items():
        setattr(msg, name, value)
    with pytest.raises(ValueError, match=match) as error:
        msg_to_audio_chunk(msg)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"layout": "other/2"}, 'layout "other/2"'),
        ({"frame_rate": 25}, "25 frames a second"),
        ({"frames": 3}, "must have 729 values"),
        ({"values": array.array("f", [float("nan")] * MOTION_DIM * 2)}, "not finite"),
        ({"values": array.array("f", [float("inf")] * MOTION_DIM * 2)}, "not finite"),
    ],
)
def test_motion_that_cannot_be_used_is_refused_in_one_line(changes: dict, match: str) -> None:
    msg = motion_chunk_to_msg(MotionChunk(1, 0, neutral_motion(2)))
    assert isinstance(msg, MotionChunkMsg) and msg.layout == LAYOUT_NAME
    for name, value in changes.items():
        setattr(msg, name, value)
    with pytest.raises(ValueError, match=match) as error:
        msg_to_motion_chunk(msg)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"portrait": "def"}, "the same photo"),
        ({"vertices": array.array("h", [1, 2, 3])}, "2 vertices must have 6 values, got 3"),
        ({"keypoints": array.array("f", [1.0, 2.0])}, "not a multiple of 3"),
        ({"shading": array.array("f", [float("nan")])}, "not finite"),
    ],
)
def test_control_that_cannot_be_used_is_refused_in_one_line(changes: dict, match: str) -> None:
    msg = ControlFrameMsg(portrait="abc", vertices=array.array("h", [0] * 6))
    for name, value in changes.items():
        setattr(msg, name, value)
    with pytest.raises(ValueError, match=match):
        msg_to_control_frame(msg, "abc", 2)


def test_records_of_the_wrong_type_are_refused_before_they_are_sent() -> None:
    with pytest.raises(ValueError, match="int16"):
        audio_chunk_to_msg(AudioChunk(1, 0, np.zeros(4, np.float32)))  # type: ignore[arg-type]
    frame = ControlFrame(1, 0, np.zeros((2, 3), np.float32), np.zeros(1, np.float32), np.zeros((1, 3), np.float32))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected int16"):
        control_frame_to_msg(frame, "abc")
