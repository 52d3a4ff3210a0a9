"""Recipes: one frozen dataclass per system, loaded from TOML, every value with its source."""

from __future__ import annotations

import json
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from faceveil.errors import OptionError
from faceveil.systems.adaptive.config import AdaptiveConfig
from faceveil.systems.editors.config import GenderANConfig, PrivacyNetConfig
from faceveil.systems.mixing.config import CandidateConfig, LandmarkConfig
from faceveil.systems.san.config import SANConfig
from faceveil.training.classifiers import (
    AttributesConfig,
    GenderConfig,
    MatcherConfig,
    RaceConfig,
)

__all__ = [
    "AdaptiveConfig",
    "AttributesConfig",
    "CandidateConfig",
    "Config",
    "GenderANConfig",
    "GenderConfig",
    "LandmarkConfig",
    "MatcherConfig",
    "PrivacyNetConfig",
    "RaceConfig",
    "SANConfig",
    "dump_config",
    "load_config",
]

Config = (
    GenderConfig
    | RaceConfig
    | AttributesConfig
    | MatcherConfig
    | LandmarkConfig
    | CandidateConfig
    | SANConfig
    | GenderANConfig
    | PrivacyNetConfig
    | AdaptiveConfig
)
_KINDS: dict[str, type[Config]] = {
    "gender": GenderConfig,
    "race": RaceConfig,
    "attributes": AttributesConfig,
    "matcher": MatcherConfig,
    "landmarks": LandmarkConfig,
    "candidates": CandidateConfig,
    "san": SANConfig,
    "gender-an": GenderANConfig,
    "privacynet": PrivacyNetConfig,
    "adaptive": AdaptiveConfig,
}


def load_config(path: Path) -> Config:
    """Read a recipe.

    A recipe may name a ``base``, another recipe (relative to its own folder) whose values hold
    where it does not give its own.

    Args:
        path: a TOML file whose ``kind`` is one of the classes' here.

    Raises:
        OptionError: if the file is missing, is no TOML, or has an unknown or ill-typed key.
    """
    values = _read(path, depth=0)
    kind = values.get("kind")
    if kind not in _KINDS:
        raise OptionError(f"{path}: kind is {kind!r}; expected one of {', '.join(_KINDS)}")
    cls = _KINDS[kind]
    known = {f.name for f in fields(cls)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise OptionError(
            f"{path}: unknown key {unknown[0]!r}; expected {', '.join(sorted(known))}"
        )
    frozen: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    try:
        return cls(**frozen)
    except TypeError as error:
        raise OptionError(f"{path}: {error}; see the recipes folder for examples") from error


def dump_config(config: Config) -> str:
    """A recipe as TOML with every value, defaults and those of its base included."""

    def text(value: Any) -> str:
        if isinstance(value, tuple):
            return f"[{', '.join(map(text, value))}]"
        # JSON's strings, numbers and booleans are TOML's.
        return json.dumps(value, ensure_ascii=False)

    return "".join(f"{f.name} = {text(getattr(config, f.name))}\n" for f in fields(config))


def _read(path: Path, depth: int) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise OptionError(f"{path}: no such file; expected a recipe in TOML") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise OptionError(f"{path}: cannot be read ({error}); expected a recipe in TOML") from error
    base = values.pop("base", None)
    if base is None:
        return values
    if not isinstance(base, str) or depth > 4:
        raise OptionError(f"{path}: base is {base!r}; expected the path of a recipe, not a circle")
    return _read(path.parent / base, depth + 1) | values
