"""Training in two steps that stop, go on, and end where an uninterrupted run ends; export that equals torch."""

import dataclasses
import shutil
import unittest.mock
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from visavis.cli.main import main
from visavis.export.motion import add_encoder, export_encoder
from visavis.motion.encoder import HOP_FRAMES, EncoderSpec, hear_all
from visavis.motion.face_model import FaceSpec
from visavis.motion.features import HEARD_VALUES
from visavis.runtime.engine import OnnxEngine
from visavis.runtime.motion import CONTEXT_FILE, DENOISER_FILE, ENCODER_FILE, load_encoder
from visavis.runtime.weights import DEFAULT_WEIGHTS, WeightsError
from visavis.training.config import EncoderTraining, FaceTraining, LoopConfig, load_config
from visavis.training.encoder_net import AudioEncoder, begin_with_whisper, distance_from, measure_distances
from visavis.training.encoder_run import train_encoder
from visavis.training.face_net import FaceNet
from visavis.training.face_run import train_face
from visavis.training.loop import CURVES, load_average
from visavis.training.shipped import load_exported

CONFIGS = Path(__file__).resolve().parents[2] / "config" / "train"


def encoder_training(corpus: Path, output: Path, spec: EncoderSpec) -> EncoderTraining:
    loop = LoopConfig(steps=4, batch=2, learning_rate=1e-2, warmup_steps=1, log_steps=1)
    return EncoderTraining(str(corpus), str(output), loop, spec, crop_seconds=1.0)


def weights(network: torch.nn.Module) -> np.ndarray:
    return torch.cat([value.detach().flatten() for value in network.parameters()]).numpy()


def test_encoder_training_goes_on_where_it_stopped(small_corpus: Path, small_encoder: EncoderSpec, tmp_path: Path) -> None:
    straight = train_encoder(encoder_training(small_corpus, tmp_path / "a", small_encoder))
    train_encoder(encoder_training(small_corpus, tmp_path / "b", small_encoder), stop_at=2)
    resumed = train_encoder(encoder_training(small_corpus, tmp_path / "b", small_encoder))
    np.testing.assert_allclose(weights(resumed), weights(straight), atol=1e-6)
    fresh = AudioEncoder(small_encoder)
    assert not np.allclose(weights(fresh), weights(straight))
    np.testing.assert_array_equal(weights(load_average(fresh, tmp_path / "b")), weights(resumed))
    rows = (tmp_path / "b" / CURVES).read_text().splitlines()
    assert [row for row in rows if ",total," in row][-1].startswith("4,")


def test_a_run_may_begin_with_the_weights_of_another(small_corpus: Path, small_encoder: EncoderSpec, tmp_path: Path) -> None:
    first = train_encoder(encoder_training(small_corpus, tmp_path / "a", small_encoder))
    config = encoder_training(small_corpus, tmp_path / "b", small_encoder)
    loop = dataclasses.replace(config.loop, steps=1, learning_rate=1e-9, begin_with=str(tmp_path / "a"))
    second = train_encoder(dataclasses.replace(config, loop=loop))
    np.testing.assert_allclose(weights(second), weights(first), atol=1e-6)


def test_encoder_learns_what_it_is_shown(small_corpus: Path, small_encoder: EncoderSpec, tmp_path: Path) -> None:
    """On a corpus small enough to know by heart the loss must fall: labels and sound belong together."""
    config = encoder_training(small_corpus, tmp_path, small_encoder)
    config = dataclasses.replace(config, loop=dataclasses.replace(config.loop, steps=60, batch=4, learning_rate=5e-3))
    train_encoder(config)
    rows = [row.split(",") for row in (tmp_path / CURVES).read_text().splitlines()]
    losses = [float(value) for _, name, value in rows if name == "total"]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.5


def test_face_training_goes_on_where_it_stopped(
    small_corpus: Path, small_weights: Path, small_encoder: EncoderSpec, tmp_path: Path
) -> None:
    def config(name: str) -> FaceTraining:
        loop = LoopConfig(steps=4, batch=4, learning_rate=1e-3, warmup_steps=1, log_steps=1)
        return FaceTraining(
            str(small_corpus),
            str(tmp_path / name),
            str(small_weights / ENCODER_FILE),
            loop,
            past=5,
            width=16,
            heads=2,
            context_layers=1,
            denoiser_layers=1,
        )

    straight = train_face(config("a"), small_encoder)
    train_face(config("b"), small_encoder, stop_at=2)
    resumed = train_face(config("b"), small_encoder)
    np.testing.assert_allclose(weights(resumed), weights(straight), atol=1e-6)
    assert isinstance(straight, FaceNet)
    assert set(straight.spec.shapes) == {"eyeBlinkLeft", "eyeLookInLeft", "jawOpen", "mouthClose", "browInnerUp"}


