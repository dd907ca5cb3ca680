"""The CSV files of Live Link Face, the app by Epic that records a face with an iPhone, to motion and back.

What the app writes, read off its recordings (alexdjulin/LiveLinkFace-CSV-Retarget-For-Motionbuilder, folders ``anim`` and ``csv``;
JMTechArt/Pipeline-Examples, ``MySlate_3_Jason_Millers_iPhone.csv``), for Epic documents none of it:

- A header and one line a frame: ``Timecode``, ``BlendShapeCount`` (61), the 52 ARKit weights and nine angles (``COLUMNS``). The order is
  nearly Apple's, but JawRight and MouthRight stand before JawLeft and MouthLeft. Ten decimals.
- Timecode is ``HH:MM:SS:FF.fff``: hours to seconds, frames at 60 a second (also where every second one is recorded), thousandths of one.
- Eye angles are radians: a weight of one is a turn of 26 to 35 degrees. Pitch is positive for a look down, yaw for one to the person's
  right. The two eyes rest ``REST_YAW`` apart from each other: there all eyeLook weights are zero. The ranges are straight lines through
  four recordings of two people, true to about a degree.

Less certain: no recording with head angles was at hand. Radians, and the signs (yaw is positive to the person's left, pitch up, roll
towards the person's right shoulder, each the opposite of ours), are those with which two programs that people use turn heads: a viewer of
the app's packets made with three-vrm, and MeFaMo, which drives MetaHumans. Where a capture nods the wrong way (the app turns some angles
about when the phone lies on its side), ``flip`` turns it back.

Our choices: the head turns by yaw, then pitch, then roll (``layout.head_rotation_from_euler``); files are written with 60 lines a second,
the app's default, of which every second is a frame of ours and the others lie half-way; what the file cannot hold (shifts of the head,
body, hands) is left out, and at rest when read. Labels are believed: some importers swap MouthLeft and MouthRight.
"""

import csv
import math
import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from visavis.motion.layout import (
    ARKIT_INDEX,
    ARKIT_NAMES,
    BODY,
    BODY_JOINTS,
    FACE,
    HEAD_ROTATION,
    check_motion,
    head_euler_from_rotation,
    head_rotation_from_euler,
    neutral_motion,
    rotation_from_6d,
    rotation_to_6d,
)
from visavis.timing import FRAME_RATE

Array = NDArray[np.float32]


def _columns() -> tuple[str, ...]:
    names = [name[0].upper() + name[1:] for name in ARKIT_NAMES]
    for left, right in (("JawLeft", "JawRight"), ("MouthLeft", "MouthRight")):
        place = names.index(left)
        names[place : place + 2] = [right, left]
    angles = [f"{part}{angle}" for part in ("Head", "LeftEye", "RightEye") for angle in ("Yaw", "Pitch", "Roll")]
    return ("Timecode", "BlendShapeCount", *names, *angles)


COLUMNS = _columns()
"""The header, in the app's order."""

BLENDSHAPE_COUNT = len(COLUMNS) - 2
WRITTEN_RATES = (30, 60)
TIMECODE_RATES = (24, 25, 30, 48, 50, 60)
"""Frames a second that a timecode may count; which one shows when a take holds a whole second."""

APP_RATE = 60
DAY_S = 86_400.0
LONGEST_GAP_S = 60.0
"""A longer gap between two lines means that the file is not one take."""

FLIPS = ("yaw", "pitch", "roll")

_TURN = 0.60, 0.58, 0.46, 0.61
"""Radians that an eye turns for weight 1 of eyeLookIn, Out, Up, Down."""
REST_YAW = {"Left": -0.066, "Right": 0.066}
"""Yaw of an eye (radians) at which its eyeLook weights are zero."""

_LOOK = {side: [ARKIT_INDEX[f"eyeLook{way}{side}"] for way in ("In", "Out", "Up", "Down")] for side in ("Left", "Right")}
_TO_PERSONS_RIGHT = {"Left": 1.0, "Right": -1.0}
"""Sign of a look towards the nose in the app's yaw."""
_NECK = slice(BODY.start + 6 * BODY_JOINTS.index("neck"), BODY.start + 6 * BODY_JOINTS.index("neck") + 6)


