"""Sound files to 16 kHz mono int16, streamed: any length in constant memory, any rate, any number of channels.

libsndfile reads wav, flac, ogg and their kin; FFmpeg (PyAV) the rest: mp3, m4a, webm, the sound of a film.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from visavis.audio.convert import Converter, SoundCounts
from visavis.audio.errors import AudioError
from visavis.timing import SAMPLE_RATE

READ_FRAMES = 4096
SNDFILE_MAGIC = (b"RIFF", b"RF64", b"fLaC", b"OggS", b"FORM", b"caff", b".snd", b"riff")
"""First bytes of what libsndfile reads best. It is not asked for anything else, because its mp3 part writes to stderr by itself."""

SILENT_PEAK = 1e-3
"""A file that nowhere reaches this magnitude (-60 dB) is called silent."""

CLIPPED_SHARE = 0.001
"""A file is called clipped when more than this share of its samples is at full scale."""

OGG_PAGE, OGG_HEADER, OGG_LAST = 65_307, 27, 4
"""Bytes of the longest page and of a page's header without its table of segments; the flag of the last page of a stream."""

Warn = Callable[[str], None]


@dataclass(frozen=True)
class AudioInfo:
    """What a sound file says about itself. ``seconds`` is None where the format does not tell."""

    sample_rate: int
    channels: int
    seconds: float | None
    format: str


@dataclass(frozen=True)
class _Source:
    """An open file: ``floats`` gives (n, channels) pieces and raises ``AudioError`` at a place that cannot be decoded."""

    path: Path
    info: AudioInfo
    floats: Iterator[NDArray[np.floating]]


def read_info(path: str | os.PathLike[str]) -> AudioInfo:
    """Rate, channels and length as the file declares them; AudioError where it is no sound file."""
    return _open(Path(path)).info


def open_blocks(path: str | os.PathLike[str], block_samples: int = 640, on_warning: Warn | None = None) -> Iterator[NDArray[np.int16]]:
    """int16 blocks of exactly ``block_samples`` samples at 16 kHz (the last may be shorter), read as they are asked for.

    The file is opened at once, so what is no sound file raises AudioError here and not at the first block. What is odd but usable
    (truncated, samples that are no numbers, silent, clipped) is told through ``on_warning``, one line each, and the stream goes on.
    """
    if block_samples < 1:
        raise ValueError(f"block_samples must be at least 1, got {block_samples}")
    return _blocks(_open(Path(path)), block_samples, on_warning or (lambda _line: None))


def open_original(path: str | os.PathLike[str]) -> tuple[AudioInfo, Iterator[NDArray[np.float32]]]:
    """The sound as it is in the file, for a listener: its facts, and float32 (n, channels) pieces at its own rate, 1.0 being full scale.

    One channel or two: more are mixed down to one. Samples that are no numbers are silence; a damaged file ends where the damage begins.
    """
    source = _open(Path(path))
    return source.info, _original(source)


def _original(source: _Source) -> Iterator[NDArray[np.float32]]:
    while True:
        try:
            piece = next(source.floats, None)
        except AudioError:
            return
        if piece is None:
            return
        whole = np.nan_to_num(np.asarray(piece, np.float32), nan=0.0, posinf=0.0, neginf=0.0).clip(-1.0, 1.0)
        yield whole if whole.shape[1] <= 2 else whole.mean(axis=1, keepdims=True)


def load(path: str | os.PathLike[str], on_warning: Warn | None = None) -> NDArray[np.int16]:
    """The whole file: int16 (n,) at 16 kHz. For short files; longer ones through ``open_blocks``."""
    return np.concatenate(list(open_blocks(path, SAMPLE_RATE, on_warning)))


def _blocks(source: _Source, block_samples: int, warn: Warn) -> Iterator[NDArray[np.int16]]:
    converter = Converter(source.info.sample_rate)
    pending = np.empty(0, np.int16)
    given = 0
    broken = None
    pieces = source.floats
    while True:
        try:
            piece = next(pieces, None)
        except AudioError as error:
            piece, broken = None, error
        if piece is not None:
            ready = converter.push(piece)
        elif converter.counts.samples:
            ready = converter.push(np.empty((0, 1), np.float32), last=True)
        else:
            break
        pending = np.concatenate([pending, ready])
        whole = len(pending) // block_samples * block_samples
        for start in range(0, whole, block_samples):
            yield pending[start : start + block_samples]
        given += whole
        pending = pending[whole:]
        if piece is None:
            break
    given += len(pending)
    if given == 0:
        raise AudioError(
            f"{source.path} holds no sound, it has {converter.counts.samples} samples"
            + (f" ({broken})" if broken else "")
            + ": name another file"
        )
    for line in _remarks(source, converter.counts, broken):
        warn(line)
    if len(pending):
        yield pending


