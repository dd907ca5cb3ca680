"""Files of Live Link Face: what is written is read, what the app writes is understood, what is wrong is named."""

import io
import itertools
import math
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from visavis.motion.layout import (
    ARKIT_INDEX,
    ARKIT_NAMES,
    BODY,
    FACE,
    HEAD_ROTATION,
    head_euler_from_rotation,
    head_rotation_from_euler,
    neutral_motion,
    rotation_from_6d,
    rotation_to_6d,
)
from visavis.motion.livelink import (
    COLUMNS,
    Capture,
    LiveLinkError,
    eye_angles,
    livelink_rows,
    look_weights,
    parse_livelink,
    read_livelink,
    write_livelink,
)
from visavis.motion.livelink_packet import livelink_packet

LOOKS = [name for name in ARKIT_NAMES if name.startswith("eyeLook")]

# As the app writes it: sub-frames that run, a weight with an exponent, the eyes apart at rest.
TAKE = """\
Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,EyeLookUpLeft,EyeSquintLeft,EyeWideLeft,EyeBlinkRight,\
EyeLookDownRight,EyeLookInRight,EyeLookOutRight,EyeLookUpRight,EyeSquintRight,EyeWideRight,JawForward,JawRight,JawLeft,JawOpen,MouthClose,\
MouthFunnel,MouthPucker,MouthRight,MouthLeft,MouthSmileLeft,MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,\
MouthDimpleRight,MouthStretchLeft,MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,MouthShrugUpper,MouthPressLeft,\
MouthPressRight,MouthLowerDownLeft,MouthLowerDownRight,MouthUpperUpLeft,MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,\
BrowOuterUpLeft,BrowOuterUpRight,CheekPuff,CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,TongueOut,HeadYaw,HeadPitch,\
HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll
23:59:59:57.504,61,0.0500000000,0.2000000000,0.0000000000,0.1000000000,0.0000000000,0.0600000000,0.0000000000,0.0500000000,\
0.2000000000,0.1000000000,0.0000000000,0.0000000000,0.0600000000,0.0000000000,0.0900000000,0.0100000000,0.0200000000,0.3000000000,\
0.0800000000,0.0500000000,0.0600000000,0.0300000000,0.0400000000,0.0700000000,0.1000000000,0.0000000000,0.0000000000,0.0800000000,\
0.0900000000,0.1100000000,0.1500000000,0.0900000000,0.0500000000,0.1000000000,0.1500000000,0.0700000000,0.0700000000,0.1000000000,\
0.1200000000,0.0500000000,0.0500000000,0.2800000000,0.2900000000,0.0400000000,0.0000000000,0.0000000000,0.0200000000,0.1100000000,\
0.0900000000,0.1800000000,0.1700000000,1.5e-05,0.1000000000,0.2000000000,-0.0500000000,-0.1240000000,0.1220000000,-0.0150000000,\
0.0060000000,0.1220000000,0.0007000000
23:59:59:58.504,61,0.1500000000,0.2000000000,0.0000000000,0.1000000000,0.0000000000,0.0600000000,0.0000000000,0.0500000000,\
0.2000000000,0.1000000000,0.0000000000,0.0000000000,0.0600000000,0.0000000000,0.0900000000,0.0100000000,0.0200000000,0.4000000000,\
0.0800000000,0.0500000000,0.0600000000,0.0300000000,0.0400000000,0.0700000000,0.1000000000,0.0000000000,0.0000000000,0.0800000000,\
0.0900000000,0.1100000000,0.1500000000,0.0900000000,0.0500000000,0.1000000000,0.1500000000,0.0700000000,0.0700000000,0.1000000000,\
0.1200000000,0.0500000000,0.0500000000,0.2800000000,0.2900000000,0.0400000000,0.0000000000,0.0000000000,0.0200000000,0.1100000000,\
0.0900000000,0.1800000000,0.1700000000,0.0000150000,0.1000000000,0.2000000000,-0.0500000000,-0.1240000000,0.1220000000,-0.0150000000,\
0.0060000000,0.1220000000,0.0007000000
23:59:59:59.504,61,0.2500000000,0.2000000000,0.0000000000,0.1000000000,0.0000000000,0.0600000000,0.0000000000,0.0500000000,\
0.2000000000,0.1000000000,0.0000000000,0.0000000000,0.0600000000,0.0000000000,0.0900000000,0.0100000000,0.0200000000,0.5000000000,\
0.0800000000,0.0500000000,0.0600000000,0.0300000000,0.0400000000,0.0700000000,0.1000000000,0.0000000000,0.0000000000,0.0800000000,\
0.0900000000,0.1100000000,0.1500000000,0.0900000000,0.0500000000,0.1000000000,0.1500000000,0.0700000000,0.0700000000,0.1000000000,\
0.1200000000,0.0500000000,0.0500000000,0.2800000000,0.2900000000,0.0400000000,0.0000000000,0.0000000000,0.0200000000,0.1100000000,\
0.0900000000,0.1800000000,0.1700000000,0.0000150000,0.1000000000,0.2000000000,-0.0500000000,-0.1240000000,0.1220000000,-0.0150000000,\
0.0060000000,0.1220000000,0.0007000000
00:00:00:00.504,61,0.3500000000,0.2000000000,0.0000000000,0.1000000000,0.0000000000,0.0600000000,0.0000000000,0.0500000000,\
0.2000000000,0.1000000000,0.0000000000,0.0000000000,0.0600000000,0.0000000000,0.0900000000,0.0100000000,0.0200000000,0.6000000000,\
0.0800000000,0.0500000000,0.0600000000,0.0300000000,0.0400000000,0.0700000000,0.1000000000,0.0000000000,0.0000000000,0.0800000000,\
0.0900000000,0.1100000000,0.1500000000,0.0900000000,0.0500000000,0.1000000000,0.1500000000,0.0700000000,0.0700000000,0.1000000000,\
0.1200000000,0.0500000000,0.0500000000,0.2800000000,0.2900000000,0.0400000000,0.0000000000,0.0000000000,0.0200000000,0.1100000000,\
0.0900000000,0.1800000000,0.1700000000,0.0000150000,0.1000000000,0.2000000000,-0.0500000000,-0.1240000000,0.1220000000,-0.0150000000,\
0.0060000000,0.1220000000,0.0007000000
"""


