"""Sound files of every kind become 16 kHz mono int16, in step and in constant memory; what is odd is told, what is unusable is refused."""

import re
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from visavis.audio.convert import Converter, to_int16
from visavis.audio.errors import AudioError
from visavis.audio.file_source import file_chunks, spoken_ns
from visavis.audio.load import load, open_blocks, read_info
from visavis.timing import SAMPLE_RATE, sample_to_ns


def chirp(rate: int, seconds: float = 2.0) -> NDArray[np.float64]:
    """A sweep from 150 to 1500 Hz that swells and fades: its correlation with itself has one sharp peak."""
    time = np.arange(round(rate * seconds)) / rate
    return 0.6 * np.sin(np.pi * time / seconds) * np.sin(2 * np.pi * (150 * time + 1350 * time**2 / (2 * seconds)))


def lag_of(sound: NDArray[np.int16], reference: NDArray[np.float64], reach: int = 800) -> int:
    """By how many samples ``sound`` comes after ``reference``."""
    core = reference[reach:-reach]
    scores = [np.dot(sound[reach + lag : reach + lag + len(core)], core) for lag in range(-reach, reach - 100)]
    return int(np.argmax(scores)) - reach


def write_aac(path: Path, sound: NDArray[np.float64], rate: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=rate)
        stream.layout = "stereo"
        frame = av.AudioFrame.from_ndarray(np.stack([sound, sound]).astype(np.float32), format="fltp", layout="stereo")
        frame.rate, frame.pts = rate, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_format_rate_and_channel_count_gives_the_same_sound_in_step(tmp_path: Path, suffix: str, rate: int, channels: int) -> None:
    path = tmp_path / f"speech.{suffix}"
    soundfile.write(path, np.stack([chirp(rate)] * channels, axis=1), rate)
    remarks: list[str] = []
    sound = load(path, remarks.append)
    assert abs(len(sound) - 2 * SAMPLE_RATE) <= 1
    assert lag_of(sound, chirp(SAMPLE_RATE)) == 0
    assert remarks == []


def test_m4a_is_read_in_step(tmp_path: Path) -> None:
    write_aac(tmp_path / "speech.m4a", chirp(44_100), 44_100)
    sound = load(tmp_path / "speech.m4a")
    assert lag_of(sound, chirp(SAMPLE_RATE)) == 0
    assert 0 <= len(sound) - 2 * SAMPLE_RATE < 1024  # AAC comes in whole packets


def test_sixteen_bits_at_16_khz_pass_unchanged(tmp_path: Path) -> None:
    original = np.random.default_rng(0).integers(-32768, 32768, 20_001).astype(np.int16)
    soundfile.write(tmp_path / "speech.wav", original, SAMPLE_RATE)
    np.testing.assert_array_equal(load(tmp_path / "speech.wav"), original)


@pytest.mark.parametrize("block", [1, 640, 1000, 50_000])
def test_blocks_have_the_asked_length_and_join_to_the_whole(tmp_path: Path, block: int) -> None:
    soundfile.write(tmp_path / "speech.wav", chirp(44_100, 0.5), 44_100)
    blocks = list(open_blocks(tmp_path / "speech.wav", block))
    assert all(len(piece) == block for piece in blocks[:-1])
    assert 1 <= len(blocks[-1]) <= block
    np.testing.assert_array_equal(np.concatenate(blocks), load(tmp_path / "speech.wav"))


def test_info_is_what_the_file_declares(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "speech.flac", np.stack([chirp(44_100)] * 2, axis=1), 44_100)
    info = read_info(tmp_path / "speech.flac")
    assert (info.sample_rate, info.channels, info.seconds) == (44_100, 2, 2.0)


def told(path: Path) -> list[str]:
    remarks: list[str] = []
    load(path, remarks.append)
    return remarks


def test_samples_that_are_no_numbers_are_counted_told_and_silenced(tmp_path: Path) -> None:
    sound = chirp(SAMPLE_RATE).astype(np.float32)
    sound[100:150] = np.nan
    sound[200] = np.inf
    soundfile.write(tmp_path / "bad.wav", sound, SAMPLE_RATE, subtype="FLOAT")
    samples = load(tmp_path / "bad.wav")
    assert not samples[100:150].any() and samples[200] == 0
    (remark,) = told(tmp_path / "bad.wav")
    assert "51 samples" in remark


