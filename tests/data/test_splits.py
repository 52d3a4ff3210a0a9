"""Identity-disjoint parts."""

from collections import Counter
from pathlib import Path

import pytest

from faceveil.data.records import Record
from faceveil.data.splits import split
from faceveil.errors import OptionError

RECORDS = [
    Record(Path(f"{p}-{k}.jpg"), "m" if p % 3 else "f", f"person-{p}", f"{p}-{k}.jpg")
    for p in range(60)
    for k in range(1 + p % 4)
]
SHARES = (0.7, 0.2, 0.1)


def test_nobody_is_in_two_parts():
    parts: dict[str, set] = {}
    for r in split(RECORDS, SHARES, 0):
        parts.setdefault(r.identity, set()).add(r.split)
    assert all(len(p) == 1 for p in parts.values())


def test_shares_hold_for_men_and_women():
    people = {r.identity: (r.gender, r.split) for r in split(RECORDS, SHARES, 0)}
    assert Counter(people.values()) == {
        ("f", "train"): 14, ("f", "val"): 4, ("f", "test"): 2,
        ("m", "train"): 28, ("m", "val"): 8, ("m", "test"): 4,
    }  # fmt: skip


def test_seed_and_order():
    assert split(RECORDS, SHARES, 0) == split(RECORDS, SHARES, 0)
    assert split(RECORDS, SHARES, 0) != split(RECORDS, SHARES, 1)
    assert [r.source for r in split(RECORDS, SHARES, 0)] == [r.source for r in RECORDS]


def test_unknown_people_are_each_their_own():
    unknown = [Record(Path(f"{i}.jpg"), "m", "", f"{i}.jpg") for i in range(100)]
    assert Counter(r.split for r in split(unknown, SHARES, 0)) == {
        "train": 70,
        "val": 20,
        "test": 10,
    }


def test_official_parts_are_kept():
    official = [Record(Path("a"), "m", "1", "a", split="test"), Record(Path("b"), "f", "2", "b")]
    with pytest.raises(OptionError, match="no official part"):
        split(official, SHARES, 0)
    assert split(official[:1], SHARES, 0) == official[:1]


@pytest.mark.parametrize("shares", [(0.5, 0.2, 0.2), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5)])
def test_bad_shares(shares):
    with pytest.raises(OptionError, match="sum to 1"):
        split(RECORDS, shares, 0)