def parse(text: str, **options: object) -> Capture:
    return parse_livelink(io.StringIO(text), **options)  # type: ignore[arg-type]


def table(times: Sequence[str], columns: dict[str, Sequence[float]]) -> str:
    """A file with some columns only."""
    rows = zip(times, *columns.values(), strict=True)
    return "\n".join([",".join(["Timecode", *columns]), *(",".join(map(str, row)) for row in rows)]) + "\n"


def clock(count: int, rate: int, step: int = 1, start: int = 0) -> list[str]:
    """``count`` timecodes, each ``step`` frames after the one before."""
    frames = range(start, start + count * step, step)
    return [f"00:{n // rate // 60:02d}:{n // rate % 60:02d}:{n % rate:02d}.000" for n in frames]


def angles(motion: NDArray[np.float32]) -> NDArray[np.float32]:
    return head_euler_from_rotation(rotation_from_6d(motion[:, HEAD_ROTATION]))


@st.composite
def motions(draw: st.DrawFn) -> NDArray[np.float32]:
    frames = draw(st.integers(1, 12))
    motion = neutral_motion(frames)
    motion[:, FACE] = draw(arrays(np.float32, (frames, 52), elements=st.floats(0, 1, width=32)))
    degrees = draw(arrays(np.float32, (3, frames), elements=st.floats(-60, 60, width=32)))
    motion[:, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(*degrees))
    return motion


