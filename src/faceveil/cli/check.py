"""``faceveil check``: did it work on these photos?"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faceveil.cli.pairs import Checked, Look, Plan

TARGETS = ("opposite", "neutral", "random", "same")


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    p = commands.add_parser(
        "check",
        help="compare photos with their protected copies",
        description="Read photos and their protected copies with three gender readers and a face "
        "matcher that no protector was trained against; the worst reader decides, and others may "
        "differ. Of two folders, photos of the same name below both are compared. Exit code 0 only "
        "if it worked on every face, 1 if not or a photo could not be checked, 2 for a wrong call.",
    )
    p.add_argument("original", type=Path, help="photo or folder before")
    p.add_argument("protected", type=Path, help="its protected copy, or the folder of the copies")
    p.add_argument(
        "--target",
        choices=TARGETS,
        default="random",
        help="what faces were to read as, as it was said to protect (default: random). With "
        "random, a face that reads as the key drew has worked, and it may still be the truth",
    )
    p.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="the key that drew random targets (default: this machine's own, if it has one)",
    )
    p.add_argument("--seed", type=int, metavar="N", help="what drew random targets without a key")
    p.add_argument(
        "--persons",
        choices=("photo", "folder", "all"),
        default="photo",
        help="who got one random target, as it was said to protect (default: photo)",
    )
    p.add_argument(
        "--faces",
        default="all",
        metavar="all|largest|I,J",
        help="which faces; numbers count from 0, left to right (default: all)",
    )
    p.add_argument(
        "--after",
        metavar="EDIT,...",
        help="read the protected photo again after each of these edits: jpegQ (quality 1 to 100), "
        "resizeP (to P percent), screenshot; such as jpeg60,resize50,screenshot",
    )
    p.add_argument(
        "--max-pixels",
        type=int,
        default=100_000_000,
        metavar="N",
        help="refuse larger photos (default: 100,000,000)",
    )
    p.add_argument(
        "--jobs",
        type=int,
        default=0,
        metavar="N",
        help="photos at the same time (default: one per core)",
    )
    p.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE.html",
        help="write a page of the faces before and after, those on which it did not work first",
    )
    p.add_argument("--json", action="store_true", help="print the whole result as JSON")
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check; returns 0 if it worked on every face, 1 otherwise.

    Raises:
        FaceVeilError: if the call is wrong or the one photo cannot be checked.
    """
    from faceveil.cli.pairs import Checked, check_pair, check_pairs, plan_pairs
    from faceveil.errors import OptionError
    from faceveil.files.reports import check_report
    from faceveil.inference.device import usable_cores

    if arguments.jobs < 0:
        raise OptionError(f"--jobs: got {arguments.jobs}; expected 1 or more, or 0 for all cores")
    plan = plan_pairs(arguments.original, arguments.protected)
    workers = min(arguments.jobs or usable_cores(), len(plan.pairs))
    look = _look(arguments, workers)
    if arguments.sheet is not None:
        check_report(
            arguments.sheet, [f for p in plan.pairs for f in (p.original, p.protected)], SHEET
        )
    if not arguments.original.is_dir():
        result = check_pair(plan.pairs[0], look)
        write_sheet(arguments.sheet, [Checked(plan.pairs[0], result)])
        print(json.dumps(result.to_dict(), indent=1) if arguments.json else table(result))
        return 0 if result.passed else 1
    rows = list(check_pairs(plan.pairs, look, workers))
    write_sheet(arguments.sheet, rows)
    print(_folder_json(plan, rows) if arguments.json else _folder_table(rows))
    _tell_rest(plan)
    return 0 if all(row.passed for row in rows) else 1


