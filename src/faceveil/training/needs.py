"""What a recipe needs of other recipes' runs, and where those recipes are."""

from __future__ import annotations

from pathlib import Path

from faceveil.errors import OptionError
from faceveil.training.config import load_config
from faceveil.training.recipes import Config

_LABELS = ("labels", "resample")
"""Values that name the run of a classifier whose labels are needed."""

_NETWORKS = ("classifiers", "landmarks", "guides", "held_out", "start", "after")
"""Values that name runs whose networks are needed; a start may be a part of one, ``san/pretrain``.
A name with a suffix is a file and no run."""


def needs_of(config: Config) -> dict[str, str]:
    """Runs that a recipe builds on, and of each the file that is read, relative to all runs."""
    found: dict[str, str] = {}
    for key in (*_LABELS, *_NETWORKS):
        value = getattr(config, key, ())
        names = (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()
        for name in names:
            if name and not Path(name).suffix:
                file = "labels.npz" if key in _LABELS else "checkpoint.safetensors"
                found[name.partition("/")[0]] = f"{name}/{file}"
    return found


def check_needs(config: Config, recipe: Path, runs: Path) -> None:
    """Make sure that what a recipe builds on is there.

    Raises:
        OptionError: if not, with the recipe to train first.
    """
    for name, file in needs_of(config).items():
        if not (runs / file).is_file():
            first = recipe_of(name, recipe)
            what = f"the recipe named {name!r}" if first is None else str(first)
            raise OptionError(
                f"{runs / file}: no such file; train {what} first, or add --with-needs"
            )


def recipe_of(name: str, recipe: Path) -> Path | None:
    """The recipe of that name, beside another one or in the folder above it."""
    for folder in (recipe.parent, recipe.parent / ".."):
        for path in sorted(folder.glob("*.toml")):
            try:
                found = load_config(path).name
            except OptionError:
                continue
            if found == name:
                return path
    return None


def in_order(recipe: Path, runs: Path, changes: tuple[str, ...] = ()) -> list[Path]:
    """Recipes that are not finished and that a recipe builds on, each after its own needs.

    Args:
        recipe: the recipe.
        runs: folder of all runs.
        changes: values in place of the recipe's own; see :func:`load_config`.

    Raises:
        OptionError: if the recipe of a run is not found, or recipes need each other in a circle.
    """
    ordered: list[Path] = []

    def visit(path: Path, above: tuple[str, ...], own: tuple[str, ...]) -> None:
        config = load_config(path, own)
        if config.name in above:
            raise OptionError(f"{path}: needs itself, by way of {', '.join(above)}")
        for name, file in needs_of(config).items():
            part = file.count("/") > 1  # the pre-training of another run
            done = (runs / file) if part else runs / name / "measured.json"
            if done.is_file():
                continue
            first = recipe_of(name, path)
            if first is None:
                raise OptionError(
                    f"{path}: needs the run {name!r}; no recipe of that name in {path.parent} or "
                    "the folder above it"
                )
            if first not in ordered:
                visit(first, (*above, config.name), ())
                ordered.append(first)

    visit(recipe, (), changes)
    return ordered
