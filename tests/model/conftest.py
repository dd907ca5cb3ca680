"""Small untrained networks: the same code paths as the shipped ones, seconds instead of minutes."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs visavis[train]")
pytest.importorskip("onnx", reason="needs visavis[train]")

from visavis.data.body import teach_body_file  # noqa: E402
from visavis.data.corpus import Item, motion_path, save_item, write_npz  # noqa: E402
from visavis.data.phones import Phone  # noqa: E402
from visavis.export.motion import add_body, export_body, export_encoder, export_face, write_manifest  # noqa: E402
from visavis.motion.body_model import BODY_VALUES, BodySpec  # noqa: E402
from visavis.motion.encoder import EncoderSpec  # noqa: E402
from visavis.motion.face_model import FaceSpec  # noqa: E402
from visavis.timing import SAMPLE_RATE, frames_in  # noqa: E402
from visavis.training.body_net import BodyNet  # noqa: E402
from visavis.training.encoder_net import AudioEncoder  # noqa: E402
from visavis.training.face_net import FaceNet  # noqa: E402

SMALL_ENCODER = EncoderSpec(width=16, heads=2, past=4, ahead=(1, 2), delay_steps=4)

TONES = {"AA": 700.0, "S": 5000.0, "M": 200.0, "IY": 2300.0}


def small_face_spec() -> FaceSpec:
    shapes = ("eyeBlinkLeft", "eyeLookInLeft", "jawOpen", "mouthClose", "browInnerUp")
    values = len(shapes) + 6
    return FaceSpec(
        shapes=shapes,
        chunk=3,
        past=5,
        future=2,
        audio=SMALL_ENCODER.frame_features,
        style=6,
        width=16,
        heads=2,
        context_layers=1,
        denoiser_layers=2,
        mean=(0.1,) * values,
        scale=(0.2,) * values,
        change_scale=(0.05,) * values,
    )


def small_body_spec() -> BodySpec:
    return BodySpec(
        kinds=("rest", "waist", "beat"),
        chunk=3,
        past=4,
        future=3,
        width=16,
        heads=2,
        context_layers=1,
        denoiser_layers=1,
        mean=(0.0,) * BODY_VALUES,
        scale=(0.2,) * BODY_VALUES,
        change_scale=(0.02,) * BODY_VALUES,
        rest=(0.1,) * BODY_VALUES,
        low=(-1.5,) * BODY_VALUES,
        high=(1.5,) * BODY_VALUES,
        poses=((0.1,) * BODY_VALUES,) * 3,
        spreads=((0.3,) * BODY_VALUES,) * 3,
    )


@pytest.fixture(scope="session")
def small_body() -> BodyNet:
    torch.manual_seed(2)
    body = BodyNet(small_body_spec()).eval()
    for weights in (body.denoiser.steer.weight, body.denoiser.leave.weight):
        torch.nn.init.normal_(weights, std=0.3)
    for parameter in body.parameters():
        parameter.data = parameter.data.half().float()
    return body


@pytest.fixture(scope="session")
def small_encoder() -> EncoderSpec:
    return SMALL_ENCODER


@pytest.fixture(scope="session")
def small_networks() -> tuple[AudioEncoder, FaceNet]:
    torch.manual_seed(1)
    encoder, face = AudioEncoder(SMALL_ENCODER).eval(), FaceNet(small_face_spec()).eval()
    # the steering of a fresh network is zero: diffusion time must matter in these tests
    torch.nn.init.normal_(face.denoiser.steer.weight, std=0.3)
    # the files keep large weights as float16: with weights that float16 can hold, torch and the files must agree closely
    for parameter in (*encoder.parameters(), *face.parameters()):
        parameter.data = parameter.data.half().float()
    return encoder, face


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory: pytest.TempPathFactory, small_networks: tuple[AudioEncoder, FaceNet], small_body: BodyNet) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    export_encoder(small_networks[0], folder)
    export_face(small_networks[1], folder)
    write_manifest(folder, SMALL_ENCODER, small_networks[1].spec, {})
    export_body(small_body, folder)
    add_body(folder, small_body.spec, {})
    return folder


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four utterances of tones whose height tells the phone, with motion."""
    folder = tmp_path_factory.mktemp("corpus")
    generator = np.random.default_rng(0)
    for index in range(4):
        names = generator.choice(list(TONES), 30)
        phones = [Phone(str(name), 0.1 * k, 0.1 * (k + 1)) for k, name in enumerate(names)]
        tones = np.repeat([TONES[str(name)] for name in names], 1600)
        samples = (generator.standard_normal(48000) * 100 + 6000 * np.sin(2 * np.pi * tones * np.arange(48000) / SAMPLE_RATE)).astype(
            np.int16
        )
        item = Item(f"{index:05d}", samples, tuple(phones), "nobody", "", "val" if index == 3 else "train")
        path = save_item(folder, item)
        frames = frames_in(len(samples))
        face = np.zeros((frames, 52), np.float32)
        face[:, [0, 2, 17, 18, 43]] = generator.random((frames, 5))
        head = np.tile(np.array([1, 0, 0, 0, 1, 0, 0, 0, 0], np.float32), (frames, 1))
        head[:, 6:] = 0.01 * generator.standard_normal((frames, 3))
        write_npz(motion_path(path), face=face, head=head)
        teach_body_file(path)
    return folder
