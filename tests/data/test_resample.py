"""Replication of the underrepresented race (FlowSAN section 3)."""

import numpy as np
import pytest

from faceveil.data.resample import replicated
from faceveil.errors import OptionError

CHOSEN = np.random.default_rng(0).random(200) < 0.12


def counts(part, **options):
    rows = replicated(CHOSEN, **{"parts": 5, "times": 40, "seed": 3, "part": part} | options)
    return np.bincount(rows, minlength=len(CHOSEN))


def test_parts_are_disjoint_and_together_all():
    sets = [set(np.flatnonzero(counts(p) == 40)) for p in range(5)]
    assert set().union(*sets) == set(np.flatnonzero(CHOSEN))
    assert sum(map(len, sets)) == CHOSEN.sum()
    assert max(map(len, sets)) - min(map(len, sets)) <= 1


def test_every_other_sample_comes_once():
    found = counts(2)
    assert set(found[~CHOSEN]) == {1}
    assert set(found) == {1, 40}


def test_seed_decides():
    assert np.array_equal(counts(1), counts(1))
    assert not np.array_equal(counts(1), counts(1, seed=4))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"part": 5}, "0 to 4"), ({"times": 0}, "1 or more"), ({"parts": 500}, "at least one each")],
)
def test_bad_input(options, message):
    with pytest.raises(OptionError, match=message):
        counts(**{"part": 0} | options)
