"""What an evaluation leaves behind: the headline, and contact sheets."""

import cv2
import numpy as np
import pytest

from faceveil.evaluation.results import SHEET_FACES, contact_sheet, headline, markdown
from tests.evaluation.test_rows import row


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


@pytest.mark.parametrize("colour", [False, True])
def test_contact_sheets_show_faces_above_their_protected_versions(colour):
    before = np.zeros((20, 224, 224, 3) if colour else (20, 224, 224), np.uint8)
    after = before + 200
    if colour:
        after[..., 1:] = 0  # red
    data = np.frombuffer(contact_sheet(before, after), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].astype(int)
    assert picture.shape == (448, SHEET_FACES * 224, 3)
    assert picture[:200].max() < 20
    assert np.abs(picture[250:].mean(axis=(0, 1)) - after[0, 0, 0]).max() < 20


def test_the_headline_as_a_table():
    lines = [{"protector": "a", "EER": 0.25, "which": None}]
    assert markdown(lines).splitlines()[-1] == "| a | 0.250 | - |"
    assert markdown([]) == ""
