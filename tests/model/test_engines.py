"""The shipped networks on torch and on onnxruntime: the same motion."""

import pytest

from visavis.audio.load import load
from visavis.benchmark.engines import compare_engines
from visavis.cli.defaults import default_speech


def test_torch_moves_the_avatar_as_onnxruntime_does_and_what_is_missing_is_told() -> None:
    speech = load(default_speech())[:24_000]
    figures = compare_engines(["onnxruntime-cpu", "torch-cpu", "onnxruntime-cuda", "abacus"], speech)
    assert figures["torch-cpu"].missing == "" and figures["torch-cpu"].cpu_ms > 0
    assert 0 < figures["torch-cpu"].apart < 1e-4, "equal, but for the last digits of float32"
    assert "abacus" in figures["abacus"].missing
    if figures["onnxruntime-cuda"].missing:
        assert "CUDAExecutionProvider" in figures["onnxruntime-cuda"].missing
    else:
        assert figures["onnxruntime-cuda"].apart == pytest.approx(0, abs=1e-2)
