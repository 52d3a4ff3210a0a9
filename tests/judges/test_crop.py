"""Where judges look."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import block_reduce

from faceveil.errors import OptionError
from faceveil.imaging.geometry import ARCFACE_112, CANONICAL_224, transform
from faceveil.judges.crop import DLIB_MEAN_5, crop_matrix, judge_crops


def test_canonical_crop_is_area_averaging() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), np.uint8)
    small = judge_crops(crops, crop_matrix("canonical", 112), 112)
    expected = block_reduce(crops.astype(float), (1, 2, 2, 1), np.mean)
    np.testing.assert_allclose(small, expected, atol=1e-3)


def test_arcface_landmarks_land_on_the_template() -> None:
    found = transform(crop_matrix("arcface", 112), CANONICAL_224)
    np.testing.assert_allclose(found, ARCFACE_112, atol=1e-9)


def test_zoom_keeps_the_centre_and_shows_more() -> None:
    near = transform(crop_matrix("arcface", 64), CANONICAL_224)
    far = transform(crop_matrix("arcface", 64, zoom=1.25), CANONICAL_224)
    np.testing.assert_allclose((far - 31.5) * 1.25, near - 31.5, atol=1e-9)


@pytest.mark.parametrize("padding", [0.0, 0.2, 0.25])
def test_dlib_chip_puts_the_eyes_level_and_centred(padding: float) -> None:
    found = transform(crop_matrix("dlib", 150, padding=padding), CANONICAL_224) + 0.5
    wanted = (DLIB_MEAN_5 + padding) / (1 + 2 * padding) * 150
    # Two mean faces of different people never agree fully; 4 % of the chip is their difference.
    assert np.abs(found - wanted).max() < 0.04 * 150
    np.testing.assert_allclose(found.mean(axis=0), wanted.mean(axis=0), atol=1e-9)


def test_outside_the_canonical_crop_its_border_is_repeated() -> None:
    crops = np.full((1, 224, 224, 1), 77, np.uint8)
    wide = judge_crops(crops, crop_matrix("arcface", 64, zoom=3), 64)
    np.testing.assert_allclose(wide, 77)


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((1, 224, 224, 1), np.uint8)
    stripes[:, :, ::2] = 255
    small = judge_crops(stripes, crop_matrix("arcface", 64, zoom=1.25), 64)[0, 8:-8, 8:-8]
    assert small.std() < 12
    assert small.mean() == pytest.approx(127.5, abs=2)


def test_refuses_an_unknown_frame() -> None:
    with pytest.raises(OptionError, match="'oval'"):
        crop_matrix("oval", 64)
