"""`visavis render` on files of every kind, run as a user runs it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from PIL import Image

from visavis.audio.load import load
from visavis.cli.defaults import default_speech
from visavis.film.credentials import CredentialsError, read_credentials
from visavis.film.mark import SOURCE_TYPE, read_xmp_mark
from visavis.film.reader import read_facts, read_pictures, read_sound
from visavis.timing import SAMPLE_RATE, frames_in

pytestmark = [pytest.mark.slow, pytest.mark.offline]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "visavis.cli.main", "render", *map(str, arguments)]


def render(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=280, check=False)


def speech(rate: int, seconds: float) -> NDArray[np.float64]:
    """The first seconds of the default speech, at another rate by straight lines: good enough to be heard and to be found again."""
    samples = load(default_speech()).astype(np.float64) / 32768
    return np.interp(np.arange(round(seconds * rate)) / rate, np.arange(len(samples)) / SAMPLE_RATE, samples)


@pytest.mark.parametrize(
    ("name", "rate", "channels"),
    [("a.wav", 8000, 1), ("a.flac", 44_100, 2), ("a.mp3", 48_000, 2), ("a.ogg", 22_050, 1)],
)
def test_any_format_gives_a_film_in_step_with_its_sound(tmp_path: Path, name: str, rate: int, channels: int) -> None:
    sound = speech(rate, 1.5)
    soundfile.write(tmp_path / name, np.stack([sound] * channels, axis=1), rate)
    done = render("--audio", tmp_path / name, "-o", tmp_path / "a.mp4", "--jpeg", tmp_path / "sheet.jpg")
    assert done.returncode == 0, done.stderr
    facts = read_facts(tmp_path / "a.mp4")
    assert (facts.width, facts.height, facts.frame_rate, facts.irregular) == (512, 768, 30, 0)
    assert facts.pictures == frames_in(len(load(tmp_path / name)))
    assert facts.sound_rate == rate and "trainedAlgorithmicMedia" in facts.mark
    heard, _ = read_sound(tmp_path / "a.mp4")
    assert heard.shape[1] == channels
    size = 1 << 18
    scores = np.fft.irfft(np.fft.rfft(heard[:, 0], size) * np.conj(np.fft.rfft(sound, size)), size)
    lag = int(np.argmax(scores))
    assert min(lag, size - lag) <= rate // 500  # two thousandths of a second
    assert (tmp_path / "sheet.jpg").stat().st_size > 10_000


@pytest.mark.parametrize("samples", [1, 300, 1600])
def test_very_short_sound_gives_a_very_short_film(tmp_path: Path, samples: int) -> None:
    soundfile.write(tmp_path / "a.wav", speech(SAMPLE_RATE, 1.0)[:samples], SAMPLE_RATE)
    done = render("--audio", tmp_path / "a.wav", "-o", tmp_path / "a.mp4")
    assert done.returncode == 0, done.stderr
    assert read_facts(tmp_path / "a.mp4").pictures == frames_in(samples)


def test_same_seed_gives_the_same_pictures_and_another_seed_does_not(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", speech(SAMPLE_RATE, 1.0), SAMPLE_RATE)
    films = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        done = render("--audio", tmp_path / "a.wav", "-o", tmp_path / f"{name}.mp4", "--seed", seed)
        assert done.returncode == 0, done.stderr
        films.append(np.stack([image for _, image in read_pictures(tmp_path / f"{name}.mp4")]))
    np.testing.assert_array_equal(films[0], films[1])
    assert np.any(films[0] != films[2])


def test_odd_sound_is_used_and_told(tmp_path: Path) -> None:
    sound = speech(SAMPLE_RATE, 0.5).astype(np.float32)
    sound[100:200] = np.nan
    soundfile.write(tmp_path / "nan.wav", sound, SAMPLE_RATE, subtype="FLOAT")
    done = render("--audio", tmp_path / "nan.wav", "-o", tmp_path / "a.mp4", "--quiet")
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert "100 samples that are no finite numbers" in line


def test_films_without_background_keep_their_opacity_and_their_marks(tmp_path: Path) -> None:
    """The head at 128x128 as PNG files, WebM and ProRes: the same pictures, half of them transparent, all of them marked."""
    soundfile.write(tmp_path / "a.wav", speech(SAMPLE_RATE, 0.4), SAMPLE_RATE)
    for name in ("a", "a.webm", "a.mov"):
        signed = ["--c2pa", "test"] if name == "a.mov" else []
        done = render("--audio", tmp_path / "a.wav", "-o", tmp_path / name, "--framing", "head", "--size", "128x128", "--quiet", *signed)
        assert done.returncode == 0, done.stderr
    files = sorted((tmp_path / "a").glob("*.png"))
    assert len(files) == 12 and soundfile.info(tmp_path / "a" / "sound.wav").frames == round(0.4 * SAMPLE_RATE)
    assert "trainedAlgorithmicMedia" in read_xmp_mark(files[3].read_bytes())
    exact = np.array(Image.open(files[3])).astype(int)
    assert exact.shape == (128, 128, 4) and 0.3 < (exact[..., 3] == 255).mean() < 0.8 and (exact[:10, :10, 3] == 0).all()
    for name, decoder, near in (("a.webm", "libvpx-vp9", 3.0), ("a.mov", "prores", 0.5)):
        facts = read_facts(tmp_path / name)
        assert (facts.width, facts.height, facts.pictures, facts.frame_rate) == (128, 128, 12, 30)
        assert facts.sound_rate and "trainedAlgorithmicMedia" in facts.mark
        with av.open(str(tmp_path / name)) as film:
            codec = av.CodecContext.create(decoder, "r")  # FFmpeg's own decoder of VP9 leaves the opacity out
            codec.extradata = film.streams.video[0].codec_context.extradata
            codec.codec_tag = film.streams.video[0].codec_context.codec_tag
            shown = [frame for packet in film.demux(video=0) for frame in codec.decode(packet)]
        picture = shown[3].to_ndarray(format="rgba").astype(int)
        assert np.abs(picture[..., 3] - exact[..., 3]).mean() < near, name
        assert np.abs(picture - exact)[exact[..., 3] == 255].mean() < 2 * near + 1, name
    credentials = read_credentials(tmp_path / "a.mov")
    assert credentials.intact and not credentials.trusted and "TEST" in credentials.issuer
    assert credentials.source_types == (SOURCE_TYPE,) and credentials.generator.startswith("visavis/")
    content = bytearray((tmp_path / "a.mov").read_bytes())
    content[content.index(b"mdat") + 5000] ^= 0xFF
    (tmp_path / "b.mov").write_bytes(content)
    assert not read_credentials(tmp_path / "b.mov").intact, "a changed film is seen to be changed"
    with pytest.raises(CredentialsError, match="no C2PA"):
        read_credentials(tmp_path / "a" / "sound.wav")


def test_unusable_input_is_one_clear_line_and_no_film(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound\n" * 100)
    soundfile.write(tmp_path / "zero.wav", np.zeros(0), SAMPLE_RATE)
    soundfile.write(tmp_path / "good.wav", speech(SAMPLE_RATE, 0.2), SAMPLE_RATE)
    (tmp_path / "text.jpg").write_text("no picture")
    cases = [
        (["--audio", tmp_path / "text.wav", "-o", tmp_path / "a.mp4"], "text.wav"),
        (["--audio", tmp_path / "zero.wav", "-o", tmp_path / "a.mp4"], "zero.wav holds no sound"),
        (["--audio", tmp_path / "missing.wav", "-o", tmp_path / "a.mp4"], "missing.wav does not exist"),
        (["--audio", tmp_path / "good.wav", "-o", tmp_path / "a.gif"], "must end in .mp4"),
        (["--audio", tmp_path / "good.wav", "-o", tmp_path / "a.mp4", "--portrait", tmp_path / "text.jpg"], "text.jpg"),
        (["--audio", tmp_path / "good.wav", "-o", tmp_path / "a.mp4", "--weights", tmp_path / "nowhere"], "nowhere"),
        (["--audio", tmp_path / "good.wav", "-o", tmp_path / "a.mp4", "--seed", "-1"], "--seed"),
        (["--audio", tmp_path / "good.wav", "-o", tmp_path / "a.mp4", "--c2pa", tmp_path / "good.wav"], "--c2pa-key"),
    ]
    for arguments, words in cases:
        done = render(*arguments, "--quiet")
        assert done.returncode == 1, (arguments, done.stderr)
        (line,) = done.stderr.splitlines()
        assert line.startswith("visavis render: ") and words in line
    assert not list(tmp_path.glob("*.mp4")) and not list(tmp_path.glob(".*"))


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    """Twenty seconds more would be 700 MB of pictures, were they kept."""
    peaks = {}
    for seconds in (5, 25):
        soundfile.write(tmp_path / "a.wav", np.resize(speech(SAMPLE_RATE, 5.0), seconds * SAMPLE_RATE), SAMPLE_RATE)
        log = tmp_path / "log"
        with log.open("w") as file:
            process = subprocess.Popen(command("--audio", tmp_path / "a.wav", "-o", tmp_path / "a.mp4", "--quiet"), stderr=file)
            _, status, usage = os.wait4(process.pid, 0)
        assert status == 0, log.read_text()
        peaks[seconds] = usage.ru_maxrss / 1024
        assert read_facts(tmp_path / "a.mp4").pictures == seconds * 30
    assert peaks[25] - peaks[5] < 100, peaks


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    soundfile.write(tmp_path / "a.wav", np.resize(speech(SAMPLE_RATE, 5.0), 300 * SAMPLE_RATE), SAMPLE_RATE)
    (tmp_path / "a.mp4").write_bytes(b"older film")
    process = subprocess.Popen(
        command("--audio", tmp_path / "a.wav", "-o", tmp_path / "a.mp4", "--quiet"), stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(".a.mp4.*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1.0)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "stopped" in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "a.wav"]
    assert (tmp_path / "a.mp4").read_bytes() == b"older film"


@pytest.mark.parametrize("room", [1_000, 60_000, 200_000], ids=["header", "middle", "end"])
def test_a_disk_that_is_full_is_told_and_leaves_nothing(tmp_path: Path, room: int) -> None:
    """The film of three seconds has some 300 kB; the end of it is written when everything else is done."""
    soundfile.write(tmp_path / "a.wav", speech(SAMPLE_RATE, 3.0), SAMPLE_RATE)
    code = (
        f"import resource, signal, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room})); "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); from visavis.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    command_line = [sys.executable, "-c", code, "render", "--quiet", "--audio", str(tmp_path / "a.wav"), "-o", str(tmp_path / "a.mp4")]
    done = subprocess.run(command_line, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stderr
    assert "File too large" in done.stderr and "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav"]
