"""``python -m faceveil.training RECIPE.toml --data DIR --models DIR --output DIR``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from faceveil.training.config import GenderConfig, MatcherConfig, load_config


def main() -> None:
    """Run one recipe and write what it measured beside its checkpoint."""
    parser = argparse.ArgumentParser(prog="faceveil.training", description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of the Parquet packs")
    parser.add_argument("--models", type=Path, required=True, help="folder of ONNX matchers")
    parser.add_argument("--output", type=Path, default=Path("runs"), help="folder of all runs")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    config = load_config(arguments.recipe)
    output = arguments.output / config.name
    if isinstance(config, GenderConfig):
        from faceveil.training import gender

        measured = gender.train(config, arguments.data, output, arguments.device)
    elif isinstance(config, MatcherConfig):
        from faceveil.training import matcher

        measured = matcher.train(config, arguments.data, arguments.models, output, arguments.device)
    else:
        from faceveil.training import san

        measured = san.train(config, arguments.data, arguments.models, output, arguments.device)
    (output / "measured.json").write_text(json.dumps(measured, indent=1) + "\n")
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
