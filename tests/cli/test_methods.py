"""``faceveil methods``, and how a method may be named."""

import json
import subprocess
import sys

import pytest
from docs.tools import tables

from faceveil import list_protectors, load_protector
from faceveil.cli.main import main
from faceveil.errors import OptionError
from faceveil.systems.specs import SPECS, spec_of


def test_every_method_is_listed_the_default_first(capsys):
    assert main(["methods"]) == 0
    text = capsys.readouterr().out
    assert main(["methods", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert sorted(row["name"] for row in rows) == list_protectors()
    assert [row["name"] for row in rows if row["default"]] == [rows[0]["name"]]
    for row in rows:
        assert row["name"] in text
        assert row["description"].endswith(".")
        assert " ".join(row["description"].split()) in " ".join(text.split())
    assert "adaptive (default): 0.06 s a face, asks for no gender, target random\n" in text
    assert "starts from a gender (estimated, or --gender), target opposite, --hide\n" in text
    assert "blur: 0.01 s a face, asks for no gender, the same to every face\n" in text


def test_what_is_listed_is_what_is_loaded(capsys):
    main(["methods", "--json"])
    row = next(r for r in json.loads(capsys.readouterr().out) if r["name"] == "san")
    made = load_protector("san", threads=1).crop_protector
    assert (row["needs_gender"], row["own_target"]) == (made.needs_gender, made.own_target)


def test_the_site_says_the_same():
    page = tables.on_page_markdown(f"before\n\n{tables.METHODS}\n")
    for name, spec in SPECS.items():
        assert f"| `{name}` | {spec.line} | {spec.seconds:g} |" in page


def test_underscores_mean_hyphens():
    assert spec_of("gender_an") is spec_of("gender-an")
    assert load_protector("black_box").name == "black-box"
    with pytest.raises(OptionError, match="got 'gender__an'"):
        spec_of("gender__an")


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_shells_complete_methods(shell):
    done = subprocess.run(
        [sys.executable, "-m", "faceveil", "--print-completion", shell],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stdout.splitlines() if "flowsan" in line and "black-box" in line]
    assert len(lines) >= 3  # protect, demo, data keras
