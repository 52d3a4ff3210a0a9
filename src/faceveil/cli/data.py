"""``faceveil data``: raw data sets into training packs, packs into other projects' layouts."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceveil.errors import OptionError, missing_extra
from faceveil.types import Target

if TYPE_CHECKING:
    from faceveil.data.records import Record

SETS = ("celeba", "folder", "lfw", "morph", "muct", "utkface")


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    p = commands.add_parser("data", help="prepare training data")
    parts = p.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_prepare(parts)
    _add_keras_layout(parts)


def _add_prepare(parts: Any) -> None:
    prepare = parts.add_parser(
        "prepare",
        help="align a raw data set into packs",
        description="Align every face of a data set in its official layout into Parquet packs. "
        "A stopped run goes on where it was. Needs the extra 'train'.",
    )
    prepare.add_argument("set", choices=SETS, help="which layout")
    prepare.add_argument("root", type=Path, metavar="ROOT", help="the data set's folder")
    prepare.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    prepare.add_argument("--name", help="of the packs (default: the data set's)")
    prepare.add_argument("--size", type=int, default=128, metavar="PX", help="side (default: 128)")
    prepare.add_argument(
        "--fractions",
        default="0.8,0.1,0.1",
        metavar="T,V,T",
        help="shares of people for train, val and test where the set has no official parts",
    )
    prepare.add_argument(
        "--minimum-age",
        type=int,
        default=18,
        metavar="N",
        help="utkface: leave out younger people (default: 18)",
    )
    prepare.add_argument("--seed", type=int, default=0, metavar="N", help="decides who goes where")
    prepare.add_argument("--limit", type=int, metavar="N", help="only the first N photos")
    prepare.add_argument(
        "--jobs",
        type=int,
        default=0,
        metavar="N",
        help="photos at the same time; changes no result (default: one per core)",
    )
    prepare.add_argument(
        "--overwrite",
        action="store_true",
        help="replace packs of that name that were made with other settings",
    )
    prepare.set_defaults(run=run_prepare)


def _add_keras_layout(parts: Any) -> None:
    keras = parts.add_parser(
        "keras-layout",
        help="write the folders of the 2019 Keras re-implementation",
        description="Protect pairs of photos of a pack and write generated/{female,male}/"
        "{SM,NT,OP} and {female,male}/{OR_1,OR_2}. Needs the extra 'train'.",
    )
    keras.add_argument("pack", type=Path, metavar="PACK.parquet")
    keras.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    keras.add_argument("--method", default="san", help="protector (see: faceveil models)")
    keras.add_argument("--people", type=int, default=200, help="of each gender (default: 200)")
    keras.set_defaults(run=run_keras)


def run_prepare(arguments: argparse.Namespace) -> int:
    """Prepare; returns 0, or 1 where photos had to be left out."""
    _need_pyarrow()
    from faceveil.data.prepare import prepare
    from faceveil.data.splits import split
    from faceveil.imaging.detect import CenterFace
    from faceveil.imaging.encode import write_atomic
    from faceveil.inference.device import Choice, usable_cores

    a = arguments
    if not 32 <= a.size <= 1024:
        raise OptionError(f"--size: got {a.size}; expected 32 to 1024")
    least = {"--seed": (a.seed, 0), "--jobs": (a.jobs, 0), "--limit": (a.limit, 1)}
    for option, (value, smallest) in least.items():
        if value is not None and value < smallest:
            raise OptionError(f"{option}: got {value}; expected {smallest} or more")
    name = a.name or a.set
    records = split(_records(a), _fractions(a.fractions), a.seed)[: a.limit]
    # A labelled photo holds a face: rather find it than not. One thread a photo, so that the
    # number of cores changes no rounding.
    detector = CenterFace(threshold=0.3, choice=Choice(threads=1))
    jobs = a.jobs or usable_cores()
    done = prepare(records, name, a.output, detector, size=a.size, overwrite=a.overwrite, jobs=jobs)
    listing = a.output / f"{name}-skipped.csv"
    listing.unlink(missing_ok=True)
    if done.skipped:
        text = io.StringIO()
        csv.writer(text).writerows([("source", "reason"), *done.skipped])
        write_atomic(text.getvalue().encode(), listing, overwrite=True)
        print(f"{len(done.skipped)} photos left out, listed in {listing}", file=sys.stderr)
    state = "written" if done.fresh else "up to date"
    print(f"{done.faces} faces, {state}: {', '.join(str(p) for p in done.packs)}")
    return 1 if done.skipped else 0


def _records(arguments: argparse.Namespace) -> list[Record]:
    from faceveil.data.readers import READERS
    from faceveil.data.utkface import read_utkface

    if arguments.set == "utkface":
        return read_utkface(arguments.root, minimum_age=arguments.minimum_age)
    return READERS[arguments.set](arguments.root)


def run_keras(arguments: argparse.Namespace) -> int:
    """Write the layout; returns 0."""
    _need_pyarrow()
    import cv2
    import numpy as np

    from faceveil import load_protector
    from faceveil.data.keras_layout import file_names, pairs, write_keras_layout
    from faceveil.data.packs import load_packs
    from faceveil.imaging.geometry import CROP_SIZE

    a = arguments
    if a.people < 1:
        raise OptionError(f"--people: got {a.people}; expected 1 or more")
    pack = load_packs([a.pack], grey=True)
    if not len(pack.identity):
        raise OptionError(f"{a.pack}: no column 'identity'; the layout needs two photos a person")
    first, second = pairs(pack.identity, pack.male, a.people)
    if not len(first):
        raise OptionError(f"{a.pack}: nobody has two photos; expected at least one person")
    size = (CROP_SIZE, CROP_SIZE)
    crops = [
        np.stack([cv2.resize(x, size, interpolation=cv2.INTER_CUBIC) for x in pack.images[rows]])
        for rows in (first, second)
    ]
    protector = load_protector(a.method)
    male = pack.male[first]
    targets: dict[str, Target] = {"SM": "same", "NT": "neutral", "OP": "opposite"}
    labels = male.astype(np.uint8)
    outputs = {
        kind: protector.protect_crops(crops[0], labels, target=target, strength=1.0)
        for kind, target in targets.items()
    }
    names = file_names([str(s) for s in pack.columns.get("source", ())], first.tolist())
    count = write_keras_layout(a.output, crops[0], crops[1], outputs, male, names)
    print(f"{count} files of {len(first)} people written to {a.output}")
    return 0


def _fractions(text: str) -> tuple[float, float, float]:
    try:
        first, second, third = (float(x) for x in text.split(","))
    except ValueError as error:
        raise OptionError(f"--fractions: got {text!r}; expected three numbers, 0.8,0.1,0.1") from (
            error
        )
    return first, second, third


def _need_pyarrow() -> None:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise OptionError(str(missing_extra("data", error, "train"))) from error
