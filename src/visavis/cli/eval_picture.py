"""``visavis eval picture`` and ``visavis eval robust``: what the picture is worth, and what must never be seen in it."""

import argparse
import contextlib
import dataclasses
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from visavis.evaluation.judge import CrossVerdict, RegionError, Verdict
    from visavis.evaluation.reenact import Reenactor, Source, Target

NETWORKS = (
    "Perceptual: LPIPS's formula, unweighted, on the MobileNet of a face detector (WIDER FACE); Fréchet: FID's formula on the same "
    "network's features of all places. Neither compares with figures of papers. "
    "Identity: cosine of dlib's face descriptions about the mean of ten people."
)
SHEET_WIDTH = 8


def add_parsers(measures: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both measures to those of ``visavis eval``."""
    picture = measures.add_parser(
        "picture", help="reenactment of people nothing was trained on, against the still photo and the rig without networks"
    )
    picture.add_argument("--sheets", default="P009,P010", help="people of openpeople, with commas (default P009,P010, which are held out)")
    picture.add_argument("--cells", type=int, default=15, help="how many expressions of each (default 15, all)")
    picture.add_argument("--no-clip", action="store_true", help="leave the real clip out")
    picture.add_argument(
        "--keep",
        type=Path,
        default=None,
        metavar="FOLDER",
        help="leave contact sheets: target, still photo, rig, rig with offset, with network too, its error; hands",
    )
    picture.add_argument(
        "--picture-weights",
        type=Path,
        default=None,
        metavar="FOLDER",
        help="trained weights of the picture; without it those that visavis brings",
    )
    picture.add_argument("--json", action="store_true", help="print JSON instead of the table")
    sheet = measures.add_parser("sheet", help="pictures of what a portrait must be able to do, to be looked at")
    sheet.add_argument("photos", nargs="*", type=Path, metavar="PHOTO", help="portraits (default: the one that comes with visavis)")
    sheet.add_argument("--keep", type=Path, default=Path("out/sheet"), metavar="FOLDER", help="where to (default out/sheet)")
    sheet.add_argument("--poses", default="", help="some of them, with commas (default: all)")
    robust = measures.add_parser("robust", help="borders, holes, halos and flicker in random motions")
    robust.add_argument("photos", nargs="*", type=Path, metavar="PHOTO", help="portraits (default: the one that comes with visavis)")
    robust.add_argument("--motions", type=int, default=1000, help="how many random motions of each (default 1000)")
    robust.add_argument("--seed", type=int, default=0, help="of the motions (default 0)")
    robust.add_argument("--keep", type=Path, default=None, metavar="FOLDER", help="leave pictures of what was found, background in magenta")
    robust.add_argument("--json", action="store_true", help="print JSON instead of the table")


def sheet(args: argparse.Namespace) -> int:
    """Every pose of every portrait as a picture at its full size, and all of a portrait in one."""
    import cv2
    import numpy as np

    from visavis.cli.defaults import default_portrait
    from visavis.control.pose import ControlConfig, ControlStage
    from visavis.evaluation.poses import POSES, motion_of
    from visavis.portrait.cache import load_portrait
    from visavis.types import MotionChunk
    from visavis.video.renderer import VideoStage

    names = [name.strip() for name in args.poses.split(",") if name.strip()] or list(POSES)
    unknown = [name for name in names if name not in POSES]
    if unknown:
        raise ValueError(f"--poses knows {', '.join(POSES)}; not {', '.join(unknown)}")
    config = ControlConfig(head_limit=20.0, breath=0, sway=0, crossfade=0, limb_crossfade=0)
    args.keep.mkdir(parents=True, exist_ok=True)
    for photo in args.photos or [default_portrait()]:
        rig = load_portrait(photo)
        control, video = ControlStage(rig, config), VideoStage(rig)
        title = _title(photo)
        pictures = []
        for name in names:
            frame = control.step(MotionChunk(1, 0, motion_of(POSES[name])[None]), control.initial_state())[0][0]
            image = video.draw(frame.vertices, frame.shading, frame.arms)
            cv2.imwrite(str(args.keep / f"{title} {name}.png"), image[..., ::-1])
            pictures.append(cv2.putText(image.copy(), name, (8, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 0), 1, cv2.LINE_AA))
        pictures += [np.zeros_like(pictures[0])] * (-len(pictures) % 4)
        rows = [np.hstack(pictures[begin : begin + 4]) for begin in range(0, len(pictures), 4)]
        path = args.keep / f"{title}.png"
        cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])
        print(path)
    return 0


def _title(photo: Path) -> str:
    """A name for a photo's pictures: in the folders of openpeople only the folder tells people apart."""
    return "-".join([*[part for part in photo.parts[-3:-1] if part.startswith("P0")], photo.stem])


def picture(args: argparse.Namespace) -> int:
    """Exit status 0 when it was measured, however good it is."""
    import cv2

    from visavis.evaluation.hands import HandScore, score_hands
    from visavis.evaluation.judge import (
        WAYS,
        CrossVerdict,
        RegionError,
        Shown,
        Verdict,
        error_map,
        judge_cross,
        judge_self,
        where_error_sits,
    )
    from visavis.evaluation.reenact import Reenactor, read_clip, sheet_cells, within_reach
    from visavis.portrait.cache import load_portrait
    from visavis.portrait.landmarks import HandFinder
    from visavis.runtime.refine import PICTURE_WEIGHTS, load_refine
    from visavis.store import asset_path
    from visavis.training.refine_pairs import HAND_CELL, foretold

    refine = load_refine(args.picture_weights or PICTURE_WEIGHTS)
    if not 1 <= args.cells <= 15:
        raise ValueError(f"--cells must be 1 to 15, got {args.cells}")
    names = [name for name in args.sheets.split(",") if name]
    photos = asset_path("openpeople")
    sheets = {name: sheet_cells(photos / name / "assets" / "emotions_sheet.jpg")[: args.cells + 1] for name in names}
    people = {path.parent.parent.name: _read_photo(path) for path in sorted(photos.glob("P*/assets/studio_portrait.jpg"))}
    judged: dict[str, dict[str, Verdict]] = {}
    cross: dict[str, dict[str, CrossVerdict]] = {}
    errors: dict[str, dict[str, RegionError]] = {}
    skin: dict[str, float] = {}
    with (
        Reenactor(asset_path("face_landmarker.task"), asset_path("face_api"), list(people.values())) as reenactor,
        _progress("judging", 2 * len(names) + 2) as tick,
    ):
        sets: dict[str, tuple[Source, list[Target]]] = {}
        for name, cells in sheets.items():
            source = reenactor.source(cells[0], name)
            seen = [reenactor.target(cell, source, f"{name} {index}") for index, cell in enumerate(cells[1:], 1)]
            sets[name] = source, [target for target in seen if target is not None]
        if not args.no_clip:
            frames = read_clip(asset_path("talking_clip.mp4"))
            source = reenactor.source(frames[0], "clip")
            seen = [reenactor.target(frame, source, f"clip {index}", still_camera=True) for index, frame in enumerate(frames[1:], 1)]
            sets["clip"] = source, [target for target in seen if target is not None and within_reach(target, source)]
        drawn = {name: Shown(source, refine) for name, (source, _) in sets.items()}
        for name, (source, targets) in sets.items():
            if name in sheets:
                skin[name] = foretold(source, [target for target in targets if target.name != f"{name} {HAND_CELL}"], refine)
            judged[name], shown = judge_self(reenactor, drawn[name], targets)
            errors[name] = where_error_sits(shown[WAYS[-1]], targets)
            if args.keep is not None:
                rows = [[target.picture for target in targets], *shown.values()]
                rows.append([error_map(picture, target.picture) for picture, target in zip(shown[WAYS[-1]], targets, strict=True)])
                _save_sheet(args.keep / f"{name}.png", rows)
            tick()
        drivers = list(sets) if len(sets) > 1 else []
        for name, other in zip(drivers, [*drivers[1:], *drivers[:1]], strict=True):
            pair = f"{name} moved by {other}"
            cross[pair], shown = judge_cross(reenactor, drawn[name], sets[name][1], *sets[other])
            if args.keep is not None:
                _save_sheet(args.keep / f"{name}_by_{other}.png", [[target.picture for target in sets[other][1]], *shown.values()])
            tick()
        alike = _known_likeness(reenactor, list(people), photos)
        real = {}
        for name, (source, targets) in sets.items():
            own = reenactor.who(source.picture, source.landmarks)
            real[name] = _mean([reenactor.likeness(reenactor.who(target.picture, target.landmarks), own) for target in targets])
    hands: dict[str, HandScore] = {}
    with HandFinder(asset_path("hand_landmarker.task")) as finder:
        for name in names:
            held: list[NDArray[np.uint8]] = []

            def on_picture(gesture: str, image: "NDArray[np.uint8]", seen: list[float], held: "list[NDArray[np.uint8]]" = held) -> None:
                text = f"{gesture}: {', '.join(f'{each:.2f}' for each in seen)}"
                held.append(cv2.putText(image.copy(), text, (8, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 0), 1, cv2.LINE_AA))

            hands[name] = score_hands(load_portrait(photos / name / "assets" / "studio_posture.jpg"), finder, on_picture)
            if args.keep is not None and held:
                _save_sheet(args.keep / f"{name}_hands.png", [held])
    counts = {name: len(targets) for name, (_, targets) in sets.items()}
    if args.json:
        measured = {name: {way: _flat(verdict) for way, verdict in ways.items()} for name, ways in judged.items()}
        result = {
            "targets": counts,
            "self": measured,
            "cross": {pair: {way: dataclasses.asdict(verdict) for way, verdict in ways.items()} for pair, ways in cross.items()},
            "error": {name: {region: dataclasses.asdict(part) for region, part in regions.items()} for name, regions in errors.items()},
            "hands": {name: dataclasses.asdict(score) for name, score in hands.items()},
            "identity_of_targets": real,
            "identity_known": alike,
            "skin_foretold": skin,
            "networks": NETWORKS,
        }
        print(json.dumps(_known(result)))
        return 0
    _print_self(judged, counts)
    _print_cross(cross)
    _print_errors(errors)
    for name, score in hands.items():
        print(f"{name}: {score.hands} raised hands, detector's confidence {score.confidence:.2f}, worst {score.worst:.2f}")
    for name, share in skin.items():
        print(f"{name}: the network foretells {share:.0%} of the variance of what the skin does beside moving")
    told = ", ".join(f"{name} {value:.2f}" for name, value in real.items())
    print(f"Identity of real pictures: the targets to their source {told}; one person in two photos {alike['same']:.2f} (mean of ten),")
    print(f"two people {alike['others']:.2f} (the most alike {alike['most_alike_others']:.2f}).")
    print(NETWORKS)
    return 0


def _read_photo(path: Path) -> "NDArray[np.uint8]":
    import cv2
    import numpy as np

    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path} cannot be read")
    return np.array(image[..., ::-1], np.uint8, order="C")


