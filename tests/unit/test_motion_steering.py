"""Steering on top of the model's motion: nothing asked for changes nothing; what is asked for comes soon, and without a jump."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.motion.layout import (
    ARKIT_INDEX,
    FACE,
    HEAD_ROTATION,
    check_motion,
    head_euler_from_rotation,
    head_rotation_from_euler,
    neutral_motion,
    rotation_from_6d,
    rotation_to_6d,
)
from visavis.motion.steering import EMOTIONS, GAZE_DEGREES, SCALES, Steering, arrived, at_rest, look_angles, steer
from visavis.motion.styles import STYLES, Manner

CHUNK = 3
LARGEST_STEP = 0.12
"""Of a weight from one frame to the next: a lid that blinks makes .3."""


def talking(frames: int, seed: int = 0) -> np.ndarray:
    """Some motion: jaw, smile, brows, glances and a head that turns."""
    time = np.arange(frames) / 30 + seed
    motion = neutral_motion(frames)
    for name, rate in (("jawOpen", 4.0), ("mouthSmileLeft", 0.7), ("browInnerUp", 0.5), ("eyeLookOutLeft", 0.3), ("eyeLookInRight", 0.3)):
        motion[:, ARKIT_INDEX[name]] = 0.2 + 0.2 * np.sin(2 * np.pi * rate * time)
    motion[:, HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(4 * np.sin(time), 3 * np.sin(2 * time), np.cos(time)))
    return motion


def angles(motion: np.ndarray) -> np.ndarray:
    return head_euler_from_rotation(rotation_from_6d(motion[:, HEAD_ROTATION]))


def gaze(motion: np.ndarray) -> np.ndarray:
    """Degrees to the avatar's left and up, by the left eye."""
    look = {name: motion[:, ARKIT_INDEX[f"eyeLook{name}Left"]] for name in ("In", "Out", "Up", "Down")}
    return GAZE_DEGREES * np.stack([look["Out"] - look["In"], look["Up"] - look["Down"]], axis=1)


def test_nothing_asked_for_is_nothing_changed() -> None:
    motion = talking(60)
    steered, state = steer(motion, Steering(), at_rest())
    assert np.array_equal(steered, motion)
    assert np.array_equal(steer(motion, Steering(), state)[0], motion)


@given(
    st.sampled_from(tuple(STYLES)),
    st.sampled_from(tuple(EMOTIONS)),
    st.floats(0, 1),
    st.tuples(*[st.floats(0, 2)] * 4),
    st.none() | st.tuples(*[st.floats(-3, 3)] * 3).filter(any),
    st.lists(st.integers(1, 7), min_size=1, max_size=12),
)
def test_whatever_is_asked_for_motion_stays_valid_and_cutting_does_not_matter(
    style: str, emotion: str, intensity: float, scales: tuple[float, ...], point: tuple[float, float, float] | None, cuts: list[int]
) -> None:
    wanted = Steering(style=style, emotion=emotion, intensity=intensity, look_at=point, **dict(zip(SCALES, scales, strict=True)))
    motion = talking(sum(cuts))
    whole, _ = steer(motion, wanted, at_rest())
    state, parts, first = at_rest(), [], 0
    for cut in cuts:
        part, state = steer(motion[first : first + cut], wanted, state)
        parts.append(part)
        first += cut
    assert np.array_equal(np.concatenate(parts), whole)
    check_motion(whole)
    assert whole[:, FACE].min() >= 0 and whole[:, FACE].max() <= 1
    assert np.abs(angles(whole)).max() < 25


@pytest.mark.parametrize("emotion", [name for name in EMOTIONS if name != "neutral"])
def test_an_emotion_shows_within_a_chunk_arrives_within_a_second_and_does_not_jump(emotion: str) -> None:
    motion = neutral_motion(45)
    steered, state = steer(motion, Steering(emotion=emotion), at_rest())
    face = steered[:, FACE]
    assert face[CHUNK - 1].max() > 0.02, "it shows in the chunk that follows the wish"
    for name, weight in EMOTIONS[emotion].items():
        assert face[-1, ARKIT_INDEX[name]] == pytest.approx(weight, abs=0.01)
    assert np.abs(np.diff(face, axis=0)).max() < LARGEST_STEP
    back, _ = steer(neutral_motion(60), Steering(), state)
    assert np.abs(back[0, FACE] - face[-1]).max() < LARGEST_STEP
    assert np.array_equal(back[-1, FACE], np.zeros(52)), "gone without a trace"


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_an_emotion_never_moves_the_jaw(emotion: str) -> None:
    assert not any(name.startswith(("jaw", "mouthClose", "mouthFunnel", "mouthPucker")) for name in EMOTIONS[emotion])


