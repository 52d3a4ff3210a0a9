"""The adversarial terms against closed forms."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.systems.editors import wgan  # noqa: E402


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_penalty_of_a_linear_critic_is_known():
    """D(x) = <w, x> has the slope w everywhere, so the penalty is (|w| - 1)^2."""
    w = torch.randn(3, 8, 8, generator=generator(1))
    real, made = torch.rand(5, 3, 8, 8), torch.rand(5, 3, 8, 8)
    found = wgan.gradient_penalty(lambda x: (x * w).flatten(1).sum(1), real, made, generator())
    assert float(found) == pytest.approx((float(w.norm()) - 1) ** 2, rel=1e-5)


def test_the_penalty_looks_between_the_two():
    """D(x) = |x|^2 / 2 has the slope x: 0 where both are 0, and between them otherwise."""
    zero, ones = torch.zeros(400, 3, 1, 1), torch.ones(400, 3, 1, 1)

    def bowl(x):
        return x.square().flatten(1).sum(1) / 2

    assert float(wgan.gradient_penalty(bowl, zero, zero, generator())) == pytest.approx(1)
    # With a uniform share u the slope's length is u sqrt(3): E (u sqrt(3) - 1)^2 = 2 - sqrt(3).
    found = float(wgan.gradient_penalty(bowl, ones, zero, generator()))
    assert found == pytest.approx(2 - 3**0.5, abs=0.05)


def test_the_penalty_trains_the_critic():
    critic = torch.nn.Linear(12, 1)
    loss = wgan.gradient_penalty(
        lambda x: critic(x.flatten(1))[:, 0], torch.rand(4, 3, 2, 2), torch.rand(4, 3, 2, 2),
        generator(),
    )  # fmt: skip
    loss.backward()
    assert critic.weight.grad.abs().sum() > 0


def test_losses_by_hand():
    real, made = torch.tensor([1.0, 3.0]), torch.tensor([0.5, 0.0])
    assert float(wgan.critic_loss(real, made)) == pytest.approx(0.25 - 2)
    logits, wanted = np.array([[0.3, -2.0], [1.0, 0.0]]), np.array([[1, 0], [0, 1]])
    p = 1 / (1 + np.exp(-logits))
    by_hand = -(wanted * np.log(p) + (1 - wanted) * np.log(1 - p)).sum(1).mean()
    found = wgan.attribute_loss(torch.tensor(logits), torch.tensor(wanted, dtype=torch.float64))
    assert float(found) == pytest.approx(by_hand, rel=1e-6)


def test_in_minus_one_to_one_the_slope_is_half_and_the_penalty_is_of_that():
    """The penalty of a critic of u = 2 x - 1, taken in u, by hand."""
    w = torch.randn(3, 4, 4, generator=generator(1))
    x, y = torch.rand(5, 3, 4, 4), torch.rand(5, 3, 4, 4)

    def critic(u):
        return (u.square() * w).flatten(1).sum(1)

    found = wgan.gradient_penalty(lambda x: critic(2 * x - 1), x, y, generator(), span=2.0)
    expected = wgan.gradient_penalty(critic, 2 * x - 1, 2 * y - 1, generator())
    torch.testing.assert_close(found, expected)


def test_a_conditioned_critic_gets_each_faces_own_labels():
    seen = []

    class Critic(torch.nn.Module):
        def forward(self, image, labels):
            seen.append(labels[0, 0].item())
            return image.mean(dim=(1, 2, 3)), labels

    real, made = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    own, wanted = torch.zeros(2, 1), torch.ones(2, 1)
    wgan.critic_terms(Critic(), real, made, own, generator(), views=False, target=wanted)
    assert seen == [0, 1, 0]  # real, made, and between the two
    wgan.generator_terms(Critic(), made, wanted, generator(), views=False, conditioned=True)
    assert seen[3:] == [1]