def table(result: Any, *, whole: bool = True) -> str:
    """A :class:`faceveil.PhotoCheck` as text: one row a face, and its verdict below.

    Args:
        result: the check.
        whole: with a heading, the verdicts of faces on which it worked too, and who was asked.
    """
    lines = [HEADING] if whole else []
    for number, c in enumerate(result.checks):
        noise = "same" if c.psnr is None else f"{c.psnr:.1f}"
        lines.append(
            f"{number:4d}   {c.p_male_before:14.2f}   {c.p_male_after:5.2f}   {c.similarity:10.2f}"
            f"   {c.threshold:6.2f}   {noise:>7}   {c.ssim:4.2f}   {c.label}"
        )
        if whole or not c.passed:
            lines.append(f"       {c.verdict}")
        for name, edited in result.after.items():
            again = edited[number]
            words = again.label if again.passed else f"{again.label}: {again.verdict}"
            lines.append(f"       after {name}: {words}")
    if result.doubtful:
        count = len(result.doubtful)
        lines.append(f"{count} more place{'s' if count > 1 else ''} may be faces: not checked")
    if whole:
        lines += [f"({result.asked})", *coin(c.outcome for c in result.checks)]
    return "\n".join(lines)


def write_sheet(path: Path | None, rows: Sequence[Checked]) -> None:
    """Write the page of faces, where it was asked for."""
    from faceveil.cli.sheet import sheet
    from faceveil.files.reports import write_report

    if path is not None:
        write_report(path, sheet(rows), SHEET)


def coin(outcomes: Iterable[str]) -> list[str]:
    """What it means that faces read as drawn, where any does."""
    from faceveil.cli.options import COIN

    return [COIN] if "as_drawn" in set(outcomes) else []


SHEET = "--sheet"
HEADING = "face   P(male) before   after   similarity   needed   PSNR dB   SSIM   result"


def _look(arguments: argparse.Namespace, workers: int) -> Look:
    from faceveil.cli.pairs import Look, judges_for
    from faceveil.errors import OptionError
    from faceveil.evaluation.check import known_draw
    from faceveil.evaluation.edits import edits_of
    from faceveil.files.batch import BatchOptions
    from faceveil.imaging.detect import CenterFace, face_numbers
    from faceveil.inference.device import Choice, usable_cores
    from faceveil.protect.keys import read_key
    from faceveil.protect.photo import PhotoOptions

    face_numbers(arguments.faces)  # what is wrong for all photos is said before the first
    try:
        key = None if arguments.key is None else read_key(arguments.key).secret
    except OptionError as error:
        raise OptionError(f"--key: {error}") from error
    whose = BatchOptions(PhotoOptions(), persons=arguments.persons)
    cores = usable_cores()
    return Look(
        CenterFace(choice=Choice(threads=max(1, cores // workers))),
        judges_for(workers, cores),
        lambda path: known_draw(arguments.target, key, whose.of(path).person, arguments.seed),
        arguments.faces,
        arguments.max_pixels,
        () if arguments.after is None else edits_of(arguments.after),
    )


def _folder_table(rows: Iterable[Checked]) -> str:
    from faceveil.cli.pairs import summary
    from faceveil.files.paths import shown

    rows, lines = list(rows), [HEADING]
    for row in rows:
        lines.append(shown(row.pair.name))
        lines.append(
            f"       {row.error}" if row.result is None else table(row.result, whole=False)
        )
    meant = coin(c.outcome for row in rows if row.result for c in row.result.checks)
    return "\n".join([*lines, *meant, summary(rows)])


def _folder_json(plan: Plan, rows: Iterable[Checked]) -> str:
    rows = list(rows)
    document = {
        "passed": all(row.passed for row in rows),
        "photos": [row.to_dict() for row in rows],
        "without_copy": list(plan.without),
        "clips": list(plan.clips),
    }
    return json.dumps(document, indent=1)


def _tell_rest(plan: Plan) -> None:
    """What lies in the folder and was not checked, on stderr."""
    from faceveil.files.paths import shown

    for names, what in (
        (plan.without, "without a protected copy"),
        (plan.clips, "clips, not checked"),
    ):
        if names:
            some = ", ".join(map(shown, names[:5])) + (", ..." if len(names) > 5 else "")
            print(f"{len(names)} {what}: {some}", file=sys.stderr)
    if plan.unread:
        print(plan.unread, file=sys.stderr)
