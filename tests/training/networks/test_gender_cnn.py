"""The auxiliary gender classifier: the paper's shapes."""

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.training.networks.face_resnet import FaceResNet  # noqa: E402
from faceveil.training.networks.gender_cnn import GenderCNN, GenderProbability  # noqa: E402


@pytest.mark.parametrize(("frame", "side"), [(224, 4), (128, 2)])
def test_last_maps_are_the_papers(frame, side):
    net = GenderCNN(frame).eval()
    with torch.no_grad():
        maps = net.convolutions(torch.rand(1, 1, frame, frame))
    assert tuple(maps.shape) == (1, 256, side, side)  # SAN Fig. 4: 4x4x256 at 224


def test_probability_is_the_sigmoid_of_the_logit():
    net = GenderCNN(64, (4, 4, 4, 4, 4, 4)).eval()
    x = torch.rand(3, 1, 64, 64)
    with torch.no_grad():
        assert torch.allclose(GenderProbability(net)(x), 1 / (1 + torch.exp(-net(x))))


def test_dropout_acts_in_training_only():
    net = GenderCNN(64, (4, 4, 4, 4, 4, 4), norm=False)
    x = torch.rand(2, 1, 64, 64)
    torch.manual_seed(0)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


def test_face_resnet_shape_and_gradient():
    net = FaceResNet(16, (32, 32, 32, 32))
    out = net(torch.rand(2, 3, 112, 112))
    assert tuple(out.shape) == (2, 16)
    out.square().mean().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_face_resnet_refuses_widths_that_crash():
    with pytest.raises(ValueError, match="at least 32"):
        FaceResNet(16, (16, 32, 32, 32))
