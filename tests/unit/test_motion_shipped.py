"""The motion weights that are shipped: silence is shut and alive, idle does not drift, chance follows the seed."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from visavis.audio.load import load
from visavis.data.teacher import Style, teach
from visavis.evaluation.curves import lip_gap
from visavis.motion.layout import ARKIT_INDEX, FACE, HEAD_ROTATION, check_motion, head_euler_from_rotation, rotation_from_6d
from visavis.motion.stage import MotionConfig
from visavis.plotting.phone_track import phone_file, read_phones
from visavis.runtime.motion import load_motion_stage
from visavis.store import AssetError, asset_path
from visavis.timing import SAMPLE_RATE

IDLE_SECONDS = 60
SPEECH = Path(str(files("visavis"))) / "assets" / "speech" / "default.flac"


def run(samples: NDArray[np.int16], seed: int = 0, mouth_chance: float = MotionConfig.mouth_chance) -> NDArray[np.float32]:
    stage = load_motion_stage(config=MotionConfig(seed=seed, mouth_chance=mouth_chance))
    return stage.step(samples, stage.initial_state(), final=True)[0]


def room(level: int) -> NDArray[np.int16]:
    return np.round(np.random.default_rng(0).standard_normal(IDLE_SECONDS * SAMPLE_RATE) * level).astype(np.int16)


@pytest.fixture(scope="module")
def idle() -> NDArray[np.float32]:
    return run(np.zeros(IDLE_SECONDS * SAMPLE_RATE, np.int16))


def angles(motion: NDArray[np.float32]) -> NDArray[np.float32]:
    return head_euler_from_rotation(rotation_from_6d(motion[:, HEAD_ROTATION]))


def test_the_mouth_is_shut_in_digital_silence(idle: NDArray[np.float32]) -> None:
    assert np.percentile(lip_gap(idle[:, FACE]), 99) < 0.03


def test_the_mouth_is_shut_in_a_quiet_room() -> None:
    """White noise at -66 dB of full scale."""
    assert np.percentile(lip_gap(run(room(16))[:, FACE]), 98) < 0.03


def test_idle_is_alive(idle: NDArray[np.float32]) -> None:
    lid = idle[:, ARKIT_INDEX["eyeBlinkLeft"]]
    blinks = np.count_nonzero((lid[1:] > 0.5) & (lid[:-1] <= 0.5))
    assert 4 <= blinks <= 45
    assert angles(idle).std(axis=0).max() > 0.1
    assert idle[:, ARKIT_INDEX["eyeLookInLeft"]].std() > 0.005


def test_idle_does_not_drift(idle: NDArray[np.float32]) -> None:
    halves = angles(idle)[300:].reshape(2, -1, 3).mean(axis=1)
    assert np.abs(angles(idle)).max() < 12 and np.abs(halves[1] - halves[0]).max() < 3


def test_the_seed_moves_the_head_and_the_lids(idle: NDArray[np.float32]) -> None:
    other = run(np.zeros(IDLE_SECONDS * SAMPLE_RATE, np.int16), seed=7)
    assert np.corrcoef(idle[:, ARKIT_INDEX["eyeBlinkLeft"]], other[:, ARKIT_INDEX["eyeBlinkLeft"]])[0, 1] < 0.7


def test_the_mouth_says_nearly_the_same_whatever_the_seed() -> None:
    samples, _ = soundfile.read(SPEECH, dtype="int16", frames=5 * SAMPLE_RATE)

    def apart(mouth_chance: float) -> float:
        """Mean distance of two seeds' jaws in standard deviations."""
        first, other = (run(samples, seed, mouth_chance)[:, ARKIT_INDEX["jawOpen"]] for seed in (0, 1))
        return float(np.abs(first - other).mean() / first.std())

    shipped = apart(MotionConfig.mouth_chance)
    assert 0 < shipped < 0.1
    assert shipped < apart(1.0)


@pytest.mark.parametrize("samples", [np.full(32000, -32768, np.int16), np.tile(np.array([32767, -32768], np.int16), 16000)])
def test_a_broken_microphone_breaks_nothing(samples: NDArray[np.int16]) -> None:
    check_motion(run(samples))


def test_head_and_eyes_move_about_as_much_as_they_were_taught_and_do_not_tremble() -> None:
    """With at most four network calls a chunk. The teacher is what the model learnt from; each seed is another performance."""
    calls = 1 + (MotionConfig.sound_guidance != 1) + (MotionConfig.style_guidance != 1)
    assert MotionConfig.sampling_steps * calls <= 4
    samples, _ = soundfile.read(SPEECH, dtype="int16")
    phones = read_phones(phone_file(SPEECH))
    taught = np.mean([liveliness(teach(samples, phones, seed, Style()).as_motion()) for seed in range(4)], axis=0)
    shown = np.mean([liveliness(run(samples, seed)) for seed in range(4)], axis=0)
    spread, tremble, glance = shown / taught
    assert 0.5 < spread < 1.6
    assert tremble < 2
    assert glance > 0.5


def liveliness(motion: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far the head turns (standard deviation), how much the gaze trembles (median second difference), how fast it glances (99th
    percentile of its change)."""
    gaze = motion[:, [ARKIT_INDEX[f"eyeLook{way}Left"] for way in ("In", "Out", "Up", "Down")]]
    return np.array(
        [
            angles(motion).std(axis=0).mean(),
            np.median(np.abs(np.diff(gaze, 2, axis=0)).max(axis=1)),
            np.percentile(np.abs(np.diff(gaze, axis=0)).max(axis=1), 99),
        ]
    )


def test_a_recording_that_begins_in_the_midst_of_speech_moves_the_lips_at_once() -> None:
    """The first LibriVox sentence, whose first vowel sounds a quarter of a second after its beginning."""
    try:
        recording = sorted(asset_path("librivox").glob("*.wav"))[0]
    except AssetError as error:
        pytest.skip(str(error))
    gap = lip_gap(run(load(recording)[: 2 * SAMPLE_RATE])[:, FACE])
    assert gap[:30].max() > 0.1
