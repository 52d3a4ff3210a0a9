"""The Keras project's folders."""

import cv2
import numpy as np
import pytest

from faceveil.data.keras_layout import file_names, pairs, write_keras_layout
from faceveil.errors import OptionError

MALE = np.array([0, 1, 1], np.float32)
NAMES = ["a", "b", "c"]


def pictures(value):
    return np.full((3, 8, 8), value, np.uint8) + np.arange(3, dtype=np.uint8)[:, None, None]


def write(folder, **changes):
    outputs = {"SM": pictures(10), "NT": pictures(20), "OP": pictures(30)}
    args = {"first": pictures(40), "second": pictures(50), "outputs": outputs, "male": MALE}
    return write_keras_layout(folder, **(args | {"names": NAMES} | changes))


def test_every_picture_in_its_place(tmp_path):
    assert write(tmp_path) == 15
    values = {"generated/female/NT/a": 20, "generated/male/OP/b": 31, "generated/male/SM/c": 12,
              "male/OR_1/b": 41, "female/OR_2/a": 50}  # fmt: skip
    for name, value in values.items():
        picture = cv2.imread(str(tmp_path / f"{name}.png"), cv2.IMREAD_UNCHANGED)
        assert picture.shape == (8, 8)
        assert (picture == value).all()
    assert len(list(tmp_path.rglob("*.png"))) == 15


def test_nothing_is_overwritten(tmp_path):
    write(tmp_path)
    with pytest.raises(OptionError, match="is there already"):
        write(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"outputs": {"SM": pictures(1)}}, "SM, NT, OP"), ({"names": ["a", "a", "b"]}, "repeats")],
)
def test_bad_input(tmp_path, changes, message):
    with pytest.raises(OptionError, match=message):
        write(tmp_path, **changes)
    assert not list(tmp_path.iterdir())


def test_pairs_are_two_photos_of_each_person():
    identity = np.array([0, 0, 0, 1, 2, 2, 3, 3, 4, 4])
    male = np.array([0, 0, 0, 0, 1, 1, 1, 1, 0, 0], np.float32)
    first, second = pairs(identity, male, 2)
    assert first.tolist() == [0, 8, 4, 6]  # women first; nobody with one photo
    assert second.tolist() == [1, 9, 5, 7]
    assert [len(x) for x in pairs(identity, male, 1)] == [2, 2]


def test_a_person_labelled_both_ways_is_two_people():
    identity, male = np.array([7, 7, 7, 7]), np.array([0, 1, 0, 1], np.float32)
    first, second = pairs(identity, male, 5)
    assert (first.tolist(), second.tolist()) == ([0, 1], [2, 3])


def test_file_names_are_sources_where_these_are_distinct():
    sources = ["m/a.jpg", "m/b.jpg", "f/a.jpg", "m/a.png"]
    assert file_names(sources, [0, 2]) == ["m_a", "f_a"]
    assert file_names(sources, [0, 3]) == ["0000000", "0000003"]
    assert file_names([], [5]) == ["0000005"]
