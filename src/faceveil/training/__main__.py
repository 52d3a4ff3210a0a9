"""``python -m faceveil.training RECIPE.toml --data DIR --models DIR --output DIR``."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch

from faceveil.training.config import GenderConfig, MatcherConfig, RaceConfig, load_config


def run_recipe(recipe: Path, data: Path, models: Path, runs: Path, device: str) -> dict[str, float]:
    """Run a recipe; its folder in ``runs`` then holds all that is needed to publish or repeat it.

    Args:
        recipe: the TOML file.
        data: folder of the Parquet packs.
        models: folder of ONNX matchers and teachers.
        runs: folder of all runs.
        device: ``cpu`` or ``cuda``.

    Returns:
        What was measured, as written to ``measured.json``.
    """
    config = load_config(recipe)
    output = runs / config.name
    output.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(recipe, output / "recipe.toml")
    if isinstance(config, GenderConfig):
        from faceveil.training import gender

        measured = gender.train(config, data, output, device)
    elif isinstance(config, RaceConfig):
        from faceveil.training import race

        measured = race.train(config, data, output, device)
    elif isinstance(config, MatcherConfig):
        from faceveil.training import matcher

        measured = matcher.train(config, data, models, output, device)
    else:
        from faceveil.training import san

        measured = san.train(config, data, models, output, device)
    (output / "measured.json").write_text(json.dumps(measured, indent=1) + "\n")
    return measured


def main() -> None:
    """Parse the command line and run one recipe."""
    parser = argparse.ArgumentParser(prog="faceveil.training", description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of the Parquet packs")
    parser.add_argument("--models", type=Path, required=True, help="folder of ONNX matchers")
    parser.add_argument("--output", type=Path, default=Path("runs"), help="folder of all runs")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    a = parser.parse_args()
    print(json.dumps(run_recipe(a.recipe, a.data, a.models, a.output, a.device)))


if __name__ == "__main__":
    main()
