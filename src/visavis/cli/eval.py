"""``visavis eval``: measures on speech that no network was trained on.

``lips``: five sentences read by a person drive the portrait three times: by a plain loudness-to-jaw mapping, by the teacher that is given
the phones (oracle), and by the streaming model that only hears the sound. A face tracker looks at the rendered pictures and the lip gap is
compared with the phones. Or your own recordings: a folder with the words of each in a .txt beside it.

``motion``: body, hands and head of the default speech, or of the held-out items of a corpus, by the streaming model and by the teacher:
rest, strokes a minute and their distance to accents, jitter, collisions; and how far two seeds lead apart.

``style``: how far the model takes over a manner measured on a clip. Speakers of the teacher, whose manner is known, say held-out items of a
corpus; or, with ``--clip``, what the clip and the model do of each measure.

``picture``: photos of two people that nothing was trained on, and a real clip, are moved as a tracker sees them move, and compared with
what they look like then; beside the photo as it is.

``sheet``: pictures of what a portrait must be able to do (blink, smile, vowels, turned head, hands), to be looked at.

``endurance``: an hour of speech as one stream: whether it keeps time, stays as small as it began and joins its chunks unseen.

``soak``: eight hours of the whole graph with screen and page, in simulated time, where clocks of sound devices are off by 100 parts in a
million: whether picture and sound stay together, and whether anything is lost or grows.

``phones``: how well the speech encoder names what real people say, in quiet and in noise.

``robust``: random motions of a portrait, looked at for exposed borders, holes, halos and flicker.
"""

import argparse
import contextlib
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from visavis.cli import eval_endurance, eval_phones, eval_picture, eval_soak

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from visavis.evaluation.lip_score import LipScore
    from visavis.evaluation.recordings import Recording
    from visavis.motion.stage import MotionStage
    from visavis.motion.style_clip import StyleScale

DRIVERS = ("loudness", "oracle", "model")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("eval", help="measure on held-out speech", description=__doc__)
    measures = parser.add_subparsers(dest="measure", metavar="WHAT", required=True)
    lips = measures.add_parser("lips", help="lips in the rendered picture against the phones that were said")
    lips.add_argument("--drivers", default=",".join(DRIVERS), help=f"which of {', '.join(DRIVERS)}, with commas (default: all)")
    lips.add_argument("--recordings", type=Path, default=None, help="folder of NAME.wav with the words in NAME.txt (default: LibriVox)")
    lips.add_argument("--language", default="en", help="of those recordings: en, es or it (default en)")
    lips.add_argument("--portrait", type=Path, default=None, help="photo (default: the one that comes with visavis)")
    lips.add_argument("--weights", type=Path, default=None, help="folder of motion weights (default: those that come with visavis)")
    lips.add_argument("--seed", type=int, default=0, help="seed of the motion (default 0)")
    lips.add_argument("--curves", action="store_true", help="quick: score the face curves by a proxy of the lip gap, without rendering")
    lips.add_argument("--keep", type=Path, default=None, help="folder to leave each film and phones.json in")
    lips.add_argument("--json", action="store_true", help="print JSON instead of the table")
    motion = measures.add_parser("motion", help="rest, strokes, jitter and diversity of hands and head")
    motion.add_argument("--corpus", type=Path, default=None, help="folder of a corpus: its held-out items (default: the default speech)")
    motion.add_argument("--items", type=int, default=8, help="how many held-out items (default 8)")
    motion.add_argument("--weights", type=Path, default=None, help="folder of motion weights (default: those that come with visavis)")
    motion.add_argument("--seed", type=int, default=0, help="seed of the motion; diversity compares it with the next (default 0)")
    motion.add_argument("--gestures", type=float, default=1.0, help="factor on gestures, 0 to 4 (default 1)")
    motion.add_argument("--json", action="store_true", help="print JSON instead of the table")
    eval_picture.add_parsers(measures)
    eval_endurance.add_parser(measures)
    eval_phones.add_parser(measures)
    eval_soak.add_parser(measures)

    style = measures.add_parser("style", help="how far a manner is taken over from a clip")
    style.add_argument("--corpus", type=Path, default=None, help="folder of a corpus: its held-out items")
    style.add_argument("--items", type=int, default=4, help="how many held-out items (default 4)")
    style.add_argument("--clip", type=Path, default=None, help="instead: measure this clip, and the default speech in its style")
    style.add_argument("--weights", type=Path, default=None, help="folder of motion weights (default: those that come with visavis)")
    style.add_argument("--seed", type=int, default=0, help="seed of the motion (default 0)")
    style.add_argument("--json", action="store_true", help="print JSON instead of the table")


