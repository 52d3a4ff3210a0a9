"""Blur and pixelation."""

import numpy as np
import pytest

from faceveil import load_protector
from faceveil.systems.obscure import Blur, Pixelate

LUMA = np.random.default_rng(0).random((2, 224, 224)).astype(np.float32)
NOBODY = np.zeros(2, np.float32)


def test_cells_are_the_means():
    out = Pixelate(cells=16).protect(LUMA, NOBODY, NOBODY)
    means = LUMA.reshape(2, 16, 14, 16, 14).mean(axis=(2, 4))
    np.testing.assert_allclose(out, np.kron(means, np.ones((14, 14))), atol=1e-5)


def test_blur_keeps_the_mean_and_loses_detail():
    out = Blur().protect(LUMA, NOBODY, NOBODY)
    assert out.mean() == pytest.approx(LUMA.mean(), abs=0.01)
    assert out.std() < 0.1 * LUMA.std()


@pytest.mark.parametrize("name", ["blur", "pixelate"])
def test_by_name(name):
    crops = (LUMA * 255).astype(np.uint8)
    protector = load_protector(name, threads=1)
    assert protector.name == name
    out = protector.protect_crops(crops, [0, 1], strength=1.0)
    assert out.shape == crops.shape
    assert not np.array_equal(out, crops)
    assert np.array_equal(protector.protect_crops(crops, [0, 1], strength=0.0), crops)
    empty = protector.protect_crops(crops[:0], [])
    assert empty.shape == (0, 224, 224)
