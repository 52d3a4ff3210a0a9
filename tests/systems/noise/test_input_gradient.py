"""The written-out gradient against automatic differentiation, in torch and as ONNX."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("onnx", reason="needs the train extra")
import onnxruntime as ort  # noqa: E402

from faceveil.systems.noise.input_gradient import LogitAndGradient  # noqa: E402
from faceveil.training.export import export_onnx  # noqa: E402
from faceveil.training.networks.gender_cnn import GenderCNN  # noqa: E402
from faceveil.training.networks.gender_cnn_variants import KerasGenderCNN  # noqa: E402

ROOT = Path(__file__).parents[3]


def small(frame, widths, channels, norm):
    """A random network whose batch normalisation has statistics worth folding."""
    torch.manual_seed(0)
    network = GenderCNN(frame, widths, channels, hidden=8, norm=norm)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.05, 0.2)
            torch.nn.init.uniform_(module.weight, 0.5, 2)
            torch.nn.init.normal_(module.bias, 0, 0.1)
    return network.eval()


def by_autograd(network, image):
    image = image.clone().requires_grad_()
    logit = network(image)
    (gradient,) = torch.autograd.grad(logit.sum(), image)
    return logit.detach(), gradient


def agree(found, expected, tolerance=1e-5):
    scale = expected[1].abs().max()
    assert scale > 0
    torch.testing.assert_close(found[0], expected[0], atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(found[1] / scale, expected[1] / scale, atol=tolerance, rtol=0)


KINDS = [
    (32, (4, 6), 1, True),
    (32, (4, 6), 3, False),
    (37, (4, 6, 5), 1, True),  # odd sides: 37, 19, 10 are halved with a remainder
    (27, (5,), 3, True),
]


@pytest.mark.parametrize(("frame", "widths", "channels", "norm"), KINDS)
def test_equals_autograd(frame, widths, channels, norm):
    network = small(frame, widths, channels, norm)
    image = torch.rand(3, channels, frame, frame)
    agree(LogitAndGradient(network)(image), by_autograd(network, image))


def test_of_equal_maxima_the_same_one_wins_as_in_torch():
    network = small(16, (4, 6), 1, norm=True)
    image = (torch.rand(4, 1, 16, 16) > 0.5).float()  # flat areas: many equal values
    agree(LogitAndGradient(network)(image), by_autograd(network, image))


def test_dropout_plays_no_part():
    network = small(16, (4,), 1, norm=True)
    image = torch.rand(2, 1, 16, 16)
    expected = by_autograd(network, image)
    agree(LogitAndGradient(network.train()).train()(image), expected)


@pytest.mark.parametrize(("frame", "widths", "channels", "norm"), KINDS[1:3])
def test_exported(tmp_path, frame, widths, channels, norm):
    network = small(frame, widths, channels, norm)
    path = tmp_path / "gradient.onnx"
    example = {"image": torch.rand(2, channels, frame, frame)}
    export_onnx(LogitAndGradient(network), example, ("logit", "gradient"), path)
    session = ort.InferenceSession(path)
    assert [o.name for o in session.get_outputs()] == ["logit", "gradient"]
    for count in (1, 5):
        image = torch.rand(count, channels, frame, frame)
        found = [torch.from_numpy(x) for x in session.run(None, {"image": image.numpy()})]
        agree(found, by_autograd(network, image))


def test_other_networks_are_refused():
    with pytest.raises(ValueError, match="KerasGenderCNN"):
        LogitAndGradient(KerasGenderCNN())


@pytest.mark.parametrize("number", [1, 2, 3])
def test_shipped_graphs_tell_their_own_slope(number):
    """Along a direction the logit moves as its gradient says: central differences."""
    session = ort.InferenceSession(ROOT / f"src/faceveil/weights/noise_{number}.onnx")
    side = session.get_inputs()[0].shape[2]
    rng = np.random.default_rng(number)
    image = rng.random((4, 1, side, side)).astype(np.float32)
    _, gradient = session.run(None, {"image": image})
    slope = np.sqrt(np.square(gradient).sum(axis=(1, 2, 3)))
    direction = gradient / slope[:, None, None, None]
    step = np.float32(0.02)
    ahead, behind = (
        session.run(None, {"image": image + s * step * direction})[0].astype(np.float64)
        for s in (1, -1)
    )
    np.testing.assert_allclose((ahead - behind) / (2 * step), slope, rtol=0.05)
