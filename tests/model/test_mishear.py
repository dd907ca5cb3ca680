"""What is misheard stays something that the encoder could have said, at the same time and of the same loudness."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis.motion.encoder import STEPS_PER_FRAME
from visavis.motion.phones import PHONE_INDEX, PHONES
from visavis.training.face_run import misheard, posteriors
from visavis.training.mishear import CONFUSED, LONGEST, Mishearing, confused_with

STEPS = 34


def said(*names: str, steps_each: int = 6) -> np.ndarray:
    """Posteriors (steps, phones) of an encoder that is sure."""
    rows = np.full((len(names) * steps_each, len(PHONES)), 0.002, np.float32)
    for index, name in enumerate(names):
        rows[index * steps_each : (index + 1) * steps_each, PHONE_INDEX[name]] = 1
    return rows / rows.sum(axis=1, keepdims=True)


BANK = said(*PHONES, *reversed(PHONES))


def test_every_phone_may_be_taken_for_another_but_for_itself() -> None:
    assert {name for group in CONFUSED for name in group.split()} == set(PHONES)
    for name in PHONES:
        others = [PHONES[index] for index in confused_with(name)]
        assert others and name not in others


@settings(max_examples=50)
@given(st.integers(0, 10_000), st.sampled_from(PHONES))
def test_a_sound_is_taken_for_one_that_sounds_alike_for_a_while(seed: int, name: str) -> None:
    window = np.tile(said(name, steps_each=1), (1, STEPS, 1))
    told = Mishearing(BANK, share=1.0).spoil(window, np.random.default_rng(seed))
    assert told.dtype == np.float32 and told.shape == window.shape
    np.testing.assert_allclose(told.sum(axis=-1), 1, atol=1e-4)
    sure = told[0, :, PHONE_INDEX[name]]
    assert np.unique(sure.round(4), return_counts=True)[1].max() >= STEPS - 2 * LONGEST, "the rest stays as it was"


def test_what_is_said_wrongly_is_mostly_a_neighbour_and_comes_as_often_as_told() -> None:
    window = np.tile(said("M", steps_each=1), (4000, STEPS, 1))
    none = Mishearing(BANK, share=0.0).spoil(window, np.random.default_rng(0))
    assert (none.argmax(axis=-1) == PHONE_INDEX["M"]).all()
    told = Mishearing(BANK, share=0.5).spoil(window, np.random.default_rng(0)).argmax(axis=-1)
    touched = (told != PHONE_INDEX["M"]).any(axis=1).mean()
    assert 0.2 < touched < 0.5, "half of the windows may be spoilt; some are not, or too faintly"
    neighbours = np.isin(told, [PHONE_INDEX[other] for other in ("N", "NG", "L", "D", "B", "V")])
    assert neighbours.sum() > 0.5 * (told != PHONE_INDEX["M"]).sum()


def test_loudness_is_left_alone() -> None:
    generator = np.random.default_rng(3)
    values = len(PHONES) + 2
    sound = generator.random((5, 17, STEPS_PER_FRAME * values), np.float32)
    told = misheard(sound, Mishearing(BANK, share=1.0), generator)
    loudness = [step * values + len(PHONES) + index for step in range(STEPS_PER_FRAME) for index in range(2)]
    np.testing.assert_array_equal(told[..., loudness], sound[..., loudness])
    assert not np.array_equal(posteriors(told), posteriors(sound))


def test_nothing_is_heard_before_the_beginning() -> None:
    window = said("AA", steps_each=STEPS)[None].copy()
    window[:, :10] = 0
    told = Mishearing(BANK, share=0.0).spoil(window, np.random.default_rng(0))
    assert not told[:, :10].any() and told[:, 10:].any(axis=-1).all()