def _known_likeness(reenactor: "Reenactor", names: "Sequence[str]", photos: Path) -> dict[str, float]:
    """What likeness means: of two photos of one person, and of two people, means. names: of the people the middle was made of."""
    first = reenactor.people
    again = [reenactor.who(_read_photo(photos / name / "assets" / "amateur_selfie.jpg")) for name in names]
    same = [reenactor.likeness(one, two) for one, two in zip(first, again, strict=True)]
    others = [reenactor.likeness(one, other) for index, one in enumerate(first) for other in first[:index]]
    return {"same": _mean(same), "least_alike_same": min(same), "others": _mean(others), "most_alike_others": max(others)}


def _known(value: Any) -> Any:
    """What was not measured is null in JSON, which knows no NaN."""
    if isinstance(value, dict):
        return {name: _known(each) for name, each in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _mean(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _flat(verdict: "Verdict") -> dict[str, float]:
    values = dataclasses.asdict(verdict)
    return {**values.pop("score"), **values}


def _save_sheet(path: Path, rows: "list[list[NDArray[np.uint8]]]") -> None:
    """Rows of pictures under each other, ``SHEET_WIDTH`` pictures wide."""
    import cv2
    import numpy as np

    from visavis.film.sheet import save_sheet

    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = []
    for start in range(0, len(rows[0]), SHEET_WIDTH):
        for row in rows:
            part = [cv2.resize(image, (256, 384), interpolation=cv2.INTER_AREA) for image in row[start : start + SHEET_WIDTH]]
            part += [np.full_like(part[0], 255)] * (min(SHEET_WIDTH, len(row)) - len(part))
            blocks.append(np.hstack(part))
        blocks.append(np.full((8, blocks[-1].shape[1], 3), 255, np.uint8))
    save_sheet(np.asarray(np.vstack(blocks), np.uint8), path)


def _print_self(judged: "dict[str, dict[str, Verdict]]", counts: dict[str, int]) -> None:
    whole = ("PSNR", "SSIM", "perceptual", "face PSNR", "face SSIM", "face perc.", "landmarks", "identity")
    rest = ("face edges", "shape", "Fréchet", "halo", "flicker beside", "flicker on her")
    rows, more = [], []
    for name, ways in judged.items():
        for way, verdict in ways.items():
            score = verdict.score
            each = (score.psnr, score.ssim, score.perceptual, score.face_psnr, score.face_ssim, score.face_perceptual, score.landmarks)
            rows.append((name, str(counts[name]), way, *_numbers((*each, score.identity), "2332333" + "2")))
            other = (score.face_edges, score.shape, verdict.frechet, verdict.halo, verdict.flicker, verdict.flicker_person)
            more.append((name, str(counts[name]), way, *_numbers(other, "332222")))
    head = ("", "pictures", "shown")
    _table("Reenactment, means; landmarks in shares of the eyes' distance", (*head, *whole), rows)
    _table("Edges, shape of the face, set of pictures, rim and flicker in grey levels", (*head, *rest), more)


def _print_cross(cross: "dict[str, dict[str, CrossVerdict]]") -> None:
    columns = ("", "shown", "identity", "to driver", "shape", "to driver", "expression", "turn", "Fréchet", "halo")
    rows = [
        (pair, way, *_numbers(dataclasses.astuple(verdict), "22333122")) for pair, ways in cross.items() for way, verdict in ways.items()
    ]
    if rows:
        _table(
            "One person moved by another: identity and shape to own photo and to the driver; expression and turn off the driver's",
            columns,
            rows,
        )


def _print_errors(errors: "dict[str, dict[str, RegionError]]") -> None:
    rows = [
        (name, region, f"{part.share:.0%}", f"{part.error:.0%}", *_numbers([part.psnr], "1"))
        for name, regions in errors.items()
        for region, part in regions.items()
    ]
    _table("Where the error of rig + offset + network sits", ("", "region", "of the picture", "of the squared error", "PSNR"), rows)


def _numbers(values: "Sequence[float]", digits: str) -> list[str]:
    return ["-" if math.isnan(value) else f"{value:.{places}f}" for value, places in zip(values, digits, strict=True)]


def _table(title: str, columns: "Sequence[str]", rows: "Sequence[Sequence[str]]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 or column in ("shown", "region") else "right")
    for row in rows:
        table.add_row(*row)
    Console(width=140).print(table)


def robust(args: argparse.Namespace) -> int:
    """Exit status 0 when nothing was found in any portrait, 1 otherwise."""
    from visavis.cli.defaults import default_portrait
    from visavis.evaluation.robust import check_robust
    from visavis.portrait.cache import load_portrait

    if args.motions < 1:
        raise ValueError(f"--motions must be at least 1, got {args.motions}")
    found = {}
    for photo in args.photos or [default_portrait()]:
        rig = load_portrait(photo)
        with _progress(str(photo), args.motions) as tick:

            def on_motion(
                index: int, image: "NDArray[np.uint8]", names: list[str], photo: Path = photo, tick: Callable[[], None] = tick
            ) -> None:
                tick()
                if names and args.keep is not None:
                    _keep_finding(args.keep / f"{_title(photo)}_{index}_{'_'.join(names)}.png", image)

            found[str(photo)] = check_robust(rig, args.motions, args.seed, on_motion)
    if args.json:
        print(json.dumps({name: dataclasses.asdict(result) | {"sound": result.sound} for name, result in found.items()}))
    else:
        for name, result in found.items():
            print(f"{name}: {result.motions} motions: {result.borders} with an exposed border, {result.holes} with a hole", end="")
            print(f" (largest {result.largest_hole} px), {result.halos} with a halo", end="")
            print(f" (mean {result.halo_mean:.2f} grey levels); flicker beside the person {result.flicker:.3f} grey levels")
            if result.worst >= 0:
                print(f"  the worst is motion {result.worst} of seed {args.seed}")
    return 0 if all(result.sound for result in found.values()) else 1


def _keep_finding(path: Path, image: "NDArray[np.uint8]") -> None:
    import numpy as np

    from visavis.film.sheet import save_sheet

    path.parent.mkdir(parents=True, exist_ok=True)
    share = image[..., 3:].astype(np.float32) / 255
    save_sheet(np.asarray((image[..., :3] * share + np.array([255, 0, 255]) * (1 - share)).round(), np.uint8), path)


@contextlib.contextmanager
def _progress(name: str, total: int) -> "Iterator[Callable[[], None]]":
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(name, total=total)
        yield lambda: progress.advance(task)
