"""Guides: classifiers of finished runs, and those that the package carries."""

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from pathlib import Path  # noqa: E402

from faceveil.inference.card import WEIGHTS  # noqa: E402
from faceveil.training.faces import luma  # noqa: E402
from faceveil.training.guides import Guide, as_sure_as_before, frozen, load_guide  # noqa: E402

RNG = np.random.default_rng(0)


def test_a_shipped_classifier_is_read_back_from_its_file():
    """The network built from the file's tensors answers what ONNX Runtime makes of the file."""
    guide = load_guide(Path("anywhere/noise_1.onnx"), "cpu")
    side, channels = guide.config.frame, 1 if guide.config.grey else 3
    x = RNG.random((3, channels, side, side)).astype(np.float32)
    session = onnxruntime.InferenceSession(WEIGHTS / "noise_1.onnx")
    name = session.get_inputs()[0].name
    wanted = session.run(None, {name: x})[0]
    with torch.no_grad():
        found = guide.network(torch.from_numpy(x))
    np.testing.assert_allclose(found.numpy().ravel(), np.ravel(wanted), atol=1e-3)


def test_as_sure_as_before():
    guide = load_guide(Path("noise_2.onnx"), "cpu")
    images = RNG.integers(0, 256, (20, 128, 128, 3), dtype=np.uint8)
    scaled = as_sure_as_before(guide, images, 3.0)
    assert isinstance(scaled, Guide)
    faces = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        assert float(scaled(faces).abs().mean()) == pytest.approx(3.0, rel=1e-2)
        ratio = scaled(faces) / guide(faces)
    torch.testing.assert_close(ratio, torch.full_like(ratio, scaled.scale), rtol=1e-4, atol=1e-4)


def test_luma_is_bt601():
    x = torch.rand(2, 3, 4, 4)
    wanted = np.tensordot([0.299, 0.587, 0.114], x.numpy(), axes=(0, 1))
    np.testing.assert_allclose(luma(x)[:, 0].numpy(), wanted, atol=1e-6)


def test_frozen_lets_gradients_through_to_the_input_only():
    network = torch.nn.Sequential(torch.nn.Linear(3, 1))
    x = torch.rand(2, 3, requires_grad=True)
    frozen(network)(x).sum().backward()
    assert network[0].weight.grad is None
    assert x.grad.abs().sum() > 0
