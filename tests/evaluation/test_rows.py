"""Rows: round trips and the figures of the headline."""

import pytest

from faceveil.evaluation.results import headline
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


def test_modes_are_lines_of_their_own():
    rows = [row(value=0.4), row(value=0.2, mode="photo"), row(value=0.6, judge="k")]
    crop, photo = headline(rows, 0.001)
    assert (crop["mode"], crop["gender EER"], crop["lowest EER"], crop["highest EER"]) == (
        "crop", pytest.approx(0.5), 0.4, 0.6,
    )  # fmt: skip
    assert (photo["mode"], photo["gender EER"]) == ("photo", 0.2)


def test_matching_is_kept_relative_to_the_original_of_the_same_mode():
    tmr = {"kind": "matcher", "adversary": "", "metric": "TMR@0.001"}
    rows = [
        row("original", 0.8, strength=0.0, note="original-protected", **tmr),
        row("original", 0.5, strength=0.0, note="original-protected", mode="photo", **tmr),
        row("p", 0.6, note="original-protected", **tmr),
        row("p", 0.9, note="protected-protected", **tmr),
        row("p", 0.25, note="original-protected", mode="photo", **tmr),
    ]
    lines = {(x["protector"], x["mode"]): x for x in headline(rows, 0.001)}
    assert lines["p", "crop"]["TMR kept"] == pytest.approx(0.75)
    assert lines["p", "photo"]["TMR kept"] == pytest.approx(0.5)
    assert lines["p", "crop"]["strongest AUC"] is None


def test_the_strongest_adversary_may_be_one_that_is_always_wrong():
    def auc(value, adversary, low, high):
        return row(value=value, metric="AUC", adversary=adversary, low=low, high=high)

    rows = [
        auc(0.1, "recovery", 0.05, 0.2),
        auc(0.7, "similarity", 0.6, 0.8),
        auc(0.4, "zero-effort", 0.3, 0.5),
    ]
    (line,) = headline(rows, 0.001)
    assert line["strongest adversary"] == "recovery: j"
    assert line["strongest flipped"] is True
    assert line["strongest AUC"] == pytest.approx(0.9)
    assert (line["strongest low"], line["strongest high"]) == pytest.approx((0.8, 0.95))
    assert line["zero-effort AUC"] == 0.4  # as it is
    assert rows[0].value == 0.1


def test_of_two_mirrors_the_one_that_needs_no_flip():
    zero, flip = (row(value=v, metric="AUC", adversary=a) for v, a in ((0.2, "z"), (0.8, "flip")))
    for rows in ([zero, flip], [flip, zero]):
        assert strongest(rows) == flip
    assert folded(row(value=None, metric="AUC")).value is None
    assert strongest([row(value=None, metric="AUC"), row(value=0.9)]) is None
