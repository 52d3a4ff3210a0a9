"""Evaluations as they are written down."""

from pathlib import Path

import pytest

from faceveil.errors import OptionError
from faceveil.evaluation.config import load_evaluation


def test_the_evaluations_of_the_repository_load():
    files = sorted((Path(__file__).parents[2] / "evaluations").glob("*.toml"))
    assert files
    for path in files:
        assert load_evaluation(path).protectors[0].method == "original"
    with pytest.raises(OptionError, match="no such file"):
        load_evaluation(files[0].with_name("gone.toml"))
