"""Kept answers in trouble: locks, damage in the middle, other weights, failing judges."""

import logging
import sqlite3

import numpy as np
import pytest

from faceveil.errors import ModelError, OptionError
from faceveil.judges import cache
from faceveil.judges.base import JudgeInfo
from faceveil.judges.cache import Answers, CachedGenderJudge, CachedMatcher, digest, identity
from faceveil.judges.python_object import CallableGenderJudge, CallableMatcher, CropError

INFO = JudgeInfo("counting", "a test", "MIT", "none")
CROPS = np.random.default_rng(0).integers(0, 256, (40, 224, 224, 3), dtype=np.uint8)
CROPS[:, 0, 0, 0] = np.arange(40)


class Counting(CallableGenderJudge):
    """P(male) is the brightness; notes which crops it was asked for, and fails at some."""

    def __init__(self, version="1"):
        super().__init__(self.read, INFO, version=version)
        self.seen, self.fails = [], ()

    def read(self, crops):
        numbers = crops[:, 0, 0, 0].tolist()
        if set(numbers) & set(self.fails):
            raise ValueError("no face")
        self.seen += numbers
        return crops.mean(axis=(1, 2, 3)) / 255


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 8)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.sqlite"


def test_a_failing_crop_is_named_by_its_place_among_all(path):
    judge = Counting()
    kept = CachedGenderJudge(judge, Answers(path))
    kept.p_male(CROPS[32:36])
    judge.fails = (36,)
    with pytest.raises(CropError, match=r"counting: crop 36 \(counted from 0\): ValueError"):
        kept.p_male(CROPS)
    judge.fails, judge.seen = (), []
    kept.p_male(CROPS)
    assert judge.seen == [36, 37, 38, 39]  # all before the failure is kept


def test_failures_without_a_place_name_the_crops_that_were_asked_for(path):
    class Plain:
        info = INFO
        error: Exception = ModelError("no output")

        def p_male(self, crops):
            if crops[-1, 0, 0, 0] >= 8:
                raise self.error
            return np.zeros(len(crops), np.float32)

    kept = CachedGenderJudge(Plain(), Answers(path))
    with pytest.raises(CropError, match=r"crops 8 to 15 .*no output"):
        kept.p_male(CROPS)
    Plain.error = KeyError("x")
    with pytest.raises(KeyError) as caught:
        kept.p_male(CROPS)
    assert caught.value.__notes__ == ["counting  was asked for crops 8 to 15"]


def test_a_judge_that_answers_too_few(path):
    class Short:
        info = INFO

        def p_male(self, crops):
            return np.zeros(len(crops) // 2, np.float32)

    with pytest.raises(ModelError, match=r"crops 0 to 7 .*returned \(4,\); expected \(8,\)"):
        CachedGenderJudge(Short(), Answers(path)).p_male(CROPS)


def test_equal_crops_are_asked_for_once(path):
    judge = Counting()
    crops = CROPS[[0, 1, 0, 1, 2, 0]]
    out = CachedGenderJudge(judge, Answers(path)).p_male(crops)
    assert judge.seen == [0, 1, 2]
    np.testing.assert_allclose(out, crops.mean(axis=(1, 2, 3)) / 255, rtol=1e-6)


def test_the_version_of_a_judge_is_part_of_the_key(path):
    answers = Answers(path)
    old, new = Counting("1"), Counting("2")
    for judge in (old, old, new):
        CachedGenderJudge(judge, answers).p_male(CROPS[:4])
    assert old.seen == new.seen == [0, 1, 2, 3]
    assert identity(old) == "1"
    assert identity(Counting("")) is None


def test_a_locked_file_is_no_damaged_file(path, monkeypatch, caplog):
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **(k | {"timeout": 0.05})))
    judge = Counting()
    kept = CachedGenderJudge(judge, Answers(path))
    kept.p_male(CROPS[:8])
    other = connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with caplog.at_level(logging.WARNING):
        assert kept.p_male(CROPS[:16]).shape == (16,)
    assert "locked" in caplog.text
    other.execute("COMMIT")
    kept.p_male(CROPS[:16])
    kept.p_male(CROPS[:16])
    assert judge.seen == [*range(16), *range(8, 16)]  # kept again as soon as it is free
    assert not list(path.parent.glob("*.damaged*"))


def test_damage_in_the_middle_is_found_and_set_aside_with_its_log(path, caplog):
    wide = CallableMatcher(lambda c: np.repeat(c[:, :8, :8, 0].reshape(-1, 64), 8, 1), INFO)
    expected = wide.embed(CROPS)
    CachedMatcher(wide, Answers(path), "1").embed(CROPS)
    sqlite3.connect(path).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    assert len(data) > 16 * 4096
    data[2 * 4096 :] = b"\xff" * (len(data) - 2 * 4096)
    path.write_bytes(data)
    answers = Answers(path)  # its first page is whole
    np.testing.assert_array_equal(CachedMatcher(wide, answers, "1").embed(CROPS), expected)
    assert "set aside as a.sqlite.damaged" in caplog.text
    assert (path.parent / "a.sqlite.damaged").is_file()
    keys = sqlite3.connect(path).execute("SELECT count(*) FROM answers").fetchone()[0]
    assert keys >= 32  # what came after is kept in a new file


