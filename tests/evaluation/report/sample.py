"""A synthetic evaluation: three protectors whose places are known."""

from faceveil.evaluation.report.html import Report, Sheet
from faceveil.evaluation.results import headline
from faceveil.evaluation.rows import Curve, Row

PIXEL = "/9j/4AAQSkZJRgABAQEAYABgAAD/2wBDAAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"


def rows(extra=()):
    """original: gender read, people matched; broken: the same; perfect: neither gender nor loss."""
    found = []
    for name, strength, auc, eer, tmr in (
        ("original", 0.0, 0.97, 0.08, 0.9),
        ("broken", 1.0, 0.97, 0.08, 0.9),
        ("perfect", 0.5, 0.7, 0.3, 0.9),
        ("perfect", 1.0, 0.5, 0.5, 0.9),
        ("stranger", 1.0, 0.5, 0.5, 0.001),
    ):

        def add(kind, judge, metric, value, adversary="", group="all", note="", **more):
            found.append(
                Row(name, strength, "set", "crop", adversary, judge, kind, group, metric,  # noqa: B023
                    value, n=100, note=note, **more)
            )  # fmt: skip

        zero = "zero-effort"
        add("gender", "judge", "AUC", auc, zero, low=auc - 0.05, high=min(1.0, auc + 0.03))
        add("gender", "judge", "EER", eer, zero)
        add("gender", "judge", "AUC", auc, zero, group="race=Black")
        add("gender", "judge", "AUC", 1 - auc, "flip")
        add("gender", "cnn", "AUC", 0.8, "retrained-cnn", low=0.7, high=0.9)
        for pairing in ("original-protected", "protected-protected"):
            add("matcher", "face", "TMR@0.001", tmr, note=pairing)
        add("quality", "", "mean change", 0.0 if name == "original" else 0.02)
    return tuple(found) + tuple(extra)


def report(title="Sample", extra=(), **changes):
    """A whole report."""
    r = rows(extra)
    curve = ((0.0, 0.5, 1.0), (0.0, 0.8, 1.0))
    values = {
        "title": title,
        "created": "2026-01-01",
        "headline": headline(r, 0.001),
        "rows": r,
        "curves": (
            Curve("original", 0.0, "set", "judge", "gender", *curve),
            Curve("perfect", 1.0, "set", "face", "matcher", (0.001, 0.1, 1.0), (0.5, 0.9, 1.0)),
        ),
        "sheets": (Sheet("perfect@1-set", PIXEL),),
        "versions": {"faceveil": "0"},
        "hashes": {"san": "ab" * 32},
        "fmr": 0.001,
    }
    return Report(**(values | changes))
