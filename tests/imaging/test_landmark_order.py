"""iBUG's 68 points mirrored, and prototypes warped to faces."""

import cv2
import numpy as np

from faceveil.imaging.geometry import CANONICAL_224, transform
from faceveil.imaging.prototypes import prototype_warp
from faceveil.inference.card import WEIGHTS
from faceveil.inference.device import Choice
from faceveil.systems.mixing.landmarks import MIRRORED, SIDE, SQUARE, LandmarkFinder

PARTS = {"jaw": range(17), "brows": range(17, 27), "eyes": (*range(36, 40), *range(42, 46)),
         "lower lids": (40, 41, 46, 47), "nostrils": range(31, 36),
         "outer lip": range(48, 55), "chin lip": range(55, 60)}  # fmt: skip


def test_mirroring_twice_is_nothing():
    assert sorted(MIRRORED) == list(range(68))
    assert np.array_equal(MIRRORED[MIRRORED], np.arange(68))


def test_points_of_the_middle_stay():
    middle = [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]
    assert [i for i in range(68) if MIRRORED[i] == i] == middle


def test_order_within_each_part_turns_round():
    """iBUG numbers jaw, brows, nostrils and lips from one side to the other."""
    for name in ("jaw", "brows", "nostrils", "outer lip", "chin lip"):
        part = list(PARTS[name])
        assert MIRRORED[part].tolist() == part[::-1], name
    assert MIRRORED[[36, 37, 38, 39, 40, 41]].tolist() == [45, 44, 43, 42, 47, 46]
    assert MIRRORED[[60, 61, 65]].tolist() == [64, 63, 67]


def test_network_sees_its_square_shrunk_by_area(monkeypatch):
    """What the network gets is independent of what lies outside its square."""
    finder = LandmarkFinder(WEIGHTS / "landmarks.onnx", choice=Choice(threads=1))
    rng = np.random.default_rng(0)
    face = cv2.GaussianBlur(rng.random((224, 224, 3), np.float32), (0, 0), 3)
    x, y = SQUARE
    outside = rng.random((224, 224, 3), np.float32)
    outside[y : y + SIDE, x : x + SIDE] = face[y : y + SIDE, x : x + SIDE]
    found = finder(np.stack([face, outside]))
    assert found.shape == (2, 68, 2)
    np.testing.assert_allclose(found[0], found[1], atol=1e-3)


def test_prototype_of_a_face_on_the_template_stays():
    same = np.repeat(np.eye(2, 3)[None], 2, 0)
    assert np.array_equal(prototype_warp(None, 2), same)
    np.testing.assert_allclose(prototype_warp(CANONICAL_224[None], 1)[0], same[0], atol=1e-6)


def test_prototype_follows_the_face():
    """The map takes the face's points to the template's, both in coordinates from -1 to 1."""
    turn = np.array([[1.1, -0.2], [0.15, 0.9]])
    faces = np.stack([CANONICAL_224 @ turn.T + [4, -9], CANONICAL_224 * 0.8 + 20])
    maps = prototype_warp(faces, 2)
    assert maps.dtype == np.float32
    assert maps.shape == (2, 2, 3)
    for face, matrix in zip(faces, maps, strict=True):
        found = transform(matrix, (face - 111.5) / 112)
        np.testing.assert_allclose(found, (CANONICAL_224 - 111.5) / 112, atol=1e-5)
