"""docs/cli.md names every command and every option that there is, and none that is not."""

import argparse
import re

from faceveil.cli.main import build_parser
from tests.conftest import ROOT

PAGE = (ROOT / "docs/cli.md").read_text("utf-8")


def parsers(parser, name=""):
    """Every command with its parser, sub-commands too."""
    yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command, inner in action.choices.items():
                yield from parsers(inner, f"{name} {command}".strip())


def test_the_page_and_the_parsers_agree():
    found = dict(parsers(build_parser()))
    assert [name for name in found if name != "data" and name and f"`{name}`" not in PAGE] == []
    named = set(re.findall(r"--[a-z][\w-]*", PAGE))
    known = {
        o for p in found.values() for a in p._actions for o in a.option_strings if o[:2] == "--"
    }
    assert named - known == set()
    assert known - named == set()
