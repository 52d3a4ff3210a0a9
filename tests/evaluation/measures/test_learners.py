"""Adversaries that learn from embeddings, where their answers are known; what they refuse."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.evaluation.measures.adversaries import own_faces
from faceveil.evaluation.measures.learners import STATISTICS, balanced, retrained, similarity
from faceveil.evaluation.measures.networks import Architecture, retrained_cnns
from faceveil.evaluation.measures.reversal import reversal
from faceveil.judges.base import as_rgb_crops
from tests.evaluation.measures.cases import another, aucs, case, invert, nothing

SMALL = (Architecture("cnn", side=16),)
LEARNERS = {
    "retrained": lambda c: retrained(c, ("svm",)),
    "cnn": lambda c: retrained_cnns(c, SMALL, epochs=1),
    "similarity": similarity,
    "reversal": lambda c: reversal(c, 16, 1, 4),
}


def own(made, rows):
    return replace(made, own=made.own.take(np.arange(len(made.own.male))[rows]))


@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
def test_own_faces_of_one_gender_teach_nothing(learner):
    made = case(nothing)
    for rows in (made.own.male == 1, made.own.male == 0, np.zeros(len(made.own.male), bool)):
        with pytest.raises(OptionError, match="two or more of each"):
            learner(own(made, rows))
    with pytest.raises(OptionError, match="two or more of each"):
        learner(replace(made, own=None))
    with pytest.raises(OptionError, match="one label a face"):
        learner(replace(made, own=replace(made.own, male=made.own.male[:-5])))


def test_two_of_each_are_enough():
    made = case(nothing)
    rows = np.concatenate([np.flatnonzero(made.own.male == side)[:2] for side in (0, 1)])
    own_faces(own(made, rows))
    with pytest.raises(OptionError, match="2 male and 1 female"):
        own_faces(own(made, rows[1:]))


def test_the_protector_is_run_once_for_all_learners():
    calls = []

    def counted(crops, male):
        calls.append(len(crops))
        return crops

    made = case(counted, targets=6, own=12)
    calls.clear()
    for learner in (similarity, LEARNERS["retrained"], LEARNERS["reversal"], LEARNERS["cnn"]):
        learner(made)
    assert calls == [24]


def test_retraining_undoes_an_inversion():
    pytest.importorskip("sklearn", reason="needs the report extra")
    found = aucs(lambda c: retrained(c, ("svm", "knn", "forest")), case(invert))
    for classifier in ("svm", "knn", "forest"):
        assert found[f"{classifier}-protected/patches"] > 0.97
        assert found[f"{classifier}-clean/patches"] < 0.1
    hidden = aucs(LEARNERS["retrained"], case(another))
    assert hidden["svm-protected/patches"] < 0.85
    with pytest.raises(OptionError, match="svm, forest, mlp, knn"):
        retrained(case(nothing), ("tree",))


def test_the_mlp_learns_too():
    pytest.importorskip("sklearn", reason="needs the report extra")
    found = aucs(lambda c: retrained(c, ("mlp",)), case(invert, own=80))
    assert found["mlp-protected/patches"] > 0.9


def test_few_faces_suffice_for_every_classifier():
    pytest.importorskip("sklearn", reason="needs the report extra")
    few = own(case(invert), slice(0, 6))  # fewer than the neighbours of k-NN
    for variant, auc in aucs(retrained, few).items():
        assert (auc > 0.9) == ("-protected" in variant)


def test_similarity_finds_the_gender_in_the_neighbours():
    found = aucs(lambda c: similarity(c, (1, 5, 1000)), case(invert))
    assert set(found) == {
        f"{k}/patches" for k in ("top1-mean", "top5-mean", "top5-log", "top5-linear")
    }
    assert min(found.values()) > 0.97


def test_similarity_weights_by_hand():
    assert STATISTICS["mean"](4).tolist() == [0.25] * 4
    np.testing.assert_allclose(STATISTICS["log"](2), [np.log10(2), np.log10(1.5)])
    np.testing.assert_allclose(STATISTICS["linear"](3), [1 / 2, 1 / 3, 1 / 4])


def test_similarity_is_the_formula():
    """Top-2 log-weighted against a plain loop over the gallery."""
    made = case(nothing)
    found = similarity(made, (2,))["top2-log/patches"]
    embed = made.matchers[0].embed
    gallery, targets = embed(as_rgb_crops(made.own.crops)), embed(made.after)
    for target, score in zip(targets, found, strict=True):
        best = {
            side: sorted((float(target @ g) for g in gallery[made.own.male == side]), reverse=True)
            for side in (0, 1)
        }
        gap = [best[1][i] - best[0][i] for i in (0, 1)]
        assert score == pytest.approx(np.log10(2) * gap[0] + np.log10(1.5) * gap[1], abs=1e-5)


def test_gallery_is_balanced():
    male = np.array([1] * 9 + [0] * 3)
    rows = balanced(male, seed=0)
    assert male[rows].tolist().count(1) == 3
    assert len(set(rows)) == 6
    assert np.array_equal(rows, balanced(male, seed=0))


def test_settings_out_of_range():
    made = case(nothing)
    for tops in ((), (0,), (-1, 1), (5000,)):
        with pytest.raises(OptionError, match="tops"):
            similarity(made, tops)
    for settings in ({"side": 30}, {"side": 0}, {"epochs": 0}, {"width": 0}):
        with pytest.raises(OptionError, match="multiple of 4"):
            reversal(made, **settings)
    for settings in ({"architectures": (Architecture("cnn", side=8),)}, {"epochs": 0}):
        with pytest.raises(OptionError, match="16 px"):
            retrained_cnns(made, **settings)


@pytest.mark.parametrize(
    ("module", "learner", "extra"),
    [
        ("sklearn.svm", "retrained", "report"),
        ("torch", "cnn", "train"),
        ("torch", "reversal", "train"),
    ],
)
def test_a_missing_extra_is_named(monkeypatch, module, learner, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(OptionError, match=rf'pip install "faceveil\[{extra}\]"'):
        LEARNERS[learner](case(nothing))
