"""``python -m faceveil.training.publish RECIPE.toml``: a finished run becomes shipped weights.

Measured results that need judges are added to the card by ``benchmarks/judge_table.py``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from faceveil.errors import OptionError
from faceveil.training import shipped
from faceveil.training.config import load_config
from faceveil.training.export import write_card

_SHIP: dict[str, Callable[[Any, Path, Path, Path], shipped.Card]] = {
    "san": shipped.ship_san,
    "gender-an": shipped.ship_editor,
    "privacynet": shipped.ship_editor,
    "adaptive": shipped.ship_adaptive,
    "attributes": shipped.ship_attributes,
    "gender": shipped.ship_gender,
    "gradient": shipped.ship_gradient,
    "matcher": shipped.ship_matcher,
    "landmarks": shipped.ship_landmarks,
    "candidates": shipped.ship_candidates,
}


def publish(
    recipe: Path,
    runs: Path,
    data: Path,
    weights: Path,
    name: str | None = None,
    *,
    gradient: bool = False,
) -> Path:
    """Export a finished run and write its card.

    Args:
        recipe: the recipe that was run.
        runs: folder of all runs.
        data: folder of the packs; needed for the prototypes and class shares of a SAN.
        weights: folder to write to.
        name: name of the weights; the recipe's, with underscores, where None.
        gradient: of a gender classifier, its logit and gradient for adversarial noise.

    Returns:
        The file of weights, ONNX or (average faces) ``.npz``.

    Raises:
        OptionError: if runs of that kind are not shipped, or have no written-out gradient.
    """
    config = load_config(recipe)
    if gradient and not (config.kind == "gender" and config.network == "paper"):
        raise OptionError(f"{recipe}: has no gradient; expected a gender recipe of SAN's network")
    if config.kind not in _SHIP:
        raise OptionError(f"{recipe}: kind {config.kind!r}; expected one of {', '.join(_SHIP)}")
    run = runs / config.name
    target = weights / f"{name or config.name.replace('-', '_')}.onnx"
    if config.kind == "candidates":
        target = target.with_suffix(".npz")
    measured = json.loads((run / "measured.json").read_text())
    ship = _SHIP["gradient" if gradient else config.kind]
    card = ship(config, run, target, data)
    if config.kind == "matcher":
        fmrs = ("0.01", "0.001")
        card["thresholds"] = {f: measured[f"student_threshold@{f}"] for f in fmrs}
    if config.kind in ("gender", "matcher", "landmarks"):
        card["measured"] = {config.validation: measured}
    elif config.kind == "candidates":
        card["measured"] = {"faces averaged": measured}
    elif config.kind == "attributes":
        card["measured"] = {"held-out people of the training packs": measured}
    write_card(target, config, card, data)
    return target


def main() -> None:
    """Parse the command line and publish."""
    parser = argparse.ArgumentParser(prog="faceveil.training.publish", description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--weights", type=Path, default=Path("src/faceveil/weights"))
    parser.add_argument("--name")
    parser.add_argument("--gradient", action="store_true", help="for the protectors pgd and cw")
    a = parser.parse_args()
    print(publish(a.recipe, a.runs, a.data, a.weights, a.name, gradient=a.gradient))


if __name__ == "__main__":
    main()