@given(motion=motions(), rate=st.sampled_from([30, 60]), start_s=st.sampled_from([0.0, 3599.5, 86_399.9]))
def test_what_is_written_is_read(motion: NDArray[np.float32], rate: int, start_s: float) -> None:
    rows = list(livelink_rows(motion, rate, start_s))
    assert len(rows) == (len(motion) - 1) * rate // 30 + 1 and {len(row) for row in rows} == {63}
    capture = parse("\n".join(",".join(row) for row in [list(COLUMNS), *rows]), rate=rate)
    assert capture.lines == len(rows) and len(capture.motion) == len(motion)
    np.testing.assert_allclose(capture.motion[:, FACE], motion[:, FACE], atol=1e-6)
    turned = np.swapaxes(rotation_from_6d(motion[:, HEAD_ROTATION]), 1, 2) @ rotation_from_6d(capture.motion[:, HEAD_ROTATION])
    # For small angles the sine, from the part that is not symmetric, is exact where the cosine is not.
    sine = np.linalg.norm([turned[:, 2, 1] - turned[:, 1, 2], turned[:, 0, 2] - turned[:, 2, 0], turned[:, 1, 0] - turned[:, 0, 1]], axis=0)
    assert np.degrees(np.arcsin(sine / 2)).max() < 0.01 and np.trace(turned, axis1=1, axis2=2).min() > 2.9


def test_frames_in_between_lie_half_way(tmp_path: Path) -> None:
    motion = neutral_motion(2)
    motion[1, ARKIT_INDEX["jawOpen"]] = 0.5
    motion[1, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(20, 0, 0))
    assert write_livelink(tmp_path / "a.csv", motion) == 3
    lines = (tmp_path / "a.csv").read_text().splitlines()
    middle = dict(zip(lines[0].split(","), lines[2].split(","), strict=True))
    assert middle["Timecode"] == "00:00:00:01.000" and middle["BlendShapeCount"] == "61"
    assert float(middle["JawOpen"]) == pytest.approx(0.25)
    assert math.degrees(float(middle["HeadYaw"])) == pytest.approx(-10, abs=1e-3)


def test_the_neck_is_part_of_the_head_that_is_written() -> None:
    motion = neutral_motion(1)
    motion[0, BODY.start + 6 : BODY.start + 12] = rotation_to_6d(head_rotation_from_euler(0, 0, 5))
    motion[0, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(0, 0, 7))
    (row,) = livelink_rows(motion)
    assert math.degrees(float(row[COLUMNS.index("HeadRoll")])) == pytest.approx(-12, abs=1e-3)


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_eyes_turn_as_those_of_the_app(side: str) -> None:
    """A look at the upper left corner, and a look down, as the app gave weights and angles for them (rounded)."""
    face = np.zeros(52, np.float32)
    shown, expected = {
        "Left": ({"Out": 0.51, "Up": 0.415}, (-0.364, -0.190, 0.068)),
        "Right": ({"In": 0.605, "Up": 0.407}, (-0.307, -0.190, 0.058)),
    }[side]
    for way, weight in shown.items():
        face[ARKIT_INDEX[f"eyeLook{way}{side}"]] = weight
    np.testing.assert_allclose(eye_angles(face, side), expected, atol=0.018)
    face[:] = 0
    face[ARKIT_INDEX[f"eyeLookDown{side}"]] = 0.28
    assert eye_angles(face, side)[1] == pytest.approx(0.171, abs=0.002)


@given(across=st.floats(-1, 1), up=st.floats(-1, 1), side=st.sampled_from(["Left", "Right"]))
def test_eye_angles_give_their_weights_back(across: float, up: float, side: str) -> None:
    face = np.zeros(52, np.float32)
    wanted = [max(across, 0), max(-across, 0), max(up, 0), max(-up, 0)]
    for way, weight in zip(("In", "Out", "Up", "Down"), wanted, strict=True):
        face[ARKIT_INDEX[f"eyeLook{way}{side}"]] = weight
    yaw, pitch, _ = eye_angles(face, side)
    np.testing.assert_allclose(look_weights(np.array([yaw]), np.array([pitch]), side)[0], wanted, atol=1e-6)


