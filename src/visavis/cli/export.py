"""``visavis export``: turns checkpoints into the ONNX files and the manifest that the graph runs."""

import argparse
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("export", help="export trained networks", description=__doc__)
    parser.add_argument(
        "network",
        choices=("encoder", "face", "body", "style", "refine"),
        help="encoder: before the face model is trained, or in place of the one that a manifest there has; face: writes the manifest too; "
        "body: adds itself to that; "
        "style: measures how the weights there follow a style and adds that; refine: the face refinement, with a manifest of its own",
    )
    parser.add_argument("--checkpoint", type=Path, help="output folder of the training (not for style)")
    parser.add_argument("--corpus", type=Path, help="(style) folder of the corpus the face model was trained on; (refine) of the pairs")
    parser.add_argument("--silence-share", type=float, default=0.15, help="(style) silence_share of that training (default 0.15)")
    parser.add_argument("--items", type=int, default=6, help="(style) how many held-out utterances are spoken (default 6)")
    parser.add_argument("--config", type=Path, default=Path("config/train/encoder.yaml"), help="configuration the encoder was trained with")
    parser.add_argument(
        "--to", type=Path, default=None, help="folder of the weights (default src/visavis/assets/motion, for refine .../picture)"
    )
    parser.add_argument("--lip-odds", type=float, default=1.3, help="(encoder) factor on the odds of P, B and M; 1 for training the face")
    parser.add_argument("--early", type=Path, help="(encoder, face) folder of an early checkpoint or earlier run, to average with")
    parser.add_argument("--early-share", type=float, default=0.7, help="(encoder, face) share of the early weights in that average")
    parser.add_argument("--metrics", type=Path, help="JSON file with data, commands and metrics to put into the manifest")


def run(args: argparse.Namespace) -> int:
    import json

    from visavis.export.motion import add_encoder, export_encoder, export_face, load_mean, write_manifest
    from visavis.motion.wave_encoder import WaveSpec
    from visavis.runtime.weights import MANIFEST
    from visavis.training.config import EncoderTraining, load_config
    from visavis.training.encoder_net import AudioEncoder
    from visavis.training.face_net import FaceNet
    from visavis.training.face_run import ENCODER_SPEC_FILE, SPEC_FILE, read_spec
    from visavis.training.loop import trained_steps

    if args.to is None:
        args.to = Path("src/visavis/assets") / ("picture" if args.network == "refine" else "motion")
    if args.network == "style":
        return _style(args)
    if args.checkpoint is None:
        raise ValueError(f"--checkpoint is needed for {args.network}: the output folder of its training")
    if args.network == "body":
        return _body(args)
    if args.network == "refine":
        return _refine(args)
    encoder_spec = load_config(args.config, EncoderTraining).spec
    if args.network == "encoder":
        network = AudioEncoder(encoder_spec)
        load_mean(network, args.checkpoint, args.early, args.early_share)
        print(export_encoder(network, args.to, args.lip_odds))
        if (args.to / MANIFEST).exists():
            facts = json.loads(args.metrics.read_text()) if args.metrics else {}
            print(add_encoder(args.to, encoder_spec, {"steps": trained_steps(args.checkpoint), **facts}))
        return 0
    face_spec = read_spec(args.checkpoint / SPEC_FILE)
    face = FaceNet(face_spec)
    load_mean(face, args.checkpoint, args.early, args.early_share)
    for path in export_face(face, args.to):
        print(path)
    facts = json.loads(args.metrics.read_text()) if args.metrics else {}
    wave = args.checkpoint / ENCODER_SPEC_FILE
    heard_by = WaveSpec(**json.loads(wave.read_text())) if wave.exists() else encoder_spec
    print(write_manifest(args.to, heard_by, face_spec, {"face_steps": trained_steps(args.checkpoint), **facts}))
    return 0


def _body(args: argparse.Namespace) -> int:
    import json

    from visavis.export.motion import add_body, export_body
    from visavis.training.body_net import BodyNet
    from visavis.training.body_run import SPEC_FILE, read_body_spec
    from visavis.training.loop import load_average, trained_steps

    spec = read_body_spec(args.checkpoint / SPEC_FILE)
    body = BodyNet(spec)
    load_average(body, args.checkpoint)
    for path in export_body(body, args.to):
        print(path)
    facts = json.loads(args.metrics.read_text()) if args.metrics else {}
    print(add_body(args.to, spec, {"steps": trained_steps(args.checkpoint), **facts}))
    return 0


def _refine(args: argparse.Namespace) -> int:
    import json

    from visavis.export.refine import export_refine
    from visavis.training.config import RefineTraining, load_config
    from visavis.training.loop import load_average, trained_steps
    from visavis.training.refine_data import read_spec
    from visavis.training.refine_net import RefineNet

    path = args.config if args.config.name.startswith("refine") else Path("config/train/refine.yaml")
    config = load_config(path, RefineTraining)
    spec = read_spec(args.corpus or Path(config.corpus))
    network = RefineNet(spec, config.features, config.width)
    load_average(network, args.checkpoint)
    facts = json.loads(args.metrics.read_text()) if args.metrics else {}
    print(export_refine(network, spec, args.to, {"steps": trained_steps(args.checkpoint), **facts}))
    return 0


def _style(args: argparse.Namespace) -> int:
    from visavis.cli.progress import progress_bar
    from visavis.export.style import add_style, measure_scale
    from visavis.motion.styles import STYLE_VALUES

    if args.corpus is None:
        raise ValueError("--corpus is needed for style: the folder that the face model was trained on")
    with progress_bar("speaking", 1 + 2 * len(STYLE_VALUES), "passes") as advance:
        scale = measure_scale(args.corpus, args.to, args.silence_share, args.items, advance)
    print(add_style(args.to, scale, {"measured_on": f"{args.items} held-out utterances, told 1.5 spreads more and less"}))
    return 0