def run(args: argparse.Namespace) -> int:
    from visavis.runtime.weights import WeightsError
    from visavis.store import AssetError
    from visavis.types_portrait import PortraitError

    try:
        measures = {
            "lips": _lips,
            "motion": _motion,
            "style": _style,
            "picture": eval_picture.picture,
            "robust": eval_picture.robust,
            "sheet": eval_picture.sheet,
            "endurance": eval_endurance.endurance,
            "phones": eval_phones.phones,
            "soak": eval_soak.soak,
        }
        return measures[args.measure](args)
    except (AssetError, WeightsError, PortraitError, FileNotFoundError, RuntimeError, ValueError) as error:
        print(f"visavis eval {args.measure}: {error}", file=sys.stderr)
        return 1


def _lips(args: argparse.Namespace) -> int:
    from visavis.evaluation.recordings import join, librivox, read_recordings

    wanted = [name for name in args.drivers.split(",") if name]
    unknown = sorted(set(wanted) - set(DRIVERS))
    if unknown or not wanted:
        raise ValueError(f"--drivers takes {', '.join(DRIVERS)}, got {args.drivers!r}")
    make = {name: _driver(name, args) for name in wanted}  # weights first: what is missing shows before minutes of rendering
    recording = join(librivox() if args.recordings is None else read_recordings(args.recordings, args.language))
    title = "five LibriVox sentences" if args.recordings is None else f"the recordings of {args.recordings}"
    scores = {name: _score(name, make[name](recording), recording, args) for name in wanted}
    if args.keep is not None:
        phones = [[phone.name, phone.start, phone.end] for phone in recording.phones if phone.name != "SIL"]
        (args.keep / "phones.json").write_text(json.dumps(phones) + "\n")
    if args.json:
        where = "curves" if args.curves else "rendered"
        print(json.dumps({"where": where, "recording": title, "lips": {name: dataclasses.asdict(score) for name, score in scores.items()}}))
    else:
        _print_table(scores, args.curves, title)
    return 0


def _driver(name: str, args: argparse.Namespace) -> "Callable[[Recording], NDArray[np.float32]]":
    from visavis.evaluation import drivers

    if name == "loudness":
        return drivers.loudness_motion
    if name == "oracle":
        return lambda recording: drivers.oracle_motion(recording, args.seed)
    from visavis.motion.stage import MotionConfig
    from visavis.runtime.motion import load_motion_stage
    from visavis.runtime.weights import DEFAULT_WEIGHTS

    stage = load_motion_stage(args.weights or DEFAULT_WEIGHTS, MotionConfig(seed=args.seed))
    return lambda recording: drivers.model_motion(recording, stage)


def _score(name: str, motion: "NDArray[np.float32]", recording: "Recording", args: argparse.Namespace) -> "LipScore":
    from visavis.motion.layout import FACE

    if args.curves:
        from visavis.evaluation.curves import score_curves

        return score_curves(motion[:, FACE], recording.phones)
    from visavis.cli.defaults import default_portrait
    from visavis.evaluation.lips import score_rendered
    from visavis.portrait.cache import load_portrait
    from visavis.store import asset_path

    portrait = load_portrait(args.portrait or default_portrait())
    with _film(args.keep, name, recording) as write, _progress(name, len(motion)) as tick:

        def on_picture(picture: "NDArray[np.uint8]") -> None:
            write(picture)
            tick()

        return score_rendered(motion, recording, portrait, asset_path("face_landmarker.task"), on_picture)


@contextlib.contextmanager
def _film(folder: Path | None, name: str, recording: "Recording") -> "Iterator[Callable[[NDArray[np.uint8]], None]]":
    """Keeps the pictures with their sound as ``<folder>/<name>.mp4`` if there is a folder."""
    if folder is None:
        yield lambda _picture: None
        return
    import numpy as np

    from visavis.film.mark import mark_text
    from visavis.film.writer import FilmWriter
    from visavis.timing import SAMPLE_RATE
    from visavis.types_portrait import PICTURE_HEIGHT, PICTURE_WIDTH

    folder.mkdir(parents=True, exist_ok=True)
    with FilmWriter(folder / f"{name}.mp4", PICTURE_WIDTH, PICTURE_HEIGHT, SAMPLE_RATE, mark=mark_text(driver=name)) as film:
        film.write_sound((recording.samples.astype(np.float32) / np.float32(32768))[:, None])
        yield film.write_picture


