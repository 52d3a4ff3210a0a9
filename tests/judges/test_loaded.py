"""Judges by name: the package's, public models, Python callables, dlib."""

import sys
import types

import numpy as np
import pytest

from faceveil.errors import ModelError, OptionError
from faceveil.judges.base import GenderJudge, Matcher
from faceveil.judges.loaded import load_judge, load_judges

CROPS = np.random.default_rng(0).integers(0, 256, (5, 224, 224, 3), dtype=np.uint8)
HERE = "tests.judges.test_loaded"


def brightness(crops):
    """P(male)."""
    return crops.mean(axis=(1, 2, 3)) / 255


def colour(crops):
    """An embedding."""
    return crops.mean(axis=(1, 2))


def too_large(crops):
    return brightness(crops) * 3


def too_short(crops):
    return brightness(crops)[:1]


def not_a_number(crops):
    out = brightness(crops)
    if len(out) > 3:
        out[3] = np.nan
    return out


def throws(crops):
    if len(crops) > 2:
        raise ValueError("at the third\nand more")
    return brightness(crops)


NOTHING = 3


def test_callables_are_told_apart_by_their_answer():
    (reader,), (matcher,) = load_judges([f"{HERE}:brightness", f"{HERE}:colour"])
    assert isinstance(reader, GenderJudge)
    assert isinstance(matcher, Matcher)
    np.testing.assert_allclose(reader.p_male(CROPS), brightness(CROPS), rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(matcher.embed(CROPS), axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("too_large", "0 to 1"),
        ("not_a_number", "crop 3"),
        ("throws", "ValueError: at the third;"),
    ],
)
def test_bad_answers_are_named(name, message):
    judge = load_judge(f"{HERE}:{name}")
    with pytest.raises(ModelError, match=message) as caught:
        judge.p_male(CROPS)
    assert f"{HERE}:{name}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_answer_of_the_wrong_length():
    with pytest.raises(ModelError, match=r"expected \(2,\)"):
        load_judge(f"{HERE}:too_short")


@pytest.mark.parametrize("spec", [f"{HERE}:nobody", "no_such_module:x", f"{HERE}:NOTHING"])
def test_no_such_callable(spec):
    with pytest.raises(OptionError, match="judge"):
        load_judge(spec)


def test_the_packages_own():
    (reader,), (matcher,) = load_judges(["judge_gender", "judge_matcher"], threads=1)
    assert reader.p_male(CROPS).shape == (5,)
    assert matcher.embed(CROPS).shape[0] == 5


def test_public_models(shared):
    judge = load_judge("ssrnet_gender_wiki", shared / "models", threads=1)
    assert judge.info.name == "ssrnet_gender_wiki"


def test_unknown(tmp_path):
    with pytest.raises(OptionError, match="ssrnet_gender_wiki"):
        load_judge("nobody", tmp_path)


class FakeDlib(types.ModuleType):
    """Notes the chips; the descriptor is their mean colour and 125 ones."""

    def __init__(self):
        super().__init__("dlib")
        self.chips = []

    def face_recognition_model_v1(self, path):
        self.path = path
        return self

    def compute_face_descriptor(self, chip):
        self.chips.append(chip)
        return [*chip.mean(axis=(0, 1)), *[1.0] * 125]


def test_dlib_gets_its_own_chips(monkeypatch, tmp_path):
    from faceveil.judges.dlib_matcher import DlibMatcher

    fake = FakeDlib()
    monkeypatch.setitem(sys.modules, "dlib", fake)
    matcher = DlibMatcher(tmp_path / "weights.dat")
    embeddings = matcher.embed(CROPS)
    assert fake.path.endswith("weights.dat")
    assert embeddings.shape == (5, 128)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-6)
    assert all(c.shape == (150, 150, 3) and c.dtype == np.uint8 for c in fake.chips)
    assert matcher.embed(CROPS[:0]).shape == (0, 128)


def test_without_dlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(OptionError, match="pip install dlib-bin"):
        load_judge("dlib")
