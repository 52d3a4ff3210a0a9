"""Faces on the command line: listed, chosen, left, given, told."""

import json
import re

import cv2
import numpy as np
import pytest
from PIL import Image

import faceveil
from faceveil.cli.main import main
from faceveil.files.jobs import plan_jobs
from faceveil.imaging.detect import CenterFace

CORNERS = ((5, 5), (60, 170), (230, 8), (300, 175))
"""Of the four heads, from left to right."""


@pytest.fixture(scope="module")
def crowd(portrait):
    """Four faces, two in each row, whose centres go from left to right."""
    head = cv2.resize(portrait[:250, 110:340], (138, 150), interpolation=cv2.INTER_AREA)
    photo = np.full((330, 450, 3), 120, np.uint8)
    for x, y in CORNERS:
        photo[y : y + 150, x : x + 138] = head
    return photo


@pytest.fixture
def file(crowd, tmp_path):
    path = tmp_path / "in" / "crowd.png"
    path.parent.mkdir()
    Image.fromarray(crowd).save(path)
    return path


def protect(file, *more, out=None):
    output = out or file.parent.parent / "out"
    report = file.parent.parent / "report.json"
    argv = ["protect", str(file), "-o", str(output), "--method", "blur", "--report", str(report)]
    code = main([*argv, "--existing", "overwrite", *map(str, more)])
    return code, json.loads(report.read_text())["files"][0]


def changed(file, crowd):
    """Numbers of the faces that are not what they were."""
    done = np.asarray(Image.open(file.parent.parent / "out" / file.name))
    return [
        n
        for n, (x, y) in enumerate(CORNERS)
        if (done[y + 40 : y + 110, x + 40 : x + 95] != crowd[y + 40 : y + 110, x + 40 : x + 95])
        .any(axis=2)
        .mean()
        > 0.5
    ]