def test_the_log_of_a_damaged_file_goes_with_it(path):
    first, _other = Answers(path), Answers(path)  # while another has it open, closing leaves it
    first.put("j", [b"old"], np.ones((1, 2), np.float32))  # still in the log, not in the file
    assert path.with_name("a.sqlite-wal").stat().st_size > 0
    first._set_aside(sqlite3.DatabaseError("malformed"))
    again = Answers(path)
    assert again.get("j", [b"old"]) == [None]
    again.put("j", [b"new"], np.ones((1, 2), np.float32))
    aside = sqlite3.connect(path.with_name("a.sqlite.damaged"))
    assert aside.execute("SELECT crop FROM answers").fetchall() == [(b"old",)]
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_write_that_fails_leaves_the_file_free(path, caplog):
    answers = Answers(path)
    other = sqlite3.connect(path, isolation_level=None, timeout=0.1)
    other.execute(
        "CREATE TRIGGER full BEFORE INSERT ON answers BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    )
    answers.put("j", [b"k"], np.ones((1, 2), np.float32))
    assert "disk full; going on without kept answers" in caplog.text
    other.execute("DROP TRIGGER full")
    answers.put("j", [b"k"], np.ones((1, 2), np.float32))
    np.testing.assert_array_equal(answers.get("j", [b"k"])[0], [1, 1])


def test_what_another_process_has_set_aside_is_not_set_aside_again(path):
    first, second = Answers(path), Answers(path)
    damage = sqlite3.DatabaseError("malformed")
    first._set_aside(damage)
    first.put("j", [b"k"], np.ones((1, 2), np.float32))
    second._set_aside(damage)
    np.testing.assert_array_equal(second.get("j", [b"k"])[0], [1, 1])


def test_answers_that_are_cut_short_are_asked_for_again(path):
    judge = Counting()
    kept = CachedGenderJudge(judge, Answers(path))
    kept.p_male(CROPS[:2])
    with sqlite3.connect(path) as file:
        file.execute("UPDATE answers SET value = x'0102'")
    kept.p_male(CROPS[:2])
    assert judge.seen == [0, 1, 0, 1]


def test_other_weights_under_the_same_name(path):
    answers = Answers(path)
    for width in (3, 5):
        matcher = CallableMatcher(lambda c, w=width: np.ones((len(c), w)), INFO)
        kept = CachedMatcher(matcher, answers, "same")
        if width == 3:
            kept.embed(CROPS[:2])
    with pytest.raises(ModelError, match="3 and 5 numbers"):
        kept.embed(CROPS[:4])


def test_where_no_file_can_be_made(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OptionError, match="cannot be opened"):
        Answers(tmp_path / "file" / "a.sqlite")
    with pytest.raises(OptionError, match="cannot be opened"):
        Answers(tmp_path)


def test_digest_is_sha256_over_contents(tmp_path):
    for name, text in (("a", b"x"), ("b", b"y")):
        (tmp_path / name).write_bytes(text)
    a, b = tmp_path / "a", tmp_path / "b"
    assert len({digest(a), digest(b), digest(a, b), digest(b, a)}) == 4


@pytest.mark.parametrize("value", [5, "text", None, 1.5, b"", b"abc", np.float32("nan").tobytes()])
def test_kept_answers_of_a_wrong_type_are_asked_for_again(path, value):
    judge = Counting()
    kept = CachedGenderJudge(judge, Answers(path))
    right = kept.p_male(CROPS[:4])
    with sqlite3.connect(path) as file:
        file.execute("UPDATE answers SET value = ?", (value,))
    judge.seen = []
    assert np.array_equal(CachedGenderJudge(judge, Answers(path)).p_male(CROPS[:4]), right)
    assert judge.seen == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE answers (a INT)",
        "CREATE VIEW answers AS SELECT 1 AS judge, 2 AS crop, 3 AS value",
        "CREATE TABLE answers (judge INT PRIMARY KEY, crop BLOB, value TEXT)",
    ],
)
def test_a_file_of_other_tables_never_stops_a_run(path, table, caplog):
    with sqlite3.connect(path) as file:
        file.execute(table)
    right = Counting().p_male(CROPS[:4])
    assert np.array_equal(CachedGenderJudge(Counting(), Answers(path)).p_male(CROPS[:4]), right)


def test_embeddings_are_for_their_owner_alone(tmp_path):
    import os

    old = os.umask(0o022)
    try:
        path = tmp_path / "new" / "a.sqlite"
        CachedGenderJudge(Counting(), Answers(path)).p_male(CROPS[:4])
        modes = {p.name: p.stat().st_mode & 0o777 for p in (path.parent, *path.parent.iterdir())}
        assert modes.pop("new") == 0o700
        assert set(modes.values()) == {0o600}
        path.chmod(0o644)
        Answers(path)
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(old)
