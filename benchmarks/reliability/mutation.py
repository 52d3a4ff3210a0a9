"""Mutation testing of ``imaging/`` and ``evaluation/metrics/`` with mutmut.

``python -m benchmarks.reliability.mutation [--minutes 40] [--sample 0] [--seed 0] [--again JSON]``

Needs the extra ``reliability``. Works on a copy of the sources. Mutants that change nothing but the
words of an exception are left out; of all others a seeded sample is tried where ``--sample`` is
given, until the time is over.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

from benchmarks.reliability.common import ROOT, quiet, report

TESTS = [
    "tests/imaging",
    "tests/evaluation/metrics",
    "tests/systems/mixing/test_protector.py",
]
CONFIG = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = ["src/faceveil/imaging/*.py", "src/faceveil/evaluation/metrics/*.py"]
also_copy = ["pyproject.toml", "benchmarks"]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-W", "ignore", "--hypothesis-seed=0"]
pytest_add_cli_args_test_selection = {tests}
track_dependencies = false
use_git_change_detection = false
timeout_multiplier = 8.0
"""
FIRST = "faceveil.imaging.prototypes.*"
STATUS = {0: "survived", 1: "killed", 3: "killed", 5: "no tests", 33: "no tests", 36: "timeout"}


def prepare(folder: Path) -> None:
    """A copy of what the tests need, with mutmut's settings."""
    for name in ("src", "tests", "benchmarks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    settings = CONFIG.format(tests=json.dumps(TESTS))
    (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + settings)
    shared = ROOT.parent / "shared"
    if shared.is_dir():
        (folder.parent / "shared").symlink_to(shared)


def mutmut(folder: Path, names: list[str], seconds: float) -> str:
    """Try these mutants; what mutmut prints."""
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *names]
    try:
        done = subprocess.run(
            command, cwd=folder, env=quiet() | {"PYTHONPATH": ""}, capture_output=True, text=True,
            timeout=max(seconds, 1), check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        return str(error.stdout)
    return done.stdout + done.stderr


def verdicts(folder: Path) -> dict[str, int | None]:
    """Exit code of the tests for each mutant, None where it was not tried."""
    found: dict[str, int | None] = {}
    for meta in sorted((folder / "mutants").rglob("*.meta")):
        found |= json.loads(meta.read_text())["exit_code_by_key"]
    return found


def sources(folder: Path) -> dict[str, str]:
    """What each mutant changes, as "before => after"; those that change words only are left out."""
    found = {}
    for meta in sorted((folder / "mutants").rglob("*.meta")):
        names = list(json.loads(meta.read_text())["exit_code_by_key"])
        tree = ast.parse(meta.with_suffix("").read_text())
        functions = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        for name in names:
            mutant = functions[name.rpartition(".")[2]]
            origin = functions[re.sub(r"__mutmut_\d+$", "__mutmut_orig", mutant.name)]
            before, after = (ast.unparse(_Wordless().visit(deepcopy(f))) for f in (origin, mutant))
            pairs = zip(before.splitlines()[1:], after.splitlines()[1:], strict=False)
            differing = next(((a, b) for a, b in pairs if a != b), None)
            if differing:
                found[name] = " => ".join(line.strip() for line in differing)
    return found


class _Wordless(ast.NodeTransformer):
    """Takes away what is said: arguments of exceptions, and docstrings."""

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
        node.cause = None
        return node


def measure(minutes: float, sample: int, seed: int, again: list[str]) -> dict[str, Any]:
    """Make the mutants, try a sample of those that matter, and say which ones no test kills.

    Args:
        minutes: in all.
        sample: how many; all where 0.
        seed: decides the sample.
        again: short names of mutants to try in place of a sample.
    """
    until = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "repo"
        folder.mkdir()
        prepare(folder)
        mutmut(folder, [FIRST], 600)
        meaning = sources(folder)
        names = sorted(meaning)
        if again:
            names = [name for name in names if short(name) in again]
        elif sample:
            names = sorted(random.Random(seed).sample(names, min(sample, len(names))))
        mutmut(folder, names, until - time.monotonic())
        codes = verdicts(folder)
    tried = {name: codes[name] for name in names if codes[name] is not None}
    states = {name: STATUS.get(code, "crashed") for name, code in tried.items()}
    alive = [name for name, state in states.items() if state in ("survived", "no tests")]
    return {
        "mutants": len(codes),
        "words_only": len(codes) - len(meaning),
        "tried": len(tried),
        "verdicts": dict(Counter(states.values())),
        "surviving": {short(name): f"{states[name]}: {meaning[name]}" for name in alive},
    }


def short(name: str) -> str:
    """A mutant's name without what all share."""
    return name.removeprefix("faceveil.").replace("__mutmut_", "#").replace(".x_", ".")


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--again", type=Path, metavar="JSON", help="try its survivors only")
    a = parser.parse_args()
    before = json.loads(a.again.read_text())["surviving"] if a.again else {}
    found = measure(a.minutes, a.sample, a.seed, list(before))
    name = "mutation-again" if a.again else "mutation"
    report(name, {"seed": a.seed, "tried_before": len(before), **found})


if __name__ == "__main__":
    main()
