"""Finding faces on real photos, and choosing among them."""

import numpy as np
import pytest

from faceveil.errors import ModelError
from faceveil.imaging.detect import DOUBTFUL, CenterFace, _suppress
from faceveil.inference.device import Choice


@pytest.fixture(scope="module")
def detector():
    return CenterFace(choice=Choice(threads=1))


def test_portrait(detector, portrait):
    (face, *others) = detector.detect(portrait)
    assert not others
    left, right, nose, mouth_left, mouth_right = face.landmarks
    # By eye on the portrait: the eyes near (203, 102) and (247, 105), the nose tip near (224, 126).
    np.testing.assert_allclose(left, (203, 102), atol=4)
    np.testing.assert_allclose(right, (247, 105), atol=4)
    np.testing.assert_allclose(nose, (224, 126), atol=4)
    assert left[0] < nose[0] < right[0]
    assert mouth_left[0] < mouth_right[0]
    assert min(mouth_left[1], mouth_right[1]) > nose[1]
    assert face.score > 0.5


@pytest.mark.parametrize("scale", [0.25, 0.5, 3.0])
def test_landmarks_follow_the_photos_size(detector, portrait, scale):
    import cv2

    size = (round(512 * scale), round(512 * scale))
    resized = np.asarray(cv2.resize(portrait, size, interpolation=cv2.INTER_AREA), np.uint8)
    reference, (face, *_) = detector.detect(portrait)[0], detector.detect(resized)
    np.testing.assert_allclose(face.landmarks / scale, reference.landmarks, atol=5)


def test_shifted_photo_gives_shifted_face(detector, portrait):
    wide = np.zeros((600, 700, 3), np.uint8)
    wide[50:562, 150:662] = portrait
    shifted = detector.detect(wide)[0].landmarks - [150, 50]
    np.testing.assert_allclose(shifted, detector.detect(portrait)[0].landmarks, atol=4)


@pytest.mark.parametrize("shape", [(300, 400, 3), (1, 1, 3), (5, 900, 3)])
def test_empty_pictures_have_no_face(detector, shape):
    assert detector.detect(np.full(shape, 90, np.uint8)) == ()


def test_real_photos(detector, shared):
    import cv2

    files = sorted((shared / "data" / "lfw-raw").glob("*.jpg"))[::14]
    found = [detector.detect(cv2.imread(str(f))[..., ::-1]) for f in files]
    assert all(found)
    centred = sum(any(np.abs(f.landmarks[:2].mean(0) - (125, 113)).max() < 20 for f in faces)
                  for faces in found)  # fmt: skip
    assert centred == len(files)


def test_damaged_model(tmp_path):
    path = tmp_path / "centerface.onnx"
    with pytest.raises(ModelError, match="no such file"):
        CenterFace(path)
    path.write_bytes(b"\x08\x07hello")
    with pytest.raises(ModelError, match="not a usable ONNX model"):
        CenterFace(path)


def test_suppression_keeps_the_best_of_overlapping_boxes():
    boxes = np.array([(0, 0, 10, 10), (1, 1, 11, 11), (30, 30, 40, 40)], np.float32)
    assert _suppress(boxes, np.array([0.5, 0.9, 0.6], np.float32), 0.3) == [1, 2]


@pytest.mark.parametrize("size", [(512, 512), (1600, 1200), (5000, 4000)])
def test_near_a_place_the_same_face_is_found(detector, portrait, size):
    import cv2

    rgb = np.asarray(cv2.resize(portrait, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    (whole,) = detector.detect_loosely(rgb)[0]
    (face,) = detector.detect_near(rgb, [whole.box])
    eyes = np.linalg.norm(whole.landmarks[1] - whole.landmarks[0])
    np.testing.assert_allclose(face.landmarks, whole.landmarks, atol=0.05 * eyes)
    x0, y0, x1, y1 = whole.box
    far = (x0 + 2 * (x1 - x0), y0, x1 + 2 * (x1 - x0), y1)
    assert detector.detect_near(rgb, [far]) == ()
    assert detector.detect_near(rgb, []) == ()
    (one,) = detector.detect_near(rgb, [whole.box, (x0 - 9, y0, x1, y1 + 9)])
    np.testing.assert_allclose(one.landmarks, whole.landmarks, atol=0.05 * eyes)


def test_after_its_memory_was_given_back_it_finds_the_same(detector, portrait):
    before = detector.detect_loosely(portrait)[0]
    detector.release()
    (after,) = detector.detect_loosely(portrait)[0]
    np.testing.assert_array_equal(after.landmarks, before[0].landmarks)
    assert after.score == before[0].score


def test_doubtful_faces_are_those_between_the_two_scores(detector, portrait):
    import cv2

    for side in (40, 60, 512):
        rgb = np.asarray(cv2.resize(portrait, (side, side)), np.uint8)
        sure, doubtful = detector.detect_loosely(rgb)
        assert all(f.score >= detector.threshold for f in sure)
        assert all(DOUBTFUL <= f.score < detector.threshold for f in doubtful)
    strict = CenterFace(threshold=0.95, choice=Choice(threads=1))
    sure, doubtful = strict.detect_loosely(portrait)
    assert (sure, len(doubtful)) == ((), 1)
