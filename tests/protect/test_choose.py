"""Which faces are protected, which are left, and how they are numbered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceveil.errors import DoubtfulFaceError, OptionError
from faceveil.imaging.detect import CenterFace, in_order
from faceveil.imaging.search import Sight
from faceveil.inference.device import Choice
from faceveil.protect.choose import choose
from faceveil.protect.photo import PhotoOptions
from faceveil.types import Face
from tests.protect.fakes import LANDMARKS

PHOTO = np.zeros((200, 200, 3), np.uint8)


class Sees:
    """A searcher that sees what it was told to."""

    def __init__(self, faces=(), doubtful=()):
        self.sight = Sight(tuple(faces), tuple(doubtful))

    def detect(self, rgb):
        return self.sight.faces

    def search(self, rgb):
        return self.sight


def face(x, y=0, side=10, score=0.9):
    return Face((x, y, x + side, y + side), LANDMARKS + np.float32([x, y]), score)


MIDDLE, LEFT, RIGHT = face(50, side=8), face(0, side=30), face(80)
MAYBE = face(120, side=60, score=0.3)


def numbers(faces):
    return [f.number for f in faces]


def chosen(which="all", doubtful="report", people=None, maybe=()):
    return choose(PHOTO, Sees((MIDDLE, LEFT, RIGHT), maybe), which, doubtful, people)


@pytest.mark.parametrize(
    ("which", "taken", "left"),
    [("all", [0, 1, 2], []), ("largest", [0], [1, 2]), ("2,1", [1, 2], [0]), ("0", [0], [1, 2])],
)
def test_what_is_not_chosen_is_left(which, taken, left):
    found = chosen(which)
    assert (numbers(found.faces), numbers(found.left)) == (taken, left)
    own = {f.number: f.box for f in (*found.faces, *found.left)}
    assert own == {0: LEFT.box, 1: MIDDLE.box, 2: RIGHT.box}


@pytest.mark.parametrize("which", ["3", "0,3"])
def test_a_number_that_is_not_there(which):
    with pytest.raises(OptionError, match="has 3; expected numbers from 0 to 2"):
        chosen(which)
    assert choose(PHOTO, Sees(), which).faces == ()


@pytest.mark.parametrize("which", ["none", "-1", "1,,2", "", "biggest"])
def test_bad_choices_are_refused_before_a_photo(which):
    with pytest.raises(OptionError, match="faces: got"):
        PhotoOptions(faces=which)


def test_doubtful_places_are_left_protected_or_an_error():
    left = chosen(maybe=[MAYBE])
    assert (numbers(left.faces), numbers(left.doubtful)) == ([0, 1, 2], [3])
    taken = chosen(doubtful="protect", maybe=[MAYBE])
    assert (numbers(taken.faces), numbers(taken.doubtful)) == ([0, 1, 2, 3], [])
    with pytest.raises(DoubtfulFaceError, match=r"1 place may be a face, near \(150, 30\)"):
        chosen(doubtful="fail", maybe=[MAYBE])
    assert numbers(chosen(doubtful="fail").faces) == [0, 1, 2]


def test_a_doubtful_place_is_chosen_by_its_number_and_never_the_largest():
    assert numbers(chosen("3", maybe=[MAYBE]).faces) == [3]
    assert numbers(chosen("largest", doubtful="protect", maybe=[MAYBE]).faces) == [0]
    with pytest.raises(OptionError, match="has 3 and 1 doubtful; expected numbers from 0 to 3"):
        chosen("4", maybe=[MAYBE])


def test_people_choose_among_the_chosen():
    class First:
        def wanted(self, crops):
            assert crops.shape == (2, 224, 224, 3)
            return np.array([False, True])

    found = chosen("0,2", people=First())
    assert (numbers(found.faces), numbers(found.left)) == ([2], [0, 1])


def test_what_the_caller_knows_is_not_searched():
    class Blind:
        def detect(self, rgb):
            raise AssertionError

    known = Sight((RIGHT, LEFT))
    assert [f.box for f in choose(PHOTO, Blind(), given=known).faces] == [LEFT.box, RIGHT.box]


side = st.floats(1, 300)
corner = st.floats(0, 500)


@given(st.lists(st.tuples(corner, corner, side, side), min_size=1, max_size=6))
def test_largest_and_order(boxes):
    faces = tuple(Face((x, y, x + w, y + h), LANDMARKS, 0.5) for x, y, w, h in boxes)
    (found,) = choose(PHOTO, Sees(faces), "largest").faces
    area = (found.box[2] - found.box[0]) * (found.box[3] - found.box[1])
    assert area == pytest.approx(max(w * h for _, _, w, h in boxes), rel=1e-6)
    middles = [(f.box[0] + f.box[2], f.box[1] + f.box[3]) for f in in_order(faces)]
    assert middles == sorted(middles)


def test_a_real_photo_has_one_order_everywhere(portrait):
    import faceveil

    two = np.concatenate([portrait[:, 60:400], portrait[:300, 60:400]], axis=0)
    two = np.concatenate([two, two[:, ::-1]], axis=1)
    found = CenterFace(choice=Choice(threads=1)).search(two).faces
    assert len(found) == 4
    done = faceveil.load_protector("blur", threads=1).protect_photo(two, faces="1,3")
    order = in_order(found)
    assert [f.face.box for f in done.faces] == [order[1].box, order[3].box]
    assert [f.box for f in done.left] == [order[0].box, order[2].box]
