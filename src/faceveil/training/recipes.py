"""Kinds of recipes: the values that one has, and what trains and ships its run.

A recipe's ``kind`` is looked up here. Classifiers and matchers are known from the start, systems
when :mod:`faceveil.systems.recipes` is imported, which lies above. Functions are named and not
imported, so that reading a recipe needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, dataclass, fields
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, ClassVar, Protocol

from faceveil.errors import OptionError
from faceveil.training.classifiers import (
    AttributesConfig,
    GenderConfig,
    MatcherConfig,
    RaceConfig,
)


class Config(Protocol):
    """What the values of every recipe have: a frozen dataclass, loaded from TOML."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def name(self) -> str:
        """Of the run."""

    @property
    def kind(self) -> str:
        """Which recipe it is; the class has it as a default."""

    @property
    def data(self) -> tuple[str, ...]:
        """Packs that are trained on."""

    @property
    def seed(self) -> int:
        """Of everything random."""


Card = dict[str, Any]
Train = Callable[[Any, Path, Path, Path, str], dict[str, float]]
"""(values, folder of packs, folder of models, run's folder, device) -> what was measured."""

Ship = Callable[[Any, Path, Path, Path], Card]
"""(values, run's folder, file to write, folder of packs) -> what is particular in its card."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One kind.

    Attributes:
        config: its values.
        train: where its :data:`Train` is, ``package.module:function``.
        ship: where its :data:`Ship` is; "" for runs that only other recipes use.
        suffix: of what is shipped.
    """

    config: type[Config]
    train: str
    ship: str = ""
    suffix: str = ".onnx"

    def trainer(self) -> Train:
        """What trains it; imports torch."""
        found: Train = resolve_name(self.train)
        return found

    def shipper(self) -> Ship:
        """What ships its runs; imports torch.

        Raises:
            OptionError: if its runs are not shipped.
        """
        if not self.ship:
            kinds = ", ".join(k for k, r in _KINDS.items() if r.ship)
            raise OptionError(f"kind: {kind_of(self.config)!r} is not shipped; expected {kinds}")
        found: Ship = resolve_name(self.ship)
        return found


_KINDS: dict[str, Recipe] = {}


def kind_of(config: type[Config]) -> str:
    """The ``kind`` that recipes of a class have."""
    return str(next(f.default for f in fields(config) if f.name == "kind"))


def register(recipe: Recipe) -> None:
    """Make a kind of recipe known by the ``kind`` of its values.

    Raises:
        ValueError: if another recipe has that kind.
    """
    kind = kind_of(recipe.config)
    if _KINDS.setdefault(kind, recipe) != recipe:
        raise ValueError(f"kind {kind!r}: {_KINDS[kind].config.__name__} has it already")


def recipe_of(kind: Any) -> Recipe:
    """The recipe of a kind.

    Raises:
        OptionError: if there is none.
    """
    if not isinstance(kind, str) or kind not in _KINDS:
        raise OptionError(f"kind is {kind!r}; expected one of {', '.join(_KINDS)}")
    return _KINDS[kind]


_HERE = "faceveil.training"
register(Recipe(GenderConfig, f"{_HERE}.gender:train", f"{_HERE}.gender:ship"))
register(Recipe(RaceConfig, f"{_HERE}.race:train"))
register(Recipe(AttributesConfig, f"{_HERE}.attributes:train", f"{_HERE}.attributes:ship"))
register(Recipe(MatcherConfig, f"{_HERE}.matcher:train", f"{_HERE}.matcher:ship"))
