"""The figures that hold few scores against those of all scores at once."""

import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.evaluation.metrics import pairs
from faceveil.evaluation.metrics.matching import match, rates_at
from faceveil.evaluation.metrics.verification import tmr_at_fmr, verification_eer
from faceveil.inference.thresholds import threshold_at_fmr
from tests.evaluation.metrics.reference import pair_scores


def unit(x):
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def people(seed, noise, count=150, each=3, size=16):
    rng = np.random.default_rng(seed)
    identity = np.repeat(np.arange(count), each)
    centre = rng.normal(size=(count, size))[identity]
    before, after = (unit(centre + noise * rng.normal(size=centre.shape)) for _ in range(2))
    return before, after, identity


@pytest.mark.parametrize("noise", [0.2, 0.7, 3.0])
@pytest.mark.parametrize("one_set", [True, False])
def test_equal_to_all_scores_at_once(noise, one_set, monkeypatch):
    monkeypatch.setattr(pairs, "BLOCK_SCORES", 5000)
    before, after, identity = people(1, noise)
    gallery = before if one_set else after
    fmrs = (0.04, 1e-2, 1e-3)  # of the first, a whole number of pairs passes
    found = match(before, gallery, identity, fmrs)
    genuine, impostor = pair_scores(before, gallery, identity)
    assert (found.genuine, found.impostors) == (len(genuine), len(impostor))
    for fmr, tmr, threshold in zip(fmrs, found.tmr, found.thresholds, strict=True):
        assert threshold == threshold_at_fmr(impostor, fmr)
        assert tmr == tmr_at_fmr(genuine, impostor, fmr)
    assert found.eer == pytest.approx(verification_eer(genuine, impostor), abs=1e-12)


@pytest.mark.parametrize("decimals", [0, 1])
def test_ties(decimals):
    """Embeddings of few values give many equal scores; the EER's bin may hold most of them."""
    before, after, identity = people(2, 0.7)
    before, after = (np.round(x, decimals).astype(np.float32) for x in (before, after))
    found = match(before, after, identity, (1e-2,))
    genuine, impostor = pair_scores(before, after, identity)
    assert found.tmr == (tmr_at_fmr(genuine, impostor, 1e-2),)
    assert found.eer == pytest.approx(verification_eer(genuine, impostor), abs=1e-12)


def test_a_flipped_and_a_constant_matcher():
    before, _, identity = people(3, 0.3)
    assert match(before, -before, identity, (1e-2,)).eer == pytest.approx(
        verification_eer(*pair_scores(before, -before, identity)), abs=1e-12
    )
    flat = np.tile(before[:1], (len(before), 1))
    found = match(flat, flat.copy(), identity, (1e-2,))
    assert found.tmr == (0.0,)
    assert found.eer == pytest.approx(0.5)


def test_refuses():
    before, after, identity = people(4, 0.5, count=10)
    with pytest.raises(OptionError, match="1,000"):
        match(before, after, identity, (0.1, 1e-2))
    with pytest.raises(OptionError, match="genuine"):
        match(before, after, np.arange(30), (0.1,))
    with pytest.raises(OptionError, match="two people"):
        match(before, after, np.zeros(30, int), ())
    assert match(before, after, identity, ()).tmr == ()


def test_the_curve_is_that_of_all_scores():
    before, after, identity = people(5, 0.7)
    found = match(before, after, identity, (1e-2,))
    genuine, impostor = pair_scores(before, after, identity)
    np.testing.assert_array_equal(found.scores, genuine)
    falling = np.sort(impostor)[::-1]
    x, y = found.curve
    assert (np.diff(x) > 0).all()
    assert (np.diff(y) >= 0).all()
    assert x[-1] == y[-1] == 1
    for fmr, tmr in zip(x[::7], y[::7], strict=True):
        passed = round(fmr * len(impostor))
        above, below = falling[max(passed - 2, 0)], falling[min(passed + 1, len(falling) - 1)]
        assert (genuine >= above).mean() <= tmr <= (genuine >= below).mean()


@pytest.mark.parametrize("one_set", [True, False])
def test_rates_at_a_threshold_by_loops(one_set, monkeypatch):
    monkeypatch.setattr(pairs, "BLOCK_SCORES", 100)
    before, after, identity = people(6, 0.7, count=20)
    gallery = before if one_set else after
    found = rates_at(before, gallery, identity, 0.3)
    places = [(i, j) for i in range(60) for j in range(60) if (i < j if one_set else i != j)]
    score = {p: float(before[p[0]] @ gallery[p[1]]) for p in places}
    genuine = [s for (i, j), s in score.items() if identity[i] == identity[j]]
    impostor = [s for (i, j), s in score.items() if identity[i] != identity[j]]
    assert (found.genuine, found.impostors) == (len(genuine), len(impostor))
    assert found.fnmr == np.mean(np.array(genuine) < 0.3)
    assert found.fmr == np.mean(np.array(impostor) >= 0.3)
    alone = rates_at(before[:1], gallery[:1], identity[:1], 0.3)
    assert np.isnan([alone.fmr, alone.fnmr]).all()
