"""The report as one self-contained HTML page: no script or style from anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import count
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from faceveil.evaluation.report import charts
from faceveil.evaluation.rows import FLIPPED, Curve, Row, chosen, strongest


@dataclass(frozen=True, slots=True)
class Sheet:
    """A contact sheet.

    Attributes:
        name: what it shows.
        jpeg: the picture, base64.
    """

    name: str
    jpeg: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the page shows.

    Attributes:
        title: of the evaluation.
        created: date, ISO.
        headline: from :func:`faceveil.evaluation.results.headline`.
        rows: all figures.
        curves: ROC curves.
        sheets: contact sheets.
        versions: of the software.
        hashes: SHA-256 of the weights by name.
        fmr: false match rate of the headline.
    """

    title: str
    created: str
    headline: Sequence[dict[str, Any]]
    rows: tuple[Row, ...]
    curves: tuple[Curve, ...]
    sheets: tuple[Sheet, ...]
    versions: dict[str, str]
    hashes: dict[str, str]
    fmr: float


def render(report: Report) -> str:
    """The page."""
    figures = charts.every(report.headline, report.rows, report.curves, report.fmr)
    number = count(1)
    drawn = {
        section: [(chart.title, charts.draw(chart, next(number))) for chart in group]
        for section, group in figures.items()
    }
    loader = PackageLoader("faceveil.evaluation.report", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"share": share, "number": decimals}
    style = resources.files("faceveil.evaluation.report") / "templates" / "report.css"
    script = resources.files("faceveil.evaluation.report") / "templates" / "report.js"
    page: str = environment.get_template("report.html.j2").render(
        report=report,
        tmr=f"TMR@{report.fmr:g}",
        figures=drawn,
        judges=judge_tables(report.rows),
        adversaries=adversary_table(report.rows),
        groups=group_table(report.rows),
        gaps=gaps(report.rows),
        style=style.read_text(encoding="utf-8"),
        script=script.read_text(encoding="utf-8"),
    )
    return page


def share(value: float | None) -> str:
    """A rate in percent, one decimal; a gap as a dash."""
    return "-" if value is None else f"{100 * value:.1f} %"


def decimals(value: float | None) -> str:
    """A number with three decimals; a gap as a dash."""
    return "-" if value is None else f"{value:.3f}"


WORDS = {"matcher": "matching", "quality": "pictures", "paper": "the paper's own figures"}


@dataclass(frozen=True, slots=True)
class Table:
    """A table of figures.

    Attributes:
        caption: what it shows.
        columns: names, the first of the row heads.
        lines: row head and one text per further column.
    """

    caption: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def cell(row: Row | None) -> str:
    """A figure with its interval; a dash where it is missing."""
    if row is None or row.value is None:
        return "-"
    text = f"{row.value:.3f}"
    if row.low is not None and row.high is not None:
        text += f" ({row.low:.2f} to {row.high:.2f})"
    if row.note == FLIPPED:
        text += " flipped"
    return text


def name(row: Row) -> str:
    """A protector's column head."""
    return row.protector if row.protector == "original" else f"{row.protector} @{row.strength:g}"


def judge_tables(rows: Sequence[Row]) -> list[Table]:
    """Per set and metric: judges down, protectors across."""
    tables = []
    wanted = [
        ("gender", "AUC", "zero-effort"),
        ("gender", "EER", "zero-effort"),
        ("gender", "error rate", "zero-effort"),
        ("gender", "accuracy", "clean-embeddings"),
        ("gender", "Reduction", "clean-embeddings"),
        ("paper", None, ""),
        ("matcher", None, ""),
        ("quality", None, ""),
    ]
    for data, mode in dict.fromkeys((r.data, r.mode) for r in rows):
        for kind, metric, adversary in wanted:
            own = chosen(rows, data=data, mode=mode, kind=kind, group="all", adversary=adversary)
            own = [r for r in own if metric in (None, r.metric)]
            own = [r for r in own if kind != "matcher" or r.note in ("", "original-protected")]
            if not own:
                continue
            heads = [f"{r.judge} {r.metric}".strip() if metric is None else r.judge for r in own]
            if kind == "quality":  # what NIQE was fitted on belongs beside its value
                heads = [
                    f"{h} ({r.note})" if r.note and r.value is not None else h
                    for h, r in zip(heads, own, strict=True)
                ]
            caption = f"{data}, {mode}s: {metric or WORDS[kind]}"
            if adversary == "clean-embeddings":
                caption += " of classifiers that learned from embeddings of unprotected faces"
            if kind == "matcher":
                caption += ", original probe against protected gallery"
            tables.append(_crossed(caption, kind, own, heads))
    return tables


def adversary_table(rows: Sequence[Row]) -> Table | None:
    """The best variant of each adversary, per set and protector."""
    own = [r for r in rows if r.kind == "gender" and r.metric == "AUC" and r.group == "all"]
    if len({r.adversary for r in own}) < 2:
        return None
    found: dict[tuple[str, str, str, str], list[Row]] = {}
    for r in own:
        found.setdefault((r.data, r.mode, r.adversary, name(r)), []).append(r)
    kept = [strongest(rows) or rows[0] for rows in found.values()]  # else a gap
    heads = [f"{r.adversary}, {r.data}, {r.mode}s" for r in kept]
    return _crossed(
        "Best variant of each adversary: the greater of AUC and 1 - AUC", "adversary", kept, heads
    )


def group_table(rows: Sequence[Row]) -> Table | None:
    """Figures of groups: women and men, races, ages."""
    own = [r for r in rows if r.group != "all"]
    if not own:
        return None
    heads = [f"{r.data} ({r.mode}s), {r.group}, {r.judge} {r.metric}" for r in own]
    return _crossed("Groups", "group", own, heads)


def gaps(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """What was not measured, and why."""
    return [
        (f"{name(r)}, {r.data}, {r.judge or r.metric}: {r.metric}", r.note)
        for r in rows
        if r.value is None
    ]


def _crossed(caption: str, head: str, rows: Sequence[Row], heads: Sequence[str]) -> Table:
    columns = list(dict.fromkeys(name(r) for r in rows))
    lines: dict[str, dict[str, Row]] = {}
    for row, line in zip(rows, heads, strict=True):
        lines.setdefault(line, {})[name(row)] = row
    cells = tuple((line, *(cell(found.get(c)) for c in columns)) for line, found in lines.items())
    return Table(caption, (head, *columns), cells)
