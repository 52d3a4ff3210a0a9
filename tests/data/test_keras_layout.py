"""The Keras project's folders, written and read."""

import cv2
import numpy as np
import pytest

from faceveil.data import keras_layout as layout
from faceveil.data.keras_layout import file_names, pairs
from faceveil.data.keras_reader import read_keras, read_keras_outputs
from faceveil.errors import OptionError

MALE = np.array([0, 1, 1], np.float32)
NAMES = ["a", "b", "c"]


def pictures(value):
    return np.full((3, 8, 8), value, np.uint8) + np.arange(3, dtype=np.uint8)[:, None, None]


OUTPUTS = {"SM": pictures(10), "NT": pictures(20), "OP": pictures(30)}


def write(folder, **changes):
    args = {"first": pictures(40), "second": pictures(50), "outputs": OUTPUTS, "male": MALE}
    return layout.write_pairs(folder, **(args | {"names": NAMES} | changes))


def check(folder, values):
    for name, value in values.items():
        picture = cv2.imread(str(folder / f"{name}.png"), cv2.IMREAD_UNCHANGED)
        assert picture.shape == (8, 8)
        assert (picture == value).all(), name


def test_lfw_every_picture_in_its_place(tmp_path):
    """Report, section 5: NT, OP and SM inside male and female, beside OR_1 and OR_2."""
    assert write(tmp_path) == 15
    check(tmp_path, {"female/NT/a": 20, "male/OP/b": 31, "male/SM/c": 12, "male/OR_1/b": 41,
                     "female/OR_2/a": 50})  # fmt: skip
    folders = {p.relative_to(tmp_path).as_posix() for p in tmp_path.glob("*/*")}
    kinds = ("OR_1", "OR_2", "SM", "NT", "OP")
    assert folders == {f"{s}/{k}" for s in ("female", "male") for k in kinds}
    assert len(list(tmp_path.rglob("*.png"))) == 15


def test_celebas_folders(tmp_path):
    """Report, sections 3.1 and 5."""
    assert layout.write_generated(tmp_path, OUTPUTS, MALE, NAMES) == 9
    assert layout.write_part(tmp_path, "test", pictures(40), MALE, NAMES) == 3
    assert layout.write_part(tmp_path, "train", pictures(60), MALE, NAMES) == 3
    check(tmp_path, {"generated/female/NT/a": 20, "generated/male/OP/b": 31, "test/male/c": 42,
                     "train/female/a": 60})  # fmt: skip
    with pytest.raises(OptionError, match="expected train, validation or test"):
        layout.write_part(tmp_path, "valid", pictures(40), MALE, NAMES)
    found = read_keras_outputs(tmp_path)
    assert (found.names, found.male.tolist(), found.second) == (NAMES, MALE.tolist(), None)
    np.testing.assert_array_equal(found.first, pictures(40))
    for kind, expected in OUTPUTS.items():
        np.testing.assert_array_equal(found.outputs[kind], expected)
    records = read_keras(tmp_path)
    parts = [(r.source, r.gender, r.split) for r in records]
    assert ("train/female/a.png", "f", "train") in parts
    assert ("test/male/b.png", "m", "test") in parts
    assert len(parts) == 6


def test_lfw_read_as_it_was_written(tmp_path):
    write(tmp_path)
    found = read_keras_outputs(tmp_path)
    assert (found.names, found.male.tolist()) == (NAMES, MALE.tolist())
    np.testing.assert_array_equal(found.first, pictures(40))
    np.testing.assert_array_equal(found.second, pictures(50))
    records = read_keras(tmp_path)
    assert [(r.gender, r.identity) for r in records][:2] == [("f", "a"), ("f", "a")]
    assert {r.source for r in records} >= {"male/OR_1/c.png", "male/OR_2/c.png"}
    assert len(records) == 6
    (tmp_path / "male" / "NT" / "b.png").unlink()
    with pytest.raises(OptionError, match="NT: b"):
        read_keras_outputs(tmp_path)


def test_their_code_calls_a_part_valid(tmp_path):
    for place in ("valid/female/1.jpg", "train/male/2.jpg"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_bytes(b"photo")
    assert {(r.gender, r.split) for r in read_keras(tmp_path)} == {("f", "val"), ("m", "train")}
    with pytest.raises(OptionError, match="folders of the Keras project"):
        read_keras(tmp_path / "valid")
    with pytest.raises(OptionError, match="no output"):
        read_keras_outputs(tmp_path)


def test_prototypes_have_the_names_that_their_code_opens(tmp_path):
    female, male = np.zeros((8, 8, 3), np.float32), np.ones((8, 8, 3), np.float32)
    assert layout.write_prototypes(tmp_path, female, male, 0.25) == 3
    values = {"female": 0, "male": 255, "neutral": 64}
    for name, value in values.items():
        picture = cv2.imread(str(tmp_path / "prototype" / f"{name}.jpg"))
        assert np.abs(picture.astype(int) - value).max() <= 1
    with pytest.raises(OptionError, match="is there already"):
        layout.write_prototypes(tmp_path, female, male, 0.25)


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


def test_lfws_people_give_the_files_their_names():
    sources = ["Ann_B_0001.jpg", "C_D_0001.jpg", "C_D_0002.jpg"]
    assert file_names(sources, [0, 1], people=True) == ["Ann_B", "C_D"]
    assert file_names(sources, [1, 2], people=True) == ["C_D_0001", "C_D_0002"]
    assert file_names(["x.jpg"], [0], people=True) == ["x"]
