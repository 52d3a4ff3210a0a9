"""Geometry against independent references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceveil.errors import OptionError
from faceveil.imaging.geometry import (
    ARCFACE_112,
    CANONICAL_224,
    affine,
    arcface_from_canonical,
    canonical_from_landmarks,
    canonical_template,
    compose,
    invert,
    resize_map,
    similarity,
    transform,
)

coordinate = st.floats(-500, 500, allow_nan=False, width=32)
points = st.lists(st.tuples(coordinate, coordinate), min_size=5, max_size=5).map(np.array)


def test_template_is_the_designs():
    left, right = CANONICAL_224[:2]
    assert np.hypot(*(right - left)) == pytest.approx(64, abs=0.01)
    assert CANONICAL_224[:2, 1].mean() == pytest.approx(92, abs=0.05)
    np.testing.assert_allclose(canonical_template(128), CANONICAL_224 * 128 / 224)


def test_similarity_equals_scikit_image():
    transforms = pytest.importorskip("skimage.transform")
    rng = np.random.default_rng(0)
    for _ in range(20):
        source, target = rng.uniform(-50, 300, (2, 5, 2))
        reference = transforms.SimilarityTransform.from_estimate(source, target)
        if np.linalg.det(reference.params[:2, :2]) > 0:
            np.testing.assert_allclose(similarity(source, target), reference.params[:2], atol=1e-6)


@given(points, st.floats(-3, 3), st.floats(0.1, 9), coordinate, coordinate)
def test_similarity_recovers_a_known_one(source, angle, scale, dx, dy):
    if np.ptp(source, axis=0).max() < 1:
        return
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.column_stack([turn, [dx, dy]])
    np.testing.assert_allclose(similarity(source, transform(matrix, source)), matrix, atol=1e-3)


@given(points, points)
def test_invert_and_compose(source, other):
    if np.ptp(source, axis=0).max() < 1:
        return
    matrix = similarity(source, CANONICAL_224)
    if abs(np.linalg.det(matrix[:, :2])) < 1e-4:
        return
    there = transform(compose(invert(matrix), matrix), other)
    np.testing.assert_allclose(there, other, atol=1e-3)


def test_affine_equals_least_squares_and_is_exact_where_it_can_be():
    rng = np.random.default_rng(1)
    source = rng.uniform(0, 100, (5, 2))
    matrix = rng.normal(size=(2, 3))
    np.testing.assert_allclose(affine(source, transform(matrix, source)), matrix, atol=1e-9)


def test_chain_to_the_arcface_frame():
    landmarks = ARCFACE_112 * 3.1 + [12, -4]
    chain = compose(arcface_from_canonical(), canonical_from_landmarks(landmarks))
    np.testing.assert_allclose(transform(chain, landmarks), ARCFACE_112, atol=1e-6)


def test_resize_map_keeps_borders():
    # Borders of the picture lie half a pixel beyond the outer pixels' centres.
    corners = [(-0.5, -0.5), (223.5, 223.5)]
    out = transform(resize_map(224, 128), corners)
    np.testing.assert_allclose(out, [(-0.5, -0.5), (127.5, 127.5)])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((5, 2)), "coincide"),
        (np.zeros((4, 2)), "shapes"),
        (np.full((5, 2), np.nan), "not finite"),
    ],
)
def test_bad_landmarks(source, message):
    with pytest.raises(OptionError, match=message):
        similarity(source, ARCFACE_112)


def test_affine_refuses_a_line():
    line = np.column_stack([np.arange(5), np.arange(5)])
    with pytest.raises(OptionError, match="one line"):
        affine(line, ARCFACE_112)