def test_detect_lists_faces_as_protect_counts_them(file, crowd, capsys):
    assert main(["detect", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{file}: 4 faces"
    starts = [int(line.split("x ")[1].split(" ")[0]) for line in lines[1:]]
    assert starts == sorted(starts)
    code, done = protect(file, "--faces", "1,2")
    assert (code, changed(file, crowd)) == (0, [1, 2])
    assert [f["number"] for f in done["faces"]] == [1, 2]
    assert [f["number"] for f in done["left"]] == [0, 3]
    assert "2 faces left as they were" in capsys.readouterr().err


def test_check_counts_alike_and_does_not_pass_what_was_left(file, crowd, capsys):
    protect(file, "--faces", "largest")
    out = file.parent.parent / "out" / file.name
    assert main(["check", str(file), str(out), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [f["number"] for f in found["faces"]] == [0, 1, 2, 3]
    centres = [f["box"][0] + f["box"][2] for f in found["faces"]]
    assert centres == sorted(centres)
    assert sum(f["psnr"] is not None for f in found["faces"]) == 1


def test_what_detect_prints_is_what_boxes_reads(file, crowd, capsys, tmp_path):
    assert main(["detect", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps(found))
    assert protect(file, "--boxes", boxes)[0] == 0
    assert changed(file, crowd) == [0, 1, 2, 3]
    entry = found[str(file)]
    known = entry["faces"][0]["landmarks"]
    entry["faces"] = [entry["faces"][2], {"box": entry["faces"][0]["box"]}]
    boxes.write_text(json.dumps({"crowd.png": entry}))
    code, done = protect(file, "--boxes", boxes)
    assert (code, changed(file, crowd)) == (0, [0, 2])
    # The first is given by its box alone: its landmarks are found again.
    np.testing.assert_allclose(done["faces"][0]["landmarks"], known, atol=4)


def test_boxes_that_cannot_be_used_end_the_run_before_it_begins(file, tmp_path, capsys):
    boxes = tmp_path / "boxes.json"
    boxes.write_text('{"other.png": []}')
    out = tmp_path / "none"
    argv = ["protect", str(file), "-o", str(out), "--method", "blur", "--boxes", str(boxes)]
    assert main(argv) == 2
    assert "other.png is no photo of this run" in capsys.readouterr().err
    boxes.write_text('{"crowd.png": [[150, 100, 200, 160]]}')
    assert main(argv) == 1
    assert "no face found in it" in capsys.readouterr().err
    assert not out.exists() or not list(out.iterdir())


@pytest.fixture
def doubtful(monkeypatch):
    """A search whose last face is doubtful."""
    search = CenterFace.search

    def less_sure(self, rgb):
        sight = search(self, rgb)
        faces = sorted(sight.faces, key=lambda f: f.box[0])
        return type(sight)(tuple(faces[:-1]), tuple(faces[-1:]))

    monkeypatch.setattr(CenterFace, "search", less_sure)


@pytest.mark.usefixtures("doubtful")
def test_places_that_may_be_faces(file, crowd, capsys):
    code, done = protect(file)
    assert (code, changed(file, crowd)) == (0, [0, 1, 2])
    assert [d["number"] for d in done["doubtful"]] == [3]
    assert "1 place may be a face and was left" in capsys.readouterr().err
    code, done = protect(file, "--doubtful", "protect")
    assert (code, changed(file, crowd), done["doubtful"]) == (0, [0, 1, 2, 3], [])
    code, done = protect(file, "--doubtful", "fail", out=file.parent.parent / "never")
    assert (code, done["status"]) == (1, "failed")
    assert not list((file.parent.parent / "never").glob("*"))
    assert "1 place may be a face" in done["message"]
    assert main(["detect", str(file)]) == 0
    assert "3 faces, 1 place that may be" in capsys.readouterr().out
    result = faceveil.load_protector("blur", threads=1).protect_photo(file)
    assert [f.number for f in result.doubtful] == [3]


def test_only_and_except(file, crowd, portrait, shared, tmp_path, capsys):
    """Two of the four become another man; references are other photos than the crowd's."""
    files = sorted((shared / "data" / "lfw-raw").glob("*.jpg"))
    other = cv2.imread(str(files[0]))[:, :, ::-1]
    photo = np.full((260, 520, 3), 120, np.uint8)
    photo[5:255, 5:255] = other
    photo[5:255, 280:510] = portrait[:250, 110:340]
    Image.fromarray(photo).save(file)
    me = tmp_path / "me.jpg"
    Image.fromarray(portrait).save(me, quality=70)
    code, done = protect(file, "--only", me)
    assert (code, [f["number"] for f in done["faces"]]) == (0, [1])
    assert "1 face left as it was" in capsys.readouterr().err
    code, done = protect(file, "--except", me)
    assert (code, [f["number"] for f in done["faces"]]) == (0, [0])
    code, done = protect(file, "--only", me, "--except", me)
    assert (code, done["status"]) == (0, "no_face")
    assert done["message"] == "none of 2 faces chosen, nothing written"


def test_references_that_are_none(file, tmp_path, capsys):
    wall = tmp_path / "wall.png"
    Image.fromarray(np.full((300, 300, 3), 90, np.uint8)).save(wall)
    argv = ["protect", str(file), "-o", str(tmp_path / "out"), "--method", "blur"]
    for option, reference, reason in (
        ("--only", wall, "wall.png: no face found; expected a photo of one person"),
        ("--except", file, "crowd.png: 4 faces, none of them the main one"),
        ("--only", tmp_path / "gone.jpg", "gone.jpg: .*no such file"),
    ):
        assert main([*argv, option, str(reference)]) == 2
        assert re.search(reason, capsys.readouterr().err)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("option", ["--only", "--except", "--boxes"])
@pytest.mark.parametrize("where", ["--aligned", "--camera", "--engine"])
def test_not_where_there_are_no_photos_to_choose_from(file, option, where, tmp_path, capsys):
    more = {"--aligned": [], "--camera": ["0"], "--engine": ["ray"]}[where]
    argv = ["protect", str(file), "-o", str(tmp_path / "out"), option, str(file), where, *more]
    assert main(argv) == 2
    assert f"{option}: for photos, not with {where}" in capsys.readouterr().err


def test_one_input_and_a_files_name(file, tmp_path, capsys):
    out = tmp_path / "new" / "me.png"
    assert main(["protect", str(file), "-o", str(out), "--method", "blur"]) == 0
    assert out.is_file()
    (job,) = plan_jobs([str(file)], file)
    assert "the output is the input itself" in str(job.problem)
    assert main(["protect", str(file), "-o", str(tmp_path / "me.jpg")]) == 2
    assert "a photo stays of its kind; expected the ending .png" in capsys.readouterr().err
    folder = tmp_path / "two.png"
    two = plan_jobs([str(file), str(out)], folder)
    assert [job.target for job in two] == [folder / file.name, folder / out.name]
    assert plan_jobs([str(file.parent)], folder)[0].target == folder / file.name


def test_wishes_in_vain_are_said(file, capsys):
    argv = ["protect", str(file), "-o", str(file.parent.parent / "out")]
    assert main([*argv, "--gender", "female", "--target", "neutral"]) == 0
    assert "--gender: makes no difference to adaptive" in capsys.readouterr().err
    assert main([*argv, "--faces", "biggest"]) == 2
    assert "faces: got 'biggest'; expected all, largest" in capsys.readouterr().err
