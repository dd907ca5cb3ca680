"""The measure of lips against phones."""

import numpy as np
import pytest

from visavis.data.phones import SILENCE, Phone
from visavis.evaluation.curves import GAP_WEIGHTS, lip_gap, score_curves
from visavis.evaluation.lip_score import best_lag, reference_opening, score_gap, silent_frames
from visavis.motion.layout import ARKIT_INDEX

WORDS = ("M", "AA", "P", "IY", "S", "AE", "B", "UW", "T", "AA", "M", "OW")


def phones() -> tuple[Phone, ...]:
    found, here = [Phone(SILENCE, 0.0, 1.0)], 1.0
    for name in WORDS * 3:
        found.append(Phone(name, here, here + 0.12))
        here += 0.12
    return (*found, Phone(SILENCE, here, here + 1.5))


FRAMES = int(phones()[-1].end * 30)


def test_the_reference_itself_scores_best_and_a_delay_is_found() -> None:
    reference = 0.25 * reference_opening(phones(), FRAMES)
    score = score_gap(reference, phones())
    assert score.correlation == pytest.approx(1) and score.lag == 0 and score.closures == 12
    assert score_gap(np.roll(reference, 2), phones()).lag == 2
    assert score_gap(np.roll(reference, -1), phones()).lag == -1


def test_closed_lips_are_counted_one_by_one() -> None:
    gap = np.full(FRAMES, 0.2)
    bilabials = [phone for phone in phones() if phone.name in "PBM"]
    for phone in bilabials[:3]:
        gap[round((phone.start + phone.end) / 2 * 30)] = 0.0
    gap[:30] = 0.0
    score = score_gap(gap, phones())
    assert score.closed == pytest.approx(3 / len(bilabials), abs=0.12) and score.closed < 0.5
    assert score_gap(np.full(FRAMES, 0.2) + 0.01 * np.arange(FRAMES) % 0.02, phones()).closed == 0


def test_jitter_is_the_95th_percentile_of_the_second_difference() -> None:
    gap = np.where(np.arange(FRAMES) % 2 == 0, 0.10, 0.15)
    assert score_gap(gap, phones()).jitter == pytest.approx(0.10)
    assert score_gap(np.linspace(0, 0.3, FRAMES), phones()).jitter == pytest.approx(0, abs=1e-9)


def test_an_open_mouth_in_silence_shows() -> None:
    gap = 0.25 * reference_opening(phones(), FRAMES)
    assert score_gap(gap, phones()).silent_open == 0
    silent = silent_frames(phones(), FRAMES)
    assert 0 < silent.sum() < 2.5 * 30
    gap[silent] = 0.1
    assert score_gap(gap, phones()).silent_open == 1


def test_a_few_unseen_frames_are_bridged_and_many_are_refused() -> None:
    gap = 0.25 * reference_opening(phones(), FRAMES)
    holes = gap.copy()
    holes[10:13] = np.nan
    assert score_gap(holes, phones()).correlation > 0.99
    holes[20:] = np.nan
    with pytest.raises(ValueError, match="known gap"):
        score_gap(holes, phones())


def test_a_still_mouth_has_no_correlation() -> None:
    assert best_lag(np.zeros(100), np.random.default_rng(0).random(100))[0] == 0


def test_curves_give_a_gap_in_eye_distances() -> None:
    face = np.zeros((3, 52), np.float32)
    face[1, ARKIT_INDEX["jawOpen"]] = 0.5
    face[2, [ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]]] = 0.1
    gap = lip_gap(face)
    assert gap[0] == 0 and gap[1] == pytest.approx(0.5 * GAP_WEIGHTS["jawOpen"], abs=0.02) and gap[2] < 0.01
    with pytest.raises(ValueError, match="frames"):
        score_curves(face, phones())
