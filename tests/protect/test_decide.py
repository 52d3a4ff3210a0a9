"""What is decided of a face, and that it is decided once."""

import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.imaging.photo import from_rgb
from faceveil.protect import decide
from faceveil.protect.decide import Aim, target_of
from faceveil.protect.photo import PhotoOptions, protect_photo
from faceveil.protect.protector import Protector
from faceveil.protect.targets import DEFAULT_STRENGTH, Draw
from faceveil.systems.obscure import Blur
from faceveil.types import Face
from tests.protect.fakes import LANDMARKS, BrightenProtector, FixedDetector

CROPS = np.random.default_rng(0).integers(0, 256, (5, 224, 224), dtype=np.uint8)


class Counting:
    """P(male) is the mean of the luma; counts the faces that it is asked for."""

    def __init__(self):
        self.asked = 0

    def p_male(self, luma):
        self.asked += len(luma)
        return luma.mean(axis=(1, 2)).astype(np.float32)


class Careless(BrightenProtector):
    """The person's gender makes no difference to it."""

    needs_gender = False


def lit(*values):
    return np.stack([np.full((224, 224, 3), v, np.uint8) for v in values])


@pytest.mark.parametrize(
    ("own", "asked", "drawn", "expected"),
    [
        ("opposite", None, False, "opposite"),
        ("neutral", None, False, "neutral"),
        ("neutral", None, True, "random"),
        ("neutral", "same", False, "same"),
        ("opposite", "random", True, "random"),
        (None, None, False, "neutral"),
    ],
)
def test_target(own, asked, drawn, expected):
    assert target_of("m", own, asked, drawn=drawn) == expected


@pytest.mark.parametrize(("asked", "drawn"), [("neutral", False), (None, True)])
def test_a_target_that_cannot_be_had(asked, drawn):
    with pytest.raises(OptionError, match="blur does the same to every face; leave it out"):
        target_of("blur", None, asked, drawn=drawn)
    with pytest.raises(OptionError, match="leave it out"):
        Aim.of(Blur(), target=asked, drawn=drawn)


@pytest.mark.parametrize(
    ("method", "target", "gender", "read"),
    [
        (Careless(), "opposite", None, True),
        (Careless(), "same", None, True),
        (Careless(), "neutral", None, False),
        (Careless(), "random", None, False),
        (BrightenProtector(), "neutral", None, True),
        (BrightenProtector(), "opposite", "male", False),
    ],
)
def test_whose_gender_is_read(method, target, gender, read):
    aim, estimator = Aim.of(method, target=target, gender=gender, draw=Draw(3)), Counting()
    assert aim.reads_gender is read
    found = aim.decide(CROPS, estimator)
    assert estimator.asked == (len(CROPS) if read else 0)
    assert (found.p_male is not None) is read
    if not read:
        assert set(found.male) == {1.0 if gender else 0.5}


def test_strength():
    assert Aim.of(BrightenProtector()).strength == DEFAULT_STRENGTH
    assert Aim.of(Blur()).strength == 1
    assert Aim.of(Blur(), strength=0.3).strength == 0.3
    with pytest.raises(OptionError, match="strength"):
        Aim.of(Blur(), strength=1.5)


def test_what_the_caller_knows_is_not_asked():
    aim, estimator = Aim.of(BrightenProtector(), gender=None), Counting()
    male = np.array([1, 0, 0, 1, 0], np.float32)
    found = aim.decide(CROPS, estimator, male)
    assert (estimator.asked, found.p_male) == (0, None)
    np.testing.assert_array_equal(found.target, 1 - male)


def test_each_face_on_its_own_and_a_person_once():
    crops = lit(250, 120, 100)
    aim = Aim.of(BrightenProtector())
    each = aim.decide(crops, Counting())
    np.testing.assert_array_equal(each.male, [1, 0, 0])
    np.testing.assert_array_equal(each.target, [0, 1, 1])
    person = aim.decide_person(crops, Counting())
    assert person.p_male == pytest.approx((250 + 120 + 100) / 3 / 255, abs=1e-4)
    assert (person.male.tolist(), person.target.tolist()) == ([1], [0])


def test_a_persons_random_target_hangs_on_the_first_sight():
    aim = Aim.of(Careless(), target="random", draw=Draw(3))
    estimator = Counting()
    for first in range(5):
        person = aim.decide_person(CROPS[first:], estimator)
        assert person.target.tolist() == [aim.draw.male(CROPS[first])]
    assert estimator.asked == 0


def test_it_is_decided_once_a_face(monkeypatch):
    """In photos and crops alike: one question to the estimator, one target."""
    targets = []
    real = decide.numeric_targets
    monkeypatch.setattr(
        decide, "numeric_targets", lambda *a: targets.extend([a[1]] * len(a[0])) or real(*a)
    )
    made = []
    monkeypatch.setattr(decide, "target_of", lambda *a, **k: made.append(a) or target_of(*a, **k))
    faces = [Face((40.0, 40.0, 120.0, 140.0), LANDMARKS + shift, 0.9) for shift in (0, 40)]
    estimator, detector = Counting(), FixedDetector(tuple(faces))
    photo = from_rgb(np.random.default_rng(1).integers(0, 256, (220, 220, 3), dtype=np.uint8))
    method = BrightenProtector()
    _, found = protect_photo(photo, method, estimator, detector, PhotoOptions())
    assert (len(found), estimator.asked, len(targets), len(made)) == (2, 2, 2, 1)
    Protector(method, estimator, detector).protect_crops(CROPS)
    assert (estimator.asked, len(targets), len(made)) == (7, 7, 2)