class LiveLinkError(ValueError):
    """A file that is no recording of Live Link Face; the text names the line and what is wrong."""


@dataclass(frozen=True)
class Capture:
    """motion: float32 (frames, MOTION_DIM) at 30 a second, frame 0 at the first line. lines: of data. rate: lines a second.
    remarks: what was put right or is missing, one line each."""

    motion: Array
    lines: int
    rate: float
    remarks: tuple[str, ...]


# Writing.


def write_livelink(path: str | os.PathLike[str], motion: Array, rate: int = APP_RATE, start_s: float = 0.0) -> int:
    """Write motion, float32 (frames, MOTION_DIM) at 30 a second, with ``rate`` lines a second (30 or 60); returns the number of lines.

    start_s: time of day of frame 0. ValueError for no motion or another rate; OSError where nothing can be written.
    """
    rows = livelink_rows(motion, rate, start_s)
    first = next(rows)
    with open(path, "w", newline="", encoding="ascii") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerow(first)
        lines = 1
        for row in rows:
            writer.writerow(row)
            lines += 1
    return lines


def livelink_rows(motion: Array, rate: int = APP_RATE, start_s: float = 0.0) -> Iterator[list[str]]:
    """The cells of each line of data, in the order of ``COLUMNS``."""
    if rate not in WRITTEN_RATES:
        raise ValueError(f"Live Link Face files are written with {' or '.join(map(str, WRITTEN_RATES))} lines a second, got {rate}")
    motion = check_motion(motion)
    if not len(motion):
        raise ValueError("there is no motion to write: not a single frame")
    steps = rate // FRAME_RATE
    rotations = head_turns(motion)
    start = round(start_s * rate)
    order = [ARKIT_INDEX[name[0].lower() + name[1:]] for name in COLUMNS[2:-9]]
    for line in range((len(motion) - 1) * steps + 1):
        frame, part = divmod(line, steps)
        face, rotation = motion[frame, FACE], rotations[frame]
        if part:
            share = np.float32(part / steps)
            face = face + share * (motion[frame + 1, FACE] - face)
            rotation = rotation_from_6d(rotation_to_6d(rotation + share * (rotations[frame + 1] - rotation)))
        weights = np.clip(face, 0.0, 1.0)
        values = [*weights[order].tolist(), *nine_angles(weights, rotation)]
        yield [_timecode(start + line, rate), str(BLENDSHAPE_COUNT), *(f"{value + 0.0:.10f}" for value in values)]


def head_turns(motion: Array) -> Array:
    """How the head is turned by itself and by the neck: motion (..., MOTION_DIM) to matrices (..., 3, 3)."""
    return np.asarray(rotation_from_6d(motion[..., _NECK]) @ rotation_from_6d(motion[..., HEAD_ROTATION]))


def nine_angles(face: Array, rotation: Array) -> list[float]:
    """The app's yaw, pitch and roll (radians) of head, left eye and right eye for face weights (52,) and a turn of the head (3, 3)."""
    head = np.radians(-head_euler_from_rotation(rotation).astype(np.float64))
    return [*head.tolist(), *eye_angles(face, "Left"), *eye_angles(face, "Right")]


def eye_angles(face: Array, side: str) -> tuple[float, float, float]:
    """The app's yaw, pitch and roll (radians) of the eye "Left" or "Right" for face weights (52,)."""
    inward, outward, up, down = (float(face[index]) for index in _LOOK[side])
    turn_in, turn_out, turn_up, turn_down = _TURN
    yaw = REST_YAW[side] + _TO_PERSONS_RIGHT[side] * (turn_in * inward - turn_out * outward)
    pitch = turn_down * down - turn_up * up
    # An eye does not roll: it turns about the vertical and then about its own side. The app gives this turn in angles of the other order,
    # where it has a roll (exact to 1e-4 in its recordings).
    true_pitch = math.asin(max(-1.0, min(1.0, math.sin(pitch) * math.cos(yaw))))
    true_yaw = math.asin(max(-1.0, min(1.0, math.sin(yaw) / math.cos(true_pitch))))
    return yaw, pitch, math.atan(math.tan(true_yaw) * math.sin(true_pitch))


