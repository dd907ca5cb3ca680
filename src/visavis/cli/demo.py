"""`visavis demo`: the whole graph speaks, is recorded, and leaves a film, a contact sheet and a bag, all of them checked."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from visavis.cli.defaults import default_portrait, default_speech
from visavis.cli.stop import sigterm_is_interrupt
from visavis.store import AssetError, asset_path

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from visavis.benchmark.check import FilmCheck
    from visavis.benchmark.session import Session, SessionLive
    from visavis.benchmark.take import Take

FILM, SHEET, BAG, LOG = "demo.mp4", "demo_sheet.png", "demo_bag", "demo.log"
MOUTH_PICTURES = 16


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "demo",
        help="start the whole graph, let it speak ten seconds, leave a film, a contact sheet and a bag in out/",
        description=f"Starts every process of the graph, lets it speak, leaves {FILM}, {SHEET} and {BAG}, and checks them.",
    )
    parser.add_argument("--out", default="out", metavar="FOLDER", help="where to leave them (default out)")
    parser.add_argument("--portrait", default="", metavar="PHOTO", help="without it the default portrait")
    parser.add_argument("--audio", default="", metavar="FILE", help="without it the default speech, about ten seconds")
    parser.add_argument("--seconds", type=float, default=None, help="speak so long: cut the speech off, or say it again")


def run(args: argparse.Namespace) -> int:
    """Exit status 0 only if film, sheet and bag are there and right; 1 otherwise, with the reason; 130 after Ctrl-C."""
    from visavis.audio.errors import AudioError
    from visavis.benchmark.graph import GraphError
    from visavis.film.reader import FilmError
    from visavis.launcher import LaunchError
    from visavis.ros.bags import BagError
    from visavis.types_portrait import PortraitError

    try:
        with sigterm_is_interrupt():
            return _demo(args)
    except (GraphError, LaunchError, AssetError, AudioError, BagError, FilmError, PortraitError, OSError, ValueError) as error:
        print(f"visavis demo: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("visavis demo: stopped; every process of the graph was ended", file=sys.stderr)
        return 130


def _demo(args: argparse.Namespace) -> int:
    from visavis.audio.load import load
    from visavis.benchmark.session import record_session, remove_bag
    from visavis.benchmark.take import read_take
    from visavis.cli.live import LiveFigures
    from visavis.portrait.cache import load_portrait
    from visavis.timing import SAMPLE_RATE

    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    portrait = Path(args.portrait) if args.portrait else default_portrait()
    if not portrait.is_file():
        raise ValueError(f"{portrait} does not exist: name a photo")
    landmarks = asset_path("face_landmarker.task")
    source = Path(args.audio) if args.audio else default_speech()
    remarks: list[str] = []
    speech = load(source, remarks.append)
    for line in remarks:
        print(f"visavis demo: {line}", file=sys.stderr)
    if args.seconds is not None:
        if not 1 <= args.seconds <= 600:
            raise ValueError(f"--seconds must be 1 to 600, got {args.seconds}")
        speech = np.resize(speech, round(args.seconds * SAMPLE_RATE))
    for name in (FILM, SHEET):
        (out / name).unlink(missing_ok=True)
    remove_bag(out / BAG)

    begin = time.monotonic()
    load_portrait(portrait, progress=lambda text: print(f"portrait: {text}", file=sys.stderr, flush=True))
    with tempfile.TemporaryDirectory(prefix="visavis_speech_") as folder:
        wav = Path(folder) / "speech.wav"
        _write_wav(wav, speech)
        with LiveFigures(
            f"starting the graph with {portrait.name} and {source.name}; what its processes print goes to {out / LOG}"
        ) as figures:

            def show(live: "SessionLive") -> None:
                figures.show(f"{live.phase}   {live.spoken:.1f} of {live.seconds:.1f} s", live.reports)

            session = record_session(portrait, wav, len(speech), out / BAG, out / LOG, show)
    take = read_take(out / BAG)
    _make_film(take, out / FILM, portrait)
    check = _check(take, out, landmarks)
    problems = [*check.problems, *_bag_problems(session, take, speech)]
    _report(session, take, check, out, time.monotonic() - begin)
    for line in problems:
        print(f"visavis demo: FAILED: {line}", file=sys.stderr)
    return 1 if problems else 0


def _write_wav(path: Path, samples: "NDArray[np.int16]") -> None:
    import soundfile

    from visavis.timing import SAMPLE_RATE

    soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")


def _make_film(take: "Take", path: Path, portrait: Path) -> None:
    from visavis.benchmark.take import film_frames, write_take
    from visavis.cli.progress import progress_bar
    from visavis.film.mark import mark_text

    with progress_bar("writing the film", film_frames(take), "pictures") as advance:
        for _ in write_take(take, path, mark_text(portrait=portrait.name)):
            advance(1)


def _check(take: "Take", out: Path, landmarks: Path) -> "FilmCheck":
    """Measure the film, and make the contact sheet of the pictures that are in it."""
    from visavis.benchmark.check import check_film, mouth_box
    from visavis.benchmark.take import EDGE_FRAMES
    from visavis.film.reader import read_pictures
    from visavis.film.sheet import contact_sheet, save_sheet, spread

    print("checking the film", file=sys.stderr, flush=True)
    check = check_film(out / FILM, take, landmarks)
    whole = spread(check.pictures, MOUTH_PICTURES)
    speech = [EDGE_FRAMES + index for index in spread(len(take.motion), 2 * MOUTH_PICTURES)]
    kept = {index: picture for index, picture in enumerate(read_pictures(out / FILM)) if index in {*whole, *speech}}
    box = mouth_box(kept[whole[0]][1], landmarks)
    save_sheet(contact_sheet([kept[index] for index in whole], mouth=box, mouths=[kept[index] for index in speech]), out / SHEET)
    return check


def _bag_problems(session: "Session", take: "Take", speech: "NDArray[np.int16]") -> list[str]:
    """What is wrong with the bag, and with what the nodes say of themselves."""
    problems = []
    if not np.array_equal(take.samples, speech):
        problems.append("the speech in the bag is not that of the file")
    problems += [f"the bag has no {topic}" for topic in ("/audio", "/motion", "/image_raw/compressed") if not session.counts.get(topic)]
    problems += [f"{name} dropped {count}" for name, count in session.drops.items() if count]
    return problems


def _report(session: "Session", take: "Take", check: "FilmCheck", out: Path, seconds: float) -> None:
    counts = ", ".join(f"{count} {topic.lstrip('/')}" for topic, count in sorted(session.counts.items()))
    print(f"{out / FILM}: {check.pictures} pictures, {check.seconds:.2f} s, 512x768, 30 a second, {len(take.motion)} of them speech")
    print(f"  sound {check.sound_lag_ms:+.1f} ms against the recorded speech")
    print(f"  mouth {check.mouth_lag:+.2f} frames against the motion (correlation {check.mouth_correlation:.2f})")
    print(f"  mouth {check.loudness_lag:+.2f} frames against the loudness (correlation {check.loudness_correlation:.2f})")
    print(f"{out / SHEET}: contact sheet")
    print(f"{out / BAG}: {counts}")
    print(
        f"drops: {sum(session.drops.values())}; first word {session.startup_seconds:.1f} s after the start; all of it took {seconds:.0f} s"
    )
    print(f"load of the machine: {os.getloadavg()[0]:.2f}")