@contextlib.contextmanager
def _progress(name: str, frames: int) -> "Iterator[Callable[[], None]]":
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(f"rendering and tracking: {name}", total=frames)
        yield lambda: progress.advance(task)


def _print_table(scores: "dict[str, LipScore]", curves: bool, title: str) -> None:
    from rich.console import Console
    from rich.table import Table

    source = "face curves (proxy of the lip gap, nothing rendered)" if curves else "rendered pictures, tracked"
    table = Table(title=f"Lips on {title}, {source}")
    for column in ("driver", "closed on P B M", "correlation", "lag (frames)", "jitter", "open in silence", "gap 10/50/95 %"):
        table.add_column(column, justify="left" if column == "driver" else "right")
    for name, score in scores.items():
        gap = " / ".join(f"{value:.3f}" for value in score.gap)
        cells = (
            f"{100 * score.closed:.0f} %",
            f"{score.correlation:.2f}",
            f"{score.lag:+d}",
            f"{score.jitter:.3f}",
            f"{100 * score.silent_open:.0f} %",
            gap,
        )
        table.add_row(name, *cells)
    Console(width=120).print(table)


def _motion(args: argparse.Namespace) -> int:
    from visavis.evaluation.gestures import diversity, measure

    clips = _clips(args)
    taught = [clip.taught for clip in clips]
    accents = [clip.accents for clip in clips]
    first, second = ([_perform(args, clip.recording, seed) for clip in clips] for seed in (args.seed, args.seed + 1))
    figures = {"teacher": measure(taught, accents), "model": measure(first, accents), "model, next seed": measure(second, accents)}
    apart = [dataclasses.asdict(diversity(one, two)) for one, two in zip(first, second, strict=True)]
    mean = {name: sum(values[name] for values in apart) / len(apart) for name in apart[0]}
    if args.json:
        where = str(args.corpus) if args.corpus else "default speech"
        drivers = {name: dataclasses.asdict(values) for name, values in figures.items()}
        print(json.dumps({"where": where, "items": len(clips), "drivers": drivers, "diversity": mean}))
        return 0
    from rich.console import Console
    from rich.table import Table

    seconds = sum(len(motion) for motion in first) / 30
    table = Table(title=f"Body and hands on {len(clips)} clips, {seconds:.0f} s")
    columns = (
        "",
        "at rest",
        "strokes a minute",
        "to the accent, ms",
        "within 0.2 s",
        "wrist jitter",
        "head jitter",
        "touching",
        "reach, m",
    )
    for column in columns:
        table.add_column(column, justify="right" if column else "left")
    for name, f in figures.items():
        offset = f"{1000 * f.offset:+.0f} ± {1000 * f.spread:.0f}"
        rates = (f"{100 * f.rest:.0f} %", f"{f.strokes:.1f}", offset, f"{100 * f.near:.0f} %")
        table.add_row(name, *rates, f"{f.wrist_jitter:.3f}", f"{f.head_jitter:.4f}", f"{100 * f.touching:.2f} %", f"{f.reach:.2f}")
    Console(width=140).print(table)
    print(f"two seeds apart: hands {mean['hands']:.3f} m, head {mean['head']:.2f} degrees, mouth {mean['mouth']:.4f} (weights)")
    return 0


@dataclasses.dataclass(frozen=True)
class _Clip:
    recording: "Recording"
    taught: "NDArray[np.float32]"
    accents: "NDArray[np.float64]"


def _clips(args: argparse.Namespace) -> "list[_Clip]":
    """What is to be measured, with what the teacher does to it."""
    import numpy as np

    from visavis.data.body import teach_body
    from visavis.data.prosody import analyse
    from visavis.data.teacher import teach
    from visavis.evaluation.recordings import Recording

    if args.items < 1:
        raise ValueError(f"--items must be at least 1, got {args.items}")
    recordings = []
    if args.corpus is None:
        from visavis.audio.load import load
        from visavis.cli.defaults import default_speech
        from visavis.plotting.phone_track import phone_file, read_phones

        path = default_speech()
        recordings.append(Recording("default speech", load(path), read_phones(phone_file(path))))
    else:
        recordings = _held_out(args.corpus, args.items)
    clips = []
    for number, recording in enumerate(recordings):
        face = teach(recording.samples, recording.phones, number)
        body = teach_body(recording.samples, recording.phones, face.head, number)
        accents = np.array([accent.time for accent in analyse(recording.samples, recording.phones).accents])
        clips.append(_Clip(recording, body.put_into(face.as_motion()), accents))
    return clips


