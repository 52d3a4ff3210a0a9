"""The figures of a report as inline SVG, coloured by the page's own theme."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faceveil.evaluation.rows import FLIPPED, Curve, Row, chosen, strongest

_COUNT = re.compile(r"(.*)@n=(\d+)$")
"""Protectors called ``flowsan@n=3`` are points of a curve against n."""

_THEME = {
    **{f"#c0100{i}": f"var(--c{i})" for i in range(8)},
    "#c01010": "var(--text)",
    "#c01020": "var(--soft)",
    "#c01030": "var(--rule)",
}
"""Colours that stand for the page's, which knows light and dark."""

_SERIES = list(_THEME)[:8]
_TEXT, _SOFT, _RULE = list(_THEME)[8:]
_MARKERS = "os^DPX"
_NOTE: dict[str, Any] = {"fontsize": 9, "color": _TEXT}

MOST = 44
"""Letters of a name that a figure shows."""

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "faceveil",  # the same figures, the same bytes
    "text.color": _TEXT,
    "axes.labelcolor": _TEXT,
    "xtick.labelcolor": _SOFT,
    "ytick.labelcolor": _SOFT,
    "xtick.color": _RULE,
    "ytick.color": _RULE,
    "axes.edgecolor": _RULE,
    "grid.color": _RULE,
    "grid.linewidth": 0.5,
    "axes.grid": True,
    "figure.constrained_layout.use": True,
}


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """A figure and what it shows, for the reader and for screen readers."""

    title: str
    figure: Figure

    @property
    def axes(self) -> Axes:
        """Where everything is drawn."""
        return self.figure.axes[0]


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
    title = "Privacy and utility: the best place is on the line at 0.5, at the top"
    x = "gender EER of published judges (0.5: they guess)"
    chart = _chart(title, x, f"TMR at FMR {fmr:g} kept", (0.0, 1.0), (0.0, 1.1))
    drawn = 0
    for name, mode in dict.fromkeys((line["protector"], line["mode"]) for line in headline):
        points = [
            (line["gender EER"], line["TMR kept"], line["strength"])
            for line in headline
            if (line["protector"], line["mode"]) == (name, mode)
            and line["gender EER"] is not None
            and line["TMR kept"] is not None
        ]
        if not points:
            continue
        label = name if mode == "crop" else f"{name} ({mode})"
        _line(chart, drawn, label, [p[:2] for p in points])
        drawn += 1
        if len(points) > 1:
            for eer, kept, strength in points:
                _note(chart, f"{strength:g}", (eer, kept))
    if not drawn:
        return []
    _chance(chart)
    return [_with_legend(chart)]


def ladder(rows: Sequence[Row]) -> list[Chart]:
    """For each protector each adversary's AUC farthest from one half, from weak to strong."""
    found = [r for r in rows if r.kind == "gender" and r.metric == "AUC" and r.group == "all"]
    found = [r for r in found if r.value is not None]
    names = list(dict.fromkeys(r.adversary for r in found))
    if len(names) < 2:
        return []
    charts = []
    for protector, strength in dict.fromkeys((r.protector, r.strength) for r in found):
        own = chosen(found, protector=protector, strength=strength)
        best = [top for name in names if (top := strongest(chosen(own, adversary=name)))]
        title = f"Who still reads the gender: {protector}"
        title += f", strength {strength:g}" if strength else ""
        x = "AUC or 1 - AUC, with interval"
        chart = _chart(title, x, "", (0.0, 1.0), (len(best) - 0.4, -0.8))
        chart.figure.set_figheight(1 + 0.45 * len(best))
        axes = chart.axes
        for i, top in enumerate(best):
            value = top.value or 0.0
            if top.low is not None and top.high is not None:
                axes.plot((top.low, top.high), (i, i), color=_SERIES[0], alpha=0.5, lw=2.5)
            axes.plot(value, i, "o", color=_SERIES[0], label=_plain(_words(top)), clip_on=False)
            _note(chart, f"{value:.2f}", (value, i))
        axes.set_yticks(range(len(best)), [_plain(_words(top)) for top in best], fontsize=8)
        _chance(chart)
        charts.append(chart)
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
    chart = _chart("Gender EER against n", "n", "gender EER", (1.0, max(most, 2.0)), (0.0, 1.0))
    for i, (name, points) in enumerate(found.items()):
        _line(chart, i, name, sorted(points))
    return [_with_legend(chart)]


