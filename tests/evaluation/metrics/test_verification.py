"""Verification metrics against brute force and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_curve

from faceveil.errors import OptionError
from faceveil.evaluation.metrics import verification as v


def test_normal_scores_in_closed_form() -> None:
    base = norm.ppf((np.arange(50000) + 0.5) / 50000)
    wanted = norm.sf(norm.isf(0.001) - 3)
    assert v.threshold_at_fmr(base, 0.001) == pytest.approx(norm.isf(0.001), abs=0.01)
    assert v.tmr_at_fmr(base + 3, base, 0.001) == pytest.approx(wanted, abs=0.005)
    assert v.verification_eer(base + 3, base) == pytest.approx(norm.cdf(-1.5), abs=1e-4)


@pytest.mark.parametrize("levels", [3, 10, 1000])
@pytest.mark.parametrize("fmr", [0.1, 0.01])
def test_never_lets_more_impostors_pass(levels: int, fmr: float) -> None:
    rng = np.random.default_rng(levels)
    impostor = np.round(rng.random(1500) * levels) / levels
    threshold = v.threshold_at_fmr(impostor, fmr)
    assert (impostor >= threshold).mean() <= fmr
    # And no more is refused than needed: the next lower value would let too many pass.
    below = impostor[impostor < threshold].max()
    assert (impostor >= below).mean() > fmr


def test_constant_matcher_matches_nobody() -> None:
    assert v.tmr_at_fmr(np.ones(5), np.ones(2000), 0.01) == 0


@pytest.mark.parametrize(("fmr", "needed"), [(0.1, 100), (0.01, 1000), (0.001, 10000)])
def test_names_the_pairs_it_needs(fmr: float, needed: int) -> None:
    scores = np.linspace(0, 1, needed)
    v.tmr_at_fmr([1.0], scores, fmr)
    with pytest.raises(OptionError, match=f"{needed:,}"):
        v.tmr_at_fmr([1.0], scores[1:], fmr)


@pytest.mark.parametrize("fmr", [0, 1, -0.1, float("nan")])
def test_refuses_other_rates(fmr: float) -> None:
    with pytest.raises(OptionError, match="fmr"):
        v.threshold_at_fmr(np.zeros(100), fmr)


@pytest.mark.parametrize("genuine", [[], [np.nan, 1.0], [np.inf]])
def test_refuses_scores_that_mean_nothing(genuine: list[float]) -> None:
    with pytest.raises(OptionError, match="genuine"):
        v.tmr_at_fmr(genuine, np.linspace(0, 1, 1000), 0.01)
    with pytest.raises(OptionError, match="impostor"):
        v.verification_eer([1.0], genuine)


def test_roc_of_verification_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    genuine, impostor = np.round(rng.normal(1, 1, 80), 1), np.round(rng.normal(size=300), 1)
    found = v.verification_roc(genuine, impostor)
    same = np.repeat([1, 0], [80, 300])
    fpr, tpr, _ = roc_curve(same, np.concatenate([genuine, impostor]), drop_intermediate=False)
    np.testing.assert_allclose(found.fpr, fpr)
    np.testing.assert_allclose(found.tpr, tpr)
    with pytest.raises(OptionError, match="impostor"):
        v.verification_roc(genuine, [])


def test_pairings() -> None:
    before, after = np.zeros((1, 2)), np.ones((1, 2))
    values = {w: tuple(x[0, 0] for x in v.pairing(before, after, w)) for w in v.PAIRINGS}
    assert values == {
        "original-protected": (0, 1),
        "protected-protected": (1, 1),
        "original-original": (0, 0),
    }
    with pytest.raises(OptionError, match="original-protected"):
        v.pairing(before, after, "other")


def unit(rows: int) -> np.ndarray:
    x = np.random.default_rng(rows).normal(size=(rows, 5))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("block", [1, 120, 2**22])
def test_rank1_by_loops(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(v, "BLOCK_SCORES", block)
    probe, gallery = unit(30), unit(31)[:30]
    who = np.random.default_rng(0).integers(0, 12, 30)
    hits = []
    for i in range(30):
        others = [j for j in range(30) if j != i]
        if who[i] in who[others]:
            best = max(others, key=lambda j, i=i: float(probe[i] @ gallery[j]))
            hits.append(who[best] == who[i])
    assert 0 < len(hits) < 30
    assert v.rank1(probe, gallery, who) == pytest.approx(np.mean(hits))
    names = np.array([f"person {w}" for w in who])
    assert v.rank1(probe, gallery, names) == v.rank1(probe, gallery, who)


def test_rank1_of_equal_and_of_tied_pictures() -> None:
    four = np.eye(4, dtype=np.float32)[[0, 0, 1, 1]]
    assert v.rank1(four, four, np.array([0, 0, 1, 1])) == 1
    same = np.tile(unit(6)[:1], (6, 1))
    assert v.rank1(same, same, np.repeat([0, 1, 2], 2)) == 0  # a tie is a miss


def test_rank1_refuses() -> None:
    probe = unit(6)
    with pytest.raises(OptionError, match="two images"):
        v.rank1(probe, probe, np.arange(6))
    for who, gallery in ((np.zeros(5), probe), (np.zeros(6), probe[:5])):
        with pytest.raises(OptionError, match="one identity per image"):
            v.rank1(probe, gallery, who)
    broken = probe.copy()
    broken[4, 2] = np.nan
    with pytest.raises(OptionError, match="not finite"):
        v.rank1(broken, probe, np.zeros(6))
