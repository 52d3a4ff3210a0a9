"""The official and the Keras classifier: the shapes that their code gives."""

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.training.networks.gender_cnn_variants import KerasGenderCNN, OfficialGenderCNN  # noqa: E402


@pytest.mark.parametrize(
    ("cls", "maps"), [(OfficialGenderCNN, (512, 7, 7)), (KerasGenderCNN, (256, 1, 1))]
)
def test_last_maps(cls, maps):
    network = cls().eval()
    with torch.no_grad():
        assert network.convolutions(torch.rand(1, 1, 224, 224)).shape[1:] == maps
        assert network(torch.rand(2, 1, 224, 224)).shape == (2,)


def test_parameters_are_the_layers():
    def convolution(before, width, side):
        return width * (before * side * side + 1)

    official = sum(
        convolution(a, b, 5 if a == 1 else 3)
        for a, b in ((1, 32), (32, 64), (64, 128), (128, 256), (256, 256), (256, 512))
    )
    assert sum(p.numel() for p in OfficialGenderCNN().parameters()) == official + 2 * (512 + 1)


@pytest.mark.parametrize("cls", [OfficialGenderCNN, KerasGenderCNN])
def test_gradients_and_norm(cls):
    network = cls(3, norm=True)
    network(torch.rand(2, 3, 224, 224)).sum().backward()
    assert all(p.grad is not None for p in network.parameters())
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in cls().modules())


def test_the_keras_head_is_two_sigmoids_over_their_sum():
    """Dense, dropout, leaky ReLU of 0.3, dense of two, sigmoid; the loss divides by the sum."""
    torch.manual_seed(0)
    network = KerasGenderCNN().eval()
    image = torch.rand(2, 1, 224, 224)
    with torch.no_grad():
        x = network.convolutions(image).flatten(1)
        x = x @ network.hidden.weight.T + network.hidden.bias
        x = torch.where(x > 0, x, 0.3 * x)
        two = torch.sigmoid(x @ network.output.weight.T + network.output.bias)
        expected = two[:, 1] / two.sum(dim=1)
        torch.testing.assert_close(torch.sigmoid(network(image)), expected)


def test_the_official_head_is_a_softmax_of_two_after_a_second_dropout():
    network = OfficialGenderCNN()
    network.convolutions = torch.nn.Identity()
    maps = torch.rand(200, 512, 2, 2)
    with torch.no_grad():
        two = network.output(maps.mean(dim=(2, 3)))
        found = torch.sigmoid(network.eval()(maps))
        torch.testing.assert_close(found, two.softmax(dim=1)[:, 1])
        network.output.weight[:] = torch.tensor([[0.0], [1.0]]).expand(2, 512) / 512
        network.output.bias[:] = 0
        torch.manual_seed(0)
        share = network.train()(torch.ones(200, 512, 2, 2)) * 0.75**2  # of 512 maps, that survive
    assert float(share.mean()) == pytest.approx(0.75**2, abs=0.01)
    one, two_dropouts = (p * (1 - p) / 512 for p in (0.75, 0.75**2))  # variance of such a share
    assert float(share.var()) == pytest.approx(two_dropouts, rel=0.35)
    assert float(share.var()) > 1.5 * 0.75**2 * one
