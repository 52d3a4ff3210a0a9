"""Figures of an evaluation in long form: one row, one number, and where it comes from.

A :class:`Recorder` collects those of one case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

import numpy as np

from faceveil.errors import FaceVeilError

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


FLIPPED = "flipped"
"""The note of a row whose AUC was below one half and is given as of the opposite decisions."""


def folded(row: Row) -> Row:
    """An AUC as it counts for privacy: below one half, that of who takes the opposite decisions.

    Args:
        row: a figure whose metric is AUC, in [0, 1]; a gap stays one.

    Returns:
        The row with its value in [0.5, 1], its interval mirrored with it, and the note ``flipped``
        where it was turned round.
    """
    if row.value is None or row.value >= 0.5:
        return row
    low, high = (None if v is None else 1 - v for v in (row.high, row.low))
    return replace(row, value=1 - row.value, low=low, high=high, note=FLIPPED)


def strongest(rows: Sequence[Row]) -> Row | None:
    """The AUC that is farthest from one half, :func:`folded`; None where none was measured.

    Of two that are as far, the one that needs no flip: the flip adversary is zero effort's mirror.
    """
    found = [folded(r) for r in rows if r.metric == "AUC" and r.value is not None]
    # Rounded, so that 1 - (1 - p) ties with p.
    return max(found, key=lambda r: (round(r.value or 0.0, 9), r.note != FLIPPED), default=None)


CURVE_POINTS = 120


@dataclass(frozen=True, slots=True)
class Curve:
    """A ROC curve for the report.

    Attributes:
        protector: its name.
        strength: in [0, 1].
        data: name of the set.
        judge: the judge.
        kind: ``gender`` (x is the false positive rate), ``matcher`` (x is the FMR), or the name of
            a paper's protocol of matching.
        x: rising, in [0, 1].
        y: true positive or true match rate.
    """

    protector: str
    strength: float
    data: str
    judge: str
    kind: str
    x: tuple[float, ...]
    y: tuple[float, ...]


class Recorder:
    """Rows and curves of one protector, strength and set.

    Args:
        protector: its name.
        strength: in [0, 1].
        data: name of the set.
        count: number of faces.
        mode: ``crop`` or ``photo``.
    """

    def __init__(
        self, protector: str, strength: float, data: str, count: int, mode: str = "crop"
    ) -> None:
        self.rows: list[Row] = []
        self.curves: list[Curve] = []
        self._where = (protector, strength, data)
        self._count, self._mode = count, mode

    def add(
        self,
        kind: Kind,
        judge: str,
        metric: str,
        value: float | None,
        *,
        adversary: str = "",
        group: str = "all",
        low: float | None = None,
        high: float | None = None,
        n: int | None = None,
        note: str = "",
    ) -> None:
        """Add a figure; see :class:`Row`."""
        count = self._count if n is None else n
        self.rows.append(
            Row(
                *self._where, self._mode, adversary, judge, kind, group, metric, value, low, high,
                count, note,
            )
        )  # fmt: skip

    def guarded(
        self, kind: Kind, judge: str, adversary: str, work: Callable[[], None], metric: str = ""
    ) -> None:
        """Do work that adds figures; where it fails, a row without a value says why."""
        try:
            work()
        except Exception as error:  # whatever a foreign judge throws: a gap, never a silent number
            text = str(error) if isinstance(error, FaceVeilError) else repr(error)
            name = metric or ("AUC" if kind == "gender" else "TMR")
            note = text.splitlines()[0][:300]
            self.add(kind, judge, name, None, adversary=adversary, note=note)

    def curve(self, judge: str, kind: str, x: Any, y: Any) -> None:
        """Add a curve, thinned to what a figure can show."""
        step = np.unique(np.linspace(0, len(x) - 1, CURVE_POINTS).round().astype(int))
        xs, ys = (tuple(np.round(np.asarray(v)[step], 7).tolist()) for v in (x, y))
        self.curves.append(Curve(*self._where, judge, kind, xs, ys))
