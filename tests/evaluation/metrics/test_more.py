"""ROC, Reduction, rank-1, pairings, the Keras and LFW protocols, attributes."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_curve

from faceveil.errors import OptionError
from faceveil.evaluation.metrics import attributes, gender
from faceveil.evaluation.metrics import verification as v

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("decimals", [1, 6])
def test_roc_is_scikit_learns(decimals):
    male = RNG.integers(0, 2, 200)
    scores = np.round(RNG.random(200) + 0.3 * male, decimals)
    found = gender.roc(scores, male)
    fpr, tpr, thresholds = roc_curve(male, scores, drop_intermediate=False)
    np.testing.assert_allclose(found.fpr, fpr)
    np.testing.assert_allclose(found.tpr, tpr)
    np.testing.assert_allclose(found.thresholds, thresholds)
    assert np.trapezoid(found.tpr, found.fpr) == pytest.approx(gender.auc(scores, male))


def test_roc_of_verification_is_scikit_learns():
    genuine, impostor = np.round(RNG.normal(1, 1, 80), 1), np.round(RNG.normal(size=300), 1)
    found = v.verification_roc(genuine, impostor)
    same = np.repeat([1, 0], [80, 300])
    fpr, tpr, _ = roc_curve(same, np.concatenate([genuine, impostor]), drop_intermediate=False)
    np.testing.assert_allclose(found.fpr, fpr)
    np.testing.assert_allclose(found.tpr, tpr)
    with pytest.raises(OptionError, match="impostor"):
        v.verification_roc(genuine, [])


def test_reduction_is_gender_ans_table():
    """Gender-AN Table III prints .984 for SVM and 1.312 for PrivacyNet's k-NN, to rounding."""
    assert gender.reduction(0.986, 0.508) == pytest.approx(0.984, abs=0.001)
    assert gender.reduction(0.984, 0.347) == pytest.approx(1.312, abs=0.005)
    with pytest.raises(OptionError, match="chance"):
        gender.reduction(0.5, 0.4)


def unit(x):
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def test_rank1_by_brute_force():
    identity = np.array([0, 0, 1, 1, 2, 3, 3, 3])
    probe, gallery = unit(RNG.normal(size=(8, 5))), unit(RNG.normal(size=(8, 5)))
    hits = []
    for i in range(8):
        if (identity == identity[i]).sum() > 1:
            scores = [-9 if j == i else probe[i] @ gallery[j] for j in range(8)]
            hits.append(identity[int(np.argmax(scores))] == identity[i])
    assert v.rank1(probe, gallery, identity) == pytest.approx(np.mean(hits))
    assert (
        v.rank1(
            unit(np.eye(4)[[0, 0, 1, 1]]), unit(np.eye(4)[[0, 0, 1, 1]]), np.array([0, 0, 1, 1])
        )
        == 1
    )
    with pytest.raises(OptionError, match="two images"):
        v.rank1(probe[:2], gallery[:2], np.array([0, 1]))


def test_pairings():
    before, after = np.zeros((1, 2)), np.ones((1, 2))
    values = {w: tuple(x[0, 0] for x in v.pairing(before, after, w)) for w in v.PAIRINGS}
    assert values == {
        "original-protected": (0, 1),
        "protected-protected": (1, 1),
        "original-original": (0, 0),
    }
    with pytest.raises(OptionError, match="original-protected"):
        v.pairing(before, after, "other")


def test_keras_score():
    a, b = RNG.normal(size=(2, 5, 3))
    expected = [1 / (1 + np.linalg.norm(x - y) ** 2) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(v.keras_score(a, b), expected)
    assert v.keras_score(a, a).tolist() == [1] * 5


def test_lfw_protocol():
    same = np.tile([1, 0], 50)
    fold = np.arange(100) // 10
    perfect = same + RNG.uniform(-0.4, 0.4, 100)
    assert v.lfw_accuracy(perfect, same, fold) == (1.0, 0.0)
    noisy = perfect.copy()
    noisy[[0, 32]] = -5  # two genuine pairs that no threshold saves, in folds 0 and 3
    mean, error = v.lfw_accuracy(noisy, same, fold)
    assert mean == pytest.approx(0.98)
    by_fold = [0.9, 1, 1, 0.9, 1, 1, 1, 1, 1, 1]
    assert error == pytest.approx(np.std(by_fold, ddof=1) / np.sqrt(10))
    assert v.lfw_accuracy(RNG.random(100), same, fold)[0] < 0.7
    with pytest.raises(OptionError, match="two or more"):
        v.lfw_accuracy(noisy, same, np.zeros(100))


def test_attributes():
    a, b = RNG.random((2, 6, 4))
    assert attributes.mean_squared_error(a, b) == pytest.approx(np.mean((a - b) ** 2))
    hard = (a > 0.5).astype(float)
    expected = np.mean([log_loss(hard[:, k], b[:, k], labels=[0, 1]) for k in range(4)])
    assert attributes.cross_entropy(hard, b) == pytest.approx(expected)
    assert attributes.accuracy_change(0.9, 0.7) == pytest.approx(0.2)
    for bad in (a[:3], a * 2, a * np.nan):
        with pytest.raises(OptionError, match="attributes"):
            attributes.mean_squared_error(a, bad)
