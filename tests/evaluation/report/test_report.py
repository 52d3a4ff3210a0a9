"""The report: whole, self-contained, accessible, and with every point where it belongs."""

import re
from html.parser import HTMLParser

import pytest

pytest.importorskip("jinja2", reason="needs the report extra")
pytest.importorskip("matplotlib", reason="needs the report extra")

from faceveil.evaluation.report import charts
from faceveil.evaluation.report.html import adversary_table, gaps, judge_tables, render
from faceveil.evaluation.results import headline
from faceveil.evaluation.rows import Row
from tests.evaluation.report.sample import report, rows

VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """Notes elements and unbalanced tags."""

    def __init__(self, text):
        super().__init__()
        self.open, self.bad, self.found = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.bad.append(tag)

    def all(self, tag):
        return [a for t, a in self.found if t == tag]


def test_balanced_and_self_contained():
    text = render(report())
    page = Page(text)
    assert not page.bad
    assert not page.open
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", text)
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_accessible():
    text = render(report())
    page = Page(text)
    assert text.count("<caption>") == len(page.all("table"))
    pictures = [a for a in page.all("svg") if "aria-hidden" not in a]
    assert pictures
    assert all(a["role"] == "img" and a["aria-labelledby"] for a in pictures)
    assert text.count("<title id=") == text.count("<desc id=") == len(pictures)
    assert all(a.get("alt") for a in page.all("img"))
    ids = [a["id"] for _, a in page.found if "id" in a]
    assert len(ids) == len(set(ids))
    targets = [a["href"][1:] for a in page.all("a")]
    assert set(targets) <= set(ids)
    assert [t for t, _ in page.found if t == "h1"] == ["h1"]
    regions = [a for a in page.all("div") if a.get("class") == "scroll"]
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in regions)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a & b", "x" * 200, "🙂 face"])
def test_hostile_names_are_text(name):
    hostile = Row(name, 1.0, name, "crop", "zero-effort", name, "gender", "all", "AUC", 0.5)
    text = render(report(title=name, extra=(hostile,)))
    assert "<script>alert" not in text
    assert not Page(text).bad


def test_a_gap_is_named_and_no_number():
    gap = Row("perfect", 1.0, "set", "crop", "zero-effort", "deaf", "gender", "all", "AUC", None,
              note="threw at crop 36")  # fmt: skip
    text = render(report(extra=(gap,)))
    assert "threw at crop 36" in text
    assert "not measured" in text
    assert gaps([gap])[0][1] == "threw at crop 36"
    table = next(t for t in judge_tables([*rows(), gap]) if "AUC" in t.caption)
    line = next(x for x in table.lines if x[0] == "deaf")
    assert set(line[1:]) == {"-"}
    assert "Everything was measured." in render(report())


def series(chart):
    """The points of each series by its name."""
    lines = [x for x in chart.axes.get_lines() if not x.get_label().startswith("_")]
    return {x.get_label(): [tuple(p) for p in x.get_xydata().tolist()] for x in lines}


def test_corners_of_the_plane():
    """A broken protector lies on the original, a perfect one on the line at the top."""
    (plane,) = charts.plane(headline(rows(), 0.001), 0.001)
    points = series(plane)
    assert points["broken"] == points["original"] == [(0.08, 1.0)]
    assert points["perfect"][-1] == (0.5, 1.0)
    assert len(points["perfect"]) == 2
    assert points["stranger"] == [(0.5, pytest.approx(0.001 / 0.9))]
    assert plane.axes.get_xlim() == (0, 1)
    drawn = charts.draw(plane, 7)
    assert all(f">{name}</text>" in drawn for name in points)
    assert "perfect: last at 0.5, 1" in drawn
    assert "var(--c0)" in drawn
    assert "#c0" not in drawn


def test_headline_by_hand():
    lines = {(x["protector"], x["strength"]): x for x in headline(rows(), 0.001)}
    broken, perfect = lines["broken", 1.0], lines["perfect", 1.0]
    assert (broken["strongest AUC"], broken["TMR kept"]) == (0.97, 1.0)
    assert perfect["strongest adversary"] == "retrained-cnn: cnn"
    assert (perfect["strongest low"], perfect["strongest high"]) == (0.7, 0.9)
    assert perfect["gender EER"] == 0.5


def test_who_is_wrong_all_the_time_is_shown_as_who_is_right():
    where = ("perfect", 1.0, "set", "crop", "recovery", "blur/judge", "gender", "all", "AUC")
    wrong = Row(*where, 0.1, low=0.05, high=0.2)
    found = [*rows(), wrong]
    table = adversary_table(found)
    line = next(x for x in table.lines if x[0].startswith("recovery"))
    assert line[table.columns.index("perfect @1")] == "0.900 (0.80 to 0.95) flipped"
    chart = next(c for c in charts.ladder(found) if c.title.endswith("perfect, strength 1"))
    name, points = next(x for x in series(chart).items() if x[0].startswith("recovery"))
    assert points[0][0] == pytest.approx(0.9)
    assert name == "recovery\nblur/judge, set, flipped"
    assert "recovery: blur/judge, flipped" in render(report(extra=(wrong,)))


def test_ladder_and_curves_against_n():
    assert [c.title for c in charts.ladder(rows())][:2] == [
        "Who still reads the gender: original",
        "Who still reads the gender: broken, strength 1",
    ]
    line = {"protector": "", "mode": "crop", "gender EER": 0.4, "TMR kept": 0.9, "strength": 1.0}
    several = [line | {"protector": f"flowsan@n={n}", "gender EER": 0.1 * n} for n in (3, 1, 2)]
    (chart,) = charts.against_n(several)
    assert series(chart) == {"flowsan": [(1.0, 0.1), (2.0, 0.2), (3.0, pytest.approx(0.3))]}
    assert charts.against_n([line]) == []


def test_matching_rocs_have_a_log_axis_from_the_lowest_rate():
    gender, matching = charts.rocs(report().curves)
    assert (gender.axes.get_xscale(), matching.axes.get_xscale()) == ("linear", "log")
    assert matching.axes.get_xlim() == (0.001, 1)


def test_names_that_matplotlib_would_read_otherwise():
    line = {"mode": "crop", "gender EER": 0.4, "TMR kept": 0.9, "strength": 1.0}
    (chart,) = charts.plane([line | {"protector": n} for n in ("_own", "$x$", "a<b")], 0.001)
    drawn = charts.draw(chart, 1)
    for name in ("_own</text>", ">$x$</text>", "a&lt;b</text>"):
        assert name in drawn


def test_same_data_same_page():
    assert render(report()) == render(report())
