"""`visavis plot`: the curves, phones and sound of a clip as a picture, and its face, arms and hands as lines in a film."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from visavis.cli.clip import Clip, add_model_arguments, load_clip, load_sound
from visavis.cli.steering import add_steering_arguments, steering_of
from visavis.timing import FRAME_RATE, SAMPLE_RATE, frame_to_sample

if TYPE_CHECKING:
    from visavis.data.phones import Phone

CROWDED_S = 40.0
"""A longer stretch leaves most phones without their labels."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser(
        "plot",
        help="draw the curves, phones and sound of a clip, and a film of its face, arms and hands as lines",
        description="Draw a clip: a sound file (the model moves to it), a bag with the topic motion, or a CSV of Live Link Face.",
    )
    parser.add_argument("clip", metavar="CLIP", help="sound file, bag, or CSV; FILE.phones.json beside a sound file gives its phones")
    parser.add_argument("-o", "--output", required=True, metavar="PICTURE", help="the picture, a .png file; replaced where it exists")
    parser.add_argument(
        "--video", default="", metavar="FILM", help="also a film (.mp4) of face, arms and hands as lines and points, with the sound"
    )
    parser.add_argument("--from", dest="begin", type=float, default=0.0, metavar="SECONDS", help="begin here")
    parser.add_argument("--to", dest="end", type=float, default=None, metavar="SECONDS", help="end here")
    parser.add_argument("--sound", default="", metavar="FILE", help="the sound of a CSV, e.g. the film that the app recorded with it")
    parser.add_argument("--portrait", default="", metavar="PHOTO", help="whose face the film draws; without it the default portrait")
    parser.add_argument("--quiet", action="store_true", help="no progress, only errors and remarks")
    add_model_arguments(parser)
    add_steering_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status 0 when everything is there, 1 for input that cannot be used, 130 after Ctrl-C."""
    from visavis.cli.stop import sigterm_is_interrupt
    from visavis.runtime.weights import WeightsError
    from visavis.store import AssetError
    from visavis.types_portrait import PortraitError

    try:
        with sigterm_is_interrupt():
            return _plot(args)
    except (PortraitError, WeightsError, AssetError, OSError, ValueError) as error:
        print(f"visavis plot: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("visavis plot: stopped", file=sys.stderr)
        return 130


def _plot(args: argparse.Namespace) -> int:
    from visavis.cli.render import check_output
    from visavis.plotting.figure import save_figure
    from visavis.plotting.phone_track import cut_phones

    source, output = Path(args.clip), Path(args.output)
    given = [source, *(Path(path) for path in (args.sound, args.portrait) if path)]
    check_output(output, given, (".png",))
    if args.video:
        check_output(Path(args.video), given, (".mp4",))
    whole = _with_sound(load_clip(source, args, steering_of(args), _tell), args.sound)
    clip = whole.cut(args.begin, args.end)
    seconds = len(clip.motion) / FRAME_RATE
    begin_s = round(args.begin * FRAME_RATE) / FRAME_RATE
    phones, phones_from = _phones(source, whole, args.weights)
    phones = cut_phones(phones, begin_s, begin_s + seconds)
    if seconds > CROWDED_S:
        _tell(f"{seconds:.0f} s on one picture leave no room to name the phones: cut with --from and --to")
    title = f"{clip.name}: {_manner(clip, args)}"
    part = output.with_name(f".{output.name}.part")
    try:
        save_figure(part, clip.motion, clip.samples, phones, title, begin_s, phones_from)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
    print(f"{output}: {seconds:.2f} s")
    if args.video:
        frames = _film(Path(args.video), clip, phones, begin_s, args.portrait, args.quiet)
        print(f"{args.video}: {frames} pictures{'' if clip.samples is not None else ', no sound'}")
    return 0


def _with_sound(clip: Clip, sound: str) -> Clip:
    """A clip without sound, with that of a file; both begin together. The longer one is cut."""
    if not sound:
        return clip
    if clip.samples is not None:
        raise ValueError(f"{clip.name} has its own sound: leave out --sound")
    samples = load_sound(Path(sound), _tell)[: frame_to_sample(len(clip.motion))]
    return Clip(clip.name, clip.source, samples, clip.motion[: -(-len(samples) * FRAME_RATE // SAMPLE_RATE)])


def _phones(source: Path, clip: Clip, weights: str) -> "tuple[tuple[Phone, ...], str]":
    """The phones of the whole clip and who says so: the file beside a sound, or else the encoder; none without sound."""
    from visavis.plotting.phone_track import likeliest_phones, phone_file, phone_posteriors, read_phones

    beside = phone_file(source)
    if source.is_file() and beside.exists():
        return read_phones(beside), f"from {beside.name}" if len(beside.name) < 18 else "from the file\nbeside the clip"
    if clip.samples is None:
        return (), ""
    from visavis.runtime.motion import load_encoder
    from visavis.runtime.weights import DEFAULT_WEIGHTS

    encoder = load_encoder(Path(weights) if weights else DEFAULT_WEIGHTS)
    return likeliest_phones(phone_posteriors(clip.samples, encoder)), "as the encoder\nhears them"


def _manner(clip: Clip, args: argparse.Namespace) -> str:
    """What made the motion, in words."""
    if not clip.source.startswith("the model"):
        return f"motion from {clip.source}"
    asked = [name for name in (args.style, args.emotion.replace(":", " ")) if name != "neutral"]
    return f"motion by {', '.join([clip.source, *asked])}"


def _film(path: Path, clip: Clip, phones: "tuple[Phone, ...]", begin_s: float, photo: str, quiet: bool) -> int:
    """The film of face, arms and hands as lines; returns the number of pictures."""
    import numpy as np

    from visavis.cli.defaults import default_portrait
    from visavis.cli.progress import progress_bar
    from visavis.control.pose import ControlConfig, ControlStage
    from visavis.film.mark import mark_text
    from visavis.film.writer import FilmWriter
    from visavis.motion.layout import neutral_motion
    from visavis.pipeline import control_frames
    from visavis.plotting.skeleton import HEIGHT, WIDTH, SkeletonFilm, view_of
    from visavis.portrait.cache import load_portrait
    from visavis.types import MotionChunk

    tell = (lambda _text: None) if quiet else (lambda text: print(f"portrait: {text}", file=sys.stderr, flush=True))
    control = ControlStage(load_portrait(photo or default_portrait(), progress=tell), ControlConfig())
    (rest,), _ = control.step(MotionChunk(1, 0, neutral_motion(1)), control.initial_state())
    film = SkeletonFilm(view_of(rest.keypoints), clip.samples, phones, clip.name, begin_s)
    chunks = (MotionChunk(1, at, clip.motion[at : at + FRAME_RATE]) for at in range(0, len(clip.motion), FRAME_RATE))
    rate = None if clip.samples is None else SAMPLE_RATE
    mark = mark_text(preview=clip.name)
    with FilmWriter(path, WIDTH, HEIGHT, rate, 1, mark) as writer, progress_bar("drawing", len(clip.motion), "pictures", quiet) as advance:
        for frame in control_frames(chunks, control):
            writer.write_picture(film.draw(frame.frame_index, frame.keypoints, clip.motion[frame.frame_index]))
            if clip.samples is not None:
                heard = clip.samples[frame_to_sample(frame.frame_index) : frame_to_sample(frame.frame_index + 1)]
                writer.write_sound(heard.astype(np.float32)[:, None] / np.float32(32768))
            advance(1)
        return writer.pictures


def _tell(line: str) -> None:
    print(f"visavis plot: {line}", file=sys.stderr)
