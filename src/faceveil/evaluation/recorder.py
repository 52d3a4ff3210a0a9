"""Collects the figures of one unit of an evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from faceveil.errors import FaceVeilError
from faceveil.evaluation.rows import Kind, Row

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
        """Add a figure; see :class:`faceveil.evaluation.rows.Row`."""
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
