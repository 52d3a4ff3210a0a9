"""Every example runs as it is, on the portrait that the package carries, without a network."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT

EXAMPLES = ROOT / "examples"
SMALL = ("tour.ipynb", "protect_and_check.py", "protect_folder.sh", "rest_client.py")


def run(command, folder, **environment):
    return subprocess.run(
        [str(c) for c in command],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )


def differs_in_the_face_only(path, portrait):
    change = (np.asarray(Image.open(path).convert("RGB")) != portrait).any(axis=2)
    assert 0.02 < change.mean() < 0.2
    assert not change[:, :100].any()
    assert not change[300:].any()


def test_the_list_is_whole():
    named = {p.name for p in EXAMPLES.iterdir() if p.is_file()}
    page = (ROOT / "docs/examples.md").read_text("utf-8")
    assert {n for n in named if f"`{n}`" not in page} == set()
    assert set(SMALL) < named


def test_python(tmp_path, portrait):
    done = run([sys.executable, EXAMPLES / "protect_and_check.py"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("a face, to read as ")
    differs_in_the_face_only(tmp_path / "protected.png", portrait)


def test_python_says_what_is_wrong(tmp_path):
    done = run([sys.executable, EXAMPLES / "protect_and_check.py", "absent.jpg"], tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "absent.jpg" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("sh") is None, reason="no shell")
def test_command_line(tmp_path, portrait):
    done = run(["sh", EXAMPLES / "protect_folder.sh"], tmp_path, PYTHON=sys.executable)
    assert done.returncode == 0, done.stderr
    differs_in_the_face_only(tmp_path / "protected/trip/portrait.png", portrait)
    report = json.loads((tmp_path / "protected/report.json").read_text("utf-8"))
    assert "portrait.png" in json.dumps(report)
    assert "1 skipped" in done.stderr  # by the second run


def test_rest(tmp_path, portrait):
    pytest.importorskip("fastapi", reason="the extra web is not installed")
    done = run([sys.executable, EXAMPLES / "rest_client.py"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "matcher" in done.stdout
    differs_in_the_face_only(tmp_path / "protected.png", portrait)


def test_notebook(tmp_path):
    book = json.loads((EXAMPLES / "tour.ipynb").read_text("utf-8"))
    cells = ["".join(c["source"]) for c in book["cells"] if c["cell_type"] == "code"]
    code = "\n\n".join(cells)
    done = run([sys.executable, "-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "of the pixels changed" in done.stdout
    lines = done.stdout.splitlines()
    table = [line.split() for line in lines if line.split()[0] in ("default", "gender-an")]
    assert len(table) == 6
    for method in ("default", "gender-an"):  # more strength, more effect, less likeness
        rows = [[float(v) for v in row[1:4]] for row in table if row[0] == method]
        strength, p_male, similarity = zip(*rows, strict=True)
        assert list(strength) == [0.4, 0.8, 1.0]
        assert sorted(p_male) == list(p_male)
        assert sorted(similarity, reverse=True) == list(similarity)


def test_notebook_holds_no_outputs():
    book = json.loads((EXAMPLES / "tour.ipynb").read_text("utf-8"))
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


def test_own_judge_and_protector(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own_judge", raising=False)
    from faceveil.judges.loaded import load_judge

    judge = load_judge("own_judge:brightness")
    dark = np.zeros((2, 224, 224, 3), np.uint8)
    assert judge.p_male(dark).tolist() == [1.0, 1.0]
    assert judge.p_male(dark + 255).tolist() == [0.0, 0.0]

    from faceveil.evaluation.protecting import ProtectorSpec, protect_function

    noise = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    full, none = (
        protect_function(ProtectorSpec("own_judge:flattened"), s, 1)(noise, np.array([0, 1]))
        for s in (1.0, 0.0)
    )
    assert full.std() < noise.std() / 3
    assert (none == noise).all()
