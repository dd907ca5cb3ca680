"""The stages in a row with small stages in their place: what is counted is the row, and the film that `render` makes of it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from visavis.audio.load import AudioInfo
from visavis.cli import render
from visavis.film.reader import read_facts, read_pictures
from visavis.motion.layout import neutral_motion
from visavis.motion.styles import Manner
from visavis.pipeline import control_frames, motion_chunks, pictures
from visavis.timing import complete_frames_in, frame_to_ns, frame_to_sample, frames_in
from visavis.types import ControlFrame, MotionChunk, VideoFrame
from visavis.types_portrait import PICTURE_HEIGHT, PICTURE_WIDTH


class CountingMotion:
    """Gives each frame, five frames late, with its own index as the first value."""

    def initial_state(self) -> tuple[int, int]:
        return 0, 0

    def step(self, samples: NDArray[np.int16], state: tuple[int, int], final: bool = False) -> tuple[NDArray[np.float32], tuple[int, int]]:
        heard, given = state
        heard += len(samples)
        ready = frames_in(heard) if final else max(given, complete_frames_in(heard) - 5)
        values = neutral_motion(ready - given)
        values[:, 0] = np.arange(given, ready) / 1000
        return values, (heard, ready)

    def with_manner(self, state: tuple[int, int], manner: Manner) -> tuple[int, int]:
        return state


class OneFrameEach:
    """A control frame for each frame of motion."""

    def initial_state(self) -> int:
        return 0

    def step(self, chunk: MotionChunk, state: int) -> tuple[list[ControlFrame], int]:
        frames = []
        for row, values in enumerate(chunk.values):
            frame = chunk.first_frame + row
            point = np.array([[round(float(values[0]) * 1000), 0, 0]], np.int16)
            frames.append(
                ControlFrame(chunk.utterance_id, frame, point, np.zeros(1, np.float32), np.zeros((1, 3), np.float32), frame_to_ns(frame))
            )
        return frames, state + len(frames)


class Grey:
    """A picture as bright as its frame's index."""

    def initial_state(self) -> None:
        return None

    def step(self, frame: ControlFrame, state: None) -> tuple[VideoFrame, None]:
        image = np.full((PICTURE_HEIGHT, PICTURE_WIDTH, 3), min(255, 2 * int(frame.vertices[0, 0])), np.uint8)
        return VideoFrame(frame.utterance_id, frame.frame_index, image, frame.stamp_ns), None


