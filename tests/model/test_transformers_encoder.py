"""Encoders of transformers from a folder: small ones with random weights, saved here, hear a stream, train a face model and run it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs visavis[train]")
transformers = pytest.importorskip("transformers", reason="needs visavis[transformers]")

from visavis.cli.main import main  # noqa: E402
from visavis.motion.encoder import EncoderSpec, hear_all  # noqa: E402
from visavis.motion.layout import MOTION_DIM  # noqa: E402
from visavis.runtime.motion import load_motion_stage  # noqa: E402
from visavis.runtime.transformers_encoder import load_transformers  # noqa: E402
from visavis.runtime.weights import WeightsError  # noqa: E402
from visavis.timing import SAMPLE_RATE, frame_to_sample, frames_in  # noqa: E402
from visavis.training.config import FaceTraining, LoopConfig  # noqa: E402
from visavis.training.face_run import train_face  # noqa: E402

WAVE = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "conv_dim": [8] * 7,
    "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2, "num_feat_extract_layers": 7,
}  # fmt: skip
SIZES = {
    "wav2vec2": WAVE,
    "hubert": WAVE,
    "whisper": {
        "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
        "encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "num_mel_bins": 20, "max_source_positions": 100, "vocab_size": 60,
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    def save(kind: str) -> Path:
        folder = tmp_path_factory.mktemp(kind)
        torch.manual_seed(0)
        config = transformers.AutoConfig.for_model(kind, **SIZES[kind])
        transformers.AutoModel.from_config(config).save_pretrained(folder)
        if kind == "whisper":
            extractor = transformers.WhisperFeatureExtractor(feature_size=20, chunk_length=2)
        else:
            extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=False)
        extractor.save_pretrained(folder)
        return folder

    return save


@pytest.mark.parametrize("kind", tuple(SIZES))
def test_a_stream_is_heard_at_the_right_time_and_never_what_is_yet_to_come(kind: str, saved: Callable[[str], Path]) -> None:
    encoder = load_transformers(saved(kind))
    assert encoder.frame_features == 16 and (encoder.delay_frames, encoder.hop_frames) == (3, 3)
    samples = np.random.default_rng(0).integers(-300, 300, SAMPLE_RATE).astype(np.int16)
    begin = frame_to_sample(15)
    louder = samples.copy()
    louder[begin:] = np.clip(20 * samples[begin:].astype(int), -32768, 32767)
    quiet, loud = (hear_all(encoder, sound, frames_in(len(sound))) for sound in (samples, louder))
    assert quiet.shape == (30, 16) and np.isfinite(quiet).all()
    change = np.abs(loud - quiet).max(axis=1)
    # with three frames of later sound and hops of three, frames before 10 cannot know what begins with frame 15
    assert not change[:10].any() and change[15:].min() > 0
    # and each frame is told of the sound around it: the change is largest where the sound changes
    assert change[15:24].mean() > 2 * change[:13].mean()


def test_a_face_model_trains_on_one_and_runs_with_it(small_corpus: Path, tmp_path: Path, saved: Callable[[str], Path]) -> None:
    folder = saved("wav2vec2")
    config = FaceTraining(
        corpus=str(small_corpus), output=str(tmp_path / "face"), encoder=str(folder), past=6, width=16, heads=2, context_layers=1,
        denoiser_layers=1, copies=2, noise_draws=1, silence_share=0.0, loop=LoopConfig(2, 4, 1e-3, warmup_steps=1),
    )  # fmt: skip
    train_face(config, EncoderSpec(16, 2, 4, (1, 2), 4))
    weights = tmp_path / "weights"
    encoder = Path(__file__).resolve().parents[2] / "config" / "train" / "encoder.yaml"
    assert main(["export", "face", "--checkpoint", config.output, "--to", str(weights), "--config", str(encoder)]) == 0
    stage = load_motion_stage(weights)
    samples = (6000 * np.sin(np.arange(SAMPLE_RATE) * 0.3)).astype(np.int16)
    whole, _ = stage.step(samples, stage.initial_state(), final=True)
    assert whole.shape == (30, MOTION_DIM) and np.isfinite(whole).all()
    state, pieces = stage.initial_state(), []
    for first in range(0, len(samples), 700):
        piece, state = stage.step(samples[first : first + 700], state)
        pieces.append(piece)
    pieces.append(stage.step(samples[:0], state, final=True)[0])
    assert np.array_equal(np.concatenate(pieces), whole)
    # another model in its place is noticed
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(WeightsError, match="bert"):
        load_motion_stage(weights)


def test_what_is_no_such_folder_is_refused_and_never_looked_for_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="nothing is downloaded"):
        load_transformers(Path("facebook/wav2vec2-base"))
    (tmp_path / "config.json").write_text('{"model_type": "wav2vec2"}')
    with pytest.raises(WeightsError, match="save_pretrained"):
        load_transformers(tmp_path)
