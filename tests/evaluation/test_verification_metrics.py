"""Verification metrics against brute force and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

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


def test_pairs_by_brute_force() -> None:
    rng = np.random.default_rng(1)
    probe, gallery = rng.normal(size=(2, 12, 5)).astype(np.float32)
    identity = rng.integers(0, 4, 12)
    genuine, impostor = v.pair_scores(probe, gallery, identity)
    pairs = [(i, j) for i in range(12) for j in range(12) if i != j]
    for scores, same in ((genuine, True), (impostor, False)):
        wanted = [probe[i] @ gallery[j] for i, j in pairs if (identity[i] == identity[j]) == same]
        np.testing.assert_allclose(np.sort(scores), np.sort(wanted), rtol=1e-5)
    assert len(genuine) + len(impostor) == 12 * 11
