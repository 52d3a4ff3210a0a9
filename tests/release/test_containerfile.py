"""What the container file says, held against the package: no container engine is asked."""

import json
import re
import tomllib

import pytest

from faceveil.cli.main import main
from tests.conftest import ROOT

LINES = re.sub(r"\\\n\s*", " ", (ROOT / "Containerfile").read_text("utf-8")).splitlines()


def of(word):
    """The arguments of one kind of instruction, in order."""
    return [line.partition(" ")[2] for line in LINES if line.startswith(f"{word} ")]


def command():
    (entry,), (arguments,) = of("ENTRYPOINT"), of("CMD")
    assert json.loads(entry) == ["faceveil"]
    return json.loads(arguments)


def test_it_does_not_start_without_a_token(monkeypatch, capsys):
    pytest.importorskip("fastapi", reason="the extra web is not installed")
    monkeypatch.delenv("FACEVEIL_TOKEN", raising=False)
    assert main(command()) == 2
    assert "token" in capsys.readouterr().err


def test_a_token_is_not_in_the_image():
    assert not any("TOKEN" in line for line in LINES if not line.startswith("#"))


def test_it_runs_as_nobody_in_particular():
    (user,) = of("USER")
    uid = int(user.partition(":")[0])
    assert uid > 0
    assert any(f"--uid {uid} " in line for line in of("RUN"))
    after = LINES[LINES.index(f"USER {user}") :]
    assert not any(line.startswith(("RUN", "COPY", "ADD")) for line in after)


def test_nothing_is_fetched_when_it_runs():
    last = LINES[max(i for i, line in enumerate(LINES) if line.startswith("FROM")) :]
    assert not any(re.search(r"\b(pip|curl|wget|apt)", line) for line in last)


def test_health_is_asked_where_it_is_answered_without_a_token():
    guard = pytest.importorskip("faceveil.web.guard", reason="the extra web is not installed")
    (check,) = of("HEALTHCHECK")
    port = command()[command().index("--port") + 1]
    assert f"http://127.0.0.1:{port}{guard.OPEN}" in check
    assert of("EXPOSE") == [port]


def test_all_that_the_build_reads_is_copied_and_not_ignored():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    hook = project["tool"]["hatch"]["build"]["hooks"]["custom"]["path"]
    needed = {"pyproject.toml", "src", hook, project["project"]["readme"]}
    needed |= set(project["project"]["license-files"])
    copied = {word for line in of("COPY") for word in line.split()[:-1]}
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").split() if line[0] == "!"
    }
    assert needed <= copied
    assert needed == kept
    assert all((ROOT / name).exists() for name in needed)


def test_python_is_one_that_the_package_takes():
    from packaging.specifiers import SpecifierSet

    takes = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
        "requires-python"
    ]
    versions = {re.search(r"python:(\d+\.\d+)", line)[1] for line in of("FROM")}
    assert len(versions) == 1
    assert versions.pop() in SpecifierSet(takes)
