"""Which figures a report has, from its rows and curves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from faceveil.evaluation.report.svg import Chart, Series
from faceveil.evaluation.rows import FLIPPED, Curve, Row, chosen, strongest

_COUNT = re.compile(r"(.*)@n=(\d+)$")
"""Protectors called ``flowsan@n=3`` are points of a curve against n."""


def every(
    headline: Sequence[dict[str, Any]], rows: Sequence[Row], curves: Sequence[Curve], fmr: float
) -> dict[str, list[Chart]]:
    """All figures by section; a section without data has none."""
    return {
        "plane": plane(headline, fmr),
        "ladder": ladder(rows),
        "against_n": against_n(headline),
        "roc": rocs(curves),
    }


def plane(headline: Sequence[dict[str, Any]], fmr: float) -> list[Chart]:
    """Privacy against utility: one point a protector, a curve over its strengths."""
    series = []
    for name, mode in dict.fromkeys((x["protector"], x["mode"]) for x in headline):
        mine = [x for x in headline if (x["protector"], x["mode"]) == (name, mode)]
        points = [
            (x["gender EER"], x["TMR kept"], x["strength"])
            for x in mine
            if x["gender EER"] is not None and x["TMR kept"] is not None
        ]
        if points:
            several = len(points) > 1
            labels = tuple(f"{s:g}" if several else "" for _, _, s in points)
            places = tuple((x, y) for x, y, _ in points)
            label = name if mode == "crop" else f"{name} ({mode})"
            series.append(Series(label, places, labels))
    if not series:
        return []
    return [
        Chart(
            "Privacy and utility: the best place is on the line at 0.5, at the top",
            "gender EER of published judges (0.5: they guess)",
            f"TMR at FMR {fmr:g} kept",
            tuple(series),
            x_range=(0.0, 1.0),
            y_range=(0.0, 1.1),
            guides=((0.5, "chance"),),
        )
    ]


def ladder(rows: Sequence[Row]) -> list[Chart]:
    """For each protector each adversary's AUC farthest from one half, from weak to strong."""
    found = [r for r in rows if r.kind == "gender" and r.metric == "AUC" and r.group == "all"]
    found = [r for r in found if r.value is not None]
    names = list(dict.fromkeys(r.adversary for r in found))
    if len(names) < 2:
        return []
    charts = []
    for protector, strength in dict.fromkeys((r.protector, r.strength) for r in found):
        best = []
        for i, name in enumerate(names):
            own = chosen(found, protector=protector, strength=strength, adversary=name)
            top = strongest(own)
            if top is not None:
                best.append((top, len(names) - i))
        series = tuple(
            Series(
                f"{top.adversary} ({top.judge}, {top.data}{', flipped' * (top.note == FLIPPED)})",
                ((top.value or 0.0, float(height)),),
                (f"{top.value:.2f}",),
                line=False,
                low=() if top.low is None else (top.low,),
                high=() if top.high is None else (top.high,),
            )
            for top, height in best
        )
        title = f"Who still reads the gender: {protector}" + (
            f", strength {strength:g}" if strength else ""
        )
        charts.append(
            Chart(
                title, "AUC or 1 - AUC of each adversary's best, with interval", "weak to strong",
                series, y_range=(0.0, len(names) + 1.0), guides=((0.5, "chance"),),
                y_ticks=False,
            )
        )  # fmt: skip
    return charts


def against_n(headline: Sequence[dict[str, Any]]) -> list[Chart]:
    """Gender EER against the number of SANs."""
    found: dict[str, list[tuple[float, float]]] = {}
    for line in headline:
        match = _COUNT.match(line["protector"])
        if match and line["gender EER"] is not None:
            found.setdefault(match[1], []).append((float(match[2]), line["gender EER"]))
    if not found:
        return []
    most = max(x for points in found.values() for x, _ in points)
    series = tuple(Series(name, tuple(sorted(p))) for name, p in found.items())
    return [Chart("Gender EER against n", "n", "gender EER", series, x_range=(1.0, max(most, 2.0)))]


def rocs(curves: Sequence[Curve]) -> list[Chart]:
    """One figure per judge and set: every protector at its greatest strength."""
    charts = []
    for kind, judge, data in dict.fromkeys((c.kind, c.judge, c.data) for c in curves):
        own = [c for c in curves if (c.kind, c.judge, c.data) == (kind, judge, data)]
        strongest = {c.protector: c for c in sorted(own, key=lambda c: c.strength)}
        series = tuple(
            Series(name, tuple(zip(c.x, c.y, strict=True)), marks=False)
            for name, c in strongest.items()
        )
        if kind == "gender":
            labels = ("women read as men", "men read as men")
            charts.append(Chart(f"Gender ROC: {judge} on {data}", *labels, series, diagonal=True))
        elif kind != "matcher":  # a paper's own, with linear axes
            labels = ("false match rate", "true match rate")
            title = f"Matching ROC, {kind}: {judge} on {data}"
            charts.append(Chart(title, *labels, series, diagonal=True))
        else:
            low = min(c.x[0] for c in strongest.values())
            charts.append(
                Chart(
                    f"Matching ROC: {judge} on {data}", "false match rate", "true match rate",
                    series, x_range=(max(low, 1e-6), 1.0), log_x=True,
                )
            )  # fmt: skip
    return charts
