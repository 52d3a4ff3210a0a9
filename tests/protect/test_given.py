"""Faces that the caller gives: limits, and landmarks that are found in a box."""

import numpy as np
import pytest

import faceveil
from faceveil.errors import NoFaceError, OptionError
from faceveil.imaging.detect import CenterFace
from faceveil.inference.device import Choice
from faceveil.protect.given import GivenFace, GivenPhoto, checked, completed
from faceveil.types import Face
from tests.protect.fakes import LANDMARKS, FixedDetector

BOX = (40.0, 40.0, 120.0, 140.0)
SHAPE = (200, 180, 3)


@pytest.fixture(scope="module")
def detector():
    return CenterFace(choice=Choice(threads=1))


def shifted(dx=0.0, dy=0.0, scale=1.0):
    middle = LANDMARKS.mean(axis=0)
    return (LANDMARKS - middle) * np.float32(scale) + middle + np.float32([dx, dy])


@pytest.mark.parametrize(
    ("landmarks", "reason"),
    [
        (shifted(scale=1e-5), r"eyes 0\.000\d+ pixels apart; expected 2 to 400"),
        (shifted(scale=0.04), "expected 2 to 400"),
        (shifted(scale=11), "expected 2 to 400"),
        (shifted(dx=180), "outside the photo of 180 x 200 pixels"),
        (shifted(dy=-1e6), "outside the photo"),
        (np.full((5, 2), np.nan, np.float32), "5 finite"),
        (np.full((5, 2), 70, np.float32), "coincide"),
        (LANDMARKS[:4], "5 finite"),
    ],
)
def test_out_of_limits(landmarks, reason):
    with pytest.raises(OptionError, match=reason):
        checked([Face(BOX, LANDMARKS), Face(BOX, landmarks)], SHAPE)


@pytest.mark.parametrize("box", [(9, 0, 9, 5), (0, 9, 5, 1), (0, 0, np.inf, 5)])
def test_bad_boxes(box):
    with pytest.raises(OptionError, match="face 0: got box"):
        checked([Face(box, LANDMARKS)], SHAPE)


def test_the_smallest_and_largest_are_taken():
    faces = [Face(BOX, shifted(scale=0.06)), Face(BOX, shifted(scale=9.0))]
    assert checked(faces, SHAPE) == tuple(faces)
    with pytest.raises(OptionError, match="got 1001; expected at most 1000"):
        checked([Face(BOX, LANDMARKS)] * 1001, SHAPE)


def test_python_callers_are_told_and_nothing_is_changed(portrait):
    blur = faceveil.load_protector("blur", threads=1)
    with pytest.raises(OptionError, match="pixels apart"):
        blur.protect_photo(portrait, faces=[Face(BOX, shifted(scale=1e-5))])
    with pytest.raises(OptionError, match="outside the photo"):
        blur.protect_photo(portrait, faces=[Face(BOX, shifted(dx=9000))])


@pytest.mark.parametrize("grow", [0.8, 1.0, 1.4])
def test_landmarks_are_found_in_a_box(detector, portrait, grow):
    (face,) = detector.detect(portrait)
    x0, y0, x1, y1 = face.box
    middle = np.array([x0 + x1, y0 + y1]) / 2
    half = grow * np.array([x1 - x0, y1 - y0]) / 2
    box = tuple(np.concatenate([middle - half, middle + half]).tolist())
    sight = completed(GivenPhoto((GivenFace(box),)), portrait, detector)
    (found,) = sight.faces
    assert found.box == box
    eyes = np.linalg.norm(face.landmarks[1] - face.landmarks[0])
    assert np.linalg.norm(found.landmarks - face.landmarks, axis=1).max() < 0.15 * eyes


def test_a_box_without_a_face_is_an_error(detector, portrait):
    with pytest.raises(NoFaceError, match=r"box 0 \(10, 300, 90, 390\): no face found in it"):
        completed(GivenPhoto((GivenFace((10, 300, 90, 390)),)), portrait, detector)
    with pytest.raises(OptionError, match="lies outside the photo"):
        completed(GivenPhoto((GivenFace((900, 0, 990, 90)),)), portrait, detector)


def test_boxes_to_search_have_an_end():
    given = GivenPhoto((GivenFace(BOX),) * 150, (GivenFace(BOX),) * 51)
    with pytest.raises(OptionError, match="got 201 without landmarks; expected at most 200"):
        completed(given, np.zeros(SHAPE, np.uint8), FixedDetector())


def test_a_moved_box_with_landmarks_left_behind():
    points = tuple(map(tuple, LANDMARKS.tolist()))
    rgb = np.zeros(SHAPE, np.uint8)
    kept = completed(GivenPhoto((GivenFace(BOX, points),)), rgb, FixedDetector())
    np.testing.assert_array_equal(kept.faces[0].landmarks, LANDMARKS)
    moved = GivenFace((100, 100, 170, 180), points)
    with pytest.raises(OptionError, match="outside of it; leave them out"):
        completed(GivenPhoto((moved,)), rgb, FixedDetector())


def test_boxes_of_a_photo_of_another_size():
    rgb = np.zeros(SHAPE, np.uint8)
    with pytest.raises(OptionError, match="of 180 x 199 pixels; this one has 180 x 200"):
        completed(GivenPhoto(size=(180, 199)), rgb, FixedDetector())
    assert completed(GivenPhoto(size=(180, 200)), rgb, FixedDetector()).faces == ()
