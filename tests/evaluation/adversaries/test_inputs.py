"""What adversaries refuse, and what they take besides grey crops."""

import dataclasses
import sys

import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.evaluation.adversaries.attacker_networks import Architecture
from faceveil.evaluation.adversaries.averaging import Averaging
from faceveil.evaluation.adversaries.base import AttackResult, as_rgb, attack
from faceveil.evaluation.adversaries.flip import Flip
from faceveil.evaluation.adversaries.inputs import check_own
from faceveil.evaluation.adversaries.recovery import OPERATIONS, Recovery, recovered, robustness
from faceveil.evaluation.adversaries.registry import ADVERSARIES, list_adversaries
from faceveil.evaluation.adversaries.retrained import Retrained
from faceveil.evaluation.adversaries.retrained_cnn import RetrainedCNN
from faceveil.evaluation.adversaries.reversal import Reversal, gain_in_psnr, mean_psnr
from faceveil.evaluation.adversaries.similarity import Similarity
from faceveil.evaluation.adversaries.zero_effort import ZeroEffort
from faceveil.evaluation.metrics.intervals import Interval
from tests.evaluation.adversaries.scenes import invert, nothing, scene

SMALL = (Architecture("cnn", side=16),)
LEARNERS = [Retrained(("svm",)), RetrainedCNN(SMALL, epochs=1), Similarity(), Reversal(16, 1, 4)]


def own(made, rows):
    return dataclasses.replace(
        made, own=made.own[rows], own_male=made.own_male[rows], own_identity=made.own_identity[rows]
    )


