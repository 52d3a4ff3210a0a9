"""Recipes by name: every kind is known, and what trains and ships it is there."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from faceveil.errors import OptionError
from faceveil.systems.recipes import RECIPES, SANConfig
from faceveil.training.recipes import Recipe, kind_of, recipe_of, register

FOLDER = Path(__file__).parents[2] / "recipes"
KINDS = [kind_of(r.config) for r in RECIPES] + ["gender", "race", "attributes", "matcher"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_trains_and_ships_is_there(kind):
    pytest.importorskip("torch", reason="needs the train extra")
    recipe = recipe_of(kind)
    assert recipe.trainer().__name__ == "train"
    if kind == "race":
        with pytest.raises(OptionError, match="'race' is not shipped; expected gender, "):
            recipe.shipper()
    else:
        assert recipe.shipper().__name__ == "ship"


def test_a_kind_has_one_recipe():
    register(recipe_of("san"))  # the same again changes nothing

    @dataclasses.dataclass(frozen=True)
    class Other:
        kind: str = "san"

    with pytest.raises(ValueError, match="SANConfig has it already"):
        register(Recipe(Other, "a:b"))
    assert recipe_of("san").config is SANConfig
    with pytest.raises(OptionError, match="kind is 'sun'; expected one of gender, "):
        recipe_of("sun")


def test_reading_recipes_needs_no_torch():
    code = (
        "import sys\nsys.modules['torch'] = None\n"
        "import faceveil.systems.recipes\n"
        "from pathlib import Path\n"
        "from faceveil.training.config import load_config\n"
        f"print(*{{load_config(p).kind for p in Path({str(FOLDER)!r}).rglob('*.toml')}})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == set(KINDS)
