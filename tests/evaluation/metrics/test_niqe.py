"""NIQE against SciPy, and what it is for."""

import cv2
import numpy as np
import pytest
from scipy.ndimage import correlate
from scipy.special import gamma
from scipy.stats import gennorm

from faceveil.errors import OptionError
from faceveil.evaluation.metrics import niqe as n

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def grey(portrait):
    return cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY)


def noisy(image, sigma):
    return np.clip(image + RNG.normal(0, sigma, image.shape), 0, 255).astype(np.uint8)


def gaussian(side, sigma):
    x = np.arange(side) - side // 2
    window = np.exp(-(x[:, None] ** 2 + x**2) / (2 * sigma**2))
    return window / window.sum()


@pytest.mark.parametrize("shape", [0.8, 1.0, 2.0, 4.0])
def test_aggd_finds_known_shapes(shape):
    x = gennorm.rvs(shape, scale=1.7, size=200_000, random_state=1)
    found, left, right = n.aggd(x)
    assert found == pytest.approx(shape, rel=0.03)
    assert left == pytest.approx(1.7, rel=0.03)
    assert right == pytest.approx(1.7, rel=0.03)


@pytest.mark.parametrize("shape", [0.8, 2.0, 4.0])
def test_aggd_tells_left_from_right(shape):
    """Twice as wide to the left, where the density then holds two thirds of the mass."""
    size = np.abs(gennorm.rvs(shape, size=300_000, random_state=2))
    x = np.where(np.random.default_rng(3).random(300_000) < 2 / 3, -2 * size, size)
    assert n.aggd(x) == pytest.approx((shape, 2, 1), rel=0.03)


def test_aggd_of_a_flat_block_is_finite():
    assert np.isfinite(n.aggd(np.zeros(100))).all()


def reference_features(image, block):
    """The paper's 36 numbers of each block with SciPy, one step after the other."""
    x, parts = image.astype(float), []
    for side in (block, block // 2):
        window = gaussian(7, 7 / 6)
        mean = correlate(x, window, mode="nearest")
        deviation = np.sqrt(np.abs(correlate(x * x, window, mode="nearest") - mean**2))
        normal, rows = (x - mean) / (deviation + 1), []
        for top in range(0, x.shape[0], side):
            for left in range(0, x.shape[1], side):
                cell = normal[top : top + side, left : left + side]
                shape, low, high = n.aggd(cell.ravel())
                row = [shape, (low + high) / 2]
                for shift in ((0, 1), (1, 0), (1, 1), (-1, 1)):
                    product = cell * np.roll(cell, shift, (0, 1))
                    shape, low, high = n.aggd(product.ravel())
                    mean_of_fit = (high - low) * gamma(2 / shape) / gamma(1 / shape)
                    row += [shape, mean_of_fit, low, high]
                rows.append(row)
        parts.append(rows)
        x = (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4
    return np.hstack(parts)


def test_niqe_by_scipy(grey):
    """Features, both Gaussian fits and the distance; a rim that fills no block is not read."""
    pristine, image = grey[:320, :320], noisy(grey, 10)[100:203, 150:260]
    model = n.fit_pristine([pristine], block=32, sharpest=0)
    known, seen = reference_features(pristine, 32), reference_features(image[:96, :96], 32)
    np.testing.assert_allclose(model.mean, known.mean(axis=0), rtol=1e-6, atol=1e-9)
    apart = seen.mean(axis=0) - known.mean(axis=0)
    both = (np.cov(seen.T) + np.cov(known.T)) / 2
    expected = np.sqrt(apart @ np.linalg.pinv(both) @ apart)
    assert n.niqe(image, model) == pytest.approx(expected, rel=1e-4)


def test_only_sharp_blocks_are_fitted(grey):
    blurred = grey.copy()
    blurred[:, 256:] = cv2.GaussianBlur(grey, (0, 0), 6)[:, 256:]
    some = n.fit_pristine([blurred[:, :256]] * 2, block=32, sharpest=0.2)
    both = n.fit_pristine([blurred] * 2, block=32, sharpest=0.2)
    everything = n.fit_pristine([blurred] * 2, block=32, sharpest=0)
    off = [np.abs(m.mean - some.mean).sum() for m in (both, everything)]
    assert off[0] < off[1] / 2


@pytest.fixture(scope="module")
def model(grey):
    flips = [grey, grey[:, ::-1], grey[::-1], np.rot90(grey)]
    return n.fit_pristine(flips, block=32, sharpest=0.3)


def test_worse_pictures_score_higher(grey, model):
    face = grey[30:254, 110:334]
    good = n.niqe(face, model)
    assert good < n.niqe(noisy(face, 25), model)
    assert good < n.niqe(cv2.GaussianBlur(face, (0, 0), 4), model)


@pytest.mark.parametrize("shape", [(30, 200), (224, 224, 3)])
def test_niqe_bad_input(model, shape):
    with pytest.raises(OptionError, match="NIQE"):
        n.niqe(np.zeros(shape, np.uint8), model)


def test_too_few_pristine_blocks(grey):
    with pytest.raises(OptionError, match="72"):
        n.fit_pristine([grey[:100, :100]])
