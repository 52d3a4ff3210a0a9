"""Loss terms against their formulas in numpy."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.systems.san.losses import dissimilarity, gender_loss, matching_loss  # noqa: E402


def test_dissimilarity_is_the_papers_cross_entropy():
    rng = np.random.default_rng(0)
    o, t = rng.uniform(0.01, 0.99, (2, 3, 1, 4, 5))
    entropy = -(t * np.log(o) + (1 - t) * np.log(1 - o))
    o_, t_ = torch.from_numpy(o), torch.from_numpy(t)
    np.testing.assert_allclose(dissimilarity(o_, t_, "bce_mean"), entropy.mean(), rtol=1e-5)
    total = entropy.sum(axis=(1, 2, 3)).mean()
    np.testing.assert_allclose(dissimilarity(o_, t_, "bce_sum"), total, rtol=1e-5)
    np.testing.assert_allclose(dissimilarity(o_, t_, "l1"), np.abs(o - t).mean(), rtol=1e-5)


@pytest.mark.parametrize("kind", ["bce_sum", "bce_mean", "l1"])
def test_reconstruction_is_the_minimum(kind):
    """The Keras project's loss lacks the (1 - t) half, so a white image wins there; not here."""
    t = torch.full((1, 1, 4, 4), 0.55)
    assert dissimilarity(t, t, kind) < dissimilarity(torch.ones_like(t), t, kind)


def test_gender_loss_is_equation_3():
    rng = np.random.default_rng(1)
    same, opposite = rng.normal(size=(2, 6))
    y = np.array([0, 1, 1, 0, 1, 0.0])
    p, q = 1 / (1 + np.exp(-same)), 1 / (1 + np.exp(-opposite))

    def s(t, p):
        return -(t * np.log(p) + (1 - t) * np.log(1 - p))

    expected = (s(y, p) + s(1 - y, q)).mean()
    args = [torch.from_numpy(a).float() for a in (same, opposite, y)]
    np.testing.assert_allclose(gender_loss(*args), expected, rtol=1e-5)


def test_matching_loss_of_each_kind():
    rng = np.random.default_rng(2)
    r, sm, op = rng.normal(size=(3, 4, 7)).astype(np.float32)

    def unit(a):
        return a / np.linalg.norm(a, axis=1, keepdims=True)

    expected = {
        "sm": ((unit(sm) - unit(r)) ** 2).sum(1).mean(),
        "op": ((unit(op) - unit(r)) ** 2).sum(1).mean(),
        "mean": (((unit(sm) + unit(op)) / 2 - unit(r)) ** 2).sum(1).mean(),
    }
    args = [torch.from_numpy(a) for a in (r, sm, op)]
    for kind, value in expected.items():
        np.testing.assert_allclose(matching_loss(*args, kind), value, rtol=1e-5)
    with pytest.raises(ValueError, match="None"):
        matching_loss(args[0], None, args[2], "mean")


def test_marino_2019_is_minus_t_log_o_and_prefers_white():
    """The published pre-training loss of the Keras project: a white image beats the face itself."""
    rng = np.random.default_rng(3)
    o, t = rng.uniform(0.01, 0.99, (2, 3, 1, 4, 5))
    o_, t_ = torch.from_numpy(o), torch.from_numpy(t)
    expected = -(t * np.log(o)).sum(axis=(1, 2, 3)).mean()
    np.testing.assert_allclose(dissimilarity(o_, t_, "marino2019"), expected, rtol=1e-5)
    white = dissimilarity(torch.ones_like(t_), t_, "marino2019")
    assert white < dissimilarity(t_, t_, "marino2019")


def test_gender_loss_of_a_part_of_the_same_gender_outputs():
    """Each term is the mean over the faces it was asked of; none asked leaves one term."""
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    y = torch.tensor([0.0, 1.0, 1.0])
    same, opposite = torch.tensor([0.3, -0.2, 1.0]), torch.tensor([0.5, 2.0, -1.0])
    whole = gender_loss(same, opposite, y)
    one = gender_loss(same[:1], opposite, y)
    none = gender_loss(same[:0], opposite, y)
    torch.testing.assert_close(whole - none, bce(same, y))
    torch.testing.assert_close(one - none, bce(same[:1], y[:1]))


@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_matching_loss_of_the_authors_code_and_of_keras(unit, reduction):
    """The sum over a batch of squared distances, as F.mse_loss(size_average=False); raw logits."""
    rng = np.random.default_rng(4)
    r, sm, op = rng.normal(size=(3, 8, 7)).astype(np.float32)

    def scaled(a):
        return a / np.linalg.norm(a, axis=1, keepdims=True) if unit else a

    distances = (((scaled(sm) + scaled(op)) / 2 - scaled(r)) ** 2).sum(1)
    expected = distances.sum() if reduction == "sum" else distances.mean()
    args = [torch.from_numpy(a) for a in (r, sm, op)]
    found = matching_loss(*args, "mean", unit=unit, reduction=reduction)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_gender_loss_with_labels_of_its_own():
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    y, wanted = torch.tensor([0.0, 1.0, 1.0]), torch.tensor([1.0, 1.0, 0.0])
    same, opposite = torch.tensor([0.3, -0.2, 1.0]), torch.tensor([0.5, 2.0, -1.0])
    expected = bce(same, y) + bce(opposite, wanted)
    torch.testing.assert_close(gender_loss(same, opposite, y, wanted), expected)
