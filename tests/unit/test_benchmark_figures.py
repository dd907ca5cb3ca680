"""The figures of the benchmark, from arrivals that were made up so that the right answer is known."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.benchmark.figures import Arrivals, first_frames_ms, missing_frames, percentiles, repeated_frames
from visavis.benchmark.measure import STAGES, summary
from visavis.timing import frame_to_ns

START = 1_700_000_000_000_000_000
MS = 1_000_000


@given(st.sets(st.integers(0, 299), min_size=2))
def test_missing_frames_are_exactly_those_left_out(shown: set[int]) -> None:
    stamps = [START + frame_to_ns(frame) for frame in sorted(shown)]
    assert missing_frames(stamps) == max(shown) - min(shown) + 1 - len(shown)


@given(st.integers(1, 50), st.integers(1, 33_000_000))
def test_a_new_utterance_shifts_the_grid_without_missing_a_frame(frames: int, shift: int) -> None:
    """Idle goes on until the utterance begins, so the step between them is at most one frame."""
    idle = [START + frame_to_ns(frame) for frame in range(frames)]
    speech = [idle[-1] + shift + frame_to_ns(frame) for frame in range(frames)]
    assert missing_frames(idle + speech) == 0


def test_repeated_frames() -> None:
    assert repeated_frames([1, 2, 3]) == 0
    assert repeated_frames([1, 2, 2, 1]) == 2


def test_percentiles_of_nothing_are_no_numbers() -> None:
    assert all(math.isnan(value) for value in percentiles([]).values())
    assert percentiles(range(101)) == {"p50": 50.0, "p99": 99.0}


def talk(lost: tuple[int, ...] = ()) -> dict[str, Arrivals]:
    """Two utterances of 60 frames, 2 s each: audio 40 ms after its stamp, motion 200, control 220, pictures 400."""
    arrivals = {topic: Arrivals() for topic in STAGES.values()}
    for utterance in (1, 2):
        begin = START + (utterance - 1) * frame_to_ns(60)
        for chunk in range(50):
            stamp = begin + chunk * 40 * MS
            arrivals["audio"].add(stamp, stamp + 40 * MS, stamp + 41 * MS, utterance, chunk * 640)
        for frame in range(60):
            stamp = begin + frame_to_ns(frame)
            if frame % 4 == 0:
                arrivals["motion"].add(stamp, stamp + 199 * MS, stamp + 200 * MS, utterance, frame)
            arrivals["control"].add(stamp, stamp + 219 * MS, stamp + 220 * MS, utterance, frame)
            if (utterance - 1) * 60 + frame not in lost:
                arrivals["image_raw"].add(stamp, stamp + 398 * MS, stamp + 400 * MS)
    return arrivals


def test_first_frame_is_counted_from_the_publication_of_the_first_chunk() -> None:
    arrivals = talk()
    assert first_frames_ms(arrivals["audio"], arrivals["control"], arrivals["image_raw"]) == [360.0, 360.0]


def test_first_frame_that_was_lost_makes_the_next_one_the_first() -> None:
    arrivals = talk(lost=(60, 61, 62))
    assert first_frames_ms(arrivals["audio"], arrivals["control"], arrivals["image_raw"]) == [360.0, 460.0]


def test_utterance_whose_beginning_was_not_seen_is_left_out() -> None:
    arrivals = talk()
    late = arrivals["audio"].between(START + 500 * MS, START + 10_000 * MS)
    assert first_frames_ms(late, arrivals["control"], arrivals["image_raw"]) == [360.0]


def test_summary_has_every_figure() -> None:
    figures = summary(talk(lost=(20, 70, 71)), START + 400 * MS, START + 4_400 * MS)
    assert figures["frames"] == 117 and figures["dropped"] == 3 and figures["repeated"] == 0
    assert figures["fps"] == pytest.approx(117 / 4)
    assert figures["end_to_end_ms"] == {"p50": 400.0, "p99": 400.0}
    assert figures["stages"] == {
        "audio_capture": {"p50_ms": 41.0, "p99_ms": 41.0},
        "motion_diffusion": {"p50_ms": 200.0, "p99_ms": 200.0},
        "control_render": {"p50_ms": 220.0, "p99_ms": 220.0},
        "video_generation": {"p50_ms": 400.0, "p99_ms": 400.0},
    }
    assert json.loads(json.dumps(figures))["utterances"] == 1  # the second one's audio began within the window, the first one's before it


def test_between_takes_what_arrived_in_time() -> None:
    arrivals = talk()["image_raw"]
    part = arrivals.between(START + 500 * MS, START + 600 * MS)
    assert len(part) == 3 and np.all(np.diff(part.stamps) > 0)
