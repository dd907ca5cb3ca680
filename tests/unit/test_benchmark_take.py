"""A recording becomes a film by its stamps alone; what is missing in it is told."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from visavis.benchmark.correlate import lag_of
from visavis.benchmark.graph import GraphError
from visavis.benchmark.take import (
    EDGE_FRAMES,
    Take,
    film_frames,
    film_motion,
    film_sound,
    frame_loudness,
    frames_not_shown,
    gather,
    write_take,
)
from visavis.film.reader import read_facts, read_pictures, read_sound
from visavis.motion.layout import neutral_motion
from visavis.timing import frame_to_ns, frame_to_sample, frames_in, sample_to_ns
from visavis.types import AudioChunk, MotionChunk

START = 1_700_000_000_123_456_789
UTTERANCE = 9
SPEECH: NDArray[np.int16] = (8000 * np.sin(np.arange(16_000) * 0.2) * (np.arange(16_000) % 4000 < 2000)).astype(np.int16)
FRAMES = frames_in(len(SPEECH))


def jpeg(level: int) -> bytes:
    done, data = cv2.imencode(".jpg", np.full((96, 64, 3), level, np.uint8))
    assert done
    return data.tobytes()


def audio(lost: tuple[int, ...] = ()) -> list[AudioChunk]:
    firsts = range(0, len(SPEECH), 640)
    return [
        AudioChunk(UTTERANCE, first, SPEECH[first : first + 640], START + sample_to_ns(first), end_of_utterance=first == firsts[-1])
        for index, first in enumerate(firsts)
        if index not in lost
    ]


def motion(lost: tuple[int, ...] = ()) -> list[MotionChunk]:
    idle = MotionChunk(0, 100, neutral_motion(4), START - frame_to_ns(4))
    values = neutral_motion(FRAMES)
    values[:, 17] = np.arange(FRAMES) / 100
    spoken = [MotionChunk(UTTERANCE, first, values[first : first + 4], START + frame_to_ns(first)) for first in range(0, FRAMES, 4)]
    return [idle, *(chunk for index, chunk in enumerate(spoken) if index not in lost)]


def pictures(lost: tuple[int, ...] = ()) -> list[tuple[int, bytes]]:
    """Idle before and after is on a grid of its own; frame n of the speech has the brightness 40 + 5 n."""
    before = [(START - 20_000_000 - frame_to_ns(index), jpeg(10)) for index in range(25)]
    speech = [(START + frame_to_ns(index), jpeg(40 + 5 * index)) for index in range(FRAMES) if index not in lost]
    after = [(START + frame_to_ns(FRAMES) + 9_000_000 + frame_to_ns(index), jpeg(250)) for index in range(25)]
    return [*before, *speech, *after]


def test_whole_recording_has_no_problem() -> None:
    take = gather(audio(), motion(), pictures())
    assert take.problems == [] and take.start_ns == START
    np.testing.assert_array_equal(take.samples, SPEECH)
    np.testing.assert_array_equal(take.motion[:, 17], (np.arange(FRAMES) / 100).astype(np.float32))
    assert [stamp for stamp, _ in take.pictures] == sorted(stamp for stamp, _ in take.pictures)


@pytest.mark.parametrize(
    ("take", "words"),
    [
        (gather(audio(lost=(3,)), motion(), pictures()), "1 gaps"),
        (gather(audio(lost=(24,)), motion(), pictures()), "last chunk"),
        (gather(audio(), motion(lost=(2,)), pictures()), "4 of 30 frames of motion"),
        (gather(audio(), motion(), pictures(lost=(7, 8))), "2 of 30 pictures of the speech are missing (frame 7"),
    ],
)
def test_what_is_missing_is_told(take: Take, words: str) -> None:
    assert any(words in problem for problem in take.problems)


def test_recording_without_speech_or_in_pieces_is_refused() -> None:
    with pytest.raises(GraphError, match="no speech"):
        gather([], motion(), pictures())
    second = AudioChunk(UTTERANCE + 1, 0, SPEECH[:640], START + 10**9)
    with pytest.raises(GraphError, match="2 utterances"):
        gather([*audio(), second], motion(), pictures())


def test_film_shows_at_each_time_what_the_screen_showed_then(tmp_path: Path) -> None:
    take = gather(audio(), motion(), pictures())
    assert list(write_take(take, tmp_path / "a.mp4", "mark")) == list(range(1, film_frames(take) + 1))
    facts = read_facts(tmp_path / "a.mp4")
    assert (facts.pictures, facts.irregular) == (FRAMES + 2 * EDGE_FRAMES, 0)
    levels = np.array([image.mean() for _, image in read_pictures(tmp_path / "a.mp4")])
    np.testing.assert_allclose(levels[:EDGE_FRAMES], 10, atol=4)
    np.testing.assert_allclose(levels[EDGE_FRAMES : EDGE_FRAMES + FRAMES], 40 + 5 * np.arange(FRAMES), atol=4)
    np.testing.assert_allclose(levels[EDGE_FRAMES + FRAMES + 1 :], 250, atol=4)
    sound, rate = read_sound(tmp_path / "a.mp4")
    reference = film_sound(take) / 32768
    assert rate == 16_000
    assert lag_of(sound[: len(reference) : 4, 0], reference[::4], 100)[0] == pytest.approx(0, abs=0.5)


def test_film_without_its_edges_is_refused(tmp_path: Path) -> None:
    late = gather(audio(), motion(), pictures()[25:])
    with pytest.raises(GraphError, match="begins too late"):
        list(write_take(late, tmp_path / "a.mp4", "mark"))
    early = gather(audio(), motion(), pictures()[:-25])
    with pytest.raises(GraphError, match="ends too early"):
        list(write_take(early, tmp_path / "a.mp4", "mark"))
    assert not list(tmp_path.iterdir())


def test_sound_and_motion_of_the_film_are_in_step() -> None:
    take = gather(audio(), motion(), pictures())
    begin = frame_to_sample(EDGE_FRAMES)
    np.testing.assert_array_equal(film_sound(take)[begin : begin + len(SPEECH)], SPEECH)
    assert len(film_sound(take)) == frame_to_sample(film_frames(take))
    assert film_motion(take, 17)[EDGE_FRAMES + 12] == pytest.approx(0.12)


def test_frames_are_found_by_their_stamps() -> None:
    stamps = [START + frame_to_ns(frame) + jitter for frame, jitter in ((0, 1), (1, -2), (3, 900_000), (4, 5_000_000))]
    assert frames_not_shown(stamps, START, 5) == [2, 4]


def test_loudness_is_that_of_each_frame() -> None:
    samples = np.zeros(3200, np.int16)
    samples[frame_to_sample(2) : frame_to_sample(3)] = 16_384
    np.testing.assert_allclose(frame_loudness(samples, 8), [0, 0, 0.5, 0, 0, 0, 0, 0])


@given(st.integers(-8, 8), st.integers(0, 2**32 - 1))
def test_lag_is_found(lag: int, seed: int) -> None:
    noise = np.convolve(np.random.default_rng(seed).standard_normal(240), np.hanning(7), "same")
    found, correlation = lag_of(noise[20 - lag : 220 - lag], noise[20:220], 10)
    assert round(found) == lag and correlation > 0.99


def test_constant_signal_has_no_lag_and_wrong_shapes_are_refused() -> None:
    assert lag_of(np.ones(50), np.arange(50), 5) == (0.0, 0.0)
    with pytest.raises(ValueError, match="one length"):
        lag_of(np.ones(50), np.ones(51), 5)
