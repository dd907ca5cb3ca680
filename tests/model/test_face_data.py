"""What the face model is taught: a mouth that does what each reading of an utterance heard, with the teacher's brows, eyes and head."""

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.data.corpus import Item
from visavis.data.phones import Phone
from visavis.data.teacher import teach_item
from visavis.evaluation.curves import lip_gap
from visavis.motion.encoder import STEPS_PER_FRAME
from visavis.motion.layout import ARKIT_NAMES
from visavis.motion.phones import PHONE_INDEX, PHONES, SILENCE
from visavis.timing import FRAME_RATE, SAMPLE_RATE
from visavis.training.config import FaceTraining, LoopConfig
from visavis.training.corpus import Utterance
from visavis.training.face_data import FaceData, heard_faces, make_spec, measure_styles

LENGTH_S = 3.0
AUDIO = STEPS_PER_FRAME * (len(PHONES) + 2)
SAID = (Phone(SILENCE, 0, 0.8), Phone("AA", 0.8, 1.1), Phone("M", 1.1, 1.25), Phone("AA", 1.25, 1.6), Phone(SILENCE, 1.6, LENGTH_S))


@pytest.fixture(scope="module")
def utterance() -> Utterance:
    times = np.arange(round(LENGTH_S * SAMPLE_RATE)) / SAMPLE_RATE
    samples = np.where((times > 0.8) & (times < 1.6), 9000 * np.sin(times * 900), 0).astype(np.int16)
    motion = teach_item(Item("one", samples, SAID, "af_heart", "", "train"))
    index = np.array([PHONE_INDEX[phone.name] for phone in SAID])
    starts, ends = np.array([phone.start for phone in SAID]), np.array([phone.end for phone in SAID])
    return Utterance("one", "af_heart", "train", samples, index, starts, ends, motion.face, motion.head)


def reading(middle: str) -> NDArray[np.float16]:
    """Encoder output in which everything was heard as it was said, but for what was said at 1.1 s."""
    times = (np.arange(round(LENGTH_S * FRAME_RATE) * STEPS_PER_FRAME) + 0.5) / (STEPS_PER_FRAME * FRAME_RATE)
    steps = np.zeros((len(times), AUDIO // STEPS_PER_FRAME), np.float16)
    for phone in SAID:
        name = middle if phone.name == "M" else phone.name
        steps[(times >= phone.start) & (times < phone.end), PHONE_INDEX[name]] = 1
    return steps.reshape(-1, AUDIO)


def test_each_reading_has_the_mouth_that_was_heard_and_the_rest_of_the_teachers_face(utterance: Utterance) -> None:
    faces, closed = heard_faces(utterance, len(utterance.face), [reading("M"), reading("AA")])
    here = slice(round(1.1 * FRAME_RATE), round(1.25 * FRAME_RATE))
    assert lip_gap(faces[0])[here].min() < 0.02 and lip_gap(faces[1])[here].min() > 0.1
    assert closed[0][here].all() and not closed[0][: here.start - 1].any() and not closed[1].any()
    others = [not name.startswith(("jaw", "mouth", "tongue")) for name in ARKIT_NAMES]
    for face in faces:
        np.testing.assert_allclose(face[:, others], utterance.face[:, others], atol=1e-6)


def test_a_film_whose_phones_nobody_knows_keeps_its_own_mouth(utterance: Utterance) -> None:
    nothing = np.zeros(0)
    film = Utterance("film", "ada", "train", utterance.samples, nothing.astype(np.int64), nothing, nothing, utterance.face, utterance.head)
    faces, _ = heard_faces(film, len(film.face), [reading("AA")])
    np.testing.assert_array_equal(faces[0], film.face)


@pytest.mark.parametrize("heard_mouth", [True, False])
def test_a_window_has_the_motion_of_the_reading_that_it_hears(utterance: Utterance, heard_mouth: bool) -> None:
    config = FaceTraining("", "", "", LoopConfig(1, 1, 1e-3), past=5)
    spec = make_spec(config, AUDIO, [utterance])
    data = FaceData(spec, [utterance], [[reading("M"), reading("AA")]], measure_styles([utterance]), heard_mouth)
    windows = data.draw(400, np.random.default_rng(0))
    jaw = spec.shapes.index("jawOpen")
    said_m = windows.closed.any(axis=1)
    heard = windows.sound[:, spec.past : spec.past + spec.chunk].reshape(400, spec.chunk, STEPS_PER_FRAME, -1)
    heard_m = (heard[..., PHONE_INDEX["M"]] > 0.5).any(axis=(1, 2))
    assert heard_m.any()
    if heard_mouth:
        np.testing.assert_array_equal(said_m, heard_m)
    else:
        assert (said_m & ~heard_m).any()
    open_vowel = (heard[..., PHONE_INDEX["AA"]] > 0.5).all(axis=(1, 2))
    assert windows.motion[open_vowel][:, spec.past :, jaw].mean() > 0.1
