"""The light of a photo as arms need it: from skin alone, and for raised limbs nearer to that of the face."""

import numpy as np
import pytest

from visavis.portrait.arm_light import raised_light, skin_of_face

DARK, LIGHT = np.array([96.0, 62.0, 44.0]), np.array([205.0, 158.0, 130.0])


@pytest.mark.parametrize("skin", [DARK, LIGHT])
def test_a_beard_lips_and_eyes_are_no_skin_and_skin_in_the_shade_is(skin: np.ndarray) -> None:
    cheeks = skin * np.random.default_rng(3).normal(1, 0.04, (200, 1))
    beard, grey_beard = skin.mean() * 0.25 * np.ones(3), [130.0, 128.0, 126.0]
    lips, white = skin * [0.95, 0.68, 0.78], [190.0, 188.0, 187.0]
    shade, bright = skin * 0.55, np.minimum(skin * 1.2, 255)
    found = skin_of_face(np.array([skin, shade, bright, beard, grey_beard, lips, white]), cheeks)
    assert found.tolist() == [True, True, True, False, False, False, False]


def test_a_raised_limb_gets_some_of_the_light_of_the_face_and_never_less_than_it_had() -> None:
    arm = np.array([150.0, 105.0, 90.0])
    face = np.array([200.0, 155.0, 125.0])
    raised = arm * raised_light(arm, face)
    assert (raised > arm + 5).all() and (raised < face - 5).all()
    assert (face * raised_light(face, arm)).mean() >= 0.999 * face.mean(), "a face in the shade makes no dark hands"
    np.testing.assert_allclose(raised_light(face, face), 1)
