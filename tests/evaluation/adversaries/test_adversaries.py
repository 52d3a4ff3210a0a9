"""Each adversary where its answer is known: broken, inverting and perfect protection."""

import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.evaluation.adversaries.attacker_networks import Architecture
from faceveil.evaluation.adversaries.averaging import Averaging
from faceveil.evaluation.adversaries.base import AttackResult, attack, strongest
from faceveil.evaluation.adversaries.flip import Flip
from faceveil.evaluation.adversaries.recovery import OPERATIONS, Recovery, robustness
from faceveil.evaluation.adversaries.registry import ADVERSARIES, build_adversary
from faceveil.evaluation.adversaries.retrained import Retrained
from faceveil.evaluation.adversaries.similarity import STATISTICS, Similarity, balanced
from faceveil.evaluation.adversaries.zero_effort import ZeroEffort
from faceveil.evaluation.metrics.intervals import Interval
from tests.evaluation.adversaries.scenes import another, invert, nothing, scene


def aucs(adversary, protect, **options):
    made, male, identity, _ = scene(protect, **options)
    return {r.variant: r.auc for r in attack(adversary, made, male, identity, repeats=50)}


def test_zero_effort_and_flip_are_mirrors():
    assert aucs(ZeroEffort(), nothing)["brightness"] > 0.99
    assert aucs(Flip(), nothing)["brightness"] < 0.01
    assert aucs(ZeroEffort(), invert)["brightness"] < 0.01
    assert aucs(Flip(), invert)["brightness"] > 0.99


def test_a_perfect_protector_leaves_nothing_to_the_weak():
    assert abs(aucs(ZeroEffort(), another)["brightness"] - 0.5) < 0.2


def test_retraining_undoes_an_inversion():
    pytest.importorskip("sklearn", reason="needs the report extra")
    found = aucs(Retrained(("svm", "knn", "forest")), invert)
    for classifier in ("svm", "knn", "forest"):
        assert found[f"{classifier}-protected/patches"] > 0.97
        assert found[f"{classifier}-clean/patches"] < 0.1
    assert aucs(Retrained(("svm",)), another)["svm-protected/patches"] < 0.85
    with pytest.raises(OptionError, match="svm, forest, mlp, knn"):
        aucs(Retrained(("tree",)), nothing)


def test_the_mlp_learns_too():
    pytest.importorskip("sklearn", reason="needs the report extra")
    assert aucs(Retrained(("mlp",)), invert, own=80)["mlp-protected/patches"] > 0.9


def test_similarity_finds_the_gender_in_the_neighbours():
    found = aucs(Similarity(tops=(1, 5, 1000)), invert)
    assert set(found) == {
        f"{k}/patches" for k in ("top1-mean", "top5-mean", "top5-log", "top5-linear")
    }
    assert min(found.values()) > 0.97


def test_similarity_weights_by_hand():
    assert STATISTICS["mean"](4).tolist() == [0.25] * 4
    np.testing.assert_allclose(STATISTICS["log"](2), [np.log10(2), np.log10(1.5)])
    np.testing.assert_allclose(STATISTICS["linear"](3), [1 / 2, 1 / 3, 1 / 4])


def test_gallery_is_balanced():
    male = np.array([1] * 9 + [0] * 3)
    rows = balanced(male, seed=0)
    assert male[rows].tolist().count(1) == 3
    assert len(set(rows)) == 6
    assert np.array_equal(rows, balanced(male, seed=0))


def test_every_recovery_keeps_the_face():
    face = scene(nothing)[0].targets[0]
    for operation in OPERATIONS.values():
        out = operation(face)
        assert (out.shape, out.dtype) == (face.shape, np.uint8)
        assert np.abs(out.astype(int) - face).mean() < 12


