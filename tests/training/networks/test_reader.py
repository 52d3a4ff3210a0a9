"""The gender readers, and the attacks that they are trained against."""

from __future__ import annotations

from typing import get_args

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.training.gender import attacked  # noqa: E402
from faceveil.training.networks.reader import Body, Reader  # noqa: E402


@pytest.mark.parametrize("body", get_args(Body))
@pytest.mark.parametrize("channels", [1, 3])
def test_one_logit_a_face_and_gradients_everywhere(body: Body, channels: int) -> None:
    network = Reader(body, 64, 1.25, (16, 24, 32), channels)
    image = torch.rand(4, channels, 64, 64, requires_grad=True)
    logits = network(image)
    assert logits.shape == (4,)
    logits.sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_a_tight_reader_sees_the_face_alone() -> None:
    network = Reader("plain", 96, 1.5, (16, 24)).eval()
    image = torch.rand(2, 3, 96, 96)
    around = image.clone()
    around[:, :, : network.top] = 0
    around[:, :, network.top + network.seen :] = 0
    around[:, :, :, : network.left] = 0
    around[:, :, :, network.left + network.seen :] = 0
    assert network.seen == 64
    assert torch.equal(network(image), network(around))
    around[:, :, 48, 48] = 1 - around[:, :, 48, 48]
    assert not torch.equal(network(image), network(around))


def test_an_attack_raises_the_loss_of_the_share_that_it_moves_and_keeps_to_its_size() -> None:
    torch.manual_seed(0)
    network = Reader("plain", 32, 1.0, (16, 24)).eval()
    image = torch.rand(64, 3, 32, 32)
    male = (torch.rand(64) < 0.5).float()
    moved = attacked(network, image, male, 0.5, (0.01, 0.02), torch.Generator().manual_seed(1))
    change = (moved - image).abs().amax(dim=(1, 2, 3))
    assert int((change > 0).sum()) == 32
    assert float(change[change > 0].min()) >= 0.01 - 1e-6
    assert float(change.max()) <= 0.02 + 1e-6
    with torch.no_grad():
        loss = torch.nn.functional.binary_cross_entropy_with_logits
        assert float(loss(network(moved), male)) > float(loss(network(image), male))
    assert all(p.grad is None for p in network.parameters())
    again = attacked(network, image, male, 0.5, (0.01, 0.02), torch.Generator().manual_seed(1))
    assert torch.equal(moved, again)
