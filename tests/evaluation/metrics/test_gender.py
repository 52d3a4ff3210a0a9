"""Gender metrics against scikit-learn, brute force and closed forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score, roc_curve

from faceveil.errors import OptionError
from faceveil.evaluation.metrics import gender

METRICS = [gender.auc, gender.eer, gender.error_rate, gender.balanced_accuracy]


def sample(seed: int, levels: int | None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    male = rng.random(300) < 0.4
    scores = 1 / (1 + np.exp(-rng.normal(male * 1.2, 1)))
    return (scores if levels is None else np.round(scores * levels) / levels), male


@pytest.mark.parametrize("levels", [None, 5, 20])
@pytest.mark.parametrize("seed", range(4))
def test_equal_to_scikit_learn(seed: int, levels: int | None) -> None:
    scores, male = sample(seed, levels)
    read = scores >= 0.5
    assert gender.auc(scores, male) == pytest.approx(roc_auc_score(male, scores), abs=1e-12)
    assert gender.error_rate(scores, male) == pytest.approx(1 - accuracy_score(male, read))
    wanted = balanced_accuracy_score(male, read)
    assert gender.balanced_accuracy(scores, male) == pytest.approx(wanted)
    fpr, tpr, _ = roc_curve(male, scores, drop_intermediate=False)
    crossing = brentq(lambda x: 1 - x - interp1d(fpr, tpr)(x), 0, 1)
    if levels is not None:  # where every score differs, a vertical step has no unique tpr
        assert gender.eer(scores, male) == pytest.approx(crossing, abs=1e-9)
    else:
        assert gender.eer(scores, male) == pytest.approx(crossing, abs=1 / 100)


@settings(max_examples=60, deadline=None)
@given(
    men=st.lists(st.integers(0, 6), min_size=1, max_size=12),
    women=st.lists(st.integers(0, 6), min_size=1, max_size=12),
)
def test_auc_by_brute_force_and_flip(men: list[int], women: list[int]) -> None:
    scores = np.array(men + women) / 6
    male = np.array([1] * len(men) + [0] * len(women))
    brute = np.mean([(m > w) + 0.5 * (m == w) for m in men for w in women])
    assert gender.auc(scores, male) == pytest.approx(brute, abs=1e-12)
    assert gender.auc(1 - scores, male) == pytest.approx(1 - brute, abs=1e-12)
    assert gender.eer(1 - scores, male) == pytest.approx(1 - gender.eer(scores, male), abs=1e-12)


def test_two_normal_distributions() -> None:
    quantiles = (np.arange(20000) + 0.5) / 20000
    base = norm.ppf(quantiles)
    scores = np.concatenate([base + 1, base])
    male = np.repeat([1, 0], 20000)
    assert gender.auc(scores, male) == pytest.approx(norm.cdf(1 / np.sqrt(2)), abs=1e-4)
    assert gender.eer(scores, male) == pytest.approx(norm.cdf(-0.5), abs=1e-4)


def test_corners() -> None:
    male = np.array([1, 1, 0, 0])
    assert gender.eer([0.9, 0.8, 0.2, 0.1], male) == 0
    assert gender.eer([0.1, 0.2, 0.8, 0.9], male) == 1
    assert gender.eer([0.5] * 4, male) == pytest.approx(0.5)
    assert gender.auc([0.5] * 4, male) == 0.5


@pytest.mark.parametrize("metric", METRICS)
def test_refuses(metric: Callable[..., float]) -> None:
    for scores, male in (
        ([0.1, np.nan], [0, 1]),
        ([0.1, np.inf], [0, 1]),
        ([0.1, 0.2], [1, 1]),
        ([0.1, 0.2], [0, 0]),
        ([], []),
        ([0.1, 0.2, 0.3], [0, 1]),
    ):
        with pytest.raises(OptionError) as error:
            metric(scores, male)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("decimals", [1, 6])
def test_roc_is_scikit_learns(decimals: int) -> None:
    rng = np.random.default_rng(0)
    male = rng.integers(0, 2, 200)
    scores = np.round(rng.random(200) + 0.3 * male, decimals)
    found = gender.roc(scores, male)
    fpr, tpr, thresholds = roc_curve(male, scores, drop_intermediate=False)
    np.testing.assert_allclose(found.fpr, fpr)
    np.testing.assert_allclose(found.tpr, tpr)
    np.testing.assert_allclose(found.thresholds, thresholds)
    assert np.trapezoid(found.tpr, found.fpr) == pytest.approx(gender.auc(scores, male))


def test_reduction_is_gender_ans_table() -> None:
    """Gender-AN Table III prints .984 for SVM and 1.312 for PrivacyNet's k-NN, to rounding."""
    assert gender.reduction(0.986, 0.508) == pytest.approx(0.984, abs=0.001)
    assert gender.reduction(0.984, 0.347) == pytest.approx(1.312, abs=0.005)
    with pytest.raises(OptionError, match="chance"):
        gender.reduction(0.5, 0.4)
