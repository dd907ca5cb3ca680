"""The arguments by which a command is told how the avatar is to speak."""

import argparse
from pathlib import Path

from visavis.motion.steering import EMOTIONS, Steering
from visavis.motion.styles import STYLES, Style

SCALES = {
    "mouth": "movement of mouth and jaw",
    "expression": "brows, cheeks and the corners of the mouth",
    "head": "movement of the head",
    "gaze": "glances",
    "blink": "how often the eyes blink",
    "gesture": "how often and how largely the hands gesture",
}


def add_steering_arguments(parser: argparse.ArgumentParser) -> None:
    """--style, --emotion, --look-at and a --NAME-scale for each of ``SCALES``."""
    group = parser.add_argument_group("how to speak")
    group.add_argument(
        "--style",
        default="neutral",
        metavar="NAME|CLIP",
        help=f"way to speak: {', '.join(STYLES)} (default neutral), or a clip of somebody who moves as the avatar shall: a bag, a "
        "Live Link Face .csv, or the NAME.motion.npz that `visavis data from-video` writes",
    )
    group.add_argument(
        "--emotion",
        default="neutral",
        metavar="NAME[:INTENSITY]",
        help=f"emotion on top of it, with an intensity of 0 to 1: happy, happy:0.5 ({', '.join(EMOTIONS)})",
    )
    group.add_argument(
        "--look-at",
        default="",
        metavar="X,Y,Z",
        help="point to look at, metres from between the eyes: x out of the screen, y to the avatar's left, z up",
    )
    for name, what in SCALES.items():
        group.add_argument(f"--{name}-scale", type=float, default=1.0, metavar="FACTOR", help=f"{what}, 0 to 2 (default 1)")


def steering_of(args: argparse.Namespace) -> Steering:
    """What the arguments ask for. ValueError says what is allowed."""
    emotion, _, intensity = args.emotion.partition(":")
    try:
        strength = float(intensity) if intensity else 1.0
        point = tuple(float(part) for part in args.look_at.split(",")) if args.look_at else None
    except ValueError:
        raise ValueError(f"--emotion is NAME or NAME:INTENSITY and --look-at is X,Y,Z, got {args.emotion} and {args.look_at}") from None
    if point is not None and len(point) != 3:
        raise ValueError(f"--look-at needs three numbers, X,Y,Z, got {args.look_at}")
    scales = {name: getattr(args, f"{name}_scale") for name in SCALES}
    reference = None if args.style in STYLES else _style_of(Path(args.style), args.weights)
    style = args.style if reference is None else "neutral"
    return Steering(style=style, emotion=emotion, intensity=strength, look_at=point, reference=reference, **scales)


def _style_of(clip: Path, weights: str) -> Style:
    """The style of a clip for weights in a folder, those that visavis brings for ""."""
    if not clip.exists():
        raise ValueError(f'--style must be one of {", ".join(STYLES)}, or a clip that exists, got "{clip}"')
    from visavis.ros.reference import style_of_clip
    from visavis.runtime.motion import load_style_scale
    from visavis.runtime.weights import DEFAULT_WEIGHTS

    return style_of_clip(clip, load_style_scale(Path(weights) if weights else DEFAULT_WEIGHTS))