def test_the_columns_are_those_of_the_app() -> None:
    assert tuple(TAKE.splitlines()[0].split(",")) == COLUMNS


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_take_of_the_app_over_midnight(mark: str, tmp_path: Path) -> None:
    (tmp_path / "take.csv").write_text(mark + TAKE.replace("\n", "\r\n"), encoding="utf-8")
    capture = read_livelink(tmp_path / "take.csv")
    assert capture.lines == 4 and capture.rate == pytest.approx(60) and len(capture.motion) == 2
    face = {name: capture.motion[:, index] for name, index in ARKIT_INDEX.items()}
    np.testing.assert_allclose(face["jawOpen"], [0.3, 0.5], atol=1e-6)
    np.testing.assert_allclose(face["eyeBlinkLeft"], [0.05, 0.25], atol=1e-6)
    assert face["jawRight"][0] == pytest.approx(0.01) and face["mouthLeft"][0] == pytest.approx(0.04)
    np.testing.assert_allclose(angles(capture.motion)[0], np.degrees([-0.1, -0.2, 0.05]), atol=1e-3)
    # The head as the phone saw it is 13 degrees off, which is told.
    assert [line for line in capture.remarks if "13 degrees on average" in line]


def test_the_head_is_flipped_and_centred() -> None:
    flipped = parse(TAKE, flip=("pitch",))
    np.testing.assert_allclose(angles(flipped.motion)[0], np.degrees([-0.1, 0.2, 0.05]), atol=1e-3)
    centred = parse(TAKE, centre=True)
    assert np.abs(angles(centred.motion)).max() < 1e-3 and not any("average" in line for line in centred.remarks)


@pytest.mark.parametrize(("rate", "step", "seconds"), [(60, 1, 2.0), (60, 2, 2.0), (30, 1, 2.0), (24, 1, 2.5), (25, 1, 2.0), (50, 1, 2.0)])
def test_any_rate_of_lines_keeps_its_time(rate: int, step: int, seconds: float) -> None:
    count = round(seconds * rate / step) + 1
    ramp = np.linspace(0, 1, count)
    capture = parse(table(clock(count, rate, step, start=7), {"JawOpen": ramp.round(9).tolist()}))
    assert capture.rate == pytest.approx(rate / step, rel=1e-6)
    assert len(capture.motion) == round(seconds * 30) + 1
    np.testing.assert_allclose(capture.motion[:, ARKIT_INDEX["jawOpen"]], np.linspace(0, 1, len(capture.motion)), atol=1e-5)


def test_timecode_of_ntsc_falls_behind_the_clock() -> None:
    capture = parse(table(clock(6001, 60), {"JawOpen": [0.0] * 6001}), rate=59.94)
    assert len(capture.motion) == int(6000 / 59.94 * 30) + 1


def test_lines_that_are_missing_or_repeated_are_told() -> None:
    times = clock(130, 60)
    ramp = np.linspace(0, 1, 130).round(9)
    keep = [n for n in range(130) if n not in (50, 51, 52, 90)]
    lost = parse(table([times[n] for n in keep], {"JawOpen": ramp[keep].tolist()}))
    assert any("4 lines are missing at 2 places, the longest gap is 0.07 s" in line for line in lost.remarks)
    whole = parse(table(times, {"JawOpen": ramp.tolist()}))
    np.testing.assert_allclose(lost.motion, whole.motion, atol=1e-5)
    twice = [0, 0, *range(1, 130)]
    doubled = parse(table([times[n] for n in twice], {"JawOpen": ramp[twice].tolist()}))
    assert any("1 lines repeat" in line for line in doubled.remarks)
    np.testing.assert_array_equal(doubled.motion, whole.motion)


def test_columns_come_in_any_order_and_any_spelling() -> None:
    text = table(clock(3, 60, start=30), {"jawopen": [0.1] * 3, " HEADYAW": [0.1] * 3, "MyNote": [9.0] * 3, "EyeBlinkLeft": [0.7] * 3})
    capture = parse(text)
    assert capture.motion[0, ARKIT_INDEX["jawOpen"]] == pytest.approx(0.1)
    assert capture.motion[0, ARKIT_INDEX["eyeBlinkLeft"]] == pytest.approx(0.7)
    assert angles(capture.motion)[0, 0] == pytest.approx(-math.degrees(0.1), abs=1e-3)
    told = "\n".join(capture.remarks)
    assert "1 unknown columns" in told and "mynote" in told and "HeadPitch, HeadRoll" in told and "and 46 more" in told