def rocs(curves: Sequence[Curve]) -> list[Chart]:
    """One figure per judge and set: every protector at its greatest strength."""
    charts = []
    for kind, judge, data in dict.fromkeys((c.kind, c.judge, c.data) for c in curves):
        own = [c for c in curves if (c.kind, c.judge, c.data) == (kind, judge, data)]
        last = {c.protector: c for c in sorted(own, key=lambda c: c.strength)}
        words, across = f"{judge} on {data}", (0.0, 1.0)
        labels = ("false match rate", "true match rate")
        if kind == "gender":
            title, labels = f"Gender ROC: {words}", ("women read as men", "men read as men")
        elif kind == "matcher":
            title = f"Matching ROC: {words}"
            across = (max(min(c.x[0] for c in last.values()), 1e-6), 1.0)
        else:  # a paper's own, with linear axes
            title = f"Matching ROC, {kind}: {words}"
        chart = _chart(title, *labels, across, (0.0, 1.0))
        for i, (name, c) in enumerate(last.items()):
            x = np.maximum(c.x, across[0]) if kind == "matcher" else c.x
            _line(chart, i, name, zip(x, c.y, strict=True), marks=False)
        if kind == "matcher":
            chart.axes.set_xscale("log")
        else:
            chart.axes.plot((0, 1), (0, 1), ls="--", color=_SOFT, lw=1.2)
        charts.append(_with_legend(chart))
    return charts


def draw(chart: Chart, number: int) -> str:
    """The figure as an ``svg`` element with title and description.

    Args:
        chart: what to draw.
        number: unique in the page, for references.
    """
    sink = StringIO()
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # the reader's browser has it
        chart.figure.savefig(sink, format="svg", transparent=True, metadata={"Date": None})
    text = sink.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>f{number}-", text)
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", text)
    for stand_in, colour in _THEME.items():
        text = text.replace(stand_in, colour)
    lines = [x for x in chart.axes.get_lines() if not str(x.get_label()).startswith("_")]
    ends = [(str(x.get_label()), *np.asarray(x.get_xydata())[-1]) for x in lines]
    about = "; ".join(f"{name}: last at {x:.3g}, {y:.3g}" for name, x, y in ends)
    box = re.search('viewBox="[^"]*"', text)
    head = (
        f'<svg role="img" aria-labelledby="t{number} d{number}" {box[0] if box else ""}>'
        f'<title id="t{number}">{escape(chart.title)}</title>'
        f'<desc id="d{number}">{escape(about)}</desc>'
    )
    return head + text[text.index(">") + 1 :].strip()


def _chart(
    title: str, x: str, y: str, across: tuple[float, float], up: tuple[float, float]
) -> Chart:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5.6, 4.0))
        axes = figure.subplots()
        axes.set(xlabel=x, ylabel=y, xlim=across, ylim=up)
    return Chart(title, figure)


def _line(
    chart: Chart, index: int, name: str, points: Iterable[Sequence[float]], marks: bool = True
) -> None:
    """A series in the colour and with the marker of its number."""
    x, y = zip(*points, strict=True)
    chart.axes.plot(
        x,
        y,
        color=_SERIES[index % 8],
        marker=_MARKERS[index % len(_MARKERS)] if marks else "",
        ls="-" if index < 8 else "--",
        label=_plain(name),
        clip_on=False,
    )


def _note(chart: Chart, text: str, at: tuple[float, float]) -> None:
    """Words above a point, where no bar or line crosses them."""
    chart.axes.annotate(text, at, (0, 6), textcoords="offset points", ha="center", **_NOTE)


def _chance(chart: Chart) -> None:
    chart.axes.axvline(0.5, ls="--", color=_SOFT, lw=1.2)
    place = chart.axes.get_xaxis_transform()
    chart.axes.text(0.51, 0.98, "chance", va="top", transform=place, **_NOTE)


def _with_legend(chart: Chart) -> Chart:
    with mpl.rc_context(_STYLE):
        chart.figure.legend(loc="outside lower left", ncols=2, frameon=False, fontsize=9)
    return chart


def _words(top: Row) -> str:
    """An adversary and its best variant."""
    flipped = ", flipped" if top.note == FLIPPED else ""
    return f"{top.adversary}\n{top.judge}, {top.data}{flipped}"


def _plain(text: str) -> str:
    r"""A name as Matplotlib takes it: ``$`` would begin a formula, ``_`` hide a label.

    What is longer than a figure is broad ends in dots; the tables have it in full.
    """
    lines = [x if len(x) <= MOST else f"{x[: MOST - 1]}…" for x in text.split("\n")]
    whole = "\n".join(lines).replace("$", r"\$")
    return "\u200b" + whole if whole.startswith("_") else whole