def coloured(crops):
    return np.stack([crops, crops // 2, crops // 3], axis=3)


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda a: a.name)
def test_own_faces_of_one_gender_teach_nothing(learner):
    made = scene(nothing)[0]
    for rows in (made.own_male == 1, made.own_male == 0, np.zeros(len(made.own), bool)):
        with pytest.raises(OptionError, match="two or more of each"):
            learner.scores(own(made, rows))
    with pytest.raises(OptionError, match="one label a face"):
        learner.scores(dataclasses.replace(made, own_male=made.own_male[:-5]))


def test_two_of_each_are_enough():
    made = scene(nothing)[0]
    rows = np.concatenate([np.flatnonzero(made.own_male == side)[:2] for side in (0, 1)])
    check_own(own(made, rows))
    with pytest.raises(OptionError, match="2 male and 1 female"):
        check_own(own(made, rows[1:]))


def test_few_faces_suffice_for_every_classifier():
    pytest.importorskip("sklearn", reason="needs the report extra")
    made, male, identity, _ = scene(invert)
    few = own(made, slice(0, 6))  # fewer than the neighbours of k-NN
    for r in attack(Retrained(), few, male, identity, repeats=20):
        assert (r.auc > 0.9) == ("-protected" in r.variant)


def test_a_constant_picture_is_chance():
    def constant(crops, male):
        return np.full_like(crops, 77)

    made, male, identity, _ = scene(constant)
    for adversary in (ZeroEffort(), Flip(), Recovery()):
        for r in attack(adversary, made, male, identity, repeats=20):
            assert r.auc == 0.5, r.variant
            assert r.eer == 0.5


def test_auc_is_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics", reason="needs the report extra")
    made, male, identity, _ = scene(nothing)
    noise = np.random.default_rng(0).normal(0, 0.8, len(male)).astype(np.float32)
    made.gender_judges[0].p_male = lambda crops: male.astype(np.float32) + noise
    found = attack(ZeroEffort(), made, male, identity, repeats=20)[0]
    assert found.auc == pytest.approx(metrics.roc_auc_score(male, male + noise))
    assert 0.6 < found.auc < 0.95


def test_similarity_is_the_formula():
    """Top-2 log-weighted against a plain loop over the gallery."""
    made, _, _, _ = scene(nothing)
    found = Similarity(tops=(2,)).scores(made)["top2-log/patches"]
    embed = made.matchers[0].embed
    gallery, targets = embed(as_rgb(made.own)), embed(as_rgb(made.targets))
    for target, score in zip(targets, found, strict=True):
        best = {
            side: sorted((float(target @ g) for g in gallery[made.own_male == side]), reverse=True)
            for side in (0, 1)
        }
        gap = [best[1][i] - best[0][i] for i in (0, 1)]
        assert score == pytest.approx(np.log10(2) * gap[0] + np.log10(1.5) * gap[1], abs=1e-5)


def test_settings_out_of_range():
    made = scene(nothing)[0]
    for tops in ((), (0,), (-1, 1), (5000,)):
        with pytest.raises(OptionError, match="tops"):
            Similarity(tops).scores(made)
    for reversal in (Reversal(side=30), Reversal(side=0), Reversal(epochs=0), Reversal(width=0)):
        with pytest.raises(OptionError, match="multiple of 4"):
            reversal.scores(made)
    for cnn in (RetrainedCNN((Architecture("cnn", side=8),)), RetrainedCNN(epochs=0)):
        with pytest.raises(OptionError, match="16 px"):
            cnn.scores(made)
    with pytest.raises(OptionError, match="same order"):
        Averaging().scores(dataclasses.replace(made, again=[made.targets[:3]]))


@pytest.mark.parametrize(
    ("module", "adversary", "extra"),
    [
        ("sklearn.svm", Retrained(("svm",)), "report"),
        ("torch", RetrainedCNN(SMALL, epochs=1), "train"),
        ("torch", Reversal(16, 1, 4), "train"),
    ],
    ids=["sklearn", "cnn", "reversal"],
)
def test_a_missing_extra_is_named(monkeypatch, module, adversary, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(OptionError, match=rf'pip install "faceveil\[{extra}\]"'):
        adversary.scores(scene(nothing)[0])


def test_colour_is_read_as_judges_see_it():
    made, male, identity, _ = scene(nothing)
    colour = dataclasses.replace(made, targets=coloured(made.targets), own=coloured(made.own))
    expected = made.gender_judges[0].p_male(colour.targets)
    assert np.array_equal(ZeroEffort().scores(colour)["brightness"], expected)
    for r in attack(Recovery(), colour, male, identity, repeats=20):
        assert r.auc > 0.99
    with pytest.raises(OptionError, match="224"):
        ZeroEffort().scores(dataclasses.replace(made, targets=made.targets[:, :50]))


def test_operations_keep_the_order_of_channels():
    face = coloured(scene(nothing)[0].targets)[0]
    for name, operation in OPERATIONS.items():
        out = operation(face)
        assert (out.shape, out.dtype) == (face.shape, np.uint8), name
        red, green, blue = out.reshape(-1, 3).mean(axis=0)
        assert red > green > blue, name


def test_jpeg_spends_its_bits_on_luma():
    """Seen in the wrong channel order, red would be stored as blue and come back less exact."""
    face = np.zeros((224, 224, 3), np.uint8)
    face[..., 0] = np.random.default_rng(0).integers(0, 255, (224, 224))
    red, blue = (OPERATIONS["jpeg"](face[..., ::step])[..., ::step] for step in (1, -1))
    error = [np.abs(out[..., 0].astype(int) - face[..., 0]).mean() for out in (red, blue)]
    assert error[0] < error[1]


def test_a_higher_jpeg_quality_changes_less():
    face = scene(nothing)[0].targets[0]
    face = np.clip(face + np.random.default_rng(0).normal(0, 20, face.shape), 0, 255)
    face = face.astype(np.uint8)
    change = [np.abs(OPERATIONS[k](face).astype(int) - face).mean() for k in ("jpeg", "jpeg75")]
    assert change[0] > change[1] > 0


def test_torch_adversaries_take_colour_and_leave_the_random_state():
    torch = pytest.importorskip("torch", reason="needs the train extra")
    made = scene(nothing)[0]
    colour = dataclasses.replace(made, targets=coloured(made.targets), own=coloured(made.own))
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    assert RetrainedCNN(SMALL, epochs=1).scores(colour)["cnn"].shape == (len(made.targets),)
    assert torch.equal(state, torch.random.get_rng_state())
    rebuilt = Reversal(16, 1, 4).reconstruct(colour)
    assert torch.equal(state, torch.random.get_rng_state())
    assert (rebuilt.shape, rebuilt.dtype) == (colour.targets.shape, np.uint8)


def test_seeds_decide_what_is_random():
    pytest.importorskip("torch", reason="needs the train extra")
    made, male, identity, _ = scene(nothing)
    cnn = RetrainedCNN(SMALL, epochs=1)
    first = cnn.scores(made)["cnn"]
    assert np.array_equal(first, cnn.scores(made)["cnn"])
    assert not np.array_equal(first, cnn.scores(dataclasses.replace(made, seed=1))["cnn"])
    noise = np.random.default_rng(0).normal(0, 1, len(male)).astype(np.float32)
    made.gender_judges[0].p_male = lambda crops: noise
    spans = [attack(ZeroEffort(), made, male, identity, repeats=50, seed=s)[0] for s in (0, 0, 1)]
    assert spans[0].interval == spans[1].interval != spans[2].interval
    assert spans[0].auc == spans[2].auc


def result(variant, auc):
    return AttackResult("a", variant, auc, Interval(0, 1), 0.5)


def test_recovered_by_hand():
    original = {"x": 0.9, "y": 0.6}
    protected = [result("x", 0.4), result("y", 0.8)]
    cleaned = [result("blur/x", 0.75), result("jpeg/x", 0.4), result("blur/y", 0.6)]
    found = recovered(original, protected, cleaned)
    # x: gaps .4 before, .1 protected, .25 cleaned -> half is left; y: protection took nothing.
    assert found == {"blur/x": pytest.approx(0.5), "jpeg/x": pytest.approx(1)}
    assert found["blur/x"] == robustness(0.9, protected[0], cleaned[0])
    with pytest.raises(OptionError, match="blur/z"):
        recovered(original, protected, [result("blur/z", 0.5)])


def test_psnr_by_hand():
    zero = np.zeros((2, 4, 4), np.uint8)
    assert mean_psnr(zero, zero) == 99
    assert mean_psnr(zero, zero + 51) == pytest.approx(20 * np.log10(5))
    assert gain_in_psnr(zero, zero + 102, zero + 51) == pytest.approx(20 * np.log10(2))


def test_names_are_listed_in_order():
    names = list_adversaries()
    assert names == tuple(ADVERSARIES)
    assert (names[0], len(names)) == ("zero-effort", 9)
