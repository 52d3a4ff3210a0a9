"""Recipes: every one in the repository loads; bad ones get one clear line."""

from pathlib import Path

import pytest

from faceveil.errors import OptionError
from faceveil.training.config import SANConfig, load_config

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_every_recipe_loads(path):
    assert load_config(path).name == path.stem


def test_recipes_are_there():
    assert "san" in {p.stem for p in RECIPES}


def test_defaults_are_the_official_codes():
    config = SANConfig("x", "m", ())
    assert (config.match_on, config.lambda_m, config.dissimilarity) == ("mean", 8.0, "l1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind = 'unknown'", "expected one of"),
        ("kind = 'san'\nname = 'x'\nspeed = 3", "unknown key 'speed'"),
        ("kind = ", "cannot be read"),
        ("kind = 'san'\nname = 'x'", "matcher"),
    ],
)
def test_bad_recipes(tmp_path, text, message):
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(OptionError, match=message) as caught:
        load_config(path)
    assert "\n" not in str(caught.value)


def test_missing_recipe(tmp_path):
    with pytest.raises(OptionError, match="no such file"):
        load_config(tmp_path / "r.toml")
