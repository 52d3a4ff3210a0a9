"""One photo end to end, with protectors and detectors whose answers are known."""

import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.imaging.geometry import canonical_from_landmarks, transform
from faceveil.imaging.photo import Photo, from_rgb
from faceveil.protect.photo import PhotoOptions, protect_photo
from faceveil.types import Face
from tests.protect.fakes import (
    LANDMARKS,
    BrightenProtector,
    FixedDetector,
    FixedEstimator,
)


def photo(seed=0, shape=(200, 180, 3)):
    return from_rgb(np.random.default_rng(seed).integers(40, 200, shape, dtype=np.uint8))


def run(picture, protector=None, p=0.1, detector=None, **options):
    options = {"strength": 1.0, **options}
    return protect_photo(
        picture,
        protector or BrightenProtector(),
        FixedEstimator(p),
        detector or FixedDetector(),
        PhotoOptions(**options),
    )


def test_face_centre_changes_by_the_asked_amount_and_the_rest_not_at_all():
    picture = photo()
    out, faces = run(picture)  # p = 0.1: a woman, so the target is 1 and the change +0.2
    change = out.pixels.astype(int) - picture.pixels
    assert (change[92, 80] == 51).all()  # the nose: 0.2 x 255
    matrix = canonical_from_landmarks(LANDMARKS)
    y, x = np.mgrid[:200, :180]
    inside = transform(matrix, np.stack([x.ravel(), y.ravel()], 1)).reshape(200, 180, 2)
    outside = ((inside < -1) | (inside > 224)).any(axis=2)
    assert outside.any()
    assert (change[outside] == 0).all()
    (face,) = faces
    assert (face.gender, face.target, face.gender_given) == ("female", "male", False)
    assert face.mean_change == pytest.approx(0.2, abs=0.01)
    assert face.p_male == pytest.approx(0.1)


def test_colour_difference_is_kept():
    picture = photo()
    out, _ = run(picture)
    a, b = picture.pixels.astype(int), out.pixels.astype(int)
    assert np.array_equal(a[..., 0] - a[..., 1], b[..., 0] - b[..., 1])


@pytest.mark.parametrize(("target", "expected"), [("opposite", 1), ("same", 0), ("neutral", 0.5)])
def test_targets(target, expected):
    protector = BrightenProtector()
    run(photo(), protector, target=target)
    ((male, wanted, points),) = protector.calls
    assert (male.tolist(), wanted.tolist()) == ([0], [expected])
    np.testing.assert_allclose(points[0], transform(canonical_from_landmarks(LANDMARKS), LANDMARKS))


def test_random_target_depends_on_seed_and_face_only():
    answers = {}
    for seed in range(12):
        for picture in (0, 1):
            first = run(photo(picture), target="random", seed=seed)[1][0].target
            again = run(photo(picture), target="random", seed=seed)[1][0].target
            assert first == again
            answers[seed, picture] = first
    assert set(answers.values()) == {"male", "female"}
    assert any(answers[s, 0] != answers[s, 1] for s in range(12))


def test_given_gender_is_used_and_said():
    protector = BrightenProtector()
    _, (face,) = run(photo(), protector, gender="male")
    assert protector.calls[0][0].tolist() == [1]
    assert (face.gender_given, face.p_male) == (True, None)


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_strength_scales_the_change(strength):
    picture = photo()
    out, _ = run(picture, strength=strength)
    change = int(out.pixels[92, 80, 0]) - int(picture.pixels[92, 80, 0])
    assert change == pytest.approx(51 * strength, abs=1)
    if strength == 0:
        assert np.array_equal(out.pixels, picture.pixels)


def test_no_face_leaves_the_photo():
    picture = photo()
    out, faces = run(picture, detector=FixedDetector(()))
    assert out is picture
    assert faces == ()


def test_all_faces_go_through_one_by_one():
    far = LANDMARKS + np.float32([70, 60])
    faces = (Face((40, 40, 120, 140), LANDMARKS), Face((110, 100, 180, 199), far))
    protector = BrightenProtector()
    _, done = run(photo(), protector, detector=FixedDetector(faces))
    assert [len(male) for male, _, _ in protector.calls] == [
        1,
        1,
    ]  # memory of one, whatever the crowd
    assert [(d.face.number, d.face.box) for d in done] == [(0, faces[0].box), (1, faces[1].box)]
    _, one = run(photo(), detector=FixedDetector(faces), faces="1")
    assert [(d.face.number, d.face.box) for d in one] == [(1, faces[1].box)]


@pytest.mark.parametrize("side", [64, 224, 300])
def test_aligned_changes_the_whole_crop(side):
    picture = photo(shape=(side, side, 3))
    out, (face,) = run(picture, detector=FixedDetector(()), aligned=True)
    change = out.pixels.astype(int) - picture.pixels
    assert (change == 51).mean() > 0.99
    assert face.face.box == (0, 0, side, side)


def test_aligned_needs_a_square():
    with pytest.raises(OptionError, match="square"):
        run(photo(shape=(20, 30, 3)), aligned=True)


def test_sixteen_bit_and_alpha_are_kept():
    rng = np.random.default_rng(0)
    deep = Photo(rng.integers(0, 60000, (200, 180, 4), dtype=np.uint16), "RGBA")
    out, _ = run(deep)
    assert out.pixels.dtype == np.uint16
    assert np.array_equal(out.pixels[..., 3], deep.pixels[..., 3])
    change = out.pixels[92, 80, :3].astype(int) - deep.pixels[92, 80, :3]
    np.testing.assert_allclose(change, 0.2 * 65535, atol=200)


def test_bad_options():
    with pytest.raises(OptionError, match="strength"):
        PhotoOptions(strength=1.5)
    with pytest.raises(OptionError, match="gender"):
        PhotoOptions(gender="m")
