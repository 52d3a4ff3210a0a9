"""The unit's equations, written out with numpy."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
from torch.nn import functional as F  # noqa: E402, N812

from faceveil.systems.editors.selective_transfer import SelectiveTransferUnit  # noqa: E402


def sigma(x):
    return 1 / (1 + np.exp(-x))


def conv3(x, layer):
    """A 3x3 convolution with border 1, one output at a time."""
    w, b = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    height, width = x.shape[2:]
    out = np.empty((len(x), len(w), height, width))
    for i in range(height):
        for j in range(width):
            patch = padded[:, :, i : i + 3, j : j + 3]
            out[:, :, i, j] = np.einsum("ncij,ocij->no", patch, w) + b
    return out


@pytest.fixture
def parts():
    torch.manual_seed(0)
    unit = SelectiveTransferUnit(3, 2, norm=False).eval()
    return unit, torch.randn(2, 3, 4, 4), torch.randn(2, 6, 2, 2), torch.randn(2, 2)


def test_equations(parts):
    unit, feature, state, difference = parts
    with torch.no_grad():
        result, passed = unit(feature, state, difference)
        spread = difference[:, :, None, None].expand(2, 2, 2, 2)
        weight, bias = unit.transfer.weight, unit.transfer.bias
        # The transposed convolution as what it is: the gradient of a stride-2 convolution.
        joined = torch.cat([state, spread], dim=1)
        stuffed = torch.zeros(2, 8, 3, 3)
        stuffed[:, :, ::2, ::2] = joined
        s_hat = F.conv2d(stuffed, weight.flip(2, 3).transpose(0, 1), bias, padding=2).numpy()
    f = feature.numpy()
    both = np.concatenate([f, s_hat], axis=1)
    r, z = sigma(conv3(both, unit.reset[0])), sigma(conv3(both, unit.update[0]))
    s = r * s_hat
    f_hat = np.tanh(conv3(np.concatenate([f, s], axis=1), unit.candidate[0]))
    np.testing.assert_allclose(passed, s, atol=1e-5)
    np.testing.assert_allclose(result, (1 - z) * s_hat + z * f_hat, atol=1e-5)


def test_the_difference_counts(parts):
    unit, feature, state, difference = parts
    with torch.no_grad():
        a, _ = unit(feature, state, difference)
        b, _ = unit(feature, state, -difference)
    assert not torch.allclose(a, b)


def test_normalised_variant():
    unit = SelectiveTransferUnit(3, 2)
    kinds = [type(m).__name__ for m in unit.modules()]
    assert kinds.count("BatchNorm2d") == 3
    assert unit.reset[0].bias is None