@given(st.lists(st.integers(0, 5000), max_size=12))
def test_every_frame_comes_once_in_order_however_the_sound_is_cut(lengths: list[int]) -> None:
    blocks = [np.zeros(length, np.int16) for length in lengths]
    chunks = list(motion_chunks(blocks, CountingMotion(), utterance_id=4, start_ns=77))
    assert sum(len(chunk.values) for chunk in chunks) == frames_in(sum(lengths))
    assert [chunk.end_of_utterance for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert all(chunk.stamp_ns == 77 + frame_to_ns(chunk.first_frame) and chunk.utterance_id == 4 for chunk in chunks)
    frames = list(control_frames(chunks, OneFrameEach()))
    assert [frame.frame_index for frame in frames] == [frame.vertices[0, 0] for frame in frames] == list(range(frames_in(sum(lengths))))


def test_row_of_stages_is_lazy() -> None:
    """Nothing is drawn before it is asked for, so memory does not grow with the length."""
    taken = []

    def blocks() -> Iterator[NDArray[np.int16]]:
        for index in range(1000):
            taken.append(index)
            yield np.zeros(1600, np.int16)

    row = pictures(control_frames(motion_chunks(blocks(), CountingMotion()), OneFrameEach()), Grey())
    assert [next(row).frame_index for _ in range(3)] == [0, 1, 2]
    assert len(taken) < 5


def row_of(frames: int) -> Iterator[VideoFrame]:
    return pictures(control_frames(motion_chunks([np.zeros(frame_to_sample(frames), np.int16)], CountingMotion()), OneFrameEach()), Grey())


def sound_of(frames: int, rate: int) -> Iterator[NDArray[np.float32]]:
    yield from np.array_split(np.zeros((frames * rate // 30, 2), np.float32), 7)


def test_film_has_every_picture_and_the_sound_of_the_file(tmp_path: Path) -> None:
    seen: list[int] = []
    count = render.write_film(
        tmp_path / "a.mp4", row_of(40), AudioInfo(44_100, 2, None, "WAV"), sound_of(40, 44_100), "digitalsourcetype=x",
        on_picture=lambda picture: seen.append(picture.frame_index),
    )  # fmt: skip
    facts = read_facts(tmp_path / "a.mp4")
    assert count == facts.pictures == 40 and seen == list(range(40))
    assert facts.sound_rate == 44_100 and abs(facts.sound_seconds - 40 / 30) < 0.05
    assert "digitalsourcetype" in facts.mark
    levels = [image.mean() for _, image in read_pictures(tmp_path / "a.mp4")]
    np.testing.assert_allclose(levels, 2 * np.arange(40), atol=2)


def test_visible_mark_changes_a_corner_and_nothing_else(tmp_path: Path) -> None:
    info = AudioInfo(16_000, 2, None, "WAV")
    render.write_film(tmp_path / "plain.mp4", row_of(3), info, sound_of(3, 16_000), "m")
    render.write_film(tmp_path / "marked.mp4", row_of(3), info, sound_of(3, 16_000), "m", visible_mark=True)
    (_, plain), (_, marked) = next(read_pictures(tmp_path / "plain.mp4")), next(read_pictures(tmp_path / "marked.mp4"))
    differs = np.abs(plain.astype(int) - marked.astype(int)).max(axis=2) > 60
    rows, columns = np.nonzero(differs)
    assert len(rows) > 200 and rows.min() > 0.9 * PICTURE_HEIGHT and columns.max() < 0.6 * PICTURE_WIDTH


def failing_after(count: int, error: BaseException) -> Iterator[VideoFrame]:
    for index, picture in enumerate(row_of(100)):
        if index == count:
            raise error
        yield picture


@pytest.mark.parametrize("error", [RuntimeError("cannot draw"), KeyboardInterrupt()])
def test_failure_or_ctrl_c_while_drawing_leaves_nothing_behind(tmp_path: Path, error: BaseException) -> None:
    (tmp_path / "a.mp4").write_bytes(b"older film")
    with pytest.raises(type(error)):
        render.write_film(tmp_path / "a.mp4", failing_after(30, error), AudioInfo(16_000, 2, None, "WAV"), sound_of(100, 16_000), "m")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"] and (tmp_path / "a.mp4").read_bytes() == b"older film"
    assert not [thread for thread in threading.enumerate() if thread.name == "encoder"]


def test_failure_while_encoding_is_raised_and_ends_the_drawing(tmp_path: Path) -> None:
    def broken() -> Iterator[NDArray[np.float32]]:
        yield np.zeros((100, 2), np.float32)
        raise OSError("disk is full")

    drawn: list[int] = []
    with pytest.raises(OSError, match="disk is full"):
        render.write_film(
            tmp_path / "a.mp4", row_of(3000), AudioInfo(16_000, 2, None, "WAV"), broken(), "m",
            on_picture=lambda picture: drawn.append(picture.frame_index),
        )  # fmt: skip
    assert len(drawn) < 200 and not list(tmp_path.iterdir())


def test_output_that_is_the_input_or_no_film_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "speech.mp4"
    source.write_bytes(b"x")
    with pytest.raises(ValueError, match="also the input"):
        render.check_output(tmp_path / "." / "speech.mp4", [source], (".mp4",))
    with pytest.raises(ValueError, match="must end in"):
        render.check_output(tmp_path / "a.gif", [source], (".mp4",))
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(ValueError, match="is a folder"):
        render.check_output(tmp_path / "folder.mp4", [source], (".mp4",))
    render.check_output(tmp_path / "new" / "deep" / "a.mp4", [source], (".mp4",))
    assert (tmp_path / "new" / "deep").is_dir()


@given(st.integers(1, 700))
def test_pictures_kept_for_the_sheet_are_few_and_spread_over_all(count: int) -> None:
    kept = render._Kept(64)
    for index in range(count):
        kept.add(float(index), np.zeros((1, 1, 3), np.uint8))
    times = [time for time, _ in kept.pictures]
    assert len(times) <= 64 and times[0] == 0 and len(set(np.diff(times))) <= 1
    assert times[-1] >= count - 1 - count / 16
