"""``faceveil models``: what is installed, with licence and measured results."""

from __future__ import annotations

import argparse
import json
import textwrap
from typing import Any


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    p = commands.add_parser("models", help="list installed models, licences and results")
    p.add_argument("--json", action="store_true", help="whole cards as JSON")
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the cards."""
    from faceveil.inference.card import WEIGHTS, read_card

    cards = [read_card(path) for path in sorted(WEIGHTS.glob("*.json"))]
    if arguments.json:
        print(json.dumps(cards, indent=1))
        return 0
    for card in cards:
        print(f"{card.get('name', '?')}  ({card.get('kind') or card.get('task', '?')})")
        for key in ("title", "licence", "terms", "measured"):
            if card.get(key):
                text = f"{key}: {_plain(card[key])}"
                print(textwrap.fill(text, 96, initial_indent="  ", subsequent_indent="    "))
        print()
    return 0


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{k} ({_plain(v)})" if isinstance(v, dict) else f"{k} {_plain(v)}"
            for k, v in value.items()
        )
    if isinstance(value, list):
        return "; ".join(_plain(v) for v in value)
    return f"{value:.3f}" if isinstance(value, float) else str(value)
