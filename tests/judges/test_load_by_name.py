"""Names that ``test_loaded`` leaves out: one's own ONNX files and modules, doubles, bad modules."""

import json
import sys

import numpy as np
import pytest

from faceveil.errors import ModelError, OptionError
from faceveil.judges.base import GenderJudge, Matcher
from faceveil.judges.cache import identity
from faceveil.judges.loaded import load_judge, load_judges
from tests.judges.tiny import card, constant

CROPS = np.zeros((3, 224, 224, 3), np.uint8)


def own(folder, stem, **changes):
    digest = constant(folder / f"{stem}.onnx", changes.pop("values", [0.25]))
    text = json.dumps(card(name=stem, model=f"{stem}.onnx", **changes))
    (folder / f"{stem}.json").write_text(text)
    return digest


def test_a_file_with_its_card_beside_it(tmp_path):
    digest = own(tmp_path, "mine")
    own(tmp_path, "eyes", task="embedding", values=[3.0, 4.0])
    (reader,), (matcher,) = load_judges(["mine", "eyes"], tmp_path, threads=1)
    np.testing.assert_allclose(reader.p_male(CROPS), 0.25)
    np.testing.assert_allclose(matcher.embed(CROPS), [[0.6, 0.8]] * 3, rtol=1e-6)
    assert isinstance(reader, GenderJudge)
    assert isinstance(matcher, Matcher)
    assert reader.card.sha256 == digest  # the card states none


def test_other_weights_or_another_crop_are_another_identity(tmp_path):
    names = []
    for changes in ({}, {"values": [0.5]}, {"crop": {"frame": "arcface"}}, {}):
        folder = tmp_path / str(len(names))
        folder.mkdir()
        own(folder, "mine", **changes)
        names.append(identity(load_judge("mine", folder, threads=1)))
    assert names[0] == names[3]
    assert len(set(names)) == 3


def test_damaged_and_auxiliary_models(tmp_path):
    own(tmp_path, "helper", role="auxiliary", task="embedding")
    with pytest.raises(OptionError, match="auxiliary"):
        load_judge("helper", tmp_path)
    own(tmp_path, "changed", sha256="0" * 64)
    with pytest.raises(ModelError, match="sha256"):
        load_judge("changed", tmp_path)
    (tmp_path / "alone.onnx").write_bytes(b"x")
    with pytest.raises(OptionError, match=r"'alone'.*those in .*: alone, changed, helper"):
        load_judge("alone", tmp_path)


def test_unknown_names_list_what_is_possible(tmp_path):
    with pytest.raises(OptionError) as caught:
        load_judge("nobody")
    text = str(caught.value)
    for part in ("judge_gender", "insightface:PACK", "module:function", "ssrnet_gender_wiki"):
        assert part in text
    assert "\n" not in text


def test_a_judge_given_twice():
    with pytest.raises(OptionError, match="judge_gender given twice"):
        load_judges(["judge_gender", "judge_matcher", "judge_gender"], threads=1)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, in which modules lie that Python's path does not know."""
    monkeypatch.chdir(tmp_path)
    names = ("own_judge", "broken_judge", "dirty_judge")
    for name in names:  # another test's modules of that name
        sys.modules.pop(name, None)
    yield tmp_path
    for name in names:
        sys.modules.pop(name, None)


def test_modules_of_the_current_folder(here):
    (here / "own_judge.py").write_text(
        "class Own:\n"
        "    @staticmethod\n"
        "    def read(crops):\n"
        "        return crops.mean(axis=(1, 2, 3)) / 255\n"
    )
    path = list(sys.path)
    np.testing.assert_array_equal(load_judge("own_judge:Own.read").p_male(CROPS), 0)
    assert sys.path == path


def test_modules_that_cannot_be_imported(here):
    (here / "broken_judge.py").write_text("def read(:\n")
    (here / "dirty_judge.py").write_text("raise RuntimeError('no licence\\nfound')\n")
    with pytest.raises(ModelError, match=r"broken_judge:read: cannot be imported.*SyntaxError"):
        load_judge("broken_judge:read")
    with pytest.raises(ModelError, match=r"cannot be imported \(RuntimeError: no licence\)"):
        load_judge("dirty_judge:read")


@pytest.mark.parametrize("spec", [":", "x:", ":x", "..x:y", "sys:nobody", "sys:path"])
def test_no_callables(spec):
    with pytest.raises(OptionError, match=f"judge {spec}"):
        load_judge(spec)
