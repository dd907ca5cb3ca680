"""Speech encoders of Hugging Face `transformers` from a folder on this machine: wav2vec2, HuBERT, Whisper. Nothing is ever downloaded.

The only file that imports transformers (extra ``transformers``); nothing imports it at start-up. A folder holds what ``save_pretrained`` of
the model and of its feature extractor write: ``config.json``, ``model.safetensors``, ``preprocessor_config.json``.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.motion.wave_encoder import WaveEncoder, WaveSpec
from visavis.runtime.weights import WeightsError
from visavis.timing import SAMPLE_RATE

KINDS = ("wav2vec2", "hubert", "whisper")

Array = NDArray[np.float32]


class TransformersModel:
    """A ``WindowModel``. WeightsError names what is missing in ``folder``. device: cpu, cuda..."""

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        kind = model_kind(folder)
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        try:
            import torch
            import transformers
        except ImportError as error:
            raise WeightsError(f'the encoder in {folder} needs the extra transformers: pip install "visavis[transformers]"') from error
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        try:
            self._extractor: Any = transformers.AutoFeatureExtractor.from_pretrained(str(folder), local_files_only=True)
            model: Any = transformers.AutoModel.from_pretrained(str(folder), local_files_only=True, use_safetensors=True)
        except Exception as error:  # transformers raises many unrelated types for a folder that is not whole
            reason = " ".join(str(error).split())[:300]
            raise WeightsError(f"{folder} holds no encoder that transformers can load ({reason}): save it with save_pretrained") from error
        if self._extractor.sampling_rate != SAMPLE_RATE:
            raise WeightsError(f"the encoder in {folder} hears {self._extractor.sampling_rate} Hz, {SAMPLE_RATE} are needed")
        self._whisper = kind == "whisper"
        self._model = (model.encoder if self._whisper else model).to(device).eval()
        self._torch, self._device = torch, device
        self.values = int(model.config.d_model if self._whisper else model.config.hidden_size)
        if self._whisper:
            # its feature frames are a hundredth of a second, two of them a step
            self._longest = 2 * int(model.config.max_source_positions) * SAMPLE_RATE // 100
            self._stride, self._middle = SAMPLE_RATE // 50, SAMPLE_RATE // 100
        else:
            strides, kernels = model.config.conv_stride, model.config.conv_kernel
            self._stride = int(np.prod(strides))
            seen = 1 + sum((kernel - 1) * int(np.prod(strides[:layer])) for layer, kernel in enumerate(kernels))
            self._middle = seen // 2

    def hear(self, samples: NDArray[np.int16]) -> tuple[Array, NDArray[np.float64]]:
        wave = samples.astype(np.float32) / 32768
        options = {}
        if self._whisper:
            if len(wave) > self._longest:
                raise ValueError(f"this Whisper hears {self._longest / SAMPLE_RATE:g} s at once, got {len(wave) / SAMPLE_RATE:.2f} s")
            options = {"padding": "max_length", "max_length": self._longest}
        taken = self._extractor(wave, sampling_rate=SAMPLE_RATE, return_tensors="pt", **options)
        inputs = taken["input_features"] if self._whisper else taken["input_values"]
        with self._torch.no_grad():
            steps = self._model(inputs.to(self._device)).last_hidden_state[0].float().cpu().numpy()
        places = self._middle + self._stride * np.arange(len(steps), dtype=np.float64)
        return np.asarray(steps, np.float32), places


def model_kind(folder: Path) -> str:
    """One of ``KINDS``; WeightsError where the folder is not there or holds another model."""
    if not folder.is_dir():
        raise WeightsError(f"{folder} is no folder: name one with a model that transformers' save_pretrained wrote; nothing is downloaded")
    try:
        kind = str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{folder / 'config.json'} does not describe a model of transformers ({error!r})") from error
    if kind not in KINDS:
        raise WeightsError(f"{folder} holds a {kind}, which is not known here: {', '.join(KINDS)} are")
    return kind


def load_transformers(folder: Path, device: str = "cpu", **frames: int) -> WaveEncoder:
    """The encoder in ``folder``; ``frames``: context_frames, ahead_frames, hop_frames of its ``WaveSpec`` where they shall differ."""
    model = TransformersModel(folder, device)
    return WaveEncoder(model, WaveSpec(str(folder), model.values, **frames))


def load_wave_encoder(spec: WaveSpec, device: str = "cpu") -> WaveEncoder:
    """The encoder that weights were trained with; WeightsError where the folder now holds another."""
    model = TransformersModel(Path(spec.folder), device)
    if model.values != spec.values:
        raise WeightsError(f"the encoder in {spec.folder} gives {model.values} values a step, the weights were trained with {spec.values}")
    return WaveEncoder(model, spec)
