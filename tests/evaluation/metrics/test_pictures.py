"""MS-SSIM and NIQE against closed forms and what they are for."""

import cv2
import numpy as np
import pytest
from scipy.special import gamma
from scipy.stats import gennorm

from faceveil.errors import OptionError
from faceveil.evaluation.metrics import niqe as n
from faceveil.evaluation.metrics.ms_ssim import LEAST, WEIGHTS, ms_ssim

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def grey(portrait):
    return cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY)


def noisy(image, sigma):
    return np.clip(image + RNG.normal(0, sigma, image.shape), 0, 255).astype(np.uint8)


def test_ms_ssim_of_equal_and_of_worse_pictures(grey):
    assert ms_ssim(grey, grey) == pytest.approx(1)
    values = [ms_ssim(grey, noisy(grey, s)) for s in (5, 20, 60)]
    assert 1 > values[0] > values[1] > values[2] > 0


def test_ms_ssim_of_two_flat_pictures_is_its_luminance_term():
    """Without contrast each term is 1 but the last, l = (2ab + c)/(a^2 + b^2 + c)."""
    a, b = np.full((200, 200), 60, np.uint8), np.full((200, 200), 120, np.uint8)
    c = (0.01 * 255) ** 2
    luminance = (2 * 60 * 120 + c) / (60**2 + 120**2 + c)
    assert ms_ssim(a, b) == pytest.approx(luminance ** WEIGHTS[-1], rel=1e-6)


def test_ms_ssim_averages_channels(portrait):
    other = noisy(portrait, 15)
    single = [ms_ssim(portrait[..., c], other[..., c]) for c in range(3)]
    assert ms_ssim(portrait, other) == pytest.approx(np.mean(single))


def test_ms_ssim_bad_input(grey):
    with pytest.raises(OptionError, match="176"):
        ms_ssim(grey[: LEAST - 1], grey[: LEAST - 1])
    with pytest.raises(OptionError, match="equal shapes"):
        ms_ssim(grey, grey[:300])


def test_gamma_is_scipys():
    x = np.linspace(0.1, 15, 200)
    np.testing.assert_allclose(n._gamma(x), gamma(x), rtol=1e-10)


@pytest.mark.parametrize("shape", [0.8, 1.0, 2.0, 4.0])
def test_aggd_finds_known_shapes(shape):
    x = gennorm.rvs(shape, scale=1.7, size=200_000, random_state=1)
    found, left, right = n.aggd(x)
    assert found == pytest.approx(shape, rel=0.03)
    assert left == pytest.approx(1.7, rel=0.03)
    assert right == pytest.approx(1.7, rel=0.03)


def test_aggd_tells_left_from_right():
    x = RNG.normal(size=200_000)
    x = np.where(x < 0, x * 2, x)
    _, left, right = n.aggd(x)
    assert left / right == pytest.approx(2, rel=0.03)


@pytest.fixture(scope="module")
def model(grey):
    flips = [grey, grey[:, ::-1], grey[::-1], np.rot90(grey)]
    return n.fit_pristine(flips, block=32, sharpest=0.3)


def test_worse_pictures_score_higher(grey, model):
    face = grey[30:254, 110:334]
    good = n.niqe(face, model)
    assert good < n.niqe(noisy(face, 25), model)
    assert good < n.niqe(cv2.GaussianBlur(face, (0, 0), 4), model)


def test_saved_and_loaded(tmp_path, grey, model):
    model.save(tmp_path / "m.json")
    again = n.NiqeModel.load(tmp_path / "m.json")
    assert n.niqe(grey, again) == pytest.approx(n.niqe(grey, model))
    (tmp_path / "m.json").write_text('{"block": 32, "mean": [1], "covariance": [[1]]}')
    with pytest.raises(OptionError, match="36"):
        n.NiqeModel.load(tmp_path / "m.json")
    with pytest.raises(OptionError, match="fit one first"):
        n.NiqeModel.load(tmp_path / "none.json")


@pytest.mark.parametrize("shape", [(30, 200), (224, 224, 3)])
def test_niqe_bad_input(model, shape):
    with pytest.raises(OptionError, match="NIQE"):
        n.niqe(np.zeros(shape, np.uint8), model)


def test_too_few_pristine_blocks(grey):
    with pytest.raises(OptionError, match="72"):
        n.fit_pristine([grey[:100, :100]])
