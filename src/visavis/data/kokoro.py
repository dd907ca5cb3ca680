"""Kokoro-82M (Apache-2.0) as a source of natural speech whose phone durations are known exactly.

The text-to-speech network predicts how many 25 ms frames each input symbol gets and then speaks exactly so. The ONNX file does not give
that prediction as an output; ``with_durations`` adds it. Source of names and sizes: the graph itself (``/encoder/Clip_output_0``, 600
samples at 24 kHz a frame).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import soxr
from numpy.typing import NDArray

from visavis.data import romance
from visavis.data.phonemes import KOKORO_IDS, symbols_to_phones, text_to_symbols
from visavis.data.phones import SILENCE, Phone
from visavis.timing import SAMPLE_RATE, exact_div

KOKORO_RATE = 24_000
FRAME_SAMPLES = 600
FRAME_S = FRAME_SAMPLES / KOKORO_RATE
DURATION_OUTPUT = "/encoder/Clip_output_0"
STYLE_DIM = 256
MAX_SYMBOLS = 510
QUIET_DB = -42.0
"""A frame this far below the loudest frame of its sentence is as good as silent."""

AMERICAN_VOICES: tuple[str, ...] = (
    "af_alloy", "af_aoede", "af_bella", "af_heart", "af_jessica", "af_kore", "af_nicole", "af_nova", "af_river", "af_sarah", "af_sky",
    "am_adam", "am_echo", "am_eric", "am_fenrir", "am_liam", "am_michael", "am_onyx", "am_puck", "am_santa",
)  # fmt: skip
BRITISH_VOICES: tuple[str, ...] = ("bf_alice", "bf_emma", "bf_isabella", "bf_lily", "bm_daniel", "bm_fable", "bm_george", "bm_lewis")
SPANISH_VOICES: tuple[str, ...] = ("ef_dora", "em_alex", "em_santa")
ITALIAN_VOICES: tuple[str, ...] = ("if_sara", "im_nicola")
_LANGUAGES = {"e": "es", "i": "it"}
"""First letter of a voice's name -> its language, where that is not English."""


@dataclass(frozen=True)
class Spoken:
    """One spoken sentence: int16 mono samples at 16 kHz and its phones, in order and without gaps from 0 to the end."""

    samples: NDArray[np.int16]
    phones: tuple[Phone, ...]


def with_durations(model: Path, folder: Path) -> Path:
    """A copy of the Kokoro ONNX file that also gives frames per token; kept in ``folder`` and made once."""
    copy = folder / f"{model.stem}-durations.onnx"
    if not copy.exists():
        try:
            import onnx
        except ImportError as error:
            raise RuntimeError('making a corpus needs the data extra: pip install "visavis[data]"') from error
        graph = onnx.load(str(model))
        if not any(DURATION_OUTPUT in node.output for node in graph.graph.node):
            raise RuntimeError(
                f"{model} has no node output {DURATION_OUTPUT}: it is not the Kokoro-82M fp32 file that this command is made for"
            )
        graph.graph.output.append(onnx.helper.make_tensor_value_info(DURATION_OUTPUT, onnx.TensorProto.FLOAT, None))
        folder.mkdir(parents=True, exist_ok=True)
        partial = copy.with_suffix(".part")
        onnx.save(graph, str(partial))
        partial.replace(copy)
    return copy


