"""``visavis data``: makes the training corpus, in three steps that all go on where they were stopped.

``kokoro`` speaks sentences and keeps sound and exact phone times; ``teacher`` adds the face and head that belong to them, ``body`` the body
and the hands that go with both (cheap: run them again whenever a teacher changes). ``from-video`` adds real people: motion tracked in
films. ``picture`` is apart from these: pairs of expressions for the networks of the picture.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from visavis.data.tracking import Track


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("data", help="make the training data", description=__doc__)
    steps = parser.add_subparsers(dest="step", metavar="STEP", required=True)

    kokoro = steps.add_parser("kokoro", help="speak sentences with Kokoro-82M: sound and phones")
    kokoro.add_argument("--output", type=Path, required=True, help="folder of the corpus, outside of git")
    kokoro.add_argument("--minutes", type=float, default=120.0, help="how much sound the corpus should have (default 120)")
    kokoro.add_argument(
        "--config", type=Path, default=None, help="what is said how, e.g. config/train/corpus.yaml (default: the same values)"
    )
    kokoro.add_argument("--threads", type=int, default=2, help="threads of the speech network (default 2)")

    teacher = steps.add_parser("teacher", help="add face and head motion to every item of a corpus")
    teacher.add_argument("corpus", type=Path, help="folder of the corpus")
    teacher.add_argument("--force", action="store_true", help="make the motion again even where this teacher's version of it is there")

    body = steps.add_parser("body", help="add body and hand motion to every item of a corpus that has face and head")
    body.add_argument("corpus", type=Path, help="folder of the corpus")
    body.add_argument("--force", action="store_true", help="make it again even where this teacher's version of it is there")

    speak = steps.add_parser(
        "speak", help="speak one text into a sound file (16 kHz; .flac, .wav or .ogg), with its phones as JSON beside it"
    )
    speak.add_argument("text", help="file with one sentence a line, numbers written as words")
    speak.add_argument("--output", type=Path, required=True, help="sound file to write")
    speak.add_argument("--voice", default="af_heart", help="a voice of Kokoro, or a blend FIRST+SECOND@SHARE (default af_heart)")
    speak.add_argument("--speed", type=float, default=1.0, help="0.8 slow, 1.25 fast (default 1)")
    speak.add_argument(
        "--pause", type=float, default=0.35, help="seconds of silence before, between and after the sentences (default 0.35)"
    )

    video = steps.add_parser(
        "from-video",
        help="track face, head, arms and hands of a person in films",
        description="Follow the one person of each film: 52 ARKit weights, head, gaze, and hands where they show, 30 frames a second. "
        "FOLDER becomes a corpus of real motion; NAME.motion.npz in it also is what --style, visavis plot and visavis livelink take.",
    )
    video.add_argument("clips", nargs="+", type=Path, metavar="CLIP", help="a film of one person: mp4, mov, mkv, webm, avi...")
    video.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="where to write NAME.npz and NAME.motion.npz")
    video.add_argument("--livelink", action="store_true", help="also write NAME.csv, as the app Live Link Face does")
    video.add_argument("--no-hands", dest="hands", action="store_false", help="leave the hands alone")
    video.add_argument("--as-seen", action="store_true", help="keep the head turned as the camera saw it, instead of its middle ahead")
    video.add_argument("--split", choices=("train", "val"), default="train", help="what the items are for (default train)")
    video.add_argument("--quiet", action="store_true", help="no progress, only errors and remarks")

    picture = steps.add_parser("picture", help="pairs of expressions of one person, for the face refinement")
    picture.add_argument("--output", type=Path, required=True, help="folder of the pairs, outside of git")
    picture.add_argument(
        "--people", default="", help="people of openpeople, with commas (default P001 to P008; P009 and P010 are for testing)"
    )

    info = steps.add_parser("info", help="count items, minutes, voices and phones of a corpus")
    info.add_argument("corpus", type=Path, help="folder of the corpus")


def run(args: argparse.Namespace) -> int:
    from visavis.store import AssetError

    steps = {
        "kokoro": _kokoro,
        "teacher": _teacher,
        "body": _body,
        "speak": _speak,
        "from-video": _from_video,
        "picture": _picture,
        "info": _info,
    }
    try:
        return steps[args.step](args)
    except (AssetError, OSError, RuntimeError, ValueError) as error:
        print(f"visavis data {args.step}: {error}", file=sys.stderr)
        return 1


def _kokoro(args: argparse.Namespace) -> int:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from visavis.data.corpus import load_config, load_item, make_item, plan_items, save_item
    from visavis.data.kokoro import Kokoro, with_durations
    from visavis.store import asset_path, store_dir
    from visavis.timing import SAMPLE_RATE

    if args.minutes <= 0:
        raise ValueError(f"--minutes must be more than 0, got {args.minutes}")
    config = load_config(args.config)
    kokoro = Kokoro(with_durations(asset_path("kokoro.onnx"), store_dir()), asset_path("kokoro_voices"), args.threads)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.1f} of {task.total:.0f} min"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress:
        task = progress.add_task("speaking", total=args.minutes)
        made = 0.0
        for plan in plan_items(config):
            path = args.output / f"{plan.name}.npz"
            if path.exists():
                samples = len(load_item(path).samples)
            else:
                item = make_item(plan, kokoro)
                save_item(args.output, item)
                samples = len(item.samples)
            made += samples / SAMPLE_RATE / 60
            progress.update(task, completed=made, description=f"{plan.name} {plan.voice}")
            if made >= args.minutes:
                break
    print(f"{args.output} has {made:.1f} minutes; next: visavis data teacher {args.output}, then visavis data body {args.output}")
    return 0


def _teacher(args: argparse.Namespace) -> int:
    from rich.progress import track

    from visavis.data.corpus import item_paths
    from visavis.data.teacher import teach_file

    paths = item_paths(args.corpus)
    if not paths:
        raise FileNotFoundError(f"{args.corpus} has no corpus items: make them with `visavis data kokoro --output {args.corpus}`")
    written = sum(teach_file(path, args.force) for path in track(paths, description="teaching"))
    print(f"{written} of {len(paths)} motion files written, the others were up to date")
    return 0


def _body(args: argparse.Namespace) -> int:
    from rich.progress import track

    from visavis.data.body import teach_body_file
    from visavis.data.corpus import item_paths, motion_path

    items = item_paths(args.corpus)
    paths = [path for path in items if motion_path(path).exists()]
    if not paths:
        raise FileNotFoundError(f"{args.corpus} has no items with face and head: make those with `visavis data teacher {args.corpus}`")
    if len(paths) < len(items):
        print(f"{len(items) - len(paths)} items have no face and head yet: visavis data teacher {args.corpus}", file=sys.stderr)
    written = sum(teach_body_file(path, args.force) for path in track(paths, description="teaching"))
    print(f"{written} of {len(paths)} body files written, the others were up to date")
    return 0


def _speak(args: argparse.Namespace) -> int:
    import json

    import soundfile

    from visavis.data.corpus import ItemPlan, make_item
    from visavis.data.kokoro import Kokoro, with_durations
    from visavis.store import asset_path, store_dir
    from visavis.timing import SAMPLE_RATE

    sentences = tuple(line.strip() for line in Path(args.text).read_text().splitlines() if line.strip())
    if not sentences:
        raise ValueError(f"{args.text} has no text")
    kokoro = Kokoro(with_durations(asset_path("kokoro.onnx"), store_dir()), asset_path("kokoro_voices"))
    count = len(sentences)
    item = make_item(
        ItemPlan("0", args.voice, "train", sentences, (args.speed,) * count, (args.pause,) * (count + 1), level_db=-20.0), kokoro
    )
    args.output.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(args.output, item.samples, SAMPLE_RATE)
    phones = [[phone.name, round(phone.start, 4), round(phone.end, 4)] for phone in item.phones]
    args.output.with_suffix(".phones.json").write_text(json.dumps(phones) + "\n")
    print(f"{args.output}: {len(item.samples) / SAMPLE_RATE:.1f} s")
    return 0


def _from_video(args: argparse.Namespace) -> int:
    from visavis.audio.load import load
    from visavis.cli.progress import progress_bar
    from visavis.data.from_video import lined_up, motion_of, save_tracked
    from visavis.data.tracking import track_film
    from visavis.film.footage import picture_count, sound_delay
    from visavis.motion.livelink import write_livelink
    from visavis.store import asset_path
    from visavis.timing import FRAME_RATE

    names = [clip.stem for clip in args.clips]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two films are called {twice[0]}: rename one, or write them to different folders")
    counts = [picture_count(clip) for clip in args.clips]  # before minutes of tracking: what is no film shows at once
    face = asset_path("face_landmarker.task")
    hands = asset_path("hand_landmarker.task") if args.hands else None

    def tell(line: str) -> None:
        print(f"visavis data from-video: {line}", file=sys.stderr)

    for clip, count in zip(args.clips, counts, strict=True):
        with progress_bar(f"tracking {clip.name}", count, "pictures", quiet=args.quiet) as advance:
            track = track_film(clip, face, hands, tell, advance)
        tracked = motion_of(track, args.as_seen, _offsets(track, face, clip, tell))
        frames = len(tracked.motion)
        delay = sound_delay(clip)
        samples = None if delay is None else lined_up(load(clip, tell), delay, frames)
        args.output.mkdir(parents=True, exist_ok=True)
        path = save_tracked(args.output, clip.stem, args.split, tracked, samples)
        if args.livelink:
            write_livelink(path.with_name(f"{clip.stem}.csv"), tracked.motion)
        parts = {"face": tracked.face_seen, "left hand": tracked.left_seen, "right hand": tracked.right_seen}
        shares = ", ".join(f"{name} in {100 * seen.mean():.0f} %" for name, seen in parts.items())
        print(f"{path}: {frames / FRAME_RATE:.2f} s, {shares}; {int(tracked.filled.sum())} frames of the face filled")
    return 0


def _offsets(track: "Track", landmark_model: Path, clip: Path, tell: Callable[[str], None]) -> "NDArray[np.float32] | None":
    """The implicit refinement of the face; None, and told, where no rig can be made of the film's person."""
    from visavis.data.film_offset import film_offsets
    from visavis.types_portrait import PortraitError

    try:
        return film_offsets(track, landmark_model)
    except PortraitError as error:
        tell(f"{clip}: the implicit refinement of the face is left out: {error}")
        return None


