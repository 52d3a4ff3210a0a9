"""Attribute lists: CelebA's own, CSV, and what damaged ones say."""

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="needs the train extra")

from faceveil.data.attributes import attributes_of, columns_of, read_attributes
from faceveil.data.packs import Pack
from faceveil.errors import OptionError

OFFICIAL = "2\nBald Male \n000001.jpg -1  1\n000002.jpg  1 -1\n"


def test_both_forms_say_the_same(tmp_path):
    (tmp_path / "list_attr_celeba.txt").write_text(OFFICIAL)
    (tmp_path / "a.csv").write_text("source,Bald,Male\n000001.jpg,0,1\n000002.jpg,1,0\n")
    for name in ("list_attr_celeba.txt", "a.csv"):
        table = read_attributes(tmp_path / name)
        assert table.names == ("Bald", "Male")
        np.testing.assert_array_equal(table.values, [[0, 1], [1, 0]])
        rows = table.of(np.array(["000002.jpg", "other.jpg"]))
        np.testing.assert_array_equal(rows, [1, -1])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "source,Bald\nx.jpg,2\n", "line 2"),
        ("a.csv", "source,Bald\nx.jpg\n", "line 2"),
        ("a.csv", "", "attribute names"),
        ("a.txt", "1\nBald Male\nx.jpg 1\n", "line 3"),
        ("a.txt", "1\nBald\nx.jpg 0\n", "line 3"),
    ],
)
def test_damaged(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(OptionError, match=message):
        read_attributes(tmp_path / name)


def test_missing(tmp_path):
    with pytest.raises(OptionError, match="no such file"):
        read_attributes(tmp_path / "none.csv")
    with pytest.raises(OptionError, match="no attribute 'Smiling'"):
        columns_of(tmp_path, ("Bald", "Male"), ("Male", "Smiling"))


def pack(**columns):
    images = np.zeros((3, 8, 8, 3), np.uint8)
    return Pack(images, np.array([1, 0, 1], np.float32), np.arange(3), columns)


def test_a_packs_own_columns():
    race = np.array(["Asian", "White", "Others"])
    table = attributes_of(pack(age=np.array([29, 30, 50]), race=race))
    assert table.names[:4] == ("Male", "Age_Under_30", "Age_30_To_49", "Age_50_Or_More")
    np.testing.assert_array_equal(table.values[:, 0], [1, 0, 1])
    np.testing.assert_array_equal(table.values[:, 1:4], np.eye(3))
    assert [table.names[4 + k] for k in table.values[:, 4:].argmax(1)] == race.tolist()
    np.testing.assert_array_equal(table.values.sum(1), [3, 2, 3])


def test_a_pack_without_them():
    with pytest.raises(OptionError, match="no column 'race'"):
        attributes_of(pack(age=np.array([1, 2, 3])))
    with pytest.raises(OptionError, match="race 'Martian'"):
        attributes_of(pack(age=np.ones(3), race=np.array(["White", "White", "Martian"])))


def test_races_of_other_sets():
    """MORPH's Hispanic is one of UTKFace's Others ("like Hispanic, Latino, Middle Eastern")."""
    from faceveil.data.attributes import RACES, race_numbers

    given = ["White", "Hispanic", "", "East Asian", "Latino_Hispanic"]
    found = race_numbers(given).tolist()
    assert found == [0, RACES.index("Others"), -1, RACES.index("Asian"), RACES.index("Others")]
    with pytest.raises(OptionError, match="race 'Martian'"):
        race_numbers(["Martian"])
    with pytest.raises(OptionError, match="1 faces without a race"):
        attributes_of(pack(age=np.ones(3), race=np.array(["White", "", "Hispanic"])))
