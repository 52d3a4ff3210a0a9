"""``faceveil data``: raw data sets into training packs, packs into other projects' layouts."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceveil.cli.methods import METHODS
from faceveil.errors import OptionError, missing_extra
from faceveil.types import Float32Array, Target, Uint8Array

if TYPE_CHECKING:
    from faceveil.data.records import Record

SETS = ("ar", "celeba", "folder", "keras", "lfw", "morph", "muct", "rafd", "utkface")
RECIPES = ("celeba", "lfw", "utkface")
"""Sets whose packs the recipes name: ``celeba128-train-0.parquet`` to ``-3``, ``-val``, ``-test``,
``lfw128.parquet`` and ``utkface128.parquet``."""
CELEBA_FILES = 4


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
    prepare.add_argument(
        "--name",
        help="of the packs (default: the names that the recipes ask for, such as "
        "celeba128-train-0.parquet; else the data set's)",
    )
    prepare.add_argument("--size", type=int, default=128, metavar="PX", help="side (default: 128)")
    prepare.add_argument(
        "--fractions",
        metavar="T,V,T",
        help="shares of people for train, val and test where the set has no official parts "
        "(default: 0.8,0.1,0.1; lfw and utkface without --name: one pack)",
    )
    prepare.add_argument(
        "--counts",
        metavar="T,V,T",
        help="photos for train, val and test, at random whoever is on them, in place of official "
        "parts and fractions: 162079,0,40520 is SAN's split of CelebA",
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
        description="Protect pairs of photos of a pack and write {female,male}/{OR_1,OR_2,SM,NT,"
        "OP}, as for LFW; or other folders of the project. Needs the extra 'train'.",
    )
    keras.add_argument("pack", type=Path, metavar="PACK.parquet")
    keras.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    keras.add_argument(
        "--method",
        default="san",
        choices=METHODS,
        metavar="NAME",
        help="protector (see: faceveil methods)",
    )
    keras.add_argument(
        "--part",
        choices=("pairs", "generated", "train", "validation", "test"),
        default="pairs",
        help="pairs: LFW's folders (default); generated: generated/{female,male}/{SM,NT,OP} of all "
        "faces, as for CelebA; train, validation, test: the originals, train with the prototypes",
    )
    keras.add_argument("--people", type=int, default=200, help="of each gender (default: 200)")
    keras.set_defaults(run=run_keras)


def run_prepare(arguments: argparse.Namespace) -> int:
    """Prepare; returns 0, or 1 where photos had to be left out."""
    _need_pyarrow()
    from faceveil.data.prepare import Naming, prepare
    from faceveil.data.splits import split, split_by_counts
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
    whole = not a.name and a.set in ("lfw", "utkface") and not (a.fractions or a.counts)
    files = CELEBA_FILES if a.set == "celeba" and not a.name else 1
    name = a.name or (f"{a.set}{a.size}" if a.set in RECIPES else a.set)
    if a.counts:
        records = split_by_counts(_records(a), _counts(a.counts), a.seed)[: a.limit]
    else:
        records = split(_records(a), _fractions(a.fractions or "0.8,0.1,0.1"), a.seed)[: a.limit]
    # A labelled photo holds a face: rather find it than not. One thread a photo, so that the
    # number of cores changes no rounding.
    detector = CenterFace(threshold=0.3, choice=Choice(threads=1))
    jobs = a.jobs or usable_cores()
    done = prepare(
        records,
        name,
        a.output,
        detector,
        size=a.size,
        overwrite=a.overwrite,
        jobs=jobs,
        naming=Naming(whole, files),
    )
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
    """Write a part of the layout; returns 0."""
    _need_pyarrow()
    a = arguments
    if a.people < 1:
        raise OptionError(f"--people: got {a.people}; expected 1 or more")
    if a.part == "pairs":
        return _keras_pairs(a)
    import numpy as np

    from faceveil.data import keras_layout as layout
    from faceveil.data.packs import face_blocks, load_packs

    pack = load_packs([a.pack], grey=True)
    rows = list(range(len(pack)))
    names = layout.file_names([str(s) for s in pack.columns.get("source", ())], rows)
    crops = _canonical(pack.images)
    if a.part == "generated":
        outputs = _outputs(a.method, crops, pack.male)
        count = layout.write_generated(a.output, outputs, pack.male, names)
    else:
        count = layout.write_part(a.output, a.part, crops, pack.male, names)
    if a.part == "train":
        from faceveil.systems.san.prototypes import mean_faces

        faces, share = mean_faces(face_blocks([a.pack]))
        female, male = np.asarray(faces.permute(0, 2, 3, 1), np.float32)
        count += layout.write_prototypes(a.output, female, male, share)
    print(f"{count} files of {len(pack)} faces written to {a.output}")
    return 0


def _keras_pairs(a: argparse.Namespace) -> int:
    from faceveil.data.keras_layout import file_names, pairs, write_pairs
    from faceveil.data.packs import load_packs

    pack = load_packs([a.pack], grey=True)
    if not len(pack.identity):
        raise OptionError(f"{a.pack}: no column 'identity'; the layout needs two photos a person")
    first, second = pairs(pack.identity, pack.male, a.people)
    if not len(first):
        raise OptionError(f"{a.pack}: nobody has two photos; expected at least one person")
    crops = [_canonical(pack.images[rows]) for rows in (first, second)]
    outputs = _outputs(a.method, crops[0], pack.male[first])
    sources = [str(s) for s in pack.columns.get("source", ())]
    names = file_names(sources, first.tolist(), people=True)
    count = write_pairs(a.output, crops[0], crops[1], outputs, pack.male[first], names)
    print(f"{count} files of {len(first)} people written to {a.output}")
    return 0


def _canonical(images: Uint8Array) -> Uint8Array:
    """Crops at the canonical size: (N, S, S) -> (N, 224, 224)."""
    import cv2
    import numpy as np

    from faceveil.imaging.geometry import CROP_SIZE

    size = (CROP_SIZE, CROP_SIZE)
    return np.stack([cv2.resize(x, size, interpolation=cv2.INTER_CUBIC) for x in images])


def _outputs(method: str, crops: Uint8Array, male: Float32Array) -> dict[str, Uint8Array]:
    """The three outputs of canonical crops, by their kind."""
    import numpy as np

    from faceveil import load_protector

    protector = load_protector(method)
    targets: dict[str, Target] = {"SM": "same", "NT": "neutral", "OP": "opposite"}
    labels = male.astype(np.uint8)
    return {
        kind: protector.protect_crops(crops, labels, target=target, strength=1.0)
        for kind, target in targets.items()
    }


def _fractions(text: str) -> tuple[float, float, float]:
    try:
        first, second, third = (float(x) for x in text.split(","))
    except ValueError as error:
        raise OptionError(f"--fractions: got {text!r}; expected three numbers, 0.8,0.1,0.1") from (
            error
        )
    return first, second, third


def _counts(text: str) -> tuple[int, int, int]:
    try:
        first, second, third = (int(x) for x in text.split(","))
    except ValueError as error:
        raise OptionError(
            f"--counts: got {text!r}; expected three whole numbers, 162079,0,40520"
        ) from error
    return first, second, third


def _need_pyarrow() -> None:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise OptionError(str(missing_extra("data", error, "train"))) from error
