"""What the page does to boxes: its own module, in node."""

import json
import shutil
import subprocess

import pytest

from faceveil.files.boxes import face_values, photo_of
from faceveil.imaging.detect import numbered
from faceveil.imaging.search import Sight
from faceveil.types import Face
from tests.conftest import ROOT
from tests.protect.fakes import LANDMARKS

NODE = shutil.which("node")
MODULE = ROOT / "src/faceveil/web/static/places.js"
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed: no script is tried")


def in_node(body):
    """What a script answers that has the module as ``m``."""
    script = f"const m = await import({json.dumps(MODULE.as_uri())}); {body}"
    command = [NODE, "--input-type=module", "-"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def face(x, y=40.0, side=60.0, score=0.9):
    return Face((x, y, x + side, y + side), LANDMARKS, score)


def test_edited_places_have_the_numbers_that_the_server_gives_them():
    sight = numbered(Sight((face(200.0), face(20.0)), (face(300.0), face(90.0, score=0.3))))
    found = {
        "faces": [face_values(f) for f in sight.faces],
        "doubtful": [face_values(f) for f in sight.doubtful],
    }
    steps = in_node(
        f"let places = m.placesOf({json.dumps(found)}); let chosen = new Set([0, 1]);"
        "const steps = [];"
        "const next = (made) => { ({ places, chosen } = made);"
        " steps.push({ sent: m.sentOf(places, [400, 160]), places, chosen: [...chosen] }); };"
        "next(m.added(places, chosen, [100, 20, 150, 80]));"  # between both faces
        "next(m.replaced(places, chosen, 0, [250, 20, 300, 80]));"  # the left one is the last now
        "next(m.replaced(places, chosen, 3, [5, 20, 60, 80]));"  # what may be a face is one
        "next(m.removed(places, chosen, 1));"
        "console.log(JSON.stringify(steps));"
    )
    for step in steps:
        given = photo_of(step["sent"], "boxes")  # which refuses what the API refuses
        server = numbered(
            Sight(
                tuple(Face(g.box, LANDMARKS, 1.0) for g in given.faces),
                tuple(Face(g.box, LANDMARKS, 1.0) for g in given.doubtful),
            )
        )
        every = [*server.faces, *server.doubtful]
        assert [(f.number, list(f.box)) for f in every] == [
            (p["number"], p["box"]) for p in step["places"]
        ]
        assert [g.box for g in (*given.faces, *given.doubtful)] == [f.box for f in every]
    ids = [[p["id"] for p in step["places"]] for step in steps]
    assert ids == [[0, 4, 1, 2, 3], [4, 1, 0, 2, 3], [3, 4, 1, 0, 2], [3, 4, 0, 2]]
    assert [sorted(step["chosen"]) for step in steps] == [
        [0, 1, 2], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2],
    ]  # fmt: skip
    landmarks = [["landmarks" in f for f in step["sent"]["faces"]] for step in steps]
    assert landmarks == [
        [True, False, True],
        [False, True, False],
        [False, False, True, False],
        [False, False, False],
    ]
    assert [len(step["sent"]["doubtful"]) for step in steps] == [2, 2, 1, 1]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("spanned([90.4, 80], [10, 20.2], [100, 100])", [10, 20, 90, 80]),
        ("spanned([-5, 50], [120, 300], [100, 90])", [0, 50, 100, 90]),
        ("spanned([10, 10], [14, 60], [100, 100])", None),
        ("moved([10, 20, 40, 60], [7, -5], [100, 100])", [17, 15, 47, 55]),
        ("moved([10, 20, 40, 60], [-30, 90], [100, 100])", [0, 60, 30, 100]),
        ("moved([-5, 20, 40, 60], [-30, 0], [100, 100])", [-5, 20, 40, 60]),
        ("resized([10, 20, 40, 60], [1, 1], [5, -3], [100, 100])", [10, 20, 45, 57]),
        ("resized([10, 20, 40, 60], [-1, 0], [90, 50], [100, 100])", [32, 20, 40, 60]),
        ("resized([10, 20, 40, 60], [1, 1], [900, 900], [100, 90])", [10, 20, 100, 90]),
        ("edgesAt([10, 20, 40, 60], [25, 40], 5)", [0, 0]),
        ("edgesAt([10, 20, 40, 60], [8, 62], 5)", [-1, 1]),
        ("edgesAt([10, 20, 40, 60], [38, 40], 5)", [1, 0]),
        ("edgesAt([10, 20, 40, 60], [3, 40], 5)", None),
        ("edgesAt([10, 10, 22, 22], [16, 16], 50)", [0, 0]),
        ("placeOf('box 12 (1, 2, 3, 4): no face found in it')", 12),
        ("placeOf('face 0: its landmarks are those of')", 0),
        ("placeOf('boxes: for a photo of 9 x 9 pixels')", None),
    ],
)
def test_boxes_under_the_hand(call, expected):
    assert in_node(f"console.log(JSON.stringify(m.{call} ?? null))") == expected
