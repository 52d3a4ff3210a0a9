"""Faces that one look misses: small, turned, dark, or larger than the photo."""

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceveil.imaging.detect import CenterFace
from faceveil.imaging.pose import odd, pose, turned_back
from faceveil.imaging.search import _OVERLAP, _TILE, FINE, _spans
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


def looks(detector, photo, monkeypatch):
    """Sizes of what the network looks at in one search."""
    find, seen = detector._find, []
    with monkeypatch.context() as patch:
        patch.setattr(
            detector, "_find", lambda rgb, least: seen.append(rgb.shape) or find(rgb, least)
        )
        detector.search(photo)
    return seen


def test_a_plain_face_costs_one_look(detector, head, monkeypatch):
    assert len(looks(detector, head, monkeypatch)) == 1


def test_a_doubtful_place_costs_one_small_look_in_all_orientations(detector, head, monkeypatch):
    photo = np.full((320, 320, 3), 120, np.uint8)
    photo[70:, 60:290] = head
    ball = cv2.circle(np.full((60, 60, 3), 120, np.uint8), (30, 30), 12, (205, 170, 150), -1)
    photo[:60, :60] = ball
    first = detector.detect_loosely(photo)
    assert (len(first[0]), len(first[1])) == (1, 0)
    monkeypatch.setattr("faceveil.imaging.search.LEAST", 1e-3)
    seen = looks(detector, photo, monkeypatch)
    assert len(seen) > 1
    assert {max(shape) for shape in seen[1:]} == {192}


@pytest.mark.parametrize("angle", [-45, 25, 45, 135])
def test_a_leaning_face_is_straightened_for_its_landmarks(detector, head, known, angle):
    height, width = head.shape[:2]
    map_ = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    map_[:, 2] += 50
    photo = cv2.warpAffine(head, map_, (width + 100, height + 100), borderMode=cv2.BORDER_REFLECT)
    expected = known.landmarks @ map_[:, :2].T + map_[:, 2]
    face = max(detector.detect(photo), key=lambda f: f.box[2] - f.box[0])
    eyes = np.linalg.norm(expected[1] - expected[0])
    assert np.linalg.norm(face.landmarks - expected, axis=1).mean() < 0.1 * eyes
    assert abs((pose(np.asarray(face.landmarks))[0] + angle + 180) % 360 - 180) < 12


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_an_upside_down_face_of_a_high_score_is_looked_at_again(detector, head, turns):
    photo = np.ascontiguousarray(np.rot90(head, turns))
    first = detector.detect_loosely(photo)[0]
    (face,) = detector.detect(photo)
    assert not odd(turned_back(face.landmarks, head.shape[:2], turns, edge=1))
    assert all(odd(np.asarray(f.landmarks, float)) for f in first)


def test_tiles_of_plain_paper_are_passed_over(detector, head, monkeypatch):
    paper = np.full((5000, 3000, 3), 250, np.uint8)
    paper[100:350, 100:330] = head
    seen = looks(detector, paper, monkeypatch)
    tiles = len(list(_spans(round(5000 * FINE)))) * len(list(_spans(round(3000 * FINE))))
    assert tiles == 6
    assert len([shape for shape in seen[1:] if max(shape) > 320]) < tiles / 2
    assert len(detector.detect(paper)) == 1


@given(st.integers(1, 40_000))
def test_tiles_cover_a_length_and_are_no_larger_than_they_must_be(length):
    spans = list(_spans(length))
    assert spans[0][0] == 0
    assert spans[-1][1] == length
    assert all(0 < end - start <= _TILE for start, end in spans)
    overlaps = [a[1] - b[0] for a, b in itertools.pairwise(spans)]
    assert all(o >= _OVERLAP - 1 for o in overlaps)
    assert all(o <= _OVERLAP + 65 for o in overlaps)