def test_gaze_comes_from_the_angles_where_the_weights_are_missing() -> None:
    whole = neutral_motion(3)
    for name, weight in (("eyeLookInLeft", 0.3), ("eyeLookDownLeft", 0.2), ("eyeLookOutRight", 0.4), ("eyeLookUpRight", 0.1)):
        whole[:, ARKIT_INDEX[name]] = weight
    keep = [index for index, name in enumerate(COLUMNS) if not name.startswith("EyeLook")]
    rows = [[row[index] for index in keep] for row in [list(COLUMNS), *livelink_rows(whole)]]
    capture = parse("\n".join(",".join(row) for row in rows))
    np.testing.assert_allclose(capture.motion[:, FACE], whole[:, FACE], atol=1e-6)
    assert sum("comes from its angles" in line for line in capture.remarks) == 2
    none = [[cell if at < 2 or row[0] == "Timecode" else "0.0" for at, cell in enumerate(row)] for row in rows]
    straight = parse("\n".join(",".join(row) for row in none))
    assert not straight.motion[:, [ARKIT_INDEX[name] for name in LOOKS]].any()
    assert any("taken for zero: eyeLook" in line for line in straight.remarks)


def test_odd_values_are_put_right_and_told() -> None:
    columns = {"JawOpen": [1.5, -0.1, 0.5], "HeadYaw": [-20.0, 0.0, 10.0], "HeadPitch": [0.0] * 3, "HeadRoll": [0.0] * 3}
    capture = parse(table(clock(3, 60, 2, start=40), columns))
    np.testing.assert_allclose(capture.motion[:, ARKIT_INDEX["jawOpen"]], [1.0, 0.0, 0.5], atol=1e-6)
    np.testing.assert_allclose(angles(capture.motion)[:, 0], [20, 0, -10], atol=1e-3)
    told = "\n".join(capture.remarks)
    assert "2 weights are not within 0 and 1 (the worst is 1.5)" in told and "taken for degrees" in told


def test_a_take_without_head_says_so() -> None:
    columns = {"JawOpen": [0.0] * 2, **{f"Head{angle}": [0.0] * 2 for angle in ("Yaw", "Pitch", "Roll")}}
    assert any("head never turns" in line for line in parse(table(clock(2, 60), columns)).remarks)


def test_other_clocks() -> None:
    drop = parse(table(["00:00:59;29.000", "00:01:00;02.000", "00:01:01;02.000"], {"JawOpen": [0, 0.1, 1]}), rate=30)
    assert len(drop.motion) == 34 and any("drop-frame" in line for line in drop.remarks)
    plain = parse(table(["10:00:00.000", "10:00:00.500", "10:00:01.000"], {"JawOpen": [0, 0.5, 1]}))
    np.testing.assert_allclose(plain.motion[:, ARKIT_INDEX["jawOpen"]], np.linspace(0, 1, 31), atol=1e-6)


def test_a_last_line_that_was_cut_off_is_left_out() -> None:
    capture = parse(TAKE[:-400])
    assert capture.lines == 3 and any("last line (5) is cut off" in line for line in capture.remarks)