class Kokoro:
    """Speaks sentences. ``voices``: folder with the ``<voice>.bin`` style tables (float32, one row of 256 a text length)."""

    def __init__(self, model: Path, voices: Path, threads: int = 2) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._voices = voices
        self._tables: dict[str, NDArray[np.float32]] = {}

    def speak(self, text: str, voice: str, speed: float = 1.0) -> Spoken:
        """Speak ``text``. ``voice`` is a name, or a blend ``first+second@share`` with the share of the second, 0..1. Speed 1 is natural,
        0.8 slow, 1.25 fast."""
        table = self._style(voice)
        language, symbols = voice_language(voice), voice_symbols(text, voice)
        waveform, frames = self._run(["waveform", DURATION_OUTPUT], symbols, table, speed)
        wave = np.asarray(waveform, np.float32).ravel()
        counts = np.rint(np.asarray(frames, np.float64).ravel())
        if len(wave) != int(counts.sum()) * FRAME_SAMPLES:
            raise RuntimeError(
                f"{len(wave)} samples do not match {int(counts.sum())} frames of {FRAME_SAMPLES}: the model file is not the expected one"
            )
        phones = symbols_to_phones(symbols, counts, FRAME_S, quiet_frames(wave), language)
        return _trim(wave, phones)

    def sound(self, symbols: str, voice: str, speed: float = 1.0, keep_s: float = 0.05, gain: float = 1.0) -> NDArray[np.int16]:
        """Speak ``symbols`` (see ``text_to_symbols``), without phones, for which the file as it is published does: int16 (n,) at 16 kHz
        with ``keep_s`` of quiet at both ends, ``gain`` times as loud as the voice is by itself."""
        wave = np.asarray(self._run(["waveform"], symbols, self._style(voice), speed)[0], np.float32).ravel()
        loud = np.flatnonzero(~quiet_frames(wave[: len(wave) // FRAME_SAMPLES * FRAME_SAMPLES]))
        keep = round(keep_s * KOKORO_RATE)
        wave = wave[max(0, loud[0] * FRAME_SAMPLES - keep) : (loud[-1] + 1) * FRAME_SAMPLES + keep] if len(loud) else wave[:0]
        return _to_samples(gain * wave)

    def _run(self, outputs: list[str], symbols: str, table: NDArray[np.float32], speed: float) -> list[Any]:
        if len(symbols) > MAX_SYMBOLS - 2:
            raise ValueError(f"a sentence may have {MAX_SYMBOLS - 2} symbols at most, this one has {len(symbols)}: {symbols!r}")
        ids = np.array([[0, *(KOKORO_IDS[symbol] for symbol in symbols), 0]], np.int64)
        style = table[len(symbols)][None]
        return list(self._session.run(outputs, {"input_ids": ids, "style": style, "speed": np.array([speed], np.float32)}))

    def _style(self, voice: str) -> NDArray[np.float32]:
        names, _, share = voice.partition("@")
        first, _, second = names.partition("+")
        table = self._table(first)
        if second:
            weight = np.float32(share or 0.5)
            table = (1 - weight) * table + weight * self._table(second)
        return table

    def _table(self, name: str) -> NDArray[np.float32]:
        if name not in self._tables:
            path = self._voices / f"{name}.bin"
            if not path.exists():
                raise FileNotFoundError(f"no voice {name!r}: {path} does not exist")
            self._tables[name] = np.fromfile(path, np.float32).reshape(-1, STYLE_DIM)
        return self._tables[name]


def voice_language(voice: str) -> str:
    """Language of a voice, or of a blend, whose first voice decides: "en", "es" or "it"."""
    return _LANGUAGES.get(voice[:1], "en")


def voice_symbols(text: str, voice: str) -> str:
    """Symbols of ``text`` as a voice (of a blend: the first one) pronounces it."""
    language = voice_language(voice)
    if language == "en":
        return text_to_symbols(text, voice.startswith("b"))
    return romance.text_to_symbols(text, language)


def quiet_frames(wave: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(frames,) True where a 25 ms frame lies ``QUIET_DB`` or more below the loudest one."""
    frames = wave.reshape(exact_div(len(wave), FRAME_SAMPLES), FRAME_SAMPLES)
    level = np.sqrt((frames.astype(np.float64) ** 2).mean(1))
    return level < level.max() * 10 ** (QUIET_DB / 20) + 1e-9


def _trim(wave: NDArray[np.float32], phones: list[Phone], keep_s: float = 0.05) -> Spoken:
    """Cut the silence at both ends down to ``keep_s``, resample to 16 kHz and move the phones along."""
    start = max(phones[0].end - keep_s, 0.0) if phones[0].name == SILENCE else 0.0
    end = len(wave) / KOKORO_RATE
    if phones[-1].name == SILENCE:
        end = min(phones[-1].start + keep_s, end)
    cut = wave[round(start * KOKORO_RATE) : round(end * KOKORO_RATE)]
    moved = tuple(
        Phone(phone.name, max(phone.start - start, 0.0), min(phone.end, end) - start)
        for phone in phones
        if phone.end > start and phone.start < end
    )
    return Spoken(_to_samples(cut), moved)


def _to_samples(wave: NDArray[np.float32]) -> NDArray[np.int16]:
    samples = soxr.resample(wave, KOKORO_RATE, SAMPLE_RATE)
    return np.rint(np.clip(samples, -1, 1) * 32767).astype(np.int16)
