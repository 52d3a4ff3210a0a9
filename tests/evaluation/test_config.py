"""Evaluations as they are written down, and changed on the command line."""

from pathlib import Path

import pytest

from faceveil.errors import OptionError
from faceveil.evaluation.config import load_evaluation
from faceveil.evaluation.results import digests

TEXT = """
title = "t"
data = "packs"
fmrs = [0.1, 0.01]

[[protector]]
method = "original"

[[protector]]
method = "san"
strengths = [0.8, 1]
weights = "runs/own"

[[set]]
path = "a.parquet"
limit = 10
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "runs" / "own").mkdir(parents=True)
    (tmp_path / "runs" / "own" / "san.onnx").write_bytes(b"weights")
    (tmp_path / "e.toml").write_text(TEXT)
    return tmp_path / "e.toml"


def test_paths_count_from_the_file(file):
    config = load_evaluation(file)
    assert config.data == file.parent / "packs"
    assert config.models is None
    assert config.protectors[1].weights == file.parent / "runs" / "own"
    assert config.protectors[1].strengths == (0.8, 1)


def test_weights_of_ones_own_are_told_by_their_content(file):
    before = digests(load_evaluation(file))
    assert "judge_gender" in before
    (file.parent / "runs" / "own" / "san.onnx").write_bytes(b"others")
    after = digests(load_evaluation(file))
    assert {k for k in after if after[k] != before[k]} == {"san: san"}


@pytest.mark.parametrize(
    ("change", "read"),
    [
        ("repeats=7", lambda c: c.repeats == 7),
        ("title=New words", lambda c: c.title == "New words"),
        ("set.0.limit=3", lambda c: c.sets[0].limit == 3),
        ("set.0.colour=true", lambda c: c.sets[0].colour),
        ("protector.1.strengths=[0.5]", lambda c: c.protectors[1].strengths == (0.5,)),
        ("protector.1.target=neutral", lambda c: c.protectors[1].target == "neutral"),
        ("fmrs=[1e-3]", lambda c: c.fmrs == (0.001,)),
        ("models=m", lambda c: c.models is not None),
    ],
)
def test_a_value_can_be_set(file, change, read):
    assert not read(load_evaluation(file))
    assert read(load_evaluation(file, [change]))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("repeats", "expected KEY=VALUE"),
        ("set.1.limit=3", "expected KEY=VALUE"),
        ("set.limit=3", "expected KEY=VALUE"),
        ("set.0=3", "expected KEY=VALUE"),
        ("fmrs.0=3", "expected KEY=VALUE"),
        ("=3", "expected KEY=VALUE"),
        ("repeat=3", "unknown key 'repeat'"),
        ("set.0.limits=3", "unknown key 'limits'"),
        ("repeats=many", "repeats is 'many'; expected int"),
        ("repeats=true", "repeats is True; expected int"),
        ("set.0.limit=0.5", "limit is 0.5; expected int | None"),
        ("fmrs=0.1", "fmrs is 0.1; expected tuple"),
        ("protector.1.strengths=[2]", "strength 2; expected 0 to 1"),
        ("protector.1.weights=gone", "no such folder; expected the weights of san"),
        ("protector.0.weights=runs/own", "original has no weights"),
    ],
)
def test_what_cannot_be_set_is_said_in_one_line(file, change, why):
    with pytest.raises(OptionError) as caught:
        load_evaluation(file, [change])
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_evaluations_of_the_repository_load():
    files = sorted((Path(__file__).parents[2] / "evaluations").glob("*.toml"))
    assert files
    for path in files:
        assert load_evaluation(path).protectors[0].method == "original"
    with pytest.raises(OptionError, match="no such file"):
        load_evaluation(files[0].with_name("gone.toml"))
