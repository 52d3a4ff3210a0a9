"""Luma protectors and colour protectors, on grey and on colour crops."""

import numpy as np
import pytest

from faceveil.protect.change import change_of
from tests.protect.fakes import BrightenProtector

RNG = np.random.default_rng(0)
GREY = RNG.integers(60, 200, (2, 224, 224), dtype=np.uint8)
RGB = RNG.integers(60, 200, (2, 224, 224, 3), dtype=np.uint8)
MALE, TARGET = np.array([1, 0], np.float32), np.array([0, 1], np.float32)


class Redden:
    """Adds 0.1 to red."""

    name, channels = "redden", 3
    own_target = "opposite"
    needs_gender = True
    replaces_face = False
    runs_on = "CPU"

    def protect(self, faces, male, target, landmarks):
        assert faces.shape[1:] == (224, 224, 3)
        return faces + np.array([0.1, 0, 0], np.float32)


@pytest.mark.parametrize("crops", [GREY, RGB])
def test_luma_protectors_change_all_channels_alike(crops):
    change = change_of(BrightenProtector(), crops, MALE, TARGET, None)
    assert change.shape == (2, 224, 224)
    np.testing.assert_allclose(change[0], -0.2, atol=1e-5)
    np.testing.assert_allclose(change[1], 0.2, atol=1e-5)


def test_colour_protectors_change_colours_and_greys_by_their_luma():
    change = change_of(Redden(), RGB, MALE, TARGET, None)
    assert change.shape == (2, 224, 224, 3)
    np.testing.assert_allclose(change.mean((0, 1, 2)), [0.1, 0, 0], atol=1e-4)
    grey = change_of(Redden(), GREY, MALE, TARGET, None)
    assert grey.shape == (2, 224, 224)
    np.testing.assert_allclose(grey, 0.0299, atol=1e-6)