def test_scales_act_on_their_own_part_only() -> None:
    motion = talking(90)
    for name, channel, factor in (("mouth", "jawOpen", 0.5), ("expression", "browInnerUp", 2.0)):
        wanted = Steering(**{name: factor})
        steered, _ = steer(motion, wanted, arrived(wanted))
        scaled = ARKIT_INDEX[channel]
        np.testing.assert_allclose(steered[:, scaled], np.clip(factor * motion[:, scaled], 0, 1), atol=1e-6)
        others = [i for other, i in ARKIT_INDEX.items() if other in ("jawOpen", "browInnerUp", "eyeLookOutLeft") and other != channel]
        np.testing.assert_allclose(steered[:, others], motion[:, others], atol=1e-6)
    wanted = Steering(head=0.0)
    assert np.abs(angles(steer(motion, wanted, arrived(wanted))[0])).max() < 1e-4
    wanted = Steering(gaze=0.0)
    assert np.abs(gaze(steer(motion, wanted, arrived(wanted))[0])).max() < 1e-4


@pytest.mark.parametrize(
    ("point", "left", "up"),
    [((1, 0, 0), 0, 0), ((1, 1, 0), 45, 0), ((1, -0.5, 0), -26.565, 0), ((1, 0, 0.3), 0, 16.7), ((-1, 1, 0), 90, 0)],
)
def test_directions_are_those_of_rep_103(point: tuple[float, float, float], left: float, up: float) -> None:
    assert look_angles(point) == pytest.approx((left, up), abs=0.1)


@pytest.mark.parametrize("point", [(1.0, 0.4, 0.0), (1.0, -0.4, 0.2), (0.6, 0.1, -0.2)])
def test_eyes_and_head_together_look_at_the_point_and_the_eyes_get_there_first(point: tuple[float, float, float]) -> None:
    motion = neutral_motion(60)
    steered, _ = steer(motion, Steering(look_at=point), at_rest())
    head = angles(steered)[:, :2] * [-1, -1]  # yaw and pitch of the layout are to the avatar's right and down
    together = head + gaze(steered)
    np.testing.assert_allclose(together[-1], look_angles(point), atol=0.6)
    wanted = np.abs(look_angles(point)).max()
    axis = int(np.abs(look_angles(point)).argmax())
    assert np.abs(gaze(steered)[8, axis]) > 0.4 * wanted, "the eyes leap"
    assert np.abs(np.diff(head, axis=0)).max() < 2.0, "the head does not"


def test_letting_go_of_a_point_does_not_jump() -> None:
    _, state = steer(neutral_motion(60), Steering(look_at=(1, 0.5, 0)), at_rest())
    back, _ = steer(neutral_motion(60), Steering(), state)
    assert np.abs(np.diff(gaze(back), axis=0)).max() < 4.0
    assert np.abs(gaze(back)[-1]).max() < 0.1 and np.abs(angles(back)[-1]).max() < 0.1


def test_styles_differ_in_what_the_model_is_told_and_in_what_is_seen() -> None:
    assert len({style.manner for style in STYLES.values()}) == len(STYLES)
    motion = talking(300)
    heads = {name: angles(steer(motion, Steering(style=name), arrived(Steering(style=name)))[0]).std() for name in STYLES}
    assert heads["calm"] < heads["serious"] < heads["neutral"] < heads["lively"]
    assert STYLES["calm"].manner.gestures < STYLES["serious"].manner.gestures < 1 < STYLES["lively"].manner.gestures
    assert Steering(style="calm", gesture=0.5).manner.gestures == pytest.approx(0.5 * STYLES["calm"].manner.gestures)
    assert Steering(style="lively", blink=0.5).manner.blinks == pytest.approx(0.5 * STYLES["lively"].manner.blinks)


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"emotion": "bored"}, "emotion must be one of neutral, happy"),
        ({"style": "loud"}, "style must be one of"),
        ({"intensity": 1.5}, "intensity must be within 0 and 1"),
        ({"head": -0.1}, "head must be within 0 and 2"),
        ({"blink": float("nan")}, "blink must be within"),
        ({"gesture": 2.5}, "gesture must be within 0 and 2"),
        ({"look_at": (0.0, 0.0, 0.0)}, "between the eyes"),
        ({"look_at": (float("nan"), 0.0, 0.0)}, "finite"),
    ],
)
def test_what_cannot_be_done_is_refused(wish: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Steering(**wish)  # type: ignore[arg-type]


def test_a_manner_has_a_number_for_each_value() -> None:
    with pytest.raises(ValueError, match="mouth opening, smile"):
        Manner((1.0,))
    with pytest.raises(ValueError, match="blinks"):
        Manner(blinks=9)
    with pytest.raises(ValueError, match="gestures"):
        Manner(gestures=-1)
