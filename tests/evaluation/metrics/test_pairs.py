"""Pairs by blocks against loops, whatever the block size."""

import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.evaluation.metrics import pairs
from faceveil.evaluation.metrics.verification import tmr_at_fmr
from tests.evaluation.metrics.reference import pair_scores

RNG = np.random.default_rng(0)
IDENTITY = RNG.integers(0, 9, 40)


def unit(rows=40):
    x = RNG.normal(size=(rows, 6))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


A, B = unit(), unit()


@pytest.fixture(params=[1, 100, 2**22])
def block(request, monkeypatch):
    monkeypatch.setattr(pairs, "BLOCK_SCORES", request.param)


@pytest.mark.parametrize("gallery", [A, B], ids=["one set", "two sets"])
def test_scores_by_loops(block, gallery):
    mirrored = gallery is A
    places = [(i, j) for i in range(40) for j in range(40) if (i < j if mirrored else i != j)]
    found = pair_scores(A, gallery, IDENTITY)
    for scores, same in zip(found, (True, False), strict=True):
        wanted = [A[i] @ gallery[j] for i, j in places if (IDENTITY[i] == IDENTITY[j]) == same]
        np.testing.assert_allclose(scores, wanted, rtol=1e-5, atol=1e-7)
    assert pairs.impostor_pairs(IDENTITY, mirrored) == len(found[1])


@pytest.mark.parametrize("count", [1, 7, 200, 10_000])
@pytest.mark.parametrize("gallery", [A, B], ids=["one set", "two sets"])
def test_highest_impostors(block, gallery, count):
    every = np.sort(pair_scores(A, gallery, IDENTITY)[1])[::-1]
    scores, rows, columns = pairs.highest_impostors(A, gallery, IDENTITY, count)
    np.testing.assert_allclose(scores, every[:count], atol=1e-7)
    own = [A[i] @ gallery[j] for i, j in zip(rows, columns, strict=True)]
    np.testing.assert_allclose(scores, own, atol=1e-6)
    assert (IDENTITY[rows] != IDENTITY[columns]).all()
    assert len(set(zip(rows, columns, strict=True))) == len(rows)


def test_among_equal_scores_the_first_pairs_stay(block):
    same = np.tile(A[:1], (40, 1))
    _, rows, columns = pairs.highest_impostors(same, same.copy(), IDENTITY, 60)
    wanted = [(i, j) for i in range(40) for j in range(40) if IDENTITY[i] != IDENTITY[j]][:60]
    assert list(zip(rows, columns, strict=True)) == wanted


def test_a_pair_and_its_mirror_are_no_two_pairs():
    """120 images give 7,080 impostor pairs: too few for FMR 0.1 %, though both orders make 14,160.

    The scores of both orders are the same numbers, so nothing is known better.
    """
    x, identity = unit(120), np.repeat(np.arange(60), 2)
    genuine, impostor = pair_scores(x, x, identity)
    assert (len(genuine), len(impostor)) == (60, 7080)
    with pytest.raises(OptionError, match=r"7,080.*10,000"):
        tmr_at_fmr(genuine, impostor, 1e-3)


def test_bad_input():
    with pytest.raises(OptionError, match=r"\(40, 6\) and \(39, 6\)"):
        pair_scores(A, B[1:], IDENTITY)
    with pytest.raises(OptionError, match="3 identities"):
        pair_scores(A, B, IDENTITY[:3])
    with pytest.raises(OptionError, match="1 of 40"):
        pair_scores(A, np.where(np.arange(40)[:, None] == 5, np.nan, B), IDENTITY)