def test_a_face_is_exported_as_a_mean_of_two_stages_of_its_training(
    small_corpus: Path, small_weights: Path, small_encoder: EncoderSpec, tmp_path: Path
) -> None:
    """The share is of the earlier one: all of it gives that one back, half of it something between."""
    small = {"past": 5, "width": 16, "heads": 2, "context_layers": 1, "denoiser_layers": 1}
    runs = {name: tmp_path / name for name in ("first", "second")}
    for name, begin_with in (("first", ""), ("second", str(runs["first"]))):
        loop = LoopConfig(steps=3, batch=4, learning_rate=3e-3, warmup_steps=1, begin_with=begin_with)
        face = train_face(FaceTraining(str(small_corpus), str(runs[name]), str(small_weights / ENCODER_FILE), loop, **small), small_encoder)

    spec = face.spec
    assert isinstance(spec, FaceSpec)

    def remembers(checkpoint: str, *early: str) -> NDArray[np.float32]:
        folder = tmp_path / f"weights {checkpoint} {early[-1:]}"
        shutil.copytree(small_weights, folder)
        assert main(["export", "face", "--checkpoint", str(runs[checkpoint]), "--to", str(folder), *early]) == 0
        window, style = np.ones((1, spec.window, spec.context_values), np.float32), np.ones((1, spec.style), np.float32)
        context = OnnxEngine(folder / CONTEXT_FILE)
        return context.run({"window": window, "style": style})["memory"]

    early = ("--early", str(runs["first"]), "--early-share")
    first, second = remembers("first"), remembers("second")
    np.testing.assert_allclose(remembers("second", *early, "1.0"), first, atol=1e-5)
    half = remembers("second", *early, "0.5")
    assert np.abs(first - second).max() > 1e-4
    assert np.linalg.norm(half - first) < np.linalg.norm(second - first) > np.linalg.norm(half - second)


def test_a_face_may_begin_with_the_weights_that_ship(
    small_corpus: Path, small_weights: Path, small_encoder: EncoderSpec, tmp_path: Path
) -> None:
    loop = LoopConfig(steps=1, batch=2, learning_rate=1e-9, begin_with="shipped")
    config = FaceTraining(str(small_corpus), str(tmp_path), str(small_weights / ENCODER_FILE), loop)
    face = train_face(config, small_encoder)
    assert isinstance(face, FaceNet)
    spec, generator = face.spec, np.random.default_rng(0)
    window, style = (
        generator.standard_normal(shape).astype(np.float32) for shape in ((1, spec.window, spec.context_values), (1, spec.style))
    )
    known = OnnxEngine(DEFAULT_WEIGHTS / CONTEXT_FILE).run({"window": window, "style": style})
    with torch.no_grad():
        memory, _ = face.context(torch.from_numpy(window), torch.from_numpy(style))
    np.testing.assert_allclose(memory.numpy(), known["memory"], atol=1e-4)


def test_weights_of_another_network_are_refused(small_networks: tuple[AudioEncoder, FaceNet], small_weights: Path) -> None:
    face = FaceNet(small_networks[1].spec)
    load_exported(face.denoiser, small_weights / DENOISER_FILE)
    for mine, theirs in zip(face.denoiser.parameters(), small_networks[1].denoiser.parameters(), strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), theirs.detach().numpy(), atol=2e-3)
    with pytest.raises(ValueError, match="of another network"):
        load_exported(face.denoiser, small_weights / CONTEXT_FILE)


def test_onnx_equals_torch(small_networks: tuple[AudioEncoder, FaceNet], small_weights: Path) -> None:
    encoder, face = small_networks
    spec: FaceSpec = face.spec
    generator = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return generator.standard_normal(shape).astype(np.float32)

    features, state = draw(1, HOP_FRAMES * 4, HEARD_VALUES), draw(1, encoder.spec.state_steps, encoder.spec.width)
    told = OnnxEngine(small_weights / ENCODER_FILE).run({"features": features, "state": state})
    with torch.no_grad():
        encoded, next_state = encoder.encode(torch.from_numpy(features), torch.from_numpy(state))
    np.testing.assert_allclose(told["encoded"], encoded.numpy(), atol=1e-5)
    np.testing.assert_allclose(told["next_state"], next_state.numpy(), atol=1e-5)

    window, style, noisy = draw(1, spec.window, spec.context_values), draw(1, spec.style), draw(1, spec.chunk, spec.values)
    time = np.array([0.3], np.float32)
    events = np.array([[1, 0]], np.float32)
    known = OnnxEngine(small_weights / CONTEXT_FILE).run({"window": window, "style": style})
    inputs = {"noisy": noisy, "time": time, "style": style, "events": events, "memory": known["memory"]}
    clean = OnnxEngine(small_weights / DENOISER_FILE).run(inputs)["clean"]
    with torch.no_grad():
        guess, logits = face(*(torch.from_numpy(array) for array in (window, noisy[:, None], time[:, None], style, events)))
    np.testing.assert_allclose(clean, guess[:, 0].numpy(), atol=1e-4)
    np.testing.assert_allclose(known["chances"], logits.sigmoid().numpy(), atol=1e-5)


