"""``visavis train``: trains a network from a file in config/train, or goes on where it stopped."""

import argparse
import dataclasses
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("train", help="train a network", description=__doc__)
    parser.add_argument("network", choices=("encoder", "face", "body", "refine"))
    parser.add_argument("--config", type=Path, required=True, help="e.g. config/train/encoder.yaml")
    parser.add_argument("--corpus", help="folder of the corpus, instead of the file's")
    parser.add_argument("--output", help="folder for checkpoint and curves, instead of the file's")
    parser.add_argument(
        "--encoder", help="(face) exported encoder.onnx, or a folder with a wav2vec2, HuBERT or Whisper model, instead of the file's"
    )
    parser.add_argument("--encoder-config", type=Path, default=Path("config/train/encoder.yaml"), help="(face) the encoder's configuration")
    parser.add_argument("--steps", type=int, help="number of steps, instead of the file's")
    parser.add_argument("--threads", type=int, help="CPU threads, instead of the file's")
    parser.add_argument("--device", help="cpu or cuda, instead of the file's")


def run(args: argparse.Namespace) -> int:
    from visavis.training.config import BodyTraining, EncoderTraining, FaceTraining, RefineTraining, load_config

    kind: type[EncoderTraining | FaceTraining | BodyTraining | RefineTraining] = {
        "encoder": EncoderTraining,
        "face": FaceTraining,
        "body": BodyTraining,
        "refine": RefineTraining,
    }[args.network]
    config = load_config(args.config, kind)
    places = {name: getattr(args, name) for name in ("corpus", "output", "encoder") if getattr(args, name) is not None}
    loop = {name: getattr(args, name) for name in ("steps", "threads", "device") if getattr(args, name) is not None}
    if args.network != "face":
        places.pop("encoder", None)
    config = dataclasses.replace(config, **places, loop=dataclasses.replace(config.loop, **loop))
    if isinstance(config, EncoderTraining):
        from visavis.training.encoder_run import train_encoder

        train_encoder(config)
    elif isinstance(config, BodyTraining):
        from visavis.training.body_run import train_body

        train_body(config)
    elif isinstance(config, RefineTraining):
        from visavis.training.refine_run import train_refine

        train_refine(config)
    else:
        from visavis.training.face_run import train_face

        train_face(config, load_config(args.encoder_config, EncoderTraining).spec)
    return 0