def test_silent_and_clipped_files_are_told_once_and_used(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(SAMPLE_RATE), SAMPLE_RATE)
    soundfile.write(tmp_path / "clipped.wav", np.clip(20 * chirp(SAMPLE_RATE), -1, 1), SAMPLE_RATE)
    (silent,) = told(tmp_path / "silent.wav")
    (clipped,) = told(tmp_path / "clipped.wav")
    assert "silent" in silent and "clipped" in clipped


@pytest.mark.parametrize(("suffix", "word"), [("wav", "truncated"), ("flac", "damaged"), ("mp3", "truncated")])
def test_truncated_file_is_used_as_far_as_it_goes_and_told(tmp_path: Path, suffix: str, word: str) -> None:
    whole = tmp_path / f"whole.{suffix}"
    soundfile.write(whole, chirp(44_100), 44_100)
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    remarks: list[str] = []
    samples = load(cut, remarks.append)
    assert 0.7 * SAMPLE_RATE < len(samples) < 1.4 * SAMPLE_RATE
    assert len(remarks) == 1 and word in remarks[0]
    if suffix != "mp3":  # mp3 borrows bits from earlier frames, so its beginning need not be the same bit for bit
        np.testing.assert_array_equal(samples[:8000], load(whole)[:8000])


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_file_that_lost_its_end_is_told(tmp_path: Path, subtype: str) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 8 * 48_000)
    whole, cut = tmp_path / "whole.ogg", tmp_path / "cut.ogg"
    soundfile.write(whole, noise, 48_000, format="OGG", subtype=subtype)
    assert told(whole) == []
    content = whole.read_bytes()
    for end in (len(content) * 6 // 10, content.rfind(b"OggS")):  # within a page, and between two
        cut.write_bytes(content[:end])
        remarks: list[str] = []
        samples = load(cut, remarks.append)
        assert 3 * SAMPLE_RATE < len(samples) < 8 * SAMPLE_RATE
        (remark,) = remarks
        seconds = re.search(r"truncated.* ([\d.]+) s", remark)
        assert seconds is not None and float(seconds[1]) == pytest.approx(len(samples) / SAMPLE_RATE, abs=0.02)


def test_streamed_wav_without_a_length_is_not_called_truncated(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "piped.wav", chirp(SAMPLE_RATE), SAMPLE_RATE)
    content = bytearray((tmp_path / "piped.wav").read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    (tmp_path / "piped.wav").write_bytes(content)
    assert told(tmp_path / "piped.wav") == []


def test_unusable_files_are_refused_with_their_name_and_a_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("this is no sound\n" * 50)
    (tmp_path / "noise.mp3").write_bytes(np.random.default_rng(1).bytes(20_000))
    (tmp_path / "head.wav").write_bytes(b"RIFF")
    soundfile.write(tmp_path / "zero.wav", np.zeros(0), 44_100)
    (tmp_path / "folder.wav").mkdir()
    for name in ["missing.wav", "empty.wav", "text.wav", "noise.mp3", "head.wav", "zero.wav", "folder.wav"]:
        with pytest.raises(AudioError, match=name) as caught:
            load(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_no_sound_file_is_refused_before_the_first_block_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(AudioError):
        open_blocks(tmp_path / "missing.wav")


@pytest.mark.parametrize("rate", [8000, 44_100, 96_000])
def test_resampling_in_pieces_is_resampling_the_whole(rate: int) -> None:
    sound = chirp(rate, 1.0).astype(np.float32)[:, None]
    whole = Converter(rate).push(sound, last=True)
    pieces = Converter(rate)
    cuts = [sound[start : start + 777] for start in range(0, len(sound), 777)]
    streamed = np.concatenate([*(pieces.push(piece) for piece in cuts), pieces.push(sound[:0], last=True)])
    np.testing.assert_array_equal(streamed, whole)
    assert len(whole) == SAMPLE_RATE


def test_to_int16_rounds_and_clips() -> None:
    np.testing.assert_array_equal(to_int16(np.array([0, 0.5, -1, 1, 2, -2, 1.6 / 32768])), [0, 16384, -32768, 32767, 32767, -32768, 2])


def test_file_chunks_are_one_utterance_stamped_from_indices(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "speech.wav", chirp(SAMPLE_RATE, 0.5), SAMPLE_RATE)
    chunks = list(file_chunks(tmp_path / "speech.wav", 7, 1_000_000_000, 640))
    assert [chunk.first_sample for chunk in chunks] == list(range(0, 8000, 640))
    assert all(chunk.utterance_id == 7 and chunk.stamp_ns == 1_000_000_000 + sample_to_ns(chunk.first_sample) for chunk in chunks)
    assert [chunk.end_of_utterance for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert spoken_ns(chunks[-1]) == 1_500_000_000
