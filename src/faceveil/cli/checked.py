"""``faceveil protect --check``: what was written is read again, as ``faceveil check`` reads it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceveil.errors import OptionError

if TYPE_CHECKING:
    from faceveil.cli.pairs import Checked
    from faceveil.files.batch import BatchOptions, FileResult
    from faceveil.protect.targets import Draw


def may_check(arguments: argparse.Namespace) -> None:
    """Refuse ``--check`` where there is nothing to compare, and ``--sheet`` without it, in time.

    Raises:
        OptionError: if so.
    """
    a = arguments
    if not a.check:
        if a.sheet is not None:
            raise OptionError("--sheet: it shows what --check found; add --check")
        return
    cases = [
        (a.in_place, "--in-place", "the originals are gone then"),
        (a.aligned, "--aligned", "it finds faces in whole photos"),
        (a.only or a.but, "--only and --except", "it would look at the faces that are left too"),
        (a.boxes, "--boxes", "it looks for faces by itself"),
        (a.camera is not None, "--camera", "it is for photos"),
        (a.engine == "ray", "--engine ray", "run faceveil check on both folders"),
    ]
    for given, flag, why in cases:
        if given:
            raise OptionError(f"--check: not with {flag}: {why}; leave one out")


def check_results(
    results: Sequence[FileResult], method: Any, options: BatchOptions, workers: int
) -> list[Checked]:
    """Check the photos that were protected, from their files.

    Args:
        results: what became of each file; clips and others are passed over.
        method: the protector, which says how it drew targets and finds faces.
        options: what was done to each photo.
        workers: photos at the same time.
    """
    from faceveil.cli.pairs import Look, Pair, check_pairs, judges_for
    from faceveil.inference.device import usable_cores

    done = [r for r in results if r.status == "protected" and r.frames is None]
    if not done:
        return []
    wanted = options.photo.aim(method.crop_protector).target

    def draw_of(source: Path) -> Draw | None:
        return options.of(source).draw if wanted == "random" else None

    look = Look(
        method.detector,
        judges_for(workers, usable_cores()),
        draw_of,
        options.photo.faces,
        options.max_pixels,
    )
    pairs = [Pair(str(r.source), r.source, r.target) for r in done]
    return list(check_pairs(pairs, look, workers))


def tell_checked(rows: Sequence[Checked]) -> None:
    """A line for each face on which it did not work, and one for all."""
    from faceveil.cli.pairs import summary
    from faceveil.files.paths import shown

    for row in rows:
        if row.result is None:
            print(row.error, file=sys.stderr)
            continue
        for number, check in enumerate(row.result.checks):
            if not check.passed:
                text = f"{shown(row.pair.name)}: face {number}: {check.verdict}"
                print(text, file=sys.stderr)
    if rows:
        print(summary(rows), file=sys.stderr)