def look_weights(yaw: NDArray[np.float64], pitch: NDArray[np.float64], side: str) -> NDArray[np.float64]:
    """Weights (lines, 4) of eyeLookIn, Out, Up, Down from an eye's angles (lines,); the inverse of ``eye_angles``."""
    inward = _TO_PERSONS_RIGHT[side] * (yaw - REST_YAW[side])
    turn_in, turn_out, turn_up, turn_down = _TURN
    weights = np.stack([inward / turn_in, -inward / turn_out, -pitch / turn_up, pitch / turn_down], axis=1)
    return np.asarray(np.clip(weights, 0.0, 1.0))


def _timecode(frame: int, rate: int) -> str:
    seconds, frames = divmod(frame, rate)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours % 24:02d}:{minutes:02d}:{seconds:02d}:{frames:02d}.000"


# Reading.


def read_livelink(path: str | os.PathLike[str], rate: float | None = None, flip: Sequence[str] = (), centre: bool = False) -> Capture:
    """Read a recording and bring it to 30 frames a second. LiveLinkError names the line of what cannot be understood; OSError as ``open``.

    rate: frames a second that the timecode counts; found out where it is None. flip: angles of the head to turn about ("yaw", "pitch",
    "roll"). centre: turn the head so that its middle position looks straight ahead; as recorded it is as the phone saw it.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            return parse_livelink(file, rate, flip, centre)
    except UnicodeDecodeError as error:
        raise LiveLinkError(f"{path} is not a text file in UTF-8: export the take from the app again") from error
    except LiveLinkError as error:
        raise LiveLinkError(f"{path}: {error}") from error


def parse_livelink(lines: Iterable[str], rate: float | None = None, flip: Sequence[str] = (), centre: bool = False) -> Capture:
    """``read_livelink`` of lines of text, the header first."""
    if unknown := sorted(set(flip) - set(FLIPS)):
        raise ValueError(f"flip takes {', '.join(FLIPS)}, got {', '.join(unknown)}")
    if rate is not None and not 1 <= rate <= 240:
        raise ValueError(f"the rate of the timecode must be 1 to 240 frames a second, got {rate}")
    remarks: list[str] = []
    header, rows = _table(lines, remarks)
    times = _times(rows, rate, remarks)
    keep = np.array([True, *(b > a for a, b in pairwise(times))])
    if repeated := int(np.count_nonzero(~keep)):
        remarks.append(f"{repeated} lines repeat the timecode of the line before and are left out")
    seconds = np.array(times)[keep] - times[0]
    table = np.array([row.values for row in rows])[keep]
    steps = np.diff(seconds)
    usual = float(np.median(steps)) if len(steps) else 1 / FRAME_RATE
    if gaps := np.flatnonzero(steps > 1.6 * usual).tolist():
        lost = sum(max(round(steps[gap] / usual) - 1, 1) for gap in gaps)
        remarks.append(f"{lost} lines are missing at {len(gaps)} places, the longest gap is {steps.max():.2f} s: filled by straight lines")
    column = {name: index for index, name in enumerate(header)}
    face, head = _weights(table, column, remarks), _head(table, column, flip, centre, remarks)
    at = np.arange(int(seconds[-1] * FRAME_RATE + 1e-3) + 1) / FRAME_RATE
    motion = neutral_motion(len(at))
    motion[:, FACE] = _resampled(face, seconds, at)
    motion[:, HEAD_ROTATION] = rotation_to_6d(rotation_from_6d(_resampled(head, seconds, at)))
    return Capture(motion, len(rows), 1 / usual, tuple(remarks))


@dataclass(frozen=True)
class _Row:
    """One line: its number in the file, its timecode as written, and the numbers of all columns but those two."""

    number: int
    timecode: str
    values: list[float]


def _table(lines: Iterable[str], remarks: list[str]) -> tuple[list[str], list[_Row]]:
    """Column names in lower case (without the first two) and the rows. A last line that was cut off is left out."""
    reader = csv.reader(lines)
    header = [name.strip().lower() for name in next(reader, [])]
    if "timecode" not in header:
        raise LiveLinkError("line 1 has no column Timecode: this is no recording of Live Link Face")
    if doubled := sorted({name for name in header if header.count(name) > 1}):
        raise LiveLinkError(f"line 1 names the column {doubled[0] or '(without a name)'} more than once")
    known = {name.lower(): name for name in COLUMNS}
    wanted = [index for index, name in enumerate(header) if name in known and name not in ("timecode", "blendshapecount")]
    if not wanted:
        raise LiveLinkError("line 1 names none of the columns of Live Link Face: EyeBlinkLeft to TongueOut, HeadYaw...")
    if extra := [name for name in header if name not in known]:
        remarks.append(f"{len(extra)} unknown columns are left out ({', '.join(extra[:3])}{'...' if len(extra) > 3 else ''})")
    clock = header.index("timecode")
    rows: list[_Row] = []
    short: tuple[int, int] | None = None
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if short is not None:
            raise LiveLinkError(f"line {short[0]} has {short[1]} values, but the header names {len(header)}")
        if len(cells) != len(header):
            short = (reader.line_num, len(cells))
            continue
        values = [_number(cells[index], known[header[index]], reader.line_num) for index in wanted]
        rows.append(_Row(reader.line_num, cells[clock].strip(), values))
    if short is not None:
        if short[1] > len(header) or not rows:
            raise LiveLinkError(f"line {short[0]} has {short[1]} values, but the header names {len(header)}")
        remarks.append(f"the last line ({short[0]}) is cut off and left out")
    if not rows:
        raise LiveLinkError("there is a header, but not a single frame")
    return [header[index] for index in wanted], rows


def _number(cell: str, name: str, line: int) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise LiveLinkError(f"line {line}: {name} is {cell.strip()!r}, which is no number")
    return value


def _times(rows: list[_Row], rate: float | None, remarks: list[str]) -> list[float]:
    """Seconds of each row, never decreasing, beyond midnight where the clock passed it."""
    parsed = [_parsed(row) for row in rows]
    if other := next((row for row, (_, _, counted) in zip(rows, parsed, strict=True) if counted != parsed[0][2]), None):
        raise LiveLinkError(f"line {other.number}: the timecode {other.timecode!r} is not of the same form as {rows[0].timecode!r}")
    if any(";" in row.timecode for row in rows):
        remarks.append("the timecode is marked as drop-frame: its seconds are taken as they stand")
    if rate is None:
        rate = _found_rate([frames for _, frames, counted in parsed if counted], [whole for whole, _, _ in parsed], remarks)
    nominal = math.ceil(rate - 0.1)
    # Timecode of 59.94 frames a second counts to 60, and so falls behind the clock.
    stretch = nominal / rate
    times: list[float] = []
    days = 0.0
    for row, (whole, frames, counted) in zip(rows, parsed, strict=True):
        if counted and frames >= nominal:
            raise LiveLinkError(f"line {row.number}: the timecode {row.timecode} has a frame that {rate:g} frames a second do not have")
        time = (whole + (frames / nominal if counted else frames)) * stretch + days
        if times and time < times[-1] - 1e-6:
            if times[-1] - time > DAY_S * stretch / 2:
                days += DAY_S * stretch
                time += DAY_S * stretch
            else:
                raise LiveLinkError(f"line {row.number}: the timecode {row.timecode} is earlier than that of the line before")
        if times and time - times[-1] > LONGEST_GAP_S:
            raise LiveLinkError(f"line {row.number}: {time - times[-1]:.0f} s are missing before it: this is more than one take")
        times.append(max(time, times[-1]) if times else time)
    return times


def _parsed(row: _Row) -> tuple[int, float, bool]:
    """Whole seconds of the day, the rest, and whether the rest counts frames (HH:MM:SS:FF.fff) or is part of a second (HH:MM:SS.fff)."""
    parts = row.timecode.replace(";", ":").split(":")
    try:
        if len(parts) not in (3, 4):
            raise ValueError
        hours, minutes = int(parts[0]), int(parts[1])
        seconds, rest = (int(parts[2]), float(parts[3])) if len(parts) == 4 else (int(float(parts[2])), math.modf(float(parts[2]))[0])
        if not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 60 and 0 <= rest < 1000):
            raise ValueError
    except ValueError:
        raise LiveLinkError(f"line {row.number}: the timecode {row.timecode!r} is not of the form HH:MM:SS:FF.fff") from None
    return (hours * 60 + minutes) * 60 + seconds, rest, len(parts) == 4


def _found_rate(frames: list[float], seconds: list[int], remarks: list[str]) -> float:
    """How many frames a second of the timecode has, by the highest that occurs."""
    if not frames:
        return APP_RATE
    highest = int(max(frames))
    if len(set(seconds)) < 3 and highest < TIMECODE_RATES[-2]:
        remarks.append(f"too short to show how many frames its timecode counts: taken for {APP_RATE}, as the app does")
        return APP_RATE
    place = bisect_right(TIMECODE_RATES, highest)
    if place == len(TIMECODE_RATES):
        raise LiveLinkError(f"the timecode counts to {highest} frames: say how many a second has")
    return TIMECODE_RATES[place]


def _weights(table: NDArray[np.float64], column: dict[str, int], remarks: list[str]) -> NDArray[np.float64]:
    """ARKit weights (lines, 52) within 0..1; missing ones are zero, gaze comes from the eye angles where its weights are missing."""
    face = np.zeros((len(table), len(ARKIT_NAMES)))
    missing = [name for name in ARKIT_NAMES if name.lower() not in column]
    for name, index in ARKIT_INDEX.items():
        if name.lower() in column:
            face[:, index] = table[:, column[name.lower()]]
    outside = (face < 0) | (face > 1)
    if count := int(np.count_nonzero(outside)):
        worst = face[outside][np.abs(face[outside] - 0.5).argmax()]
        remarks.append(f"{count} weights are not within 0 and 1 (the worst is {worst:.3g}) and are clipped")
    face = np.clip(face, 0.0, 1.0)
    for side, look in _LOOK.items():
        angles = [f"{side}Eye{angle}".lower() for angle in ("Yaw", "Pitch")]
        if any(ARKIT_NAMES[index] in missing for index in look) and all(name in column for name in angles):
            yaw, pitch = (table[:, column[name]] for name in angles)
            if not yaw.any() and not pitch.any():
                continue  # a writer that knows no eye angles
            face[:, look] = look_weights(yaw, pitch, side)
            missing = [name for name in missing if ARKIT_INDEX[name] not in look]
            remarks.append(f"the gaze of the {side.lower()} eye comes from its angles: columns of its eyeLook weights are missing")
    if missing:
        shown = ", ".join(missing[:4]) + (f" and {len(missing) - 4} more" if len(missing) > 4 else "")
        remarks.append(f"columns that are missing are taken for zero: {shown}")
    return face


def _head(table: NDArray[np.float64], column: dict[str, int], flip: Sequence[str], centre: bool, remarks: list[str]) -> NDArray[np.float64]:
    """Head rotations (lines, 6), in 6D."""
    names = [f"head{angle}" for angle in FLIPS]
    absent = [name for name in names if name not in column]
    if absent:
        remarks.append(f"columns that are missing are taken for zero: {', '.join('Head' + name[4:].capitalize() for name in absent)}")
    angles = np.stack([table[:, column[name]] if name in column else np.zeros(len(table)) for name in names], axis=1)
    if (largest := float(np.abs(angles).max())) > math.pi:
        remarks.append(f"head angles reach {largest:.0f}: taken for degrees, the app writes radians")
    else:
        angles = np.degrees(angles)
        if not largest and not absent:
            remarks.append("the head never turns: the app records it only where Stream Head Rotation is switched on")
    signs = np.array([1.0 if name in flip else -1.0 for name in FLIPS])
    rotations = head_rotation_from_euler(*(signs * angles).T)
    middle = rotation_from_6d(rotation_to_6d(rotations).astype(np.float64).mean(axis=0))
    if centre:
        rotations = middle.T @ rotations
    elif (turned := float(np.degrees(np.arccos(np.clip((np.trace(middle) - 1) / 2, -1, 1))))) > 8:
        remarks.append(f"the head is turned by {turned:.0f} degrees on average, as the phone saw it: centre it if that is not meant")
    return rotation_to_6d(rotations).astype(np.float64)


def _resampled(values: NDArray[np.float64], seconds: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (lines, n) at ``seconds`` (lines,), by straight lines at the times ``at``."""
    return np.stack([np.interp(at, seconds, column) for column in values.T], axis=1)
