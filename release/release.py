"""Makes a release in ``dist/``: wheel, sdist, bill of materials, checksums. No network is used.

    make release                                       # or, for a try before the version is fixed:
    .venv-release/bin/python release/release.py --draft --environment .venv-demo/bin/python

The wheel is built twice, once from the checkout and once from the sdist, and both must be the same
bytes. Files get the time of the last commit (SOURCE_DATE_EPOCH), so a second build is the same.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from sbom import write_sbom

ROOT = Path(__file__).parents[1]
SUMS = "SHA256SUMS"


def main() -> int:
    """Build, compare, describe, and only then put everything into ``dist/``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--environment", type=Path, default=ROOT / ".venv-demo/bin/python")
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    parser.add_argument("--draft", action="store_true", help="version and tree may be unfinished")
    arguments = parser.parse_args()
    try:
        version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
        problem = unfinished(version, (ROOT / "CHANGELOG.md").read_text("utf-8"), dirty())
        if problem and not arguments.draft:
            raise RuntimeError(f"{problem}; or try it with --draft")
        with tempfile.TemporaryDirectory() as folder:
            made = build(Path(folder), arguments.environment)
            publish(made, arguments.output)
    except RuntimeError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.output}: {', '.join(path.name for path in made)}, {SUMS}")
    return 0


def unfinished(version: str, changelog: str, changes: str) -> str:
    """Why this cannot be released yet; empty where it can.

    Args:
        version: of ``pyproject.toml``.
        changelog: the text of ``CHANGELOG.md``.
        changes: what git has not got, as ``git status --porcelain`` prints it.
    """
    entry = re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$(.*?)(?=^## |\Z)",
                      changelog, re.MULTILINE | re.DOTALL)  # fmt: skip
    if entry is None:
        return (
            f"CHANGELOG.md: no line '## [{version}] - YYYY-MM-DD'; move Unreleased's entries there"
        )
    if not re.search(r"^- ", entry[1], re.MULTILINE):
        return f"CHANGELOG.md: nothing under [{version}]; say what is new"
    if changes:
        return f"git: {len(changes.splitlines())} files are not committed; commit them"
    return ""


def dirty() -> str:
    """What git has not got."""
    return _git("status", "--porcelain")


def build(folder: Path, environment: Path) -> list[Path]:
    """Build into a folder; returns wheel, sdist and bill of materials."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct") or "1577836800"
    os.environ["SOURCE_DATE_EPOCH"] = epoch.strip()
    first, second = folder / "first", folder / "second"
    _build("--sdist", "--wheel", ROOT, first)  # each from the checkout
    (wheel,), (sdist,) = first.glob("*.whl"), first.glob("*.tar.gz")
    shutil.unpack_archive(sdist, folder / "unpacked", filter="data")
    _build("--sdist", "--wheel", next((folder / "unpacked").iterdir()), second)
    for path in (wheel, sdist):
        again = second / path.name
        if not again.is_file() or again.read_bytes() != path.read_bytes():
            raise RuntimeError(f"{path.name}: built from the sdist it has other bytes")
    bill = first / f"{wheel.name.split('-py3')[0]}.cdx.json"
    write_sbom(wheel, environment, bill)
    return [wheel, sdist, bill]


def publish(made: list[Path], output: Path) -> None:
    """Put the files and their checksums into a folder; each appears whole or not at all."""
    output.mkdir(parents=True, exist_ok=True)
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in made]
    sums = made[0].parent / SUMS
    sums.write_text("".join(lines), encoding="utf-8")
    for path in (*made, sums):
        temporary = output / f".{path.name}.part"
        shutil.copyfile(path, temporary)
        os.replace(temporary, output / path.name)


def _build(*arguments: str | Path) -> None:
    *options, source, output = (str(a) for a in arguments)
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        *options,
        "--outdir",
        output,
        source,
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"{source}: the build failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )


def _git(*arguments: str) -> str:
    """What git prints; empty outside of a checkout, or without git."""
    try:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
