"""The report as one self-contained HTML page: no script or style from anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from faceveil.errors import OptionError, missing_extra
from faceveil.evaluation.report import charts
from faceveil.evaluation.report.svg import draw
from faceveil.evaluation.report.tables import adversary_table, gaps, group_table, judge_tables
from faceveil.evaluation.rows import Curve, Row


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
    """The page.

    Raises:
        OptionError: if jinja2 is missing.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise OptionError(str(missing_extra("report", error, "report"))) from error
    figures = charts.every(report.headline, report.rows, report.curves, report.fmr)
    drawn = {
        section: [(chart.title, draw(chart, number)) for number, chart in group]
        for section, group in _numbered(figures).items()
    }
    loader = PackageLoader("faceveil.evaluation.report", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"share": share, "number": number}
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


def number(value: float | None) -> str:
    """A number with three decimals; a gap as a dash."""
    return "-" if value is None else f"{value:.3f}"


def _numbered(figures: dict[str, list[Any]]) -> dict[str, list[tuple[int, Any]]]:
    count = 0
    out: dict[str, list[tuple[int, Any]]] = {}
    for section, group in figures.items():
        out[section] = []
        for chart in group:
            count += 1
            out[section].append((count, chart))
    return out