def _remarks(source: _Source, counts: SoundCounts, broken: AudioError | None) -> Iterator[str]:
    """One line for each thing that is odd about a file that has been read to its end."""
    path, info = source.path, source.info
    seconds = counts.samples / info.sample_rate
    if broken is not None:
        yield f"{path} is damaged after {seconds:.2f} s ({broken}): what came before is used"
    elif (missing := _missing_share(path, info, seconds)) > 0:
        yield f"{path} is truncated: it declares {seconds + missing:.2f} s and holds {seconds:.2f} s, which are used"
    elif _ogg_without_end(path):
        yield f"{path} is truncated: its last page is missing, the {seconds:.2f} s that it holds are used"
    if counts.not_finite:
        yield f"{path} holds {counts.not_finite} samples that are no finite numbers: they are taken as silence"
    if counts.peak < SILENT_PEAK:
        yield f"{path} is silent (peak {20 * np.log10(max(counts.peak, 1e-6)):.0f} dB): the mouth will stay shut"
    if counts.full_scale > CLIPPED_SHARE * counts.samples:
        yield f"{path} is clipped: {100 * counts.full_scale / counts.samples:.1f} % of it is at full scale; lips follow it less well"


def _missing_share(path: Path, info: AudioInfo, seconds: float) -> float:
    """Seconds that the file declares beyond those it holds; 0 when it is whole or does not say."""
    if info.format.startswith("WAV"):
        return _riff_missing_bytes(path) / max(1, path.stat().st_size) * seconds
    # Lossy formats declare a length in whole packets or estimate it, so only a clear difference counts.
    declared = info.seconds or 0.0
    return declared - seconds if declared > seconds + 0.25 and declared > 1.02 * seconds else 0.0


def _ogg_without_end(path: Path) -> bool:
    """An Ogg file whose last page is not whole, or does not say that it is the last (RFC 3533, section 6)."""
    with path.open("rb") as file:
        if file.read(4) != b"OggS":
            return False
        file.seek(max(0, path.stat().st_size - OGG_PAGE))
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < OGG_HEADER or not page.startswith(b"OggS"):
        return True
    body = OGG_HEADER + page[26] + sum(page[OGG_HEADER : OGG_HEADER + page[26]])
    return len(page) < body or not page[5] & OGG_LAST


def _riff_missing_bytes(path: Path) -> int:
    """How many bytes the RIFF header of a wav file promises beyond its end. Streamed files promise 2^32 - 1 and mean nothing by it."""
    with path.open("rb") as file:
        head = file.read(8)
    if head[:4] != b"RIFF":
        return 0
    promised = int.from_bytes(head[4:8], "little") + 8
    missing = promised - path.stat().st_size
    return missing if 1 < missing < 0xF000_0000 and promised < 0xFFFF_0000 else 0


def _open(path: Path) -> _Source:
    if not path.exists():
        raise AudioError(f"{path} does not exist: check the name of the sound file")
    if not path.is_file():
        raise AudioError(f"{path} is not a file: name a sound file (wav, flac, mp3, ogg, m4a...)")
    if not os.access(path, os.R_OK):
        raise AudioError(f"{path} may not be read by this user: check its permissions")
    if path.stat().st_size == 0:
        raise AudioError(f"{path} is empty (0 bytes): record or export it again")
    with path.open("rb") as file:
        magic = file.read(4)
    source = _open_sndfile(path) if magic in SNDFILE_MAGIC else None
    if source is None:
        source = _open_ffmpeg(path)
    if source.info.sample_rate <= 0 or source.info.channels <= 0:
        raise AudioError(f"{path} declares {source.info.sample_rate} Hz and {source.info.channels} channels: it is damaged")
    return source


def _open_sndfile(path: Path) -> _Source | None:
    """None where libsndfile cannot read it, or finds nothing in it, as in an ogg file that was cut off: FFmpeg may then."""
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, TypeError, ValueError):
        return None
    if file.frames == 0:
        file.close()
        return None
    seconds = file.frames / file.samplerate if 0 < file.frames < 1 << 60 else None
    info = AudioInfo(file.samplerate, file.channels, seconds, f"{file.format} {file.subtype}")

    def floats() -> Iterator[NDArray[np.floating]]:
        with file:
            while True:
                try:
                    block = file.read(READ_FRAMES, dtype="float32", always_2d=True)
                except soundfile.LibsndfileError as error:
                    raise AudioError(str(error.error_string)) from error
                if not len(block):
                    return
                yield block

    return _Source(path, info, floats())


def _open_ffmpeg(path: Path) -> _Source:
    try:
        container = av.open(str(path), metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        what = f"{path} is damaged or not a sound file ({error.__class__.__name__})"
        raise AudioError(f"{what}: convert it to wav, flac, mp3, ogg or m4a") from error
    if not container.streams.audio:
        container.close()
        raise AudioError(f"{path} holds no sound: name a sound file (wav, flac, mp3, ogg, m4a...)")
    stream = container.streams.audio[0]
    seconds = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None
    info = AudioInfo(stream.rate or 0, stream.channels or 0, seconds, container.format.name)

    def floats() -> Iterator[NDArray[np.floating]]:
        with container:
            planar = av.AudioResampler(format="fltp")
            try:
                for frame in container.decode(stream):
                    for converted in planar.resample(frame):
                        yield converted.to_ndarray().T.astype(np.float32, copy=False)
                for converted in planar.resample(None):
                    yield converted.to_ndarray().T.astype(np.float32, copy=False)
            except av.FFmpegError as error:
                raise AudioError(str(error)) from error

    return _Source(path, info, floats())
