"""Bootstrap intervals: the weighted forms against plain ones on repeated rows."""

import numpy as np
import pytest
from scipy.stats import norm

from faceveil.errors import OptionError
from faceveil.evaluation.metrics import gender
from faceveil.evaluation.metrics import intervals as b
from faceveil.evaluation.metrics.verification import pair_scores, tmr_at_fmr

RNG = np.random.default_rng(0)
IDENTITY = np.repeat(np.arange(40), 3)
MALE = (IDENTITY % 2).astype(int)
SCORES = np.round(RNG.normal(size=120) + MALE, 1)  # with ties


def repeated(counts):
    return np.repeat(np.arange(len(counts)), counts.astype(int))


@pytest.mark.parametrize(
    ("weighted", "plain"), [(b.weighted_auc, gender.auc), (b.weighted_eer, gender.eer)]
)
def test_weights_are_repetitions(weighted, plain):
    w = b.weights(IDENTITY, 25, seed=1)
    found = weighted(SCORES, MALE, w)
    for value, counts in zip(found, w, strict=True):
        rows = repeated(counts)
        assert value == pytest.approx(plain(SCORES[rows], MALE[rows]), abs=1e-12)


def test_people_are_drawn_whole_and_as_many_as_there_are():
    w = b.weights(IDENTITY, 50, seed=0).reshape(50, 40, 3)
    assert (w == w[:, :, :1]).all()
    assert (w[:, :, 0].sum(axis=1) == 40).all()


def test_covers_the_truth_as_often_as_it_says():
    """AUC of two unit normals one apart is Phi(1/sqrt 2); 95 % intervals hold it most times."""
    truth, hits = norm.cdf(1 / np.sqrt(2)), 0
    for trial in range(60):
        rng = np.random.default_rng(trial)
        male = np.arange(120) % 2
        scores = rng.normal(size=120) + male
        values = b.weighted_auc(scores, male, b.weights(np.arange(120), 300, seed=trial))
        interval = b.percentile(values)
        hits += interval.low <= truth <= interval.high
    assert hits >= 50


def test_generic_equals_weighted():
    def auc(rows):
        return gender.auc(SCORES[rows], MALE[rows])

    interval = b.bootstrap_interval(auc, IDENTITY, repeats=100, seed=3)
    values = b.weighted_auc(SCORES, MALE, b.weights(IDENTITY, 100, seed=3))
    expected = b.percentile(values)
    assert interval.low == pytest.approx(expected.low)
    assert interval.high == pytest.approx(expected.high)


def test_tmr_by_brute_force():
    """Each repeat against the plain TMR of the pairs repeated as the draws say."""
    embeddings = RNG.normal(size=(40, 6))[IDENTITY] + RNG.normal(size=(120, 6))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    embeddings = embeddings.astype(np.float32)
    interval = b.tmr_interval(embeddings, embeddings, IDENTITY, 0.01, repeats=40, seed=2)
    scores = embeddings @ embeddings.T
    same = IDENTITY[:, None] == IDENTITY
    off = ~np.eye(120, dtype=bool)
    values = []
    for counts in b.weights(IDENTITY, 40, seed=2).astype(int):
        pairs = np.outer(counts, counts)
        impostor = np.repeat(scores[~same], pairs[~same])
        by_person = np.broadcast_to(counts[:, None], (120, 120))
        genuine = np.repeat(scores[same & off], by_person[same & off])
        values.append(tmr_at_fmr(genuine, impostor, 0.01))
    expected = b.percentile(values)
    assert interval.low == pytest.approx(expected.low, abs=0.02)
    assert interval.high == pytest.approx(expected.high, abs=0.02)
    plain = tmr_at_fmr(*pair_scores(embeddings, embeddings, IDENTITY), 0.01)
    assert interval.low < plain < interval.high


def test_one_class_is_undefined_and_said():
    male = np.zeros(120)
    male[:3] = 1  # all men are one person: drawn in about two of three repeats
    values = b.weighted_auc(SCORES, male, b.weights(IDENTITY, 200, seed=0))
    assert 0.2 < np.isnan(values).mean() < 0.5
    b.percentile(values)
    with pytest.raises(OptionError, match="undefined"):
        b.percentile([np.nan] * 6 + [0.5] * 4)
    with pytest.raises(OptionError, match="two people"):
        b.weights(np.zeros(5), 10, seed=0)


def test_seed():
    first, again, other = (b.weights(IDENTITY, 5, seed=s) for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
