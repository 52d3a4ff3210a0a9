"""A finished run becomes shipped weights: the exported network and its card.

Measured results that need judges are added to the card by ``benchmarks/judge_table.py``.
"""

from __future__ import annotations

from pathlib import Path

from faceveil.errors import OptionError
from faceveil.training.config import load_config
from faceveil.training.export import write_card
from faceveil.training.recipes import Ship, recipe_of


def publish(
    recipe: Path,
    runs: Path,
    data: Path,
    weights: Path,
    name: str | None = None,
    *,
    ship: Ship | None = None,
) -> Path:
    """Export a finished run and write its card.

    Args:
        recipe: the recipe that was run.
        runs: folder of all runs.
        data: folder of the packs; needed for the prototypes and class shares of a SAN.
        weights: folder to write to.
        name: name of the weights; the recipe's, with underscores, where None.
        ship: what exports the run, in place of its kind's own.

    Returns:
        The file of weights, ONNX or (average faces) ``.npz``.

    Raises:
        OptionError: if runs of that kind are not shipped, or the run is not finished.
    """
    config = load_config(recipe)
    kind = recipe_of(config.kind)
    ship = ship or kind.shipper()
    run = runs / config.name
    if not (run / "measured.json").is_file():
        raise OptionError(f"{run}: no finished run; run 'faceveil train {recipe}' first")
    target = weights / f"{name or config.name.replace('-', '_')}{kind.suffix}"
    write_card(target, config, ship(config, run, target, data), data)
    return target
