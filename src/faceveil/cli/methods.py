"""``faceveil methods``: what ``--method`` takes, a line each."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterator
from typing import Any


class _Methods:
    """Names for shells to complete, read only when a shell asks: that loads every method.

    Whatever is typed is let through, since :func:`faceveil.systems.specs.spec_of` knows other
    spellings, and says what is expected.
    """

    def __contains__(self, _: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        from faceveil.systems.specs import SPECS

        return iter(("default", *SPECS))


METHODS = _Methods()
"""``choices`` of every ``--method``."""


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    p = commands.add_parser(
        "methods",
        help="list the methods of protection",
        description="The methods that --method takes: what each does, how long a face takes on one "
        "core, whether it starts from a gender, what faces read as if nothing else is asked for.",
    )
    p.add_argument("--json", action="store_true", help="as JSON")
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print them, the usual choice first."""
    from faceveil.systems.specs import DEFAULT, SPECS

    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "default": name == DEFAULT,
            "description": spec.line,
            "seconds": spec.seconds,
            "needs_gender": spec.made.needs_gender,
            "own_target": spec.made.own_target,
            "options": sorted(spec.takes),
        }
        for name, spec in SPECS.items()
    ]
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return 0
    for row in rows:
        print(f"{row['name']}{' (default)' if row['default'] else ''}: {_facts(row)}")
        print(textwrap.fill(row["description"], 96, initial_indent="  ", subsequent_indent="  "))
    return 0


def _facts(row: dict[str, Any]) -> str:
    target = row["own_target"]
    asks = row["needs_gender"] or target == "opposite"
    facts = [
        f"{row['seconds']:g} s a face",
        "starts from a gender (estimated, or --gender)" if asks else "asks for no gender",
        f"target {target}" if target else "the same to every face",
        *(f"--{option}" for option in row["options"]),
    ]
    return ", ".join(facts)
