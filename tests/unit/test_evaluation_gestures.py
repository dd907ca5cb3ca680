"""Figures of body and hands: what they find in motion that is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.data.body import at_rest as resting_motion
from visavis.data.body import teach_body
from visavis.data.phones import SILENCE, Phone
from visavis.data.prosody import analyse
from visavis.evaluation.gestures import diversity, find_apexes, measure
from visavis.motion.layout import ARKIT_INDEX, BODY, BODY_JOINTS, neutral_motion, rotation_to_6d
from visavis.motion.limbs import GLIDE_SECONDS, LIMBS, glide_from, glide_on
from visavis.motion.skeleton import joints_of, rotation_from_vector
from visavis.timing import FRAME_RATE, SAMPLE_RATE, frames_in


def speech() -> tuple[NDArray[np.int16], tuple[Phone, ...]]:
    """Twelve seconds of syllables, every third one stressed."""
    phones, pieces, time = [Phone(SILENCE, 0.0, 0.4)], [np.zeros(6400)], 0.4
    for syllable in range(40):
        stressed = syllable % 3 == 2
        for name, seconds, loud in (("T", 0.08, 0.1), ("AA", 0.26 if stressed else 0.14, 0.8 if stressed else 0.3)):
            count = round(seconds * SAMPLE_RATE)
            pieces.append(loud * np.sin(2 * np.pi * 150 * np.arange(count) / SAMPLE_RATE))
            phones.append(Phone(name, time, time + seconds))
            time += seconds
    pieces.append(np.zeros(SAMPLE_RATE))
    phones.append(Phone(SILENCE, time, time + 1))
    return (9000 * np.concatenate(pieces)).astype(np.int16), tuple(phones)


def test_strokes_are_found_where_they_were_planned() -> None:
    samples, phones = speech()
    head = np.tile(np.array([1, 0, 0, 0, 1, 0, 0, 0, 0], np.float32), (frames_in(len(samples)), 1))
    planned, found, motions, accents = 0, 0, [], []
    for seed in range(4):
        body = teach_body(samples, phones, head, seed, 1.0)
        motion = body.put_into(neutral_motion(len(head)))
        apexes = np.array(find_apexes(joints_of(motion)))
        planned += len(body.strokes)
        found += sum(np.abs(apexes - apex).min(initial=9) < 0.12 for _, apex in body.strokes)
        motions.append(motion)
        accents.append(np.array([accent.time for accent in analyse(samples, phones).accents]))
    assert planned > 8 and found >= 0.7 * planned
    figures = measure(motions, accents)
    assert abs(figures.offset) < 0.06 and figures.near > 0.8
    assert figures.touching == 0 and 0.05 < figures.rest < 0.9 and figures.strokes > 4


def test_nothing_is_found_in_rest() -> None:
    figures = measure([resting_motion(90)], [np.array([1.0, 2.0])])
    assert figures.rest == 1 and figures.strokes == 0 and np.isnan(figures.offset)
    assert figures.wrist_jitter < 1e-6 and figures.head_jitter < 1e-6


def test_a_hand_inside_the_torso_touches() -> None:
    motion = resting_motion(10)
    joint = BODY_JOINTS.index("right_upper_arm")
    motion[:, BODY][:, 6 * joint : 6 * joint + 6] = rotation_to_6d(rotation_from_vector([0.0, 0.0, -0.6]))
    assert measure([motion], [np.zeros(0)]).touching == 1


def test_jitter_is_the_second_difference_in_eye_distances() -> None:
    motion = resting_motion(60)
    motion[::2, 60] += 0.0063  # the head's depth, a tenth of the distance between the eyes, up and down
    assert measure([motion], [np.zeros(0)]).head_jitter == pytest.approx(0.2, rel=1e-3)


def test_diversity_tells_hands_head_and_mouth_apart() -> None:
    first, second = resting_motion(5), resting_motion(5)
    assert diversity(first, second) == diversity(first, first)
    second[:, ARKIT_INDEX["jawOpen"]] = 0.3
    apart = diversity(first, second)
    assert apart.mouth > 0.03 and apart.hands == 0 and apart.head == 0


def test_limbs_glide_from_where_they_were_seen() -> None:
    rng = np.random.default_rng(0)
    seen, wanted = neutral_motion(1)[0], neutral_motion(40)
    seen[LIMBS] += rng.normal(0, 0.3, len(LIMBS)).astype(np.float32)
    seen[0] = 0.7
    glide = glide_from(seen, wanted[0])
    first, glide_later = glide_on(wanted[:7], glide)
    second, over = glide_on(wanted[7:], glide_later)
    path = np.concatenate([seen[None], first, second])
    jump = np.abs(seen - wanted[0])[LIMBS].max()
    assert np.abs(np.diff(path[:, LIMBS], axis=0)).max() < 0.15 * jump
    assert over is None and np.array_equal(path[1 + int(GLIDE_SECONDS * FRAME_RATE) :], wanted[int(GLIDE_SECONDS * FRAME_RATE) :])
    np.testing.assert_array_equal(path[1:, 0], wanted[:, 0])
    whole, _ = glide_on(wanted, glide)
    np.testing.assert_array_equal(whole, path[1:])
