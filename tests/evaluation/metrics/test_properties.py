"""What must hold for all scores, labels and pictures, ties and tiny sets included."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from faceveil.errors import OptionError
from faceveil.evaluation.measures.gender_an import cross_entropy, mean_squared_error
from faceveil.evaluation.metrics import gender, intervals, niqe, quality
from faceveil.evaluation.metrics import verification as v
from faceveil.evaluation.metrics.matching import match
from faceveil.inference.thresholds import may_pass, threshold_at_fmr, threshold_of_highest
from tests.evaluation.metrics.reference import pair_scores

quick = settings(max_examples=80, deadline=None)
# Few levels, so that ties are the rule.
score = st.one_of(st.integers(0, 4).map(float), st.floats(-50, 50, allow_subnormal=False))


@st.composite
def labelled(draw, least=2, most=14):
    scores = draw(st.lists(score, min_size=least, max_size=most))
    male = draw(st.lists(st.integers(0, 1), min_size=len(scores), max_size=len(scores)))
    assume(0 < sum(male) < len(male))
    return np.array(scores), np.array(male)


def eer_by_brute_force(scores, male):
    """The crossing of the two polygons of error rates, found on each piece in turn."""
    men, women = scores[male == 1], scores[male == 0]
    levels = [*np.unique(scores), np.inf]
    points = [((men < t).mean(), (women >= t).mean()) for t in levels]
    for (m0, w0), (m1, w1) in itertools.pairwise(points):
        if (m0 - w0) * (m1 - w1) <= 0:
            share = (w0 - m0) / ((m1 - m0) + (w0 - w1))
            return m0 + share * (m1 - m0)
    raise AssertionError("the curves always cross")


@quick
@given(labelled())
def test_auc_is_scikit_learns_and_turns_round(data):
    scores, male = data
    found = gender.auc(scores, male)
    assert found == pytest.approx(roc_auc_score(male, scores))
    assert gender.auc(-scores, male) == pytest.approx(1 - found)
    assert gender.auc(scores, 1 - male) == pytest.approx(1 - found)


@quick
@given(labelled())
def test_ranks_alone_decide_auc_and_eer(data):
    scores, male = data
    ranks = np.unique(scores, return_inverse=True)[1].astype(float)
    for changed in (ranks, ranks**3 + 5):
        assert gender.auc(changed, male) == pytest.approx(gender.auc(scores, male))
        assert gender.eer(changed, male) == pytest.approx(gender.eer(scores, male))


@quick
@given(labelled())
def test_eer_by_brute_force(data):
    scores, male = data
    found = gender.eer(scores, male)
    assert found == pytest.approx(eer_by_brute_force(scores, male), abs=1e-9)
    assert 0 <= found <= 1


@quick
@given(labelled(), st.integers(0, 10**6))
def test_a_weight_is_so_many_copies_of_the_row(data, seed):
    scores, male = data
    weights = np.random.default_rng(seed).integers(0, 4, (6, len(scores)))
    aucs = intervals.weighted_auc(scores, male, weights.astype(float))
    eers = intervals.weighted_eer(scores, male, weights.astype(float))
    for counts, auc, eer in zip(weights, aucs, eers, strict=True):
        many, labels = np.repeat(scores, counts), np.repeat(male, counts)
        if len(set(labels.tolist())) < 2:
            assert math.isnan(auc)
            continue
        assert auc == pytest.approx(gender.auc(many, labels))
        # Levels without weight leave flat pieces, where several thresholds are as good.
        assert eer == pytest.approx(gender.eer(many, labels), abs=1e-9)


@quick
@given(st.lists(score, min_size=100, max_size=140), st.lists(score, min_size=1, max_size=20),
       st.sampled_from([0.1, 0.2, 0.5]), st.sampled_from([0.1, 0.2, 0.5]))  # fmt: skip
def test_a_looser_rate_lets_no_fewer_pass(impostor, genuine, a, b):
    low, high = sorted((a, b))
    assert threshold_at_fmr(impostor, low) >= threshold_at_fmr(impostor, high)
    assert v.tmr_at_fmr(genuine, impostor, low) <= v.tmr_at_fmr(genuine, impostor, high)
    assert (np.array(impostor) >= threshold_at_fmr(impostor, low)).mean() <= low


def threshold_by_brute_force(impostor, fmr):
    """Every score that was seen is tried, from the lowest on."""
    for candidate in sorted(set(impostor)):
        if sum(x >= candidate for x in impostor) / len(impostor) <= fmr:
            return candidate
    return np.nextafter(max(impostor), np.inf)


@quick
@given(st.lists(score, min_size=100, max_size=140),
       st.one_of(st.sampled_from([0.1, 0.2, 0.29, 0.5, 0.57]), st.floats(0.1, 0.99)))  # fmt: skip
def test_threshold_by_brute_force(impostor, fmr):
    found = threshold_at_fmr(impostor, fmr)
    assert found == threshold_by_brute_force(impostor, fmr)
    falling = np.sort(impostor)[::-1]
    allowed = may_pass(len(falling), fmr)
    for kept in (allowed + 1, len(falling)):
        assert threshold_of_highest(falling[:kept], len(falling), fmr) == found


@pytest.mark.parametrize(("fmr", "expected"), [(0.1, 1.0), (0.2, 1.0), (0.95, 1.0), (0.05, None)])
def test_ties_are_not_interpolated(fmr, expected):
    impostor = [0.0] * 180 + [1.0] * 20
    found = threshold_at_fmr(impostor, fmr)
    assert found == (expected or np.nextafter(1.0, 2.0))


@quick
@given(st.integers(1, 10**7), st.floats(0, 1), st.integers(0, 10**7))
def test_how_many_may_pass(total, fmr, some):
    found = may_pass(total, fmr)
    assert found / total <= fmr
    assert (found + 1) / total > fmr
    assert may_pass(total, min(some, total) / total) == min(some, total)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(8, 30))
def test_few_scores_at_a_time_give_what_all_give(seed, people):
    rng = np.random.default_rng(seed)
    identity = np.repeat(np.arange(people), 2)
    probe, gallery = rng.normal(size=(2, len(identity), 3)).astype(np.float32)
    probe, gallery = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (probe, gallery))
    found = match(probe, gallery, identity, (0.1, 0.3))
    genuine, impostor = pair_scores(probe, gallery, identity)
    assert found.tmr == tuple(v.tmr_at_fmr(genuine, impostor, fmr) for fmr in (0.1, 0.3))
    assert found.eer == pytest.approx(v.verification_eer(genuine, impostor), abs=1e-6)


@quick
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40), st.floats(0.01, 0.99))
def test_percentiles_lie_within_and_widen_with_the_level(values, level):
    inner = intervals.percentile(values, level)
    assert min(values) <= inner.low <= inner.high <= max(values)
    outer = intervals.percentile(values, (1 + level) / 2)
    assert outer.low <= inner.low
    assert inner.high <= outer.high


def test_half_of_the_repeats_are_enough():
    nan = float("nan")
    found = intervals.percentile([1.0, nan, 3.0, nan], 0.5)
    assert (found.low, found.high) == (1.5, 2.5)
    with pytest.raises(OptionError, match="3 of 4"):
        intervals.percentile([1.0, nan, nan, nan])


@quick
@given(st.integers(0, 10**6), st.integers(11, 30), st.integers(11, 30))
def test_quality_is_symmetric_and_best_for_equal_pictures(seed, height, width):
    a, b = np.random.default_rng(seed).integers(0, 256, (2, height, width), np.uint8)
    for metric in (quality.ssim, quality.psnr):
        assert metric(a, b) == pytest.approx(metric(b, a))
        assert metric(a, b) < metric(a, a)
    assert quality.mean_absolute_change(a, b) == pytest.approx(
        np.abs(a.astype(float) - b.astype(float)).mean() / 255
    )


@quick
@given(st.integers(0, 10**6), st.floats(0.001, 0.9))
def test_widths_of_the_distribution_scale_with_the_values(seed, factor):
    """Also where all of them are far below 1."""
    x = np.random.default_rng(seed).laplace(size=400)
    shape, left, right = niqe.aggd(x)
    small = niqe.aggd(factor * x / np.abs(x).max())
    scale = factor / np.abs(x).max()
    assert small[0] == pytest.approx(shape, abs=0.0011)  # the table's step
    assert small[1:] == pytest.approx((left * scale, right * scale), rel=1e-2)


@quick
@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.lists(st.floats(0, 1), min_size=4,
       max_size=4))  # fmt: skip
def test_attribute_errors_are_least_for_equal_probabilities(before, after):
    a, b = np.reshape(before, (2, 2)), np.reshape(after, (2, 2))
    assert mean_squared_error(a, b) == mean_squared_error(b, a) >= 0
    assert mean_squared_error(a, a) == 0
    assert cross_entropy(a, b) >= cross_entropy(a, a) - 1e-5


@pytest.mark.parametrize(("truth", "read"), [(0.0, 1.0), (1.0, 0.0)])
def test_cross_entropy_of_a_certain_error_is_cut_off(truth, read):
    assert cross_entropy([[truth]], [[read]]) == pytest.approx(-math.log(1e-7), rel=1e-3)


def test_sharpness_is_the_local_deviation_of_the_picture_itself():
    """Noise in the left block, a slope in the right one; halved, the noise would be weaker."""
    rng = np.random.default_rng(0)
    picture = np.tile(np.arange(64) + 60, (32, 1)).astype(np.uint8)
    picture[:, :32] = rng.integers(0, 256, (32, 32))
    _, sharpness = niqe._features(picture, 32)
    assert sharpness.shape == (2,)
    assert sharpness[0] == pytest.approx(256 / math.sqrt(12), rel=0.1)
    assert sharpness[1] < 20
