"""Faces that one look misses: small, turned, dark, or larger than the photo."""

import cv2
import numpy as np
import pytest

from faceveil.imaging.detect import CenterFace
from faceveil.imaging.search import turned_back
from faceveil.inference.device import Choice


@pytest.fixture(scope="module")
def detector():
    return CenterFace(choice=Choice(threads=1))


@pytest.fixture(scope="module")
def head(portrait):
    """Head and shoulders, about 108 pixels of face."""
    return np.ascontiguousarray(portrait[0:250, 110:340])


@pytest.fixture(scope="module")
def known(detector, head):
    (face,) = detector.detect(head)
    return face


@pytest.mark.parametrize("turns", range(4))
def test_points_turn_back(turns):
    picture = np.zeros((7, 11), np.uint8)
    picture[2, 9] = 1
    y, x = np.argwhere(np.rot90(picture, turns))[0]
    assert turned_back(np.array([(x, y)]), (7, 11), turns, edge=1).tolist() == [[9, 2]]


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_faces_have_their_own_landmarks(detector, head, known, turns):
    (face,) = detector.detect(np.ascontiguousarray(np.rot90(head, turns)))
    own = turned_back(face.landmarks, head.shape[:2], turns, edge=1)
    eyes = np.linalg.norm(known.landmarks[1] - known.landmarks[0])
    assert np.linalg.norm(own - known.landmarks, axis=1).mean() < 0.1 * eyes


def test_an_upright_and_an_upside_down_face(detector, head):
    photo = np.full((700, 500, 3), 120, np.uint8)
    photo[30:280, 30:260] = head
    photo[400:650, 230:460] = head[::-1, ::-1]
    faces = sorted(detector.detect(photo), key=lambda face: face.box[1])
    down = [face.landmarks[3:, 1].mean() - face.landmarks[:2, 1].mean() for face in faces]
    assert len(faces) == 2
    assert down[0] > 20
    assert down[1] < -20


def test_small_faces_of_a_large_photo(detector, head):
    size = 60 / 108
    small = cv2.resize(head, None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
    photo = np.full((1500, 4000, 3), 120, np.uint8)
    places = [(y, x) for y in (200, 1100) for x in (100, 1333, 2600, 3800)]
    for y, x in places:
        photo[y : y + small.shape[0], x : x + small.shape[1]] = small
    assert len(detector.detect_loosely(photo)[0]) < len(places)
    assert len(detector.detect(photo)) == len(places)


def test_a_very_dark_photo(detector, head, known):
    noise = np.random.default_rng(0).normal(0, 4, head.shape)
    dark = np.clip(head * 0.04 + noise, 0, 255).astype(np.uint8)
    (face,) = detector.detect(dark)
    eyes = np.linalg.norm(known.landmarks[1] - known.landmarks[0])
    assert np.linalg.norm(face.landmarks - known.landmarks, axis=1).mean() < 0.15 * eyes


def test_a_face_that_fills_the_photo(detector, portrait):
    photo = cv2.resize(portrait[40:215, 165:285], (1097, 1600), interpolation=cv2.INTER_CUBIC)
    (face,) = detector.detect(photo)
    # By eye on the portrait: the eyes near (203, 102) and (247, 105).
    scale = 1600 / 175
    np.testing.assert_allclose(face.landmarks[0] / scale, (203 - 165, 102 - 40), atol=5)
    np.testing.assert_allclose(face.landmarks[1] / scale, (247 - 165, 105 - 40), atol=5)
