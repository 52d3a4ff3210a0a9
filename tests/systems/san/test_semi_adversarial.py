"""The objective: each term where it belongs, and gradients that reach the network alone."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

from faceveil.systems.san.config import SANConfig  # noqa: E402
from faceveil.systems.san.network import SAN  # noqa: E402
from faceveil.systems.san.prototypes import PrototypeSAN  # noqa: E402
from faceveil.systems.san.semi_adversarial import Batch, SemiAdversarial  # noqa: E402

SIDE = 16
CONFIG = SANConfig(
    "x", "m", (), views=False, lambda_g=2.0, lambda_m=3.0, lambda_d=5.0, lambda_d_opposite=7.0
)


class Brightness(nn.Module):
    """A classifier: bright faces are male."""

    def forward(self, image):
        return 20 * (image.float().mean(dim=(1, 2, 3)) - 0.5)


class Thumbnail(nn.Module):
    """A matcher: the face itself, small."""

    def forward(self, image):
        return F.avg_pool2d(image.float(), 4).flatten(1)


def objective(config=CONFIG):
    torch.manual_seed(0)
    model = PrototypeSAN(SAN(), torch.rand(2, 3, SIDE, SIDE))
    return SemiAdversarial(config, model, [(Brightness(), SIDE)], Thumbnail())


def batch(count=4):
    generator = torch.Generator().manual_seed(1)
    image, original = torch.rand(2, count, 1, SIDE, SIDE, generator=generator)
    male = torch.tensor([0.0, 1.0] * (count // 2))
    return Batch(image, original, male, torch.eye(2, 3).repeat(count, 1, 1))


def by_hand(objective, b):
    model = objective.model
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        same = model(b.image, b.male, b.male, b.theta).float()
        opposite = model(b.image, b.male, 1 - b.male, b.theta).float()
    bce = F.binary_cross_entropy_with_logits
    j_g = bce(Brightness()(same), b.male) + bce(Brightness()(opposite), 1 - b.male)

    def unit(x):
        return F.normalize(Thumbnail()(x), dim=1)

    mean = (unit(same) + unit(opposite)) / 2
    j_m = (mean - unit(b.original)).square().sum(dim=1).mean()
    return same, opposite, j_g, j_m


def test_the_loss_is_the_weighted_sum_against_the_original():
    o, b = objective(), batch()
    loss, terms = o(b, torch.Generator().manual_seed(0))
    same, opposite, j_g, j_m = by_hand(o, b)
    d, d_op = ((x - b.original).abs().mean() for x in (same, opposite))
    expected = 2 * j_g + 3 * j_m + 5 * d + 7 * d_op
    torch.testing.assert_close(loss.detach(), expected, rtol=2e-2, atol=0)
    for name, value in {"J_G": j_g, "J_M": j_m, "J_D": d, "J_D_op": d_op}.items():
        assert terms[name] == pytest.approx(float(value), rel=2e-2)


def test_three_schemes_of_dissimilarity():
    """FlowSAN 3.2: none, against the input, against the original."""
    b, generator = batch(), torch.Generator
    found = {}
    for scheme in ("none", "input", "original"):
        o = objective(replace(CONFIG, dissimilarity_to=scheme))
        found[scheme] = o(b, generator().manual_seed(0))[1]
    assert "J_D" not in found["none"]
    same = by_hand(objective(), b)[0]
    for scheme, wanted in (("input", b.image), ("original", b.original)):
        expected = float((same - wanted).abs().mean())
        assert found[scheme]["J_D"] == pytest.approx(expected, rel=2e-2)


@pytest.mark.parametrize("match_on", ["sm", "op", "mean"])
def test_shares_of_a_batch(match_on):
    """Half the batch for the matcher, a quarter for SM: the terms are means over those."""
    config = replace(CONFIG, match_on=match_on, match_share=0.5, same_share=0.25)
    _, terms = objective(config)(batch(8), torch.Generator().manual_seed(0))
    assert 0 < terms["J_M"] <= 4
    whole = replace(config, match_share=1.0)
    half = Batch(*(t[4:] for t in batch(8)))
    _, expected = objective(whole)(half, torch.Generator().manual_seed(0))
    assert terms["J_M"] == pytest.approx(expected["J_M"], rel=2e-2)


def test_gradients_reach_every_weight_of_the_autoencoder_and_no_anchor():
    o = objective()
    o.model.anchor = SAN().requires_grad_(False)
    o(batch(), torch.Generator().manual_seed(0))[0].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in o.model.san.parameters())
    assert all(p.grad is None for p in o.model.anchor.parameters())


def test_views_are_seeded():
    config = replace(CONFIG, views=True, match_views=True)
    first, again, other = (
        objective(config)(batch(), torch.Generator().manual_seed(s))[1] for s in (3, 3, 4)
    )
    assert first == again
    assert first != other


def test_the_authors_sum_over_the_batch():
    """Eight times as much as the mean over a batch of eight."""
    b = batch(8)
    mean, total = (
        objective(replace(CONFIG, match_reduction=r))(b, torch.Generator().manual_seed(0))[1]["J_M"]
        for r in ("mean", "sum")
    )
    assert total == pytest.approx(8 * mean, rel=1e-5)


def test_without_matching_nothing_is_asked_of_the_matcher():
    o, b = objective(), batch()
    o.matcher = None
    loss, terms = o(b, torch.Generator().manual_seed(0), matching=False)
    assert terms["J_M"] == 0
    expected = 2 * terms["J_G"] + 5 * terms["J_D"] + 7 * terms["J_D_op"]
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)


def test_the_reversed_batch_of_the_keras_code():
    """Opposite labels are the batch's own in reverse order: of men alone, all stay men."""
    b = batch(4)._replace(male=torch.ones(4))
    found = {}
    for label in ("flipped", "reversed_batch"):
        o = objective(replace(CONFIG, opposite_label=label))
        o.classifiers = [(lambda x: torch.full((len(x),), 3.0), SIDE)]  # all are male
        found[label] = o(b, torch.Generator().manual_seed(0))[1]["J_G"]
    right, wrong = (float(F.softplus(torch.tensor(x))) for x in (-3.0, 3.0))
    assert found["reversed_batch"] == pytest.approx(2 * right, rel=1e-5)
    assert found["flipped"] == pytest.approx(right + wrong, rel=1e-5)


def test_a_classifier_of_another_frame_sees_the_face_resized():
    config = replace(CONFIG, views=False)
    o = objective(config)
    seen = []
    o.classifiers = [(lambda x: seen.append(x.shape[-1]) or Brightness()(x), SIDE // 2)]
    o(batch(), torch.Generator().manual_seed(0))
    assert seen == [SIDE // 2]
