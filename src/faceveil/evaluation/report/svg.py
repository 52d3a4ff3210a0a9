"""Figures as inline SVG: points, lines and bars on two axes, coloured by the page's own theme."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 560, 380
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 14, 46
MARKERS = ("circle", "square", "triangle", "diamond", "cross", "ring")


@dataclass(frozen=True, slots=True)
class Series:
    """One line or group of points.

    Attributes:
        name: for the legend.
        points: (x, y) in data units.
        labels: one per point, shown beside it; empty for none.
        line: join the points.
        marks: show a marker at every point.
        low: lower ends of vertical or horizontal bars, or empty.
        high: upper ends.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    labels: tuple[str, ...] = ()
    line: bool = True
    marks: bool = True
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure.

    Attributes:
        title: what it shows, for the reader and for screen readers.
        x: label of the horizontal axis.
        y: label of the vertical axis.
        series: what is drawn.
        x_range: lower and upper end.
        y_range: lower and upper end.
        log_x: powers of ten on the horizontal axis.
        guides: vertical lines at these x, with their labels.
        diagonal: draw chance, from corner to corner.
        y_ticks: number the vertical axis; without, it only orders.
    """

    title: str
    x: str
    y: str
    series: tuple[Series, ...]
    x_range: tuple[float, float] = (0.0, 1.0)
    y_range: tuple[float, float] = (0.0, 1.0)
    log_x: bool = False
    guides: tuple[tuple[float, str], ...] = field(default=())
    diagonal: bool = False
    y_ticks: bool = True

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Data units to pixels of the picture."""
        low, high = self.x_range
        if self.log_x:
            low, high, x = math.log10(low), math.log10(high), math.log10(max(x, low))
        across = (x - low) / (high - low) if high > low else 0.5
        up = (y - self.y_range[0]) / (self.y_range[1] - self.y_range[0])
        return (
            round(LEFT + across * (WIDTH - LEFT - RIGHT), 2),
            round(HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM), 2),
        )


def draw(chart: Chart, number: int) -> str:
    """The figure as an ``svg`` element with title, description and legend.

    Args:
        chart: what to draw.
        number: unique in the page, for references.
    """
    about = "; ".join(
        f"{s.name}: {len(s.points)} points, last at {s.points[-1][0]:.3g}, {s.points[-1][1]:.3g}"
        for s in chart.series
        if s.points
    )
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="t{number} d{number}">',
        f'<title id="t{number}">{escape(chart.title)}</title>',
        f'<desc id="d{number}">{escape(about)}</desc>',
        *_axes(chart),
        *(piece for i, s in enumerate(chart.series) for piece in _series(chart, s, i)),
        "</svg>",
        _legend(chart),
    ]
    return "\n".join(parts)


def _axes(chart: Chart) -> list[str]:
    x0, y0 = chart.place(chart.x_range[0], chart.y_range[0])
    x1, y1 = chart.place(chart.x_range[1], chart.y_range[1])
    out = [f'<rect class="frame" x="{x0}" y="{y1}" width="{x1 - x0}" height="{y0 - y1}"/>']
    for value in _ticks(chart.x_range, chart.log_x):
        x, _ = chart.place(value, chart.y_range[0])
        out.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{y0}" y2="{y1}"/>')
        out.append(f'<text class="tick" x="{x}" y="{y0 + 17}">{value:g}</text>')
    for value in _ticks(chart.y_range, False) if chart.y_ticks else ():
        _, y = chart.place(chart.x_range[0], value)
        out.append(f'<line class="grid" x1="{x0}" x2="{x1}" y1="{y}" y2="{y}"/>')
        out.append(f'<text class="tick y" x="{x0 - 8}" y="{y + 4}">{value:g}</text>')
    for value, label in chart.guides:
        x, _ = chart.place(value, chart.y_range[0])
        out.append(f'<line class="guide" x1="{x}" x2="{x}" y1="{y0}" y2="{y1}"/>')
        out.append(f'<text class="note" x="{x + 5}" y="{y1 + 14}">{escape(label)}</text>')
    if chart.diagonal:
        out.append(f'<line class="guide" x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}"/>')
    middle = (x0 + x1) / 2
    out.append(f'<text class="axis" x="{middle}" y="{HEIGHT - 8}">{escape(chart.x)}</text>')
    turn = f"rotate(-90 14 {(y0 + y1) / 2})"
    out.append(
        f'<text class="axis" x="14" y="{(y0 + y1) / 2}" transform="{turn}">{escape(chart.y)}</text>'
    )
    return out


def _series(chart: Chart, series: Series, index: int) -> list[str]:
    places = [chart.place(x, y) for x, y in series.points]
    colour = f"c{index % 8}"
    out = []
    if series.line and len(places) > 1:
        path = " ".join(f"{x},{y}" for x, y in places)
        out.append(f'<polyline class="line {colour} dash{index // 8}" points="{path}"/>')
    for i, (low, high) in enumerate(zip(series.low, series.high, strict=True)):
        x, y = series.points[i]
        a, b = chart.place(low, y), chart.place(high, y)
        out.append(f'<line class="bar {colour}" x1="{a[0]}" x2="{b[0]}" y1="{a[1]}" y2="{b[1]}"/>')
    for i, (x, y) in enumerate(places):
        if series.marks:
            out.append(_marker(x, y, MARKERS[index % len(MARKERS)], colour))
        if i < len(series.labels) and series.labels[i]:
            anchor, dx = ("end", -7) if x > WIDTH - 130 else ("start", 7)
            label = escape(series.labels[i])
            out.append(  # above the point, where no bar or line crosses it
                f'<text class="note" text-anchor="{anchor}" x="{x + dx}" y="{y - 8}">{label}</text>'
            )
    return out


def _marker(x: float, y: float, kind: str, colour: str) -> str:
    name = f'class="mark {colour}"'
    if kind == "circle":
        return f'<circle {name} cx="{x}" cy="{y}" r="4.5"/>'
    if kind == "ring":
        return f'<circle class="line {colour}" cx="{x}" cy="{y}" r="4.5"/>'
    shapes = {
        "square": "M-4 -4H4V4H-4Z",
        "triangle": "M0 -5.5L5 4H-5Z",
        "diamond": "M0 -5.5L5.5 0L0 5.5L-5.5 0Z",
        "cross": "M-4.5 -1.5H-1.5V-4.5H1.5V-1.5H4.5V1.5H1.5V4.5H-1.5V1.5H-4.5Z",
    }
    return f'<path {name} transform="translate({x} {y})" d="{shapes[kind]}"/>'


def _legend(chart: Chart) -> str:
    items = []
    for i, series in enumerate(chart.series):
        mark = _marker(9, 9, MARKERS[i % len(MARKERS)], f"c{i % 8}")
        icon = f'<svg class="key" viewBox="0 0 18 18" aria-hidden="true">{mark}</svg>'
        items.append(f"<li>{icon}{escape(series.name)}</li>")
    return f'<ul class="legend">{"".join(items)}</ul>'


def _ticks(span: tuple[float, float], log: bool) -> Sequence[float]:
    low, high = span
    if log:
        first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
        return [10.0**e for e in range(first, last + 1)]
    step = 10 ** math.floor(math.log10((high - low) / 2))
    for factor in (1, 2, 5):
        if (high - low) / (step * factor) <= 6:
            step *= factor
            break
    count = round((high - low) / step)
    return [round(low + i * step, 10) for i in range(count + 1) if low + i * step <= high + 1e-9]
