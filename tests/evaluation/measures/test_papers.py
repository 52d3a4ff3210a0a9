"""Protocols of single papers, on people whose judges are foreseeable."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the report extra")

from faceveil.errors import ModelError, OptionError
from faceveil.evaluation.case import Case
from faceveil.evaluation.config import load_evaluation
from faceveil.evaluation.measures import measure
from faceveil.evaluation.measures.gender_an import cross_entropy, mean_squared_error
from faceveil.evaluation.measures.keras_pairs import keras_pair_scores, keras_score
from faceveil.evaluation.metrics.gender import reduction
from faceveil.evaluation.report.charts import rocs
from faceveil.evaluation.report.html import judge_tables
from faceveil.judges.attributes import CallableAttributes, attribute_labels
from tests.evaluation.fakes import PatchMatcher, people
from tests.evaluation.measures.cases import BrightPatches, face_set, invert, nothing

HERE = "tests.evaluation.measures.test_papers"


def bright_and_plain(crops):
    """Two attributes: how bright the face is, and one that is always the same."""
    return np.stack([crops.mean(axis=(1, 2, 3)) / 255, np.full(len(crops), 0.25)], axis=1)


bright_and_plain.attributes = ("Bright", "Plain")


def nameless(crops):
    return np.zeros((len(crops), 2))


def three(crops):
    return np.zeros((len(crops), 3))


three.attributes = ("A", "B")


def measured(paper, protect, matcher, attributes=None, labels=None, attacker=True):
    faces = face_set(40, 1, each=3)
    own = face_set(30, 2, each=3, name="own") if attacker else None
    made = Case(
        "p", 1.0, faces, protect(faces.crops, faces.male), protect, own, matchers=[matcher],
        attributes=attributes, labels=labels, repeats=30,
    )  # fmt: skip
    return measure(made, [paper])


def test_keras_pairs_by_hand():
    record = measured("keras-pairs", nothing, PatchMatcher())
    rows = {r.metric: r for r in record.rows if r.kind == "paper"}
    faces = face_set(40, 1, each=3)
    embedded = PatchMatcher().embed(np.repeat(faces.crops[..., None], 3, axis=3))
    first, second = embedded[0::3], embedded[1::3]  # of each of 40 people, in order
    scores = np.array([[keras_score(a[None], b[None])[0] for b in second] for a in first])
    own = np.eye(40, dtype=bool)
    better = (scores[own][:, None] > scores[~own]).mean()
    ties = (scores[own][:, None] == scores[~own]).mean()
    assert rows["Keras pairs AUC"].value == pytest.approx(better + ties / 2)
    assert rows["Keras pairs AUC"].n == 40
    assert "20 of them men" in rows["Keras pairs AUC"].note
    (curve,) = [c for c in record.curves if c.kind == "keras pairs"]
    assert (curve.x[0], curve.x[-1], curve.y[-1]) == (0, 1, 1)
    (chart,) = [c for c in rocs(record.curves) if "keras pairs" in c.title]
    assert chart.axes.get_xscale() == "linear"
    assert any("paper" in t.caption for t in judge_tables(record.rows))


def test_keras_pairs_of_protected_first_photos():
    def another(crops, male):
        return people(40, 3, seed=9)[0]

    kept, lost = (
        next(r.value for r in measured("keras-pairs", p, PatchMatcher()).rows if "AUC" in r.metric)
        for p in (nothing, another)
    )
    assert kept > 0.95
    assert 0.3 < lost < 0.7


def test_gender_an_classifiers_and_reduction():
    record = measured("gender-an", invert, BrightPatches())
    found = {(r.judge, r.metric): r for r in record.rows if r.adversary == "clean-embeddings"}
    right = []
    for name in ("svm", "forest", "mlp", "knn"):
        accuracy = found[f"{name}/patches", "accuracy"]
        assert accuracy.value < 0.35  # inverted, and they know only clean faces
        assert accuracy.low <= accuracy.value <= accuracy.high
        gone = found[f"{name}/patches", "Reduction"]
        original = float(gone.note.split()[0])
        assert original > 0.6
        assert gone.value == pytest.approx(reduction(original, accuracy.value), abs=0.01)
        right.append(accuracy.value)
    assert found["mean/patches", "accuracy"].value == pytest.approx(np.mean(right))
    captions = [t.caption for t in judge_tables(record.rows)]
    assert any("Reduction" in c for c in captions)
    assert any(c.startswith("d, crops: accuracy of classifiers that learned") for c in captions)


def test_gender_an_without_what_it_needs_leaves_gaps():
    record = measured("gender-an", nothing, BrightPatches(), attacker=False)
    notes = {r.note for r in record.rows if r.value is None}
    assert any("name a pack as 'attacker'" in n for n in notes)
    assert any("no judge of several attributes" in n for n in notes)


def test_gender_an_attributes():
    judge = CallableAttributes(f"{HERE}:bright_and_plain")
    faces = face_set(40, 1, each=3)
    bright = judge.p_attributes(np.repeat(faces.crops[..., None], 3, axis=3))[:, 0] >= 0.5
    labels = np.stack([bright, np.full(len(bright), np.nan)], axis=1).astype(float)
    record = measured("gender-an", invert, BrightPatches(), judge, labels)
    found = {r.metric: r for r in record.rows if r.kind == "paper"}
    level = faces.crops.mean(axis=(1, 2)) / 255
    wanted = ((1 - 2 * level) ** 2).mean()
    assert found["Bright: MSE"].value == pytest.approx(wanted, abs=1e-4)
    assert found["Plain: MSE"].value == 0
    assert found["Plain: cross-entropy"].value == pytest.approx(0.5623, abs=1e-3)  # its own entropy
    assert found["Bright: CAC"].value == pytest.approx(1.0, abs=0.02)  # all right, then all wrong
    assert found["Bright: accuracy"].value == pytest.approx(0.0, abs=0.02)
    assert found["Bright: Reduction"].value > 1.5
    assert found["Plain: CAC"].value is None
    assert "attribute_labels" in found["Plain: CAC"].note


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("nameless", OptionError, "names none"),
        ("gone", OptionError, "module:function"),
        ("three", ModelError, r"expected \(4, 2\) probabilities"),
    ],
)
def test_attribute_judges_that_are_none(name, error, message):
    with pytest.raises(error, match=message):
        CallableAttributes(f"{HERE}:{name}").p_attributes(np.zeros((4, 224, 224, 3), np.uint8))


def test_labels_by_source(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("source,Young,Bald\n1.jpg,1,0\n2.jpg,0,1\n")
    found = attribute_labels(path, ["2.jpg", "3.jpg", "1.jpg"], ["Young", "Tall"])
    np.testing.assert_array_equal(found, [[0, np.nan], [np.nan, np.nan], [1, np.nan]])
    path.write_text("source,Young\n1.jpg,-1\n")
    with pytest.raises(OptionError, match="neither 0 nor 1"):
        attribute_labels(path, ["1.jpg"], ["Young"])
    with pytest.raises(OptionError, match="expected a CSV"):
        attribute_labels(tmp_path / "gone.csv", ["1.jpg"], ["Young"])


def test_the_papers_evaluations():
    folder = Path(__file__).parents[3] / "evaluations"
    keras, an = (load_evaluation(folder / f"{n}.toml") for n in ("keras", "gender-an"))
    assert keras.papers == ("keras-pairs",)
    assert {p.target for p in keras.protectors} >= {"same", "neutral", "opposite"}
    assert an.papers == ("gender-an",)
    assert {p.method for p in an.protectors} >= {"original", "gender-an", "privacynet"}
    assert "niqe" in an.quality
    assert an.attacker


def test_a_paper_that_is_unknown_or_lacks_faces(tmp_path):
    text = (
        'title = "t"\ndata = "."\npapers = {}\n[[protector]]\nmethod = "san"\n[[set]]\npath = "p"\n'
    )
    path = tmp_path / "e.toml"
    path.write_text(text.format(json.dumps(["gender-bn"])))
    with pytest.raises(OptionError, match="paper 'gender-bn'"):
        load_evaluation(path)
    path.write_text(text.format(json.dumps(["gender-an"])))
    with pytest.raises(OptionError, match="gender-an needs faces of its own"):
        load_evaluation(path)


def test_attribute_errors():
    log_loss = pytest.importorskip("sklearn.metrics").log_loss
    a, b = np.random.default_rng(0).random((2, 6, 4))
    assert mean_squared_error(a, b) == pytest.approx(np.mean((a - b) ** 2))
    hard = (a > 0.5).astype(float)
    expected = np.mean([log_loss(hard[:, k], b[:, k], labels=[0, 1]) for k in range(4)])
    assert cross_entropy(hard, b) == pytest.approx(expected)
    for bad in (a[:3], a * 2, a * np.nan):
        with pytest.raises(OptionError, match="attributes"):
            mean_squared_error(a, bad)


def test_keras_genuine_and_impostor_scores():
    a, b = np.random.default_rng(0).normal(size=(2, 5, 3))
    genuine, impostor = keras_pair_scores(a, b)
    table = [[1 / (1 + ((x - y) ** 2).sum()) for y in b] for x in a]
    np.testing.assert_allclose(genuine, [table[i][i] for i in range(5)])
    wanted = [table[i][j] for i in range(5) for j in range(5) if i != j]
    np.testing.assert_allclose(impostor, wanted)
    with pytest.raises(OptionError, match="descriptors"):
        keras_pair_scores(a, b[:4])


def test_keras_score():
    a, b = np.random.default_rng(0).normal(size=(2, 5, 3))
    expected = [1 / (1 + np.linalg.norm(x - y) ** 2) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(keras_score(a, b), expected)
    assert keras_score(a, a).tolist() == [1] * 5
