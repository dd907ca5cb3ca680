"""The speech network's edge, with a double in place of the network: styles, trimming, and that sound and durations must agree."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.data import kokoro
from visavis.data.kokoro import FRAME_SAMPLES, KOKORO_RATE, STYLE_DIM, Kokoro, quiet_frames
from visavis.data.phones import SILENCE
from visavis.timing import SAMPLE_RATE


class FakeNetwork:
    """Gives every token ``frames`` frames and a tone for all but the padding, whose lead the real network has too."""

    def __init__(self, frames: int, extra_samples: int = 0) -> None:
        self.frames, self.extra_samples = frames, extra_samples
        self.style: NDArray[np.float32] = np.zeros(0, np.float32)

    def run(self, outputs: list[str], inputs: dict[str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
        tokens = inputs["input_ids"].shape[1]
        self.style = np.asarray(inputs["style"], np.float32)
        counts = np.full(tokens, self.frames)
        counts[0] = counts[-1] = 12
        wave = np.zeros(int(counts.sum()) * FRAME_SAMPLES + self.extra_samples, np.float32)
        first, last = 10 * FRAME_SAMPLES, (int(counts[:-1].sum()) - 2) * FRAME_SAMPLES
        wave[first:last] = 0.3 * np.sin(np.arange(last - first) / 20)
        return [wave[None], counts[None].astype(np.float32)]


@pytest.fixture
def speaker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Kokoro, FakeNetwork]:
    for value, name in ((1.0, "af_one"), (3.0, "af_two")):
        table = np.full((510, STYLE_DIM), value, np.float32) + np.arange(510, dtype=np.float32)[:, None]
        table.tofile(tmp_path / f"{name}.bin")
    network = FakeNetwork(frames=4)
    monkeypatch.setattr(kokoro.onnxruntime, "InferenceSession", lambda *_args, **_keys: network)
    monkeypatch.setattr(kokoro, "text_to_symbols", lambda text, british: text)
    return Kokoro(tmp_path / "model.onnx", tmp_path), network


def test_sound_and_phones_are_cut_to_the_speech(speaker: tuple[Kokoro, FakeNetwork]) -> None:
    spoken = speaker[0].speak("mimi", "af_one")
    assert [phone.name for phone in spoken.phones] == [SILENCE, "M", "IY", "M", "IY", SILENCE]
    assert spoken.samples.dtype == np.int16
    assert spoken.phones[0].start == 0 and spoken.phones[-1].end == pytest.approx(len(spoken.samples) / SAMPLE_RATE, abs=1e-3)
    assert spoken.phones[0].end == pytest.approx(0.05) and spoken.phones[-1].end - spoken.phones[-1].start == pytest.approx(0.05)
    for phone in spoken.phones:
        level = np.abs(spoken.samples[int((phone.start + phone.end) / 2 * SAMPLE_RATE) :][:200].astype(float)).max()
        assert (level > 3000) == (phone.name != SILENCE)


def test_the_style_follows_the_length_of_the_text_and_blends(speaker: tuple[Kokoro, FakeNetwork]) -> None:
    voice, network = speaker
    voice.speak("mimi", "af_one")
    assert network.style.shape == (1, STYLE_DIM) and network.style[0, 0] == 1 + 4
    voice.speak("mi", "af_one+af_two@0.25")
    assert network.style[0, 0] == pytest.approx(0.75 * 3 + 0.25 * 5)


def test_what_cannot_be_spoken_is_said(speaker: tuple[Kokoro, FakeNetwork]) -> None:
    voice, network = speaker
    with pytest.raises(FileNotFoundError, match="af_none"):
        voice.speak("mi", "af_none")
    with pytest.raises(ValueError, match="symbols at most"):
        voice.speak("m" * 600, "af_one")
    network.extra_samples = 600
    with pytest.raises(RuntimeError, match="do not match"):
        voice.speak("mi", "af_one")


def test_quiet_is_relative_to_the_loudest_frame() -> None:
    wave = np.concatenate([np.full(FRAME_SAMPLES, level, np.float32) for level in (0.5, 0.1, 0.002)])
    assert list(quiet_frames(wave)) == [False, False, True]
    assert list(quiet_frames(0.01 * wave)) == [False, False, True]
    assert KOKORO_RATE % SAMPLE_RATE != 0  # hence the resampling