GOOD = table(clock(3, 60, start=30), {"JawOpen": [0.0, 0.1, 0.2]})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1 has no column Timecode"),
        ("a,b\n1,2\n", "line 1 has no column Timecode"),
        ("Timecode,Smell\n00:00:00:00.000,1\n", "line 1 names none of the columns"),
        ("Timecode,JawOpen,jawopen\n", "line 1 names the column jawopen more than once"),
        ("Timecode,JawOpen\n", "not a single frame"),
        (GOOD.replace("0.1", "wide"), "line 3: JawOpen is 'wide', which is no number"),
        (GOOD.replace("0.1", "nan"), "line 3: JawOpen is 'nan', which is no number"),
        (GOOD.replace("0.1", ""), "line 3: JawOpen is '', which is no number"),
        (GOOD.replace(",0.1", ""), "line 3 has 1 values, but the header names 2"),
        (GOOD.replace("0.2", "0.2,0.3"), "line 4 has 3 values, but the header names 2"),
        (GOOD.replace("00:31.000", "31"), "line 3: the timecode '00:00:31' is not of the same form as '00:00:00:30.000'"),
        (GOOD.replace("00:00:31.000", "31"), "line 3: the timecode '00:31' is not of the form HH:MM:SS:FF.fff"),
        (GOOD.replace("00:00:00:31", "00:71:00:31"), "line 3: the timecode '00:71:00:31.000' is not of the form"),
        (GOOD.replace(":31.000", ":11.000"), "line 3: the timecode 00:00:00:11.000 is earlier"),
        (GOOD.replace("00:00:00:31", "00:05:00:31"), "line 3: 300 s are missing before it: this is more than one take"),
        (GOOD.replace(":31.000", ":71.000"), "counts to 71 frames"),
    ],
)
def test_bad_files_are_named_by_their_line(text: str, words: str) -> None:
    with pytest.raises(LiveLinkError) as error:
        parse(text)
    assert words in str(error.value)


def test_the_wrong_rate_is_noticed() -> None:
    with pytest.raises(LiveLinkError, match=r"line 2: .* 24 frames a second do not have"):
        parse(GOOD, rate=24)


def test_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00binary\x80")
    with pytest.raises(LiveLinkError, match=r"a\.csv is not a text file"):
        read_livelink(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("nothing\n")
    with pytest.raises(LiveLinkError, match=r"b\.csv: line 1"):
        read_livelink(tmp_path / "b.csv")


def test_what_cannot_be_written_or_asked_for() -> None:
    with pytest.raises(ValueError, match="not a single frame"):
        next(livelink_rows(neutral_motion(0)))
    with pytest.raises(ValueError, match="30 or 60"):
        next(livelink_rows(neutral_motion(1), 24))
    with pytest.raises(ValueError, match="flip takes yaw, pitch, roll, got nod"):
        parse(GOOD, flip=("nod",))
    with pytest.raises(ValueError, match="1 to 240"):
        parse(GOOD, rate=0)


def test_the_time_of_day_goes_on_past_midnight() -> None:
    rows = list(itertools.islice(livelink_rows(neutral_motion(4), 30, 86_400 - 1 / 30), 4))
    assert [row[0] for row in rows] == ["23:59:59:29.000", "00:00:00:00.000", "00:00:00:01.000", "00:00:00:02.000"]


def test_a_packet_says_what_the_file_says() -> None:
    motion = neutral_motion(1)
    motion[0, FACE] = np.random.default_rng(3).random(52)
    motion[0, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(20.0, -10.0, 5.0))
    data = livelink_packet(motion[0], "Ada", "D" * 36, 3661.51, 60)
    assert data[:1] == b"\x06" and data[1:5] == (36).to_bytes(4, "big") and data[5:41] == b"D" * 36
    assert data[41:48] == (3).to_bytes(4, "big") + b"Ada"
    frame, part, rate, one, count = struct.unpack_from("!ifiiB", data, 48)
    assert (frame, rate, one, count) == (219_690, 60, 1, 61) and part == pytest.approx(0.6, abs=1e-4)
    values = struct.unpack_from("!61f", data, 65)
    assert len(data) == 65 + 4 * 61
    row = dict(zip(COLUMNS, next(livelink_rows(motion)), strict=True))
    names = [name[0].upper() + name[1:] for name in ARKIT_NAMES] + list(COLUMNS[-9:])
    assert np.allclose(values, [float(row[name]) for name in names], atol=1e-6), "Apple's order, the file's units"
    with pytest.raises(ValueError, match="1 to 255"):
        livelink_packet(motion[0], "", "D" * 36, 0.0, 60)
