"""One recipe, from the command line to a run folder that holds all that is needed to repeat it."""

from __future__ import annotations

import contextlib
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from faceveil import __version__
from faceveil.data.packs import decoded_in, sha256_of
from faceveil.errors import OptionError
from faceveil.training import distributed
from faceveil.training.config import dump_config, load_config
from faceveil.training.needs import check_needs, in_order
from faceveil.training.recipes import Config, recipe_of


def run_recipe(
    recipe: Path,
    data: Path,
    models: Path,
    runs: Path,
    device: str = "auto",
    *,
    resume: bool = False,
    changes: Sequence[str] = (),
) -> dict[str, float]:
    """Run a recipe.

    Its folder ``runs/NAME`` gets ``recipe.toml``, ``run.json`` (versions, data digests),
    ``log.csv``, ``checkpoint.safetensors``, ``sheets/`` and, at the end, ``measured.json``.

    Args:
        recipe: the TOML file.
        data: folder of the Parquet packs.
        models: folder of ONNX matchers and teachers.
        runs: folder of all runs; a recipe that builds on another one's run finds it here.
        device: ``auto``, ``cpu`` or ``cuda``.
        resume: go on from a checkpoint; without it an existing run is refused.
        changes: values in place of the recipe's, ``KEY=VALUE`` each; see :func:`load_config`.

    Returns:
        What was measured, as written to ``measured.json``.

    Raises:
        OptionError: if the recipe is bad, data or runs that it builds on are missing, the run
            exists and ``resume`` is not set, or it was begun with another recipe.
    """
    config = load_config(recipe, changes)
    check_needs(config, recipe, runs)
    output = runs / config.name
    with distributed.group(device) as here:
        if distributed.rank() == 0:
            _prepare(config, data, output, resume)
        distributed.wait()
        try:
            with decoded_in(runs / ".pixels"):
                train = recipe_of(config.kind).trainer()
                measured = train(config, data, models, output, here)
        except BaseException:
            if distributed.rank() == 0 and not any(output.rglob("checkpoint.safetensors")):
                _leave_nothing(output)
            raise
        if distributed.rank() == 0:
            (output / "measured.json").write_text(json.dumps(measured, indent=1) + "\n")
    return measured


def _prepare(config: Config, data: Path, output: Path, resume: bool) -> None:
    """Create the run folder, or make sure that an existing one is this recipe's."""
    begun = any(output.rglob("checkpoint.safetensors"))
    if begun and not resume:
        raise OptionError(
            f"{output}: a run is there already; add --resume to go on with it, or name another "
            "--output"
        )
    if begun:
        before, now = asdict(load_config(output / "recipe.toml")), asdict(config)
        changed = [k for k in now if before.get(k) != now[k]]
        if changed:
            raise OptionError(
                f"{output}: was begun with {changed[0]} = {before.get(changed[0])!r}, the recipe "
                f"says {now[changed[0]]!r}; give the recipe another name or name another --output"
            )
    packs = [data / name for name in config.data]
    missing = next((p for p in packs if not p.is_file()), None)
    if missing is not None:
        raise OptionError(
            f"{missing}: no such file; expected a Parquet pack; check --data, or make it with "
            "'faceveil data prepare'"
        )
    output.mkdir(parents=True, exist_ok=True)
    if not begun:
        (output / "recipe.toml").write_text(dump_config(config))
    record = {
        "faceveil": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "processes": distributed.world(),
        "data": sha256_of(packs),
    }
    (output / "run.json").write_text(json.dumps(record, indent=1) + "\n")


def _leave_nothing(output: Path) -> None:
    """Take back the folder of a run that came to nothing."""
    for name in ("recipe.toml", "run.json"):
        (output / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # something else is in it
        output.rmdir()


def run_with_needs(
    recipe: Path,
    data: Path,
    models: Path,
    runs: Path,
    device: str = "auto",
    *,
    resume: bool = False,
    changes: Sequence[str] = (),
) -> dict[str, float]:
    """Run a recipe, and first of all those that it needs and that are not finished.

    Args:
        recipe: the TOML file; see :func:`run_recipe`, here and below.
        data: folder of the packs.
        models: folder of ONNX matchers and teachers.
        runs: folder of all runs.
        device: ``auto``, ``cpu`` or ``cuda``.
        resume: go on with the recipe's own run; those that it needs are always gone on with.
        changes: for the recipe; those of the data section for all.
    """
    section = [c for c in changes if c.startswith("data.")]
    for path in in_order(recipe, runs, tuple(changes)):
        run_recipe(path, data, models, runs, device, resume=True, changes=section)
    return run_recipe(recipe, data, models, runs, device, resume=resume, changes=changes)
