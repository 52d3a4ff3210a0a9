"""Recipes: every one in the repository loads; bad ones get one clear line."""

from pathlib import Path

import pytest

from faceveil.errors import OptionError
from faceveil.systems.recipes import SANConfig
from faceveil.training.config import dump_config, load_config

FOLDER = Path(__file__).parents[2] / "recipes"
RECIPES = sorted(FOLDER.rglob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: str(p.relative_to(FOLDER)))
def test_every_recipe_loads_and_is_named_after_its_file(path):
    assert load_config(path).name == "-".join(path.relative_to(FOLDER).with_suffix("").parts)


def test_every_run_that_a_recipe_builds_on_is_another_recipes():
    configs = [load_config(path) for path in RECIPES]
    names = {c.name for c in configs}
    for c in configs:
        if isinstance(c, SANConfig):
            start = c.start.partition("/")[0]
            assert {*c.classifiers, *c.after, *([start] if start else [])} <= names, c.name


def test_a_base_gives_what_a_recipe_does_not(tmp_path):
    (tmp_path / "a.toml").write_text(
        "kind = 'san'\nname = 'a'\nmatcher = 'm'\nclassifiers = ['c']\nsteps = 5\nviews = false\n"
    )
    (tmp_path / "b.toml").write_text("base = 'a.toml'\nname = 'b'\nsteps = 7\n")
    config = load_config(tmp_path / "b.toml")
    assert (config.name, config.steps, config.views, config.matcher) == ("b", 7, False, "m")
    (tmp_path / "full.toml").write_text(dump_config(config))
    assert load_config(tmp_path / "full.toml") == config
    (tmp_path / "a.toml").write_text("base = 'b.toml'\n")
    with pytest.raises(OptionError, match="circle"):
        load_config(tmp_path / "b.toml")


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
        ("kind = 'san'\nschedule = 'cosine'", "schedule = 'cosine'; expected 'one_cycle' or"),
        ("kind = 'san'\nsteps = 3.5", "steps = 3.5; expected a whole number"),
        ("kind = 'san'\nviews = 1", "expected true or false"),
        ("kind = 'san'\nclassifiers = 'x'", "expected a list, each a text"),
        ("kind = 'san'\n[data]\nfirst = 3", r"unknown key 'first' in \[data\]"),
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


def test_a_data_section_is_the_same_as_plain_keys(tmp_path):
    head = "kind = 'gender'\nname = 'x'\n"
    (tmp_path / "a.toml").write_text(
        head + "[data]\ntrain = ['p.parquet']\nvalidation = 'v.parquet'\norder = 'random'\n"
        "start = 5\nstop = -3\nseed = 9\n"
    )
    config = load_config(tmp_path / "a.toml")
    assert (config.data, config.validation) == (("p.parquet",), "v.parquet")
    assert (config.data_order, config.data_start, config.data_stop) == ("random", 5, -3)
    (tmp_path / "b.toml").write_text(dump_config(config))
    assert load_config(tmp_path / "b.toml") == config
    (tmp_path / "c.toml").write_text("base = 'a.toml'\n[data]\nstop = 7\n")
    later = load_config(tmp_path / "c.toml")
    assert (later.data, later.data_start, later.data_stop) == (("p.parquet",), 5, 7)


def test_changes_of_the_command_line():
    path = FOLDER / "aux-gender-a.toml"
    changes = ["data.train=a.parquet,b.parquet", "data.stop=100", "steps=5", "views=false"]
    config = load_config(path, changes)
    assert (config.data, config.data_stop) == (("a.parquet", "b.parquet"), 100)
    assert (config.steps, config.views) == (5, False)
    assert load_config(path, ['data.train=["c.parquet"]']).data == ("c.parquet",)
    assert load_config(path, ["data.train=c.parquet"]).data == ("c.parquet",)
    assert load_config(path, ["data.label=c.parquet"]) == load_config(path)  # labels nothing
    for bad in ("speed=3", "steps", "data.speed=3"):
        with pytest.raises(OptionError, match="expected KEY=VALUE"):
            load_config(path, [bad])
    with pytest.raises(OptionError, match="steps = 'x'; expected a whole number"):
        load_config(path, ["steps=x"])
