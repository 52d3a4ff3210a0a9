"""Rows: round trips, gaps, and the strongest of several."""

import pytest

from faceveil.evaluation.rows import (
    Row,
    chosen,
    folded,
    from_json,
    mean,
    strongest,
    to_columns,
    to_json,
)


def row(protector="p", value=0.4, **changes):
    values = {
        "protector": protector, "strength": 1.0, "data": "d", "mode": "crop",
        "adversary": "zero-effort", "judge": "j", "kind": "gender", "group": "all",
        "metric": "EER", "value": value,
    }  # fmt: skip
    return Row(**(values | changes))


def test_round_trip():
    rows = [row(), row(value=None, note="why")]
    assert from_json(to_json(rows)) == rows
    assert to_columns(rows)["note"] == ["", "why"]


def test_gaps_are_left_out_of_means():
    assert mean([row(value=0.2), row(value=None), row(value=0.4)]) == pytest.approx(0.3)
    assert mean([row(value=None)]) is None
    assert len(chosen([row(), row(judge="k")], judge="k")) == 1


def test_of_two_mirrors_the_one_that_needs_no_flip():
    zero, flip = (row(value=v, metric="AUC", adversary=a) for v, a in ((0.2, "z"), (0.8, "flip")))
    for rows in ([zero, flip], [flip, zero]):
        assert strongest(rows) == flip
    assert folded(row(value=None, metric="AUC")).value is None
    assert strongest([row(value=None, metric="AUC"), row(value=0.9)]) is None
