"""Kept answers: asked once, never stale, never wrong after a kill or damage."""

import sqlite3

import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.judges import cache
from faceveil.judges.base import GenderJudge, Matcher
from faceveil.judges.cache import Answers, CachedGenderJudge, CachedMatcher
from tests.evaluation.fakes import BrightnessJudge, PatchMatcher

CROPS = np.random.default_rng(0).integers(0, 256, (10, 224, 224, 3), dtype=np.uint8)


class Counting(BrightnessJudge):
    """Counts the crops that it is asked for; may fail or answer NaN at one of them."""

    def __init__(self, name="counting", nan=False):
        super().__init__(name)
        self.asked, self.fail_after, self.nan = 0, None, nan

    def p_male(self, crops):
        if self.fail_after is not None and self.asked + len(crops) > self.fail_after:
            raise RuntimeError("killed")
        self.asked += len(crops)
        scores = super().p_male(crops)
        if self.nan:
            scores[0] = np.nan
        return scores


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 4)


def test_asked_once_whatever_the_order(tmp_path):
    judge = Counting()
    kept = CachedGenderJudge(judge, Answers(tmp_path / "a.sqlite"))
    first = kept.p_male(CROPS)
    np.testing.assert_array_equal(first, BrightnessJudge().p_male(CROPS))
    again = CachedGenderJudge(judge, Answers(tmp_path / "a.sqlite"))
    np.testing.assert_array_equal(again.p_male(CROPS[::-1]), first[::-1])
    assert judge.asked == 10
    more = np.concatenate([CROPS[:3], 255 - CROPS[:2]])
    assert kept.p_male(more).shape == (5,)
    assert judge.asked == 12


def test_embeddings(tmp_path):
    kept = CachedMatcher(PatchMatcher(), Answers(tmp_path / "a.sqlite"))
    expected = PatchMatcher().embed(CROPS)
    for _ in range(2):
        np.testing.assert_array_equal(kept.embed(CROPS), expected)
    assert kept.embed(CROPS[:0]).shape[0] == 0
    assert isinstance(kept, Matcher)
    assert isinstance(CachedGenderJudge(Counting(), Answers(tmp_path / "b.sqlite")), GenderJudge)


def test_other_judges_and_versions_have_their_own(tmp_path):
    answers = Answers(tmp_path / "a.sqlite")
    judges = [Counting("x"), Counting("x"), Counting("y")]
    for judge, version in zip(judges, ("1", "2", "1"), strict=True):
        CachedGenderJudge(judge, answers, version).p_male(CROPS[:2])
    assert [j.asked for j in judges] == [2, 2, 2]


def test_killed_and_resumed(tmp_path):
    judge = Counting()
    judge.fail_after = 9
    kept = CachedGenderJudge(judge, Answers(tmp_path / "a.sqlite"))
    with pytest.raises(RuntimeError):
        kept.p_male(CROPS)
    judge.fail_after = None
    kept.p_male(CROPS)
    assert judge.asked == 10  # the two chunks that were whole are not asked again


def test_what_is_not_finite_is_not_kept(tmp_path):
    judge = Counting(nan=True)
    kept = CachedGenderJudge(judge, Answers(tmp_path / "a.sqlite"))
    assert np.isnan(kept.p_male(CROPS[:2])[0])
    judge.nan = False
    assert np.isfinite(kept.p_male(CROPS[:2])).all()
    assert judge.asked == 3


def test_a_damaged_file_is_set_aside(tmp_path, caplog):
    path = tmp_path / "a.sqlite"
    path.write_bytes(b"this is no database, whatever its name says" * 50)
    kept = CachedGenderJudge(Counting(), Answers(path))
    assert kept.p_male(CROPS[:2]).shape == (2,)
    assert "set aside" in caplog.text
    assert (tmp_path / "a.sqlite.damaged").read_bytes().startswith(b"this is no")


def test_a_file_that_another_process_is_making_is_waited_for(tmp_path, monkeypatch):
    tries, connect = [], Answers._connect

    def busy_at_first(answers):
        tries.append(1)
        if len(tries) < 3:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        connect(answers)

    monkeypatch.setattr(Answers, "_connect", busy_at_first)
    Answers(tmp_path / "a.sqlite").put("j", [b"k"], np.ones((1, 1), np.float32))
    assert len(tries) == 3
    monkeypatch.setattr(cache, "_WAIT", 0.0)
    tries.clear()
    with pytest.raises(OptionError, match="database is locked"):
        Answers(tmp_path / "b.sqlite")