def test_weights_kept_as_bytes_say_nearly_the_same(
    small_networks: tuple[AudioEncoder, FaceNet], small_weights: Path, tmp_path: Path
) -> None:
    """An encoder takes the place of the one in a manifest, in a quarter of the size."""
    encoder = small_networks[0]
    for path in small_weights.iterdir():
        shutil.copy(path, tmp_path)
    halves = (tmp_path / ENCODER_FILE).stat().st_size
    before = load_encoder(tmp_path)
    with unittest.mock.patch("visavis.export.motion.BYTES_FROM", 256):
        export_encoder(encoder, tmp_path)
    with pytest.raises(WeightsError, match="encoder"):
        load_encoder(tmp_path)
    add_encoder(tmp_path, encoder.spec, {})
    after = load_encoder(tmp_path)
    assert (tmp_path / ENCODER_FILE).stat().st_size < halves - 1000
    samples = np.random.default_rng(0).integers(-3000, 3000, 8000).astype(np.int16)
    told, exact = (hear_all(each, samples, 12) for each in (after, before))
    assert not np.array_equal(told, exact)
    np.testing.assert_allclose(told, exact, atol=0.01)


def test_encoder_streams_as_it_reads_a_whole_utterance(small_networks: tuple[AudioEncoder, FaceNet]) -> None:
    encoder, _ = small_networks
    features = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 40, HEARD_VALUES)).astype(np.float32))
    with torch.no_grad():
        whole, _ = encoder.encode(features, encoder.initial_state(1))
        state, pieces = encoder.initial_state(1), []
        for start in range(0, 40, 4):
            piece, state = encoder.encode(features[:, start : start + 4], state)
            pieces.append(piece)
    np.testing.assert_allclose(torch.cat(pieces, dim=1).numpy(), whole.numpy(), atol=1e-5)


def test_the_encoder_knows_no_more_of_the_future_than_it_is_late(small_networks: tuple[AudioEncoder, FaceNet]) -> None:
    """Step i is given sound up to its own end only: its look-ahead is the delay that it declares."""
    encoder, _ = small_networks
    features = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 40, HEARD_VALUES)).astype(np.float32))
    changed = features.clone()
    changed[:, 20:] = 3.0
    with torch.no_grad():
        told, other = (encoder(each, encoder.initial_state(1))[0][0] for each in (features, changed))
    assert torch.equal(told[:10], other[:10]) and not torch.allclose(told[10:], other[10:])


def whisper_file(folder: Path, width: int, size: float = 1.0) -> Path:
    """A made-up checkpoint with OpenAI's names. size: of its numbers."""
    shapes: dict[str, tuple[int, ...]] = {"conv1.weight": (width, 80, 3), "conv2.weight": (width, width, 3)}
    shapes |= {f"{name}.bias": (width,) for name in ("conv1", "conv2")}
    shapes |= {f"ln_post.{kind}": (width,) for kind in ("weight", "bias")} | {"positional_embedding": (1500, width)}
    for layer in range(4):
        block = f"blocks.{layer}."
        shapes |= {f"{block}{norm}.{kind}": (width,) for norm in ("attn_ln", "mlp_ln") for kind in ("weight", "bias")}
        shapes |= {f"{block}attn.{part}.weight": (width, width) for part in ("query", "key", "value", "out")}
        shapes |= {f"{block}attn.{part}.bias": (width,) for part in ("query", "value", "out")}
        shapes |= {f"{block}mlp.0.weight": (4 * width, width), f"{block}mlp.0.bias": (4 * width,)}
        shapes |= {f"{block}mlp.2.weight": (width, 4 * width), f"{block}mlp.2.bias": (width,)}
    torch.manual_seed(0)
    state = {f"encoder.{name}": size * torch.randn(shape) for name, shape in shapes.items()} | {"decoder.ln.weight": torch.ones(3)}
    path = folder / f"whisper{width}.pt"
    torch.save({"dims": {}, "model_state_dict": state}, path)
    return path


