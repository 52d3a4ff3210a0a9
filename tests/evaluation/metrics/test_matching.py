"""The figures that hold few scores against those of all scores at once."""

import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.evaluation.metrics import pairs
from faceveil.evaluation.metrics.figures import figures, genuine_scores
from faceveil.evaluation.metrics.matching import match
from faceveil.evaluation.metrics.verification import (
    pair_scores,
    threshold_at_fmr,
    tmr_at_fmr,
    verification_eer,
)


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


def test_figures_of_many_images_are_those_of_few():
    before, after, identity = people(5, 0.7)
    fmrs = (1e-2, 1e-3)
    held, streamed = (figures(before, after, identity, fmrs, most=m) for m in (450, 449))
    assert held.tmr == streamed.tmr
    assert held.thresholds == streamed.thresholds
    assert held.eer == pytest.approx(streamed.eer, abs=1e-12)
    assert (held.genuine, held.impostors) == (streamed.genuine, streamed.impostors)
    np.testing.assert_array_equal(held.scores, streamed.scores)
    genuine, impostor = pair_scores(before, after, identity)
    falling = np.sort(impostor)[::-1]
    for found in (held, streamed):
        x, y = found.curve
        assert (np.diff(x) > 0).all()
        assert (np.diff(y) >= 0).all()
        assert x[-1] == y[-1] == 1
        for fmr, tmr in zip(x[::7], y[::7], strict=True):
            passed = round(fmr * len(impostor))
            above, below = falling[max(passed - 2, 0)], falling[min(passed + 1, len(falling) - 1)]
            assert (genuine >= above).mean() <= tmr <= (genuine >= below).mean()
    np.testing.assert_array_equal(genuine_scores(before, after, identity), genuine)


def test_of_many_images_not_all_scores_are_held(monkeypatch):
    """An evaluation and the crop protocol never ask for every pair's score above the limit."""
    from faceveil.evaluation import reading
    from faceveil.evaluation.faces import FaceSet
    from faceveil.evaluation.metrics import figures as module
    from faceveil.evaluation.protocol import Readings, compare
    from faceveil.evaluation.recorder import Recorder

    before, after, identity = people(6, 0.5)
    male = (identity % 2).astype(np.uint8)
    faces = FaceSet("d", np.zeros((len(male), 1, 1), np.uint8), male, identity, {})

    def results():
        record = Recorder("p", 1.0, "d", len(male))
        reading.read_matching(record, "m", before, after, faces, (1e-2, 1e-3), 0)
        sides = (Readings({}, {"m": x}) for x in (before, after))
        return record.rows, compare(*sides, male, identity, 0.0).matchers[0]

    rows, protocol = results()

    def refused(*_):
        raise AssertionError("all scores at once")

    monkeypatch.setattr(module, "MOST_IMAGES", 100)
    monkeypatch.setattr(module.verification, "pair_scores", refused)
    streamed_rows, streamed = results()
    assert len(rows) > 12
    for a, b in zip(rows, streamed_rows, strict=True):
        assert (a.metric, a.group, a.note, a.n) == (b.metric, b.group, b.note, b.n)
        assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high), abs=1e-12)
    assert protocol.tmr_before == streamed.tmr_before
    assert protocol.tmr_after_fixed == streamed.tmr_after_fixed
    assert protocol.eer_after == pytest.approx(streamed.eer_after, abs=1e-12)
