"""Bootstrap intervals: the weighted forms against plain ones on repeated rows."""

import numpy as np
import pytest
from scipy.stats import norm

from faceveil.errors import OptionError
from faceveil.evaluation.metrics import gender
from faceveil.evaluation.metrics import intervals as b
from faceveil.evaluation.metrics.verification import tmr_at_fmr
from tests.evaluation.metrics.reference import pair_scores

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


def embeddings(identity, seed=0):
    rng = np.random.default_rng(seed)
    people = identity.max() + 1
    found = []
    for _ in range(2):
        x = rng.normal(size=(people, 6))[identity] + rng.normal(size=(len(identity), 6))
        found.append((x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32))
    return found


def plain_tmr(probe, gallery, identity, counts, fmr):
    """TMR of the pairs repeated as one draw says."""
    scores, same = probe @ gallery.T, identity[:, None] == identity
    off = ~np.eye(len(identity), dtype=bool)
    pairs = np.outer(counts, counts)
    impostor = np.sort(np.repeat(scores[~same], pairs[~same]))[::-1]
    by_person = np.broadcast_to(counts[:, None], scores.shape)
    genuine = np.repeat(scores[same & off], by_person[same & off])
    if len(impostor) == 0 or len(genuine) == 0:
        return np.nan
    fits = [s for s in np.unique(impostor) if (impostor >= s).sum() <= fmr * len(impostor) + 1e-9]
    return (genuine >= fits[0]).mean() if fits else (genuine > impostor[0]).mean()


@pytest.mark.parametrize("one_set", [True, False])
@pytest.mark.parametrize(("people", "each"), [(40, 3), (3, 20)])
def test_tmr_by_brute_force(one_set, people, each):
    """Three people: a repeat often lacks one of them, or two, and then has no impostor pair."""
    identity = np.repeat(np.arange(people), each)
    probe, other = embeddings(identity)
    gallery = probe if one_set else other
    interval = b.tmr_interval(probe, gallery, identity, 0.01, repeats=40, seed=2)
    draws = b.weights(identity, 40, seed=2).astype(int)
    values = [plain_tmr(probe, gallery, identity, counts, 0.01) for counts in draws]
    assert np.isnan(values).any() == (people == 3)
    expected = b.percentile(values)
    assert interval.low == pytest.approx(expected.low, abs=1e-12)
    assert interval.high == pytest.approx(expected.high, abs=1e-12)


def test_tmr_of_equal_scores():
    """Equal scores pass or fail together."""
    identity = np.repeat(np.arange(40), 3)
    probe, gallery = (np.round(x, 0) for x in embeddings(identity))
    interval = b.tmr_interval(probe, gallery, identity, 0.01, repeats=40, seed=2)
    draws = b.weights(identity, 40, seed=2).astype(int)
    expected = b.percentile([plain_tmr(probe, gallery, identity, c, 0.01) for c in draws])
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


def test_tmr_where_two_people_hold_the_highest_scores():
    """Twins: a repeat without one of them needs scores that were not among the highest at first."""
    identity = np.repeat(np.arange(4), 10)
    probe, gallery = embeddings(np.where(identity == 1, 0, identity), seed=5)
    probe, gallery = (
        np.where(identity[:, None] < 2, x + 3 * np.eye(6)[0], x) for x in (probe, gallery)
    )
    probe, gallery = (
        (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32) for x in (probe, gallery)
    )
    interval = b.tmr_interval(probe, gallery, identity, 0.01, repeats=60, seed=0)
    draws = b.weights(identity, 60, seed=0).astype(int)
    expected = b.percentile([plain_tmr(probe, gallery, identity, c, 0.01) for c in draws])
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


def test_tmr_interval_holds_the_plain_value():
    probe, gallery = embeddings(IDENTITY, seed=1)
    interval = b.tmr_interval(probe, gallery, IDENTITY, 0.01)
    plain = tmr_at_fmr(*pair_scores(probe, gallery, IDENTITY), 0.01)
    assert interval.low < plain < interval.high


def test_tmr_interval_refuses_too_few_pairs():
    probe, gallery = embeddings(IDENTITY)
    with pytest.raises(OptionError, match=r"14,040.*100,000"):
        b.tmr_interval(probe, gallery, IDENTITY, 1e-4)
    with pytest.raises(OptionError, match="7,020"):
        b.tmr_interval(probe, probe, IDENTITY, 1e-3)
    with pytest.raises(OptionError, match="genuine"):
        b.tmr_interval(probe, gallery, np.arange(120), 0.01)


def test_refuses_what_is_no_share_and_no_repeat():
    for level in (0, 1, 95):
        with pytest.raises(OptionError, match="level"):
            b.percentile([0.1, 0.2], level)
    with pytest.raises(OptionError, match="repeats"):
        b.weights(IDENTITY, 0, seed=0)


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