def test_an_encoder_begins_with_whisper(small_encoder: EncoderSpec, tmp_path: Path) -> None:
    """What the checkpoint holds is in the layers afterwards, and one of another size is refused."""
    width = small_encoder.width
    network = AudioEncoder(small_encoder)
    path = whisper_file(tmp_path, width)
    begin_with_whisper(network, path)
    content = torch.load(path, weights_only=True)["model_state_dict"]
    assert torch.equal(network.layers[1].widen.weight, content["encoder.blocks.1.mlp.0.weight"])
    assert torch.equal(network.layers[0].value.bias, content["encoder.blocks.0.attn.value.bias"])
    assert torch.equal(network.first.weight, content["encoder.conv1.weight"]) and torch.equal(
        network.norm.bias, content["encoder.ln_post.bias"]
    )
    with pytest.raises(ValueError, match="shape"):
        begin_with_whisper(network, whisper_file(tmp_path, width + 2))


def test_whisper_hears_all_at_once_and_the_stream_is_measured_against_it(small_encoder: EncoderSpec, tmp_path: Path) -> None:
    network = AudioEncoder(small_encoder)
    whisper = begin_with_whisper(network, whisper_file(tmp_path, small_encoder.width, 0.3))
    features = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 48, HEARD_VALUES)).astype(np.float32))
    heard = whisper.hear(features)
    changed = features.clone()
    changed[:, 40:] = 3.0
    assert torch.equal(whisper.hear(changed)[0][:, :10], heard[0][:, :10])
    assert not torch.allclose(whisper.hear(changed)[1][:, :10], heard[1][:, :10])
    # what Whisper says, as late as a stream would say it, is no way off; another piece of sound is
    late = np.cumsum(small_encoder.ahead)

    def as_a_stream(given: list[torch.Tensor]) -> list[torch.Tensor]:
        moved = [x - whisper.places[: x.shape[1]] + network.place for x in given[1:]]
        return [
            torch.cat([torch.zeros(2, by, small_encoder.width), x[:, : x.shape[1] - by]], dim=1) for x, by in zip(moved, late, strict=True)
        ]

    def apart(given: list[torch.Tensor]) -> float:
        return float(distance_from(given, whisper, heard, network.place, small_encoder.ahead))

    assert apart(as_a_stream(heard)) < 1e-6
    assert apart(as_a_stream(whisper.hear(features.flip(0)))) > 0.5


def test_places_become_distances(small_encoder: EncoderSpec, tmp_path: Path) -> None:
    """Where keys and queries tell nothing but their places, the stream attends by distance as Whisper does by place."""
    network = AudioEncoder(small_encoder)
    whisper = begin_with_whisper(network, whisper_file(tmp_path, small_encoder.width, 0.3))
    angle = torch.arange(1500)[:, None] * torch.linspace(0.1, 0.8, small_encoder.width // 2)
    whisper.places[:] = torch.cat([angle.sin(), angle.cos()], dim=1)
    for each in (network, whisper.network):
        for layer in each.layers:
            for part in (layer.query, layer.key):
                torch.nn.init.eye_(part.weight)
            torch.nn.init.zeros_(layer.query.bias)
            torch.nn.init.ones_(layer.before_attention.weight)
            torch.nn.init.zeros_(layer.before_attention.bias)
    measure_distances(network, whisper, torch.zeros(4, 96, HEARD_VALUES))
    for layer in network.layers:
        assert torch.isfinite(layer.distance).all() and (layer.distance <= 0).all()
        # nearest is most alike
        assert (layer.distance.argmax(dim=1) == layer.past).all()


def test_training_brings_the_stream_nearer_to_whisper(small_corpus: Path, small_encoder: EncoderSpec, tmp_path: Path) -> None:
    config = encoder_training(small_corpus, tmp_path, small_encoder)
    loop = dataclasses.replace(config.loop, steps=40, batch=4, learning_rate=5e-3)
    train_encoder(dataclasses.replace(config, loop=loop, whisper=str(whisper_file(tmp_path, small_encoder.width, 0.3)), naming_share=0.0))
    rows = [row.split(",") for row in (tmp_path / CURVES).read_text().splitlines()]
    apart = [float(value) for _, name, value in rows if name == "apart"]
    assert np.mean(apart[-4:]) < 0.9 * np.mean(apart[:2])


def test_the_shipped_configurations_are_valid() -> None:
    encoder = load_config(CONFIGS / "encoder.yaml", EncoderTraining)
    face = load_config(CONFIGS / "face.yaml", FaceTraining)
    assert encoder.spec.delay_frames + face.chunk + face.future <= 9


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    path = tmp_path / "encoder.yaml"
    path.write_text((CONFIGS / "encoder.yaml").read_text().replace("batch:", "bach:"))
    with pytest.raises(ValueError, match="bach"):
        load_config(path, EncoderTraining)
