"""Binary attributes of faces by file name: CelebA's own list, or the same as CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceveil.data.packs import Pack
from faceveil.data.records import damaged, table
from faceveil.errors import OptionError
from faceveil.types import Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class AttributeTable:
    """Attributes of many faces.

    Attributes:
        names: the attributes, in the file's order.
        rows: file name -> row of ``values``.
        values: (N, A) float32, 1 where the face has the attribute, 0 where not.
    """

    names: tuple[str, ...]
    rows: dict[str, int]
    values: Float32Array

    def of(self, sources: NDArray[np.str_]) -> NDArray[np.int64]:
        """Row of each face by its file name, -1 where it is not listed: (N,) -> (N,)."""
        return np.array([self.rows.get(str(s), -1) for s in sources], np.int64)


def read_attributes(path: Path) -> AttributeTable:
    """Read an attribute list.

    Args:
        path: ``list_attr_celeba.txt`` as the CelebA team ships it (a count, a line of names, then
            a file name and 1 or -1 each), or a CSV with a header, the file names first, and 0 or
            1, or 1 and -1 as on Kaggle.

    Raises:
        OptionError: if the file is missing or a line is damaged, with the line's number.
    """
    if not path.is_file():
        raise OptionError(f"{path}: no such file; expected an attribute list (.csv or CelebA's)")
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            lines = list(csv.reader(file))
        first, allowed = 1, {"-1": 0.0, "0": 0.0, "1": 1.0}
        names = lines[0][1:] if lines else []
    else:
        lines = table(path, skip=1)
        first, allowed = 2, {"-1": 0.0, "1": 1.0}
        names = lines[0] if lines else []
    if not names:
        raise damaged(path, first, "nothing", "a line of attribute names")
    rows: dict[str, int] = {}
    values: list[list[float]] = []
    for number, line in enumerate(lines[1:], first + 1):
        if len(line) != len(names) + 1 or any(v not in allowed for v in line[1:]):
            wanted = f"a file name and {len(names)} times {' or '.join(allowed)}"
            raise damaged(path, number, " ".join(line)[:60], wanted)
        rows[line[0]] = len(values)
        values.append([allowed[v] for v in line[1:]])
    return AttributeTable(tuple(names), rows, np.array(values, np.float32).reshape(-1, len(names)))


AGE_GROUPS = ("Age_Under_30", "Age_30_To_49", "Age_50_Or_More")
RACES = ("White", "Black", "Asian", "Indian", "Others")
"""UTKFace's names, a simplification of what people are."""

_ALSO = {
    "Hispanic": "Others",  # MORPH; UTKFace's Others are "like Hispanic, Latino, Middle Eastern"
    "Latino_Hispanic": "Others",  # FairFace, like those below
    "Latino Hispanic": "Others",
    "Middle Eastern": "Others",
    "East Asian": "Asian",
    "Southeast Asian": "Asian",
}
"""Other sets' names, and where UTKFace has them."""


def race_numbers(names: Sequence[str]) -> NDArray[np.int64]:
    """Number of each race among :data:`RACES`, (N,); -1 where a set does not say.

    Raises:
        OptionError: if a name is of neither list.
    """
    numbers = {"": -1} | {name: RACES.index(_ALSO.get(name, name)) for name in (*RACES, *_ALSO)}
    unknown = sorted(set(names) - set(numbers))
    if unknown:
        expected = ", ".join((*RACES, *_ALSO))
        raise OptionError(f"race {unknown[0]!r}; expected one of {expected}, or nothing")
    return np.array([numbers[name] for name in names], np.int64)


def attributes_of(pack: Pack) -> AttributeTable:
    """Gender, age group and race of a pack that has the columns ``age`` and ``race``.

    Returns:
        Names ``Male``, the age groups and the races; the faces' file names are their numbers.

    Raises:
        OptionError: if the pack lacks a column, names an unknown race, or does not say one.
    """
    missing = [c for c in ("age", "race") if c not in pack.columns]
    if missing:
        raise OptionError(f"the packs have no column {missing[0]!r}; expected age and race")
    race = race_numbers(pack.columns["race"].tolist())
    if len(race) and race.min() < 0:
        raise OptionError(f"{(race < 0).sum()} faces without a race; expected one of each face")
    age = np.digitize(np.asarray(pack.columns["age"], np.float64), [30, 50])
    parts: list[NDArray[Any]] = [
        pack.male[:, None],
        np.eye(len(AGE_GROUPS))[age],
        np.eye(len(RACES))[race],
    ]
    values = np.concatenate(parts, axis=1).astype(np.float32)
    rows = {str(i): i for i in range(len(pack))}
    return AttributeTable(("Male", *AGE_GROUPS, *RACES), rows, values)


def columns_of(path: Path, found: tuple[str, ...], wanted: tuple[str, ...]) -> list[int]:
    """Where the wanted attributes are among those found.

    Raises:
        OptionError: if one is missing.
    """
    missing = [name for name in wanted if name not in found]
    if missing:
        raise OptionError(
            f"{path}: no attribute {missing[0]!r}; expected some of {', '.join(found)}"
        )
    return [found.index(name) for name in wanted]
