"""``faceveil publish``: a finished run becomes weights."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    p = commands.add_parser(
        "publish",
        help="make weights of a finished run",
        description="Export the network that 'faceveil train' made, with its card. Needs the extra "
        "'train'.",
    )
    p.add_argument("recipe", type=Path, metavar="RECIPE.toml")
    p.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the packs")
    p.add_argument(
        "--runs",
        type=Path,
        default=Path("runs"),
        metavar="DIR",
        help="folder of all runs (default: runs)",
    )
    p.add_argument(
        "--weights",
        type=Path,
        default=Path("src/faceveil/weights"),
        metavar="DIR",
        help="folder to write to (default: src/faceveil/weights)",
    )
    p.add_argument("--name", help="of the weights (default: the recipe's, with underscores)")
    p.add_argument(
        "--gradient",
        action="store_true",
        help="of a gender classifier, its logit and gradient: for the methods pgd and cw",
    )
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Publish; returns 0."""
    from faceveil.errors import OptionError, missing_extra

    try:
        import faceveil.systems.recipes  # noqa: F401  makes their kinds known
        from faceveil.systems.noise.input_gradient import ship
        from faceveil.training.publish import publish
    except ImportError as error:
        raise OptionError(str(missing_extra("train", error, "publish"))) from error
    a = arguments
    gradient = ship if a.gradient else None
    print(publish(a.recipe, a.runs, a.data, a.weights, a.name, ship=gradient))
    return 0