def _picture(args: argparse.Namespace) -> int:
    from visavis.store import asset_path
    from visavis.training.refine_data import PEOPLE
    from visavis.training.refine_pairs import make_pairs

    names = [name for name in args.people.split(",") if name] or list(PEOPLE)
    sheets = {name: asset_path("openpeople") / name / "assets" / "emotions_sheet.jpg" for name in names}
    make_pairs(sheets, asset_path("face_landmarker.task"), args.output)
    print(f"{args.output} has {len(names)} people; next: visavis train refine --config config/train/refine.yaml --corpus {args.output}")
    return 0


def _info(args: argparse.Namespace) -> int:
    from collections import defaultdict

    from visavis.data.corpus import item_paths, load_item, motion_path
    from visavis.timing import SAMPLE_RATE

    minutes: defaultdict[str, float] = defaultdict(float)
    voices: defaultdict[str, float] = defaultdict(float)
    phones: defaultdict[str, float] = defaultdict(float)
    paths = item_paths(args.corpus)
    if not paths:
        raise FileNotFoundError(f"{args.corpus} has no corpus items: make them with `visavis data kokoro --output {args.corpus}`")
    for path in paths:
        item = load_item(path)
        length = len(item.samples) / SAMPLE_RATE / 60
        minutes[item.split] += length
        voices[item.voice.split("@")[0]] += length
        for phone in item.phones:
            phones[phone.name] += phone.end - phone.start
    taught = sum(motion_path(path).exists() for path in paths)
    print(f"{len(paths)} items, {taught} with motion; " + ", ".join(f"{split} {value:.1f} min" for split, value in minutes.items()))
    print(f"{len(voices)} voices and blends; silence {100 * phones['SIL'] / max(sum(phones.values()), 1e-9):.0f} % of the time")
    print(
        "minutes of sound a phone: "
        + ", ".join(f"{name} {seconds / 60:.2f}" for name, seconds in sorted(phones.items(), key=lambda pair: -pair[1]))
    )
    return 0
