"""Picture metrics against scikit-image and closed forms."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from scipy.signal import convolve2d
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from faceveil.errors import OptionError
from faceveil.evaluation.metrics import quality
from faceveil.evaluation.metrics.quality import LEAST, WEIGHTS, ms_ssim

RNG = np.random.default_rng(0)


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


@pytest.fixture(scope="module")
def grey(portrait):
    return cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY)


def noisy(image, sigma):
    return np.clip(image + RNG.normal(0, sigma, image.shape), 0, 255).astype(np.uint8)


def gaussian(side, sigma):
    x = np.arange(side) - side // 2
    window = np.exp(-(x[:, None] ** 2 + x**2) / (2 * sigma**2))
    return window / window.sum()


def test_ms_ssim_of_equal_and_of_worse_pictures(grey):
    assert ms_ssim(grey, grey) == pytest.approx(1)
    values = [ms_ssim(grey, noisy(grey, s)) for s in (5, 20, 60)]
    assert 1 > values[0] > values[1] > values[2] > 0


def test_ms_ssim_of_two_flat_pictures_is_its_luminance_term():
    """Without contrast each term is 1 but the last, l = (2ab + c)/(a^2 + b^2 + c)."""
    dark, light = np.full((200, 200), 60, np.uint8), np.full((200, 200), 120, np.uint8)
    c = (0.01 * 255) ** 2
    luminance = (2 * 60 * 120 + c) / (60**2 + 120**2 + c)
    assert ms_ssim(dark, light) == pytest.approx(luminance ** WEIGHTS[-1], rel=1e-6)


def test_ms_ssim_by_plain_convolution(grey):
    """Wang's five scales as the paper writes them: 11x11 windows, 2x2 means, every second pixel."""
    first, second = grey[:200, :240], noisy(grey, 20)[:200, :240]
    x, y = first.astype(float), second.astype(float)
    expected, window, c1, c2 = 1.0, gaussian(11, 1.5), 6.5025, 58.5225
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        mx, my, xx, yy, xy = (convolve2d(v, window, "valid") for v in (x, y, x * x, y * y, x * y))
        structure = (2 * (xy - mx * my) + c2) / (xx - mx**2 + yy - my**2 + c2)
        if scale == 4:
            structure *= (2 * mx * my + c1) / (mx**2 + my**2 + c1)
        expected *= structure.mean() ** weight
        x, y = (convolve2d(v, np.full((2, 2), 0.25), "valid")[::2, ::2] for v in (x, y))
    assert ms_ssim(first, second) == pytest.approx(expected, abs=1e-9)


def test_ms_ssim_averages_channels(portrait):
    other = noisy(portrait, 15)
    single = [ms_ssim(portrait[..., c], other[..., c]) for c in range(3)]
    assert ms_ssim(portrait, other) == pytest.approx(np.mean(single))


def test_ms_ssim_bad_input(grey):
    with pytest.raises(OptionError, match="176"):
        ms_ssim(grey[: LEAST - 1], grey[: LEAST - 1])
    with pytest.raises(OptionError, match="expected equal"):
        ms_ssim(grey, grey[:300])
