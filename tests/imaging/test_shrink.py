"""Halving."""

import numpy as np
import pytest

from faceveil.imaging.shrink import halved


@pytest.mark.parametrize(
    ("shape", "times"), [((99, 3839, 3), 0), ((99, 3840, 3), 1), ((6001, 7999, 3), 2)]
)
def test_halving_keeps_means_and_stops_in_time(shape, times):
    rgb = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    small, count = halved(rgb, 1920)
    assert count == times
    step = 2**times
    assert small.shape[:2] == (shape[0] // step, shape[1] // step)
    block = rgb[: step * 3, : step * 5].reshape(3, step, 5, step, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(small[:3, :5], block, atol=1)
