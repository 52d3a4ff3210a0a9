"""The crop protocol on people whose judges are foreseeable."""

from __future__ import annotations

import json

import numpy as np
import pytest
from benchmarks.measuring import Measurement, measure, render_table

from faceveil.errors import OptionError
from faceveil.judges.base import as_rgb_crops
from tests.evaluation.fakes import BrightnessJudge, PatchMatcher, people

CROPS, MALE, IDENTITY = people(16, 3)


def measured(protected: np.ndarray) -> Measurement:
    judges = [BrightnessJudge("a"), BrightnessJudge("b", gain=0.5)]
    return measure(CROPS, protected, MALE, IDENTITY, judges, [PatchMatcher()], fmr=0.01)


def test_a_protector_that_does_nothing_changes_nothing() -> None:
    result = measured(CROPS)
    assert (result.images, result.people, result.mean_change) == (48, 16, 0)
    for judge in result.gender:
        assert judge.auc_before == judge.auc_after == 1
        assert judge.eer_before == judge.eer_after == 0
    (matcher,) = result.matchers
    assert matcher.tmr_before == matcher.tmr_after == matcher.tmr_after_fixed
    assert matcher.tmr_before > 0.9


def test_a_flip_of_brightness_flips_gender_and_keeps_identity() -> None:
    shift = np.where(MALE == 1, -50, 50)[:, None, None]
    result = measured(np.clip(CROPS.astype(int) + shift, 0, 255).astype(np.uint8))
    assert result.gender[0].auc_after < 0.02
    assert result.gender[0].eer_after > 0.95
    assert result.matchers[0].tmr_after > 0.9
    assert result.mean_change == pytest.approx(50 / 255, abs=0.01)


def test_another_person_is_no_longer_matched() -> None:
    result = measured(people(16, 3, seed=9)[0])
    assert result.matchers[0].tmr_after < 0.2
    assert result.matchers[0].tmr_after_fixed < 0.2
    assert result.matchers[0].eer_after > 0.3


def test_json_and_table() -> None:
    result = measured(CROPS)
    data = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert data["mean_gender_eer_after"] == 0
    assert [g["judge"] for g in data["gender"]] == ["a", "b"]
    table = render_table({"nothing": result, "twice": result}).splitlines()
    assert len({len(line) for line in table}) == 1
    assert table[0].startswith("| 48 images, 16 people")
    assert any("patches TMR @ FMR 0.01" in line for line in table)
    with pytest.raises(OptionError, match="no measurement"):
        render_table({})


def test_refuses_what_would_give_a_silent_number() -> None:
    judges = [BrightnessJudge()]
    with pytest.raises(OptionError, match="10,000"):
        measure(CROPS, CROPS, MALE, IDENTITY, judges, [PatchMatcher()])
    with pytest.raises(OptionError, match="both genders"):
        measure(CROPS, CROPS, np.ones(48), IDENTITY, judges, [], fmr=0.01)
    with pytest.raises(OptionError, match="equal"):
        measure(CROPS, CROPS[1:], MALE, IDENTITY, judges, [])
    with pytest.raises(OptionError, match="genuine"):
        measure(CROPS, CROPS, MALE, np.arange(48), [], [PatchMatcher()], fmr=0.01)
    with pytest.raises(OptionError, match="expected uint8"):
        as_rgb_crops(np.zeros((2, 100, 100), np.uint8))
