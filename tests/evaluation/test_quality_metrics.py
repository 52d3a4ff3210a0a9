"""Picture metrics against scikit-image and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from faceveil.errors import OptionError
from faceveil.evaluation.metrics import quality


def pair(shape: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 256, shape).astype(np.float64)
    second = np.clip(first + rng.normal(0, 25, shape), 0, 255)
    return first.astype(np.uint8), second.astype(np.uint8)


@pytest.mark.parametrize("shape", [(64, 48), (11, 11), (40, 50, 3), (30, 30, 1)])
@pytest.mark.parametrize("seed", [0, 1])
def test_equal_to_scikit_image(shape: tuple[int, ...], seed: int) -> None:
    a, b = pair(shape, seed)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    axis = 2 if len(shape) == 3 else None
    wanted = structural_similarity(a, b, data_range=255, channel_axis=axis, **options)
    assert quality.ssim(a, b) == pytest.approx(wanted, abs=1e-10)
    assert quality.psnr(a, b) == pytest.approx(peak_signal_noise_ratio(a, b), abs=1e-10)


def test_closed_forms() -> None:
    a = np.full((20, 20), 100, np.uint8)
    assert quality.ssim(a, a) == pytest.approx(1)
    assert quality.psnr(a, a) == math.inf
    assert quality.psnr(a, a + 10) == pytest.approx(20 * math.log10(25.5))
    assert quality.mean_absolute_change(a, a - 51) == pytest.approx(0.2)
    c1 = (0.01 * 255) ** 2
    wanted = (2 * 100 * 150 + c1) / (100**2 + 150**2 + c1)
    assert quality.ssim(a, a + 50) == pytest.approx(wanted)


def test_map_is_local() -> None:
    a, _ = pair((60, 60), 3)
    b = a.copy()
    b[:10, :10] ^= 255
    found = quality.ssim_map(a, b)
    assert found.shape == a.shape
    np.testing.assert_allclose(found[20:, 20:], 1)
    assert found[:10, :10].mean() < 0.5


def test_refuses() -> None:
    a = np.zeros((20, 20), np.uint8)
    with pytest.raises(OptionError, match="expected equal"):
        quality.psnr(a, a[:10])
    with pytest.raises(OptionError, match="11"):
        quality.ssim(a[:10], a[:10])
