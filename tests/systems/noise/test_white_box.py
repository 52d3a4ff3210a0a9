"""The classifiers with their gradients, at the crops' resolution."""

import numpy as np
import pytest

from faceveil.errors import ModelError
from faceveil.inference.card import WEIGHTS
from faceveil.inference.device import Choice
from faceveil.protect.change import to_frame
from faceveil.systems.noise.white_box import GradientNetwork, MeanLogit, direction, shrinking
from faceveil.systems.specs import build_crop_protector

FILES = [WEIGHTS / f"noise_{i}.onnx" for i in (1, 2, 3)]
LUMA = np.random.default_rng(0).random((3, 224, 224)).astype(np.float32)


@pytest.mark.parametrize("frame", [96, 112, 128])
def test_shrinking_is_area_interpolation(frame):
    matrix = shrinking(frame)
    np.testing.assert_allclose(matrix @ LUMA @ matrix.T, to_frame(LUMA, frame), atol=1e-5)


def test_gradient_predicts_small_changes():
    """Against finite differences, which know nothing of matrices and adjoints."""
    smooth = np.stack([np.outer(np.linspace(0.2, 0.8, 224), np.linspace(0.9, 0.3, 224))])
    smooth = smooth.astype(np.float32)
    f = MeanLogit(FILES, choice=Choice(threads=1))
    gradient = f(smooth)[1]
    for seed in range(3):
        way = np.random.default_rng(seed).standard_normal((1, 14, 14))
        way = np.kron(way, np.ones((16, 16))).astype(np.float32)
        h = 1e-3
        measured = (f(smooth + h * way)[0] - f(smooth - h * way)[0]) / (2 * h)
        predicted = (gradient * way).sum(axis=(1, 2))
        size = np.sqrt((gradient**2).sum() * (way**2).sum())
        assert abs(measured - predicted) < 0.02 * size


def test_mean_of_three():
    alone = [GradientNetwork(path, choice=Choice(threads=1))(LUMA) for path in FILES]
    logit, gradient = MeanLogit(FILES, choice=Choice(threads=1))(LUMA)
    assert logit.shape == (3,)
    assert gradient.shape == LUMA.shape
    np.testing.assert_allclose(logit, sum(a[0] for a in alone) / 3, rtol=1e-5)
    np.testing.assert_allclose(gradient, sum(a[1] for a in alone) / 3, atol=1e-6)


def test_direction():
    logit = np.array([-2, 2, -2, 2, -2, 2, 0], np.float32)
    target = np.array([1, 1, 0, 0, 0.5, 0.5, 0.5], np.float32)
    assert direction(logit, target).tolist() == [1, 1, -1, -1, 1, -1, 0]


@pytest.mark.parametrize("name", ["pgd", "cw"])
def test_missing_and_damaged_weights_are_one_clear_line(tmp_path, name):
    with pytest.raises(ModelError, match=r"noise_1\.json: no such file") as missing:
        build_crop_protector(name, weights=tmp_path)
    for suffix in (".onnx", ".json"):
        (tmp_path / f"noise_1{suffix}").write_bytes(FILES[0].with_suffix(suffix).read_bytes())
    with (tmp_path / "noise_1.onnx").open("r+b") as file:
        file.write(b"\0\0")
    with pytest.raises(ModelError, match="sha256") as damaged:
        build_crop_protector(name, weights=tmp_path)
    assert "\n" not in f"{missing.value}{damaged.value}"


def test_a_judges_card_is_refused():
    with pytest.raises(ModelError, match="expected 'gradient'"):
        GradientNetwork(WEIGHTS / "judge_gender.onnx")
