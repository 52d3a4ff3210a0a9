"""Figures of an evaluation in long form: one row, one number, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np

Kind = Literal["gender", "matcher", "quality"]


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


def headline(rows: Sequence[Row], fmr: float) -> list[dict[str, Any]]:
    """One line per protector, strength and mode: what a reader looks for first.

    Gender is the mean EER of zero effort over judges and sets, its extremes, and the strongest
    adversary of all with its interval; matching the mean TMR and the share of the originals' TMR
    that is kept; the change is the mean absolute one.

    Args:
        rows: of a whole evaluation.
        fmr: false match rate of the TMR.
    """
    keys = dict.fromkeys((r.protector, r.strength, r.mode) for r in rows)
    tmr = f"TMR@{fmr:g}"
    full = {k[2]: _matching(rows, k, tmr) for k in keys if k[0] == "original"}
    lines = []
    for key in keys:
        protector, strength, mode = key
        own = chosen(rows, protector=protector, strength=strength, mode=mode, group="all")
        zero = chosen(own, adversary="zero-effort", metric="EER")
        aucs = [r for r in chosen(own, kind="gender", metric="AUC") if r.value is not None]
        best = max(aucs, key=lambda r: r.value or 0.0, default=None)
        eers = [r.value for r in zero if r.value is not None]
        matched, before = _matching(rows, key, tmr), full.get(mode)
        lines.append(
            {
                "protector": protector,
                "strength": strength,
                "mode": mode,
                "gender EER": mean(zero),
                "lowest EER": min(eers, default=None),
                "highest EER": max(eers, default=None),
                "zero-effort AUC": mean(chosen(own, adversary="zero-effort", metric="AUC")),
                "strongest adversary": f"{best.adversary}: {best.judge}" if best else None,
                "strongest AUC": best.value if best else None,
                "strongest low": best.low if best else None,
                "strongest high": best.high if best else None,
                tmr: matched,
                "TMR kept": matched / before if matched is not None and before else None,
                "change": mean(chosen(own, metric="mean change")),
            }
        )
    return lines


def _matching(rows: Sequence[Row], key: tuple[str, float, str], tmr: str) -> float | None:
    """Mean TMR over matchers and sets, original probe against protected gallery."""
    protector, strength, mode = key
    found = chosen(
        rows, protector=protector, strength=strength, mode=mode, kind="matcher", metric=tmr,
        group="all", note="original-protected",
    )  # fmt: skip
    return mean(found)
