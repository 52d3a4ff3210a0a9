"""``faceveil evaluate``: protectors x sets x judges x adversaries, and a report."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    p = commands.add_parser(
        "evaluate",
        help="measure protectors with judges and adversaries",
        description="Measure what an evaluation in TOML lists and write results.parquet, "
        "summary.json and report.html. Needs the extra 'report'. Exit code 1 if a figure could "
        "not be measured.",
    )
    p.add_argument("config", type=Path, metavar="CONFIG.toml")
    p.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    p.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="in place of what CONFIG says, such as repeats=100 or set.0.limit=50; repeatable",
    )
    p.add_argument("--resume", action="store_true", help="go on with what DIR holds")
    p.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (default: 1)")
    p.add_argument("--threads", type=int, default=0, metavar="N", help="threads of each process")
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate; returns 0, 1 where there are gaps, or 130 when interrupted."""
    from tqdm import tqdm

    from faceveil.errors import OptionError, missing_extra

    try:  # all that the report needs too, before hours of measuring
        import faceveil.evaluation.report.html  # noqa: F401
        from faceveil.evaluation.config import load_evaluation
        from faceveil.evaluation.results import write_results
        from faceveil.evaluation.run import run as measure
    except ImportError as error:
        raise OptionError(str(missing_extra("evaluate", error, "report"))) from error
    a = arguments
    if a.jobs < 1:
        raise OptionError(f"--jobs: got {a.jobs}; expected 1 or more")
    config = load_evaluation(a.config, a.changes)
    if (a.output / "units").is_dir() and not a.resume:
        raise OptionError(
            f"{a.output}: an evaluation is there already; add --resume to go on with it, or name "
            "another --output"
        )
    try:
        with tqdm(desc=config.title, unit="unit", disable=None) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            rows, curves = measure(config, a.output, jobs=a.jobs, threads=a.threads, progress=show)
    except KeyboardInterrupt:
        print(
            "faceveil: interrupted; what was measured is kept: go on with --resume",
            file=sys.stderr,
        )
        return 130
    text = write_results(config, rows, curves, a.output)
    print(text)
    gaps = [r for r in rows if r.value is None]
    if gaps:
        print(
            f"faceveil: {len(gaps)} figures could not be measured, see the report's gaps; the "
            f"first: {gaps[0].judge}: {gaps[0].note}",
            file=sys.stderr,
        )
    return 1 if gaps else 0
