"""Meshes and piecewise-affine warps, against scikit-image and SciPy."""

import cv2
import numpy as np
import pytest
from scipy.spatial import Delaunay
from skimage.transform import PiecewiseAffineTransform
from skimage.transform import warp as skimage_warp

from faceveil.errors import OptionError
from faceveil.systems.mixing import mesh

SIZE = 96


def points(seed, count=30):
    return np.random.default_rng(seed).uniform(8, SIZE - 9, (count, 2))


def smooth_image(seed=0, channels=3):
    noise = np.random.default_rng(seed).random((SIZE, SIZE, channels)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 4), np.float32)


def test_triangles_are_scipys():
    own = mesh.with_border(points(0), SIZE)
    found = {tuple(sorted(t)) for t in mesh.delaunay(own, SIZE).tolist()}
    expected = {tuple(sorted(t)) for t in Delaunay(own).simplices.tolist()}
    assert found == expected


@pytest.mark.parametrize("seed", range(5))
def test_triangles_cover_the_crop(seed):
    own = mesh.with_border(points(seed), SIZE)
    triangles = mesh.delaunay(own, SIZE)
    a, b, c = (own[triangles[:, k]] for k in range(3))
    u, v = b - a, c - a
    area = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]).sum() / 2
    assert area == pytest.approx((SIZE - 1) ** 2, rel=1e-5)
    assert (mesh.triangle_of_pixel(own, triangles, SIZE) >= 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_warp_is_scikit_images(seed):
    """On the triangles of the target, which scikit-image's inverse map is made for."""
    target = mesh.with_border(points(seed), SIZE)
    moved = target[:-8] + np.random.default_rng(seed + 9).uniform(-2, 2, (30, 2))
    source = mesh.with_border(moved, SIZE)
    image = smooth_image(seed)
    triangles = mesh.delaunay(target, SIZE)
    owner = mesh.triangle_of_pixel(target, triangles, SIZE)
    found = mesh.warp(image, source, target, triangles, owner)
    transform = PiecewiseAffineTransform.from_estimate(target, source)
    expected = skimage_warp(image, transform, order=1, mode="edge")
    assert np.abs(found - image).max() > 0.02
    error = np.abs(found - expected)
    # A pixel on an edge may be its neighbour's, whose map differs there by a part of a pixel.
    y, x = np.mgrid[:SIZE, :SIZE]
    mine = np.sort(triangles[owner], axis=-1)
    plan = Delaunay(target)
    theirs = np.sort(plan.simplices[plan.find_simplex(np.stack([x, y], axis=-1))], axis=-1)
    same = (mine == theirs).all(axis=-1)
    assert same.mean() > 0.8
    assert error[same].max() < 1e-4
    assert error.max() < 0.02


def test_points_arrive():
    """A dot drawn on each source point lies on the target point afterwards."""
    target = mesh.with_border(np.array([[30.0, 40.0], [60.0, 30.0], [50.0, 70.0]]), SIZE)
    source = target.copy()
    source[:3] += [[6, -4], [-5, 5], [3, 6]]
    image = np.zeros((SIZE, SIZE), np.float32)
    for x, y in source[:3].astype(int):
        image[y, x] = 1
    image = cv2.GaussianBlur(image, (0, 0), 1.5)
    triangles = mesh.delaunay(target, SIZE)
    out = mesh.warp(
        image, source, target, triangles, mesh.triangle_of_pixel(target, triangles, SIZE)
    )
    for x, y in target[:3].astype(int):
        part = out[y - 4 : y + 5, x - 4 : x + 5]
        assert np.abs(np.array(np.unravel_index(part.argmax(), part.shape)) - 4).max() <= 1


def test_same_points_change_nothing():
    own = mesh.with_border(points(4), SIZE)
    image, triangles = smooth_image(), mesh.delaunay(own, SIZE)
    out = mesh.warp(image, own, own, triangles, mesh.triangle_of_pixel(own, triangles, SIZE))
    np.testing.assert_allclose(out, image, atol=1e-4)


def test_morph_of_equal_shapes_is_the_weighted_mean():
    a, b, shape = smooth_image(1), smooth_image(2), points(3)
    out = mesh.morph([a, b], [shape, shape], [0.7, 0.3])
    np.testing.assert_allclose(out, 0.7 * a + 0.3 * b, atol=1e-4)


def test_morph_is_symmetric_and_repeats():
    a, b, p, q = smooth_image(1), smooth_image(2), points(3), points(4)
    one = mesh.morph([a, b], [p, q], [0.3, 0.7])
    np.testing.assert_allclose(one, mesh.morph([b, a], [q, p], [0.7, 0.3]), atol=1e-6)
    assert np.array_equal(one, mesh.morph([a, b], [p, q], [0.3, 0.7]))


def test_points_outside_and_twice_do_no_harm():
    shape = np.array([[-20.0, 40.0], [40.0, 200.0], [50.0, 50.0], [50.0, 50.0]])
    image = smooth_image()
    out = mesh.morph([image, image], [shape, shape], [0.5, 0.5])
    np.testing.assert_allclose(out, image, atol=1e-4)


@pytest.mark.parametrize("size", [96, 128, 224])
def test_any_shares_add_up_on_the_border(size):
    """0.9 * 223 + 0.1 * 223 is more than 223 in floating point."""
    image = np.zeros((size, size), np.float32)
    shape = np.random.default_rng(0).uniform(10, 80, (9, 2))
    for share in np.linspace(0.01, 0.5, 50):
        shares = [1 - share, share / 2, share / 2]
        assert not mesh.morph([image] * 3, [shape] * 3, shares).any()


@pytest.mark.parametrize("bad", [np.zeros((3, 3)), np.full((4, 2), np.nan)])
def test_bad_points(bad):
    with pytest.raises(OptionError, match="points"):
        mesh.with_border(bad, SIZE)


def test_point_outside_a_mesh():
    with pytest.raises(OptionError, match="outside"):
        mesh.delaunay(np.array([[0.0, 0.0], [5.0, 96.0], [3.0, 3.0]]), SIZE)


def test_shares_that_do_not_add_up():
    with pytest.raises(OptionError, match="add up to 1"):
        mesh.morph([smooth_image()] * 2, [points(0)] * 2, [0.5, 0.6])


def test_border_points_are_corners_and_middles():
    found = mesh.with_border(np.zeros((0, 2)), 11)
    wanted = [(0, 0), (5, 0), (10, 0), (0, 5), (10, 5), (0, 10), (5, 10), (10, 10)]
    assert found.tolist() == [list(map(float, point)) for point in wanted]
