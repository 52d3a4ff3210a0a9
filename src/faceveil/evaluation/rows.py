"""Figures of an evaluation in long form: one row, one number, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np

Kind = Literal["gender", "matcher", "quality", "paper"]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        protector: its name; ``original`` is the unprotected faces.
        strength: in [0, 1].
        data: name of the set.
        mode: ``crop`` or ``photo``.
        adversary: who read it; empty for matchers and quality.
        judge: the judge, or the adversary's variant; empty for quality.
        kind: what was measured.
        group: ``all``, or one group such as ``race=Black``.
        metric: such as ``AUC``, ``EER``, ``TMR@0.001``.
        value: the figure; None is a gap, and ``note`` says why.
        low: lower end of its interval, or None where there is none.
        high: upper end.
        n: how many faces it is of.
        note: what else to know.
    """

    protector: str
    strength: float
    data: str
    mode: str
    adversary: str
    judge: str
    kind: Kind
    group: str
    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    note: str = ""


def to_columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Rows as columns, for Parquet."""
    return {f.name: [getattr(r, f.name) for r in rows] for f in fields(Row)}


def to_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows as plain dicts."""
    return [asdict(r) for r in rows]


def from_json(data: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Rows from plain dicts."""
    return [Row(**d) for d in data]


def chosen(rows: Sequence[Row], **wanted: Any) -> list[Row]:
    """Rows whose fields have the given values."""
    return [r for r in rows if all(getattr(r, k) == v for k, v in wanted.items())]


def mean(rows: Sequence[Row]) -> float | None:
    """Mean of the values that are there; None where there is none."""
    values = [r.value for r in rows if r.value is not None]
    return float(np.mean(values)) if values else None
