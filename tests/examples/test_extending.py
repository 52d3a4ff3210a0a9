"""The toys of docs/extending.md, taken from the page: protector, judge and adversary."""

import json
import re
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

import faceveil
from faceveil.cli.main import main
from faceveil.errors import ModelError, OptionError
from faceveil.evaluation.protecting import ProtectorSpec, protected
from faceveil.evaluation.sets import FaceSet, crop_of
from faceveil.imaging.crop import grey_levels
from faceveil.imaging.detect import CenterFace
from faceveil.judges import loaded
from faceveil.judges.base import JudgeInfo
from faceveil.systems import specs
from tests.conftest import ROOT
from tests.evaluation.fakes import people

PAGE = (ROOT / "docs/extending.md").read_text("utf-8")
FILES = dict(re.findall(r"```python\n# (\w+)\.py\n(.*?)```", PAGE, re.DOTALL))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the page's files, where one works; names are forgotten afterwards."""
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.chdir(tmp_path)
    known = dict(specs.SPECS)
    monkeypatch.setattr(loaded, "OWN", {})
    yield tmp_path
    specs.SPECS.clear()
    specs.SPECS.update(known)
    for name in FILES:
        sys.modules.pop(name, None)


def test_the_page_has_them_all():
    assert set(FILES) == {"veil", "use", "mouth", "undo"}


def test_registered_protector(place, monkeypatch):
    monkeypatch.syspath_prepend(str(place))
    space = {}
    exec(FILES["use"], space)
    crops = np.random.default_rng(0).integers(0, 256, (2, 224, 224), np.uint8)
    done = space["protector"].protect_crops(crops, strength=1.0)
    expected = (crops + crops.mean(axis=(1, 2), keepdims=True)) / 2
    middle = np.s_[:, 80:144, 80:144]  # the change fades out towards the border
    np.testing.assert_allclose(done[middle], expected[middle], atol=1)


def test_protector_at_the_command_line(place, portrait, capsys):
    Image.fromarray(portrait).save("me.png")
    assert main(["protect", "me.png", "-o", "out", "--method", "veil:Veil", "--jobs", "1"]) == 0
    assert "1 protected" in capsys.readouterr().err
    before = cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY).astype(np.float32)
    after = np.asarray(Image.open("out/me.png").convert("L"), np.float32)
    changed = np.abs(after - before) > 8
    assert 500 < changed.sum() < changed.size / 4  # the face, and nothing else


def test_evaluation_of_all_three(place):
    pa = pytest.importorskip("pyarrow", reason="needs the report extra")
    pytest.importorskip("jinja2", reason="needs the report extra")
    pytest.importorskip("matplotlib", reason="needs the report extra")
    import pyarrow.parquet as pq

    crops, male, identity = people(20, 2)
    columns = {
        "image": [cv2.imencode(".png", cv2.resize(c, (128, 128)))[1].tobytes() for c in crops],
        "gender": ["m" if m else "f" for m in male],
        "identity": [str(i) for i in identity],
    }
    (place / "data").mkdir()
    pq.write_table(pa.table(columns), place / "data" / "my-test.parquet")
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    text = text.replace('"judge_gender", "judge_matcher", ', "")  # the package's take their time
    (place / "own.toml").write_text(f"quality = []\nrepeats = 20\n{text}")
    assert main(["evaluate", "own.toml", "-o", "report", "--threads", "1"]) == 0
    rows = pq.read_table("report/results.parquet").to_pylist()
    auc = {
        (r["protector"], r["strength"], r["adversary"], r["judge"]): r["value"]
        for r in rows
        if r["metric"] == "AUC"
    }
    mouth = crops[:, 140:180, 80:144].mean(axis=(1, 2))
    men, women = mouth[male == 1], mouth[male == 0]
    expected = (men[:, None] > women).mean()
    assert auc["original", 0.0, "zero-effort", "mouth"] == pytest.approx(expected, abs=0.02)
    # Full strength halves contrast, so doubling it shows the judge what was there.
    undone = auc["veil", 1.0, "undo:contrast", "doubled/mouth"]
    assert undone == pytest.approx(expected, abs=0.02)
    assert json.loads((place / "report" / "summary.json").read_text())["headline"]


