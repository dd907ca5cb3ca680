"""Networks on onnxruntime behind the ``Engine`` Protocol."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from visavis.runtime.weights import REPAIR, WeightsError, file_sha256

onnxruntime.disable_telemetry_events()


class OnnxEngine:
    """One ONNX file, loaded once. On the CPU with one thread the same inputs give the same outputs bit for bit.

    providers: onnxruntime's execution providers, best first ("TensorrtExecutionProvider", "CUDAExecutionProvider" with the ``gpu``
    extra); one that is not installed is an error, not a silent fall back to the CPU. sha256: expected hash, WeightsError when the file
    has another.
    """

    def __init__(
        self, path: Path, sha256: str | None = None, providers: Sequence[str] = ("CPUExecutionProvider",), threads: int = 1
    ) -> None:
        self.path = path
        try:
            self.sha256 = file_sha256(path)
        except OSError as error:
            raise WeightsError(f"cannot read {path} ({error.strerror}): {REPAIR}") from error
        if sha256 is not None and self.sha256 != sha256:
            raise WeightsError(f"{path} has sha256 {self.sha256}, expected {sha256} (corrupt or replaced): {REPAIR}")
        available = onnxruntime.get_available_providers()
        if missing := [name for name in providers if name not in available]:
            raise ValueError(f"onnxruntime has no {', '.join(missing)} here: it has {', '.join(available)}; for a GPU install visavis[gpu]")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        # a waiting network must not burn the core that draws the picture
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=list(providers))
        except Exception as error:  # onnxruntime raises many unrelated types for a broken file
            raise WeightsError(f"{path} is not a network that onnxruntime can load ({error}): {REPAIR}") from error
        self._inputs = {value.name for value in self._session.get_inputs()}
        self._outputs = [value.name for value in self._session.get_outputs()]

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        if set(inputs) != self._inputs:
            raise ValueError(f"{self.path.name} takes {sorted(self._inputs)}, got {sorted(inputs)}")
        return dict(zip(self._outputs, self._session.run(self._outputs, dict(inputs)), strict=True))
