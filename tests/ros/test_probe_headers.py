"""The probe reads stamps and indices out of serialised messages; rclpy's own serialisation is the judge."""

import array

import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from visavis_msgs.msg import AudioChunk, ControlFrame, MotionChunk

from visavis.benchmark.probe import NodeReport, drops_between, read_indices, read_stamp

stamps = st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 999_999_999))


@pytest.mark.parametrize("kind", [Image, CompressedImage])
@given(stamps, st.text("abc/_", max_size=12))
def test_stamp_of_pictures(kind: type, stamp: tuple[int, int], frame_id: str) -> None:
    msg = kind(header=Header(stamp=Time(sec=stamp[0], nanosec=stamp[1]), frame_id=frame_id), data=array.array("B", [1, 2, 3]))
    assert read_stamp(serialize_message(msg)) == stamp[0] * 10**9 + stamp[1]


@pytest.mark.parametrize(("kind", "first"), [(AudioChunk, "first_sample"), (MotionChunk, "first_frame"), (ControlFrame, "frame_index")])
@given(stamps, st.text("abc/_", max_size=12), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_stamp_and_indices(kind: type, first: str, stamp: tuple[int, int], frame_id: str, utterance: int, index: int) -> None:
    msg = kind(header=Header(stamp=Time(sec=stamp[0], nanosec=stamp[1]), frame_id=frame_id), utterance_id=utterance, **{first: index})
    data = serialize_message(msg)
    assert read_stamp(data) == stamp[0] * 10**9 + stamp[1]
    assert read_indices(data) == (utterance, index)


def test_drops_are_counted_from_the_earlier_report() -> None:
    def report(**values: str) -> NodeReport:
        return NodeReport(0, "active", values)

    earlier = {"video": report(drops="16"), "new": report(fps="1")}
    later = {"video": report(drops="18"), "new": report(drops="3"), "other": report(drops="0"), "silent": report(fps="30")}
    assert drops_between(earlier, later) == {"new": 3, "other": 0, "video": 2}
