"""``faceveil train``: run a recipe."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    p = commands.add_parser(
        "train",
        help="train a network from a recipe",
        description="Train what a recipe in TOML describes; see TRAINING.md. Needs the extra "
        "'train'. For several GPUs: torchrun --nproc-per-node N -m faceveil train RECIPE ...",
    )
    p.add_argument("recipe", type=Path, metavar="RECIPE.toml")
    p.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the packs")
    p.add_argument(
        "--models",
        type=Path,
        default=Path("models"),
        metavar="DIR",
        help="folder of auxiliary matchers (default: models)",
    )
    p.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("runs"),
        metavar="DIR",
        help="folder of all runs; this one goes into DIR/NAME (default: runs)",
    )
    p.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    p.add_argument(
        "--resume", action="store_true", help="go on from the last checkpoint, if there is one"
    )
    p.add_argument(
        "--with-needs",
        action="store_true",
        help="first train the recipes that this one builds on and that are not finished",
    )
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="changes",
        help="a value in place of the recipe's, such as data.train=mine-train.parquet or "
        "steps=100; can be repeated",
    )
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train; returns 0."""
    from faceveil.errors import OptionError, missing_extra

    try:
        import faceveil.systems.recipes  # noqa: F401  makes their kinds known
        from faceveil.training import distributed
        from faceveil.training.loop import StoppedError
        from faceveil.training.run import run_recipe, run_with_needs
    except ImportError as error:
        raise OptionError(str(missing_extra("train", error, "train"))) from error
    a = arguments
    try:
        begin = run_with_needs if a.with_needs else run_recipe
        measured = begin(
            a.recipe,
            a.data,
            a.models,
            a.output,
            a.device,
            resume=a.resume,
            changes=a.changes,
        )
    except StoppedError as stop:
        print(f"faceveil: {stop}; add --resume to go on", file=sys.stderr)
        distributed.leave(130)
        return 130
    print(json.dumps(measured, indent=1))
    distributed.leave(0)
    return 0
