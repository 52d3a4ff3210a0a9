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
    assert sum(p.numel() for p in OfficialGenderCNN().parameters()) == official + 512 + 1


@pytest.mark.parametrize("cls", [OfficialGenderCNN, KerasGenderCNN])
def test_gradients_and_norm(cls):
    network = cls(3, norm=True)
    network(torch.rand(2, 3, 224, 224)).sum().backward()
    assert all(p.grad is not None for p in network.parameters())
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in cls().modules())
