"""The house as CONTRIBUTING draws it: arrows point down, and what protects needs no torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "faceveil"

FLOORS = (
    ("version", "own"),
    ("inference",),
    ("imaging",),
    ("protect",),
    ("files",),
    ("data",),
    ("training",),
    ("systems",),
    ("judges",),
    ("evaluation",),
    ("api",),
    ("video", "scale"),
    ("web",),
    ("cli",),
)
"""From the ground up; a package imports from its own floor and those below."""

GROUND = {"errors", "types"}
LEVEL = {package: level for level, floor in enumerate(FLOORS) for package in floor}


def imports_of(text: str) -> set[str]:
    """Packages of FaceVeil that a source imports from, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == "faceveil":
            found |= {"api" if a.name != "__version__" else "version" for a in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("faceveil."):
            found.add(str(node.module).split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("faceveil.")}
    return found - GROUND


def arrows() -> list[tuple[str, str, str]]:
    """(file, its package, package that it imports from)."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).parts
        own = parts[0].removesuffix(".py")
        if own not in ("__init__", "__main__", *GROUND):
            text = path.read_text()
            found += [("/".join(parts), own, other) for other in sorted(imports_of(text) - {own})]
    return found


def test_every_package_has_its_floor() -> None:
    packages = {p.parent.name for p in SOURCE.glob("*/__init__.py")}
    assert packages <= set(LEVEL)


def test_arrows_point_down() -> None:
    assert not {(file, other) for file, own, other in arrows() if LEVEL[own] <= LEVEL[other]}


def test_no_package_imports_itself_through_another() -> None:
    graph: dict[str, set[str]] = {}
    for _, own, other in arrows():
        graph.setdefault(own, set()).add(other)
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_a_circle_would_be_seen() -> None:
    assert imports_of("def f():\n    from faceveil.cli.main import main\n") == {"cli"}
    assert imports_of("import faceveil.web.app\nfrom faceveil import check") == {"web", "api"}
    with pytest.raises(CycleError):
        TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()


def test_what_protects_imports_without_torch() -> None:
    files = [*SOURCE.glob("systems/**/protector.py"), SOURCE / "systems" / "specs.py"]
    files += [
        p
        for name in ("protect", "files", "imaging", "inference")
        for p in (SOURCE / name).glob("*.py")
    ]
    parts = [p.relative_to(SOURCE).with_suffix("").parts for p in files if p.stem != "openvino"]
    names = [".".join(("faceveil", *p)).removesuffix(".__init__") for p in parts]
    assert len(names) > 20
    code = "import sys\nsys.modules['torch'] = None\n" + "".join(f"import {n}\n" for n in names)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