def _held_out(corpus: Path, count: int) -> "list[Recording]":
    """The first held-out items of a corpus."""
    from visavis.data.corpus import item_paths, load_item
    from visavis.evaluation.recordings import Recording

    recordings: list[Recording] = []
    for path in item_paths(corpus):
        item = load_item(path)
        if item.split == "val" and item.phones and len(recordings) < count:
            recordings.append(Recording(item.name, item.samples, item.phones))
    if not recordings:
        raise FileNotFoundError(f"{corpus} has no held-out items: make a corpus with `visavis data kokoro`")
    return recordings


def _perform(args: argparse.Namespace, recording: "Recording", seed: int) -> "NDArray[np.float32]":
    """What the streaming model does, all of it from rest."""
    from visavis.motion.stage import MotionConfig
    from visavis.motion.styles import Manner
    from visavis.runtime.motion import load_motion_stage
    from visavis.runtime.weights import DEFAULT_WEIGHTS

    stage = load_motion_stage(args.weights or DEFAULT_WEIGHTS, MotionConfig(seed=seed))
    state = stage.with_manner(stage.initial_state(), Manner(gestures=args.gestures))
    return stage.step(recording.samples, state, final=True)[0]


def _style(args: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.table import Table

    from visavis.evaluation.style import transfer
    from visavis.motion.stage import MotionConfig
    from visavis.runtime.motion import load_motion_stage, load_style_scale
    from visavis.runtime.weights import DEFAULT_WEIGHTS

    if (args.corpus is None) == (args.clip is None):
        raise ValueError("name either a corpus (--corpus) or a clip (--clip)")
    weights = args.weights or DEFAULT_WEIGHTS
    scale, stage = load_style_scale(weights), load_motion_stage(weights, MotionConfig(seed=args.seed), body=False)
    if args.clip is not None:
        return _style_of_clip(args, stage, scale)
    recordings = _held_out(args.corpus, args.items)
    scores = transfer(recordings, stage, scale)
    if args.json:
        speakers = {name: {who: dataclasses.asdict(one) for who, one in by.items()} for name, by in scores.items()}
        print(json.dumps({"where": str(args.corpus), "items": len(recordings), "speakers": speakers}))
        return 0
    table = Table(title=f"Style from a clip, {len(recordings)} held-out items, weights of the face against the speaker's")
    for column in ("speaker", "driver", "MAE", "SSIM", "manner, spreads"):
        table.add_column(column, justify="left" if column in ("speaker", "driver") else "right")
    for name, by in scores.items():
        for who, one in by.items():
            table.add_row(name, who, f"{one.error:.4f}", f"{one.likeness:.3f}", f"{one.manner:.2f}")
    Console(width=120).print(table)
    return 0


def _style_of_clip(args: argparse.Namespace, stage: "MotionStage", scale: "StyleScale") -> int:
    from rich.console import Console
    from rich.table import Table

    from visavis.audio.load import load
    from visavis.cli.defaults import default_speech
    from visavis.evaluation.style import speak
    from visavis.motion.layout import FACE, HEAD_ROTATION
    from visavis.motion.style_clip import measure_style
    from visavis.motion.styles import STYLE_VALUES
    from visavis.ros.reference import read_reference

    clip = read_reference(args.clip)
    samples = load(default_speech())
    motions = {"clip": clip, "model": speak(samples, stage, None), "model in its style": speak(samples, stage, scale.style_of(clip))}
    scores = {name: scale.score(measure_style(motion[:, FACE], motion[:, HEAD_ROTATION])).tolist() for name, motion in motions.items()}
    if args.json:
        print(json.dumps({"clip": str(args.clip), "measures": list(STYLE_VALUES), "scores": scores}))
        return 0
    table = Table(title=f"{args.clip.name}: measures in spreads from the corpus' mean, held within 3")
    for column in ("", *STYLE_VALUES):
        table.add_column(column, justify="right" if column else "left")
    for name, values in scores.items():
        table.add_row(name, *(f"{value:+.2f}" for value in values))
    Console(width=120).print(table)
    return 0