def test_recovery_reads_through_a_veil_of_noise():
    """Strong zero-mean noise in a judge that reads single pixels; blur takes it away."""

    def noise(crops, male):
        rng = np.random.default_rng(0)
        return np.clip(crops + rng.normal(0, 60, crops.shape), 0, 255).astype(np.uint8)

    made, male, identity, _ = scene(noise)
    judge = made.gender_judges[0]
    judge.p_male = lambda crops: (crops[:, 100, 100, 0] / 255).astype(np.float32)
    plain = attack(ZeroEffort(), made, male, identity, repeats=20)[0].auc
    cleaned = attack(Recovery(("blur",)), made, male, identity, repeats=20)[0]
    assert cleaned.variant == "blur/brightness"
    assert cleaned.auc > plain + 0.03
    with pytest.raises(OptionError, match="denoise"):
        attack(Recovery(("magic",)), made, male, identity)


def result(auc):
    return AttackResult("a", "v", auc, Interval(0, 1), 0.5)


def test_robustness_by_hand():
    assert robustness(0.9, result(0.5), result(0.5)) == pytest.approx(1)
    assert robustness(0.9, result(0.5), result(0.9)) == pytest.approx(0)
    assert robustness(0.9, result(0.4), result(0.75)) == pytest.approx(0.5)
    with pytest.raises(OptionError, match="nothing to keep"):
        robustness(0.6, result(0.9), result(0.9))


def test_averaging_beats_one_draw():
    """A protector that adds a random shade: the mean of many versions shows the face's own."""
    rng = np.random.default_rng(3)

    def shade(crops, male):
        return np.clip(crops + rng.normal(0, 60, (len(crops), 1, 1)), 0, 255).astype(np.uint8)

    made, male, identity, crops = scene(shade)
    again = [shade(crops, male) for _ in range(15)]
    more, _, _, _ = scene(shade, again=again)
    single = attack(ZeroEffort(), made, male, identity, repeats=20)[0].auc
    found = {r.variant: r.auc for r in attack(Averaging(), more, male, identity, repeats=20)}
    assert set(found) == {"scores/brightness", "pictures/brightness"}
    assert min(found.values()) > single + 0.05


def test_averaging_has_nothing_to_average():
    made, male, identity, _ = scene(nothing)
    assert attack(Averaging(), made, male, identity) == ()


def test_cnn_and_reversal_learn_the_inversion():
    pytest.importorskip("torch", reason="needs the train extra")
    from faceveil.evaluation.adversaries.retrained_cnn import RetrainedCNN
    from faceveil.evaluation.adversaries.reversal import Reversal, gain_in_psnr

    cnn = RetrainedCNN((Architecture("cnn", side=16),), epochs=8)
    first = aucs(cnn, invert)
    assert first["cnn"] > 0.95
    assert first == aucs(cnn, invert)  # the same seed, the same answer
    made, male, identity, crops = scene(invert)
    reversal = Reversal(side=16, epochs=30, width=8)
    assert attack(reversal, made, male, identity, repeats=20)[0].auc > 0.9
    assert gain_in_psnr(crops, made.targets, reversal.reconstruct(made)) > 2


def test_the_strongest_is_the_headline():
    assert strongest([result(0.4), result(0.7), result(0.6)]).auc == 0.7
    assert strongest([result(0.2), result(0.7), result(0.6)]).auc == 0.2
    with pytest.raises(OptionError, match="got no result"):
        strongest([])


def test_intervals_hold_the_value():
    made, male, identity, _ = scene(nothing)
    made.gender_judges[0].gain = 0.01
    for r in attack(ZeroEffort(), made, male, identity):
        assert r.interval.low <= r.auc <= r.interval.high


def test_scores_that_mean_nothing():
    made, male, identity, _ = scene(nothing)
    made.gender_judges[0].p_male = lambda crops: np.full(len(crops), np.nan, np.float32)
    with pytest.raises(OptionError, match="not finite"):
        attack(ZeroEffort(), made, male, identity)
    made.gender_judges[0].p_male = lambda crops: np.zeros(3, np.float32)
    with pytest.raises(OptionError, match="expected"):
        attack(ZeroEffort(), made, male, identity)
    made, male, identity, _ = scene(nothing)
    with pytest.raises(OptionError, match="both genders"):
        attack(ZeroEffort(), made, np.zeros(len(male)), identity)


def test_registry():
    for name in ADVERSARIES:
        adversary = build_adversary(name)
        assert adversary.name == name
        assert len(adversary.assumption) > 20
    with pytest.raises(OptionError, match="zero-effort"):
        build_adversary("nobody")
