"""Boxes as JSON: what is read, what is refused, and which photo a name means."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceveil.errors import OptionError
from faceveil.files.boxes import by_source, parse_json, photo_of, photo_values, read_boxes
from faceveil.imaging.detect import CenterFace, numbered
from faceveil.inference.device import Choice
from faceveil.protect.given import GivenFace, GivenPhoto

POINTS = [[60, 70], [100, 70], [80, 92], [64, 115], [97, 115]]


def test_a_list_of_boxes_and_of_faces():
    found = photo_of([[1, 2, 30, 40], {"box": [5, 6, 70, 80], "landmarks": POINTS}], "x")
    points = tuple(map(tuple, POINTS))
    assert found.faces == (GivenFace((1, 2, 30, 40)), GivenFace((5, 6, 70, 80), points))
    assert (found.doubtful, found.size) == ((), None)


def test_what_was_found_is_read_back(portrait):
    sight = numbered(CenterFace(choice=Choice(threads=1)).search(portrait))
    entry = json.loads(json.dumps(photo_values(sight, (512, 512))))
    found = photo_of(entry, "x")
    assert found.size == (512, 512)
    assert [f.box for f in found.faces] == [pytest.approx(f.box, abs=0.06) for f in sight.faces]
    assert found.faces[0].score == pytest.approx(sight.faces[0].score, abs=1e-4)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({}, "a list of boxes, or an object with faces"),
        ("all", "a list of boxes, or an object with faces"),
        ([[1, 2, 3]], "faces 0: box: got .*; expected 4 numbers"),
        ([[1, 2, 3, "4"]], "expected 4 numbers"),
        ([[1, 2, 3, True]], "expected 4 numbers"),
        ([[1, 2, 3, 1e9]], "expected pixels of a photo"),
        ([{"box": [1, 2, 3, 4], "landmarks": POINTS[:4]}], "expected five landmarks"),
        ([{"box": [1, 2, 3, 4], "landmarks": 5}], "expected five landmarks"),
        ([{"box": [1, 2, 3, 4], "landmark": POINTS}], "has 'landmark'; expected box, landmarks"),
        ([{"landmarks": POINTS}], "or an object with box"),
        ([7], "or an object with box"),
        ({"faces": 7}, "expected a list of at most 1000 faces"),
        ({"faces": [[1, 2, 3, 4]] * 1001}, "expected a list of at most 1000 faces"),
        ({"faces": [], "face": []}, "has 'face'"),
        ({"faces": [], "width": 10}, "width 10, height None; expected pixels"),
    ],
)
def test_refused(entry, reason):
    with pytest.raises(OptionError, match=reason):
        photo_of(entry, "a.jpg")


def test_files_that_are_none(tmp_path):
    path = tmp_path / "boxes.json"
    with pytest.raises(OptionError, match="cannot be read: No such file"):
        read_boxes(path)
    for text, reason in (
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "an object of photos by name|object of photos"),
        ('{"a.jpg": [[1, 2]]}', "--boxes a.jpg: faces 0: box"),
        ("\udcff".encode("utf-8", "surrogateescape"), "no JSON"),
    ):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(OptionError, match=reason):
            read_boxes(path)


nested = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.dictionaries(st.sampled_from(["faces", "box", "landmarks", "width", "x"]), inner)
    ),
    max_leaves=20,
)


@given(nested)
def test_whatever_it_is_it_is_read_or_refused_in_one_line(value):
    told = ""
    try:
        photo_of(parse_json(json.dumps(value)), "x")
    except OptionError as error:
        told = str(error)
    assert "\n" not in told


SOURCES = [Path("in/ann/1.jpg"), Path("in/bob/1.jpg"), Path("in/bob/2.jpg")]


def test_names_mean_photos_by_as_much_of_their_path_as_is_needed():
    one, two = GivenPhoto(), GivenPhoto(size=(1, 1))
    assert by_source({"bob/1.jpg": one, "2.jpg": two}, SOURCES) == {
        SOURCES[1]: one,
        SOURCES[2]: two,
    }
    assert by_source({"./in/ann/1.jpg": one}, SOURCES) == {SOURCES[0]: one}
    assert by_source({str(SOURCES[0].absolute()): one}, SOURCES) == {SOURCES[0]: one}


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["1.jpg"], "1.jpg may be in/ann/1.jpg or in/bob/1.jpg"),
        (["3.jpg"], "3.jpg is no photo of this run"),
        (["b/1.jpg"], "no photo of this run"),
        (["2.jpg", "bob/2.jpg"], "are one photo; name it once"),
    ],
)
def test_names_that_are_unclear(names, reason):
    with pytest.raises(OptionError, match=reason):
        by_source(dict.fromkeys(names, GivenPhoto()), SOURCES)
