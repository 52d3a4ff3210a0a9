"""Recipes in TOML: read into the frozen dataclass of their kind, and written."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from faceveil.errors import OptionError
from faceveil.training.recipes import Config, recipe_of

_SECTION = {
    "train": "data",
    "validation": "validation",
    "label": "label",
    "order": "data_order",
    "start": "data_start",
    "stop": "data_stop",
    "seed": "data_seed",
}
"""Keys of the section ``[data]``, and what they are outside it."""


def load_config(path: Path, changes: Sequence[str] = ()) -> Config:
    """Read a recipe.

    A recipe may name a ``base``, another recipe (relative to its own folder) whose values hold
    where it does not give its own. ``data`` is a list of packs, or a section with the packs as
    ``train`` and which of their faces are taken; see :mod:`faceveil.data.selection`.

    Args:
        path: a TOML file whose ``kind`` is one of :mod:`faceveil.training.recipes`.
        changes: values in place of the recipe's, each ``KEY=VALUE``; keys of the section are
            written ``data.train`` and so on, lists as in TOML or with commas. Those of the section
            that a recipe of this kind does not have are passed over.

    Raises:
        OptionError: if the file is missing, is no TOML, or has an unknown or ill-typed key.
    """
    values = _read(path, depth=0)
    try:
        cls: Any = recipe_of(values.get("kind")).config
    except OptionError as error:
        raise OptionError(f"{path}: {error}") from error
    hints = get_type_hints(cls)
    known = {f.name for f in fields(cls)}
    for change in changes:
        key, _, text = change.partition("=")
        inner = _SECTION.get(key.removeprefix("data.")) if key.startswith("data.") else key
        if not text or inner is None or (inner == key and key not in known):
            raise OptionError(
                f"--set: got {change!r}; expected KEY=VALUE with one of "
                f"{', '.join(f'data.{k}' for k in _SECTION)}, {', '.join(sorted(known))}"
            )
        if inner in known:
            values[inner] = _parsed(text, hints[inner])
    unknown = sorted(set(values) - known)
    if unknown:
        raise OptionError(
            f"{path}: unknown key {unknown[0]!r}; expected {', '.join(sorted(known))}"
        )
    frozen: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    for key, value in frozen.items():
        if not _fits(value, hints[key]):
            raise OptionError(f"{path}: {key} = {value!r}; expected {_said(hints[key])}")
    try:
        config: Config = cls(**frozen)
        return config
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
    if isinstance(values.get("data"), dict):
        section = values.pop("data")
        unknown = sorted(set(section) - set(_SECTION))
        if unknown:
            raise OptionError(
                f"{path}: unknown key {unknown[0]!r} in [data]; expected {', '.join(_SECTION)}"
            )
        values |= {_SECTION[k]: v for k, v in section.items()}
    base = values.pop("base", None)
    if base is None:
        return values
    if not isinstance(base, str) or depth > 4:
        raise OptionError(f"{path}: base is {base!r}; expected the path of a recipe, not a circle")
    return _read(path.parent / base, depth + 1) | values


def _parsed(text: str, hint: Any) -> Any:
    """A value of the command line: TOML where it is that, else the words themselves."""
    try:
        value = tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        value = text.split(",") if get_origin(hint) is tuple else text
    return [value] if get_origin(hint) is tuple and not isinstance(value, list) else value


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a recipe's type: a number, a word, a switch, one of some, a list."""
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(_fits(v, get_args(hint)[0]) for v in value)
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, hint) and isinstance(value, bool) == (hint is bool)


def _said(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(repr(v) for v in get_args(hint))
    if get_origin(hint) is tuple:
        return f"a list, each {_said(get_args(hint)[0])}"
    return {bool: "true or false", int: "a whole number", float: "a number"}.get(hint, "a text")