def test_registered_judge_is_checked(place):
    class Reader:
        info = JudgeInfo("reader", "a test", "MIT", "none")

        def p_male(self, crops):
            return crops.mean(axis=(1, 2, 3)) / 255

    class Wrong(Reader):
        def p_male(self, crops):
            return crops.mean(axis=(1, 2)) / 255  # three numbers a crop

    faceveil.register("reader", Reader())
    judge = loaded.load_judge("reader")
    assert judge.info.name == "reader"
    assert judge.p_male(np.full((2, 224, 224, 3), 255, np.uint8)).tolist() == [1.0, 1.0]
    with pytest.raises(ModelError, match=r"reader: returned shape \(2, 3\); expected \(2,\)"):
        faceveil.register("wrong", Wrong)


def test_registered_protector_in_whole_photos(place, portrait):
    """An evaluation's photo mode: the face is pasted back, and found again."""
    Image.fromarray(portrait).save("me.png")
    face = CenterFace().detect(portrait)[0]
    one = np.zeros(1, np.int64)
    crops = crop_of(portrait, face)[None]
    faces = FaceSet("p", crops, one.astype(np.uint8), one, photos=((place / "me.png", face),))
    done, _, lost = protected(faces, ProtectorSpec("veil:Veil"), 1.0, CenterFace(), 1)
    assert lost == 0
    middle = np.s_[:, 80:144, 80:144]
    before, after = (grey_levels(x)[middle].std() for x in (crops, done))
    # Half, as well as the face is found again: its frame moves by half a pixel or so.
    assert after == pytest.approx(before / 2, rel=0.15)
    with pytest.raises(OptionError, match="undo:contrast: a function protects crops, not photos"):
        protected(faces, ProtectorSpec("undo:contrast"), 1.0, CenterFace(), 1)


def test_registered_protector_on_the_page(place, monkeypatch):
    """Facts of a class that sets them when it is made are those of the object."""
    pytest.importorskip("fastapi", reason="needs the web extra")
    from faceveil.web.methods import describe
    from faceveil.web.settings import Settings

    class Late(_Bare):
        def __init__(self):
            self.name, self.runs_on = "late", "CPU"
            self.own_target, self.needs_gender, self.replaces_face = "opposite", True, True

    faceveil.register("late", Late)
    (shown,) = [m for m in describe(Settings())["methods"] if m["name"] == "late"]
    assert (shown["own_target"], shown["needs_gender"], shown["strength"]) == ("opposite", True, 1)


def test_own_code_and_many_machines(place, capsys):
    (place / "in").mkdir()
    call = ["protect", "in", "-o", "out", "--method", "veil:Veil", "--engine", "ray"]
    assert main(call) == 2
    assert "not with --engine ray" in capsys.readouterr().err


class _Bare:
    channels = 3

    def protect(self, faces, male, target, landmarks):
        return faces


@pytest.mark.parametrize(
    ("name", "made", "message"),
    [
        ("san", _Bare, "san.*taken"),
        ("default", _Bare, "taken"),
        ("a:b", _Bare, "without a colon"),
        ("bare", _Bare, "bare: _Bare has no name, own_target, .*; expected what faceveil"),
        ("three", 3, "three: got a int; expected a class or object"),
        ("judge_gender", lambda crops: crops, "judge_gender: the name is taken"),
    ],
)
def test_bad_registrations_are_one_line(place, name, made, message):
    with pytest.raises(OptionError, match=message) as caught:
        faceveil.register(name, made)
    assert "\n" not in str(caught.value)
    assert name not in set(faceveil.list_protectors()) - {"san"}


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("veil:Nothing", "--method veil:Nothing: AttributeError.*expected module:name"),
        ("none_there:Veil", "--method none_there:Veil: ModuleNotFoundError"),
        ("undo:contrast", "--method undo:contrast: has no 'protect'"),
    ],
)
def test_bad_methods_at_the_command_line(place, portrait, capsys, method, message):
    Image.fromarray(portrait).save("me.png")
    assert main(["protect", "me.png", "-o", "out", "--method", method]) == 2
    error = capsys.readouterr().err
    assert re.search(message, error)
    assert error.count("\n") == 1


def test_load_protector_runs_no_code_by_name(place):
    """Names come from clients of the REST API too."""
    with pytest.raises(OptionError, match="veil:Veil"):
        faceveil.load_protector("veil:Veil")
    assert "veil" not in sys.modules
