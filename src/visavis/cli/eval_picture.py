"""``visavis eval picture`` and ``visavis eval robust``: what the picture is worth, and what must never be seen in it."""

import argparse
import contextlib
import dataclasses
import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from visavis.evaluation.reenact import Reenactor, Score, Source, Target
    from visavis.video.refine import RefineEngines

LEFT_OUT = (
    "Left out: LPIPS, FID and an identity embedding, whose networks visavis has no weights of. "
    "'shape' compares landmarks only, and turns of the head count in it."
)
SHEET_WIDTH = 8


def add_parsers(measures: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both measures to those of ``visavis eval``."""
    picture = measures.add_parser("picture", help="reenactment of people nothing was trained on, against the still photo")
    picture.add_argument("--sheets", default="P009,P010", help="people of openpeople, with commas (default P009,P010, which are held out)")
    picture.add_argument("--cells", type=int, default=15, help="how many expressions of each (default 15, all)")
    picture.add_argument("--no-clip", action="store_true", help="leave the real clip out")
    picture.add_argument(
        "--keep", type=Path, default=None, metavar="FOLDER", help="leave contact sheets: target, still photo, rig, rig with network"
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
    from visavis.evaluation.reenact import Reenactor, read_clip, sheet_cells, within_reach
    from visavis.runtime.refine import PICTURE_WEIGHTS, load_refine
    from visavis.store import asset_path
    from visavis.training.refine_pairs import HAND_CELL, foretold

    refine = load_refine(args.picture_weights or PICTURE_WEIGHTS)
    if not 1 <= args.cells <= 15:
        raise ValueError(f"--cells must be 1 to 15, got {args.cells}")
    names = [name for name in args.sheets.split(",") if name]
    sheets = {name: sheet_cells(asset_path("openpeople") / name / "assets" / "emotions_sheet.jpg")[: args.cells + 1] for name in names}
    results: dict[str, dict[str, Score]] = {}
    skin: dict[str, float] = {}
    with Reenactor(asset_path("face_landmarker.task")) as reenactor:
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
        for name, (source, targets) in sets.items():
            if name in sheets:
                skin[name] = foretold(source, [target for target in targets if target.name != f"{name} {HAND_CELL}"], refine)
            results[name] = _reenact(reenactor, source, targets, refine, args.keep)
        cross = {
            f"{name} moved by {other}": _cross(reenactor, sets[name][0], *sets[other], args.keep)
            for name, other in zip(names, [*names[1:], *names[:1]], strict=True)
            if name != other
        }
    counts = {name: len(targets) for name, (_, targets) in sets.items()}
    if args.json:
        measured = {name: {way: dataclasses.asdict(score) for way, score in ways.items()} for name, ways in results.items()}
        print(json.dumps({"targets": counts, "self": measured, "cross": cross, "skin_foretold": skin, "left_out": LEFT_OUT}))
    else:
        _print(results, counts, cross)
        for name, share in skin.items():
            print(f"{name}: the network foretells {share:.0%} of the variance of what the skin does beside moving")
    return 0


def _reenact(
    reenactor: "Reenactor", source: "Source", targets: "list[Target]", refine: "RefineEngines", keep: Path | None
) -> "dict[str, Score]":
    import numpy as np

    from visavis.evaluation.reenact import draw, mean_score, motion_of

    motions = np.stack([motion_of(target, source, source.rig) for target in targets])
    pictures, refined = list(draw(source.rig, motions)), list(draw(source.rig, motions, refine))
    if keep is not None:
        rows = [[target.picture for target in targets], [source.picture] * len(targets), pictures, refined]
        _save_sheet(keep / f"{source.name}.png", rows)
    ways = {"photo": [source.picture] * len(targets), "rig": pictures, "rig + network": refined}
    return {
        way: mean_score([reenactor.score(image, target, source) for image, target in zip(images, targets, strict=True)])
        for way, images in ways.items()
    }


def _cross(reenactor: "Reenactor", source: "Source", driver: "Source", targets: "list[Target]", keep: Path | None) -> dict[str, float]:
    """Shape of the face that is seen, against that of its own photo and that of the person who moves it."""
    import numpy as np

    from visavis.evaluation.picture_score import shape_distance
    from visavis.evaluation.reenact import draw, motion_of

    pictures = list(draw(source.rig, np.stack([motion_of(target, driver, source.rig) for target in targets])))
    if keep is not None:
        _save_sheet(keep / f"{source.name}_by_{driver.name}.png", [[target.picture for target in targets], pictures])
    own, other = [], []
    for image, target in zip(pictures, targets, strict=True):
        face = reenactor.look(image)
        if face is not None:
            own.append(shape_distance(face.landmarks, source.landmarks))
            other.append(shape_distance(face.landmarks, target.landmarks))
    # What the same turns and expressions make of the driver's own face is the measure of what is far.
    usual = float(np.mean([shape_distance(target.landmarks, driver.landmarks) for target in targets]))
    return {"shape_to_own_photo": float(np.mean(own)), "shape_to_driver": float(np.mean(other)), "driver_to_own_photo": usual}


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
            part += [np.full_like(part[0], 255)] * (SHEET_WIDTH - len(part))
            blocks.append(np.hstack(part))
        blocks.append(np.full((8, blocks[-1].shape[1], 3), 255, np.uint8))
    save_sheet(np.asarray(np.vstack(blocks), np.uint8), path)


def _print(results: "dict[str, dict[str, Score]]", counts: dict[str, int], cross: dict[str, dict[str, float]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Reenactment, means; distances in shares of the eyes' distance")
    for column in ("", "pictures", "shown", "PSNR", "SSIM", "face PSNR", "face SSIM", "face edges", "landmarks", "shape"):
        table.add_column(column, justify="left" if column in ("", "shown") else "right")
    for name, ways in results.items():
        for way, score in ways.items():
            cells = (
                f"{score.psnr:.2f}",
                f"{score.ssim:.3f}",
                f"{score.face_psnr:.2f}",
                f"{score.face_ssim:.3f}",
                f"{score.face_edges:.3f}",
            )
            far = (("-" if math.isnan(value) else f"{value:.3f}") for value in (score.landmarks, score.shape))
            table.add_row(name, str(counts[name]), way, *cells, *far)
    console = Console(width=120)
    console.print(table)
    for name, values in cross.items():
        own, other, usual = (values[key] for key in ("shape_to_own_photo", "shape_to_driver", "driver_to_own_photo"))
        console.print(f"{name}: shape {own:.3f} from its own photo, {other:.3f} from the driver (the driver from hers: {usual:.3f})")
    console.print(LEFT_OUT)


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
